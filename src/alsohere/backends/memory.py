"""Rooms of one process: the domain objects themselves, and so the reference that other backends are compared with."""

from __future__ import annotations

from alsohere.domain.presence import Transition
from alsohere.domain.roster import Roster
from alsohere.ports import RoomListener


class MemoryRooms:
    """Implements `ports.Rooms`: every change is told before `state` returns.

    Args:
        epoch: a name for this life of the process.
    """

    def __init__(self, epoch: str) -> None:
        self.roster = Roster(epoch)
        self._listeners: list[RoomListener] = []

    def state(self, transition: Transition) -> None:
        seq = self.roster.put(transition.room, transition.user_id, transition.member)
        if seq is None:
            return
        for listener in self._listeners:
            listener(transition.room, transition.user_id, transition.reason, seq)

    def listen(self, listener: RoomListener) -> None:
        self._listeners.append(listener)

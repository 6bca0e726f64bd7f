"""What is known of the locks that are held, by room, and who is told when one changes.

Owns: the last committed record of every lock that is held or waited for, and `lock:changed`.
Invariants: nothing is on the board that has not been written to the store; a change is told once per tick and lock, however
many there were, to everybody who watches the room, holds the lock or waits for it; who begins to watch is told what is held.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from alsohere.domain.lock import LockRecord, room_of
from alsohere.facts import LockChanged
from alsohere.node.connection import Connection
from alsohere.node.hub import Hub
from alsohere.wire.engineio import Packet
from alsohere.wire.socketio import encode_fact

Find = Callable[[str], Connection | None]


class LockBoard:
    """The locks of one node's store, as last written.

    Args:
        hub: who watches which room.
        find: the connection with an id, if it is connected.
        tick_s: seconds in which changes of a lock are collected.
    """

    def __init__(self, hub: Hub, find: Find, tick_s: float) -> None:
        self._hub = hub
        self._find = find
        self._tick_s = tick_s
        self._records: dict[str, LockRecord] = {}
        self._by_room: dict[str, dict[str, None]] = {}
        self._by_sid: dict[str, set[str]] = {}
        self._news: dict[str, set[str]] = {}  # lock -> who held it or waited when it was last told
        self._tell_s = 0.0

    # -- Questions ---------------------------------------------------------------------------------------------------

    def get(self, lock: str) -> LockRecord:
        """The lock as last written."""
        return self._records.get(lock) or LockRecord(lock)

    def locks_of(self, sid: str) -> set[str]:
        """What a connection holds or waits for."""
        return self._by_sid.get(sid, set())

    def count_in(self, room: str) -> int:
        """How many locks of a room are held or waited for."""
        return len(self._by_room.get(room, ()))

    def held(self) -> int:
        """How many locks somebody has."""
        return sum(record.holder is not None for record in self._records.values())

    def waiting(self) -> int:
        """How many places in queues there are."""
        return sum(len(record.queue) for record in self._records.values())

    def is_renewed_by(self, node: str) -> bool:
        """Whether any lease is that node's to renew."""
        return any(record.node == node for record in self._records.values())

    def __iter__(self) -> Iterator[LockRecord]:
        return iter(list(self._records.values()))

    # -- Changes -----------------------------------------------------------------------------------------------------

    def put(self, record: LockRecord, now_s: float) -> None:
        """A record has been written."""
        before = self.get(record.lock)
        if record == before:
            return
        old, new = before.sids, record.sids
        for sid in old - new:
            self._unlist(sid, record.lock)
        for sid in new - old:
            self._by_sid.setdefault(sid, set()).add(record.lock)
        room = room_of(record.lock)
        if record.is_free:
            self._records.pop(record.lock, None)
            locks = self._by_room.get(room, {})
            locks.pop(record.lock, None)
            if not locks:
                self._by_room.pop(room, None)
        else:
            self._records[record.lock] = record
            self._by_room.setdefault(room, {})[record.lock] = None
        if record.shown() != before.shown():
            if not self._news:
                self._tell_s = max(self._tell_s, now_s)  # at once after quiet, else a tick after the last time
            self._news.setdefault(record.lock, old)

    def _unlist(self, sid: str, lock: str) -> None:
        locks = self._by_sid[sid]
        locks.discard(lock)
        if not locks:
            del self._by_sid[sid]

    # -- Telling -----------------------------------------------------------------------------------------------------

    def due_s(self) -> float | None:
        """When `advance` will have something to say."""
        return self._tell_s if self._news else None

    def advance(self, now_s: float, quiet: Callable[[str, str], bool]) -> None:
        """Say what is due.

        Args:
            now_s: the node's clock.
            quiet: (sid, lock): whether that connection wants no facts about the lock.
        """
        if not self._news or now_s < self._tell_s:
            return
        self._tell_s = now_s + self._tick_s
        news, self._news = self._news, {}
        for lock, before in news.items():
            record = self.get(lock)
            receivers = dict.fromkeys(self._hub.watchers(room_of(lock)))
            for sid in before | record.sids:
                connection = self._find(sid)
                if connection is not None and not quiet(sid, lock):
                    receivers[connection] = None
            self._hub.deliver(_packet(record.shown()), receivers)

    def show(self, connection: Connection, room: str) -> None:
        """Tell somebody who has begun to watch a room which of its locks are held."""
        for lock in self._by_room.get(room, ()):
            connection.outbox.put(_packet(self._records[lock].shown()))


def _packet(fact: LockChanged) -> Packet:
    return encode_fact("lock:changed", fact, conflate=f"lock:{fact.lock}")

"""Who is in which room, over all nodes: what watchers are shown is made from this.

Owns: members by room in order of activity, exact counts, and positions.
Invariants: P5 `seq` grows with every change, over all rooms, and is never used twice. P7 `count` is the number of distinct
users, invisible ones included. P11 a room without members does not exist.
Rejected: one counter per room. A room that empties and fills again would have to be remembered for its number.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator
from heapq import nsmallest
from itertools import islice

from alsohere.facts import Member, RoomCount
from alsohere.types import ONLINE

LAST_CHARACTER = "\U0010ffff"


class RoomRoster:
    """The members of one room, least recently active first."""

    __slots__ = ("members", "seq")

    def __init__(self) -> None:
        self.members: dict[str, Member] = {}
        self.seq = 0

    def recent(self, limit: int) -> list[Member]:
        """The most recently active members who may be shown."""
        return list(islice((member for member in reversed(self.members.values()) if member.status != "invisible"), limit))


class Roster:
    """All rooms. Their changes are numbered (`seq`), over all of them.

    Args:
        epoch: a name for this life of the roster. After a restart the numbers begin anew, and a client that compared them alone
            would believe that it had missed nothing.
    """

    def __init__(self, epoch: str) -> None:
        self.epoch = epoch
        self._seq = 0
        self._rooms: dict[str, RoomRoster] = {}
        self._names: list[str] = []  # of the rooms, sorted, so that a prefix is a range

    def put(self, room: str, user_id: str, member: Member | None) -> int | None:
        """Make it so that the user is in the room as `member`, or is not in it.

        Returns:
            The number of the change; None if it was so already, and then nothing has changed (P6).
        """
        roster = self._rooms.get(room)
        if member == (roster.members.get(user_id) if roster is not None else None):
            return None
        if roster is None:
            roster = self._rooms[room] = RoomRoster()
            insort(self._names, room)
        self._seq += 1
        roster.seq = self._seq
        roster.members.pop(user_id, None)  # and in again at the end: the order is that of activity
        if member is not None:
            roster.members[user_id] = member
        elif not roster.members:
            del self._rooms[room]
            del self._names[bisect_left(self._names, room)]
        return self._seq

    def room(self, room: str) -> RoomRoster | None:
        """The room, if anybody is in it."""
        return self._rooms.get(room)

    def items(self) -> Iterable[tuple[str, RoomRoster]]:
        """Every room with anybody in it."""
        return self._rooms.items()

    def count(self, room: str) -> int:
        """How many distinct users are in the room (P7)."""
        roster = self._rooms.get(room)
        return len(roster.members) if roster else 0

    def next_seq(self) -> int:
        """A number for a frame that no change of its own caused (a sample that is drawn anew)."""
        self._seq += 1
        return self._seq

    @property
    def room_count(self) -> int:
        """How many rooms have anybody in them, `@online` included."""
        return len(self._rooms)

    def ranking(self, prefix: str, limit: int) -> list[RoomCount]:
        """The rooms with the most people, reserved ones left out; ties by name."""
        counts = ((-len(self._rooms[room].members), room) for room in self._names_of(prefix))
        return [RoomCount(room, -negative) for negative, room in nsmallest(limit, counts)]

    def by_name(self, prefix: str, limit: int) -> list[RoomCount]:
        """The first rooms by name, reserved ones left out."""
        return [RoomCount(room, len(self._rooms[room].members)) for room in islice(self._names_of(prefix), limit)]

    def _names_of(self, prefix: str) -> Iterator[str]:
        start = bisect_left(self._names, prefix)
        end = bisect_right(self._names, prefix + LAST_CHARACTER, start)
        return (room for room in islice(self._names, start, end) if room != ONLINE)

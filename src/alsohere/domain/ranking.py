"""The rooms with the most people, for those who watch a ranking.

Invariant: a list goes out at most once a second and only if it differs from the last one (the hub keeps the interval).
Rejected: a tree ordered by count. It costs something on every enter and leave; a pass over the rooms costs only when
somebody watches, once a second, however many changes there were.
"""

from __future__ import annotations

from alsohere.domain.roster import Roster
from alsohere.facts import RankingChanged, RoomCount

MAX_LIMIT = 100


class Ranking:
    """One question, and the answer last given."""

    __slots__ = ("limit", "prefix", "rooms")

    def __init__(self, prefix: str, limit: int, roster: Roster) -> None:
        self.prefix = prefix
        self.limit = limit
        self.rooms: list[RoomCount] = roster.ranking(prefix, limit)

    def refresh(self, roster: Roster) -> RankingChanged | None:
        """The new list, if it is another one."""
        rooms = roster.ranking(self.prefix, self.limit)
        if rooms == self.rooms:
            return None
        self.rooms = rooms
        return RankingChanged(self.prefix, self.limit, rooms)

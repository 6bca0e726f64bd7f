"""What waits to be written: reports of visits, and the days that changed.

Owns: how much may wait, and what is dropped when more does.
Invariants (docs/reference/invariants.md):
 R5  what was put is written, or waits, or was dropped because too much waited, and counted; of one visit, one report waits.
 R7  a day's peaks are the largest of the counts that were noted; its visits are how often somebody came online.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from alsohere.domain.history import Day, Visit, VisitKey, day_number, day_of


class Backlog:
    """Visits that wait to be written, oldest first, one report of each.

    Args:
        limit: how many may wait; then the oldest are dropped (R5).
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._visits: OrderedDict[VisitKey, Visit] = OrderedDict()
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._visits)

    def put(self, visit: Visit) -> int:
        """Have a visit written; returns how many wait."""
        visits, key = self._visits, visit.key
        known = visits.get(key)
        visits[key] = visit if known is None else known.merged(visit)
        if len(visits) > self._limit:
            self._shed()
        return len(visits)

    def take(self, most: int) -> list[Visit]:
        """The oldest, to be written now."""
        return [self._visits.popitem(last=False)[1] for _ in range(min(most, len(self._visits)))]

    def give_back(self, visits: list[Visit]) -> None:
        """These were not written, and go to where they were."""
        for visit in reversed(visits):
            newer = self._visits.get(visit.key)
            self._visits[visit.key] = visit if newer is None else visit.merged(newer)
            self._visits.move_to_end(visit.key, last=False)
        self._shed()

    def forget(self, user_id: str, by_ms: int) -> None:
        """Drop what a user's visits that began by then have left here (R6)."""
        for key in [key for key in self._visits if key[1] == user_id and key[2] <= by_ms]:
            del self._visits[key]

    def _shed(self) -> None:
        while len(self._visits) > self._limit:
            self._visits.popitem(last=False)
            self.dropped += 1


class Tally:
    """The numbers of each day, as this server counts them."""

    def __init__(self) -> None:
        self._days: dict[int, Day] = {}
        self._changed: set[int] = set()

    def note(self, wall_ms: int, users: int, connections: int, *, came: bool) -> None:
        """So many are online now; `came`: because somebody came online (R7)."""
        number = day_number(wall_ms)
        known = self._days.get(number)
        if known is None:
            known = Day(day_of(number), 0, 0, 0)
        elif not came and users <= known.peak_users and connections <= known.peak_connections:
            return
        peak_users = max(known.peak_users, users)
        peak_connections = max(known.peak_connections, connections)
        self._days[number] = Day(known.day, peak_users, peak_connections, known.visits + came)
        self._changed.add(number)

    def take(self) -> list[Day]:
        """The days that changed since this was asked last."""
        changed = [self._days[number] for number in sorted(self._changed)]
        self._changed.clear()
        return changed

    def give_back(self, days: Iterable[Day]) -> None:
        """These were not written."""
        self._changed |= {number for number, day in self._days.items() if day.day in {given.day for given in days}}

    @property
    def is_changed(self) -> bool:
        """Whether `take` would give anything."""
        return bool(self._changed)

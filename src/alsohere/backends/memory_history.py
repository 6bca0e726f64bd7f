"""Reading history that ends with the process: the reference that other stores are compared with."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import reduce

from alsohere.backends.memory_inbox import MemoryInbox
from alsohere.backends.memory_locks import MemoryLocks
from alsohere.backends.memory_offline import MemoryOffline
from alsohere.backends.memory_webhooks import MemoryWebhooks
from alsohere.domain.history import (
    STEPS,
    Batch,
    Day,
    Erased,
    Erasure,
    RankedRoom,
    RoomReading,
    UserData,
    Visit,
    VisitKey,
    median,
    room_reading,
    step_of,
)
from alsohere.errors import Refusal

MOST_VISITS = 100_000  # beyond that the oldest are forgotten: memory is not where a year of reading belongs


class MemoryHistory:
    """Implements `ports.HistoryStore`: everything is answered before the call returns.

    Args:
        locks: whose audit names users too.
        inbox: which does as well.
        offline: other ways to reach them.
        webhooks: what the application is told of them.
    """

    def __init__(
        self,
        locks: MemoryLocks,
        inbox: MemoryInbox | None = None,
        offline: MemoryOffline | None = None,
        webhooks: MemoryWebhooks | None = None,
    ) -> None:
        self._locks = locks
        self._inbox = inbox or MemoryInbox(first_id=0)
        self._offline = offline
        self._webhooks = webhooks or MemoryWebhooks(first_id=0)
        self._visits: dict[VisitKey, Visit] = {}
        self._days: dict[tuple[date, str], Day] = {}
        self._erasures: dict[str, int] = {}

    def write(self, batch: Batch, done: Callable[[list[Erasure] | Refusal], None]) -> None:
        refused: dict[str, int] = {}
        for visit in batch.visits:
            erased_ms = self._erasures.get(visit.user)
            if erased_ms is not None and visit.entered_at <= erased_ms:
                refused[visit.user] = erased_ms
            else:
                known = self._visits.get(visit.key)
                self._visits[visit.key] = visit if known is None else known.merged(visit)
        for day in batch.days:
            known_day = self._days.get((day.day, batch.life))
            self._days[day.day, batch.life] = day if known_day is None else known_day.merged(day)
        if len(self._visits) > MOST_VISITS:
            self._remove(sorted(self._visits, key=lambda key: key[2])[: MOST_VISITS // 10])
        done([Erasure(user, at_ms) for user, at_ms in refused.items()])

    def prune(self, before_ms: int, most: int, done: Callable[[int | Refusal], None]) -> None:
        old = [key for key in self._visits if key[2] < before_ms][:most]
        self._remove(old)
        done(len(old))

    async def erase(self, user: str, at_ms: int) -> Erased:
        self._erasures[user] = max(at_ms, self._erasures.get(user, 0))
        gone = [key for key in self._visits if key[1] == user and key[2] <= at_ms]
        self._remove(gone)
        return Erased(len(gone), self._locks.erase(user), *self._inbox.erase(user), self._webhooks.erase(user, at_ms))

    async def about(self, user: str) -> UserData:
        visits = [visit for visit in self._visits.values() if visit.user == user]
        visits.sort(key=lambda visit: (visit.entered_at, visit.room))
        ways = self._offline.about(user) if self._offline is not None else ([], [], [])
        events = self._webhooks.about(user)
        return UserData(user, visits, self._locks.about(user), *self._inbox.about(user), *ways, events)

    async def room(self, room: str, from_ms: int, to_ms: int) -> RoomReading:
        visits = [visit for visit in self._between(from_ms, to_ms) if visit.room == room]
        steps = [0] * STEPS
        for visit in visits:
            if visit.furthest is not None:
                steps[step_of(visit.furthest)] += 1
        middle = median(sorted(visit.active_s for visit in visits))
        return room_reading(room, len(visits), len({visit.user for visit in visits}), middle, steps)

    async def ranking(self, prefix: str, from_ms: int, to_ms: int, limit: int) -> list[RankedRoom]:
        by_room: dict[str, list[Visit]] = {}
        for visit in self._between(from_ms, to_ms):
            if visit.room.startswith(prefix):
                by_room.setdefault(visit.room, []).append(visit)
        ranked = sorted(by_room.items(), key=lambda item: (-len(item[1]), item[0].encode()))
        return [
            RankedRoom(
                room, len(visits), len({visit.user for visit in visits}), round(sum(visit.active_s for visit in visits), 3)
            )
            for room, visits in ranked[:limit]
        ]

    async def days(self, first: date, last: date) -> list[Day]:
        by_day: dict[date, list[Day]] = {}
        for (day, _), counted in self._days.items():
            if first <= day <= last:
                by_day.setdefault(day, []).append(counted)
        return [reduce(Day.joined, by_day[day]) for day in sorted(by_day)]

    def _between(self, from_ms: int, to_ms: int) -> list[Visit]:
        return [visit for visit in self._visits.values() if from_ms <= visit.entered_at < to_ms]

    def _remove(self, keys: list[VisitKey]) -> None:
        for key in keys:
            del self._visits[key]

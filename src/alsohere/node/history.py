"""Reading history on this node: what presence tells becomes visits, and visits are written behind.

Owns: when something is written (every WRITE_S, at once when BATCH visits wait), written down meanwhile (every CHECKPOINT_S),
tried again, and removed because it is old (daily, while anybody is online).
Invariants: R1 to R4 are those of domain/reading.py, fed with every transition. R5 nobody waits for the database: what cannot be
written waits, up to MOST_WAITING visits. R6 who is erased is forgotten here too. R7 a day begins with those who are online.
Rejected: writing each visit when it ends. A commit is a disk's turn, and a storm has a thousand visits a second.
"""

from __future__ import annotations

import asyncio
from datetime import date
from typing import TYPE_CHECKING

import msgspec

from alsohere.domain.backlog import Backlog, Tally
from alsohere.domain.history import DAY_MS, Batch, Day, Erased, Erasure, RankedRoom, RoomReading, UserData
from alsohere.domain.reading import Reading, RecordedRooms
from alsohere.errors import Refusal
from alsohere.ports import HistoryStore
from alsohere.types import ONLINE

if TYPE_CHECKING:
    from alsohere.domain.presence import Transition
    from alsohere.node.node import Node

WRITE_S = 5.0
BATCH = 1000  # 1.5 ms of the writer: its fixed costs are shared by many, and no lock waits for long behind it
CHECKPOINT_S = 60.0
MOST_WAITING = 50_000
SILENCE_S = 30.0  # a write that was not answered by then never will be: its event loop has ended
FIRST_PRUNE_S, PRUNE_S, PRUNE_AGAIN_S, PRUNE_SLICE = 60.0, 86_400.0, 0.1, 1000
SETTLE_S = 2.0
FINISH_S = 5.0


class HistoryRules(msgspec.Struct, frozen=True):
    """What is kept, and for how long; see the settings `history` and `history_retention_days`."""

    rooms: tuple[str, ...] = ()
    retention_days: int = 365


class History:
    """The reading history of one node.

    Args:
        node: whose presence it follows.
        store: where it is kept.
        rules: what is kept.
        life: this life of this node.

    Raises:
        ConfigError: a rule names no room.
    """

    def __init__(self, node: Node, store: HistoryStore, rules: HistoryRules, life: str) -> None:
        self.store = store
        self.written = 0
        self._node = node
        self._life = life
        self._retention_ms = rules.retention_days * DAY_MS
        rooms = RecordedRooms(rules.rooms)
        self._records = self._begun = bool(rooms)
        self._reading = Reading(rooms, CHECKPOINT_S)
        self._backlog = Backlog(MOST_WAITING)
        self._tally = Tally()
        self._sweeps = False  # checkpoints are looked for
        self._midnight_s: float | None = None
        self._write_s: float | None = None
        self._prune_s: float | None = None
        self._writing: Batch | None = None
        self._writing_until_s = 0.0
        self._failed = self._told_failed = False
        self._has_written = False
        self._is_dropping = False
        self._told_dropped = 0
        self._waiters: list[asyncio.Future[None]] = []

    @property
    def waiting(self) -> int:
        """Visits that wait to be written."""
        return self._unwritten + (len(self._writing.visits) if self._writing is not None else 0)

    @property
    def dropped(self) -> int:
        """Visits that were dropped because too many waited."""
        return self._backlog.dropped

    def begin(self) -> None:
        """Have days kept too. Mounted in an application that asks nothing of them, they are no reason to open its database."""
        if not self._begun:
            self._begun = True
            if self._tally.is_changed:
                self._soon()

    # -- What presence tells -----------------------------------------------------------------------------------------

    def note(self, transition: Transition) -> None:
        """Take note of a transition."""
        if transition.room == ONLINE:
            if transition.member is not None:
                self._count(came=transition.before is None)
        elif self._records:
            clock = self._node.clock
            self._reading.fold(transition, clock.now_s(), clock.wall_ms() if transition.before is None else 0)
            if transition.member is None:
                ended = self._reading.ended
                if ended >= BATCH or (ended and self._write_s is None):
                    self._soon()
            elif not self._sweeps and self._reading.due_s() is not None:
                self._sweeps = True
                self._node.wake()

    def look(self, user_id: str) -> None:
        """What a user looks at may have changed."""
        for stay in self._reading.of(user_id):
            attended = self._node.presence.attends(user_id, stay.room)
            if attended is (stay.attended_s is None):
                stay.attend(attended, self._node.clock.now_s())

    def _count(self, *, came: bool) -> None:
        node = self._node
        wall_ms = node.clock.wall_ms()
        self._tally.note(wall_ms, node.count(ONLINE), node.connection_count, came=came)
        if self._midnight_s is None:
            now_s = node.clock.now_s()
            self._midnight_s = now_s + (DAY_MS - wall_ms % DAY_MS) / 1000
            node.wake()
        if self._begun and self._write_s is None and self._tally.is_changed:
            self._soon()

    # -- Time --------------------------------------------------------------------------------------------------------

    def due_s(self) -> float | None:
        """When `advance` will have something to do."""
        dues = [self._write_s, self._reading.due_s()]
        if self._node.connection_count:  # with nobody there, no clock ticks (P11)
            dues += [self._midnight_s, self._prune_s]
        return min((due for due in dues if due is not None), default=None)

    def advance(self, now_s: float) -> None:
        """Do what is due."""
        for visit in self._reading.checkpoints(now_s):
            self._backlog.put(visit)
            self._soon()
        self._sweeps = self._reading.due_s() is not None
        if self._midnight_s is not None and now_s >= self._midnight_s:
            self._midnight_s = None
            if self._node.connection_count:
                self._count(came=False)
        if self._prune_s is not None and now_s >= self._prune_s:
            self._prune_s = now_s + PRUNE_S
            self.store.prune(self._node.clock.wall_ms() - self._retention_ms, PRUNE_SLICE, self._pruned)
        if self._write_s is not None and now_s >= self._write_s:
            self._write()

    @property
    def _unwritten(self) -> int:
        return len(self._backlog) + self._reading.ended

    def _collect(self) -> None:
        """Visits that are over wait with the others."""
        for visit in self._reading.take_ended():
            self._backlog.put(visit)

    def _soon(self) -> None:
        """Something waits to be written."""
        if self._prune_s is None:
            self._prune_s = self._node.clock.now_s() + FIRST_PRUNE_S
        if self._reading.ended >= BATCH:
            self._collect()
        if self._writing is None and self._unwritten >= BATCH and not self._failed:
            self._write()
        elif self._write_s is None:
            self._write_in(WRITE_S)

    def _write_in(self, seconds: float) -> None:
        self._write_s = self._node.clock.now_s() + seconds
        self._node.wake()

    def _write(self) -> None:
        now_s = self._node.clock.now_s()
        self._write_s = None
        if self._writing is not None:
            if now_s < self._writing_until_s:
                self._write_in(self._writing_until_s - now_s)
                return
            self._give_back(self._writing)
        self._collect()
        visits, days = self._backlog.take(BATCH), self._tally.take() if self._begun else []
        self._writing = Batch(self._life, visits, days) if visits or days else None
        if self._writing is not None:
            self._writing_until_s = now_s + SILENCE_S
            self.store.write(self._writing, self._written)
            if self._writing is not None:  # not answered yet
                self._write_in(SILENCE_S)

    def _written(self, answer: list[Erasure] | Refusal) -> None:
        batch, self._writing, self._write_s = self._writing, None, None
        self._failed = isinstance(answer, Refusal)
        if batch is not None:  # else it is an answer that came after all
            self._settled(batch, answer)
        if self._has_news:
            self._write_in(0.0 if self._unwritten >= BATCH and not self._failed else WRITE_S)
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def _settled(self, batch: Batch, answer: list[Erasure] | Refusal) -> None:
        if isinstance(answer, Refusal):
            self._give_back(batch)
            if not self._told_failed:
                self._node.log.warning("reading history waits, and is written later: %s", answer)
        else:
            self._has_written = True
            self.written += len(batch.visits)
            for erasure in answer:
                self._forget(erasure.user, erasure.at_ms)
        self._told_failed = self._failed
        self._tell_dropped()

    @property
    def _has_news(self) -> bool:
        return bool(self._unwritten) or (self._begun and self._tally.is_changed)

    def _give_back(self, batch: Batch) -> None:
        self._backlog.give_back(batch.visits)
        self._tally.give_back(batch.days)

    def _tell_dropped(self) -> None:
        """One line when it begins, and one when it is over."""
        if self._failed and self.dropped > self._told_dropped and not self._is_dropping:
            self._is_dropping = True
            self._node.log.error("the database is away for too long: of the visits that wait, the oldest are dropped now")
        elif not self._failed and self._is_dropping:
            self._node.log.error("%d visits were dropped while the database was away", self.dropped - self._told_dropped)
            self._is_dropping, self._told_dropped = False, self.dropped

    def _pruned(self, answer: int | Refusal) -> None:
        more = isinstance(answer, Refusal) or answer >= PRUNE_SLICE
        if more:
            again_s = FIRST_PRUNE_S if isinstance(answer, Refusal) else PRUNE_AGAIN_S
            self._prune_s = self._node.clock.now_s() + again_s
            self._node.wake()

    # -- Questions ---------------------------------------------------------------------------------------------------

    async def settle(self, limit_s: float = SETTLE_S) -> bool:
        """Have written what is over by now, so that an answer has it; False if that could not be done in time."""
        loop = asyncio.get_running_loop()
        end_s = loop.time() + limit_s
        for _ in range(2 + self._unwritten // BATCH):  # what is under way, and what waits; not what comes meanwhile
            if self._writing is None:
                self._write()
            if self._writing is not None:
                waiter: asyncio.Future[None] = loop.create_future()
                self._waiters.append(waiter)
                await asyncio.wait({waiter}, timeout=end_s - loop.time())
            if self._failed or self._writing is not None:
                return False
            if not self._has_news:
                break
        return True

    async def room(self, room: str, from_ms: int, to_ms: int) -> RoomReading:
        """How a room was read by the visits that began from `from_ms` and before `to_ms`; Unavailable without the database."""
        await self._asked()
        return await self.store.room(room, from_ms, to_ms)

    async def ranking(self, prefix: str, from_ms: int, to_ms: int, limit: int) -> list[RankedRoom]:
        """The rooms that were visited most in that time; Unavailable without the database."""
        await self._asked()
        return await self.store.ranking(prefix, from_ms, to_ms, limit)

    async def days(self, first: date, last: date) -> list[Day]:
        """The days from `first` to `last` on which anybody was online; Unavailable without the database."""
        await self._asked()
        return await self.store.days(first, last)

    async def about(self, user_id: str) -> UserData:
        """Everything that is kept about a user; Unavailable without the database."""
        await self._asked()
        return await self.store.about(user_id)

    async def erase(self, user_id: str) -> Erased:
        """Remove what is kept about a user, and forget their visits that go on (R6).

        Raises:
            Unavailable: only the latter was done; erase again.
        """
        at_ms = self._node.clock.wall_ms()
        self._forget(user_id, at_ms)
        return await self.store.erase(user_id, at_ms)

    async def _asked(self) -> None:
        self.begin()
        await self.settle()

    async def finish(self) -> None:
        """The end of the process: everything is written, or it is said how much is not (R5)."""
        if not (self._has_written or self.waiting):
            return  # a database is not created for the numbers of a process that lived for seconds
        if not await self.settle(FINISH_S) and self.waiting:
            self._node.log.error("%d visits could not be written", self.waiting)

    def _forget(self, user_id: str, by_ms: int) -> None:
        self._reading.forget(user_id, by_ms)
        self._backlog.forget(user_id, by_ms)
        if self._writing is not None:  # should it come back
            kept = [visit for visit in self._writing.visits if visit.user != user_id or visit.entered_at > by_ms]
            self._writing = msgspec.structs.replace(self._writing, visits=kept)

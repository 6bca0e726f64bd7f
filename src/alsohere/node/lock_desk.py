"""Where locks are asked for: from a connection's command to a durable change, and from there to everybody concerned.

Owns: the order "decide, write, tell". Nothing is told or acknowledged before the store has it, and what the store could not
write has not happened.
Invariants: L5 the leases of this node's connections are renewed while they live; L10 a connection that is in a record and is
not connected any more is taken out of it, whenever that is noticed and however long the store was away.
Rejected: deciding in memory and writing behind. It answers a millisecond earlier and gives two people one document when the
disk is full.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import TYPE_CHECKING

import msgspec

from alsohere.domain.access import check_lock
from alsohere.domain.lock import Audit, LockRecord, LockRules, Outcome, Tab, due_ms, room_of
from alsohere.domain.locks import Change, Mint
from alsohere.errors import LimitReached, Refusal
from alsohere.facts import LockAnswer, LockFact, LockGranted, LockLost, LockRequested, LockStatus, Person
from alsohere.node.connection import Connection
from alsohere.node.lock_board import LockBoard
from alsohere.node.waiting import outcome_of
from alsohere.ports import LockStore
from alsohere.types import User
from alsohere.wire.socketio import encode_fact

if TYPE_CHECKING:
    from alsohere.node.node import Node

RETRY_S = 1.0
BEGIN = ""  # no lock has this name
MAX_LOCKS_PER_ROOM = 200  # each is told to everybody who begins to watch the room
EVENTS: dict[type, str] = {LockGranted: "lock:granted", LockRequested: "lock:requested", LockLost: "lock:lost"}

Receipts = Callable[[str, int, str], "str | None"]
"""(lock, fence, user id) -> a signed receipt, if there is a key to sign with."""
Step = Callable[[Change], None]
Done = Callable[["Outcome | Refusal"], None]
Answered = Callable[["LockAnswer | Refusal"], None]


class LockDesk:
    """The locks of one node.

    Args:
        node: whose connections ask.
        store: the authority.
        rules: numbers.
        per_connection: how many locks a connection holds or waits for at most.
        receipts: signs what an application can check by itself.
        incarnation: this life of this node.
    """

    def __init__(
        self, node: Node, store: LockStore, rules: LockRules, per_connection: int, receipts: Receipts, incarnation: str
    ) -> None:
        self._node = node
        self._store = store
        self._rules = rules
        self._per_connection = per_connection
        self._receipts = receipts
        self.incarnation = incarnation
        self.board = LockBoard(node.hub, node.find, node.tick_s)
        self._began = False
        self._due: list[tuple[float, str]] = []
        self._due_of: dict[str, float] = {}
        self._owed: dict[tuple[str, str], bool] = {}  # (lock, sid) that must still leave -> with grace?
        self._owed_s = 0.0
        self._renew_s = 0.0
        self._leased_until_ms = 0
        self._terms: dict[str, dict[str, bool]] = {}  # what handlers acquired: sid -> lock -> with grace?

    def begin(self) -> None:
        """Take up what the life before left behind. Does nothing the second time."""
        if not self._began and BEGIN not in self._due_of:
            self._began = True
            self._store.load(self._loaded)

    def _loaded(self, records: list[LockRecord] | Refusal) -> None:
        if isinstance(records, Refusal):
            self._look_again()
            return
        # What is on the board and not in the store was freed while the store was somebody else's.
        for lock in {*(record.lock for record in records), *(record.lock for record in self.board)}:
            self.change(lock, Change.survive)

    def load(self, done: Callable[[list[LockRecord] | Refusal], None]) -> None:
        """Every lock as the store has it, when all that was asked before has been told."""
        self._store.load(done)

    def _look_again(self) -> None:
        """The store was away: what it has may be another's doing, or that of a commit whose end nobody heard."""
        self._began = False
        if BEGIN not in self._due_of:
            self._schedule(BEGIN, self._node.clock.now_s() + RETRY_S)

    # -- Commands ----------------------------------------------------------------------------------------------------

    def acquire(
        self, connection: Connection, lock: str, answered: Answered, *, wait: bool = True, quiet: bool = False, grace: bool = True
    ) -> None:
        """`lock:acquire`.

        Args:
            connection: who asks.
            lock: what for.
            answered: gets the answer or the refusal, once it is written.
            wait: take a place in the queue if it is held.
            quiet: send this connection no facts about it; the application's hooks hear of it.
            grace: keep it for the user for a while when the connection is lost.
        """
        self._check_limits(connection, lock)
        if quiet:
            self._terms.setdefault(connection.sid, {})[lock] = grace
        tab = self._tab(connection)
        self.change(lock, lambda change: change.acquire(tab, wait=wait), self._answer(connection, answered))

    def request(self, connection: Connection, lock: str, answered: Answered) -> None:
        """`lock:request`."""
        self._check_limits(connection, lock)
        tab = self._tab(connection)
        self.change(lock, lambda change: change.request(tab), self._answer(connection, answered))

    def take(self, connection: Connection, lock: str, why: str, answered: Answered) -> None:
        """`lock:take`; that it is allowed has been asked."""
        self._check_limits(connection, lock)
        tab = self._tab(connection)
        self.change(lock, lambda change: change.take(tab, why), self._answer(connection, answered))

    def touch(self, connection: Connection, lock: str, fence: int | None, answered: Answered) -> None:
        """`lock:touch`."""
        sid = connection.sid
        self.change(check_lock(lock), lambda change: change.touch(sid, fence), self._answer(connection, answered))

    def release(self, connection: Connection, lock: str, fence: int | None, answered: Answered) -> None:
        """`lock:release`."""
        sid, user_id = connection.sid, connection.user.id
        step: Step = lambda change: change.release(sid, user_id, fence)  # noqa: E731
        self.change(check_lock(lock), step, self._answer(connection, answered))

    def hand_over(self, connection: Connection, lock: str, to: str | None, fence: int | None, answered: Answered) -> None:
        """`lock:hand_over`."""
        sid = connection.sid
        self.change(check_lock(lock), lambda change: change.hand_over(sid, to, fence), self._answer(connection, answered))

    def left(self, connection: Connection, *, grace: bool) -> None:
        """A connection is over, or has become somebody else's."""
        terms = self._terms.pop(connection.sid, {})
        for lock in list(self.board.locks_of(connection.sid)):
            self._leave(lock, connection.sid, grace=grace and terms.get(lock, True))

    def lost(self, connection: Connection, lock: str) -> None:
        """A connection may no longer have a lock, or wait for it."""
        self._leave(lock, connection.sid, grace=False)

    def change(self, lock: str, step: Step, done: Done | None = None) -> None:
        """Have a step decided and written, tell who is concerned, and then call `done`."""
        now_ms, node, rules = self._node.clock.wall_ms(), self.incarnation, self._rules
        before = LockRecord(lock)
        self.begin()

        def decide(record: LockRecord, mint: Mint) -> Outcome:
            nonlocal before
            before = record
            change = Change(record, mint, now_ms, node, rules)
            step(change)
            return change.outcome()

        def decided(outcome: Outcome | Refusal) -> None:
            if isinstance(outcome, Outcome):
                self._written(before, outcome)
            elif outcome.code == "unavailable":
                self._look_again()
            if done is not None:
                done(outcome)

        self._store.change(lock, decide, decided)

    async def check(self, lock: str, fence: int, user_id: str | None) -> bool:
        """Whether a fence is good to save with now: asked of the store, not of the board.

        Raises:
            Refusal: the name is none, or the store is away.
        """
        outcome = await self.changed(check_lock(lock), Change.settle)
        return outcome.record.is_valid(fence, user_id, self._node.clock.wall_ms(), self.incarnation)

    async def audits(self, lock: str, limit: int) -> list[Audit]:
        """The newest entries of a lock's audit.

        Raises:
            Refusal: the store is away.
        """
        return await outcome_of(lambda done: self._store.audits(lock, limit, done))

    async def changed(self, lock: str, step: Step) -> Outcome:
        """`change`, for who waits."""
        return await outcome_of(lambda done: self.change(lock, step, done))

    async def acquired(self, connection: Connection, lock: str, *, wait: bool, grace: bool) -> LockAnswer:
        """`acquire` by a handler."""
        return await outcome_of(lambda done: self.acquire(connection, lock, done, wait=wait, quiet=True, grace=grace))

    async def released(self, connection: Connection, lock: str) -> LockAnswer:
        """`release` by a handler."""
        return await outcome_of(lambda done: self.release(connection, lock, None, done))

    def _check_limits(self, connection: Connection, lock: str) -> None:
        check_lock(lock)
        mine = self.board.locks_of(connection.sid)
        if lock not in mine and len(mine) >= self._per_connection:
            raise LimitReached(f"A connection holds or waits for at most {self._per_connection} locks; release one first.")
        if self.board.get(lock).is_free and self.board.count_in(room_of(lock)) >= MAX_LOCKS_PER_ROOM:
            raise LimitReached(f"At most {MAX_LOCKS_PER_ROOM} locks of a room are held at a time.")

    def _tab(self, connection: Connection) -> Tab:
        return Tab(person_of(connection.user), connection.sid, self.incarnation)

    def _answer(self, connection: Connection, answered: Answered) -> Done:
        def done(outcome: Outcome | Refusal) -> None:
            answered(outcome if isinstance(outcome, Refusal) else self.answer(connection, outcome.record))

        return done

    def answer(self, connection: Connection, record: LockRecord) -> LockAnswer:
        """How a connection stands with a lock."""
        shown = record.shown()
        if record.is_held_by(connection.sid):
            receipt = self._receipts(record.lock, record.fence, connection.user.id)
            return LockAnswer(
                record.lock, "held", shown.holder, shown.waiting, record.fence, self.expires_at(record), receipt=receipt
            )
        position = record.position(connection.user.id)
        hand_over_at = None
        if record.asked is not None and record.asked.user_id == connection.user.id:
            hand_over_at = record.asked.until_ms
        status: LockStatus = "refused" if position is None else "queued" if hand_over_at is None else "asked"
        return LockAnswer(record.lock, status, shown.holder, shown.waiting, position=position, hand_over_at=hand_over_at)

    def expires_at(self, record: LockRecord) -> int:
        """When a lock's lease ends if nobody renews it, in ms since the epoch."""
        return max(record.until_ms, self._leased_until_ms) if record.node == self.incarnation else record.until_ms

    # -- What has been written ---------------------------------------------------------------------------------------

    def _written(self, before: LockRecord, outcome: Outcome) -> None:
        node, record = self._node, outcome.record
        if node.webhooks.enabled:  # what is on the board has been told; what is not is as it was found
            known = self.board.get(record.lock)
            node.webhooks.lock(before if known.is_free else known, outcome)
        now_s = node.clock.now_s()
        self.board.put(record, now_s)
        for sid, fact in outcome.tell:
            self._tell(sid, record, fact)
        for sid in record.sids:
            if node.find(sid) is None:  # it ended while this was being written, and nobody looked for it here
                self._leave(record.lock, sid, grace=False)
        self._plan(record, now_s)
        node.wake()

    def _tell(self, sid: str, record: LockRecord, fact: LockFact) -> None:
        connection = self._node.find(sid)
        if connection is None:
            return
        if isinstance(fact, LockGranted):
            fact = msgspec.structs.replace(fact, receipt=self._receipts(fact.lock, fact.fence, connection.user.id))
            self._node.dispatch.tell(connection, self._node.hooks.lock_granted, [connection, fact.lock, fact.fence])
        elif isinstance(fact, LockLost):
            self._node.dispatch.tell(connection, self._node.hooks.lock_lost, [connection, fact.lock, fact.reason])
        if not self._is_quiet(sid, record.lock):
            connection.outbox.put(encode_fact(EVENTS.get(type(fact), "lock:warned"), fact))

    def _is_quiet(self, sid: str, lock: str) -> bool:
        return lock in self._terms.get(sid, ())

    def _leave(self, lock: str, sid: str, *, grace: bool) -> None:
        def done(outcome: Outcome | Refusal) -> None:
            if isinstance(outcome, Refusal):  # the store is away: it must hear of this as soon as it is back
                self._owed[lock, sid] = grace
                self._owed_s = self._node.clock.now_s() + RETRY_S
                self._node.wake()

        self.change(lock, lambda change: change.leave(sid, grace=grace), done)

    # -- Time --------------------------------------------------------------------------------------------------------

    def due_s(self) -> float | None:
        """When `advance` will have something to do."""
        dues = [self._due[0][0] if self._due else None, self.board.due_s(), self._owed_s if self._owed else None]
        if self.board.is_renewed_by(self.incarnation):
            dues.append(self._renew_s)
        return min((due for due in dues if due is not None), default=None)

    def advance(self, now_s: float) -> None:
        """Do and say what is due."""
        while self._due and self._due[0][0] <= now_s:
            due_s, lock = heappop(self._due)
            if self._due_of.get(lock) == due_s:
                del self._due_of[lock]
                self._ring(lock)
        if self._owed and now_s >= self._owed_s:
            owed, self._owed = self._owed, {}
            for (lock, sid), grace in owed.items():
                self._leave(lock, sid, grace=grace)
        self._renew(now_s)
        self.board.advance(now_s, self._is_quiet)

    def _ring(self, lock: str) -> None:
        if lock == BEGIN:
            self.begin()
            return

        def done(outcome: Outcome | Refusal) -> None:
            if isinstance(outcome, Refusal):
                self._schedule(lock, self._node.clock.now_s() + RETRY_S)

        self.change(lock, Change.settle, done)

    def _plan(self, record: LockRecord, now_s: float) -> None:
        """Have `settle` called when the record will change by itself."""
        self._due_of.pop(record.lock, None)
        at_ms = due_ms(record, self.incarnation, self._rules)
        if at_ms is not None:
            # A millisecond later than due: the two clocks are not read at the same moment.
            self._schedule(record.lock, now_s + max(at_ms + 1 - self._node.clock.wall_ms(), 1) / 1000)

    def _schedule(self, lock: str, at_s: float) -> None:
        self._due_of[lock] = at_s
        heappush(self._due, (at_s, lock))
        self._node.wake()

    def _renew(self, now_s: float) -> None:
        if now_s < self._renew_s or not self.board.is_renewed_by(self.incarnation):
            return
        self._renew_s = now_s + self._rules.lease_s / 3
        until_ms = self._node.clock.wall_ms() + int(self._rules.lease_s * 1000)

        def done(refusal: Refusal | None) -> None:
            if refusal is None:
                self._leased_until_ms = until_ms
            else:
                self._renew_s = self._node.clock.now_s() + RETRY_S

        self._store.renew(self.incarnation, until_ms, done)


def person_of(user: User) -> Person:
    """A user as others see them at a lock."""
    return Person(user.id, user.name, user.info, user.anonymous)

"""What can happen to a lock: every command and every passing of time, as a function from a record to the next one.

Owns: who gets a lock and who is told. The caller loads a record, applies one of these, and keeps what comes back durably
before anybody hears of it.

Invariants (docs/reference/invariants.md):
 L1  a record has one holder or none.
 L2  every change of holder takes a new fence, except within a refresh; `mint` gives a larger one each time.
 L3  release, touch and hand-over by another connection or with another fence are refused, and nothing changes.
 L4  the queue is first in, first out among those who are here; hand-over and take are the exceptions.
 L5  what is over is over: `settle` comes before every command, so a lease that has ended needs nobody to end it.
 L6  a lost transport keeps the lock for the grace; the same user's new tab gets it at once, with the old fence if the old tab
     is gone (the page is the same, refreshed) and with a new one if it is not (its unsaved text is now the older one).
 L7  an idle holder is warned when somebody waits, and then loses it.
 L8  a request gives the holder `request_s` to save; then the lock goes to who asked.
 L9  a take is in the audit, and the loser is told who and why.
 L10 a lock is only ever given to a connection that is there; a waiter who is not is passed over.

Rejected: leaving the queue out of the record, a lock server's usual way (clients retry). Whoever retries fastest wins, and
nobody can be told their place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from alsohere.domain.lock import NOBODY_RENEWS, Asked, Audit, Holder, LockRecord, LockRules, Outcome, Tab, Waiter
from alsohere.errors import LimitReached, NotHolder, NotWaiting
from alsohere.facts import GrantReason, LockFact, LockGranted, LockLost, LockRequested, LockWarned, LossReason, Person

Mint = Callable[[], int]
"""Gives the next fence."""


class Change:
    """One transition in the making.

    Args:
        record: what is kept.
        mint: gives a fence.
        now_ms: the wall clock.
        node: the node that decides; waiters of others cannot be given anything (L10).
        rules: numbers.
    """

    def __init__(self, record: LockRecord, mint: Mint, now_ms: int, node: str, rules: LockRules) -> None:
        self.record = record
        self.rules = rules
        self._mint = mint
        self._now_ms = now_ms
        self._node = node
        self._tell: list[tuple[str, LockFact]] = []
        self._audit: Audit | None = None

    def outcome(self) -> Outcome:
        """What it has come to."""
        return Outcome(self.record, tuple(self._tell), self._audit)

    # -- Time --------------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Do what time has brought: ends of leases, of graces, of requests and of idleness."""
        self._follow_the_clock()
        self._drop_the_dead()
        record, now_ms = self.record, self._now_ms
        if record.holder is None:
            self._give_to_next("released")
        elif record.node != self._node and record.until_ms <= now_ms:
            self._pass_on("expired", "expired")
        elif record.asked is not None and record.asked.until_ms <= now_ms:
            if self._is_here(record.asked.user_id):
                self._pass_on("handed_over", "handed_over", record.asked.user_id)
            else:  # who asked is not there to get it, and may ask again
                self._set(asked=None)
        elif record.release_at_ms is not None and record.release_at_ms <= now_ms and self._somebody_waits():
            self._pass_on("idle", "idle")
        self._warn()

    def _warn(self) -> None:
        record = self.record
        if record.holder is None or record.node != self._node:
            return
        if not self._somebody_waits():
            if record.release_at_ms is not None:
                self._set(release_at_ms=None)
        elif record.release_at_ms is None and record.holder.touched_ms + self._ms(self.rules.idle_s) <= self._now_ms:
            self._set(release_at_ms=self._now_ms + self._ms(self.rules.warning_s))
            assert self.record.release_at_ms is not None
            self._tell.append((record.holder.sid, LockWarned(record.lock, self.record.release_at_ms)))

    def _follow_the_clock(self) -> None:
        """Where a clock that was set back would make something last for hours, it begins anew."""
        record = self.record
        if record.holder is not None and record.until_ms > max(self._lease(), self._grace()):
            self._set(until_ms=self._grace())
        if record.asked is not None and record.asked.until_ms > self._now_ms + self._ms(self.rules.request_s):
            self._set(asked=Asked(record.asked.user_id, self._now_ms + self._ms(self.rules.request_s)))
        if record.release_at_ms is not None and record.release_at_ms > self._now_ms + self._ms(self.rules.warning_s):
            self._set(release_at_ms=self._now_ms + self._ms(self.rules.warning_s))
        if record.holder is not None and record.holder.touched_ms > self._now_ms:
            self._set(holder=msgspec.structs.replace(record.holder, touched_ms=self._now_ms))
        for waiter in record.queue:
            if waiter.until_ms is not None and waiter.until_ms > self._grace():
                self._replace(waiter, until_ms=self._grace())

    def _drop_the_dead(self) -> None:
        """Waiters of another life of the server, and those who did not come back from a refresh."""
        queue = tuple(waiter for waiter in self.record.queue if self._may_stay(waiter))
        if queue != self.record.queue:
            self._set(queue=queue)
        self._forget_request()

    def _may_stay(self, waiter: Waiter) -> bool:
        return waiter.node == self._node and (waiter.until_ms is None or waiter.until_ms > self._now_ms)

    # -- Commands ----------------------------------------------------------------------------------------------------

    def acquire(self, tab: Tab, *, wait: bool) -> None:
        """Get it, or a place in the queue.

        Raises:
            LimitReached: (queue_full) too many wait already.
        """
        self.settle()
        holder = self.record.holder
        if holder is None:
            self._grant(tab)
        elif holder.person.id == tab.person.id:
            self._move(holder, tab)
        elif wait:
            self._queue(tab)

    def release(self, sid: str, user_id: str, fence: int | None) -> None:
        """Give it back, or the place in the queue.

        Raises:
            NotHolder: this connection has neither, or the fence is another.
        """
        self.settle()
        if self.record.is_held_by(sid):
            self._check_holder(sid, fence)
            self._pass_on(None, "released")
        elif (waiter := self.record.waiter(user_id)) is not None and sid in waiter.sids:
            self._remove(waiter)
        else:
            raise NotHolder("This connection neither holds the lock nor waits for it.")

    def touch(self, sid: str, fence: int | None) -> None:
        """Go on holding it: the lease begins anew, the holder is not idle.

        Raises:
            NotHolder: this connection does not hold it, or the fence is another.
        """
        self.settle()
        holder = self._check_holder(sid, fence)
        self._set(holder=msgspec.structs.replace(holder, touched_ms=self._now_ms), until_ms=self._lease(), release_at_ms=None)

    def request(self, tab: Tab) -> None:
        """Ask the holder for it; it is the requester's at the latest after `request_s` (L8).

        Raises:
            LimitReached: (queue_full) too many wait already.
        """
        self.acquire(tab, wait=True)
        record = self.record
        if record.holder is None or record.holder.person.id == tab.person.id or record.asked is not None:
            return
        self._set(asked=Asked(tab.person.id, self._now_ms + self._ms(self.rules.request_s)))
        self._tell_request()

    def hand_over(self, sid: str, to: str | None, fence: int | None) -> None:
        """Give it to somebody who waits: by default to who asked, else to the next.

        Raises:
            NotHolder: this connection does not hold it, or the fence is another.
            NotWaiting: that user does not wait for it, or nobody does.
        """
        self.settle()
        self._check_holder(sid, fence)
        if to is None and self.record.asked is not None and self._is_here(self.record.asked.user_id):
            to = self.record.asked.user_id
        if not (self._somebody_waits() if to is None else self._is_here(to)):
            raise NotWaiting("Nobody waits for the lock." if to is None else "That user does not wait for the lock.")
        self._pass_on("handed_over", "handed_over", to)

    def take(self, tab: Tab, why: str) -> None:
        """Take it from whoever has it; the caller has asked whether this is allowed (L9)."""
        self.settle()
        holder = self.record.holder
        if holder is None or holder.person.id == tab.person.id:
            self.acquire(tab, wait=False)
            return
        self._lose("taken", tab.person, why)
        self._audit = self._entry("taken", tab.person.id, why)
        self._grant(tab)
        self._audit = msgspec.structs.replace(self._audit, fence=self.record.fence)

    def revoke(self, by: str, why: str) -> None:
        """Take it from its holder and give it to the next: what an administrator does."""
        self.settle()
        if self.record.holder is not None:
            self._audit = self._entry("revoked", by, why)
            self._pass_on("revoked", "released", why=why)

    # -- Transports --------------------------------------------------------------------------------------------------

    def leave(self, sid: str, *, grace: bool) -> None:
        """A connection has ended. With `grace`, what it held or waited for is kept for its user for a while (L6)."""
        self.settle()
        if self.record.is_held_by(sid) and self.record.node == self._node:
            if grace:
                self._set(node=NOBODY_RENEWS, until_ms=self._grace())
            else:
                self._pass_on(None, "released")
        for waiter in self.record.queue:
            if sid in waiter.sids:
                self._leave_queue(waiter, sid, grace=grace)

    def survive(self) -> None:
        """The server that kept it has died, and everybody's transport with it (L6, L10)."""
        if self.record.holder is not None and self.record.node not in (self._node, NOBODY_RENEWS):
            self._set(node=NOBODY_RENEWS, until_ms=min(self.record.until_ms, self._grace()))
        self.settle()

    # -- Parts -------------------------------------------------------------------------------------------------------

    def _grant(self, tab: Tab) -> None:
        waiter = self.record.waiter(tab.person.id)
        if waiter is not None:
            self._remove(waiter)
        holder = Holder(tab.person, tab.sid, self._now_ms, self._now_ms)
        self._set(fence=self._mint(), holder=holder, node=tab.node, until_ms=self._lease(), asked=None, release_at_ms=None)

    def _move(self, holder: Holder, tab: Tab) -> None:
        """The same user, here or in another tab (L6)."""
        elsewhere = self.record.node == self._node and holder.sid != tab.sid
        if elsewhere:
            self._tell.append((holder.sid, LockLost(self.record.lock, "moved")))
        fence = self._mint() if elsewhere else self.record.fence
        moved = Holder(tab.person, tab.sid, holder.since_ms, self._now_ms)
        self._set(fence=fence, holder=moved, node=tab.node, until_ms=self._lease(), release_at_ms=None)
        if self.record.asked is not None and holder.sid != tab.sid:
            self._tell_request()

    def _queue(self, tab: Tab) -> None:
        waiter = self.record.waiter(tab.person.id)
        if waiter is None:
            if len(self.record.queue) >= self.rules.queue:
                raise LimitReached("Too many wait for this lock; try again later.", code="queue_full", retry_after_ms=10_000)
            self._set(queue=(*self.record.queue, Waiter(tab.person, (tab.sid,), tab.node, self._now_ms)))
            self._warn()
        else:
            sids = (*(sid for sid in waiter.sids if sid != tab.sid), tab.sid)
            self._replace(waiter, person=tab.person, sids=sids, until_ms=None)
            self.settle()  # somebody who had no tab for a while is here again

    def _leave_queue(self, waiter: Waiter, sid: str, *, grace: bool) -> None:
        sids = tuple(other for other in waiter.sids if other != sid)
        if sids:
            self._replace(waiter, sids=sids)
        elif grace:
            self._replace(waiter, sids=(), until_ms=self._grace())
        else:
            self._remove(waiter)

    def _pass_on(
        self, loss: LossReason | None, grant: GrantReason, to: str | None = None, by: Person | None = None, why: str | None = None
    ) -> None:
        """Take it from the holder, telling why unless they did it themselves, and give it to `to` or the next."""
        waiter = self.record.waiter(to) if to is not None else None
        if loss is not None:
            self._lose(loss, waiter.person if waiter is not None else by, why)
        self._set(holder=None, node=NOBODY_RENEWS, until_ms=0, asked=None, release_at_ms=None)
        self._give_to_next(grant, to)

    def _lose(self, reason: LossReason, by: Person | None, why: str | None) -> None:
        holder = self.record.holder
        assert holder is not None
        self._tell.append((holder.sid, LockLost(self.record.lock, reason, by, why)))

    def _give_to_next(self, reason: GrantReason, to: str | None = None) -> None:
        for waiter in self.record.queue:
            if waiter.sids and waiter.node == self._node and to in (None, waiter.person.id):
                tab = Tab(waiter.person, waiter.sids[-1], self._node)
                self._grant(tab)
                fact = LockGranted(self.record.lock, self.record.fence, self.record.until_ms, reason)
                self._tell.append((tab.sid, fact))
                return

    def _tell_request(self) -> None:
        record = self.record
        assert record.asked is not None
        waiter = record.waiter(record.asked.user_id)
        if waiter is not None and record.holder is not None and record.node == self._node:
            self._tell.append((record.holder.sid, LockRequested(record.lock, waiter.person, record.asked.until_ms)))

    def _check_holder(self, sid: str, fence: int | None) -> Holder:
        holder = self.record.holder
        if holder is None or holder.sid != sid:
            raise NotHolder("This connection does not hold the lock; send lock:acquire.")
        if fence is not None and fence != self.record.fence:
            raise NotHolder("That is not the lock's fence; it has been given anew since.")
        return holder

    def _is_here(self, user_id: str) -> bool:
        waiter = self.record.waiter(user_id)
        return waiter is not None and bool(waiter.sids) and waiter.node == self._node

    def _somebody_waits(self) -> bool:
        return any(waiter.sids and waiter.node == self._node for waiter in self.record.queue)

    def _remove(self, waiter: Waiter) -> None:
        self._set(queue=tuple(other for other in self.record.queue if other is not waiter))
        self._forget_request()

    def _forget_request(self) -> None:
        if self.record.asked is not None and self.record.waiter(self.record.asked.user_id) is None:
            self._set(asked=None)

    def _replace(self, waiter: Waiter, **values: Any) -> None:
        replaced = msgspec.structs.replace(waiter, **values)
        self._set(queue=tuple(replaced if other is waiter else other for other in self.record.queue))

    def _entry(self, action: str, by: str, why: str) -> Audit:
        record = self.record
        loser = record.holder.person.id if record.holder is not None else None
        return Audit(record.lock, self._now_ms, action, by, loser, record.fence, why)

    def _set(self, **values: Any) -> None:
        self.record = msgspec.structs.replace(self.record, **values)

    def _lease(self) -> int:
        return self._now_ms + self._ms(self.rules.lease_s)

    def _grace(self) -> int:
        return self._now_ms + self._ms(self.rules.grace_s)

    @staticmethod
    def _ms(seconds: float) -> int:
        return int(seconds * 1000)

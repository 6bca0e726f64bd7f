"""What is kept of a lock, and the questions that it answers by itself.

Owns: the record that a store keeps. It is a value: transitions (domain/locks.py) make another one of it, so that a store can
drop what it could not write.
Invariant: a record without holder and without waiters is `is_free` and need not be kept; its fence lives on in the store's
counter, from which every fence of every lock comes, so that it only grows (L2).
"""

from __future__ import annotations

import msgspec

from alsohere.facts import LockChanged, LockFact, LockRequest, Person

SHOWN_WAITERS = 50
NOBODY_RENEWS = ""


class LockRules(msgspec.Struct, frozen=True):
    """Numbers; see the settings of the same names."""

    lease_s: float = 60.0
    grace_s: float = 10.0
    idle_s: float = 120.0
    warning_s: float = 20.0
    request_s: float = 20.0
    queue: int = 50


class Tab(msgspec.Struct, frozen=True, gc=False):
    """One connection of a person at one node."""

    person: Person
    sid: str
    node: str


class Holder(msgspec.Struct, frozen=True, gc=False):
    """Who has the lock, in which tab, and when they last worked on it."""

    person: Person
    sid: str
    since_ms: int
    touched_ms: int


class Waiter(msgspec.Struct, frozen=True, gc=False):
    """Who waits: one place for a person, however many tabs. Without tabs (a refresh) the place is kept until `until_ms`."""

    person: Person
    sids: tuple[str, ...]
    node: str
    since_ms: int
    until_ms: int | None = None


class Asked(msgspec.Struct, frozen=True, gc=False):
    """Who asked the holder to hand over, and when that happens at the latest."""

    user_id: str
    until_ms: int


class LockRecord(msgspec.Struct, frozen=True, gc=False):
    """A lock.

    Args:
        lock: its name.
        fence: of the last grant; 0 if there was none.
        holder: None while it is free.
        node: whose connection the holder's tab is; that node renews the lease. Empty: the transport was lost, nobody renews.
        until_ms: when the lease ends, in ms since the epoch.
        queue: in the order in which they came.
        asked: the request that the holder has been told of.
        release_at_ms: when the idle holder loses it, once warned.
    """

    lock: str
    fence: int = 0
    holder: Holder | None = None
    node: str = NOBODY_RENEWS
    until_ms: int = 0
    queue: tuple[Waiter, ...] = ()
    asked: Asked | None = None
    release_at_ms: int | None = None

    @property
    def is_free(self) -> bool:
        """Whether nobody has it and nobody waits."""
        return self.holder is None and not self.queue

    @property
    def sids(self) -> set[str]:
        """The connections that hold it or wait for it."""
        sids = {sid for waiter in self.queue for sid in waiter.sids}
        if self.holder is not None and self.node != NOBODY_RENEWS:
            sids.add(self.holder.sid)
        return sids

    def is_held_by(self, sid: str) -> bool:
        """Whether this connection has it."""
        return self.holder is not None and self.holder.sid == sid

    def waiter(self, user_id: str) -> Waiter | None:
        """The place of a user in the queue."""
        return next((waiter for waiter in self.queue if waiter.person.id == user_id), None)

    def position(self, user_id: str) -> int | None:
        """The place of a user in the queue, 1 is next."""
        return next((place for place, waiter in enumerate(self.queue, 1) if waiter.person.id == user_id), None)

    def is_valid(self, fence: int, user_id: str | None, now_ms: int, node: str) -> bool:
        """Whether who saves with this fence may: it is the last one given, and its lease has not ended (L3, L5)."""
        if self.holder is None or fence != self.fence or (user_id is not None and user_id != self.holder.person.id):
            return False
        return self.node == node or now_ms < self.until_ms

    def shown(self) -> LockChanged:
        """The lock as everybody may see it."""
        holder, request = self.holder, None
        if self.asked is not None and (waiter := self.waiter(self.asked.user_id)) is not None:
            request = LockRequest(waiter.person, self.asked.until_ms)
        queue = tuple(waiter.person for waiter in self.queue[:SHOWN_WAITERS])
        if holder is None:
            return LockChanged(self.lock, None, queue, len(self.queue), None, None)
        return LockChanged(self.lock, holder.person, queue, len(self.queue), self.fence, holder.since_ms, request)


def due_ms(record: LockRecord, node: str, rules: LockRules) -> int | None:
    """When `settle` will have something to do, in ms since the epoch."""
    dues = [waiter.until_ms for waiter in record.queue if waiter.until_ms is not None]
    if record.holder is not None:
        somebody_waits = any(waiter.sids for waiter in record.queue)
        if record.node != node:
            dues.append(record.until_ms)
        elif record.release_at_ms is not None:
            dues.append(record.release_at_ms)
        elif somebody_waits:
            dues.append(record.holder.touched_ms + int(rules.idle_s * 1000))
        if record.asked is not None and somebody_waits:
            dues.append(record.asked.until_ms)
    return min(dues, default=None)


class Audit(msgspec.Struct, frozen=True):
    """Who took a lock from whom, when and why (L9)."""

    lock: str
    at_ms: int
    action: str
    by_user: str
    from_user: str | None
    fence: int
    why: str


class Outcome(msgspec.Struct, frozen=True):
    """What a transition came to.

    Args:
        record: the next record; the very same object if nothing changed.
        tell: facts for single connections, in order.
        audit: what must be on record about it.
    """

    record: LockRecord
    tell: tuple[tuple[str, LockFact], ...] = ()
    audit: Audit | None = None


def room_of(lock: str) -> str:
    """The room whose watchers are told of the lock: `room` or `room#field`."""
    return lock.partition("#")[0]

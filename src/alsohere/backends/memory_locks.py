"""Locks that end with the process: the reference that other stores are compared with."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from alsohere.domain.history import without_user
from alsohere.domain.lock import Audit, LockRecord
from alsohere.errors import Refusal
from alsohere.ports import Decide, LockDone


class MemoryLocks:
    """Implements `ports.LockStore`: every change is told before `change` returns.

    Args:
        first_fence: fences are above this. The wall clock's milliseconds are larger than in the life before (L2).
    """

    def __init__(self, first_fence: int) -> None:
        self._fence = first_fence
        self._records: dict[str, LockRecord] = {}
        self._audits: list[Audit] = []

    def change(self, lock: str, decide: Decide, done: LockDone) -> None:
        try:
            outcome = decide(self._records.get(lock) or LockRecord(lock), self._mint)
        except Refusal as refusal:
            done(refusal)
            return
        if outcome.record.is_free:
            self._records.pop(lock, None)
        else:
            self._records[lock] = outcome.record
        if outcome.audit is not None:
            self._audits.append(outcome.audit)
        done(outcome)

    def load(self, done: Callable[[list[LockRecord] | Refusal], None]) -> None:
        done(list(self._records.values()))

    def renew(self, node: str, until_ms: int, done: Callable[[Refusal | None], None]) -> None:
        for record in self._records.values():
            if record.node == node:
                self._records[record.lock] = msgspec.structs.replace(record, until_ms=until_ms)
        done(None)

    def audits(self, lock: str, limit: int, done: Callable[[list[Audit] | Refusal], None]) -> None:
        done([audit for audit in reversed(self._audits) if audit.lock == lock][:limit])

    def about(self, user: str) -> list[Audit]:
        """The audit's lines that name a user, oldest first."""
        return [audit for audit in self._audits if user in (audit.by_user, audit.from_user)]

    def erase(self, user: str) -> int:
        """Have the audit no longer say that it was this user; returns in how many lines it did."""
        named = self.about(user)
        self._audits = [without_user(audit, user) for audit in self._audits]
        return len(named)

    def _mint(self) -> int:
        self._fence += 1
        return self._fence

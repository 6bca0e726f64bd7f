"""What a back end may ask about locks: who holds one, whether a save may be made, and to take one away.

Everything here is asked of the store, not of what this process remembers: an answer that lets somebody save must be true.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from alsohere.domain.access import check_lock
from alsohere.domain.lock import Audit, LockRecord
from alsohere.domain.locks import Change
from alsohere.facts import LockRequest, Person
from alsohere.node.node import Node
from alsohere.server.endpoint import Endpoint

LockName = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=200,
        description="The lock, percent-encoded: `doc/1#title` is `doc%2F1%23title`.",
        examples=["doc/1#title"],
        extra_json_schema={"format": "lock"},
    ),
]


class LockAsked(msgspec.Struct):
    """Which lock."""

    lock: LockName


class LockInfo(msgspec.Struct):
    """A lock. Nobody holds it if `holder` is null; then the next fence will be larger than any before."""

    lock: str
    holder: Person | None
    queue: list[Person]
    waiting: int
    fence: int | None
    since: int | None
    expires_at: int | None
    request: LockRequest | None = None


class FenceCheck(msgspec.Struct, forbid_unknown_fields=True):
    """Who wants to save."""

    fence: Annotated[int, Meta(ge=0, le=2**53, description="What the editor was granted.")]
    user: Annotated[str, Meta(max_length=128, description="Also: is this user the holder?")] | None = None


class FenceChecked(msgspec.Struct):
    """Whether to save. If not, `reason` says why, and `holder` who may."""

    valid: bool
    holder: Person | None
    fence: int | None
    expires_at: int | None
    reason: Literal["stale_fence", "not_held", "other_holder"] | None = None


class RevokeAsked(msgspec.Struct):
    """Which lock, and why."""

    lock: LockName
    why: Annotated[str, Meta(max_length=500, description="Told to the holder, and kept in the audit.")] = ""


class AuditAsked(msgspec.Struct):
    """Which lock, and how many entries."""

    lock: LockName
    limit: Annotated[int, Meta(ge=1, le=1000, description="How many, at most.")] = 100


class AuditAnswer(msgspec.Struct):
    """Who took the lock from whom, newest first."""

    entries: list[Audit]


class LockApi:
    """The endpoints of locks.

    Args:
        node: whose desk they ask.
    """

    def __init__(self, node: Node) -> None:
        self._node = node

    async def lock(self, asked: LockAsked) -> LockInfo:
        """Who holds a lock, and who waits for it.

        A lock that nobody holds is answered too: every name is a lock.
        """
        return self._info(await self._settled(asked.lock))

    async def check_fence(self, asked: LockAsked, body: FenceCheck) -> FenceChecked:
        """Whether a save with this fence may be made now.

        Ask in the request that saves, and save in the same transaction with `fence <= :fence` as a condition: between this
        answer and your commit the lock may be given to somebody else.
        """
        record = await self._settled(asked.lock)
        info = self._info(record)
        locks = self._node.locks
        if record.is_valid(body.fence, body.user, self._node.clock.wall_ms(), locks.incarnation):
            return FenceChecked(valid=True, holder=info.holder, fence=info.fence, expires_at=info.expires_at)
        reason: Literal["stale_fence", "not_held", "other_holder"] = "stale_fence"
        if info.holder is None:
            reason = "not_held"
        elif body.user not in (None, info.holder.id):
            reason = "other_holder"
        return FenceChecked(valid=False, holder=info.holder, fence=info.fence, expires_at=info.expires_at, reason=reason)

    async def revoke_lock(self, asked: RevokeAsked) -> LockInfo:
        """Take a lock from its holder; the next in line gets it.

        The holder is told `revoked` and why; the audit says that the API did it. Revoking a free lock changes nothing.
        """
        outcome = await self._node.locks.changed(check_lock(asked.lock), lambda change: change.revoke("api", asked.why))
        return self._info(outcome.record)

    async def lock_audit(self, asked: AuditAsked) -> AuditAnswer:
        """Who took a lock from whom, when and why: takes and revocations, newest first."""
        return AuditAnswer(await self._node.locks.audits(check_lock(asked.lock), asked.limit))

    async def _settled(self, lock: str) -> LockRecord:
        return (await self._node.locks.changed(check_lock(lock), Change.settle)).record

    def _info(self, record: LockRecord) -> LockInfo:
        shown = record.shown()
        expires_at = self._node.locks.expires_at(record) if record.holder is not None else None
        queue = list(shown.queue)
        return LockInfo(shown.lock, shown.holder, queue, shown.waiting, shown.fence, shown.since, expires_at, shown.request)


def lock_endpoints(node: Node) -> list[Endpoint]:
    """The endpoints of locks."""
    api = LockApi(node)
    refusals = ["bad_lock", "unavailable"]
    return [
        Endpoint("GET", "/locks/{lock}", api.lock, refusals, scope="read"),
        Endpoint("DELETE", "/locks/{lock}", api.revoke_lock, refusals, scope="locks"),
        Endpoint("POST", "/locks/{lock}/check", api.check_fence, refusals, asks=True, scope="locks"),
        Endpoint("GET", "/locks/{lock}/audit", api.lock_audit, refusals, scope="read"),
    ]

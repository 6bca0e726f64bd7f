"""What the domain says and the wire carries: members, changes, snapshots, rankings.

These are the words that both sides of the river use, so they belong to neither: the domain does not know that they become
JSON, the wire does not know what they mean.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from alsohere.types import Scalar

Watch = Literal["full", "sample", "count", "none"]
Mode = Literal["full", "sample", "count", "none"]
Status = Literal["active", "idle", "away", "invisible"]
LeaveReason = Literal["left", "disconnected", "timeout", "kicked", "node_lost"]
GrantReason = Literal["released", "handed_over", "expired", "idle", "taken"]
LockStatus = Literal["held", "queued", "asked", "refused"]
LossReason = Literal["moved", "handed_over", "idle", "taken", "expired", "revoked"]
At = tuple[str, int]
"""A position on the wire: [epoch, seq]."""


class Member(msgspec.Struct, frozen=True, gc=False):
    """A user in a room, as others see them. Replaced, never changed: an unchanged member is the same object.

    Attributes:
        id: the user's; anonymous visitors have `~` and an alias.
        name: at most 100 characters.
        info: a small JSON object, from the token or the `authenticate` hook only.
        anonymous: nobody vouched for this person.
        status: "active", "idle", "away" or "invisible", of the user's most active connection.
        state: what the most recently updated of their connections in this room publishes.
        since: when they entered, in ms since the epoch.
        generation: grows with every enter: a second stay has a larger one.
        connections: how many of theirs are in this room.
    """

    id: str
    name: str
    info: dict[str, object] | None
    anonymous: bool
    status: Status
    state: dict[str, Scalar]
    since: int
    generation: int
    connections: int


class MemberUpdate(msgspec.Struct, omit_defaults=True, frozen=True, gc=False):
    """What changed of a member: the new values, whole."""

    id: str
    state: dict[str, Scalar] | None = None
    status: Status | None = None
    connections: int | None = None
    name: str | None = None
    info: dict[str, object] | msgspec.UnsetType | None = msgspec.UNSET


class MemberLeave(msgspec.Struct, omit_defaults=True, frozen=True, gc=False):
    """Who is gone, and why. Without a reason: still there, but no longer in the sample."""

    id: str
    reason: LeaveReason | None = None


class RoomCount(msgspec.Struct, frozen=True):
    """One line of a ranking.

    Attributes:
        room: its name.
        count: how many distinct users are in it, invisible ones included.
    """

    room: str
    count: int


class Snapshot(msgspec.Struct):
    """What somebody who begins to watch a room is told: everything (`members`) or what was missed (`changes`)."""

    room: str
    mode: Mode
    count: int
    epoch: str
    seq: int
    recovered: bool = False
    members: list[Member] | msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    changes: list[RoomChanged] | msgspec.UnsetType = msgspec.UNSET


class RoomChanged(msgspec.Struct, omit_defaults=True):
    """`room:changed`: apply `leave`, then `enter`, then `update`; a gap (`prev` is not your last `seq`) means: ask again."""

    room: str
    mode: Mode
    epoch: str
    seq: int
    prev: int
    count: int
    enter: list[Member] = []
    update: list[MemberUpdate] = []
    leave: list[MemberLeave] = []


class RankingChanged(msgspec.Struct):
    """`ranking:changed`: the whole list again, at most once a second."""

    prefix: str
    limit: int
    rooms: list[RoomCount]


# -- Locks -------------------------------------------------------------------------------------------------------------


class Person(msgspec.Struct, frozen=True, gc=False):
    """A user as the holder of a lock, or as somebody who waits for one."""

    id: str
    name: str = ""
    info: dict[str, object] | None = None
    anonymous: bool = False


class LockRequest(msgspec.Struct, frozen=True):
    """Somebody has asked the holder to hand over, which happens at `hand_over_at` if not before."""

    by: Person
    hand_over_at: int


class LockChanged(msgspec.Struct, omit_defaults=True, frozen=True):
    """`lock:changed`: how a lock is now. `queue` names the first 50 of the `waiting`, `since` is when the holder got it."""

    lock: str
    holder: Person | None
    queue: tuple[Person, ...]
    waiting: int
    fence: int | None
    since: int | None
    request: LockRequest | None = None


class LockGranted(msgspec.Struct, omit_defaults=True, frozen=True):
    """`lock:granted`, to a waiter: it is yours; save with this fence."""

    lock: str
    fence: int
    expires_at: int
    reason: GrantReason
    receipt: str | None = None


class LockRequested(msgspec.Struct, frozen=True):
    """`lock:requested`, to the holder: somebody wants it; save, and hand over by `hand_over_at`."""

    lock: str
    by: Person
    hand_over_at: int


class LockWarned(msgspec.Struct, frozen=True):
    """`lock:warned`, to the holder: somebody waits and you do nothing; touch it before `release_at`."""

    lock: str
    release_at: int


class LockLost(msgspec.Struct, omit_defaults=True, frozen=True):
    """`lock:lost`, to who held it."""

    lock: str
    reason: LossReason
    by: Person | None = None
    why: str | None = None


class LockAnswer(msgspec.Struct, omit_defaults=True, frozen=True):
    """How who asked stands with a lock.

    `held`: save with `fence`. `queued` and `asked`: `position` 1 is next. `refused`: somebody else has it.
    """

    lock: str
    status: LockStatus
    holder: Person | None
    waiting: int
    fence: int | None = None
    expires_at: int | None = None
    position: int | None = None
    hand_over_at: int | None = None
    receipt: str | None = None


class TokenExpiring(msgspec.Struct, frozen=True):
    """`token:expiring`: show a fresh token with `user:identify`, or the connection ends 25 s after `expires_at`."""

    expires_at: int


LockFact = LockGranted | LockRequested | LockWarned | LockLost

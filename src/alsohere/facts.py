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
At = tuple[str, int]
"""A position on the wire: [epoch, seq]."""


class Member(msgspec.Struct, frozen=True, gc=False):
    """A user in a room, as others see them. Replaced, never changed: an unchanged member is the same object."""

    id: str
    name: str
    info: dict[str, object] | None
    anonymous: bool
    status: Status
    state: dict[str, Scalar]
    since: int
    generation: int
    connections: int


class MemberUpdate(msgspec.Struct, omit_defaults=True, frozen=True):
    """What changed of a member: the new values, whole."""

    id: str
    state: dict[str, Scalar] | None = None
    status: Status | None = None
    connections: int | None = None
    name: str | None = None
    info: dict[str, object] | msgspec.UnsetType | None = msgspec.UNSET


class MemberLeave(msgspec.Struct, omit_defaults=True, frozen=True):
    """Who is gone, and why. Without a reason: still there, but no longer in the sample."""

    id: str
    reason: LeaveReason | None = None


class RoomCount(msgspec.Struct, frozen=True):
    """One line of a ranking."""

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

"""Our own vocabulary: every command a client may send and every fact it may be sent.

Owns: names and shapes. The reference (docs/reference/events.md) and the tests read them from here.
Unknown fields of a command are ignored, so that a newer client can talk to an older server.
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


# -- Commands ----------------------------------------------------------------------------------------------------------


class RoomEnter(msgspec.Struct):
    """`room:enter`: become a member, and see who else is."""

    room: str
    state: dict[str, Scalar] | None = None
    watch: Watch = "full"
    since: At | None = None


class RoomLeave(msgspec.Struct):
    """`room:leave`: announced at once, without grace."""

    room: str


class RoomUpdate(msgspec.Struct):
    """`room:update`: a shallow patch of one's state; null deletes a key."""

    room: str
    state: dict[str, Scalar]


class RoomWatch(msgspec.Struct):
    """`room:watch`: see rooms without being counted in them."""

    rooms: list[str]
    watch: Watch = "full"
    since: At | None = None


class RoomUnwatch(msgspec.Struct):
    """`room:unwatch`."""

    rooms: list[str]


class RankingWatch(msgspec.Struct):
    """`ranking:watch`: the rooms with the most people, by prefix."""

    prefix: str = ""
    limit: int = 10


class RankingUnwatch(msgspec.Struct):
    """`ranking:unwatch`."""

    prefix: str = ""
    limit: int = 10


class UserIdentify(msgspec.Struct):
    """`user:identify`: become somebody else on the same connection."""

    token: str


class UserStatus(msgspec.Struct):
    """`user:status`: of this connection; others see the most active of a user's tabs."""

    status: Status


COMMANDS: dict[str, type[msgspec.Struct]] = {
    "room:enter": RoomEnter,
    "room:leave": RoomLeave,
    "room:update": RoomUpdate,
    "room:watch": RoomWatch,
    "room:unwatch": RoomUnwatch,
    "ranking:watch": RankingWatch,
    "ranking:unwatch": RankingUnwatch,
    "user:identify": UserIdentify,
    "user:status": UserStatus,
}


# -- What facts and answers are made of --------------------------------------------------------------------------------


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
    info: dict[str, object] | msgspec.UnsetType = msgspec.UNSET


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


# -- Facts -------------------------------------------------------------------------------------------------------------


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


FACTS: dict[str, type[msgspec.Struct]] = {
    "room:changed": RoomChanged,
    "ranking:changed": RankingChanged,
}

"""The vocabulary of the whole project as types. Nothing here does anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, NewType, Protocol

import msgspec

UserId = NewType("UserId", str)
Room = NewType("Room", str)
Sid = NewType("Sid", str)

Scalar = str | int | float | bool | None
State = Mapping[str, Scalar]
"""What a connection publishes in a room: flat JSON, at most 1 KB encoded."""

ONLINE = Room("@online")
"""The reserved room in which every connection is a member."""


class User(msgspec.Struct, frozen=True, gc=False):
    """Who is behind a connection.

    Args:
        id: a stable string, 1 to 128 bytes. Anonymous visitors have `~` and an alias.
        name: what other people see, at most 100 characters.
        info: a small JSON object for other people to see (an avatar, a colour), from the token or the hook only.
        anonymous: nobody vouched for this person.
        rooms: the rooms that the token grants; None means every room that the application does not refuse.
            An entry that ends in `*` grants a prefix.
    """

    id: str
    name: str = ""
    info: dict[str, object] | None = None
    anonymous: bool = False
    rooms: tuple[str, ...] | None = None


class Vouched(NamedTuple):
    """Who a token stands for, and until when.

    Args:
        user: who.
        expires_s: the token's date, in seconds since the epoch; 0: whoever said who it is will also say when that ends.
    """

    user: User
    expires_s: int = 0


class Clock(Protocol):
    """Time, as the node needs it. Tests pass a simulated one."""

    def now_s(self) -> float:
        """Seconds on a monotonic clock: deadlines and intervals."""

    def wall_ms(self) -> int:
        """Milliseconds since the epoch: what people are shown."""

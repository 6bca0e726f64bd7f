"""What a back end may ask about presence: who is online, where, and to end somebody's connections."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from alsohere.domain.access import check_room
from alsohere.facts import Member, RoomCount, Status
from alsohere.node.node import Node
from alsohere.server.endpoint import Endpoint
from alsohere.types import ONLINE


class OnlineAnswer(msgspec.Struct):
    """Who is online. `count` is exact; `members` leaves invisible people out."""

    count: int
    members: list[Member]


class RoomsAsked(msgspec.Struct):
    """Which rooms, and how many of them."""

    prefix: Annotated[str, Meta(max_length=200, description="Only rooms that begin with it.")] = ""
    order: Annotated[Literal["count", "name"], Meta(description="Most people first, or by name.")] = "count"
    limit: Annotated[int, Meta(ge=1, le=1000, description="How many, at most.")] = 100


class RoomsAnswer(msgspec.Struct):
    """Rooms with anybody in them."""

    rooms: list[RoomCount]


class RoomAsked(msgspec.Struct):
    """Which room."""

    room: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=200,
            description="The room, percent-encoded: `/post/1` is `%2Fpost%2F1`.",
            examples=["/post/1"],
            extra_json_schema={"format": "room"},
        ),
    ]


class RoomAnswer(msgspec.Struct):
    """Who is in a room. `count` is exact; `members` leaves invisible people out."""

    room: str
    count: int
    members: list[Member]


UserKey = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=128,
        description="The user's id, percent-encoded.",
        examples=["42"],
        extra_json_schema={"format": "user"},
    ),
]


class UserAsked(msgspec.Struct):
    """Which user."""

    id: UserKey


class UserAnswer(msgspec.Struct):
    """Where a user is. Nobody who is not online has a status."""

    id: str
    online: bool
    status: Status | None
    connections: int
    rooms: list[str]


class KickAnswer(msgspec.Struct):
    """How many connections were ended."""

    connections: int


class PresenceApi:
    """The endpoints of presence.

    Args:
        node: what they tell about.
    """

    def __init__(self, node: Node) -> None:
        self._node = node

    def online(self) -> OnlineAnswer:
        """Who is online."""
        return OnlineAnswer(self._node.count(ONLINE), self._node.members(ONLINE))

    def rooms(self, asked: RoomsAsked) -> RoomsAnswer:
        """The rooms with the most people, or the first by name."""
        ask = self._node.ranking if asked.order == "count" else self._node.rooms_by_name
        return RoomsAnswer(ask(asked.prefix, asked.limit))

    def room(self, asked: RoomAsked) -> RoomAnswer:
        """Who is in a room.

        A room that nobody is in has `count` 0.
        """
        check_room(asked.room)
        return RoomAnswer(asked.room, self._node.count(asked.room), self._node.members(asked.room))

    def user(self, asked: UserAsked) -> UserAnswer:
        """Whether a user is online, and where.

        Tells of invisible users too: whoever has the key decides by this how to reach them.
        """
        member, rooms = self._node.whereabouts(asked.id)
        if member is None:
            return UserAnswer(asked.id, online=False, status=None, connections=0, rooms=[])
        return UserAnswer(asked.id, online=True, status=member.status, connections=member.connections, rooms=rooms)

    def kick(self, asked: UserAsked) -> KickAnswer:
        """End every connection of a user, in all namespaces, within a second.

        Nobody else's ends, even if it shares a transport. Their clients stay away until the page is loaded again; a token that is
        still valid lets them in then.
        """
        return KickAnswer(self._node.kick(asked.id))


def presence_endpoints(node: Node) -> list[Endpoint]:
    """The endpoints of presence."""
    api = PresenceApi(node)
    return [
        Endpoint("GET", "/online", api.online, scope="read"),
        Endpoint("GET", "/rooms", api.rooms, scope="read"),
        Endpoint("GET", "/rooms/{room}", api.room, errors=["bad_room"], scope="read"),
        Endpoint("GET", "/users/{id}", api.user, scope="read"),
        Endpoint("DELETE", "/users/{id}/connections", api.kick, scope="users"),
    ]

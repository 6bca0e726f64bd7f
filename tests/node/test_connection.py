"""One Socket.IO connection, as the application sees it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from alsohere.errors import BadRequest, LimitReached, NotInRoom
from alsohere.node.connection import Connection
from alsohere.node.handshake import Handshake
from alsohere.node.node import NodeRules
from alsohere.types import User
from support.simulation import SimulatedClient, World

HEADERS = (
    (b"cookie", b"session=abc; theme=dark"),
    (b"authorization", b"Bearer from-the-header"),
    (b"user-agent", b"a browser"),
)


def connected(auth: dict[str, Any] | None = None, headers: Any = HEADERS, query: bytes = b"page=1") -> Connection:
    """A connection that came with a request, and an application that reads it."""
    world = World()
    world.user = lambda auth: User("ann", "Ann")
    world.hooks.authenticate = lambda connection: None
    peer = world.node.open(Handshake(headers, query, "10.0.0.1"))
    peer.receive(b"40" + (json.dumps(auth).encode() if auth is not None else b""))
    return peer.connection("/")


# -- The request it came with ------------------------------------------------------------------------------------------


def test_an_application_can_read_what_a_client_came_with():
    connection = connected({"token": "a-token", "of": ["its", "own"]})
    assert connection.auth == {"token": "a-token", "of": ["its", "own"]}
    assert connection.token == "a-token"
    assert connection.cookies == {"session": "abc", "theme": "dark"}
    assert connection.headers["user-agent"] == "a browser"
    assert (connection.query, connection.client) == ({"page": "1"}, "10.0.0.1")


@pytest.mark.parametrize("auth", [None, {}, {"token": None}, {"token": 7}, {"token": ["x"]}])
def test_without_a_token_in_the_payload_that_of_the_request_counts(auth: Any):
    assert connected(auth).token == "from-the-header"
    assert connected(auth, headers=()).token is None


def test_changing_what_was_read_changes_nothing():
    connection = connected({"token": "a"})
    connection.auth["token"] = "b"
    assert connection.token == "a"


def test_data_is_for_the_application_and_each_connection_has_its_own():
    first, second = connected(), connected()
    assert first.data == {}
    first.data["seen"] = 7
    assert (first.data, second.data) == ({"seen": 7}, {})


def test_a_connection_shows_who_it_is_and_not_its_secrets():
    connection = connected({"token": "a-token"})
    assert repr(connection) == "<Connection ann in />"
    world = World()
    assert repr(Connection(world.node, world.node.open(Handshake((), b"", "")), "/x", b"")) == "<Connection nobody in /x>"


# -- What a handler may do ---------------------------------------------------------------------------------------------


def play(scenario: Any, **rules: Any) -> None:
    """Run a coroutine with a world, a client and its connection."""
    world = World(NodeRules(**rules))
    ann = world.client("ann")
    asyncio.run(scenario(world, ann, ann.connection))


def test_a_handler_sends_events():
    async def scenario(world: World, ann: SimulatedClient, conn: Connection) -> None:
        await conn.emit("news", 1, {"a": None})
        assert ann.events == [("news", [1, {"a": None}])]
        with pytest.raises(TypeError):
            await conn.emit("news", object())
        ann.lose_transport()
        await conn.emit("news")
        assert len(ann.events) == 1

    play(scenario)


def test_a_handler_makes_members_that_watch_nothing():
    async def scenario(world: World, ann: SimulatedClient, conn: Connection) -> None:
        member = await conn.enter("/r", {"x": 1})
        assert (member.id, member.state, conn.rooms) == ("ann", {"x": 1}, ["/r"])
        member = await conn.update("/r", {"x": None, "y": 2})
        assert member.state == {"y": 2}
        assert world.node.members("/r") == [member]
        world.pass_time(2.0)
        await conn.leave("/r")
        world.pass_time(2.0)
        assert (conn.rooms, ann.events) == ([], [])

    play(scenario)


def test_a_room_may_be_left_with_the_transport_without_a_grace():
    async def scenario(world: World, ann: SimulatedClient, conn: Connection) -> None:
        await conn.enter("/kept")
        await conn.enter("/page", grace=False)
        ann.lose_transport()
        assert (world.node.count("/kept"), world.node.count("/page")) == (1, 0)
        world.pass_time(2.1)
        assert world.node.count("/kept") == 0

    play(scenario)


def test_a_handler_is_told_what_cannot_be():
    async def scenario(world: World, ann: SimulatedClient, conn: Connection) -> None:
        for refused, attempt in (
            (BadRequest, conn.enter("")),
            (BadRequest, conn.enter("\ud800")),
            (BadRequest, conn.enter("/r", {"x": "y" * 2000})),
            (NotInRoom, conn.leave("/r")),
            (NotInRoom, conn.update("/r", {})),
            (NotInRoom, conn.leave("@online")),
        ):
            with pytest.raises(refused):
                await attempt
        await conn.enter("/1")
        with pytest.raises(LimitReached):
            await conn.enter("/2")
        assert conn.rooms == ["/1"]
        ann.lose_transport()
        with pytest.raises(NotInRoom, match="ended"):
            await conn.enter("/1")

    play(scenario, rooms_per_connection=1)


def test_a_handler_makes_a_connection_somebody_elses():
    async def scenario(world: World, ann: SimulatedClient, conn: Connection) -> None:
        await conn.enter("/r", {"x": 1})
        await conn.identify(User("bob", "Bob"))
        assert conn.user.name == "Bob"
        assert [(member.id, member.state) for member in world.node.members("/r")] == [("bob", {"x": 1})]

    play(scenario)


def test_a_handler_ends_a_connection():
    async def scenario(world: World, ann: SimulatedClient, conn: Connection) -> None:
        await conn.enter("/r")
        await conn.disconnect()
        await conn.disconnect()
        assert (ann.packets[-1], conn.connected, world.node.count("/r")) == ("41", False, 0)

    play(scenario)

"""Who is let in: capacity, then the namespace, then identity."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from alsohere.errors import CloseCode, Forbidden, LimitReached, Refusal, Unauthenticated
from alsohere.node.admission import MAX_AUTH_KEYS, read_auth
from alsohere.node.handshake import Handshake
from alsohere.node.hooks import Handler
from alsohere.node.node import NodeRules
from alsohere.types import User
from support.loop import asynchronous, turns, until
from support.simulation import SimulatedClient, World


def refusal_of(client: SimulatedClient, namespace: str = "") -> dict[str, Any]:
    packet = client.packets[-1]
    assert packet.startswith(f"44{namespace}")
    return json.loads(packet[2 + len(namespace) :])


# -- Sessions ----------------------------------------------------------------------------------------------------------


def test_a_node_has_room_for_so_many_sessions():  # S4
    world = World(NodeRules(connections=2))
    first, _ = world.client("ann"), SimulatedClient(world)
    with pytest.raises(LimitReached) as full:
        SimulatedClient(world)
    assert (full.value.code, full.value.retry_after_ms) == ("limit", 5000)
    first.lose_transport()
    SimulatedClient(world)


def test_an_address_has_so_many_sessions_that_have_not_said_who_they_are():  # S4
    world = World(NodeRules(pending_per_client=2))
    strangers = [SimulatedClient(world) for _ in range(2)]
    with pytest.raises(LimitReached) as full:
        SimulatedClient(world)
    assert full.value.code == "rate"
    world.node.open(Handshake((), b"", "10.0.0.2"))
    strangers[0].send('40{"user":"ann"}')
    strangers.append(SimulatedClient(world))
    with pytest.raises(LimitReached):
        SimulatedClient(world)
    strangers[1].lose_transport()
    SimulatedClient(world)


def test_who_never_says_who_they_are_makes_room_in_time():
    world = World(NodeRules(pending_per_client=1))
    stranger = SimulatedClient(world)
    world.pass_time(10.1)
    assert stranger.closed[0] == CloseCode.TOO_SLOW
    SimulatedClient(world)


def test_a_refused_client_is_still_one_that_has_not_said_who_it_is():
    world = World(NodeRules(pending_per_client=1))
    SimulatedClient(world).send("40{}")
    with pytest.raises(LimitReached):
        SimulatedClient(world)


def test_a_draining_node_takes_nobody_in():
    world = World()
    world.node.draining = True
    with pytest.raises(LimitReached, match="restarting") as restarting:
        SimulatedClient(world)
    assert restarting.value.retry_after_ms == 1000


# -- Identity ----------------------------------------------------------------------------------------------------------


def test_who_is_let_in_is_online():
    world = World()
    ann = world.client("ann")
    assert json.loads(ann.packets[-1][2:]) == {"sid": ann.connection.sid}
    assert ann.connection.sid != ann.peer.sid
    assert [member.id for member in world.node.members("@online")] == ["ann"]
    assert world.node.connection_count == 1


def test_who_is_refused_is_told_why_and_nothing_is_kept():
    world = World()
    stranger = SimulatedClient(world)
    stranger.send("40{}")
    assert refusal_of(stranger) == {"message": "Say who you are.", "data": {"code": "unauthenticated"}}
    assert (world.node.connection_count, world.node.count("@online"), stranger.closed) == (0, 0, None)
    assert world.node.metrics.refusals == {"unauthenticated": 1}
    stranger.send('40{"user":"ann"}')
    assert world.node.count("@online") == 1


def test_a_namespace_that_the_application_does_not_know_is_invalid():
    world = World()
    world.hooks.namespace("/known")
    ann = world.client("ann")
    ann.send('40/unknown,{"user":"ann"}')
    assert refusal_of(ann, "/unknown,") == {"message": "Invalid namespace"}
    ann.send('40/known,{"user":"ann"}')
    assert ann.packets[-1].startswith('40/known,{"sid":')
    assert world.node.connection_count == 2
    assert world.node.count("@online") == 1


def test_a_user_has_so_many_connections():  # S4
    world = World(NodeRules(connections_per_user=2))
    tabs = [world.client("ann") for _ in range(2)]
    third = world.client("ann")
    assert refusal_of(third)["data"] == {"code": "limit"}
    assert world.client("bob").packets[-1].startswith("40")
    tabs[0].lose_transport()
    third.send('40{"user":"ann"}')
    assert third.packets[-1].startswith('40{"sid"')


def test_who_is_refused_for_want_of_room_and_stays_is_closed_a_second_later():  # S4
    world = World(NodeRules(connections_per_user=1))
    first, second, patient = world.client("ann"), world.client("ann"), world.client("ann")
    world.pass_time(0.9)
    assert (second.closed, patient.closed) == (None, None), "a client that closes by itself stays away"
    first.lose_transport()
    patient.send('40{"user":"ann"}')
    world.pass_time(0.2)
    assert second.closed == (CloseCode.RATE, "too many connections")
    world.pass_time(30.0)
    assert patient.closed is None


def test_who_is_in_another_namespace_stays_there():
    world = World(NodeRules(connections_per_user=1))
    world.hooks.namespace("/other")
    ann = world.client("ann")
    ann.send('40/other,{"user":"ann"}')
    assert refusal_of(ann, "/other,")["data"] == {"code": "limit"}
    world.pass_time(30.0)
    assert ann.closed is None


def from_address(world: World, address: str) -> SimulatedClient:
    client = SimulatedClient(world)
    world.node.admission.gone(client.peer)
    client.peer.handshake.client = address
    world.node.admission.pending(client.peer)
    return client


def test_an_address_has_so_many_connections(caplog: pytest.LogCaptureFixture):  # S4
    world = World(NodeRules(connections_per_client=2))
    world.hooks.namespace("/other")
    asked = []
    decide = world.node.admission._authenticator
    world.node.admission._authenticator = lambda connection: asked.append(connection) or decide(connection)
    clients = [from_address(world, f"2001:db8::{number}") for number in range(4)]
    for number, client in enumerate(clients):
        client.send(f'40{{"user":"u{number}"}}')
    assert [client.closed for client in clients] == [None, None] + [(CloseCode.RATE, "too many connections of this address")] * 2
    assert not any(packet.startswith(("41", "44")) for packet in clients[3].packets), "they may try again"
    assert len(asked) == 2, "the application is not asked"
    assert caplog.text.count("ALSOHERE_TRUSTED_PROXIES") == 1
    clients[0].send('40/other,{"user":"u0"}')
    assert clients[0].packets[-1].startswith("40/other,"), "it has its place"
    elsewhere = from_address(world, "2001:db8:0:1::1")
    elsewhere.send('40{"user":"ann"}')
    clients[1].lose_transport()
    again = from_address(world, "2001:db8::9")
    again.send('40{"user":"ann"}')
    assert (elsewhere.closed, again.closed) == (None, None)
    for client in (clients[0], elsewhere, again):
        client.lose_transport()
    assert not world.node.admission._joined_by_client  # P11


def test_no_limit_of_an_address():
    world = World(NodeRules(connections_per_client=0))
    clients = [world.client(f"u{number}") for number in range(10)]
    assert [client.closed for client in clients] == [None] * 10


@asynchronous
async def test_of_those_who_wait_to_be_let_in_no_more_come_than_an_address_may_have():  # S4
    gate = asyncio.Event()

    async def who(connection: Any) -> User:
        await gate.wait()
        return User(connection.auth["user"])

    world = World(NodeRules(connections_per_client=1))
    world.node.admission._authenticator = who
    clients = [world.client(f"u{number}") for number in range(3)]
    gate.set()
    await until(lambda: all(client.packets or client.closed for client in clients))
    assert sorted(client.closed is None for client in clients) == [False, False, True]
    assert world.node.metrics.internal_errors == 0


def admitted_by(authenticator: Any) -> World:
    world = World()
    world.node.admission._authenticator = authenticator
    return world


@asynchronous
async def test_an_application_may_take_its_time_to_decide():
    gate = asyncio.Event()

    async def who(connection: Any) -> User:
        await gate.wait()
        return User(connection.auth["user"])

    world = admitted_by(who)
    ann = world.client("ann")
    await turns()
    assert (ann.packets, world.node.connection_count) == ([], 0)
    gate.set()
    await until(lambda: ann.packets)
    assert ann.packets[-1].startswith('40{"sid"')
    assert ann.connection.user == User("ann")


@pytest.mark.parametrize(
    ("raised", "message", "code"),
    [
        (Unauthenticated("Who?"), "Who?", "unauthenticated"),
        (Forbidden("Not you."), "Not you.", "forbidden"),
        (Refusal("Later.", code="busy"), "Later.", "busy"),
        (KeyError("secret"), "The application could not decide; try again.", "internal"),
    ],
    ids=["unauthenticated", "forbidden", "own", "error"],
)
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@asynchronous
async def test_what_the_application_raises_refuses(raised: Exception, message: str, code: str, is_async: bool):
    def refuse(connection: Any) -> User:
        raise raised

    async def refuse_later(connection: Any) -> User:
        await asyncio.sleep(0)
        raise raised

    world = admitted_by(refuse_later if is_async else refuse)
    ann = world.client("ann")
    await until(lambda: ann.packets)
    assert refusal_of(ann) == {"message": message, "data": {"code": code}}
    assert (ann.closed, world.node.connection_count) == (None, 0)


@pytest.mark.parametrize("raised", [None, Unauthenticated("Who?"), KeyError("x")], ids=["yes", "no", "error"])
@asynchronous
async def test_a_decision_about_who_is_gone_decides_nothing(
    raised: Exception | None, caplog: pytest.LogCaptureFixture
):  # S3, P11
    gate = asyncio.Event()

    async def who(connection: Any) -> User:
        await gate.wait()
        if raised is not None:
            raise raised
        return User("ann")

    world = admitted_by(who)
    ann = world.client("ann")
    await turns()
    ann.lose_transport()
    gate.set()
    await until(lambda: not world.node.tasks)
    assert (ann.packets, world.node.connection_count, world.node.count("@online")) == ([], 0, 0)
    assert ("failed" in caplog.text) == isinstance(raised, KeyError)


@asynchronous
async def test_who_is_kicked_is_not_let_in_by_a_decision_of_before():
    """Logged out, then `kick`: whoever was asked about them a moment ago may have answered with the old session."""
    gates = {name: asyncio.Event() for name in ("ann", "bob")}

    async def who(connection: Any) -> User:
        await gates[connection.auth["user"]].wait()
        return User(connection.auth["user"])

    world = admitted_by(who)
    ann, bob = world.client("ann"), world.client("bob")
    await turns()
    assert world.node.kick("ann") == 0, "there is no connection yet"
    for gate in gates.values():
        gate.set()
    await until(lambda: ann.closed and bob.packets)
    assert (ann.closed[0], ann.packets) == (CloseCode.TRY_LATER, []), "its client comes again, and is decided about anew"
    assert bob.connection.user == User("bob"), "nobody else is concerned"
    again = world.client("ann")
    await until(lambda: again.packets)
    assert again.connection.user == User("ann")
    await until(lambda: not world.node.tasks)
    assert world.node.admission._kicked == {}


@asynchronous
async def test_who_waits_for_a_decision_too_long_is_closed():
    async def who(connection: Any) -> User:
        await asyncio.Event().wait()
        return User("ann")

    world = admitted_by(who)
    ann = world.client("ann")
    await turns()
    world.pass_time(10.1)
    assert ann.closed[0] == CloseCode.TOO_SLOW


@asynchronous
async def test_two_who_come_at_once_do_not_both_take_the_last_place():  # S4
    gate = asyncio.Event()

    async def who(connection: Any) -> User:
        await gate.wait()
        return User("ann")

    world = World(NodeRules(connections_per_user=1))
    world.node.admission._authenticator = who
    tabs = [world.client("ann") for _ in range(2)]
    gate.set()
    await until(lambda: all(tab.packets for tab in tabs))
    assert sorted(tab.packets[0][:2] for tab in tabs) == ["40", "44"]
    assert world.node.connection_count == 1


def test_what_a_client_asks_with_is_kept_only_for_those_who_read_it():
    headers = ((b"cookie", b"session=1"), (b"user-agent", b"x" * 500))
    for authenticate, kept in ((None, {}), (lambda connection: None, {"session": "1"})):
        world = World()
        world.hooks.authenticate = authenticate
        peer = world.node.open(Handshake(headers, b"a=1", "10.0.0.1"))
        peer.receive(b'40{"user":"ann"}')
        assert peer.connection("/").cookies == kept


# -- The payload of CONNECT --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "payload",
    [b"", b"{}", b'{"token":"x"}', b'{"a":{"b":[1,null,"\xc3\xa9"]}}', b'{"user":"' + b"x" * 8000 + b'"}'],
)
def test_a_payload_is_an_object(payload: bytes):
    read_auth(payload)


@pytest.mark.parametrize(
    "payload",
    [
        b"[]",
        b"null",
        b'"token"',
        b"-1",
        b"{",
        b'{"a":1}x',
        b"{'a':1}",
        b'{"a":NaN}',
        b'{"a":1e999}',
        b'{"a":"\xff"}',
        b'{"a":"\\ud800"}',
        b'{"token":"a","token":"b"}',
        b'{"a":{"user":"a","user":"b"}}',
        b'{"a":' * 33 + b"1" + b"}" * 33,
        json.dumps({f"k{number}": 1 for number in range(MAX_AUTH_KEYS + 1)}).encode(),
        b'{"user":"' + b"x" * 8200 + b'"}',
    ],
    ids=lambda payload: payload[:20],
)
def test_a_payload_that_two_readers_could_read_differently_is_refused(payload: bytes):
    with pytest.raises(Refusal) as refused:
        read_auth(payload)
    assert refused.value.code == "bad_auth"
    stranger = SimulatedClient(World())
    stranger.peer.receive(b"40" + payload)
    assert refusal_of(stranger)["data"] == {"code": "bad_auth"}


def test_hooks_of_a_connection_that_was_refused_are_not_called():
    world = World()
    calls: list[Any] = []
    world.hooks.namespace("/").connected.append(Handler(calls.append))
    world.hooks.namespace("/").disconnected.append(Handler(calls.append))
    stranger = SimulatedClient(world)
    stranger.send("40{}")
    stranger.lose_transport()
    assert calls == []

"""One client of a node, whichever transport it uses."""

from __future__ import annotations

import pytest

from alsohere.errors import CloseCode, Disconnect
from alsohere.node.handshake import Handshake
from alsohere.node.node import NodeRules
from alsohere.node.peer import MISSING_S, POLL_GAP_S, Peer
from alsohere.session.session import SessionRules
from alsohere.wire.engineio import NOOP_PACKET, Packet
from support.simulation import SimulatedClient, World


@pytest.fixture
def world() -> World:
    return World()


# -- The barrier -------------------------------------------------------------------------------------------------------


def test_an_error_of_ours_ends_that_connection_and_nothing_else(world: World, caplog: pytest.LogCaptureFixture):  # S5
    world.hooks.namespace("/other")
    ann, bob = world.client("ann"), world.client("bob")
    ann.send('40/other,{"user":"ann"}')
    world.hooks.namespace("/other").events = None  # a bug that no application can make
    ann.send('42/other,["x"]')
    assert ann.closed == (CloseCode.INTERNAL, "internal error")
    assert (world.node.metrics.internal_errors, "AttributeError" in caplog.text) == (1, True)
    assert bob.call("room:enter", {"room": "/r"})["ok"]


def test_what_is_not_the_protocol_ends_the_connection_and_its_client_may_come_back(world: World):
    ann = world.client("ann")
    ann.send("42nonsense")
    assert ann.closed[0] == CloseCode.BAD_PACKET
    assert not any(packet.startswith("41") for packet in ann.packets)
    assert world.node.metrics.disconnects == {"4400": 1}


def test_after_the_end_nothing_is_heard_and_it_ends_once(world: World):  # S3
    ann = world.client("ann")
    peer = ann.peer
    peer.disconnect(Disconnect(CloseCode.POLICY, "first"))
    peer.disconnect(Disconnect(CloseCode.NORMAL, "second"))
    peer.end()
    peer.receive(b'42["x"]')
    peer.expect_poll()
    assert ann.closed == (CloseCode.POLICY, "first")
    assert world.node.metrics.disconnects == {"1008": 1}
    assert world.node.peers == {}


def test_who_shall_stay_away_is_told_so_in_every_namespace(world: World):
    world.hooks.namespace("/other")
    ann = world.client("ann")
    ann.send('40/other,{"user":"ann"}')
    ann.peer.disconnect(Disconnect(CloseCode.FORBIDDEN, "away", stay_away=True))
    assert ann.packets[-2:] == ["41", "41/other,"]


def test_a_session_without_a_transport_ends_too(world: World):
    peer = world.node.open(Handshake((), b"", ""))
    peer.disconnect(Disconnect(CloseCode.POLICY, "x"))
    assert (peer.ended, world.node.peers) == (True, {})


def test_a_peer_knows_its_connections_by_namespace(world: World):
    world.hooks.namespace("/other")
    ann = world.client("ann")
    ann.send('40/other,{"user":"ann"}')
    assert ann.peer.connection("/other").namespace == "/other"
    with pytest.raises(LookupError):
        ann.peer.connection("/nowhere")


def test_a_raw_session_echoes(world: World):
    sent: list[Packet] = []
    client = SimulatedClient(world)
    client.write = sent.append
    peer = world.node.open(Handshake((), b"", ""), SessionRules(raw=True))
    peer.outbox.attach(client, ready=True)
    peer.receive(b"4hello")
    peer.receive(b"\x00\x01", binary=True)
    assert [(packet.data, packet.binary) for packet in sent] == [(b"4hello", False), (b"\x00\x01", True)]


# -- Time --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ping_interval_s", [1.0, 15.0, 100.0])
def test_attachments_that_do_not_come_end_the_connection_in_time(ping_interval_s: float):  # S4
    world = World(session_rules=SessionRules(ping_interval_s=ping_interval_s))
    ann = world.client("ann")
    world.pass_time(11.0)
    ann.send('451-["x",{"_placeholder":true,"num":0}]')
    world.pass_time(9.9)
    assert ann.closed is None
    world.pass_time(0.2)
    assert ann.closed[0] == CloseCode.BAD_PACKET


def test_who_leaves_every_namespace_and_joins_none_is_closed_in_time(world: World):
    ann = world.client("ann")
    world.pass_time(100.0)
    ann.send("41")
    world.pass_time(9.0)
    assert ann.closed is None
    world.pass_time(1.1)
    assert ann.closed == (CloseCode.TOO_SLOW, "no namespace was connected in time")


class Poll:
    """A polling transport that keeps how its poll was answered."""

    def __init__(self) -> None:
        self.is_waiting = True
        self.farewell: Packet | None = None

    def release(self, farewell: Packet) -> None:
        self.farewell = farewell


def polling(world: World) -> tuple[Peer, Poll]:
    peer = world.node.open(Handshake((), b"", ""))
    peer.poll = Poll()
    peer.receive(b'40{"user":"ann"}')
    return peer, peer.poll


def test_a_client_between_two_polls_comes_back_soon_or_is_gone(world: World):  # P12
    peer, poll = polling(world)
    poll.is_waiting = False
    peer.expect_poll()
    world.pass_time(POLL_GAP_S - 0.1)
    assert world.told == [("enter", "@online", "ann")], "a healthy client needs no longer"
    world.pass_time(0.2)
    assert world.told[1:] == [("leave", "@online", "ann")]
    assert not peer.ended, "it may be slow"
    world.pass_time(MISSING_S)
    assert peer.ended
    world.pass_time(5.0)
    assert world.told[1:] == [("leave", "@online", "ann")], "once (P4)"
    assert world.node.presence.is_empty()


def test_a_slow_client_is_back_as_the_same_session(world: World):  # P2
    ann, bob = world.client("ann"), world.client("bob")
    for client in (ann, bob):
        client.call("room:enter", {"room": "/r", "state": {"of": client.connection.user.id}})
    world.told.clear()
    ann.peer.expect_poll()
    world.pass_time(POLL_GAP_S + 0.2)
    assert bob.last("room:changed")["leave"] == [{"id": "ann", "reason": "disconnected"}]
    ann.peer.found()
    world.pass_time(0.2)
    assert [(member["id"], member["state"]) for member in bob.last("room:changed")["enter"]] == [("ann", {"of": "ann"})]
    world.pass_time(10.0)
    assert world.told == [
        ("leave", "@online", "ann"),
        ("leave", "/r", "ann"),
        ("enter", "@online", "ann"),
        ("enter", "/r", "ann"),
    ]
    assert not ann.peer.ended


def test_a_client_that_is_missing_is_not_counted_by_a_push_and_hears_it_when_it_is_back(world: World):  # P12
    ann = world.client("ann")
    ann.call("room:enter", {"room": "/r"})
    pushes = (lambda: world.node.push.to_users(["ann"], "news", ()), lambda: world.node.push.to_rooms(["/r"], "news", ()))
    ann.peer.expect_poll()
    assert [push() for push in pushes] == [{"ann": 1}, {"/r": 1}]
    world.pass_time(POLL_GAP_S + 0.2)
    assert [push() for push in pushes] == [{"ann": 0}, {"/r": 0}]
    assert world.node.push.to_all("news", ()) == 0
    assert [name for name, _ in ann.events].count("news") == 5


def test_while_a_client_is_missing_the_application_moves_it_unseen(world: World):
    ann = world.client("ann")
    world.node.enter(ann.connection, "/left", None, "none")
    ann.peer.expect_poll()
    world.pass_time(POLL_GAP_S + 0.2)
    world.told.clear()
    assert world.node.enter(ann.connection, "/entered", {"a": 1}, "none").state == {"a": 1}
    world.node.update(ann.connection, "/entered", {"b": 2})
    world.node.leave(ann.connection, "/left")
    assert world.told == []
    assert world.node.rooms_of(ann.connection) == ["/entered"]
    ann.peer.found()
    assert world.told == [("enter", "@online", "ann"), ("enter", "/entered", "ann")]
    assert world.node.member_of(ann.connection, "/entered").state == {"a": 1, "b": 2}


def test_who_is_let_in_while_missing_is_seen_when_it_is_found(world: World):
    peer = world.node.open(Handshake((), b"", ""))
    peer.expect_poll()
    world.pass_time(POLL_GAP_S + 0.2)
    peer.receive(b'40{"user":"ann"}')  # an authenticate hook may take that long
    assert (world.told, world.node.count("@online")) == ([], 0)
    peer.found()
    assert world.told == [("enter", "@online", "ann")]


@pytest.mark.parametrize(("grace_s", "gap_s"), [(0.0, POLL_GAP_S), (2.0, 2.0), (30.0, 30.0)])
def test_the_time_without_a_poll_is_the_grace(grace_s: float, gap_s: float):  # P3, P12
    world = World(NodeRules(leave_grace_s=grace_s), session_rules=SessionRules(ping_interval_s=100.0))
    polling(world)[0].expect_poll()
    world.pass_time(gap_s - 0.1)
    assert world.node.count("@online") == 1
    world.pass_time(0.2)
    assert world.node.count("@online") == 0


def test_a_waiting_poll_is_let_go(world: World):
    peer, poll = polling(world)
    peer.release_poll(NOOP_PACKET)
    assert poll.farewell is NOOP_PACKET
    world.node.open(Handshake((), b"", "")).release_poll(NOOP_PACKET)

"""Invariants that can be tried in a few lines each, on a whole node under a simulated clock.

The rest of them are held by the state machine in tests/model. In words: docs/reference/invariants.md.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alsohere.domain.identity import anonymous_user
from alsohere.errors import CloseCode
from alsohere.node.node import NodeRules
from alsohere.session.session import MAX_PENDING_ACKS, SessionRules
from alsohere.types import User
from support.simulation import SimulatedClient, World

SECRET = b"a-secret-of-more-than-thirty-two-bytes"


def test_no_data_of_an_event_makes_somebody_somebody_else():  # P9
    world = World()
    ann, bob = world.client("ann"), world.client("bob")
    ann.call(
        "room:enter", {"room": "/r", "id": "bob", "user": "bob", "self": {"id": "bob"}, "state": {"id": "bob", "name": "Bob"}}
    )
    ann.call("room:update", {"room": "/r", "state": {"user": "bob"}})
    members = bob.call("room:watch", {"rooms": ["/r"]})["rooms"][0]["members"]
    assert [(member["id"], member["name"]) for member in members] == [("ann", "Ann")]


def test_knowing_a_public_id_lets_nobody_take_its_place():  # P9
    somebody = anonymous_user("a-visitor-id", SECRET)
    for guess in (somebody.id, somebody.id[1:], somebody.name):
        assert anonymous_user(guess, SECRET).id != somebody.id
    assert anonymous_user("a-visitor-id", SECRET[::-1]).id != somebody.id


@pytest.mark.parametrize("after_s", [0.0, 7.0, 14.9])
def test_a_silent_client_is_gone_after_interval_and_timeout(after_s: float):  # P12
    world = World(NodeRules(leave_grace_s=2.0), session_rules=SessionRules(ping_interval_s=15.0, ping_timeout_s=8.0))
    ann, bob = world.client("ann"), world.client("bob")
    for client in (ann, bob):
        client.call("room:enter", {"room": "/r"})
    world.pass_time(after_s)
    ann.is_silent = True
    world.pass_time(15.0 + 8.0 + 0.2)
    assert ann.closed == (CloseCode.TOO_SLOW, "ping timeout")
    assert bob.last("room:changed")["leave"] == [{"id": "ann", "reason": "timeout"}]


def test_a_lost_transport_is_a_leave_after_the_grace():  # P12
    world = World(NodeRules(leave_grace_s=2.0))
    ann, bob = world.client("ann"), world.client("bob")
    for client in (ann, bob):
        client.call("room:enter", {"room": "/r"})
    ann.lose_transport()
    world.pass_time(1.9)
    assert world.node.count("/r") == 2
    world.pass_time(0.3)
    assert bob.last("room:changed")["count"] == 1


@pytest.mark.parametrize(
    "packet", ["41", '42["room:enter",{"room":"/r"}]', "431[]", '451-["x",{"_placeholder":true,"num":0}]', "461-1[]"]
)
def test_nothing_but_connect_is_heard_before_a_namespace_is_open(packet: str):  # S1
    world = World()
    stranger = SimulatedClient(world)
    stranger.send(packet)
    assert stranger.closed[0] == CloseCode.BAD_PACKET
    assert world.node.count("/r") == 0


def test_an_ack_id_is_answered_at_most_once():  # S2
    world = World()
    ann = world.client("ann")
    session = ann.peer.session
    ack_id = session.expect_ack("/")
    assert session.receive(b"43%d[1]" % ack_id, world.clock.now_s()).args == [1]
    assert session.receive(b"43%d[2]" % ack_id, world.clock.now_s()) is None
    ann.call("room:enter", {"room": "/r"})
    world.pass_time(1.0)
    assert len([packet for packet in ann.packets if packet.startswith("43")]) == 1


def test_nothing_is_sent_or_heard_after_a_close():  # S3
    world = World()
    ann = world.client("ann")
    ann.call("room:enter", {"room": "/r"})
    world.node.kick("ann")
    assert ann.closed[0] == CloseCode.FORBIDDEN
    before = list(ann.packets)
    ann.send('422["room:enter",{"room":"/r"}]')
    world.node.push.to_all("late", ())
    world.pass_time(30.0)
    assert ann.packets == before
    assert world.node.count("/r") == 0


def test_what_one_client_can_make_us_keep_is_bounded():  # S4
    world = World(NodeRules(outbox_bytes=10_000))
    slow, hasty, rude = world.client("slow"), world.client("hasty"), world.client("rude")
    slow.peer.outbox.pause()
    for _ in range(100):
        world.node.push.to_users(["slow"], "news", ("x" * 1000,))
        assert slow.peer.outbox.queued_bytes <= 10_000
    world.pass_time(1.0)
    assert slow.closed[0] == CloseCode.TOO_SLOW
    hasty.send('4511-["too many attachments",{"_placeholder":true,"num":0}]')
    assert hasty.closed[0] == CloseCode.BAD_PACKET
    for _ in range(MAX_PENDING_ACKS):
        rude.peer.session.expect_ack("/")
    with pytest.raises(Exception, match="unanswered"):
        rude.peer.session.expect_ack("/")


PIECES = st.sampled_from(
    ["0", "1", "2", "3", "4", "40", "41", "42", "43", "44", "45", "5", "6", "1-", "/x,", "7", "[", "]", "{", '"', "\\ud800", "é"]
)


@given(
    st.lists(
        st.one_of(st.binary(max_size=40), st.lists(PIECES, max_size=8).map(lambda parts: "".join(parts).encode())), max_size=6
    )
)
def test_no_input_ends_the_process_or_disturbs_another(packets: list[bytes]):  # S5
    world = World()
    bystander = world.client("bystander")
    bystander.call("room:enter", {"room": "/r"})
    attacker = world.client("attacker")
    attacker.send('42["room:enter",{"room":"/r"}]')
    for packet in packets:
        attacker.peer.receive(packet)
        attacker.peer.receive(packet, binary=True)
    assert world.node.metrics.internal_errors == 0
    attacker.lose_transport()
    world.pass_time(3.0)
    assert world.told.count(("leave", "/r", "attacker")) == 1
    assert bystander.call("room:update", {"room": "/r", "state": {"well": True}}) == {"ok": True}
    assert bystander.closed is None


def test_who_becomes_somebody_else_keeps_no_ranking_that_they_may_not_see():  # P9
    world = World()
    ann = world.client("ann")
    for prefix in ("/open/", "/secret/"):
        ann.call("ranking:watch", {"prefix": prefix})
    world.node.identify(ann.connection, User("eve", "Eve", rooms=("/open/*",)))
    for room in ("/open/1", "/secret/1"):
        world.client("bob").call("room:enter", {"room": room})
    world.pass_time(2.0)
    assert {args[0]["prefix"] for name, args in ann.events if name == "ranking:changed"} == {"/open/"}

"""One client that reads too slowly is closed, and nobody else notices."""

from __future__ import annotations

from alsohere.errors import CloseCode
from alsohere.node.node import NodeRules
from support.simulation import World


def test_a_reader_who_lets_too_many_bytes_wait_is_closed_at_once():  # S4
    world = World(NodeRules(outbox_bytes=5000))
    slow, quick = world.client("slow"), world.client("quick")
    slow.call("room:enter", {"room": "/r"})
    slow.peer.outbox.pause()
    for _ in range(6):
        world.node.push.to_all("news", ("x" * 1000,))
    world.pass_time(0.01)
    assert slow.closed == (CloseCode.TOO_SLOW, "the client reads too slowly")
    assert not [event for event in slow.events if event[0] == "news"]
    assert len([event for event in quick.events if event[0] == "news"]) == 6
    assert (quick.closed, world.node.metrics.slow_closed) == (None, 1)
    assert world.node.metrics.disconnects == {"4408": 1}


def test_a_reader_who_lets_a_packet_wait_too_long_is_closed():
    world = World(NodeRules(outbox_age_s=10.0))
    slow = world.client("slow")
    slow.peer.outbox.pause()
    world.node.push.to_all("news", ())
    world.pass_time(9.9)
    assert slow.closed is None
    world.pass_time(2.0)
    assert slow.closed[0] == CloseCode.TOO_SLOW


def test_a_reader_who_catches_up_in_time_stays():
    world = World(NodeRules(outbox_age_s=10.0))
    slow = world.client("slow")
    for _ in range(5):
        slow.peer.outbox.pause()
        world.node.push.to_all("news", ())
        world.pass_time(7.0)
        slow.peer.outbox.resume()
    world.pass_time(60.0)
    assert (slow.closed, len([event for event in slow.events if event[0] == "news"])) == (None, 5)


def test_many_readers_who_wait_a_moment_do_not_put_off_the_end_of_a_slow_one():
    world = World(NodeRules(outbox_age_s=5.0))
    slow, busy = world.client("slow"), world.client("busy")
    slow.peer.outbox.pause()
    world.node.push.to_users(["slow"], "news", ())
    for _ in range(70):
        busy.peer.outbox.pause()
        world.node.push.to_users(["busy"], "news", ())
        world.pass_time(0.05)
        busy.peer.outbox.resume()
        world.pass_time(0.05)
    assert (slow.closed[0], busy.closed) == (CloseCode.TOO_SLOW, None)


def test_a_slow_reader_who_is_gone_is_not_closed_again():
    world = World(NodeRules(outbox_age_s=5.0))
    slow = world.client("slow")
    slow.peer.outbox.pause()
    world.node.push.to_all("news", ())
    slow.lose_transport()
    world.pass_time(60.0)
    assert (world.node.metrics.slow_closed, world.due_s) == (0, None)

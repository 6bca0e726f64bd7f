"""Who watches a room that was empty for less than a tick."""

from __future__ import annotations

from support.simulation import World


def test_a_room_that_empties_and_fills_within_a_tick_keeps_its_new_watchers():
    world = World()
    world.client("ann").call("room:enter", {"room": "/a"})
    world.node.kick("ann")
    bob = world.client("bob")
    bob.call("room:enter", {"room": "/a"})
    world.pass_time(1.0)
    bob.call("room:update", {"room": "/a", "state": {"x": 1}})
    world.pass_time(1.0)
    assert bob.last("room:changed")["update"] == [{"id": "bob", "state": {"x": 1}}]

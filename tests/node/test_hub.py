"""From changes of rooms to outboxes: who is told what, how often, and in whose encoding."""

from __future__ import annotations

import gc
import json
from itertools import pairwise
from typing import Any

import pytest

from alsohere.domain.feed import FeedRules
from alsohere.node.connection import Connection
from alsohere.node.hub import MAX_RANKINGS, MAX_RANKINGS_PER_CONNECTION
from alsohere.node.node import NodeRules
from alsohere.wire.engineio import Packet
from support.simulation import SimulatedClient, World


class Watcher(SimulatedClient):
    """A client that keeps the packets themselves, and when they came."""

    def __init__(self, world: World) -> None:
        self.kept: list[Packet] = []
        self.times: list[float] = []
        super().__init__(world)

    def write(self, packet: Packet) -> None:
        self.kept.append(packet)
        super().write(packet)

    def heard(self, name: str, args: list[Any]) -> None:
        self.times.append(self.world.clock.time_s)

    def facts(self, name: str = "room:changed") -> list[Any]:
        """What it was told since the last time it was asked."""
        heard = [args[0] for event, args in self.events if event == name]
        self.events.clear()
        return heard


@pytest.fixture
def world() -> World:
    return World(NodeRules(packet_burst=1000))


def client(world: World, user: str) -> Watcher:
    watcher = Watcher(world)
    watcher.send("40" + json.dumps({"user": user}))
    return watcher


def entered(world: World, user: str, room: str = "/r", watch: str = "none") -> Watcher:
    watcher = client(world, user)
    watcher.call("room:enter", {"room": room, "watch": watch})
    return watcher


def update(who: Watcher, value: int, room: str = "/r") -> None:
    who.ask("room:update", {"room": room, "state": {"x": value}})


# -- Fan-out -----------------------------------------------------------------------------------------------------------


def test_a_fact_is_encoded_once_however_many_watch(world: World):
    ann = entered(world, "ann")
    watchers = [entered(world, f"u{number}", watch="full") for number in range(5)]
    world.pass_time(1.0)
    update(ann, 1)
    world.pass_time(1.0)
    last = {id(watcher.kept[-1]) for watcher in watchers}
    assert len(last) == 1
    assert watchers[0].last("room:changed")["update"] == [{"id": "ann", "state": {"x": 1}}]


def test_a_calm_room_speaks_at_once_and_a_busy_one_once_a_tick():
    world = World(NodeRules(packet_burst=1000), FeedRules(tick_s=0.1))
    ann, bob = entered(world, "ann"), entered(world, "bob", watch="full")
    world.pass_time(5.0)
    bob.times.clear()
    began = world.clock.time_s
    for number in range(100):
        update(ann, number)
        world.pass_time(0.01)
    world.pass_time(1.0)
    assert bob.times[0] == began
    assert 10 <= len(bob.times) <= 12
    assert bob.last("room:changed")["update"][0]["state"] == {"x": 99}


def test_only_watchers_are_told_and_everybody_inside_is_counted(world: World):  # P7
    ann = entered(world, "ann")
    inside, outside = entered(world, "bob", watch="none"), client(world, "cem")
    answer = outside.call("room:watch", {"rooms": ["/r"]})
    assert answer["rooms"][0]["count"] == 2
    update(ann, 1)
    world.pass_time(1.0)
    assert (inside.facts(), len(outside.facts())) == ([], 1)
    assert world.node.count("/r") == 2


def test_facts_of_one_room_replace_each_other_when_a_client_does_not_read(world: World):
    ann, bob = entered(world, "ann"), entered(world, "bob", watch="full")
    update(ann, 0)
    world.pass_time(1.0)
    seen = bob.facts()[-1]
    bob.peer.outbox.pause()
    for number in range(60):
        update(ann, number)
        world.pass_time(0.1)
    bob.peer.outbox.resume()
    frames = bob.facts()
    assert len(frames) < 20
    assert frames[0]["prev"] != seen["seq"], "the client sees the gap"
    assert frames[-1]["update"][0]["state"] == {"x": 59}
    again = bob.call("room:enter", {"room": "/r", "since": [seen["epoch"], seen["seq"]]})
    assert again["recovered"]
    assert again["changes"][0]["prev"] == seen["seq"]
    assert again["changes"][-1]["seq"] == again["seq"]


# -- Watching ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("watch", ["full", "sample", "count"])
def test_a_snapshot_and_what_follows_are_of_the_kind_that_was_asked_for(world: World, watch: str):
    entered(world, "ann")
    bob = client(world, "bob")
    answer = bob.call("room:watch", {"rooms": ["/r"], "watch": watch})["rooms"][0]
    assert (answer["mode"], answer["count"], answer["recovered"]) == (watch, 1, False)
    assert ("members" in answer) == (watch != "count")
    entered(world, "cem")
    world.pass_time(2.0)
    (frame,) = bob.facts()
    assert (frame["mode"], frame["prev"], frame["count"]) == (watch, answer["seq"], 2)
    assert ("enter" in frame) == (watch != "count")


def test_a_connection_that_watches_otherwise_is_told_otherwise(world: World):
    ann, bob = entered(world, "ann"), client(world, "bob")
    for number, watch in enumerate(["full", "count", "sample", "full"]):
        answer = bob.call("room:watch", {"rooms": ["/r"], "watch": watch})["rooms"][0]
        assert answer["mode"] == watch
        world.pass_time(2.0)
        bob.facts()
        entered(world, f"guest {number}")
        update(ann, number)
        world.pass_time(2.0)
        frames = bob.facts()
        assert {frame["mode"] for frame in frames} == {watch}
        assert frames[0]["prev"] == answer["seq"]


def test_requests_within_one_tick_are_all_answered_and_the_last_holds(world: World):
    ann, bob = entered(world, "ann"), client(world, "bob")
    ids = [bob.ask("room:watch", {"rooms": ["/r"], "watch": watch}) for watch in ("full", "count", "full", "count")]
    world.pass_time(0.2)
    assert [bob.acks[ack_id][0]["rooms"][0]["mode"] for ack_id in ids] == ["full", "count", "full", "count"]
    update(ann, 1)
    world.pass_time(2.0)
    assert bob.facts() == []
    entered(world, "cem")
    world.pass_time(2.0)
    assert [frame["mode"] for frame in bob.facts()] == ["count"]


def test_many_rooms_are_answered_at_once_in_the_order_asked(world: World):
    for number in range(3):
        entered(world, "ann", f"/{number}")
    bob = client(world, "bob")
    bob.call("room:watch", {"rooms": ["/1"], "watch": "count"})
    rooms = ["/2", "/empty", "/0", "/1", "/2", "@online"]
    before = len(bob.acks)
    answer = bob.call("room:watch", {"rooms": rooms})
    assert [line["room"] for line in answer["rooms"]] == ["/2", "/empty", "/0", "/1", "@online"]
    assert [line["count"] for line in answer["rooms"]] == [1, 0, 1, 1, 2]
    assert answer["self"]["id"] == "bob"
    assert len(bob.acks) == before + 1


def test_no_rooms_are_answered_too(world: World):
    bob = client(world, "bob")
    assert bob.acks[bob.ask("room:watch", {"rooms": []})][0]["rooms"] == []


def test_who_unwatches_is_told_nothing_more(world: World):
    ann, bob = entered(world, "ann"), client(world, "bob")
    bob.call("room:watch", {"rooms": ["/r", "@online"]})
    world.pass_time(1.0)
    bob.facts()
    assert bob.call("room:unwatch", {"rooms": ["/r", "/never"]}) == {"ok": True}
    assert bob.call("room:watch", {"rooms": ["@online"], "watch": "none"}) == {"ok": True}
    update(ann, 1)
    client(world, "cem")
    world.pass_time(2.0)
    assert bob.facts() == []


def test_who_unwatches_before_the_answer_is_answered_and_told_nothing(world: World):
    ann, bob = entered(world, "ann"), client(world, "bob")
    bob.call("room:watch", {"rooms": ["/r"]})
    ack_id = bob.ask("room:watch", {"rooms": ["/r"], "watch": "sample"})
    bob.ask("room:unwatch", {"rooms": ["/r"]})
    world.pass_time(1.0)
    assert bob.acks[ack_id][0]["ok"]
    update(ann, 1)
    world.pass_time(2.0)
    assert bob.facts() == []


def test_who_leaves_a_room_does_not_watch_it_any_more(world: World):
    ann, bob = entered(world, "ann"), entered(world, "bob", watch="full")
    world.pass_time(1.0)
    bob.facts()
    bob.call("room:leave", {"room": "/r"})
    update(ann, 1)
    world.pass_time(1.0)
    assert bob.facts() == []


def test_who_is_gone_before_the_answer_is_not_answered(world: World):  # S3
    entered(world, "ann")
    bob = client(world, "bob")
    bob.call("room:watch", {"rooms": ["/r"]})
    ack_id = bob.ask("room:watch", {"rooms": ["/r"], "watch": "count"})
    bob.lose_transport()
    world.pass_time(2.0)
    assert ack_id not in bob.acks


def test_an_application_that_watches_for_a_client_shows_everybody_as_a_first_frame(world: World):
    entered(world, "ann")
    bob = client(world, "bob")
    world.node.enter(bob.connection, "/r", None, "full")
    world.pass_time(1.0)
    first, *more = bob.facts()
    assert ([member["id"] for member in first["enter"]], first["count"], first["prev"], more) == (["ann", "bob"], 2, 0, [])
    entered(world, "cem")
    world.pass_time(1.0)
    assert bob.facts()[0]["prev"] == first["seq"]


def test_a_client_that_went_before_its_first_frame_is_not_taken_for_a_slow_reader(world: World):  # S3, P11
    bob = client(world, "bob")
    world.node.enter(bob.connection, "/r", None, "full")
    bob.lose_transport()
    world.pass_time(60.0)
    assert world.node.metrics.slow_closed == 0
    assert world.due_s is None


def test_rooms_that_nobody_has_to_do_with_are_forgotten(world: World):  # P11
    ann, bob = entered(world, "ann", watch="full"), client(world, "bob")
    bob.call("room:watch", {"rooms": ["/r", "/empty", "@online"], "watch": "count"})
    assert world.node.hub.audience_count == 3
    ann.lose_transport()
    bob.lose_transport()
    world.pass_time(5.0)
    assert (world.node.hub.audience_count, world.node.hub.due_s(), world.node.room_count) == (0, None, 0)


# -- Rankings ----------------------------------------------------------------------------------------------------------


def test_a_ranking_is_pushed_at_most_once_a_second_and_only_if_it_is_another(world: World):
    bob = client(world, "bob")
    entered(world, "ann", "/a")
    assert bob.call("ranking:watch", {"limit": 2})["rooms"] == [{"room": "/a", "count": 1}]
    world.pass_time(3.0)
    bob.times.clear()
    for number in range(30):
        entered(world, f"u{number}", "/b")
        world.pass_time(0.1)
    world.pass_time(5.0)
    assert all(later - earlier >= 1.0 - 1e-9 for earlier, later in pairwise(bob.times))
    assert len(bob.times) == 4
    assert bob.facts("ranking:changed")[-1] == {
        "prefix": "",
        "limit": 2,
        "rooms": [{"room": "/b", "count": 30}, {"room": "/a", "count": 1}],
    }
    entered(world, "another", "/c")
    update(entered(world, "ann", "/a"), 1, "/a")
    world.pass_time(5.0)
    assert bob.facts("ranking:changed") == []


def test_a_ranking_is_of_a_prefix(world: World):
    bob = client(world, "bob")
    entered(world, "ann", "/docs/1")
    entered(world, "ann", "/blog/1")
    assert bob.call("ranking:watch", {"prefix": "/docs/"})["rooms"] == [{"room": "/docs/1", "count": 1}]
    entered(world, "cem", "/blog/1")
    world.pass_time(3.0)
    assert bob.facts("ranking:changed") == []


def test_a_ranking_is_encoded_once_for_all_who_watch_it(world: World):
    watchers = [client(world, f"u{number}") for number in range(3)]
    for watcher in watchers:
        watcher.call("ranking:watch", {})
    entered(world, "ann")
    world.pass_time(2.0)
    assert len({id(watcher.kept[-1]) for watcher in watchers}) == 1


def test_who_unwatches_a_ranking_is_told_nothing_more(world: World):
    bob = client(world, "bob")
    bob.call("ranking:watch", {})
    bob.call("ranking:watch", {"limit": 5})
    assert bob.call("ranking:unwatch", {}) == {"ok": True}
    assert bob.call("ranking:unwatch", {"prefix": "/never"}) == {"ok": True}
    entered(world, "ann")
    world.pass_time(2.0)
    assert {fact["limit"] for fact in bob.facts("ranking:changed")} == {5}
    bob.call("ranking:unwatch", {"limit": 5})
    entered(world, "cem", "/s")
    world.pass_time(2.0)
    assert bob.facts("ranking:changed") == []
    assert world.node.hub.due_s() is None


def test_a_connection_watches_a_bounded_number_of_rankings(world: World):  # S4
    bob = client(world, "bob")
    for limit in range(1, MAX_RANKINGS_PER_CONNECTION + 1):
        assert bob.call("ranking:watch", {"limit": limit})["ok"]
    assert bob.call("ranking:watch", {"limit": 50})["error"]["code"] == "limit"
    assert bob.call("ranking:watch", {"limit": 1})["ok"], "one that it watches already is no other"
    bob.call("ranking:unwatch", {"limit": 1})
    assert bob.call("ranking:watch", {"limit": 50})["ok"]


def connections_in_memory() -> int:
    gc.collect()
    return sum(isinstance(thing, Connection) for thing in gc.get_objects())


def test_a_node_keeps_a_bounded_number_of_rankings_and_nothing_of_who_was_refused_one(world: World):  # S4, P11
    before = connections_in_memory()
    busy = [client(world, f"u{number}") for number in range(MAX_RANKINGS // MAX_RANKINGS_PER_CONNECTION)]
    for number, watcher in enumerate(busy):
        for limit in range(1, MAX_RANKINGS_PER_CONNECTION + 1):
            assert watcher.call("ranking:watch", {"prefix": f"/{number}", "limit": limit})["ok"]
    late = client(world, "late")
    assert late.call("ranking:watch", {"prefix": "/new"})["error"]["code"] == "limit"
    assert late.call("ranking:watch", {"prefix": "/0", "limit": 1})["ok"], "one that somebody watches already costs nothing"
    late.call("ranking:unwatch", {"prefix": "/0", "limit": 1})
    assert late.call("ranking:watch", {"prefix": "/new"})["error"]["code"] == "limit"
    for watcher in [*busy, late]:
        watcher.lose_transport()
    world.pass_time(20.0)
    del busy, late, watcher
    assert connections_in_memory() == before


# -- Pushes ------------------------------------------------------------------------------------------------------------


def test_a_push_reaches_the_connections_it_is_for_and_says_how_many(world: World):
    tabs = [entered(world, "ann", watch="full"), client(world, "ann")]
    bob, cem = entered(world, "bob"), client(world, "cem")
    cem.call("room:watch", {"rooms": ["/r"]})
    for push, name, reached in (
        (lambda: world.node.push.to_users(["ann"], "to ann", (1,)), "to ann", tabs),
        (lambda: world.node.push.to_rooms(["/r"], "to the room", ({"a": 1},)), "to the room", [tabs[0], bob]),
        (lambda: world.node.push.to_rooms(["@online"], "to who is online", ()), "to who is online", [*tabs, bob, cem]),
        (lambda: world.node.push.to_all("to all", (1, 2)), "to all", [*tabs, bob, cem]),
        (lambda: world.node.push.to_users(["nobody"], "to nobody", ()), "to nobody", []),
        (lambda: world.node.push.to_rooms(["/empty"], "to an empty room", ()), "to an empty room", []),
    ):
        answer = push()
        assert (answer if isinstance(answer, int) else sum(answer.values())) == len(reached)
        assert [who for who in [*tabs, bob, cem] if any(event == name for event, _ in who.events)] == reached
    assert world.node.hub.deliveries >= 12


def test_how_long_a_push_takes_is_measured_as_that_of_a_fact_is(world: World):
    """Once for each user or room that anybody is in."""
    entered(world, "ann")
    entered(world, "bob", watch="full")
    world.pass_time(1.0)
    before = sum(world.node.hub.broadcasts.counts)
    world.node.push.to_users(["ann", "nobody"], "news", ())
    world.node.push.to_rooms(["/r", "/empty"], "news", ())
    world.node.push.to_all("news", ())
    assert sum(world.node.hub.broadcasts.counts) - before == 3


def test_a_push_to_several_users_is_encoded_once(world: World):
    ann, bob = client(world, "ann"), client(world, "bob")
    assert world.node.push.to_users(["ann", "bob", "ann", "cem"], "news", (1,)) == {"ann": 1, "bob": 1, "cem": 0}
    assert ann.kept[-1] is bob.kept[-1]
    assert [name for name, _ in ann.events] == ["news"], "named twice, sent once"


def test_a_push_is_encoded_once_for_each_namespace(world: World):
    world.hooks.namespace("/other")
    ann, bob = client(world, "ann"), client(world, "bob")
    for who in (ann, bob):
        who.send("40/other," + json.dumps({"user": who.connection.user.id}))
    assert world.node.push.to_all("news", (b"data",)) == 4
    assert [packet.data for packet in ann.kept[-4:]] == [
        b'451-["news",{"_placeholder":true,"num":0}]',
        b"data",
        b'451-/other,["news",{"_placeholder":true,"num":0}]',
        b"data",
    ]
    assert [id(packet) for packet in ann.kept[-4:]] == [id(packet) for packet in bob.kept[-4:]]


def test_who_left_a_room_is_not_reached_by_its_pushes(world: World):
    ann = entered(world, "ann")
    ann.call("room:leave", {"room": "/r"})
    bob = entered(world, "bob")
    bob.lose_transport()
    assert world.node.count("/r") == 1, "the grace runs"
    assert world.node.push.to_rooms(["/r"], "news", ()) == {"/r": 0}

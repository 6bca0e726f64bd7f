"""One process of alsohere, from sessions to hooks."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from alsohere.domain.feed import FeedRules
from alsohere.errors import BadRequest, CloseCode, LimitReached, NotInRoom, Unauthenticated
from alsohere.node.hooks import Handler
from alsohere.node.node import MAX_WAITING_HOOKS, NodeRules
from alsohere.session.session import SessionRules
from alsohere.types import User
from support.loop import asynchronous, turns, until
from support.simulation import SimulatedClient, World


@pytest.fixture
def world() -> World:
    return World()


def told(world: World, room: str) -> list[str]:
    """What the application's hooks heard of a room since the last time."""
    words = [f"{kind} {user}" for kind, place, user in world.told if place == room]
    world.told.clear()
    return words


# -- Presence, end to end ----------------------------------------------------------------------------------------------


def test_a_page_change_does_not_flicker(world: World):  # P3
    ann, bob = world.client("ann"), world.client("bob")
    ann.call("room:enter", {"room": "/r", "state": {"x": 1}})
    bob.call("room:enter", {"room": "/r"})
    world.pass_time(1.0)
    bob.events.clear()
    told(world, "/r")
    ann.lose_transport()
    world.pass_time(1.9)
    again = world.client("ann")
    assert again.call("room:enter", {"room": "/r"})["self"]["state"] == {"x": 1}
    world.pass_time(10.0)
    assert (bob.events, told(world, "/r")) == ([], [])
    assert world.node.count("/r") == 2


def test_a_transport_that_stays_lost_is_a_leave(world: World):  # P3, P12
    ann, bob = world.client("ann"), world.client("bob")
    for client in (ann, bob):
        client.call("room:enter", {"room": "/r"})
    ann.lose_transport()
    world.pass_time(2.2)
    assert bob.last("room:changed")["leave"] == [{"id": "ann", "reason": "disconnected"}]
    assert world.reasons[-2:] == ["disconnected", "disconnected"]


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (lambda client: client.call("room:leave", {"room": "/r"}), "left"),
        (lambda client: client.send("41"), "left"),
        (lambda client: client.world.node.kick("ann"), "kicked"),
        (lambda client: client.world.node.kick_connection(client.connection), "kicked"),
    ],
    ids=["leave", "goodbye", "kick", "disconnect"],
)
def test_what_is_said_is_a_leave_at_once(world: World, end: Any, reason: str):  # P3
    ann, bob = world.client("ann"), world.client("bob")
    for client in (ann, bob):
        client.call("room:enter", {"room": "/r"})
    world.pass_time(1.0)
    end(ann)
    world.pass_time(0.1)
    assert bob.last("room:changed")["leave"] == [{"id": "ann", "reason": reason}]
    world.pass_time(10.0)
    assert world.told.count(("leave", "/r", "ann")) == 1  # P4


def test_every_tab_of_a_user_makes_one_person(world: World):  # P2, P7
    tabs = [world.client("ann") for _ in range(3)]
    for number, tab in enumerate(tabs):
        tab.call("room:enter", {"room": "/r", "state": {"tab": number}})
    (member,) = world.node.members("/r")
    assert (member.connections, member.state) == (3, {"tab": 2})
    assert tabs[0].call("room:update", {"room": "/r", "state": {"more": 1}}) == {"ok": True}
    assert world.node.members("/r")[0].state == {"tab": 0, "more": 1}
    tabs[0].lose_transport()
    assert world.node.members("/r")[0].state == {"tab": 2}
    assert told(world, "/r").count("enter ann") == 1


def test_who_is_invisible_is_counted_and_not_named(world: World):  # P10
    ann, bob = world.client("ann"), world.client("bob")
    ann.call("user:status", {"status": "invisible"})
    assert ann.call("room:enter", {"room": "/r"})["self"]["status"] == "invisible"
    answer = bob.call("room:watch", {"rooms": ["/r"]})["rooms"][0]
    assert (answer["count"], answer["members"]) == (1, [])
    assert (world.node.members("/r"), world.node.count("/r")) == ([], 1)
    ann.call("user:status", {"status": "idle"})
    world.pass_time(1.0)
    entered = bob.last("room:changed")
    assert ([member["status"] for member in entered["enter"]], entered["count"]) == (["idle"], 1)


# -- Limits ------------------------------------------------------------------------------------------------------------


def test_a_connection_is_in_so_many_rooms():  # S4
    world = World(NodeRules(rooms_per_connection=2))
    ann, other = world.client("ann"), world.client("ann")
    for room in ("/1", "/2"):
        assert ann.call("room:enter", {"room": room})["ok"]
    assert ann.call("room:enter", {"room": "/3"})["error"]["code"] == "limit"
    assert world.node.count("/3") == 0
    assert ann.call("room:enter", {"room": "/2", "state": {"x": 1}})["ok"], "one that it is in already is no other"
    assert ann.call("room:enter", {"room": "@online"})["ok"]
    assert other.call("room:enter", {"room": "/3"})["ok"]
    ann.call("room:leave", {"room": "/1"})
    assert ann.call("room:enter", {"room": "/3"})["ok"]


def test_a_connection_watches_so_many_rooms():  # S4
    world = World(NodeRules(watches_per_connection=3))
    ann = world.client("ann")
    assert ann.call("room:watch", {"rooms": ["/1", "/2", "/3", "/1"]})["ok"]
    assert ann.call("room:watch", {"rooms": ["/1", "/2", "/3"], "watch": "count"})["ok"]
    refused = ann.call("room:watch", {"rooms": ["/4"]})
    assert refused["error"]["code"] == "limit"
    ann.call("room:unwatch", {"rooms": ["/1"]})
    assert ann.call("room:watch", {"rooms": ["/4"]})["ok"]
    refused = ann.call("room:watch", {"rooms": ["/5", "/6"]})
    assert refused["error"]["code"] == "limit"
    assert world.node.hub.audience_count == 3


def test_watching_nothing_is_never_too_much():
    world = World(NodeRules(watches_per_connection=1))
    ann = world.client("ann")
    ann.call("room:watch", {"rooms": ["/1"]})
    assert ann.call("room:unwatch", {"rooms": [f"/{number}" for number in range(10)]}) == {"ok": True}
    assert world.node.hub.audience_count == 0


# -- Identity ----------------------------------------------------------------------------------------------------------


def test_a_reader_who_logs_in_is_somebody_else_in_every_room(world: World):
    visitor, bob = world.client("visitor"), world.client("bob")
    visitor.call("room:enter", {"room": "/r", "state": {"x": 1}})
    bob.call("room:enter", {"room": "/r"})
    world.pass_time(1.0)
    told(world, "/r")
    assert visitor.call("user:identify", {"token": "ann"})["self"]["id"] == "ann"
    world.pass_time(1.0)
    frame = bob.last("room:changed")
    assert frame["leave"] == [{"id": "visitor", "reason": "left"}]
    assert [(member["id"], member["state"]) for member in frame["enter"]] == [("ann", {"x": 1})]
    assert told(world, "/r") == ["leave visitor", "enter ann"]
    assert visitor.connection.user.id == "ann"
    assert world.node.push.to_users(["ann"], "hello", ()) == {"ann": 1}
    assert world.node.push.to_users(["visitor"], "hello", ()) == {"visitor": 0}
    assert world.node.push.to_rooms(["/r"], "hello", ()) == {"/r": 2}


def test_the_other_tabs_of_who_logs_in_stay_who_they_were(world: World):
    tabs = [world.client("visitor") for _ in range(2)]
    for tab in tabs:
        tab.call("room:enter", {"room": "/r"})
    tabs[0].call("user:identify", {"token": "ann"})
    assert {(member.id, member.connections) for member in world.node.members("/r")} == {("visitor", 1), ("ann", 1)}
    tabs[1].call("user:identify", {"token": "ann"})
    assert {(member.id, member.connections) for member in world.node.members("/r")} == {("ann", 2)}


def test_who_may_not_become_somebody_else_stays_who_they_are(world: World):
    ann = world.client("ann")
    ann.call("room:enter", {"room": "/r"})
    assert ann.call("user:identify", {"token": ""})["error"]["code"] == "unauthenticated"
    assert [member.id for member in world.node.members("/r")] == ["ann"]
    for user in (User(""), User("~x"), User("a\n")):
        with pytest.raises(Unauthenticated):
            world.node.identify(ann.connection, user)
    assert ann.connection.user.id == "ann"


def test_a_node_has_so_many_rooms():  # S4, P11
    world = World(NodeRules(rooms=3, leave_grace_s=2.0))
    ann, bob = world.client("ann"), world.client("bob")
    assert ann.call("room:enter", {"room": "/a"})["ok"]  # and @online
    assert bob.call("room:watch", {"rooms": ["/b"]})["ok"]
    assert ann.call("room:watch", {"rooms": ["/a", "/b"]})["ok"], "one more that looks is no room"
    assert ann.call("room:enter", {"room": "/c"})["ok"]
    for command, argument in (("room:enter", {"room": "/d"}), ("room:watch", {"rooms": ["/a", "/d"]})):
        assert bob.call(command, argument)["error"]["code"] == "limit"
    with pytest.raises(LimitReached):
        world.node.enter(bob.connection, "/d", None, "none")
    assert bob.call("room:enter", {"room": "/c"})["ok"]
    for client in (ann, bob):
        client.lose_transport()
    cem = world.client("cem")
    assert cem.call("room:enter", {"room": "/x", "watch": "none"})["error"]["code"] == "limit", "a grace keeps a room"
    world.pass_time(2.1)
    assert cem.call("room:enter", {"room": "/x", "watch": "none"})["ok"]


def test_a_user_with_all_connections_they_may_have_gets_new_tokens_and_no_new_tabs():
    world = World(NodeRules(connections_per_user=1))
    ann, bob = world.client("ann"), world.client("bob")
    assert ann.call("user:identify", {"token": "ann"})["ok"]
    assert bob.call("user:identify", {"token": "ann"})["error"]["code"] == "limit"
    assert bob.connection.user.id == "bob"


def test_what_the_new_token_does_not_grant_is_left_and_not_watched(world: World):
    visitor, bob = world.client("visitor"), world.client("bob")
    for room in ("/a/1", "/b"):
        visitor.call("room:enter", {"room": room})
        bob.call("room:enter", {"room": room})
    visitor.call("room:watch", {"rooms": ["/a/2", "/c", "@online"]})
    world.node.identify(visitor.connection, User("ann", rooms=("/a/*",)))
    assert visitor.connection.rooms == ["/a/1"]
    assert world.node.count("/b") == 1
    world.pass_time(1.0)
    visitor.events.clear()
    for room in ("/a/1", "/b"):
        bob.call("room:update", {"room": room, "state": {"x": 1}})
    for room in ("/a/2", "/c"):
        bob.call("room:enter", {"room": room})
    world.pass_time(1.0)
    assert {args[0]["room"] for _, args in visitor.events} == {"/a/1", "/a/2"}


# -- Kicks -------------------------------------------------------------------------------------------------------------


def test_a_kick_ends_every_connection_of_a_user_and_their_clients_stay_away(world: World):
    tabs = [world.client("ann") for _ in range(2)]
    bob = world.client("bob")
    for client in (*tabs, bob):
        client.call("room:enter", {"room": "/r"})
    assert world.node.kick("ann") == 2
    for tab in tabs:
        assert (tab.packets[-1], tab.closed) == ("41", (CloseCode.FORBIDDEN, "kicked"))
    assert bob.closed is None
    assert world.node.count("/r") == world.node.count("@online") == 1
    assert world.node.kick("ann") == world.node.kick("nobody") == 0
    assert world.client("ann").packets[-1].startswith("40"), "a kick is no ban"


def test_a_kick_ends_all_namespaces_of_a_user_and_none_of_others_on_the_same_transport(world: World):
    for name in ("/other", "/third"):
        world.hooks.namespace(name)
    shared, own = world.client("ann"), world.client("ann")
    shared.send('40/other,{"user":"bob"}')
    shared.send('40/third,{"user":"ann"}')
    own.send('40/other,{"user":"ann"}')
    assert world.node.kick("ann") == 4
    assert (sorted(shared.packets[-2:]), shared.closed) == (["41", "41/third,"], None)
    assert sorted(own.packets[-2:]) == ["41", "41/other,"]
    assert own.closed == (CloseCode.FORBIDDEN, "kicked")
    assert [connection.user.id for connection in shared.peer.connections] == ["bob"]
    assert world.node.count("@online") == 1
    assert world.node.kick("bob") == 1
    assert shared.closed == (CloseCode.FORBIDDEN, "kicked")


def test_a_kick_ends_a_grace_too(world: World):
    ann = world.client("ann")
    ann.call("room:enter", {"room": "/r"})
    ann.lose_transport()
    assert world.node.kick("ann") == 0
    assert (world.node.count("/r"), world.reasons[-1]) == (0, "kicked")


def test_one_connection_is_ended_and_its_client_stays_away(world: World):
    ann, other = world.client("ann"), world.client("ann")
    connection = ann.connection
    world.node.kick_connection(connection)
    assert (ann.packets[-1], ann.closed[0], connection.connected) == ("41", CloseCode.NORMAL, False)
    world.node.kick_connection(connection)
    assert other.closed is None


def test_a_namespace_is_ended_and_the_others_stay(world: World):
    world.hooks.namespace("/other")
    ann = world.client("ann")
    ann.send('40/other,{"user":"ann"}')
    world.node.kick_connection(ann.peer.connection("/other"))
    assert (ann.packets[-1], ann.closed) == ("41/other,", None)
    assert ann.call("room:enter", {"room": "/r"})["ok"]
    world.node.kick_connection(ann.connection)
    assert ann.closed[0] == CloseCode.NORMAL


# -- What the application asks after the end ---------------------------------------------------------------------------


def test_a_connection_that_ended_takes_no_commands(world: World):  # S3
    ann = world.client("ann")
    connection, node = ann.connection, world.node
    node.enter(connection, "/r", None, "none")
    ann.lose_transport()
    for command in (
        lambda: node.enter(connection, "/r", None, "none"),
        lambda: node.leave(connection, "/r"),
        lambda: node.update(connection, "/r", {"x": 1}),
        lambda: node.identify(connection, User("bob")),
    ):
        with pytest.raises(NotInRoom, match="ended"):
            command()
    node.emit(connection, "x", ())
    assert node.rooms_of(connection) == []
    assert node.member_of(connection, "/r") is None


def test_who_is_online_is_no_room_to_leave(world: World):
    ann = world.client("ann")
    with pytest.raises(NotInRoom, match="disconnect"):
        world.node.leave(ann.connection, "@online")


def test_a_refused_enter_changes_nothing(world: World):
    world.hooks.namespace("/other")
    ann = world.client("ann")
    ann.send('40/other,{"user":"ann"}')
    elsewhere = ann.peer.connection("/other")
    for command in (
        lambda: world.node.enter(elsewhere, "/r", None, "full"),
        lambda: world.node.enter(elsewhere, "/r", {"x": "y" * 2000}, "none"),
        lambda: world.node.enter(elsewhere, "", None, "none"),
        lambda: world.node.watch(elsewhere, "/r", "full", None, lambda _: None),
    ):
        with pytest.raises(BadRequest):
            command()
    assert world.node.count("/r") == world.node.hub.audience_count == 0
    world.node.enter(elsewhere, "/r", None, "none")
    assert world.node.count("/r") == 1


# -- Rate --------------------------------------------------------------------------------------------------------------


def test_commands_over_the_rate_are_refused_until_the_bucket_fills_again():
    world = World(NodeRules(packets_per_s=10.0, packet_burst=20.0))
    ann = world.client("ann")
    answers = [ann.acks[ann.ask("user:status", {"status": "idle"})][0] for _ in range(30)]
    refused = [answer for answer in answers if not answer["ok"]]
    assert 10 <= len(refused) <= 12
    assert refused[-1]["error"]["code"] == "rate"
    wait_ms = refused[-1]["error"]["retry_after_ms"]
    assert 1000 <= wait_ms <= 1200
    world.pass_time((wait_ms + 100) / 1000)
    assert ann.acks[ann.ask("user:status", {"status": "idle"})][0]["ok"]
    assert ann.closed is None


def test_who_was_quiet_for_an_hour_may_send_no_more_at_once_than_anybody():  # S4
    world = World(NodeRules(packets_per_s=10.0, packet_burst=20.0))
    ann = world.client("ann")
    world.pass_time(3600.0)
    answers = [ann.acks[ann.ask("user:status", {"status": "idle"})][0]["ok"] for _ in range(30)]
    assert 18 <= answers.count(True) <= 20


def test_handlers_of_the_application_are_under_the_rate_too():
    world = World(NodeRules(packets_per_s=10.0, packet_burst=5.0))
    calls: list[int] = []
    world.hooks.namespace("/").events["x"] = Handler(lambda conn: calls.append(1))
    ann = world.client("ann")
    answers = [ann.acks[ann.ask("x")] for _ in range(10)]
    assert len(calls) < 6
    assert answers[-1][0]["error"]["code"] == "rate"


def test_who_goes_on_regardless_is_sent_away_and_stays_away():  # S4
    world = World(NodeRules(packets_per_s=10.0, packet_burst=20.0))
    ann, bob = world.client("ann"), world.client("bob")
    for _ in range(80):
        if ann.closed is None:
            ann.send('42["flood"]')
    assert (ann.packets[-1], ann.closed) == ("41", (CloseCode.RATE, "too many packets"))
    assert bob.call("room:enter", {"room": "/r"})["ok"]


def test_what_is_sent_below_the_level_of_packets_counts_too():
    world = World(NodeRules(packets_per_s=10.0, packet_burst=5.0))
    ann = world.client("ann")
    for _ in range(6):
        ann.peer.spend()
    assert ann.call("user:status", {"status": "idle"})["error"]["code"] == "rate"


# -- Time --------------------------------------------------------------------------------------------------------------


def test_who_answers_pings_stays_and_who_does_not_is_gone():  # P12
    world = World(session_rules=SessionRules(ping_interval_s=15.0, ping_timeout_s=8.0))
    ann, bob = world.client("ann"), world.client("bob")
    bob.is_silent = True
    world.pass_time(24.0)
    assert (ann.closed, bob.closed) == (None, (CloseCode.TOO_SLOW, "ping timeout"))
    assert world.node.count("@online") == 1, "who was silent that long has had a grace already"
    world.pass_time(3600.0)
    assert ann.closed is None
    assert world.reasons == ["timeout"]


def test_a_node_with_nothing_to_do_asks_for_nothing(world: World):  # P11
    ann = world.client("ann")
    ann.call("room:enter", {"room": "/r"})
    ann.call("ranking:watch", {})
    world.pass_time(5.0)
    ann.lose_transport()
    world.pass_time(20.0)
    assert world.due_s is None
    assert world.node.presence.is_empty()


# -- Restarting --------------------------------------------------------------------------------------------------------


@asynchronous
async def test_a_drain_closes_everybody_in_waves_and_they_may_come_back():
    world = World()
    clients = [world.client(f"u{number}") for number in range(120)]
    drain = asyncio.ensure_future(world.node.drain(0.05))
    await asyncio.sleep(0)
    assert sum(client.closed is not None for client in clients) == 40
    with pytest.raises(LimitReached):
        SimulatedClient(world)
    assert clients[-1].call("room:enter", {"room": "/r"})["ok"], "who is not let go yet is served"
    await drain
    assert {client.closed for client in clients} == {(CloseCode.RESTART, "restarting")}
    assert not any(client.packets[-1] == "41" for client in clients)


@asynchronous
async def test_a_node_without_clients_is_drained_at_once():
    world = World()
    await world.node.drain(1000.0)
    assert world.node.draining


# -- Presence hooks ----------------------------------------------------------------------------------------------------


@asynchronous
async def test_presence_hooks_are_called_in_order_even_if_they_wait():
    world = World()
    log: list[str] = []

    async def entered(room: str, member: Any) -> None:
        await turns(5)
        log.append(f"enter {room} {member.id}")

    world.hooks.enter[:] = [Handler(entered)]
    world.hooks.leave[:] = [Handler(lambda room, member, reason: log.append(f"leave {room} {member.id} {reason}"))]
    world.hooks.update.clear()
    ann = world.client("ann")
    ann.call("room:enter", {"room": "/r"})
    ann.call("room:leave", {"room": "/r"})
    await until(lambda: len(log) == 3)
    assert log == ["enter @online ann", "enter /r ann", "leave /r ann left"]


def test_an_application_without_presence_hooks_is_told_nothing_and_watchers_are():
    world = World()
    for hooks in (world.hooks.enter, world.hooks.update, world.hooks.leave):
        hooks.clear()
    ann = world.client("ann")
    ann.call("room:watch", {"rooms": ["@online"]})
    world.client("bob")
    world.pass_time(1.0)
    assert (world.told, ann.last("room:changed")["count"]) == ([], 2)


def test_a_failing_presence_hook_disturbs_nobody(caplog: pytest.LogCaptureFixture):  # S5
    world = World()
    world.hooks.enter.insert(0, Handler(lambda room, member: 1 / 0))
    ann = world.client("ann")
    assert ann.call("room:enter", {"room": "/r"})["ok"]
    assert ("enter", "/r", "ann") in world.told
    assert "a hook failed" in caplog.text


@asynchronous
async def test_presence_hooks_that_are_too_slow_lose_calls_and_the_log_says_so(caplog: pytest.LogCaptureFixture):  # S4
    world = World()
    gate = asyncio.Event()
    heard: list[str] = []

    async def slow(room: str, member: Any) -> None:
        await gate.wait()
        heard.append(member.state.get("n"))

    for hooks in (world.hooks.enter, world.hooks.leave):
        hooks.clear()
    world.hooks.update[:] = [Handler(slow)]
    ann = world.client("ann")
    node, connection = world.node, ann.connection
    node.enter(connection, "/r", None, "none")
    for number in range(MAX_WAITING_HOOKS + 2):
        node.update(connection, "/r", {"n": number})
    assert "too slow" in caplog.text
    gate.set()
    for _ in range(200):
        await turns(200)
        if not node.tasks:
            break
    assert heard == list(range(MAX_WAITING_HOOKS + 1))


# -- Numbers -----------------------------------------------------------------------------------------------------------


def test_a_node_counts_what_happens(world: World):
    ann, bob = world.client("ann"), world.client("bob")
    ann.call("room:enter", {"room": "/r"})
    ann.call("room:update", {"room": "/r", "state": {"x": 1}})
    ann.call("room:leave", {"room": "/r"})
    ann.call("room:leave", {"room": "/r"})
    bob.send("41")
    metrics = world.node.metrics
    assert (metrics.opened, metrics.enters, metrics.updates) == (2, 3, 1)
    assert metrics.leaves == {"left": 2}
    assert metrics.commands == {"room:enter": 1, "room:update": 1, "room:leave": 2}
    assert metrics.refusals == {"not_in_room": 1}


def test_questions_about_rooms_are_answered():
    world = World(feed_rules=FeedRules())
    for user in ("ann", "bob"):
        world.client(user).call("room:enter", {"room": "/r"})
    world.client("cem").call("room:enter", {"room": "/s"})
    node = world.node
    assert [member.id for member in node.members("/r")] == ["ann", "bob"]
    assert node.members("/empty") == []
    assert (node.count("/r"), node.count("@online"), node.room_count, node.connection_count) == (2, 3, 3, 3)
    assert [(line.room, line.count) for line in node.ranking("/", 5)] == [("/r", 2), ("/s", 1)]
    assert (node.glance("/r").count, node.glance("/empty").count) == (2, 0)

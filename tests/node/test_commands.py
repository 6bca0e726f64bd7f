"""What a command asks before it is carried out."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from alsohere.errors import Forbidden, Refusal
from alsohere.node.node import NodeRules
from alsohere.types import User, Vouched
from alsohere.wire.events import COMMANDS
from support.loop import asynchronous, turns, until
from support.simulation import SimulatedClient, World


@pytest.mark.parametrize(
    ("command", "argument", "asked"),
    [
        ("room:enter", {"room": "/a"}, ("enter", "/a")),
        ("room:watch", {"rooms": ["/a"]}, ("watch", "/a")),
        ("ranking:watch", {"prefix": "/p"}, ("ranking", "/p")),
        ("ranking:watch", {}, ("ranking", "")),
    ],
)
def test_the_application_is_asked(command, argument, asked):
    async def ask():
        world, questions = World(), []
        world.hooks.authorize = lambda user, action, room: questions.append((action, room))
        ann = world.client("ann")
        ack_id = ann.ask(command, argument)
        await asyncio.gather(*world.node.tasks)
        return questions, ann.acks[ack_id][0]["error"]["code"]

    assert asyncio.run(ask()) == ([asked], "forbidden")


@pytest.mark.parametrize(("rooms", "code", "questions"), [(["/a"] * 500, None, 1), ([f"/{n}" for n in range(500)], "limit", 0)])
def test_the_application_is_not_asked_more_often_than_a_connection_may_watch(rooms, code, questions):
    async def ask():
        world, asked = World(), []
        world.hooks.authorize = lambda user, action, room: asked.append(room) or True
        ann = world.client("ann")
        ack_id = ann.ask("room:watch", {"rooms": rooms})
        await asyncio.gather(*world.node.tasks)
        world.pass_time(0.2)
        return ann.acks[ack_id][0].get("error", {}).get("code"), len(asked)

    assert asyncio.run(ask()) == (code, questions)


# -- The order of what is asked: shape, rate, the token, the application -----------------------------------------------


class Strict(World):
    """A node whose users have tokens for some rooms, and whose application writes down what it is asked."""

    def __init__(self, **rules: Any) -> None:
        super().__init__(NodeRules(**rules))
        self.asked: list[tuple[str, str, str]] = []
        self.verdict: Any = True
        self.hooks.authorize = self._authorize

    @staticmethod
    def user(auth: dict[str, Any]) -> User:
        return User(auth["user"], rooms=("/granted/*", "/one"))

    def _authorize(self, user: User, action: str, room: str) -> Any:
        self.asked.append((user.id, action, room))
        if isinstance(self.verdict, Exception):
            raise self.verdict
        return self.verdict


async def answer_of(client: SimulatedClient, command: str, argument: Any) -> Any:
    ack_id = client.ask(command, argument)
    await until(lambda: ack_id in client.acks or not client.world.node.tasks)
    if ack_id not in client.acks:
        client.world.pass_time(0.2)
    return client.acks[ack_id][0]


@asynchronous
async def test_of_several_faults_the_first_in_order_is_answered_and_the_application_is_asked_last():
    world = Strict(packet_burst=5.0, packets_per_s=1.0)
    ann = world.client("ann")
    for command, argument, code in (
        ("room:enter", {"room": 7}, "bad_request"),
        ("room:enter", {"room": "\n"}, "bad_room"),
        ("room:enter", {"room": "/forbidden"}, "forbidden"),
        ("ranking:watch", {"prefix": "/"}, "forbidden"),
        ("room:enter", {"room": "\n"}, "bad_room"),  # the bucket is empty from here on, but the shape comes first
        ("room:enter", {"room": "/forbidden"}, "rate"),
        ("room:enter", {"room": "/one"}, "rate"),
    ):
        assert (await answer_of(ann, command, argument))["error"]["code"] == code
    assert world.asked == []
    world.pass_time(60.0)
    world.verdict = False
    assert (await answer_of(ann, "room:enter", {"room": "/one"}))["error"]["code"] == "forbidden"
    assert world.asked == [("ann", "enter", "/one")]


@asynchronous
async def test_each_room_is_asked_for_and_one_that_is_refused_refuses_all():
    world = Strict()
    ann = world.client("ann")
    rooms = ["/granted/1", "/granted/2"]
    assert [line["room"] for line in (await answer_of(ann, "room:watch", {"rooms": rooms}))["rooms"]] == rooms
    assert world.asked == [("ann", "watch", room) for room in rooms]
    world.asked.clear()
    world.hooks.authorize = lambda user, action, room: room != "/granted/4"
    assert not (await answer_of(ann, "room:watch", {"rooms": ["/granted/3", "/granted/4"]}))["ok"]
    assert world.node.hub.audience_count == 2


@asynchronous
async def test_what_needs_no_permission_asks_for_none():
    world = Strict()
    ann = world.client("ann")
    await answer_of(ann, "room:enter", {"room": "/one"})
    world.asked.clear()
    for command, argument in (
        ("room:update", {"room": "/one", "state": {"x": 1}}),
        ("room:unwatch", {"rooms": ["/elsewhere"]}),
        ("room:leave", {"room": "/one"}),
        ("ranking:unwatch", {}),
        ("user:status", {"status": "idle"}),
        ("user:identify", {"token": "bob"}),
    ):
        assert (await answer_of(ann, command, argument))["ok"]
    assert world.asked == []


@asynchronous
async def test_an_async_application_is_waited_for_and_later_commands_wait_too():
    world = World()
    gate = asyncio.Event()

    async def decide(user: User, action: str, room: str) -> bool:
        await gate.wait()
        return True

    world.hooks.authorize = decide
    ann = world.client("ann")
    enter, leave = ann.ask("room:enter", {"room": "/r", "watch": "none"}), ann.ask("room:leave", {"room": "/r"})
    await turns()
    assert ann.acks == {}
    gate.set()
    await until(lambda: leave in ann.acks)
    assert (ann.acks[enter][0]["ok"], ann.acks[leave][0]["ok"]) == (True, True)
    assert world.node.count("/r") == 0


@pytest.mark.parametrize(
    ("verdict", "code"),
    [
        (False, "forbidden"),
        (None, "forbidden"),
        (Forbidden("No."), "forbidden"),
        (Refusal("Later.", code="busy"), "busy"),
        (KeyError("x"), "internal"),
    ],
    ids=["false", "none", "forbidden", "own", "error"],
)
@asynchronous
async def test_what_the_application_refuses_is_answered_and_not_done(verdict: Any, code: str):
    world = Strict()
    world.verdict = verdict
    ann = world.client("ann")
    answer = await answer_of(ann, "room:enter", {"room": "/one"})
    assert (answer["ok"], answer["error"]["code"]) == (False, code)
    assert (world.node.count("/one"), ann.closed) == (0, None)


@pytest.mark.parametrize(
    ("command", "argument"),
    [("room:enter", {"room": "/r"}), ("room:watch", {"rooms": ["/r"]}), ("ranking:watch", {})],
)
@asynchronous
async def test_a_command_of_who_went_while_the_application_decided_is_not_carried_out(command: str, argument: Any):  # S3, P11
    world = World()
    gate = asyncio.Event()

    async def decide(user: User, action: str, room: str) -> bool:
        await gate.wait()
        return True

    world.hooks.authorize = decide
    ann = world.client("ann")
    connection = ann.connection
    ann.ask(command, argument)
    await turns()
    ann.lose_transport()
    gate.set()
    await until(lambda: not world.node.tasks)
    world.pass_time(20.0)
    assert (world.node.count("/r"), world.node.hub.audience_count, ann.acks) == (0, 0, {})
    assert world.node.hub.rankings(connection) == []


# -- Who becomes somebody else -----------------------------------------------------------------------------------------


class Open(World):
    """A node whose application has a list of who may do what, beside what everybody may."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, str, str]] = []
        self.refused: set[tuple[str, str, str]] = set()
        self.fault: Exception | None = None
        self.hooks.authorize = self._authorize

    async def _authorize(self, user: User, action: str, room: str) -> bool:
        self.asked.append((user.id, action, room))
        await asyncio.sleep(0)
        if self.fault is not None:
            raise self.fault
        return (user.id, action, room) not in self.refused

    async def reader(self, name: str) -> SimulatedClient:
        """Somebody with a bit of everything."""
        client = self.client(name)
        for room in ("/a", "/b"):
            assert (await answer_of(client, "room:enter", {"room": room}))["ok"]
        assert (await answer_of(client, "room:watch", {"rooms": ["/w", "/x", "@online"]}))["ok"]
        for prefix in ("/p", "/q"):
            assert (await answer_of(client, "ranking:watch", {"prefix": prefix}))["ok"]
        for lock in ("/a#1", "/a#2"):
            assert (await answer_of(client, "lock:acquire", {"lock": lock}))["status"] == "held"
        self.asked.clear()
        return client


@asynchronous
async def test_who_logs_in_keeps_of_the_rooms_what_the_application_lets_them():
    """`identify` is no way around the hook: what it said about the visitor it has not said about who logs in."""
    world = Open()
    reader = await world.reader("visitor")
    world.refused = {("bob", "enter", "/b"), ("bob", "watch", "/x"), ("bob", "ranking", "/q"), ("bob", "watch", "@online")}
    assert (await answer_of(reader, "user:identify", {"token": "bob"}))["self"]["id"] == "bob"
    connection = reader.connection
    assert sorted(world.asked) == sorted(
        [
            ("bob", "enter", "/a"),
            ("bob", "enter", "/b"),
            ("bob", "watch", "/w"),
            ("bob", "watch", "/x"),
            ("bob", "watch", "@online"),
            ("bob", "ranking", "/p"),
            ("bob", "ranking", "/q"),
        ]
    )
    assert (connection.rooms, sorted(connection.watches)) == (["/a"], ["/a", "/w"])
    assert [prefix for prefix, _ in world.node.hub.rankings(connection)] == ["/p"]
    assert world.node.members("/b") == []
    assert [member.id for member in world.node.members("@online")] == ["bob"], "that is no room to be left"
    assert [world.node.locks.board.get(lock).shown().holder for lock in ("/a#1", "/a#2")] == [None, None]
    world.pass_time(1.0)
    reader.events.clear()
    cem = world.client("cem")
    for room in ("/a", "/b", "/w", "/x"):
        await answer_of(cem, "room:enter", {"room": room, "watch": "none"})
    world.pass_time(1.0)
    assert {args[0]["room"] for name, args in reader.events if name == "room:changed"} == {"/a", "/w"}


@asynchronous
async def test_a_fresh_token_that_says_nothing_new_asks_nothing_and_takes_nothing():
    world = Open()
    ann = await world.reader("ann")
    world.refused = {("ann", "enter", "/a")}
    assert (await answer_of(ann, "user:identify", {"token": "ann"}))["ok"]
    assert (world.asked, ann.connection.rooms) == ([], ["/a", "/b"])


@asynchronous
async def test_a_token_that_says_something_new_of_the_same_user_is_asked_about_locks_too():
    world = Open()
    ann = await world.reader("ann")
    world.refused = {("ann", "lock", "/a#2"), ("ann", "enter", "/b")}
    world.node.verify_token = lambda token: Vouched(User("ann", "Ann", {"role": "reader"}))
    assert (await answer_of(ann, "user:identify", {"token": "demoted"}))["self"]["info"] == {"role": "reader"}
    assert {("ann", "lock", "/a#1"), ("ann", "lock", "/a#2")} < set(world.asked)
    assert ann.connection.rooms == ["/a"]
    holders = [world.node.locks.board.get(lock).shown().holder for lock in ("/a#1", "/a#2")]
    assert [holder and holder.id for holder in holders] == ["ann", None]


@asynchronous
async def test_a_token_that_grants_less_of_the_same_user_gives_locks_back():
    world = World()
    ann = world.client("ann")
    for room in ("/a", "/b"):
        ann.call("room:enter", {"room": room})
        assert ann.call("lock:acquire", {"lock": f"{room}#1"})["status"] == "held"
    world.node.verify_token = lambda token: Vouched(User("ann", "Ann", rooms=("/a",)))
    assert ann.call("user:identify", {"token": "narrower"})["ok"]
    holders = [world.node.locks.board.get(lock).shown().holder for lock in ("/a#1", "/b#1")]
    assert [holder and holder.id for holder in holders] == ["ann", None]


@asynchronous
async def test_while_the_application_cannot_decide_nobody_becomes_anybody_else():
    world = Open()
    reader = await world.reader("visitor")
    world.fault = KeyError("x")
    assert (await answer_of(reader, "user:identify", {"token": "bob"}))["error"]["code"] == "internal"
    assert (reader.connection.user.id, reader.connection.rooms) == ("visitor", ["/a", "/b"])
    assert (await answer_of(reader, "user:identify", {"token": ""}))["error"]["code"] == "unauthenticated"


@asynchronous
async def test_what_the_application_allowed_one_user_is_not_done_for_the_next():
    world = World()
    gate = asyncio.Event()

    async def decide(user: User, action: str, room: str) -> bool:
        await gate.wait()
        return user.id == "ann"

    world.hooks.authorize = decide
    client = world.client("ann")
    asked = client.ask("room:enter", {"room": "/r"})
    await turns()
    await client.connection.identify(User("bob"))
    gate.set()
    await until(lambda: asked in client.acks)
    assert client.acks[asked][0]["error"]["code"] == "forbidden"
    assert world.node.count("/r") == 0


# -- Answers -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def ann() -> SimulatedClient:
    return World(NodeRules(packet_burst=1000.0)).client("ann")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_takes_exactly_one_object(ann: SimulatedClient, command: str):
    for args in ((), (1,), ("x",), (None,), ([],), ({}, {})):
        answer = ann.call(command, *args)
        if not (args == ({},) or command.startswith("ranking:")):
            assert (answer["ok"], answer["error"]["code"]) == (False, "bad_request")
            assert answer["error"]["message"].endswith(".")
    assert ann.closed is None


def test_a_command_with_attachments_is_none_of_ours(ann: SimulatedClient):
    ann.send('451-1["room:enter",{"room":{"_placeholder":true,"num":0}}]')
    ann.peer.receive(b"/r", binary=True)
    assert ann.acks[1][0]["error"]["code"] == "unknown_event"


def test_who_wants_no_answer_gets_none(ann: SimulatedClient):
    before = len(ann.packets)
    for packet in ('42["room:enter",{"room":"/r","watch":"none"}]', '42["room:enter",{}]', '42["user:status",{"status":"idle"}]'):
        ann.send(packet)
    assert len(ann.packets) == before
    assert ann.world.node.count("/r") == 1


def test_to_enter_is_answered_with_oneself_and_the_others(ann: SimulatedClient):
    bob = ann.world.client("bob")
    bob.call("room:enter", {"room": "/r", "state": {"x": 1}})
    answer = ann.call("room:enter", {"room": "/r"})
    assert answer.keys() == {"ok", "self", "room", "mode", "count", "epoch", "seq", "recovered", "members"}
    assert answer["self"] in answer["members"]
    assert [member["id"] for member in answer["members"]] == ["bob", "ann"]
    assert (answer["mode"], answer["count"], answer["recovered"]) == ("full", 2, False)


def test_to_enter_without_watching_is_answered_at_once(ann: SimulatedClient):
    answer = ann.acks[ann.ask("room:enter", {"room": "/r", "watch": "none"})][0]
    assert (answer["mode"], answer["count"], answer["self"]["id"]) == ("none", 1, "ann")
    assert answer.keys().isdisjoint({"members", "changes"})
    ann.events.clear()
    ann.world.pass_time(2.0)
    assert ann.events == []


def test_to_enter_again_without_watching_ends_the_watching(ann: SimulatedClient):
    ann.call("room:enter", {"room": "/r"})
    ann.call("room:enter", {"room": "/r", "watch": "none"})
    ann.world.client("bob").call("room:enter", {"room": "/r"})
    ann.world.pass_time(2.0)
    assert ann.events == []


def test_who_resumes_gets_what_was_missed_and_nothing_else(ann: SimulatedClient):  # P5
    bob = ann.world.client("bob")
    first = bob.call("room:enter", {"room": "/r"})
    for number in range(3):
        ann.call("room:enter", {"room": "/r", "watch": "none", "state": {"n": number}})
        ann.world.pass_time(0.2)
    answer = bob.call("room:enter", {"room": "/r", "since": [first["epoch"], first["seq"]]})
    assert answer["recovered"]
    assert "members" not in answer
    assert answer["changes"][0]["prev"] == first["seq"]
    assert answer["changes"][-1]["seq"] == answer["seq"]


@pytest.mark.parametrize("limit", [0, -1, 101, 10**9])
def test_a_ranking_has_1_to_100_rooms(ann: SimulatedClient, limit: int):
    for command in ("ranking:watch", "ranking:unwatch"):
        assert ann.call(command, {"limit": limit})["error"]["code"] == "bad_request"
    assert ann.call("ranking:watch", {"limit": 100})["ok"]


def test_a_prefix_is_part_of_a_room(ann: SimulatedClient):
    for command in ("ranking:watch", "ranking:unwatch"):
        assert ann.call(command, {"prefix": "\n"})["error"]["code"] == "bad_room"
        assert ann.call(command, {"prefix": "@x"})["error"]["code"] == "bad_room"
        assert ann.call(command, {"prefix": ""})["ok"]


def test_to_log_in_is_answered_with_who_one_is_now(ann: SimulatedClient):
    answer = ann.call("user:identify", {"token": "bob"})
    assert answer == {"ok": True, "self": {"id": "bob", "name": "Bob", "info": None, "anonymous": False}}


def test_refusals_are_counted_by_their_code(ann: SimulatedClient):
    ann.call("room:leave", {"room": "/r"})
    ann.call("room:leave", {"room": "\n"})
    ann.call("nothing")
    assert ann.world.node.metrics.refusals == {"not_in_room": 1, "bad_room": 1, "unknown_event": 1}

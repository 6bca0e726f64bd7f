"""E: who comes back. With a place in the stream of a room that they never had, or all at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from hostile.bystander import Bystander
from hostile.conftest import COMMANDS, ENVIRONMENT
from hostile.credentials import token
from hostile.wire import ENDPOINT, Line
from support.polls import ask
from support.raw import RawClient, joined
from support.servers import ServerProcess, wait_for

ROOM = "/returns"
CONNECTIONS = 10
STORM = 60


@pytest.fixture
def insider(server: ServerProcess) -> Iterator[RawClient]:
    """Somebody who is in the room, and so knows where its stream is."""
    with joined(server.url, token=token("insider")) as client:
        yield client


# What H99 asks of resume tokens (a signature, an owner, an age) design section 5 has no token for, and design stands: `since` is a
# position, which says what a client has seen and grants nothing. Whether it may see the room is asked as if it had come for the
# first time; where the position leads nowhere it gets the whole room, with `recovered: false`, and is in it like anybody else.


@pytest.mark.parametrize("seq", [1, 10**6, 2**53, 2**63 - 1, -(10**6), -(2**53), -(2**63)])
def test_h99_a_place_that_nobody_was_at(server: ServerProcess, bystander: Bystander, insider: RawClient, seq: int) -> None:
    entered = insider.call("room:enter", {"room": ROOM, "state": {"at": 1}})
    epoch = entered["epoch"]
    with joined(server.url, token=token("returner")) as client:
        for since in (
            [epoch, entered["seq"] + seq],
            [epoch + "x", entered["seq"]],
            ["", 0],
            ["' OR 1=1 --", seq],
            [epoch * 100, seq],
        ):
            answer = client.call("room:enter", {"room": ROOM, "since": since})
            assert answer["ok"] or answer["error"]["code"] == "bad_request", "2^63 and more is no number"
            if answer["ok"]:
                assert not answer.get("recovered")
                assert {member["id"] for member in answer["members"]} == {"insider", "returner"}
                assert answer["count"] == 2
        assert client.call("room:update", {"room": ROOM, "state": {"here": True}})["ok"], "a normal member"
        client.call("room:leave", {"room": ROOM})
    insider.call("room:leave", {"room": ROOM})


@pytest.mark.parametrize(
    "since",
    [None, [], ["e"], ["e", 1, 2], {"epoch": "e", "seq": 1}, "e:1", 7, ["e", "1"], ["e", 1.5], [1, "e"], ["e", None], [["e"], 1]],
    ids=str,
)
def test_h99_what_is_no_place(server: ServerProcess, bystander: Bystander, since: Any) -> None:
    with joined(server.url, token=token("returner")) as client:
        for command, argument in (("room:enter", {"room": ROOM}), ("room:watch", {"rooms": [ROOM]})):
            answer = client.call(command, {**argument, "since": since})
            if since is None:
                assert answer["ok"], "as if it were not there"
            else:
                assert answer["error"]["code"] == "bad_request"


def test_h99_a_good_place_opens_no_room_that_is_not_granted(
    server: ServerProcess, bystander: Bystander, insider: RawClient
) -> None:
    """Replayed by another user: they are told what they would be told without it."""
    place = insider.call("room:enter", {"room": ROOM, "watch": "full"})
    since = [place["epoch"], place["seq"]]
    with joined(server.url, token=token("outsider", rooms=("/open/*",))) as client:
        answers = [client.call("room:enter", {"room": ROOM, **more}) for more in ({}, {"since": since}, {"since": ["x", 0]})]
        answers += [client.call("room:watch", {"rooms": [ROOM], **more}) for more in ({}, {"since": since})]
        assert {answer["error"]["code"] for answer in answers} == {"forbidden"}
        assert len({json.dumps(answer) for answer in answers}) == 1
    insider.call("room:leave", {"room": ROOM})


def test_h99_a_place_in_a_hundred_thousand_rooms(server: ServerProcess, bystander: Bystander) -> None:
    with joined(server.url, token=token("returner")) as client:
        answer = client.call("room:watch", {"rooms": [f"/{number}" for number in range(50_000)], "since": ["x", 1]})
        assert answer["error"]["code"] == "limit"
    with joined(server.url, token=token("returner")) as client:
        client.send(
            "420" + json.dumps(["room:watch", {"rooms": [f"/room/{number}" for number in range(100_000)], "since": ["x", 1]}])
        )
        assert client.closed()[0] == 1009


@pytest.mark.parametrize(
    "auth", [{"pid": "x" * 20, "offset": "1"}, {"pid": ["x"], "offset": {}}, {"sid": "x", "pid": "../.."}], ids=str
)
def test_h99_the_session_of_another_connection(server: ServerProcess, bystander: Bystander, auth: dict[str, Any]) -> None:
    """What servers of Socket.IO call connection state recovery: there is none, so nobody gets what was sent to somebody else."""
    with joined(server.url, token=token("victim")) as victim, RawClient(server.url).handshake() as client:
        client.send("40" + json.dumps({"token": token("returner"), **auth}))
        packet = client.receive()
        assert packet.startswith('40{"sid"')
        assert list(json.loads(packet[2:])) == ["sid"]
        assert client.call("room:watch", {"rooms": ["@online"]})["self"]["id"] == "returner"
        assert victim.call("room:watch", {"rooms": []})["ok"]


# H100 wants N handshakes per second. There is no such number: what a handshake costs, and the time that clients leave between two
# attempts, are what holds a storm down (design section 4 has the figures); what is full says so, and for how long, each a little
# differently. The members of a room are encoded once for all who come within a tick (domain/feed.py).


def test_h100_everybody_comes_back_at_once() -> None:
    env = ENVIRONMENT | {"ALSOHERE_CONNECTIONS": str(CONNECTIONS), "ALSOHERE_CONNECT_TIMEOUT_S": "30"}
    with ServerProcess(*COMMANDS["native-app"], env=env) as server:
        waiting = STORM
        while waiting:
            with ExitStack() as stack:
                pauses = set()
                clients = []
                for number in range(waiting):
                    line = stack.enter_context(Line(server))
                    line.request(f"GET {ENDPOINT}?EIO=4&transport=polling")
                    answer = line.answer()
                    assert answer.status == (200 if number < CONNECTIONS else 503)
                    pauses |= {answer.headers["retry-after"]} if answer.status == 503 else set()
                    clients += [json.loads(answer.body[1:])["sid"]] if answer.status == 200 else []
                assert len(clients) == min(waiting, CONNECTIONS), "who is in is not thrown out by those who are not"
                assert len(pauses) > 1 or waiting <= CONNECTIONS * 2, "they do not all come back at the same moment"
                for sid in clients:
                    assert ask(server.url, f"{ENDPOINT}?EIO=4&transport=polling&sid={sid}", "POST", "1").text == "ok"
            wait_for(lambda: server.metric("alsohere_sessions") == 0, what="their end")
            waiting -= len(clients)
        status, output = server.stop()
    assert "Traceback" not in output, output
    assert status == 0


def test_h100_all_of_a_room_come_back_at_once(server: ServerProcess, bystander: Bystander) -> None:
    """Everybody has the whole room, and the same one."""
    with ExitStack() as stack:
        clients = [stack.enter_context(joined(server.url, token=token(f"storm-{number}"))) for number in range(20)]
        for client in clients:
            client.send('427["room:enter",{"room":"/storm","watch":"full","since":["gone",1]}]')
        seen = []
        for client in clients:
            packet = ""
            while not packet.startswith("437["):
                packet = client.receive()
            answer = json.loads(packet[3:])[0]
            assert answer["ok"]
            assert not answer.get("recovered")
            members = {member["id"] for member in answer["members"]}
            while len(members) < len(clients):
                [frame] = client.event("room:changed")
                members |= {member["id"] for member in frame["enter"]}
            seen.append(members)
        assert seen == [{f"storm-{number}" for number in range(20)}] * 20

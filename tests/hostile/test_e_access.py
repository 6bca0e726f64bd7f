"""E: what somebody may not see or do, and must not learn about."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest

from hostile.bystander import Bystander
from hostile.wire import fetch
from support.raw import RawClient, joined
from support.servers import SECRET, ServerProcess

EXISTS, ABSENT = "/secret/exists", "/secret/absent"


def token(user: str, *rooms: str) -> str:
    """A token that grants those rooms; none grants all."""
    claims: dict[str, Any] = {"sub": user, "exp": int(time.time()) + 600} | ({"rooms": rooms} if rooms else {})
    return jwt.encode(claims, SECRET, algorithm="HS256")


@pytest.fixture
def insider(server: ServerProcess) -> Iterator[RawClient]:
    """Somebody who is in a room that the attacker may not see, and has a lock there."""
    with joined(server.url, token=token("exists")) as insider:
        assert insider.call("room:enter", {"room": EXISTS, "watch": "none"})["ok"]
        assert insider.call("lock:acquire", {"lock": EXISTS})["ok"]
        assert insider.call("room:enter", {"room": "/open/1", "watch": "none"})["ok"]
        yield insider


COMMANDS = {
    "room:enter": ({"room": "ROOM"}, "forbidden"),
    "room:watch": ({"rooms": ["ROOM"]}, "forbidden"),
    "room:watch one of": ({"rooms": ["/open/1", "ROOM"]}, "forbidden"),
    "room:update": ({"room": "ROOM", "state": {}}, "not_in_room"),
    "room:leave": ({"room": "ROOM"}, "not_in_room"),
    "ranking:watch": ({"prefix": "ROOM"}, "forbidden"),
    "lock:acquire": ({"lock": "ROOM"}, "forbidden"),
    "lock:acquire at once": ({"lock": "ROOM#title", "wait": False}, "forbidden"),
    "lock:request": ({"lock": "ROOM"}, "forbidden"),
    "lock:take": ({"lock": "ROOM"}, "forbidden"),
    "lock:release": ({"lock": "ROOM"}, "not_holder"),
    "lock:touch": ({"lock": "ROOM", "fence": 1}, "not_holder"),
    "lock:hand_over": ({"lock": "ROOM", "to": "exists"}, "not_holder"),
}


@pytest.mark.parametrize("command", list(COMMANDS))
def test_h88_rooms_without_a_grant(server: ServerProcess, bystander: Bystander, insider: RawClient, command: str) -> None:
    """The same answer whether or not the room exists, and whether or not its lock is held."""
    argument, expected = COMMANDS[command]
    name = command.partition(" ")[0]
    with joined(server.url, token=token("attacker", "/open/*")) as client:
        answers = [client.call(name, json.loads(json.dumps(argument).replace("ROOM", room))) for room in (EXISTS, ABSENT)]
        assert answers[0] == answers[1]
        assert answers[0]["error"]["code"] == expected
        assert client.call("room:watch", {"rooms": ["/open/1"]})["rooms"][0]["count"] == 1
    assert insider.call("room:watch", {"rooms": [EXISTS]})["rooms"][0]["count"] == 1


@pytest.mark.parametrize(
    "grant", ["/secret", "/secret/exist", "/secret/existsx", "/SECRET/*", "/secret/exists/*", "secret/*", "/*/exists"]
)
def test_h88_grants_that_are_near(server: ServerProcess, bystander: Bystander, insider: RawClient, grant: str) -> None:
    with joined(server.url, token=token("attacker", grant)) as client:
        assert client.call("room:enter", {"room": EXISTS})["error"]["code"] == "forbidden"


def test_h88_who_becomes_somebody_with_less_sees_less(server: ServerProcess, bystander: Bystander, insider: RawClient) -> None:
    with joined(server.url, token=token("attacker")) as client:
        client.call("room:enter", {"room": EXISTS})
        assert client.call("user:identify", {"token": token("attacker", "/open/*")})["ok"]
        assert client.call("room:update", {"room": EXISTS, "state": {}})["error"]["code"] == "not_in_room"
        assert insider.call("room:update", {"room": EXISTS, "state": {"secret": 1}})["ok"]
        assert insider.call("room:watch", {"rooms": [EXISTS]})["rooms"][0]["members"][0]["state"] == {
            "secret": 1
        }  # it is told by now
        client.send('42999["room:watch",{"rooms":[]}]')
        while not (packet := client.receive()).startswith("43999["):
            assert EXISTS not in packet


@pytest.mark.parametrize("prefix", ["", "/", "/open", "/o", "/secret/", "/open/../secret/"])
def test_h89_rankings_of_rooms_without_a_grant(
    server: ServerProcess, bystander: Bystander, insider: RawClient, prefix: str
) -> None:
    """H89 has rooms that are marked public; ours are granted by a token. A ranking is of a prefix that it grants as a whole, or is refused."""
    granted = prefix.startswith("/open/")
    with joined(server.url, token=token("attacker", "/open/*")) as client:
        answer = client.call("ranking:watch", {"prefix": prefix})
        assert answer == {"ok": True, "rooms": []} if granted else answer["error"]["code"] == "forbidden"


def test_h89_a_ranking_names_what_is_granted(server: ServerProcess, bystander: Bystander, insider: RawClient) -> None:
    with joined(server.url, token=token("attacker", "/open/*")) as client:
        assert client.call("ranking:watch", {"prefix": "/open/"})["rooms"] == [{"room": "/open/1", "count": 1}]
        insider.call("room:enter", {"room": "/open/2", "watch": "none"})
        assert [entry["room"] for entry in client.event("ranking:changed")[0]["rooms"]] == ["/open/1", "/open/2"]


@pytest.mark.parametrize("headers", ["", "Authorization: Bearer wrong\r\n", "X-API-Key: \r\n"], ids=["none", "wrong", "empty"])
def test_h90_questions_about_users_without_the_key(
    server: ServerProcess, bystander: Bystander, insider: RawClient, headers: str
) -> None:
    """Whether somebody is online is told to back ends. Who has no key learns as much about who is there as about who is not."""
    for target in ("users/{}", "users/{}/connections", "online?user={}", "rooms/@online?user={}", "locks/%2Fsecret%2F{}"):
        for method in ("GET", "DELETE"):
            there, not_there = (fetch(server, f"/api/v1/{target.format(user)}", method, headers) for user in ("exists", "absent"))
            assert (there.status, there.body) == (not_there.status, not_there.body)
            assert there.status in (401, 404, 405)
    assert insider.call("room:watch", {"rooms": []})["ok"], "nobody was kicked"


@pytest.mark.parametrize("event", ["user:online", "users:get", "push", "room:who", "user:kick"])
def test_h90_questions_about_users_by_events(bystander: Bystander, insider: RawClient, event: str) -> None:
    """There is no such command. (Who is online is in `@online`, to be watched by whoever the application lets.)"""
    with bystander.attacker() as client:
        answers = [client.call(event, {"id": user, "user": user, "to": user}) for user in ("exists", "absent")]
        assert answers[0] == answers[1]
        assert answers[0]["error"]["code"] == "unknown_event"


def test_h90_handing_a_lock_to_somebody_who_does_not_wait(bystander: Bystander, insider: RawClient) -> None:
    with bystander.attacker() as client:
        client.call("lock:acquire", {"lock": "/open/lock"})
        answers = [client.call("lock:hand_over", {"lock": "/open/lock", "to": user}) for user in ("exists", "absent")]
        assert answers[0] == answers[1]
        assert answers[0]["error"]["code"] == "not_waiting"


def test_h90_becoming_somebody_without_their_token(server: ServerProcess, bystander: Bystander, insider: RawClient) -> None:
    with bystander.attacker() as client:
        answers = []
        for user in ("exists", "absent"):
            forged = jwt.encode({"sub": user, "exp": int(time.time()) + 600}, "x" * 32, algorithm="HS256")
            answers.append(client.call("user:identify", {"token": forged}))
        assert answers[0] == answers[1]
        assert answers[0]["error"]["code"] == "unauthenticated"

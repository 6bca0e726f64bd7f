"""E: what people say of themselves, and how often."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hostile.bystander import ROOM, Bystander
from hostile.test_e_rooms import flood, frames_of
from support.raw import RawClient, joined
from support.servers import ServerProcess

UPDATES = 150  # fewer than a client may send at once


def _member(server: ServerProcess, user_id: str, room: str = ROOM) -> dict[str, Any]:
    """A member as others see them."""
    with joined(server.url, visitor="reader-0001") as reader:
        members = reader.call("room:watch", {"rooms": [room]})["rooms"][0]["members"]
    return next(member for member in members if member["id"] == user_id)


STATES = {
    "900-kb": ({"a": "x" * 900_000}, "bad_state"),
    "1-kb": ({"a": "x" * 1024}, "bad_state"),
    "33-keys": ({str(number): 1 for number in range(33)}, "bad_state"),
    "long-key": ({"x" * 1100: 1}, "bad_state"),
    "object": ({"a": {"b": 1}}, "bad_request"),
    "list": ({"a": [1]}, "bad_request"),
    "no-object": ([1], "bad_request"),
    "text": ("a", "bad_request"),
    "null": (None, "bad_request"),
}


@pytest.mark.parametrize("state", list(STATES))
def test_h85_states_that_are_none(bystander: Bystander, state: str) -> None:
    content, expected = STATES[state]
    with bystander.attacker() as client:
        assert client.call("room:update", {"room": ROOM, "state": content})["error"]["code"] == expected
        if content is not None:
            assert client.call("room:enter", {"room": ROOM, "state": content})["error"]["code"] == expected
        assert client.call("room:enter", {"room": ROOM, "watch": "none"})["self"]["state"] == {}


def test_h85_a_state_that_grows(bystander: Bystander) -> None:
    """The limit is on what is kept, not on what is sent at once."""
    with bystander.attacker() as client:
        answers = [client.call("room:update", {"room": ROOM, "state": {f"k{number}": "x" * 100}}) for number in range(12)]
        assert [answer["ok"] for answer in answers] == [True] * 9 + [False] * 3


@pytest.mark.parametrize(
    "text", ["<img src=x onerror=alert(1)>", "javascript:alert(1)", "</script>", "{{7*7}}", "\x1b[2J", "'; DROP TABLE"]
)
def test_h85_text_that_means_something_elsewhere(server: ServerProcess, bystander: Bystander, text: str) -> None:
    """A state is the application's: text comes out as it went in. Our elements never make markup of it (tests/browser)."""
    with bystander.attacker() as client:
        answer = client.call("room:enter", {"room": ROOM, "state": {"text": text, text: 1}})
        assert _member(server, answer["self"]["id"])["state"] == {"text": text, text: 1}


def test_h85_somebody_who_says_they_are_somebody_else(server: ServerProcess, bystander: Bystander) -> None:
    """Who somebody is comes from a token, or from a visitor's own id."""
    claims = {"id": bystander.id, "user_id": bystander.id, "name": "Admin", "anonymous": False}
    with joined(server.url, visitor="attacker-0001") as plain:
        honest = plain.call("room:enter", {"room": "/elsewhere", "watch": "none"})["self"]
    with (
        RawClient(server.url)
        .handshake()
        .join({"visitor": "attacker-0001", "user": claims, "info": {"role": "admin"}, **claims}) as client
    ):
        claimed = client.call(
            "room:enter", {"room": ROOM, "state": claims, "watch": "none", "self": claims, "user": claims, **claims}
        )
        member = _member(server, claimed["self"]["id"])
        assert [member[key] for key in ("id", "name", "info", "anonymous")] == [honest["id"], honest["name"], None, True]
        assert member["state"] == claims, "that is text of theirs, like any other"
        assert _member(server, bystander.id)["name"] != "Admin"


def test_h86_updates_without_end(server: ServerProcess, bystander: Bystander) -> None:
    """H86 has one update a second for each member; ours are collected for a tick, so a cursor can move. The last one counts."""
    with joined(server.url, visitor="watcher-0001") as watcher, bystander.attacker() as client:
        watcher.call("room:enter", {"room": "/updated"})
        own = client.call("room:enter", {"room": "/updated", "watch": "none"})["self"]["id"]
        for number in range(UPDATES):
            client.send(f'42["room:update",{{"room":"/updated","state":{{"n":{number}}}}}]')
        assert client.call("room:watch", {"rooms": []})["ok"]
        assert _member(server, own, "/updated")["state"] == {"n": UPDATES - 1}
        assert len(frames_of(watcher, "/updated")) < UPDATES / 2


def test_h87_positions_without_end(server: ServerProcess, bystander: Bystander) -> None:
    """Coalesced by the tick; what is above the rate is refused, and who goes on is sent away."""
    with joined(server.url, visitor="watcher-0001") as watcher:
        watcher.call("room:enter", {"room": "/read"})
        with bystander.attacker() as client:
            client.call("room:enter", {"room": "/read", "watch": "none"})
            flood(
                client, [f'427["room:update",{{"room":"/read","state":{{"position":{number % 101}}}}}]' for number in range(1000)]
            )
            code, seen = client.closed()
            assert (code, '"code":"rate"' in seen, seen.split()[-1]) == (4429, True, "41")
        assert len(frames_of(watcher, "/read")) < 100


@pytest.mark.parametrize("position", [-1, 1e9, -0.0, 10**30, "50", None, True, 1e-300])
def test_h87_positions_that_are_none(server: ServerProcess, bystander: Bystander, position: Any) -> None:
    """What a state holds is the application's, so it is passed on as it came; reading history takes 0 to 100 from it, and nothing else."""
    with bystander.attacker() as client:
        own = client.call("room:enter", {"room": ROOM, "watch": "none"})["self"]["id"]
        assert client.call("room:update", {"room": ROOM, "state": {"position": position}})["ok"]
        assert _member(server, own)["state"] == ({} if position is None else {"position": position})


@pytest.mark.parametrize("position", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_h87_positions_that_are_no_numbers(bystander: Bystander, position: str) -> None:
    with bystander.attacker() as client:
        client.send(f'427["room:update",{{"room":"{ROOM}","state":{{"position":{position}}}}}]')
        assert client.closed() == (4400, "")


def test_h87_a_position_that_is_nested(bystander: Bystander) -> None:
    with bystander.attacker() as client:
        assert client.call("room:update", {"room": ROOM, "state": {"position": [50]}})["error"]["code"] == "bad_request"
        assert client.call("room:update", {"room": ROOM, "state": json.loads('{"position": 50.5}')})["ok"]

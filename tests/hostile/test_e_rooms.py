"""E: rooms: their names, their number, and those who come and go without end."""

from __future__ import annotations

import json
from contextlib import ExitStack, suppress
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from hostile.bystander import ROOM, Bystander, closed_with
from hostile.conftest import CONNECTIONS_PER_USER, ROOMS
from support.raw import RawClient, joined
from support.servers import ServerProcess, wait_for

ROOMS_PER_CONNECTION = 32


def _code(client: RawClient, event: str, argument: Any) -> str:
    return client.call(event, argument)["error"]["code"]


def frames_of(client: RawClient, room: str) -> list[dict[str, Any]]:
    """What the client has been told of the room by now."""
    frames = []
    client.send('42999["room:watch",{"rooms":[]}]')
    while not (packet := client.receive()).startswith("43999["):
        if packet.startswith('42["room:changed"'):
            frames.append(json.loads(packet[2:])[1])
    return [frame for frame in frames if frame["room"] == room]


def flood(client: RawClient, packets: list[str]) -> None:
    """Send all of that, or as much as the server takes."""
    with suppress(ConnectionClosed):
        for packet in packets:
            client.send(packet)


BAD_NAMES = ["", "a" * 201, "a" * 10_240, "é" * 101, "a\x00b", "\n", "a\u0085b", "\u202ea", "e\u0301", "@", "@admin", "@Online"]


@pytest.mark.parametrize("room", [*BAD_NAMES, 1, None, [], {}, True], ids=lambda room: repr(room)[:20])
def test_h81_names_that_are_none(bystander: Bystander, room: object) -> None:
    expected = "bad_room" if isinstance(room, str) else "bad_request"
    with bystander.attacker() as client:
        for command in ("room:enter", "room:leave", "room:update"):
            assert _code(client, command, {"room": room, "state": {}}) == expected
        for command in ("room:watch", "room:unwatch"):
            assert _code(client, command, {"rooms": ["/good", room]}) == expected
        if room:
            assert _code(client, "ranking:watch", {"prefix": room}) == expected


@pytest.mark.parametrize(
    "lock", [*BAD_NAMES, "#", "#title", "@admin#title", "a#" + "b" * 200, 1, None], ids=lambda lock: repr(lock)[:20]
)
def test_h81_names_that_are_none_of_a_lock(bystander: Bystander, lock: object) -> None:
    expected = "bad_lock" if isinstance(lock, str) else "bad_request"
    with bystander.attacker() as client:
        for command in ("acquire", "release", "touch", "request", "hand_over", "take"):
            assert _code(client, f"lock:{command}", {"lock": lock}) == expected


NAMES = [
    "{p}",
    "}{",
    "/a{b}c",
    ":",
    "*",
    "/attacked*",
    "/attacked/",
    "/ATTACKED",
    "/\u0430ttacked",
    "/attacked ",
    "..",
    "%2e",
    "'--",
    "$1",
    "é" * 100,
]


@pytest.mark.parametrize("room", NAMES, ids=lambda room: room[:20])
def test_h81_names_that_mean_nothing_to_us(bystander: Bystander, room: str) -> None:
    """H81 forbids some of these; here every text is a room. So each is one, and no two are the same."""
    with bystander.attacker() as client:
        answer = client.call("room:enter", {"room": room})
        assert (answer["count"], [member["id"] for member in answer["members"]]) == (1, [answer["self"]["id"]])
        assert client.call("room:watch", {"rooms": [ROOM]})["rooms"][0]["count"] == 2
        assert client.call("room:leave", {"room": room}) == {"ok": True}


def test_h82_one_who_is_everywhere(bystander: Bystander) -> None:
    """Rooms are open to enter, unless a token or the application says otherwise: see H88."""
    with bystander.attacker() as client:  # which is in one already
        answers = [client.call("room:enter", {"room": f"/flood/{n}", "watch": "none"}) for n in range(ROOMS_PER_CONNECTION + 5)]
        refused = [answer["error"]["code"] for answer in answers if not answer["ok"]]
        assert refused == ["limit"] * 6
        assert client.call("room:leave", {"room": "/flood/0"})["ok"]
        assert client.call("room:enter", {"room": "/flood/again", "watch": "none"})["ok"]


def test_h82_one_who_wants_to_be_everywhere_at_once(server: ServerProcess, bystander: Bystander) -> None:
    before = closed_with(server, 4429)
    with bystander.attacker() as client:
        flood(client, [f'42["room:enter",{{"room":"/flood/{number}","watch":"none"}}]' for number in range(1000)])
        code, seen = client.closed()
        assert (code, seen.split()[-1]) == (4429, "41")  # and stays away
    assert closed_with(server, 4429) == before + 1


def test_h82_one_who_watches_everything(bystander: Bystander) -> None:
    with bystander.attacker() as client:
        assert _code(client, "room:watch", {"rooms": [f"/flood/{number}" for number in range(101)]}) == "limit"
        assert _code(client, "room:watch", {"rooms": [f"/{number}" for number in range(80_000)]}) == "limit"


def test_h83_rooms_from_many(server: ServerProcess, bystander: Bystander) -> None:
    """An empty room costs nothing, and a process keeps no more than so many: everybody else has theirs."""
    with ExitStack() as stack:
        refused: list[str] = []
        entered = 0
        for attacker in range(-(-ROOMS // ROOMS_PER_CONNECTION)):
            client = stack.enter_context(joined(server.url, visitor=f"attacker-{attacker:04}"))
            for number in range(ROOMS_PER_CONNECTION):
                answer = client.call("room:enter", {"room": f"/flood/{attacker}/{number}", "watch": "none"})
                entered += answer["ok"]
                refused += [] if answer["ok"] else [answer["error"]["code"]]
        assert (entered < ROOMS, set(refused)) == (True, {"limit"})
        assert _code(client, "room:watch", {"rooms": ["/flood/watched"]}) == "limit"
        with joined(server.url, visitor="latecomer-0001") as latecomer:
            assert latecomer.call("room:enter", {"room": ROOM, "watch": "none"})["ok"]
    bystander.assert_undisturbed()
    with bystander.attacker("attacker-0000") as client:
        assert client.call("room:enter", {"room": "/flood/new"})["ok"]


def test_h84_one_who_comes_and_goes(server: ServerProcess, bystander: Bystander) -> None:
    """H84 has a bucket of 10 commands a second; ours is `packets_per_s`, for all commands together."""
    before = closed_with(server, 4429)
    with joined(server.url, visitor="watcher-0001") as watcher:
        watcher.call("room:enter", {"room": "/thrashed"})
        with bystander.attacker() as client:
            flood(client, ['42["room:enter",{"room":"/thrashed","watch":"none"}]', '42["room:leave",{"room":"/thrashed"}]'] * 500)
            code, seen = client.closed()
            assert (code, seen.split()[-1]) == (4429, "41")
        frames = frames_of(watcher, "/thrashed")
        assert len(frames) < 100, "of some 200 transitions"
        wait_for(
            lambda: watcher.call("room:watch", {"rooms": ["/thrashed"]})["rooms"][0]["count"] == 1, what="the end of a grace"
        )
    assert closed_with(server, 4429) == before + 1


def test_h84_one_who_comes_and_goes_with_new_connections(server: ServerProcess, bystander: Bystander) -> None:
    """A grace covers it: to the others they have never been away. There are no more of them than a user may have."""
    for _ in range(3 * CONNECTIONS_PER_USER):
        with joined(server.url, visitor="attacker-0001") as client:
            client.call("room:enter", {"room": "/thrashed", "watch": "none"})

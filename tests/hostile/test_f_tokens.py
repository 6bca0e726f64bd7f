"""F: tokens. Forged ones, those that run out, those in the wrong place, and people who are to be gone at once."""

from __future__ import annotations

import json
import time
from typing import Any

import jwt
import pytest

from hostile.bystander import Bystander
from hostile.credentials import call_api, token
from hostile.marks import apps, old
from server.test_auth import FORGED, by_hand
from support.old import QUERY, OldPolls
from support.polls import PollSession
from support.raw import RawClient, joined
from support.servers import SECRET, ServerProcess, wait_for

LATER = int(time.time()) + 3600
LIES = {
    "a kid that is a path": by_hand({"alg": "HS256", "kid": "../../../dev/null"}, {"sub": "42", "exp": LATER}, b""),
    "a kid that is SQL": by_hand({"alg": "HS256", "kid": "x' UNION SELECT 'key"}, {"sub": "42", "exp": LATER}, b"key"),
    "a key in the token": by_hand({"alg": "HS256", "jwk": {"kty": "oct", "k": "a2V5"}}, {"sub": "42", "exp": LATER}, b"key"),
    "a URL of keys": by_hand(
        {"alg": "RS256", "jku": "http://127.0.0.1:1/", "x5u": "http://127.0.0.1:1/"}, {"sub": "42", "exp": LATER}
    ),
    "a number of 5,000 digits": by_hand({"alg": "HS256"}, {"sub": "42", "exp": LATER}, SECRET.encode()).replace(
        ".", ".9" * 2500 + ".", 1
    ),
    "a date of 300 digits": by_hand({"alg": "HS256"}, {"sub": "42", "exp": 10**300}, SECRET.encode()),
    "a date that is a half": by_hand({"alg": "HS256"}, {"sub": "42", "exp": LATER + 0.5}, SECRET.encode()),
    "a date that is text": by_hand({"alg": "HS256"}, {"sub": "42", "exp": str(LATER)}, SECRET.encode()),
    "no date": by_hand({"alg": "HS256"}, {"sub": "42"}, SECRET.encode()),
    "an unknown extension": by_hand(
        {"alg": "HS256", "crit": ["b64"], "b64": False}, {"sub": "42", "exp": LATER}, SECRET.encode()
    ),
}


FORGED_HERE = {name: forged for name, forged in (FORGED | LIES).items() if name != "one megabyte"}


@pytest.mark.parametrize("forged", FORGED_HERE.values(), ids=FORGED_HERE)
def test_h101_a_forged_token_lets_nobody_in_and_makes_nobody_somebody_else(
    server: ServerProcess, bystander: Bystander, forged: str
) -> None:
    with RawClient(server.url).handshake() as client:
        client.send("40" + json.dumps({"token": forged}))
        refusal = client.receive()
        assert refusal.startswith("44{"), refusal[:200]
        assert json.loads(refusal[2:])["data"]["code"] in ("unauthenticated", "bad_auth")
        assert len(refusal) < 1000, "what was sent is not sent back"
    with bystander.attacker() as client:
        assert client.call("user:identify", {"token": forged})["error"]["code"] == "unauthenticated"
        assert client.call("room:enter", {"room": "/f"})["self"]["anonymous"]


def test_h101_a_token_of_a_megabyte(server: ServerProcess, bystander: Bystander) -> None:
    with RawClient(server.url).handshake() as client:
        client.send("40" + json.dumps({"token": FORGED["one megabyte"]}))
        assert client.closed()[0] == 1009


def test_h102_a_token_that_runs_out_and_what_does_not_help(server: ServerProcess, bystander: Bystander) -> None:
    """The end itself, 25 s after the date, is tests/node/test_expiry.py, where time can be made to pass."""
    with joined(server.url, token=token("late-of-f", ttl_s=20)) as client:
        fact = client.event("token:expiring")[0]
        assert 0 < fact["expires_at"] / 1000 - time.time() < 30
        expired = jwt.encode({"sub": "late-of-f", "exp": int(time.time()) - 60}, SECRET, "HS256")
        assert client.call("user:identify", {"token": expired})["error"]["code"] == "token_expired"
        for forged in (FORGED["another secret"], FORGED["no algorithm"], ""):
            assert client.call("user:identify", {"token": forged})["error"]["code"] == "unauthenticated"
        assert client.call("user:identify", {"token": token("late-of-f")})["ok"]
    with RawClient(server.url).handshake() as client:
        client.send("40" + json.dumps({"token": expired}))
        assert json.loads(client.receive()[2:])["data"]["code"] == "token_expired"


@apps
def test_h103_who_is_banned_is_gone_from_everywhere_within_a_second(server: ServerProcess, bystander: Bystander) -> None:
    banned = token("banned-of-f")
    tabs = [joined(server.url, token=banned) for _ in range(2)]
    tabs[0].send(f'40/second,{{"token":"{banned}"}}')
    while not tabs[0].receive().startswith("40/second,"):  # a count of its inbox may come before
        pass
    shared = joined(server.url, visitor="shared-0001")
    shared.join({"token": banned}, "/second")
    before_s = time.monotonic()
    status, answer = call_api(server, "DELETE", "/users/banned-of-f/connections")
    assert (status, answer) == (200, {"connections": 4})
    assert [tab.closed()[0] for tab in tabs] == [4403] * 2
    assert call_api(server, "GET", "/users/banned-of-f")[1]["online"] is False
    assert time.monotonic() - before_s < 10, "no heartbeat was waited for"
    packet = ""
    while packet != "41/second,":
        packet = shared.receive()
    assert shared.call("room:enter", {"room": "/f"})["ok"], "whose transport it shared stays"
    for client in (*tabs, shared):
        client.__exit__()
    wait_for(lambda: server.metric("alsohere_connections") == 1, what="their end")


@old
def test_h103_who_is_banned_is_gone_from_every_transport(server: ServerProcess, bystander: Bystander) -> None:
    """Long-polling, whether a poll is waiting or not, and clients 1 and 2: each is told to stay away, and its session is no more."""
    banned = token("banned-of-polls")
    waiting, between = (PollSession(server.url).join({"token": banned}) for _ in range(2))
    poll = waiting.waiting_get()
    old_polls = OldPolls(server.url)
    old_socket = RawClient(server.url, query=QUERY).handshake()
    assert old_socket.receive() == "40"
    for identified in (
        old_polls.call(0, "user:identify", {"token": banned}),
        old_socket.call("user:identify", {"token": banned}),
    ):
        assert identified["self"]["id"] == "banned-of-polls"
    status, answer = call_api(server, "DELETE", "/users/banned-of-polls/connections")
    assert (status, answer) == (200, {"connections": 4})
    assert call_api(server, "GET", "/users/banned-of-polls")[1] == {
        "id": "banned-of-polls",
        "online": False,
        "status": None,
        "connections": 0,
        "rooms": [],
    }
    assert "41" in poll.answer().text.split("\x1e"), "the poll that waits is answered"
    assert "41" in between.packets()
    assert "41" in old_polls.get().packets
    for session in (waiting, between):
        assert session.post("420[]").status == 400
        assert (session.get().status, session.get().json()["code"]) == (400, 1)
    assert old_polls.get().code == 1
    packet = ""
    while packet != "41":
        packet = old_socket.receive()
    assert old_socket.closed()[0] == 4403
    wait_for(lambda: server.metric("alsohere_connections") == 1, what="their end")


@pytest.mark.parametrize("name", ["token", "access_token", "auth", "jwt"])
def test_h104_a_token_in_the_url_is_nobody(server: ServerProcess, bystander: Bystander, name: str) -> None:
    query = f"EIO=4&transport=websocket&{name}={token('url-of-f')}"
    with RawClient(server.url, query=query).handshake().join() as client:
        member: dict[str, Any] = client.call("room:enter", {"room": "/f"})["self"]
        assert member["anonymous"]
        assert member["id"] != "url-of-f"

"""Locks over HTTP, of a real server: look, check a fence, revoke, read the audit; and receipts."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote

import jwt
import pytest

from alsohere import Unauthenticated, verify_receipt
from alsohere.server import receipts
from support.raw import joined
from support.servers import API_KEY, SECRET, ServerProcess


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with ServerProcess() as process:
        yield process


def ask(server: ServerProcess, method: str, lock: str, behind: str = "", body: Any = None) -> tuple[int, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        f"{server.url}/api/v1/locks/{quote(lock, safe='')}{behind}", data, {"X-API-Key": API_KEY}, method=method
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return response.status, json.load(response)
    except HTTPError as error:
        return error.code, json.load(error)


def test_a_lock_is_looked_up_and_its_fence_checked(server):
    with joined(server.url) as ann, joined(server.url) as bob:
        held = ann.call("lock:acquire", {"lock": "doc/1#title"})
        bob.call("lock:acquire", {"lock": "doc/1#title"})
        status, info = ask(server, "GET", "doc/1#title")
        assert (status, info["holder"], info["fence"]) == (200, held["holder"], held["fence"])
        assert [info["waiting"], len(info["queue"])] == [1, 1]
        assert info["expires_at"] > time.time() * 1000

        def check(**body: Any) -> Any:
            return ask(server, "POST", "doc/1#title", "/check", body)

        assert check(fence=held["fence"])[1]["valid"] is True
        assert check(fence=held["fence"], user=held["holder"]["id"])[1]["valid"] is True
        assert check(fence=held["fence"], user="bob")[1]["reason"] == "other_holder"
        assert check(fence=held["fence"] - 1)[1]["reason"] == "stale_fence"
        ann.call("lock:release", {"lock": "doc/1#title"})
        granted = bob.event("lock:granted")[0]
        assert check(fence=held["fence"])[1]["reason"] == "stale_fence", "the old holder may not save any more"
        assert check(fence=granted["fence"])[1]["valid"] is True


def test_a_free_lock_has_no_holder_and_no_fence(server):
    assert ask(server, "GET", "free")[1] == {
        "lock": "free", "holder": None, "queue": [], "waiting": 0, "fence": None, "since": None, "expires_at": None, "request": None
    }  # fmt: skip
    assert ask(server, "POST", "free", "/check", {"fence": 0})[1]["reason"] == "not_held"


def test_revoking_tells_the_holder_why_and_gives_it_to_the_next(server):  # L9
    with joined(server.url) as ann, joined(server.url) as bob:
        held = ann.call("lock:acquire", {"lock": "doc:2"})
        bob.call("lock:acquire", {"lock": "doc:2"})
        status, info = ask(server, "DELETE", "doc:2", "?why=month%20end")
        lost = ann.event("lock:lost")[0]
        assert (status, lost["reason"], lost["why"]) == (200, "revoked", "month end")
        assert info["fence"] > held["fence"]
        assert bob.event("lock:granted")[0]["fence"] == info["fence"]
        [entry] = ask(server, "GET", "doc:2", "/audit")[1]["entries"]
        assert (entry["action"], entry["by_user"], entry["from_user"], entry["why"]) == (
            "revoked", "api", held["holder"]["id"], "month end"
        )  # fmt: skip


@pytest.mark.parametrize(
    "body", [{}, {"fence": "1"}, {"fence": -1}, {"fence": 2**70}, {"fence": 1.5}, {"fence": 1, "more": 2}, []]
)
def test_a_check_that_is_none_is_refused(server, body):
    status, problem = ask(server, "POST", "doc:3", "/check", body)
    assert (status, problem["code"]) == (400, "bad_request")


def test_a_name_that_is_none_is_refused(server):
    assert ask(server, "GET", "a\nb")[1]["code"] == "bad_lock"
    assert ask(server, "DELETE", "#field")[1]["code"] == "bad_lock"


# -- Receipts ----------------------------------------------------------------------------------------------------------


def test_a_receipt_is_verified_without_the_server(server):
    with joined(server.url) as ann:
        held = ann.call("lock:acquire", {"lock": "doc:4"})
        receipt = verify_receipt(held["receipt"], SECRET, lock="doc:4")
        assert (receipt.lock, receipt.fence, receipt.user) == ("doc:4", held["fence"], held["holder"]["id"])
        assert receipt.exp > time.time()
        with pytest.raises(Unauthenticated, match="another lock"):
            verify_receipt(held["receipt"], SECRET, lock="doc:5")
        with pytest.raises(Unauthenticated, match="not valid"):
            verify_receipt(held["receipt"], SECRET + "x")


def claims(**over: Any) -> dict[str, Any]:
    return {"lock": "doc:1", "fence": 1, "user": "ann", "exp": int(time.time()) + 60} | over


@pytest.mark.parametrize(
    "forged",
    [
        "", "x", "ä", "a.b.c", "x" * 5000,
        jwt.encode(claims(), SECRET, algorithm="HS256"),  # signed with the tokens' key
        jwt.encode(claims(), None, algorithm="none"),
        jwt.encode(claims(), receipts._key(SECRET) * 2, algorithm="HS512"),
        jwt.encode({"lock": "doc:1", "fence": 1, "user": "ann"}, receipts._key(SECRET), algorithm="HS256"),
        jwt.encode(claims(fence="9"), receipts._key(SECRET), algorithm="HS256"),
        jwt.encode(claims(fence=True), receipts._key(SECRET), algorithm="HS256"),
    ],
)  # fmt: skip
def test_a_forged_receipt_is_refused(forged):
    with pytest.raises(Unauthenticated):
        verify_receipt(forged, SECRET)


def test_an_old_receipt_says_that_it_is_old():
    with pytest.raises(Unauthenticated) as raised:
        verify_receipt(jwt.encode(claims(exp=int(time.time()) - 60), receipts._key(SECRET), algorithm="HS256"), SECRET)
    assert raised.value.code == "token_expired"


def test_a_receipt_is_no_token(server):
    with joined(server.url) as ann:
        receipt = ann.call("lock:acquire", {"lock": "doc:6"})["receipt"]
        assert ann.call("user:identify", {"token": receipt})["error"]["code"] == "unauthenticated"

"""F: messages that last. Who reads what is somebody else's, asks for too much, or sends what is no text."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hostile.bystander import Bystander
from hostile.credentials import call_api, token
from support.raw import RawClient, joined
from support.servers import ServerProcess

VICTIM, MALLORY = "victim-of-f", "mallory-of-f"


def _notify(server: ServerProcess, user: str, **content: Any) -> int:
    status, answer = call_api(server, "POST", "/notifications", {"to": [user], "title": "For you alone", **content})
    assert status == 200, answer
    return answer["id"]


def _inbox(server: ServerProcess, user: str) -> list[dict[str, Any]]:
    return call_api(server, "GET", f"/users/{user}/inbox?state=all&limit=100")[1]["items"]


def _mallory(server: ServerProcess) -> RawClient:
    return joined(server.url, token=token(MALLORY))


@pytest.mark.parametrize("mark", ["seen", "read", "unread", "archived"])
def test_h96_marks_on_an_inbox_of_somebody_else(server: ServerProcess, bystander: Bystander, mark: str) -> None:
    """`not_found`, whether or not there is such an id: not even that is told. Among ids that are one's own they are passed over."""
    theirs = _notify(server, VICTIM)
    before = _inbox(server, VICTIM)
    with _mallory(server) as client:
        refusals = []
        for ids in ([theirs], [theirs + 1_000_000], [theirs, theirs + 1_000_000]):
            answer = client.call("inbox:mark", {"ids": ids, "as": mark, "user": VICTIM, "user_id": VICTIM})
            refusals.append(answer["error"])
        assert refusals[0]["code"] == "not_found"
        assert refusals == refusals[:1] * 3
        mine = _notify(server, MALLORY)
        assert client.call("inbox:mark", {"ids": [mine, theirs], "as": mark})["ok"]
        client.call("inbox:mark", {"up_to": 2**62, "as": mark})
        client.call("inbox:mark", {"all": True, "as": mark})
    status, answer = call_api(server, "POST", f"/users/{MALLORY}/inbox/mark", {"ids": [theirs], "as": mark})
    assert (status, answer["code"]) == (404, "not_found"), "so too for a back end that names the wrong user"
    assert _inbox(server, VICTIM) == before


@pytest.mark.parametrize("cursor", [0, -1, 2**53, 2**63 - 1, 2**63, 10**30, "1", "' OR 1=1 --", [1], {}, 1.5, True], ids=str)
def test_h96_forged_cursors(server: ServerProcess, bystander: Bystander, cursor: Any) -> None:
    theirs = _notify(server, VICTIM)
    with _mallory(server) as client:
        for more in (
            {"before": cursor},
            {"before": theirs + 1, "category": "' OR 1=1 --"},
            {"before": theirs + 1, "user": VICTIM},
        ):
            answer = client.call("inbox:list", {"state": "all", "limit": 100, **more})
            if answer["ok"]:
                assert theirs not in [item["id"] for item in answer["items"]]
            else:
                assert answer["error"]["code"] in ("bad_request", "limit")


def test_h96_an_acknowledgement_of_what_was_never_sent(server: ServerProcess, bystander: Bystander) -> None:
    theirs = _notify(server, VICTIM)
    with _mallory(server) as client:
        for number in range(5):
            client.send(f"43{number}[]")
        assert client.call("inbox:list", {})["ok"], "passed over"
    [found] = [item for item in _inbox(server, VICTIM) if item["id"] == theirs]
    assert "delivered_at" not in found


@pytest.mark.parametrize("amount", [501, 5_000, 50_000])
def test_h97_marks_without_end(server: ServerProcess, bystander: Bystander, amount: int) -> None:
    with _mallory(server) as client:
        answer = client.call("inbox:mark", {"ids": list(range(1, amount + 1)), "as": "read"})
        assert answer["error"]["code"] == "limit"
    status, answer = call_api(server, "POST", f"/users/{VICTIM}/inbox/mark", {"ids": list(range(amount)), "as": "read"})
    assert status in (400, 409, 413), answer


def test_h97_a_million_marks(server: ServerProcess, bystander: Bystander) -> None:
    with _mallory(server) as client:
        client.send("420" + json.dumps(["inbox:mark", {"ids": list(range(1_000_000)), "as": "read"}]))
        assert client.closed()[0] == 1009


@pytest.mark.parametrize("limit", [-1, 0, 101, 10**9, 2**63, 10**30, "ten", None, 1.5], ids=str)
def test_h97_pages_that_are_none(server: ServerProcess, bystander: Bystander, limit: Any) -> None:
    """The table clamps. Design section 5 has a checked document of the API, and who asks for 10^9 and gets 100 thinks that is all."""
    with _mallory(server) as client:
        assert client.call("inbox:list", {"limit": limit})["error"]["code"] == "bad_request"
    status, answer = call_api(server, "GET", f"/users/{VICTIM}/inbox?limit={limit}")
    assert (status, answer["code"]) == (400, "bad_request")


TEXTS = [
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "{{7*7}} ${7*7} #{7*7} <%= 7*7 %> {% include 'x' %}",
    "%s %n {0.__class__} $(reboot) `reboot` ; DROP TABLE inbox; --",
    "\u202egnp.exe\u2066 e\u0301 \ufeff \U0001f468\u200d\U0001f469",
]


@pytest.mark.parametrize("text", TEXTS, ids=["html", "templates", "formats", "unicode"])
def test_h98_text_is_stored_and_given_back_as_text(server: ServerProcess, bystander: Bystander, text: str) -> None:
    user = "reader-of-f"
    with joined(server.url, token=token(user)) as client:
        number = _notify(server, user, title=text, body=text, data={"text": text})
        [fact] = _heard(client, number)
        assert (fact["title"], fact["body"], fact["data"]) == (text, text, {"text": text})


def _heard(client: RawClient, number: int) -> list[dict[str, Any]]:
    """The notification of that id; it comes with an id to acknowledge."""
    while True:
        packet = client.receive()
        start = packet.find('["notification",')
        if start > 0:
            fact = json.loads(packet[start:])[1]
            if fact["id"] == number:
                client.send(f"43{packet[2:start]}[]")
                return [fact]


BAD = {
    "nul": {"title": "a\0b"},
    "nul in the body": {"body": "a\0b"},
    "long": {"body": "x" * 16_385},
    "long in bytes": {"body": "\u2603" * 16_384},
    "much data": {"data": {"x": "y" * 17_000}},
    "a script as a link": {"url": "javascript:alert(1)"},
    "a script behind a space": {"url": " JavaScript:alert(1)"},
    "a script in two lines": {"url": "java\nscript:alert(1)"},
    "data as a link": {"url": "data:text/html,x"},
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD)
def test_h98_what_is_no_text_is_refused_and_nothing_is_stored(
    server: ServerProcess, bystander: Bystander, content: dict[str, Any]
) -> None:
    before = _inbox(server, VICTIM)
    status, answer = call_api(server, "POST", "/notifications", {"to": [VICTIM], "title": "x", **content})
    assert (status, answer.get("code")) == (400, "bad_request"), answer
    status, answer = call_api(
        server,
        "POST",
        "/notifications/batch",
        {"notifications": [{"to": [VICTIM], "title": "x", **content}, {"to": ["other-of-f"], "title": "good"}]},
    )
    assert status == 400 or [("error" in one) for one in answer["answers"]] == [True, False], answer
    assert _inbox(server, VICTIM) == before


def test_h98_a_megabyte_is_not_read(server: ServerProcess, bystander: Bystander) -> None:
    status, answer = call_api(server, "POST", "/notifications", {"to": [VICTIM], "title": "x", "body": "x" * 1_100_000})
    assert (status, answer["code"]) == (413, "too_large")


def test_h98_what_people_write_to_each_other_is_for_the_application_to_allow(server: ServerProcess, bystander: Bystander) -> None:
    before = _inbox(server, VICTIM)
    with _mallory(server) as client:
        for body in ("hello", "x" * 100_000, "a\0b"):
            assert not client.call("message:send", {"to": VICTIM, "body": body})["ok"]
        assert client.call("push:send", {"name": "x", "to": [VICTIM]})["error"]["code"] == "forbidden"
    assert _inbox(server, VICTIM) == before

"""F: the HTTP API. Keys that are nearly right, bodies without end, one bad item among good ones."""

from __future__ import annotations

import json

import pytest

from hostile.bystander import Bystander
from hostile.credentials import call_api, token
from hostile.wire import Line, fetch
from support.raw import joined
from support.servers import API_KEY, ServerProcess

WRONG = {
    "nothing": "",
    "an empty key": "Authorization: Bearer \r\n",
    "another last byte": f"Authorization: Bearer {API_KEY[:-1]}x\r\n",
    "another first byte": f"Authorization: Bearer x{API_KEY[1:]}\r\n",
    "one byte less": f"Authorization: Bearer {API_KEY[:-1]}\r\n",
    "one byte more": f"Authorization: Bearer {API_KEY}x\r\n",
    "another case": f"Authorization: Bearer {API_KEY.upper()}\r\n",
    "not ASCII": f"Authorization: Bearer {API_KEY[:-1]}é\r\n",
    "a key that was never made": f"Authorization: Bearer ah_{'x' * 43}\r\n",
    "SQL": "Authorization: Bearer ' OR 1=1 --\r\n",
    "twice": f"Authorization: Bearer {API_KEY}\r\nAuthorization: Bearer {API_KEY}\r\n",
    "a good one and a bad one": f"Authorization: Bearer wrong\r\nAuthorization: Bearer {API_KEY}\r\n",
    "two of the other header": f"X-API-Key: {API_KEY}\r\nX-API-Key: wrong\r\n",
    "another scheme": f"Authorization: Basic {API_KEY}\r\n",
    "a user's token": f"Authorization: Bearer {token('42')}\r\n",
    "in the query": "",
}


@pytest.mark.parametrize("headers", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize(("method", "path"), [("GET", "/online"), ("DELETE", "/users/42/connections"), ("POST", "/tokens")])
def test_h105_a_key_that_is_nearly_right(
    server: ServerProcess, bystander: Bystander, headers: str, method: str, path: str
) -> None:
    query = f"?api_key={API_KEY}&key={API_KEY}" if headers == "" else ""
    answer = fetch(server, f"/api/v1{path}{query}", method, headers, b'{"user":"42"}' if method == "POST" else b"")
    assert (answer.status, json.loads(answer.body)["code"]) in ((401, "unauthenticated"), (429, "rate"))
    assert API_KEY.encode() not in answer.body


def test_h105_keys_are_guessed_without_end(server: ServerProcess, bystander: Bystander) -> None:
    statuses = set()
    with Line(server) as line:
        for number in range(500):
            line.request("GET /api/v1/online", f"X-API-Key: ah_{number:043}\r\n")
            statuses.add(line.answer().status)
    assert statuses <= {401, 429}
    assert 429 in statuses
    assert call_api(server, "GET", "/online")[0] == 200, "who has the key is let in, from the same address"


@pytest.mark.parametrize("path", ["/push/batch", "/notifications/batch"])
def test_h106_a_batch_of_100000(server: ServerProcess, bystander: Bystander, path: str) -> None:
    field, item = (
        ("pushes", {"name": "x", "everyone": True}) if "push" in path else ("notifications", {"to": ["42"], "title": "x"})
    )
    status, answer = call_api(server, "POST", path, {field: [item] * 100_000})
    assert (status, answer["code"]) == (413, "too_large")
    status, answer = call_api(server, "POST", path, {field: [item] * 1001})
    assert (status, answer["code"]) == (400, "bad_request")


def test_h106_a_body_of_100_megabytes_is_not_read(server: ServerProcess, bystander: Bystander) -> None:
    with Line(server) as line:
        line.request("POST /api/v1/push", f"Authorization: Bearer {API_KEY}\r\nContent-Length: 100000000\r\n", b"{")
        assert line.answer().status == 413


def test_h106_one_bad_item_fails_alone_and_a_repetition_sends_nothing(server: ServerProcess, bystander: Bystander) -> None:
    good = {"name": "ping-of-f", "data": 1, "to": ["receiver-of-f"]}
    bad = [{"name": "connect", "everyone": True}, {"name": "x"}, {"name": "x", "to": ["1"], "everyone": True}]
    bad += [None, 7, [], {}, {"name": 7}, {"name": "x", "to": "1"}, {"name": "x", "to": [1]}, {"name": "x", "x": 1}]
    with joined(server.url, token=token("receiver-of-f")) as client:
        for _ in range(2):
            status, answer = call_api(
                server, "POST", "/push/batch", {"pushes": [good, *bad, good]}, "Idempotency-Key: once-of-f\r\n"
            )
            assert status == 200
            assert ["error" in one for one in answer["answers"]] == [False, *[True] * len(bad), False]
            assert answer["answers"][-2]["error"] == {"code": "bad_request", "detail": "Object contains unknown field `x`."}
        status, answer = call_api(server, "POST", "/push/batch", {"pushes": [good]}, "Idempotency-Key: once-of-f\r\n")
        assert (status, answer["code"]) == (409, "key_used")
        assert call_api(server, "POST", "/push", {"name": "end-of-f", "to": ["receiver-of-f"]})[0] == 200
        events = []
        while "end-of-f" not in events:
            packet = client.receive()
            if packet.startswith("42["):
                events.append(json.loads(packet[2:])[0])
        assert events.count("ping-of-f") == 2


def test_h106_two_idempotency_keys_are_none(server: ServerProcess, bystander: Bystander) -> None:
    headers = "Idempotency-Key: one-of-f\r\nIdempotency-Key: two-of-f\r\n"
    status, answer = call_api(server, "POST", "/push", {"name": "x", "to": ["42"]}, headers)
    assert (status, answer["detail"]) == (400, "Idempotency-Key is given more than once.")


def test_h106_one_notification_that_is_none_fails_alone(server: ServerProcess, bystander: Bystander) -> None:
    good = {"to": ["batch-of-f"], "title": "good"}
    bad = [
        None,
        "x",
        {},
        {**good, "to": "x"},
        {**good, "to": [7]},
        {**good, "title": 7},
        {**good, "expires_at": -1},
        {**good, "x": 1},
    ]
    status, answer = call_api(server, "POST", "/notifications/batch", {"notifications": [good, *bad, good]})
    assert status == 200, answer
    assert ["error" in one for one in answer["answers"]] == [False, *[True] * len(bad), False]
    assert answer["answers"][5]["error"]["detail"] == "to[0]: Expected `str`, got `int`."
    assert len(call_api(server, "GET", "/users/batch-of-f/inbox?state=all")[1]["items"]) == 2


@pytest.mark.parametrize(("path", "field"), [("/push/batch", "pushes"), ("/notifications/batch", "notifications")])
@pytest.mark.parametrize("items", [None, {}, "x", 7, [{}] * 1001], ids=["null", "object", "text", "number", "too many"])
def test_h106_what_is_no_batch(server: ServerProcess, bystander: Bystander, path: str, field: str, items: object) -> None:
    for body in ({field: items}, {field: [], "more": 1}, items if isinstance(items, dict) else [items]):
        status, answer = call_api(server, "POST", path, body)
        assert (status, answer["code"]) == (400, "bad_request")


def test_h106_a_word_that_is_none_is_answered_with_those_there_are(server: ServerProcess, bystander: Bystander) -> None:
    """And not with what was sent, which may be a megabyte."""
    status, answer = call_api(server, "POST", "/users/42/inbox/mark", {"all": True, "as": "x" * 1_000_000})
    assert (status, answer["detail"]) == (400, "as: must be one of archived, read, seen, unread.")
    for path, body, field in (
        ("/users/~x/inbox/mark", {"all": True, "as": "read"}, "id"),
        ("/topics/t/followers", {"users": ["~x"]}, "users"),
        ("/notifications", {"to": ["~x"], "title": "x"}, "to"),
        ("/tokens", {"user": "~x"}, "user"),
    ):
        status, answer = call_api(server, "POST", path, body)
        assert (status, answer["detail"].partition(":")[0]) == (400, field)

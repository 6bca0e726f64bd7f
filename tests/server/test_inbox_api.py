"""Pushes and notifications over HTTP, of a real server with a real client beside it."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError

import pytest

from alsohere import AlsoHere
from support.raw import RawClient, joined
from support.servers import API_KEY, SECRET, ServerProcess

HERE = AlsoHere(secret=SECRET, database_url="memory://")


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with ServerProcess() as process:
        yield process


def ask(server: ServerProcess, method: str, path: str, body: Any = None, key: str | None = None) -> tuple[int, Any]:
    headers = {"X-API-Key": API_KEY} | ({} if key is None else {"Idempotency-Key": key})
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{server.url}/api/v1{path}", data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return response.status, json.load(response)
    except HTTPError as error:
        return error.code, json.load(error)


def user(server: ServerProcess, name: str) -> RawClient:
    return joined(server.url, token=HERE.token(name, name=name.title()))


def test_a_push_reaches_every_tab_and_says_who_is_absent(server):
    with user(server, "ann") as first, user(server, "ann") as second:
        status, answer = ask(server, "POST", "/push", {"name": "hello", "data": {"a": 1}, "to": ["ann", "bob"]})
        assert (status, answer) == (200, {"results": {"ann": {"connections": 2}, "bob": {"connections": 0}}})
        assert first.event("hello") == second.event("hello") == [{"a": 1}]
        first.call("room:enter", {"room": "/post/1"})
        assert ask(server, "POST", "/push", {"name": "to-room", "args": [1, 2], "rooms": ["/post/1"]})[1]["results"] == {
            "/post/1": {"connections": 1}
        }
        assert first.event("to-room") == [1, 2]
        assert (
            ask(server, "POST", "/push", {"name": "to-all", "args": [], "everyone": True})[1]["results"]["*"]["connections"] >= 2
        )
        assert second.event("to-all") == []


def test_the_same_key_again_sends_nothing_and_is_answered_alike(server):
    with user(server, "kim") as kim:
        body = {"name": "once", "data": 1, "to": ["kim"]}
        first = ask(server, "POST", "/push", body, key="push-1")
        assert ask(server, "POST", "/push", body, key="push-1") == first == (200, {"results": {"kim": {"connections": 1}}})
        assert ask(server, "POST", "/push", body | {"data": 2}, key="push-1")[1]["code"] == "key_used"
        assert ask(server, "POST", "/push", {"name": "end", "to": ["kim"]})[0] == 200
        assert kim.event("once") == [1]
        packets = []
        while not packets or '"end"' not in packets[-1]:
            packets.append(kim.receive())
        assert not [packet for packet in packets if '"once"' in packet]


def test_a_bad_item_of_a_batch_fails_alone(server):
    pushes = [{"name": "a", "to": ["x"]}, {"name": "connect", "to": ["x"]}, {"name": "b"}, {"name": "c", "to": ["x"]}]
    answers = ask(server, "POST", "/push/batch", {"pushes": pushes})[1]["answers"]
    assert ["error" in answer for answer in answers] == [False, True, True, False]
    notes = [
        {"to": ["x"], "title": "1"},
        {"to": ["x"]},
        {"title": "2"},
        {"to": ["~y"], "title": "3"},
        {"to": ["x"], "title": "4"},
    ]
    answers = ask(server, "POST", "/notifications/batch", {"notifications": notes})[1]["answers"]
    assert ["error" in answer for answer in answers] == [False, True, True, True, False]
    assert answers[4]["id"] > answers[0]["id"]


def test_now_if_they_are_here_later_if_they_are_not(server):  # I1, I3
    body = {"to": ["dia"], "category": "order", "title": "Shipped", "data": {"order": 7}, "key": "order-7"}
    status, answer = ask(server, "POST", "/notifications", body)
    assert (status, answer["results"]) == (200, {"dia": {"connections": 0, "stored": True}})
    assert ask(server, "POST", "/notifications", body)[1] == {"id": answer["id"]}, "I3"
    with user(server, "dia") as dia:
        packet = dia.receive()
        while '"notification"' not in packet:
            packet = dia.receive()
        shown = json.loads(packet[packet.index("[") :])[1]
        assert (shown["id"], shown["title"], shown["data"]) == (answer["id"], "Shipped", {"order": 7})
        live = ask(server, "POST", "/notifications", {"to": ["dia"], "title": "Arrived"})[1]
        assert live["results"]["dia"]["connections"] == 1
        inbox = ask(server, "GET", "/users/dia/inbox")[1]
        assert [item["title"] for item in inbox["items"]] == ["Arrived", "Shipped"]
        assert inbox["unread"] == {"total": 2, "by_category": {"message": 1, "order": 1}}
        by_topic = {"as": "read", "all": True, "topic": "/posts/1"}
        assert ask(server, "POST", "/users/dia/inbox/mark", by_topic)[1]["changed"] == 0
        assert ask(server, "POST", "/users/dia/inbox/mark", by_topic | {"topic": "a\nb"})[0] == 400
        assert ask(server, "POST", "/users/dia/inbox/mark", {"as": "read", "all": True})[1] == {
            "changed": 2,
            "unread": {"total": 0, "by_category": {}},
        }
        assert (
            ask(server, "PATCH", f"/notifications/{live['id']}", {"title": "It is here"})[1]["notification"]["title"]
            == "It is here"
        )
        assert ask(server, "DELETE", f"/notifications/{live['id']}")[1] == {"id": live["id"], "users": 1}
        assert dia.event("notification:recalled") == [{"ids": [live["id"]]}]
    assert [item["title"] for item in ask(server, "GET", "/users/dia/inbox")[1]["items"]] == ["Shipped"]


def test_a_header_is_a_key_that_lasts(tmp_path):  # I3
    body = {"to": ["eve"], "title": "Once"}
    batch = {"notifications": [body, body]}
    answers = []
    for _ in range(2):  # lives of the server: its memory ends with each
        with ServerProcess(env={"ALSOHERE_DATABASE_URL": f"sqlite:///{tmp_path}/alsohere.db"}) as server:
            answers.append(ask(server, "POST", "/notifications", body, key="header-1")[1])
            answers += ask(server, "POST", "/notifications/batch", batch, key="header-2")[1]["answers"]
    assert len({answer["id"] for answer in answers[:3]}) == 3
    assert answers[3:] == [{"id": answer["id"]} for answer in answers[:3]], "that is all that is known of it by then"


def test_topics_and_preferences(server):
    assert ask(server, "POST", "/topics/%2Fpost%2F9/followers", {"users": ["fay", "gus"]})[1] == {"changed": 2}
    assert ask(server, "GET", "/topics/%2Fpost%2F9/followers")[1] == {"users": ["fay", "gus"]}
    assert ask(server, "DELETE", "/topics/%2Fpost%2F9/followers", {"users": ["gus"]})[1] == {"changed": 1}
    sent = ask(server, "POST", "/notifications", {"followers": True, "topic": "/post/9", "title": "New comment"})[1]
    assert sent["results"] == {"*": {"connections": 0, "stored": True}}
    assert ask(server, "GET", "/users/fay/inbox")[1]["unread"]["total"] == 1
    assert ask(server, "GET", "/users/gus/inbox")[1]["unread"]["total"] == 0
    wanted = {
        "muted": {"categories": ["message"], "topics": []},
        "quiet": {"from": "22:00", "to": "07:00", "tz": "Europe/Prague"},
    }
    assert ask(server, "PUT", "/users/fay/preferences", wanted) == (200, wanted)
    assert ask(server, "GET", "/users/fay/preferences")[1] == wanted
    sent = ask(server, "POST", "/notifications", {"to": ["fay"], "title": "Quiet"})[1]
    assert sent["results"]["fay"] == {"connections": 0, "stored": True, "muted": True}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"title": "x"}, "receivers"),
        ({"to": ["a"], "everyone": True, "title": "x"}, "receivers"),
        ({"to": ["a"]}, "title"),
        ({"to": ["a"], "title": "x", "among": "a*"}, "among"),
        ({"everyone": True, "title": "x", "among": "acme"}, "among"),
        ({"to": [], "title": "x"}, "to"),
        ({"to": ["a"] * 1001, "title": "x"}, "to"),
        ({"to": ["a"], "title": 1}, "title"),
        ({"to": ["a"], "title": "x\0y"}, "title"),
        ({"to": ["a"], "title": "x" * 501}, "title"),
        ({"to": ["a"], "title": "x", "body": "y" * 20000}, "body"),
        ({"to": ["a"], "title": "x", "category": "No Such"}, "category"),
        ({"to": ["a"], "title": "x", "expires_at": -1}, "expires_at"),
        ({"to": ["a"], "title": "x", "starts_at": 2_000_000_000_000, "expires_at": 1_999_999_999_999}, "expires_at"),
        ({"to": ["a"], "title": "x", "expires_at": 2_000_000_000}, "expires_at"),  # seconds
        ({"to": ["a"], "title": "x", "starts_at": 2_000_000_000}, "starts_at"),
        ({"to": ["a"], "title": "x", "colour": "red"}, "colour"),
        ({"followers": True, "title": "x"}, "topic"),
    ],
)
def test_what_is_wrong_is_named(server, body, field):
    status, problem = ask(server, "POST", "/notifications", body)
    assert status == 400
    assert field in problem["detail"]

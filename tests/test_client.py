"""The Python client against a real server: every call, with and without await, and what happens when the server is away."""

from __future__ import annotations

import asyncio
import inspect
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from alsohere import (
    AlsoHere,
    BadRequest,
    Forbidden,
    LimitReached,
    NotFound,
    Preferences,
    Quiet,
    Unauthenticated,
    Unavailable,
)
from alsohere.client import AlsoHereClient, AsyncAlsoHereClient, calls
from support.provider import Provider
from support.raw import RawClient, joined
from support.servers import API_KEY, SECRET, ServerProcess, free_port

HERE = AlsoHere(secret=SECRET, database_url="memory://")


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with ServerProcess() as process:
        yield process


class Waited:
    """The asynchronous client, as if it waited."""

    def __init__(self, url: str, key: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._client = AsyncAlsoHereClient(url, key)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)
        return lambda *args, **kwargs: self._loop.run_until_complete(method(*args, **kwargs))


@pytest.fixture(params=[AlsoHereClient, Waited], ids=["blocking", "waiting"])
def here(request, server) -> Iterator[Any]:
    client = request.param(server.url, API_KEY)
    yield client
    client.close()


def user(server: ServerProcess, name: str) -> RawClient:
    return joined(server.url, token=HERE.token(name, name=name.title()))


def test_presence(server, here):
    with user(server, "ann") as ann:
        ann.call("room:enter", {"room": "/post/1"})
        assert "ann" in [member.id for member in here.online().members]
        assert [member.name for member in here.room("/post/1").members] == ["Ann"]
        assert [(room.room, room.count) for room in here.rooms("/post/").rooms] == [("/post/1", 1)]
        found = here.user("ann")
        assert (found.online, found.rooms) == (True, ["/post/1"])
        assert here.push("hello", 1, 2, to=["ann"]).results["ann"].connections == 1
        assert ann.event("hello") == [1, 2]
        assert here.push("room", rooms=["/post/1"]).results["/post/1"].connections == 1
        assert here.push_many([{"name": "a", "to": ["x"]}, {"name": "b"}]).answers[1].error.code == "bad_request"
        assert here.kick("ann") == 1
    assert here.user("nobody").online is False


def test_one_name_is_no_list_of_its_letters(here):
    for one in ({"to": "ann"}, {"rooms": "/post/1"}):
        with pytest.raises(BadRequest, match="takes a list"):
            here.push("hello", **one)


def test_locks(server, here):
    with user(server, "bob") as bob:
        held = bob.call("lock:acquire", {"lock": "doc/1#title"})
        assert here.lock("doc/1#title").holder.id == "bob"
        assert here.check_fence("doc/1#title", held["fence"], "bob").valid
        assert here.check_fence("doc/1#title", held["fence"] + 1).reason == "stale_fence"
        assert here.revoke_lock("doc/1#title", "month end").holder is None


def test_messages(server, here):
    sent = here.notify(7, title="Shipped", key=f"order-{calls.new_key()}", data={"a": 1})
    assert sent.results["7"].stored
    again = here.notify(["7"], title="Shipped", category="order")
    assert [item.title for item in here.inbox(7).items[:2]] == ["Shipped", "Shipped"]
    assert here.edit(again.id, title="Arrived").notification.title == "Arrived"
    assert here.mark(7, "read", ids=[sent.id]).changed == 1
    with pytest.raises(NotFound):
        here.mark(7, "read", ids=[sent.id + 1_000_000])
    here.notify("7", title="Comment", topic="/posts/1", category="order")
    assert here.mark(7, "read", topic="/posts/2").changed == 0
    assert here.mark(7, "read", topic="/posts/1", category="message").changed == 0
    assert here.mark(7, "read", topic="/posts/1", category="order").changed == 1
    here.recall(again.id)
    assert again.id not in [item.id for item in here.inbox("7", state="all").items]
    assert here.follow("/post/1", "7", 8) + here.unfollow("/post/1", "7", 8) == 4
    assert here.notify_followers("/post/1", title="x").results["*"].connections == 0
    assert here.announce(title="Maintenance", expires_at=100_000_000_000).id
    assert [answer.error is None for answer in here.notify_many([{"to": ["7"], "title": "x"}, {"to": ["7"]}]).answers] == [
        True,
        False,
    ]
    with pytest.raises(NotFound):
        here.recall(2**40)


def test_preferences_are_read_and_replaced_and_open_pages_are_told(server, here):
    name, night = f"hal {calls.new_key()}", Quiet("22:00", "07:00", "Europe/Prague")
    assert here.preferences(name) == Preferences()
    with user(server, name) as hal:
        wanted = Preferences(frozenset({"order"}), frozenset({"/posts/1", "/posts/2"}), night)
        set_ = here.set_preferences(name, categories=["order"], topics=wanted.topics, quiet=night)
        assert (set_, here.preferences(name)) == (wanted, wanted)
        muted = {"categories": ["order"], "topics": ["/posts/1", "/posts/2"]}
        told = {"muted": muted, "quiet": {"from": "22:00", "to": "07:00", "tz": "Europe/Prague"}}
        assert hal.event("preferences:changed") == [told]
    assert here.notify(name, title="Shipped", category="order").results[name].muted
    assert here.set_preferences(name, categories=(), topics=["/posts/1"], quiet=None).quiet is None
    assert here.preferences(name) == Preferences(topics=frozenset({"/posts/1"}))
    assert not here.notify(name, title="Shipped", category="order").results[name].muted


def test_preferences_that_are_none_are_refused_and_change_nothing(here):
    name = f"ida {calls.new_key()}"
    kept = here.set_preferences(name, categories=["order"], topics=(), quiet=None)
    for wrong in (
        {"categories": ["No Such"]},
        {"topics": [""]},
        {"categories": "order"},  # whose letters are names too
        {"topics": "/posts/1"},
        {"quiet": Quiet("24:00", "07:00", "UTC")},
        {"quiet": Quiet("22:00", "07:00", "Europe/Atlantis")},
    ):
        with pytest.raises(BadRequest):
            here.set_preferences(name, **{"categories": (), "topics": (), "quiet": None} | wrong)
    with pytest.raises(LimitReached, match="200"):
        here.set_preferences(name, categories=(), topics=[f"/{number}" for number in range(201)], quiet=None)
    assert here.preferences(name) == kept
    for method in (here.preferences, lambda visitor: here.set_preferences(visitor, categories=(), topics=(), quiet=None)):
        with pytest.raises(BadRequest, match="anonymous visitors have no inbox"):
            method("~visitor")


def test_the_key_of_a_notification_is_any_text_and_is_for_good(here):
    """It is not the call's own: to say the same again in other words is no fault, and sends nothing."""
    key = f"Bestellung {calls.new_key()} für Ann"
    first = here.notify(9, title="Shipped", key=key)
    again = here.notify(9, title="Shipped today", key=key)
    assert (again.id, again.results) == (first.id, {})
    assert [item.title for item in here.inbox(9).items if item.id >= first.id] == ["Shipped"]


@pytest.mark.parametrize("key", ["schlüssel", "x\u2603", "", "a b"])
def test_a_key_that_opens_nothing_is_refused_by_the_server(server, key):
    with AlsoHereClient(server.url, key, retries=0) as client, pytest.raises(Unauthenticated):
        client.online()


def test_what_a_file_ends_with_is_no_part_of_the_key(server):
    with AlsoHereClient(server.url, API_KEY + "\n") as client:
        assert client.online()


def test_a_key_may_be_of_any_text():
    with ServerProcess(env={"ALSOHERE_API_KEY": "schlüssel ☃\n"}) as server, AlsoHereClient(server.url, "schlüssel ☃") as client:
        assert client.online().members == []


ODD = {
    "a body that cannot be unpacked": (200, b"no gzip", {"content-encoding": "gzip"}),
    "a page": (200, b"<html>", {}),
    "no UTF-8": (200, b'"\xff"', {}),
    "a page of a proxy": (502, b"<html>", {}),
    "no UTF-8 of a proxy": (502, b'"\xff"', {}),
    "a problem of somebody else": (503, b'{"code":7,"detail":[],"retry_after_ms":"soon"}', {}),
    "a time that is none": (503, b'{"code":"unavailable","detail":"Later.","retry_after_ms":"soon"}', {}),
}


@pytest.mark.parametrize(("status", "body", "headers"), ODD.values(), ids=ODD)
def test_whatever_answers_is_raised_as_a_refusal(status, body, headers):
    with Provider() as provider:
        provider.status, provider.body, provider.headers = status, body, headers
        with AlsoHereClient(provider.url, API_KEY, retries=0) as client, pytest.raises(Unavailable):
            client.online()


class Busy(Provider):
    """Has no time twice."""

    status = property(lambda self: 503 if len(self.asked) < 3 else 200, lambda self, status: None)
    body = property(lambda self: PROBLEM if len(self.asked) < 3 else b'{"count":0,"members":[]}', lambda self, body: None)


PROBLEM = b'{"title":"Service unavailable","status":503,"detail":"Later.","code":"unavailable","retry_after_ms":1}'


@pytest.mark.parametrize("client", [AlsoHereClient, Waited], ids=["blocking", "waiting"])
def test_a_server_that_has_no_time_is_asked_again(client):
    with Busy() as provider:
        here = client(provider.url, API_KEY)
        assert here.online().count == 0
        assert len(provider.asked) == 3
        here.close()


def test_what_a_server_has_no_time_for_is_said_with_its_sentence():
    with Busy() as provider, AlsoHereClient(provider.url, API_KEY, retries=0) as here:
        with pytest.raises(Unavailable, match=r"^Later\.$") as later:
            here.online()
        assert later.value.retry_after_ms == 1


def test_what_is_refused_is_raised_with_its_code(server):
    with pytest.raises(Unauthenticated, match="not one of this server"):
        AlsoHereClient(server.url, "wrong").online()
    with ServerProcess(env={"ALSOHERE_API_KEY": ""}) as keyless, pytest.raises(Forbidden, match="ALSOHERE_API_KEY"):
        AlsoHereClient(keyless.url, "any").online()


def test_nobody_there_is_said_after_some_attempts(monkeypatch):
    monkeypatch.setattr(calls, "LONGEST_PAUSE_S", 0.01)
    with pytest.raises(Unavailable, match="No alsohere answers"):
        AlsoHereClient(f"http://127.0.0.1:{free_port()}", "key").online()


def test_a_server_that_comes_back_is_asked_again_and_nothing_is_sent_twice(tmp_path):  # I3, I7
    port, env = free_port(), {"ALSOHERE_DATABASE_URL": f"sqlite:///{tmp_path}/a.db"}
    with ServerProcess(port=port, env=env) as first:
        here = AlsoHereClient(first.url, API_KEY, retries=100)
        here.notify("ann", title="1")
        first.stop(signal.SIGKILL)
    ids: list[Any] = []
    sender = threading.Thread(target=lambda: ids.append(here.notify("ann", title="2").id))
    sender.start()
    with ServerProcess(port=port, env=env):
        sender.join(20)
        assert ids
        assert [item.title for item in here.inbox("ann").items] == ["2", "1"]


def test_both_clients_can_do_the_same():
    def methods(kind: type) -> dict[str, str]:
        return {
            name: str(inspect.signature(method))
            for name, method in inspect.getmembers(kind, inspect.isfunction)
            if not name.startswith("_")
        }

    assert methods(AlsoHereClient) == methods(AsyncAlsoHereClient)

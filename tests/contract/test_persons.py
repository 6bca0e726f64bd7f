"""What is kept of a person beside visits and inboxes is given to them and erased too, on memory, SQLite and a real PostgreSQL."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from alsohere.backends.memory_history import MemoryHistory
from alsohere.backends.memory_inbox import MemoryInbox
from alsohere.backends.memory_locks import MemoryLocks
from alsohere.backends.memory_offline import MemoryOffline
from alsohere.backends.memory_webhooks import MemoryWebhooks
from alsohere.backends.sql import upkeep
from alsohere.backends.sql.history import SqlHistory
from alsohere.backends.sql.inbox import SqlInbox
from alsohere.backends.sql.offline import SqlOffline
from alsohere.backends.sql.store import Store
from alsohere.backends.sql.webhooks import SqlWebhooks
from alsohere.domain.attention import PRESETS
from alsohere.domain.history import Erased
from alsohere.domain.offline import Routes, Subscription, ended
from alsohere.domain.webhook import Happening, WebhookEvent
from alsohere.facts import Person
from support.databases import DURABLE, KINDS, new_database, rows
from support.inboxes import draft, sent, told
from support.loop import asynchronous

ROUTES = Routes(PRESETS, frozenset({"webpush", "apprise", "webhook"}))
ANN = {"id": "ann", "name": "Änn", "info": {"mail": "ann@example.com"}, "anonymous": False}
BOB = {"id": "bob", "name": "Bob", "info": None, "anonymous": False}
NOBODY = {"id": "~erased", "name": "", "info": None, "anonymous": True}


class Life:
    """The stores of a database."""

    def __init__(self, inbox: Any, offline: Any, webhooks: Any, history: Any) -> None:
        self.inbox, self.offline, self.webhooks, self.history = inbox, offline, webhooks, history


@asynccontextmanager
async def opened(url: str):
    if url == "memory://":
        inbox = MemoryInbox(first_id=0)
        offline, webhooks = MemoryOffline(inbox, ROUTES), MemoryWebhooks(first_id=0)
        yield Life(inbox, offline, webhooks, MemoryHistory(MemoryLocks(first_fence=0), inbox, offline, webhooks))
        return
    store = Store(url)
    try:
        yield Life(SqlInbox(store, ROUTES), SqlOffline(store), SqlWebhooks(store), SqlHistory(store))
    finally:
        await store.close()


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return new_database(request.param, tmp_path)


def happening(kind: str, subject: str, **data: Any) -> Happening:
    return Happening(1, kind, subject, msgspec.Raw(json.dumps(data, ensure_ascii=False).encode()))


EVENTS = [
    happening("user.online", "user:ann", user=ANN),
    happening("notification.read", "user:ann", notification=7, user="ann"),
    happening("member.entered", "room:/a", room="/a", user=ANN),
    happening("lock.taken", "lock:/a", lock="/a", fence=3, user=BOB, why="ann is ill", **{"from": ANN}),
    happening("notification.pending", "user:bob", user="bob", notification={"id": 1, "title": "t", "sender": ANN, "data": 2**70}),
    happening("user.online", "user:bob", user=BOB),
    happening("room.occupied", "room:ann", room="ann"),
    happening("member.entered", "room:/a", room="/a", user={**BOB, "info": {"boss": "ann"}}),
]
OF_ANN = [1, 2, 3, 4, 5]


def said(event: WebhookEvent) -> Any:
    return json.loads(bytes(event.data))


@asynchronous
async def test_the_ways_to_somebody_and_what_goes_there_are_given_to_them(url: str):
    async with opened(url) as life:
        await sent(life.inbox, draft("ann", "bob"))
        browser = Subscription("https://push.example.com/1", "key", "auth")
        await life.offline.subscribe("ann", browser, 1, 5)
        await life.offline.subscribe("bob", Subscription("https://push.example.com/2", "key", "auth"), 1, 5)
        await life.offline.set_apprise("ann", ["mailto://ann"])
        (case,) = [case for case in await life.offline.take("", 10**9, 9) if case.errand.user == "ann"]
        on_its_way = msgspec.structs.replace(case.errand, id=0, channel="apprise", target="mailto://ann")
        await life.offline.settle([ended(case.errand, 40_000)], [on_its_way])
        data = await life.history.about("ann")
        assert (data.apprise, data.browsers) == (["mailto://ann"], [browser])
        found = [(errand.user, errand.channel, errand.target, errand.done_ms) for errand in data.errands]
        assert found == [("ann", "", None, 40_000), ("ann", "apprise", "mailto://ann", None)]
        await life.history.erase("ann", 50_000)
        data = await life.history.about("ann")
        assert (data.apprise, data.browsers, data.errands) == ([], [], [])
        assert len((await life.history.about("bob")).errands) == 1


@asynchronous
async def test_an_errand_that_was_decided_meanwhile_does_not_bring_back_who_was_erased(url: str):
    async with opened(url) as life:
        await sent(life.inbox, draft("ann", "bob"))
        cases = await life.offline.take("", 10**9, 9)
        await life.history.erase("ann", 50_000)
        new = [msgspec.structs.replace(case.errand, id=0, channel="apprise", target="json://x") for case in cases]
        await life.offline.settle([ended(case.errand, 60_000) for case in cases], new)
        assert (await life.history.about("ann")).errands == []
        assert [case.errand.user for case in await life.offline.take("apprise", 10**9, 9)] == ["bob"]


@asynchronous
async def test_events_that_name_somebody_are_given_to_them(url: str):
    async with opened(url) as life:
        await told(life.webhooks.write, EVENTS)
        assert [event.id for event in (await life.history.about("ann")).events] == OF_ANN
        assert [event.id for event in (await life.history.about("bob")).events] == [4, 5, 6, 8]
        assert (await life.history.about('"')).events == (await life.history.about("%")).events == []


@asynchronous
async def test_who_is_erased_is_in_no_event_and_what_is_others_says_nobody(url: str):
    async with opened(url) as life:
        await told(life.webhooks.write, EVENTS)
        delivered = [
            msgspec.structs.replace(event, state="delivered", delivered_at=9) for event in await life.webhooks.pending(0, 99)
        ]
        await life.webhooks.settle(delivered)
        assert await life.history.erase("ann", 50_000) == Erased(0, 0, events=5)
        left = {event.id: said(event) for event in await life.webhooks.log(None, None, 99)}
        assert sorted(left) == [3, 4, 5, 6, 7, 8]
        assert left[3] == {"room": "/a", "user": NOBODY}
        assert left[4] == {"lock": "/a", "fence": 3, "user": BOB, "why": "", "from": NOBODY}
        assert left[5]["notification"] == {"id": 1, "title": "t", "sender": NOBODY, "data": 2**70}
        assert left[8]["user"]["info"] == {"boss": "ann"}
        assert await life.history.erase("ann", 50_000) == Erased(0, 0)
        assert await life.webhooks.replays() == 0  # nothing that was owed has changed


@asynchronous
async def test_an_application_that_was_still_to_be_told_begins_anew(url: str):
    async with opened(url) as life:
        await told(life.webhooks.write, EVENTS)
        await life.history.erase("ann", 50_000)
        newest = (await life.webhooks.pending(0, 99))[-1]
        assert (newest.id, newest.type, newest.subject, said(newest)) == (9, "snapshot.needed", "server", {"reason": "erased"})
        assert await life.webhooks.replays() == 1  # so that a server which has loaded them looks anew
        assert await told(life.webhooks.write, EVENTS[:1]) == 10


@pytest.mark.parametrize("kind", DURABLE)
def test_the_command_line_does_the_same(kind: str, tmp_path: Path):
    url = new_database(kind, tmp_path)

    @asynchronous
    async def fill() -> None:
        async with opened(url) as life:
            await told(life.webhooks.write, EVENTS)
            await life.offline.set_apprise("ann", ["mailto://ann"])

    fill()
    data = upkeep.export(url, "ann")
    assert ([event.id for event in data.events], data.apprise) == (OF_ANN, ["mailto://ann"])
    assert upkeep.erase(url, "ann", 50_000).events == 5
    assert upkeep.export(url, "ann").events == []


@pytest.mark.parametrize("kind", DURABLE)
@asynchronous
async def test_what_somebody_recalled_does_not_name_them_either(kind: str, tmp_path: Path):
    url = new_database(kind, tmp_path)
    async with opened(url) as life:
        ann = Person("ann", "Ann", None, False)
        for user, key in (("ann", "k"), ("anna", "ann"), ("", "ann")):
            one = await sent(life.inbox, draft("bob", sender=ann if user == "ann" else None, scope=user, key=key))
            await told(life.inbox.recall, one.id, 2000)
        await life.history.erase("ann", 50_000)
        assert rows(url, "SELECT key FROM notifications ORDER BY id") == [(None,), ("anna\nann",), ("\nann",)]

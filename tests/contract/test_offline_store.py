"""What every implementation of `ports.OfflineStore` owes: memory, SQLite and a real PostgreSQL."""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from alsohere.backends.memory_history import MemoryHistory
from alsohere.backends.memory_inbox import MemoryInbox
from alsohere.backends.memory_locks import MemoryLocks
from alsohere.backends.memory_offline import MemoryOffline
from alsohere.backends.sql.history import SqlHistory
from alsohere.backends.sql.inbox import SqlInbox
from alsohere.backends.sql.offline import SqlOffline
from alsohere.backends.sql.store import Store
from alsohere.domain.attention import PRESETS
from alsohere.domain.offline import NOBODY, Case, Errand, Routes, Subscription, ended
from alsohere.errors import LimitReached
from alsohere.notices import Delivery, Marks, Preferences
from alsohere.ports import OfflineStore
from support.databases import KINDS, new_database
from support.inboxes import draft, sent, told
from support.loop import asynchronous

ROUTES = Routes(PRESETS, frozenset({"webpush", "apprise", "webhook"}))
DUE_MS = 1000 + 30_000  # `sent` sends at 1000


class Life:
    """The stores of a database that these tests look at."""

    def __init__(self, inbox: Any, offline: OfflineStore, history: Any) -> None:
        self.inbox, self.offline, self.history = inbox, offline, history

    async def due(self, now_ms: int = DUE_MS, channel: Any = "") -> list[Case]:
        return await self.offline.take(channel, now_ms, 100)


@asynccontextmanager
async def opened(url: str):
    if url == "memory://":
        inbox = MemoryInbox(first_id=0)
        yield Life(inbox, MemoryOffline(inbox, ROUTES), MemoryHistory(MemoryLocks(first_fence=0), inbox))
        return
    store = Store(url)
    try:
        yield Life(SqlInbox(store, ROUTES), SqlOffline(store), SqlHistory(store))
    finally:
        await store.close()


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return new_database(request.param, tmp_path)


def browser(name: str) -> Subscription:
    return Subscription(f"https://push.example.com/{name}", "key", "auth")


@asynchronous
async def test_who_was_sent_something_has_an_errand_when_it_is_due(url: str):
    async with opened(url) as life:
        await told(life.inbox.follow, ["ann", "bob", "cid"], "/post/1", 10)
        first = await sent(life.inbox, draft("ann", "bob"))
        second = await sent(life.inbox, draft(topic="/post/1", audience="topic", starts_at=5000))
        await sent(life.inbox, draft("ann", category="announcement"))
        await sent(life.inbox, draft(audience="everyone", category="announcement"))
        assert await life.due(DUE_MS - 1) == []
        assert sorted((case.errand.user, case.errand.notification) for case in await life.due()) == [
            ("ann", first.id),
            ("bob", first.id),
        ]
        found = await life.due(5000 + 30_000)
        assert sorted(case.errand.user for case in found if case.errand.notification == second.id) == ["ann", "bob", "cid"]
        assert [len(await life.offline.take("", 99_999, 1)), len(await life.due(99_999, "webpush"))] == [1, 0]


@asynchronous
async def test_an_errand_comes_with_what_decides_about_it(url: str):
    async with opened(url) as life:
        notice = await sent(life.inbox, draft("ann", title="Hello"))
        (case,) = await life.due()
        assert case.notice is not None
        assert (case.notice.title, case.marks.delivered_at, case.preferences, case.apprise) == ("Hello", None, Preferences(), ())
        wishes = Preferences(categories=frozenset({"message"}))
        await told(life.inbox.prefer, "ann", lambda _: wishes)
        await life.offline.set_apprise("ann", ["json://a", "json://☃"])
        await life.offline.subscribe("ann", browser("1"), 1, 5)
        await told(life.inbox.delivered, [Delivery("ann", notice.id, 77)])
        (case,) = await life.due()
        assert (case.marks.delivered_at, case.preferences, case.apprise) == (77, wishes, ("json://a", "json://☃"))
        assert case.subscriptions == (browser("1"),)
        await told(life.inbox.recall, notice.id, 2000)
        assert (await life.due())[0].notice is None


@asynchronous
async def test_a_broadcast_has_one_errand_and_is_new_to_who_has_not_touched_it(url: str):  # I5
    async with opened(url) as life:
        notice = await sent(life.inbox, draft(audience="everyone"))
        (case,) = await life.due()
        assert (case.errand.user, case.errand.notification, case.marks) == (NOBODY, notice.id, Marks())
        new = [msgspec.structs.replace(case.errand, id=0, user=user) for user in ("ann", "bob")]
        await told(life.inbox.delivered, [Delivery("bob", notice.id, 77)])
        await life.offline.settle([ended(case.errand, 40_000)], new)
        found = {case.errand.user: case for case in await life.due()}
        assert found["ann"].notice == found["bob"].notice == case.notice
        assert (found["ann"].marks, found["bob"].marks.delivered_at) == (Marks(), 77)


@asynchronous
async def test_who_can_be_reached_is_asked_for_by_id(url: str):
    async with opened(url) as life:
        for user in ("bob", "Zoë", "ann", "ä"):
            await life.offline.set_apprise(user, ["json://a"])
        for number, user in enumerate(("ann", "cid", "cid")):
            await life.offline.subscribe(user, browser(str(number)), 1, 5)
        await life.offline.set_apprise("bob", [])
        everybody = ["Zoë", "ann", "cid", "ä"]
        assert await life.offline.reachable("", 10) == everybody
        assert [await life.offline.reachable("", 2), await life.offline.reachable("ann", 2)] == [everybody[:2], everybody[2:]]
        assert await life.offline.reachable("ä", 2) == []


@asynchronous
async def test_what_is_settled_is_not_taken_again_and_what_is_new_is(url: str):
    async with opened(url) as life:
        await sent(life.inbox, draft("ann"))
        (case,) = await life.due()
        new = msgspec.structs.replace(case.errand, id=0, channel="apprise", target="json://a")
        await life.offline.settle([ended(case.errand, 40_000)], [new])
        assert await life.due(99_999) == []
        (case,) = await life.due(99_999, "apprise")
        assert (case.errand.target, case.errand.due_ms) == ("json://a", DUE_MS)
        later: Errand = msgspec.structs.replace(case.errand, next_ms=200_000, attempts=1, error="nö", target="json://b")
        await life.offline.settle([later])
        assert await life.due(199_999, "apprise") == []
        assert (await life.due(200_000, "apprise"))[0].errand == later
        assert [
            await life.offline.prune(40_000, 5),
            await life.offline.prune(40_001, 5),
            await life.offline.prune(99_999, 5),
        ] == [0, 1, 0]


@asynchronous
async def test_a_browser_is_the_last_user_s_who_subscribed_it(url: str):
    async with opened(url) as life:
        for name in ("1", "2", "2"):
            await life.offline.subscribe("ann", browser(name), int(name), 2)
        with pytest.raises(LimitReached):
            await life.offline.subscribe("ann", browser("3"), 3, 2)
        assert (await life.offline.reached_by("ann"))[1] == (browser("1"), browser("2"))
        await life.offline.subscribe("bob", browser("1"), 4, 2)
        assert (await life.offline.reached_by("ann"))[1] == (browser("2"),)
        assert await life.offline.unsubscribe(browser("1").endpoint, "ann") is False
        assert await life.offline.unsubscribe(browser("1").endpoint, "bob") is True
        assert await life.offline.unsubscribe(browser("2").endpoint) is True
        assert await life.offline.reached_by("ann") == await life.offline.reached_by("bob") == ((), ())


@asynchronous
async def test_an_erasure_takes_the_ways_and_the_errands(url: str):
    async with opened(url) as life:
        await sent(life.inbox, draft("ann", "bob"))
        for user in ("ann", "bob"):
            await life.offline.set_apprise(user, ["json://a"])
            await life.offline.subscribe(user, browser(user), 1, 5)
        await life.history.erase("ann", 50_000)
        assert await life.offline.reached_by("ann") == ((), ())
        assert [case.errand.user for case in await life.due()] == ["bob"]
        assert await life.offline.reached_by("bob") == (("json://a",), (browser("bob"),))

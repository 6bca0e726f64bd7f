"""Errands on their ways, from real stores: each is sent once, none is forgotten, and none keeps the others from being sent."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from alsohere.backends.memory_inbox import MemoryInbox
from alsohere.backends.memory_offline import MemoryOffline
from alsohere.backends.sql.inbox import SqlInbox
from alsohere.backends.sql.offline import SqlOffline
from alsohere.backends.sql.store import Store
from alsohere.domain.attention import Category
from alsohere.domain.offline import Case, Errand, Routes, ended
from alsohere.errors import Unavailable
from alsohere.notices import Notice
from alsohere.server import offline
from alsohere.server.offline import NotSentError, OfflineDelivery
from support.databases import KINDS, new_database
from support.inboxes import draft, sent
from support.loop import asynchronous

ROUTES = Routes({"message": Category(after_s=0, channels=("apprise",))}, frozenset({"apprise"}))
NOW_MS = 50_000


class Way:
    """A channel that writes down what it sends, and fails as it is told."""

    def __init__(self, fault: Callable[[str], Exception | None] = lambda _: None) -> None:
        self.sent: list[tuple[str, int]] = []
        self.tries: Counter[str] = Counter()
        self.fault = fault

    async def send(self, notice: Notice, case: Case) -> None:
        self.tries[case.errand.user] += 1
        if (fault := self.fault(case.errand.user)) is not None:
            raise fault
        self.sent.append((case.errand.user, notice.id))

    async def close(self) -> None:
        pass


class Flaky:
    """A store whose `settle` is not answered in time, so many times; what it is asked then is not done."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.failures = 0

    async def settle(self, errands: Sequence[Errand], new: Sequence[Errand] = ()) -> None:
        if self.failures and not new:
            self.failures -= 1
            raise Unavailable("not in time")
        await self._store.settle(errands, new)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


@asynccontextmanager
async def opened(url: str):
    if url == "memory://":
        inbox = MemoryInbox(first_id=0)
        yield inbox, MemoryOffline(inbox, ROUTES)
        return
    store = Store(url)
    try:
        yield SqlInbox(store, ROUTES), SqlOffline(store)
    finally:
        await store.close()


@asynccontextmanager
async def running(store: Any, way: Way, now_ms: int = NOW_MS):
    delivery = OfflineDelivery(store, ROUTES, {"apprise": way}, Counter(), lambda: now_ms, lambda: 1.0)
    delivery.wake()
    try:
        yield delivery
    finally:
        await delivery.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(offline, "POLL_S", 0.01)
    return new_database(request.param, tmp_path)


async def reach(store: Any, *users: str) -> None:
    for user in users:
        await store.set_apprise(user, ["json://x"])


async def left(store: Any) -> int:
    return len(await store.take("", 10**15, 10_000)) + len(await store.take("apprise", 10**15, 10_000))


@asynchronous
async def test_what_was_sent_is_not_sent_again_while_that_cannot_be_written(url: str):
    async with opened(url) as (inbox, store):
        flaky, way = Flaky(store), Way()
        flaky.failures = 3
        await reach(store, "ann", "bob")
        first = await sent(inbox, draft("ann"))
        async with running(flaky, way):
            await until(lambda: not flaky.failures)
            second = await sent(inbox, draft("bob"))
            await until(lambda: len(way.sent) >= 2)
        assert way.sent == [("ann", first.id), ("bob", second.id)]
        assert await left(store) == 0


@asynchronous
async def test_what_was_sent_last_is_marked_at_the_end(url: str):
    async with opened(url) as (inbox, store):
        flaky, way = Flaky(store), Way()
        await reach(store, "ann")
        await sent(inbox, draft("ann"))
        flaky.failures = 1
        async with running(flaky, way):
            await until(lambda: not flaky.failures)
        assert (len(way.sent), await left(store)) == (1, 0)


@asynchronous
async def test_a_way_that_fails_as_nobody_expected_waits_like_any_other_failure(url: str):
    async with opened(url) as (inbox, store):
        way = Way(lambda user: UnicodeError("label empty or too long") if user.startswith("bad") else None)
        bad = [f"bad{number}" for number in range(offline.AT_ONCE)]
        await reach(store, "ann", *bad)
        await sent(inbox, draft(*bad))
        await sent(inbox, draft("ann"), now_ms=2000)  # due later, so that all those come first
        async with running(store, way):
            await until(lambda: bool(way.sent))
        assert [user for user, _ in way.sent] == ["ann"]
        assert set(way.tries.values()) == {1}
        waiting = await store.take("apprise", NOW_MS + 10_000, 100)
        assert {(case.errand.attempts, case.errand.error) for case in waiting} == {(1, "UnicodeError")}


@asynchronous
async def test_who_asks_to_be_left_alone_is(url: str):
    async with opened(url) as (inbox, store):
        way = Way(lambda _: NotSentError("429", after_s=120))
        await reach(store, "ann")
        await sent(inbox, draft("ann"))
        async with running(store, way):
            await until(lambda: way.tries["ann"] == 1)
        assert await store.take("apprise", NOW_MS + 119_999, 9) == []
        assert len(await store.take("apprise", NOW_MS + 120_000, 9)) == 1


@asynchronous
async def test_a_broadcast_reaches_each_who_has_a_way_once(url: str, monkeypatch: pytest.MonkeyPatch):  # I5
    monkeypatch.setattr(offline, "MOST_DECIDED", 2)
    async with opened(url) as (inbox, store):
        way, users = Way(), ["ann", "bob", "cid", "dan", "eve"]
        await reach(store, *users)
        await sent(inbox, draft(audience="everyone"))
        async with running(store, way):
            await until(lambda: len(way.sent) >= len(users))
        assert sorted(user for user, _ in way.sent) == users
        assert await left(store) == 0


@asynchronous
async def test_all_that_was_done_long_ago_is_removed_however_much(url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(offline, "PRUNE_SLICE", 2)
    async with opened(url) as (inbox, store):
        await sent(inbox, draft("ann", "bob", "cid", "dan", "eve"))
        done = [ended(case.errand, 60_000) for case in await store.take("", NOW_MS, 9)]
        await store.settle([msgspec.structs.replace(errand, next_ms=0) for errand in done])
        removed: list[int] = []
        prune = store.prune

        async def counted(before_ms: int, most: int) -> int:
            removed.append(await prune(before_ms, most))
            return removed[-1]

        monkeypatch.setattr(store, "prune", counted)
        async with running(store, Way(), now_ms=60_001 + offline.KEEP_MS):
            await until(lambda: sum(removed) == 5)
        assert removed == [2, 2, 1]

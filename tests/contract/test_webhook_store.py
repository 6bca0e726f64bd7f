"""What every implementation of `ports.WebhookStore` owes: memory, SQLite and a real PostgreSQL."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection

from alsohere.backends.memory_webhooks import MemoryWebhooks
from alsohere.backends.sql import upkeep, webhooks
from alsohere.backends.sql.store import Store
from alsohere.backends.sql.webhooks import SqlWebhooks
from alsohere.domain.webhook import Happening, WebhookEvent
from alsohere.ports import WebhookStore
from support.databases import DURABLE, KINDS, new_database
from support.loop import asynchronous


@asynccontextmanager
async def opened(url: str):
    """A life of the store."""
    if url == "memory://":
        yield MemoryWebhooks(first_id=0)
        return
    store = Store(url)
    try:
        yield SqlWebhooks(store)
    finally:
        await store.close()


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return new_database(request.param, tmp_path)


def happening(subject: str = "user:ann", at_ms: int = 1, **data: Any) -> Happening:
    return Happening(at_ms, "user.online", subject, msgspec.Raw(msgspec.json.encode(data)))


async def told(ask: Callable[..., None], *args: Any) -> Any:
    answers: asyncio.Queue[Any] = asyncio.Queue()
    ask(*args, answers.put_nowait)
    return await asyncio.wait_for(answers.get(), 20)


def ids(events: list[WebhookEvent]) -> list[int]:
    return [event.id for event in events]


def ended(event: WebhookEvent, **change: Any) -> WebhookEvent:
    return msgspec.structs.replace(event, **change)


@asynchronous
async def test_ids_grow_in_the_order_of_writing_and_what_was_written_is_found(url: str):
    async with opened(url) as store:
        assert await told(store.write, [happening(), happening("room:☃\x01", 2, name="Änn \u2603")]) == 2
        assert await told(store.write, [happening(at_ms=3)]) == 3
        found = await store.pending(0, 10)
        assert ids(found) == [1, 2, 3]
        assert (found[1].at, found[1].type, found[1].subject, found[1].state) == (2, "user.online", "room:☃\x01", "pending")
        assert bytes(found[1].data) == bytes(happening(name="Änn \u2603").data)
        assert ids(await store.pending(1, 1)) == [2]
        assert ids(await store.pending_of("user:ann", 0, 2, 10)) == [1]
        assert ids(await store.pending_of("user:ann", 1, 3, 10)) == [3]


@asynchronous
async def test_what_is_settled_is_not_pending_and_what_failed_is_with_its_error(url: str):
    async with opened(url) as store:
        await told(store.write, [happening() for _ in range(3)])
        first, second, third = await store.pending(0, 10)
        await store.settle(
            [
                ended(first, state="delivered", delivered_at=9, attempts=1),
                ended(second, state="given_up", given_up_at=9, attempts=2, error="410"),
                ended(third, next_at=50, attempts=3, error="500 nö"),
            ]
        )
        (left,) = await store.pending(0, 10)
        assert (left.id, left.next_at, left.attempts, left.error) == (3, 50, 3, "500 nö")
        assert ids(await store.log(None, None, 10)) == [3, 2, 1]
        assert ids(await store.log(None, 3, 1)) == [2]
        assert [ids(await store.log(state, None, 10)) for state in ("pending", "delivered", "given_up")] == [[3], [1], [2]]


@asynchronous
async def test_a_replay_makes_them_pending_again_and_says_that_there_was_one(url: str):
    async with opened(url) as store:
        await told(store.write, [happening(at_ms=at_ms) for at_ms in (10, 20, 30)])
        assert (await store.replay(0, None), await store.replays()) == (0, 0)
        await store.settle([ended(event, state="delivered", delivered_at=9) for event in await store.pending(0, 10)])
        assert await store.replay(None, 20) == 2
        assert ids(await store.pending(0, 10)) == [2, 3]
        assert (await store.replay(1, None), await store.replays()) == (1, 2)
        assert [(event.attempts, event.error, event.delivered_at) for event in await store.pending(0, 10)] == [
            (0, None, None)
        ] * 3


@asynchronous
async def test_a_replay_of_much_is_many_small_ones(url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(webhooks, "REPLAY_SLICE", 2)
    async with opened(url) as store:
        await told(store.write, [happening(at_ms=at_ms) for at_ms in range(8)])
        most = (await store.pending(0, 10))[:7]
        await store.settle([ended(event, state="delivered", delivered_at=9) for event in most])
        assert (await store.replay(None, 2), await store.replay(3, None)) == (5, 0)
        assert ids(await store.pending(0, 10)) == [3, 4, 5, 6, 7, 8]


@asynchronous
async def test_what_is_old_is_removed_a_slice_at_a_time(url: str):
    async with opened(url) as store:
        await told(store.write, [happening(at_ms=at_ms) for at_ms in (10, 20, 30)])
        assert [await told(store.prune, 30, 30, most) for most in (1, 5, 5)] == [1, 1, 0]
        assert ids(await store.log(None, None, 10)) == [3]
        assert await told(store.write, [happening()]) == 4


@asynchronous
async def test_what_is_still_owed_is_not_removed_with_the_rest(url: str):
    async with opened(url) as store:
        await told(store.write, [happening(at_ms=at_ms) for at_ms in (10, 20, 30, 40)])
        _, second, third, _ = await store.pending(0, 10)
        given_up = ended(third, state="given_up", given_up_at=9)
        await store.settle([ended(second, state="delivered", delivered_at=9), given_up])
        assert await told(store.prune, 40, 5, 10) == 2
        assert ids(await store.log(None, None, 10)) == [4, 1]
        assert await told(store.prune, 40, 20, 10) == 1
        assert ids(await store.log(None, None, 10)) == [4]


@pytest.mark.parametrize("kind", DURABLE)
@asynchronous
async def test_two_who_count_at_once_get_numbers_of_their_own(kind: str, tmp_path: Path):
    """The command line does, while a server writes: one of them has counted and not committed yet when the other begins."""
    url = new_database(kind, tmp_path)
    store = Store(url)
    assert await store.writer.ask(partial(webhooks.count_up, "n", 2)) == 2
    found: list[int] = []
    other = threading.Thread(target=lambda: found.append(upkeep.in_transaction(url, partial(webhooks.count_up, "n", 5))))

    def count(connection: Connection) -> int:
        mine = webhooks.count_up("n", 1, connection)
        other.start()
        other.join(0.2)  # it waits for us; how long it is left to wait changes nothing but what this test can find
        return mine

    assert await store.writer.ask(count) == 3
    await asyncio.to_thread(other.join)
    assert found == [8]
    await store.close()


@pytest.mark.parametrize("kind", DURABLE)
@asynchronous
async def test_the_next_life_goes_on_where_this_one_ended(kind: str, tmp_path: Path):
    url = new_database(kind, tmp_path)
    async with opened(url) as store:
        assert await told(store.write, [happening(), happening()]) == 2
        assert await told(store.prune, 2, 2, 5) == 2  # an id that was given is not given again
    async with opened(url) as store:
        assert await told(store.write, [happening()]) == 3


def test_they_are_webhook_stores() -> None:
    stores: list[type[WebhookStore]] = [MemoryWebhooks, SqlWebhooks]
    assert stores

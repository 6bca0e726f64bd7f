"""Inbox stores for tests: opened, asked, and what a history of operations looks like."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from alsohere.backends.memory_inbox import MemoryInbox
from alsohere.backends.sql.inbox import SqlInbox
from alsohere.backends.sql.store import Store
from alsohere.errors import Refusal
from alsohere.notices import Draft, Entry, Filter, Sent
from alsohere.ports import InboxStore, PreferencesStep

LATER = 2_000


@asynccontextmanager
async def opened(url: str):
    """A life of the store."""
    if url == "memory://":
        yield MemoryInbox(first_id=0)
        return
    store = Store(url)
    try:
        yield SqlInbox(store)
    finally:
        await store.close()


async def told(ask: Callable[..., None], *args: Any) -> Any:
    """What a question to the store is answered."""
    answers: asyncio.Queue[Any] = asyncio.Queue()
    ask(*args, answers.put_nowait)
    return await asyncio.wait_for(answers.get(), 20)


def draft(*to: str, **fields: Any) -> Draft:
    """To users, with a category and a title if none are given."""
    return Draft(**{"category": "message", "title": "t", "to": to} | fields)


async def sent(inbox: InboxStore, one: Draft, now_ms: int = 1000) -> Sent:
    """One draft, that is kept."""
    answers = await told(inbox.send, [one], now_ms)
    assert isinstance(answers, list), answers
    assert not isinstance(answers[0], Refusal), answers[0]
    return answers[0]


async def ids(inbox: InboxStore, user: str, now_ms: int = LATER, **which: Any) -> list[int]:
    return [entry.notice.id for entry in (await inbox.page(user, Filter(**which), now_ms)).entries]


async def entry_of(inbox: InboxStore, user: str, notice_id: int, now_ms: int = LATER) -> Entry:
    page = await inbox.page(user, Filter(state="all", limit=100), now_ms)
    return next(entry for entry in page.entries if entry.notice.id == notice_id)


async def unread(inbox: InboxStore, user: str, now_ms: int = LATER) -> dict[str, int]:
    counts = (await inbox.unread([user], now_ms))[user]
    assert counts.total == sum(counts.by_category.values())
    return counts.by_category


def wish(**fields: Any) -> PreferencesStep:
    """A step that sets preferences."""
    return lambda before: msgspec.structs.replace(before, **fields)

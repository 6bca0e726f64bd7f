"""How SQLite finds what a page and a login ask for: never by looking at a whole table, nor at all that a user ever got.

It decides without statistics, as in a new database; with a few rows nobody would notice.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from alsohere.backends.sql.inbox import SqlInbox
from alsohere.backends.sql.offline import SqlOffline
from alsohere.backends.sql.store import Store
from alsohere.backends.sql.webhooks import SqlWebhooks
from alsohere.domain.attention import PRESETS
from alsohere.domain.offline import Routes
from alsohere.notices import Delivery, Edit, Filter, Marking
from support.inboxes import draft, told
from support.loop import asynchronous

WHOLE = re.compile(r"SCAN (?!anon_1|\(subquery|json_each|notifications USING INDEX ix_notifications_everyone)")
ONE_ROW = re.compile(r"LIMIT \? OFFSET \?$|FROM alsohere_version|sqlite_master")


@pytest.fixture
def asked() -> Iterator[list[tuple[str, Any]]]:
    """Every statement, with one row of its parameters."""
    found: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        if statement.startswith(("SELECT", "UPDATE", "DELETE", "INSERT")):
            found.append((statement, parameters[0] if many else parameters))

    event.listen(Engine, "before_cursor_execute", note)
    yield found
    event.remove(Engine, "before_cursor_execute", note)


def plans(path: Path, statements: list[tuple[str, Any]]) -> Iterator[tuple[str, str]]:
    file = sqlite3.connect(path)
    for statement, parameters in statements:
        for row in file.execute(f"EXPLAIN QUERY PLAN {statement}", parameters):
            yield statement, row[3]
    file.close()


@asynchronous
async def test_nothing_that_is_asked_often_looks_at_everything(asked: list[tuple[str, Any]], tmp_path: Path):
    store = Store(f"sqlite:///{tmp_path}/here.db")
    inbox, offline = SqlInbox(store, Routes(PRESETS, frozenset({"webhook"}))), SqlOffline(store)
    webhooks = SqlWebhooks(store)
    await told(inbox.follow, ["ann"], "/t", 5)
    drafts = [draft("ann", key="k"), draft(audience="everyone"), draft(audience="topic", topic="/t")]
    await told(inbox.send, drafts, 1000)
    asked.clear()
    await told(inbox.send, drafts, 1000)
    await inbox.arrivals(["ann", "bob"], 50, 2000)
    await inbox.waiting("ann", 1, 50, 2000)
    for state in ("inbox", "unread", "unseen", "read", "archived", "all"):
        for which in ({}, {"category": "message"}, {"topic": "/t"}, {"before": 9}, {"digest": True}):
            await inbox.page("ann", Filter(state=state, **which), 2000)
    for marking in (Marking(mark="read", ids=(1,)), Marking(mark="seen", up_to=9), Marking(mark="archived", topic="/t")):
        await told(inbox.mark, "ann", marking, 2000)
    await told(inbox.delivered, [Delivery("ann", 1, 7), Delivery("bob", 2, 7)])
    await told(inbox.edit, 1, Edit(title="x", expires_at=9000), 2000)
    await inbox.due(1, 2)
    await inbox.followers("/t", "", 9)
    await inbox.topics("ann")
    await told(inbox.recall, 1, 2000)
    await told(inbox.prune, 5000, 0, 500)
    cases = await offline.take("", 10**9, 200)
    await offline.settle([case.errand for case in cases])
    await offline.prune(9, 9)
    await offline.reached_by("ann")
    await webhooks.pending(0, 500)
    await webhooks.pending_of("user:ann", 0, 9, 50)
    await told(webhooks.prune, 1, 1, 9)
    await store.close()
    found = [(statement, step) for statement, step in plans(tmp_path / "here.db", asked) if not ONE_ROW.search(statement)]
    assert len(found) > 50
    assert [(statement, step) for statement, step in found if WHOLE.search(step)] == []


@asynchronous
async def test_a_login_does_not_walk_through_what_was_read_long_ago(asked: list[tuple[str, Any]], tmp_path: Path):
    store = Store(f"sqlite:///{tmp_path}/here.db")
    inbox = SqlInbox(store)
    await told(inbox.send, [draft("ann"), draft(audience="everyone")], 1000)
    asked.clear()
    await inbox.arrivals(["ann", "bob"], 50, 2000)
    await inbox.waiting("ann", 1, 50, 2000)
    await inbox.unread(["ann"], 2000)
    await store.close()
    steps = [step for statement, step in plans(tmp_path / "here.db", asked) if "inbox" in step]
    assert len(steps) == 7
    assert {re.sub(r".*USING (\w+ \w+|PRIMARY KEY).*", r"\1", step) for step in steps} == {
        "INDEX ix_inbox_broadcast",
        "INDEX ix_inbox_unread",
    }

"""Which events the change of a lock is, and what becomes of an event that is not taken."""

from __future__ import annotations

from itertools import count
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alsohere.domain.lock import LockRecord, LockRules, Tab
from alsohere.domain.locks import Change
from alsohere.domain.webhook import GIVE_UP_MS, LAST_RETRY_MS, WebhookEvent, attempted, lock_events, retry_ms
from alsohere.facts import Person

EVENT = WebhookEvent(id=1, at=0, type="user.online", subject="user:ann", data=msgspec.Raw(b"{}"))


def tab(user: str, sid: str | None = None) -> Tab:
    return Tab(Person(user, user.title(), None, False), sid or f"{user}-1", "n1")


class Document:
    """One lock, and the events of everything that happened to it."""

    def __init__(self) -> None:
        self.record = LockRecord("doc")
        self.fences = count(1)
        self.now_ms = 1_000_000
        self.events: list[tuple[Any, ...]] = []

    def do(self, step: Any) -> list[tuple[Any, ...]]:
        change = Change(self.record, self.fences.__next__, self.now_ms, "n1", LockRules())
        step(change)
        outcome = change.outcome()
        found = [
            (kind, data["user"].id, data["fence"], data.get("reason") or getattr(data.get("from"), "id", None))
            for kind, data in lock_events(self.record, outcome)
        ]
        self.record = outcome.record
        return found


def test_who_has_a_lock_can_be_followed_by_its_events():
    doc = Document()
    assert doc.do(lambda change: change.acquire(tab("ann"), wait=True)) == [("lock.acquired", "ann", 1, None)]
    assert doc.do(lambda change: change.acquire(tab("bob"), wait=True)) == []  # waiting is no event
    assert doc.do(lambda change: change.touch("ann-1", 1)) == []
    assert doc.do(lambda change: change.hand_over("ann-1", None, 1)) == [("lock.handed_over", "bob", 2, "ann")]
    assert doc.do(lambda change: change.take(tab("cid"), "urgent")) == [("lock.taken", "cid", 3, "bob")]
    assert doc.do(lambda change: change.acquire(tab("cid", "cid-2"), wait=True)) == [("lock.acquired", "cid", 4, None)]
    assert doc.do(lambda change: change.release("cid-2", "cid", 4)) == [("lock.released", "cid", 4, "released")]
    assert doc.record.is_free


def test_what_goes_to_the_next_without_being_handed_over_was_released_first():
    doc = Document()
    doc.do(lambda change: change.acquire(tab("ann"), wait=True))
    doc.do(lambda change: change.acquire(tab("bob"), wait=True))
    assert doc.do(lambda change: change.revoke("admin", "why")) == [
        ("lock.released", "ann", 1, "revoked"),
        ("lock.acquired", "bob", 2, None),
    ]
    doc.do(lambda change: change.leave("bob-1", grace=True))
    doc.now_ms += 60_000
    assert doc.do(Change.settle) == [("lock.released", "bob", 2, "expired")]


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_any_status_of_200_to_299_means_taken(status: int):
    after = attempted(EVENT, status, "", 5, 1.0)
    assert (after.state, after.delivered_at, after.attempts) == ("delivered", 5, 1)


@pytest.mark.parametrize("status", [None, 100, 301, 400, 404, 429, 500])
def test_everything_else_is_tried_again(status: int | None):
    after = attempted(EVENT, status, "x" * 1000, 5, 1.0)
    assert (after.state, after.next_at, len(after.error or "")) == ("pending", 1005, 200)


def test_410_and_three_days_end_it():
    assert attempted(EVENT, 410, "gone", 5, 1.0).state == "given_up"
    tried = msgspec.structs.replace(EVENT, attempts=4)
    assert attempted(tried, 500, "no", GIVE_UP_MS - 1, 1.0).state == "pending"
    assert attempted(tried, 500, "no", GIVE_UP_MS, 1.0).state == "given_up"
    assert attempted(EVENT, 200, "", GIVE_UP_MS, 1.0).state == "delivered"


def test_what_is_old_when_it_is_first_sent_is_not_given_up_at_the_first_failure():
    event, tries = EVENT, 0
    while event.state == "pending":
        event, tries = attempted(event, 503, "busy", GIVE_UP_MS + tries, 1.0), tries + 1
    assert (event.state, tries) == ("given_up", 5)


@given(attempts=st.integers(1, 10_000), chance=st.floats(0, 1))
def test_the_wait_is_drawn_from_all_of_a_bound_that_doubles_up_to_a_day(attempts: int, chance: float):
    bound = retry_ms(attempts, 1.0)
    assert bound == min(LAST_RETRY_MS, 1000 * 2 ** (attempts - 1))
    assert 0 <= retry_ms(attempts, chance) <= bound

"""Inboxes in the database: implements `ports.InboxStore`.

What is sent is collected over a batch of the writer and written at its end, all of it in a few statements: so a thousand back
ends that send one each are as cheap as one that sends a thousand. Whoever else wants to write has it written before
(`_after_sends`), so that everything is decided in the order in which it was asked for. Questions go to the reader, which delays
no writer.

Rejected: a cache of counts, or of inboxes. A question about a thousand users is one look at an index of what is unread (I4).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection

from alsohere.backends.sql import follows, inbox_changes, inbox_questions, notices
from alsohere.backends.sql.outgoing import Outgoing
from alsohere.backends.sql.store import Store
from alsohere.domain.drafts import check_draft, check_edit, check_marking, check_text
from alsohere.domain.identity import MAX_ID_BYTES
from alsohere.domain.offline import NOWHERE, Routes
from alsohere.errors import Refusal
from alsohere.notices import (
    Arrival,
    Delivery,
    Draft,
    Due,
    Edit,
    Edited,
    Entry,
    Filter,
    Marked,
    Marking,
    Notice,
    Page,
    Preferences,
    Receipt,
    Sent,
    Unread,
    Withdrawn,
)
from alsohere.ports import PreferencesStep

T = TypeVar("T")
MOST_ROWS = 2_000  # of one job: a large send is several, so that nobody waits for all of it

Answers = list["Sent | Refusal"]


class SqlInbox:
    """The inboxes of a database.

    Args:
        store: that database.
        routes: which notifications go other ways too.
    """

    def __init__(self, store: Store, routes: Routes = NOWHERE) -> None:
        self._writer = store.writer
        self._reader = store.reader
        self._outgoing = Outgoing(routes)
        self._was_empty = False
        self._has_written = False
        self._writer.join(self._outgoing)

    # -- Writing -----------------------------------------------------------------------------------------------------

    @property
    def is_empty(self) -> bool:
        return self._was_empty and not self._has_written

    def send(self, drafts: Sequence[Draft], now_ms: int, done: Callable[[list[Sent | Refusal] | Refusal], None]) -> None:
        self._has_written = True
        answers: list[Any] = [None] * len(drafts)
        jobs = _divided(drafts, answers)
        if not jobs:
            done(answers)
            return
        left = len(jobs)

        def written(places: list[int], result: list[Sent] | Refusal) -> None:
            nonlocal left
            left -= 1
            for at, place in enumerate(places):
                answers[place] = result if isinstance(result, Refusal) else result[at]
            if not left:
                done(result if isinstance(result, Refusal) and len(jobs) == 1 and len(places) == len(answers) else answers)

        for places, checked in jobs:
            rows = sum(len(draft.to) + 1 for draft in checked)
            self._writer.submit(partial(self._outgoing.put, checked, now_ms), partial(written, places), rows)

    def mark(self, user: str, marking: Marking, now_ms: int, done: Callable[[Marked | Refusal], None]) -> None:
        try:
            check_marking(marking)
        except Refusal as refusal:
            done(refusal)
            return
        self._after_sends(partial(inbox_changes.mark, user, marking, now_ms), done)

    def delivered(self, deliveries: Sequence[Delivery], done: Callable[[list[Receipt] | Refusal], None]) -> None:
        self._after_sends(partial(inbox_changes.deliver, list(deliveries)), done)

    def recall(self, notice_id: int, now_ms: int, done: Callable[[Withdrawn | Refusal], None]) -> None:
        self._after_sends(partial(inbox_changes.recall, notice_id, now_ms), done)

    def edit(self, notice_id: int, edit: Edit, now_ms: int, done: Callable[[Edited | Refusal], None]) -> None:
        try:
            check_edit(edit)
        except Refusal as refusal:
            done(refusal)
            return
        self._after_sends(partial(inbox_changes.edit, notice_id, edit, now_ms), done)

    def follow(self, users: Sequence[str], topic: str, most: int, done: Callable[[int | Refusal], None]) -> None:
        self._after_sends(partial(follows.follow, users, topic, most), done)

    def unfollow(self, users: Sequence[str], topic: str, done: Callable[[int | Refusal], None]) -> None:
        self._after_sends(partial(follows.unfollow, users, topic), done)

    def prefer(self, user: str, step: PreferencesStep, done: Callable[[Preferences | Refusal], None]) -> None:
        self._has_written = True
        self._after_sends(partial(self._outgoing.prefer, user, step), done)

    def prune(self, before_ms: int, after: int, most: int, done: Callable[[int | Refusal | None], None]) -> None:
        self._after_sends(partial(inbox_changes.prune, before_ms, after, most), done)

    def _after_sends(self, job: Callable[[Connection], T | Refusal], done: Callable[[T | Refusal], None]) -> None:
        # Refusals come back as values: nothing was written by then, so nothing has to be undone.
        def run(connection: Connection) -> T | Refusal:
            self._outgoing.flush(connection)
            return job(connection)

        self._writer.submit(run, done)

    # -- Questions ---------------------------------------------------------------------------------------------------

    async def arrivals(self, users: Sequence[str], most: int, now_ms: int) -> dict[str, Arrival]:
        self._was_empty, found = await self._reader.ask(partial(inbox_questions.arrivals, users, most, now_ms))
        return found

    async def waiting(self, user: str, after: int, most: int, now_ms: int) -> list[Entry]:
        return await self._reader.ask(partial(inbox_questions.waiting_of, user, after, most, now_ms))

    async def unread(self, users: Sequence[str], now_ms: int) -> dict[str, Unread]:
        return await self._reader.ask(partial(inbox_questions.unread, users, now_ms))

    async def page(self, user: str, which: Filter, now_ms: int) -> Page:
        return await self._reader.ask(partial(inbox_questions.page, user, which, now_ms))

    async def notice(self, notice_id: int) -> Notice | None:
        return await self._reader.ask(lambda connection: notices.load(connection, notice_id))

    async def due(self, after_ms: int, until_ms: int) -> Due:
        return await self._reader.ask(partial(inbox_questions.due, after_ms, until_ms))

    async def followers(self, topic: str, after: str, most: int) -> list[str]:
        check_text("after", after, MAX_ID_BYTES)
        return await self._reader.ask(partial(follows.followers, topic, after, most))

    async def topics(self, user: str) -> list[str]:
        return await self._reader.ask(partial(follows.topics, user))

    async def preferences(self, users: Sequence[str]) -> dict[str, Preferences]:
        return await self._reader.ask(partial(follows.preferences, users))


def _divided(drafts: Sequence[Draft], answers: list[Any]) -> list[tuple[list[int], list[Draft]]]:
    """The drafts that are good, with their places, in pieces of at most MOST_ROWS; the others get their answers."""
    jobs: list[tuple[list[int], list[Draft]]] = []
    rows = MOST_ROWS
    for place, draft in enumerate(drafts):
        try:
            checked = check_draft(draft)
        except Refusal as refusal:
            answers[place] = refusal
            continue
        rows += len(checked.to) + 1
        if rows > MOST_ROWS:
            jobs.append(([], []))
            rows = len(checked.to) + 1
        jobs[-1][0].append(place)
        jobs[-1][1].append(checked)
    return jobs

"""Events for the application in the database: implements `ports.WebhookStore`.

Ids come from a counter of the database, in the very commit that holds the event: what somebody was told of an id is never
another event's. The jobs at the end are the command line's too, which asks nobody whether a server runs: so counters are raised
in one statement, and not read, raised and written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, bindparam, delete, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from alsohere.backends.sql.schema import COUNTERS, WEBHOOK_EVENTS
from alsohere.backends.sql.store import Store
from alsohere.domain.webhook import EventState, Happening, WebhookEvent
from alsohere.errors import Refusal

IDS, REPLAYS = "webhook", "webhook_replay"  # counters
REPLAY_SLICE = 5_000
FIRST: int | None = 0  # the `after` that a replay begins with

W = WEBHOOK_EVENTS.c
_PENDING = (W.delivered_ms.is_(None), W.given_up_ms.is_(None))
_STATES: dict[EventState, tuple[ColumnElement[bool], ...]] = {
    "pending": _PENDING,
    "delivered": (W.delivered_ms.is_not(None),),
    "given_up": (W.given_up_ms.is_not(None),),
}
_SETTLE = (
    update(WEBHOOK_EVENTS)
    .where(W.id == bindparam("of_id"))
    .values({name: bindparam(f"to_{name}") for name in ("attempts", "next_ms", "delivered_ms", "given_up_ms", "error")})
)


class SqlWebhooks:
    """The events of a database.

    Args:
        store: that database.
    """

    def __init__(self, store: Store) -> None:
        self._writer = store.writer
        self._reader = store.reader

    def write(self, happenings: Sequence[Happening], done: Callable[[int | Refusal], None]) -> None:
        self._writer.submit(partial(write, happenings), done, len(happenings))

    def prune(self, before_ms: int, owed_before_ms: int, most: int, done: Callable[[int | Refusal], None]) -> None:
        self._writer.submit(partial(_prune, before_ms, owed_before_ms, most), done)

    async def settle(self, events: Sequence[WebhookEvent]) -> None:
        await self._writer.ask(partial(_settle, events))

    async def replay(self, from_id: int | None, from_ms: int | None) -> int:
        count, after = 0, FIRST
        while after is not None:
            some, after = await self._writer.ask(partial(replay, from_id, from_ms, after))
            count += some
        return count

    async def replays(self) -> int:
        return await self._reader.ask(partial(_counter, REPLAYS))

    async def pending(self, after: int, limit: int) -> list[WebhookEvent]:
        return await self._reader.ask(partial(_found, (*_PENDING, W.id > after), limit))

    async def pending_of(self, subject: str, after: int, up_to: int, limit: int) -> list[WebhookEvent]:
        which = (*_PENDING, W.subject == subject, W.id > after, W.id <= up_to)
        return await self._reader.ask(partial(_found, which, limit))

    async def log(self, state: EventState | None, before: int | None, limit: int) -> list[WebhookEvent]:
        return await self._reader.ask(partial(log, state, before, limit))


# -- Jobs --------------------------------------------------------------------------------------------------------------


def replay(from_id: int | None, from_ms: int | None, after: int | None, connection: Connection) -> tuple[int, int | None]:
    """Have events sent again that were delivered or given up: at most REPLAY_SLICE of them, as others want to write too.

    Returns:
        How many, and the `after` to go on with; None: that is all.
    """
    which: list[ColumnElement[bool]] = [W.delivered_ms.is_not(None) | W.given_up_ms.is_not(None), W.id > (after or 0)]
    which += [W.id >= from_id] if from_id is not None else []
    which += [W.at_ms >= from_ms] if from_ms is not None else []
    ids = connection.execute(select(W.id).where(*which).order_by(W.id).limit(REPLAY_SLICE)).scalars().all()
    if not ids:
        return 0, None
    again = {"attempts": 0, "next_ms": W.at_ms, "delivered_ms": None, "given_up_ms": None, "error": None}
    count = connection.execute(update(WEBHOOK_EVENTS).where(*which, W.id <= ids[-1]).values(again)).rowcount
    count_up(REPLAYS, 1, connection)  # a server that runs sees this, and looks for them
    return count, ids[-1] if len(ids) == REPLAY_SLICE else None


def log(state: EventState | None, before: int | None, limit: int, connection: Connection) -> list[WebhookEvent]:
    """The newest events, newest first."""
    which = (*(_STATES[state] if state is not None else ()), *((W.id < before,) if before is not None else ()))
    rows = connection.execute(select(WEBHOOK_EVENTS).where(*which).order_by(W.id.desc()).limit(limit))
    return [event_of(row) for row in rows]


def write(happenings: Sequence[Happening], connection: Connection) -> int:
    """Keep events; returns the id of the last one."""
    last = count_up(IDS, len(happenings), connection)
    rows = [
        {
            "id": event_id,
            "at_ms": one.at_ms,
            "type": one.type,
            "subject": one.subject,
            "body": bytes(one.data).decode(),
            "attempts": 0,
            "next_ms": one.at_ms,
        }
        for event_id, one in enumerate(happenings, last - len(happenings) + 1)
    ]
    connection.execute(insert(WEBHOOK_EVENTS), rows)
    return last


def _settle(events: Sequence[WebhookEvent], connection: Connection) -> None:
    rows = [
        {
            "of_id": event.id,
            "to_attempts": event.attempts,
            "to_next_ms": event.next_at,
            "to_delivered_ms": event.delivered_at,
            "to_given_up_ms": event.given_up_at,
            "to_error": event.error,
        }
        for event in events
    ]
    connection.execute(_SETTLE, rows)


def _prune(before_ms: int, owed_before_ms: int, most: int, connection: Connection) -> int:
    is_over = or_(W.delivered_ms.is_not(None), W.given_up_ms.is_not(None), W.at_ms < owed_before_ms)
    old = select(W.id).where(W.at_ms < before_ms, is_over).order_by(W.at_ms).limit(most)
    return connection.execute(delete(WEBHOOK_EVENTS).where(W.id.in_(old))).rowcount


def _found(which: Sequence[ColumnElement[bool]], limit: int, connection: Connection) -> list[WebhookEvent]:
    rows = connection.execute(select(WEBHOOK_EVENTS).where(*which).order_by(W.id).limit(limit))
    return [event_of(row) for row in rows]


def count_up(name: str, by: int, connection: Connection) -> int:
    """Raise a counter; returns what it is now, and for nobody else."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    row = dialect.insert(COUNTERS).values(name=name, value=by)
    connection.execute(row.on_conflict_do_update(index_elements=["name"], set_={"value": COUNTERS.c.value + row.excluded.value}))
    return _counter(name, connection)


def _counter(name: str, connection: Connection) -> int:
    return connection.execute(select(COUNTERS.c.value).where(COUNTERS.c.name == name)).scalar_one_or_none() or 0


def event_of(row: Any) -> WebhookEvent:
    """The event of a row."""
    state: EventState = "pending" if row.delivered_ms is None else "delivered"
    return WebhookEvent(
        id=row.id,
        at=row.at_ms,
        type=row.type,
        subject=row.subject,
        data=msgspec.Raw(row.body.encode()),
        state=state if row.given_up_ms is None else "given_up",
        attempts=row.attempts,
        next_at=row.next_ms,
        delivered_at=row.delivered_ms,
        given_up_at=row.given_up_ms,
        error=row.error,
    )

"""Reading history in the database: implements `ports.HistoryStore`.

Rows are written by the one writer, in batches that the node makes; questions go to the reader, which delays no lock. Reports of a
visit are merged by the database (R5), so that nothing has to be read before it is written.

A storm has a thousand visits a second, so most are written a hundred to a statement: 1.7 µs of CPU for each. A statement for each
took 3.8 µs, half of it before the driver was called (500 to a commit, SQLite).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import lru_cache, partial
from itertools import chain
from typing import Any

from sqlalchemy import ColumnElement, Connection, Dialect, Select, bindparam, case, delete, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from alsohere.backends.sql import inbox_persons, persons, webhook_persons
from alsohere.backends.sql.schema import DAYS, ERASURES, VISITS
from alsohere.backends.sql.store import Store
from alsohere.domain.history import (
    STEP,
    STEPS,
    Batch,
    Day,
    Erased,
    Erasure,
    RankedRoom,
    RoomReading,
    UserData,
    Visit,
    day_of,
    median,
    number_of,
    room_reading,
)
from alsohere.errors import Refusal

_ERASED = select(ERASURES.c.user_id, ERASURES.c.at_ms)
_OLD = (
    select(VISITS.c.room, VISITS.c.entered_ms, VISITS.c.user_id)
    .where(VISITS.c.entered_ms < bindparam("before_ms"))
    .order_by(VISITS.c.entered_ms)
    .limit(bindparam("most"))
)
_REMOVE = delete(VISITS).where(
    VISITS.c.room == bindparam("of_room"), VISITS.c.entered_ms == bindparam("at_ms"), VISITS.c.user_id == bindparam("user")
)
_BETWEEN = (VISITS.c.entered_ms >= bindparam("from_ms"), VISITS.c.entered_ms < bindparam("to_ms"))
_OF_ROOM = (VISITS.c.room == bindparam("name"), *_BETWEEN)
_COUNTS = select(func.count(), func.count(VISITS.c.user_id.distinct())).where(*_OF_ROOM)
_STEPS = (
    select((VISITS.c.furthest // STEP).label("step"), func.count().label("visits"))
    .where(*_OF_ROOM, VISITS.c.furthest.is_not(None))
    .group_by("step")
)
_MIDDLE = (
    select(VISITS.c.active_ms).where(*_OF_ROOM).order_by(VISITS.c.active_ms).limit(bindparam("most")).offset(bindparam("before"))
)
_DAYS = (
    select(DAYS.c.day, func.max(DAYS.c.peak_users), func.max(DAYS.c.peak_connections), func.sum(DAYS.c.visits))
    .where(DAYS.c.day.between(bindparam("first"), bindparam("last")))
    .group_by(DAYS.c.day)
    .order_by(DAYS.c.day)
)


def _ranking() -> Select[Any]:
    visits = func.count().label("visits")
    return (
        select(VISITS.c.room, visits, func.count(VISITS.c.user_id.distinct()), func.sum(VISITS.c.active_ms))
        .where(*_BETWEEN, func.substr(VISITS.c.room, 1, bindparam("size")) == bindparam("prefix"))
        .group_by(VISITS.c.room)
        .order_by(visits.desc(), VISITS.c.room)
        .limit(bindparam("most"))
    )


_RANKING = _ranking()


def _upserts(dialect: Any) -> tuple[Any, ...]:
    visits, days = dialect.insert(VISITS), dialect.insert(DAYS)

    def larger(table: Any, new: Any, name: str) -> ColumnElement[Any]:
        return case((or_(table.c[name].is_(None), new[name] > table.c[name]), new[name]), else_=table.c[name])

    return tuple(
        statement.on_conflict_do_update(
            index_elements=list(table.primary_key), set_={name: larger(table, statement.excluded, name) for name in growing}
        )
        for statement, table, growing in (
            (visits, VISITS, ("left_ms", "active_ms", "furthest")),
            (days, DAYS, ("peak_users", "peak_connections", "visits")),
        )
    )


UPSERTS = {"sqlite": _upserts(sqlite), "postgresql": _upserts(postgresql)}
AT_ONCE = 100  # visits in one statement; twice as many gain nothing
_COLUMNS = ("room", "entered_ms", "user_id", "left_ms", "active_ms", "furthest")


@lru_cache(maxsize=2)
def _upsert_at_once(dialect: Dialect) -> tuple[str, list[str] | None]:
    """The statement for AT_ONCE visits as the driver takes it, and the names of its values if it wants them by name."""
    visits, _ = UPSERTS[dialect.name]
    compiled = visits.values([dict.fromkeys(_COLUMNS, 0)] * AT_ONCE).compile(dialect=dialect)
    return str(compiled), None if compiled.positional else list(compiled.params)


class SqlHistory:
    """The reading history of a database.

    Args:
        store: that database.
    """

    def __init__(self, store: Store) -> None:
        self._writer = store.writer
        self._reader = store.reader

    # -- Implements ports.HistoryStore -------------------------------------------------------------------------------

    def write(self, batch: Batch, done: Callable[[list[Erasure] | Refusal], None]) -> None:
        self._writer.submit(partial(_write, batch), done)

    def prune(self, before_ms: int, most: int, done: Callable[[int | Refusal], None]) -> None:
        self._writer.submit(partial(_prune, before_ms, most), done)

    async def erase(self, user: str, at_ms: int) -> Erased:
        lines = await self._writer.ask(partial(persons.note_erasure, user, at_ms))
        keys = await self._reader.ask(partial(persons.visits_to_erase, user, at_ms))
        for start in range(0, len(keys), persons.SLICE):
            await self._writer.ask(partial(persons.remove_visits, user, keys[start : start + persons.SLICE]))
        entries = await self._writer.ask(partial(inbox_persons.remove, user))
        sent = await self._reader.ask(partial(inbox_persons.sent_by, user))
        for start in range(0, len(sent), persons.SLICE):
            await self._writer.ask(partial(inbox_persons.anonymise, user, sent[start : start + persons.SLICE]))
        events = [event.id for event in await self._reader.ask(partial(webhook_persons.about, user))]
        for start in range(0, len(events), persons.SLICE):
            await self._writer.ask(partial(webhook_persons.erase, user, events[start : start + persons.SLICE], at_ms))
        return Erased(len(keys), lines, entries, len(sent), len(events))

    async def about(self, user: str) -> UserData:
        return await self._reader.ask(partial(persons.about, user))

    async def room(self, room: str, from_ms: int, to_ms: int) -> RoomReading:
        return await self._reader.ask(partial(_room, room, from_ms, to_ms))

    async def ranking(self, prefix: str, from_ms: int, to_ms: int, limit: int) -> list[RankedRoom]:
        asked = {"prefix": prefix, "size": len(prefix), "from_ms": from_ms, "to_ms": to_ms, "most": limit}
        return await self._reader.ask(lambda connection: [_ranked(*row) for row in connection.execute(_RANKING, asked)])

    async def days(self, first: date, last: date) -> list[Day]:
        asked = {"first": number_of(first), "last": number_of(last)}
        return await self._reader.ask(lambda connection: [_day(*row) for row in connection.execute(_DAYS, asked)])


# -- Jobs, on the threads of the writer and the reader -----------------------------------------------------------------


def _write(batch: Batch, connection: Connection) -> list[Erasure]:
    visits, refused = batch.visits, {}
    erased = {row.user_id: row.at_ms for row in connection.execute(_ERASED)} if visits else {}
    if erased:
        refused = {visit.user: erased[visit.user] for visit in visits if visit.entered_at <= erased.get(visit.user, -1)}
        visits = [visit for visit in visits if visit.entered_at > erased.get(visit.user, -1)]
    if visits:
        _write_visits(connection, [_visit_row(visit) for visit in visits])
    if batch.days:
        connection.execute(UPSERTS[connection.dialect.name][1], [_day_row(day, batch.life) for day in batch.days])
    return [Erasure(user, at_ms) for user, at_ms in refused.items()]


def _write_visits(connection: Connection, rows: list[tuple[Any, ...]]) -> None:
    whole = len(rows) - len(rows) % AT_ONCE
    text, names = _upsert_at_once(connection.dialect)
    for start in range(0, whole, AT_ONCE):
        values = tuple(chain.from_iterable(rows[start : start + AT_ONCE]))
        connection.exec_driver_sql(text, values if names is None else dict(zip(names, values, strict=True)))
    if whole < len(rows):
        upsert, _ = UPSERTS[connection.dialect.name]
        connection.execute(upsert, [dict(zip(_COLUMNS, row, strict=True)) for row in rows[whole:]])


def _visit_row(visit: Visit) -> tuple[Any, ...]:
    """The values of _COLUMNS."""
    return visit.room, visit.entered_at, visit.user, visit.left_at, round(visit.active_s * 1000), visit.furthest


def _day_row(day: Day, life: str) -> dict[str, Any]:
    return {
        "day": number_of(day.day),
        "life": life,
        "peak_users": day.peak_users,
        "peak_connections": day.peak_connections,
        "visits": day.visits,
    }


def _prune(before_ms: int, most: int, connection: Connection) -> int:
    keys = connection.execute(_OLD, {"before_ms": before_ms, "most": most}).all()
    if keys:
        connection.execute(_REMOVE, [{"of_room": key.room, "at_ms": key.entered_ms, "user": key.user_id} for key in keys])
    return len(keys)


def _room(room: str, from_ms: int, to_ms: int, connection: Connection) -> RoomReading:
    asked = {"name": room, "from_ms": from_ms, "to_ms": to_ms}
    visits, visitors = connection.execute(_COUNTS, asked).one()
    steps = [0] * STEPS
    for step, size in connection.execute(_STEPS, asked):
        steps[step] = size
    middle = connection.execute(_MIDDLE, asked | {"before": max(visits - 1, 0) // 2, "most": 2 - visits % 2}).scalars().all()
    middle_ms = median(middle)
    return room_reading(room, visits, visitors, None if middle_ms is None else middle_ms / 1000, steps)


def _ranked(room: str, visits: int, visitors: int, active_ms: int) -> RankedRoom:
    return RankedRoom(room, visits, visitors, round(int(active_ms) / 1000, 3))


def _day(number: int, peak_users: int, peak_connections: int, visits: int) -> Day:
    return Day(day_of(number), peak_users, peak_connections, int(visits))

"""Locks in the database: implements `ports.LockStore` on the writer.

Within a batch each lock's row is read at most once and written at most once, however many steps it takes, and so is the counter
that fences come from: what fifty clients do costs a few statements. What was read or written is remembered between batches; the
database belongs to this server alone (claim.py), so nobody else changes it. Whatever goes wrong, all of that is forgotten.

Fences: one counter for all locks, written in the very commit in which a fence is given. So a free lock needs no row, and every
fence is larger than all that were given before, on this database, by whichever server (L2). A restored backup takes the counter
back; docs/howto/choose-a-database.md says what to do then.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from alsohere.backends.sql.schema import COUNTERS, LOCK_AUDIT, LOCKS
from alsohere.backends.sql.writer import Writer
from alsohere.domain.lock import Audit, LockRecord, Outcome
from alsohere.errors import Refusal
from alsohere.ports import Decide, LockDone

MOST_REMEMBERED = 20_000
FENCE = "fence"

LOAD = select(LOCKS.c.body, LOCKS.c.until_ms).where(LOCKS.c.lock == bindparam("name"))
LOAD_ALL = select(LOCKS.c.body, LOCKS.c.until_ms).order_by(LOCKS.c.lock)
REMOVE = delete(LOCKS).where(LOCKS.c.lock == bindparam("name"))
RENEW = update(LOCKS).where(LOCKS.c.node == bindparam("of_node")).values(until_ms=bindparam("to_ms"))
AUDITS = (
    select(LOCK_AUDIT).where(LOCK_AUDIT.c.lock == bindparam("name")).order_by(LOCK_AUDIT.c.id.desc()).limit(bindparam("most"))
)
COUNTER = select(COUNTERS.c.value).where(COUNTERS.c.name == FENCE)


def _upserts(dialect: Any) -> tuple[Any, Any]:
    lock, counter = dialect.insert(LOCKS), dialect.insert(COUNTERS)
    changing = {column.name: lock.excluded[column.name] for column in LOCKS.c if not column.primary_key}
    return (
        lock.on_conflict_do_update(index_elements=["lock"], set_=changing),
        counter.on_conflict_do_update(index_elements=["name"], set_={"value": counter.excluded.value}),
    )


UPSERTS = {"sqlite": _upserts(sqlite), "postgresql": _upserts(postgresql)}

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(LockRecord).decode


class SqlLocks:
    """Every lock of a database.

    Args:
        writer: of that database.
    """

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._stored: dict[str, LockRecord | None] = {}  # as in the database; None has no row
        self._changed: dict[str, LockRecord] = {}
        self._audits: list[Audit] = []
        self._fence: int | None = None
        self._stored_fence: int | None = None
        writer.join(self)

    # -- Implements ports.LockStore ----------------------------------------------------------------------------------

    def change(self, lock: str, decide: Decide, done: LockDone) -> None:
        self._writer.submit(partial(self._change, lock, decide), done)

    def load(self, done: Callable[[list[LockRecord] | Refusal], None]) -> None:
        self._writer.submit(self._load_all, done)

    def renew(self, node: str, until_ms: int, done: Callable[[Refusal | None], None]) -> None:
        self._writer.submit(partial(self._renew, node, until_ms), done)

    def audits(self, lock: str, limit: int, done: Callable[[list[Audit] | Refusal], None]) -> None:
        self._writer.submit(partial(self._read_audits, lock, limit), done)

    # -- Jobs, on the writer's thread --------------------------------------------------------------------------------

    def _change(self, lock: str, decide: Decide, connection: Connection) -> Outcome:
        record = self._record(connection, lock)
        outcome = decide(record, partial(self._mint, connection))
        if outcome.record is not record:
            self._changed[lock] = outcome.record
        if outcome.audit is not None:
            self._audits.append(outcome.audit)
        return outcome

    def _load_all(self, connection: Connection) -> list[LockRecord]:
        self.flush(connection)
        return [_record(body, until_ms) for body, until_ms in connection.execute(LOAD_ALL)]

    def _renew(self, node: str, until_ms: int, connection: Connection) -> None:
        self.flush(connection)
        connection.execute(RENEW, {"of_node": node, "to_ms": until_ms})
        for lock, record in self._stored.items():
            if record is not None and record.node == node:
                self._stored[lock] = msgspec.structs.replace(record, until_ms=until_ms)

    def _read_audits(self, lock: str, limit: int, connection: Connection) -> list[Audit]:
        self.flush(connection)
        rows = connection.execute(AUDITS, {"name": lock, "most": limit})
        return [Audit(row.lock, row.at_ms, row.action, row.by_user, row.from_user, row.fence, row.why) for row in rows]

    def _record(self, connection: Connection, lock: str) -> LockRecord:
        if (changed := self._changed.get(lock)) is not None:
            return LockRecord(lock) if changed.is_free else changed
        if lock not in self._stored:
            row = connection.execute(LOAD, {"name": lock}).first()
            self._stored[lock] = None if row is None else _record(row.body, row.until_ms)
        return self._stored[lock] or LockRecord(lock)

    def _mint(self, connection: Connection) -> int:
        if self._fence is None:
            self._fence = self._stored_fence = connection.execute(COUNTER).scalar_one_or_none() or 0
        self._fence += 1
        return self._fence

    # -- Implements writer.Participant -------------------------------------------------------------------------------

    def flush(self, connection: Connection) -> None:
        upsert_locks, upsert_counter = UPSERTS[connection.dialect.name]
        if self._fence != self._stored_fence:
            connection.execute(upsert_counter, {"name": FENCE, "value": self._fence})
            self._stored_fence = self._fence
        if self._changed:
            self._flush_records(connection, upsert_locks)
        if self._audits:
            connection.execute(insert(LOCK_AUDIT), [_audit_row(audit) for audit in self._audits])
            self._audits.clear()

    def _flush_records(self, connection: Connection, upsert: Any) -> None:
        rows = [_row(record) for record in self._changed.values() if not record.is_free]
        freed = [{"name": lock} for lock, record in self._changed.items() if record.is_free and self._stored[lock] is not None]
        if rows:
            connection.execute(upsert, rows)
        if freed:
            connection.execute(REMOVE, freed)
        for lock, record in self._changed.items():
            self._stored[lock] = None if record.is_free else record
        self._changed.clear()

    def kept(self) -> None:
        if len(self._stored) > MOST_REMEMBERED:
            self._stored.clear()

    def forget(self) -> None:
        self._stored.clear()
        self._changed.clear()
        self._audits.clear()
        self._fence = self._stored_fence = None


def _record(body: str, until_ms: int) -> LockRecord:
    # A renewal changes the column alone.
    record = _decode(body)
    return record if record.until_ms == until_ms else msgspec.structs.replace(record, until_ms=until_ms)


def _row(record: LockRecord) -> dict[str, Any]:
    return {
        "lock": record.lock,
        "fence": record.fence,
        "holder": None if record.holder is None else record.holder.person.id,
        "node": record.node,
        "until_ms": record.until_ms,
        "body": _encode(record).decode(),
    }


def _audit_row(audit: Audit) -> dict[str, Any]:
    row = msgspec.structs.asdict(audit)
    row["why"] = audit.why.replace("\0", "")  # which PostgreSQL's text cannot hold
    return row

"""What a database keeps about one user: to be given to them, and to be removed.

Owns: every table that names users but the locks themselves, which are held by who is connected and end with that.
Invariant: R6 an erasure stays known for KNOWN_MS, and the writer of visits looks at it: a server that runs, and remembers visits
of that user, does not write them again. So an erasure is noted first, and what there was by then is looked for after that, by a
reader: without an index of users, which each visit would have to pay for, it has to look at every visit.
Rejected: asking the running server to forget. It may not run, or not answer, and what it writes later would be back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, case, delete, or_, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from alsohere.backends.sql import inbox_persons, webhook_persons
from alsohere.backends.sql.schema import ERASURES, LOCK_AUDIT, VISITS
from alsohere.domain.history import ERASED_USER, UserData, Visit
from alsohere.domain.lock import Audit

SLICE = 2000  # rows that are removed in one transaction: others want to write too
KNOWN_MS = 86_400_000

Keys = Sequence[Any]

_USER: BindParameter[str] = bindparam("user")
_VISITS_OF = select(VISITS).where(VISITS.c.user_id == _USER).order_by(VISITS.c.entered_ms, VISITS.c.room)
_NAMED = or_(LOCK_AUDIT.c.by_user == _USER, LOCK_AUDIT.c.from_user == _USER)
_AUDIT_OF = select(LOCK_AUDIT).where(_NAMED).order_by(LOCK_AUDIT.c.id)
_KEYS = select(VISITS.c.room, VISITS.c.entered_ms).where(VISITS.c.user_id == _USER, VISITS.c.entered_ms <= bindparam("by_ms"))
_REMOVE = delete(VISITS).where(
    VISITS.c.room == bindparam("of_room"), VISITS.c.entered_ms == bindparam("at_ms"), VISITS.c.user_id == _USER
)
_ANONYMISE = (
    update(LOCK_AUDIT)
    .where(_NAMED)
    .values(
        by_user=case((LOCK_AUDIT.c.by_user == _USER, ERASED_USER), else_=LOCK_AUDIT.c.by_user),
        from_user=case((LOCK_AUDIT.c.from_user == _USER, ERASED_USER), else_=LOCK_AUDIT.c.from_user),
        why="",
    )
)
_FORGET = delete(ERASURES).where(ERASURES.c.at_ms < bindparam("before_ms"))


def about(user: str, connection: Connection) -> UserData:
    """Everything that is kept about a user, oldest first."""
    visits = [
        Visit(row.room, row.user_id, row.entered_ms, row.left_ms, row.active_ms / 1000, row.furthest)
        for row in connection.execute(_VISITS_OF, {"user": user})
    ]
    audit = [
        Audit(row.lock, row.at_ms, row.action, row.by_user, row.from_user, row.fence, row.why)
        for row in connection.execute(_AUDIT_OF, {"user": user})
    ]
    inbox = inbox_persons.about(user, connection)
    return UserData(user, visits, audit, *inbox, events=webhook_persons.about(user, connection))


def note_erasure(user: str, at_ms: int, connection: Connection) -> int:
    """The first step of an erasure: from its commit on nothing of before comes back. Gives the lines of the audit it changed."""
    if connection.dialect.name == "postgresql":  # a writer that has looked there already finishes first
        connection.execute(text(f"LOCK TABLE {ERASURES.name} IN ACCESS EXCLUSIVE MODE"))
    _note(user, at_ms, connection)
    return connection.execute(_ANONYMISE, {"user": user}).rowcount


def visits_to_erase(user: str, at_ms: int, connection: Connection) -> Keys:
    """The second step: what there was by then."""
    return connection.execute(_KEYS, {"user": user, "by_ms": at_ms}).all()


def remove_visits(user: str, keys: Keys, connection: Connection) -> None:
    """The third step, for SLICE of them at a time."""
    connection.execute(_REMOVE, [{"of_room": key.room, "at_ms": key.entered_ms, "user": user} for key in keys])


def _note(user: str, at_ms: int, connection: Connection) -> None:
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    row = dialect.insert(ERASURES).values(user_id=user, at_ms=at_ms)
    latest = case((row.excluded.at_ms > ERASURES.c.at_ms, row.excluded.at_ms), else_=ERASURES.c.at_ms)
    connection.execute(row.on_conflict_do_update(index_elements=["user_id"], set_={"at_ms": latest}))
    connection.execute(_FORGET, {"before_ms": at_ms - KNOWN_MS})

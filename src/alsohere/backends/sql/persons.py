"""What a database keeps about one user: to be given to them, and to be removed.

Owns: every table that names users but the locks themselves, which are held by who is connected and end with that.
Invariant: R6 an erasure stays known for KNOWN_MS, and the writer of visits looks at it: a server that runs, and remembers visits
of that user, does not write them again.
Rejected: asking the running server to forget. It may not run, or not answer, and what it writes later would be back.
"""

from __future__ import annotations

from sqlalchemy import BindParameter, Connection, bindparam, case, delete, or_, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from alsohere.backends.sql.schema import ERASURES, LOCK_AUDIT, VISITS
from alsohere.domain.history import ERASED_USER, Erased, UserData, Visit
from alsohere.domain.lock import Audit

SLICE = 2000  # rows that are removed in one transaction: others want to write too
KNOWN_MS = 86_400_000

_USER: BindParameter[str] = bindparam("user")
_VISITS_OF = select(VISITS).where(VISITS.c.user_id == _USER).order_by(VISITS.c.entered_ms, VISITS.c.room)
_NAMED = or_(LOCK_AUDIT.c.by_user == _USER, LOCK_AUDIT.c.from_user == _USER)
_AUDIT_OF = select(LOCK_AUDIT).where(_NAMED).order_by(LOCK_AUDIT.c.id)
_KEYS = (
    select(VISITS.c.room, VISITS.c.entered_ms)
    .where(VISITS.c.user_id == _USER, VISITS.c.entered_ms <= bindparam("by_ms"))
    .limit(SLICE)
)
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
        Visit(row.room, row.user_id, row.anonymous, row.entered_ms, row.left_ms, row.active_ms / 1000, row.furthest)
        for row in connection.execute(_VISITS_OF, {"user": user})
    ]
    audit = [
        Audit(row.lock, row.at_ms, row.action, row.by_user, row.from_user, row.fence, row.why)
        for row in connection.execute(_AUDIT_OF, {"user": user})
    ]
    return UserData(user, visits, audit)


def erase_slice(user: str, at_ms: int, connection: Connection) -> Erased:
    """Erase a user, but at most SLICE visits: call it until it has fewer. After the first call, none can come back."""
    if connection.dialect.name == "postgresql":  # a writer that has looked there already finishes first
        connection.execute(text(f"LOCK TABLE {ERASURES.name} IN ACCESS EXCLUSIVE MODE"))
    _note(user, at_ms, connection)
    keys = connection.execute(_KEYS, {"user": user, "by_ms": at_ms}).all()
    if keys:
        connection.execute(_REMOVE, [{"of_room": key.room, "at_ms": key.entered_ms, "user": user} for key in keys])
    lines = connection.execute(_ANONYMISE, {"user": user}).rowcount
    return Erased(len(keys), lines)


def _note(user: str, at_ms: int, connection: Connection) -> None:
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    row = dialect.insert(ERASURES).values(user_id=user, at_ms=at_ms)
    latest = case((row.excluded.at_ms > ERASURES.c.at_ms, row.excluded.at_ms), else_=ERASURES.c.at_ms)
    connection.execute(row.on_conflict_do_update(index_elements=["user_id"], set_={"at_ms": latest}))
    connection.execute(_FORGET, {"before_ms": at_ms - KNOWN_MS})

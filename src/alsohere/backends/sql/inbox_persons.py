"""What the inbox keeps about one user: what they were sent and what they wrote, what they follow and do not want to hear of.

An erasure removes what they have; what nobody else has goes with it. What they wrote to others stays, as a letter does, and
no longer says who wrote it.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, exists, literal_column, select, update

from alsohere.backends.sql import follows
from alsohere.backends.sql.notices import IDS, MARKS, NOTICE, USER, I, N, notice_of, slices
from alsohere.backends.sql.schema import CHANNELS, FOLLOWS, INBOX, NOTIFICATIONS, OUTGOING, PREFERENCES, SUBSCRIPTIONS
from alsohere.domain.history import ERASED_USER
from alsohere.notices import Entry, Marks, Notice, Preferences

_ENTRIES = select(*MARKS, *NOTICE).join(NOTIFICATIONS, N.id == I.id).where(I.user_id == USER).order_by(I.id)
_SENT = select(*NOTICE).where(N.sender_id == USER).order_by(N.id)
_IDS_OF = select(I.id).where(I.user_id == USER)
REMOVED = (INBOX, FOLLOWS, PREFERENCES, OUTGOING, CHANNELS, SUBSCRIPTIONS)
_REMOVE = tuple(delete(table).where(table.c.user_id == USER) for table in REMOVED)
_ORPHANS = delete(NOTIFICATIONS).where(
    N.id.in_(IDS), N.audience != literal_column("'everyone'"), N.recalled_ms.is_(None), ~exists().where(I.id == N.id)
)
_ANONYMISE = (
    update(NOTIFICATIONS)
    .where(N.id.in_(IDS), N.sender_id == USER)
    .values(
        sender_id=ERASED_USER, sender=f'{{"id":"{ERASED_USER}","name":"","info":null,"anonymous":true}}', key=bindparam("no_key")
    )
)


class InboxData(NamedTuple):
    """What there is."""

    entries: list[Entry]
    sent: list[Notice]
    follows: list[str]
    preferences: Preferences | None


def about(user: str, connection: Connection) -> InboxData:
    """Everything that is kept, oldest first."""
    asked = {"user": user}
    entries = [Entry(notice_of(row[len(MARKS) :]), Marks(*row[: len(MARKS)])) for row in connection.execute(_ENTRIES, asked)]
    sent = [notice_of(row) for row in connection.execute(_SENT, asked)]
    return InboxData(entries, sent, follows.topics(user, connection), follows.wishes([user], connection).get(user))


def sent_by(user: str, connection: Connection) -> list[int]:
    """What a user wrote: to find it, every notification is looked at, which is a reader's work."""
    return [notice_id for (notice_id,) in connection.execute(select(N.id).where(N.sender_id == USER), {"user": user})]


def remove(user: str, connection: Connection) -> int:
    """Empty the inbox, and forget follows, preferences and other ways to reach them; returns how many rows the inbox had."""
    ids = list(connection.execute(_IDS_OF, {"user": user}).scalars())
    for statement in _REMOVE:
        connection.execute(statement, {"user": user})
    for some in slices(ids):
        connection.execute(_ORPHANS, {"ids": some})
    return len(ids)


def anonymise(user: str, ids: list[int], connection: Connection) -> None:
    """Have what a user wrote no longer say who it was."""
    for some in slices(ids):
        connection.execute(_ANONYMISE, {"user": user, "ids": some, "no_key": None})

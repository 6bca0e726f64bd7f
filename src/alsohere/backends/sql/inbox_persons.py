"""What the inbox keeps about one user: what they were sent and what they wrote, what they follow and do not want to hear of, and
by which other ways they are reached.

An erasure removes what they have; what nobody else has goes with it. What they wrote to others stays, as a letter does, and
no longer says who wrote it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import BindParameter, Connection, Text, and_, bindparam, delete, exists, func, literal_column, or_, select, update

from alsohere.backends.sql import follows, offline
from alsohere.backends.sql.notices import IDS, MARKS, NOTICE, USER, I, N, notice_of, slices
from alsohere.backends.sql.schema import CHANNELS, FOLLOWS, INBOX, NOTIFICATIONS, OUTGOING, PREFERENCES, SUBSCRIPTIONS
from alsohere.domain.history import ERASED_USER
from alsohere.domain.offline import Errand, Subscription
from alsohere.notices import Entry, Marks, Notice, Preferences

_ENTRIES = select(*MARKS, *NOTICE).join(NOTIFICATIONS, N.id == I.id).where(I.user_id == USER).order_by(I.id)
_SENT = select(*NOTICE).where(N.sender_id == USER).order_by(N.id)
# Also what they recalled: it no longer says who wrote it, but for its key, whose scope is the sender.
_SCOPE: BindParameter[str] = bindparam("scope", type_=Text())
_RECALLED = and_(N.recalled_ms.is_not(None), func.substr(N.key, 1, func.length(_SCOPE)) == _SCOPE)
_WROTE = or_(N.sender_id == USER, _RECALLED)
_IDS_OF = select(I.id).where(I.user_id == USER)
REMOVED = (INBOX, FOLLOWS, PREFERENCES, OUTGOING, CHANNELS, SUBSCRIPTIONS)
_REMOVE = tuple(delete(table).where(table.c.user_id == USER) for table in REMOVED)
_ORPHANS = delete(NOTIFICATIONS).where(
    N.id.in_(IDS), N.audience != literal_column("'everyone'"), N.recalled_ms.is_(None), ~exists().where(I.id == N.id)
)
_ANONYMISE = (
    update(NOTIFICATIONS)
    .where(N.id.in_(IDS), _WROTE)
    .values(
        sender_id=ERASED_USER, sender=f'{{"id":"{ERASED_USER}","name":"","info":null,"anonymous":true}}', key=bindparam("no_key")
    )
)


class InboxData(NamedTuple):
    """What there is: the fields of `UserData` from `inbox` on, as far as they are of the inbox."""

    entries: list[Entry]
    sent: list[Notice]
    follows: list[str]
    preferences: Preferences | None
    apprise: list[str]
    browsers: list[Subscription]
    errands: list[Errand]


def about(user: str, connection: Connection) -> InboxData:
    """Everything that is kept, oldest first."""
    asked = {"user": user}
    entries = [Entry(notice_of(row[len(MARKS) :]), Marks(*row[: len(MARKS)])) for row in connection.execute(_ENTRIES, asked)]
    sent = [notice_of(row) for row in connection.execute(_SENT, asked)]
    wishes = follows.wishes([user], connection).get(user)
    urls, browsers, errands = offline.about(user, connection)
    return InboxData(entries, sent, follows.topics(user, connection), wishes, urls, browsers, errands)


def sent_by(user: str, connection: Connection) -> list[int]:
    """What a user wrote: to find it, every notification is looked at, which is a reader's work."""
    return list(connection.execute(select(N.id).where(_WROTE), _named(user)).scalars())


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
        connection.execute(_ANONYMISE, _named(user) | {"ids": some, "no_key": None})


def _named(user: str) -> dict[str, Any]:
    return {"user": user, "scope": f"{user}\n"}  # see `stored_key`

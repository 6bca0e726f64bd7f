"""What is in inboxes: questions, for the reader and for jobs of the writer. What they mean, domain/inbox.py says.

A user's unread are the rows that say so, in an index of their own, and the broadcasts of which they have no row (I4, I5). Of
those there are few, so they are counted here: all of them, without those that the user has a row of.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Connection, Select, bindparam, func, select

from alsohere.backends.sql import follows
from alsohere.backends.sql.notices import (
    BROADCASTS,
    IDS,
    MARKS,
    NOTICE,
    USER,
    USERS,
    I,
    N,
    holders,
    is_open,
    notice_of,
    slices,
)
from alsohere.backends.sql.schema import INBOX, NOTIFICATIONS
from alsohere.domain.attention import is_muted
from alsohere.domain.inbox import NEW, is_for, is_over, listed
from alsohere.domain.inbox import unread as counted
from alsohere.notices import Arrival, Due, Entry, EntryState, Filter, Marks, Notice, Page, Sent, Unread, Withdrawn

_IS_UNREAD = (I.read_ms.is_(None), I.archived_ms.is_(None))
_UNREAD = (
    select(I.user_id, I.category, func.count())
    .where(I.user_id.in_(USERS), *_IS_UNREAD, *is_open(I))
    .with_hint(INBOX, "INDEXED BY ix_inbox_unread", "sqlite")
    .group_by(I.user_id, I.category)
)
_OPEN_BROADCASTS = BROADCASTS.where(*is_open(N)).order_by(N.id)
_TOUCHED = (
    select(I.user_id, I.id)
    .where(I.user_id.in_(USERS), I.broadcast.is_not(None))
    .with_hint(INBOX, "INDEXED BY ix_inbox_broadcast", "sqlite")
)
_IN_STATE: dict[EntryState, tuple[ColumnElement[bool], ...]] = {
    "inbox": (I.archived_ms.is_(None),),
    "unread": _IS_UNREAD,
    "unseen": (I.seen_ms.is_(None), I.archived_ms.is_(None)),
    "read": (I.read_ms.is_not(None), I.archived_ms.is_(None)),
    "archived": (I.archived_ms.is_not(None),),
    "all": (),
}
_ASKED_FOR: dict[str, ColumnElement[bool]] = {
    "category": I.category == bindparam("category"),
    "topic": N.topic == bindparam("topic"),
    "before": I.id < bindparam("before"),
}
_MOST: BindParameter[int] = bindparam("most")
_SOME = select(*NOTICE).where(N.id.in_(IDS))
_ANY = select(N.id).limit(1)
_AFTER: BindParameter[int] = bindparam("after_ms")
_UNTIL: BindParameter[int] = bindparam("until_ms")
_BEGAN = (N.starts_ms > _AFTER, N.starts_ms <= _UNTIL, N.starts_ms > N.created_ms)
_STARTED = select(*NOTICE).where(*_BEGAN, N.recalled_ms.is_(None)).order_by(N.id)
_EXPIRED = select(*NOTICE).where(N.expires_ms > _AFTER, N.expires_ms <= _UNTIL, N.recalled_ms.is_(None)).order_by(N.id)
_NEXT = tuple(select(func.min(column)).where(column > _UNTIL, N.recalled_ms.is_(None)) for column in (N.starts_ms, N.expires_ms))


def _waiting() -> Select[Any]:
    place = func.row_number().over(partition_by=I.user_id, order_by=I.id).label("place")
    undelivered = (
        select(I.user_id, I.id, place)
        .where(I.user_id.in_(USERS), *_IS_UNREAD, I.delivered_ms.is_(None), I.id > bindparam("after"), *is_open(I))
        .with_hint(INBOX, "INDEXED BY ix_inbox_unread", "sqlite")
        .subquery()
    )
    mine = undelivered.c
    return select(mine.user_id, mine.id).where(mine.place <= bindparam("most")).order_by(mine.user_id, mine.id)


_WAITING = _waiting()


# -- Many users --------------------------------------------------------------------------------------------------------


class Broadcasts:
    """What everyone may see, and of which of it some users have rows.

    Args:
        users: who is asked about.
        now_ms: the time.
        connection: where to look.
    """

    def __init__(self, users: Sequence[str], now_ms: int, connection: Connection) -> None:
        self._users = users
        self._now_ms = now_ms
        self._notices = [notice_of(row) for row in connection.execute(_OPEN_BROADCASTS, {"now_ms": now_ms})]
        self._touched: dict[str, set[int]] = {}
        ids = {notice.id for notice in self._notices}
        for some in slices(users if ids else ()):
            for user, notice_id in connection.execute(_TOUCHED, {"users": some}):
                if notice_id in ids:
                    self._touched.setdefault(user, set()).add(notice_id)

    def untouched(self, user: str) -> list[Notice]:
        """Those for a user of which they have no row, oldest first."""
        touched = self._touched.get(user, set())
        return [notice for notice in self._notices if notice.id not in touched and is_for(notice, user)]

    def touch(self, user: str, notices: Sequence[Notice]) -> None:
        """The user has rows of these now."""
        self._touched.setdefault(user, set()).update(notice.id for notice in notices)

    def unread(self, connection: Connection) -> dict[str, Unread]:
        """What stands unread: these, and the rows that say so."""
        for_all = Counter(notice.category for notice in self._notices if notice.among is None)
        counts: dict[str, dict[str, int]] = {user: dict(for_all) for user in self._users}
        for notice in self._notices:
            if notice.among is not None:
                for user in self._users:
                    counts[user][notice.category] = counts[user].get(notice.category, 0) + is_for(notice, user)
        category_of = {notice.id: notice.category for notice in self._notices}
        for user, ids in self._touched.items():
            for notice_id in ids:
                counts[user][category_of[notice_id]] -= 1
        for some in slices(self._users):
            for user, category, count in connection.execute(_UNREAD, {"users": some, "now_ms": self._now_ms}):
                counts[user][category] = counts[user].get(category, 0) + count
        return {user: counted(by_category) for user, by_category in counts.items()}


def unread(users: Sequence[str], now_ms: int, connection: Connection) -> dict[str, Unread]:
    """`ports.InboxStore.unread`."""
    return Broadcasts(users, now_ms, connection).unread(connection)


def arrivals(users: Sequence[str], most: int, now_ms: int, connection: Connection) -> tuple[bool, dict[str, Arrival]]:
    """`ports.InboxStore.arrivals`, and whether there is no notification and no preference at all."""
    is_empty = connection.execute(_ANY).first() is None and not follows.has_preferences(connection)
    broadcasts = Broadcasts(users, now_ms, connection)
    counts = broadcasts.unread(connection)
    waiting = _all_waiting(users, 0, most + 1, now_ms, connection)
    preferences = follows.preferences(users, connection)
    found: dict[str, Arrival] = {}
    for user in users:
        entries = _merged(waiting.get(user, []), broadcasts.untouched(user), most + 1)
        found[user] = Arrival(counts[user], tuple(entries[:most]), len(entries) > most, preferences[user])
    return is_empty, found


def _all_waiting(users: Sequence[str], after: int, most: int, now_ms: int, connection: Connection) -> dict[str, list[Entry]]:
    pairs: list[tuple[str, int]] = []
    for some in slices(users):
        asked = {"users": some, "after": after, "most": most, "now_ms": now_ms}
        pairs += connection.execute(_WAITING, asked).all()
    entries = {notice_id: Entry(notice, NEW) for notice_id, notice in _loaded({pair[1] for pair in pairs}, connection).items()}
    found: dict[str, list[Entry]] = {}
    for user, notice_id in pairs:
        found.setdefault(user, []).append(entries[notice_id])
    return found


def _merged(waiting: list[Entry], broadcasts: list[Notice], most: int) -> list[Entry]:
    """Oldest first, with the broadcasts of which there is no row."""
    if broadcasts:
        waiting = waiting + [Entry(notice, NEW) for notice in broadcasts]
        waiting.sort(key=lambda entry: entry.notice.id)
    return waiting[:most]


# -- One user ----------------------------------------------------------------------------------------------------------


def waiting_of(user: str, after: int, most: int, now_ms: int, connection: Connection) -> list[Entry]:
    """`ports.InboxStore.waiting`."""
    broadcasts = Broadcasts([user], now_ms, connection).untouched(user)
    waiting = _all_waiting([user], after, most, now_ms, connection).get(user, [])
    return _merged(waiting, [notice for notice in broadcasts if notice.id > after], most)


def page(user: str, which: Filter, now_ms: int, connection: Connection) -> Page:
    """`ports.InboxStore.page`."""
    asked = {"user": user, "now_ms": now_ms, "category": which.category, "topic": which.topic}
    asked |= {"before": which.before, "most": which.limit + 1}
    broadcasts = Broadcasts([user], now_ms, connection)
    entries = [Entry(notice, NEW) for notice in broadcasts.untouched(user)]
    entries += _lines(which, asked, connection) if which.digest else _newest(which, asked, connection)
    found, following = listed(entries, which)
    if which.digest:
        found = _filled(found, connection)
    return Page(found, broadcasts.unread(connection)[user], following)


def _newest(which: Filter, asked: dict[str, Any], connection: Connection) -> list[Entry]:
    """As many as can be on the page, and one more."""
    rows = connection.execute(_rows(which.state, _asks_for(which, "category", "topic", "before")), asked)
    return [Entry(notice_of(row[len(MARKS) :]), Marks(*row[: len(MARKS)])) for row in rows]


def _lines(which: Filter, asked: dict[str, Any], connection: Connection) -> list[Entry]:
    """Everything that a digest is made of, without what is in it."""
    rows = connection.execute(_light_rows(which.state, _asks_for(which, "category", "topic")), asked)
    return [
        Entry(Notice(id=notice_id, category=category, audience="users", created_at=0, topic=topic), Marks(*marks))
        for *marks, notice_id, category, topic in rows
    ]


def _asks_for(which: Filter, *names: str) -> tuple[str, ...]:
    return tuple(name for name in names if getattr(which, name) is not None)


@cache
def _rows(state: EntryState, asks_for: tuple[str, ...]) -> Select[Any]:
    whole = select(*MARKS, *NOTICE).where(*_IN_STATE[state], *(_ASKED_FOR[name] for name in asks_for))
    return whole.join(NOTIFICATIONS, N.id == I.id).where(I.user_id == USER, *is_open(I)).order_by(I.id.desc()).limit(_MOST)


@cache
def _light_rows(state: EntryState, asks_for: tuple[str, ...]) -> Select[Any]:
    light = select(*MARKS, I.id, I.category, N.topic).where(*_IN_STATE[state], *(_ASKED_FOR[name] for name in asks_for))
    return light.join(NOTIFICATIONS, N.id == I.id).where(I.user_id == USER, *is_open(I))


def _filled(entries: Sequence[Entry], connection: Connection) -> tuple[Entry, ...]:
    notices = _loaded([entry.notice.id for entry in entries], connection)
    return tuple(Entry(notices[entry.notice.id], entry.marks, entry.count) for entry in entries)


def _loaded(ids: Iterable[int], connection: Connection) -> dict[int, Notice]:
    return {row.id: notice_of(row) for some in slices(ids) for row in connection.execute(_SOME, {"ids": some})}


# -- Time --------------------------------------------------------------------------------------------------------------


def due(after_ms: int, until_ms: int, connection: Connection) -> Due:
    """`ports.InboxStore.due`."""
    asked = {"after_ms": after_ms, "until_ms": until_ms}
    started = [notice_of(row) for row in connection.execute(_STARTED, asked)]
    sent = tuple(_sent(notice, connection) for notice in started if not is_over(notice, until_ms))
    over = [notice_of(row) for row in connection.execute(_EXPIRED, asked)]
    expired = tuple(Withdrawn(notice.id, holders(connection, notice)) for notice in over)
    following = [connection.execute(question, asked).scalar_one() for question in _NEXT]
    return Due(sent, expired, min((at for at in following if at is not None), default=None))


def _sent(notice: Notice, connection: Connection) -> Sent:
    to = holders(connection, notice) or ()
    wishes = follows.wishes(to, connection)
    return Sent(notice.id, to, frozenset(user for user in wishes if is_muted(notice, wishes[user])), notice)

"""What is in inboxes: questions, for the reader and for jobs of the writer. What they mean, domain/inbox.py says.

A user's unread are the rows that say so, in an index of their own, and the broadcasts of which they have no row (I4, I5). Of
those there are few, so they are counted here: all of them, without those that the user has a row of.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Connection, Select, bindparam, exists, func, select

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
from alsohere.backends.sql.schema import NOTIFICATIONS
from alsohere.domain.attention import is_muted
from alsohere.domain.inbox import NEW, is_over, listed
from alsohere.domain.inbox import unread as counted
from alsohere.notices import Arrival, Due, Entry, EntryState, Filter, Marks, Notice, Page, Sent, Unread, Withdrawn

_IS_UNREAD = (I.read_ms.is_(None), I.archived_ms.is_(None))
_UNREAD = (
    select(I.user_id, I.category, func.count())
    .where(I.user_id.in_(USERS), *_IS_UNREAD, *is_open(I))
    .group_by(I.user_id, I.category)
)
_OPEN_BROADCASTS = BROADCASTS.where(*is_open(N)).order_by(N.id)
_TOUCHED = select(I.user_id, I.id).where(I.user_id.in_(USERS), I.broadcast.is_not(None))
UNTOUCHED = _OPEN_BROADCASTS.where(~exists().where(I.user_id == USER, I.id == N.id))
"""The broadcasts of which a user has no row."""
_IN_STATE: dict[EntryState, tuple[ColumnElement[bool], ...]] = {
    "inbox": (I.archived_ms.is_(None),),
    "unread": _IS_UNREAD,
    "unseen": (I.seen_ms.is_(None), I.archived_ms.is_(None)),
    "read": (I.read_ms.is_not(None), I.archived_ms.is_(None)),
    "archived": (I.archived_ms.is_not(None),),
    "all": (),
}
_ROWS = select(*MARKS, *NOTICE).join(NOTIFICATIONS, N.id == I.id).where(I.user_id == USER, *is_open(I))
_LIGHT = (
    select(*MARKS, I.id, I.category, N.topic)
    .join(NOTIFICATIONS, N.id == I.id)
    .where(I.user_id == USER, *is_open(I))
    .order_by(I.id.desc())
)
_SOME = select(*NOTICE).where(N.id.in_(IDS))
_ANY = select(N.id).limit(1)
_AFTER: BindParameter[int] = bindparam("after_ms")
_UNTIL: BindParameter[int] = bindparam("until_ms")
_STARTED = select(*NOTICE).where(N.starts_ms > _AFTER, N.starts_ms <= _UNTIL, N.recalled_ms.is_(None)).order_by(N.id)
_EXPIRED = select(*NOTICE).where(N.expires_ms > _AFTER, N.expires_ms <= _UNTIL, N.recalled_ms.is_(None)).order_by(N.id)
_NEXT = tuple(select(func.min(column)).where(column > _UNTIL, N.recalled_ms.is_(None)) for column in (N.starts_ms, N.expires_ms))


def _waiting() -> Select[Any]:
    place = func.row_number().over(partition_by=I.user_id, order_by=I.id).label("place")
    undelivered = (
        select(I.user_id, I.id, place)
        .where(I.user_id.in_(USERS), *_IS_UNREAD, I.delivered_ms.is_(None), I.id > bindparam("after"), *is_open(I))
        .subquery()
    )
    mine = undelivered.c
    return select(mine.user_id, mine.id).where(mine.place <= bindparam("most")).order_by(mine.user_id, mine.id)


_WAITING = _waiting()


# -- Many users --------------------------------------------------------------------------------------------------------


def unread(users: Sequence[str], now_ms: int, connection: Connection) -> dict[str, Unread]:
    """`ports.InboxStore.unread`."""
    broadcasts = _open_broadcasts(now_ms, connection)
    touched = _touched(users, broadcasts, connection)
    return _unread(users, now_ms, broadcasts, touched, connection)


def arrivals(users: Sequence[str], most: int, now_ms: int, connection: Connection) -> tuple[bool, dict[str, Arrival]]:
    """`ports.InboxStore.arrivals`, and whether there is no notification at all."""
    is_empty = connection.execute(_ANY).first() is None
    broadcasts = _open_broadcasts(now_ms, connection)
    touched = _touched(users, broadcasts, connection)
    counts = _unread(users, now_ms, broadcasts, touched, connection)
    waiting = _all_waiting(users, 0, most + 1, now_ms, connection)
    preferences = follows.preferences(users, connection)
    found: dict[str, Arrival] = {}
    for user in users:
        entries = _merged(waiting.get(user, []), broadcasts, touched.get(user, set()), most + 1)
        found[user] = Arrival(counts[user], tuple(entries[:most]), len(entries) > most, preferences[user])
    return is_empty, found


def _open_broadcasts(now_ms: int, connection: Connection) -> list[Notice]:
    return [notice_of(row) for row in connection.execute(_OPEN_BROADCASTS, {"now_ms": now_ms})]


def _touched(users: Sequence[str], broadcasts: list[Notice], connection: Connection) -> dict[str, set[int]]:
    """Of which open broadcasts there are rows."""
    ids = {notice.id for notice in broadcasts}
    found: dict[str, set[int]] = {}
    for some in slices(users if ids else ()):
        for user, notice_id in connection.execute(_TOUCHED, {"users": some}):
            if notice_id in ids:
                found.setdefault(user, set()).add(notice_id)
    return found


def _unread(
    users: Sequence[str], now_ms: int, broadcasts: list[Notice], touched: dict[str, set[int]], connection: Connection
) -> dict[str, Unread]:
    for_all = Counter(notice.category for notice in broadcasts)
    counts: dict[str, dict[str, int]] = {user: dict(for_all) for user in users}
    category_of = {notice.id: notice.category for notice in broadcasts}
    for user, ids in touched.items():
        for notice_id in ids:
            counts[user][category_of[notice_id]] -= 1
    for some in slices(users):
        for user, category, count in connection.execute(_UNREAD, {"users": some, "now_ms": now_ms}):
            counts[user][category] = counts[user].get(category, 0) + count
    return {user: counted(by_category) for user, by_category in counts.items()}


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


def _merged(waiting: list[Entry], broadcasts: list[Notice], touched: set[int], most: int) -> list[Entry]:
    """Oldest first, with the broadcasts of which there is no row."""
    if broadcasts:
        waiting = waiting + [Entry(notice, NEW) for notice in broadcasts if notice.id not in touched]
        waiting.sort(key=lambda entry: entry.notice.id)
    return waiting[:most]


# -- One user ----------------------------------------------------------------------------------------------------------


def waiting_of(user: str, after: int, most: int, now_ms: int, connection: Connection) -> list[Entry]:
    """`ports.InboxStore.waiting`."""
    broadcasts = [notice for notice in _open_broadcasts(now_ms, connection) if notice.id > after]
    touched = _touched([user], broadcasts, connection).get(user, set())
    waiting = _all_waiting([user], after, most, now_ms, connection).get(user, [])
    return _merged(waiting, broadcasts, touched, most)


def page(user: str, which: Filter, now_ms: int, connection: Connection) -> Page:
    """`ports.InboxStore.page`."""
    asked = {"user": user, "now_ms": now_ms, "before": which.before, "most": which.limit + 1}
    entries = [Entry(notice_of(row), NEW) for row in connection.execute(UNTOUCHED, asked)]
    entries += _lines(which, asked, connection) if which.digest else _newest(which, asked, connection)
    found, following = listed(entries, which)
    if which.digest:
        found = _filled(found, connection)
    return Page(found, unread([user], now_ms, connection)[user], following)


def _newest(which: Filter, asked: dict[str, Any], connection: Connection) -> list[Entry]:
    """As many as can be on the page, and one more."""
    rows = _ROWS.where(*_conditions(which)).order_by(I.id.desc()).limit(bindparam("most"))
    if which.before is not None:
        rows = rows.where(I.id < bindparam("before"))
    return [Entry(notice_of(row[len(MARKS) :]), Marks(*row[: len(MARKS)])) for row in connection.execute(rows, asked)]


def _lines(which: Filter, asked: dict[str, Any], connection: Connection) -> list[Entry]:
    """Everything that a digest is made of, without what is in it."""
    rows = connection.execute(_LIGHT.where(*_conditions(which)), asked)
    return [
        Entry(Notice(id=notice_id, category=category, audience="users", created_at=0, topic=topic), Marks(*marks))
        for *marks, notice_id, category, topic in rows
    ]


def _conditions(which: Filter) -> list[ColumnElement[bool]]:
    where = list(_IN_STATE[which.state])
    if which.category is not None:
        where.append(I.category == which.category)
    if which.topic is not None:
        where.append(N.topic == which.topic)
    return where


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

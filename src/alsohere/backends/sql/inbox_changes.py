"""What happens to notifications after they were sent: jobs of the writer. What a mark does, domain/inbox.py decides.

A refusal is returned, not raised: it comes before the first write, so that the writer has nothing to undo.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, bindparam, delete, exists, or_, select, text, update

from alsohere.backends.sql.inbox_questions import Broadcasts
from alsohere.backends.sql.notices import (
    BROADCASTS,
    CLEAR,
    ID,
    IDS,
    MARK_ROW,
    MARKS,
    USER,
    I,
    N,
    holders,
    insert_all,
    is_open,
    load,
    mark_row,
    notice_of,
    receiver_row,
    row_of,
    slices,
)
from alsohere.backends.sql.schema import INBOX, NOTIFICATIONS
from alsohere.domain.inbox import NEW, NOT_THEIRS, concerns, edited, is_for, is_over, marked, pruned, receipt
from alsohere.errors import NotFound, Refusal
from alsohere.notices import Delivery, Edit, Edited, MarkAs, Marked, Marking, Marks, Notice, Receipt, Withdrawn

_CHANGED_BY: dict[MarkAs, ColumnElement[bool]] = {
    "seen": I.seen_ms.is_(None),
    "read": I.read_ms.is_(None),
    "archived": I.archived_ms.is_(None),
    "unread": or_(I.read_ms.is_not(None), I.archived_ms.is_not(None)),
}
_NAMED_BY: dict[str, ColumnElement[bool]] = {
    "ids": I.id.in_(IDS),
    "up_to": I.id <= bindparam("up_to"),
    "category": I.category == bindparam("category"),
    "topic": N.topic == bindparam("topic"),
}
_ONE_OF = select(I.id).where(I.user_id == USER, *is_open(I), I.id.in_(IDS)).limit(1)
# Pairs of (user, id): SQLite looks at the whole table for `(user_id, id) IN (…)`, but not for a join.
_OF_PAIRS = (
    "SELECT inbox.user_id, inbox.id, notifications.sender_id, inbox.delivered_ms, inbox.read_ms FROM (SELECT {}) AS pairs "
    "JOIN inbox ON inbox.user_id = pairs.name AND inbox.id = pairs.number JOIN notifications ON notifications.id = inbox.id"
)
_PAIRS = {
    "sqlite": text(
        _OF_PAIRS.format("json_extract(value, '$[0]') AS name, json_extract(value, '$[1]') AS number FROM json_each(:pairs)")
    ),
    "postgresql": text(
        _OF_PAIRS.format(
            "value ->> 0 AS name, CAST(value ->> 1 AS BIGINT) AS number FROM json_array_elements(CAST(:pairs AS JSON)) AS value"
        )
    ),
}
_DELIVER = (
    update(INBOX).where(I.user_id == bindparam("of_user"), I.id == bindparam("of_id")).values(delivered_ms=bindparam("to_ms"))
)
_RECALLED_AT = select(N.recalled_ms).where(N.id == ID)
_UPDATE = update(NOTIFICATIONS).where(N.id == bindparam("of_id"))
_EXPIRE = update(INBOX).where(I.id == bindparam("of_id")).values(expires_ms=bindparam("to_ms"))
_BLANK: dict[str, Any] = {"title": "", "body": "", "url": None, "data": None, "sender": None, "sender_id": None}
_EDITED = ("title", "body", "url", "data", "expires_ms", "edited_ms")
_SLICE = (
    select(N.id, N.created_ms, N.starts_ms, N.expires_ms, N.audience, N.recalled_ms)
    .where(N.id > bindparam("after"))
    .order_by(N.id)
    .limit(bindparam("most"))
)
_FIRST_ROWS = select(I.id).where(I.id.in_(IDS)).order_by(I.id).limit(bindparam("most"))
_CLEAR_DONE = delete(INBOX).where(I.id.in_(IDS), or_(I.read_ms.is_not(None), I.archived_ms.is_not(None)))
_REMOVE = delete(NOTIFICATIONS).where(N.id.in_(IDS))
MOST_REMOVED = 20_000  # rows of one job; what one notification has, if that is more: it takes a second for half a million
_encode = msgspec.json.Encoder().encode
_ABANDONED = select(N.id).where(N.id.in_(IDS), ~exists().where(I.id == N.id))


# -- Marks -------------------------------------------------------------------------------------------------------------


def mark(user: str, marking: Marking, now_ms: int, connection: Connection) -> Marked | Refusal:
    """`ports.InboxStore.mark`."""
    asked = {"user": user, "now_ms": now_ms, "category": marking.category, "topic": marking.topic, "up_to": marking.up_to}
    asked["ids"] = list(marking.ids or ())
    broadcasts = Broadcasts([user], now_ms, connection)
    changed = [] if marking.ids == () else _mark_rows(user, marking, asked, connection)
    changed += _mark_broadcasts(user, marking, now_ms, broadcasts, connection)
    if marking.ids and not changed and not _has_one_of(marking.ids, asked, broadcasts, connection):
        return NotFound(NOT_THEIRS)
    changed.sort(key=lambda one: one.id)
    return Marked(tuple(changed), broadcasts.unread(connection)[user])


def _has_one_of(ids: Sequence[int], asked: dict[str, Any], broadcasts: Broadcasts, connection: Connection) -> bool:
    untouched = (notice.id for notice in broadcasts.untouched(asked["user"]))
    return not set(ids).isdisjoint(untouched) or connection.execute(_ONE_OF, asked).first() is not None


def _mark_rows(user: str, marking: Marking, asked: dict[str, Any], connection: Connection) -> list[Receipt]:
    changed, rows = [], []
    for notice_id, sender, *before in connection.execute(_candidates(marking.mark, _named_by(marking)), asked):
        after = marked(Marks(*before), marking.mark, asked["now_ms"])
        is_delivery = before[0] is None and after.delivered_at is not None
        changed.append(Receipt(notice_id, user, sender, after.delivered_at, after.read_at, is_delivery))
        rows.append(mark_row(notice_id, user, after))
    if rows:
        connection.execute(MARK_ROW, rows)
    return changed


def _named_by(marking: Marking) -> tuple[str, ...]:
    return tuple(name for name in _NAMED_BY if getattr(marking, name) is not None)


@cache
def _candidates(mark: MarkAs, named_by: tuple[str, ...]) -> Select[Any]:
    """The rows that a marking changes: `concerns` in SQL."""
    where = [I.user_id == USER, *is_open(I), _CHANGED_BY[mark], *(_NAMED_BY[name] for name in named_by)]
    if "ids" not in named_by:
        where.append(I.archived_ms.is_(None))
    return select(I.id, N.sender_id, *MARKS).join(NOTIFICATIONS, N.id == I.id).where(*where)


def _mark_broadcasts(user: str, marking: Marking, now_ms: int, broadcasts: Broadcasts, connection: Connection) -> list[Receipt]:
    """The first marks on broadcasts: from now on there are rows of them (I5)."""
    after = marked(NEW, marking.mark, now_ms)
    if after is NEW:
        return []
    notices = [notice for notice in broadcasts.untouched(user) if concerns(marking, notice, NEW)]
    broadcasts.touch(user, notices)
    insert_all(connection, INBOX, [receiver_row(notice, user, after) for notice in notices])
    return [receipt(notice, user, NEW, after) for notice in notices]


# -- Deliveries --------------------------------------------------------------------------------------------------------


def deliver(deliveries: Sequence[Delivery], connection: Connection) -> list[Receipt]:
    """`ports.InboxStore.delivered`."""
    first: dict[tuple[str, int], int] = {}
    for delivery in deliveries:
        first.setdefault((delivery.user, delivery.id), delivery.at)
    asked = {"pairs": _encode(list(first)).decode()}
    changed: list[Receipt] = []
    old: list[dict[str, Any]] = []
    new: list[dict[str, Any]] = []
    found: dict[tuple[str, int], Sequence[Any]] = {}
    for user, notice_id, *row in connection.execute(_PAIRS[connection.dialect.name], asked):
        found[user, notice_id] = row
    broadcasts = _broadcasts({notice_id for user, notice_id in first if (user, notice_id) not in found}, connection)
    for (user, notice_id), at in first.items():
        if (user, notice_id) in found:
            sender, delivered_at, read_at = found[user, notice_id]
            if delivered_at is None:
                changed.append(Receipt(notice_id, user, sender, at, read_at, is_delivery=True))
                old.append({"of_user": user, "of_id": notice_id, "to_ms": at})
        elif notice_id in broadcasts and is_for(broadcasts[notice_id], user):
            changed.append(receipt(broadcasts[notice_id], user, NEW, Marks(at)))
            new.append(receiver_row(broadcasts[notice_id], user, Marks(at)))
    if old:
        connection.execute(_DELIVER, old)
    insert_all(connection, INBOX, new)
    return changed


def _broadcasts(ids: set[int], connection: Connection) -> dict[int, Notice]:
    found: dict[int, Notice] = {}
    for some in slices(ids):
        for row in connection.execute(BROADCASTS.where(N.id.in_(IDS)), {"ids": some}):
            found[row.id] = notice_of(row)
    return found


# -- Recall and edit ---------------------------------------------------------------------------------------------------


def recall(notice_id: int, now_ms: int, connection: Connection) -> Withdrawn | Refusal:
    """`ports.InboxStore.recall`."""
    row = connection.execute(_RECALLED_AT, {"notice_id": notice_id}).first()
    if row is None:
        return NotFound("There is no such notification.")
    notice = load(connection, notice_id)
    if notice is None:
        return Withdrawn(notice_id, ())
    users = holders(connection, notice)
    connection.execute(CLEAR, {"ids": [notice_id]})
    connection.execute(_UPDATE, {"of_id": notice_id, "recalled_ms": now_ms, **_BLANK})
    return Withdrawn(notice_id, users)


def edit(notice_id: int, change: Edit, now_ms: int, connection: Connection) -> Edited | Refusal:
    """`ports.InboxStore.edit`."""
    before = load(connection, notice_id)
    if before is None or is_over(before, now_ms):
        return NotFound("There is no such notification, or no longer.")
    try:
        notice = edited(before, change, now_ms)
    except Refusal as refusal:
        return refusal
    row = row_of(notice, None)
    connection.execute(_UPDATE, {"of_id": notice_id} | {name: row[name] for name in _EDITED})
    if notice.expires_at != before.expires_at:
        connection.execute(_EXPIRE, {"of_id": notice_id, "to_ms": notice.expires_at})
    return Edited(notice, holders(connection, notice))


# -- Retention ---------------------------------------------------------------------------------------------------------


def prune(before_ms: int, after: int, most: int, connection: Connection) -> int | None:
    """`ports.InboxStore.prune`."""
    rows = connection.execute(_SLICE, {"after": after, "most": most}).all()
    fates = {row.id: pruned(*row[1:5], before_ms, recalled=row.recalled_ms is not None) for row in rows}
    up_to = _fits([notice_id for notice_id, fate in fates.items() if fate != "nothing"], connection)
    if up_to is not None:
        fates = {notice_id: fate for notice_id, fate in fates.items() if notice_id <= up_to}
    over = [notice_id for notice_id, fate in fates.items() if fate == "all"]
    done = [notice_id for notice_id, fate in fates.items() if fate == "done"]
    for some in slices(done):
        connection.execute(_CLEAR_DONE, {"ids": some})
        over += connection.execute(_ABANDONED, {"ids": some}).scalars()
    for some in slices(over):
        connection.execute(CLEAR, {"ids": some})
        connection.execute(_REMOVE, {"ids": some})
    more = len(rows) == most and any(row.created_ms < before_ms for row in rows)
    return up_to if up_to is not None else rows[-1].id if more else None


def _fits(ids: list[int], connection: Connection) -> int | None:
    """Up to which of these there is no more in inboxes than one job can remove; None: up to the last."""
    if not ids:
        return None
    found = connection.execute(_FIRST_ROWS, {"ids": ids, "most": MOST_REMOVED + 1}).scalars().all()
    if len(found) <= MOST_REMOVED:
        return None
    return max((notice_id for notice_id in ids if notice_id < found[-1]), default=ids[0])

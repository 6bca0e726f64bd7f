"""Errands and the ways by which users can be reached, in the database: implements `ports.OfflineStore`.

The first errand of a notification is written in the transaction of the notification itself (backends/sql/outgoing.py), so
that what was sent is not forgotten by its other ways.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec
from sqlalchemy import Connection, and_, bindparam, delete, func, insert, select, union, update

from alsohere.backends.sql import follows
from alsohere.backends.sql.notices import IDS, MARKS, NOTICE, I, N, notice_of, upsert
from alsohere.backends.sql.schema import CHANNELS, INBOX, NOTIFICATIONS, OUTGOING, SUBSCRIPTIONS
from alsohere.backends.sql.store import Store
from alsohere.domain.inbox import NEW
from alsohere.domain.offline import NOBODY, Case, Channel, Errand, Subscription
from alsohere.errors import LimitReached
from alsohere.notices import Marks, Notice, Preferences

O, S, C = OUTGOING.c, SUBSCRIPTIONS.c, CHANNELS.c  # noqa: E741
_ERRAND = (O.id, O.due_ms, O.user_id, O.notification, O.channel, O.target, O.attempts, O.next_ms, O.done_ms, O.error)
_DUE = (
    select(*_ERRAND, I.id.label("stored"), *MARKS, N.id.label("notice"), *NOTICE)
    .outerjoin(INBOX, and_(I.user_id == O.user_id, I.id == O.notification))
    .outerjoin(NOTIFICATIONS, and_(N.id == O.notification, N.recalled_ms.is_(None)))
    .where(O.done_ms.is_(None), O.channel == bindparam("way"), O.next_ms <= bindparam("now_ms"))
    .order_by(O.next_ms)
    .limit(bindparam("most"))
)
_CHANGE = (
    update(OUTGOING)
    .where(O.id == bindparam("of_id"))
    .values({name: bindparam(f"to_{name}") for name in ("target", "attempts", "next_ms", "done_ms", "error")})
)
_WHOSE = select(O.user_id, O.notification).where(O.id.in_(IDS))
_REACHABLE = (
    union(select(C.user_id).where(C.user_id > bindparam("after")), select(S.user_id).where(S.user_id > bindparam("after")))
    .order_by("user_id")
    .limit(bindparam("most"))
)
_urls = msgspec.json.Decoder(tuple[str, ...]).decode


class SqlOffline:
    """The errands of a database.

    Args:
        store: that database.
    """

    def __init__(self, store: Store) -> None:
        self._writer = store.writer
        self._reader = store.reader

    async def take(self, channel: Channel, now_ms: int, most: int) -> list[Case]:
        return await self._reader.ask(partial(_take, channel, now_ms, most))

    async def settle(self, errands: Sequence[Errand], new: Sequence[Errand] = ()) -> None:
        await self._writer.ask(partial(_settle, errands, new))

    async def prune(self, before_ms: int, most: int) -> int:
        return await self._writer.ask(partial(_prune, before_ms, most))

    async def reached_by(self, user: str) -> tuple[tuple[str, ...], tuple[Subscription, ...]]:
        found = await self._reader.ask(partial(_ways, [user]))
        return found[0].get(user, ()), tuple(found[1].get(user, ()))

    async def reachable(self, after: str, most: int) -> list[str]:
        asked = {"after": after, "most": most}
        return await self._reader.ask(lambda connection: list(connection.execute(_REACHABLE, asked).scalars()))

    async def set_apprise(self, user: str, urls: Sequence[str]) -> None:
        await self._writer.ask(partial(_set_apprise, user, urls))

    async def subscribe(self, user: str, subscription: Subscription, now_ms: int, most: int) -> None:
        await self._writer.ask(partial(_subscribe, user, subscription, now_ms, most))

    async def unsubscribe(self, endpoint: str, user: str | None = None) -> bool:
        which = [S.endpoint == endpoint] + ([S.user_id == user] if user is not None else [])
        return bool(await self._writer.ask(lambda connection: connection.execute(delete(SUBSCRIPTIONS).where(*which)).rowcount))


def errand_row(errand: Errand) -> dict[str, Any]:
    """The row of a new errand."""
    row = msgspec.structs.asdict(errand)
    del row["id"]
    row["user_id"] = row.pop("user")
    return row


def about(user: str, connection: Connection) -> tuple[list[str], list[Subscription], list[Errand]]:
    """Everything that is kept of a user's other ways: their URLs and browsers, and every errand, also those that are done."""
    urls, subscriptions = _ways([user], connection)
    errands = [_errand(row) for row in connection.execute(select(*_ERRAND).where(O.user_id == user).order_by(O.id))]
    return list(urls.get(user, ())), subscriptions.get(user, []), errands


# -- Jobs --------------------------------------------------------------------------------------------------------------


def _take(channel: Channel, now_ms: int, most: int, connection: Connection) -> list[Case]:
    rows = connection.execute(_DUE, {"way": channel, "now_ms": now_ms, "most": most}).all()
    users = list({row[2] for row in rows})
    wishes = follows.wishes(users, connection) if users else {}
    urls, subscriptions = _ways(users, connection) if users else ({}, {})
    size, marked = len(_ERRAND), len(_ERRAND) + 1
    cases = []
    for row in rows:
        errand = _errand(row[:size])
        user = errand.user
        after = marked + len(MARKS)
        notice = None if row[after] is None else notice_of(row[after + 1 :])
        marks = Marks(*row[marked:after]) if row[size] is not None else _untouched(notice)
        reached = urls.get(user, ()), tuple(subscriptions.get(user, ()))
        cases.append(Case(errand, notice, marks, wishes.get(user, Preferences()), *reached))
    return cases


def _errand(row: Sequence[Any]) -> Errand:
    """From the columns of _ERRAND."""
    errand_id, due_ms, user, notification, way, target, attempts, next_ms, done_ms, error = row
    return Errand(
        id=errand_id,
        due_ms=due_ms,
        user=user,
        notification=notification,
        channel=way,
        target=target,
        attempts=attempts,
        next_ms=next_ms,
        done_ms=done_ms,
        error=error,
    )


def _untouched(notice: Notice | None) -> Marks | None:
    """The marks of who has no row: a broadcast is in every inbox that it is for, and has rows for those who have touched it."""
    return NEW if notice is not None and notice.audience == "everyone" else None


def _ways(users: Sequence[str], connection: Connection) -> tuple[dict[str, tuple[str, ...]], dict[str, list[Subscription]]]:
    urls = {row.user_id: _urls(row.body) for row in connection.execute(select(CHANNELS).where(C.user_id.in_(users)))}
    found: dict[str, list[Subscription]] = {}
    for row in connection.execute(select(SUBSCRIPTIONS).where(S.user_id.in_(users)).order_by(S.created_ms)):
        found.setdefault(row.user_id, []).append(Subscription(row.endpoint, row.p256dh, row.auth))
    return urls, found


def _settle(errands: Sequence[Errand], new: Sequence[Errand], connection: Connection) -> None:
    changes = [
        {
            "of_id": errand.id,
            "to_target": errand.target,
            "to_attempts": errand.attempts,
            "to_next_ms": errand.next_ms,
            "to_done_ms": errand.done_ms,
            "to_error": errand.error,
        }
        for errand in errands
    ]
    if changes:
        connection.execute(_CHANGE, changes)
    if new:  # but for who was erased since: what these came of is gone
        ids = {"ids": [errand.id for errand in errands]}
        kept = {(row.user_id, row.notification) for row in connection.execute(_WHOSE, ids)}
        rows = [errand_row(one) for one in new if {(one.user, one.notification), (NOBODY, one.notification)} & kept]
        if rows:
            connection.execute(insert(OUTGOING), rows)


def _prune(before_ms: int, most: int, connection: Connection) -> int:
    old = select(O.id).where(O.done_ms.is_not(None), O.done_ms < before_ms).limit(most)
    return connection.execute(delete(OUTGOING).where(O.id.in_(old))).rowcount


def _set_apprise(user: str, urls: Sequence[str], connection: Connection) -> None:
    if urls:
        upsert(connection, CHANNELS, "user_id", {"user_id": user, "body": msgspec.json.encode(urls).decode()})
    else:
        connection.execute(delete(CHANNELS).where(C.user_id == user))


def _subscribe(user: str, subscription: Subscription, now_ms: int, most: int, connection: Connection) -> None:
    others = select(func.count()).where(S.user_id == user, S.endpoint != subscription.endpoint)
    if connection.execute(others).scalar_one() >= most:
        raise LimitReached(f"A user has at most {most} subscriptions; unsubscribe one first.")
    row = msgspec.structs.asdict(subscription) | {"user_id": user, "created_ms": now_ms}
    upsert(connection, SUBSCRIPTIONS, "endpoint", row)

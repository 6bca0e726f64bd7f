"""Rows of notifications and of inboxes, to and from what the rest of us calls them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Table,
    bindparam,
    delete,
    insert,
    literal_column,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from alsohere.backends.sql.schema import INBOX, NOTIFICATIONS
from alsohere.facts import Person
from alsohere.notices import Draft, Marks, Notice

SLICE = 500  # values of one IN
MOST_INSERTED = 2_000  # rows of one statement, which has its time limit

N, I = NOTIFICATIONS.c, INBOX.c  # noqa: E741
USER: BindParameter[str] = bindparam("user")
ID: BindParameter[int] = bindparam("notice_id")
IDS: BindParameter[int] = bindparam("ids", expanding=True)
USERS: BindParameter[str] = bindparam("users", expanding=True)
NOW: BindParameter[int] = bindparam("now_ms")
NOTICE = (
    *(N.id, N.category, N.audience, N.created_ms, N.topic, N.title, N.body, N.url, N.data, N.sender, N.room),
    *(N.starts_ms, N.expires_ms, N.edited_ms, N.critical, N.among),
)
MARKS = (I.delivered_ms, I.seen_ms, I.read_ms, I.archived_ms)

LOAD = select(*NOTICE).where(N.id == ID, N.recalled_ms.is_(None))
HOLDERS = select(I.user_id).where(I.id == ID).order_by(I.user_id)
# Written out: the index of the broadcasts is only used where its very condition is.
BROADCASTS = select(*NOTICE).where(N.audience == literal_column("'everyone'"), N.recalled_ms.is_(None))
MARK_ROW = (
    update(INBOX)
    .where(I.user_id == bindparam("of_user"), I.id == bindparam("of_id"))
    .values({column.name: bindparam(f"to_{column.name}") for column in MARKS})
)
# PostgreSQL takes a thousand rows as one text in a tenth of the time that it takes for them one by one.
_FROM_JSON = {
    NOTIFICATIONS: text(
        "INSERT INTO notifications SELECT * FROM json_populate_recordset(NULL::notifications, CAST(:rows AS JSON))"
    ),
    INBOX: text("INSERT INTO inbox SELECT * FROM json_populate_recordset(NULL::inbox, CAST(:rows AS JSON))"),
}
CLEAR = delete(INBOX).where(I.id.in_(IDS))

_encode = msgspec.json.Encoder().encode
_person = msgspec.json.Decoder(Person).decode


def is_open(table: Any) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """That a row of either table may be seen at NOW (I6)."""
    starts_ms, expires_ms = table.starts_ms, table.expires_ms
    return or_(starts_ms.is_(None), starts_ms <= NOW), or_(expires_ms.is_(None), expires_ms > NOW)


def notice_of(row: Sequence[Any]) -> Notice:
    """From the columns of NOTICE."""
    notice_id, category, audience, created, topic, title, body, url, data, sender, room, *rest = row
    starts, expires, edited, critical, among = rest
    return Notice(
        id=notice_id,
        category=category,
        audience=audience,
        created_at=created,
        among=among,
        topic=topic,
        title=title,
        body=body,
        url=url,
        data=None if data is None else msgspec.Raw(data.encode()),
        sender=None if sender is None else _person(sender),
        room=room,
        starts_at=starts,
        expires_at=expires,
        edited_at=edited,
        critical=bool(critical),
    )


def row_of(notice: Notice, key: str | None) -> dict[str, Any]:
    """The row of a notice."""
    sender = notice.sender
    return {
        "id": notice.id,
        "created_ms": notice.created_at,
        "starts_ms": notice.starts_at,
        "expires_ms": notice.expires_at,
        "edited_ms": notice.edited_at,
        "recalled_ms": None,
        "category": notice.category,
        "audience": notice.audience,
        "topic": notice.topic,
        "title": notice.title,
        "body": notice.body,
        "url": notice.url,
        "data": None if notice.data is None else bytes(notice.data).decode(),
        "sender_id": None if sender is None else sender.id,
        "sender": None if sender is None else _encode(sender).decode(),
        "room": notice.room,
        "key": key,
        "critical": notice.critical,
        "among": notice.among,
    }


def receiver_row(notice: Notice, user: str, marks: Marks) -> dict[str, Any]:
    """A receiver's row."""
    return {
        "user_id": user,
        "id": notice.id,
        "category": notice.category,
        "starts_ms": notice.starts_at,
        "expires_ms": notice.expires_at,
        "broadcast": 1 if notice.audience == "everyone" else None,
        "delivered_ms": marks.delivered_at,
        "seen_ms": marks.seen_at,
        "read_ms": marks.read_at,
        "archived_ms": marks.archived_at,
    }


def mark_row(notice_id: int, user: str, marks: Marks) -> dict[str, Any]:
    """What MARK_ROW takes."""
    return {
        "of_user": user,
        "of_id": notice_id,
        "to_delivered_ms": marks.delivered_at,
        "to_seen_ms": marks.seen_at,
        "to_read_ms": marks.read_at,
        "to_archived_ms": marks.archived_at,
    }


def stored_key(draft: Draft) -> str | None:
    """The key of a draft as it is stored: neither part has line breaks."""
    return None if draft.key is None else f"{draft.scope}\n{draft.key}"


def load(connection: Connection, notice_id: int) -> Notice | None:
    """A notice that was not recalled."""
    row = connection.execute(LOAD, {"notice_id": notice_id}).first()
    return None if row is None else notice_of(row)


def holders(connection: Connection, notice: Notice) -> tuple[str, ...] | None:
    """Who has it, by id; None: everyone."""
    if notice.audience == "everyone":
        return None
    return tuple(connection.execute(HOLDERS, {"notice_id": notice.id}).scalars())


def slices(values: Iterable[Any], size: int = SLICE) -> Iterable[list[Any]]:
    """A list in pieces that fit into one question."""
    whole = list(values)
    return (whole[start : start + size] for start in range(0, len(whole), size))


def insert_all(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Write new rows, if there are any."""
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        for some in slices(rows, MOST_INSERTED):
            connection.execute(_FROM_JSON[table], {"rows": _encode(some).decode()})
    else:
        connection.execute(insert(table), rows)


def upsert(connection: Connection, table: Any, key: str, row: dict[str, Any]) -> None:
    """Write a row over the one of the same key, if there is one."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table)
    changing = {name: statement.excluded[name] for name in row if name != key}
    connection.execute(statement.on_conflict_do_update(index_elements=[key], set_=changing), row)

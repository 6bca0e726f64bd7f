"""What the events for the application say about one user. A server that runs is made to look for its events anew.

Without an index of users, which each event would have to pay for, every event is looked at: a reader's work.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, bindparam, delete, func, or_, select, update

from alsohere.backends.sql import webhooks
from alsohere.backends.sql.notices import IDS
from alsohere.backends.sql.schema import WEBHOOK_EVENTS
from alsohere.domain.erasure import without_user
from alsohere.domain.webhook import SERVER, SNAPSHOT_NEEDED, Happening, WebhookEvent

W = WEBHOOK_EVENTS.c
_POSITION = {"sqlite": func.instr, "postgresql": func.strpos}
_SOME = select(WEBHOOK_EVENTS).where(W.id.in_(IDS)).order_by(W.id)
_REMOVE = delete(WEBHOOK_EVENTS).where(W.id.in_(IDS))
_CHANGE = update(WEBHOOK_EVENTS).where(W.id == bindparam("of_id")).values(body=bindparam("to_body"))
_ERASED = msgspec.Raw(b'{"reason":"erased"}')


def about(user: str, connection: Connection) -> list[WebhookEvent]:
    """Every event that names a user, oldest first."""
    quoted = msgspec.json.encode(user).decode()
    position = _POSITION[connection.dialect.name]
    maybe = or_(W.subject == f"user:{user}", position(W.body, quoted) > 0)
    rows = connection.execute(select(WEBHOOK_EVENTS).where(maybe).order_by(W.id))
    found = [webhooks.event_of(row) for row in rows]
    return [event for event in found if without_user(event.subject, bytes(event.data), user) != bytes(event.data)]


def erase(user: str, ids: Sequence[int], at_ms: int, connection: Connection) -> None:
    """Remove what is theirs, and take their name from the rest. If the application was still to be told, it must begin anew."""
    gone, changed, was_owed = [], [], False
    for event in [webhooks.event_of(row) for row in connection.execute(_SOME, {"ids": list(ids)})]:
        left = without_user(event.subject, bytes(event.data), user)
        was_owed |= event.state == "pending"
        if left is None:
            gone.append(event.id)
        else:
            changed.append({"of_id": event.id, "to_body": left.decode()})
    if gone:
        connection.execute(_REMOVE, {"ids": gone})
    if changed:
        connection.execute(_CHANGE, changed)
    if was_owed:
        webhooks.write([Happening(at_ms, SNAPSHOT_NEEDED, SERVER, _ERASED)], connection)
        webhooks.count_up(webhooks.REPLAYS, 1, connection)

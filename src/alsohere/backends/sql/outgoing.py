"""What was sent in a batch, written at its end: implements `batch.Participant`.

Owns: ids, which come from one counter that is written in the very commit in which an id is given (I2), and keys: whether one was
used before is asked once for the whole batch (I3). A job's answer is a list that is filled when its drafts are written; nobody
sees it before the commit.

Belongs to the writer's thread; nobody else calls it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, insert, literal, null, select

from alsohere.backends.sql import follows
from alsohere.backends.sql.notices import N, insert_all, receiver_row, row_of, slices, stored_key, upsert
from alsohere.backends.sql.offline import errand_row
from alsohere.backends.sql.schema import COUNTERS, FOLLOWS, INBOX, NOTIFICATIONS, OUTGOING
from alsohere.domain.attention import is_muted
from alsohere.domain.inbox import NEW, noticed
from alsohere.domain.offline import UNDECIDED, Routes, first_errands
from alsohere.errors import Refusal
from alsohere.notices import Draft, Notice, Preferences, Sent
from alsohere.ports import PreferencesStep

COUNTER = "notification"

_LAST = select(COUNTERS.c.value).where(COUNTERS.c.name == COUNTER)
_KNOWN = select(N.key, N.id).where(N.key.in_(bindparam("keys", expanding=True)))


def _to_followers() -> Any:
    columns = [INBOX.c[name] for name in ("id", "category", "starts_ms", "expires_ms")]
    given = [bindparam(f"new_{column.name}", type_=column.type) for column in columns]
    followers = select(FOLLOWS.c.user_id, null(), *given).where(*follows.OF_TOPIC)
    return insert(INBOX).from_select([INBOX.c.user_id, INBOX.c.broadcast, *columns], followers)


def _errands_of_followers() -> Any:
    given = {name: bindparam(f"new_{name}", type_=OUTGOING.c[name].type) for name in ("due_ms", "notification")}
    columns = {"user_id": FOLLOWS.c.user_id, **given, "next_ms": given["due_ms"], "channel": literal(UNDECIDED)}
    columns["attempts"] = literal(0)
    return insert(OUTGOING).from_select(list(columns), select(*columns.values()).where(*follows.OF_TOPIC))


_TO_FOLLOWERS, _ERRANDS_OF_FOLLOWERS = _to_followers(), _errands_of_followers()


class Outgoing:
    """Sends that wait for the end of the batch.

    Args:
        routes: which of them go other ways too.
    """

    def __init__(self, routes: Routes) -> None:
        self._routes = routes
        self._waiting: list[tuple[Sequence[Draft], int, list[Sent]]] = []
        self._id: int | None = None
        self._somebody_mutes: bool | None = None

    # -- Jobs --------------------------------------------------------------------------------------------------------

    def put(self, drafts: Sequence[Draft], now_ms: int, _: Connection) -> list[Sent]:
        """Take drafts; the answers are in the list when they are written."""
        answers: list[Sent] = []
        self._waiting.append((drafts, now_ms, answers))
        return answers

    def prefer(self, user: str, step: PreferencesStep, connection: Connection) -> Preferences | Refusal:
        """Change preferences, and from now on ask for them."""
        self._somebody_mutes = True
        return follows.prefer(user, step, connection)

    # -- Implements batch.Participant --------------------------------------------------------------------------------

    def flush(self, connection: Connection) -> None:
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        if self._id is None:
            self._id = connection.execute(_LAST).scalar_one_or_none() or 0
        first = self._id
        writing = _Writing(connection, self._routes, somebody_mutes=self._mutes(connection))
        writing.look_up([draft for drafts, _, _ in waiting for draft in drafts])
        for drafts, now_ms, answers in waiting:
            for draft in drafts:
                sent = writing.send(draft, self._id + 1, now_ms)
                self._id += sent.notice is not None
                answers.append(sent)
        if self._id != first:
            writing.write()
            upsert(connection, COUNTERS, "name", {"name": COUNTER, "value": self._id})

    def kept(self) -> None:
        pass

    def forget(self) -> None:
        self._waiting.clear()
        self._id = self._somebody_mutes = None

    def _mutes(self, connection: Connection) -> bool:
        if self._somebody_mutes is None:
            self._somebody_mutes = follows.has_preferences(connection)
        return self._somebody_mutes


class _Writing:
    """One flush: what is known, and the rows that come of it."""

    def __init__(self, connection: Connection, routes: Routes, *, somebody_mutes: bool) -> None:
        self._connection = connection
        self._routes = routes
        self._errands: list[dict[str, Any]] = []
        self._somebody_mutes = somebody_mutes
        self._known: dict[str, int] = {}  # key -> id
        self._wishes: dict[str, Preferences] = {}
        self._notices: list[dict[str, Any]] = []
        self._rows: list[dict[str, Any]] = []
        self._to_followers: list[dict[str, Any]] = []

    def look_up(self, drafts: Sequence[Draft]) -> None:
        """Which keys were used before, and who of the receivers mutes something."""
        keys = dict.fromkeys(key for draft in drafts if (key := stored_key(draft)) is not None)
        for some in slices(keys):
            self._known |= {row.key: row.id for row in self._connection.execute(_KNOWN, {"keys": some})}
        if self._somebody_mutes:
            self._wishes = follows.wishes({user for draft in drafts for user in draft.to}, self._connection)

    def send(self, draft: Draft, notice_id: int, now_ms: int) -> Sent:
        """Note what is to be written for a draft; without a notice if its key is known."""
        key = stored_key(draft)
        if key is not None and key in self._known:
            return Sent(self._known[key])
        if key is not None:
            self._known[key] = notice_id
        notice = noticed(draft, notice_id, now_ms)
        self._notices.append(row_of(notice, key))
        to, wishes = draft.to, self._wishes
        if draft.audience == "topic":
            to, wishes = self._address(notice)
        else:
            self._rows += [receiver_row(notice, user, NEW) for user in to]
            self._errands += [errand_row(errand) for errand in first_errands(self._routes, notice, to)]
        muted = frozenset(user for user in to if user in wishes and is_muted(notice, wishes[user])) if wishes else frozenset()
        return Sent(notice_id, to, muted, notice)

    def _address(self, notice: Notice) -> tuple[tuple[str, ...], dict[str, Preferences]]:
        asked = {"topic": notice.topic, "sender": follows.NOBODY if notice.sender is None else notice.sender.id}
        row = {"id": notice.id, "category": notice.category, "starts_ms": notice.starts_at, "expires_ms": notice.expires_at}
        row |= {"notification": notice.id, "due_ms": self._routes.due_ms(notice)}
        self._to_followers.append(asked | {f"new_{name}": value for name, value in row.items()})
        wishes = follows.wishes_of_followers(asked, self._connection) if self._somebody_mutes else {}
        return follows.receivers(asked, self._connection), wishes

    def write(self) -> None:
        """Write it, the content first."""
        insert_all(self._connection, NOTIFICATIONS, self._notices)
        insert_all(self._connection, INBOX, self._rows)
        if self._errands:
            self._connection.execute(insert(OUTGOING), self._errands)
        for address in self._to_followers:
            self._connection.execute(_TO_FOLLOWERS, address)
            if address["new_due_ms"] is not None:
                self._connection.execute(_ERRANDS_OF_FOLLOWERS, address)

"""Who follows what, and who does not want to hear of what, in the database: a part of `ports.InboxStore`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import BindParameter, Connection, bindparam, delete, func, insert, select

from alsohere.backends.sql.notices import USER, USERS, slices, upsert
from alsohere.backends.sql.schema import FOLLOWS, PREFERENCES
from alsohere.errors import LimitReached, Refusal
from alsohere.notices import Preferences
from alsohere.ports import PreferencesStep

NOBODY = "~"  # no user's id
_F, _P = FOLLOWS.c, PREFERENCES.c
_TOPIC: BindParameter[str] = bindparam("topic")
OF_TOPIC = (_F.topic == _TOPIC, _F.user_id != bindparam("sender"))

_RECEIVERS = select(_F.user_id).where(*OF_TOPIC).order_by(_F.user_id)
_FOLLOWING = select(_F.user_id).where(_F.topic == _TOPIC, _F.user_id.in_(USERS))
_FULL = select(_F.user_id).where(_F.user_id.in_(USERS)).group_by(_F.user_id).having(func.count() >= bindparam("most"))
_UNFOLLOW = delete(FOLLOWS).where(_F.topic == _TOPIC, _F.user_id.in_(USERS))
_FOLLOWERS = (
    select(_F.user_id).where(_F.topic == _TOPIC, _F.user_id > bindparam("after")).order_by(_F.user_id).limit(bindparam("most"))
)
_TOPICS = select(_F.topic).where(_F.user_id == USER).order_by(_F.topic)
_WISHES = select(_P.user_id, _P.body)
_SOMETHING = select(_P.user_id).limit(1)
_REMOVE = delete(PREFERENCES).where(_P.user_id == USER)

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Preferences).decode
_NONE = Preferences()


# -- Jobs --------------------------------------------------------------------------------------------------------------


def follow(users: Sequence[str], topic: str, most: int, connection: Connection) -> int | Refusal:
    """`ports.InboxStore.follow`."""
    new = set(users) - _following(users, topic, connection)
    for some in slices(new):
        if connection.execute(_FULL, {"users": some, "most": most}).first() is not None:
            return LimitReached(f"A user follows at most {most} topics; unfollow one first.")
    if new:
        connection.execute(insert(FOLLOWS), [{"topic": topic, "user_id": user} for user in sorted(new)])
    return len(new)


def unfollow(users: Sequence[str], topic: str, connection: Connection) -> int:
    """`ports.InboxStore.unfollow`."""
    gone = _following(users, topic, connection)
    for some in slices(gone):
        connection.execute(_UNFOLLOW, {"topic": topic, "users": some})
    return len(gone)


def _following(users: Sequence[str], topic: str, connection: Connection) -> set[str]:
    found: set[str] = set()
    for some in slices(users):
        found.update(connection.execute(_FOLLOWING, {"topic": topic, "users": some}).scalars())
    return found


def prefer(user: str, step: PreferencesStep, connection: Connection) -> Preferences | Refusal:
    """`ports.InboxStore.prefer`."""
    try:
        after = step(wishes([user], connection).get(user, _NONE))
    except Refusal as refusal:
        return refusal
    if after == _NONE:
        connection.execute(_REMOVE, {"user": user})
    else:
        upsert(connection, PREFERENCES, "user_id", {"user_id": user, "body": _encode(after).decode()})
    return after


# -- Questions ---------------------------------------------------------------------------------------------------------


def followers(topic: str, after: str, most: int, connection: Connection) -> list[str]:
    """`ports.InboxStore.followers`."""
    return list(connection.execute(_FOLLOWERS, {"topic": topic, "after": after, "most": most}).scalars())


def topics(user: str, connection: Connection) -> list[str]:
    """`ports.InboxStore.topics`."""
    return list(connection.execute(_TOPICS, {"user": user}).scalars())


def preferences(users: Sequence[str], connection: Connection) -> dict[str, Preferences]:
    """`ports.InboxStore.preferences`."""
    known = wishes(users, connection)
    return {user: known.get(user, _NONE) for user in users}


def receivers(asked: Mapping[str, Any], connection: Connection) -> tuple[str, ...]:
    """The followers of a topic but the sender, by id."""
    return tuple(connection.execute(_RECEIVERS, asked).scalars())


def has_preferences(connection: Connection) -> bool:
    """Whether anybody has preferences."""
    return connection.execute(_SOMETHING).first() is not None


def wishes(users: Iterable[str], connection: Connection) -> dict[str, Preferences]:
    """The preferences of those who have some."""
    found: dict[str, Preferences] = {}
    for some in slices(users):
        for user, body in connection.execute(_WISHES.where(_P.user_id.in_(USERS)), {"users": some}):
            found[user] = _decode(body)
    return found


def wishes_of_followers(asked: Mapping[str, Any], connection: Connection) -> dict[str, Preferences]:
    """The same, of a topic's followers."""
    question = _WISHES.where(_P.user_id == _F.user_id, *OF_TOPIC)
    return {user: _decode(body) for user, body in connection.execute(question, asked)}

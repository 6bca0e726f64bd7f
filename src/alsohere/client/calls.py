"""What a back end can ask a server, as requests: the part of the client that is the same with and without `await`.

Owns: paths, bodies and answers of every call, and when it may be tried again.
Invariant: every POST that sends carries a key of its own, so that a repetition after a lost answer sends nothing twice.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import msgspec

from alsohere import errors
from alsohere.client.answers import (
    Anything,
    Changed,
    Edited,
    FenceChecked,
    Inbox,
    LockState,
    Marked,
    Notified,
    NotifiedAll,
    Online,
    Preferred,
    Pushed,
    PushedAll,
    Reached,
    RoomList,
    Whereabouts,
)
from alsohere.errors import Refusal, Unavailable
from alsohere.lists import check_list
from alsohere.notices import EntryState, MarkAs, Quiet

T = TypeVar("T")
PREFIX = "/api/v1"
RETRIES = 3
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0
REFUSALS: dict[str, type[Refusal]] = {
    "bad_request": errors.BadRequest,
    "forbidden": errors.Forbidden,
    "limit": errors.LimitReached,
    "not_found": errors.NotFound,
    "rate": errors.RateExceeded,
    "unauthenticated": errors.Unauthenticated,
    "unavailable": errors.Unavailable,
}


class Unreachable(Unavailable):
    """Nothing came back, or something that is not alsohere's.

    Args:
        url: who was asked.
        why: in words.
    """

    def __init__(self, url: str, why: str) -> None:
        super().__init__(f"No alsohere answers at {url} ({why}).")
        self.why = why


class Call(msgspec.Struct, Generic[T], frozen=True):
    """One request.

    Args:
        method, path: below the server's address.
        answer: the Struct of the answer.
        query: parameters; None is left out.
        body: JSON.
        key: the `Idempotency-Key`.
    """

    method: str
    path: str
    answer: type[T]
    query: dict[str, Any] = {}
    body: Any = msgspec.UNSET
    key: str | None = None

    @property
    def url(self) -> str:
        return PREFIX + self.path

    @property
    def parameters(self) -> dict[str, str]:
        """The query's, as text."""
        given = {name: value for name, value in self.query.items() if value is not None}
        return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in given.items()}

    @property
    def content(self) -> bytes | None:
        """The body, encoded."""
        return None if self.body is msgspec.UNSET else msgspec.json.encode(self.body)

    @property
    def headers(self) -> dict[str, str]:
        """Those of this request."""
        headers = {} if self.body is msgspec.UNSET else {"content-type": "application/json"}
        return headers if self.key is None else headers | {"idempotency-key": self.key}

    def read(self, url: str, status: int, content: bytes) -> T:
        """The answer.

        Args:
            url: who answers.
            status, content: what came back.

        Raises:
            Refusal: the server's, with its code and sentence.
        """
        if status < 300:
            try:
                return msgspec.json.decode(content, type=self.answer)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                raise Unreachable(url, "what answers is something else") from None
        raise _refusal(status, content)


class _Problem(msgspec.Struct):
    """What of `application/problem+json` is read."""

    code: str
    detail: str
    retry_after_ms: int | None = None


def pause_s(attempt: int, retries: int, refusal: Refusal | None) -> float | None:
    """How long to wait before trying again; None: do not.

    Args:
        attempt: how many there were.
        retries: how often to try again.
        refusal: what the last one was answered with; None: nothing came back.
    """
    if attempt > retries or (refusal is not None and refusal.code not in ("unavailable", "rate")):
        return None
    asked_s = ((refusal.retry_after_ms or 0) if refusal is not None else 0) / 1000
    # Full jitter: after an outage, who waited for the same thing does not come back at the same moment.
    return min(max(asked_s, random.uniform(0, FIRST_PAUSE_S * 2**attempt)), LONGEST_PAUSE_S)  # noqa: S311


def _refusal(status: int, content: bytes) -> Refusal:
    try:
        problem = msgspec.json.decode(content, type=_Problem)
    except (msgspec.DecodeError, UnicodeDecodeError):  # of a proxy before it
        known = {401: "unauthenticated", 403: "forbidden", 404: "not_found", 429: "rate"}
        code = known.get(status, "unavailable" if status >= 500 else "bad_request")
        problem = _Problem(code, f"The server answered {status}.")
    kind = REFUSALS.get(problem.code)
    refusal = Refusal(problem.detail, code=problem.code) if kind is None else kind(problem.detail)
    if problem.retry_after_ms is not None:
        refusal.retry_after_ms = problem.retry_after_ms
    return refusal


# -- Calls -------------------------------------------------------------------------------------------------------------


def name(text: str) -> str:
    """A name, as it stands in a path."""
    return quote(str(text), safe="")


def new_key() -> str:
    """A key that nobody has used."""
    return uuid.uuid4().hex


def push(
    event: str, args: tuple[Any, ...], to: Iterable[str | int] | None, rooms: Iterable[str] | None, *, everyone: bool
) -> Call[Pushed]:
    """`POST /push`."""
    check_list(to, "to")
    check_list(rooms, "rooms")
    body: dict[str, Any] = {"name": event, "args": list(args), "everyone": everyone}
    if to is not None:
        body["to"] = [str(user) for user in to]
    if rooms is not None:
        body["rooms"] = list(rooms)
    return Call("POST", "/push", Pushed, body=body, key=new_key())


def push_many(pushes: Iterable[dict[str, Any]]) -> Call[PushedAll]:
    """`POST /push/batch`."""
    return Call("POST", "/push/batch", PushedAll, body={"pushes": list(pushes)}, key=new_key())


def notify(content: dict[str, Any]) -> Call[Notified]:
    """`POST /notifications`. A `key` among the content is for good, and of any text; that of the header is for this call."""
    return Call("POST", "/notifications", Notified, body=content, key=new_key())


def notify_many(notifications: Iterable[dict[str, Any]]) -> Call[NotifiedAll]:
    """`POST /notifications/batch`."""
    return Call("POST", "/notifications/batch", NotifiedAll, body={"notifications": list(notifications)}, key=new_key())


def recall(notification_id: int) -> Call[Anything]:
    """`DELETE /notifications/{id}`."""
    return Call("DELETE", f"/notifications/{int(notification_id)}", Anything)


def edit(notification_id: int, changes: dict[str, Any]) -> Call[Edited]:
    """`PATCH /notifications/{id}`."""
    return Call("PATCH", f"/notifications/{int(notification_id)}", Edited, body=changes)


def online() -> Call[Online]:
    """`GET /online`."""
    return Call("GET", "/online", Online)


def room(room_name: str) -> Call[Online]:
    """`GET /rooms/{room}`."""
    return Call("GET", f"/rooms/{name(room_name)}", Online)


def rooms(prefix: str, order: str, limit: int) -> Call[RoomList]:
    """`GET /rooms`."""
    return Call("GET", "/rooms", RoomList, {"prefix": prefix or None, "order": order, "limit": limit})


def user(user_id: str | int) -> Call[Whereabouts]:
    """`GET /users/{id}`."""
    return Call("GET", f"/users/{name(str(user_id))}", Whereabouts)


def kick(user_id: str | int) -> Call[Reached]:
    """`DELETE /users/{id}/connections`."""
    return Call("DELETE", f"/users/{name(str(user_id))}/connections", Reached)


def lock(lock_name: str) -> Call[LockState]:
    """`GET /locks/{lock}`."""
    return Call("GET", f"/locks/{name(lock_name)}", LockState)


def revoke_lock(lock_name: str, why: str) -> Call[LockState]:
    """`DELETE /locks/{lock}`."""
    return Call("DELETE", f"/locks/{name(lock_name)}", LockState, {"why": why or None})


def check_fence(lock_name: str, fence: int, user_id: str | int | None) -> Call[FenceChecked]:
    """`POST /locks/{lock}/check`."""
    body: dict[str, Any] = {"fence": fence} | ({} if user_id is None else {"user": str(user_id)})
    return Call("POST", f"/locks/{name(lock_name)}/check", FenceChecked, body=body)


def inbox(user_id: str | int, state: EntryState, category: str | None, before: int | None, limit: int) -> Call[Inbox]:
    """`GET /users/{id}/inbox`."""
    query = {"state": state, "category": category, "before": before, "limit": limit}
    return Call("GET", f"/users/{name(str(user_id))}/inbox", Inbox, query)


def mark(
    user_id: str | int, mark_as: MarkAs, ids: Iterable[int] | None, up_to: int | None, category: str | None, topic: str | None
) -> Call[Marked]:
    """`POST /users/{id}/inbox/mark`."""
    body: dict[str, Any] = {"as": mark_as, "category": category, "topic": topic}
    if ids is not None:
        body["ids"] = list(ids)
    elif up_to is not None:
        body["up_to"] = up_to
    else:
        body["all"] = True
    return Call("POST", f"/users/{name(str(user_id))}/inbox/mark", Marked, body=body)


def preferences(user_id: str | int) -> Call[Preferred]:
    """`GET /users/{id}/preferences`."""
    return Call("GET", f"/users/{name(str(user_id))}/preferences", Preferred)


def set_preferences(user_id: str | int, categories: Iterable[str], topics: Iterable[str], quiet: Quiet | None) -> Call[Preferred]:
    """`PUT /users/{id}/preferences`."""
    check_list(categories, "categories")
    check_list(topics, "topics")
    body = {"muted": {"categories": list(categories), "topics": list(topics)}, "quiet": quiet}
    return Call("PUT", f"/users/{name(str(user_id))}/preferences", Preferred, body=body)


def follow(topic: str, users: Iterable[str | int]) -> Call[Changed]:
    """`POST /topics/{topic}/followers`."""
    body = {"users": [str(one) for one in users]}
    return Call("POST", f"/topics/{name(topic)}/followers", Changed, body=body)


def unfollow(topic: str, users: Iterable[str | int]) -> Call[Changed]:
    """`DELETE /topics/{topic}/followers`."""
    body = {"users": [str(one) for one in users]}
    return Call("DELETE", f"/topics/{name(topic)}/followers", Changed, body=body)

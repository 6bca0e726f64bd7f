"""The client for scripts, and for Django and Flask views."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any, Self, TypeVar

import httpx2

from alsohere.client import calls
from alsohere.client.answers import (
    Edited,
    FenceChecked,
    Inbox,
    LockState,
    Marked,
    Notified,
    NotifiedAll,
    Online,
    Pushed,
    PushedAll,
    RoomList,
    Whereabouts,
)
from alsohere.client.calls import Call, Unreachable
from alsohere.errors import Refusal
from alsohere.notices import EntryState, MarkAs, Preferences, Quiet

T = TypeVar("T")
TIMEOUT_S = 10.0


class AlsoHereClient:
    """Asks a server, and waits for the answer.

    Raises (every call):
        Refusal: the server's, as the subclass that has its code: `BadRequest`, `Forbidden`, `NotFound`, `Unauthenticated`, …
        Unavailable: no answer, after trying again for a while.

    Args:
        url: the server's address, without `/api/v1`.
        key: an API key.
        timeout_s: seconds that one attempt may take.
        retries: how often to try again when nothing answers, or what answers has no time.
    """

    def __init__(self, url: str, key: str, *, timeout_s: float = TIMEOUT_S, retries: int = calls.RETRIES) -> None:
        self._url = url
        self._retries = retries
        self._http = httpx2.Client(base_url=url, headers={b"x-api-key": key.strip().encode()}, timeout=timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def _do(self, call: Call[T]) -> T:
        attempt = 0
        while True:
            attempt += 1
            refusal: Refusal | None = None
            try:
                response = self._http.request(
                    call.method, call.url, params=call.parameters, content=call.content, headers=call.headers
                )
                return call.read(self._url, response.status_code, response.content)
            except (httpx2.RequestError, httpx2.InvalidURL) as error:
                failure: Refusal = Unreachable(self._url, str(error))
            except Refusal as error:
                failure = refusal = error
            pause_s = calls.pause_s(attempt, self._retries, refusal)
            if pause_s is None:
                raise failure
            time.sleep(pause_s)

    def push(
        self,
        event: str,
        *args: Any,
        to: Iterable[str | int] | None = None,
        rooms: Iterable[str] | None = None,
        everyone: bool = False,
    ) -> Pushed:
        """Send a passing event to whoever is there now.

        Args:
            event: its name.
            args: JSON values.
            to: user ids; or
            rooms: rooms; or
            everyone: every connection.

        Returns:
            `results`: by receiver, to how many connections it was sent.
        """
        return self._do(calls.push(event, args, to, rooms, everyone=everyone))

    def push_many(self, pushes: Iterable[dict[str, Any]]) -> PushedAll:
        """Send up to 1,000 events, each as its JSON (`name`, `args`, and `to`, `rooms` or `everyone`); a bad one fails alone."""
        return self._do(calls.push_many(pushes))

    def notify(self, to: str | int | Iterable[str | int], **content: Any) -> Notified:
        """Notify users: now if they are here, later if they are not. It is on the disk when this returns.

        Args:
            to: a user's id, or several.
            content: `title`, `body`, `url`, `data`, `category`, `topic`, `room`, `sender`, `key`, `starts_at`, `expires_at`,
                `critical`.
        """
        users = [to] if isinstance(to, (str, int)) else to
        return self._do(calls.notify(content | {"to": [str(user) for user in users]}))

    def notify_followers(self, topic: str, **content: Any) -> Notified:
        """Notify everybody who follows a topic; see `notify`."""
        return self._do(calls.notify(content | {"topic": topic, "followers": True}))

    def announce(self, **content: Any) -> Notified:
        """Notify everyone who comes before it expires; see `notify`."""
        return self._do(calls.notify({"category": "announcement"} | content | {"everyone": True}))

    def notify_many(self, notifications: Iterable[dict[str, Any]]) -> NotifiedAll:
        """Send up to 1,000 notifications in one go, each as its JSON; one that is refused is refused alone."""
        return self._do(calls.notify_many(notifications))

    def recall(self, notification_id: int) -> None:
        """Take a notification out of every inbox, and off every screen."""
        self._do(calls.recall(notification_id))

    def edit(self, notification_id: int, **changes: Any) -> Edited:
        """Change `title`, `body`, `url`, `data` or `expires_at` of a notification wherever it is."""
        return self._do(calls.edit(notification_id, changes))

    def online(self) -> Online:
        """Who is online."""
        return self._do(calls.online())

    def room(self, room: str) -> Online:
        """Who is in a room."""
        return self._do(calls.room(room))

    def rooms(self, prefix: str = "", *, order: str = "count", limit: int = 100) -> RoomList:
        """Rooms with anybody in them: most people first, or by `name`."""
        return self._do(calls.rooms(prefix, order, limit))

    def user(self, user_id: str | int) -> Whereabouts:
        """Whether a user is online, and where."""
        return self._do(calls.user(user_id))

    def kick(self, user_id: str | int) -> int:
        """End every connection of a user; returns how many there were."""
        return (self._do(calls.kick(user_id))).connections

    def lock(self, lock: str) -> LockState:
        """Who holds a lock, and who waits for it."""
        return self._do(calls.lock(lock))

    def check_fence(self, lock: str, fence: int, user_id: str | int | None = None) -> FenceChecked:
        """Whether a save with this fence may be made now; save with `fence <= :fence` as a condition all the same."""
        return self._do(calls.check_fence(lock, fence, user_id))

    def revoke_lock(self, lock: str, why: str = "") -> LockState:
        """Take a lock from its holder; the next in line gets it."""
        return self._do(calls.revoke_lock(lock, why))

    def inbox(
        self,
        user_id: str | int,
        *,
        state: EntryState = "inbox",
        category: str | None = None,
        before: int | None = None,
        limit: int = 20,
    ) -> Inbox:
        """Some of a user's inbox, newest first."""
        return self._do(calls.inbox(user_id, state, category, before, limit))

    def mark(
        self,
        user_id: str | int,
        mark_as: MarkAs,
        *,
        ids: Iterable[int] | None = None,
        up_to: int | None = None,
        category: str | None = None,
        topic: str | None = None,
    ) -> Marked:
        """Mark notifications of a user as "seen", "read", "unread" or "archived": `ids`, all `up_to` one, or all.

        With `category` or `topic` only those: all of a topic is the line of a digest.
        """
        return self._do(calls.mark(user_id, mark_as, ids, up_to, category, topic))

    def preferences(self, user_id: str | int) -> Preferences:
        """What a user has muted, and their quiet hours.

        Args:
            user_id: whose.

        Returns:
            `categories` and `topics` that are muted, and `quiet`: a `Quiet`, or None.

        Raises:
            BadRequest: that is no user with an inbox.
        """
        return (self._do(calls.preferences(user_id))).preferences

    def set_preferences(
        self, user_id: str | int, *, categories: Iterable[str], topics: Iterable[str], quiet: Quiet | None
    ) -> Preferences:
        """Replace what a user has muted, and their quiet hours; their open pages are told.

        Args:
            user_id: whose.
            categories, topics: what is muted from now on, at most 200 together; nothing else is.
            quiet: the hours, as `Quiet("22:00", "07:00", "Europe/Prague")`; None: there are none.

        Returns:
            The preferences as they are now.

        Raises:
            BadRequest: that is no user with an inbox, a name, a time or a zone is none, or a string instead of a list.
            LimitReached: too much is muted.
        """
        return (self._do(calls.set_preferences(user_id, categories, topics, quiet))).preferences

    def follow(self, topic: str, *users: str | int) -> int:
        """Have users follow a topic; returns how many did not before."""
        return (self._do(calls.follow(topic, users))).changed

    def unfollow(self, topic: str, *users: str | int) -> int:
        """Have users no longer follow a topic; returns how many did."""
        return (self._do(calls.unfollow(topic, users))).changed

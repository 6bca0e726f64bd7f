"""What the server answers to a back end."""

from __future__ import annotations

import msgspec

from alsohere.facts import LockRequest, Member, Person, RoomCount, Status
from alsohere.notices import Notification, Preferences, Quiet, RecipientResult, Unread


class Failure(msgspec.Struct, frozen=True):
    """Why an item of a batch was refused."""

    code: str
    detail: str


class Reached(msgspec.Struct, frozen=True):
    """To how many connections something was sent."""

    connections: int


class Pushed(msgspec.Struct, frozen=True):
    """What became of a push, by receiver."""

    results: dict[str, Reached] = {}
    error: Failure | None = None


class PushedAll(msgspec.Struct, frozen=True):
    """An answer for each."""

    answers: list[Pushed]


class Notified(msgspec.Struct, frozen=True):
    """What became of a notification, by receiver."""

    id: int | None = None
    results: dict[str, RecipientResult] = {}
    error: Failure | None = None


class NotifiedAll(msgspec.Struct, frozen=True):
    """An answer for each."""

    answers: list[Notified]


class Online(msgspec.Struct, frozen=True):
    """Who is in a room; `count` is exact."""

    count: int
    members: list[Member]


class RoomList(msgspec.Struct, frozen=True):
    """Rooms."""

    rooms: list[RoomCount]


class Whereabouts(msgspec.Struct, frozen=True):
    """Where a user is."""

    id: str
    online: bool
    status: Status | None
    connections: int
    rooms: list[str]


class LockState(msgspec.Struct, frozen=True):
    """A lock."""

    lock: str
    holder: Person | None
    queue: list[Person]
    waiting: int
    fence: int | None
    since: int | None
    expires_at: int | None
    request: LockRequest | None = None


class FenceChecked(msgspec.Struct, frozen=True):
    """Whether to save."""

    valid: bool
    holder: Person | None
    fence: int | None
    expires_at: int | None
    reason: str | None = None


class Inbox(msgspec.Struct, frozen=True):
    """Some of an inbox."""

    items: list[Notification]
    unread: Unread
    next: int | None = None


class Marked(msgspec.Struct, frozen=True):
    """How many were changed, and what is unread."""

    changed: int
    unread: Unread


class Changed(msgspec.Struct, frozen=True):
    """For how many something changed."""

    changed: int


class Edited(msgspec.Struct, frozen=True):
    """A notification as it is now."""

    notification: Notification


class Muted(msgspec.Struct, frozen=True):
    """Names of what is muted."""

    categories: frozenset[str]
    topics: frozenset[str]


class Preferred(msgspec.Struct, frozen=True):
    """What a user does not want to hear of, and when, as the server says it."""

    muted: Muted
    quiet: Quiet | None

    @property
    def preferences(self) -> Preferences:
        """The same, as the Python face has it."""
        return Preferences(self.muted.categories, self.muted.topics, self.quiet)


class Anything(msgspec.Struct, frozen=True):
    """An answer that nobody reads."""

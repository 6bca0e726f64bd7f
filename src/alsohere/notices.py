"""What lasts: notifications, and what their receivers did with them. Words of stores, node and wire, as facts.py has for rooms.

A *draft* becomes a *notice* (the content, stored once); with the marks of one receiver it is an *entry* of their inbox; what a
client is sent of it is a *notification*. Its id is a whole number that only grows, and is its place in every inbox (I2).
Times are ms since the epoch.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from alsohere.facts import Person

Audience = Literal["users", "topic", "everyone"]
MarkAs = Literal["seen", "read", "unread", "archived"]
EntryState = Literal["inbox", "unread", "unseen", "read", "archived", "all"]
Show = Literal["toast", "silent"]


# -- Sending -----------------------------------------------------------------------------------------------------------


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """Something to be sent. It has been checked (domain/drafts.py).

    Args:
        category: a word of the configuration.
        audience: who gets it: `users` those in `to`, `topic` the followers of `topic` but its sender, `everyone` all who come
            before it expires.
        to: user ids, for `users`.
        among: of `everyone`, only those whose ids begin like this: a prefix and `*`, as in `acme:*`; None: all.
        topic: what it is about; may be muted, and gathers notifications into one line.
        title, body, url: text.
        data: JSON for the page, encoded.
        sender: who wrote it, if it was a person.
        room: the place that it is about.
        key: the same key again sends nothing (I3).
        scope: whose keys these are: a user's id, or empty for the application.
        starts_at: nobody sees it before; None: at once.
        expires_at: nobody sees it from then on.
        critical: mutes and quiet hours do not apply; also if its category is so.
    """

    category: str
    audience: Audience = "users"
    to: tuple[str, ...] = ()
    among: str | None = None
    topic: str | None = None
    title: str = ""
    body: str = ""
    url: str | None = None
    data: msgspec.Raw | None = None
    sender: Person | None = None
    room: str | None = None
    key: str | None = None
    scope: str = ""
    starts_at: int | None = None
    expires_at: int | None = None
    critical: bool = False


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """The content of a notification, the same for all who have it; see Draft."""

    id: int
    category: str
    audience: Audience
    created_at: int
    among: str | None = None
    topic: str | None = None
    title: str = ""
    body: str = ""
    url: str | None = None
    data: msgspec.Raw | None = None
    sender: Person | None = None
    room: str | None = None
    starts_at: int | None = None
    expires_at: int | None = None
    edited_at: int | None = None
    critical: bool = False


class Sent(msgspec.Struct, frozen=True):
    """What became of a draft.

    Args:
        id: of the notification; of the first one, if this was a repetition.
        to: who has it now: the users named, or the followers; nobody for `everyone`, and for the repetition of a key.
        muted: those of them who have muted its category or topic, unless it is critical.
        notice: what was stored; None: the key had been used before, and nothing was (I3).
    """

    id: int
    to: tuple[str, ...] = ()
    muted: frozenset[str] = frozenset()
    notice: Notice | None = None


class Edit(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be changed of a notification; UNSET stays as it is."""

    title: str | msgspec.UnsetType = msgspec.UNSET
    body: str | msgspec.UnsetType = msgspec.UNSET
    url: str | msgspec.UnsetType | None = msgspec.UNSET
    data: msgspec.Raw | msgspec.UnsetType | None = msgspec.UNSET
    expires_at: int | msgspec.UnsetType | None = msgspec.UNSET


class Edited(msgspec.Struct, frozen=True):
    """How a notification is now, and who has it; `users` is None if everyone does."""

    notice: Notice
    users: tuple[str, ...] | None


class Withdrawn(msgspec.Struct, frozen=True):
    """A notification is gone, by recall or because its time was over; `users` is None if everyone had it."""

    id: int
    users: tuple[str, ...] | None


class Due(msgspec.Struct, frozen=True):
    """What time has brought.

    Args:
        started: scheduled notifications that may be seen now.
        expired: those that no longer may.
        next_at: when the next will start or expire.
    """

    started: tuple[Sent, ...]
    expired: tuple[Withdrawn, ...]
    next_at: int | None


# -- An inbox ----------------------------------------------------------------------------------------------------------


class Marks(msgspec.Struct, frozen=True):
    """What one receiver did with a notification, and when."""

    delivered_at: int | None = None
    seen_at: int | None = None
    read_at: int | None = None
    archived_at: int | None = None


class Entry(msgspec.Struct, frozen=True):
    """A notification in somebody's inbox. In a digest it stands for `count` of its topic, of which it is the newest."""

    notice: Notice
    marks: Marks
    count: int = 1


class Unread(msgspec.Struct, frozen=True):
    """What stands unread in an inbox: counted from the rows themselves, each time (I4)."""

    total: int
    by_category: dict[str, int]


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries of an inbox.

    Args:
        category, topic: only those; None: all.
        state: `inbox` is what is not archived; `unread`, `unseen` and `read` are parts of it; `all` is the archive too.
        before: only ids below.
        limit: so many.
        digest: the entries of one topic and category, read and unread apart, as one.
    """

    category: str | None = None
    topic: str | None = None
    state: EntryState = "inbox"
    before: int | None = None
    limit: int = 20
    digest: bool = False


class Page(msgspec.Struct, frozen=True):
    """Entries, newest first, and the whole inbox's unread; `next` is the `before` of the next page, None after the last."""

    entries: tuple[Entry, ...]
    unread: Unread
    next: int | None


class Marking(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be marked: `ids`, or the inbox up to an id, or (neither) all of it; of one category or topic, if told."""

    mark: MarkAs
    ids: tuple[int, ...] | None = None
    up_to: int | None = None
    category: str | None = None
    topic: str | None = None


class Receipt(msgspec.Struct, frozen=True):
    """A receiver's marks on a notification have changed; `sender` is whom to tell, if a person wrote it.

    `is_delivery`: before, it was not known to have been delivered.
    """

    id: int
    user: str
    sender: str | None
    delivered_at: int | None
    read_at: int | None
    is_delivery: bool


class Marked(msgspec.Struct, frozen=True):
    """What a marking changed, oldest first, and what is unread after it."""

    changed: tuple[Receipt, ...]
    unread: Unread


class Delivery(msgspec.Struct, frozen=True):
    """A client has acknowledged a notification."""

    user: str
    id: int
    at: int


# -- Wishes ------------------------------------------------------------------------------------------------------------


class Quiet(msgspec.Struct, frozen=True):
    """Hours of the day in which nothing makes itself heard: `22:00` to `07:00` in a time zone, as in `Europe/Prague`.

    Args:
        from_, to: times of day; in JSON it is `from`.
        tz: the zone's name.
    """

    from_: str = msgspec.field(name="from")
    to: str
    tz: str


class Preferences(msgspec.Struct, frozen=True):
    """What a user does not want to hear of, and when. It stands in the inbox all the same.

    Args:
        categories, topics: what is muted.
        quiet: their quiet hours; None: they have none.
    """

    categories: frozenset[str] = frozenset()
    topics: frozenset[str] = frozenset()
    quiet: Quiet | None = None


class Arrival(msgspec.Struct, frozen=True):
    """What a user who connects must be told.

    Args:
        unread: the counts.
        waiting: what was never delivered, oldest first.
        more: there is more of it than was asked for.
        preferences: theirs.
    """

    unread: Unread
    waiting: tuple[Entry, ...]
    more: bool
    preferences: Preferences


NOTHING = Unread(0, {})


# -- On the wire -------------------------------------------------------------------------------------------------------


class Digest(msgspec.Struct, frozen=True):
    """The notification stands for so many of its topic."""

    count: int


class Notification(msgspec.Struct, omit_defaults=True, frozen=True, kw_only=True):
    """`notification`: one of a user's inbox. The client's ack sets `delivered_at`."""

    id: int
    category: str
    title: str
    created_at: int
    broadcast: bool
    critical: bool
    show: Show
    topic: str | None = None
    body: str = ""
    url: str | None = None
    data: Any = None  # encoded already, where it is sent
    sender: Person | None = None
    room: str | None = None
    expires_at: int | None = None
    edited_at: int | None = None
    delivered_at: int | None = None
    seen_at: int | None = None
    read_at: int | None = None
    archived_at: int | None = None
    digest: Digest | None = None


class NotificationChanged(msgspec.Struct, frozen=True):
    """`notification:changed`: it was edited, and is like this now."""

    notification: Notification


class NotificationRecalled(msgspec.Struct, frozen=True):
    """`notification:recalled`: they are in no inbox any more, because they were recalled or their time is over."""

    ids: list[int]


class InboxChanged(msgspec.Struct, frozen=True):
    """`inbox:changed`: what stands unread now, to every connection of the user."""

    unread: Unread


class InboxMarked(msgspec.Struct, omit_defaults=True, frozen=True, kw_only=True):
    """`inbox:marked`: another connection of the user has marked something, as that one said it."""

    mark: MarkAs = msgspec.field(name="as")
    at: int
    ids: tuple[int, ...] | None = None
    up_to: int | None = None
    all: bool = False
    category: str | None = None
    topic: str | None = None


class MessageReceipt(msgspec.Struct, omit_defaults=True, frozen=True):
    """`message:receipt`, to the sender: a message was delivered to somebody, or read by them."""

    id: int
    user: str
    delivered_at: int | None = None
    read_at: int | None = None


class RecipientResult(msgspec.Struct, omit_defaults=True, frozen=True):
    """What happened for one receiver: to how many of their connections it was sent, and whether it is kept for them."""

    connections: int
    stored: bool = False
    muted: bool = False


class SendResult(msgspec.Struct, frozen=True):
    """What became of something sent, by receiver; `*` stands for everybody. A repeated key has no receivers."""

    id: int
    results: dict[str, RecipientResult]

"""What the endpoints of the inbox are asked with and answer: the shapes, and from a body to a draft."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from alsohere.domain.drafts import FIRST_MS, MAX_NUMBER
from alsohere.errors import BadRequest, Refusal
from alsohere.facts import Person
from alsohere.notices import Audience, Draft, EntryState, MarkAs, Notification, Quiet, RecipientResult, Unread
from alsohere.server.push_api import Failure
from alsohere.wire.events import Mutes

MOST = 1000
_IS_RECEIVER = {"format": "receiver"}
UserId = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=128,
        description="The user's id, percent-encoded.",
        examples=["42"],
        extra_json_schema=_IS_RECEIVER,
    ),
]
Receiver = Annotated[str, Meta(min_length=1, max_length=128, extra_json_schema=_IS_RECEIVER)]
NoticeId = Annotated[int, Meta(ge=0, le=MAX_NUMBER, description="What sending it was answered with.")]
Topic = Annotated[
    str, Meta(min_length=1, max_length=200, description="The topic, percent-encoded.", extra_json_schema={"format": "room"})
]
At = Annotated[int, Meta(ge=0, le=MAX_NUMBER, description="Milliseconds since 1970.")]
Moment = Annotated[int, Meta(ge=FIRST_MS, le=MAX_NUMBER, description="Milliseconds since 1970, not seconds.")]


class NotificationBody(msgspec.Struct, forbid_unknown_fields=True):
    """A notification, and exactly one kind of receivers: `to`, `followers` of the topic, or `everyone`."""

    to: Annotated[list[Receiver], Meta(max_length=MOST, description="Users.")] | None = None
    followers: Annotated[bool, Meta(description="Those of `topic`.")] = False
    everyone: Annotated[bool, Meta(description="A broadcast: stored once, seen by all who come before it expires.")] = False
    among: (
        Annotated[str, Meta(max_length=129, description="Of everyone, only those whose ids begin like this: acme:*.")] | None
    ) = None
    category: Annotated[str, Meta(max_length=50)] = "message"
    topic: Annotated[str, Meta(max_length=200, description="What it is about; it may be muted, and makes digests.")] | None = None
    title: Annotated[str, Meta(max_length=500)] = ""
    body: Annotated[str, Meta(max_length=16384)] = ""
    url: Annotated[str, Meta(max_length=2000)] | None = None
    data: Annotated[Any, Meta(description="JSON for the page, at most 16 KB.")] = msgspec.UNSET
    sender: Annotated[Person, Meta(description="If a person wrote it: they get receipts.")] | None = None
    room: Annotated[str, Meta(max_length=200, description="Who is in this room gets it silently.")] | None = None
    key: Annotated[str, Meta(max_length=200, description="The same key again sends nothing.")] | None = None
    starts_at: Moment | None = None
    expires_at: Moment | None = None
    critical: Annotated[bool, Meta(description="Mutes and quiet hours do not apply.")] = False


class NotificationBatch(msgspec.Struct, forbid_unknown_fields=True):
    """Several."""

    notifications: Annotated[list[NotificationBody], Meta(max_length=MOST, description="One that is refused is refused alone.")]


class SendAnswer(msgspec.Struct, omit_defaults=True):
    """What happened, by receiver; everyone and followers are `*`. A repeated `key` has no receivers, and the first one's id."""

    id: int | None = None
    results: dict[str, RecipientResult] = {}
    error: Failure | None = None


class SendAnswers(msgspec.Struct):
    """An answer for each item, in order."""

    answers: list[SendAnswer]


class NoticeAsked(msgspec.Struct):
    """Which notification."""

    id: NoticeId


class EditBody(msgspec.Struct, forbid_unknown_fields=True):
    """What changes; what is left out stays."""

    title: Annotated[str, Meta(max_length=500)] | msgspec.UnsetType = msgspec.UNSET
    body: Annotated[str, Meta(max_length=16384)] | msgspec.UnsetType = msgspec.UNSET
    url: Annotated[str, Meta(max_length=2000)] | msgspec.UnsetType | None = msgspec.UNSET
    data: Any = msgspec.UNSET
    expires_at: At | msgspec.UnsetType | None = msgspec.UNSET


class WithdrawnAnswer(msgspec.Struct):
    """A notification that was recalled, and in how many inboxes it was; null: a broadcast, in everybody's."""

    id: int
    users: int | None


class EditedAnswer(msgspec.Struct):
    """The notification as it is now."""

    notification: Notification


class InboxAsked(msgspec.Struct):
    """Whose inbox, and what of it."""

    id: UserId
    category: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_.\-]{0,49}$", description="Only of this category.")] | None = None
    topic: (
        Annotated[
            str, Meta(min_length=1, max_length=200, description="Only of this topic.", extra_json_schema={"format": "room"})
        ]
        | None
    ) = None
    state: Annotated[EntryState, Meta(description="Only those; the inbox is all but what is archived.")] = "inbox"
    before: Annotated[int, Meta(ge=0, le=MAX_NUMBER, description="Only ids below: the `next` of the page before.")] | None = None
    limit: Annotated[int, Meta(ge=1, le=100, description="How many, at most.")] = 20
    digest: Annotated[bool, Meta(description="Those of one topic as one, with how many there are.")] = False


class InboxAnswer(msgspec.Struct, omit_defaults=True):
    """Entries, newest first, and what is unread in the whole inbox."""

    items: list[Notification]
    unread: Unread
    next: int | None = None


class UserAsked(msgspec.Struct):
    """Whose."""

    id: UserId


class MarkBody(msgspec.Struct, forbid_unknown_fields=True):
    """What to mark: one of `ids`, `up_to` and `all`; of one category or topic, if told."""

    mark: MarkAs = msgspec.field(name="as")
    ids: Annotated[list[NoticeId], Meta(max_length=500)] | None = None
    up_to: NoticeId | None = None
    all: bool = False
    category: Annotated[str, Meta(max_length=50)] | None = None
    topic: Annotated[str, Meta(max_length=200)] | None = None


class MarkAnswer(msgspec.Struct):
    """How many were changed, and what is unread now."""

    changed: int
    unread: Unread


class PreferencesAnswer(msgspec.Struct):
    """What a user does not want to hear of, and when."""

    muted: Mutes
    quiet: Quiet | None


class TopicAsked(msgspec.Struct):
    """Which topic, and how many of its followers."""

    topic: Topic
    after: Annotated[str, Meta(max_length=128, description="Only ids behind this one.")] = ""
    limit: Annotated[int, Meta(ge=1, le=1000, description="How many, at most.")] = 100


class TopicNamed(msgspec.Struct):
    """Which topic."""

    topic: Topic


class FollowersAnswer(msgspec.Struct):
    """Users, by id."""

    users: list[str]


class FollowersBody(msgspec.Struct, forbid_unknown_fields=True):
    """Users."""

    users: Annotated[list[Receiver], Meta(min_length=1, max_length=MOST)]


class ChangedAnswer(msgspec.Struct):
    """For how many of them something changed."""

    changed: int


def draft_of(body: NotificationBody | Refusal, key: str | None = None) -> Draft:
    """What is to be sent.

    Args:
        body: as it came, or why it could not be read.
        key: the header's, if the body has none.

    Raises:
        Refusal: that, or not exactly one kind of receivers.
    """
    if isinstance(body, Refusal):
        raise body
    if (body.to is not None) + body.followers + body.everyone != 1:
        raise BadRequest("Name one kind of receivers: to, followers or everyone.")
    audience: Audience = "everyone" if body.everyone else "topic" if body.followers else "users"
    return Draft(
        category=body.category,
        audience=audience,
        to=tuple(body.to or ()),
        among=body.among,
        topic=body.topic,
        title=body.title,
        body=body.body,
        url=body.url,
        data=None if body.data in (msgspec.UNSET, None) else msgspec.Raw(msgspec.json.encode(body.data)),
        sender=body.sender,
        room=body.room,
        key=body.key or key,
        starts_at=body.starts_at,
        expires_at=body.expires_at,
        critical=body.critical,
    )

"""Messages, in the Python face: what an application calls to notify people."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import msgspec

from alsohere.domain.drafts import check_clock, check_marking, check_topic, check_user_id, check_users
from alsohere.domain.inbox import shown
from alsohere.errors import BadRequest, Refusal
from alsohere.facts import Person
from alsohere.lists import check_list
from alsohere.node.inbox_commands import MOST_FOLLOWED, preferences_step
from alsohere.node.node import Node
from alsohere.node.waiting import outcome_of
from alsohere.notices import (
    Draft,
    Edit,
    EntryState,
    Filter,
    MarkAs,
    Marked,
    Marking,
    Notification,
    Preferences,
    Quiet,
    SendResult,
    Unread,
)
from alsohere.wire.events import Mutes


class InboxPage(msgspec.Struct, frozen=True):
    """Some of an inbox, newest first.

    Args:
        items: notifications.
        unread: what is unread in the whole inbox.
        next: the `before` of the next page; None after the last.
    """

    items: list[Notification]
    unread: Unread
    next: int | None


class Messages:
    """What `AlsoHere` can do with messages that last."""

    node: Node

    async def notify(self, to: str | int | Iterable[str | int], **content: Any) -> SendResult:
        """Notify users: now if they are here, later if they are not. It is on the disk when this returns.

        Args:
            to: a user's id, or several, at most 1,000.
            content: `title`, `body`, `url`, `data` (JSON), `category` ("message" by default), `topic` (what it is about: may be
                muted, makes digests), `room` (who is there gets it silently), `sender` (a `User` or `Person`), `key` (the same
                again sends nothing), `starts_at` and `expires_at` (ms since the epoch), `critical`.

        Returns:
            The notification's `id`, and `results` by user: `connections` that it was sent to, `stored`, `muted`.

        Raises:
            BadRequest: a field is not what it must be; the sentence names it.
            Unavailable: the database cannot be reached; nothing was sent.
        """
        users = [to] if isinstance(to, (str, int)) else to
        return await self._notify(_draft(to=tuple(str(user) for user in users), **content))

    async def notify_followers(self, topic: str, **content: Any) -> SendResult:
        """Notify everybody who follows a topic, but its sender.

        Args:
            topic: its name.
            content: as for `notify`.

        Raises:
            BadRequest: a field is not what it must be; the sentence names it.
            Unavailable: the database cannot be reached; nothing was sent.
        """
        return await self._notify(_draft(audience="topic", topic=topic, **content))

    async def announce(self, **content: Any) -> SendResult:
        """Notify everyone: who is here now, and who comes before it expires. It is stored once.

        Args:
            content: as for `notify`; `category` is "announcement" by default. `among="acme:*"`: only those whose ids begin so.

        Raises:
            BadRequest: a field is not what it must be; the sentence names it.
            Unavailable: the database cannot be reached; nothing was sent.
        """
        return await self._notify(_draft(audience="everyone", **({"category": "announcement"} | content)))

    async def _notify(self, draft: Draft) -> SendResult:
        [result] = await self.node.inbox.sent([check_clock(draft)])
        if isinstance(result, Refusal):
            raise result
        return result

    async def recall(self, notification_id: int) -> None:
        """Take a notification out of every inbox, and off every screen.

        Args:
            notification_id: its id.

        Raises:
            NotFound: there is none.
            Unavailable: the database cannot be reached.
        """
        await outcome_of(partial(self.node.inbox.recall, notification_id))

    async def edit(self, notification_id: int, **changes: Any) -> Notification:
        """Change a notification wherever it is.

        Args:
            notification_id: its id.
            changes: `title`, `body`, `url`, `data`, `expires_at` (in the past: it ends now); what is left out stays.

        Raises:
            NotFound: there is none, or it was recalled, or is over.
            BadRequest: a field is not what it must be; the sentence names it.
            Unavailable: the database cannot be reached.
        """
        edited = await outcome_of(partial(self.node.inbox.edit, notification_id, _struct(Edit, changes)))
        return _readable(self.node.inbox.plain(edited.notice))

    async def inbox(
        self,
        user_id: str | int,
        *,
        state: EntryState = "inbox",
        category: str | None = None,
        topic: str | None = None,
        before: int | None = None,
        limit: int = 20,
        digest: bool = False,
    ) -> InboxPage:
        """Some of a user's inbox.

        Args:
            user_id: whose.
            state: "inbox" is what is not archived; "unread", "unseen", "read", "archived", "all".
            category, topic: only those.
            before: only ids below: the `next` of the page before.
            limit: how many, at most.
            digest: those of one topic as one, with how many there are.

        Raises:
            Unavailable: the database cannot be reached.
        """
        which = Filter(category=category, topic=topic, state=state, before=before, limit=limit, digest=digest)
        page = await self.node.inbox.store.page(str(user_id), which, self.node.clock.wall_ms())
        return InboxPage([_readable(shown(entry, "silent")) for entry in page.entries], page.unread, page.next)

    async def mark(
        self,
        user_id: str | int,
        mark: MarkAs,
        *,
        ids: Iterable[int] | None = None,
        up_to: int | None = None,
        category: str | None = None,
        topic: str | None = None,
    ) -> Marked:
        """Mark notifications of a user, in all their tabs.

        Args:
            user_id: whose.
            mark: "seen", "read", "unread" or "archived".
            ids: which, at most 500; those that are not in their inbox are passed over, if others are.
            up_to: all up to this id. With neither: all.
            category, topic: only those: all of a topic is the line of a digest.

        Returns:
            `changed`: the `id` and `sender` (a user's id or None) of each that was not marked so before, oldest first, and with
            them `user`, `delivered_at` and `read_at`; `unread`: what is left.

        Raises:
            BadRequest: a number that is no id, or both ids and up_to.
            LimitReached: too many ids.
            NotFound: none of the ids is in their inbox.
            Unavailable: the database cannot be reached; nothing was marked.
        """
        named = None if ids is None else tuple(ids)
        marking = check_marking(Marking(mark=mark, ids=named, up_to=up_to, category=category, topic=topic))
        return await outcome_of(partial(self.node.inbox.mark, str(user_id), marking))

    async def preferences(self, user_id: str | int) -> Preferences:
        """What a user has muted, and their quiet hours.

        Args:
            user_id: whose.

        Returns:
            `categories` and `topics` that are muted, and `quiet`: a `Quiet`, or None.

        Raises:
            BadRequest: that is no user with an inbox.
            Unavailable: the database cannot be reached.
        """
        user = check_user_id(str(user_id), "user_id")
        return (await self.node.inbox.store.preferences([user]))[user]

    async def set_preferences(
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
            Unavailable: the database cannot be reached; nothing was changed.
        """
        user = check_user_id(str(user_id), "user_id")
        check_list(categories, "categories")
        check_list(topics, "topics")
        wanted = preferences_step(Mutes(list(categories), list(topics)), None, quiet)(Preferences())
        preferred: Preferences = await outcome_of(lambda done: self.node.inbox.prefer(user, lambda _: wanted, done))
        return preferred

    async def follow(self, user_id: str | int, topic: str) -> bool:
        """Have a user follow a topic; whether they did not before.

        Args:
            user_id: who.
            topic: what.

        Raises:
            BadRequest: that is no user with an inbox, or no topic.
            LimitReached: the user follows too much.
            Unavailable: the database cannot be reached.
        """
        check_users([str(user_id)])
        follow = self.node.inbox.store.follow
        changed: int = await outcome_of(partial(follow, [str(user_id)], check_topic(topic), MOST_FOLLOWED))
        return changed > 0

    async def unfollow(self, user_id: str | int, topic: str) -> bool:
        """Have a user no longer follow a topic; whether they did.

        Args:
            user_id: who.
            topic: what.

        Raises:
            BadRequest: that is no topic.
            Unavailable: the database cannot be reached.
        """
        changed: int = await outcome_of(partial(self.node.inbox.store.unfollow, [str(user_id)], check_topic(topic)))
        return changed > 0


def _readable(notification: Notification) -> Notification:
    """The same with its `data` as values: on the way to clients it stays encoded."""
    data = notification.data
    return (
        msgspec.structs.replace(notification, data=msgspec.json.decode(data)) if isinstance(data, msgspec.Raw) else notification
    )


def _draft(**fields: Any) -> Draft:
    sender = fields.get("sender")
    if sender is not None and not isinstance(sender, Person):
        fields["sender"] = Person(sender.id, sender.name, sender.info, sender.anonymous)
    draft: Draft = _struct(Draft, {"category": "message"} | fields)
    return draft


def _struct(kind: Any, fields: dict[str, Any]) -> Any:
    """A Struct of keyword arguments; `data` becomes JSON.

    Raises:
        BadRequest: there is no such field, or the data is no JSON.
    """
    if fields.get("data") is not None:
        try:
            fields = fields | {"data": msgspec.Raw(msgspec.json.encode(fields["data"]))}
        except (TypeError, ValueError, RecursionError) as error:
            raise BadRequest(f"data: {error}.") from None
    try:
        return kind(**fields)
    except TypeError as error:
        raise BadRequest(f"{error}.") from None

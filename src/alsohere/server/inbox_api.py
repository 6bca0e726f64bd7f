"""What a back end may do with messages that last: send, recall, edit, look into an inbox, mark, and who follows what."""

from __future__ import annotations

import msgspec

from alsohere.domain.drafts import check_filter, check_topic, check_user_id, check_users
from alsohere.domain.inbox import shown
from alsohere.errors import BadRequest, Refusal
from alsohere.node.inbox_commands import MOST_FOLLOWED, preferences_step
from alsohere.node.node import Node
from alsohere.node.waiting import outcome_of
from alsohere.notices import Draft, Edit, Edited, Filter, Marked, Marking, Preferences, SendResult, Withdrawn
from alsohere.server.endpoint import Endpoint
from alsohere.server.inbox_bodies import (
    ChangedAnswer,
    EditBody,
    EditedAnswer,
    FollowersAnswer,
    FollowersBody,
    InboxAnswer,
    InboxAsked,
    MarkAnswer,
    MarkBody,
    NoticeAsked,
    NotificationBatch,
    NotificationBody,
    PreferencesAnswer,
    SendAnswer,
    SendAnswers,
    TopicAsked,
    TopicNamed,
    UserAsked,
    WithdrawnAnswer,
    draft_of,
)
from alsohere.server.push_api import Failure
from alsohere.wire.events import Mutes


class InboxApi:
    """The endpoints of the inbox.

    Args:
        node: whose desk is asked.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._inbox = node.inbox

    # -- Sending -----------------------------------------------------------------------------------------------------

    async def notify(self, body: NotificationBody, key: str | None) -> SendAnswer:
        """Send a notification: now to who is here, later to who is not.

        It is stored when this is answered. `Idempotency-Key`, or `key`, makes a repetition harmless: the first one's id is the
        answer.
        """
        [result] = await self._inbox.sent([draft_of(body, key)])
        if isinstance(result, Refusal):
            raise result
        return SendAnswer(result.id, result.results)

    async def notify_batch(self, body: NotificationBatch, key: str | None) -> SendAnswers:
        """Send up to 1,000 notifications in one go; one that is refused is refused alone."""
        drafts: list[Draft | Refusal] = []
        for number, item in enumerate(body.notifications):
            try:
                drafts.append(draft_of(item, None if key is None else f"{key}:{number}"))
            except Refusal as refusal:
                drafts.append(refusal)
        sent = iter(await self._inbox.sent([draft for draft in drafts if isinstance(draft, Draft)]))
        return SendAnswers([_answer(draft if isinstance(draft, Refusal) else next(sent)) for draft in drafts])

    async def recall_notification(self, asked: NoticeAsked) -> WithdrawnAnswer:
        """Take a notification out of every inbox, and off every screen. A second time changes nothing."""
        withdrawn: Withdrawn = await outcome_of(lambda done: self._inbox.recall(asked.id, done))
        return WithdrawnAnswer(withdrawn.id, None if withdrawn.users is None else len(withdrawn.users))

    async def edit_notification(self, asked: NoticeAsked, body: EditBody) -> EditedAnswer:
        """Change a notification wherever it is. Who has read it has read it."""
        data = body.data if body.data in (msgspec.UNSET, None) else msgspec.Raw(msgspec.json.encode(body.data))
        edit = Edit(title=body.title, body=body.body, url=body.url, data=data, expires_at=body.expires_at)
        edited: Edited = await outcome_of(lambda done: self._inbox.edit(asked.id, edit, done))
        return EditedAnswer(self._inbox.plain(edited.notice))

    # -- Inboxes -----------------------------------------------------------------------------------------------------

    async def inbox(self, asked: InboxAsked) -> InboxAnswer:
        """Some of a user's inbox."""
        which = Filter(
            category=asked.category,
            topic=asked.topic,
            state=asked.state,
            before=asked.before,
            limit=asked.limit,
            digest=asked.digest,
        )
        page = await self._inbox.store.page(check_user_id(asked.id, "id"), check_filter(which), self._node.clock.wall_ms())
        return InboxAnswer([shown(entry, "silent") for entry in page.entries], page.unread, page.next)

    async def mark_inbox(self, asked: UserAsked, body: MarkBody) -> MarkAnswer:
        """Mark notifications of a user as seen, read, unread or archived, in all their tabs.

        Of `ids`, those that are not in the inbox are passed over; if none is, that is refused as `not_found`.
        """
        if (body.ids is not None) + (body.up_to is not None) + body.all != 1:
            raise BadRequest("Give one of ids, up_to and all.")
        ids = None if body.ids is None else tuple(body.ids)
        marking = Marking(mark=body.mark, ids=ids, up_to=body.up_to, category=body.category, topic=body.topic)
        user = check_user_id(asked.id, "id")
        marked: Marked = await outcome_of(lambda done: self._inbox.mark(user, marking, done))
        return MarkAnswer(len(marked.changed), marked.unread)

    async def preferences(self, asked: UserAsked) -> PreferencesAnswer:
        """What a user has muted, and their quiet hours."""
        user = check_user_id(asked.id, "id")
        return _preferences((await self._inbox.store.preferences([user]))[user])

    async def set_preferences(self, asked: UserAsked, body: PreferencesAnswer) -> PreferencesAnswer:
        """Replace what a user has muted, and their quiet hours."""
        wanted = preferences_step(body.muted, None, body.quiet)(Preferences())
        user = check_user_id(asked.id, "id")
        preferred: Preferences = await outcome_of(lambda done: self._inbox.prefer(user, lambda _: wanted, done))
        return _preferences(preferred)

    # -- Topics ------------------------------------------------------------------------------------------------------

    async def followers(self, asked: TopicAsked) -> FollowersAnswer:
        """Who follows a topic."""
        return FollowersAnswer(await self._inbox.store.followers(check_topic(asked.topic), asked.after, asked.limit))

    async def add_followers(self, asked: TopicNamed, body: FollowersBody) -> ChangedAnswer:
        """Have users follow a topic."""
        check_users(body.users, "users")
        topic = check_topic(asked.topic)
        follow = self._inbox.store.follow
        return ChangedAnswer(await outcome_of(lambda done: follow(body.users, topic, MOST_FOLLOWED, done)))

    async def remove_followers(self, asked: TopicNamed, body: FollowersBody) -> ChangedAnswer:
        """Have users no longer follow a topic. What they were sent stays."""
        check_users(body.users, "users")
        topic = check_topic(asked.topic)
        return ChangedAnswer(await outcome_of(lambda done: self._inbox.store.unfollow(body.users, topic, done)))


def _answer(result: SendResult | Refusal) -> SendAnswer:
    if isinstance(result, Refusal):
        return SendAnswer(error=Failure(result.code, result.message))
    return SendAnswer(result.id, result.results)


def _preferences(preferences: Preferences) -> PreferencesAnswer:
    return PreferencesAnswer(Mutes(sorted(preferences.categories), sorted(preferences.topics)), preferences.quiet)


def inbox_endpoints(node: Node) -> list[Endpoint]:
    """The endpoints of the inbox."""
    api = InboxApi(node)
    away = ["unavailable"]
    return [
        Endpoint("POST", "/notifications", api.notify, [*away, "limit", "bad_room"], scope="notify"),
        Endpoint("POST", "/notifications/batch", api.notify_batch, away, scope="notify", alone="notifications"),
        Endpoint("DELETE", "/notifications/{id}", api.recall_notification, [*away, "not_found"], scope="notify"),
        Endpoint("PATCH", "/notifications/{id}", api.edit_notification, [*away, "not_found"], scope="notify"),
        Endpoint("GET", "/users/{id}/inbox", api.inbox, away, scope="notify"),
        Endpoint("POST", "/users/{id}/inbox/mark", api.mark_inbox, [*away, "not_found"], scope="notify"),
        Endpoint("GET", "/users/{id}/preferences", api.preferences, away, scope="notify"),
        Endpoint("PUT", "/users/{id}/preferences", api.set_preferences, [*away, "limit"], scope="notify"),
        Endpoint("GET", "/topics/{topic}/followers", api.followers, away, scope="notify"),
        Endpoint("POST", "/topics/{topic}/followers", api.add_followers, [*away, "limit"], scope="notify"),
        Endpoint("DELETE", "/topics/{topic}/followers", api.remove_followers, away, scope="notify"),
    ]

"""Commands about messages and the inbox; the desk does it, these only translate."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from alsohere.domain.attention import check_quiet
from alsohere.domain.drafts import check_category, check_filter, check_topic, check_users
from alsohere.domain.inbox import shown
from alsohere.errors import BadRequest, Forbidden, LimitReached, Refusal
from alsohere.node.answer import Answer, Command
from alsohere.node.connection import Connection
from alsohere.node.hooks import check_event
from alsohere.node.lock_desk import person_of
from alsohere.node.ways import subscribe, unsubscribe
from alsohere.node.zones import check_zone
from alsohere.notices import Draft, Filter, Marked, Marking, Page, Preferences, SendResult
from alsohere.wire import events

if TYPE_CHECKING:
    from alsohere.node.node import Node

MOST_LISTED = 100
MOST_RECEIVERS = 100
MOST_MUTED = 200
MOST_FOLLOWED = 1000
SEND_PACKETS = 5  # what is written to the disk for others costs more than what passes by


def _check_has_inbox(node: Node, connection: Connection) -> None:
    if not node.inbox.rules.enabled:
        raise Forbidden("There is no inbox here: ALSOHERE_INBOX is off.")
    if connection.user.anonymous:
        raise Forbidden("Anonymous visitors have no inbox; log in.")


def _list(node: Node, connection: Connection, command: events.InboxList, answer: Answer) -> None:
    _check_has_inbox(node, connection)
    if not 1 <= command.limit <= MOST_LISTED:
        raise BadRequest(f"limit is 1 to {MOST_LISTED}.")
    which = Filter(
        category=command.category,
        topic=command.topic,
        state=command.state,
        before=command.before,
        limit=command.limit,
        digest=command.digest,
    )
    node.spawn(_answer_list(node, connection.user.id, check_filter(which), answer))


async def _answer_list(node: Node, user: str, which: Filter, answer: Answer) -> None:
    with answer.or_refused():
        with node.inbox.meanwhile.watch() as changes:
            page = await node.inbox.store.page(user, which, node.clock.wall_ms())
        page = msgspec.structs.replace(page, entries=tuple(changes.current(page.entries)))
        answer.ok(page_content(page) | {"user": user})


def page_content(page: Page) -> dict[str, Any]:
    """A page of an inbox, as it is answered."""
    content: dict[str, Any] = {"items": [shown(entry, "silent") for entry in page.entries], "unread": page.unread}
    return content if page.next is None else content | {"next": page.next}


def _mark(node: Node, connection: Connection, command: events.InboxMark, answer: Answer) -> None:
    _check_has_inbox(node, connection)
    if (command.ids is not None) + (command.up_to is not None) + command.all != 1:
        raise BadRequest("Give one of ids, up_to and all.")

    def marked(result: Marked | Refusal) -> None:
        if isinstance(result, Refusal):
            answer.refused(result)
        else:
            answer.ok({"changed": len(result.changed), "unread": result.unread})

    marking = Marking(mark=command.mark, ids=command.ids, up_to=command.up_to, category=command.category, topic=command.topic)
    node.inbox.mark(connection.user.id, marking, marked, connection)


def _preferences(node: Node, connection: Connection, command: events.InboxPreferences, answer: Answer) -> None:
    _check_has_inbox(node, connection)
    step = preferences_step(command.mute, command.unmute, command.quiet)

    def preferred(result: Preferences | Refusal) -> None:
        if isinstance(result, Refusal):
            answer.refused(result)
        else:
            answer.ok(msgspec.structs.asdict(events.PreferencesChanged.to(result)))

    node.inbox.prefer(connection.user.id, step, preferred)


def preferences_step(
    mute: events.Mutes | None, unmute: events.Mutes | None, quiet: Any = msgspec.UNSET
) -> Callable[[Preferences], Preferences]:
    """A change of preferences.

    Raises:
        BadRequest: a name, a time or a zone is none.
    """
    mute, unmute = mute or events.Mutes(), unmute or events.Mutes()
    for category in mute.categories:
        check_category(category)
    for topic in mute.topics:
        check_topic(topic)
    if quiet is not msgspec.UNSET and quiet is not None:
        check_quiet(quiet)
        check_zone(quiet.tz)

    def step(before: Preferences) -> Preferences:
        after = Preferences(
            before.categories.union(mute.categories).difference(unmute.categories),
            before.topics.union(mute.topics).difference(unmute.topics),
            before.quiet if quiet is msgspec.UNSET else quiet,
        )
        if len(after.categories) + len(after.topics) > MOST_MUTED:
            raise LimitReached(f"At most {MOST_MUTED} categories and topics are muted; unmute some.")
        return after

    return step


def _follow(node: Node, connection: Connection, command: events.TopicFollow, answer: Answer) -> None:
    _check_has_inbox(node, connection)
    node.inbox.store.follow([connection.user.id], command.topic, MOST_FOLLOWED, _done(answer))


def _unfollow(node: Node, connection: Connection, command: events.TopicUnfollow, answer: Answer) -> None:
    _check_has_inbox(node, connection)
    node.inbox.store.unfollow([connection.user.id], check_topic(command.topic), _done(answer))


def _done(answer: Answer) -> Callable[[int | Refusal], None]:
    return lambda result: answer.refused(result) if isinstance(result, Refusal) else answer.ok()


def _send(node: Node, connection: Connection, command: events.MessageSend, answer: Answer) -> None:
    _check_has_inbox(node, connection)
    connection.peer.spend(SEND_PACKETS)
    draft = Draft(
        category="message",
        to=tuple(_receivers(command)),
        title=command.title,
        body=command.body,
        data=None if command.data is None else msgspec.Raw(msgspec.json.encode(command.data)),
        sender=person_of(connection.user),
        key=command.key,
        scope=connection.user.id,
    )

    def sent(results: list[SendResult | Refusal] | Refusal) -> None:
        result = results if isinstance(results, Refusal) else results[0]
        if isinstance(result, Refusal):
            answer.refused(result)
        else:
            # Whether a receiver is here or has muted something is not the sender's to know.
            answer.ok({"id": result.id, "results": {user: {"stored": True} for user in result.results}})

    node.inbox.send([draft], sent)


def _receivers(command: events.MessageSend) -> list[str]:
    to = [command.to] if isinstance(command.to, str) else list(dict.fromkeys(command.to))
    check_users(to)
    if not 1 <= len(to) <= MOST_RECEIVERS:
        raise LimitReached(f"to: 1 to {MOST_RECEIVERS} users.")
    return to


def _may_write(node: Node, connection: Connection) -> None:
    if connection.user.anonymous or not node.inbox.rules.between_users:
        raise Forbidden(
            "Users may not write to each other here: allow it in an authorize hook, or ALSOHERE_MESSAGES_BETWEEN_USERS."
        )


def _push(node: Node, connection: Connection, command: events.PushSend, answer: Answer) -> None:
    if (command.to is None) == (command.rooms is None):
        raise BadRequest("Give one of to and rooms.")
    names = command.to if command.to is not None else command.rooms or []
    if len(names) > MOST_RECEIVERS:
        raise LimitReached(f"At most {MOST_RECEIVERS} users or rooms.")
    if command.name in events.COMMANDS or command.name in events.FACTS:
        raise BadRequest(f"name: {command.name!r} is alsohere's own.")
    try:
        check_event(command.name)
    except ValueError as error:
        raise BadRequest(f"name: {error}.") from None
    connection.peer.spend(max(1, len(names)))
    args = () if command.data is None else (command.data,)
    send = node.push.to_users if command.to is not None else node.push.to_rooms
    reached = send(names, command.name, args)
    answer.ok({"results": {name: {"connections": connections} for name, connections in reached.items()}})


def _may_push(_node: Node, _connection: Connection) -> None:
    raise Forbidden("Clients may not push here: the application has no authorize hook that allows it.")


def _topic(command: Any) -> list[str]:
    return [check_topic(command.topic)]


def _pushed_to(command: Any) -> list[str]:
    return list(dict.fromkeys(command.to if command.to is not None else command.rooms or []))


INBOX_COMMANDS = {
    "inbox:list": Command(_list),
    "inbox:mark": Command(_mark),
    "inbox:preferences": Command(_preferences),
    "topic:follow": Command(_follow, "follow", _topic),
    "topic:unfollow": Command(_unfollow),
    "webpush:subscribe": Command(subscribe),
    "webpush:unsubscribe": Command(unsubscribe),
    "message:send": Command(_send, "message", subjects=_receivers, permit=_may_write),
    "push:send": Command(_push, "push", subjects=_pushed_to, permit=_may_push),
}

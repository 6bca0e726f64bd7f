"""Commands about rooms, rankings and oneself; the node does it, these only translate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from alsohere.domain.access import check_room
from alsohere.domain.identity import check_user
from alsohere.domain.ranking import MAX_LIMIT
from alsohere.errors import BadRequest
from alsohere.facts import Snapshot
from alsohere.node.answer import Answer, Command
from alsohere.node.connection import Connection
from alsohere.node.grants import refused_to
from alsohere.types import ONLINE, User
from alsohere.wire import events

if TYPE_CHECKING:
    from alsohere.node.node import Node

# A ranking costs a pass over the rooms of its prefix, so asking for one counts as so many packets.
RANKING_PACKETS = 10
_SNAPSHOT = Snapshot.__struct_fields__


def _enter(node: Node, connection: Connection, command: events.RoomEnter, answer: Answer) -> None:
    member = node.enter(connection, command.room, command.state, "none")

    def answered(snapshot: Snapshot) -> None:
        content = {name: value for name in _SNAPSHOT if (value := getattr(snapshot, name)) is not msgspec.UNSET}
        content["self"] = node.member_of(connection, command.room) or member
        answer.ok(content)
        if command.watch != "none":
            node.locks.board.show(connection, command.room)

    if command.watch == "none":
        node.unwatch(connection, command.room)
        answered(node.glance(command.room))
    else:
        node.watch(connection, command.room, command.watch, command.since, answered)


def _leave(node: Node, connection: Connection, command: events.RoomLeave, answer: Answer) -> None:
    node.leave(connection, command.room)
    answer.ok()


def _update(node: Node, connection: Connection, command: events.RoomUpdate, answer: Answer) -> None:
    node.update(connection, command.room, command.state)
    answer.ok()


def _watch(node: Node, connection: Connection, command: events.RoomWatch, answer: Answer) -> None:
    if command.watch == "none":
        _unwatch(node, connection, events.RoomUnwatch(command.rooms), answer)
        return
    rooms = _rooms(command)
    snapshots: dict[str, Snapshot] = {}

    def answered(snapshot: Snapshot) -> None:
        snapshots[snapshot.room] = snapshot
        if len(snapshots) == len(rooms):
            answer.ok({"self": node.member_of(connection, ONLINE), "rooms": [snapshots[room] for room in rooms]})
            for room in rooms:
                node.locks.board.show(connection, room)

    for room in rooms:
        node.watch(connection, room, command.watch, command.since, answered)
    if not rooms:
        answer.ok({"self": node.member_of(connection, ONLINE), "rooms": []})


def _unwatch(node: Node, connection: Connection, command: events.RoomUnwatch, answer: Answer) -> None:
    for room in command.rooms:
        node.unwatch(connection, room)
    answer.ok()


def _watch_ranking(node: Node, connection: Connection, command: events.RankingWatch, answer: Answer) -> None:
    _check_ranking(command)
    connection.peer.spend(RANKING_PACKETS)
    answer.ok({"rooms": node.watch_ranking(connection, command.prefix, command.limit)})


def _unwatch_ranking(node: Node, connection: Connection, command: events.RankingUnwatch, answer: Answer) -> None:
    _check_ranking(command)
    node.unwatch_ranking(connection, command.prefix, command.limit)
    answer.ok()


def _check_ranking(command: events.RankingWatch | events.RankingUnwatch) -> None:
    if not 1 <= command.limit <= MAX_LIMIT:
        raise BadRequest(f"limit is 1 to {MAX_LIMIT}.")
    if command.prefix:
        check_room(command.prefix)


def _identify(node: Node, connection: Connection, command: events.UserIdentify, answer: Answer) -> None:
    vouched = node.verify_token(command.token)
    _identified(node.identify(connection, vouched.user, vouched.expires_s), answer)


async def _identify_asking(node: Node, connection: Connection, command: events.UserIdentify, answer: Answer) -> None:
    """The application said about the old user what they may; of the new one nothing is known until it is asked."""
    vouched = node.verify_token(command.token)
    user = check_user(vouched.user)
    # Who shows a fresh token that says nothing new is who the application was asked about.
    refused = set() if user == connection.user else await refused_to(node, connection, user)
    _identified(node.identify(connection, user, vouched.expires_s, refused), answer)


def _identified(user: User, answer: Answer) -> None:
    answer.ok({"self": {"id": user.id, "name": user.name, "info": user.info, "anonymous": user.anonymous}})


def _status(node: Node, connection: Connection, command: events.UserStatus, answer: Answer) -> None:
    node.set_status(connection, command.status)
    answer.ok()


def _room(command: Any) -> list[str]:
    return [command.room]


def _rooms(command: Any) -> list[str]:
    return list(dict.fromkeys(command.rooms))


def _prefix(command: Any) -> list[str]:
    return [command.prefix] if command.prefix else []


ROOM_COMMANDS = {
    "room:enter": Command(_enter, "enter", _room),
    "room:leave": Command(_leave, None, _room),
    "room:update": Command(_update, None, _room),
    "room:watch": Command(_watch, "watch", _rooms),
    "room:unwatch": Command(_unwatch, None, _rooms),
    "ranking:watch": Command(_watch_ranking, "ranking", _prefix),
    "ranking:unwatch": Command(_unwatch_ranking),
    "user:identify": Command(_identify, asking=_identify_asking),
    "user:status": Command(_status),
}

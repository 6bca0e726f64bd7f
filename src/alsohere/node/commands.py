"""From an event's name and bytes to the node's method, and back to an acknowledgement.

Owns: the table of commands, the check of every argument against its Struct, the order in which rules are asked (shape, rate,
token, the application), and how a refusal is answered.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from alsohere.domain.access import check_granted, check_lock, check_ranking_granted, check_room
from alsohere.domain.lock import room_of
from alsohere.domain.ranking import MAX_LIMIT
from alsohere.errors import BadRequest, Disconnect, Forbidden, RateExceeded, Refusal
from alsohere.facts import LockAnswer, Snapshot
from alsohere.node.connection import Connection
from alsohere.session.events import EventReceived
from alsohere.types import ONLINE
from alsohere.wire import events
from alsohere.wire.keys import has_twin_keys
from alsohere.wire.socketio import decode_value

if TYPE_CHECKING:
    from alsohere.node.node import Node


# A ranking costs a pass over the rooms of its prefix, so asking for one counts as so many packets.
RANKING_PACKETS = 10
MAX_WHY = 500


class ErrorBody(msgspec.Struct, omit_defaults=True):
    """What a refused command is told."""

    code: str
    message: str
    retry_after_ms: int | None = None


class Answer:
    """The acknowledgement that one event is owed: given at most once, and not at all if the client asked for none (S2)."""

    __slots__ = ("_ack_id", "_connection", "_node")

    def __init__(self, node: Node, connection: Connection, ack_id: int | None) -> None:
        self._node = node
        self._connection = connection
        self._ack_id = ack_id

    def send(self, *args: Any) -> None:
        """Acknowledge with these arguments. If they are no JSON, that is raised and the answer is still owed."""
        if self._ack_id is not None:
            self._node.acknowledge(self._connection, self._ack_id, args)
            self._ack_id = None

    def ok(self, content: dict[str, Any] | None = None) -> None:
        """`{"ok": true, …}`."""
        self.send({"ok": True, **(content or {})})

    def refused(self, refusal: Refusal) -> None:
        """`{"ok": false, "error": {…}}`."""
        self._node.metrics.refused(refusal.code)
        self.send({"ok": False, "error": ErrorBody(refusal.code, refusal.message, refusal.retry_after_ms)})


class Command(NamedTuple):
    """One command: its argument, what it asks permission for, where, and what carries it out."""

    decoder: msgspec.json.Decoder[Any]
    action: str | None
    rooms: Callable[[Any], list[str]]
    run: Callable[[Node, Connection, Any, Answer], None]


# -- What each command does; the node does it, these only translate ----------------------------------------------------


def _enter(node: Node, connection: Connection, command: events.RoomEnter, answer: Answer) -> None:
    member = node.enter(connection, command.room, command.state, "none")

    def answered(snapshot: Snapshot) -> None:
        content = {key: value for key, value in msgspec.structs.asdict(snapshot).items() if value is not msgspec.UNSET}
        answer.ok({"self": node.member_of(connection, command.room) or member, **content})
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


def _lock_answer(answer: Answer) -> Callable[[LockAnswer | Refusal], None]:
    def answered(result: LockAnswer | Refusal) -> None:
        if isinstance(result, Refusal):
            answer.refused(result)
        else:
            answer.ok(msgspec.to_builtins(result))

    return answered


def _done(answer: Answer) -> Callable[[LockAnswer | Refusal], None]:
    return lambda result: answer.refused(result) if isinstance(result, Refusal) else answer.ok()


def _acquire_lock(node: Node, connection: Connection, command: events.LockAcquire, answer: Answer) -> None:
    node.locks.acquire(connection, command.lock, _lock_answer(answer), wait=command.wait)


def _release_lock(node: Node, connection: Connection, command: events.LockRelease, answer: Answer) -> None:
    node.locks.release(connection, command.lock, command.fence, _done(answer))


def _touch_lock(node: Node, connection: Connection, command: events.LockTouch, answer: Answer) -> None:
    node.locks.touch(connection, command.lock, command.fence, _lock_answer(answer))


def _request_lock(node: Node, connection: Connection, command: events.LockAsk, answer: Answer) -> None:
    node.locks.request(connection, command.lock, _lock_answer(answer))


def _hand_over_lock(node: Node, connection: Connection, command: events.LockHandOver, answer: Answer) -> None:
    node.locks.hand_over(connection, command.lock, command.to, command.fence, _done(answer))


def _take_lock(node: Node, connection: Connection, command: events.LockTake, answer: Answer) -> None:
    if len(command.why) > MAX_WHY:
        raise BadRequest(f"why is at most {MAX_WHY} characters.")
    node.locks.take(connection, command.lock, command.why, _lock_answer(answer))


def _identify(node: Node, connection: Connection, command: events.UserIdentify, answer: Answer) -> None:
    user = node.identify(connection, node.verify_token(command.token))
    answer.ok({"self": {"id": user.id, "name": user.name, "info": user.info, "anonymous": user.anonymous}})


def _status(node: Node, connection: Connection, command: events.UserStatus, answer: Answer) -> None:
    node.set_status(connection, command.status)
    answer.ok()


def _nowhere(_: Any) -> list[str]:
    return []


def _room(command: Any) -> list[str]:
    return [command.room]


def _room_of_lock(command: Any) -> list[str]:
    return [room_of(check_lock(command.lock))]


def _rooms(command: Any) -> list[str]:
    return list(dict.fromkeys(command.rooms))


_RUN: dict[str, tuple[str | None, Callable[[Any], list[str]], Callable[..., None]]] = {
    "room:enter": ("enter", _room, _enter),
    "room:leave": (None, _room, _leave),
    "room:update": (None, _room, _update),
    "room:watch": ("watch", _rooms, _watch),
    "room:unwatch": (None, _rooms, _unwatch),
    "ranking:watch": ("ranking", lambda command: [command.prefix] if command.prefix else [], _watch_ranking),
    "ranking:unwatch": (None, _nowhere, _unwatch_ranking),
    "lock:acquire": ("lock", _room_of_lock, _acquire_lock),
    "lock:release": (None, _room_of_lock, _release_lock),
    "lock:touch": (None, _room_of_lock, _touch_lock),
    "lock:request": ("lock", _room_of_lock, _request_lock),
    "lock:hand_over": (None, _room_of_lock, _hand_over_lock),
    "lock:take": ("take", _room_of_lock, _take_lock),
    "user:identify": (None, _nowhere, _identify),
    "user:status": (None, _nowhere, _status),
}
TABLE: dict[str, Command] = {name: Command(msgspec.json.Decoder(struct), *_RUN[name]) for name, struct in events.COMMANDS.items()}


# -- Carrying one out --------------------------------------------------------------------------------------------------


def execute(node: Node, connection: Connection, name: str, event: EventReceived) -> Coroutine[Any, Any, None] | None:
    """Carry out one of our commands. Never raises a Refusal: it is answered.

    Returns:
        A coroutine if the application has to be asked first.
    """
    answer = Answer(node, connection, event.ack_id)
    command = TABLE[name]
    try:
        argument = _argument(command, event)
        rooms = command.rooms(argument)
        for room in rooms:
            check_room(room)
        check_rate(connection)
        if command.action == "ranking":
            check_ranking_granted(connection.user, argument.prefix)
        elif command.action is not None:
            for room in rooms:
                check_granted(connection.user, room)
        if command.action == "watch":  # before the application is asked about each of them
            node.check_watch_limit(connection, rooms)
        if command.action == "take" and node.hooks.authorize is None:
            raise Forbidden("Nobody may take locks here: the application has no authorize hook that allows it.")
        if command.action is not None and node.hooks.authorize is not None:
            return _ask_and_run(node, connection, command, argument, answer)
        command.run(node, connection, argument, answer)
    except Refusal as refusal:
        answer.refused(refusal)
    return None


async def _ask_and_run(node: Node, connection: Connection, command: Command, argument: Any, answer: Answer) -> None:
    assert command.action is not None
    try:
        # About a lock the application is asked by the lock's name: it may be one field of the room.
        for room in [argument.lock] if command.action in ("lock", "take") else command.rooms(argument) or [""]:
            await authorize(node, connection, command.action, room)
        if connection.connected:
            command.run(node, connection, argument, answer)
    except Refusal as refusal:
        answer.refused(refusal)
    except Disconnect as limit:
        connection.peer.disconnect(limit)
    except Exception:  # the application's hook; nothing was done
        node.log.exception("the authorize hook failed")
        answer.refused(Refusal("The application could not decide; try again.", code="internal", retry_after_ms=1000))


async def authorize(node: Node, connection: Connection, action: str, room: str) -> None:
    """Ask the application's hook; Forbidden if it says no."""
    assert node.hooks.authorize is not None
    verdict = node.hooks.authorize(connection.user, action, room)
    if isinstance(verdict, Awaitable):
        verdict = await verdict
    if not verdict:
        raise Forbidden("This user may not do that in this room.")


def check_rate(connection: Connection) -> None:
    """RateExceeded while the client's bucket is empty."""
    retry_after_ms = connection.peer.retry_after_ms()
    if retry_after_ms is not None:
        raise RateExceeded("Too many commands; slow down.", retry_after_ms=retry_after_ms)


def _argument(command: Command, event: EventReceived) -> Any:
    if len(event.args) != 1:
        raise BadRequest("A command takes one object.")
    payload = bytes(event.args[0])
    try:
        argument = command.decoder.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        decode_value(payload)  # what nobody can read, like a number of 5,000 digits, ends the connection
        raise BadRequest(f"{error}.") from error
    # Everywhere in a command, not only where it says who somebody is: one rule is easier to tell, and costs nothing more.
    if payload.count(b":") > 1 and has_twin_keys(payload, decode_value(payload)):
        raise BadRequest("One key stands twice in an object.")
    return argument

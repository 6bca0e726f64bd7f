"""Commands about locks; the desk does it, these only translate."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from alsohere.domain.access import check_lock
from alsohere.domain.lock import room_of
from alsohere.errors import BadRequest, Forbidden, Refusal
from alsohere.facts import LockAnswer
from alsohere.node.answer import Answer, Command
from alsohere.node.connection import Connection
from alsohere.wire import events

if TYPE_CHECKING:
    from alsohere.node.node import Node

MAX_WHY = 500


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


def _room(command: Any) -> list[str]:
    return [room_of(check_lock(command.lock))]


def _lock(command: Any) -> list[str]:
    """The application is asked by the lock's name: it may be one field of the room."""
    return [command.lock]


def _nobody_takes(_node: Node, _connection: Connection) -> None:
    raise Forbidden("Nobody may take locks here: the application has no authorize hook that allows it.")


LOCK_COMMANDS = {
    "lock:acquire": Command(_acquire_lock, "lock", _room, _lock),
    "lock:release": Command(_release_lock, None, _room),
    "lock:touch": Command(_touch_lock, None, _room),
    "lock:request": Command(_request_lock, "lock", _room, _lock),
    "lock:hand_over": Command(_hand_over_lock, None, _room),
    "lock:take": Command(_take_lock, "take", _room, _lock, _nobody_takes),
}

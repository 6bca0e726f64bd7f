"""From an event's name and bytes to what carries it out, and back to an acknowledgement.

Owns: the check of every argument against its Struct, the order in which rules are asked (shape, rate, token, the application),
and how a refusal is answered. What each command does stands beside this file: node/room_commands.py and its like.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

import msgspec

from alsohere.domain.access import check_granted, check_ranking_granted, check_room
from alsohere.errors import BadRequest, Disconnect, Forbidden, Refusal
from alsohere.node.answer import Answer, Command
from alsohere.node.connection import Connection
from alsohere.node.grants import authorize
from alsohere.node.inbox_commands import INBOX_COMMANDS
from alsohere.node.lock_commands import LOCK_COMMANDS
from alsohere.node.room_commands import ROOM_COMMANDS
from alsohere.session.events import EventReceived
from alsohere.wire import events
from alsohere.wire.faults import describe
from alsohere.wire.keys import has_twin_keys
from alsohere.wire.socketio import decode_value

if TYPE_CHECKING:
    from alsohere.node.node import Node

TABLE: dict[str, Command] = {**ROOM_COMMANDS, **LOCK_COMMANDS, **INBOX_COMMANDS}
DECODERS = {name: msgspec.json.Decoder(struct) for name, struct in events.COMMANDS.items()}


# -- Carrying one out --------------------------------------------------------------------------------------------------


def execute(node: Node, connection: Connection, name: str, event: EventReceived) -> Coroutine[Any, Any, None] | None:
    """Carry out one of our commands. Never raises a Refusal: it is answered.

    Returns:
        A coroutine if the application has to be asked first.
    """
    answer = Answer(node, connection, event.ack_id)
    command = TABLE[name]
    try:
        argument = _argument(DECODERS[name], event)
        rooms = command.rooms(argument)
        for room in rooms:
            check_room(room)
        node.rates.spend(connection)
        if command.action == "ranking":
            check_ranking_granted(connection.user, argument.prefix)
        elif command.action is not None:
            for room in rooms:
                check_granted(connection.user, room)
        if command.action == "watch":  # before the application is asked about each of them
            node.check_watch_limit(connection, rooms)
        if node.hooks.authorize is None:
            command.permit(node, connection)
        elif command.action is not None or command.asking is not None:
            return _ask_and_run(node, connection, command, argument, answer)
        command.run(node, connection, argument, answer)
    except Refusal as refusal:
        answer.refused(refusal)
    return None


async def _ask_and_run(node: Node, connection: Connection, command: Command, argument: Any, answer: Answer) -> None:
    user = connection.user
    try:
        if command.asking is not None:
            await command.asking(node, connection, argument, answer)
            return
        assert command.action is not None
        for subject in (command.subjects or command.rooms)(argument) or [""]:
            await authorize(node, user, command.action, subject)
        if connection.user != user:  # the application has made it somebody else's meanwhile
            raise Forbidden("This connection has become another user's; send it again.")
        if connection.connected:
            command.run(node, connection, argument, answer)
    except Refusal as refusal:
        answer.refused(refusal)
    except Disconnect as limit:
        connection.peer.disconnect(limit)
    except Exception:  # the application's hook; nothing was done
        node.log.exception("the authorize hook failed")
        answer.refused(Refusal("The application could not decide; try again.", code="internal", retry_after_ms=1000))


def _argument(decoder: msgspec.json.Decoder[Any], event: EventReceived) -> Any:
    if len(event.args) != 1:
        for arg in event.args:
            decode_value(arg)  # as below
        raise BadRequest("A command takes one object.")
    payload = bytes(event.args[0])
    try:
        argument = decoder.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        decode_value(payload)  # what nobody can read, like a number of 5,000 digits, ends the connection
        if isinstance(error, msgspec.ValidationError):
            raise BadRequest(describe(error, decoder.type)) from None
        raise BadRequest(f"{error}.") from error
    # Everywhere in a command, not only where it says who somebody is: one rule is easier to tell, and costs nothing more. Read as
    # a whole also for the fields that it does not know: a number that nobody can read may stand there.
    if b":" in payload and has_twin_keys(payload, decode_value(payload)):
        raise BadRequest("One key stands twice in an object.")
    return argument

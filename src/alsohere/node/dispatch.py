"""From what a client sent to the handler that is registered for it.

Owns: order (a connection's events are handled one after the other, see node/lane.py), acknowledgements both ways, and the
guard around the application's code: what it raises is logged and ends nothing but that call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import TYPE_CHECKING, Any

from alsohere.errors import BadRequest, CloseCode, Disconnect, PacketError, Refusal
from alsohere.facts import LeaveReason
from alsohere.node import commands
from alsohere.node.answer import Answer
from alsohere.node.connection import Connection
from alsohere.node.hooks import Handler
from alsohere.node.lane import Lane
from alsohere.session.events import AckReceived, BinaryEventReceived, EventReceived, Unreadable
from alsohere.wire import socketio

if TYPE_CHECKING:
    from alsohere.node.node import Node
    from alsohere.node.peer import Peer

MAX_WAITING_EVENTS = 64


class Dispatch:
    """The handlers of one node at work."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._calls: dict[Connection, dict[int, asyncio.Future[list[Any]]]] = {}  # by ack id

    # -- Events ------------------------------------------------------------------------------------------------------

    def event(self, connection: Connection, event: EventReceived | BinaryEventReceived | Unreadable) -> None:
        """An event arrived; handle it after those before it."""
        if connection.lane is None or not connection.lane.busy:
            coroutine = self._handle(connection, event)
            if coroutine is not None:
                self._lane(connection).submit(lambda: coroutine)
        elif not connection.lane.submit(lambda: self._handle_later(connection, event)):
            raise Disconnect(CloseCode.RATE, "too many events are waiting for the application")

    def _handle_later(
        self, connection: Connection, event: EventReceived | BinaryEventReceived | Unreadable
    ) -> Coroutine[Any, Any, None] | None:
        """`_handle` behind a barrier of its own: by then `Peer.receive` has long returned."""
        try:
            return self._handle(connection, event)
        except Exception as error:
            connection.peer.fail(error)
            return None

    def _handle(
        self, connection: Connection, event: EventReceived | BinaryEventReceived | Unreadable
    ) -> Coroutine[Any, Any, None] | None:
        node = self._node
        if not connection.connected:
            return None
        if isinstance(event, Unreadable):
            refusal = BadRequest("The text has an unpaired surrogate; send valid Unicode.", code="bad_text")
            Answer(node, connection, event.ack_id).refused(refusal)
            return None
        if event.name in commands.TABLE and connection.namespace == socketio.MAIN and isinstance(event, EventReceived):
            node.metrics.commands[event.name] += 1
            return commands.execute(node, connection, event.name, event)
        handler = node.hooks.namespaces[connection.namespace].events.get(event.name)
        answer = Answer(node, connection, event.ack_id)
        if handler is None:
            _check_readable(event)
            answer.refused(BadRequest("No handler for this event; see docs/reference/events.md.", code="unknown_event"))
            return None
        node.metrics.commands["custom"] += 1
        return self._call_handler(connection, handler, event, answer)

    def _call_handler(
        self, connection: Connection, handler: Handler, event: EventReceived | BinaryEventReceived, answer: Answer
    ) -> Coroutine[Any, Any, None] | None:
        try:
            self._node.rates.spend(connection)
            raw = isinstance(event, EventReceived)
            args = [socketio.decode_value(arg) for arg in event.args] if raw else event.args  # type: ignore[arg-type]
            result = handler.function(connection, *handler.fit(args))
            if isinstance(result, Awaitable):
                return self._await_handler(result, answer)
            _acknowledge(answer, result)
        except Refusal as refusal:
            answer.refused(refusal)
        except PacketError:
            raise
        except Exception:  # the application's code
            self._failed(answer)
        return None

    async def _await_handler(self, result: Awaitable[Any], answer: Answer) -> None:
        try:
            _acknowledge(answer, await result)
        except Refusal as refusal:
            answer.refused(refusal)
        except Exception:  # the application's code
            self._failed(answer)

    def _failed(self, answer: Answer) -> None:
        self._node.log.exception("an event handler failed")  # noqa: LOG004 - called from the handlers' except
        self._node.metrics.internal_error()
        answer.refused(Refusal("The application failed to handle this event.", code="internal"))

    # -- Lifecycle ---------------------------------------------------------------------------------------------------

    def connected(self, connection: Connection) -> None:
        """Call `on_connect`; the client's first events wait for it."""
        for handler in self._node.hooks.namespaces[connection.namespace].connected:
            self._lane(connection).submit(lambda handler=handler: self.guard(handler, [connection]))  # type: ignore[misc]

    def disconnected(self, connection: Connection, reason: LeaveReason) -> None:
        """Call `on_disconnect`, after what the connection's handlers still do."""
        for future in self._calls.pop(connection, {}).values():  # a handler that waits for the client need not wait longer
            if not future.done():
                future.set_exception(TimeoutError("the connection has ended"))
        for handler in self._node.hooks.namespaces[connection.namespace].disconnected:
            # Always: too many waiting events are one of the reasons why connections end.
            self._lane(connection).submit(lambda handler=handler: self.guard(handler, [connection, reason]), always=True)  # type: ignore[misc]

    def tell(self, connection: Connection, handlers: list[Handler], args: list[Any]) -> None:
        """Call hooks about a connection, after what its handlers still do."""
        for handler in handlers:
            self._lane(connection).submit(lambda handler=handler: self.guard(handler, args), always=True)  # type: ignore[misc]

    def guard(self, handler: Handler, args: list[Any]) -> Coroutine[Any, Any, None] | None:
        """Call a handler whose result nobody wants."""
        try:
            fitted = args if handler.most is None else args[: handler.most + 1]
            result = handler.function(*fitted)
            return self._await_guarded(result) if isinstance(result, Awaitable) else None
        except Exception:  # the application's code
            self._node.log.exception("a hook failed")
            return None

    async def _await_guarded(self, result: Awaitable[Any]) -> None:
        try:
            await result
        except Exception:  # the application's code
            self._node.log.exception("a hook failed")

    def _lane(self, connection: Connection) -> Lane:
        if connection.lane is None:
            connection.lane = Lane(MAX_WAITING_EVENTS, self._node.tasks)
        return connection.lane

    # -- Calls -------------------------------------------------------------------------------------------------------

    async def call(self, connection: Connection, name: str, args: tuple[Any, ...], timeout_s: float) -> list[Any]:
        """Send an event and wait for its acknowledgement; TimeoutError if none comes."""
        if not connection.connected:
            raise TimeoutError("the connection has ended")
        session = connection.peer.session
        try:
            ack_id = session.expect_ack(connection.namespace)
        except Disconnect as limit:
            connection.peer.disconnect(limit)
            raise TimeoutError("the client leaves too many events unanswered") from None
        calls = self._calls.setdefault(connection, {})
        future: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        calls[ack_id] = future
        try:
            connection.outbox.put_all(session.send(connection.namespace, name, args, ack_id))
            async with asyncio.timeout(timeout_s):
                return await future
        finally:
            calls.pop(ack_id, None)
            if not calls:
                self._calls.pop(connection, None)
            session.forget_ack(ack_id)
            del future  # what it raises knows this frame: until the garbage collector came, both would live, and the connection

    def acknowledged(self, peer: Peer, event: AckReceived) -> None:
        """A client answered an event of ours."""
        future = self._calls.get(peer.connection(event.namespace), {}).get(event.ack_id)
        if future is not None and not future.done():
            future.set_result(event.args)


def _check_readable(event: EventReceived | BinaryEventReceived) -> None:
    """PacketError for what nobody can read, also if nobody wants to."""
    if isinstance(event, EventReceived):
        for arg in event.args:
            socketio.decode_value(arg)


def _acknowledge(answer: Answer, result: Any) -> None:
    if result is None:
        answer.send()
    elif isinstance(result, tuple):
        answer.send(*result)
    else:
        answer.send(result)

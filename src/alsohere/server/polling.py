"""Long-polling, over any ASGI server.

Owns: the one GET and the one POST that a session may have under way, and what their bodies may be.
Invariants: a second GET or POST beside the first ends the session (the client is broken, or there are two of them); a GET that
its client gives up ends it too, because what it would have carried is lost; packets leave the outbox only for an answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from alsohere.errors import CloseCode, Disconnect, PacketError
from alsohere.node.peer import Peer
from alsohere.ports import Sink
from alsohere.server.farewell import Farewells
from alsohere.server.request import BAD_REQUEST, EngineError, unknown_sid
from alsohere.session.upgrade import UpgradeState
from alsohere.wire.engineio import CLOSE_PACKET, NOOP_PACKET, Coding, Packet

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

BODY_TIMEOUT_S = 10.0
# With these codes we take leave of a client that did nothing wrong to the protocol: it shall hear everything that waits.
_LEAVE_TAKING = frozenset({CloseCode.NORMAL, CloseCode.RESTART, CloseCode.UNAUTHENTICATED, CloseCode.FORBIDDEN, CloseCode.RATE})


class Polling(Sink):
    """The polling transport of one session: a `ports.Sink` that only keeps and wakes.

    Args:
        peer: the session.
        farewells: where last words are kept.
        coding: of the client's revision.
    """

    __slots__ = ("_coding", "_farewells", "_peer", "_poll", "_posting", "_took_leave")

    def __init__(self, peer: Peer, farewells: Farewells, coding: Coding) -> None:
        self._peer = peer
        self._farewells = farewells
        self._coding = coding
        self._took_leave = False
        self._poll: asyncio.Future[list[Packet]] | None = None
        self._posting = False
        peer.outbox.attach(self, ready=False)
        peer.poll = self

    # -- A `ports.Sink` ----------------------------------------------------------------------------------------------

    def write(self, packet: Packet) -> None:  # noqa: ARG002
        raise AssertionError("a polling outbox is never ready")

    def close(self, code: CloseCode, reason: str) -> None:  # noqa: ARG002 - polling has no close codes
        # After a restart everybody shall come back. python-socketio takes a close packet for a dismissal and stays away; that the
        # session of its next poll is unknown makes every client begin anew.
        farewell = NOOP_PACKET if code in (CloseCode.NORMAL, CloseCode.RESTART) else CLOSE_PACKET
        self._took_leave = code in _LEAVE_TAKING
        if self._poll is not None:
            self.release(farewell)
        elif self._took_leave and (left := self._peer.outbox.take(1 << 30)):
            words = self._coding.encode_payload([*left, farewell])
            self._farewells.keep(self._peer.sid, self._peer.handshake.credentials, words)

    @property
    def is_waiting(self) -> bool:
        """Whether a poll is under way."""
        return self._poll is not None

    def release(self, farewell: Packet) -> None:
        """Answer a waiting poll with what is left and `farewell`; nothing happens if none waits."""
        if self._poll is not None and not self._poll.done():
            # After a takeover what is left goes to the new transport, not here.
            left = self._peer.outbox.take(1 << 30) if self._peer.ended else []
            self._poll.set_result([*left, farewell])

    # -- Requests ----------------------------------------------------------------------------------------------------

    async def get(self, receive: Receive, max_bytes: int) -> bytes:
        """Answer a poll: now if anything waits, otherwise when something comes.

        Raises:
            EngineError: another poll is under way.
        """
        if self._poll is not None:
            self._peer.disconnect(Disconnect(CloseCode.BAD_PACKET, "two polls at once"))
            raise EngineError(BAD_REQUEST, "Bad request: another poll of this session is under way")
        self._peer.found()
        packets = self._peer.outbox.take(max_bytes)
        upgrade = self._peer.upgrade
        # Once it has probed, the client wants to let go of this transport: nothing waits here any more.
        if not packets and (upgrade is None or upgrade.state is not UpgradeState.PROBED):
            packets = await self._wait(receive, max_bytes)
        return self._coding.encode_payload(packets or [NOOP_PACKET])

    def answered(self) -> None:
        """The answer to a poll is out: from now on the client is expected to come back."""
        if self._poll is None and self._peer.transport == "polling" and self._peer.upgrade is None:
            self._peer.expect_poll()

    async def _wait(self, receive: Receive, max_bytes: int) -> list[Packet]:
        poll = self._poll = asyncio.get_running_loop().create_future()
        outbox = self._peer.outbox
        outbox.on_packet = lambda: None if poll.done() else poll.set_result([])
        gone = asyncio.ensure_future(_disconnected(receive))
        try:
            await asyncio.wait({poll, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not poll.done():
                self._peer.disconnect(Disconnect(CloseCode.BAD_PACKET, "a poll was given up"))
                return [CLOSE_PACKET]
            return poll.result() or outbox.take(max_bytes)
        finally:
            gone.cancel()
            if outbox.sink is self:  # and no WebSocket that took over meanwhile
                outbox.on_packet = None
            self._poll = None

    async def post(self, scope: Scope, receive: Receive, max_bytes: int) -> None:
        """Take a payload.

        Raises:
            EngineError: too large (413), too slow (408), two at once, or not the protocol; the session is over.
        """
        if self._posting:
            self._peer.disconnect(Disconnect(CloseCode.BAD_PACKET, "two POSTs at once"))
            raise EngineError(BAD_REQUEST, "Bad request: another POST of this session is under way")
        self._posting = True
        try:
            binary = self._coding.takes_binary_bodies
            async with asyncio.timeout(BODY_TIMEOUT_S):
                body = await read_body(scope, receive, max_bytes, binary=binary)
            packets = self._coding.decode_payload(body)
        except TimeoutError:
            self._peer.disconnect(Disconnect(CloseCode.TOO_SLOW, "slow body"))
            raise EngineError(BAD_REQUEST, "The body took too long", status=408) from None
        except Disconnect as disconnect:
            self._peer.disconnect(disconnect)
            status = 413 if disconnect.close_code is CloseCode.TOO_BIG else 400
            raise EngineError(BAD_REQUEST, f"Bad request: {disconnect.reason}", status) from None
        finally:
            self._posting = False
        if self._peer.poll_by_s is not None:  # no poll is under way, but who sends is there
            self._peer.expect_poll()
        for data, binary in packets:
            self._peer.receive(data, binary=binary)
        if self._peer.ended and not self._took_leave:
            raise EngineError(BAD_REQUEST, "Bad request: the session was closed")


async def read_body(scope: Scope, receive: Receive, max_bytes: int, *, binary: bool = False) -> bytes:
    """The request's body.

    Args:
        scope, receive: the request.
        max_bytes: the largest.
        binary: whether it may be of bytes, as those of Engine.IO 3 may.

    Raises:
        PacketError: (1009) larger than `max_bytes`, whether it says so or not; (4400) given up half-way, or a content type
            that is none of the revision's.
    """
    for name, value in scope["headers"]:
        if name == b"content-length" and (not value.isdigit() or int(value[:16]) > max_bytes):
            raise PacketError("body larger than maxPayload", CloseCode.TOO_BIG)
        if not binary and name == b"content-type" and value.partition(b";")[0].strip().lower() == b"application/octet-stream":
            raise PacketError("binary bodies are of Engine.IO 3")
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise PacketError("body given up")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > max_bytes:
            raise PacketError("body larger than maxPayload", CloseCode.TOO_BIG)
        if not message.get("more_body", False):
            return b"".join(parts)


async def drop_body(scope: Scope, receive: Receive, max_bytes: int) -> None:
    """Read what a client sends to a session that is over.

    Raises:
        EngineError: it is not even a body.
    """
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            await read_body(scope, receive, max_bytes)
    except (Disconnect, TimeoutError):
        raise unknown_sid() from None


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass

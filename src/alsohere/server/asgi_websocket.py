"""WebSocket connections under any ASGI server.

ASGI gives every connection a task and every message a dict; there is no way to share a finished frame. This is the way in for
applications that bring their own server; `alsohere serve` has server/websocket.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from alsohere.errors import CloseCode, Disconnect, PacketError
from alsohere.node.peer import Peer
from alsohere.ports import Sink
from alsohere.server.messages import check_utf8
from alsohere.server.takeover import Takeover
from alsohere.wire.engineio import Coding, Packet

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

CLOSE_TIMEOUT_S = 1.0


class AsgiWebSocket(Sink):
    """One client's WebSocket.

    Args:
        peer: the session, or the one that this transport wants to take over.
        takeover: the probe, if this transport is an upgrade.
        max_bytes: the largest message.
        coding: of the client's revision.
    """

    __slots__ = ("_close", "_closing", "_coding", "_max_bytes", "_news", "_peer", "_replies", "_takeover")

    def __init__(self, peer: Peer, takeover: Takeover | None, max_bytes: int, coding: Coding) -> None:
        self._peer = peer
        self._takeover = takeover
        self._max_bytes = max_bytes
        self._coding = coding
        self._news = asyncio.Event()
        self._replies: list[Packet] = []  # of the probe; they do not wait behind the session's own packets
        self._close: tuple[CloseCode, str] | None = None
        self._closing = asyncio.Event()

    # -- A `ports.Sink` that is never ready: the writer takes from the outbox as fast as the server lets it ---------

    def write(self, packet: Packet) -> None:
        self._replies.append(packet)
        self._news.set()

    def close(self, code: CloseCode, reason: str) -> None:
        self._close = (code, reason)
        self._closing.set()
        self._news.set()

    # -- The connection ----------------------------------------------------------------------------------------------

    async def run(self, receive: Receive, send: Send) -> None:
        """Serve until either side ends it. The WebSocket has been accepted."""
        if self._takeover is not None:
            self._takeover.begin(self)
        elif self._peer.ended:  # while the server was accepting: nothing else would ever close this
            self.close(CloseCode.RESTART, "the session is over")
        else:
            self._attach()
        writer = asyncio.ensure_future(self._write(send))
        reader = asyncio.ensure_future(self._read(receive))
        # To a client that reads nothing, the writer waits in `send` and hears of no close.
        closing = asyncio.ensure_future(self._closing.wait())
        try:
            await asyncio.wait({writer, reader, closing}, return_when=asyncio.FIRST_COMPLETED)
            if self._close is not None:
                await asyncio.wait({writer}, timeout=CLOSE_TIMEOUT_S)
        finally:
            for task in (writer, reader, closing):
                task.cancel()
            await asyncio.gather(writer, reader, closing, return_exceptions=True)
            self._lost()

    def _attach(self) -> None:
        self._peer.outbox.attach(self, ready=False)
        self._peer.outbox.on_packet = self._news.set
        self._news.set()

    def _lost(self) -> None:
        if self._takeover is not None:
            self._takeover.abort()
        else:
            self._peer.end()

    async def _write(self, send: Send) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            replies, self._replies = self._replies, []
            for packet in replies:
                await send(_message(packet))
            if self._takeover is None:
                await self._empty(send)
            if self._close is not None:
                code, reason = self._close
                await send({"type": "websocket.close", "code": int(code), "reason": reason[:120]})
                return

    async def _empty(self, send: Send) -> None:
        while packets := self._peer.outbox.take(1 << 16):
            for packet in self._coding.messages(packets):
                await send(_message(packet))

    async def _read(self, receive: Receive) -> None:
        while self._close is None:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return
            text, data = message.get("text"), message.get("bytes")
            try:
                self._receive(text.encode() if text is not None else data or b"", binary=text is None)
            except UnicodeEncodeError:
                self._fail(PacketError("text that is not UTF-8", CloseCode.INVALID_TEXT))
            except Disconnect as disconnect:
                self._fail(disconnect)

    def _receive(self, data: bytes, *, binary: bool) -> None:
        if len(data) > self._max_bytes:
            raise PacketError("message larger than maxPayload", CloseCode.TOO_BIG)
        if not binary:
            check_utf8(data)
        if self._takeover is None:
            self._peer.receive(data, binary=binary)
        elif self._takeover.receive(self, data, binary=binary):
            self._takeover = None
            self._attach()

    def _fail(self, disconnect: Disconnect) -> None:
        if self._takeover is None:
            self._peer.disconnect(disconnect)
        else:
            self.close(disconnect.close_code, disconnect.reason)


def _message(packet: Packet) -> Message:
    if packet.binary:
        return {"type": "websocket.send", "bytes": packet.data}
    return {"type": "websocket.send", "text": packet.data.decode()}

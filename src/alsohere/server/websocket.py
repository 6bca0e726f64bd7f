"""WebSocket connections of `alsohere serve`: picows behind uvicorn.

uvicorn reads the HTTP request; when it is an upgrade for us, `take_over` hands the transport to picows' `WSProtocol`, which from
then on calls `WebSocket` for every frame and is called for every packet. No task, no timer and no ASGI messages per connection.

The seam: `WSProtocol` is not public API of picows (hence the narrow version range and tests/server/test_seam.py). It expects to
read the upgrade request itself, so it is given a minimal one, not the client's: what it parses it keeps, and a browser's
headers are ten times the size of the four that matter here.
Rejected: uvicorn's `ws=` class. It is given no path to choose by, and the whole request is serialized and parsed a second time.
"""

from __future__ import annotations

import asyncio
import sys
from http import HTTPStatus
from typing import Any

from picows import (
    WSAutoPingStrategy,
    WSFrame,
    WSListener,
    WSMsgType,
    WSProtocolError,
    WSTransport,
    WSUpgradeResponseWithListener,
)
from picows.picows import WSProtocol  # type: ignore[attr-defined]  # see "The seam"

from alsohere.errors import CloseCode, Disconnect, PacketError
from alsohere.node.peer import Peer
from alsohere.server.messages import Fragments, answer_to_close, check_utf8, frame
from alsohere.server.takeover import Takeover
from alsohere.wire import engineio
from alsohere.wire.engineio import Coding, Packet

TEXT, BINARY, CONTINUATION = WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION
PING, CLOSE = WSMsgType.PING, WSMsgType.CLOSE

# picows copies a packet into a buffer that it keeps per connection and that never shrinks. Larger packets go around it, so
# that one snapshot does not cost every connection its size for good.
SMALL_BYTES = 1000
READ_BUFFER_BYTES = 2048

# Who is sent away has to hear it. A connection that is closed with bytes of theirs unread ends in a reset, which may overtake
# the `41` and the code; so they are read, and thrown away, until the client answers the close or this has passed.
LINGER_S = 1.0
_SENT_AWAY = frozenset({CloseCode.FORBIDDEN, CloseCode.RATE})

_BAD_LENGTH = "Received frame with invalid 64-bit payload length"  # in picows' words


class _Silence:
    """A logger for picows, which otherwise makes one per connection."""

    def isEnabledFor(self, _: int) -> bool:  # noqa: N802 - picows' name
        return False

    def _ignore(self, *_: object, **__: object) -> None:
        return

    def error(self, *_: object) -> None:
        """A frame was refused: a length of 2^63 and more is too large, as 2^63 - 1 is.

        picows logs what it has caught, then closes with its `args`: here the code can still be chosen. It says the same of a
        64-bit length for which fewer bytes would do, which therefore is told 1009 too.
        """
        fault = sys.exception()
        if isinstance(fault, WSProtocolError) and fault.args[1] == _BAD_LENGTH:
            fault.args = (int(CloseCode.TOO_BIG), _BAD_LENGTH)

    log = debug = info = warning = exception = _ignore


_SILENCE = _Silence()


class WebSocket(WSListener):
    """One client's WebSocket: a `ports.Sink`, and what picows calls.

    Args:
        peer: the session, or the one that this transport wants to take over.
        max_bytes: the largest message.
        takeover: the probe, if this transport is an upgrade.
    """

    __slots__ = ("_fragments", "_max_bytes", "_peer", "_pinged", "_takeover", "_transport")

    def __init__(self, peer: Peer, max_bytes: int, takeover: Takeover | None) -> None:
        self._peer = peer
        self._max_bytes = max_bytes
        self._takeover = takeover
        self._fragments: Fragments | None = None
        self._pinged: bytes | None = None  # what the last ping that is not answered yet has brought
        self._transport: Any = None

    # -- Called by picows --------------------------------------------------------------------------------------------

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        if self._takeover is None:
            self._peer.outbox.attach(self, ready=True)
        else:
            self._takeover.begin(self)

    def on_ws_frame(self, _: WSTransport, received: WSFrame) -> None:
        kind = received.msg_type
        try:
            if received.rsv1 or received.rsv2 or received.rsv3:
                raise PacketError("reserved bit set", CloseCode.PROTOCOL)
            if kind == TEXT and received.fin and self._fragments is None:
                data = received.get_payload_as_bytes()
                check_utf8(data)
                self._receive(data, binary=False)
            elif kind in (TEXT, BINARY, CONTINUATION):
                self._receive_fragment(kind, received)
            elif kind == CLOSE:
                code = int(received.get_close_code())  # type: ignore[call-overload]  # an IntEnum, which the stubs do not say
                self._transport.send_close(answer_to_close(code, received.payload_size))
                self._transport.disconnect()
            else:  # what keeps a session alive is the heartbeat of Engine.IO
                self._receive_ping(kind, received)
        except Disconnect as disconnect:
            self._fail(disconnect)

    def on_ws_disconnected(self, _: WSTransport) -> None:
        if self._takeover is not None:
            self._takeover.abort()
        else:
            self._peer.end()

    def pause_writing(self) -> None:
        if self._peer.outbox.sink is self:
            self._peer.outbox.pause()

    def resume_writing(self) -> None:
        if self._peer.outbox.sink is self:
            self._peer.outbox.resume()

    # -- A `ports.Sink` ----------------------------------------------------------------------------------------------

    def write(self, packet: Packet) -> None:
        data = packet.data
        if len(data) <= SMALL_BYTES:
            self._transport.send(BINARY if packet.binary else TEXT, data)
        elif not self._transport.is_close_frame_sent:
            self._transport.underlying_transport.write(frame(data, binary=packet.binary))

    def close(self, code: CloseCode, reason: str) -> None:
        transport = self._transport
        if transport is None or transport.is_disconnected:
            return
        transport.send_close(int(code), reason.encode()[:120])
        if code in _SENT_AWAY:
            asyncio.get_running_loop().call_later(LINGER_S, transport.disconnect, False)
            return
        # A client that reads nothing would keep a graceful close waiting for as long as TCP likes.
        transport.disconnect(graceful=transport.underlying_transport.get_write_buffer_size() == 0)

    # -- Messages ----------------------------------------------------------------------------------------------------

    def _receive_fragment(self, kind: WSMsgType, received: WSFrame) -> None:
        data = received.get_payload_as_bytes()
        if kind == CONTINUATION:
            if self._fragments is None:
                raise PacketError("continuation of nothing", CloseCode.PROTOCOL)
            self._fragments.add(data)
        elif self._fragments is not None:
            raise PacketError("a new message inside another", CloseCode.PROTOCOL)
        else:
            self._fragments = Fragments(data, binary=kind == BINARY, max_bytes=self._max_bytes)
        if received.fin:
            (message, binary), self._fragments = self._fragments.finish(), None
            if not binary:
                check_utf8(message)
            self._receive(message, binary=binary)

    def _receive_ping(self, kind: WSMsgType, received: WSFrame) -> None:
        """A ping or a pong of WebSocket."""
        try:
            self._peer.spend()
        except Disconnect:  # no Socket.IO client sends any, so none has to be told to stay away
            raise Disconnect(CloseCode.POLICY, "too many pings") from None
        if kind == PING:
            # RFC 6455, section 5.5.3: of pings that come together only the last need be answered.
            if self._pinged is None:
                asyncio.get_running_loop().call_soon(self._pong)
            self._pinged = received.get_payload_as_bytes()

    def _pong(self) -> None:
        data, self._pinged = self._pinged, None
        if not self._transport.is_disconnected and not self._transport.is_close_frame_sent:
            self._transport.send_pong(data)

    def _receive(self, data: bytes, *, binary: bool) -> None:
        if self._takeover is None:
            self._peer.receive(data, binary=binary)
        elif self._takeover.receive(self, data, binary=binary):
            self._takeover = None

    def _fail(self, disconnect: Disconnect) -> None:
        if self._takeover is None:
            self._peer.disconnect(disconnect)
        else:
            self.close(disconnect.close_code, disconnect.reason)


# Between the 101 and the OPEN packet, for clients that begin to listen when the socket is open, as those of the official suite of
# revision 3 do: in Node, what comes in one piece is heard in one turn.
OPEN_AFTER_S = 0.005


class CodedWebSocket(WebSocket):
    """The same for a revision in which messages are not packets as they are, and nothing travels with the 101.

    Args:
        peer, max_bytes, takeover: see `WebSocket`.
        coding: makes messages of packets.
    """

    __slots__ = ("_coding",)

    def __init__(self, peer: Peer, max_bytes: int, takeover: Takeover | None, coding: Coding) -> None:
        super().__init__(peer, max_bytes, takeover)
        self._coding = coding

    def on_ws_connected(self, transport: WSTransport) -> None:
        if self._takeover is not None:
            super().on_ws_connected(transport)
            return
        self._transport = transport
        self._peer.outbox.attach(self, ready=False)
        asyncio.get_running_loop().call_later(OPEN_AFTER_S, self._begin)

    def _begin(self) -> None:
        if not self._peer.ended:
            self._peer.outbox.resume()

    def write(self, packet: Packet) -> None:
        super().write(self._coding.messages([packet])[0])


_BETWEEN = asyncio.Protocol()
_NO_HEADERS: dict[str, str] = {}


class _Line:
    """uvloop's transport without its socket options, and what picows takes for its socket.

    picows sets three options on every connection, which uvloop answers by making and dismantling a socket object each time: a
    twentieth of the cost of a connect. The one that matters, TCP_NODELAY, uvloop has set by itself. The addresses, which picows
    only logs, are not there.
    """

    __slots__ = ("_transport",)

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def get_extra_info(self, name: str) -> Any:
        if name == "socket":
            return self
        return self._transport.get_extra_info(name) if name == "ssl_object" else None

    def fileno(self) -> int:
        return int(self._transport.get_extra_info("socket").fileno())

    def setsockopt(self, *_: object) -> None:
        return

    def getsockopt(self, *_: object) -> int:
        return 0


def take_over(
    transport: asyncio.Transport, key: bytes, peer: Peer, takeover: Takeover | None, max_bytes: int, coding: Coding
) -> None:
    """Answer an upgrade request and let picows have the connection.

    Args:
        transport: uvicorn's, which has read the whole request and nothing after it.
        key: the Sec-WebSocket-Key header.
        peer: the session.
        takeover: the probe, if this is an upgrade of a polling session.
        max_bytes: the largest message.
        coding: of the client's revision.
    """
    # Decided here, once: nothing is asked about revisions when packets are sent.
    known = coding is engineio
    listener = WebSocket(peer, max_bytes, takeover) if known else CodedWebSocket(peer, max_bytes, takeover, coding)
    answer = _Switching(peer if known and takeover is None else None)
    protocol = WSProtocol(
        None,  # host_port: a client's
        None,  # ws_path: a client's
        False,  # is_client_side
        lambda _request: WSUpgradeResponseWithListener(answer, listener),  # type: ignore[arg-type]  # as much of one as is used
        _SILENCE,
        False,  # disconnect_on_exception: nothing leaves on_ws_frame
        None,  # websocket_handshake_timeout: the request is here
        False,  # enable_auto_ping: Engine.IO has its own heartbeat
        None,
        None,
        WSAutoPingStrategy.PING_WHEN_IDLE,
        False,  # enable_auto_pong: pongs are counted against the client's packets
        max_bytes,
        None,
        READ_BUFFER_BYTES,
    )
    protocol.connection_made(_Line(transport))
    # uvloop keeps the last `data_received` even when the protocol that follows has buffers instead; without a stop in between,
    # uvicorn's whole HTTP protocol (6 KB) would live as long as the connection.
    transport.set_protocol(_BETWEEN)
    transport.set_protocol(protocol)
    request = (
        b"GET / HTTP/1.1\r\nHost: -\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: " + key + b"\r\n\r\n"
    )
    protocol.get_buffer(len(request))[: len(request)] = request
    protocol.buffer_updated(len(request))
    _slim(protocol.transport)


class _Switching:
    """The 101, with what waits for the client right behind it: the OPEN packet travels in the same write.

    As much of picows' `WSUpgradeResponse` as picows uses; building one of those costs more than the rest of the handshake.

    Args:
        peer: the session that begins here; None for a probe, whose session speaks elsewhere still.
    """

    __slots__ = ("_peer", "headers")

    status = HTTPStatus.SWITCHING_PROTOCOLS

    def __init__(self, peer: Peer | None) -> None:
        self._peer = peer
        self.headers: dict[str, str] = {}  # picows puts Sec-WebSocket-Accept in

    def to_bytes(self) -> bytearray:
        accept = self.headers["Sec-WebSocket-Accept"].encode()
        lines = bytearray(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Accept: %b\r\n\r\n" % accept
        )
        if self._peer is not None:
            for packet in self._peer.outbox.take(READ_BUFFER_BYTES):
                lines += frame(packet.data, binary=packet.binary)
            self._peer = None
        return lines


def _slim(transport: Any) -> None:
    """Empty what picows keeps of a handshake that is over."""
    for kept in (transport.request, transport.response):
        if kept is not None:
            kept.headers = _NO_HEADERS

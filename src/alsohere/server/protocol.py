"""The HTTP side of `alsohere serve`: uvicorn's parser with bounds, and the door to our WebSockets.

Owns: what a connection may cost before it is a request, and after. uvicorn bounds neither the size nor the duration of request
heads, and waits for ever for a client that does not read.
Invariants: a request head is at most 64 headers and 32 KB and arrives within 10 s; a response that the client does not take ends
after `outbox_age_s`; new connections are refused with 503 when nine in ten open files are used; WebSockets of our path go to
picows, all others to uvicorn's own implementation and so to the wrapped application. Where none is wrapped they are refused here:
uvicorn would log that it lacks a library, or that the application had not answered.
"""

from __future__ import annotations

import asyncio
import re
import resource
from collections.abc import Callable
from typing import Any, cast

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from alsohere.node.handshake import Handshake
from alsohere.server.engine import Engine, Request
from alsohere.server.request import EngineError, retry_after
from alsohere.server.takeover import Takeover
from alsohere.server.websocket import take_over

MAX_HEADERS = 64
MAX_HEAD_BYTES = 32 * 1024
MAX_URL_BYTES = 8 * 1024
HEAD_TIMEOUT_S = 10.0
SWEEP_S = 1.0

_KEY = re.compile("[A-Za-z0-9+/]{22}==")
_SPACE = " \t"  # RFC 9110, section 5.6.3; text has more, as \xa0
_REASONS = {400: b"Bad Request", 403: b"Forbidden", 404: b"Not Found", 414: b"URI Too Long", 426: b"Upgrade Required"} | {
    429: b"Too Many Requests",
    431: b"Request Header Fields Too Large",
    503: b"Service Unavailable",
}


def file_limit() -> int:
    """How many connections this process can hold: nine in ten of its open files."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0] * 9 // 10


class Watch:
    """Connections that wait for their client, longest first: one timer for all of them.

    Args:
        timeout_s: how long they may, before they are cut.
    """

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._since: dict[HttpProtocol, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, protocol: HttpProtocol) -> None:
        """Begin to count; nothing happens if that one is being counted already."""
        if protocol in self._since:
            return
        loop = asyncio.get_running_loop()
        self._since[protocol] = loop.time()
        if self._timer is None:
            self._timer = loop.call_later(SWEEP_S, self._sweep)

    def remove(self, protocol: HttpProtocol) -> None:
        self._since.pop(protocol, None)

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        for protocol, since in list(self._since.items()):
            if loop.time() - since < self._timeout_s:
                break
            del self._since[protocol]
            protocol.transport.abort()
        self._timer = loop.call_later(SWEEP_S, self._sweep) if self._since else None


class HttpProtocol(HttpToolsProtocol):
    """One HTTP connection. Made by `factory`, which gives the class what it shares."""

    find_engine: Callable[[str, bytes], Engine | None]
    """The engine of a path and query, if it is ours."""
    no_such: Callable[[str, bytes], bytes | None]
    """What is said about a path and query where there is nothing; None if an application has to be asked."""
    heads: Watch
    """For the rest of a request head."""
    stalls: Watch
    """For the client to read."""
    max_connections: int
    max_files: int

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        # What uvicorn's own method does, but for the addresses: it asks a socket object for each, and under uvloop every question
        # makes a new one and dismantles it again.
        self.connections.add(self)
        self.transport = transport
        self.flow = FlowControl(transport)
        self.server = _address(transport, "sockname")
        self.client = _address(transport, "peername")
        self.scheme = "https" if transport.get_extra_info("sslcontext") else "http"
        self._upgrades: bool | None = None
        self._head_bytes = 0
        self._kept_bytes = 0  # that the parser has read since it last told us something
        self._bad_status = 0
        self._running: RequestResponseCycle | None = None
        # The kernel hands out the lowest free number. So one above the limit says that all below are in use, by whatever.
        if transport.get_extra_info("socket").fileno() >= self.max_files or len(self.connections) > self.max_connections:
            self._refuse(503, b"This server has no room for more connections.")
            return
        self.heads.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.heads.remove(self)
        self.stalls.remove(self)
        # uvicorn tells the last of pipelined requests, and the first goes on writing.
        if self._running is not None:
            self._running.disconnected = True
            self._running.message_event.set()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._upgrades = None
        self._head_bytes = self._kept_bytes = 0
        self.heads.add(self)

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._kept_bytes = 0
        if len(self.url) > MAX_URL_BYTES:
            self._bad_status = 414

    def on_header(self, name: bytes, value: bytes) -> None:
        # uvicorn's own method, without the way to it: a browser has a dozen headers.
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))
        self._head_bytes += len(name) + len(value)
        self._kept_bytes = 0
        if len(self.headers) > MAX_HEADERS or self._head_bytes > MAX_HEAD_BYTES:
            self._bad_status = 431

    def on_headers_complete(self) -> None:
        self.heads.remove(self)
        if not self._bad_status:
            super().on_headers_complete()

    def _should_upgrade(self) -> bool:
        # Asked twice of each upgrade; uvicorn looks through all headers each time.
        if self._upgrades is None:
            self._upgrades = super()._should_upgrade()
        return self._upgrades

    def on_body(self, body: bytes) -> None:
        self._kept_bytes = 0
        if not self._bad_status:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if not self._bad_status:
            super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        if self._bad_status:
            return
        self._kept_bytes += len(data)
        super().data_received(data)
        if self._kept_bytes > MAX_HEAD_BYTES:  # one header (or trailer) without end
            self._bad_status = 431
        if self._bad_status and not self.transport.is_closing():
            self._refuse(self._bad_status, b"The request's head is too large, or comes too early.")
        elif self.cycle is not None and self.cycle.response_complete and self in self.connections:
            # These bytes have stopped the keep-alive timer, and may be no request: the rest of a body, or empty lines.
            self.heads.add(self)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def pause_writing(self) -> None:
        super().pause_writing()
        self.stalls.add(self)

    def resume_writing(self) -> None:
        super().resume_writing()
        self.stalls.remove(self)

    def timeout_keep_alive_handler(self) -> None:
        # A close would wait for what is still to be sent, and a client that does not read keeps it waiting.
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        super().timeout_keep_alive_handler()

    def handle_websocket_upgrade(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self._bad_status = 400  # pipelined behind a request whose answer would be written into the WebSocket
        if self._bad_status:
            return  # and data_received refuses it
        path, _, query = self.url.partition(b"?")
        engine = self.find_engine(path.decode("latin-1"), query)
        if engine is None:
            self.heads.remove(self)
            sentence = self.no_such(path.decode("latin-1"), query)
            if sentence is None:
                super().handle_websocket_upgrade()
            else:
                self._refuse(404, sentence)
            return
        # The transport is no longer uvicorn's to watch: its shutdown must not wait for it.
        self.connections.discard(self)
        request = Request(query, tuple(self.headers), self.client[0] if self.client else "", self.scheme == "https")
        try:
            self._upgrade(engine, request)
        except EngineError as bad:
            self._refuse(*engine.refused(request, bad))

    def _upgrade(self, engine: Engine, request: Request) -> None:
        if self.parser.get_method() != b"GET":
            raise EngineError(2, "Bad handshake method: a WebSocket begins with GET")
        asked, handshake, _ = engine.read(request, "websocket")
        key = _websocket_key(handshake)
        takeover = None
        if asked.sid is None:
            peer = engine.open(handshake, asked)
        else:
            peer = engine.find(asked, handshake)
            takeover = Takeover(peer, engine.rules.connect_timeout_s)
        take_over(self.transport, key, peer, takeover, engine.rules.max_payload_bytes, asked.coding)
        # The parser knows this object by its methods. Without this line each upgrade leaves 6 KB to the garbage collector, and a
        # thousand connects a second leave them faster than it comes.
        self.parser = self.flow = None  # type: ignore[assignment]

    def _refuse(self, status: int, body: bytes) -> None:
        head = b"HTTP/1.1 %d %s\r\ncontent-type: %s\r\ncontent-length: %d\r\nconnection: close\r\n" % (
            status,
            _REASONS.get(status, b""),
            b"application/json" if body.startswith(b"{") else b"text/plain; charset=utf-8",
            len(body),
        )
        if status in (429, 503):
            head += b"retry-after: %s\r\n" % retry_after()
        if status == 426:  # RFC 6455, section 4.4
            head += b"sec-websocket-version: 13\r\n"
        self.transport.write(head + b"\r\n" + body)
        self.transport.close()


def _address(transport: asyncio.Transport, which: str) -> Any:
    found = transport.get_extra_info(which)
    return (str(found[0]), int(found[1])) if isinstance(found, (tuple, list)) else None


def _websocket_key(handshake: Handshake) -> bytes:
    """The client's key. RFC 6455, section 4.2.1: 16 bytes in base64, and version 13."""
    key = (handshake.header(b"sec-websocket-key") or "").strip(_SPACE)
    if (handshake.header(b"sec-websocket-version") or "").strip(_SPACE) != "13":
        raise EngineError(3, "Bad request: Sec-WebSocket-Version must be 13", status=426)
    if not _KEY.fullmatch(key):
        raise EngineError(3, "Bad request: Sec-WebSocket-Key must be 16 bytes in base64")
    return key.encode()


def factory(
    find_engine: Callable[[str, bytes], Engine | None],
    no_such: Callable[[str, bytes], bytes | None],
    max_connections: int,
    stall_timeout_s: float,
) -> type[asyncio.Protocol]:
    """The protocol class of one server, to be given to uvicorn as `http=`.

    Args:
        find_engine: the engine of a path and query, if it is ours.
        no_such: what is said about a path and query where there is nothing; None if an application has to be asked.
        max_connections: how many connections of HTTP there may be.
        stall_timeout_s: how long a response may wait for its client to read.
    """
    shared: dict[str, Any] = {
        "find_engine": staticmethod(find_engine),
        "no_such": staticmethod(no_such),
        "heads": Watch(HEAD_TIMEOUT_S - SWEEP_S),  # as much later may it be seen
        "stalls": Watch(stall_timeout_s),
        "max_connections": max_connections,
        "max_files": file_limit(),
    }
    return cast("type[asyncio.Protocol]", type("BoundedHttpProtocol", (HttpProtocol,), shared))

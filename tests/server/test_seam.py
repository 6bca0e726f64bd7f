"""What we use of picows and uvicorn that they do not promise.

If one of these fails after an update, the seam has moved: read server/websocket.py ("The seam") and server/protocol.py, and
mend those before the versions in pyproject.toml are changed.
"""

from __future__ import annotations

import asyncio
import inspect
import socket
from collections.abc import Callable, Iterator
from importlib.metadata import version
from types import SimpleNamespace

import picows
import pytest
import uvicorn
import uvloop
from picows.picows import WSProtocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from alsohere.server.protocol import HttpProtocol
from alsohere.server.serve import Server
from alsohere.server.websocket import _SILENCE, READ_BUFFER_BYTES

PICOWS = f"picows {version('picows')} has moved the seam"
UVICORN = f"uvicorn {version('uvicorn')} has moved the seam"
UPGRADE = (
    b"GET /socket.io/?EIO=4 HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


@pytest.fixture
def line() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a real connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:  # no socketpair: picows sets TCP options
        there = socket.create_connection(listener.getsockname(), timeout=5)
        here, _ = listener.accept()
    yield here, there
    here.close()
    there.close()


async def until(condition: Callable[[], object], what: str) -> None:
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(what)


# -- picows ------------------------------------------------------------------------------------------------------------


class Listener(picows.WSListener):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.frames: list[tuple[object, ...]] = []
        self.connected: picows.WSTransport | None = None

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self.connected = transport

    def on_ws_frame(self, _: picows.WSTransport, frame: picows.WSFrame) -> None:
        reserved = frame.rsv1 or frame.rsv2 or frame.rsv3
        self.frames.append((frame.msg_type, bool(frame.fin), bool(reserved), frame.get_payload_as_bytes()))


def of_a_server(listener: Listener) -> WSProtocol:
    try:
        strategy = picows.WSAutoPingStrategy.PING_WHEN_IDLE
        made = lambda _: listener  # noqa: E731
        return WSProtocol(
            None, None, False, made, _SILENCE, False, None, False, None, None, strategy, False, 1000, None, READ_BUFFER_BYTES
        )
    except TypeError as error:
        raise AssertionError(f"{PICOWS}: WSProtocol takes other arguments: {error}") from None


async def taken_over(here: socket.socket, protocol: WSProtocol) -> asyncio.Transport:
    """A transport whose request somebody else has read, handed to picows as server/websocket.py does."""
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=here)
    protocol.connection_made(transport)
    transport.set_protocol(protocol)
    buffer = protocol.get_buffer(len(UPGRADE))
    assert len(buffer) >= len(UPGRADE), f"{PICOWS}: get_buffer gives less than it is asked for"
    buffer[: len(UPGRADE)] = UPGRADE
    protocol.buffer_updated(len(UPGRADE))
    return transport


def frames(there: socket.socket, count: int) -> list[Frame]:
    """The next frames that a client gets after the answer to its upgrade."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += there.recv(65536)
    head, _, rest = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 "), f"{PICOWS}: a replayed request is answered {head!r}"
    stream, found = StreamReader(), []
    stream.feed_data(rest)
    while len(found) < count:
        reading = Frame.parse(stream.read_exact, mask=False)
        while True:
            try:
                next(reading)
            except StopIteration as done:
                found.append(done.value)
                break
            stream.feed_data(there.recv(65536))
    return found


def test_picows_answers_a_request_that_somebody_else_has_read(line: tuple[socket.socket, socket.socket]):
    here, there = line

    async def run() -> None:
        listener = Listener()
        protocol = of_a_server(listener)
        transport = await taken_over(here, protocol)
        assert listener.connected is protocol.transport, f"{PICOWS}: on_ws_connected is not called at once"
        assert listener.connected.underlying_transport is transport, f"{PICOWS}: underlying_transport"
        assert protocol.is_buffered_protocol(), f"{PICOWS}: it is no BufferedProtocol any more"
        for part in (listener.connected.request, listener.connected.response):
            part.headers = {}  # what _slim drops; an AttributeError means that it cannot any more
        listener.connected.send(picows.WSMsgType.TEXT, b"4hello")
        listener.connected.send(picows.WSMsgType.BINARY, b"\x01")
        listener.connected.send_pong(b"x")
        assert not listener.connected.is_close_frame_sent
        listener.connected.send_close(4400, b"why")
        assert listener.connected.is_close_frame_sent, f"{PICOWS}: is_close_frame_sent"
        listener.connected.disconnect(graceful=False)
        await until(lambda: listener.connected.is_disconnected, f"{PICOWS}: is_disconnected")

    with uvloop_runner() as runner:
        runner.run(run())
    sent = [(frame.opcode, frame.data) for frame in frames(there, 4)]
    assert sent == [
        (Opcode.TEXT, b"4hello"),
        (Opcode.BINARY, b"\x01"),
        (Opcode.PONG, b"x"),
        (Opcode.CLOSE, b"\x11\x30why"),
    ]


def test_picows_hands_over_every_frame_as_it_came(line: tuple[socket.socket, socket.socket]):
    here, there = line
    sent = [
        Frame(Opcode.TEXT, "4é".encode()),
        Frame(Opcode.BINARY, b"\x00", fin=False),
        Frame(Opcode.CONT, b"\x01"),
        Frame(Opcode.PING, b"p"),
        Frame(Opcode.TEXT, b"x"),
    ]
    *good, last = (frame.serialize(mask=True) for frame in sent)
    reserved = bytes([last[0] | 0x40]) + last[1:]

    async def run() -> list[tuple[object, ...]]:
        listener = Listener()
        await taken_over(here, of_a_server(listener))
        there.sendall(b"".join([*good, reserved]))
        await until(lambda: len(listener.frames) == len(sent), f"{PICOWS}: only {listener.frames} came")
        return listener.frames

    with uvloop_runner() as runner:
        received = runner.run(run())
    kinds = picows.WSMsgType
    assert received == [
        (kinds.TEXT, True, False, "4é".encode()),
        (kinds.BINARY, False, False, b"\x00"),
        (kinds.CONTINUATION, True, False, b"\x01"),
        (kinds.PING, True, False, b"p"),
        (kinds.TEXT, True, True, b"x"),
    ]


def test_picows_asks_its_logger_before_it_refuses_a_length(line: tuple[socket.socket, socket.socket]):
    """Where `_SILENCE` chooses 1009 instead of 1002."""
    here, there = line

    async def run() -> None:
        protocol = of_a_server(Listener())
        await taken_over(here, protocol)
        there.sendall(b"\x81\xff" + (1 << 63).to_bytes(8, "big"))
        await until(lambda: protocol.transport.is_close_frame_sent, f"{PICOWS}: it lets any length pass")

    with uvloop_runner() as runner:
        runner.run(run())
        (close,) = frames(there, 1)
    assert close.data[:2] == (1009).to_bytes(2, "big"), f"{PICOWS}: a refused length is closed with {close.data!r}"


def test_picows_has_the_callbacks_that_flow_control_needs():
    for name in ("pause_writing", "resume_writing", "on_ws_connected", "on_ws_frame", "on_ws_disconnected"):
        assert callable(getattr(picows.WSListener, name, None)), f"{PICOWS}: WSListener.{name}"
    assert callable(getattr(picows.WSFrame, "get_close_code", None)), f"{PICOWS}: WSFrame.get_close_code"


def uvloop_runner() -> asyncio.Runner:
    return asyncio.Runner(loop_factory=uvloop.new_event_loop)


# -- uvicorn -----------------------------------------------------------------------------------------------------------

CALLBACKS = {
    "connection_made": ["self", "transport"],
    "connection_lost": ["self", "exc"],
    "data_received": ["self", "data"],
    "on_message_begin": ["self"],
    "on_url": ["self", "url"],
    "on_header": ["self", "name", "value"],
    "on_headers_complete": ["self"],
    "on_body": ["self", "body"],
    "on_message_complete": ["self"],
    "_should_upgrade": ["self"],
    "handle_websocket_upgrade": ["self"],
}


@pytest.mark.parametrize(("name", "parameters"), CALLBACKS.items(), ids=CALLBACKS)
def test_uvicorn_calls_what_we_override(name: str, parameters: list[str]):
    method = getattr(HttpToolsProtocol, name, None)
    assert method is not None, f"{UVICORN}: HttpToolsProtocol.{name} is gone"
    assert list(inspect.signature(method).parameters) == parameters, f"{UVICORN}: HttpToolsProtocol.{name} takes others"


@pytest.mark.parametrize(("name", "value"), [(b"X-Some", b"Thing"), (b"Expect", b"100-Continue"), (b"expect", b"other")])
def test_uvicorn_does_with_a_header_what_we_do_without_it(name: bytes, value: bytes):
    theirs, ours = (SimpleNamespace(headers=[], expect_100_continue=False) for _ in range(2))
    ours._head_bytes = ours._kept_bytes = 0
    HttpToolsProtocol.on_header(theirs, name, value)  # type: ignore[arg-type]
    HttpProtocol.on_header(ours, name, value)  # type: ignore[arg-type]
    assert vars(theirs).items() <= vars(ours).items(), f"{UVICORN}: on_header does something else"


class Stopped(HttpToolsProtocol):
    """Stops where server/protocol.py takes a connection over."""

    def handle_websocket_upgrade(self) -> None:
        self.reached = True


def test_uvicorn_has_read_the_whole_request_when_it_hands_an_upgrade_over(line: tuple[socket.socket, socket.socket]):
    here, there = line
    config = uvicorn.Config(lambda: None, http=Stopped, ws="websockets-sansio", log_config=None)
    config.load()
    state = ServerState()

    async def run() -> Stopped:
        protocol = config.http_protocol_class(config=config, server_state=state, app_state={})
        transport, _ = await asyncio.get_running_loop().create_connection(lambda: protocol, sock=here)
        there.sendall(UPGRADE)
        await until(lambda: getattr(protocol, "reached", False), f"{UVICORN}: handle_websocket_upgrade is not called")
        assert protocol.transport is transport, f"{UVICORN}: transport"
        assert protocol.parser.get_method() == b"GET", f"{UVICORN}: parser"
        return protocol

    with uvloop_runner() as runner:
        protocol = runner.run(run())
    assert protocol in state.connections, f"{UVICORN}: connections is not the server's set any more"
    assert protocol.connections is state.connections, f"{UVICORN}: connections is not the server's set any more"
    assert protocol.url == b"/socket.io/?EIO=4", f"{UVICORN}: url"
    assert (b"sec-websocket-version", b"13") in protocol.headers, f"{UVICORN}: headers are not (lower-case name, value)"
    assert protocol.scheme == "http", f"{UVICORN}: scheme"
    assert hasattr(protocol, "client"), f"{UVICORN}: client"
    assert protocol.cycle is None, f"{UVICORN}: cycle"


def test_uvicorn_s_server_ends_the_way_we_extend():
    assert list(inspect.signature(uvicorn.Server.handle_exit).parameters) == ["self", "sig", "frame"], UVICORN
    assert list(inspect.signature(uvicorn.Server.shutdown).parameters) == ["self", "sockets"], UVICORN
    server = Server(uvicorn.Config(lambda: None), node=None, drain_s=0)  # type: ignore[arg-type]  # nothing runs
    assert not server.should_exit, UVICORN
    server.handle_exit(15, None)
    assert server.should_exit, UVICORN
    # uvicorn's own would remember the signal and die of it afterwards.
    assert server._captured_signals == [], UVICORN

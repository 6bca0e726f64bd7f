"""Clients below the level of libraries: HTTP and WebSocket written by hand, as wrong as a test wants."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import socket
import struct
from typing import Any, NamedTuple

from support.servers import ServerProcess

ENDPOINT = "/socket.io/"
TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
RESET = 1006
"""What a client notes when the connection ended without a close frame. RFC 6455, section 7.1.5."""


class Answer(NamedTuple):
    """An HTTP response."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> int | None:
        """Of an Engine.IO error."""
        return json.loads(self.body)["code"] if self.body.startswith(b'{"code"') else None


class Line:
    """One TCP connection.

    Args:
        server: whom to call.
        receive_buffer_bytes: how much the kernel reads ahead for us.
    """

    def __init__(self, server: ServerProcess, receive_buffer_bytes: int | None = None, timeout_s: float = 10.0) -> None:
        self.socket = socket.socket()
        if receive_buffer_bytes is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        self.socket.settimeout(timeout_s)
        self.socket.connect(("127.0.0.1", server.port))
        self.host = f"127.0.0.1:{server.port}"
        self._read = b""

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def reset(self) -> None:
        """End the connection with RST instead of FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def everything(self) -> bytes:
        """What the server sends until it ends the connection; TimeoutError if it does not end it."""
        with contextlib.suppress(ConnectionError):
            while got := self.socket.recv(65536):
                self._read += got
        return self._read

    # -- HTTP --------------------------------------------------------------------------------------------------------

    def request(self, line: str | bytes, headers: str | bytes = b"", body: bytes = b"") -> None:
        """Send a request head as it is given, with a Host."""
        line = line.encode("latin-1") if isinstance(line, str) else line
        headers = headers.encode("latin-1") if isinstance(headers, str) else headers
        self.send(line + b" HTTP/1.1\r\nHost: " + self.host.encode() + b"\r\n" + headers + b"\r\n" + body)

    def answer(self, method: str = "GET") -> Answer:
        """Read one response, to a request with that method."""
        response = http.client.HTTPResponse(self.socket, method=method)
        response.begin()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())

    # -- WebSocket ---------------------------------------------------------------------------------------------------

    def upgrade(self, query: str = "EIO=4&transport=websocket", headers: str = "", path: str = ENDPOINT) -> Line:
        """Become a WebSocket."""
        key = base64.b64encode(os.urandom(16)).decode()
        head = f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n{headers}"
        self.request(f"GET {path}?{query}", head)
        while b"\r\n\r\n" not in self._read:
            got = self.socket.recv(65536)
            assert got, self._read
            self._read += got
        head_read, _, self._read = self._read.partition(b"\r\n\r\n")
        assert head_read.startswith(b"HTTP/1.1 101"), head_read
        return self

    def join(self, visitor: str) -> Line:
        """CONNECT the main namespace over a WebSocket."""
        assert self.packet().startswith(b"0{")
        self.send(frame(TEXT, b'40{"visitor":"%s"}' % visitor.encode()))
        assert self.packet().startswith(b"40{")
        return self

    def packet(self) -> bytes:
        """The content of the next frame, whatever it is."""
        return self.frame()[1]

    def frame(self) -> tuple[int, bytes]:
        """The next frame: opcode and payload."""
        first, second = self._take(2)
        size = second & 0x7F
        if size == 126:
            size = int.from_bytes(self._take(2), "big")
        elif size == 127:
            size = int.from_bytes(self._take(8), "big")
        return first & 0x0F, self._take(size)

    def closed(self) -> int:
        """Read on until the server closes, and give the code."""
        try:
            while True:
                opcode, payload = self.frame()
                if opcode == CLOSE:
                    return int.from_bytes(payload[:2], "big") if payload else 1005
        except (ConnectionError, EOFError):
            return RESET

    def _take(self, size: int) -> bytes:
        while len(self._read) < size:
            got = self.socket.recv(65536)
            if not got:
                raise EOFError
            self._read += got
        taken, self._read = self._read[:size], self._read[size:]
        return taken


def frame(
    opcode: int, payload: bytes = b"", *, fin: bool = True, masked: bool = True, reserved: int = 0, length: int | None = None
) -> bytes:
    """A frame of a client. RFC 6455, section 5.2.

    Args:
        length: what the header says, if that is not the truth.
    """
    size = len(payload) if length is None else length
    first = (0x80 if fin else 0) | reserved << 4 | opcode
    mask_bit = 0x80 if masked else 0
    if size < 126:
        head = struct.pack(">BB", first, mask_bit | size)
    elif size < 1 << 16:
        head = struct.pack(">BBH", first, mask_bit | 126, size)
    else:
        head = struct.pack(">BBQ", first, mask_bit | 127, size)
    return head + (b"\0\0\0\0" if masked else b"") + payload  # a mask of zeros changes nothing


class PollingClient:
    """A client on long-polling.

    Args:
        server: whom to call.
        query: what else stands in the query, from its `&` on.
        headers: of every request.
    """

    def __init__(self, server: ServerProcess, query: str = "", **headers: str) -> None:
        self._query = query
        self._headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self._line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        self.sid = ""

    def handshake(self) -> PollingClient:
        """Begin a session."""
        answer = self.get()
        assert answer.status == 200, answer
        self.sid = json.loads(answer.body[1:])["sid"]
        return self

    def join(self, visitor: str) -> PollingClient:
        """CONNECT the main namespace."""
        assert self.post(b'40{"visitor":"%s"}' % visitor.encode()).status == 200
        answer = self.get()
        assert answer.body.startswith(b"40{"), answer
        return self

    @property
    def target(self) -> str:
        """Path and query of this session."""
        return f"{ENDPOINT}?EIO=4&transport=polling{self._query}" + (f"&sid={self.sid}" if self.sid else "")

    def get(self) -> Answer:
        """Poll."""
        return self._ask("GET", None)

    def post(self, body: str | bytes) -> Answer:
        """Send a payload."""
        return self._ask("POST", body.encode() if isinstance(body, str) else body)

    def call(self, event: str, argument: Any, ack_id: int = 0) -> None:
        """Send one of our commands and poll until its ack is there."""
        assert self.post(f"42{ack_id}{json.dumps([event, argument])}").status == 200
        while f"43{ack_id}[".encode() not in (answer := self.get()).body:
            assert answer.status == 200, answer
            if b"2" in answer.body.split(b"\x1e"):
                self.post("3")

    def close(self) -> None:
        """Drop the TCP connection."""
        self._line.close()

    def _ask(self, method: str, body: bytes | None) -> Answer:
        headers = self._headers | ({"Content-Type": "text/plain;charset=UTF-8"} if body is not None else {})
        self._line.request(method, self.target, body, headers)
        response = self._line.getresponse()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())


def goodbye(server: ServerProcess, answer: Answer) -> None:
    """End the session that a handshake's answer has begun, so that the server is as it was."""
    client = PollingClient(server)
    client.sid = json.loads(answer.body[1:])["sid"]
    assert client.post("1").body == b"ok"
    client.close()


def fetch(server: ServerProcess, target: str, method: str = "GET", headers: str = "", body: bytes = b"") -> Answer:
    """One request on a connection of its own."""
    with Line(server) as line:
        line.request(f"{method} {target}", headers + (f"Content-Length: {len(body)}\r\n" if body else ""), body)
        return line.answer(method)

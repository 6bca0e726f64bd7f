"""A back end that posts JSON: so many requests, over a few connections that stay open, each with one request at a time.

Sockets and no HTTP library: what is measured is the server, and a library's client costs more than its answers.
"""

import json
import selectors
import socket
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from rig import Stuck

API_KEY = "of-the-benchmark"
LIMIT_S = 30.0


class Posted(NamedTuple):
    """When the first request was sent and the last answer had come, by the monotonic clock; and the answers' times in seconds."""

    begun_s: float
    ended_s: float
    took_s: list[float]


class Line:
    """One connection."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sent_s = 0.0
        self._got = b""

    def send(self, request: bytes) -> None:
        self._got, self.sent_s = b"", time.monotonic()
        self.socket.sendall(request)

    def take(self) -> bytes | None:
        """The body of the answer, once it is whole."""
        part = self.socket.recv(1 << 18)
        if not part:
            raise Stuck("the server closed the connection of a request")
        self._got += part
        head, end, body = self._got.partition(b"\r\n\r\n")
        if not end or len(body) < int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0]):
            return None
        if not head.startswith(b"HTTP/1.1 200") or b'"error"' in body:
            raise Stuck(f"the server answered {head.splitlines()[0].decode()}: {body[:300].decode()}")
        return body


def request(path: str, content: Any) -> bytes:
    """A POST as it goes over the wire."""
    body = json.dumps(content, separators=(",", ":")).encode()
    head = (
        f"POST /api/v1{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {API_KEY}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def post(port: int, requests: list[bytes], connections: int = 1) -> Posted:
    """Send all of them; Stuck if one is refused."""
    waiting = iter(requests)
    lines = [Line(port) for _ in range(min(connections, len(requests)))]
    took_s: list[float] = []
    with selectors.DefaultSelector() as selector:
        begun_s = time.monotonic()
        for line in lines:
            selector.register(line.socket, selectors.EVENT_READ, line)
            line.send(next(waiting))
        while len(took_s) < len(requests):
            ready = selector.select(LIMIT_S)
            if not ready:
                raise Stuck("the server did not answer a request")
            for key, _ in ready:
                _go_on(key.data, waiting, took_s)
        ended_s = time.monotonic()
    for line in lines:
        line.socket.close()
    return Posted(begun_s, ended_s, took_s)


def _go_on(line: Line, waiting: Iterator[bytes], took_s: list[float]) -> None:
    if line.take() is None:
        return
    took_s.append(time.monotonic() - line.sent_s)
    following = next(waiting, None)
    if following is not None:
        line.send(following)

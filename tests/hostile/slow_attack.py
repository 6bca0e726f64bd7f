"""Attackers who take their time: one byte every half second. They go on beside all other tests, so that their ten seconds cost none."""

from __future__ import annotations

import time
from threading import Thread

from hostile.wire import Line, PollingClient
from support.raw import RawClient, joined
from support.servers import ServerProcess

HEADS = {
    "nothing": (b"", b""),
    "first-head": (b"GET /livez HTTP/1.1\r\n", b"X-Slow: " + b"a" * 100),
    "second-head": (b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n" + b"GET /livez HTTP/1.1\r\n", b"X-Slow: " + b"a" * 100),
    "empty-lines": (b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n", b"\r\n" * 100),
    "body-that-nobody-reads": (b"POST /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n", b"a" * 100),
}


class SlowLine(Thread):
    """Sends one byte after the other until the server has had enough.

    Args:
        server: whom to call.
        start: what is sent at once.
        then: what follows, byte by byte.
    """

    def __init__(self, server: ServerProcess, start: bytes, then: bytes) -> None:
        super().__init__()
        self.ended_after_s: float | None = None
        self.answer = b""
        self._line = Line(server, timeout_s=0.5)
        self._line.send(start)
        self._then = then
        self.start()

    def run(self) -> None:
        began_s = time.monotonic()
        while self.ended_after_s is None and time.monotonic() < began_s + 20:
            try:
                self._line.send(self._then[:1])
                self._then = self._then[1:]
                self.answer = self._line.everything()
                self.ended_after_s = time.monotonic() - began_s
            except TimeoutError:
                continue  # not yet: the next byte
            except ConnectionError:
                self.ended_after_s = time.monotonic() - began_s
        self._line.socket.close()


class SlowAttack:
    """All of them on one server, and somebody beside them who must not notice.

    Args:
        server: whom to call.
    """

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        self.beside: RawClient = joined(server.url, visitor="beside-0001")
        self.target = PollingClient(server).handshake().join("slow-poster-0001").target
        head = f"POST {self.target} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n".encode()
        self._lines = {name: SlowLine(server, *sent) for name, sent in HEADS.items()} | {
            "post": SlowLine(server, head, b"4" * 100)
        }

    def line(self, name: str) -> SlowLine:
        """One of them, when it is over."""
        self._lines[name].join()
        return self._lines[name]

"""An application that is told what happens: a real HTTP server in this process that checks every signature."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks.webhooks import Webhook

WEBHOOK_SECRET = "whsec_" + "QUJD" * 10
Answer = Callable[[dict[str, Any]], int]


class Receiver:
    """Keeps what it was sent, in order of arrival.

    Args:
        answer: the status for an event; it may take its time.
        port: 0 for one that nobody has.
    """

    def __init__(self, answer: Answer = lambda _: 204, port: int = 0) -> None:
        self.answer = answer
        self.events: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.under_way = self.most_under_way = 0
        self._lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                receiver._take(self)

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: Any) -> None:
                pass  # clients that go away are part of the game

        self._server = Server(("127.0.0.1", port), Handler)
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}/hook"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def __enter__(self) -> Receiver:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _take(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["content-length"]))
        event = self.read(body, dict(request.headers))
        with self._lock:
            self.events.append(event)
            self.headers.append({name.lower(): value for name, value in request.headers.items()})
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            status = self.answer(event)
        finally:
            with self._lock:
                self.under_way -= 1
        request.send_response(status)
        if 300 <= status < 400:
            request.send_header("location", self.url)
        request.send_header("content-length", "0")
        request.end_headers()

    def read(self, body: bytes, headers: dict[str, str]) -> dict[str, Any]:
        """The event, if its signature is good."""
        return Webhook(WEBHOOK_SECRET).verify(body, headers)

    def ids(self, subject: str | None = None) -> list[int]:
        """The ids of what came, of one subject or all."""
        return [event["id"] for event in list(self.events) if subject in (None, event["subject"])]

    def types(self) -> list[str]:
        """What came, without `snapshot.needed`."""
        return [event["type"] for event in list(self.events) if event["type"] != "snapshot.needed"]


def webhook_env(url: str) -> dict[str, str]:
    """The settings of a server that tells an application."""
    return {"ALSOHERE_WEBHOOK_URL": url, "ALSOHERE_WEBHOOK_SECRET": WEBHOOK_SECRET}

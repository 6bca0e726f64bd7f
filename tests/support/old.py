"""Clients 1 and 2 by hand: Engine.IO 3 on long-polling, as wrong as a test wants. Their WebSockets are `RawClient`s."""

from __future__ import annotations

import json
from http.client import HTTPConnection
from typing import Any, NamedTuple
from urllib.parse import urlsplit

TEXT_TYPE, BINARY_TYPE = "text/plain;charset=UTF-8", "application/octet-stream"
QUERY = "EIO=3&transport=websocket"


def payload(*packets: str) -> bytes:
    """Packets as a body: each with its length as JavaScript counts."""
    return "".join(f"{len(packet.encode('utf-16-le')) // 2}:{packet}" for packet in packets).encode()


def packets_of(body: bytes) -> list[str | bytes]:
    """The packets of a body in either form."""
    packets: list[str | bytes] = []
    if body[:1] in (b"\0", b"\1"):
        while body:
            end = body.index(b"\xff")
            size = int("".join(map(str, body[1:end])))
            packet = body[end + 1 : end + 1 + size]
            packets.append(packet if body[0] else packet.decode())
            body = body[end + 1 + size :]
        return packets
    text = body.decode().encode("utf-16-le")
    while text:
        head, _, _ = text.decode("utf-16-le").partition(":")
        start, size = 2 * len(head) + 2, 2 * int(head)
        packets.append(text[start : start + size].decode("utf-16-le"))
        text = text[start + size :]
    return packets


class Answer(NamedTuple):
    """What came back."""

    status: int
    body: bytes
    type: str

    @property
    def code(self) -> int | None:
        """Of an Engine.IO error."""
        return json.loads(self.body)["code"] if self.body.startswith(b'{"code"') else None

    @property
    def packets(self) -> list[str | bytes]:
        """Of a poll."""
        assert self.status == 200, self
        return packets_of(self.body)


class OldPolls:
    """One session of a client 1 or 2 on long-polling.

    Args:
        url: the server, `http://…`.
        path: of the endpoint.
        query: more of the handshake's.
        headers: of every request.
    """

    def __init__(self, url: str, path: str = "/socket.io/", query: str = "", **headers: str) -> None:
        self._netloc = urlsplit(url).netloc
        self._headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.target = f"{path}?EIO=3&transport=polling{query}"
        self.first = self.get().packets
        assert isinstance(self.first[0], str)
        self.open: dict[str, Any] = json.loads(self.first[0][1:])
        self.sid: str = self.open["sid"]
        self.target += f"&sid={self.sid}"
        self.upgrade_query = f"{QUERY}&sid={self.sid}"

    def get(self, **query: str) -> Answer:
        """One poll; `query` takes the place of what it would have."""
        return self._ask("GET", None, "", query)

    def post(self, body: bytes, kind: str = TEXT_TYPE, **query: str) -> Answer:
        """Send a body."""
        return self._ask("POST", body, kind, query)

    def send(self, *packets: str) -> Answer:
        """Send packets."""
        return self.post(payload(*packets))

    def call(self, ack_id: int, event: str, *args: Any) -> Any:
        """Send one of our commands, and poll until its ack is there."""
        assert self.send(f"42{ack_id}{json.dumps([event, *args])}").body == b"ok"
        head = f"43{ack_id}["
        while True:
            for packet in self.get().packets:
                if isinstance(packet, str) and packet.startswith(head):
                    return json.loads(packet[len(head) - 1 :])[0]

    def _ask(self, method: str, body: bytes | None, kind: str, query: dict[str, str]) -> Answer:
        target = self.target
        for name, value in query.items():
            target = "&".join(f"{name}={value}" if pair.startswith(name + "=") else pair for pair in target.split("&"))
            target = target.replace("?EIO=3", f"?EIO={value}") if name == "EIO" else target
        connection = HTTPConnection(self._netloc, timeout=10)
        try:
            connection.request(method, target, body, self._headers | ({"Content-Type": kind} if body is not None else {}))
            response = connection.getresponse()
            return Answer(response.status, response.read(), response.getheader("content-type") or "")
        finally:
            connection.close()

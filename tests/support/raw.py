"""Clients that speak the protocol by hand: they can be as wrong as a test wants."""

from __future__ import annotations

import json
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect


class RawClient:
    """One WebSocket that sends and receives Engine.IO packets as they are.

    Args:
        url: the server, `http://…`.
        path: of the endpoint.
    """

    def __init__(self, url: str, path: str = "/socket.io/", query: str = "EIO=4&transport=websocket", **options: Any) -> None:
        address = f"{url.replace('http', 'ws', 1)}{path}?{query}"
        self._context = connect(address, compression=None, open_timeout=10, max_size=None, **options)
        self.socket: ClientConnection = self._context.__enter__()
        self.open: dict[str, Any] = {}
        self.sid = ""
        self._last_ack_id = 0

    def __enter__(self) -> RawClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._context.__exit__(None, None, None)

    def handshake(self) -> RawClient:
        """Read the OPEN packet."""
        packet = self.receive()
        assert packet.startswith("0{"), packet
        self.open = json.loads(packet[1:])
        return self

    def join(self, auth: dict[str, Any] | None = None, namespace: str = "/") -> RawClient:
        """CONNECT a namespace and read the answer."""
        prefix = "" if namespace == "/" else namespace + ","
        self.send("40" + prefix + ("" if auth is None else json.dumps(auth)))
        answer = self.receive()
        assert answer.startswith("40" + prefix), answer
        self.sid = json.loads(answer[2 + len(prefix) :])["sid"]
        return self

    def send(self, packet: str | bytes) -> None:
        """Send one packet."""
        self.socket.send(packet)

    def receive(self, timeout_s: float = 5.0, *, pings: bool = False) -> Any:
        """The next packet; pings are answered and left out."""
        while True:
            packet = self.socket.recv(timeout=timeout_s)
            if packet == "2" and not pings:
                self.socket.send("3")
                continue
            return packet

    def call(self, event: str, *args: Any, timeout_s: float = 5.0) -> Any:
        """Send an event and return the first argument of its ack; facts that come meanwhile are left out."""
        self._last_ack_id += 1
        self.send(f"42{self._last_ack_id}{json.dumps([event, *args])}")
        head = f"43{self._last_ack_id}["
        while True:
            packet = self.receive(timeout_s)
            if isinstance(packet, str) and packet.startswith(head):
                answer = json.loads(packet[len(head) - 1 :])
                return answer[0] if answer else None

    def event(self, name: str, timeout_s: float = 5.0) -> list[Any]:
        """The arguments of the next event of that name."""
        while True:
            packet = self.receive(timeout_s)
            if isinstance(packet, str) and packet.startswith("42["):
                got, *args = json.loads(packet[2:])
                if got == name:
                    return args

    def closed(self, timeout_s: float = 15.0) -> tuple[int, str]:
        """Read until the server closes; returns the close code and the packets before it joined by spaces."""
        seen = []
        while True:
            try:
                packet = self.socket.recv(timeout=timeout_s)
            except ConnectionClosed as closed:
                received = closed.rcvd
                return (received.code if received else 1006), " ".join(map(str, seen))
            if packet == "2":
                self.socket.send("3")
            else:
                seen.append(packet)


def joined(url: str, visitor: str | None = None, token: str | None = None, **options: Any) -> RawClient:
    """A client that is in the main namespace."""
    auth = {"token": token} if token else {"visitor": visitor} if visitor else None
    return RawClient(url, **options).handshake().join(auth)

"""The endpoints that the protocol tests run against."""

from __future__ import annotations

from typing import NamedTuple

from alsohere.conformance import PING_INTERVAL_S, PING_TIMEOUT_S
from support.raw import RawClient

__all__ = ["ENGINE", "PING_INTERVAL_S", "PING_TIMEOUT_S", "SOCKET", "Endpoint"]

ENGINE = "/engine.io/"
SOCKET = "/socket.io/"


class Endpoint(NamedTuple):
    """An Engine.IO endpoint: raw messages come back at /engine.io/, events at /socket.io/."""

    url: str
    path: str

    def echo(self, client: RawClient) -> bool:
        """Send something on a WebSocket that stands, and see whether it is answered."""
        if self.path == ENGINE:
            client.send("4hello")
            return client.receive() == "4hello"
        client.send("40/nowhere")
        return client.receive() == '44/nowhere,{"message":"Invalid namespace"}'

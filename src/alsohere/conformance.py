"""The application that the official Socket.IO and Engine.IO protocol suites expect.

Two endpoints on one port: `/socket.io/` echoes events, `/engine.io/` echoes raw messages.
"""

from __future__ import annotations

from typing import Any

import msgspec

from alsohere.app import AlsoHere, Namespace
from alsohere.node.connection import Connection
from alsohere.types import User

PING_INTERVAL_S = 0.3
PING_TIMEOUT_S = 0.2


def conformance_app(*, allow_eio3: bool = False) -> AlsoHere:
    """The application; run it, or mount it in any ASGI server.

    Args:
        allow_eio3: whether it also expects the suite of Engine.IO 3.
    """
    here = AlsoHere(
        dev=True,
        ping_interval_s=PING_INTERVAL_S,
        ping_timeout_s=PING_TIMEOUT_S,
        packet_burst=10_000,
        user_event_burst=10_000,
        database_url="memory://",
        allow_eio3=allow_eio3,
    )

    @here.authenticate
    def anybody(conn: Connection) -> User:
        return here.identities.visitor(conn.peer.sid)

    for namespace in (here, here.namespace("/custom")):
        _echo(namespace)
    here.engines["/engine.io/"] = here.engine(msgspec.structs.replace(here.node.session_rules, raw=True))
    return here


def _echo(namespace: Namespace) -> None:
    @namespace.on_connect
    async def greet(conn: Connection) -> None:
        await conn.emit("auth", conn.auth)

    @namespace.on("message")
    async def message(conn: Connection, *args: Any) -> None:
        await conn.emit("message-back", *args)

    @namespace.on("message-with-ack")
    async def message_with_ack(_: Connection, *args: Any) -> tuple[Any, ...]:
        return args

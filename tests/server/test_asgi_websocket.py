"""WebSockets under any ASGI server."""

from __future__ import annotations

import asyncio
from typing import Any

from alsohere import AlsoHere


def test_a_session_that_ended_while_the_server_was_accepting_is_closed():
    here = AlsoHere(dev=True)
    scope = {
        "type": "websocket",
        "path": "/socket.io/",
        "query_string": b"EIO=4&transport=websocket",
        "headers": [],
        "scheme": "ws",
    }
    sent: list[dict[str, Any]] = []

    async def connect() -> None:
        told = iter([{"type": "websocket.connect"}])

        async def receive() -> dict[str, Any]:
            return next(told, None) or await asyncio.Event().wait()

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)
            if message["type"] == "websocket.accept":
                await here.node.drain(0)

        await asyncio.wait_for(here(scope, receive, send), 5)

    asyncio.run(connect())
    assert sent[0]["type"] == "websocket.accept"
    assert (sent[-1]["type"], sent[-1]["code"]) == ("websocket.close", 1012)

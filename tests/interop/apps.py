"""The application that the real clients talk to, alone and in another's ASGI server.

python -m interop.apps PORT            alsohere's own server
uvicorn interop.apps:mounted           at /here of a FastAPI application
hypercorn interop.apps:conformance     the echo application of the official suites
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from fastapi import FastAPI

from alsohere import AlsoHere, Connection
from alsohere.conformance import conformance_app
from alsohere.errors import CloseCode, Disconnect


def interop_app() -> AlsoHere:
    """Echoes, questions, kicks and transports that break, for visitors and for users with a token."""
    here = AlsoHere(dev=True)

    @here.on("echo")
    async def echo(conn: Connection, *args: Any) -> tuple[Any, ...]:
        await conn.emit("echoed", *args)
        return args

    @here.on("my-id")
    async def my_id(conn: Connection) -> list[str]:
        return [conn.sid, conn.user.id]

    @here.on("ask-me")
    async def ask_me(conn: Connection, *args: Any) -> tuple[Any, ...]:
        return tuple(await conn.call("question", *args))

    @here.on("kick-me")
    async def kick_me(conn: Connection) -> None:
        await here.kick(conn.user.id)

    @here.on("disconnect-me")
    async def disconnect_me(conn: Connection) -> None:
        await conn.disconnect()

    @here.on("drop-me")
    async def drop_me(conn: Connection) -> None:
        conn.peer.disconnect(Disconnect(CloseCode.RESTART, "a plain transport close"))

    @here.on("shut-the-door")
    async def shut_the_door(conn: Connection, for_s: float) -> None:
        here.node.draining = True
        asyncio.get_running_loop().call_later(for_s, setattr, here.node, "draining", False)
        await drop_me(conn)

    custom = here.namespace("/custom")
    custom.on("echo")(echo)
    custom.on("my-id")(my_id)
    return here


def in_fastapi(here: AlsoHere) -> FastAPI:
    """At /here, as the tutorial says."""
    app = FastAPI(lifespan=here.lifespan)
    app.mount("/here", here)
    return app


alone = interop_app()
mounted = in_fastapi(interop_app())
conformance = conformance_app(allow_eio3=True)

if __name__ == "__main__":
    alone.run(port=int(sys.argv[1]))

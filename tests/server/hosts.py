"""Applications of other people with alsohere in them, in every form that the README promises.

Each is a module-level name for uvicorn or hypercorn; `python -m server.hosts NAME PORT` runs a wrapping one by itself.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from alsohere import AlsoHere


@asynccontextmanager
async def _started(app: Starlette) -> AsyncIterator[None]:
    app.state.started = True
    yield


async def _page(request: Request) -> PlainTextResponse:
    started = getattr(request.app.state, "started", False)
    return PlainTextResponse(f"the host's page; its lifespan {'ran' if started else 'did not run'}")


async def _echo(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("the host's " + await socket.receive_text())
    await socket.close()


def _host() -> Starlette:
    return Starlette(routes=[Route("/", _page), WebSocketRoute("/ws", _echo)], lifespan=_started)


def _fastapi(here: AlsoHere, path: str, *, lifespan: bool) -> FastAPI:
    app = FastAPI(lifespan=here.lifespan if lifespan else None)
    app.mount(path, here)
    app.get("/", response_class=PlainTextResponse)(_page)
    app.websocket("/ws")(_echo)
    return app


with_lifespan = _fastapi(AlsoHere(dev=True), "/here", lifespan=True)
without_lifespan = _fastapi(AlsoHere(dev=True), "/here", lifespan=False)
at_the_path = _fastapi(AlsoHere(dev=True), "/socket.io", lifespan=False)
wrapping = AlsoHere(app=_host(), path="/here", dev=True)
wrapping_at_the_root = AlsoHere(app=_host(), path="", dev=True)

if __name__ == "__main__":
    {"wrapping": wrapping, "wrapping_at_the_root": wrapping_at_the_root}[sys.argv[1]].run(port=int(sys.argv[2]))

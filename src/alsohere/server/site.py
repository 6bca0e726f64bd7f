"""Everything over HTTP that is not the engine: health, metrics, the browser bundle, and what a back end may ask.

Errors are `application/problem+json` (RFC 9457) with a sentence that says the fix.
"""

from __future__ import annotations

import hmac
from pathlib import Path
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from alsohere.config import Config
from alsohere.node.node import Node
from alsohere.server import metrics
from alsohere.types import ONLINE

STATIC = Path(__file__).parent / "static"
MAX_LIMIT = 1000


def json(content: Any, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(msgspec.json.encode(content), status, media_type="application/json")


def problem(status: int, title: str, detail: str, headers: dict[str, str] | None = None) -> Response:
    """An error for a program to read and its developer to act on. RFC 9457."""
    body = msgspec.json.encode({"title": title, "status": status, "detail": detail})
    return Response(body, status, media_type="application/problem+json", headers=headers)


class Site:
    """The HTTP routes of one server.

    Args:
        node: what they tell about.
        config: `api_key`, `metrics`.
    """

    def __init__(self, node: Node, config: Config) -> None:
        self._node = node
        self._api_key = config.api_key.get_secret_value().encode() if config.api_key else None
        self.routes: list[BaseRoute] = [
            Route("/livez", self.livez),
            Route("/health", self.livez),
            Route("/readyz", self.readyz),
            Route("/alsohere.js", lambda request: _script(request, "alsohere.js")),
            Route("/socket.io/socket.io.js", lambda request: _script(request, "socket.io.js")),
            Route("/api/v1/online", self.online),
            Route("/api/v1/rooms", self.rooms),
            Route("/api/v1/rooms/{room:path}", self.room),
        ]
        if config.metrics:
            self.routes.append(Route("/metrics", self.metrics))

    async def livez(self, _: Request) -> Response:
        """The process runs."""
        return Response("ok\n", media_type="text/plain")

    async def readyz(self, _: Request) -> Response:
        """Clients may be sent here; 503 from the moment that shutting down begins."""
        if self._node.draining:
            return Response("draining\n", 503, media_type="text/plain")
        return Response("ok\n", media_type="text/plain")

    async def metrics(self, _: Request) -> Response:
        """Prometheus text."""
        return Response(metrics.exposition(self._node), headers={"content-type": metrics.CONTENT_TYPE})

    async def online(self, request: Request) -> Response:
        """`GET /api/v1/online`: who is online."""
        return self._refusal(request) or json({"count": self._node.count(ONLINE), "members": self._node.members(ONLINE)})

    async def rooms(self, request: Request) -> Response:
        """`GET /api/v1/rooms?prefix&limit`: the rooms with the most people."""
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        text = request.query_params.get("limit", "100")
        if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= MAX_LIMIT):
            return problem(400, "Bad request", f"limit must be a number from 1 to {MAX_LIMIT}.")
        return json({"rooms": self._node.ranking(request.query_params.get("prefix", ""), int(text))})

    async def room(self, request: Request) -> Response:
        """`GET /api/v1/rooms/{room}`: who is in a room. The room is percent-encoded."""
        room = request.path_params["room"]
        return self._refusal(request) or json(
            {"room": room, "count": self._node.count(room), "members": self._node.members(room)}
        )

    def _refusal(self, request: Request) -> Response | None:
        if self._api_key is None:
            return problem(403, "Forbidden", "The API is off: set ALSOHERE_API_KEY to switch it on.")
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        given = bearer.strip() if scheme.lower() == "bearer" else request.headers.get("x-api-key", "")
        # Bytes: compare_digest raises on text that is not ASCII.
        if hmac.compare_digest(given.encode("utf-8", "replace"), self._api_key):
            return None
        detail = "Send the API key as `Authorization: Bearer …` or `X-API-Key`."
        return problem(401, "Unauthorized", detail, {"www-authenticate": "Bearer"})


def demo_route() -> BaseRoute:
    """The sample site: /a/b is a/b.html."""
    return Mount("/", app=_Pages(directory=STATIC / "demo", html=True))


class _Pages(StaticFiles):
    def lookup_path(self, path: str) -> Any:
        # The page first: beside products.html there is a folder products.
        found = super().lookup_path(path + ".html")
        return found if found[1] is not None else super().lookup_path(path)

    async def get_response(self, path: str, scope: Any) -> Response:
        try:
            return await super().get_response(path, scope)
        except HTTPException as error:  # there is no middleware around these routes that would answer it
            detail = "There is no such page; pages are read with GET."
            return problem(error.status_code, error.detail, detail, dict(error.headers or {}))


_FILES = StaticFiles(directory=STATIC)


def _script(request: Request, name: str) -> Response:
    path = STATIC / name
    if not path.exists():
        return problem(404, "Not found", "The browser bundle is not built: run `make js`.")
    # With no-cache browsers ask each time whether it has changed; file_response answers 304 if it has not.
    response = _FILES.file_response(path, path.stat(), request.scope)
    response.headers["content-type"] = "text/javascript; charset=utf-8"
    response.headers["cache-control"] = "no-cache"
    response.headers["access-control-allow-origin"] = "*"
    return response

"""What is served over HTTP beside the engine and the API: health, metrics, the browser's scripts, pages.

Owns: what a page of ours may do in a browser. Nothing on any of them comes from elsewhere.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from alsohere.config import Config
from alsohere.node.node import Node
from alsohere.server import metrics
from alsohere.server.problems import problem

STATIC = Path(__file__).parent / "static"
# The page of the HTTP API talks to its own server only; its icons are data: addresses.
DOCS_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Site:
    """The HTTP routes of one server that anybody may ask.

    Args:
        node: what they tell about.
        config: `metrics`.
    """

    def __init__(self, node: Node, config: Config) -> None:
        self._node = node
        self.routes: list[BaseRoute] = [
            Route("/livez", self.livez),
            Route("/health", self.livez),
            Route("/readyz", self.readyz),
            Route("/alsohere.js", lambda request: _script(request, "alsohere.js")),
            Route("/socket.io/socket.io.js", lambda request: _script(request, "socket.io.js")),
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


def docs_routes() -> list[BaseRoute]:
    """The page of the HTTP API. Its addresses are relative, so that it works below any path."""
    slash = Route("/docs/", lambda _: RedirectResponse("../docs"))
    return [Route("/docs", _docs), slash, Mount("/docs", app=_Pages(directory=STATIC / "docs"))]


async def _docs(_: Request) -> Response:
    headers = {"content-security-policy": DOCS_POLICY, "x-content-type-options": "nosniff", "referrer-policy": "no-referrer"}
    return FileResponse(STATIC / "docs.html", headers=headers | {"cache-control": "no-cache"})


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
            code = "bad_method" if error.status_code == 405 else "not_found"
            return problem(code, detail, dict(error.headers or {}))


_FILES = StaticFiles(directory=STATIC)


def _script(request: Request, name: str) -> Response:
    path = STATIC / name
    if not path.exists():
        return problem("not_found", "The browser bundle is not built: run `make js`.")
    # With no-cache browsers ask each time whether it has changed; file_response answers 304 if it has not.
    response = _FILES.file_response(path, path.stat(), request.scope)
    response.headers["content-type"] = "text/javascript; charset=utf-8"
    response.headers["cache-control"] = "no-cache"
    response.headers["access-control-allow-origin"] = "*"
    return response

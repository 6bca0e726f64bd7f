"""The HTTP API for back ends: everything below `/api/v1`.

Owns: reading requests, answering, and the one way from a refusal to an HTTP error. What is asked stands in lists of endpoints
beside this file: server/presence_api.py and its like.
Invariants: no endpoint is reached without a key of its scope (server/access.py). Whatever goes wrong is answered with
problem+json. Only paths of endpoints are ours; the rest of `/api` belongs to the application that is wrapped.

To add an endpoint, write a function and list it:

    class FenceCheck(msgspec.Struct, forbid_unknown_fields=True):
        fence: Annotated[int, Meta(ge=1, description="what the editor was granted")]
        user: str | None = None

    class LockAsked(msgspec.Struct):
        lock: Annotated[str, Meta(min_length=1, max_length=200, description="its name, percent-encoded")]

    class LockApi:
        async def check_fence(self, asked: LockAsked, body: FenceCheck) -> FenceChecked:
            '''Whether a fence is the newest.       <- the summary; what follows is the description

            Ask this when you save.
            '''
            ...

    def lock_endpoints(node: Node) -> list[Endpoint]:
        api = LockApi(node)
        return [Endpoint("POST", "/locks/{lock}/check", api.check_fence, errors=["unavailable"], scope="locks")]

`asked` is a Struct of the path's variable and the query's parameters (a field with a default may be left out; `from` is written
`from_: … = msgspec.field(name="from")`), `body` is the JSON body, and the return annotation is the answer's Struct. All three
are checked and documented from their types. A function that stores may also take `key: str | None`, which stands
for the header `Idempotency-Key` and the API key that it came with: a POST is answered by it from memory, what is stored should
remember it for good. A POST that only asks is
listed with `asks=True`: its answer must be of now.
The function may be async; it raises a `Refusal` to refuse, with a code of `errors`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from inspect import isawaitable
from typing import Any

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, NoMatchFound

from alsohere.errors import BadRequest, Refusal, Unauthenticated
from alsohere.server.access import Access
from alsohere.server.endpoint import MAX_BODY_BYTES, PREFIX, Endpoint, Template, decode_variable, segments_of
from alsohere.server.idempotency import Idempotency, lasting_key
from alsohere.server.openapi import document_of
from alsohere.server.problems import problem, refusal_problem

log = logging.getLogger("alsohere.http")


class HttpApi:
    """All endpoints.

    Args:
        access: who may ask them.
        endpoints: their lists, one after the other.
    """

    def __init__(self, access: Access, endpoints: Iterable[Endpoint]) -> None:
        self._access = access
        self.endpoints = [*endpoints, Endpoint("GET", "/openapi.json", self.openapi, public=True)]
        self._idempotency = Idempotency()
        self.document = document_of(self.endpoints)
        by_path: dict[str, list[Endpoint]] = {}
        for endpoint in self.endpoints:
            by_path.setdefault(endpoint.path, []).append(endpoint)
        ordered = sorted(by_path, key=lambda path: Template(path).generality)
        self.routes: list[BaseRoute] = [ApiRoute(self, path, by_path[path]) for path in ordered]

    def openapi(self) -> dict[str, Any]:
        """This document."""
        return self.document

    async def answer(self, endpoint: Endpoint, variable: str | None, request: Request) -> Response:
        """Authorise, read, call, encode.

        Args:
            endpoint: which one.
            variable: the path's, still encoded.
            request: with the key, the query and the body.
        """
        try:
            asker = None if endpoint.public else await self._access.check(request, endpoint.scope)
            text = None if variable is None else decode_variable(variable)
            arguments = endpoint.read(text, request.query_params)
            body = await _body_of(request) if endpoint.body is not None else b""
            arguments |= endpoint.read_body(body)
            key = _idempotency_key(request)
            if endpoint.takes_key:
                arguments["key"] = None if key is None or asker is None else lasting_key(asker.name, key)
            if key is None or asker is None or not endpoint.takes_idempotency_key:
                return await _call(endpoint, arguments)
            asked = b"\0".join((endpoint.path.encode(), (variable or "").encode(), request.scope["query_string"], body))
            return await self._idempotency.answer(asker.hash, key, asked, lambda: _call(endpoint, arguments))
        except Unauthenticated as refusal:
            return problem(refusal.code, refusal.message, {"www-authenticate": "Bearer"})
        except Refusal as refusal:
            return refusal_problem(refusal)
        except Exception:  # a barrier: a fault of ours is told as one, and its trace is for our log only
            log.exception("the endpoint %s %s failed", endpoint.method, endpoint.path)
            return problem("internal", "This failed; see the server's log.")


class ApiRoute(BaseRoute):
    """The endpoints of one path."""

    def __init__(self, api: HttpApi, path: str, endpoints: list[Endpoint]) -> None:
        self.api = api
        self.path = PREFIX + path
        self._template = Template(self.path)
        self._endpoints = {endpoint.method: endpoint for endpoint in endpoints}

    def matches(self, scope: Any) -> tuple[Match, Any]:
        """For Starlette's router; any method is ours."""
        variable = self._template.match(segments_of(scope["path"], scope.get("raw_path")))
        return (Match.NONE, {}) if variable is False else (Match.FULL, {"api_variable": variable})

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request that matches."""
        request = Request(scope, receive)
        endpoint = self._endpoints.get("GET" if request.method == "HEAD" else request.method)  # type: ignore[call-overload]
        if endpoint is None:
            allowed = ", ".join(self._endpoints).replace("GET", "GET, HEAD")
            response = problem("bad_method", f"This path is asked with {allowed}.", {"allow": allowed})
        else:
            response = await self.api.answer(endpoint, scope["api_variable"], request)
        await response(scope, receive, send)

    def url_path_for(self, name: str, /, **path_params: Any) -> Any:
        """Not used: these routes have no names."""
        raise NoMatchFound(name, path_params)


def json(content: Any) -> Response:
    """A JSON answer, of this moment."""
    return Response(msgspec.json.encode(content), media_type="application/json", headers={"cache-control": "no-store"})


async def _call(endpoint: Endpoint, arguments: dict[str, Any]) -> Response:
    answer = endpoint.handler(**arguments)
    return json(await answer if isawaitable(answer) else answer)


def _idempotency_key(request: Request) -> str | None:
    keys = request.headers.getlist("idempotency-key")
    if len(keys) > 1:
        raise BadRequest("Idempotency-Key is given more than once.")
    return keys[0] if keys else None


async def _body_of(request: Request) -> bytes:
    too_large = BadRequest(f"A body has at most {MAX_BODY_BYTES} bytes.", code="too_large")
    told = request.headers.get("content-length", "0")
    if not (told.isascii() and told.isdigit()) or int(told[:16]) > MAX_BODY_BYTES:
        raise too_large
    parts: list[bytes] = []
    size = 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > MAX_BODY_BYTES:
                raise too_large
            parts.append(part)
    except ClientDisconnect:
        raise BadRequest("The body was given up half-way.") from None
    return b"".join(parts)

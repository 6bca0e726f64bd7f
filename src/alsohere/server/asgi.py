"""The ASGI application: which request is whose.

Owns: paths. Ours are found below the mount point (`root_path`), whether this app was mounted, wraps another or stands alone.
Invariant: nothing here needs a lifespan; mounted applications never see theirs.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from alsohere.node.peer import Peer
from alsohere.server.asgi_websocket import AsgiWebSocket
from alsohere.server.engine import Engine, Request
from alsohere.server.polling import Polling, drop_body
from alsohere.server.request import BAD_METHOD, BAD_REQUEST, EngineError, EngineRequest, retry_after
from alsohere.server.takeover import Takeover
from alsohere.session.upgrade import UpgradeState
from alsohere.wire.engineio3 import is_binary_body

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

PREFLIGHT_MAX_AGE_S = 7200
# A poll that comes behind the `5` of an upgrade is refused. The two come on different connections, and under some servers a frame
# takes longer to us than a request. Who has not sent the `5` waits for the answer to this poll before.
AFTER_PROBE_S = 0.02
TEXT_TYPE = b"text/plain; charset=UTF-8"
# Of letters, digits, `-`, `.`, `_` and `/`, which are all that our own paths have; what else a mount point has may need them.
_NEEDLESS = re.compile(rb"%(?:2[DEF]|3[0-9]|4[1-9A-F]|5[0-9AF]|6[1-9A-F]|7[0-9A])", re.IGNORECASE)


def inner_path(scope: Scope) -> str:
    """The path below the mount point, from the path as the server decoded it.

    Servers differ in whether `path` includes `root_path`: both are understood.
    """
    path: str = scope["path"]
    root: str = scope.get("root_path", "").rstrip("/")
    # Where the server's `path` lacks its own root path, it begins with what Starlette's mounts have added to it.
    added = root[len(scope.get("app_root_path", "").rstrip("/")) :]
    for prefix in (root, added):
        if prefix and (path == prefix or path.startswith(prefix + "/")):
            return path[len(prefix) :] or "/"
    return path or "/"


def is_as_sent(scope: Scope) -> bool:
    """Whether the client has sent the path with no escapes but those that it needs.

    A proxy in front that keeps clients from a path may compare what they send: `/%6detrics` must not be `/metrics`, nor
    `/h%65re/metrics` where this app is mounted at `/here`.

    Args:
        scope: the request; servers may leave out what was sent.
    """
    raw: bytes = scope.get("raw_path") or b""
    return b"%" not in raw or not _NEEDLESS.search(raw.partition(b"?")[0])


async def serve_engine(engine: Engine, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one HTTP request to an Engine.IO endpoint."""
    request = _request(scope, secure=scope.get("scheme") == "https")
    method = scope["method"]
    origin: str | None = None
    try:
        if method == "OPTIONS":
            origin = engine.preflight(request)
            await _respond(send, 204, b"", origin, preflight=True)
            return
        asked, handshake, origin = engine.read(request, "polling")
        if asked.sid is None:
            if method != "GET":
                raise EngineError(BAD_METHOD, "Bad handshake method: a session begins with GET")
            peer: Peer | None = engine.open(handshake, asked)
            assert peer is not None
            body = await Polling(peer, engine.farewells, asked.coding).get(receive, engine.rules.max_payload_bytes)
        else:
            peer = engine.node.peers.get(asked.sid)
            body = await _poll_or_post(engine, asked, handshake, method, scope, receive)
    except EngineError as bad:
        status, answer = engine.refused(request, bad)
        # "Come back later" has no body: python-engineio closes the connection before it reads one, and then never comes back.
        answer = b"" if status in (429, 503) else answer
        # What is left of a body will not be read, and must not be taken for the next request.
        await _respond(send, status, answer, origin, json=True, close=method != "GET")
    else:
        await _respond(send, 200, body, origin)
        if method == "GET" and peer is not None and isinstance(peer.poll, Polling):
            peer.poll.answered()


async def _poll_or_post(
    engine: Engine, asked: EngineRequest, handshake: Any, method: str, scope: Scope, receive: Receive
) -> bytes:
    sid = asked.sid or ""
    if engine.farewells.has(sid, handshake.credentials) and method in ("GET", "POST"):
        if method == "GET":
            return engine.farewells.take(sid)
        # It was sent before the client could hear them; an error would be heard first, and taken for a lost transport.
        await drop_body(scope, receive, engine.rules.max_payload_bytes)
        return b"ok"
    peer = engine.find(asked, handshake)
    if method == "GET" and peer.upgrade is not None and peer.upgrade.state is UpgradeState.PROBED:
        await asyncio.sleep(AFTER_PROBE_S)
        peer = engine.find(asked, handshake)
    poll = peer.poll
    if peer.transport != "polling" or not isinstance(poll, Polling):
        raise EngineError(BAD_REQUEST, "Bad request: this session is on a WebSocket")
    if method == "GET":
        return await poll.get(receive, engine.rules.max_payload_bytes)
    if method == "POST":
        await poll.post(scope, receive, engine.rules.max_payload_bytes)
        return b"ok"
    raise EngineError(BAD_METHOD, "Bad method: GET and POST are used")


async def serve_websocket(engine: Engine, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one WebSocket handshake to an Engine.IO endpoint, and serve the connection."""
    takeover = None
    request = _request(scope, secure=scope.get("scheme") == "wss")
    try:
        asked, handshake, _ = engine.read(request, "websocket")
        if asked.sid is None:
            peer = engine.open(handshake, asked)
        else:
            peer = engine.find(asked, handshake)
            takeover = Takeover(peer, engine.rules.connect_timeout_s)
    except EngineError as bad:
        await refuse_websocket(scope, receive, send, *engine.refused(request, bad))
        return
    # Accept in this very task: some servers take an accept from another task for a protocol error.
    try:
        await receive()
        await send({"type": "websocket.accept"})
    except Exception:  # the client is gone already, and servers tell so by whatever they like to raise
        if takeover is not None:
            takeover.abort()
        else:
            peer.end()
        return
    await AsgiWebSocket(peer, takeover, engine.rules.max_payload_bytes, asked.coding).run(receive, send)


async def refuse_websocket(scope: Scope, receive: Receive, send: Send, status: int, body: bytes) -> None:
    """Refuse a handshake, with the reason if the server can carry one."""
    await receive()
    if "websocket.http.response" in scope.get("extensions", {}):
        kind = b"application/json" if body.startswith(b"{") else TEXT_TYPE
        headers = [(b"content-type", kind), (b"content-length", b"%d" % len(body))]
        await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": body, "more_body": False})
    else:
        await send({"type": "websocket.close", "code": 1008})


def _request(scope: Scope, *, secure: bool) -> Request:
    client = scope.get("client")
    headers = tuple((bytes(name).lower(), bytes(value)) for name, value in scope["headers"])
    return Request(scope.get("query_string", b""), headers, client[0] if client else "", secure)


async def _respond(
    send: Send,
    status: int,
    body: bytes,
    origin: str | None,
    *,
    json: bool = False,
    preflight: bool = False,
    close: bool = False,
) -> None:
    headers = [
        (b"content-type", b"application/json" if json else b"application/octet-stream" if is_binary_body(body) else TEXT_TYPE),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
    ]
    if close:
        headers.append((b"connection", b"close"))
    if status in (429, 503):
        headers.append((b"retry-after", retry_after()))
    if origin is not None:
        # The origin itself, never *: credentials are allowed. It was compared exactly before (server/origin.py).
        headers += [
            (b"access-control-allow-origin", origin.encode("latin-1", "replace")),
            (b"access-control-allow-credentials", b"true"),
            (b"vary", b"Origin"),
        ]
    if preflight:
        headers += [
            (b"access-control-allow-methods", b"GET, POST"),
            (b"access-control-allow-headers", b"content-type, authorization"),
            (b"access-control-max-age", b"%d" % PREFLIGHT_MAX_AGE_S),
        ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})

"""What an Engine.IO request asks for, checked before anything is looked up.

Engine.IO errors are HTTP answers with a number and a sentence; the numbers are those of the reference server, so that its
clients understand them. Source: Engine.IO protocol 4, "HTTP long-polling", "Request path" (and 3, "URLs"), and engine.io's
`Server.errors`.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

import msgspec

from alsohere.wire import engineio, engineio3
from alsohere.wire.engineio import Coding

UNKNOWN_TRANSPORT = 0
UNKNOWN_SID = 1
BAD_METHOD = 2
BAD_REQUEST = 3
FORBIDDEN = 4
UNSUPPORTED_VERSION = 5

MAX_SID_BYTES = 64
MAX_QUERY_BYTES = 4096

RETRY_AFTER_S = (3, 8)  # not one number: those who are refused together would come back together (H100)

REVISIONS = {b"4": 4}
REVISIONS_WITH_3 = REVISIONS | {b"3": 3}
_HINT_FOR_3 = "; set ALSOHERE_ALLOW_EIO3=1 to let in the clients 1 and 2 too"


class EngineError(Exception):
    """A request that is answered with an Engine.IO error.

    Args:
        code: the number of the reference server.
        message: a sentence that says the fix.
        status: the HTTP status.
    """

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status

    def body(self) -> bytes:
        """The answer's JSON."""
        return msgspec.json.encode({"code": self.code, "message": self.message})


class EngineRequest(NamedTuple):
    """A request whose query is good."""

    transport: str
    sid: str | None
    revision: int = 4
    coding: Coding = engineio


def has_parameter(query: bytes, name: bytes) -> bool:
    """Whether a query has a parameter of this name, and not only one that ends like it."""
    return b"&" + name + b"=" in b"&" + query


def read_query(
    query: bytes, transports: tuple[str, ...] = ("polling", "websocket"), revisions: Mapping[bytes, int] = REVISIONS
) -> EngineRequest:
    """Check `EIO`, `transport` and `sid`; of a repeated parameter the first counts.

    Args:
        query: as it came.
        transports: which there are.
        revisions: which are spoken, by the value of `EIO`.

    Raises:
        EngineError: unsupported version, unknown transport, or a sid that cannot be one.
    """
    if len(query) > MAX_QUERY_BYTES:
        # What cannot be a sid is answered as an unknown one, however long it is.
        raise unknown_sid() if has_parameter(query, b"sid") else EngineError(BAD_REQUEST, "Query too long")
    values: dict[bytes, bytes] = {}
    for pair in query.split(b"&"):
        name, _, value = pair.partition(b"=")
        values.setdefault(name, value)
    revision = revisions.get(values.get(b"EIO", b""))
    if revision is None:
        hint = _HINT_FOR_3 if values.get(b"EIO") == b"3" else ""
        raise EngineError(
            UNSUPPORTED_VERSION, f"Unsupported protocol version: this server speaks Engine.IO 4 (Socket.IO clients 3 and 4){hint}"
        )
    transport = values.get(b"transport", b"").decode("ascii", "replace")
    if transport not in transports:
        raise EngineError(UNKNOWN_TRANSPORT, "Transport unknown: use polling or websocket")
    if b"j" in values:
        # JSONP is a <script> of any site: it carries the visitor's cookies and no Origin.
        raise EngineError(BAD_REQUEST, "JSONP is not supported")
    # `b64` (the client wants binary as base64) is let pass: clients 3 and 4 that run in Node or an old browser still send it,
    # and in Engine.IO 4 a payload has its binary in base64 anyway. In Engine.IO 3 it decides.
    sid = _sid(values.get(b"sid"))
    if revision == 4:
        return EngineRequest(transport, sid)
    return EngineRequest(transport, sid, revision, engineio3.BASE64 if values.get(b"b64") else engineio3.BINARY)


def _sid(raw: bytes | None) -> str | None:
    if raw is None:
        return None
    sid = unquote_to_bytes(raw) if len(raw) <= MAX_SID_BYTES * 3 else raw
    if not sid or len(sid) > MAX_SID_BYTES or not sid.isascii() or not sid.decode().isprintable():
        raise unknown_sid()
    return sid.decode()


def retry_after() -> bytes:
    """The value of `Retry-After` where there is no room, or no time."""
    return b"%d" % random.randint(*RETRY_AFTER_S)  # noqa: S311 - nobody gains by guessing it


def unknown_sid() -> EngineError:
    """The same answer for a sid that never was, that is gone, and that is somebody else's."""
    return EngineError(UNKNOWN_SID, "Session ID unknown")

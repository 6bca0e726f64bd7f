"""Errors over HTTP: `application/problem+json` (RFC 9457), with the stable code of the wire and a sentence that says the fix.

Owns: which HTTP status a refusal has. Invariant: a refusal is answered with the code and the sentence that a Socket.IO client
would be told; nothing here invents a second vocabulary.
Rejected: a status in each Refusal. The domain raises them, and it does not know HTTP.
"""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from alsohere.errors import Refusal

_STATUS = {
    "unauthenticated": 401,
    "token_expired": 401,
    "forbidden": 403,
    "not_found": 404,
    "bad_method": 405,
    "too_large": 413,
    "rate": 429,
    "internal": 500,
    "unavailable": 503,
    # The request is right, but not as things stand: 409, and not 429, which is about how often somebody asks.
    "limit": 409,
    "key_used": 409,
    "queue_full": 409,
    "not_holder": 409,
    "not_waiting": 409,
    "not_in_room": 409,
}
TITLES = {
    400: "Bad request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    413: "Content too large",
    429: "Too many requests",
    500: "Internal error",
    503: "Service unavailable",
}
RETRY_AFTER_S = 1


class Problem(msgspec.Struct, omit_defaults=True):
    """An error for a program to read (`code`, which is stable) and its developer to act on (`detail`, which says the fix)."""

    title: str
    status: int
    detail: str
    code: str
    retry_after_ms: int | None = None


def status_of(code: str) -> int:
    """The HTTP status of an error code; what is not in the table (`bad_room`, …) is the sender's to mend: 400."""
    return _STATUS.get(code, 400)


def problem(code: str, detail: str, headers: dict[str, str] | None = None, retry_after_ms: int | None = None) -> Response:
    """An error as an answer.

    Args:
        code: one of docs/reference/errors.md.
        detail: a sentence that says the fix.
        headers: besides the content type.
        retry_after_ms: when trying again can help; in the body, and in whole seconds as `Retry-After`.
    """
    status = status_of(code)
    headers = {"cache-control": "no-store"} | (headers or {})
    if retry_after_ms is not None or status in (429, 503):
        headers["retry-after"] = str(max(RETRY_AFTER_S, -(-(retry_after_ms or 0) // 1000)))
    body = msgspec.json.encode(Problem(TITLES[status], status, detail, code, retry_after_ms))
    return Response(body, status, media_type="application/problem+json", headers=headers)


def refusal_problem(refusal: Refusal) -> Response:
    """What a refused command is over HTTP."""
    return problem(refusal.code, refusal.message, retry_after_ms=refusal.retry_after_ms)

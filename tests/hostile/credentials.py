"""Tokens of the servers under attack, good ones, and questions with their API key."""

from __future__ import annotations

import json
from typing import Any

from alsohere import AlsoHere
from hostile.wire import fetch
from support.servers import API_KEY, SECRET, ServerProcess

_HERE = AlsoHere(secret=SECRET, database_url="memory://")


def token(user: str, **more: Any) -> str:
    """A token that the servers take."""
    return _HERE.token(user, **more)


def call_api(
    server: ServerProcess, method: str, path: str, body: Any = None, headers: str = "", key: str = API_KEY
) -> tuple[int, dict[str, Any]]:
    """Status and answer."""
    content = b"" if body is None else json.dumps(body).encode()
    answer = fetch(server, f"/api/v1{path}", method, f"Authorization: Bearer {key}\r\n{headers}", content)
    return answer.status, json.loads(answer.body)

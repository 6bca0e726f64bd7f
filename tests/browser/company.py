"""Others who are in a room without a browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from alsohere import AlsoHere
from support.raw import RawClient, joined
from support.servers import SECRET, ServerProcess, wait_for


@contextmanager
def company(server: ServerProcess, room: str, *names: str, state: dict[str, Any] | None = None) -> Iterator[list[RawClient]]:
    """They come, and go at the end."""
    tokens = AlsoHere(secret=SECRET)
    with ExitStack() as stack:
        people = [stack.enter_context(joined(server.url, token=tokens.token(name, name=name))) for name in names]
        for somebody in people:
            assert somebody.call("room:enter", {"room": room, "watch": "none", "state": state or {}})["ok"]
        yield people


def crowd(number: int) -> list[str]:
    return [f"Person {index}" for index in range(number)]


def see_count(client: RawClient, room: str, count: int) -> None:
    """Wait until the server tells that many are in the room."""
    question = {"rooms": [room], "watch": "count"}
    wait_for(lambda: client.call("room:watch", question)["rooms"][0]["count"] == count, what=f"{count} people in {room}")

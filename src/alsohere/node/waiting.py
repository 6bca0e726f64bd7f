"""From callbacks to `await`: for handlers, hooks and HTTP, which can wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from alsohere.errors import Refusal

T = TypeVar("T")


async def outcome_of(begin: Callable[[Callable[[T | Refusal], None]], None]) -> T:
    """What a `done` is called with.

    Args:
        begin: gets the `done`, and asks.

    Raises:
        Refusal: if it is called with one.
    """
    future: asyncio.Future[T] = asyncio.get_running_loop().create_future()

    def done(result: T | Refusal) -> None:
        if future.done():
            return  # who waited has given up
        if isinstance(result, Refusal):
            future.set_exception(result)
        else:
            future.set_result(result)

    begin(done)
    return await future

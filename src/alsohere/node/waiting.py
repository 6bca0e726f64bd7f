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
    outcome = await _outcome_of(begin)
    try:
        if isinstance(outcome, Refusal):
            raise outcome.with_traceback(None)  # that of where it was made knows who asked, as this frame does
        return outcome
    finally:
        del outcome  # it knows this frame: if that knew it too, all who wait were left to the garbage collector


async def _outcome_of(begin: Callable[[Callable[[T | Refusal], None]], None]) -> T | Refusal:
    future: asyncio.Future[T | Refusal] = asyncio.get_running_loop().create_future()
    begin(lambda outcome: None if future.done() else future.set_result(outcome))  # done: who waited has given up
    return await future

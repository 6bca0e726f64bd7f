"""Tests that need an event loop, and no time: they wait for conditions, a turn of the loop at a time."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any

TURNS = 200


def asynchronous(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a coroutine function as a test."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


async def until(condition: Callable[[], object]) -> None:
    """Let the others run until something is so."""
    for _ in range(TURNS):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never became so")


async def turns(count: int = 10) -> None:
    """Let the others run, to see that something does not happen."""
    for _ in range(count):
        await asyncio.sleep(0)

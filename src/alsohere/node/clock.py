"""Real time, and the one timer that follows it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from alsohere.types import Clock


class SystemClock:
    """Implements `types.Clock`."""

    now_s = staticmethod(time.monotonic)

    @staticmethod
    def wall_ms() -> int:
        return time.time_ns() // 1_000_000


class Pulse:
    """Calls `advance` when something is due: one timer handle per process, armed for the earliest deadline.

    Args:
        clock: what deadlines are measured on.
    """

    def __init__(self, clock: Clock) -> None:
        self.advance: Callable[[float], None] = lambda _: None
        self._clock = clock
        self._at_s: float | None = None
        self._handle: asyncio.Handle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def wake(self, at_s: float) -> None:
        """Make sure that `advance` is called at `at_s` or before."""
        # A loop that has ended calls nobody. Hosts that run no lifespan do not tell us of it (Starlette's TestClient).
        if self._at_s is not None and self._at_s <= at_s and self._loop is not None and not self._loop.is_closed():
            return
        self.stop()
        try:
            loop = self._loop = asyncio.get_running_loop()
        except RuntimeError:
            return  # not running yet; the first session will wake
        self._at_s = at_s
        delay_s = at_s - self._clock.now_s()
        self._handle = loop.call_later(delay_s, self._fire) if delay_s > 0 else loop.call_soon(self._fire)

    def stop(self) -> None:
        """Nothing is called any more until the next `wake`."""
        if self._handle is not None:
            self._handle.cancel()
        self._handle = self._at_s = None

    def _fire(self) -> None:
        self._handle = self._at_s = None
        self.advance(self._clock.now_s())

"""Asynchronous work, one after the other.

A connection's events are handled in the order they came, also when the application's handlers wait for something: an enter
that asks a database must not be overtaken by the leave behind it. A lane exists only while there is something to wait for.
Rejected: a task per event, side by side. It is what most servers do, and why their applications hold locks.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

Work = Callable[[], Coroutine[Any, Any, None] | None]


class Lane:
    """A queue of work of which one piece runs at a time.

    Args:
        limit: how many pieces may wait.
        tasks: where the running task is kept, so that it is not collected and can be awaited at shutdown.
    """

    __slots__ = ("_limit", "_tasks", "_waiting", "busy")

    def __init__(self, limit: int, tasks: set[asyncio.Task[None]]) -> None:
        self._limit = limit
        self._tasks = tasks
        self._waiting: deque[Work] = deque()
        self.busy = False

    def submit(self, work: Work, *, always: bool = False) -> bool:
        """Run `work` after everything that was submitted before; False if too much is waiting. `work` must not raise.

        Args:
            always: take it however much is waiting.
        """
        if self.busy:
            if len(self._waiting) >= self._limit and not always:
                return False
            self._waiting.append(work)
            return True
        self._start(work)
        return True

    def _start(self, work: Work) -> None:
        self.busy = True
        coroutine = work()
        if coroutine is None:
            self.busy = False
            return
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self.busy = False
        while self._waiting and not self.busy:
            self._start(self._waiting.popleft())

"""The one thread that writes: it takes all jobs that wait, runs them in one transaction, commits once, tells the loop once.

So a commit's fsync is shared by everybody who came while the last one ran, and the event loop hops to a thread and back once per
batch instead of once per statement.

Guarantees:
    Durability: `done` gets a result only after the commit that holds it has returned.
    Atomicity: see batch.py.
    Order: jobs run, and `done` is called, in the order of submission: once for each, on the loop, after `submit` has returned.
    Time: `done` is called at most ANSWER_S after `submit`, with Unavailable if need be. What was answered so is not committed
        later, but for one case: the database falls silent during the commit itself.

Rejected: aiosqlite and SQLAlchemy's asyncio. A thread hop, or a greenlet, for each statement.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from alsohere.backends.sql.batch import Batches, Entry, Job, Participant
from alsohere.backends.sql.owner import BROKEN, Owner
from alsohere.errors import AlsoHereError, Refusal, Unavailable

T = TypeVar("T")

ANSWER_S = 2.0
OPEN_AGAIN_S = 1.0  # how often a database that cannot be used is tried without being asked
MOST_WAITING = 20_000
MOST_IN_BATCH = 1_000
MOST_ROWS_IN_BATCH = 10_000  # more take so long that who comes meanwhile could not be answered in time
log = logging.getLogger("alsohere")


class Writer:
    """Runs jobs on the database; see the head of this file for what it guarantees.

    Args:
        setting: `database_url`. Nothing is opened before the first `submit`.
    """

    def __init__(self, setting: str) -> None:
        self._owner = Owner(setting)
        self._batches = Batches(self._owner)
        self._queue: SimpleQueue[Entry | None] = SimpleQueue()
        self._waiting: deque[Entry] = deque()  # the loop's: everything that is not answered, oldest first
        self._finished: deque[list[Entry]] = deque()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._alarm: asyncio.TimerHandle | None = None

    # -- On the loop -------------------------------------------------------------------------------------------------

    @property
    def up(self) -> bool | None:
        """Whether the database can be used; None before the first attempt."""
        return self._owner.up

    @property
    def jobs(self) -> int:
        """How many were done, refusals included."""
        return self._batches.jobs

    @property
    def commits(self) -> int:
        """How many transactions that took."""
        return self._batches.commits

    def join(self, participant: Participant) -> None:
        """Have it flushed with every batch from now on."""
        self._batches.participants.append(participant)

    def submit(self, job: Job[T], done: Callable[[T | Refusal], None], rows: int = 1) -> None:
        """Run a job in the next transaction.

        Args:
            job: gets the connection, on the writer's thread. A Refusal that it raises undoes it, and is the result.
            done: gets what the job gave, or the Refusal.
            rows: about how many it writes.
        """
        loop = asyncio.get_running_loop()
        self._begin(loop)
        if len(self._waiting) >= MOST_WAITING:
            loop.call_soon(done, Unavailable("Too much waits to be written already."))
            return
        entry = Entry(job, done, time.monotonic() + ANSWER_S, rows)
        self._waiting.append(entry)
        self._queue.put(entry)
        if self._alarm is None:
            self._set_alarm(entry.due_s)

    async def ask(self, job: Job[T]) -> T:
        """The same, for who can wait.

        Raises:
            Refusal: what the job raised, or Unavailable.
        """
        future: asyncio.Future[T | Refusal] = asyncio.get_running_loop().create_future()
        self.submit(job, lambda result: None if future.done() else future.set_result(result))
        result = await future
        if isinstance(result, Refusal):
            raise result
        return result

    def prove(self) -> None:
        """Open the database here and now, before the first `submit`.

        Raises:
            ConfigError: with this setting it never can be used.
        """
        assert self._thread is None
        try:
            self._owner.connection(starting=True)
        except Unavailable:
            log.info("the server starts without the database, and keeps trying")

    async def close(self) -> None:
        """Finish what waits, then give back the connection and the claim. A later `submit` opens again."""
        if self._thread is None or not self._thread.is_alive():
            self._owner.close()
            return
        self._queue.put(None)
        await asyncio.get_running_loop().run_in_executor(None, self._thread.join, ANSWER_S)
        self._deliver()

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        if loop is not self._loop:
            for entry in self._waiting:
                entry.answered = True  # their loop has ended, and nobody is there to hear
            self._waiting.clear()
            self._loop, self._alarm = loop, None
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="alsohere-writer", daemon=True)
            self._thread.start()

    def _set_alarm(self, due_s: float) -> None:
        assert self._loop is not None
        self._alarm = self._loop.call_later(max(0.0, due_s - time.monotonic()), self._expire)

    def _expire(self) -> None:
        """Answer what has waited too long; the thread sees that before it commits."""
        self._alarm = None
        self._deliver()
        now_s = time.monotonic()
        while self._waiting and self._waiting[0].due_s <= now_s:
            self._answer(self._waiting.popleft(), Unavailable(BROKEN))
        if self._waiting:
            self._set_alarm(self._waiting[0].due_s)

    def _deliver(self) -> None:
        while self._finished:
            for entry in self._finished.popleft():
                if not entry.answered:
                    self._waiting.popleft()  # itself: batches keep the order of submission
                    self._answer(entry, entry.result)

    def _answer(self, entry: Entry, result: Any) -> None:
        entry.answered = True
        try:
            entry.done(result)
        except Exception:
            log.exception("an answer of the database was not taken")

    # -- On the thread -----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while self._turn():
            pass
        self._owner.close()

    def _turn(self) -> bool:
        """One batch, and whether there will be more. Between two of them nothing of the last is kept: it leads to who asked."""
        batch, more = self._take()
        if batch or self._owner.up is not True:
            self._execute(batch)
        return more

    def _take(self) -> tuple[list[Entry], bool]:
        """All that waits, and whether there will be more."""
        batch: list[Entry] = []
        rows = 0
        try:
            entry = self._queue.get(timeout=OPEN_AGAIN_S if self._owner.up is False else None)
            while entry is not None:
                batch.append(entry)
                rows += entry.rows
                if len(batch) >= MOST_IN_BATCH or rows >= MOST_ROWS_IN_BATCH:
                    return batch, True
                entry = self._queue.get_nowait()
        except Empty:
            return batch, True
        return batch, False

    def _execute(self, batch: list[Entry]) -> None:
        try:
            self._batches.run(batch)
        except Exception as error:
            self._fail(batch, error)
        self._tell(batch)

    def _fail(self, batch: list[Entry], error: Exception) -> None:
        """Nothing was committed. Who has queued up meanwhile would wait for the same: they are answered too."""
        if not isinstance(error, AlsoHereError):
            self._owner.failed(error)
        while not self._queue.empty() and len(batch) < MOST_WAITING:
            entry = self._queue.get_nowait()
            if entry is None:
                self._queue.put(None)  # close() keeps its turn
                break
            batch.append(entry)
        refusal = error if isinstance(error, Unavailable) else Unavailable(BROKEN)
        for entry in batch:
            entry.result = refusal

    def _tell(self, batch: list[Entry]) -> None:
        if not batch or self._loop is None:
            return
        self._finished.append(batch)
        try:
            self._loop.call_soon_threadsafe(self._deliver)
        except RuntimeError:
            log.debug("the loop that asked has ended")

"""Questions to the database, on a connection that cannot write and a thread that delays no writer.

A question sees everything that was committed before it was asked.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from alsohere.backends.sql.batch import is_breakdown
from alsohere.backends.sql.engine import READ_S, create_engine, database_url
from alsohere.backends.sql.owner import BROKEN, reason
from alsohere.backends.sql.writer import Writer
from alsohere.errors import Unavailable

T = TypeVar("T")
MOST_WAITING = 100
CLOSE_S = 2.0
log = logging.getLogger("alsohere")


class Reader:
    """Answers one question after the other.

    Args:
        setting: `database_url`.
        writer: opens the database first, and so creates it.
    """

    def __init__(self, setting: str, writer: Writer) -> None:
        self._setting = setting
        self._writer = writer
        self._engine: Engine | None = None
        self._connection: Connection | None = None
        self._queue: SimpleQueue[tuple[Callable[[Connection], Any], Future[Any]] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._waiting = 0

    async def ask(self, job: Callable[[Connection], T]) -> T:
        """What a job finds.

        Args:
            job: gets the connection, on the reader's thread.

        Raises:
            Unavailable: the database cannot be used, the answer takes longer than READ_S, or too many wait.
        """
        if self._waiting >= MOST_WAITING:
            raise Unavailable("Too many questions to the database wait already.")
        self._waiting += 1
        try:
            if not self._writer.up:
                await self._writer.ask(lambda _: None)
            # Not wait_for: before Python 3.12 that loses a cancellation that comes together with the answer.
            async with asyncio.timeout(READ_S):
                return await asyncio.wrap_future(self._put(job))
        except TimeoutError:
            raise Unavailable(BROKEN) from None
        finally:
            self._waiting -= 1

    async def close(self) -> None:
        """Give back the connection. A later question opens it again."""
        if self._thread is not None and self._thread.is_alive():
            self._queue.put(None)
            await asyncio.get_running_loop().run_in_executor(None, self._thread.join, CLOSE_S)

    def _put(self, job: Callable[[Connection], T]) -> Future[T]:
        future: Future[T] = Future()
        self._queue.put((job, future))
        if self._thread is None or not self._thread.is_alive():
            # Of its own, and a daemon: one of an executor would keep a process from ending whose database is silent.
            self._thread = threading.Thread(target=self._run, name="alsohere-reader", daemon=True)
            self._thread.start()
        return future

    # -- On the thread -----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while (question := self._queue.get()) is not None:
            job, future = question
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(self._answer(job))
                except Exception as error:
                    future.set_exception(error)
        self._disconnect()

    def _answer(self, job: Callable[[Connection], T]) -> T:
        try:
            with self._connect().begin():
                return job(self._connect())
        except (DBAPIError, OSError) as error:
            if not is_breakdown(error):
                raise
            log.warning("the database did not answer: %s", reason(error))
            self._disconnect()
            raise Unavailable(BROKEN) from None

    def _connect(self) -> Connection:
        if self._connection is None:
            self._engine = self._engine or create_engine(database_url(self._setting), "alsohere reader", reads=True)
            self._connection = self._engine.connect()
        return self._connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()

"""One batch of jobs in one transaction: all that can go wrong in it, and whom that harms.

Guarantees (the writer's, as far as they are kept here):
    Atomicity: a job's writes are all there or none. One that raises undoes its own and nobody else's.
    What was answered Unavailable before the commit is not committed: a batch looks before it commits, and runs again without it.
A job may be run twice (a neighbour had to be undone; the first attempt is rolled back), so it must not change anything but
the database and what its Participant can forget.

Rejected: a savepoint around each job. Two statements more for each, for a refusal that nearly always precedes the first write.

Belongs to the writer's thread; nobody else calls it.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NotSupportedError, ProgrammingError

from alsohere.backends.sql.owner import Owner
from alsohere.errors import ConfigError, Refusal

T = TypeVar("T")
Job = Callable[[Connection], T]

FAULTS_OF_A_JOB = (IntegrityError, DataError, ProgrammingError, NotSupportedError)
log = logging.getLogger("alsohere")


class Participant(Protocol):
    """Collects over a batch what its jobs want written, to write each row once.

    Guarantees owed: `flush` writes all that was collected since the last `flush` or `forget`; there may be several before `kept`.
    """

    def flush(self, connection: Connection) -> None:
        """Write it: the commit follows."""

    def kept(self) -> None:
        """The commit has returned."""

    def forget(self) -> None:
        """The attempt was undone, or the connection is new: what is remembered may be wrong."""


class Entry:
    """A job on its way, and what became of it.

    Args:
        job: what to do.
        done: whom to tell.
        due_s: when it is answered Unavailable, on the monotonic clock.
        rows: about how many it writes.
    """

    __slots__ = ("answered", "done", "due_s", "job", "result", "rows")

    def __init__(self, job: Job[Any], done: Callable[[Any], None], due_s: float, rows: int = 1) -> None:
        self.job = job
        self.done = done
        self.due_s = due_s
        self.rows = rows
        self.answered = False
        self.result: Any = None


class _Apart(Exception):
    """A job must be undone alone: run the batch again, each job in a savepoint."""


class _TooLate(Exception):
    """A job of the batch was answered Unavailable meanwhile: run the batch again without it."""


class Batches:
    """Runs batches on the owner's connection, one after the other.

    Args:
        owner: of the database.
    """

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self.participants: list[Participant] = []
        self.jobs = 0
        self.commits = 0
        self._opened = 0  # which of the owner's connections the participants know
        self._committing = False

    def run(self, batch: list[Entry]) -> None:
        """Give each entry its result, in one commit.

        Raises:
            Exception: the database cannot be used; nothing is committed, and nothing is remembered.
        """
        try:
            try:
                self._commit(self._connect(), batch)
            except DBAPIError as error:
                if self._committing or not error.connection_invalidated:
                    raise
                # It had ended while nobody used it, as when the database is restarted in the night; nothing was to be committed.
                self._owner.drop()
                self._commit(self._connect(), batch)
        except Exception:
            self._forget()
            raise

    def _connect(self) -> Connection:
        connection = self._owner.connection()
        if self._owner.opened != self._opened:
            self._opened = self._owner.opened
            self._forget()
        return connection

    def _commit(self, connection: Connection, batch: list[Entry]) -> None:
        """Run a batch until an attempt comes through. Each attempt after the first has fewer jobs, or keeps them apart."""
        apart = False
        while live := [entry for entry in batch if not entry.answered]:
            self._committing = False
            try:
                with connection.begin():
                    self._attempt(connection, live, apart=apart)
                    self._committing = True  # a failure from here on may come after the fact
            except _Apart:
                apart = True
            except _TooLate:
                pass
            else:
                self._settled(live)
                return
            self._forget()

    def _attempt(self, connection: Connection, entries: list[Entry], *, apart: bool) -> None:
        for entry in entries:
            entry.result = self._run_apart(connection, entry.job) if apart else self._run_plain(connection, entry.job)
        self._flush(connection)
        if any(entry.answered for entry in entries):
            raise _TooLate

    def _run_plain(self, connection: Connection, job: Job[Any]) -> Any:
        writes = self._owner.writes
        try:
            return job(connection)
        except Refusal as refusal:
            if self._owner.writes == writes:
                return refusal
            raise _Apart from None
        except Exception as error:
            if is_breakdown(error):
                raise
            raise _Apart from None

    def _flush(self, connection: Connection) -> None:
        for participant in self.participants:
            participant.flush(connection)

    def _run_apart(self, connection: Connection, job: Job[Any]) -> Any:
        self._flush(connection)  # or a job that makes its neighbours be written would undo them with itself
        try:
            with connection.begin_nested():
                return job(connection)
        except Refusal as refusal:
            return refusal
        except Exception as error:
            if is_breakdown(error):
                raise
            log.exception("a job of the database failed, and was undone")
            return Refusal("The server failed to do this; its log says why.", code="internal")

    def _settled(self, entries: list[Entry]) -> None:
        self.jobs += len(entries)
        self.commits += 1
        for participant in self.participants:
            participant.kept()

    def _forget(self) -> None:
        for participant in self.participants:
            participant.forget()


def is_breakdown(error: Exception) -> bool:
    """Whether it is the database that cannot go on, and not one job that asked for nonsense."""
    if isinstance(error, FAULTS_OF_A_JOB) or _is_sqlite_s_word_for_nonsense(error):
        return False
    return isinstance(error, DBAPIError | OSError | ConfigError)


def _is_sqlite_s_word_for_nonsense(error: Exception) -> bool:
    # "No such table" is an OperationalError there, as is a full disk; the code tells them apart.
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR

"""One running server per database: who has the claim may write.

A SQLite file is claimed by flock on `<file>.lock`, a PostgreSQL database by a session's advisory lock. Both are given back by the
operating system or the server when the process dies, however it dies, so nobody has to clean up.

PostgreSQL's belongs to the very connection that writes. So a commit of ours that hangs somewhere keeps the claim, and what we
do next, on a new connection, cannot begin before that commit is decided.

Rejected: a row with a lease. It needs clocks that agree, and a kill would keep the next start waiting.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from sqlalchemy import URL, Connection, text

from alsohere.errors import Unavailable

KEY = int.from_bytes(b"alsohere")  # PostgreSQL knows advisory locks by a number, one space per database
CLAIM = text("SELECT pg_try_advisory_lock(:key)")
RELEASE = text("SELECT pg_advisory_unlock(:key)")
LINGER_S = 0.5  # so long PostgreSQL may take to notice that a killed server is gone
END_OWN = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = :name AND pid <> pg_backend_pid()"
)
TAKEN = "Another running server uses this database; a database belongs to one. Stop that server, or set another database_url."


class FileClaim:
    """The claim of a SQLite file, kept until `release`.

    Args:
        url: of the database.
    """

    def __init__(self, url: URL) -> None:
        self._path = Path(f"{url.database}.lock")
        self._descriptor: int | None = None

    def take(self, connection: Connection) -> None:  # noqa: ARG002 - the other kind needs it
        """Claim, if that is not done yet.

        Raises:
            Unavailable: another process has it.
        """
        import fcntl

        if self._descriptor is not None:
            return
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise Unavailable(TAKEN) from None
        self._descriptor = descriptor

    def release(self, connection: Connection | None) -> None:  # noqa: ARG002 - the other kind needs it
        """Give it back."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class SessionClaim:
    """The claim of a PostgreSQL database; it ends with the connection that took it.

    Args:
        name: the application name of this server's writing connections, and of nobody else's.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def take(self, connection: Connection) -> None:
        """Claim for a new connection.

        Raises:
            Unavailable: another server has it, or an earlier connection of this one that is about to end.
        """
        until_s = time.monotonic() + LINGER_S
        while not self._try(connection):
            if time.monotonic() > until_s:
                raise Unavailable(TAKEN)
            time.sleep(LINGER_S / 20)

    def _try(self, connection: Connection) -> bool:
        with connection.begin():
            taken = connection.execute(CLAIM, {"key": KEY}).scalar_one()
            if not taken:
                connection.execute(END_OWN, {"name": self._name})
        return bool(taken)

    def release(self, connection: Connection | None) -> None:
        """Give it back now: the server notices the end of a connection a little later."""
        if connection is not None:
            with connection.begin():
                connection.execute(RELEASE, {"key": KEY})


def claim_of(url: URL, name: str) -> FileClaim | SessionClaim:
    """The claim that fits a database.

    Args:
        url: of the database.
        name: the application name of this server's writing connections.
    """
    return FileClaim(url) if url.get_backend_name() == "sqlite" else SessionClaim(name)

"""The connection that may write: opened, claimed, with the schema that this version knows; or the sentence why not.

Belongs to the writer's thread; nobody else calls it.
"""

from __future__ import annotations

import logging
import secrets
import time
from typing import Any

import sqlalchemy
from sqlalchemy import URL, Connection, Engine, event

from alsohere.backends.sql import schema
from alsohere.backends.sql.claim import claim_of
from alsohere.backends.sql.engine import create_engine
from alsohere.errors import AlsoHereError, Unavailable

AGAIN_S = 0.25  # for so long after a failed attempt, the next is answered by the same sentence
BROKEN = "The database cannot be used right now. Nothing was changed; try again."
log = logging.getLogger("alsohere")


class Owner:
    """One connection, reopened when it had to be closed.

    Args:
        url: from `database_url`.
    """

    def __init__(self, url: URL) -> None:
        self._url = url
        self._name = f"alsohere {secrets.token_hex(4)}"
        self._claim = claim_of(url, self._name)
        self._engine: Engine | None = None
        self._connection: Connection | None = None
        self._failure: tuple[float, AlsoHereError] | None = None
        self.up: bool | None = None
        """Whether it can be used; None before the first attempt."""
        self.writes = 0
        """Statements that were not queries, so far."""

    def connection(self) -> Connection:
        """The open connection; opens it if need be.

        Raises:
            Unavailable: the database cannot be reached or belongs to another server.
            ConfigError: with these settings it never will.
        """
        if self._connection is None:
            self._connection = self._open()
            self._failure = None
            self._state(up=True)
        return self._connection

    def _open(self) -> Connection:
        if self._failure is not None and time.monotonic() - self._failure[0] < AGAIN_S:
            raise self._failure[1]
        connection: Connection | None = None
        try:
            connection = self._make_engine().connect()
            self._claim.take(connection)
            with connection.begin():
                schema.METADATA.create_all(connection)
        except (AlsoHereError, sqlalchemy.exc.DBAPIError, OSError) as error:
            self._discard(connection)
            self._state(up=False, why=reason(error))
            known = error if isinstance(error, AlsoHereError) else Unavailable(BROKEN)
            self._failure = time.monotonic(), known
            raise known from None
        return connection

    def _make_engine(self) -> Engine:
        if self._engine is None:
            self._engine = create_engine(self._url, self._name)
            event.listen(self._engine, "before_cursor_execute", self._count)
        return self._engine

    def _count(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        self.writes += not statement.startswith("SELECT")

    def failed(self, error: BaseException) -> None:
        """Give up the connection: the next question opens a new one."""
        self._discard(self._connection)
        self._connection = None
        self._state(up=False, why=reason(error))

    def close(self) -> None:
        """Give back the connection and the claim."""
        self._discard(self._connection)
        self._connection = None
        self._claim.release()
        self.up = None

    def _discard(self, connection: Connection | None) -> None:
        if connection is None:
            return
        try:
            connection.invalidate()
            connection.close()
        except Exception as error:
            log.debug("closing the database's connection: %s", error)

    def _state(self, *, up: bool, why: str = "") -> None:
        if up and self.up is False:
            log.info("the database can be used again")
        elif not up and self.up is not False:
            log.error("the database cannot be used; presence goes on: %s", why)
        self.up = up


def reason(error: BaseException) -> str:
    """The first line of what the driver says."""
    said = error.orig if isinstance(error, sqlalchemy.exc.DBAPIError) else error
    return (str(said).strip() or type(said).__name__).splitlines()[0]

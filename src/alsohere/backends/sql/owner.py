"""The connection that may write: opened, claimed, with the schema that this version knows; or the sentence why not.

Belongs to the writer's thread; nobody else calls it.
"""

from __future__ import annotations

import logging
import secrets
import time
from typing import Any

import sqlalchemy
from sqlalchemy import Connection, Engine, event, update

from alsohere.backends.sql.claim import FileClaim, SessionClaim, claim_of
from alsohere.backends.sql.engine import create_engine, database_url
from alsohere.backends.sql.versions import VERSION_TABLE, prepare
from alsohere.errors import AlsoHereError, ConfigError, Unavailable

PROOF = update(VERSION_TABLE).values(version_num=VERSION_TABLE.c.version_num)  # changes nothing, and is written
AGAIN_S = 0.25  # for so long after a failed attempt, the next is answered by the same sentence
BROKEN = "The database cannot be used right now. Nothing was changed; try again."
log = logging.getLogger("alsohere")


class Owner:
    """One connection, reopened when it had to be closed.

    Args:
        setting: `database_url`. A wrong one is found when it is used: an application may have its DATABASE_URL for other things.
    """

    def __init__(self, setting: str) -> None:
        self._setting = setting
        self._name = f"alsohere {secrets.token_hex(4)}"
        self._claim: FileClaim | SessionClaim | None = None
        self._engine: Engine | None = None
        self._connection: Connection | None = None
        self._failure: tuple[float, AlsoHereError] | None = None
        self.up: bool | None = None
        """Whether it can be used; None before the first attempt."""
        self.why = ""
        """If not, why, in words for the log and the command line."""
        self.opened = 0
        """Connections so far."""
        self.writes = 0
        """Statements that were not queries, so far."""

    def connection(self, *, starting: bool = False) -> Connection:
        """The open connection; opens it if need be.

        Args:
            starting: nothing runs before there is one, so a ConfigError is the caller's to say, and not the log's.

        Raises:
            Unavailable: the database cannot be reached or belongs to another server.
            ConfigError: with these settings it never will.
        """
        if self._connection is None:
            self._connection = self._open(starting=starting)
            self.opened += 1
            self._failure = None
            self._state(up=True)
        return self._connection

    def _open(self, *, starting: bool) -> Connection:
        if self._failure is not None and time.monotonic() - self._failure[0] < AGAIN_S:
            raise self._failure[1]
        connection: Connection | None = None
        try:
            engine, claim = self._prepare()
            connection = engine.connect()
            claim.take(connection)
            with connection.begin():
                prepare(connection)
                if self.up is False:
                    connection.execute(PROOF)  # a full disk can be opened all the same
        except (AlsoHereError, sqlalchemy.exc.DBAPIError, OSError) as error:
            self._discard(connection)
            known = _known(error)
            if isinstance(known, ConfigError) and self._claim is not None:
                self._claim.release(None)  # alsohere migrate may need it
            if not (starting and isinstance(known, ConfigError)):
                self._state(up=False, why=reason(error))
            self._failure = time.monotonic(), known
            raise known from None
        return connection

    def _prepare(self) -> tuple[Engine, FileClaim | SessionClaim]:
        if self._engine is None or self._claim is None:
            url = database_url(self._setting)
            self._engine, self._claim = create_engine(url, self._name), claim_of(url, self._name)
            event.listen(self._engine, "before_cursor_execute", self._count)
        return self._engine, self._claim

    def _count(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        self.writes += not statement.startswith("SELECT")

    def failed(self, error: BaseException) -> None:
        """Give up the connection, and say so: the next question opens a new one."""
        self.drop()
        self._state(up=False, why=reason(error))

    def drop(self) -> None:
        """Give up the connection."""
        self._discard(self._connection)
        self._connection = None

    def close(self) -> None:
        """Give back the connection and the claim."""
        try:
            if self._claim is not None:
                self._claim.release(self._connection)
        except sqlalchemy.exc.DBAPIError as error:
            log.debug("giving back the database: %s", reason(error))
        self.drop()
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
        self.up, self.why = up, why


def _known(error: BaseException) -> AlsoHereError:
    """What an opening that failed is called; waiting helps against most of it."""
    if isinstance(error, AlsoHereError):
        return error
    if getattr(getattr(error, "orig", None), "sqlite_errorname", None) == "SQLITE_NOTADB":
        return ConfigError("database_url: the file is there and is no SQLite database; move it away, or name another file")
    return Unavailable(BROKEN)


def reason(error: BaseException) -> str:
    """The first line of what the driver says."""
    said = error.orig if isinstance(error, sqlalchemy.exc.DBAPIError) else error
    return (str(said).strip() or type(said).__name__).splitlines()[0]

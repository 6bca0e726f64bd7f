"""Connections to the database: what its URL may be, and what each session of it promises.

The promise: a commit returns after the bytes are on the disk. SQLite: WAL with synchronous=FULL (and fullfsync, which only
macOS needs). PostgreSQL: synchronous_commit is raised to `on` where a server has turned it off, and left alone otherwise.

Every wait is bounded here: a lock of somebody else is waited for BUSY_S, a connect CONNECT_S. What no server can bound, its
silence, is bounded by the writer and the reader.

Rejected: connection pools. There is one writer and one reader, each on a thread of its own that holds its connection.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import URL, Engine, NullPool, event
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler

from alsohere.backends.sql.versions import SCHEMA
from alsohere.errors import ConfigError

BUSY_S = 1.5
CONNECT_S = 2
READ_S = 10.0
SCHEMES = {
    "sqlite": "sqlite+pysqlite",
    "sqlite+pysqlite": "sqlite+pysqlite",
    "sqlite+aiosqlite": "sqlite+pysqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
    "postgresql+psycopg2": "postgresql+psycopg",
    "postgresql+asyncpg": "postgresql+psycopg",
}


def database_url(text: str) -> URL:
    """The URL of a setting, for the drivers that we use.

    Raises:
        ConfigError: it is no URL, or of a database that we do not speak.
    """
    try:
        url = sqlalchemy.make_url(text)
    except sqlalchemy.exc.ArgumentError:
        raise ConfigError(f"database_url: not a URL{_path_hint(text)}") from None
    driver = SCHEMES.get(url.drivername)
    if driver is None:
        raise ConfigError(f"database_url: {url.drivername}:// is not spoken; use sqlite:///, postgresql:// or memory://")
    url = url.set(drivername=driver)
    return _sqlite_url(url) if url.get_backend_name() == "sqlite" else _postgres_url(url)


def _path_hint(text: str) -> str:
    return f"; for a SQLite file write sqlite:///{text}" if re.fullmatch(r"[\w./-]+", text) else ""


def _sqlite_url(url: URL) -> URL:
    if url.host or not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise ConfigError("database_url: SQLite needs the path of a file, as in sqlite:///alsohere.db; or use memory://")
    # Resolved, so that a link and its target have one claim.
    return url.set(database=str(Path(url.database).resolve()), query={})


def _postgres_url(url: URL) -> URL:
    query = dict(url.query)
    if "ssl" in query:  # asyncpg's word for it
        query["sslmode"] = "require" if query.pop("ssl") in ("true", "1", "require") else "prefer"
    return url.set(query=query)


def create_engine(url: URL, name: str, *, reads: bool = False) -> Engine:
    """An engine whose connections keep the promises of this file.

    Args:
        url: from `database_url`.
        name: what PostgreSQL shows in pg_stat_activity.
        reads: for queries alone, which may take READ_S.

    Raises:
        ConfigError: the driver is not installed, or SQLite's directory does not exist.
    """
    if url.get_backend_name() == "sqlite":
        return _sqlite_engine(url, reads=reads)
    return _postgres_engine(url, name, reads=reads)


def _sqlite_engine(url: URL, *, reads: bool) -> Engine:
    _check_folder(Path(str(url.database)).parent)
    # The thread that a connection is used in changes only while nobody uses it.
    arguments = {"timeout": BUSY_S, "check_same_thread": False}
    engine = sqlalchemy.create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args=arguments)
    engine.dialect.statement_compiler = _Compiler

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # the driver begins no transaction by itself
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "fullfsync=ON", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")
        if reads:
            connection.execute("PRAGMA query_only=ON")

    @event.listens_for(engine, "begin")
    def begin(connection: sqlalchemy.Connection) -> None:
        # IMMEDIATE: a writer that began as a reader could be refused in the middle of its work.
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


class _Compiler(SQLiteCompiler):
    """Writes out `with_hint`, as in INDEXED BY: SQLite counts no rows by itself, and takes a key before the index of a few."""

    def get_from_hint_text(self, table: Any, text: Any) -> Any:  # noqa: ARG002 - the other argument is all there is
        return text


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise ConfigError(f"database_url: there is no directory {folder}; create it, or name another file")
    if not os.access(folder, os.W_OK):
        raise ConfigError(
            f"database_url: may not write in {folder}; name another file, as in sqlite:////var/lib/alsohere/alsohere.db"
        )


def _postgres_engine(url: URL, name: str, *, reads: bool) -> Engine:
    try:
        import psycopg  # noqa: F401
    except ImportError:
        raise ConfigError("database_url: PostgreSQL needs psycopg; pip install 'alsohere[postgres]'") from None
    arguments = {
        "connect_timeout": CONNECT_S,
        "application_name": name,
        # A network that swallows everything ends the connection in seconds, here and (below) at the server.
        "tcp_user_timeout": 5000,
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
    }
    given = {key: value for key, value in arguments.items() if key not in url.query}
    engine = sqlalchemy.create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args=given)
    settings = {
        "statement_timeout": f"{(READ_S if reads else BUSY_S) * 1000:.0f}",
        "lock_timeout": f"{BUSY_S * 1000:.0f}",
        "tcp_keepalives_idle": "5",
        "tcp_keepalives_interval": "2",
        "tcp_keepalives_count": "3",
        "search_path": SCHEMA,
        "default_transaction_read_only": "on" if reads else "off",
        # All statements of one question see the same moment, as SQLite has it anyway.
        "default_transaction_isolation": "repeatable read" if reads else "read committed",
    }

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: Any) -> None:
        for setting, value in settings.items():
            connection.execute("SELECT set_config(%s, %s, false)", (setting, value))
        connection.execute(
            "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
        )
        connection.commit()

    return engine

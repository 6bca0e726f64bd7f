"""Which schema a database has, and how it gets the one that this version of alsohere knows.

An empty database is given it without being asked. An old one is not changed behind anybody's back: there may be a backup to
make first, and `alsohere migrate` says what it did. A newer one is left alone.

In PostgreSQL everything lives in a schema of its own, `alsohere`: DATABASE_URL is usually the application's database, which has
names (and migrations) of its own.

alembic is imported only when there is something to do: it is a quarter of a second and some megabytes.
"""

from __future__ import annotations

import logging
from pathlib import Path

import sqlalchemy
from sqlalchemy import Connection, text

from alsohere.errors import ConfigError

VERSION = "0001"
"""The newest of migrations/versions; a test compares."""
VERSION_TABLE = "alsohere_version"
SCHEMA = "alsohere"
MIGRATIONS = Path(__file__).parent / "migrations"


def version_of(connection: Connection) -> str | None:
    """The version of a database's schema; None if it has none yet."""
    if not sqlalchemy.inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar_one_or_none()  # noqa: S608 - a constant


def prepare(connection: Connection) -> None:
    """See to it that the schema is the one that this version knows: creates it in an empty database.

    Raises:
        ConfigError: the schema is an older or a newer one; the sentence says what to do.
    """
    version = version_of(connection)
    if version is None:
        upgrade(connection)
    else:
        check_version(version)


def check_version(version: str) -> None:
    """Refuse every version but ours.

    Raises:
        ConfigError: the sentence says what to do.
    """
    if version == VERSION:
        return
    if is_known(version):
        raise ConfigError(
            f"The database has schema {version}, and this version of alsohere needs {VERSION}. Stop the server that uses it, "
            "make a backup, and run: alsohere migrate"
        )
    raise ConfigError(
        f"The database has schema {version}, which a newer version of alsohere has made; this one knows {VERSION}. "
        "Install that version again, or restore the backup from before."
    )


def is_known(version: str) -> bool:
    """Whether this version of alsohere can bring that schema to its own."""
    return any((MIGRATIONS / "versions").glob(f"v{version}_*.py"))


def upgrade(connection: Connection) -> None:
    """Bring the schema to ours, within the connection's transaction."""
    logging.getLogger("alembic").setLevel(logging.WARNING)  # before the import, which has much to say
    from alembic import command
    from alembic.config import Config

    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        if connection.execute(text("SELECT to_regnamespace(:name) IS NULL"), {"name": SCHEMA}).scalar_one():
            connection.execute(text(f"CREATE SCHEMA {SCHEMA}"))
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    command.upgrade(config, "head")

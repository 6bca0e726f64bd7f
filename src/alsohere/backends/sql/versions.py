"""Which schema a database has, and how it gets the one that this version of alsohere knows.

An empty database is given it without being asked, straight from schema.py, and marked as if all migrations had run: a test
compares what the two ways lead to. An old one is not changed behind anybody's back: there may be a backup to
make first, and `alsohere migrate` says what it did. A newer one is left alone.

In PostgreSQL everything lives in a schema of its own, `alsohere`: DATABASE_URL is usually the application's database, which has
names (and migrations) of its own.

alembic is imported only when there is something to do: it is a quarter of a second and some megabytes.
"""

from __future__ import annotations

import logging
from pathlib import Path

import sqlalchemy
from sqlalchemy import Column, Connection, MetaData, PrimaryKeyConstraint, String, Table, select, text

from alsohere.backends.sql.schema import METADATA
from alsohere.errors import ConfigError

VERSION = "0007"
"""The newest of migrations/versions; a test compares."""
VERSION_TABLE = Table(
    "alsohere_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alsohere_version_pkc"),
)
"""alembic's, under our name: in a shared database `alembic_version` is the application's."""
SCHEMA = "alsohere"
MIGRATIONS = Path(__file__).parent / "migrations"


def version_of(connection: Connection) -> str | None:
    """The version of a database's schema; None if it has none yet."""
    if not sqlalchemy.inspect(connection).has_table(VERSION_TABLE.name):
        return None
    return connection.execute(select(VERSION_TABLE.c.version_num)).scalar_one_or_none()


def prepare(connection: Connection) -> None:
    """See to it that the schema is the one that this version knows: creates it in an empty database.

    Raises:
        ConfigError: the schema is an older or a newer one; the sentence says what to do.
    """
    version = version_of(connection)
    if version is None:
        _create(connection)
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


def _create(connection: Connection) -> None:
    _create_schema(connection)
    METADATA.create_all(connection)
    VERSION_TABLE.create(connection)
    connection.execute(VERSION_TABLE.insert().values(version_num=VERSION))


def upgrade(connection: Connection) -> None:
    """Bring the schema to ours, within the connection's transaction."""
    logging.getLogger("alembic").setLevel(logging.WARNING)  # before the import, which has much to say
    from alembic import command
    from alembic.config import Config

    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL statement_timeout = 0"))
    _create_schema(connection)
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    command.upgrade(config, "head")


def _create_schema(connection: Connection) -> None:
    if connection.dialect.name != "postgresql":
        return
    # IF NOT EXISTS would ask for the right to create schemas even where an administrator has made ours.
    if connection.execute(text("SELECT to_regnamespace(:name) IS NULL"), {"name": SCHEMA}).scalar_one():
        connection.execute(text(f"CREATE SCHEMA {SCHEMA}"))

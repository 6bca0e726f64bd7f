"""What the command line does to a database: look at it, bring its schema up to date; give or erase what is kept about a user.

The last two also while a server uses it: they wait for its transactions as it waits for theirs, and claim nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from alsohere.backends.sql import inbox_persons, persons, webhook_persons
from alsohere.backends.sql.claim import claim_of
from alsohere.backends.sql.engine import create_engine, database_url
from alsohere.backends.sql.owner import reason
from alsohere.backends.sql.versions import VERSION, check_version, is_known, upgrade, version_of
from alsohere.domain.history import Erased, UserData
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
    version = in_transaction(setting, version_of, reads=True)
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
        return in_transaction(setting, work, first=claim.take), VERSION
    finally:
        claim.release(None)


def export(setting: str, user: str) -> UserData:
    """Everything that is kept about a user.

    Args:
        setting: `database_url`.
        user: the user's id.

    Raises:
        ConfigError: the database cannot be used, or there is none.
    """
    require_tables(setting)
    return in_transaction(setting, partial(persons.about, user), reads=True)


def erase(setting: str, user: str, at_ms: int) -> Erased:
    """Erase it; a running server forgets it too, when it next writes.

    Args:
        setting: `database_url`.
        user: the user's id.
        at_ms: now: visits that begin later stay.

    Raises:
        ConfigError: the database cannot be used, or there is none.
    """
    require_tables(setting)
    lines = in_transaction(setting, partial(persons.note_erasure, user, at_ms))
    keys = in_transaction(setting, partial(persons.visits_to_erase, user, at_ms), reads=True)
    for start in range(0, len(keys), persons.SLICE):
        in_transaction(setting, partial(persons.remove_visits, user, keys[start : start + persons.SLICE]))
    entries = in_transaction(setting, partial(inbox_persons.remove, user))
    sent = in_transaction(setting, partial(inbox_persons.sent_by, user), reads=True)
    for start in range(0, len(sent), persons.SLICE):
        in_transaction(setting, partial(inbox_persons.anonymise, user, sent[start : start + persons.SLICE]))
    events = [event.id for event in in_transaction(setting, partial(webhook_persons.about, user), reads=True)]
    for start in range(0, len(events), persons.SLICE):
        in_transaction(setting, partial(webhook_persons.erase, user, events[start : start + persons.SLICE], at_ms))
    return Erased(len(keys), lines, entries, len(sent), len(events))


def require_tables(setting: str) -> None:
    """ConfigError if nothing was ever kept there."""
    if examine(setting) is None:
        raise ConfigError("database_url: there is nothing in this database yet; give the one that the server uses")


def in_transaction(
    setting: str, job: Callable[[Connection], T], *, reads: bool = False, first: Callable[[Connection], None] | None = None
) -> T:
    """What a job gives that is alone in a transaction; ConfigError if the database cannot be used."""
    engine = create_engine(database_url(setting), NAME, reads=reads)
    try:
        with engine.connect() as connection:
            if first is not None:
                first(connection)
            with connection.begin():
                return job(connection)
    except (DBAPIError, OSError) as error:
        raise ConfigError(f"database_url: the database cannot be used: {reason(error)}") from None

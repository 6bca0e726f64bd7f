"""Keys of back ends in the database: read by the server, made and revoked by the command line, which needs no server."""

from __future__ import annotations

from functools import partial

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from alsohere.backends.sql.schema import API_KEYS
from alsohere.backends.sql.store import Store
from alsohere.domain.api_key import ApiKey
from alsohere.errors import BadRequest, NotFound, Refusal

_ALL = select(API_KEYS).order_by(API_KEYS.c.name)
_USED = update(API_KEYS).where(API_KEYS.c.hash == bindparam("of")).values(last_used_ms=bindparam("at_ms"))


class SqlKeys:
    """Implements `ports.KeyStore`.

    Args:
        store: the database.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def keys(self) -> list[ApiKey]:
        return await self._store.reader.ask(all_keys)

    def used(self, key: ApiKey, at_ms: int) -> None:
        self._store.writer.submit(partial(_note_use, key.hash, at_ms), _forget)


def _note_use(of: str, at_ms: int, connection: Connection) -> None:
    connection.execute(_USED, {"of": of, "at_ms": at_ms})


def _forget(_: Refusal | None) -> None:
    pass


def all_keys(connection: Connection) -> list[ApiKey]:
    """All keys, by name."""
    return [
        ApiKey(row.hash, row.name, tuple(row.scopes.split()), row.created_ms, row.last_used_ms)
        for row in connection.execute(_ALL)
    ]


def add_key(key: ApiKey, connection: Connection) -> None:
    """Keep a new key.

    Raises:
        BadRequest: there is one of that name.
    """
    if any(one.name == key.name for one in all_keys(connection)):
        raise BadRequest(f"There is a key {key.name!r} already; revoke it first, or choose another name.")
    values = {"hash": key.hash, "name": key.name, "scopes": " ".join(key.scopes), "created_ms": key.created_ms}
    connection.execute(insert(API_KEYS), values)


def remove_key(name: str, connection: Connection) -> None:
    """Revoke a key.

    Raises:
        NotFound: there is none of that name.
    """
    if not connection.execute(delete(API_KEYS).where(API_KEYS.c.name == name)).rowcount:
        raise NotFound(f"There is no key {name!r}.")

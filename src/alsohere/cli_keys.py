"""`alsohere key`: keys of back ends, made and revoked in the database itself, whether or not a server runs."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from alsohere.config import Config
from alsohere.domain.api_key import PREFIX, SCOPES, SECRET_BYTES, ApiKey, check_name, hash_of
from alsohere.errors import AlsoHereError, ConfigError

if TYPE_CHECKING:
    from sqlalchemy import Connection

ALL = "\n".join(f"  {scope:7} {text}" for scope, text in SCOPES.items())


@click.group()
def key() -> None:
    """Keys for the HTTP API, each for what it needs."""


@key.command("create", help=f"Make a key and print it, this once.\n\n\b\nScopes:\n{ALL}")
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, required=True, type=click.Choice(list(SCOPES)), help="Again for more.")
def create_key(name: str, scopes: tuple[str, ...]) -> None:
    from alsohere.backends.sql.keys import add_key

    text = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    try:
        made = ApiKey(hash_of(text.encode()), check_name(name), tuple(dict.fromkeys(scopes)), time.time_ns() // 1_000_000)
        _in_database(partial(add_key, made))
    except AlsoHereError as error:
        raise click.ClickException(str(error)) from None
    click.echo(text)


@key.command("list")
def list_keys() -> None:
    """Print the names of the keys, what each may do and when it was last used."""
    from alsohere.backends.sql.keys import all_keys

    try:
        keys = _in_database(all_keys, reads=True)
    except AlsoHereError as error:
        raise click.ClickException(str(error)) from None
    for one in keys:
        used = "never used" if one.last_used_ms is None else f"last used {_time(one.last_used_ms)}"
        click.echo(f"{one.name}  ({', '.join(one.scopes)}; made {_time(one.created_ms)}, {used})")


@key.command("revoke")
@click.argument("name")
def revoke_key(name: str) -> None:
    """Make a key useless; a running server knows within a second."""
    from alsohere.backends.sql.keys import remove_key

    try:
        _in_database(partial(remove_key, name))
    except AlsoHereError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{name} is revoked.")


def _in_database(job: Callable[[Connection], Any], *, reads: bool = False) -> Any:
    """What a job finds or does; the first key may come before the first start."""
    from alsohere.backends.sql.store import Store
    from alsohere.backends.sql.upkeep import examine, in_transaction

    config = Config.load()
    if config.keeps_nothing:
        raise ConfigError("database_url: memory:// keeps no keys; use ALSOHERE_API_KEY, or a database")
    setting = config.database_url.get_secret_value()
    if examine(setting) is None:
        store = Store(setting)
        store.prove()
        asyncio.run(store.close())
    return in_transaction(setting, job, reads=reads)


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")

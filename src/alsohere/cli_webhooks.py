"""`alsohere webhooks`: what the application was told, on the database itself, whether or not a server runs."""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import click
import msgspec

from alsohere.config import Config
from alsohere.errors import AlsoHereError, ConfigError

if TYPE_CHECKING:
    from sqlalchemy import Connection


@click.group()
def webhooks() -> None:
    """Events for your application: what it was told, and to tell it again."""


def _place(_context: click.Context, _parameter: click.Parameter, text: str) -> tuple[int | None, int | None]:
    """The (id, ms) that is meant; one of them is None."""
    if text.isascii() and text.isdigit():
        return int(text), None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter("an event's id, or a time as in 2026-11-20T09:30:00 (UTC, if no zone is given)") from None
    return None, int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)


@webhooks.command("replay")
@click.option(
    "--from", "start", required=True, callback=_place, help="The first event's id, or a time as in 2026-11-20T09:30:00 (UTC)."
)
def replay_events(start: tuple[int | None, int | None]) -> None:
    """Have events sent again; a running server begins within seconds, another when it starts."""
    from alsohere.backends.sql.webhooks import FIRST, replay

    count, after = 0, FIRST
    while after is not None:
        some, after = _in_database(partial(replay, *start, after))
        count += some
    click.echo(f"{count} events are sent again.")


@webhooks.command("log")
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="How many, at most.")
@click.option("--state", type=click.Choice(["pending", "delivered", "given_up"]), help="Only those.")
def print_log(limit: int, state: Any) -> None:
    """Print the newest events and what became of them, newest last, one JSON object per line."""
    from alsohere.backends.sql.webhooks import log

    for event in reversed(_in_database(partial(log, state, None, limit), reads=True)):
        click.echo(msgspec.json.encode(event))


@webhooks.command("secret")
def print_secret() -> None:
    """Print a new secret for ALSOHERE_WEBHOOK_SECRET."""
    click.echo(f"whsec_{b64encode(secrets.token_bytes(32)).decode()}")


def _in_database(job: Callable[[Connection], Any], *, reads: bool = False) -> Any:
    from alsohere.backends.sql.upkeep import in_transaction, require_tables

    try:
        config = Config.load()
        if config.keeps_nothing:
            raise ConfigError("database_url: memory:// is in the server alone; ask it for /api/v1/webhooks/log")
        setting = config.database_url.get_secret_value()
        require_tables(setting)
        return in_transaction(setting, job, reads=reads)
    except AlsoHereError as error:
        raise click.ClickException(str(error)) from None

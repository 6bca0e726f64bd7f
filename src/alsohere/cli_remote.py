"""Commands that ask a running server: `alsohere online`, `push`, `notify`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
import msgspec

from alsohere.client import AlsoHereClient
from alsohere.client.calls import Unreachable
from alsohere.config import Config
from alsohere.errors import AlsoHereError, Unauthenticated

SERVER = "http://127.0.0.1:8765"


def _of_a_server(function: Callable[..., Any]) -> Callable[..., Any]:
    option = click.option("--url", envvar="ALSOHERE_URL", default=SERVER, show_default=True, help="The server to ask.")
    return option(function)


def _ask(url: str, question: Callable[[AlsoHereClient], Any]) -> Any:
    try:
        key = Config.load().api_key
    except AlsoHereError as error:
        raise click.ClickException(str(error)) from None
    try:
        with AlsoHereClient(url.rstrip("/"), key.get_secret_value() if key else "", retries=0) as client:
            return question(client)
    except Unreachable as error:
        raise click.ClickException(f"no alsohere answers at {url} ({error.why}); start one with: alsohere serve") from None
    except Unauthenticated as error:
        raise click.ClickException(error.message if key else f"set ALSOHERE_API_KEY to a key of {url}") from None
    except AlsoHereError as error:
        raise click.ClickException(str(error)) from None


@click.command()
@_of_a_server
@click.option("--room", help="Ask about a room instead.")
def online(url: str, room: str | None) -> None:
    """Print who is online on a running server; needs ALSOHERE_API_KEY."""
    answer = _ask(url, lambda client: client.online() if room is None else client.room(room))
    click.echo(f"{answer.count} online" if room is None else f"{answer.count} in {room}")
    for member in answer.members:
        click.echo(f"  {member.name}  ({member.id}, {member.status})")


@click.command()
@_of_a_server
@click.argument("event")
@click.option("--to", multiple=True, help="A user (again for more).")
@click.option("--room", "rooms", multiple=True, help="Or a room (again for more).")
@click.option("--everyone", is_flag=True, help="Or every connection.")
@click.option("--data", default="null", help="The event's argument, JSON.")
def push(url: str, event: str, to: tuple[str, ...], rooms: tuple[str, ...], data: str, *, everyone: bool) -> None:
    """Send a passing EVENT to whoever is there now; needs ALSOHERE_API_KEY."""
    try:
        argument = msgspec.json.decode(data)
    except msgspec.DecodeError as error:
        raise click.UsageError(f"--data is not JSON: {error}") from None
    answer = _ask(url, lambda client: client.push(event, argument, to=to or None, rooms=rooms or None, everyone=everyone))
    for receiver, reached in answer.results.items():
        click.echo(f"{receiver}: {reached.connections} connections")


@click.command()
@_of_a_server
@click.argument("users", nargs=-1)
@click.option("--everyone", is_flag=True, help="Everyone who comes before it expires.")
@click.option("--among", help="Of everyone, only those whose ids begin like this: acme:*.")
@click.option("--followers", "topic", help="Everybody who follows this topic.")
@click.option("--title", required=True)
@click.option("--body", default="")
@click.option("--link", help="Where it leads.")
@click.option("--category", help="By default message, or announcement for everyone.")
@click.option("--key", help="The same key again sends nothing.")
def notify(url: str, users: tuple[str, ...], topic: str | None, *, everyone: bool, **content: str | None) -> None:
    """Notify USERS: now if they are here, later if they are not; needs ALSOHERE_API_KEY."""
    if bool(users) + everyone + (topic is not None) != 1:
        raise click.UsageError("Name users, or --followers of a topic, or --everyone.")
    given: dict[str, Any] = {name: value for name, value in content.items() if value and name != "link"}
    if content["link"]:
        given["url"] = content["link"]

    def send(client: AlsoHereClient) -> Any:
        if everyone:
            return client.announce(**given)
        return client.notify(users, **given) if topic is None else client.notify_followers(topic, **given)

    answer = _ask(url, send)
    click.echo(f"notification {answer.id}")
    for receiver, result in answer.results.items():
        click.echo(f"  {receiver}: {result.connections} connections{', muted' if result.muted else ''}")

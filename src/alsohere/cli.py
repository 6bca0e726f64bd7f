"""The command line. Every error that a newcomer can meet says the fix in one sentence."""

from __future__ import annotations

import os
import secrets
import sys
import tempfile
import time
import webbrowser
from base64 import urlsafe_b64encode
from collections.abc import Callable
from threading import Timer
from typing import Any
from urllib.parse import urlsplit

import click
import msgspec

from alsohere.__about__ import VERSION
from alsohere.app import AlsoHere
from alsohere.cli_demo import guests
from alsohere.cli_keys import key
from alsohere.cli_remote import notify, online, push
from alsohere.cli_webhooks import webhooks
from alsohere.config import Config, unknown_variables, variables
from alsohere.conformance import conformance_app
from alsohere.domain.identity import is_user_id
from alsohere.errors import AlsoHereError, ConfigError
from alsohere.log_lines import log_to_stderr
from alsohere.server.protocol import file_limit

CONFORMANCE_PORT = 3000
LOCAL = ("127.0.0.1", "::1", "localhost")
ONE_PROCESS = "workers: this version runs one process; set ALSOHERE_WORKERS=1"


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="alsohere")
@click.pass_context
def main(context: click.Context) -> None:
    """Who is here, who is also on this page: presence for any Socket.IO client."""
    if context.invoked_subcommand is None:
        context.invoke(demo)


def _user_id(_context: click.Context, _parameter: click.Parameter, text: str) -> str:
    if not is_user_id(text):
        raise click.BadParameter("a user's id is 1 to 128 bytes of text without control characters")
    return text


def _database() -> str:
    """The setting `database_url` of a database; ConfigError if it is none."""
    config = Config.load()
    if config.keeps_nothing:
        raise ConfigError("database_url: memory:// is in the server alone; ask it for /api/v1/users/{id}/data")
    return config.database_url.get_secret_value()


def _options(function: Callable[..., Any]) -> Callable[..., Any]:
    function = click.option("--port", type=click.IntRange(0, 65535), help="The port; ALSOHERE_PORT or 8765.")(function)
    return click.option("--host", help="The address to listen on; ALSOHERE_HOST or 127.0.0.1.")(function)


def _settings(host: str | None, port: int | None, **more: Any) -> dict[str, Any]:
    given = {"host": host, "port": port, **more}
    return {name: value for name, value in given.items() if value is not None}


def _load(**settings: Any) -> AlsoHere:
    """The server, or exit status 2 and a sentence."""
    try:
        here = AlsoHere(Config.load(**settings))
    except AlsoHereError as error:
        raise click.UsageError(str(error)) from None
    log_to_stderr(as_json=here.config.log_json)
    for warning in unknown_variables(variables()):
        click.echo(f"warning: {warning}", err=True)
    return here


def _run(here: AlsoHere, ready: Callable[[str], None]) -> None:
    try:
        here.run(ready=ready)
    except AlsoHereError as error:
        raise click.ClickException(str(error)) from None


@main.command()
@_options
@click.option("--open/--no-open", "opens", default=True, help="Open a browser.")
def demo(host: str | None = None, port: int | None = None, opens: bool = True) -> None:
    """Start with sample pages and nothing to configure; what it keeps ends with it."""
    with tempfile.TemporaryDirectory(prefix="alsohere-demo-") as folder:
        database = f"sqlite:///{folder}/alsohere.db"
        here = _load(**_settings(host, port, dev=True, database_url=database, messages_between_users=True))
        _show_demo(here, opens=opens)


def _show_demo(here: AlsoHere, *, opens: bool) -> None:
    here.add_demo()
    here.authenticate(guests(here))

    def show(address: str) -> None:
        click.echo(
            f"\n  alsohere {VERSION} · demo · memory, and a SQLite file that ends with it\n"
            f"  Open two tabs:  {address}/\n\n"
            "  Paste in any page:\n"
            f'    <script type="module" src="{address}/alsohere.js"></script>\n'
            "    <also-here></also-here>\n"
        )
        if opens and (sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            Timer(1.0, webbrowser.open, [f"{address}/"]).start()

    _run(here, show)


@main.command()
@_options
@click.option("--dev", is_flag=True, default=None, help="Anonymous visitors, and pages of any port of this machine.")
@click.option("--workers", type=click.IntRange(1, 64), help="Processes; more than one need REDIS_URL.")
def serve(host: str | None, port: int | None, dev: bool | None, workers: int | None) -> None:
    """Serve; settings come from ALSOHERE_* variables."""
    here = _load(**_settings(host, port, dev=dev or None, workers=workers))
    if here.config.workers > 1:
        raise click.UsageError(ONE_PROCESS)
    for problem in problems(here.config):
        click.echo(f"warning: {problem}", err=True)
    _run(here, lambda address: click.echo(f"alsohere {VERSION} · {address}/socket.io/", err=True))


@main.command("conformance-server")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=CONFORMANCE_PORT,
    show_default=True,
    help="The port that the official suites use.",
)
@click.option("--eio3", is_flag=True, help="For the suite of Engine.IO 3 too.")
def conformance_server(port: int, *, eio3: bool) -> None:
    """Serve the echo application of the official protocol suites."""
    try:
        conformance_app(allow_eio3=eio3).run(port=port)
    except AlsoHereError as error:
        raise click.ClickException(str(error)) from None


@main.command()
def check() -> None:
    """Read the configuration; say what is wrong (exit status 1) and what is risky."""
    for warning in unknown_variables(variables()):
        click.echo(f"risky: {warning}")
    try:
        config = Config.load()
        AlsoHere(config)
    except AlsoHereError as error:
        raise _wrong(error) from None
    if config.workers > 1:
        raise _wrong(ONE_PROCESS)
    for warning in problems(config):
        click.echo(f"risky: {warning}")
    _check_database(config)
    click.echo("The configuration can be used.")


def _wrong(sentence: object) -> SystemExit:
    click.echo(f"wrong: {sentence}")
    return SystemExit(1)


def _check_database(config: Config) -> None:
    if config.keeps_nothing:
        return
    from alsohere.backends.sql.upkeep import examine

    try:
        version = examine(config.database_url.get_secret_value())
    except AlsoHereError as error:
        raise _wrong(error) from None
    click.echo("The database is empty; the server will create its tables." if version is None else "The database can be used.")


@main.command("migrate")
def migrate_database() -> None:
    """Bring the database to the schema of this version; stop the server and make a backup first."""
    from alsohere.backends.sql.upkeep import migrate

    try:
        config = Config.load()
        if config.keeps_nothing:
            click.echo("memory:// keeps nothing, so there is nothing to migrate.")
            return
        before, after = migrate(config.database_url.get_secret_value())
    except AlsoHereError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"The database has schema {after} already." if before == after else f"schema {before or 'none'} -> {after}")


@main.command("export")
@click.argument("user", callback=_user_id)
def export_user(user: str) -> None:
    """Print everything that is kept about USER as JSON; also while the server runs."""
    from alsohere.backends.sql.upkeep import export

    try:
        data = export(_database(), user)
    except AlsoHereError as error:
        raise click.ClickException(str(error)) from None
    click.echo(msgspec.json.format(msgspec.json.encode(data)))


@main.command("erase")
@click.argument("user", callback=_user_id)
@click.option("--yes", is_flag=True, help="Do not ask.")
def erase_user(user: str, yes: bool) -> None:
    """Erase everything that is kept about USER; also while the server runs."""
    from alsohere.backends.sql.upkeep import erase, export

    try:
        if not yes:
            data = export(_database(), user)
            about = f"{len(data.visits)} visits, {len(data.inbox) + len(data.sent)} notifications, {len(data.events)} events and "
            about += f"{len(data.lock_audit)} lines of the locks' audit"
            click.confirm(f"{about} are about {user!r}. Erase that for good?", abort=True, err=True)
        erased = erase(_database(), user, time.time_ns() // 1_000_000)
    except AlsoHereError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{erased.visits} visits and {erased.inbox} notifications are removed.")
    click.echo(f"{erased.lock_audit} lines of the locks' audit and {erased.sent} notifications no longer say who it was.")
    click.echo(f"{erased.events} events for your application are removed, or no longer say it.")


def _is_plain(url: str | None) -> bool:
    parts = urlsplit(url or "")
    return parts.scheme == "http" and parts.hostname not in LOCAL


def problems(config: Config) -> list[str]:
    """What is allowed and probably not meant, a sentence each."""
    local = config.host in LOCAL
    checks = [
        (config.dev and not local, "dev is on and the server listens beyond this machine: anybody can connect as a visitor"),
        ("*" in config.origins, "origins has *: any site's pages can use your visitors' cookies here"),
        (config.redis_url is not None, "redis_url is set and not used yet: this version runs one process"),
        (config.allow_query_token, "allow_query_token is on: tokens stand in URLs, and proxies write those into their logs"),
        ("*" in config.trusted_proxies, "trusted_proxies has *: any client can claim any address"),
        (
            not (config.lets_anonymous_in or config.secret or config.public_key or config.jwks_url or config.auth_url),
            "nobody can connect: set ALSOHERE_SECRET (tokens), ALSOHERE_ANONYMOUS=1 (visitors), or use --dev",
        ),
        (
            config.jwks_url is not None and config.token_audience is None,
            "jwks_url is set without ALSOHERE_TOKEN_AUDIENCE: tokens that the provider signs for others let people in",
        ),
        *(
            (_is_plain(url), f"{name} is asked over http: whoever is in between can decide who people are; use https")
            for name, url in (("jwks_url", config.jwks_url), ("auth_url", config.auth_url))
        ),
        (
            config.lets_anonymous_in and config.secret is None and not config.dev,
            "without ALSOHERE_SECRET, anonymous visitors get a new id whenever the server starts",
        ),
        (
            config.metrics and not local,
            "metrics are served to anybody who reaches the port; set ALSOHERE_METRICS=0 or block the path",
        ),
        (
            config.connections > file_limit(),
            f"connections is {config.connections}, and this process may only open files for {file_limit()}; raise `ulimit -n`",
        ),
    ]
    return [sentence for found, sentence in checks if found]


@main.command()
@click.argument("user")
@click.option("--name", default="", help="What others see.")
@click.option("--ttl", "ttl_s", type=click.FloatRange(min=1), default=3600.0, show_default=True, help="Seconds until it expires.")
@click.option("--room", "rooms", multiple=True, help="Grant only this room (again for more; a trailing * is a prefix).")
def token(user: str, name: str, ttl_s: float, rooms: tuple[str, ...]) -> None:
    """Print a token for USER, signed with ALSOHERE_SECRET."""
    try:
        click.echo(AlsoHere(Config.load()).token(user, name=name, ttl_s=ttl_s, rooms=rooms or None))
    except AlsoHereError as error:
        raise click.ClickException(str(error)) from None


@main.command()
def secret() -> None:
    """Print a new secret for ALSOHERE_SECRET."""
    click.echo(secrets.token_urlsafe(36))


@main.command()
def vapid() -> None:
    """Print a new key pair for Web Push: the private key is ALSOHERE_VAPID_PRIVATE_KEY, the public one is for your page."""
    try:
        from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    except ImportError:
        raise click.ClickException('this needs: pip install "alsohere[webpush]"') from None
    key = generate_private_key(SECP256R1())
    raw = key.private_numbers().private_value.to_bytes(32, "big")
    public = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    for name, part in (("private", raw), ("public", public)):
        click.echo(f"{name} {urlsafe_b64encode(part).rstrip(b'=').decode()}")


for command in (online, push, notify, key, webhooks):
    main.add_command(command)


if __name__ == "__main__":
    main()

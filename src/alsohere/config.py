"""Every setting, in one place: its unit, range, default and name in the environment.

Sources, strongest first: arguments, environment variables, `.env`, defaults. A name is `ALSOHERE_` + the field in upper case;
PORT, REDIS_URL, DATABASE_URL and WEB_CONCURRENCY are understood without the prefix too, as hosting platforms set them.
Lists are separated by commas or spaces. An empty variable is like none: compose files pass them on like that.
"""

from __future__ import annotations

import difflib
import json
import os
from base64 import b64decode, urlsafe_b64decode
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import AliasChoices, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from alsohere.errors import ConfigError

PREFIX = "ALSOHERE_"
MIN_SECRET_BYTES = 32
VAPID_BYTES = 32


def _split(value: Any) -> Any:
    return value.replace(",", " ").split() if isinstance(value, str) else value


def _json(value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError as error:
        raise ValueError(f'this is not JSON: {error}; write {{"message": {{"after_s": 30}}}}') from None


Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
# Decoded here and not by pydantic-settings, whose error would be none of ours.
Categories = Annotated[dict[str, dict[str, Any]], NoDecode, BeforeValidator(_json)]


class Config(BaseSettings):
    """The settings of one server.

    Raises:
        ConfigError: (from `load`) a value is out of range, or two do not fit together; the message names the setting.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        populate_by_name=True,
    )

    # -- Who may connect ---------------------------------------------------------------------------------------------
    secret: SecretStr | None = Field(None, description="signs tokens (HS256) and anonymous ids; at least 32 bytes")
    public_key: str | None = Field(None, description="PEM of the key that tokens are signed with elsewhere (RS256 or EdDSA)")
    jwks_url: str | None = Field(
        None, description="where an identity provider publishes its keys (RS256, ES256, EdDSA); needs token_issuer"
    )
    auth_url: str | None = Field(
        None, description="a server that is asked who connects, with the cookies and the token; see authenticate"
    )
    auth_cache_s: float = Field(10.0, ge=0, le=300, description="seconds for which its answer is believed")
    token_audience: str | None = Field(None, description="the `aud` that a token must have, if set")
    token_issuer: str | None = Field(
        None, description="the `iss` that a token must have, if set; the provider's, if there is a jwks_url"
    )
    token_expiry: bool = Field(True, description="end a connection 25 s after its token has expired, unless it shows a fresh one")
    token_warning_s: float = Field(60.0, ge=0, le=3600, description="seconds before a token expires that its client is told")
    anonymous: bool = Field(False, description="let visitors in without a token")
    origins: Words = Field((), description="origins of pages that may connect, beside the server's own; exact, or *")
    dev: bool = Field(False, description="for development: anonymous visitors and pages of any port of this machine")
    api_key: SecretStr | None = Field(None, description="what back ends present as Bearer token or X-API-Key; may do all")
    trusted_proxies: Words = Field(
        (), description="addresses or networks of proxies whose X-Forwarded-* headers are believed; or *"
    )

    allow_query_token: bool = Field(
        False, description="take the ?token= of a WebSocket's URL, of clients 1 and 2; proxies write URLs down"
    )

    # -- Where -------------------------------------------------------------------------------------------------------
    host: str = Field("127.0.0.1", description="the address to listen on")
    port: int = Field(8765, ge=0, le=65535, validation_alias=AliasChoices("ALSOHERE_PORT", "PORT"), description="the port")
    workers: int = Field(
        1, ge=1, le=64, validation_alias=AliasChoices("ALSOHERE_WORKERS", "WEB_CONCURRENCY"), description="processes to run"
    )
    redis_url: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("ALSOHERE_REDIS_URL", "REDIS_URL"),
        description="Valkey or Redis, for more than one process",
    )
    database_url: SecretStr = Field(
        SecretStr("sqlite:///alsohere.db"),
        validation_alias=AliasChoices("ALSOHERE_DATABASE_URL", "DATABASE_URL"),
        description="for what must last: sqlite:///path, postgresql://…, or memory:// for nothing",
    )
    metrics: bool = Field(True, description="serve /metrics")
    log_json: bool = Field(False, description="one JSON object per line, instead of text for people")

    # -- Protocol ----------------------------------------------------------------------------------------------------
    allow_eio3: bool = Field(False, description="let in Socket.IO clients 1 and 2 (Engine.IO 3) beside 3 and 4")
    ping_interval_s: float = Field(15.0, ge=0.1, le=300, description="seconds between heartbeats")
    ping_timeout_s: float = Field(8.0, ge=0.1, le=300, description="seconds a client has to answer one")
    connect_timeout_s: float = Field(10.0, ge=0.1, le=300, description="seconds a client has to join a namespace")
    max_payload_bytes: int = Field(1_000_000, ge=1024, le=100_000_000, description="the largest message of a client, in bytes")

    # -- Presence ----------------------------------------------------------------------------------------------------
    leave_grace_s: float = Field(2.0, ge=0, le=300, description="seconds that a lost connection is not yet a leave")
    tick_s: float = Field(0.1, ge=0.01, le=10, description="seconds in which changes of a room are collected")
    room_full_limit: int = Field(200, ge=1, le=10_000, description="members above which watchers are shown a sample")
    room_full_again: int = Field(150, ge=0, le=10_000, description="members at which they are shown everybody again")
    sample_size: int = Field(50, ge=1, le=1000, description="members in a sample")

    # -- Locks -------------------------------------------------------------------------------------------------------
    lock_lease_s: float = Field(60.0, ge=3, le=3600, description="seconds until a lock that nobody renews is free")
    lock_grace_s: float = Field(10.0, ge=0, le=300, description="seconds that a lock waits for a holder whose connection is lost")
    lock_idle_s: float = Field(120.0, ge=1, le=86_400, description="seconds without a touch after which a holder is warned")
    lock_warning_s: float = Field(20.0, ge=1, le=3600, description="seconds between that warning and the loss of the lock")
    lock_request_s: float = Field(20.0, ge=0, le=3600, description="seconds that a holder has to save when asked to hand over")
    lock_queue: int = Field(50, ge=0, le=10_000, description="users that may wait for one lock")
    lock_receipt_s: float = Field(300.0, ge=10, le=86_400, description="seconds that a receipt for a lock can be shown")

    # -- Reading history ---------------------------------------------------------------------------------------------
    history: Words = Field((), description="rooms whose visits are kept; exact, or a prefix and *, as in /posts/*")
    history_retention_days: int = Field(365, ge=1, le=36_500, description="days that a visit is kept")

    # -- Messages ----------------------------------------------------------------------------------------------------
    inbox: bool = Field(True, description="tell clients of users who are not anonymous what is in their inbox")
    categories: Categories = Field({}, description="JSON: categories of notifications, over the six presets")
    messages_between_users: bool = Field(False, description="users may write to each other without an authorize hook")
    inbox_retention_days: int = Field(90, ge=1, le=36_500, description="days that what is read, archived or over is kept")

    # -- Webhooks ----------------------------------------------------------------------------------------------------
    webhook_url: str | None = Field(None, description="where your application is told what happens; https, or this machine")
    webhook_secret: SecretStr | None = Field(
        None, description="signs it (Standard Webhooks), as in whsec_…; make one with: alsohere webhooks secret"
    )
    webhook_events: Words = Field((), description="only these events, as in user.online; none: all")
    webhook_rooms: Words = Field(("*",), description="rooms whose events are told; exact, or a prefix and *, as in /posts/*")
    webhook_retention_days: int = Field(7, ge=1, le=365, description="days that an event can be told again")

    # -- Other ways to reach people ----------------------------------------------------------------------------------
    apprise: bool = Field(False, description="send to the Apprise URLs of users (e-mail and some hundred others)")
    vapid_private_key: SecretStr | None = Field(None, description="switches Web Push on; make one with: alsohere vapid")
    vapid_subject: str | None = Field(None, description="whom push services can write to: mailto:… or https://…")
    webpush_private_addresses: bool = Field(
        False, description="for tests: subscriptions may lead to private addresses, and to http"
    )

    # -- Limits ------------------------------------------------------------------------------------------------------
    connections: int = Field(18_000, ge=1, description="sessions of one process; also kept below 90 % of its open files")
    connections_per_user: int = Field(100, ge=1, description="connections of one user")
    connections_per_client: int = Field(2_000, ge=0, description="sessions of one address; 0: as many as there are")
    pending_per_client: int = Field(1_000, ge=1, description="sessions of one address that have not joined a namespace")
    rooms: int = Field(100_000, ge=1, description="rooms that anybody is in or watches, in one process")
    rooms_per_connection: int = Field(32, ge=1, description="rooms that one connection is in")
    watches_per_connection: int = Field(100, ge=1, description="rooms that one connection watches")
    locks_per_connection: int = Field(32, ge=1, description="locks that one connection holds or waits for")
    packets_per_s: float = Field(50.0, gt=0, description="packets per second that a client may send for long")
    packet_burst: int = Field(200, ge=1, description="packets that a client may send at once")
    user_events_per_s: float = Field(
        200.0, ge=0, description="events per second of all connections of a user, for long; 0: no limit"
    )
    user_event_burst: int = Field(1_000, ge=1, description="events that they may send at once")
    client_events_per_s: float = Field(
        5_000.0, ge=0, description="events per second of all connections of an address; 0: no limit"
    )
    client_event_burst: int = Field(20_000, ge=1, description="events that they may send at once")
    api_requests_per_s: float = Field(
        5_000.0, gt=0, description="requests per second that a key of the HTTP API may make for long"
    )
    api_request_burst: int = Field(10_000, ge=1, description="requests that it may make at once")
    outbox_bytes: int = Field(256 * 1024, ge=4096, description="bytes that may wait for one slow client")
    outbox_age_s: float = Field(10.0, gt=0, description="seconds that the oldest of them may wait")
    drain_s: float = Field(5.0, ge=0, le=300, description="seconds over which connections are closed at shutdown")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.room_full_again > self.room_full_limit:
            raise ValueError("room_full_again must not be above room_full_limit, or a room would switch back and forth")
        if self.secret is not None and len(self.secret.get_secret_value().encode()) < MIN_SECRET_BYTES:
            raise ValueError(f"secret must have at least {MIN_SECRET_BYTES} bytes; make one with: alsohere secret")
        if self.jwks_url is not None and self.public_key is not None:
            raise ValueError("set jwks_url or public_key, not both: a token must have one key")
        if self.jwks_url is not None and not self.token_issuer:
            raise ValueError("jwks_url needs token_issuer: the `iss` of the tokens that are signed with its keys")
        if self.workers > 1 and self.redis_url is None:
            raise ValueError("workers above 1 need REDIS_URL: processes can only share presence through it")
        if self.webhook_url is not None:
            check_webhook(self.webhook_url, self.webhook_secret)
        if self.vapid_private_key is not None:
            check_vapid(self.vapid_private_key, self.vapid_subject)
        return self

    @classmethod
    def load(cls, **given: Any) -> Config:
        """The settings: `given` over the environment over the defaults.

        Args:
            given: settings by name.

        Raises:
            ConfigError: names each setting that is wrong.
        """
        unknown = set(given) - set(cls.model_fields)
        if unknown:
            raise ConfigError(
                "; ".join(f"there is no setting {name!r}{_hint(name, list(cls.model_fields))}" for name in sorted(unknown))
            )
        try:
            return cls(**given)
        except ValidationError as error:
            raise ConfigError("; ".join(_sentence(dict(problem)) for problem in error.errors())) from None

    @property
    def keeps_nothing(self) -> bool:
        """Whether there is no database."""
        return self.database_url.get_secret_value() == "memory://"

    @property
    def lets_anonymous_in(self) -> bool:
        """Whether somebody without a token may connect."""
        return self.anonymous or self.dev


def check_webhook(url: str, secret: SecretStr | None) -> None:
    """See that events can be sent there and signed.

    Raises:
        ValueError: no.
    """
    try:
        parts = urlsplit(url)
        local, good = parts.hostname in ("localhost", "127.0.0.1", "::1"), bool(parts.hostname) and parts.port != 0
    except ValueError:
        local = good = False
    if not good or not (parts.scheme == "https" or (local and parts.scheme == "http")):
        raise ValueError("webhook_url must be an https:// address; http:// only on this machine")
    try:
        key = b64decode((secret.get_secret_value() if secret else "").removeprefix("whsec_"), validate=True)
    except ValueError:
        key = b""
    if not 24 <= len(key) <= 64:
        raise ValueError("webhook_secret must be whsec_ and 24 to 64 bytes in base64; make one with: alsohere webhooks secret")


def check_vapid(key: SecretStr, subject: str | None) -> None:
    """See that push services will take what is signed with it.

    Raises:
        ValueError: no.
    """
    try:
        raw = urlsafe_b64decode(key.get_secret_value() + "==")
    except ValueError:
        raw = b""
    if len(raw) != VAPID_BYTES:
        raise ValueError("vapid_private_key must be 32 bytes in base64url; make one with: alsohere vapid")
    if not (subject or "").startswith(("mailto:", "https://")):
        raise ValueError("vapid_subject must be mailto:… or https://…, so that a push service can reach you")


def environment_names() -> dict[str, str]:
    """Every variable that is read, with its setting."""
    names = {PREFIX + field.upper(): field for field in Config.model_fields}
    return names | {"PORT": "port", "WEB_CONCURRENCY": "workers", "REDIS_URL": "redis_url", "DATABASE_URL": "database_url"}


def variables() -> dict[str, str | None]:
    """What is set for this process: its environment over the file `.env`."""
    return {**dotenv_values(".env", encoding="utf-8"), **os.environ}


def unknown_variables(environ: Iterable[str]) -> list[str]:
    """A sentence for every ALSOHERE_ variable that nobody reads, with the nearest name that somebody does."""
    known = [*environment_names(), "ALSOHERE_URL"]  # the last is read by the commands that ask a server
    return [
        f"{name} is not a setting of alsohere{_hint(name, known)}"
        for name in sorted(environ)
        if name.startswith(PREFIX) and name not in known
    ]


def _hint(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else ""


def _sentence(problem: Mapping[str, Any]) -> str:
    where = ".".join(str(part) for part in problem["loc"])
    message = str(problem["msg"]).removeprefix("Value error, ")
    return f"{where}: {message}" if where else message

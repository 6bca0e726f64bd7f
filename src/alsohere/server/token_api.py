"""Tokens for a back end that does not sign them itself."""

from __future__ import annotations

import time
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from alsohere.domain.identity import check_user
from alsohere.errors import BadRequest, ConfigError, Unauthenticated, Unavailable
from alsohere.server.auth import MAX_TOKEN_BYTES, Tokens
from alsohere.server.endpoint import Endpoint
from alsohere.types import User

MAX_TTL_S = 366 * 86_400


class TokenBody(msgspec.Struct, forbid_unknown_fields=True):
    """Whom a token is for, and what it grants."""

    user: Annotated[
        str, Meta(min_length=1, max_length=128, description="The user's id.", extra_json_schema={"format": "receiver"})
    ]
    name: Annotated[str, Meta(max_length=200, description="What others see; by default the id.")] = ""
    info: Annotated[dict[str, Any], Meta(description="A small object that others see.")] | None = None
    rooms: Annotated[list[str], Meta(max_length=100, description="The only rooms; one that ends in `*` is a prefix.")] | None = (
        None
    )
    ttl_s: Annotated[int, Meta(ge=1, le=MAX_TTL_S, description="Seconds until it expires.")] = 3600


class TokenAnswer(msgspec.Struct):
    """A token for `auth: {token}` of the user's page; `expires_at` is in ms since 1970."""

    token: str
    expires_at: int


class TokenApi:
    """The endpoint of tokens.

    Args:
        tokens: what makes them.
    """

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def make_token(self, body: TokenBody) -> TokenAnswer:
        """Make a token with which a client connects as this user.

        Give it to nobody but the user: whoever has it is the user until it expires. A JWT (HS256), at most 8 KB.
        """
        expires_s = int(time.time()) + body.ttl_s
        try:
            user = check_user(User(body.user, body.name, body.info, rooms=None if body.rooms is None else tuple(body.rooms)))
            token = self._tokens.make(user, expires_s=expires_s)
        except Unauthenticated as error:
            raise BadRequest(f"user: {error.message}") from None
        except ConfigError:
            raise Unavailable("This server signs no tokens: set ALSOHERE_SECRET.", retry_after_ms=60_000) from None
        if len(token) > MAX_TOKEN_BYTES:
            raise BadRequest(f"info and rooms: a token has at most {MAX_TOKEN_BYTES} bytes, and this would have {len(token)}.")
        return TokenAnswer(token, expires_s * 1000)


def token_endpoints(tokens: Tokens) -> list[Endpoint]:
    """The endpoint of tokens."""
    return [Endpoint("POST", "/tokens", TokenApi(tokens).make_token, errors=["unavailable"], scope="tokens")]

"""Who is behind a connection: a token, the application's hook, or a visitor that nobody vouches for.

Owns: the verification of tokens and the order in which identities are looked for.
Invariants: P9 identity never comes from an event. One algorithm per configured key, so that a public key cannot be used as
an HMAC secret; keys are configuration, and no header of a token (`kid`, `jku`, `x5u`, `jwk`) is followed.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable
from typing import Any

import jwt

from alsohere.config import Config
from alsohere.domain.identity import anonymous_user, check_user, is_visitor_id
from alsohere.errors import CloseCode, ConfigError, Disconnect, Unauthenticated
from alsohere.node.connection import Connection
from alsohere.node.hooks import Hooks
from alsohere.node.ids import Ids
from alsohere.server.auth_url import AuthUrl
from alsohere.server.jwks import ALGORITHMS, KeySet, KeyUnknown
from alsohere.types import User, Vouched

MAX_TOKEN_BYTES = 8 * 1024
MAX_EXPIRY_S = 10**11  # a date beyond the year 5000 is a mistake or an attack on whoever converts it
LEEWAY_S = 5


class Tokens:
    """Makes and verifies user tokens (JWT).

    Args:
        config: `secret`, `public_key` or `jwks_url`; `token_audience`, `token_issuer`.

    Raises:
        ConfigError: what is configured cannot be used.
    """

    def __init__(self, config: Config) -> None:
        self._audience = config.token_audience
        self._issuer = config.token_issuer
        self._keys: list[tuple[Any, str]] = []
        self._secret = config.secret.get_secret_value().encode() if config.secret else None
        if self._secret is not None:
            self._keys.append((self._secret, "HS256"))
        if config.public_key is not None:
            self._keys.append(_public_key(config.public_key))
        self._published = KeySet(config.jwks_url, config.token_issuer) if config.jwks_url and config.token_issuer else None

    @property
    def can_verify(self) -> bool:
        """Whether any key is configured."""
        return bool(self._keys or self._published)

    def make(self, user: User, ttl_s: float = 0, *, expires_s: int | None = None) -> str:
        """A token for a user, signed with `secret` (HS256).

        Args:
            user: whom it stands for.
            ttl_s: for how many seconds from now, or
            expires_s: until when, in seconds since the epoch.

        Raises:
            ConfigError: there is no secret.
        """
        if self._secret is None:
            raise ConfigError("secret: set ALSOHERE_SECRET to sign tokens; make one with: alsohere secret")
        claims: dict[str, Any] = {"sub": user.id, "exp": int(time.time() + ttl_s) if expires_s is None else expires_s}
        if user.name:
            claims["name"] = user.name
        if user.info is not None:
            claims["info"] = user.info
        if user.rooms is not None:
            claims["rooms"] = list(user.rooms)
        if self._audience is not None:
            claims["aud"] = self._audience
        if self._issuer is not None:
            claims["iss"] = self._issuer
        return jwt.encode(claims, self._secret, algorithm="HS256")

    def verify(self, token: str) -> User:
        """The user that a token stands for.

        Raises:
            Unauthenticated: (token_expired, or unauthenticated) with what to do.
        """
        return self.vouch(token).user

    def vouch(self, token: str) -> Vouched:
        """The same, and until when.

        Raises:
            Unauthenticated: (token_expired, or unauthenticated) with what to do.
        """
        if not self.can_verify:
            raise Unauthenticated("This server has no key to verify tokens with; set ALSOHERE_SECRET or ALSOHERE_PUBLIC_KEY.")
        if len(token) > MAX_TOKEN_BYTES or not token.isascii():
            raise Unauthenticated("The token is not one.")
        claims = self._claims(token)
        return Vouched(read_claims(claims), claims["exp"])

    async def vouch_later(self, token: str) -> Vouched:
        """The same for a token of a key that was unknown, with the keys that are being fetched.

        Raises:
            Unauthenticated: it is not among them.
            Disconnect: they could not be fetched, so nobody can tell; a client that comes again may be told.
        """
        assert self._published is not None
        await self._published.settled()
        try:
            return self.vouch(token)
        except KeyUnknown:
            if self._published.is_away:
                raise Disconnect(CloseCode.TRY_LATER, "the keys that tokens are signed with cannot be fetched") from None
            raise

    def _claims(self, token: str) -> dict[str, Any]:
        try:
            header = jwt.get_unverified_header(token)
            key, algorithm = self._key_of(header, token)
            if key is not None:
                return jwt.decode(
                    token,
                    key,
                    algorithms=[algorithm],
                    audience=self._audience,
                    issuer=self._issuer,
                    leeway=LEEWAY_S,
                    options={"require": ["exp", "sub"], "verify_aud": self._audience is not None},
                )
        except jwt.ExpiredSignatureError:
            raise Unauthenticated("The token has expired; fetch a new one and connect again.", code="token_expired") from None
        except (jwt.InvalidAudienceError, jwt.InvalidIssuerError):
            raise Unauthenticated("The token is for another audience, or of another issuer.") from None
        # The signature was good for these, so it is its maker who reads the answer.
        except (jwt.MissingRequiredClaimError, jwt.exceptions.InvalidSubjectError) as error:
            if getattr(error, "claim", None) in ("aud", "iss"):
                raise Unauthenticated("The token is for another audience, or of another issuer.") from None
            raise Unauthenticated("The token needs exp, a number, and sub, the user's id as text.") from None
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
            raise Unauthenticated("The token is not valid here.") from None
        raise Unauthenticated("The token is signed with an algorithm that this server has no key for.")

    def _key_of(self, header: dict[str, Any], token: str) -> tuple[Any, str]:
        algorithm = str(header.get("alg"))
        for key, accepted in self._keys:
            if accepted == algorithm:
                return key, accepted
        if self._published is None or algorithm not in ALGORITHMS.values():
            return None, ""
        # Not believed, only compared: who says to be of another issuer is not verified with the keys of ours.
        issuer = jwt.decode(token, options={"verify_signature": False}).get("iss")
        if issuer != self._issuer:
            raise jwt.InvalidIssuerError
        key = self._published.find(issuer, header.get("kid"), algorithm)
        if key is None:
            raise KeyUnknown("The token is signed with a key that its issuer has not published.", retry_after_ms=1000)
        return key, algorithm


def _public_key(pem: str) -> tuple[Any, str]:
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
    except ImportError:
        raise ConfigError("public_key: pip install 'alsohere[keys]' to verify RS256 and EdDSA tokens") from None
    try:
        key = load_pem_public_key(pem.replace("\\n", "\n").encode())
    except (ValueError, UnsupportedAlgorithm):
        raise ConfigError("public_key: not a public key in PEM") from None
    if isinstance(key, RSAPublicKey):
        return key, "RS256"
    if isinstance(key, Ed25519PublicKey):
        return key, "EdDSA"
    raise ConfigError("public_key: RSA or Ed25519 is expected")


def read_claims(claims: dict[str, Any]) -> User:
    """The user that verified claims describe.

    Raises:
        Unauthenticated: a claim is of the wrong type or too large.
    """
    expiry, name, info, rooms = claims.get("exp"), claims.get("name", ""), claims.get("info"), claims.get("rooms")
    if type(expiry) is not int or expiry > MAX_EXPIRY_S:
        raise Unauthenticated("The token's exp must be a date, as a whole number of seconds since 1970.")
    if not isinstance(name, str) or not (info is None or isinstance(info, dict)):
        raise Unauthenticated("The token's name must be text and its info an object.")
    if rooms is not None and not (isinstance(rooms, list) and all(isinstance(room, str) for room in rooms)):
        raise Unauthenticated("The token's rooms must be a list of text.")
    return check_user(User(claims["sub"], name, info, rooms=None if rooms is None else tuple(rooms)))


class IdentityRule:
    """Decides who a connection is: implements `ports.Authenticator`.

    Args:
        config: whether anonymous visitors are let in, and who else is asked.
        tokens: how tokens are verified.
        hooks: the application's `authenticate`.
    """

    def __init__(self, config: Config, tokens: Tokens, hooks: Hooks) -> None:
        self._anonymous = config.lets_anonymous_in
        self._visitors = Ids()  # of those who have none
        self._tokens = tokens
        self._hooks = hooks
        # Without a configured secret, anonymous ids last as long as the process.
        self._secret = config.secret.get_secret_value().encode() if config.secret else secrets.token_bytes(32)
        self._asked = AuthUrl(config.auth_url, config.auth_cache_s) if config.auth_url else None
        if self._asked is not None:
            hooks.reads_requests_elsewhere = True
            hooks.kicked.append(self._asked.forget)

    def __call__(self, connection: Connection) -> User | Vouched | Awaitable[User | Vouched]:
        if self._hooks.authenticate is not None:
            verdict = self._hooks.authenticate(connection)
            return self._wait(verdict) if isinstance(verdict, Awaitable) else self._judge(verdict)
        if self._asked is not None:
            return self._ask(self._asked, connection)
        token = connection.token
        if token is not None:
            try:
                return self._tokens.vouch(token)
            except KeyUnknown:
                return self._tokens.vouch_later(token)
        return self._visitor(connection)

    async def _ask(self, auth_url: AuthUrl, connection: Connection) -> User:
        try:
            return await auth_url.ask(connection)
        except Unauthenticated as refusal:
            # Every visitor has some cookie; 401 says that it stands for nobody. 403 is about somebody.
            if self._anonymous and refusal.code == "unauthenticated" and connection.token is None:
                return self._visitor(connection)
            raise

    async def close(self) -> None:
        """Give back what asking others has opened."""
        if self._asked is not None:
            await self._asked.close()

    async def _wait(self, verdict: Awaitable[User | None]) -> User:
        return self._judge(await verdict)

    def _judge(self, user: User | None) -> User:
        if user is None:
            raise Unauthenticated("Authentication error")
        if not isinstance(user, User):
            raise TypeError(f"an authenticate hook returns a User or None, and this was a {type(user).__name__}")
        return check_user(user)

    def _visitor(self, connection: Connection) -> User:
        if not self._anonymous:
            raise Unauthenticated("A token is required: connect with auth: {token}.")
        visitor = connection.auth.get("visitor")
        if visitor is None:
            visitor = self._visitors.new()
        elif not is_visitor_id(visitor):
            raise Unauthenticated("visitor must be 8 to 64 characters of A-Z, a-z, 0-9, _ and -.")
        return anonymous_user(visitor, self._secret)

    def visitor(self, visitor: str) -> User:
        """The anonymous user of a visitor id, for applications that decide themselves."""
        return anonymous_user(visitor, self._secret)

"""The public keys of an identity provider, by the URL that it publishes them at (JWKS, RFC 7517).

Owns: when they are fetched, and which of them are used: RS256 (2,048 bits at least), ES256 (P-256) and EdDSA (Ed25519).
Invariants: a key is found by issuer and kid, and its issuer is that of the settings: what somebody else says of themselves is
never verified with it, and makes nobody ask for keys. Each key has one algorithm, that of its kind. The URL is configuration; no
header of a token leads anywhere, its `kid` only chooses among the keys there are. Fetches are at least AGAIN_S apart (FIRST_S
before there are any), whatever tokens say.

Old keys stay good while the URL is away: a provider's holiday must not throw everybody out. They are renewed in the background
every FRESH_S; one that is published no more is then no key.
Rejected: PyJWKClient. It fetches in the calling thread, follows redirects, and reads answers of any size.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from typing import Any

import jwt

from alsohere.errors import ConfigError, Unauthenticated
from alsohere.server.outgoing import Outgoing, Unanswered

FRESH_S = 3600.0
AGAIN_S = 20.0  # so long, at most, the first tokens of a new key are refused
FIRST_S = 5.0  # between attempts while there are no keys at all
TIMEOUT_S = 3.0
MAX_BYTES = 256 * 1024
MAX_KEYS = 100
MIN_RSA_BITS = 2048
ALGORITHMS = {("RSA", None): "RS256", ("EC", "P-256"): "ES256", ("OKP", "Ed25519"): "EdDSA"}
Keys = dict[tuple[str, str | None], list[tuple[str, Any]]]  # by issuer and kid: algorithm and key
log = logging.getLogger("alsohere")


class KeyUnknown(Unauthenticated):
    """No key that is known has signed the token; one that is on its way may have."""


class KeySet:
    """The keys of one issuer.

    Args:
        url: where they are published.
        issuer: whose they are: the `iss` of what they sign.
        now_s: the time.

    Raises:
        ConfigError: that is no URL, or what verifies such signatures is not installed.
    """

    def __init__(self, url: str, issuer: str, now_s: Callable[[], float] = time.monotonic) -> None:
        self._source = Outgoing("jwks_url", url, timeout_s=TIMEOUT_S, most_bytes=MAX_BYTES)
        try:
            import cryptography  # noqa: F401
        except ImportError:
            raise ConfigError("jwks_url: pip install 'alsohere[keys]' to verify tokens of others") from None
        self._issuer = issuer
        self._now_s = now_s
        self._keys: Keys = {}
        self._tried_s = self._renew_s = float("-inf")
        self._task: asyncio.Task[None] | None = None
        self._away = False

    @property
    def is_away(self) -> bool:
        """Whether the last attempt to fetch them failed: an unknown key may be a new one."""
        return self._away

    def find(self, issuer: object, kid: object, algorithm: object) -> Any:
        """The key of a token, or None; begins to fetch where that could help.

        Args:
            issuer: what the token says; keys of others are not known here, and not looked for.
            kid: what the token says; without it, there must be only one key of its algorithm.
            algorithm: what the token says.
        """
        if issuer != self._issuer:
            return None
        known = self._all() if kid is None else self._keys.get((self._issuer, kid), []) if isinstance(kid, str) else []
        found = [key for of, key in known if of == algorithm]
        self._look(found=len(found) == 1)
        return found[0] if len(found) == 1 else None

    async def settled(self) -> None:
        """Wait for the fetch that is under way, if one is."""
        if self._task is not None:
            await asyncio.shield(self._task)

    def _all(self) -> list[tuple[str, Any]]:
        return [pair for pairs in self._keys.values() for pair in pairs]

    def _look(self, *, found: bool) -> None:
        now_s = self._now_s()
        due_s = self._renew_s if found else self._tried_s + (AGAIN_S if self._keys else FIRST_S)
        if now_s < due_s or (self._task is not None and not self._task.done()):
            return
        try:
            self._task = asyncio.get_running_loop().create_task(self._fetch())
        except RuntimeError:  # asked outside of a server: nothing to wait with
            return
        self._tried_s = now_s

    async def _fetch(self) -> None:
        try:
            status, body = await self._source.ask()
            if status != 200:
                raise Unanswered(f"it answers {status}")
            keys = read_keys(body, self._issuer)
        except Unanswered as error:
            self._away, self._renew_s = True, self._now_s() + AGAIN_S
            log.warning("the keys of jwks_url could not be fetched: %s%s", error, "; the old ones are used" if self._keys else "")
            return
        finally:
            await self._source.close()  # the next time is in an hour
        self._keys, self._away = keys, False
        self._renew_s = self._now_s() + FRESH_S


def read_keys(body: bytes, issuer: str) -> Keys:
    """The keys of a JWKS that can be used; what is no key, or of a kind that we do not know, is passed over.

    Args:
        body: the JWKS.
        issuer: whose it is.

    Raises:
        Unanswered: it is none, or has no such key.
    """
    try:
        entries = json.loads(body)["keys"][:MAX_KEYS]
    except (ValueError, LookupError, TypeError, RecursionError):
        raise Unanswered("it answers no JWKS") from None
    keys: Keys = {}
    for entry in entries:
        kid, usable = (entry.get("kid"), _read_key(entry)) if isinstance(entry, dict) else (None, None)
        if usable is not None and (kid is None or isinstance(kid, str)):
            keys.setdefault((issuer, kid), []).append(usable)
    if not keys:
        raise Unanswered("it has no key for RS256, ES256 or EdDSA")
    return keys


def _read_key(entry: dict[str, Any]) -> tuple[str, Any] | None:
    kind, curve = entry.get("kty"), entry.get("crv")
    algorithm = next((of for known, of in ALGORITHMS.items() if known == (kind, None if kind == "RSA" else curve)), None)
    if algorithm is None or entry.get("use", "sig") != "sig" or entry.get("alg", algorithm) != algorithm:
        return None
    try:
        key = jwt.PyJWK({name: value for name, value in entry.items() if name not in ("d", "p", "q")}, algorithm).key
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    return None if algorithm == "RS256" and key.key_size < MIN_RSA_BITS else (algorithm, key)

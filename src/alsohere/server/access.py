"""Who may ask the HTTP API: the key of the settings, or one of those that `alsohere key` has made.

Owns: reading the key from a request, finding it, its scope and its rate.
Invariants: whoever has no good key is answered 401; only the sentence says whether one came. Keys are compared as hashes, in
constant time: neither how long that takes nor the database says how much of a guess was right. A revoked key opens nothing
FRESH_S after `alsohere key revoke` has returned.

While the database is away, the keys that were read last are good: nobody can have revoked one meanwhile.
Good requests are never refused for the bad ones of the same address: those only decide how the bad ones are answered.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Callable

from starlette.requests import Request

from alsohere.config import Config
from alsohere.domain.api_key import ApiKey, Scope, hash_of, is_key
from alsohere.errors import Forbidden, RateExceeded, Unauthenticated, Unavailable
from alsohere.node.metrics import Metrics
from alsohere.node.rates import Buckets, network
from alsohere.ports import KeyStore
from alsohere.server.proxies import ProxyRule
from alsohere.types import Clock

FRESH_S = 1.0  # how long keys are believed that were read from the database
AGAIN_S = 0.1  # an unknown one may have been made just now
NOTE_MS = 60_000  # how exactly the last use is kept
BAD_KEYS_PER_S, BAD_KEY_BURST = 10.0, 200.0
OFF = "The API is off: set ALSOHERE_API_KEY, or make a key with: alsohere key create"
WANTED = "Send the API key as `Authorization: Bearer …` or `X-API-Key`."
UNKNOWN = "This API key is not one of this server: it is mistyped, revoked, or was made in another database."
log = logging.getLogger("alsohere.http")


class KeyRing:
    """The keys of the database, as they were a moment ago.

    Args:
        store: where they are.
        now_s: the time.
    """

    def __init__(self, store: KeyStore, now_s: Callable[[], float]) -> None:
        self._store = store
        self._now_s = now_s
        self._keys: dict[str, ApiKey] = {}
        self._read_s = float("-inf")
        self._reading: asyncio.Task[None] | None = None

    async def is_empty(self) -> bool:
        """Whether there is none at all, as far as anybody knows."""
        if self._read_s == float("-inf"):
            await self._read()
        return not self._keys

    async def find(self, key: str) -> ApiKey | None:
        """The key, if there is such a one; Unavailable if nobody can tell."""
        digest = hash_of(key.encode())
        known = self._keys.get(digest)
        if self._now_s() - self._read_s >= (AGAIN_S if known is None else FRESH_S):
            try:
                await self._read()
            except Unavailable:
                if known is None:
                    raise
        known = self._keys.get(digest)
        return known if known is not None and hmac.compare_digest(known.hash, digest) else None

    async def _read(self) -> None:
        """One reading at a time, shared by all who wait."""
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read_all())
        await asyncio.shield(self._reading)

    async def _read_all(self) -> None:
        begun_s = self._now_s()  # what is revoked after this may still be read
        try:
            self._keys = {key.hash: key for key in await self._store.keys()}
        finally:
            self._read_s = begun_s


class Access:
    """Lets requests pass, or not.

    Args:
        config: `api_key`, `api_requests_per_s`, `api_request_burst`, `trusted_proxies`.
        store: the keys of the database.
        clock: time.
        metrics: where refusals are counted.
    """

    def __init__(self, config: Config, store: KeyStore, clock: Clock, metrics: Metrics) -> None:
        self._admin = _admin_key(config)
        self._store = store
        self._ring = KeyRing(store, clock.now_s)
        self._clock = clock
        self._metrics = metrics
        self._proxies = ProxyRule(config.trusted_proxies)
        self._requests = Buckets(config.api_requests_per_s, config.api_request_burst)
        self._bad_keys = Buckets(BAD_KEYS_PER_S, BAD_KEY_BURST)
        self._noted: dict[str, int] = {}

    async def check(self, request: Request, scope: Scope) -> ApiKey:
        """Let a request pass.

        Args:
            request: with the key.
            scope: what its endpoint needs.

        Returns:
            The key.

        Raises:
            Unauthenticated: there is no good key.
            Forbidden: the key is for something else, or there are no keys at all.
            RateExceeded: too many requests of this key, or too many bad keys of this address.
            Unavailable: the database cannot be asked whether the key is good.
        """
        key = await self._find(given_key(request))
        if key is None:
            raise await self._refusal(request)
        retry_after_ms = self._requests.spend(key.hash, self._clock.now_s())
        if retry_after_ms is not None:
            self._metrics.limited["key"] += 1
            raise RateExceeded("Too many requests with this key; slow down.", retry_after_ms=retry_after_ms)
        if not key.opens(scope):  # counted all the same: what is asked in vain costs as much
            self._metrics.refused("forbidden")
            raise Forbidden(f"This needs a key with the scope {scope}; {key.name} has {', '.join(key.scopes)}.")
        self._note(key)
        return key

    async def _find(self, given: str) -> ApiKey | None:
        # The bytes of the header: what stands in it as text depends on who reads it, if it is not ASCII.
        if self._admin is not None and hmac.compare_digest(hash_of(given.encode("latin-1")), self._admin.hash):
            return self._admin
        return await self._ring.find(given) if is_key(given) else None

    async def _refusal(self, request: Request) -> Exception:
        address = request.client.host if request.client else ""
        client, _, _ = self._proxies.read(tuple(request.headers.raw), address, secure=False)
        self._metrics.refused("unauthenticated")
        retry_after_ms = self._bad_keys.spend(network(client), self._clock.now_s())
        if retry_after_ms is not None:
            self._metrics.limited["address"] += 1
            return RateExceeded("Too many bad keys of this address; slow down.", retry_after_ms=retry_after_ms)
        if self._admin is None and await self._ring.is_empty():
            return Forbidden(OFF)
        return Unauthenticated(UNKNOWN if given_key(request) else WANTED)

    def _note(self, key: ApiKey) -> None:
        now_ms = self._clock.wall_ms()
        last_ms = self._noted.get(key.hash, key.last_used_ms or 0)
        if key is not self._admin and not 0 <= now_ms - last_ms < NOTE_MS:
            self._noted[key.hash] = now_ms
            self._store.used(key, now_ms)


def given_key(request: Request) -> str:
    """The key that a request carries; empty if there is none, or more than one: two readers could see two keys."""
    bearers, keys = request.headers.getlist("authorization"), request.headers.getlist("x-api-key")
    if len(bearers) > 1 or len(keys) > 1:
        return ""
    scheme, _, bearer = (bearers or [""])[0].partition(" ")
    return bearer.strip() if scheme.lower() == "bearer" else (keys or [""])[0]


def _admin_key(config: Config) -> ApiKey | None:
    if config.api_key is None:
        return None
    return ApiKey(hash_of(config.api_key.get_secret_value().strip().encode()), "ALSOHERE_API_KEY", ("admin",), 0)

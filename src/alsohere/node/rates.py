"""How much of something each of many may do: a bucket of two numbers for everybody who did something lately.

A bucket is filled by the time that has passed, and what is done takes some out.
Invariant: at most `most` are remembered, those that did something last. Who is pushed out by others begins with a full bucket.
Rejected: pyrate-limiter. It keeps a list of timestamps for each and a thread that empties them; two numbers say the same.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING

from alsohere.errors import RateExceeded

if TYPE_CHECKING:
    from alsohere.node.connection import Connection
    from alsohere.node.metrics import Metrics
    from alsohere.node.node import NodeRules
    from alsohere.types import Clock

MAX_REMEMBERED = 10_000


class Buckets:
    """Buckets by name.

    Args:
        per_s: how much per second, for long.
        burst: how much at once.
        most: names to remember.
    """

    __slots__ = ("_burst", "_left", "_most", "_per_s")

    def __init__(self, per_s: float, burst: float, most: int = MAX_REMEMBERED) -> None:
        self._per_s = per_s
        self._burst = burst
        self._most = most
        self._left: dict[str, tuple[float, float]] = {}  # what is left and since when; who did something last stands last

    def spend(self, name: str, now_s: float) -> int | None:
        """Count one; None, or in how many ms it may be tried again if this one was too much. That one takes nothing out."""
        left, since_s = self._left.pop(name, (self._burst, now_s))
        left = min(self._burst, left + (now_s - since_s) * self._per_s)
        allowed = left >= 1
        self._left[name] = (left - allowed, now_s)
        if len(self._left) > self._most:
            del self._left[next(iter(self._left))]
        return None if allowed else int((1 - left) / self._per_s * 1000) + 1


class EventRates:
    """How many events are handled: of a connection, of a user over all of their connections, and of an address over all of its.

    What is refused here is answered `rate`; only what one connection sends far beyond its limit ends it, see node/peer.py. The
    limit of an address is wide, because an office may be behind one.

    Args:
        rules: `user_events_per_s` and its like; 0 per second is no limit.
        clock: time.
        metrics: where refusals are counted.
    """

    def __init__(self, rules: NodeRules, clock: Clock, metrics: Metrics) -> None:
        self._clock = clock
        self._metrics = metrics
        self._users = _buckets(rules.user_events_per_s, rules.user_event_burst)
        self._addresses = _buckets(rules.client_events_per_s, rules.client_event_burst)

    def spend(self, connection: Connection) -> None:
        """Count an event.

        Raises:
            RateExceeded: it is too many for one of the three.
        """
        retry_after_ms = connection.peer.retry_after_ms()
        if retry_after_ms is not None:
            raise self._exceeded("connection", retry_after_ms)
        now_s = self._clock.now_s()
        if self._users is not None:
            retry_after_ms = self._users.spend(connection.user.id, now_s)
            if retry_after_ms is not None:
                raise self._exceeded("user", retry_after_ms)
        if self._addresses is not None:
            retry_after_ms = self._addresses.spend(network(connection.client), now_s)
            if retry_after_ms is not None:
                raise self._exceeded("address", retry_after_ms)

    def _exceeded(self, limit: str, retry_after_ms: int) -> RateExceeded:
        self._metrics.limited[limit] += 1
        return RateExceeded(f"Too many commands of this {limit}; slow down.", retry_after_ms=retry_after_ms)


def _buckets(per_s: float, burst: float) -> Buckets | None:
    return Buckets(per_s, burst) if per_s else None


@lru_cache(4096)
def network(address: str) -> str:
    """What counts as one address: for IPv6 the first 64 bits, for every machine has all the rest to itself."""
    if ":" not in address:
        return address
    try:
        known = ip_address(address.partition("%")[0])
    except ValueError:  # what a trusted proxy passes on need not be one
        return address
    mapped = getattr(known, "ipv4_mapped", None)
    return known.exploded[:19] if mapped is None else str(mapped)

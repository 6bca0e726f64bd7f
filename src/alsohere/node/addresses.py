"""What one address may cost before anybody has said who they are.

Owns: what counts as one address, and how many bad requests it may make before it is told to slow down.
Invariant: at most MAX_ADDRESSES are remembered, those that were bad last. Who is pushed out by others begins with a full bucket.

Good requests are never refused for the bad ones of the same address: an office behind one is not to be shut out by one of its
machines. What keeps sids from being guessed is their 120 bits; this keeps the guessing from filling logs and links.
Rejected: pyrate-limiter. It keeps a list of timestamps per address and a thread that empties them; two numbers say the same.
"""

from __future__ import annotations

from ipaddress import ip_address

BAD_REQUESTS_PER_S = 10.0
BAD_REQUEST_BURST = 200.0
MAX_ADDRESSES = 10_000


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


class Allowance:
    """A bucket for each address: filled by the time that has passed, and every bad request takes one out.

    Args:
        per_s: bad requests per second, for long.
        burst: bad requests at once.
        most: addresses to remember.
    """

    __slots__ = ("_burst", "_left", "_most", "_per_s")

    def __init__(self, per_s: float = BAD_REQUESTS_PER_S, burst: float = BAD_REQUEST_BURST, most: int = MAX_ADDRESSES) -> None:
        self._per_s = per_s
        self._burst = burst
        self._most = most
        self._left: dict[str, tuple[float, float]] = {}  # what is left and since when, by address; who was bad last stands last

    def spend(self, address: str, now_s: float) -> bool:
        """Count one bad request; False if the address has made too many."""
        key = network(address)
        left, since_s = self._left.pop(key, (self._burst, now_s))
        left = min(self._burst, left + (now_s - since_s) * self._per_s)
        allowed = left >= 1
        self._left[key] = (left - allowed, now_s)
        if len(self._left) > self._most:
            del self._left[next(iter(self._left))]
        return allowed

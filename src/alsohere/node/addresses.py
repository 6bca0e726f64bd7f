"""What one address may cost before anybody has said who they are.

Owns: what counts as one address, and how many bad requests it may make before it is told to slow down.
Invariant: at most MAX_REMEMBERED are remembered, see node/rates.py.

Good requests are never refused for the bad ones of the same address: an office behind one is not to be shut out by one of its
machines. What keeps sids from being guessed is their 120 bits; this keeps the guessing from filling logs and links.
"""

from __future__ import annotations

from alsohere.node.rates import MAX_REMEMBERED, Buckets, network

BAD_REQUESTS_PER_S = 10.0
BAD_REQUEST_BURST = 200.0


class Allowance:
    """A bucket for each address; every bad request takes one out.

    Args:
        per_s: bad requests per second, for long.
        burst: bad requests at once.
        most: addresses to remember.
    """

    __slots__ = ("_buckets",)

    def __init__(self, per_s: float = BAD_REQUESTS_PER_S, burst: float = BAD_REQUEST_BURST, most: int = MAX_REMEMBERED) -> None:
        self._buckets = Buckets(per_s, burst, most)

    def spend(self, address: str, now_s: float) -> bool:
        """Count one bad request; False if the address has made too many."""
        return self._buckets.spend(network(address), now_s) is None

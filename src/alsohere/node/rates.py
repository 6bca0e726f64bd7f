"""How much of something each of many may do: a bucket of two numbers for everybody who did something lately.

A bucket is filled by the time that has passed, and what is done takes some out.
Invariant: at most `most` are remembered, those that did something last. Who is pushed out by others begins with a full bucket.
Rejected: pyrate-limiter. It keeps a list of timestamps for each and a thread that empties them; two numbers say the same.
"""

from __future__ import annotations

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

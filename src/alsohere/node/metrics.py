"""What the node counts. Plain numbers, read when somebody asks; server/metrics.py gives them their public names."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import Protocol


class StoreFigures(Protocol):
    """What the database says of itself."""

    @property
    def up(self) -> bool | None:
        """Whether it can be used; None before anybody tried."""

    @property
    def jobs(self) -> int:
        """What was done in it, refusals included."""

    @property
    def commits(self) -> int:
        """Transactions that were written to the disk."""


MAX_CODES = 64


class Durations:
    """How long something took, each time: how many were at most so long."""

    __slots__ = ("counts", "sum_s")

    BOUNDS_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25)

    def __init__(self) -> None:
        self.counts = [0] * (len(self.BOUNDS_S) + 1)  # the last: longer than all of them
        self.sum_s = 0.0

    def add(self, took_s: float) -> None:
        self.counts[bisect_left(self.BOUNDS_S, took_s)] += 1
        self.sum_s += took_s


class Metrics:
    """Counters of one node. Labels come from fixed sets, never from a client."""

    __slots__ = (
        "commands",
        "disconnects",
        "enters",
        "internal_errors",
        "leaves",
        "limited",
        "offline",
        "opened",
        "refusals",
        "slow_closed",
        "store",
        "updates",
        "webhooks",
    )

    def __init__(self) -> None:
        self.opened = 0
        self.enters = 0
        self.updates = 0
        self.leaves: Counter[str] = Counter()
        self.commands: Counter[str] = Counter()
        self.refusals: Counter[str] = Counter()
        self.disconnects: Counter[str] = Counter()
        self.limited: Counter[str] = Counter()  # connection, user, address, key
        self.internal_errors = 0
        self.slow_closed = 0
        self.webhooks: Counter[str] = Counter()  # delivered, failed, given_up
        self.offline: Counter[tuple[str, str]] = Counter()  # (channel; sent, failed, given_up)
        self.store: StoreFigures | None = None

    def internal_error(self) -> None:
        self.internal_errors += 1

    def disconnected(self, close_code: int) -> None:
        self.disconnects[str(int(close_code))] += 1

    def refused(self, code: str) -> None:
        # An application may make up codes, even from what clients send.
        known = code in self.refusals or len(self.refusals) < MAX_CODES
        self.refusals[code if known else "other"] += 1

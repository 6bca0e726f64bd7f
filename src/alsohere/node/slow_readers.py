"""Clients that do not take what is sent to them: which outboxes wait, and how long they may.

Owns: the second half of the slow-reader policy (the first is node/outbox.py): what waits for too long ends its session.
Rejected: a timer for each outbox. Most wait for a moment only, so all that wait are looked over once a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from alsohere.errors import CloseCode, Disconnect
from alsohere.node.outbox import Outbox

if TYPE_CHECKING:
    from alsohere.node.node import Node

LOOK_S = 1.0


class SlowReaders:
    """The outboxes of one node that wait.

    Args:
        node: whose sessions are ended.
        age_s: for how long the oldest packet may wait.
    """

    def __init__(self, node: Node, age_s: float) -> None:
        self._node = node
        self._age_s = age_s
        self._waiting: set[Outbox] = set()
        self._look_s = 0.0

    def add(self, outbox: Outbox) -> None:
        """An outbox has begun to wait, or holds more than it may."""
        look_s = self._node.clock.now_s() + (0 if outbox.overflowed else LOOK_S)
        # Those that wait already keep their time: others, whose outboxes wait for a moment, must not put it off for ever.
        self._look_s = min(self._look_s, look_s) if self._waiting else look_s
        self._waiting.add(outbox)
        self._node.wake_by(self._look_s)

    def forget(self, outbox: Outbox) -> None:
        """Its session is over."""
        self._waiting.discard(outbox)

    def due_s(self) -> float | None:
        """When `advance` will have something to do."""
        return self._look_s if self._waiting else None

    def advance(self, now_s: float) -> None:
        """End the sessions of those that have waited for too long."""
        if not self._waiting or now_s < self._look_s:
            return
        self._look_s = now_s + LOOK_S
        for outbox in list(self._waiting):
            oldest_s, peer = outbox.oldest_s(), self._node.peers.get(outbox.sid)
            if peer is None:
                self._waiting.discard(outbox)  # its session has ended, and something was put there after all
            elif outbox.overflowed or (oldest_s is not None and now_s - oldest_s > self._age_s):
                self._node.metrics.slow_closed += 1
                outbox.discard()
                peer.disconnect(Disconnect(CloseCode.TOO_SLOW, "the client reads too slowly"))
            elif oldest_s is None:
                self._waiting.discard(outbox)

"""What time brings to inboxes: notifications that begin or end, and old ones that are removed.

Owns: when the store is asked for them. One timer for all: the next moment at which anything begins or ends is known.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from alsohere.errors import Refusal
from alsohere.notices import Sent, Withdrawn
from alsohere.ports import InboxStore

if TYPE_CHECKING:
    from alsohere.node.node import Node

RETRY_S = 1.0
FIRST_PRUNE_S, PRUNE_S, PRUNE_AGAIN_S, PRUNE_SLICE = 120.0, 86_400.0, 0.1, 500


class Calendar:
    """The times of one node's inboxes.

    Args:
        node: whose clock.
        store: who knows.
        retention_s: how long what is read, archived or over is kept.
        started, ended: are called with what began or ended.
    """

    def __init__(
        self,
        node: Node,
        store: InboxStore,
        retention_s: float,
        started: Callable[[Sent], None],
        ended: Callable[[Withdrawn], None],
    ) -> None:
        self._node = node
        self._store = store
        self._retention_ms = int(retention_s * 1000)
        self._started = started
        self._ended = ended
        self._looked_ms = 0  # up to when beginnings and ends have been seen
        self._look_s: float | None = None
        self._prune_s: float | None = None
        self._prune_after = 0

    def begin(self) -> None:
        """Find out what will begin or end of what the life before left."""
        now_s = self._node.clock.now_s()
        self._looked_ms = self._looked_ms or self._node.clock.wall_ms()
        self._look_s = now_s
        self._prune_s = self._prune_s or now_s + FIRST_PRUNE_S
        self._node.wake()

    def expect(self, at_ms: int | None) -> None:
        """Look again when something begins or ends.

        Args:
            at_ms: when, in ms since the epoch; None: never.
        """
        now_ms, now_s = self._node.clock.wall_ms(), self._node.clock.now_s()
        self._prune_s = self._prune_s or now_s + FIRST_PRUNE_S
        if at_ms is None or at_ms <= now_ms:
            return
        self._looked_ms = self._looked_ms or now_ms
        look_s = now_s + (at_ms + 1 - now_ms) / 1000
        if self._look_s is None or look_s < self._look_s:
            self._look_s = look_s
            self._node.wake()

    def due_s(self) -> float | None:
        """When `advance` will have something to do."""
        return min((due for due in (self._look_s, self._prune_s) if due is not None), default=None)

    def advance(self, now_s: float) -> None:
        """Ask for what is due."""
        if self._look_s is not None and now_s >= self._look_s:
            self._look_s = None
            self._node.spawn(self._look())
        if self._prune_s is not None and now_s >= self._prune_s:
            self._prune_s = now_s + PRUNE_S
            before_ms = self._node.clock.wall_ms() - self._retention_ms
            self._store.prune(before_ms, self._prune_after, PRUNE_SLICE, self._pruned)

    async def _look(self) -> None:
        now_ms = self._node.clock.wall_ms()
        try:
            due = await self._store.due(self._looked_ms, now_ms)
        except Refusal:
            self.expect(now_ms + int(RETRY_S * 1000))
            return
        self._looked_ms = now_ms
        for sent in due.started:
            self._started(sent)
        for withdrawn in due.expired:
            self._ended(withdrawn)
        self.expect(due.next_at)

    def _pruned(self, answer: int | Refusal | None) -> None:
        now_s = self._node.clock.now_s()
        if isinstance(answer, Refusal):
            self._prune_s = now_s + FIRST_PRUNE_S
        elif answer is None:
            self._prune_after = 0
        else:
            self._prune_after, self._prune_s = answer, now_s + PRUNE_AGAIN_S
        self._node.wake()

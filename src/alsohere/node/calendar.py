"""What time brings to inboxes: notifications that begin or end, and old ones that are removed.

Owns: when the store is asked for them. One timer for all: the next moment at which anything begins or ends is known.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from alsohere.domain.inbox import is_over, is_scheduled
from alsohere.errors import Refusal
from alsohere.node.meanwhile import Meanwhile
from alsohere.notices import Notice, Sent, Withdrawn
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
        meanwhile: what happens while the store is asked.
    """

    def __init__(
        self,
        node: Node,
        store: InboxStore,
        retention_s: float,
        started: Callable[[Sent], None],
        ended: Callable[[Withdrawn], None],
        meanwhile: Meanwhile,
    ) -> None:
        self._node = node
        self._store = store
        self._retention_ms = int(retention_s * 1000)
        self._started = started
        self._ended = ended
        self._meanwhile = meanwhile
        self._looked_ms = node.clock.wall_ms()  # up to when beginnings and ends have been seen
        self._look_ms: int | None = None
        self._prune_s: float | None = None
        self._prune_after = 0

    def begin(self) -> None:
        """Find out what will begin or end of what the life before left."""
        self._looked_ms = self._node.clock.wall_ms()
        self.expect(self._looked_ms)

    def has_begun(self, notice: Notice) -> bool:
        """Whether it is to be told at once: it began when it was sent, or was looked for before it was written."""
        return not is_scheduled(notice) or (notice.starts_at or 0) <= self._looked_ms

    def expect(self, at_ms: int | None) -> None:
        """Look again when something begins or ends.

        Args:
            at_ms: when, in ms since the epoch; None: never.
        """
        self._prune_s = self._prune_s or self._node.clock.now_s() + FIRST_PRUNE_S
        if at_ms is not None and (self._look_ms is None or at_ms < self._look_ms):
            self._look_ms = at_ms
            self._node.wake()

    def due_s(self) -> float | None:
        """When `advance` will have something to do; asked anew at every ping, since the wall clock may be set."""
        if self._look_ms is None:
            return self._prune_s
        clock = self._node.clock
        look_s = clock.now_s() + max(0, self._look_ms - clock.wall_ms()) / 1000
        return look_s if self._prune_s is None else min(look_s, self._prune_s)

    def advance(self, now_s: float) -> None:
        """Ask for what is due."""
        if self._look_ms is not None and self._node.clock.wall_ms() >= self._look_ms:
            self._look_ms = None
            self._node.spawn(self._look())
        if self._prune_s is not None and now_s >= self._prune_s:
            self._prune_s = now_s + PRUNE_S
            before_ms = self._node.clock.wall_ms() - self._retention_ms
            self._store.prune(before_ms, self._prune_after, PRUNE_SLICE, self._pruned)

    async def _look(self) -> None:
        now_ms = self._node.clock.wall_ms()
        after_ms, self._looked_ms = self._looked_ms, now_ms
        try:
            with self._meanwhile.watch() as changes:
                due = await self._store.due(after_ms, now_ms)
        except Exception as error:
            self._looked_ms = after_ms
            self.expect(now_ms + int(RETRY_S * 1000))
            if not isinstance(error, Refusal):
                raise
            return
        for sent in due.started:
            notice = None if sent.notice is None else changes.now(sent.notice)
            if notice is not None and not is_over(notice, now_ms):
                self._started(msgspec.structs.replace(sent, notice=notice))
        for withdrawn in due.expired:
            if not changes.has_changed(withdrawn.id):  # recalled, or it goes on
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

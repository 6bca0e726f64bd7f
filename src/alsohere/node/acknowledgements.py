"""Acknowledgements of clients: written down together, once per tick, and told to those who wait for them.

Invariants: I1 what is acknowledged is written down, also if the store is away for a while or the process is shut down; what is
lost stays undelivered, and is sent again at the next connect. Senders, webhooks and hooks hear of it after it was written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from alsohere.errors import Refusal
from alsohere.node.waiting import outcome_of
from alsohere.notices import Delivery, MessageReceipt, Receipt
from alsohere.ports import InboxStore

if TYPE_CHECKING:
    from alsohere.node.node import Node

RETRY_S = 1.0
MOST_UNWRITTEN = 100_000  # while the store is away

Tell = Callable[[Iterable[str], str, msgspec.Struct], None]


class Acknowledgements:
    """Those of one node.

    Args:
        node: whose clock.
        store: where they are written.
        tell: sends users a fact, by its name.
    """

    def __init__(self, node: Node, store: InboxStore, tell: Tell) -> None:
        self._node = node
        self._store = store
        self._tell = tell
        self._unwritten: list[Delivery] = []
        self._write_s = 0.0

    def add(self, user: str, notice_id: int) -> None:
        """A client of a user has acknowledged a notification."""
        self._unwritten.append(Delivery(user, notice_id, self._node.clock.wall_ms()))
        if len(self._unwritten) == 1:
            self._write_s = max(self._write_s, self._node.clock.now_s())
            self._node.wake()

    def due_s(self) -> float | None:
        """When `advance` will have something to do."""
        return self._write_s if self._unwritten else None

    def advance(self, now_s: float) -> None:
        """Write what is due."""
        if self._unwritten and now_s >= self._write_s:
            self._write_s = now_s + self._node.tick_s
            deliveries = self._taken()
            self._store.delivered(deliveries, partial(self._written, deliveries))

    async def finish(self) -> None:
        """Write the last of them, and wait for it."""
        if self._unwritten:
            with suppress(Refusal):
                self.tell(await outcome_of(partial(self._store.delivered, self._taken())), read=False)

    def _taken(self) -> list[Delivery]:
        taken, self._unwritten = self._unwritten, []
        return taken

    def _written(self, deliveries: list[Delivery], answer: list[Receipt] | Refusal) -> None:
        if not isinstance(answer, Refusal):
            self.tell(answer, read=False)
        elif len(self._unwritten) < MOST_UNWRITTEN:
            self._unwritten[:0] = deliveries
            self._write_s = self._node.clock.now_s() + RETRY_S
            self._node.wake()

    def tell(self, receipts: Iterable[Receipt], *, read: bool) -> None:
        """Tell senders and the application of what was delivered, or read."""
        hooks = self._node.hooks.read if read else self._node.hooks.delivered
        for receipt in receipts:
            if self._node.webhooks.enabled:
                self._node.webhooks.receipt(receipt, read=read)
            if hooks:
                self._node.call_hooks(hooks, [receipt.user, receipt.id])
            if receipt.sender is not None:
                fact = MessageReceipt(receipt.id, receipt.user, receipt.delivered_at, receipt.read_at)
                self._tell([receipt.sender], "message:receipt", fact)

"""What every tab shows as unread.

Owns: when the store is asked for counts, and who is told.
Invariant: I4 a count that is told was counted by the store after the change that it is told for. Of several changes within a
tick only what came of them is asked for, in one question for all users.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from alsohere.errors import Refusal
from alsohere.node.connection import Connection
from alsohere.notices import InboxChanged, Unread
from alsohere.ports import InboxStore
from alsohere.wire.engineio import Packet
from alsohere.wire.socketio import encode_fact

if TYPE_CHECKING:
    from alsohere.node.node import Node

RETRY_S = 1.0


class Badges:
    """The counts of one node's users.

    Args:
        node: whose clock.
        store: who counts.
        connections: of a user, that are told of their inbox.
        receivers: all of those.
    """

    def __init__(
        self,
        node: Node,
        store: InboxStore,
        connections: Callable[[str], list[Connection]],
        receivers: Callable[[], list[Connection]],
    ) -> None:
        self._node = node
        self._store = store
        self._connections = connections
        self._receivers = receivers
        self._stale: set[str] = set()
        self._all_stale = False
        self._tell_s = 0.0

    def changed(self, user: str) -> None:
        """What is unread of that user may be another number now."""
        is_first = not (self._stale or self._all_stale)
        self._stale.add(user)
        if is_first:
            self._soon()

    def all_changed(self) -> None:
        """That of everybody."""
        self._all_stale = True
        self._soon()

    def _soon(self) -> None:
        self._tell_s = max(self._tell_s, self._node.clock.now_s())
        self._node.wake()

    def due_s(self) -> float | None:
        """When `advance` will have something to do."""
        return self._tell_s if self._stale or self._all_stale else None

    def advance(self, now_s: float) -> None:
        """Ask for what is due, and tell it."""
        if not (self._stale or self._all_stale) or now_s < self._tell_s:
            return
        self._tell_s = now_s + self._node.tick_s
        if self._all_stale:
            users = {connection.user.id for connection in self._receivers()}
        else:
            users = {user for user in self._stale if self._connections(user)}
        self._stale, self._all_stale = set(), False
        if users:
            self._node.spawn(self._count(sorted(users)))

    async def _count(self, users: list[str]) -> None:
        try:
            counts = await self._store.unread(users, self._node.clock.wall_ms())
        except Exception as error:
            self._stale.update(users)
            self._tell_s = self._node.clock.now_s() + RETRY_S
            self._node.wake()
            if not isinstance(error, Refusal):
                raise
            return
        for user, unread in counts.items():
            self._node.hub.deliver(unread_fact(unread), self._connections(user))


def unread_fact(unread: Unread) -> Packet:
    """`inbox:changed`; to a slow client a newer one replaces it."""
    return encode_fact("inbox:changed", InboxChanged(unread), conflate="inbox")

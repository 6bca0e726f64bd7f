"""Users who connect, and what they must be told: the counts, and what came while they were away.

Owns: when the store is asked for them: at once, but one question at a time. Those who come while one is under way are asked for
in the next; so who comes alone does not wait, and when everybody comes at once, after a restart, a question is about many.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from alsohere.errors import Refusal
from alsohere.node.badges import unread_fact
from alsohere.node.connection import Connection
from alsohere.node.deliveries import Choose, Deliveries
from alsohere.notices import Preferences
from alsohere.ports import InboxStore

if TYPE_CHECKING:
    from alsohere.node.node import Node

RETRY_S = 1.0
MOST_WAITING = 32  # notifications of each that are sent before the first acknowledgement
AT_ONCE = 500  # connections


class Arrivals:
    """Connections that are about to be told.

    Args:
        node: whose.
        store: who knows.
        wishes: where preferences of users who are here are kept.
        choose: how loudly a user is told.
    """

    def __init__(self, node: Node, store: InboxStore, wishes: dict[str, Preferences], choose: Callable[[str], Choose]) -> None:
        self.deliveries = Deliveries(self._ask_more)
        self._node = node
        self._store = store
        self._wishes = wishes
        self._choose = choose
        self._arriving: dict[Connection, None] = {}
        self._is_asking = False
        self._due_s = 0.0

    def add(self, connection: Connection) -> None:
        """Tell a connection soon."""
        now_s = self._node.clock.now_s()
        self.deliveries.begin(connection, now_s)
        self._arriving[connection] = None
        if len(self._arriving) == 1 and not self._is_asking:
            self._soon(now_s)

    def _soon(self, due_s: float) -> None:
        self._due_s = due_s
        self._node.wake()

    def forget(self, connection: Connection) -> None:
        """Do not tell it."""
        self._arriving.pop(connection, None)

    def due_s(self) -> float | None:
        """When `advance` will have something to do."""
        dues = [self.deliveries.due_s(), self._due_s if self._arriving and not self._is_asking else None]
        return min((due for due in dues if due is not None), default=None)

    def advance(self, now_s: float) -> None:
        """Ask for what is due."""
        self.deliveries.advance(now_s)
        if self._arriving and not self._is_asking and now_s >= self._due_s:
            arriving = list(self._arriving)[:AT_ONCE]
            for connection in arriving:
                del self._arriving[connection]
            self._is_asking = True
            self._node.spawn(self._ask(arriving))

    async def _ask(self, connections: Sequence[Connection]) -> None:
        again_s = 0.0
        try:
            again_s = await self._welcome(connections)
        finally:
            self._is_asking = False
            if self._arriving:
                self._soon(self._node.clock.now_s() + again_s)

    async def _welcome(self, connections: Sequence[Connection]) -> float:
        """Tell them; returns after how many seconds the next may be asked for."""
        users = list(dict.fromkeys(connection.user.id for connection in connections))
        try:
            arrivals = await self._store.arrivals(users, MOST_WAITING, self._node.clock.wall_ms())
        except Refusal:
            for connection in connections:  # the store is away: they are told as soon as it is back
                if connection.connected:
                    self._arriving[connection] = None
            return RETRY_S
        for connection in connections:
            arrival = arrivals.get(connection.user.id)
            if arrival is None or not connection.connected:
                continue
            self._wishes[connection.user.id] = arrival.preferences
            if arrival.unread.total:
                connection.outbox.put(unread_fact(arrival.unread))
            self.deliveries.catch_up(connection, arrival.waiting, self._choose(connection.user.id), more=arrival.more)
        return 0.0

    def _ask_more(self, connection: Connection, after: int) -> None:
        self._node.spawn(self._more(connection, after))

    async def _more(self, connection: Connection, after: int) -> None:
        user = connection.user.id
        try:
            entries = await self._store.waiting(user, after, MOST_WAITING + 1, self._node.clock.wall_ms())
        except Refusal:
            return  # its patience ends, and it is told what is new; the rest stands unread (I1)
        more = len(entries) > MOST_WAITING
        self.deliveries.catch_up(connection, entries[:MOST_WAITING], self._choose(user), more=more)

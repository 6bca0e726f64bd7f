"""Users who connect, and what they must be told: the counts, and what came while they were away.

Owns: when the store is asked for them: at once, but one question at a time. Those who come while one is under way are asked for
in the next; so who comes alone does not wait, and when everybody comes at once, after a restart, a question is about many.
A store takes only so many questions at a time, and there are others who ask.
Invariant: an answer is told to the user who was asked about, or not at all: whoever has left or is somebody else by then has
another window.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from alsohere.errors import Refusal
from alsohere.node.badges import unread_fact
from alsohere.node.connection import Connection
from alsohere.node.deliveries import Choose, Deliveries, Window
from alsohere.node.meanwhile import Meanwhile
from alsohere.notices import Entry, Preferences
from alsohere.ports import InboxStore

if TYPE_CHECKING:
    from alsohere.node.node import Node

T = TypeVar("T")

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
        meanwhile: what happens while the store is asked.
    """

    def __init__(
        self,
        node: Node,
        store: InboxStore,
        wishes: dict[str, Preferences],
        choose: Callable[[str], Choose],
        meanwhile: Meanwhile,
    ) -> None:
        self.deliveries = Deliveries(self._tell_more)
        self._node = node
        self._store = store
        self._wishes = wishes
        self._choose = choose
        self._meanwhile = meanwhile
        self._arriving: dict[Connection, None] = {}
        self._unfinished: dict[Connection, None] = {}  # they were told a part of what waits
        self._is_asking = False
        self._retry_s: float | None = None  # the store is away: not before then is it asked again

    def add(self, connection: Connection) -> None:
        """Tell a connection soon."""
        self.deliveries.begin(connection)
        self._enqueue(self._arriving, connection)

    def _tell_more(self, connection: Connection) -> None:
        self._enqueue(self._unfinished, connection)

    def _enqueue(self, queue: dict[Connection, None], connection: Connection) -> None:
        queue[connection] = None
        if self._retry_s is None:
            self._begin()
        else:
            self._node.wake()

    def _begin(self) -> None:
        if self._has_somebody and not self._is_asking:
            self._is_asking = True
            self._node.spawn(self._tell())

    @property
    def _has_somebody(self) -> bool:
        return bool(self._arriving or self._unfinished)

    def forget(self, connection: Connection) -> None:
        """Do not tell it: it is over, or somebody else's."""
        self._arriving.pop(connection, None)
        self._unfinished.pop(connection, None)
        self.deliveries.forget(connection)

    def due_s(self) -> float | None:
        """When `advance` will have something to do."""
        dues = [self.deliveries.due_s(), self._retry_s if self._has_somebody else None]
        return min((due for due in dues if due is not None), default=None)

    def advance(self, now_s: float) -> None:
        """Ask again, if the store was away."""
        self.deliveries.advance(now_s)
        if self._retry_s is not None and now_s >= self._retry_s:
            self._retry_s = None
            self._begin()

    async def _tell(self) -> None:
        try:
            while self._has_somebody:  # in turns, so that nobody who comes waits for the long inboxes of others
                if self._arriving:
                    await self._welcome(list(self._arriving)[:AT_ONCE])
                if self._unfinished:
                    await self._tell_rest(next(iter(self._unfinished)))
                await asyncio.sleep(0)  # a store in memory answers at once, and others must have their turn
        except Refusal:
            pass  # the store is away: they are told as soon as it is back
        finally:
            self._is_asking = False
            if self._has_somebody:
                self._retry_s = self._node.clock.now_s() + RETRY_S
            self._node.wake()  # also for patience, which may have begun

    async def _welcome(self, connections: Sequence[Connection]) -> None:
        """Tell some who have come."""
        asked = {connection: self.deliveries.asked(connection) for connection in connections}
        users = list(dict.fromkeys(connection.user.id for connection in connections))
        with self._meanwhile.watch() as changes:
            arrivals = await self._answer(self._store.arrivals(users, MOST_WAITING, self._node.clock.wall_ms()))
        for connection, window in self._still_there(asked, self._arriving):
            if arrivals is None:
                self.deliveries.give_up(connection, window)
                continue
            user = connection.user.id
            arrival = arrivals[user]
            self._wishes.setdefault(user, arrival.preferences)  # what is known already has been kept up to date
            if not self._store.is_empty:  # then also nothing: the page may remember some, of before or of somebody else
                connection.outbox.put(unread_fact(arrival.unread))
            self._catch_up(connection, window, changes.waiting(user, arrival.waiting), more=arrival.more)

    async def _tell_rest(self, connection: Connection) -> None:
        """Tell somebody more of what waits."""
        window, user = self.deliveries.asked(connection), connection.user.id
        with self._meanwhile.watch() as changes:
            question = self._store.waiting(user, window.after, MOST_WAITING + 1, self._node.clock.wall_ms())
            entries = await self._answer(question)
        for _ in self._still_there({connection: window}, self._unfinished):
            if entries is None:
                self.deliveries.give_up(connection, window)
            else:
                waiting = changes.waiting(user, entries[:MOST_WAITING])
                self._catch_up(connection, window, waiting, more=len(entries) > MOST_WAITING)

    async def _answer(self, question: Awaitable[T]) -> T | None:
        """What the store answers; None: it cannot, and there is no use in asking again.

        Raises:
            Refusal: not now.
        """
        try:
            return await question
        except Refusal:
            raise
        except Exception:  # one row that cannot be read must not keep everybody from being told
            self._node.log.exception("what waits for users could not be looked up")
            self._node.metrics.internal_error()
            return None

    def _still_there(self, asked: dict[Connection, Window], queue: dict[Connection, None]) -> Iterator[tuple[Connection, Window]]:
        """Those who are still who they were when the question was asked; they are out of the queue."""
        for connection, window in asked.items():
            if self.deliveries.is_current(connection, window):
                del queue[connection]
                yield connection, window

    def _catch_up(self, connection: Connection, window: Window, waiting: Sequence[Entry], *, more: bool) -> None:
        choose, now_s = self._choose(connection.user.id), self._node.clock.now_s()
        self.deliveries.catch_up(connection, window, waiting, choose, more=more, now_s=now_s)

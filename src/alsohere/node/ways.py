"""Other ways to reach users, as far as the node: what clients may say about them, and who is woken when one may be due."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from alsohere.domain.offline import NOWHERE, Routes, Subscription, check_endpoint
from alsohere.errors import BadRequest, Forbidden
from alsohere.node.answer import Answer
from alsohere.node.connection import Connection
from alsohere.notices import Notice
from alsohere.ports import OfflineStore
from alsohere.wire import events

if TYPE_CHECKING:
    from alsohere.node.node import Node

MOST_SUBSCRIPTIONS = 20  # of one user
MOST_KEY = 200


class Ways:
    """What there is beside connections; nothing, until an application gives it.

    Attributes:
        store: where errands and subscriptions are kept.
        routes: which notifications go other ways.
        private: whether subscriptions may lead to private addresses.
        wake: called when something was sent that may have to go another way later.
    """

    def __init__(self) -> None:
        self.store: OfflineStore | None = None
        self.routes: Routes = NOWHERE
        self.private = False
        self.wake: Callable[[], None] = lambda: None

    def was_sent(self, notice: Notice) -> None:
        """A notification is in inboxes."""
        if self.routes.available and self.routes.due_ms(notice) is not None:
            self.wake()

    def browsers(self, connection: Connection) -> OfflineStore:
        """Where subscriptions of a connection's user are kept.

        Raises:
            Forbidden: there is no Web Push, or the user is anonymous.
        """
        if self.store is None or "webpush" not in self.routes.available:
            raise Forbidden("There is no Web Push here: ALSOHERE_VAPID_PRIVATE_KEY is not set.")
        if connection.user.anonymous:
            raise Forbidden("Anonymous visitors have no inbox; log in.")
        return self.store


def subscribe(node: Node, connection: Connection, command: events.WebpushSubscribe, answer: Answer) -> None:
    """`webpush:subscribe`."""
    ways = node.inbox.ways
    store, user, given = ways.browsers(connection), connection.user.id, command.subscription
    if not all(0 < len(key) <= MOST_KEY and key.isascii() for key in (given.keys.p256dh, given.keys.auth)):
        raise BadRequest("subscription.keys: p256dh and auth as the browser gave them.")
    subscription = Subscription(check_endpoint(given.endpoint, private=ways.private), given.keys.p256dh, given.keys.auth)

    async def keep() -> None:
        with answer.or_refused():
            await store.subscribe(user, subscription, node.clock.wall_ms(), MOST_SUBSCRIPTIONS)
            answer.ok()

    node.spawn(keep())


def unsubscribe(node: Node, connection: Connection, command: events.WebpushUnsubscribe, answer: Answer) -> None:
    """`webpush:unsubscribe`."""
    store, user = node.inbox.ways.browsers(connection), connection.user.id

    async def drop() -> None:
        with answer.or_refused():
            await store.unsubscribe(command.endpoint, user)
            answer.ok()

    node.spawn(drop())

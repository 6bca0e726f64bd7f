"""What a back end may ask about what it was told: everything as it is now, the log, and to be told again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import msgspec
from msgspec import Meta

from alsohere.domain.webhook import EventState, Snapshot, WebhookEvent
from alsohere.errors import BadRequest
from alsohere.node.node import Node
from alsohere.ports import WebhookStore
from alsohere.server.endpoint import Endpoint

LAST_ID = 2**53 - 1
LAST_MS = 253_402_300_799_999  # of the year 9999


class WebhookLogAsked(msgspec.Struct):
    """Which events, and how many of them."""

    limit: Annotated[int, Meta(ge=1, le=1000, description="How many, at most.")] = 100
    state: Annotated[EventState | None, Meta(description="Only those; by default all.")] = None
    before: Annotated[Annotated[int, Meta(ge=1, le=LAST_ID)] | None, Meta(description="Only ids below.")] = None


class WebhookLogAnswer(msgspec.Struct):
    """Events, newest first."""

    events: list[WebhookEvent]


class ReplayBody(msgspec.Struct, forbid_unknown_fields=True):
    """From where on; exactly one of both."""

    from_id: Annotated[int, Meta(ge=0, le=LAST_ID, description="From the event with this id on.")] | None = None
    from_at: Annotated[int, Meta(ge=0, le=LAST_MS, description="What happened since, in ms since the epoch.")] | None = None


class ReplayAnswer(msgspec.Struct):
    """How many events are sent again."""

    events: int


class WebhookApi:
    """The endpoints of webhooks.

    Args:
        node: whose state a snapshot shows.
        store: of the events.
        replayed: called when there is something to send again.
    """

    def __init__(self, node: Node, store: WebhookStore, replayed: Callable[[], None]) -> None:
        self._node = node
        self._store = store
        self._replayed = replayed

    async def snapshot(self) -> Snapshot:
        """Who is online, who is in which room and who has which lock, at the id of the last event.

        Take it when `snapshot.needed` comes and when you begin, forget what you knew, and then apply only events with ids
        above `position`. Invisible users are in it; rooms are those of `ALSOHERE_WEBHOOK_ROOMS`. Without `ALSOHERE_WEBHOOK_URL`
        there are no events, and `position` is 0.
        """
        return await self._node.webhooks.snapshot()

    async def webhook_log(self, asked: WebhookLogAsked) -> WebhookLogAnswer:
        """The newest events, and what became of them."""
        return WebhookLogAnswer(await self._store.log(asked.state, asked.before, asked.limit))

    async def replay_webhooks(self, body: ReplayBody) -> ReplayAnswer:
        """Send events again that were delivered or given up; their ids stay, so that you can drop those you have.

        Events are kept for `ALSOHERE_WEBHOOK_RETENTION_DAYS`.
        """
        if (body.from_id is None) == (body.from_at is None):
            raise BadRequest("Give one of from_id and from_at.")
        count = await self._store.replay(body.from_id, body.from_at)
        self._replayed()
        return ReplayAnswer(count)


def webhook_endpoints(node: Node, store: WebhookStore, replayed: Callable[[], None]) -> list[Endpoint]:
    """The endpoints of webhooks."""
    api = WebhookApi(node, store, replayed)
    return [
        Endpoint("GET", "/snapshot", api.snapshot, ["unavailable"], scope="read"),
        Endpoint("GET", "/webhooks/log", api.webhook_log, ["unavailable"], scope="read"),
        Endpoint("POST", "/webhooks/replay", api.replay_webhooks, ["unavailable"]),
    ]

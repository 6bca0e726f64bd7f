"""Events for the application that end with the process: the reference that other stores are compared with."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from alsohere.domain.erasure import without_user
from alsohere.domain.webhook import SERVER, SNAPSHOT_NEEDED, EventState, Happening, WebhookEvent
from alsohere.errors import Refusal

MOST_KEPT = 20_000  # beyond that the oldest are forgotten


class MemoryWebhooks:
    """Implements `ports.WebhookStore`: everything is answered before the call returns.

    Args:
        first_id: ids are above this. The wall clock's milliseconds are larger than in the life before.
    """

    def __init__(self, first_id: int) -> None:
        self._id = first_id
        self._events: dict[int, WebhookEvent] = {}  # by id
        self._replays = 0

    def write(self, happenings: Sequence[Happening], done: Callable[[int | Refusal], None]) -> None:
        for one in happenings:
            self._id += 1
            self._events[self._id] = WebhookEvent(
                id=self._id, at=one.at_ms, type=one.type, subject=one.subject, data=one.data, next_at=one.at_ms
            )
        for old in list(self._events)[: max(0, len(self._events) - MOST_KEPT)]:
            del self._events[old]
        done(self._id)

    def prune(self, before_ms: int, owed_before_ms: int, most: int, done: Callable[[int | Refusal], None]) -> None:
        until_ms = {"pending": min(before_ms, owed_before_ms)}
        old = [event.id for event in self._events.values() if event.at < until_ms.get(event.state, before_ms)][:most]
        for event_id in old:
            del self._events[event_id]
        done(len(old))

    async def settle(self, events: Sequence[WebhookEvent]) -> None:
        self._events.update({event.id: event for event in events if event.id in self._events})

    async def replay(self, from_id: int | None, from_ms: int | None) -> int:
        chosen = [
            event
            for event in self._events.values()
            if (from_id is None or event.id >= from_id) and (from_ms is None or event.at >= from_ms) and event.state != "pending"
        ]
        for event in chosen:
            self._events[event.id] = msgspec.structs.replace(
                event, state="pending", attempts=0, next_at=event.at, delivered_at=None, given_up_at=None, error=None
            )
        self._replays += bool(chosen)
        return len(chosen)

    def about(self, user: str) -> list[WebhookEvent]:
        """Every event that names a user, oldest first."""
        every = self._events.values()
        return [one for one in every if without_user(one.subject, bytes(one.data), user) != bytes(one.data)]

    def erase(self, user: str, at_ms: int) -> int:
        """Remove what is theirs, and take their name from the rest; returns how many those were."""
        named = self.about(user)
        for event in named:
            left = without_user(event.subject, bytes(event.data), user)
            if left is None:
                del self._events[event.id]
            else:
                self._events[event.id] = msgspec.structs.replace(event, data=msgspec.Raw(left))
        if any(event.state == "pending" for event in named):
            self.write([Happening(at_ms, SNAPSHOT_NEEDED, SERVER, msgspec.Raw(b'{"reason":"erased"}'))], lambda _: None)
            self._replays += 1
        return len(named)

    async def replays(self) -> int:
        return self._replays

    async def pending(self, after: int, limit: int) -> list[WebhookEvent]:
        return [event for event in self._events.values() if event.state == "pending" and event.id > after][:limit]

    async def pending_of(self, subject: str, after: int, up_to: int, limit: int) -> list[WebhookEvent]:
        found = await self.pending(after, len(self._events))
        return [event for event in found if event.subject == subject and event.id <= up_to][:limit]

    async def log(self, state: EventState | None, before: int | None, limit: int) -> list[WebhookEvent]:
        newest = reversed(self._events.values())
        return [event for event in newest if state in (None, event.state) and (before is None or event.id < before)][:limit]

"""Which event is sent next: of each subject the oldest, and of those the one that has been due for longest.

Owns: what is in memory of what is on its way; the rest stays in the store, however much that is.
Invariants: of one subject at most one event is out at a time, and none before the older ones are settled. A subject that goes
wrong fills at most PER_SUBJECT places, so it cannot keep others out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from heapq import heapify, heappop, heappush

from alsohere.domain.webhook import WebhookEvent

PER_SUBJECT = 50
MOST_SUBJECTS = 5_000


class WebhookQueue:
    """Events by subject."""

    def __init__(self) -> None:
        self._subjects: dict[str, deque[WebhookEvent]] = {}
        self._due: list[tuple[int, int, str]] = []  # (when, id, subject) of the oldest of each subject that is not out
        self.cut: dict[str, int] = {}
        """Subjects of which the store has more than is here: up to which id they are here."""
        self.cursor = 0
        """Up to this id everything is here, but for what is cut."""
        self.out = 0

    def __len__(self) -> int:
        return sum(map(len, self._subjects.values()))

    @property
    def is_full(self) -> bool:
        """Whether there is no use in loading more."""
        return len(self._subjects) >= MOST_SUBJECTS

    def add(self, events: Iterable[WebhookEvent]) -> None:
        """Take what was loaded, in the order of ids."""
        for event in events:
            self.cursor = max(self.cursor, event.id)
            queue = self._subjects.get(event.subject)
            if queue is None:
                self._subjects[event.subject] = deque([event])
                self._ask(event)
            elif event.subject not in self.cut:
                if len(queue) >= PER_SUBJECT:
                    self.cut[event.subject] = queue[-1].id
                else:
                    queue.append(event)

    def next(self, now_ms: int) -> WebhookEvent | None:
        """The event to send now; it is out until it is `settled`."""
        if not self._due or self._due[0][0] > now_ms:
            return None
        _, _, subject = heappop(self._due)
        self.out += 1
        return self._subjects[subject][0]

    def due_ms(self) -> int | None:
        """When `next` will have one."""
        return self._due[0][0] if self._due else None

    def settled(self, event: WebhookEvent) -> None:
        """What became of one that was out."""
        self.out -= 1
        queue = self._subjects[event.subject]
        if event.state == "pending":
            queue[0] = event
            self._ask(event)
            return
        queue.popleft()
        if queue:
            self._ask(queue[0])
        elif event.subject not in self.cut:
            del self._subjects[event.subject]

    def drained(self) -> list[str]:
        """Subjects that are cut and have nothing left here."""
        return [subject for subject in self.cut if not self._subjects[subject]]

    def refill(self, subject: str, events: list[WebhookEvent]) -> None:
        """Take more of a subject that is drained; fewer than PER_SUBJECT of them are all there were."""
        if len(events) < PER_SUBJECT:
            del self.cut[subject]
        else:
            self.cut[subject] = events[-1].id
        if events:
            self._subjects[subject] = deque(events)
            self._ask(events[0])
        else:
            del self._subjects[subject]

    def hurry(self, now_ms: int) -> None:
        """The other side answers again: what waits for another attempt need not wait for its time."""
        self._due = [(min(at_ms, now_ms), event_id, subject) for at_ms, event_id, subject in self._due]
        heapify(self._due)

    def clear(self) -> None:
        """Forget everything; nothing may be out."""
        assert not self.out
        self._subjects.clear()
        self._due.clear()
        self.cut.clear()
        self.cursor = 0

    def _ask(self, event: WebhookEvent) -> None:
        heappush(self._due, (event.next_at, event.id, event.subject))

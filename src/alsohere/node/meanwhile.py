"""What becomes of notifications while the store is being asked about them.

Invariant: I6 an answer from before a recall, an end or an edit is told as if it had been given after it. Whoever asks watches
from before the question until the answer is told; nothing is kept for longer.
Rejected: asking again. While much is recalled or edited, nobody would ever be told anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from alsohere.notices import Entry, Notice


class Changes:
    """What has changed since a question."""

    def __init__(self) -> None:
        self._now: dict[int, Notice | None] = {}  # None: it is in no inbox any more
        self._marked: set[tuple[str, int]] = set()

    def changed(self, notice_id: int, notice: Notice | None) -> None:
        self._now[notice_id] = notice

    def marked(self, user: str, notice_id: int) -> None:
        self._marked.add((user, notice_id))

    def has_changed(self, notice_id: int) -> bool:
        return notice_id in self._now

    def now(self, notice: Notice) -> Notice | None:
        """A notice as it is by now; None: it is in no inbox any more."""
        return self._now.get(notice.id, notice)

    def current(self, entries: Iterable[Entry]) -> list[Entry]:
        """Entries of a list, as they are by now."""
        found = ((self.now(entry.notice), entry) for entry in entries)
        return [Entry(notice, entry.marks, entry.count) for notice, entry in found if notice is not None]

    def waiting(self, user: str, entries: Iterable[Entry]) -> list[Entry]:
        """Those that still wait for a user: who has marked one has seen it, in another tab."""
        return [entry for entry in self.current(entries) if (user, entry.notice.id) not in self._marked]


class Meanwhile:
    """The questions of one node that are under way."""

    def __init__(self) -> None:
        self._watching: list[Changes] = []

    @contextmanager
    def watch(self) -> Iterator[Changes]:
        """Note what changes from now on."""
        changes = Changes()
        self._watching.append(changes)
        try:
            yield changes
        finally:
            self._watching.remove(changes)

    def changed(self, notice_id: int, notice: Notice | None) -> None:
        """A notice was edited, or (None) is in no inbox any more."""
        for changes in self._watching:
            changes.changed(notice_id, notice)

    def marked(self, user: str, notice_ids: Iterable[int]) -> None:
        """A user has marked these."""
        if self._watching:
            for notice_id in notice_ids:
                for changes in self._watching:
                    changes.marked(user, notice_id)

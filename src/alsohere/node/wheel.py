"""The one timer of all sessions.

Deadlines are put into slots of `resolution_s`; turning the wheel hands out every entry of the slots that have passed. An
entry fires up to one resolution late and never early. Adding, moving and removing cost a set operation each.
Rejected: a timer handle per connection. At 20,000 connections that is 20,000 objects and a heap that every pong reorders.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from typing import Generic, TypeVar

T = TypeVar("T")


class Wheel(Generic[T]):
    """Entries by deadline.

    Args:
        resolution_s: how late an entry may fire.
    """

    def __init__(self, resolution_s: float) -> None:
        self._resolution_s = resolution_s
        self._slots: dict[int, set[T]] = {}
        self._next: int | None = None

    def put(self, entry: T, due_s: float) -> int:
        """Add an entry; returns its slot, which `remove` wants back."""
        slot = ceil(due_s / self._resolution_s)
        if slot * self._resolution_s < due_s:  # rounded down: an entry that fires too early finds nothing to do and comes again
            slot += 1
        entries = self._slots.get(slot)
        if entries is None:
            entries = self._slots[slot] = set()
            if self._next is None or slot < self._next:
                self._next = slot
        entries.add(entry)
        return slot

    def fires_s(self, slot: int) -> float:
        """When the entries of a slot are handed out."""
        return slot * self._resolution_s

    def remove(self, entry: T, slot: int) -> None:
        """Take an entry out; nothing happens if it has fired."""
        entries = self._slots.get(slot)
        if entries is not None:
            entries.discard(entry)
            if not entries:
                self._drop(slot)

    def turn(self, now_s: float) -> Iterator[T]:
        """Every entry that is due, removed. Entries put meanwhile fire in a later turn, or in this one if they are due."""
        while self._next is not None and self._next * self._resolution_s <= now_s:
            slot = self._next
            entries = self._slots[slot]
            while entries:
                yield entries.pop()
            self._drop(slot)

    def due_s(self) -> float | None:
        """When `turn` will have something to give."""
        return None if self._next is None else self._next * self._resolution_s

    def __len__(self) -> int:
        return sum(len(entries) for entries in self._slots.values())

    def _drop(self, slot: int) -> None:
        self._slots.pop(slot, None)
        if slot == self._next:
            self._next = min(self._slots, default=None)

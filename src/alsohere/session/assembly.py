"""A binary packet on its way in: the header came, the attachments follow.

Bounded three ways: how many (decided by the header, at most 10), how many bytes in all, and until when.
"""

from __future__ import annotations

from alsohere.errors import CloseCode, PacketError
from alsohere.wire import socketio
from alsohere.wire.socketio import Header


class Assembly:
    """Collects the attachments of one packet."""

    __slots__ = ("_attachments", "_budget_bytes", "complete_by_s", "header")

    def __init__(self, header: Header, budget_bytes: int, complete_by_s: float) -> None:
        self.header = header
        self._attachments: list[bytes] = []
        self._budget_bytes = budget_bytes
        self.complete_by_s = complete_by_s

    @property
    def is_complete(self) -> bool:
        """Whether as many came as were announced."""
        return len(self._attachments) == self.header.attachments

    def add(self, data: bytes) -> None:
        """Take the next attachment; PacketError when all together are too large."""
        self._budget_bytes -= len(data)
        if self._budget_bytes < 0:
            raise PacketError("attachments larger than maxPayload", CloseCode.TOO_BIG)
        self._attachments.append(data)

    def finish(self) -> tuple[Header, list[object]]:
        """The header and the values with the attachments in their places."""
        return self.header, socketio.resolve(socketio.decode_values(self.header.payload), self._attachments)

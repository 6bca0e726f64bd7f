"""WebSocket messages from frames: RFC 6455, sections 5 to 7, with bounds.

A message may come in at most 64 fragments and `max_bytes` bytes: a peer that sends one byte per frame costs us a frame's
worth of work for each (tiny-fragment flood).
"""

from __future__ import annotations

from alsohere.errors import CloseCode, PacketError

MAX_FRAGMENTS = 64


class Fragments:
    """A message on its way in."""

    __slots__ = ("_binary", "_budget_bytes", "_parts")

    def __init__(self, data: bytes, *, binary: bool, max_bytes: int) -> None:
        self._binary = binary
        self._budget_bytes = max_bytes
        self._parts: list[bytes] = []
        self.add(data)

    def add(self, data: bytes) -> None:
        """Take the next fragment; PacketError (1009) if the message is too large or too fragmented."""
        self._budget_bytes -= len(data)
        if self._budget_bytes < 0 or len(self._parts) >= MAX_FRAGMENTS:
            raise PacketError("message too large or in too many fragments", CloseCode.TOO_BIG)
        self._parts.append(data)

    def finish(self) -> tuple[bytes, bool]:
        """The whole message and whether it is binary."""
        return b"".join(self._parts), self._binary


def check_utf8(data: bytes) -> None:
    """PacketError (1007) unless a text message is UTF-8. RFC 6455, section 8.1."""
    if not data.isascii():
        try:
            data.decode()
        except UnicodeDecodeError:
            raise PacketError("text that is not UTF-8", CloseCode.INVALID_TEXT) from None


def answer_to_close(code: int, size_bytes: int) -> int:
    """The code that answers a close frame with that code and size of payload.

    RFC 6455, section 7.4: the code is repeated; below 1000 and from 5000 on there are none, and 1005, 1006 and 1015 say that
    there was none and are never sent.
    """
    if size_bytes == 0:
        return CloseCode.NORMAL
    return code if 1000 <= code < 5000 and code not in (1005, 1006, 1015) else CloseCode.PROTOCOL


def frame(data: bytes, *, binary: bool) -> bytes:
    """An unmasked, unfragmented frame. RFC 6455, section 5.2."""
    size = len(data)
    first = b"\x82" if binary else b"\x81"
    if size < 126:
        return first + bytes((size,)) + data
    if size < 1 << 16:
        return first + b"\x7e" + size.to_bytes(2, "big") + data
    return first + b"\x7f" + size.to_bytes(8, "big") + data

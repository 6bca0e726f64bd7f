"""Last words to polling clients that are between two polls when their session ends.

A client that is sent away (`41`) has to hear it: if its next poll finds nothing but an unknown session, it takes that for a
lost transport and comes back. So what waited for it waits a little longer.

Bounded: 8 MB over all sessions, the oldest give way; 30 s each.
"""

from __future__ import annotations

import asyncio

KEEP_S = 30.0
MAX_BYTES = 8 * 1024 * 1024


class Farewells:
    """What the next poll of sessions that are over will be told."""

    __slots__ = ("_bytes", "_words")

    def __init__(self) -> None:
        self._words: dict[str, tuple[str | None, bytes]] = {}  # oldest first
        self._bytes = 0

    def keep(self, sid: str, credentials: str | None, words: bytes) -> None:
        """Keep words for a session's client.

        Args:
            sid: the session.
            credentials: what its requests came with; a sid alone gives nobody another's words.
            words: the body of the answer.
        """
        self._words[sid] = (credentials, words)
        self._bytes += len(words)
        while self._bytes > MAX_BYTES:
            self._forget(next(iter(self._words)))
        asyncio.get_running_loop().call_later(KEEP_S, self._forget, sid)

    def has(self, sid: str, credentials: str | None) -> bool:
        """Whether a client still has to hear them."""
        return sid in self._words and self._words[sid][0] == credentials

    def take(self, sid: str) -> bytes:
        """Say them, once."""
        words = self._words[sid][1]
        self._forget(sid)
        return words

    def _forget(self, sid: str) -> None:
        _, words = self._words.pop(sid, (None, b""))
        self._bytes -= len(words)

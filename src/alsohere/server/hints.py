"""What a developer is told in the log, because the answer that says it is shown to nobody.

A browser keeps the answer to another site's page, and that to a WebSocket's handshake, from the page and from its own console.
Invariant: each sentence is told once, and there are at most `MOST` of them: what is in them, clients choose.
"""

from __future__ import annotations

import logging

MOST = 20

log = logging.getLogger("alsohere")


class Hints:
    """The sentences that one application has told."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def tell(self, sentence: str) -> None:
        """Log a sentence, if it is new and not too many were before it."""
        if len(self._told) < MOST and sentence not in self._told:
            self._told.add(sentence)
            log.warning("%s", sentence)

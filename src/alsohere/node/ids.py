"""Ids of sessions, connections and visitors: whoever knows one may speak as its client, so nobody can guess one."""

from __future__ import annotations

import secrets

BYTES, CHARACTERS = 15, 20  # 120 bits, which are whole characters of URL-safe base64
AT_ONCE = 64  # asking the kernel for each alone takes a thirtieth of a connect


class Ids:
    """Makes ids, from random bytes that it asks the kernel for in advance.

    They are this process's own: a process that forks while it serves would share those that it holds.
    """

    __slots__ = ("_ready",)

    def __init__(self) -> None:
        self._ready: list[str] = []

    def new(self) -> str:
        """One that was never given."""
        if not self._ready:
            text = secrets.token_urlsafe(BYTES * AT_ONCE)
            self._ready = [text[at : at + CHARACTERS] for at in range(0, len(text), CHARACTERS)]
        return self._ready.pop()

"""How many are online, told to everybody."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from alsohere import AlsoHere

INTERVAL_S = 1.0


class Headcount:
    """Tells everybody how many are online: at once, and then at most once a second, however many come and go.

    Args:
        here: who counts.
    """

    def __init__(self, here: AlsoHere) -> None:
        self._here = here
        self._news: tuple[str, dict[str, str]] | None = None
        self._task: asyncio.Task[None] | None = None

    def changed(self, kind: str, **more: str) -> None:
        """Somebody came or went."""
        self._news = (kind, more)
        if self._task is None:
            self._task = asyncio.create_task(self._tell())

    async def message(self, kind: str, **more: str) -> dict[str, Any]:
        """How many there are now."""
        timestamp = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return {"type": kind, "data": {"online": await self._here.count(), "timestamp": timestamp} | more}

    async def _tell(self) -> None:
        while self._news is not None:
            (kind, more), self._news = self._news, None
            await self._here.push("message", await self.message(kind, **more), everyone=True)
            await asyncio.sleep(INTERVAL_S)
        self._task = None

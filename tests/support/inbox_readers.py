"""Clients that show notifications, a store that may be late, away or broken, and what tests of inboxes do all the time."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from alsohere.backends.memory_inbox import MemoryInbox
from alsohere.domain.attention import PRESETS
from alsohere.errors import Unavailable
from alsohere.node.inbox_desk import InboxRules
from alsohere.notices import Draft, SendResult
from support.loop import turns, until
from support.simulation import SimulatedClient, World

BETWEEN_USERS = InboxRules(enabled=True, categories=PRESETS, retention_s=86_400, between_users=True)


class Reader(SimulatedClient):
    """A client that shows notifications, and acknowledges them unless it `is_lazy`."""

    def __init__(self, world: World, user: str, *, is_lazy: bool = False, **auth: Any) -> None:
        self.is_lazy = is_lazy
        self.shown: list[dict[str, Any]] = []
        super().__init__(world)
        self.send("40" + json.dumps({"user": user, **auth}))

    def write(self, packet: Any) -> None:
        super().write(packet)
        text = packet.data.decode()
        if text.startswith("42") and text[2].isdigit() and '["notification"' in text and not self.is_lazy:
            self.send("43" + text[2 : text.index("[")] + "[]")

    def heard(self, name: str, args: list[Any]) -> None:
        if name == "notification":
            self.shown.append(args[0])

    @property
    def badge(self) -> dict[str, Any] | None:
        return next((args[0]["unread"] for name, args in reversed(self.events) if name == "inbox:changed"), None)

    async def wants(self, event: str, argument: Any) -> Any:
        """The answer to a command whose answer takes a question to the store."""
        ack_id = self.ask(event, argument)
        await until(lambda: ack_id in self.acks)
        return self.acks[ack_id][0]


async def tick(world: World, seconds: float = 0.2) -> None:
    """Let time pass, and what follows from it happen."""
    world.pass_time(seconds)
    await turns()
    world.pass_time(0.2)
    await turns()


def send(world: World, **draft: Any) -> SendResult:
    answers: list[Any] = []
    world.node.inbox.send([Draft(**({"category": "system", "title": "Hello"} | draft))], answers.append)
    result = answers[0][0]
    assert isinstance(result, SendResult), result
    return result


class LateInbox:
    """A store whose answers to questions can be late, and which can be away, or broken."""

    def __init__(self) -> None:
        self._store = MemoryInbox(first_id=0)
        self.answers = asyncio.Event()
        self.answers.set()
        self.is_away = False
        self.fault: Exception | None = None
        self.is_slow = False  # in writing what is sent
        self._unwritten: list[Any] = []
        self.is_silent = False  # about what it has written
        self._untold: list[Any] = []
        self.asked = self.most_asked = 0  # questions under way, and the most there were

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def arrivals(self, *asked: Any) -> Any:
        return await self._late(await self._store.arrivals(*asked))

    async def waiting(self, *asked: Any) -> Any:
        return await self._late(await self._store.waiting(*asked))

    async def page(self, *asked: Any) -> Any:
        return await self._late(await self._store.page(*asked))

    async def due(self, *asked: Any) -> Any:
        return await self._late(await self._store.due(*asked))

    def send(self, drafts: Any, now_ms: int, done: Any) -> None:
        if self.is_slow:
            self._unwritten.append((drafts, now_ms, done))
        elif self.is_silent:
            self._store.send(drafts, now_ms, lambda answer: self._untold.append((done, answer)))
        else:
            self._store.send(drafts, now_ms, done)

    def tell(self) -> None:
        """Who has sent something while it was silent is told now."""
        self.is_silent = False
        for done, answer in self._untold:
            done(answer)
        self._untold.clear()

    def write(self) -> None:
        """What was to be sent while it was slow is on the disk now."""
        self.is_slow = False
        for asked in self._unwritten:
            self._store.send(*asked)
        self._unwritten.clear()

    def delivered(self, deliveries: Any, done: Any) -> None:
        if self.is_away:
            done(Unavailable("away"))
        else:
            self._store.delivered(deliveries, done)

    async def _late(self, answer: Any) -> Any:
        """What was true when it was asked, told when answers come."""
        self.asked += 1
        self.most_asked = max(self.asked, self.most_asked)
        await self.answers.wait()
        self.asked -= 1
        if self.fault is not None:
            raise self.fault
        if self.is_away:
            raise Unavailable("away")
        return answer

"""Clients that believe what they are told about their inbox, and a store whose answers can be late."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from alsohere.notices import Marking
from alsohere.ports import InboxStore
from support.simulation import SimulatedClient, World


class Tab(SimulatedClient):
    """A client that believes what it is told. It acknowledges what it is sent, unless it `is_lazy`."""

    def __init__(self, world: World, user: str, *, is_lazy: bool) -> None:
        self.is_lazy = is_lazy
        self.badge: dict[str, Any] = {"total": 0, "by_category": {}}
        self.when_answered: dict[int, Any] = {}
        self.be(user)
        super().__init__(world)
        self.send(f'40{{"user":"{user}"}}')

    def be(self, user: str) -> None:
        """Somebody who has been told nothing yet; only the badge stays on the screen."""
        self.user = user
        self.shown: dict[int, dict[str, Any]] = {}
        self.order: list[int] = []
        self.recalled: set[int] = set()
        self.owes: list[tuple[str, int]] = []
        self.receipts: set[tuple[int, str]] = set()
        self.since = 0  # the last id before it came

    def identify(self, user: str) -> None:
        """Become somebody else on the same connection."""
        self.command("user:identify", {"token": user}, lambda _: self.be(user))

    def write(self, packet: Any) -> None:
        super().write(packet)
        text = packet.data.decode()
        if text.startswith("42") and text[2].isdigit():
            self.owes.append((text[2 : text.index("[")], json.loads(text[text.index("[") :])[1]["id"]))
        elif text.startswith("43"):
            ack_id = int(text[2 : text.index("[")])
            self.when_answered.pop(ack_id, lambda _: None)(self.acks[ack_id][0])

    def heard(self, name: str, args: list[Any]) -> None:
        if name == "notification":
            self.order.append(args[0]["id"])
            self.shown[args[0]["id"]] = args[0]
            self.recalled.discard(args[0]["id"])
        elif name == "notification:changed":
            self.shown[args[0]["notification"]["id"]] = args[0]["notification"]
        elif name == "notification:recalled":
            self.recalled.update(args[0]["ids"])
        elif name == "inbox:changed":
            self.badge = args[0]["unread"]
        elif name == "message:receipt":
            self.receipts.add((args[0]["id"], args[0]["user"]))

    def command(self, event: str, argument: Any, answered: Any) -> None:
        """Ask, and do something with the answer when it comes."""
        self.when_answered[self._next_ack + 1] = answered
        self.ask(event, argument)

    def acknowledge(self) -> list[int]:
        owed, self.owes = self.owes, []
        for ack, _ in owed:
            self.send(f"43{ack}[]")
        return [notice_id for _, notice_id in owed]


class Witness:
    """A store that tells what it answered to marks, in the order in which it did; and whose answers to questions can be late."""

    def __init__(self, store: InboxStore, marked: Any) -> None:
        self._store = store
        self._marked = marked
        self.answers = asyncio.Event()
        self.answers.set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def mark(self, user: str, marking: Marking, now_ms: int, done: Any) -> None:
        self._store.mark(user, marking, now_ms, lambda answer: (self._marked(user, marking, now_ms, answer), done(answer)))

    async def unread(self, *asked: Any) -> Any:
        return await self._late(await self._store.unread(*asked))

    async def arrivals(self, *asked: Any) -> Any:
        return await self._late(await self._store.arrivals(*asked))

    async def waiting(self, *asked: Any) -> Any:
        return await self._late(await self._store.waiting(*asked))

    async def _late(self, answer: Any) -> Any:
        await self.answers.wait()
        return answer

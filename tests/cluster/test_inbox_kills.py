"""kill -9 under sends, again and again, on one database: what was acknowledged is there, once, and reaches who it is for.

Back ends send over HTTP, each notification with a key; who got no answer sends it again with the same key, as a client does that
takes delivery seriously. Receivers acknowledge what they get, come back after each kill, and drop what they know by its id.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import signal
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidMessage

from alsohere import AlsoHere
from support.databases import DURABLE, new_database, rows
from support.servers import API_KEY, SECRET, ServerProcess, free_port

USERS = [f"user-{number}" for number in range(8)]
SENDS = {"sqlite": 10_000, "postgres": 2_000}
KILLS = {"sqlite": 50, "postgres": 10}
BACK_ENDS = 6
TOKENS = AlsoHere(secret=SECRET, database_url="memory://")
GONE = (OSError, EOFError, ValueError, TimeoutError)


class Ledger:
    """What everybody was answered."""

    def __init__(self, sends: int) -> None:
        self.keys = itertools.count(1)
        self.sends = sends
        self.ids: dict[str, int] = {}  # key -> id
        self.receivers: dict[str, str] = {}  # key -> user
        self.unanswered = 0  # requests that a kill has swallowed
        self.repeated = 0  # of which were written all the same

    @property
    def is_complete(self) -> bool:
        return len(self.ids) >= self.sends

    def answered(self, item: dict[str, Any], answer: dict[str, Any]) -> None:
        assert self.ids.setdefault(item["key"], answer["id"]) == answer["id"], "I3: one key, two notifications"
        self.receivers[item["key"]] = item["to"][0]
        self.repeated += not answer.get("results")


class BackEnd:
    """Sends until enough was acknowledged: one at a time, or ten."""

    def __init__(self, port: int, ledger: Ledger, number: int) -> None:
        self.port = port
        self.ledger = ledger
        self.many = 10 if number % 2 else 1
        self.random = random.Random(number)
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def run(self) -> None:
        while not self.ledger.is_complete:
            items = [self.item(f"key-{next(self.ledger.keys)}") for _ in range(self.many)]
            await self.send(items)
        self.close()

    def item(self, key: str) -> dict[str, Any]:
        return {"to": [self.random.choice(USERS)], "category": "system", "title": key, "key": key}

    async def send(self, items: list[dict[str, Any]]) -> None:
        while True:
            try:
                path, body = ("/batch", {"notifications": items}) if self.many > 1 else ("", items[0])
                status, answer = await asyncio.wait_for(self.post("/api/v1/notifications" + path, body), 10)
            except GONE:
                self.ledger.unanswered += 1
                self.close()
                await asyncio.sleep(0.02)
                continue
            if status == 200:
                answers = answer["answers"] if self.many > 1 else [answer]
                if not any(one.get("error") for one in answers):
                    for item, one in zip(items, answers, strict=True):
                        self.ledger.answered(item, one)
                    return
            assert status in (200, 503), answer
            await asyncio.sleep(0.05)

    async def post(self, path: str, body: Any) -> tuple[int, Any]:
        if self.streams is None:
            self.streams = await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = self.streams
        data = json.dumps(body).encode()
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {API_KEY}\r\nContent-Type: application/json\r\n"
        writer.write(f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data)
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
        length = next(int(line.partition(":")[2]) for line in lines if line.startswith("content-length:"))
        return int(lines[0].split()[1]), json.loads(await reader.readexactly(length))

    def close(self) -> None:
        if self.streams is not None:
            self.streams[1].close()
            self.streams = None


class Receiver:
    """Keeps what it is sent, by id, and acknowledges it; comes back for as long as the test goes on."""

    def __init__(self, port: int, user: str) -> None:
        self.address = f"ws://127.0.0.1:{port}/socket.io/?EIO=4&transport=websocket"
        self.user = user
        self.got: dict[int, str] = {}  # id -> key
        self.again = 0  # what came more than once

    async def run(self) -> None:
        while True:
            try:
                async with connect(self.address, compression=None, open_timeout=20) as socket:
                    await socket.recv()
                    await socket.send("40" + json.dumps({"token": TOKENS.token(self.user)}))
                    while True:
                        await self.hear(socket, str(await socket.recv()))
            except (*GONE, ConnectionClosed, InvalidMessage):  # killed; the last of them before it had answered the handshake
                await asyncio.sleep(0.02)

    async def hear(self, socket: Any, packet: str) -> None:
        if packet == "2":
            await socket.send("3")
        elif packet.startswith("42") and '["notification",' in packet[:30]:
            at = packet.index("[")
            notification = json.loads(packet[at:])[1]
            self.again += notification["id"] in self.got
            assert self.got.setdefault(notification["id"], notification["title"]) == notification["title"]
            if at > 2:
                await socket.send(f"43{packet[2:at]}[]")


@pytest.mark.parametrize("kind", DURABLE)
def test_kill_9_under_sends(kind, tmp_path) -> None:  # I1, I2, I3, I7
    asyncio.run(kill_again_and_again(kind, new_database(kind, tmp_path)))


async def kill_again_and_again(kind: str, database: str) -> None:
    ledger, port, chance = Ledger(SENDS[kind]), free_port(), random.Random(1)
    receivers = [Receiver(port, user) for user in USERS]
    senders: list[asyncio.Task[None]] = []
    listeners = [asyncio.create_task(receiver.run()) for receiver in receivers]
    try:
        for kill in range(KILLS[kind] + 1):
            server = ServerProcess(env={"ALSOHERE_DATABASE_URL": database}, port=port)
            await asyncio.to_thread(server.__enter__)
            senders = senders or [asyncio.create_task(BackEnd(port, ledger, number).run()) for number in range(BACK_ENDS)]
            if kill < KILLS[kind]:
                enough = (kill + 1) * ledger.sends // (KILLS[kind] + 1) + chance.randint(-20, 20)
                await until(lambda enough=enough: len(ledger.ids) >= enough, senders + listeners)
                await asyncio.to_thread(server.stop, signal.SIGKILL)
        try:
            await asyncio.wait_for(asyncio.gather(*senders), 60)
            await until(lambda: all(expected(ledger, receiver) <= receiver.got.keys() for receiver in receivers), listeners)
        finally:
            await asyncio.to_thread(server.stop)
    finally:
        for task in [*senders, *listeners]:
            task.cancel()
    judge(ledger, receivers, database)


def expected(ledger: Ledger, receiver: Receiver) -> set[int]:
    return {ledger.ids[key] for key, user in ledger.receivers.items() if user == receiver.user}


def judge(ledger: Ledger, receivers: list[Receiver], database: str) -> None:
    assert ledger.unanswered > 0, "no kill ever hit a request: this has shown nothing"
    stored = {(user, title): notice_id for user, notice_id, title in rows(database, STORED)}
    assert len(stored) == rows(database, "SELECT count(*) FROM inbox")[0][0], "I3: two of one key"
    assert stored == {(ledger.receivers[key], key): notice_id for key, notice_id in ledger.ids.items()}, "I7"
    for receiver in receivers:
        assert receiver.got.keys() == expected(ledger, receiver), "I1"


STORED = "SELECT inbox.user_id, inbox.id, notifications.title FROM inbox JOIN notifications ON notifications.id = inbox.id"


async def until(condition: Any, tasks: list[asyncio.Task[None]]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            for task in tasks:
                if task.done():
                    task.result()
            await asyncio.sleep(0.005)

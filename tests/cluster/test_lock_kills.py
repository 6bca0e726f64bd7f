"""kill -9 under lock traffic, again and again, on one database: never two holders, fences only grow, nothing acknowledged is lost.

Every client writes down what it was answered. A lock is its own from the answer until it says that it gives it back; a kill of the
server does not change that: within the grace the same user gets the same lock with the same fence, and nobody else gets it.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import signal
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from support.databases import DURABLE, new_database
from support.servers import ServerProcess, free_port

LOCKS = ["doc:1", "doc:2", "doc:2#title"]
CLIENTS = 6
KILLS = {"sqlite": 50, "postgres": 10}


class Ledger:
    """What everybody was answered, in the order in which it was."""

    def __init__(self) -> None:
        self.owner: dict[str, int] = {}
        self.fence: dict[str, int] = {}
        self.last: dict[str, int] = {}
        self.answers = 0
        self.again = 0  # locks that were got back after a kill

    def held(self, lock: str, client: int, fence: int) -> None:
        assert self.owner.get(lock, client) == client, f"L1: {lock} has two holders"
        if self.owner.get(lock) == client:
            assert fence == self.fence[lock], "L6: the lock was kept, so is its fence"
        elif self.last.get(lock) == client:
            assert fence >= self.fence[lock], "L2: the fence went back"  # the same: what gave it back was killed
        else:
            assert fence > self.fence.get(lock, 0), "L2: the fence went back"
        self.owner[lock], self.fence[lock], self.last[lock] = client, fence, client


class Editor:
    """A client that acquires and releases for as long as the test goes on."""

    def __init__(self, number: int, url: str, ledger: Ledger) -> None:
        self.number = number
        self.address = f"{url.replace('http', 'ws', 1)}/socket.io/?EIO=4&transport=websocket"
        self.ledger = ledger
        self.random = random.Random(number)
        self.acks = itertools.count(1)
        self.unsure: set[str] = set()  # asked for or given back, and the answer never came

    async def run(self) -> None:
        while True:
            try:
                async with connect(self.address, compression=None, open_timeout=20) as socket:
                    await self.join(socket)
                    await self.recover(socket)
                    while True:
                        await self.edit(socket)
            except (OSError, ConnectionClosed, EOFError, TimeoutError):
                await asyncio.sleep(0.02)

    async def join(self, socket: ClientConnection) -> None:
        await socket.recv()
        await socket.send("40" + json.dumps({"visitor": f"editor-number-{self.number}"}))
        answer = await socket.recv()
        assert str(answer).startswith("40"), answer

    async def recover(self, socket: ClientConnection) -> None:
        mine = {lock for lock, owner in self.ledger.owner.items() if owner == self.number}
        for lock in mine:
            answer = await self.call(socket, "lock:acquire", {"lock": lock, "wait": False})
            assert answer["status"] == "held", f"what was acknowledged is lost: {answer}"
            self.ledger.held(lock, self.number, answer["fence"])
            self.ledger.again += 1
        for lock in self.unsure - mine:  # it may be this user's, in the grace: taking it up again makes that sure
            answer = await self.call(socket, "lock:acquire", {"lock": lock, "wait": False})
            if answer["status"] == "held":
                self.ledger.held(lock, self.number, answer["fence"])
        for lock in mine | self.unsure:
            await self.give_back(socket, lock)
        self.unsure.clear()

    async def edit(self, socket: ClientConnection) -> None:
        lock = self.random.choice(LOCKS)
        self.unsure.add(lock)
        answer = await self.call(socket, "lock:acquire", {"lock": lock, "wait": False})
        self.unsure.discard(lock)
        if answer.get("status") == "held":
            self.ledger.held(lock, self.number, answer["fence"])
            if self.random.random() < 0.5:
                assert (await self.call(socket, "lock:touch", {"lock": lock}))["fence"] == answer["fence"]
            await self.give_back(socket, lock)

    async def give_back(self, socket: ClientConnection, lock: str) -> None:
        self.unsure.add(lock)
        if self.ledger.owner.get(lock) == self.number:
            del self.ledger.owner[lock]
        await self.call(socket, "lock:release", {"lock": lock})
        self.unsure.discard(lock)

    async def call(self, socket: ClientConnection, event: str, argument: dict[str, Any]) -> dict[str, Any]:
        ack_id = next(self.acks)
        await socket.send(f"42{ack_id}" + json.dumps([event, argument]))
        head = f"43{ack_id}["
        while True:
            packet = str(await socket.recv())
            if packet == "2":
                await socket.send("3")
            elif packet.startswith(head):
                self.ledger.answers += 1
                answer = json.loads(packet[len(head) - 1 :])[0]
                if answer["ok"] or answer["error"]["code"] == "not_holder":
                    return answer
                await asyncio.sleep((answer["error"].get("retry_after_ms") or 100) / 1000)
                await socket.send(f"42{ack_id}" + json.dumps([event, argument]))


async def until(condition: Any, tasks: list[asyncio.Task[None]]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            for task in tasks:
                if task.done():
                    task.result()
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("kind", DURABLE)
def test_kill_9_under_lock_traffic(kind, tmp_path) -> None:  # L1, L2, L5, L6, L10
    asyncio.run(kill_again_and_again(KILLS[kind], new_database(kind, tmp_path)))


async def kill_again_and_again(kills: int, database: str) -> None:
    ledger, port, chance = Ledger(), free_port(), random.Random(1)
    env = {"ALSOHERE_DATABASE_URL": database, "ALSOHERE_PACKETS_PER_S": "100000", "ALSOHERE_PACKET_BURST": "100000"}
    tasks: list[asyncio.Task[None]] = []
    try:
        for _ in range(kills):
            server = ServerProcess(env=env, port=port)
            await asyncio.to_thread(server.__enter__)
            if not tasks:
                editors = [Editor(number, server.url, ledger) for number in range(CLIENTS)]
                tasks = [asyncio.create_task(editor.run()) for editor in editors]
            enough = ledger.answers + chance.randint(20, 200)
            await until(lambda enough=enough: ledger.answers >= enough, tasks)
            await asyncio.to_thread(server.stop, signal.SIGKILL)
    finally:
        for task in tasks:
            task.cancel()
    assert ledger.again > 0, "no kill ever hit a holder: this has shown nothing"

"""kill -9 of the server and of the back end that it tells, again and again: in the end the back end's copy is the truth."""

from __future__ import annotations

import json
import random
import signal
import urllib.request
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import WebSocketException

from support.databases import DURABLE, new_database
from support.raw import RawClient, joined
from support.receivers import webhook_env
from support.servers import API_KEY, ServerProcess, free_port, wait_for

ROOMS = ["/post/1", "/post/2", "/post/3"]
LOCKS = ["doc:1", "doc:2"]
ROUNDS = {"sqlite": 6, "postgres": 3}
BACK_END = str(Path(__file__).parent.parent / "support" / "copying_back_end.py")


def get(url: str) -> Any:
    with urllib.request.urlopen(urllib.request.Request(url, headers={"X-API-Key": API_KEY}), timeout=5) as response:
        return json.load(response)


def truth(server: ServerProcess) -> dict[str, Any]:
    """Who is where, asked of the questions that have nothing to do with events."""
    online = sorted(member["id"] for member in get(f"{server.url}/api/v1/online")["members"])
    rooms = {room["room"]: [] for room in get(f"{server.url}/api/v1/rooms")["rooms"]}
    for room in rooms:
        found = get(f"{server.url}/api/v1/rooms/{room.replace('/', '%2F')}")
        rooms[room] = sorted(member["id"] for member in found["members"])
    locks = {lock: get(f"{server.url}/api/v1/locks/{lock}") for lock in LOCKS}
    held = {lock: [found["holder"]["id"], found["fence"]] for lock, found in locks.items() if found["holder"]}
    return {"online": online, "rooms": {room: users for room, users in rooms.items() if users}, "locks": held}


class Crowd:
    """Visitors who come, go, and lock what they find."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.clients: list[RawClient] = []

    def move(self, server: ServerProcess, steps: int) -> None:
        for _ in range(steps):
            with suppress(OSError, WebSocketException, TimeoutError):
                if len(self.clients) < 3 or self.chance.random() < 0.3:
                    self.clients.append(joined(server.url, visitor=f"visitor-number-{self.chance.randint(1, 12)}"))
                client = self.chance.choice(self.clients)
                act = self.chance.choice(["room:enter", "room:enter", "room:leave", "lock:acquire", "lock:release", "go"])
                if act == "go":
                    self.clients.remove(client)
                    client.__exit__()
                elif act.startswith("room"):
                    client.call(act, {"room": self.chance.choice(ROOMS)})
                else:
                    client.call(act, {"lock": self.chance.choice(LOCKS)})

    def gone(self) -> None:
        for client in self.clients:
            with suppress(OSError, WebSocketException):
                client.__exit__()
        self.clients.clear()


@pytest.mark.parametrize("kind", DURABLE)
def test_the_copy_becomes_the_truth_over_kills_of_both(kind: str, tmp_path: Path) -> None:
    chance = random.Random(7)
    port, own = free_port(), free_port()
    env = webhook_env(f"http://127.0.0.1:{port}/hook") | {"ALSOHERE_DATABASE_URL": new_database(kind, tmp_path)}

    def back_end() -> ServerProcess:
        return ServerProcess(BACK_END, str(port), f"{tmp_path}/copy", f"http://127.0.0.1:{own}", API_KEY, port=port, ready="/")

    def copied(server: ServerProcess) -> bool:
        copy = get(f"http://127.0.0.1:{port}/")
        return {name: copy[name] for name in ("online", "rooms", "locks")} == truth(server)

    with ExitStack() as stack:
        crowd = Crowd(chance)
        stack.callback(crowd.gone)
        receiver = stack.enter_context(back_end())
        for _ in range(ROUNDS[kind]):
            server = stack.enter_context(ServerProcess(env=env, port=own))
            crowd.move(server, chance.randint(5, 40))
            if chance.random() < 0.7:
                receiver.stop(signal.SIGKILL)
                crowd.move(server, chance.randint(0, 40))  # nobody hears it
                receiver = stack.enter_context(back_end())
            crowd.move(server, chance.randint(0, 20))
            wait_for(lambda server=server: copied(server), 30, "the copy to be the truth")
            crowd.move(server, chance.randint(5, 40))
            server.stop(signal.SIGKILL)  # with events that are not written, and some that are not sent
            crowd.gone()
        server = stack.enter_context(ServerProcess(env=env, port=own))
        wait_for(lambda: copied(server), 30, "the copy to be the truth")
        assert get(f"http://127.0.0.1:{port}/")["snapshots"] == ROUNDS[kind] + 1

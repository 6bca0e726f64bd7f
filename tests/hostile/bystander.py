"""Somebody on the same server who has nothing to do with the attack and must not notice it."""

from __future__ import annotations

import json
import os
from typing import Any

from hostile.wire import TEXT, Line, PollingClient, frame
from support.raw import RawClient, joined
from support.servers import ServerProcess, wait_for

ROOM = "/attacked"
_ENTER_FRAME = frame(TEXT, b'420["room:enter",{"room":"%s","watch":"none"}]' % ROOM.encode())
GAUGES = ("sessions", "connections", "users_online", "rooms", "watched_rooms", "locks_held", "lock_waiters")


class Bystander(RawClient):
    """A member of the room that attackers enter. Notes who came and who left.

    Args:
        server: which server is attacked.
    """

    def __init__(self, server: ServerProcess) -> None:
        super().__init__(server.url)
        self.server = server
        self.seen: dict[str, list[str]] = {}
        self._updates = 0
        self._updated = 0
        self.handshake().join({"visitor": "bystander-0001"})
        self.id = self.call("room:enter", {"room": ROOM})["self"]["id"]
        wait_for(lambda: self._gauges()["sessions"] == 1, what="an idle server")
        self._calm = self._gauges()

    def receive(self, timeout_s: float = 5.0, *, pings: bool = False) -> Any:
        packet = super().receive(timeout_s, pings=pings)
        if packet.startswith('42["room:changed"'):
            self._note(json.loads(packet[2:])[1])
        return packet

    def _note(self, change: dict[str, Any]) -> None:
        for leaver in change.get("leave", ()):
            self.seen.setdefault(leaver["id"], []).append("leave")
        for member in change.get("enter", ()):
            self.seen.setdefault(member["id"], []).append("enter")
        for update in change.get("update", ()):
            if update["id"] == self.id:
                self._updated = update["state"]["turn"]

    # -- Attackers ---------------------------------------------------------------------------------------------------

    def attacker(self, visitor: str = "attacker-0001", **options: Any) -> RawClient:
        """A client in the room, whom this bystander has seen come."""
        client = joined(self.server.url, visitor=visitor, **options)
        self.meet(client.call("room:enter", {"room": ROOM, "watch": "none"})["self"]["id"])
        return client

    def attacking_line(self, visitor: str = "attacker-0001", **options: Any) -> Line:
        """The same, on a WebSocket whose frames are written by hand."""
        line = Line(self.server, **options).upgrade().join(visitor)
        line.send(_ENTER_FRAME)
        while not (packet := line.packet()).startswith(b"430["):
            pass
        self.meet(json.loads(packet[3:])[0]["self"]["id"])
        return line

    def attacking_poll(self, visitor: str = "attacker-0001") -> PollingClient:
        """The same, on long-polling."""
        client = PollingClient(self.server).handshake().join(visitor)
        before = set(self.seen)
        client.call("room:enter", {"room": ROOM, "watch": "none"})
        while not set(self.seen) - before:
            self.receive()
        return client

    def meet(self, user_id: str) -> None:
        """Wait until that user is seen to come."""
        while "enter" not in self.seen.get(user_id, ()):
            self.receive()

    # -- What must hold after every attack ---------------------------------------------------------------------------

    def assert_undisturbed(self) -> None:
        """The server is as it was, this connection works, and whoever came has left exactly once."""
        self._updates += 1
        assert self.call("room:update", {"room": ROOM, "state": {"turn": self._updates}}) == {"ok": True}
        # Their last frame, rather than gauges again and again: it comes as soon as they are gone.
        while self._updated != self._updates or any(events[-1] == "enter" for events in self.seen.values()):
            self.receive()
        wait_for(lambda: self._gauges() == self._calm, what=f"the server to be as it was ({self._gauges()}, {self._calm})")
        seen, self.seen = self.seen, {}
        assert all(events == ["enter", "leave"] for events in seen.values()), seen

    def _gauges(self) -> dict[str, float]:
        lines = (line.split() for line in self.server.get("/metrics")[1].splitlines())
        return {
            line[0].removeprefix("alsohere_"): float(line[1]) for line in lines if line[0].removeprefix("alsohere_") in GAUGES
        }


class Process:
    """What the kernel says about a server process."""

    def __init__(self, server: ServerProcess) -> None:
        self._path = f"/proc/{server.pid}"

    def files(self) -> int:
        """Open file descriptors."""
        return len(os.listdir(f"{self._path}/fd"))

    def resident_bytes(self) -> int:
        """Memory in use."""
        with open(f"{self._path}/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def closed_with(server: ServerProcess, code: int) -> float:
    """How many sessions the server has ended with that close code."""
    return server.metric(f'alsohere_disconnects_total{{code="{code}"}}')

"""The servers that are compared: how each is started, and what the load generator says to it.

All four do the same job. They differ only in the words: alsohere has presence of its own, the two peers broadcast each
coming and going, as people write it; the C program has no words at all.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

BENCH = Path(__file__).parent
BUILD = BENCH / "build"

EVENT_BYTES = 93  # the event's whole Socket.IO packet, without the two bytes of WebSocket frame around it


def packet(name: str, data: object) -> str:
    return "42" + json.dumps([name, data], separators=(",", ":"))


def event_data() -> dict[str, str]:
    data = {"id": "0000000042", "text": ""}
    data["text"] = "x" * (EVENT_BYTES - len(packet("tick", data)))
    return data


@dataclass(frozen=True)
class Peer:
    """A server under test, and its words. Texts are Socket.IO packets; `%d` in them becomes a running number."""

    name: str
    argv: Sequence[str]  # "PORT" in it is replaced
    join: str = '420["join",{"room":"r"}]'
    watch: str = '420["join",{"room":"s"}]'
    enter: str = '42["enter",{"room":"s","state":{"k":%d}}]'
    leave: str = '42["leave",{"room":"s"}]'
    raw: bool = False  # no handshake, and nothing but send()
    has_facts: bool = False  # knows `room:changed`
    cost: int = 1  # how much dearer than the others a delivery is, in round numbers: it gets fewer events, to be done in time


DATA = json.dumps(event_data())

C_SEND = Peer("C send()", [str(BUILD / "c_send"), "PORT", packet("tick", event_data())], join="", raw=True)
ALSOHERE = Peer(
    "alsohere",
    [sys.executable, str(BENCH / "servers" / "alsohere_server.py"), "PORT", DATA],
    join='420["room:enter",{"room":"r","watch":"none"}]',
    watch='420["room:watch",{"rooms":["s"],"watch":"full"}]',
    enter='42["room:enter",{"room":"s","watch":"none","state":{"k":%d}}]',
    leave='42["room:leave",{"room":"s"}]',
    has_facts=True,
)
NODE = Peer("Node socket.io", ["node", str(BENCH / "node" / "server.js"), "PORT", DATA])
PYTHON = Peer("python-socketio", [sys.executable, str(BENCH / "servers" / "python_socketio_server.py"), "PORT", DATA], cost=5)
PEERS = (C_SEND, ALSOHERE, NODE, PYTHON)

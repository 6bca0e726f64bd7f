"""A session that is over is freed at once: with many coming and going, the garbage collector would come late, and take long."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from hostile.wire import ENDPOINT, Line, PollingClient
from support.raw import RawClient, joined
from support.servers import ServerProcess, uvicorn, wait_for

APP = """
import gc, sys
from alsohere import AlsoHere
from alsohere.node.peer import Peer
from alsohere.node.connection import Connection
from alsohere.server.protocol import HttpProtocol

here = AlsoHere(anonymous=True, leave_grace_s=0.01)

@here.on("left")
async def left(_):
    gc.disable()
    return sum(issubclass(type(thing), (Peer, Connection, HttpProtocol)) for thing in gc.get_objects())

@here.on("kick")
async def kick(conn):
    await here.kick(conn.user.id)

@here.on("release")
async def release(conn):
    await conn.release("/a")

@here.on("ask")
async def ask(conn):
    await conn.call("hello")

if __name__ == "__main__":
    here.run(port=int(sys.argv[1]))
"""


@pytest.fixture(scope="module", params=["native", "asgi"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("app")
    (folder / "counting.py").write_text(APP)
    command = (
        (str(folder / "counting.py"), "{port}")
        if request.param == "native"
        else uvicorn("counting:here", "--app-dir", str(folder))
    )
    with ServerProcess(*command) as running:
        yield running


def closed(server: ServerProcess) -> None:
    with joined(server.url) as client:
        client.call("room:enter", {"room": "/a"})


def broken(server: ServerProcess) -> None:
    client = joined(server.url)
    client.call("room:enter", {"room": "/a"})
    client.socket.socket.shutdown(2)
    client.__exit__()


def dismissed(server: ServerProcess) -> None:
    with joined(server.url) as client:
        client.send('42["kick"]')
        client.closed()


def wrong(server: ServerProcess) -> None:
    with joined(server.url) as client:
        client.send("nothing that anybody understands")
        client.closed()


def asked(server: ServerProcess) -> None:
    with joined(server.url) as client:
        client.send('42["ask"]')
        assert client.receive() == '421["hello"]'


def denied(server: ServerProcess) -> None:
    with joined(server.url) as client:
        assert client.call("release")["error"]["code"] == "not_holder"


def polling(server: ServerProcess) -> None:
    client = PollingClient(server).handshake().join("visitor-0001")
    client.call("room:enter", {"room": "/a"})
    client.post("1")
    client.close()


def polling_twice(server: ServerProcess) -> None:
    client = PollingClient(server).handshake().join("visitor-0001")
    with Line(server) as waiting:
        waiting.request(f"GET {client.target}")
        assert 400 in (client.get().status, waiting.answer().status)  # whichever of them is the second
    client.close()


def refused(server: ServerProcess) -> None:
    with Line(server) as line:
        line.request(f"GET {ENDPOINT}?EIO=4&transport=websocket&sid=x", "Upgrade: websocket\r\nConnection: Upgrade\r\n")
        line.everything()


def upgraded(server: ServerProcess) -> None:
    client = PollingClient(server).handshake().join("visitor-0001")
    with RawClient(server.url, query=f"EIO=4&transport=websocket&sid={client.sid}") as socket:
        socket.send("2probe")
        assert socket.receive() == "3probe"
        socket.send("5")
        socket.call("room:enter", {"room": "/a"})
    client.close()


@pytest.mark.parametrize(
    "come_and_go", [closed, broken, dismissed, denied, wrong, asked, polling, polling_twice, refused, upgraded]
)
def test_nothing_of_it_waits_for_the_garbage_collector(server: ServerProcess, come_and_go: Callable[[ServerProcess], None]):
    with joined(server.url, visitor="visitor-who-asks") as asker:
        wait_for(lambda: asker.call("left") == 2, what="an idle server")  # itself, a session and a connection
        for _ in range(3):
            come_and_go(server)
        wait_for(lambda: asker.call("left") == 2, what="everything of theirs to be freed")


OTHERS = """
from collections import deque
from alsohere.server.serve import _calm_collector

class Request:  # of an application that leaves cycles, and is old enough to be passed over when one is looked for
    alive = 0

    def __init__(self):
        self.me = self
        self.parts = [[] for _ in range(28)]
        Request.alive += 1

    def __del__(self):
        Request.alive -= 1

_calm_collector()
most, under_way = 0, deque(maxlen=100)
for _ in range(60_000):
    under_way.append(Request())
    most = max(most, Request.alive)
print(most)
"""


def test_what_others_leave_to_the_garbage_collector_does_not_pile_up():
    most = subprocess.run([sys.executable, "-c", OTHERS], check=True, capture_output=True, text=True).stdout
    assert int(most) < 30_000

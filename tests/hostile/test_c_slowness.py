"""C: clients that read slowly, or not at all, and more of them than there are files."""

from __future__ import annotations

import contextlib
import resource
import time
from collections.abc import Iterator
from threading import Thread

import pytest

from hostile.bystander import Bystander, Process, closed_with
from hostile.conftest import COMMANDS, ENVIRONMENT
from hostile.marks import apps, native
from hostile.wire import ENDPOINT, TEXT, Line, PollingClient, fetch, frame
from support.raw import RawClient, joined
from support.servers import ServerProcess, wait_for

PACKETS, SIZE_BYTES = 600, 20_000  # more than the kernels keep for a connection


def _slow_reader(server: ServerProcess, visitor: str = "slow-reader-0001") -> Line:
    line = Line(server, receive_buffer_bytes=4096).upgrade().join(visitor)
    line.send(frame(TEXT, b'420["room:enter",{"room":"/flooded","watch":"none"}]'))
    while not line.packet().startswith(b"430["):
        pass
    return line


def _tasks(server: ServerProcess) -> int:
    return int(server.get("/tasks")[1])


class Reader(Thread):
    """Somebody in the same room who reads what comes."""

    def __init__(self, server: ServerProcess) -> None:
        super().__init__()
        self.numbers: list[int] = []
        self._client = joined(server.url, visitor="good-reader-0001")
        self._client.call("room:enter", {"room": "/flooded", "watch": "none"})
        self.start()

    def run(self) -> None:
        with self._client:
            while len(self.numbers) < PACKETS:
                self.numbers.append(self._client.event("flood")[0])


@apps
def test_h50_somebody_who_never_reads(server: ServerProcess, bystander: Bystander) -> None:
    process = Process(server)
    files, memory, closed = process.files(), process.resident_bytes(), closed_with(server, 4408)
    tasks = _tasks(server)
    slow, reader = _slow_reader(server), Reader(server)
    with joined(server.url, visitor="sender-0001") as sender:
        sender.call("flood", "/flooded", PACKETS, SIZE_BYTES, timeout_s=30)
        reader.join(20)
        assert reader.numbers == list(range(PACKETS))  # whatever the other one does
        wait_for(lambda: closed_with(server, 4408) == closed + 1, what="the slow reader's end")
        assert process.resident_bytes() - memory < 10_000_000
    assert server.metric("alsohere_slow_clients_closed_total")
    wait_for(lambda: _tasks(server) <= tasks, what="the end of what has served it")
    slow.socket.close()
    wait_for(lambda: process.files() <= files, what="the files to be closed")


@apps
def test_h50_somebody_who_never_polls(server: ServerProcess, bystander: Bystander) -> None:
    closed = closed_with(server, 4408)
    client = PollingClient(server).handshake().join("slow-poller-0001")
    client.call("room:enter", {"room": "/flooded", "watch": "none"})
    with joined(server.url, visitor="sender-0001") as sender:
        sender.call("flood", "/flooded", 10, 1000)
        # While others come and go, whose outboxes wait for a moment each.
        end = time.monotonic() + 10
        while closed_with(server, 4408) == closed and time.monotonic() < end:
            PollingClient(server).handshake().post("1")
    assert closed_with(server, 4408) == closed + 1
    assert client.get().code == 1


@native
def test_h50_somebody_who_never_reads_answers(server: ServerProcess, bystander: Bystander) -> None:
    process = Process(server)
    before = process.files()
    lines = [Line(server, receive_buffer_bytes=2048) for _ in range(5)]
    for line in lines:
        line.send(b"GET /alsohere.js HTTP/1.1\r\nHost: x\r\n\r\n" * 60)
    wait_for(lambda: process.files() >= before + len(lines), what="answers under way")
    wait_for(lambda: process.files() <= before, what="the files to be closed")
    for line in lines:
        line.socket.close()


@pytest.fixture(scope="module")
def hasty() -> Iterator[ServerProcess]:
    """A server with fast heartbeats, that keeps much for a client and not for long."""
    rules = {
        "ALSOHERE_PING_INTERVAL_S": "0.4",
        "ALSOHERE_PING_TIMEOUT_S": "0.8",
        "ALSOHERE_OUTBOX_BYTES": "100000000",
        "ALSOHERE_CONNECT_TIMEOUT_S": "10",
    }
    with ServerProcess(*COMMANDS["native-app"], env=ENVIRONMENT | rules) as server:
        yield server


def _leave_reasons(client: RawClient, user_id: str, for_s: float) -> list[str]:
    """Why that user has left the room that the client watches, as often as it is told."""
    reasons = []
    end = time.monotonic() + for_s
    while time.monotonic() < end:
        with contextlib.suppress(TimeoutError):
            change = client.event("room:changed", timeout_s=0.1)[0]
            reasons += [leaver["reason"] for leaver in change.get("leave", ()) if leaver["id"] == user_id]
    return reasons


def test_h51_somebody_who_reads_a_byte_now_and_then(hasty: ServerProcess) -> None:
    with joined(hasty.url, visitor="bystander-0001") as control, joined(hasty.url, visitor="sender-0001") as sender:
        slow = _slow_reader(hasty)
        began_s = time.monotonic()
        sender.send(f'42["flood","/flooded",{PACKETS},{SIZE_BYTES}]')
        with contextlib.suppress(ConnectionError):
            while time.monotonic() < began_s + 10:
                slow.send(frame(TEXT, b"3"))  # alive, it says
                assert slow.socket.recv(1)
                assert control.call("room:watch", {"rooms": []})["ok"]
                time.sleep(0.05)
        assert 1.0 < time.monotonic() - began_s < 6  # older than a second, and seen at the next look
        assert hasty.metric("alsohere_slow_clients_closed_total") == 1


@pytest.mark.parametrize("pongs", [0, 20], ids=["silent", "early-pongs"])
def test_h52_half_open_connections(hasty: ServerProcess, pongs: int) -> None:
    """Pongs that nobody asked for do not prolong a life (H34)."""
    with joined(hasty.url, visitor="bystander-0001") as control:
        control.call("room:enter", {"room": "/half-open"})
        gone = joined(hasty.url, visitor="half-open-0001")
        user_id = gone.call("room:enter", {"room": "/half-open", "watch": "none"})["self"]["id"]
        began_s = time.monotonic()
        for _ in range(pongs):
            gone.send("3")
        reasons: list[str] = []
        while not reasons:
            reasons = _leave_reasons(control, user_id, 0.1)
            assert time.monotonic() - began_s < 3
        # 1.2 s of silence and the grace; then the tick, and a busy machine.
        assert reasons + _leave_reasons(control, user_id, 0.3) == ["timeout"]
        gone.socket.close()


LIMITED = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


@pytest.mark.parametrize("websockets", [True, False], ids=["websockets", "silent"])
def test_h54_more_connections_than_files(websockets: bool) -> None:
    with ServerProcess("-c", LIMITED, *COMMANDS["native"], env=ENVIRONMENT | {"ALSOHERE_PENDING_PER_CLIENT": "1000"}) as server:
        with joined(server.url, visitor="bystander-0001") as control:
            lines, answers = [], []
            for _ in range(150):
                line = Line(server)
                lines.append(line)
                if websockets:
                    line.request(f"GET {ENDPOINT}?EIO=4&transport=websocket", UPGRADE)
                    answers.append(line.socket.recv(12))
            if not websockets:
                line.socket.settimeout(5)
                answers.append(line.socket.recv(12))
            assert set(answers) <= {b"HTTP/1.1 101", b"HTTP/1.1 503"}
            assert answers[-1] == b"HTTP/1.1 503"
            assert Process(server).files() <= 64 * 9 // 10 + 1
            assert control.call("room:watch", {"rooms": []})["ok"]
            for line in lines:
                line.socket.close()
            wait_for(lambda: server.get("/livez")[0] == 200, what="room for a connection")
            assert fetch(server, f"{ENDPOINT}?EIO=4&transport=polling").status == 200


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux changes the limits of another process")
def test_h54_accepting_goes_on_when_there_were_no_files_at_all() -> None:
    """The limit falls under what is open, so that `accept` itself fails."""
    with ServerProcess("-c", LIMITED, *COMMANDS["native"], env=ENVIRONMENT) as server:
        with joined(server.url, visitor="bystander-0001") as control:
            process = Process(server)
            resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (process.files(), 64))
            lines = [Line(server) for _ in range(30)]
            assert control.call("room:watch", {"rooms": []})["ok"]
            lines[-1].socket.settimeout(1)
            with contextlib.suppress(OSError):  # closed, or left to wait
                assert not lines[-1].socket.recv(12).startswith(b"HTTP/1.1 2")
            resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (64, 64))
            for line in lines:
                line.socket.close()
            wait_for(lambda: server.get("/livez")[0] == 200, what="room for a connection")
            assert control.call("room:watch", {"rooms": []})["ok"]
        status, output = server.stop()
    assert (status, "Traceback" in output) == (0, False)


UPGRADE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)

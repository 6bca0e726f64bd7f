"""The servers under attack. Each is started once; after each test its bystander is asked whether anything was noticed."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostile.bystander import Bystander
from hostile.slow_attack import SlowAttack
from support.servers import ServerProcess

TESTS = Path(__file__).parents[1]
CONNECT_TIMEOUT_S = 1.2
PENDING_PER_CLIENT = 30
CONNECTIONS_PER_USER = 4
ROOMS = 100
LOCK_QUEUE = 3
LOCK_GRACE_S = 0.05
LOCK_REQUEST_S = 0.2

ENVIRONMENT = {
    "ALSOHERE_ANONYMOUS": "1",  # and not --dev, which lets more origins in
    "ALSOHERE_ORIGINS": "https://good.example",
    "ALSOHERE_CONNECT_TIMEOUT_S": str(CONNECT_TIMEOUT_S),
    "ALSOHERE_PENDING_PER_CLIENT": str(PENDING_PER_CLIENT),
    "ALSOHERE_CONNECTIONS_PER_USER": str(CONNECTIONS_PER_USER),
    "ALSOHERE_ROOMS": str(ROOMS),
    "ALSOHERE_LOCK_QUEUE": str(LOCK_QUEUE),
    "ALSOHERE_LOCK_GRACE_S": str(LOCK_GRACE_S),
    "ALSOHERE_LOCK_REQUEST_S": str(LOCK_REQUEST_S),
    "ALSOHERE_PING_INTERVAL_S": "300",  # a client written by hand cannot answer while a test does something else
    "ALSOHERE_PING_TIMEOUT_S": "300",
    "ALSOHERE_LEAVE_GRACE_S": "0.01",
    "ALSOHERE_DRAIN_S": "0.1",
    "ALSOHERE_TICK_S": "0.01",
    "ALSOHERE_OUTBOX_BYTES": "65536",
    "ALSOHERE_OUTBOX_AGE_S": "1",
    "PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")]),
}
# A server that lets in clients 1 and 2 has this beside.
CONNECTIONS_PER_CLIENT = 20
OLD = {"ALSOHERE_ALLOW_EIO3": "1", "ALSOHERE_CONNECTIONS_PER_CLIENT": str(CONNECTIONS_PER_CLIENT)}
COMMANDS = {
    "native": ("-m", "alsohere", "serve", "--port", "{port}"),
    "native-app": ("-m", "hostile.app", "{port}"),
    "asgi": ("-m", "uvicorn", "hostile.app:here", "--port", "{port}", "--log-level", "warning"),
}


COMPLAINTS = {"native": "(?i)error|Traceback", "native-app": "(?i)error|Traceback", "asgi": "alsohere"}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that names no server is run on both: ours, and ours inside somebody else's."""
    if "server" in metafunc.fixturenames and not any(
        "server" in mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")
    ):
        metafunc.parametrize("server", ["native", "asgi"], indirect=True, scope="session")


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Iterator[ServerProcess]:
    """A server; it has to end well, and to have logged no error, whatever it went through."""
    kind, _, old = request.param.partition(" ")
    with ServerProcess(*COMMANDS[kind], env=ENVIRONMENT | (OLD if old else {})) as running:
        yield running
        status, output = running.stop()
    assert status in (0, -signal.SIGTERM), output  # uvicorn dies of the signal once it has ended well
    # uvicorn logs every refused WebSocket and every text that is none as errors; there, only our own count.
    assert not [line for line in output.splitlines() if re.search(COMPLAINTS[kind], line)], output


@pytest.fixture(scope="session")
def _bystander(server: ServerProcess) -> Iterator[Bystander]:
    with Bystander(server) as bystander:
        yield bystander


@pytest.fixture
def bystander(_bystander: Bystander) -> Iterator[Bystander]:
    """Asked after the test."""
    yield _bystander
    _bystander.assert_undisturbed()


@pytest.fixture(scope="session", autouse=True)
def slow_attack(request: pytest.FixtureRequest) -> Iterator[SlowAttack | None]:
    """Goes on beside all other tests, on a server of its own, and is asked about at the end."""
    if all(item.path.name != "test_slow_requests.py" for item in request.session.items):
        yield None
        return
    with ServerProcess(
        *COMMANDS["native"], env=ENVIRONMENT | {"ALSOHERE_PING_INTERVAL_S": "300", "ALSOHERE_PING_TIMEOUT_S": "300"}
    ) as server:
        yield SlowAttack(server)

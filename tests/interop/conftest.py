"""Real clients, and the servers that they talk to: started once, used by every test."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from interop.clients import NODE, TRANSPORTS, Client, Driver, NodeDriver, PythonDriver
from interop.protocol import ENGINE, SOCKET, Endpoint
from support.packages import install
from support.servers import ServerProcess, hypercorn, stop_all, uvicorn

TESTS = Path(__file__).parent.parent
VERSIONS = {"socket.io-client 4.0": "sio40", "socket.io-client 4.8": "sio48"}
ENVIRONMENT = {
    "PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")]),
    "ALSOHERE_LEAVE_GRACE_S": "0.2",
    "ALSOHERE_DRAIN_S": "0.2",
    "ALSOHERE_TICK_S": "0.02",
}

_names = itertools.count(1)


@pytest.fixture(scope="session")
def node_packages() -> None:
    """Both versions of socket.io-client, installed from the lock if they are not, or if it has changed since."""
    npm = shutil.which("npm")
    assert npm, "Node 20 with npm is needed for the interop tests"
    install(NODE, npm)


@pytest.fixture(scope="session", params=[*VERSIONS, "python-socketio"])
def driver(request: pytest.FixtureRequest) -> Iterator[Driver]:
    if request.param in VERSIONS:
        request.getfixturevalue("node_packages")
    found = NodeDriver(VERSIONS[request.param]) if request.param in VERSIONS else PythonDriver()
    yield found
    found.stop()


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="session")
def native() -> Iterator[ServerProcess]:
    """alsohere's own server."""
    with ServerProcess("-m", "interop.apps", "{port}", env=ENVIRONMENT) as server:
        yield server


@pytest.fixture(scope="session")
def mounted() -> Iterator[ServerProcess]:
    """Mounted in FastAPI, under uvicorn with its own WebSockets."""
    with ServerProcess(*uvicorn("interop.apps:mounted"), env=ENVIRONMENT, ready="/here/readyz") as server:
        yield server


KINDS = {
    "native": ("-m", "alsohere", "conformance-server", "--eio3", "--port", "{port}"),
    "uvicorn": uvicorn("interop.apps:conformance"),
    "hypercorn": hypercorn("interop.apps:conformance"),
}


@pytest.fixture(scope="session")
def conformance_servers() -> Iterator[Callable[[str], str]]:
    """Gives the address of the application that the official suites expect, in a kind of server; started when asked for."""
    servers: dict[str, ServerProcess] = {}

    def address(kind: str) -> str:
        if kind not in servers:
            servers[kind] = ServerProcess(*KINDS[kind], env=ENVIRONMENT).__enter__()
        return servers[kind].url

    yield address
    stop_all(servers.values())


@pytest.fixture(params=KINDS)
def conformance(conformance_servers: Callable[[str], str], request: pytest.FixtureRequest) -> str:
    return conformance_servers(request.param)


@pytest.fixture(params=[("native", SOCKET), ("native", ENGINE), ("uvicorn", SOCKET), ("hypercorn", ENGINE)], ids="".join)
def endpoint(conformance_servers: Callable[[str], str], request: pytest.FixtureRequest) -> Endpoint:
    kind, path = request.param
    return Endpoint(conformance_servers(kind), path)


class Visitors:
    """Opens clients of one library over one transport at one server, and closes them in the end."""

    def __init__(self, driver: Driver, transport: str, server: ServerProcess, path: str) -> None:
        self.server = server
        self._driver = driver
        self._transport = transport
        self._path = path
        self._clients: list[Client] = []

    def begin(self, auth: dict[str, Any], namespace: str = "/") -> Client:
        """A client that has been told to connect."""
        client = Client(self._driver, f"client-{next(_names)}", namespace)
        self._clients.append(client)
        self._driver.open(client, self.server.url, self._path, TRANSPORTS[self._transport], auth)
        return client

    def __call__(self, visitor: str, namespace: str = "/") -> Client:
        """A client that is connected, on the transport that it shall stay on."""
        client = self.begin({"visitor": visitor}, namespace)
        self.arrive(client)
        return client

    def arrive(self, client: Client) -> None:
        """Wait until a client is connected and, if it upgrades, has upgraded."""
        client.take("connect")
        if self._transport == "upgrade":
            client.take("upgrade")

    def close(self) -> None:
        for client in self._clients:
            client.close()


@pytest.fixture
def visit(request: pytest.FixtureRequest, driver: Driver, transport: str) -> Iterator[Visitors]:
    """Opens clients at the server that the test is parametrized with, alsohere's own by default."""
    name = getattr(request, "param", "native")
    visitors = Visitors(
        driver, transport, request.getfixturevalue(name), "/here/socket.io/" if name == "mounted" else "/socket.io/"
    )
    yield visitors
    visitors.close()


@pytest.fixture
def room() -> str:
    """A room of the test's own."""
    return f"/room/{next(_names)}"


both_servers: Callable[..., Any] = pytest.mark.parametrize("visit", ["native", "mounted"], indirect=True)

"""Servers of every kind, started when a test first asks for them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.servers import ServerProcess, hypercorn, stop_all, uvicorn

ENVIRONMENT = {
    "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH", "")]),
    "ALSOHERE_LEAVE_GRACE_S": "0.1",
    "ALSOHERE_TICK_S": "0.02",
}

Start = Callable[[str, str], ServerProcess]


@pytest.fixture(scope="session")
def start() -> Iterator[Start]:
    """Gives the server that runs a host of hosts.py, alone or under another's ASGI server."""
    servers: dict[tuple[str, str], ServerProcess] = {}

    def started(kind: str, host: str) -> ServerProcess:
        if (kind, host) not in servers:
            servers[kind, host] = ServerProcess(*command(kind, host), env=ENVIRONMENT, ready="/").__enter__()
        return servers[kind, host]

    yield started
    stop_all(servers.values())


def command(kind: str, host: str) -> tuple[str, ...]:
    """The command of a `ServerProcess`; `host` may be "… behind /path"."""
    name, _, root = host.partition(" behind ")
    app, options = f"server.hosts:{name}", ("--root-path", root) if root else ()
    return {
        "uvicorn": uvicorn(app, *options),
        "uvicorn with h11 and wsproto": uvicorn(app, "--http", "h11", "--ws", "wsproto"),
        "hypercorn": hypercorn(app, *options),
        "alone": ("-m", "server.hosts", name, "{port}"),
    }[kind]


@pytest.fixture(scope="session")
def dev() -> Iterator[ServerProcess]:
    """`alsohere serve --dev`."""
    with ServerProcess(env=ENVIRONMENT) as server:
        yield server


@pytest.fixture(scope="session")
def strict() -> Iterator[ServerProcess]:
    """`alsohere serve` as in production: tokens only, no API key, no metrics."""
    env = ENVIRONMENT | {"ALSOHERE_API_KEY": "", "ALSOHERE_METRICS": "0", "ALSOHERE_CONNECT_TIMEOUT_S": "0.3"}
    with ServerProcess("-m", "alsohere", "serve", "--port", "{port}", env=env) as server:
        yield server

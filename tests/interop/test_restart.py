"""The server ends and another begins in its place: clients come back by themselves and see what is true then."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from interop.clients import TRANSPORTS, Client, Driver
from interop.conftest import ENVIRONMENT, Visitors
from support.servers import ServerProcess


def begin(port: int | None = None) -> ServerProcess:
    return ServerProcess("-m", "interop.apps", "{port}", env=ENVIRONMENT, port=port).__enter__()


@pytest.fixture
def first() -> Iterator[ServerProcess]:
    server = begin()
    yield server
    server.stop(signal.SIGKILL)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL], ids=["restarted", "crashed"])
def test_clients_come_back_after_the_server_was(end: signal.Signals, driver: Driver, first: ServerProcess, room: str):
    ways = {transport: Visitors(driver, transport, first, "/socket.io/") for transport in TRANSPORTS}
    clients = {transport: visit(f"visitor-by-{transport}") for transport, visit in ways.items()}
    before = {transport: client.call("room:enter", {"room": room})[0] for transport, client in clients.items()}
    first.stop(end)
    for client in clients.values():
        client.take("disconnect")
    second = begin(first.port)
    try:
        for transport, client in clients.items():
            ways[transport].arrive(client)
        after = _enter_again(clients, room, before["polling"])
        # The same visitors with the same ids, and nobody twice.
        assert _ids(after[-1]) == sorted(answer["self"]["id"] for answer in before.values())
        assert {answer["recovered"] for answer in after} == {False}
        assert {answer["epoch"] for answer in after} != {before["polling"]["epoch"]}
        for visit in ways.values():
            visit.close()
    finally:
        second.stop()


def _enter_again(clients: dict[str, Client], room: str, known: dict) -> list[dict]:
    since = [known["epoch"], known["seq"]]
    return [client.call("room:enter", {"room": room, "since": since})[0] for client in clients.values()]


def _ids(answer: dict) -> list[str]:
    return sorted(member["id"] for member in answer["members"])

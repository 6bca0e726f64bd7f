"""examples/document_occupied as socket.io-client sees it, which begins with polling and upgrades."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from interop.clients import Client, NodeDriver
from support.servers import ServerProcess

SERVER = str(Path(__file__).parents[2] / "examples/document_occupied/server.py")
OCCUPIED, RELEASED = ["is_occupied", "Its occupied"], ["is_released", "this is released"]
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    env = {"ALSOHERE_DATABASE_URL": f"sqlite:///{tmp_path_factory.mktemp('documents')}/alsohere.db", "ALSOHERE_DRAIN_S": "0.1"}
    with ServerProcess(SERVER, "--port", "{port}", env=env) as server:
        yield server


@pytest.fixture(scope="module", params=["sio47", "sio48"])
def library(request: pytest.FixtureRequest, node_packages: None) -> Iterator[NodeDriver]:
    driver = NodeDriver(request.param)
    yield driver
    driver.stop()


@pytest.fixture
def visit(server: ServerProcess, library: NodeDriver) -> Iterator[Callable[[], Client]]:
    clients: list[Client] = []

    def visit() -> Client:
        client = Client(library, f"reader-{next(_numbers)}", "/")
        clients.append(client)
        library.open_as(client, server.url, {})
        client.take("connect")
        client.take("upgrade")
        return client

    yield visit
    for client in clients:
        client.close()


@pytest.fixture
def document() -> str:
    return f"document-{next(_numbers)}"


def told(client: Client) -> list[list]:
    """Everything that a client was sent and nobody has taken yet; what the server sends is sent by then."""
    client.call("no-such-event")
    return [report["args"] for report in client.seen("event")]


def enter(client: Client, document: str) -> None:
    assert client.call("join_document_room", document) == []


def test_the_first_holds_it_and_the_others_are_told(visit, document):
    first, second, third = visit(), visit(), visit()
    enter(first, document)
    assert told(first) == []  # nothing at all is said to who comes into an empty room
    for late in (second, third):
        enter(late, document)
        assert told(late) == [OCCUPIED]
    assert told(first) == []


def test_it_goes_from_one_to_the_next(visit, library, document):
    first, second, third = visit(), visit(), visit()
    for client in (first, second, third):
        enter(client, document)
    library.drop(first)  # a tab that is closed
    assert second.event(RELEASED[0]) == [RELEASED[1]]
    assert told(third) == [OCCUPIED]
    second.close()
    assert third.event(RELEASED[0]) == [RELEASED[1]]
    fourth = visit()
    enter(fourth, document)
    assert told(fourth) == [OCCUPIED]


def test_who_leaves_the_line_is_not_waited_for(visit, document):
    first, second, third = visit(), visit(), visit()
    for client in (first, second, third):
        enter(client, document)
    second.close()
    first.close()
    assert third.event(RELEASED[0]) == [RELEASED[1]]


def test_when_all_are_gone_it_is_free(visit, document):
    first, second = visit(), visit()
    enter(first, document)
    first.close()
    first.take("disconnect")
    enter(second, document)
    assert told(second) in ([], [OCCUPIED, RELEASED])  # the goodbye of the first may still have been on its way
    other = visit()
    enter(other, document + "x")
    assert told(other) == []


def test_asking_twice_is_like_asking_once(visit, document):
    first, second = visit(), visit()
    for _ in range(2):
        enter(first, document)
        enter(second, document)
    assert told(first) == []
    assert told(second) == [OCCUPIED, OCCUPIED]
    first.close()
    assert second.event(RELEASED[0]) == [RELEASED[1]]
    assert told(second) == [OCCUPIED, OCCUPIED]


def test_only_documents_can_be_occupied(visit):
    client = visit()
    for wrong in (None, 7, "", "document-", "@online", {}, "document-" + "x" * 300):
        (refused,) = client.call("join_document_room", wrong)
        assert not refused["ok"]
    assert told(client) == []

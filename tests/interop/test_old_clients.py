"""What Socket.IO clients 1 and 2 see (Engine.IO 3), beside a client 4 on the same port."""

from __future__ import annotations

import itertools
import json
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from alsohere import AlsoHere
from interop.clients import RECONNECT_S, TRANSPORTS, Client, NodeDriver
from interop.conftest import ENVIRONMENT
from support.servers import SECRET, ServerProcess, uvicorn

# Socket.IO 1, 2.0 and the last 2.
OLD = {"client 1.7.4": "sio17", "client 2.0.3": "sio203", "client 2.5.0": "sio25"}
ALLOWED = ENVIRONMENT | {"ALSOHERE_ALLOW_EIO3": "1", "ALSOHERE_ALLOW_QUERY_TOKEN": "1", "ALSOHERE_CONNECT_TIMEOUT_S": "1"}
RECONNECT = {"reconnectionDelay": RECONNECT_S * 1000, "reconnectionDelayMax": RECONNECT_S * 1000, "randomizationFactor": 0.01}
_numbers = itertools.count(1)


def begin(port: int | None = None) -> ServerProcess:
    return ServerProcess("-m", "interop.apps", "{port}", env=ALLOWED, port=port).__enter__()


@pytest.fixture(scope="module")
def native() -> Iterator[ServerProcess]:
    server = begin()
    yield server
    assert server.stop()[0] == 0


@pytest.fixture(scope="module")
def mounted() -> Iterator[ServerProcess]:
    with ServerProcess(*uvicorn("interop.apps:mounted"), env=ALLOWED, ready="/here/readyz") as server:
        yield server


@pytest.fixture(scope="module", params=OLD)
def old(request: pytest.FixtureRequest, node_packages: None) -> Iterator[NodeDriver]:
    driver = NodeDriver(OLD[request.param])
    yield driver
    driver.stop()


@pytest.fixture(scope="module")
def new(node_packages: None) -> Iterator[NodeDriver]:
    driver = NodeDriver("sio48")
    yield driver
    driver.stop()


class Visits:
    """Opens clients of one library over one transport at one server, and closes them in the end."""

    def __init__(self, driver: NodeDriver, transport: str, server: ServerProcess, path: str = "/socket.io") -> None:
        self.driver, self.transport, self.server = driver, transport, server
        self._path = path
        self._clients: list[Client] = []

    def begin(self, namespace: str = "/", **options: Any) -> Client:
        client = Client(self.driver, f"old-{next(_numbers)}", namespace)
        self._clients.append(client)
        given = {"path": self._path, "transports": TRANSPORTS[self.transport], **RECONNECT, **options}
        self.driver.open_as(client, self.server.url, given)
        return client

    def __call__(self, namespace: str = "/", **options: Any) -> Client:
        client = self.begin(namespace, **options)
        self.arrive(client)
        return client

    def arrive(self, client: Client) -> str:
        """Wait until it is connected, and has upgraded if it does; gives its `socket.id`."""
        sid = client.take("connect")["sid"]
        if self.transport == "upgrade":
            client.take("upgrade")
        return sid

    def close(self) -> None:
        for client in self._clients:
            client.close()


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def visit(request: pytest.FixtureRequest, old: NodeDriver, transport: str) -> Iterator[Visits]:
    where = getattr(request, "param", "native")
    path = "/here/socket.io" if where == "mounted" else "/socket.io"
    visits = Visits(old, transport, request.getfixturevalue(where), path)
    yield visits
    visits.close()


both_servers = pytest.mark.parametrize("visit", ["native", "mounted"], indirect=True)


@both_servers
def test_events_and_acks_come_back(visit: Visits):
    client = visit()
    args = [1, "two", {"three": [True, None, 3.5]}, []]
    assert client.call("echo", *args) == args
    assert client.event("echoed") == args


def test_text_of_every_plane_comes_back(visit: Visits, old: NodeDriver):
    if old.package == "sio17" and visit.transport != "websocket":
        return  # a client 1 encodes text twice when it polls; see src/alsohere/wire/engineio3.py
    client = visit()
    text = "é ✓ 👋 7:4colon"
    assert client.call("echo", text) == [text]
    assert client.event("echoed") == [text]
    client.emit("echo", "👋", "é:")
    client.emit("echo", "2:4")
    assert client.event("echoed") == ["👋", "é:"]
    assert client.event("echoed") == ["2:4"]


@both_servers
def test_bytes_come_back_as_they_went(visit: Visits):
    client = visit()
    args = [bytes(range(256)), {"deep": [b"\x00\x01", "text"]}, b"x" * 20_000]
    assert client.call("echo", *args) == args
    assert client.event("echoed") == args


def test_bytes_come_back_in_base64_where_a_client_says_so(visit: Visits):
    client = visit(forceBase64=True)
    args = [bytes(range(256)), "text"]
    assert client.call("echo", *args) == args


def test_the_server_can_ask_and_the_client_answers(visit: Visits):
    client = visit()
    assert client.call("ask-me", "how many?", {"bytes": b"\x01\x02"}) == ["how many?", {"bytes": b"\x01\x02"}]
    assert client.event("question")[0] == "how many?"


def test_both_ends_know_a_connection_by_the_same_id(visit: Visits):
    for namespace, prefix in (("/", ""), ("/custom", "/custom#")):
        client = visit.begin(namespace)
        sid = visit.arrive(client)
        if visit.driver.package == "sio17":  # knows no prefix
            sid = prefix + sid
        assert client.call("my-id")[0][0] == sid
        assert sid.startswith(prefix)


def test_a_namespace_has_its_own_events_and_may_be_asked_for_with_a_query(visit: Visits):
    client = visit("/custom", query=f"token={token_of('ann')}")
    assert client.call("echo", "there") == ["there"]
    assert client.call("my-id")[0][1] == "ann"
    (refused,) = client.call("room:enter", {"room": "/a"})
    assert refused["error"]["code"] == "unknown_event"


def test_an_unknown_namespace_is_refused_with_a_sentence(visit: Visits):
    assert visit.begin("/nowhere").take("error")["message"] == "Invalid namespace"


@both_servers
def test_old_and_new_clients_see_each_other(visit: Visits, new: NodeDriver):
    modern = Visits(new, visit.transport, visit.server, visit._path)
    room = f"/old-and-new/{next(_numbers)}"
    ann, ben = visit(), modern(auth={"visitor": f"visitor-{next(_numbers):06}"})
    (first,) = ann.call("room:enter", {"room": room, "state": {"at": 1}})
    (second,) = ben.call("room:enter", {"room": room})
    assert {member["id"] for member in second["members"]} == {first["self"]["id"], second["self"]["id"]}
    (change,) = ann.event("room:changed", where=lambda change: change.get("enter"))
    assert [member["id"] for member in change["enter"]] == [second["self"]["id"]]
    ann.close()
    (change,) = ben.event("room:changed", where=lambda change: change.get("leave"))
    assert change["leave"] == [{"id": first["self"]["id"], "reason": "left"}]
    modern.close()


def test_what_is_sent_while_a_client_upgrades_is_not_lost(native: ServerProcess, old: NodeDriver):
    visits = Visits(old, "upgrade", native)
    client = visits.begin()
    for number in range(10):
        client.emit("echo", number)
    visits.arrive(client)
    for number in range(10, 20):
        client.emit("echo", number)
    assert [client.event("echoed")[0] for _ in range(20)] == list(range(20))
    visits.close()


def test_a_refused_client_is_told_why_and_is_sent_away(visit: Visits):
    refused = visit.begin(extraHeaders={"Authorization": "Bearer forged"})
    assert refused.take("error")["message"] == "The token is not valid here."
    assert refused.take("disconnect", 15)["reason"] == "io server disconnect"
    _stays_away(visit, refused)


def test_a_kicked_client_stays_away(visit: Visits):
    kicked = visit()
    kicked.emit("kick-me")
    assert kicked.take("disconnect")["reason"] == "io server disconnect"
    _stays_away(visit, kicked)


def _stays_away(visit: Visits, client: Client) -> None:
    """Another client loses its transport and is back, twice: so often would the first be."""
    other = visit()
    for _ in range(2):
        other.emit("drop-me")
        assert other.take("disconnect")["reason"] != "io server disconnect"
        visit.arrive(other)
    assert client.seen("connect") == []


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL], ids=["restarted", "crashed"])
def test_clients_come_back_after_the_server_was(end: signal.Signals, old: NodeDriver):
    first = begin()
    ways = [Visits(old, transport, first) for transport in TRANSPORTS]
    clients = [visits() for visits in ways]
    first.stop(end)
    for client in clients:
        client.take("disconnect")
    second = begin(first.port)
    for visits, client in zip(ways, clients, strict=True):
        visits.arrive(client)
        assert client.call("echo", "back") == ["back"]
        visits.close()
    second.stop()


# -- Who somebody is ---------------------------------------------------------------------------------------------------


def token_of(user: str) -> str:
    return AlsoHere(secret=SECRET, database_url="memory://").token(user)


def test_a_token_in_a_header(visit: Visits):
    client = visit(extraHeaders={"Authorization": f"Bearer {token_of('ann')}"})
    assert client.call("my-id")[0][1] == "ann"


def test_a_token_after_connecting(visit: Visits):
    client = visit()
    (answer,) = client.call("user:identify", {"token": token_of("ann")})
    assert answer["self"]["id"] == "ann"
    assert client.call("my-id")[0][1] == "ann"


def test_a_token_in_the_url_of_a_websocket_only(native: ServerProcess, old: NodeDriver):
    query = f"token={token_of('ann')}"
    seen = {}
    for transport in TRANSPORTS:
        visits = Visits(old, transport, native)
        seen[transport] = visits(query=query).call("my-id")[0][1]
        visits.close()
    assert seen["websocket"] == "ann"
    assert all(seen[transport].startswith("~") for transport in ("polling", "upgrade"))


def test_where_it_is_not_allowed_the_setting_is_named(old: NodeDriver):
    with ServerProcess(env=ENVIRONMENT) as server:
        visits = Visits(old, "polling", server)
        assert visits.begin().take("connect_error")["message"] == "xhr poll error"
        status, body = server.get("/socket.io/?EIO=3&transport=polling")
        assert status == 400
        assert json.loads(body)["code"] == 5
        assert "ALSOHERE_ALLOW_EIO3=1" in body
        visits.close()

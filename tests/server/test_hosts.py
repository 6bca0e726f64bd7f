"""alsohere in other people's applications: mounted, wrapped around one, behind a path of a proxy, under every server."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from server.conftest import ENVIRONMENT, Start, command
from support.polls import PollSession, ask
from support.raw import RawClient, joined
from support.servers import API_KEY, ServerProcess


class Host(NamedTuple):
    """A server, and where alsohere is in it: for the tests, and for clients on the other side of a proxy."""

    url: str
    prefix: str
    path: str
    public: str
    own_404: bool


HOSTS = {
    "FastAPI with lifespan, uvicorn": ("uvicorn", "with_lifespan", "/here"),
    "FastAPI with lifespan, hypercorn": ("hypercorn", "with_lifespan", "/here"),
    "FastAPI with lifespan, uvicorn's other half": ("uvicorn with h11 and wsproto", "with_lifespan", "/here"),
    "FastAPI without lifespan, uvicorn": ("uvicorn", "without_lifespan", "/here"),
    "FastAPI behind a path, uvicorn": ("uvicorn", "with_lifespan behind /proxy", "/here"),
    "FastAPI behind a path, hypercorn": ("hypercorn", "with_lifespan behind /proxy", "/here"),
    "FastAPI behind a path that is passed on, hypercorn": ("hypercorn", "with_lifespan behind /proxy", "/proxy/here"),
    "FastAPI at /socket.io, uvicorn": ("uvicorn", "at_the_path", "/socket.io"),
    "around Starlette, uvicorn": ("uvicorn", "wrapping", "/here"),
    "around Starlette, hypercorn": ("hypercorn", "wrapping", "/here"),
    "around Starlette, alone": ("alone", "wrapping", "/here"),
    "around Starlette at the root, uvicorn": ("uvicorn", "wrapping_at_the_root", ""),
    "around Starlette at the root, alone": ("alone", "wrapping_at_the_root", ""),
}


@pytest.fixture(scope="module", params=HOSTS.values(), ids=HOSTS)
def host(request: pytest.FixtureRequest, start: Start) -> Host:
    kind, name, prefix = request.param
    path = "/socket.io/" if name == "at_the_path" else f"{prefix}/socket.io/"
    public = "/proxy/here" if name.endswith("/proxy") else prefix
    return Host(start(kind, name).url, prefix, path, f"{public}/socket.io/", name.startswith("wrapping"))


def test_a_websocket_client_enters(host: Host):
    with joined(host.url, path=host.path) as client:
        assert client.call("room:enter", {"room": "/a"})["self"]["connections"] == 1


def test_a_polling_client_enters_and_moves_to_a_websocket(host: Host):
    session = PollSession(host.url, host.path).join()
    assert session.post('421["room:enter",{"room":"/b"}]').text == "ok"
    assert any(packet.startswith('431[{"ok":true') for packet in session.packets())
    with RawClient(host.url, host.path, session.query) as client:
        client.send("2probe")
        assert client.receive() == "3probe"
        client.send("5")
        assert client.call("room:leave", {"room": "/b"}) == {"ok": True}


def test_two_tabs_see_each_other(host: Host):
    one, two = joined(host.url, path=host.path), joined(host.url, path=host.path)
    with one, two:
        one.call("room:enter", {"room": "/c"})
        other = two.call("room:enter", {"room": "/c"})["self"]["id"]
        assert one.event("room:changed")[0]["enter"][0]["id"] == other


def test_the_api_knows_a_slash_in_a_name_from_one_of_its_paths(host: Host):
    for path, name in [("rooms/%2Fa%2Fb%23c", "/a/b#c"), ("rooms//a/b", "/a/b"), ("users/x%2Fconnections", "x/connections")]:
        answer = ask(host.url, f"{host.prefix}/api/v1/{path}", x_api_key=API_KEY).json()
        assert answer["room" if path.startswith("rooms") else "id"] == name


def test_the_page_of_the_api_is_below_the_path_but_not_at_the_root_of_somebody_else(host: Host):
    answer = ask(host.url, host.prefix + "/docs")
    assert (answer.status, "the HTTP API" in answer.text) == ((200, True) if host.prefix else (404, False))


def test_what_is_below_api_and_not_ours_is_the_application_s(start: Start):
    assert ask(start("uvicorn", "wrapping_at_the_root").url, "/api/v1/orders", x_api_key=API_KEY).text == "Not Found"


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics", "/alsohere.js", "/socket.io/socket.io.js"])
def test_what_alsohere_serves_is_below_its_path(host: Host, path: str):
    assert ask(host.url, host.prefix + path).status == 200


def test_the_host_s_own_pages_and_websockets_are_still_there(host: Host):
    assert ask(host.url, "/").text.startswith("the host's page")
    with connect(host.url.replace("http", "ws") + "/ws", compression=None) as socket:
        socket.send("echo")
        assert socket.recv(5) == "the host's echo"


def test_a_page_at_the_wrong_path_is_told_the_right_one(host: Host):
    target = f"{host.prefix}/wrong/socket.io/?EIO=4&transport=polling"
    answer = ask(host.url, target)
    assert answer.status == 404
    if not host.own_404:
        assert answer.headers["content-type"] == "application/problem+json"
        assert f"Socket.IO is at {host.public} - give clients that as `path`" in answer.json()["detail"]


def test_a_websocket_at_the_wrong_path_is_refused(host: Host):
    with pytest.raises(InvalidStatus) as refused:
        RawClient(host.url, f"{host.prefix}/wrong/socket.io/")
    assert refused.value.response.status_code in (403, 404)


# -- Lifespans ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["uvicorn", "hypercorn", "alone"])
def test_the_lifespan_of_a_wrapped_host_runs(start: Start, kind: str):
    assert ask(start(kind, "wrapping").url, "/").text == "the host's page; its lifespan ran"


@pytest.mark.parametrize(
    ("kind", "host", "code"),
    [
        ("uvicorn", "with_lifespan", 1012),
        ("uvicorn", "without_lifespan", 1012),
        ("uvicorn", "wrapping", 1012),
        ("hypercorn", "with_lifespan", 1011),  # it cancels connections before it tells the lifespan
    ],
)
def test_at_the_host_s_end_clients_lose_the_transport_and_are_not_sent_away(kind: str, host: str, code: int):
    with ServerProcess(*command(kind, host), env=ENVIRONMENT, ready="/") as server:
        with joined(server.url, "visitor-to-the-end", path="/here/socket.io/") as client:
            server.process.terminate()
            assert client.closed() == (code, "")

"""examples/push_server as its pages see it, with the client of 2017, and as back ends do."""

from __future__ import annotations

import hmac
import itertools
import json
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from interop.clients import Client, NodeDriver
from support.polls import Answer, ask
from support.servers import ServerProcess

SERVER = str(Path(__file__).parents[2] / "examples/push_server/server.py")
CLIENT = Path(__file__).parent / "node/node_modules/sio203/dist/socket.io.js"
KEY = "a-key-of-the-back-end"
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
OK = '{"responseCode":0,"data":"OK!"}'
_numbers = itertools.count(1)
sids: dict[str, str] = {}
"""The `socket.id` of each tab."""


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with ServerProcess(SERVER, "--port", "{port}", env={"ALSOHERE_DRAIN_S": "0.1"}) as server:
        yield server


@pytest.fixture(scope="module")
def locked() -> Iterator[ServerProcess]:
    with ServerProcess(SERVER, "--port", "{port}", env={"ALSOHERE_DRAIN_S": "0.1", "PUSH_KEY": KEY}) as server:
        yield server


@pytest.fixture(scope="module", params=["sio203", "sio25"])
def library(request: pytest.FixtureRequest, node_packages: None) -> Iterator[NodeDriver]:
    driver = NodeDriver(request.param)
    yield driver
    driver.stop()


Visit = Callable[..., Client]


@pytest.fixture
def visit(library: NodeDriver) -> Iterator[Visit]:
    """Opens a tab that logs in as the article's does."""
    clients: list[Client] = []

    def visit(server: ServerProcess, token: Any, **options: Any) -> Client:
        client = Client(library, f"tab-{next(_numbers)}", "/")
        clients.append(client)
        library.open_as(client, server.url, {"reconnectionAttempts": 10, **options})
        sids[client.name] = client.take("connect")["sid"]
        client.emit("user_login", {"userId": 1234, "socketId": sids[client.name], "tokenId": token})
        return client

    yield visit
    for client in clients:
        client.close()


@pytest.fixture
def token() -> str:
    """A token of the test's own."""
    return str(next(_numbers))


def post(server: ServerProcess, body: Any, **headers: str) -> Answer:
    return ask(server.url, "/api", "POST", json.dumps(body), **JSON, **headers)


def told(client: Client) -> list[Any]:
    """Everything that a tab was sent and nobody has taken yet; what the server sends is sent by then."""
    client.call("no-such-event")
    return [report["args"] for report in client.seen("event")]


def message(entity_type: str, data: Any) -> list[Any]:
    return ["receive_message", {"entityType": entity_type, "data": data}]


@pytest.mark.parametrize("data", [{"who": "Arya", "deep": [1, None, "é 👋"]}, "text", 7, None, [], {}])
def test_what_a_back_end_posts_is_there_at_once(server: ServerProcess, visit: Visit, token: str, data: Any):
    tab, other = visit(server, token), visit(server, token + "0")
    assert told(tab) == told(other) == [], "nothing is said to who logs in"
    answer = post(server, {"tokens": [token], "entityType": "like", "data": data})
    assert (answer.status, answer.text) == (200, OK)
    assert told(tab) == [message("like", data)]
    assert told(other) == []


def test_every_tab_of_a_token_gets_it_and_so_does_every_token(server: ServerProcess, visit: Visit, token: str):
    tabs = [visit(server, token, transports=way) for way in (["polling"], ["websocket"], ["polling", "websocket"])]
    tabs.append(visit(server, token + "0"))
    for tab in tabs:
        assert told(tab) == []
    post(server, {"tokens": [token, token + "0", token, "nobody"], "entityType": "comment", "data": 1})
    for tab in tabs:
        assert told(tab) == [message("comment", 1)]
    tabs[0].close()
    post(server, {"tokens": [token]})
    for tab in tabs[1:3]:
        assert told(tab)[1:] == [message("", {})]


def test_a_number_and_its_text_are_the_same_token(server: ServerProcess, visit: Visit, token: str):
    tabs = [visit(server, token), visit(server, int(token))]
    for tab in tabs:
        assert told(tab) == []
    for given in (token, int(token), float(token)):
        post(server, {"tokens": [given], "data": repr(given)})
    for tab in tabs:
        assert [args[1]["data"] for args in told(tab)] == [repr(token), token, f"{token}.0"]


@pytest.mark.parametrize(
    "fields",
    [
        [("tokens", "{0}"), ("tokens", "nobody")],
        [("tokens", "{0}")],
        [("tokens[]", "nobody"), ("tokens[]", "{0}")],
        [("tokens[0]", "{0}"), ("tokens[1]", "nobody")],
    ],
)
def test_a_form_may_have_one_token_or_several(server: ServerProcess, visit: Visit, token: str, fields: list[tuple[str, str]]):
    tab = visit(server, token)
    assert told(tab) == []
    body = urlencode([*((name, value.format(token)) for name, value in fields), ("entityType", "follow"), ("data", "é & 👋")])
    answer = ask(server.url, "/api", "POST", body, **FORM)
    assert (answer.status, answer.text) == (200, OK)
    assert told(tab) == [message("follow", "é & 👋")]


def test_a_tab_that_comes_back_logs_in_again_by_itself(server: ServerProcess, library: NodeDriver, visit: Visit, token: str):
    tab = visit(server, token, transports=["websocket"], reconnectionDelay=50)
    assert told(tab) == []
    library.drop(tab)
    tab.take("disconnect")
    sid = tab.take("connect")["sid"]
    tab.emit("user_login", {"userId": 1234, "socketId": sid, "tokenId": token})
    assert told(tab) == []
    post(server, {"tokens": [token], "data": "after"})
    assert told(tab) == [message("", "after")]


def test_a_tab_logs_in_for_itself_only(server: ServerProcess, visit: Visit, token: str):
    victim, thief = visit(server, token), visit(server, token + "0")
    assert told(victim) == []
    thief.emit("user_login", {"userId": 1, "socketId": sids[victim.name], "tokenId": token + "1"})
    assert told(thief) == []
    post(server, {"tokens": [token + "1"], "data": "for the thief"})
    assert told(thief) == [message("", "for the thief")]
    assert told(victim) == []


def test_who_knows_how_rooms_are_called_gets_nothing(server: ServerProcess, visit: Visit, token: str):
    thief = visit(server, token + "0")
    room = "token:" + sha256(token.encode()).hexdigest()
    for command, argument in [("room:enter", {"room": room}), ("room:watch", {"rooms": ["@online"]}), ("ranking:watch", {})]:
        assert thief.call(command, argument)[0]["error"]["code"] == "forbidden"
    post(server, {"tokens": [token], "data": "secret"})
    assert told(thief) == []


@pytest.mark.parametrize(
    "nonsense", [None, 7, "x", [], {}, {"tokenId": None}, {"tokenId": ""}, {"tokenId": [1]}, {"tokenId": True}]
)
def test_who_logs_in_with_nonsense_is_told(server: ServerProcess, visit: Visit, token: str, nonsense: Any):
    (refused,) = visit(server, token).call("user_login", nonsense)
    assert refused["error"]["code"] == "bad_request"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("", 200),
        ("{}", 200),
        ('{"tokens": []}', 200),
        ('{"tokens": "1"}', 200),
        ("entityType=x", 200),
        ('{"tokens": [', 400),
        ('{"tokens": [null]}', 400),
        ('{"tokens": [true]}', 400),
        ('{"tokens": {}}', 400),
        ('{"tokens": ["' + "x" * 2000 + '"]}', 400),
        ('{"tokens": ["\\ud800"]}', 400),
        ('{"tokens": [' + "1" * 5000 + "]}", 400),
        ("{" * 100_000, 400),
        (b"tokens=%ff", 400),
        (b"\xff", 400),
        ("x" * 1_000_001, 413),
        (json.dumps({"tokens": list(range(10_001))}), 400),
        (json.dumps({"tokens": list(range(10_000))}), 200),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_a_body_that_is_none_is_told_why(server: ServerProcess, body: str | bytes, status: int):
    answer = ask(server.url, "/api", "POST", body)
    assert answer.status == status
    assert answer.json()["responseCode"] == (0 if status == 200 else status)


def test_what_is_served_beside_it(server: ServerProcess, node_packages: None):
    assert ask(server.url, "/api").text == "."
    assert "<title>Messages</title>" in ask(server.url, "/").text
    script = ask(server.url, "/socket.io/socket.io.js")
    assert script.headers["content-type"].startswith("text/javascript")
    assert script.text.strip() == CLIENT.read_text().rpartition("\n//# sourceMappingURL")[0].strip()
    assert ask(server.url, "/ws/socket.io/?EIO=3&transport=polling").status == 200


def test_pages_of_other_sites_neither_post_nor_listen(server: ServerProcess):
    assert post(server, {"tokens": ["1"]}, Origin="https://evil.example").status == 401
    assert post(server, {"tokens": ["1"]}, Origin=server.url).status == 200
    for origin, status in (("https://evil.example", 403), ("http://localhost:8000", 200)):
        assert ask(server.url, "/socket.io/?EIO=3&transport=polling", Origin=origin).status == status


def signed(token: str) -> str:
    return f"{token}.{hmac.new(KEY.encode(), token.encode(), sha256).hexdigest()}"


def test_with_a_key_back_ends_show_it_and_tokens_are_signed(locked: ServerProcess, visit: Visit, token: str):
    for wrong in ("", KEY, "Bearer", "Bearer wrong", f"Basic {KEY}", f"Bearer {KEY}x", "Bearer é"):
        assert post(locked, {"tokens": [token]}, Authorization=wrong).status == 401
    for forged in (token, f"{token}.", f"{token}.{'0' * 64}", signed(token + "0").replace(token + "0", token), signed(""), "é.é"):
        assert visit(locked, "").call("user_login", {"tokenId": forged})[0]["error"]["code"] == "forbidden"
    tab = visit(locked, signed(token))
    assert told(tab) == []
    assert post(locked, {"tokens": [token], "data": 1}, Authorization=f"Bearer {KEY}").text == OK
    assert told(tab) == [message("", 1)]

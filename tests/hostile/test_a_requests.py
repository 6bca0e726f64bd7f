"""A: requests that are not ones. The query is checked before anything is looked up."""

from __future__ import annotations

import secrets
from threading import Thread

import pytest

from hostile.bystander import Bystander
from hostile.conftest import CONNECT_TIMEOUT_S, CONNECTIONS_PER_USER, PENDING_PER_CLIENT
from hostile.wire import ENDPOINT, Answer, Line, PollingClient, fetch, goodbye
from support.raw import RawClient
from support.servers import ServerProcess, wait_for

UNKNOWN_TRANSPORT, UNKNOWN_SID, BAD_METHOD, BAD_REQUEST, FORBIDDEN, UNSUPPORTED_VERSION = range(6)


@pytest.mark.parametrize("query", ["EIO=3", "EIO=5", "", "EIO=3&EIO=4", "EIO=%EF%BC%94", "EIO=4%00", "eio=4"])
def test_h01_other_revisions(server: ServerProcess, bystander: Bystander, query: str) -> None:
    answer = fetch(server, f"{ENDPOINT}?{query}&transport=polling")
    assert (answer.status, answer.code) == (400, UNSUPPORTED_VERSION)


def test_h01_of_a_repeated_parameter_the_first_counts(server: ServerProcess, bystander: Bystander) -> None:
    answer = fetch(server, f"{ENDPOINT}?EIO=4&EIO=3&transport=polling&transport=abc")
    assert answer.status == 200
    goodbye(server, answer)


@pytest.mark.parametrize(
    "transport",
    ["", "&transport=", "&transport=abc", "&transport=__proto__", "&transport=constructor", "&transport=webtransport"],
)
def test_h02_unknown_transports(server: ServerProcess, bystander: Bystander, transport: str) -> None:
    answer = fetch(server, f"{ENDPOINT}?EIO=4{transport}")
    assert (answer.status, answer.code) == (400, UNKNOWN_TRANSPORT)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "POST", "HEAD"])
def test_h03_bad_handshake_methods(server: ServerProcess, bystander: Bystander, method: str) -> None:
    answer = fetch(server, f"{ENDPOINT}?EIO=4&transport=polling", method)
    assert answer.status == 400
    assert answer.code == BAD_METHOD or method == "HEAD"


def test_h03_bad_methods_of_a_session(server: ServerProcess, bystander: Bystander) -> None:
    client = bystander.attacking_poll()
    assert fetch(server, client.target, "DELETE").code == BAD_METHOD
    assert client.post("1").status == 200


@pytest.mark.parametrize(
    "sid",
    ["x", "", "__proto__", "a" * 3000, "a" * 7000, "a%0d%0ab", "a%00b", "%f0%9f%98%80", "..%2f..%2f", "a" * 64, "%"],
    ids=["short", "empty", "proto", "long", "longer", "newline", "nul", "emoji", "path", "longest", "percent"],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_h04_unknown_sids(server: ServerProcess, bystander: Bystander, sid: str, method: str) -> None:
    answer = fetch(server, f"{ENDPOINT}?EIO=4&transport=polling&sid={sid}", method)
    assert (answer.status, answer.body) == (400, b'{"code":1,"message":"Session ID unknown"}')


def test_h04_a_sid_of_100_kb(server: ServerProcess, bystander: Bystander) -> None:
    """Ours looks at no URL of that length (H21); of other servers some do."""
    answer = fetch(server, f"{ENDPOINT}?EIO=4&transport=polling&sid={'a' * 100_000}")
    assert answer.status in (400, 414)
    assert answer.code in (UNKNOWN_SID, None)


def test_h05_guessed_sids(server: ServerProcess, bystander: Bystander) -> None:
    client = PollingClient(server)
    answers = set()
    for _ in range(50):  # more of them: tests/hostile/test_a_rates.py
        client.sid = secrets.token_urlsafe(15)
        answer = client.get()
        answers.add((answer.status, answer.body))
    assert answers == {(400, b'{"code":1,"message":"Session ID unknown"}')}  # nothing to learn from
    clients = [PollingClient(server).handshake() for _ in range(10)]
    assert len({client.sid for client in clients}) == 10
    assert all(len(client.sid) >= 20 for client in clients)  # 120 bits in base64
    assert all(client.post("1").status == 200 for client in clients)


CHOSEN = "chosen-by-the-client"


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("&x=" + CHOSEN, {}),
        ("&SID=" + CHOSEN, {}),
        ("&session_id=" + CHOSEN, {}),
        ("", {"Cookie": f"io={CHOSEN}; sid={CHOSEN}", "Sec-Fetch-Site": "same-origin"}),
        ("", {"Sid": CHOSEN}),
    ],
    ids=["query", "capitals", "other-name", "cookie", "header"],
)
def test_h06_a_sid_that_comes_with_a_handshake(
    server: ServerProcess, bystander: Bystander, query: str, headers: dict[str, str]
) -> None:
    """It is ignored: the server makes its own. A handshake is a request without the parameter `sid`; one with it is H04's."""
    clients = [PollingClient(server, query, **headers).handshake() for _ in range(2)]
    with RawClient(server.url, query=f"EIO=4&transport=websocket{query}", additional_headers=headers).handshake() as socket:
        sids = {CHOSEN, socket.open["sid"], *(client.sid for client in clients)}
    assert len(sids) == 4
    assert all(client.post("1").status == 200 for client in clients)


def test_h06_a_sid_that_comes_with_a_connect(server: ServerProcess, bystander: Bystander) -> None:
    """What a client says of itself neither chooses the sid of its connection nor brings back another's."""
    auth = {"visitor": "attacker-0001", "sid": CHOSEN, "pid": CHOSEN, "offset": "0"}
    with RawClient(server.url).handshake() as first, RawClient(server.url).handshake() as second:
        sids = {sid for client in (first, second) for sid in (client.open["sid"], client.join(auth).sid)}
    assert len(sids | {CHOSEN}) == 5


def test_h06_a_sid_of_the_client_begins_nothing(server: ServerProcess, bystander: Bystander) -> None:
    client = PollingClient(server)
    client.sid = CHOSEN
    for _ in range(2):
        assert (client.get().code, client.post("40").code) == (UNKNOWN_SID, UNKNOWN_SID)


def test_h07_a_sid_with_other_credentials(server: ServerProcess, bystander: Bystander) -> None:
    victim = PollingClient(server, Authorization="Bearer of-the-victim").handshake()
    thief = PollingClient(server, Authorization="Bearer of-the-thief")
    nobody = PollingClient(server)
    thief.sid = nobody.sid = victim.sid
    for stranger in (thief, nobody):
        assert (stranger.get().code, stranger.post("1").code) == (UNKNOWN_SID, UNKNOWN_SID)
    assert victim.post("1").status == 200


def test_h08_the_sid_of_a_websocket_used_with_polling(server: ServerProcess, bystander: Bystander) -> None:
    with RawClient(server.url).handshake().join({"visitor": "attacker-0001"}) as client:
        poll = PollingClient(server)
        poll.sid = client.open["sid"]
        assert poll.get().code == BAD_REQUEST
        assert poll.post("1").code == BAD_REQUEST
        assert client.call("room:watch", {"rooms": []})["ok"]


def test_h09_a_binary_body_is_not_read(server: ServerProcess, bystander: Bystander) -> None:
    client = bystander.attacking_poll()
    head = "Content-Type: application/octet-stream\r\nContent-Length: 1000\r\n"
    answer = fetch(server, client.target, "POST", head)  # the body never comes, and the answer does
    assert (answer.status, answer.code, answer.headers.get("connection")) == (400, BAD_REQUEST, "close")
    assert client.get().code == UNKNOWN_SID


def test_h15_two_polls_at_once(server: ServerProcess, bystander: Bystander) -> None:
    client = bystander.attacking_poll()
    first: list[Answer] = []
    thread = Thread(target=lambda: first.append(client.get()))
    thread.start()
    second = PollingClient(server)
    second.sid = client.sid
    # The first poll may arrive after the second, so both ends of the pair are looked at together.
    answers = [second.get()]
    thread.join(10)
    assert sorted((answer.status, answer.code, answer.body[:1]) for answer in answers + first) == [
        (200, None, b"1"),
        (400, BAD_REQUEST, b"{"),
    ]
    assert second.get().code == UNKNOWN_SID


def test_h16_two_posts_at_once(server: ServerProcess, bystander: Bystander) -> None:
    client = bystander.attacking_poll()
    with Line(server) as slow:
        slow.request(f"POST {client.target}", "Content-Length: 100\r\n", b"4")
        answer = wait_for(lambda: (answer := client.post("3")).status == 400 and answer, what="the first POST to have begun")
        assert answer.code == BAD_REQUEST
        assert client.get().code == UNKNOWN_SID


def test_h17_polls_that_are_given_up(server: ServerProcess, bystander: Bystander) -> None:
    """What an abandoned poll would have carried is lost, so the session is over: the client resyncs."""
    for _ in range(5):
        client = bystander.attacking_poll()
        client._line.request("GET", client.target)
        client.close()
        wait_for(lambda client=client: client.get().code == UNKNOWN_SID, what="the end of the session")
        bystander.assert_undisturbed()


def test_h18_handshakes_without_polls(server: ServerProcess, bystander: Bystander) -> None:
    answers = [fetch(server, f"{ENDPOINT}?EIO=4&transport=polling") for _ in range(PENDING_PER_CLIENT + 5)]
    assert [answer.status for answer in answers] == [200] * PENDING_PER_CLIENT + [429] * 5
    assert answers[-1].headers["retry-after"]
    # They are gone when their time is over: the bystander's baseline says so; the next one is let in again.
    wait_for(lambda: fetch(server, f"{ENDPOINT}?EIO=4&transport=polling").status == 200, CONNECT_TIMEOUT_S + 2)


def test_h19_a_websocket_that_never_connects(server: ServerProcess, bystander: Bystander) -> None:
    with RawClient(server.url).handshake() as client:
        assert client.closed(CONNECT_TIMEOUT_S + 2) == (4408, "")


def test_h20_connections_of_one_user_without_end(server: ServerProcess, bystander: Bystander) -> None:
    """Refused, so that a good client stays away: it would be answered alike. For those of one address see test_a_rates.py."""
    clients = [RawClient(server.url).handshake().join({"visitor": "attacker-0001"}) for _ in range(CONNECTIONS_PER_USER)]
    with RawClient(server.url).handshake() as one_more:
        one_more.send('40{"visitor":"attacker-0001"}')
        answer = one_more.receive()
        assert answer.startswith("44{")
        assert '"code":"limit"' in answer
        assert one_more.closed() == (4429, ""), "who is refused and stays is closed"
    for client in clients:
        client.socket.close()


@pytest.mark.parametrize("query", ["j=0", "j=", "j=1&callback=x"])
def test_h27_jsonp(server: ServerProcess, bystander: Bystander, query: str) -> None:
    answer = fetch(server, f"{ENDPOINT}?EIO=4&transport=polling&{query}")
    assert (answer.status, answer.code) == (400, BAD_REQUEST)

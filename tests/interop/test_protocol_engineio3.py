"""Engine.IO 3 on both endpoints of the conformance application.

The behaviours are those of the official suite (socketio/socket.io, docs/engine.io-protocol/v3-test-suite) and of the documents of
Engine.IO 3 and Socket.IO 4; the tests are our own.
"""

from __future__ import annotations

import json
import threading

import pytest

from interop.protocol import ENGINE, PING_INTERVAL_S, PING_TIMEOUT_S, SOCKET, Endpoint
from support.old import BINARY_TYPE, QUERY, OldPolls
from support.raw import RawClient
from support.servers import wait_for

HANDSHAKE = {"pingInterval": round(PING_INTERVAL_S * 1000), "pingTimeout": round(PING_TIMEOUT_S * 1000), "maxPayload": 1_000_000}
BASE64 = "&b64=1"
UNKNOWN_SID, BAD_REQUEST = 1, 3


@pytest.fixture
def engine(conformance: str) -> Endpoint:
    return Endpoint(conformance, ENGINE)


@pytest.fixture
def sockets(conformance: str) -> Endpoint:
    return Endpoint(conformance, SOCKET)


def websocket(endpoint: Endpoint, query: str = QUERY) -> RawClient:
    return RawClient(endpoint.url, endpoint.path, query)


# -- Engine.IO ---------------------------------------------------------------------------------------------------------


def test_a_poll_opens_a_session_that_can_be_upgraded(engine: Endpoint):
    session = OldPolls(engine.url, engine.path)
    assert session.open == {**HANDSHAKE, "upgrades": ["websocket"], "sid": session.sid}
    assert session.first == [f"0{json.dumps(session.open, separators=(',', ':'))}"]


def test_a_websocket_opens_a_session_that_stays_on_it(engine: Endpoint):
    with websocket(engine).handshake() as client:
        assert client.open == {**HANDSHAKE, "upgrades": [], "sid": client.open["sid"]}


@pytest.mark.parametrize(
    ("query", "sent", "body", "kind"),
    [
        (BASE64, b"6:4hello", b"6:4hello", "text/plain; charset=UTF-8"),
        ("", b"6:4hello", b"6:4hello", "text/plain; charset=UTF-8"),
        (BASE64, b"6:4test16:4test26:4test3", b"6:4test16:4test26:4test3", "text/plain; charset=UTF-8"),
        (BASE64, "6:4hello2:4€3:4👋".encode(), "6:4hello2:4€3:4👋".encode(), "text/plain; charset=UTF-8"),
        (BASE64, b"6:4hello10:b4AQIDBA==", b"6:4hello10:b4AQIDBA==", "text/plain; charset=UTF-8"),
        ("", b"6:4hello10:b4AQIDBA==", b"\x00\x06\xff4hello\x01\x05\xff\x04\x01\x02\x03\x04", BINARY_TYPE),
        ("", "2:4€".encode(), b"\x00\x04\xff4\xe2\x82\xac", BINARY_TYPE),
    ],
)
def test_a_payload_comes_back_in_the_form_that_the_client_takes(
    engine: Endpoint, query: str, sent: bytes, body: bytes, kind: str
):
    session = OldPolls(engine.url, engine.path, query)
    assert session.post(sent).body == b"ok"
    answer = session.get()
    assert (answer.body, answer.type) == (body, kind)


def test_a_payload_of_bytes_is_read(engine: Endpoint):
    session = OldPolls(engine.url, engine.path)
    body = b"\x00\x06\xff4hello\x01\x05\xff\x04\x01\x02\x03\x04"
    assert session.post(body, BINARY_TYPE).body == b"ok"
    assert session.get().packets == ["4hello", b"\x04\x01\x02\x03\x04"]


def test_a_payload_that_is_none_ends_the_session(engine: Endpoint):
    session = OldPolls(engine.url, engine.path)
    assert session.post(b"abc").status == 400
    assert session.get().code == UNKNOWN_SID


def test_messages_come_back_over_a_websocket(engine: Endpoint):
    with websocket(engine).handshake() as client:
        for message in ("4hello", "4é ✓ 👋", b"\x04\x01\x02\x03\x04", b"\x04", b"\x04" + b"x" * 20_000):
            client.send(message)
            assert client.receive() == message


def test_bytes_come_back_in_base64_over_a_websocket_that_takes_none(engine: Endpoint):
    with websocket(engine, QUERY + BASE64).handshake() as client:
        client.send("b4AQIDBA==")
        assert client.receive() == "b4AQIDBA=="


def test_a_client_that_pings_stays(engine: Endpoint):
    session = OldPolls(engine.url, engine.path)
    with websocket(engine).handshake() as client:
        for ping, pong in (("2", "3"), ("2probe", "3probe"), ("2", "3")):
            client.send(ping)
            assert client.receive(pings=True) == pong
            assert session.send(ping).body == b"ok"
            assert session.get().packets == [pong]


def test_a_client_that_does_not_ping_is_gone(engine: Endpoint):
    session = OldPolls(engine.url, engine.path)
    with websocket(engine).handshake() as client:
        assert client.closed() == (4408, "")
    wait_for(lambda: session.send("2").status == 400 or None, PING_INTERVAL_S + PING_TIMEOUT_S + 1)
    assert session.get().code == UNKNOWN_SID


def test_a_client_may_close(engine: Endpoint):
    with websocket(engine).handshake() as client:
        client.send("1")
        assert client.closed()[0] in (1000, 1005)
    session = OldPolls(engine.url, engine.path)
    answers = []
    poll = threading.Thread(target=lambda: answers.append(session.get()))
    poll.start()
    assert session.send("1").body == b"ok"
    poll.join(10)
    # The poll may have come after the close.
    assert answers[0].code == UNKNOWN_SID or answers[0].packets == ["6"]
    assert session.get().code == UNKNOWN_SID


def test_a_session_moves_to_a_websocket(engine: Endpoint):
    session = OldPolls(engine.url, engine.path, BASE64)
    with websocket(engine, session.upgrade_query) as client:
        client.send("2probe")
        assert client.receive() == "3probe"
        assert session.get().packets == ["6"]
        client.send("5")
        client.send(b"\x04\x01")
        assert client.receive() == b"\x04\x01", "each transport says for itself what it takes"
        assert session.get().code == BAD_REQUEST
        with websocket(engine, session.upgrade_query) as late:
            assert late.closed() == (4400, "")
        client.send("4hello")
        assert client.receive() == "4hello"


def test_a_session_is_of_one_revision(engine: Endpoint):
    session = OldPolls(engine.url, engine.path)
    assert session.get(EIO="4").code == BAD_REQUEST
    assert session.post(b"4hello", EIO="4").code == BAD_REQUEST
    assert session.send("4hello").body == b"ok"
    assert session.get().packets == ["4hello"]


# -- Socket.IO ---------------------------------------------------------------------------------------------------------


def test_the_main_namespace_is_joined_unasked_and_at_once(sockets: Endpoint):
    session = OldPolls(sockets.url, sockets.path)
    assert session.first[1] == "40"
    with websocket(sockets).handshake() as client:
        assert client.receive() == "40"
        assert client.receive() == '42["auth",{}]'
        client.send('427["message-with-ack",1,"2"]')
        assert client.receive() == '437[1,"2"]'


def test_another_namespace_is_asked_for_with_a_query(sockets: Endpoint):
    with websocket(sockets).handshake() as client:
        client.send("40/custom?token=1234&uid=abcd,")
        seen = {client.receive() for _ in range(4)}
        assert seen == {"40", '42["auth",{}]', "40/custom,", '42/custom,["auth",{"token":"1234","uid":"abcd"}]'}
        client.send('42/custom,1["message-with-ack"]')
        assert client.receive() == "43/custom,1[]"
        client.send("41/custom,")
        client.send('42["message","still here"]')
        assert client.receive() == '42["message-back","still here"]'


def test_a_refusal_is_a_sentence(sockets: Endpoint):
    with websocket(sockets).handshake() as client:
        assert client.receive() == "40"
        client.send("40/random,")
        assert {client.receive() for _ in range(2)} == {'42["auth",{}]', '44/random,"Invalid namespace"'}


def test_attachments_travel_with_their_type(sockets: Endpoint):
    with websocket(sockets).handshake() as client:
        assert [client.receive() for _ in range(2)] == ["40", '42["auth",{}]']
        client.send('452-5["message-with-ack",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]')
        client.send(b"\x04\x01")
        client.send(b"\x04\x02")
        assert client.receive() == '462-5[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]'
        assert [client.receive() for _ in range(2)] == [b"\x04\x02", b"\x04\x01"]

"""Engine.IO 4: messages, which an endpoint without Socket.IO sends back as they came."""

from __future__ import annotations

import pytest

from interop.protocol import ENGINE, Endpoint
from support.polls import PollSession
from support.raw import RawClient

RECORDS = {
    "one text": "4hello",
    "several texts": "4one\x1e4two\x1e4three",
    "text and bytes": "4hello\x1ebAQIDBA==",
    "text of every plane": "4é ✓ 👋",
}


@pytest.fixture
def engine(conformance: str) -> Endpoint:
    return Endpoint(conformance, ENGINE)


@pytest.mark.parametrize("payload", RECORDS.values(), ids=RECORDS)
def test_a_payload_of_packets_comes_back(engine: Endpoint, payload: str):
    session = PollSession(engine.url, engine.path)
    assert session.post(payload.encode()).text == "ok"
    assert session.get().text == payload


def test_a_payload_that_is_no_packet_ends_the_session(engine: Endpoint):
    session = PollSession(engine.url, engine.path)
    assert session.post("abc").status == 400
    assert session.get().status == 400


def test_a_text_comes_back_over_a_websocket(engine: Endpoint):
    with RawClient(engine.url, engine.path).handshake() as client:
        client.send("4hello")
        assert client.receive() == "4hello"


def test_bytes_come_back_over_a_websocket(engine: Endpoint):
    with RawClient(engine.url, engine.path).handshake() as client:
        client.send(b"\x01\x02\x03\x04")
        assert client.receive() == b"\x01\x02\x03\x04"


def test_a_frame_that_is_no_packet_ends_the_session(engine: Endpoint):
    with RawClient(engine.url, engine.path).handshake() as client:
        client.send("abc")
        assert client.closed() == (4400, "")

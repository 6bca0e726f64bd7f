"""Socket.IO 5: namespaces, events, acknowledgements and attachments, packet by packet."""

from __future__ import annotations

import json

import pytest

from interop.protocol import PING_TIMEOUT_S, SOCKET
from support.raw import RawClient

TWO_PLACES = '[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]'


@pytest.fixture
def client(conformance: str):
    """A client that has connected no namespace yet."""
    with RawClient(conformance, SOCKET).handshake() as raw:
        yield raw


@pytest.fixture
def joined(client: RawClient) -> RawClient:
    """A client in the main namespace."""
    client.join()
    assert client.receive() == '42["auth",{}]'
    return client


# -- Connecting --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("auth", ["", '{"token":"123"}'], ids=["without auth", "with auth"])
@pytest.mark.parametrize("namespace", ["", "/custom,"], ids=["main", "custom"])
def test_a_namespace_is_joined(client: RawClient, namespace: str, auth: str):
    client.send(f"40{namespace}{auth}")
    answer = client.receive()
    assert answer.startswith(f"40{namespace}{{")
    assert list(json.loads(answer.removeprefix(f"40{namespace}"))) == ["sid"]
    assert client.receive() == f'42{namespace}["auth",{auth or "{}"}]'


def test_an_unknown_namespace_is_refused_and_the_client_stays(client: RawClient):
    client.send("40/random")
    assert client.receive() == '44/random,{"message":"Invalid namespace"}'
    client.join()


def test_who_sends_nonsense_before_joining_is_closed(client: RawClient):
    client.send("4abc")
    assert client.closed() == (4400, "")


def test_who_joins_nothing_and_answers_nothing_is_closed(client: RawClient):
    assert client.receive(pings=True) == "2"
    assert client.closed(timeout_s=PING_TIMEOUT_S * 10) == (4408, "")


# -- Leaving -----------------------------------------------------------------------------------------------------------


def test_who_leaves_the_main_namespace_keeps_the_transport(joined: RawClient):
    joined.send("41")
    assert joined.receive(pings=True) == "2"


def test_who_leaves_one_namespace_is_heard_in_the_other(joined: RawClient):
    joined.join(namespace="/custom")
    assert joined.receive() == '42/custom,["auth",{}]'
    joined.send("41/custom")
    joined.send('42["message","to the main namespace"]')
    assert joined.receive() == '42["message-back","to the main namespace"]'


# -- Events ------------------------------------------------------------------------------------------------------------


def test_an_event_comes_back(joined: RawClient):
    joined.send('42["message",1,"2",{"3":[true]}]')
    assert joined.receive() == '42["message-back",1,"2",{"3":[true]}]'


def test_an_event_is_acknowledged_by_its_id(joined: RawClient):
    joined.send('42456["message-with-ack",1,"2",{"3":[false]}]')
    assert joined.receive() == '43456[1,"2",{"3":[false]}]'


def test_attachments_come_back_in_their_order(joined: RawClient):
    joined.send(f'452-["message",{TWO_PLACES[1:]}')
    joined.send(b"\x01\x02\x03")
    joined.send(b"\x04\x05\x06")
    assert [joined.receive() for _ in range(3)] == [f'452-["message-back",{TWO_PLACES[1:]}', b"\x01\x02\x03", b"\x04\x05\x06"]


def test_an_event_with_attachments_is_acknowledged_with_attachments(joined: RawClient):
    joined.send(f'452-789["message-with-ack",{TWO_PLACES[1:]}')
    joined.send(b"\x01\x02\x03")
    joined.send(b"\x04\x05\x06")
    assert [joined.receive() for _ in range(3)] == [f"462-789{TWO_PLACES}", b"\x01\x02\x03", b"\x04\x05\x06"]


WRONG = {
    "an unknown packet type": "4abc",
    "an event that is no array": "42{}",
    "an ack id that is no number": '42abc["message-with-ack",1]',
}


@pytest.mark.parametrize("packet", WRONG.values(), ids=WRONG)
def test_a_packet_that_is_not_the_protocol_closes_the_connection(joined: RawClient, packet: str):
    joined.send(packet)
    assert joined.closed() == (4400, "")

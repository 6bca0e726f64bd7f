"""D: CONNECT and DISCONNECT, and what is in a namespace before and after."""

from __future__ import annotations

import json

import pytest

from hostile.bystander import Bystander
from hostile.marks import apps
from support.raw import RawClient
from support.servers import ServerProcess


@pytest.mark.parametrize("packet", ["47", "48", "49", "4", "4x", "4 0", "4\x000", "4{}", "4٠", "4" + "\x01" * 1000])
def test_h55_unknown_socket_io_packets(bystander: Bystander, packet: str) -> None:
    with bystander.attacker() as client:
        client.send(packet)
        assert client.closed() == (4400, "")


@pytest.mark.parametrize("packet", ['42["x"]', '42["room:enter",{"room":"/attacked"}]', "430[]", "41", '451-["x"]', "461-0[]"])
@pytest.mark.parametrize("namespace", ["", "/second,"])
def test_h56_events_before_connect(server: ServerProcess, bystander: Bystander, packet: str, namespace: str) -> None:
    head = 4 if packet[1] in "56" else 2
    with RawClient(server.url).handshake() as client:
        client.send(packet[:head] + namespace + packet[head:])
        assert client.closed() == (4400, "")


def test_h56_events_in_a_namespace_that_is_not_connected(bystander: Bystander) -> None:
    with bystander.attacker() as client:
        client.send('42/second,["x"]')
        assert client.closed() == (4400, "")


@pytest.mark.parametrize("packet", ["40", "40{}", '40{"visitor":"somebody-else-0001"}', "40/,"])
def test_h57_a_second_connect(bystander: Bystander, packet: str) -> None:
    with bystander.attacker() as client:
        client.send(packet)
        assert client.closed() == (4400, "")


@apps
def test_h57_a_second_connect_beside_another_namespace(bystander: Bystander) -> None:
    with bystander.attacker() as client:
        client.join({"visitor": "attacker-0001"}, "/second")
        client.send("40/second,")
        assert client.closed() == (4400, "")


NAMESPACES = [
    "/x",
    "/x?token=1",
    "/__proto__",
    "/constructor",
    "/a\r\nb",
    "/\x00",
    "/٣",
    "//",
    "/SECOND",
    "/second/",
    "/" + "x" * 127,
]


@pytest.mark.parametrize("namespace", NAMESPACES)
@pytest.mark.parametrize("rest", [",", ",{}", ""], ids=["comma", "auth", "no-comma"])
def test_h58_h59_unknown_namespaces(server: ServerProcess, bystander: Bystander, namespace: str, rest: str) -> None:
    with RawClient(server.url).handshake() as client:
        client.send(f"40{namespace}{rest}")
        assert client.receive() == f'44{namespace},{{"message":"Invalid namespace"}}'
        client.send('40{"visitor":"attacker-0001"}')  # a client may ask for more than one
        assert client.receive().startswith("40{")


def test_h58_one_unknown_namespace_after_the_other(bystander: Bystander) -> None:
    with bystander.attacker() as client:
        for number in range(6):
            client.send(f"40/unknown-{number},")
        code, seen = client.closed()
        assert (code, seen.count('{"message":"Invalid namespace"}')) == (4429, 5)


@pytest.mark.parametrize("namespace", ["/" + "x" * 128, "/" + "x" * 100_000, "/" + "é" * 64])
def test_h59_namespaces_that_are_too_long(bystander: Bystander, namespace: str) -> None:
    with bystander.attacker() as client:
        client.send(f"40{namespace},")
        assert client.closed() == (4400, "")


@pytest.mark.parametrize("packet", ["44", '44{"message":"x"}', "44/second,", '44"x"'])
def test_h60_connect_errors_of_a_client(bystander: Bystander, packet: str) -> None:
    with bystander.attacker() as client:
        client.send(packet)
        assert client.closed() == (4400, "")


INVALID_AUTH = {
    "array": "[]",
    "string": '"token"',
    "null": "null",
    "garbage": "{token:1}",
    "rest": "{}x",
    "nan": '{"visitor":NaN}',
    "duplicate": '{"visitor":"attacker-0001","visitor":"bystander-0001"}',
    "nested-duplicate": '{"a":{"b":1,"b":2}}',
    "100-kb": json.dumps({"visitor": "x" * 100_000}),
    "10k-keys": json.dumps({str(number): 1 for number in range(10_000)}),
    "33-keys": json.dumps({str(number): 1 for number in range(33)}),
    "deep": '{"a":' + "[" * 100 + "]" * 100 + "}",
    "very-deep": '{"a":' + "[" * 3000 + "]" * 3000 + "}",
    "surrogate": '{"visitor":"\\ud800attacker-0001"}',
    "long-number": '{"a":' + "1" * 5000 + "}",
}


@pytest.mark.parametrize("auth", list(INVALID_AUTH))
def test_h61_auth_that_is_none(server: ServerProcess, bystander: Bystander, auth: str) -> None:
    with RawClient(server.url).handshake() as client:
        client.send("40" + INVALID_AUTH[auth])
        answer = client.receive()
        assert answer.startswith('44{"message":"Invalid auth')
        assert len(answer) < 200


@pytest.mark.parametrize(
    "visitor", ["short", "x" * 65, "attacker 0001", "attacker-0001\n", "../attacker", "٣" * 8, 1, None, True, ["x"], {}]
)
def test_h61_visitors_that_are_none(server: ServerProcess, bystander: Bystander, visitor: object) -> None:
    with RawClient(server.url).handshake() as client:
        client.send("40" + json.dumps({"visitor": visitor}))
        answer = client.receive()
        assert answer.startswith("44{" if visitor is not None else "40{")


def test_h61_auth_that_is_larger_than_any_message(server: ServerProcess, bystander: Bystander) -> None:
    with RawClient(server.url).handshake() as client:
        client.send("40" + json.dumps({"visitor": "x" * 1_000_000}))
        assert client.closed()[0] == 1009


@pytest.mark.parametrize("packet", ["41", "41/,", "41/second,"])
def test_h80_a_second_disconnect(bystander: Bystander, packet: str) -> None:
    with bystander.attacker() as client:
        client.send("41")
        client.send(packet)
        assert client.closed() == (4400, "")


@pytest.mark.parametrize("packet", ["41/second,", "41/unknown,", "41{}", "410", '41"x"'])
def test_h80_a_disconnect_of_something_else(bystander: Bystander, packet: str) -> None:
    with bystander.attacker() as client:
        client.send(packet)
        assert client.closed() == (4400, "")


def test_h80_back_after_a_disconnect(bystander: Bystander) -> None:
    with bystander.attacker() as client:
        client.send("41")
        client.join({"visitor": "attacker-0001"})
        assert client.call("room:watch", {"rooms": []})["ok"]
        assert client.call("room:update", {"room": "/attacked", "state": {}})["error"]["code"] == "not_in_room"
        client.send("1")
        assert client.closed() == (1000, "")

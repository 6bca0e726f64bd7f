"""D: binary events, whose parts do not fit together."""

from __future__ import annotations

import json

import pytest

from hostile.bystander import Bystander
from hostile.conftest import CONNECT_TIMEOUT_S
from hostile.marks import apps
from support.raw import RawClient

MAX_PAYLOAD_BYTES = 1_000_000


def _placeholder(num: object) -> str:
    return json.dumps({"_placeholder": True, "num": num})


@pytest.mark.parametrize(
    "head",
    [
        "50-",
        "5-",
        "5x-",
        "5",
        "51",
        "5999999999-",
        "511-",
        "501-",
        "5-1-",
        "5٣-",
        "51.0-",
        "5+1-",
        "5 1-",
        "5" + "1" * 5000 + "-",
        "61",
        "60-",
    ],
)
def test_h73_numbers_of_attachments(bystander: Bystander, head: str) -> None:
    with bystander.attacker() as client:
        client.send(f'4{head}["x",{_placeholder(0)}]')
        assert client.closed() == (4400, "")


@pytest.mark.parametrize(("announced", "sent"), [(3, 0), (3, 2), (1, 0)])
def test_h74_attachments_that_do_not_come(bystander: Bystander, announced: int, sent: int) -> None:
    with bystander.attacker() as client:
        client.send(f'45{announced}-7["x",{",".join(_placeholder(number) for number in range(announced))}]')
        for _ in range(sent):
            client.send(b"x")
        assert client.closed(CONNECT_TIMEOUT_S + 5) == (4400, "")


def test_h74_attachments_that_are_too_large_together(bystander: Bystander) -> None:
    with bystander.attacker() as client:
        client.send(f'4510-["x",{",".join(map(_placeholder, range(10)))}]')
        for _ in range(2):
            client.send(b"x" * (MAX_PAYLOAD_BYTES // 2 + 1))
        assert client.closed() == (1009, "")


@pytest.mark.parametrize("packet", ['42["x"]', "41", '451-["x"]', "40/second,", "4"])
def test_h75_text_between_attachments(bystander: Bystander, packet: str) -> None:
    with bystander.attacker() as client:
        client.send(f'452-["x",{_placeholder(0)},{_placeholder(1)}]')
        client.send(b"x")
        client.send(packet)
        assert client.closed() == (4400, "")


def test_h75_heartbeats_between_attachments(bystander: Bystander) -> None:
    with bystander.attacker() as client:
        client.send(f'451-7["unknown",{_placeholder(0)}]')
        client.send("3")
        client.send(b"x")
        assert "unknown_event" in client.receive()


@pytest.mark.parametrize("data", [b"", b"x", b"42[]"])
def test_h76_attachments_without_a_header(bystander: Bystander, data: bytes) -> None:
    with bystander.attacker() as client:
        client.send(data)
        assert client.closed() == (4400, "")


def test_h76_one_attachment_too_many(bystander: Bystander) -> None:
    with bystander.attacker() as client:
        client.send(f'451-["unknown",{_placeholder(0)}]')
        client.send(b"x")
        client.send(b"x")
        assert client.closed() == (4400, "")


BAD_PLACEHOLDERS = [
    *(_placeholder(num) for num in (-1, 0.5, 0.0, "0", True, False, None, [0], {}, 1, 10**9, 10**30)),
    '{"_placeholder":true}',
    '{"_placeholder":true,"num":0e0}',
    '{"_placeholder":1,"num":0}',
    '{"_placeholder":"true","num":0}',
    "0",
    '{"_placeholder":true,"num":NaN}',
]


@pytest.mark.parametrize("placeholder", BAD_PLACEHOLDERS)
@pytest.mark.parametrize("head", ["451-", "451-7", "461-1"], ids=["event", "event-with-ack", "ack"])
def test_h77_placeholders_that_are_none(bystander: Bystander, placeholder: str, head: str) -> None:
    name = "" if head.startswith("46") else '"unknown",'
    with bystander.attacker() as client:
        client.send(f"{head}[{name}{placeholder}]")
        client.send(b"x")
        assert client.closed() == (4400, "")


@pytest.mark.parametrize("times", [2, 30_000])
def test_h78_one_attachment_in_many_places(bystander: Bystander, times: int) -> None:
    with bystander.attacker() as client:
        client.send(f'451-["unknown",{",".join([_placeholder(0)] * times)}]')
        client.send(b"x" * 1000)
        assert client.closed() == (4400, "")


@pytest.mark.parametrize(
    "payload",
    ["", "{}", "[]", "[1]", '["x"', '"x"', '[{"_placeholder":true,"num":0}]', '["\\u0000",{"_placeholder":true,"num":0}]'],
)
def test_h77_binary_payloads_that_are_no_events(bystander: Bystander, payload: str) -> None:
    with bystander.attacker() as client:
        client.send("451-" + payload)
        client.send(b"x")
        assert client.closed() == (4400, "")


def test_h77_a_deep_placeholder(bystander: Bystander) -> None:
    with bystander.attacker() as client:
        client.send(f'451-["unknown",{"[" * 100}{_placeholder(0)}{"]" * 100}]')
        client.send(b"x")
        assert client.closed() == (4400, "")


def _echo(client: RawClient, packet: str, *attachments: bytes) -> list[str | bytes]:
    client.send(packet)
    for attachment in attachments:
        client.send(attachment)
    answer = client.receive()
    return [answer, *(client.receive() for _ in range(int(answer[2]) if answer[1] == "6" else 0))]


@apps
def test_h73_to_h79_what_is_allowed(bystander: Bystander) -> None:
    with bystander.attacker() as client:
        event = f'452-7["echo",{{"b":{_placeholder(1)}}},{_placeholder(0)}]'
        answer = '462-7[{"b":{"_placeholder":true,"num":0}},{"_placeholder":true,"num":1}]'
        assert _echo(client, event, b"first", b"second") == [answer, b"second", b"first"]

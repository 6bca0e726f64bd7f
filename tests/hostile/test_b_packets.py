"""B: Engine.IO packets that a client may not send, or not now, or not so many of."""

from __future__ import annotations

import base64

import pytest

from hostile.bystander import Bystander, closed_with
from hostile.marks import native
from hostile.wire import BINARY, TEXT, PollingClient, frame
from support.servers import ServerProcess

UNKNOWN_SID = 1
PACKET_BURST = 200
MAX_PAYLOAD_BYTES = 1_000_000


@pytest.mark.parametrize("packet", ["7", "8", "9", "x", "", "\x1e", "٣", "\x00", "7" * 100_000])
def test_h31_unknown_engine_packets(bystander: Bystander, packet: str) -> None:
    with bystander.attacker() as client:
        client.send(packet)
        assert client.closed() == (4400, "")


@pytest.mark.parametrize("payload", ["7", "x", "", "\x1e", "\x1e\x1e", "3\x1e", "\x1e3", "b", "4\x1ex"])
def test_h31_unknown_engine_packets_on_polling(bystander: Bystander, payload: str) -> None:
    client = bystander.attacking_poll()
    assert client.post(payload).status == 400
    assert client.get().code == UNKNOWN_SID


@pytest.mark.parametrize("payload", ["7", "", "2", "bAAAA", "44", "42[]"])
def test_h31_to_h62_what_a_waiting_poll_is_told(server: ServerProcess, bystander: Bystander, payload: str) -> None:
    """Polling has no close codes: the close packet, at which a client comes back."""
    client = bystander.attacking_poll()
    other = PollingClient(server)
    other.sid = client.sid
    client._line.request("GET", client.target)
    server.get("/livez")  # behind it: by then the poll has come
    assert other.post(payload).status == 400
    assert client._line.getresponse().read() == b"1"
    assert other.get().code == UNKNOWN_SID


@pytest.mark.parametrize("packet", ["0", '0{"sid":"x"}', "5", "5x", "6x", "1x", "2", "2probe", "3probe5"])
def test_h32_h33_packets_of_the_server_or_of_a_probe(bystander: Bystander, packet: str) -> None:
    with bystander.attacker() as client:
        client.send(packet)
        if packet == "3probe5":  # a pong with content is a pong
            assert client.call("room:watch", {"rooms": []})["ok"]
        else:
            assert client.closed() == (4400, "")


def test_h32_noop_is_dropped(bystander: Bystander) -> None:
    with bystander.attacker() as client:
        client.send("6")
        assert client.call("room:watch", {"rooms": []})["ok"]


@pytest.mark.parametrize("pong", ["3", "3" + "x" * (MAX_PAYLOAD_BYTES - 1)], ids=["plain", "1-mb"])
def test_h34_pongs_that_nobody_asked_for(bystander: Bystander, pong: str) -> None:
    with bystander.attacker() as client:
        for _ in range(5):
            client.send(pong)
        assert client.call("room:watch", {"rooms": []})["ok"]


def test_h34_a_flood_of_pongs(server: ServerProcess, bystander: Bystander) -> None:
    before = closed_with(server, 4429)
    with bystander.attacking_line() as line:
        line.send(frame(TEXT, b"3") * (5 * PACKET_BURST))
        assert line.packet() == b"41"  # which keeps a socket.io client away
        assert line.closed() == 4429
    assert closed_with(server, 4429) == before + 1


def test_h34_a_flood_of_pongs_on_polling(server: ServerProcess, bystander: Bystander) -> None:
    before = closed_with(server, 4429)
    client = bystander.attacking_poll()
    for _ in range(5 * PACKET_BURST // 16):
        client.post("\x1e".join("3" * 16))
    assert client.get().body == b"41\x1e1"
    assert client.get().code == UNKNOWN_SID
    assert closed_with(server, 4429) == before + 1


@pytest.mark.parametrize("separators", [16, 100_000])
def test_h35_payloads_with_too_many_packets(bystander: Bystander, separators: int) -> None:
    client = bystander.attacking_poll()
    assert client.post("3" + "\x1e3" * separators).status == 400
    assert client.get().code == UNKNOWN_SID


def test_h35_as_many_as_are_allowed(bystander: Bystander) -> None:
    client = bystander.attacking_poll()
    assert client.post("\x1e".join("3" * 15 + "1")).status == 200


@pytest.mark.parametrize(
    "packet",
    ["b", "b!!!!", "bAAA", "bAA=A", "bAA\nA=", "b" + "A" * 900_000, "bÄÄÄÄ", "b" + base64.b64encode(b"x").decode()],
    ids=["empty", "alphabet", "length", "padding", "newline", "900-kb", "non-ascii", "unannounced"],
)
def test_h36_base64_that_is_not(bystander: Bystander, packet: str) -> None:
    client = bystander.attacking_poll()
    assert client.post(packet).status == 400
    assert client.get().code == UNKNOWN_SID


@pytest.mark.parametrize("packet", ["b", "bAAAA"])
def test_h36_base64_on_a_websocket(bystander: Bystander, packet: str) -> None:
    with bystander.attacker() as client:
        client.send(packet)
        assert client.closed() == (4400, "")


INVALID_UTF8 = [b"4\xff", b'42["\xc3"]', b"4\xed\xa0\x80", b"4\xf8\x88\x80\x80\x80", b"4\xc0\x80", b"\x80"]


@pytest.mark.parametrize("packet", INVALID_UTF8)
def test_h37_text_that_is_not_utf8(bystander: Bystander, packet: bytes) -> None:
    with bystander.attacking_line() as line:
        line.send(frame(TEXT, packet))
        assert line.closed() == 1007


@pytest.mark.parametrize("packet", INVALID_UTF8)
def test_h37_text_that_is_not_utf8_on_polling(bystander: Bystander, packet: bytes) -> None:
    client = bystander.attacking_poll()
    assert client.post(packet).status == 400
    assert client.get().code == UNKNOWN_SID


@native
def test_h37_utf8_cut_by_fragments_is_whole_again(bystander: Bystander) -> None:
    with bystander.attacking_line() as line:
        text = '421["unknown","é"]'.encode()
        line.send(frame(TEXT, text[:-3], fin=False) + frame(0, text[-3:]))
        while not (packet := line.packet()).startswith(b"431["):
            pass
        assert b"unknown_event" in packet


@native
def test_h31_binary_garbage(bystander: Bystander) -> None:
    with bystander.attacking_line() as line:
        line.send(frame(BINARY, b""))
        assert line.closed() == 4400

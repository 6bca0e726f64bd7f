"""Engine.IO 4 as bytes: packets, and the payloads of long-polling."""

from __future__ import annotations

import json

import pytest
from engineio.packet import Packet as TheirPacket
from engineio.payload import Payload as TheirPayload
from hypothesis import example, given
from hypothesis import strategies as st

from alsohere.errors import PacketError
from alsohere.wire import engineio
from alsohere.wire.engineio import (
    MAX_PACKETS_PER_PAYLOAD,
    Opening,
    Packet,
    check_text,
    decode_payload,
    encode_open,
    encode_payload,
)

# Text of a packet begins with its type, so never with "b"; a separator inside would end it.
TEXTS = st.builds(
    lambda kind, rest: (kind + rest).encode(),
    st.sampled_from("0123456"),
    st.text(st.characters(exclude_characters="\x1e", exclude_categories=["Cs"])),
)
PACKETS = st.one_of(
    TEXTS.map(Packet),
    st.binary(min_size=1).map(lambda data: Packet(data, binary=True)),
)


@given(st.lists(PACKETS, min_size=1, max_size=MAX_PACKETS_PER_PAYLOAD))
def test_a_payload_is_read_as_it_was_written(packets: list[Packet]):
    assert decode_payload(encode_payload(packets)) == [(packet.data, packet.binary) for packet in packets]


@given(st.lists(PACKETS, min_size=1, max_size=MAX_PACKETS_PER_PAYLOAD))
def test_engineio_of_python_reads_our_payloads(packets: list[Packet]):
    read = TheirPayload(encoded_payload=encode_payload(packets).decode()).packets
    meant = [TheirPacket(encoded_packet=packet.data if packet.binary else packet.data.decode()) for packet in packets]
    assert [(packet.packet_type, packet.data) for packet in read] == [(packet.packet_type, packet.data) for packet in meant]


@given(
    st.lists(
        st.one_of(st.text(st.characters(exclude_characters="\x1e", exclude_categories=["Cs"])), st.binary(min_size=1)),
        min_size=1,
        max_size=16,
    )
)
def test_we_read_the_payloads_of_engineio_of_python(messages: list[str | bytes]):
    packets = [TheirPacket(4, message) for message in messages]
    expected = [(data, True) if isinstance(data, bytes) else (b"4" + data.encode(), False) for data in messages]
    assert decode_payload(TheirPayload(packets).encode().encode()) == expected


@given(st.binary(max_size=200))
@example(b"\x1e" * 100_000)
@example(b"b=")
def test_only_packet_errors_leave_the_reader_of_payloads(body: bytes):
    try:
        packets = decode_payload(body)
    except PacketError:
        return
    assert all(data for data, _ in packets)


@pytest.mark.parametrize("body", [b"", b"\x1e", b"42[1]\x1e", b"\x1e42[1]", b"3\x1e\x1e3"])
def test_an_empty_packet_is_none(body: bytes):
    with pytest.raises(PacketError, match="empty"):
        decode_payload(body)


def test_a_payload_has_at_most_sixteen_packets():
    assert len(decode_payload(b"\x1e".join([b"3"] * MAX_PACKETS_PER_PAYLOAD))) == MAX_PACKETS_PER_PAYLOAD
    with pytest.raises(PacketError, match="more than"):
        decode_payload(b"\x1e".join([b"3"] * (MAX_PACKETS_PER_PAYLOAD + 1)))


@pytest.mark.parametrize("part", [b"b", b"b=", b"bA", b"bAAA", b"b AAAA", b"bAAAA\n", b"bAA==AA==", b"b-_-_"])
def test_base64_is_read_strictly(part: bytes):
    with pytest.raises(PacketError):
        decode_payload(b"3\x1e" + part)


@pytest.mark.parametrize("body", [b"4\xff", b"4\xc0\x80", b"4\xed\xa0\x80", b"4\xf5\x80\x80\x80", b"4\xc3"])
def test_text_is_utf_8(body: bytes):
    with pytest.raises(PacketError, match="UTF-8"):
        decode_payload(body)
    with pytest.raises(PacketError, match="UTF-8"):
        check_text(body)


def test_text_in_every_alphabet_is_text():
    check_text("4 Привет 你好 🦊".encode())
    check_text(b"")


def test_the_open_packet_speaks_in_the_words_of_the_protocol():
    # Engine.IO protocol 4, "Handshake": sid, upgrades, pingInterval, pingTimeout, maxPayload; times in milliseconds.
    packet = encode_open(Opening(["websocket"], 15_000, 8_000, 1_000_000).template(), "lv_VI97HAXpY6yYWAAAB")
    assert packet.data[:1] == engineio.OPEN
    assert json.loads(packet.data[1:]) == {
        "sid": "lv_VI97HAXpY6yYWAAAB",
        "upgrades": ["websocket"],
        "pingInterval": 15_000,
        "pingTimeout": 8_000,
        "maxPayload": 1_000_000,
    }


def test_a_packet_shows_itself_shortly():
    assert repr(Packet(b"42" + b"x" * 100)) == f"Packet({b'42' + b'x' * 58!r})"
    assert repr(Packet(b"\x00", binary=True)) == "Packet(b'\\x00', binary)"

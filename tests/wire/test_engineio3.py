"""Engine.IO 3 as bytes: lengths in front of packets, counted as JavaScript counts, and binary that begins with its type."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from alsohere.errors import PacketError
from alsohere.wire.engineio import MAX_PACKETS_PER_PAYLOAD, Packet
from alsohere.wire.engineio3 import BASE64, BINARY, MAX_PING_BYTES, answer_to_ping, decode_packet, is_binary_body

TEXTS = st.builds(
    lambda kind, rest: (kind + rest).encode(), st.sampled_from("0123456"), st.text(st.characters(exclude_categories=["Cs"]))
)
PACKETS = st.one_of(TEXTS.map(Packet), st.binary().map(lambda data: Packet(data, binary=True)))
PAYLOADS = st.lists(PACKETS, min_size=1, max_size=MAX_PACKETS_PER_PAYLOAD)


def units(text: str) -> int:
    """The `length` of a JavaScript string."""
    return len(text.encode("utf-16-le")) // 2


def payload(*texts: str) -> bytes:
    return "".join(f"{units(text)}:{text}" for text in texts).encode()


def read(body: bytes) -> list[tuple[bytes, bool]]:
    return [decode_packet(data, binary=binary) for data, binary in BINARY.decode_payload(body)]


@given(PAYLOADS, st.sampled_from([BASE64, BINARY]))
def test_a_payload_is_read_as_it_was_written(packets: list[Packet], coding):
    assert read(coding.encode_payload(packets)) == [(packet.data, packet.binary) for packet in packets]


@given(PAYLOADS)
def test_who_takes_no_bytes_is_sent_text(packets: list[Packet]):
    body = BASE64.encode_payload(packets)
    body.decode()
    assert not is_binary_body(body)


# The examples of the protocol's own text, "Payload".


@pytest.mark.parametrize(
    ("packets", "coding", "body"),
    [
        ([Packet(b"4hello"), Packet("4€".encode())], BASE64, "6:4hello2:4€".encode()),
        ([Packet("4€".encode()), Packet(b"\x01\x02\x03\x04", binary=True)], BASE64, "2:4€10:b4AQIDBA==".encode()),
        (
            [Packet("4€".encode()), Packet(b"\x01\x02\x03\x04", binary=True)],
            BINARY,
            bytes.fromhex("0004ff34e282ac 0105ff0401020304"),
        ),
        ([Packet(b"4hello")], BINARY, b"6:4hello"),
        ([Packet(b"4" + b"x" * 122)], BINARY, b"123:4" + b"x" * 122),
        ([Packet(b"x" * 122, binary=True)], BINARY, b"\x01\x01\x02\x03\xff\x04" + b"x" * 122),
        ([Packet("4👋".encode())], BASE64, "3:4👋".encode()),
    ],
)
def test_the_forms_are_those_of_the_protocol(packets: list[Packet], coding, body: bytes):
    assert coding.encode_payload(packets) == body
    assert read(body) == [(packet.data, packet.binary) for packet in packets]


def test_text_beyond_ascii_goes_in_the_form_that_clients_1_read_too():
    assert is_binary_body(BINARY.encode_payload([Packet("4é".encode())]))
    assert not is_binary_body(BINARY.encode_payload([Packet(b"4e")]))


def test_a_character_beyond_the_first_plane_counts_twice():
    assert read(payload("4👋", "4a", "4é👋b")) == [(text.encode(), False) for text in ("4👋", "4a", "4é👋b")]
    for wrong in ("2:4👋2:4a", "2:4👋", "4:4👋2:4a"):
        with pytest.raises(PacketError):
            read(wrong.encode())


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=1, max_size=16))
def test_what_looks_like_a_colon_or_a_length_is_text(texts: list[str]):
    texts = ["4" + text for text in texts]
    assert [data.decode() for data, _ in BINARY.decode_payload(payload(*texts))] == texts


def test_a_colon_that_two_characters_make_between_them_is_none():
    # U+3A00 after U+0031: as UTF-16 31 00 00 3A; U+0031 U+3A31 U+0000 has 3A 00 in the middle of it.
    for text in ("1\u3a31\0:4", "1\u3a00:4", "㨱\0", "1㨀"):
        with pytest.raises(PacketError):
            BINARY.decode_payload(text.encode())


@pytest.mark.parametrize(
    "body",
    [
        "",
        ":",
        "4",
        "4hello",
        "1",
        "1:",
        "2:4",
        "3:4€",
        "0:",
        "0:1:4",
        "01:4",
        "+1:4",
        "-1:4",
        "1.0:4",
        " 1:4",
        "1e0:4",
        "1:4x",
        "1:41",
        "1:4:",
        "٣:4ab",
        "１:4",
        "1İ:4ab",
        "9" * 9 + ":4",
        "9" * 100 + ":4",
        "Infinity:4",
        "__proto__:4",
        "NaN:",
        "0x1:4",
    ],
)
def test_lengths_that_lie_or_are_none(body: str):
    with pytest.raises(PacketError):
        BINARY.decode_payload(body.encode())


@pytest.mark.parametrize(
    "body",
    [
        "00",
        "0001",
        "00ff",
        "0000ff",
        "000001ff34",
        "0005ff34",
        "000aff34",
        "01ff04",
        "0009090909090909090909ff34",
        "0202ff3434",
        "0002ff34ff",
        "0001ff3402",
        "00" + "09" * 400 + "ff",
        "0001ffff",
        "0009",
        "01" * 500,
    ],
)
def test_lengths_of_the_binary_form_that_lie_or_are_none(body: str):
    with pytest.raises(PacketError):
        BINARY.decode_payload(bytes.fromhex(body))


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x03\x01", b"4", b"\x05", b"\xff\x04"])
def test_binary_is_a_message_or_nothing(data: bytes):
    with pytest.raises(PacketError):
        decode_packet(data, binary=True)


@pytest.mark.parametrize("data", [b"b", b"bAAAA", b"b2AAAA", b"b4!", b"b4AAA", b"b4AA=A", b"b4AA\nA=", "b4ÄÄÄÄ".encode()])
def test_base64_that_is_none(data: bytes):
    with pytest.raises(PacketError):
        decode_packet(data, binary=False)


def test_an_empty_attachment_is_one():
    assert decode_packet(b"\x04", binary=True) == decode_packet(b"b4", binary=False) == (b"", True)


def test_as_many_packets_as_with_engine_io_4():
    for one in (b"1:3", b"\x00\x01\xff3"):
        assert len(BINARY.decode_payload(one * MAX_PACKETS_PER_PAYLOAD)) == MAX_PACKETS_PER_PAYLOAD
        with pytest.raises(PacketError, match="more than 16"):
            BINARY.decode_payload(one * (MAX_PACKETS_PER_PAYLOAD + 1))


@given(st.binary(max_size=300))
@example(b"\x00" * 100)
@example(b"1:4" * 50)
def test_only_packet_errors_leave_the_decoder(body: bytes):
    try:
        read(body)
    except PacketError:
        return


@given(PAYLOADS, st.sampled_from([BASE64, BINARY]), st.data())
def test_good_payloads_gone_bad(packets: list[Packet], coding, data: st.DataObject):
    body = bytearray(coding.encode_payload(packets))
    at = data.draw(st.integers(0, len(body)))
    body[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        read(bytes(body))
    except PacketError:
        return


def test_a_megabyte_of_any_shape_costs_a_scan():
    """The reference parser of 2020 was busy for minutes with some of these, and this test would be too."""
    million = 1_000_000
    shapes = [b"1" * million, b"1:" * (million // 2), b"1:4" * (million // 3), ("1" * 8 + "é" * (million // 2)).encode()]
    shapes += [b"\x00" + b"\x09" * million, b"\x00\x01\xff4" * (million // 4), "é".encode() * (million // 2), b":" * million]
    shapes += [b"999999999:" + b"4" * million, f"{million}:4".encode() + b"x" * (million - 2)]
    for body in shapes:
        with pytest.raises(PacketError):
            read(body)
    assert read(payload("4" + "👋" * 200_000)) == [(("4" + "👋" * 200_000).encode(), False)]


def test_a_pong_has_what_the_ping_had():
    assert answer_to_ping(b"2").data == b"3"
    assert answer_to_ping(b"2probe").data == b"3probe"
    with pytest.raises(PacketError):
        answer_to_ping(b"2" * (MAX_PING_BYTES + 1))


def test_messages_of_a_websocket():
    packets = [Packet(b'42["x"]'), Packet(b"\x01\x02", binary=True)]
    assert [(message.data, message.binary) for message in BINARY.messages(packets)] == [
        (b'42["x"]', False),
        (b"\x04\x01\x02", True),
    ]
    assert [(message.data, message.binary) for message in BASE64.messages(packets)] == [(b'42["x"]', False), (b"b4AQI=", False)]

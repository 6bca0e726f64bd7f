"""Socket.IO 5 as bytes, with python-socketio's codec as the second opinion."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from socketio.packet import Packet as TheirPacket

from alsohere.errors import PacketError
from alsohere.wire import socketio
from alsohere.wire.socketio import (
    MAX_ACK_ID,
    MAX_ATTACHMENTS,
    MAX_DEPTH,
    MAX_EVENT_NAME_BYTES,
    RESERVED_EVENTS,
    PacketType,
    UnpairedSurrogate,
)

ALL_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | NUMBERS | ALL_TEXT
# A dict with "_placeholder" is the protocol's own word for an attachment.
KEYS = ALL_TEXT.filter(lambda key: key != "_placeholder")


def nested(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaves, lambda items: st.lists(items, max_size=3) | st.dictionaries(KEYS, items, max_size=3), max_leaves=8
    )


JSON = nested(SCALARS)
VALUES = nested(SCALARS | st.binary(max_size=20))
ARGS = st.lists(VALUES, max_size=4).filter(lambda args: count_bytes(args) <= MAX_ATTACHMENTS)
NAMES = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20).filter(
    lambda name: name not in RESERVED_EVENTS
)
NAMESPACES = st.just("/") | st.text(st.characters(categories=["L", "N"]), max_size=20).map(lambda name: f"/{name}")
ACK_IDS = st.none() | st.integers(0, MAX_ACK_ID)


def count_bytes(value: Any) -> int:
    if isinstance(value, bytes):
        return 1
    if isinstance(value, dict):
        value = list(value.values())
    return sum(map(count_bytes, value)) if isinstance(value, list) else 0


def read(packets: list[socketio.Packet]) -> tuple[socketio.Header, list[Any]]:
    """What a peer that speaks as we do makes of packets."""
    head, *attachments = packets
    assert not head.binary
    assert all(packet.binary for packet in attachments)
    header = socketio.decode(head.data[1:])
    assert header.attachments == len(attachments)
    return header, socketio.resolve(socketio.decode_values(header.payload), [packet.data for packet in attachments])


def read_theirs(packets: list[socketio.Packet]) -> TheirPacket:
    head, *attachments = packets
    packet = TheirPacket(encoded_packet=head.data[1:].decode())
    for attachment in attachments:
        packet.add_attachment(attachment.data)
    return packet


def encoded_by_them(packet_type: PacketType, values: list[Any], namespace: str, ack_id: int | None) -> tuple[bytes, list[bytes]]:
    encoded = TheirPacket(int(packet_type), data=values, namespace=namespace, id=ack_id).encode()
    head, *attachments = encoded if isinstance(encoded, list) else [encoded]
    return head.encode(), attachments


# -- Both directions ---------------------------------------------------------------------------------------------------


@given(NAMESPACES, NAMES, ARGS, ACK_IDS)
def test_an_event_is_read_as_it_was_written(namespace: str, name: str, args: list[Any], ack_id: int | None):
    header, values = read(socketio.encode_event(namespace, name, tuple(args), ack_id))
    assert header.type == (PacketType.BINARY_EVENT if count_bytes(args) else PacketType.EVENT)
    assert (header.namespace, header.id, values) == (namespace, ack_id, [name, *args])


@given(NAMESPACES, st.integers(0, MAX_ACK_ID), ARGS)
def test_an_acknowledgement_is_read_as_it_was_written(namespace: str, ack_id: int, args: list[Any]):
    header, values = read(socketio.encode_ack(namespace, ack_id, tuple(args)))
    assert header.type == (PacketType.BINARY_ACK if count_bytes(args) else PacketType.ACK)
    assert (header.namespace, header.id, values) == (namespace, ack_id, args)


@given(NAMESPACES, NAMES, ARGS, ACK_IDS)
def test_python_socketio_reads_our_events(namespace: str, name: str, args: list[Any], ack_id: int | None):
    packet = read_theirs(socketio.encode_event(namespace, name, tuple(args), ack_id))
    assert packet.packet_type == (PacketType.BINARY_EVENT if count_bytes(args) else PacketType.EVENT)
    assert (packet.namespace or "/", packet.id, packet.data) == (namespace, ack_id, [name, *args])


@given(NAMESPACES, st.integers(0, MAX_ACK_ID), ARGS)
def test_python_socketio_reads_our_acknowledgements(namespace: str, ack_id: int, args: list[Any]):
    packet = read_theirs(socketio.encode_ack(namespace, ack_id, tuple(args)))
    assert (packet.namespace or "/", packet.id, packet.data) == (namespace, ack_id, args)


@given(NAMESPACES, NAMES, ARGS, ACK_IDS)
def test_we_read_the_events_of_python_socketio(namespace: str, name: str, args: list[Any], ack_id: int | None):
    head, attachments = encoded_by_them(PacketType.EVENT, [name, *args], namespace, ack_id)
    header = socketio.decode(head)
    assert (header.namespace, header.id, header.attachments) == (namespace, ack_id, len(attachments))
    assert socketio.resolve(socketio.decode_values(header.payload), attachments) == [name, *args]
    if not attachments:
        event, raw = socketio.decode_event(header.payload)
        assert (event, [socketio.decode_value(arg) for arg in raw]) == (name, args)


@given(NAMESPACES, st.integers(0, MAX_ACK_ID), ARGS)
def test_we_read_the_acknowledgements_of_python_socketio(namespace: str, ack_id: int, args: list[Any]):
    head, attachments = encoded_by_them(PacketType.ACK, args, namespace, ack_id)
    header = socketio.decode(head)
    assert (header.namespace, header.id) == (namespace, ack_id)
    assert socketio.resolve(socketio.decode_values(header.payload), attachments) == args


@given(NAMESPACES, st.none() | st.dictionaries(KEYS, JSON, max_size=3))
def test_we_read_the_connects_of_python_socketio(namespace: str, auth: dict[str, Any] | None):
    header = socketio.decode(TheirPacket(0, data=auth, namespace=namespace).encode().encode())
    assert (header.type, header.namespace) == (PacketType.CONNECT, namespace)
    assert (socketio.decode_value(header.payload) if header.payload else None) == auth


@given(NAMESPACES, JSON.filter(lambda data: data is not None))
def test_python_socketio_reads_what_we_say_of_namespaces(namespace: str, data: Any):
    connect, refused, left = (
        read_theirs([packet])
        for packet in (
            socketio.encode_connect(namespace, "a-sid"),
            socketio.encode_connect_error(namespace, "No.", data),
            socketio.encode_disconnect(namespace),
        )
    )
    assert {packet.namespace or "/" for packet in (connect, refused, left)} == {namespace}
    assert (connect.packet_type, connect.data) == (PacketType.CONNECT, {"sid": "a-sid"})
    assert (refused.packet_type, refused.data) == (PacketType.CONNECT_ERROR, {"message": "No.", "data": data})
    assert left.packet_type == PacketType.DISCONNECT


def test_a_refusal_without_details_is_only_a_message():
    assert socketio.encode_connect_error("/", "No.").data == b'44{"message":"No."}'


@given(NAMES, JSON)
def test_a_fact_is_an_event_of_the_main_namespace_with_one_argument(name: str, payload: Any):
    packet = socketio.encode_fact(name, payload, conflate="room:/a") if '"' not in name and "\\" not in name else None
    if packet is not None:
        assert read([packet])[1] == [name, payload]
        assert (packet.conflate, packet.binary) == ("room:/a", False)


def test_bytes_of_every_kind_and_tuples_travel():
    header, values = read(socketio.encode_event("/", "x", (b"a", bytearray(b"b"), memoryview(b"c"), (1, {"deep": b"d"}))))
    assert values == ["x", b"a", b"b", b"c", [1, {"deep": b"d"}]]
    assert header.attachments == 4


# -- Headers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("packet", "expected"),
    [
        (b"0", (PacketType.CONNECT, "/", None, b"", 0)),
        (b"0/admin", (PacketType.CONNECT, "/admin", None, b"", 0)),
        (b'0/admin,{"token":"123"}', (PacketType.CONNECT, "/admin", None, b'{"token":"123"}', 0)),
        (b"1/admin,", (PacketType.DISCONNECT, "/admin", None, b"", 0)),
        (b'2["foo"]', (PacketType.EVENT, "/", None, b'["foo"]', 0)),
        (b'2/admin,12["foo"]', (PacketType.EVENT, "/admin", 12, b'["foo"]', 0)),
        (b'3/admin,13["bar"]', (PacketType.ACK, "/admin", 13, b'["bar"]', 0)),
        (b"30[]", (PacketType.ACK, "/", 0, b"[]", 0)),
        (b'4{"message":"x"}', (PacketType.CONNECT_ERROR, "/", None, b'{"message":"x"}', 0)),
        (
            b'51-["baz",{"_placeholder":true,"num":0}]',
            (PacketType.BINARY_EVENT, "/", None, b'["baz",{"_placeholder":true,"num":0}]', 1),
        ),
        (
            b'610-/admin,15[{"_placeholder":true,"num":0}]',
            (PacketType.BINARY_ACK, "/admin", 15, b'[{"_placeholder":true,"num":0}]', 10),
        ),
        (b"2/,1[]", (PacketType.EVENT, "/", 1, b"[]", 0)),
        (b"29007199254740991[]", (PacketType.EVENT, "/", MAX_ACK_ID, b"[]", 0)),
        ("2/ф,[]".encode(), (PacketType.EVENT, "/ф", None, b"[]", 0)),
    ],
)
def test_the_examples_of_the_specification_are_read(packet: bytes, expected: tuple[Any, ...]):
    header = socketio.decode(packet)
    assert (header.type, header.namespace, header.id, header.payload, header.attachments) == expected


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (b"", "unknown Socket.IO packet type"),
        (b"7[]", "unknown Socket.IO packet type"),
        (b"x", "unknown Socket.IO packet type"),
        ("２[]".encode(), "unknown Socket.IO packet type"),
        (b"01{}", "an ack id where none belongs"),
        (b"1/a,1", "an ack id where none belongs"),
        (b"41{}", "an ack id where none belongs"),
        (b"5[]", "without a number of attachments"),
        (b"5-[]", "without a number of attachments"),
        (b"51", "without a number of attachments"),
        (b"51[]", "without a number of attachments"),
        (b"50-[]", "1 to 10 attachments"),
        (b"511-[]", "1 to 10 attachments"),
        (b"501-[]", "leading zeros"),
        (b"201[]", "leading zeros"),
        (b"2" + b"9" * 16 + b"[]", "number too large"),
        (b"2" + b"1" * 17 + b"[]", "number too long"),
        (b"2" + b"1" * 5000 + b"[]", "number too long"),
        (b"0/" + b"a" * 128 + b",", "namespace too long"),
        (b"0/\xff,", "namespace that is not UTF-8"),
    ],
)
def test_headers_that_are_none_are_refused(packet: bytes, reason: str):
    with pytest.raises(PacketError, match=reason):
        socketio.decode(packet)


def test_digits_of_other_alphabets_are_no_numbers():
    header = socketio.decode("2１[]".encode())
    assert (header.id, header.payload) == (None, "１[]".encode())


# -- Payloads ----------------------------------------------------------------------------------------------------------


@given(st.binary(max_size=60) | st.text('[]{}",:\\u0dx1e-9/ ', max_size=60).map(str.encode))
@example(b"[" * 100_000)
@example(b'[{"a":' * 50_000)
@example(b"[" + b"9" * 5000 + b"]")
@example(b'2["\\ud800"]')
def test_only_packet_errors_leave_the_decoders(data: bytes):
    for decode in (
        lambda: socketio.decode(data),
        lambda: socketio.decode_event(data),
        lambda: socketio.decode_values(data),
        lambda: socketio.resolve(socketio.decode_values(data), [b"a", b"b"]),
    ):
        try:
            decode()
        except PacketError:
            continue


@pytest.mark.parametrize(
    "payload", [b"", b"{}", b"null", b'"x"', b"1", b"[", b'["x"', b'["x",]', b'["x"]x', b"['x']", b"[NaN]", b"[\xff]"]
)
def test_an_event_is_a_json_array(payload: bytes):
    with pytest.raises(PacketError, match="not a JSON array"):
        socketio.decode_event(payload)
    with pytest.raises(PacketError, match=r"not (JSON|a JSON array)"):
        socketio.decode_values(payload)


@pytest.mark.parametrize("payload", [b"[]", b"[1]", b"[null]", b"[[]]", b'[""]', b'["a\\u0000"]', b'["a\\n"]', b'["a\\u202e"]'])
def test_the_name_of_an_event_is_printable_text(payload: bytes):
    with pytest.raises(PacketError, match="name"):
        socketio.decode_event(payload)


def test_the_name_of_an_event_is_at_most_128_bytes_long():
    for name in ("x" * MAX_EVENT_NAME_BYTES, "ф" * (MAX_EVENT_NAME_BYTES // 2)):
        assert socketio.decode_event(json.dumps([name]).encode()) == (name, [])
        with pytest.raises(PacketError, match="too long"):
            socketio.decode_event(json.dumps([name + "x"]).encode())


@pytest.mark.parametrize("name", sorted(RESERVED_EVENTS))
def test_reserved_names_are_never_events(name: str):
    with pytest.raises(PacketError, match="reserved"):
        socketio.decode_event(json.dumps([name]).encode())


@pytest.mark.parametrize("text", ["\\ud800", "\\udfff", "a\\ud83dx", "\\udc00\\ud800"])
def test_half_of_a_surrogate_pair_is_told_from_what_is_no_json(text: str):
    for payload in (f'["x","{text}"]', f'["{text}"]', f'["x",{{"{text}":1}}]'):
        with pytest.raises(UnpairedSurrogate):
            socketio.decode_event(payload.encode())
        with pytest.raises(PacketError):
            socketio.decode_values(payload.encode())


def test_a_surrogate_pair_is_text():
    assert socketio.decode_values(b'["\\ud83e\\udd8a"]') == ["🦊"]


@pytest.mark.parametrize("number", ["1e999", "-1e999", "9" * 5000], ids=["large", "small", "long"])
def test_numbers_out_of_range_are_refused_when_they_are_read(number: str):
    name, args = socketio.decode_event(f'["x",{number}]'.encode())
    assert name == "x"
    with pytest.raises(PacketError):
        socketio.decode_value(args[0])


def depth_of(value: Any) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(depth_of, value), default=0) if isinstance(value, list) else 0


DEEP = st.recursive(
    st.text('[]{}"\\', max_size=6) | st.just(0),
    lambda items: (
        st.lists(items, min_size=1, max_size=2) | st.dictionaries(st.text('[{"\\', max_size=3), items, min_size=1, max_size=2)
    ),
    max_leaves=50,
)


@given(DEEP, st.integers(0, MAX_DEPTH + 2), st.text('[]{}"\\', max_size=60))
def test_nesting_is_allowed_to_a_depth_of_32(core: Any, wrapped: int, noise: str):
    value: Any = [core, noise]
    for level in range(wrapped):
        value = [value] if level % 2 else [{"[": value}]
    payload = json.dumps(value).encode()
    if depth_of(value) <= MAX_DEPTH:
        assert socketio.decode_values(payload) == value
        assert [socketio.decode_value(item) for item in socketio.decode_array(payload)] == value
    else:
        for decode in (socketio.decode_array, socketio.decode_values):
            with pytest.raises(PacketError, match="deeper"):
                decode(payload)


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('[{"a":', "}]")])
def test_32_is_not_too_deep_and_33_is(opening: str, closing: str):
    levels = opening.count("[") + opening.count("{")
    deep = opening * (MAX_DEPTH // levels) + closing * (MAX_DEPTH // levels)
    deep = deep.replace(":}", ":1}")
    assert depth_of(socketio.decode_value(deep.encode())) == MAX_DEPTH
    for value in (f"[{deep}]", f'{{"a":{deep}}}'):
        with pytest.raises(PacketError, match="deeper"):
            socketio.decode_value(value.encode())


def test_many_brackets_side_by_side_are_not_deep():
    payload = b"[" + b",".join([b'[{"a":[]}]'] * 1000) + b"]"
    assert len(socketio.decode_values(payload)) == 1000


# -- Attachments -------------------------------------------------------------------------------------------------------


def placeholder(number: Any) -> dict[str, Any]:
    return {"_placeholder": True, "num": number}


@pytest.mark.parametrize(
    "values",
    [
        [placeholder(1)],
        [placeholder(-1)],
        [placeholder(True)],
        [placeholder(False)],
        [placeholder("0")],
        [placeholder(0.0)],
        [placeholder(None)],
        [{"_placeholder": True}],
        [placeholder(0), placeholder(0)],
        [{"a": placeholder(0), "b": [placeholder(0)]}],
        [],
        ["text"],
    ],
)
def test_every_attachment_stands_in_exactly_one_place(values: list[Any]):
    with pytest.raises(PacketError):
        socketio.resolve(values, [b"only"])


@pytest.mark.parametrize("mark", [False, 1, "true", None, {}, []])
def test_what_only_looks_like_a_placeholder_is_data(mark: Any):
    value = {"_placeholder": mark, "num": 0}
    assert socketio.resolve([value, placeholder(0)], [b"x"]) == [value, b"x"]


def test_arguments_stay_encoded_until_somebody_reads_them():
    name, args = socketio.decode_event(b'["x", {"a" :1}, [2]]')
    assert name == "x"
    assert [bytes(arg) for arg in args] == [b'{"a" :1}', b"[2]"]
    assert all(isinstance(arg, msgspec.Raw) for arg in args)

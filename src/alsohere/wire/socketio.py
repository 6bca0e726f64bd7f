"""Socket.IO 5: packets inside Engine.IO messages.

Owns: the bytes of Socket.IO, both directions, binary attachments included.
Invariants: only PacketError leaves a decoder, whatever the input; a decoder never allocates more than a small multiple of
its input; numbers are read digit by digit from ASCII (`str.isdigit` and `int` accept other alphabets).
Rejected: one regular expression for the header. It was shorter, and it backtracked on hostile namespaces.
Source: Socket.IO protocol, revision 5, "Packet encoding".
"""

from __future__ import annotations

import json
from enum import IntEnum
from typing import Any

import msgspec

from alsohere.errors import PacketError
from alsohere.wire.engineio import Packet

MAIN = "/"
MAX_ATTACHMENTS = 10
MAX_NAMESPACE_BYTES = 128
MAX_EVENT_NAME_BYTES = 128
MAX_DEPTH = 32
MAX_ACK_ID = 2**53 - 1

# A client that could send these would reach the handlers that only the server may call.
RESERVED_EVENTS = frozenset({"connect", "connect_error", "disconnect", "disconnecting", "error", "newListener", "removeListener"})


class UnpairedSurrogate(PacketError):
    """JSON text that cannot be stored or sent on as UTF-8. The one fault in a payload that does not end the connection."""


class PacketType(IntEnum):
    CONNECT = 0
    DISCONNECT = 1
    EVENT = 2
    ACK = 3
    CONNECT_ERROR = 4
    BINARY_EVENT = 5
    BINARY_ACK = 6


class Header:
    """A decoded packet whose payload is still JSON text."""

    __slots__ = ("attachments", "id", "namespace", "payload", "type")

    def __init__(self, type: PacketType, namespace: str, id: int | None, payload: bytes, attachments: int) -> None:  # noqa: A002
        self.type = type
        self.namespace = namespace
        self.id = id
        self.payload = payload
        self.attachments = attachments


_TYPES = {ord("0") + packet_type: packet_type for packet_type in PacketType}
_WITH_ID = frozenset({PacketType.EVENT, PacketType.ACK, PacketType.BINARY_EVENT, PacketType.BINARY_ACK})
_ZERO, _NINE, _SLASH, _COMMA, _DASH = b"09/,-"
_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
_NAME = msgspec.json.Decoder(str)
_ANY = msgspec.json.Decoder()
_encode = msgspec.json.Encoder().encode


# -- Decoding ----------------------------------------------------------------------------------------------------------


def decode(data: bytes) -> Header:
    """Read a packet up to its payload.

    Args:
        data: an Engine.IO message without its leading `4`.

    Raises:
        PacketError: whatever is not revision 5.

    Source: Socket.IO protocol 5, "Packet encoding":
    `<packet type>[<# of binary attachments>-][<namespace>,][<acknowledgment id>][JSON-stringified payload]`
    """
    packet_type = _TYPES.get(data[0]) if data else None
    if packet_type is None:
        raise PacketError("unknown Socket.IO packet type")
    at = 1
    attachments = 0
    if packet_type >= PacketType.BINARY_EVENT:
        attachments, at = _attachments(data, at)
    namespace, at = _namespace(data, at)
    ack_id, at = _number(data, at)
    if ack_id is not None and packet_type not in _WITH_ID:
        raise PacketError("an ack id where none belongs")
    return Header(packet_type, namespace, ack_id, data[at:], attachments)


def _attachments(data: bytes, at: int) -> tuple[int, int]:
    count, end = _number(data, at)
    if count is None or end >= len(data) or data[end] != _DASH:
        raise PacketError("binary packet without a number of attachments")
    if not 1 <= count <= MAX_ATTACHMENTS:
        raise PacketError(f"a packet may have 1 to {MAX_ATTACHMENTS} attachments")
    return count, end + 1


def _namespace(data: bytes, at: int) -> tuple[str, int]:
    if at >= len(data) or data[at] != _SLASH:
        return MAIN, at
    comma = data.find(b",", at)
    end = len(data) if comma < 0 else comma
    if end - at > MAX_NAMESPACE_BYTES:
        raise PacketError("namespace too long")
    try:
        name = data[at:end].decode()
    except UnicodeDecodeError as error:
        raise PacketError("namespace that is not UTF-8") from error
    return name, end if comma < 0 else comma + 1


def _number(data: bytes, at: int) -> tuple[int | None, int]:
    end = at
    while end < len(data) and _ZERO <= data[end] <= _NINE:
        end += 1
        if end - at > 16:
            raise PacketError("number too long")
    if end == at:
        return None, at
    if data[at] == _ZERO and end - at > 1:
        raise PacketError("number with leading zeros")
    value = int(data[at:end])
    if value > MAX_ACK_ID:
        raise PacketError("number too large")
    return value, end


def decode_event(payload: bytes) -> tuple[str, list[msgspec.Raw]]:
    """The name and the still-encoded arguments of an event.

    Raises:
        PacketError: not an array, no name, a reserved or overlong name, or nested too deeply.
        UnpairedSurrogate: see `decode_array`.
    """
    array = decode_array(payload)
    if not array:
        raise PacketError("event without a name")
    try:
        name = _NAME.decode(array[0])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise PacketError("event name that is not a string") from error
    check_event_name(name)
    return name, array[1:]


def check_event_name(name: str) -> None:
    """Raises PacketError for a name that no client may send."""
    if name in RESERVED_EVENTS:
        raise PacketError("reserved event name")
    if not name or len(name.encode()) > MAX_EVENT_NAME_BYTES or not name.isprintable():
        raise PacketError("event name that is empty, too long or not printable")


def decode_array(payload: bytes) -> list[msgspec.Raw]:
    """The elements of a JSON array, each still encoded.

    Raises:
        PacketError: not a JSON array, or nested deeper than 32.
        UnpairedSurrogate: it would be, but for text that no UTF-8 can hold.
    """
    try:
        items = _ARRAY.decode(payload)
    except (msgspec.MsgspecError, RecursionError) as error:
        if _is_json(payload):
            raise UnpairedSurrogate("text with an unpaired surrogate") from error
        raise PacketError("payload that is not a JSON array") from error
    _check_depth(payload)
    return items


def _is_json(payload: bytes) -> bool:
    # The standard library accepts "\\ud800" and msgspec does not. It accepts NaN and other encodings too, which are not meant.
    # Only asked when msgspec has refused.
    try:
        return type(json.loads(payload.decode(), parse_constant=_no_constant)) is list
    except (ValueError, RecursionError):
        return False


def _no_constant(name: str) -> None:
    raise ValueError(name)


def decode_values(payload: bytes) -> list[Any]:
    """The elements of a JSON array.

    Raises:
        PacketError: as `decode_value`, or not an array.
        UnpairedSurrogate: see `decode_array`.
    """
    try:
        values = decode_value(payload)
    except PacketError:
        decode_array(payload)  # which knows the one fault that does not end the connection
        raise
    if type(values) is not list:
        raise PacketError("payload that is not a JSON array")
    return values


def decode_value(payload: bytes | msgspec.Raw) -> Any:
    """Any JSON value.

    Raises:
        PacketError: not JSON, a number out of range, text that is not Unicode, or nested deeper than 32.
    """
    try:
        value = _ANY.decode(payload)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise PacketError("payload that is not JSON") from error
    _check_depth(bytes(payload))
    return value


_TO_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def _check_depth(payload: bytes) -> None:
    # Counting brackets bounds the depth from above in one scan each; nearly every packet ends here.
    if payload.count(b"[") + payload.count(b"{") <= MAX_DEPTH:
        return
    # What follows holds for JSON only: there, every second part between quotes that are not escaped is a string.
    outside = b"".join(payload.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2])
    brackets = outside.translate(_TO_BRACKETS, _NOT_BRACKETS)
    # A pass takes all innermost pairs away. Walking the decoded values was as short, and 1 MB of brackets stopped the server
    # for 0.6 s; now for 0.03 s.
    for _ in range(MAX_DEPTH):
        brackets = brackets.replace(b"[]", b"")
        if not brackets:
            return
    raise PacketError(f"nested deeper than {MAX_DEPTH}")


def resolve(values: list[Any], attachments: list[bytes]) -> list[Any]:
    """Put attachments where their placeholders stand.

    Raises:
        PacketError: an index that is not an int in range, is used twice, or is never used.

    Source: Socket.IO protocol 5, "Binary event": `{"_placeholder": true, "num": 0}`.
    """
    unused = dict(enumerate(attachments))
    resolved = [_resolve(value, unused) for value in values]
    if unused:
        raise PacketError("attachment without a placeholder")
    return resolved


def _resolve(value: Any, unused: dict[int, bytes]) -> Any:
    if type(value) is list:
        return [_resolve(item, unused) for item in value]
    if type(value) is not dict:
        return value
    if value.get("_placeholder") is not True:
        return {key: _resolve(item, unused) for key, item in value.items()}
    number = value.get("num")
    # `type(...) is int` keeps True out; popping keeps one attachment from being multiplied (each index exactly once).
    if type(number) is not int or number not in unused:
        raise PacketError("placeholder without an attachment")
    return unused.pop(number)


# -- Encoding ----------------------------------------------------------------------------------------------------------


def encode_connect(namespace: str, sid: str) -> Packet:
    """The answer to a CONNECT that was accepted."""
    return Packet(b"40" + _prefix(namespace) + _encode({"sid": sid}))


def encode_connect_error(namespace: str, message: str, data: Any = None) -> Packet:
    """The answer to a CONNECT that was refused; the client stays away."""
    body = {"message": message} if data is None else {"message": message, "data": data}
    return Packet(b"44" + _prefix(namespace) + _encode(body))


def encode_disconnect(namespace: str) -> Packet:
    """Ends one namespace; the client stays away."""
    return Packet(b"41" + _prefix(namespace))


def encode_fact(name: str, payload: Any, *, conflate: str | None = None, ack_id: int | None = None) -> Packet:
    """An event of the main namespace with one argument that holds no bytes: the fan-out's single encoding."""
    number = b"" if ack_id is None else b"%d" % ack_id
    return Packet(b"42" + number + b'["' + name.encode() + b'",' + _encode(payload) + b"]", conflate=conflate)


def encode_event(namespace: str, name: str, args: tuple[Any, ...], ack_id: int | None = None) -> list[Packet]:
    """An event, with its attachments behind it."""
    return _encode_array(namespace, PacketType.EVENT, [name, *args], ack_id)


def encode_ack(namespace: str, ack_id: int, args: tuple[Any, ...]) -> list[Packet]:
    """An acknowledgement, with its attachments behind it."""
    return _encode_array(namespace, PacketType.ACK, list(args), ack_id)


def encode_answer(namespace: str, ack_id: int, content: Any) -> Packet:
    """An acknowledgement with one argument that holds no bytes: nothing has to be searched for them."""
    return Packet(b"43" + _prefix(namespace) + b"%d[" % ack_id + _encode(content) + b"]")


def _encode_array(namespace: str, packet_type: PacketType, values: list[Any], ack_id: int | None) -> list[Packet]:
    attachments: list[bytes] = []
    plain = _extract(values, attachments)
    head = b"%d" % packet_type
    if attachments:
        head = b"%d%d-" % (packet_type + 3, len(attachments))
    number = b"" if ack_id is None else b"%d" % ack_id
    packets = [Packet(b"4" + head + _prefix(namespace) + number + _encode(plain))]
    packets += [Packet(attachment, binary=True) for attachment in attachments]
    return packets


def _extract(value: Any, attachments: list[bytes]) -> Any:
    if isinstance(value, (bytes, bytearray, memoryview)):
        attachments.append(bytes(value))
        return {"_placeholder": True, "num": len(attachments) - 1}
    if isinstance(value, (list, tuple)):
        return [_extract(item, attachments) for item in value]
    if isinstance(value, dict):
        return {key: _extract(item, attachments) for key, item in value.items()}
    return value


def _prefix(namespace: str) -> bytes:
    return b"" if namespace == MAIN else namespace.encode() + b","

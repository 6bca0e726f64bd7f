"""Socket.IO protocol 4: what clients 1 and 2 say where they join a namespace.

Owns: the bytes in which protocol 4 differs from 5. There a CONNECT has no payload, in neither direction; what a client wants to
say with it stands behind the namespace like the query of a URL; a refusal is a sentence and not an object.
Source: Socket.IO protocol, revision 4, "Packet types".
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import msgspec

from alsohere.errors import PacketError
from alsohere.wire.engineio import Packet
from alsohere.wire.socketio import MAIN, Header, PacketType
from alsohere.wire.socketio import decode as decode_5

MAX_QUERY_BYTES = 8 * 1024  # as much as the auth payload of protocol 5
MAX_QUERY_FIELDS = 64

_encode = msgspec.json.Encoder().encode


def decode(data: bytes) -> Header:
    """Read a packet up to its payload. That of a CONNECT is made of its query, as the JSON object that protocol 5 would have.

    Args:
        data: an Engine.IO message without its leading `4`.

    Raises:
        PacketError: whatever is not revision 4.
    """
    return _decode_connect(data) if data[:1] == b"0" else decode_5(data)


def _decode_connect(data: bytes) -> Header:
    if data == b"0":
        return Header(PacketType.CONNECT, MAIN, None, b"", 0)
    name, mark, query = data[1:].removesuffix(b",").partition(b"?")
    if not name.startswith(b"/") or b"," in name or b"," in query:
        raise PacketError("CONNECT with a payload")
    if len(query) > MAX_QUERY_BYTES:
        raise PacketError("a query of a namespace that is too long")
    header = decode_5(b"0" + name)
    header.payload = _to_object(query) if mark else b""
    return header


def _to_object(query: bytes) -> bytes:
    # A key that is there twice stays there twice: who reads the object refuses it (two readers could see two people).
    try:
        pairs = parse_qsl(query.decode(), keep_blank_values=True, max_num_fields=MAX_QUERY_FIELDS, errors="strict")
    except ValueError as error:
        raise PacketError("a query of a namespace that is none") from error
    return b"{" + b",".join([_encode(name) + b":" + _encode(value) for name, value in pairs]) + b"}"


def encode_connect(namespace: str) -> Packet:
    """Tells a client that it is in."""
    return Packet(b"40" + _prefix(namespace))


def encode_error(namespace: str, reason: Any) -> Packet:
    """Tells a client that it is not, with a reason for its `error` event."""
    return Packet(b"44" + _prefix(namespace) + _encode(reason))


def _prefix(namespace: str) -> bytes:
    return b"" if namespace == MAIN else namespace.encode() + b","

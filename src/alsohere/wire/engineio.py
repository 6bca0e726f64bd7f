"""Engine.IO 4: packets, and the payloads of long-polling.

Owns: the bytes of Engine.IO. Knows nothing of sessions, time or Socket.IO.
Refuses: anything but revision 4. Revision 3 differs in who pings and in how payloads are framed (lengths instead of separators):
engineio3.py has the same names for it. A transport is given one of the two when it begins, and never asks which.
Source: Engine.IO protocol, revision 4.
"""

from __future__ import annotations

import binascii
from base64 import b64encode
from typing import Protocol

import msgspec

from alsohere.errors import PacketError

OPEN = b"0"
CLOSE = b"1"
PING = b"2"
PONG = b"3"
MESSAGE = b"4"
UPGRADE = b"5"
NOOP = b"6"
PROBE_PING = b"2probe"
PROBE_PONG = b"3probe"

SEPARATOR = b"\x1e"
MAX_PACKETS_PER_PAYLOAD = 16


class Packet(msgspec.Struct, eq=False, gc=False):
    """One finished Engine.IO packet. Made once, moved to any number of connections.

    Attributes:
        data: the bytes as a WebSocket message carries them.
        binary: whether that message is binary.
        conflate: packets with the same key replace each other in a queue that is not draining; None: never replaced.
    """

    data: bytes
    binary: bool = False
    conflate: str | None = None

    def __repr__(self) -> str:
        return f"Packet({self.data[:60]!r}{', binary' if self.binary else ''})"


CLOSE_PACKET = Packet(CLOSE)
PING_PACKET = Packet(PING)
NOOP_PACKET = Packet(NOOP)
PROBE_PONG_PACKET = Packet(PROBE_PONG)


class Opening(msgspec.Struct, rename="camel"):
    """What the OPEN packets of an endpoint have in common. Milliseconds, because the protocol says so."""

    upgrades: list[str]
    ping_interval: int
    ping_timeout: int
    max_payload: int

    def template(self) -> bytes:
        """What `encode_open` puts the sid into."""
        return b'0{"sid":"%b",' + msgspec.json.encode(self)[1:]


def encode_open(template: bytes, sid: str) -> Packet:
    """The first packet of a session; a sid has nothing in it that JSON would escape."""
    return Packet(template % sid.encode())


class Coding(Protocol):
    """How a revision puts packets into bodies and messages. This module is one; see engineio3.py for others."""

    takes_binary_bodies: bool

    def messages(self, packets: list[Packet]) -> list[Packet]:
        """Packets as the messages of a WebSocket carry them."""

    def encode_payload(self, packets: list[Packet]) -> bytes:
        """The body of a polling response."""

    def decode_payload(self, body: bytes) -> list[tuple[bytes, bool]]:
        """The packets of a polling request, as (data, binary)."""


# Engine.IO 3 sent binary bodies; a server that starts to read one as such never ends it.
takes_binary_bodies = False


def messages(packets: list[Packet]) -> list[Packet]:
    """Packets as the messages of a WebSocket carry them."""
    return packets


def encode_payload(packets: list[Packet]) -> bytes:
    """The body of a polling response. Binary packets become `b` + base64."""
    return SEPARATOR.join([b"b" + b64encode(packet.data) if packet.binary else packet.data for packet in packets])


def decode_payload(body: bytes) -> list[tuple[bytes, bool]]:
    """The packets of a polling request, as (data, binary).

    Raises:
        PacketError: too many packets, an empty one, base64 that is not, or text that is not UTF-8.

    Source: Engine.IO protocol 4, "HTTP long-polling", "Packet encoding".
    """
    # Counted before splitting: 100,000 separators cost one scan, not 100,000 objects.
    if body.count(SEPARATOR) >= MAX_PACKETS_PER_PAYLOAD:
        raise PacketError(f"more than {MAX_PACKETS_PER_PAYLOAD} packets in one payload")
    check_text(body)
    return [_decode_packet(part) for part in body.split(SEPARATOR)]


def check_text(data: bytes) -> None:
    """Raises PacketError unless `data` is UTF-8."""
    if not data.isascii():
        try:
            data.decode()
        except UnicodeDecodeError as error:
            raise PacketError("text that is not UTF-8") from error


def _decode_packet(part: bytes) -> tuple[bytes, bool]:
    if not part:
        raise PacketError("empty packet")
    if not part.startswith(b"b"):
        return part, False
    if len(part) == 1:
        raise PacketError("empty binary packet")
    try:
        return binascii.a2b_base64(part[1:], strict_mode=True), True
    except binascii.Error as error:
        raise PacketError("binary packet that is not base64") from error

"""Engine.IO 3: what clients 1 and 2 put into bodies and messages.

Owns: the bytes in which revision 3 differs from 4. Packets are the same, but a binary one begins with its type, and payloads have
lengths in front of their packets instead of separators between them.
Invariants: only PacketError leaves a decoder; a length is at most MAX_DIGITS long and never larger than what is there; a payload
costs a scan or two of its bytes, whatever its lengths say (a few kilobytes could keep the reference parser busy for minutes).
Rejected: to tell clients 1 from clients 2. The former encode text twice (UTF-8 of UTF-8) when they poll, which looks like other
text. They are read as clients 2 are, as the reference server does since its version 2; what they are sent, both can read, because
text that is not ASCII goes to browsers in the binary form, where they agree.
Source: Engine.IO protocol, revision 3, "Encoding".
"""

from __future__ import annotations

import binascii
from base64 import b64encode

from alsohere.errors import PacketError
from alsohere.wire.engineio import MAX_PACKETS_PER_PAYLOAD, MESSAGE, PONG, Packet, check_text

MAX_DIGITS = 9
MAX_PING_BYTES = 128

_STRING, _BYTES, _END = 0, 1, b"\xff"
_TYPE = MESSAGE[0] - ord("0")  # in a binary packet the type is a number, in text its digit


class Coding:
    """A `wire.engineio.Coding` of revision 3.

    Args:
        base64: whether the client can take no bytes (`b64=1` in its query): a browser without XHR2, and Node when it polls.
    """

    takes_binary_bodies = True

    def __init__(self, *, base64: bool) -> None:
        self._base64 = base64

    def messages(self, packets: list[Packet]) -> list[Packet]:
        """Packets as the messages of a WebSocket carry them."""
        return [self._message(packet) if packet.binary else packet for packet in packets]

    def _message(self, packet: Packet) -> Packet:
        if self._base64:
            return Packet(b"b" + MESSAGE + b64encode(packet.data))
        return Packet(bytes([_TYPE]) + packet.data, binary=True)

    def encode_payload(self, packets: list[Packet]) -> bytes:
        """The body of a polling response."""
        messages = self.messages(packets)
        if not self._base64 and any(message.binary or not message.data.isascii() for message in messages):
            return b"".join([_with_head(message) for message in messages])
        return b"".join([b"%d:" % _units(message.data) + message.data for message in messages])

    def decode_payload(self, body: bytes) -> list[tuple[bytes, bool]]:
        """The packets of a polling request, as (data, binary); see `decode_packet`.

        Raises:
            PacketError: no packets or too many, a length that is none or lies, an empty packet, or text that is not UTF-8.
        """
        # The two forms cannot be taken for each other: one begins with a number below 2, the other with a digit.
        return _split_bytes(body) if body[:1] in (b"\0", b"\1") else _split_text(body)


BINARY = Coding(base64=False)
BASE64 = Coding(base64=True)


def is_binary_body(body: bytes) -> bool:
    """Whether a payload is in the binary form; its Content-Type has to say so."""
    return body[:1] in (b"\0", b"\1")


def decode_packet(data: bytes, *, binary: bool) -> tuple[bytes, bool]:
    """A packet without what revision 3 adds to it, whichever transport brought it: what `Session.receive` takes.

    Raises:
        PacketError: binary that is no message, or base64 that is none.
    """
    if binary:
        if data[:1] != bytes([_TYPE]):
            raise PacketError("binary packet that is not a message")
        return data[1:], True
    if not data.startswith(b"b"):
        return data, False
    if data[1:2] != MESSAGE:
        raise PacketError("binary packet that is not a message")
    try:
        return binascii.a2b_base64(data[2:], strict_mode=True), True
    except (binascii.Error, ValueError) as error:
        raise PacketError("binary packet that is not base64") from error


def answer_to_ping(data: bytes) -> Packet:
    """The pong, with what the ping had in it.

    Raises:
        PacketError: more than anybody has reason to.
    """
    if len(data) > MAX_PING_BYTES:
        raise PacketError("ping too long")
    return Packet(PONG + data[1:])


# -- The form of text: <length>:<packet>, the length in characters as JavaScript counts them ------------------------------


def _units(data: bytes) -> int:
    return len(data) if data.isascii() else len(data.decode().encode("utf-16-le")) // 2


def _split_text(body: bytes) -> list[tuple[bytes, bool]]:
    check_text(body)
    # Of ASCII a character is a byte. Of other text it is two, so that a length is an offset here too.
    width = 1 if body.isascii() else 2
    data = body if width == 1 else body.decode().encode("utf-16-le")
    packets: list[tuple[bytes, bool]] = []
    at = 0
    while at < len(data) or not packets:
        colon = data.find(b":\0"[:width], at, at + (MAX_DIGITS + 1) * width)
        # Two bytes that are half of one character and half of the next may look like a colon; then what is before is no number.
        size = _number(_utf8(data[at:colon], width) if colon >= 0 else b"") * width
        at = colon + width + size
        packets.append((_utf8(_slice(data, colon + width, size, len(packets)), width), False))
    return packets


def _utf8(part: bytes, width: int) -> bytes:
    if width == 1:
        return part
    try:
        return part.decode("utf-16-le").encode()
    except UnicodeDecodeError as error:
        raise PacketError("a length that ends within a character") from error


# -- The form of bytes: <0: text, 1: binary><digits as numbers><255><packet>, the length in bytes ------------------------


def _with_head(message: Packet) -> bytes:
    digits = bytes(digit - ord("0") for digit in b"%d" % len(message.data))
    return bytes([_BYTES if message.binary else _STRING]) + digits + _END + message.data


def _split_bytes(body: bytes) -> list[tuple[bytes, bool]]:
    packets: list[tuple[bytes, bool]] = []
    at = 0
    while at < len(body):
        kind = body[at]
        end = body.find(_END, at + 1, at + 1 + MAX_DIGITS + 1)
        if kind > _BYTES or end < 0:
            raise PacketError("payload that is none")
        size = _number(bytes(min(digit, 10) + ord("0") for digit in body[at + 1 : end]))
        part = _slice(body, end + 1, size, len(packets))
        if kind == _STRING:
            check_text(part)
        packets.append((part, kind == _BYTES))
        at = end + 1 + size
    return packets


# -- Both ----------------------------------------------------------------------------------------------------------------


def _number(digits: bytes) -> int:
    if not digits.isdigit() or digits.startswith(b"0"):  # of bytes, `isdigit` knows ASCII only
        raise PacketError("packet without a length")
    return int(digits)


def _slice(data: bytes, start: int, size: int, before: int) -> bytes:
    if before >= MAX_PACKETS_PER_PAYLOAD:
        raise PacketError(f"more than {MAX_PACKETS_PER_PAYLOAD} packets in one payload")
    if start + size > len(data):
        raise PacketError("packet shorter than its length")
    return data[start : start + size]

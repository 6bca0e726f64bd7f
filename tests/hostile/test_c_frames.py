"""C: WebSocket frames, written by hand. On our own server: elsewhere they are the host's."""

from __future__ import annotations

import zlib

import pytest

from hostile.bystander import Bystander, Process, closed_with
from hostile.marks import native
from hostile.wire import BINARY, CLOSE, PING, PONG, RESET, TEXT, Line, frame
from support.servers import ServerProcess, wait_for

pytestmark = native

MAX_PAYLOAD_BYTES = 1_000_000
PACKET_BURST = 200
CONTINUATION = 0
EVENT = b'42["unknown"]'

FORBIDDEN = {
    "unmasked": frame(TEXT, EVENT, masked=False),
    "rsv1": frame(TEXT, EVENT, reserved=0b100),
    "rsv2": frame(TEXT, EVENT, reserved=0b010),
    "rsv3": frame(BINARY, EVENT, reserved=0b001),
    "rsv1-ping": frame(PING, reserved=0b100),
    "rsv1-continuation": frame(TEXT, b"4", fin=False) + frame(CONTINUATION, b"2", reserved=0b100),
    "opcode-3": frame(0x3, EVENT),
    "opcode-7": frame(0x7, EVENT),
    "opcode-11": frame(0xB, EVENT),
    "opcode-15": frame(0xF, EVENT),
    "fragmented-ping": frame(PING, fin=False),
    "fragmented-close": frame(CLOSE, fin=False),
    "long-ping": frame(PING, b"x" * 126),
    "long-pong": frame(PONG, b"x" * 70_000),
    "long-close": frame(CLOSE, b"\x03\xe8" + b"x" * 124),
    "continuation-of-nothing": frame(CONTINUATION, EVENT),
    "message-in-a-message": frame(TEXT, b"42", fin=False) + frame(TEXT, EVENT),
    "binary-in-a-message": frame(TEXT, b"42", fin=False) + frame(BINARY, EVENT),
    "length-in-too-many-bytes": b"\x81\xfe\x00\x05\0\0\0\0hello",
}


@pytest.mark.parametrize("attack", list(FORBIDDEN))
def test_h44_frames_that_the_protocol_forbids(bystander: Bystander, attack: str) -> None:
    with bystander.attacking_line() as line:
        line.send(FORBIDDEN[attack])
        assert line.closed() == 1002


@pytest.mark.parametrize(
    "attack",
    [
        frame(TEXT, length=MAX_PAYLOAD_BYTES + 1),
        frame(BINARY, length=1 << 40),
        frame(TEXT, length=(1 << 63) - 1),
        frame(TEXT, length=1 << 63),
        frame(TEXT, length=(1 << 64) - 1),
        frame(TEXT, b"4", fin=False) + frame(CONTINUATION, length=1 << 63),
        frame(TEXT, b"4" * MAX_PAYLOAD_BYTES, fin=False) + frame(CONTINUATION, b"x"),
        frame(TEXT, b"4", fin=False) + frame(CONTINUATION, length=MAX_PAYLOAD_BYTES + 1),
    ],
    ids=[
        "max+1",
        "2-to-40",
        "2-to-63-less-1",
        "2-to-63",
        "2-to-64-less-1",
        "fragment-of-2-to-63",
        "second-fragment",
        "announced-fragment",
    ],
)
def test_h45_messages_that_are_too_large(server: ServerProcess, bystander: Bystander, attack: bytes) -> None:
    before = Process(server).resident_bytes()
    with bystander.attacking_line() as line:
        line.send(attack)
        assert line.closed() == 1009
    assert Process(server).resident_bytes() - before < 8 * MAX_PAYLOAD_BYTES


def test_h45_a_length_in_far_too_many_bytes(bystander: Bystander) -> None:
    """Not too large, but refused by the same check and so with the same code."""
    with bystander.attacking_line() as line:
        line.send(frame(TEXT, b"")[:1] + b"\xff" + (5).to_bytes(8, "big") + b"\0\0\0\0hello")
        assert line.closed() == 1009


def test_h45_the_largest_message(bystander: Bystander) -> None:
    with bystander.attacking_line() as line:
        line.send(frame(TEXT, b"3" + b"x" * (MAX_PAYLOAD_BYTES - 1)) + frame(PING, b"still here"))
        assert line.frame() == (PONG, b"still here")


def test_h46_tiny_fragments(server: ServerProcess, bystander: Bystander) -> None:
    before = closed_with(server, 1009)
    with bystander.attacking_line() as line:
        line.send(frame(TEXT, b"4", fin=False) + frame(CONTINUATION, b"2", fin=False) * 10_000)
        assert line.closed() in (1009, RESET)
    assert closed_with(server, 1009) == before + 1


def test_h46_empty_fragments(bystander: Bystander) -> None:
    with bystander.attacking_line() as line:
        line.send(frame(TEXT, b"", fin=False) + frame(CONTINUATION, b"", fin=False) * 63)
        line.send(frame(PING, b"between fragments"))
        assert line.frame() == (PONG, b"between fragments")
        line.send(frame(CONTINUATION, b"", fin=False))
        assert line.closed() == 1009


def test_h47_compression_is_not_agreed_to(server: ServerProcess, bystander: Bystander) -> None:
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = deflate.compress(b"4" * 100 * MAX_PAYLOAD_BYTES) + deflate.flush(zlib.Z_SYNC_FLUSH)
    before = Process(server).resident_bytes()
    with Line(server) as line:
        line.upgrade(headers="Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n").join("attacker-0001")
        line.send(frame(TEXT, bomb, reserved=0b100))
        assert line.closed() == 1002
    assert Process(server).resident_bytes() - before < 8 * MAX_PAYLOAD_BYTES


def test_h48_pings_that_come_together_are_answered_once(bystander: Bystander) -> None:
    with bystander.attacking_line() as line:
        line.send(b"".join(frame(PING, b"%d" % number) for number in range(50)))
        assert line.frame() == (PONG, b"49")
        line.send(frame(PING, b"alone"))
        assert line.frame() == (PONG, b"alone")
        line.send(frame(PING, b"not any more") + frame(CLOSE))
        assert line.frame() == (CLOSE, b"\x03\xe8")


@pytest.mark.parametrize("kind", [PING, PONG], ids=["ping", "pong"])
def test_h48_a_flood_of_pings(server: ServerProcess, bystander: Bystander, kind: int) -> None:
    before = closed_with(server, 1008)
    with bystander.attacking_line() as line:
        line.send(frame(kind, b"x" * 125) * (5 * PACKET_BURST))
        assert line.closed() in (1008, RESET)
    assert closed_with(server, 1008) == before + 1


@pytest.mark.parametrize("payload", [b"", b"x", b"2probe", b"x" * MAX_PAYLOAD_BYTES], ids=["empty", "x", "probe", "1-mb"])
def test_h49_binary_that_nobody_announced(bystander: Bystander, payload: bytes) -> None:
    with bystander.attacking_line() as line:
        line.send(frame(BINARY, payload))
        assert line.closed() == 4400


@pytest.mark.parametrize(
    "half", [b"", b"\x81", b"\x81\xfe\x10", frame(TEXT, b"42[", length=1000), frame(TEXT, b"42[", fin=False)],
    ids=["nothing", "first-byte", "length", "payload", "fragment"],
)  # fmt: skip
def test_h53_a_reset_in_the_middle_of_a_frame(server: ServerProcess, bystander: Bystander, half: bytes) -> None:
    process = Process(server)
    before = process.files()
    line = bystander.attacking_line()
    line.send(half)
    line.reset()
    wait_for(lambda: process.files() <= before, what="the file to be closed")


@pytest.mark.parametrize("path", ["/socket.io", "/"])
@pytest.mark.parametrize(
    ("attack", "codes"),
    [
        (FORBIDDEN["length-in-too-many-bytes"], (1002,)),
        (frame(TEXT, b"4", fin=False) + frame(CONTINUATION, b"", fin=False) * 64, (1009,)),
        (frame(PING, b"x" * 125) * (5 * PACKET_BURST), (1008, RESET)),
    ],
    ids=["length", "fragments", "pings"],
)
def test_h44_to_h48_hold_wherever_a_websocket_is_let_in(
    server: ServerProcess, bystander: Bystander, path: str, attack: bytes, codes: tuple[int, ...]
) -> None:
    """uvicorn has WebSockets of its own, for those of a wrapped application; ours never are among them."""
    with Line(server) as line:
        line.upgrade(path=path).join("attacker-0001")
        line.send(attack)
        assert line.closed() in codes


def _code(code: int) -> bytes:
    return code.to_bytes(2, "big")


@pytest.mark.parametrize(
    ("payload", "answer"),
    [
        (b"", 1000),
        (_code(1000), 1000),
        (_code(1001) + b"going", 1001),
        (_code(3000), 3000),
        (_code(4999), 4999),
        (b"\x03", 1002),
        (_code(0), 1002),
        (_code(999), 1002),
        (_code(1004), 1002),
        (_code(1005), 1002),
        (_code(1006), 1002),
        (_code(1015), 1002),
        (_code(2999), 1002),
        (_code(5000), 1002),
        (_code(65535), 1002),
        (_code(1000) + b"\xff", 1007),
    ],
)
def test_h53_codes_of_close_frames(bystander: Bystander, payload: bytes, answer: int) -> None:
    with bystander.attacking_line() as line:
        line.send(frame(CLOSE, payload))
        assert line.closed() == answer


def test_h53_frames_after_a_close_frame(bystander: Bystander) -> None:
    with bystander.attacking_line() as line:
        line.send(frame(CLOSE, _code(1000)) + frame(TEXT, b"42[]") + frame(CLOSE, _code(1001)) + frame(0xF))
        assert line.closed() == 1000

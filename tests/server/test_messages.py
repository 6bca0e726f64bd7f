"""WebSocket messages from frames, with bounds; frames from packets."""

from __future__ import annotations

import pytest
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from alsohere.errors import CloseCode, PacketError
from alsohere.server.messages import MAX_FRAGMENTS, Fragments, check_utf8, frame


def test_fragments_become_one_message():
    fragments = Fragments(b"4he", binary=False, max_bytes=10)
    fragments.add(b"")
    fragments.add(b"llo")
    assert fragments.finish() == (b"4hello", False)


def test_a_message_in_fragments_is_no_larger_than_one_in_a_frame():
    fragments = Fragments(b"12345", binary=True, max_bytes=10)
    fragments.add(b"67890")
    with pytest.raises(PacketError) as error:
        fragments.add(b"1")
    assert error.value.close_code is CloseCode.TOO_BIG


def test_a_flood_of_tiny_fragments_is_ended():
    fragments = Fragments(b"", binary=False, max_bytes=1_000_000)
    for _ in range(MAX_FRAGMENTS - 1):
        fragments.add(b"x")
    with pytest.raises(PacketError) as error:
        fragments.add(b"x")
    assert error.value.close_code is CloseCode.TOO_BIG


@pytest.mark.parametrize("data", [b"plain", "é ✓ 👋".encode(), b"\x00\x7f"])
def test_text_is_utf8(data: bytes):
    check_utf8(data)


@pytest.mark.parametrize("data", [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xc0\xaf", b"abc\xe2\x82"])
def test_text_that_is_not_utf8_is_refused(data: bytes):
    with pytest.raises(PacketError) as error:
        check_utf8(data)
    assert error.value.close_code is CloseCode.INVALID_TEXT


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 200_000])
@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
def test_a_frame_of_ours_is_read_by_another_library(size: int, binary: bool):
    stream = StreamReader()
    stream.feed_data(frame(b"x" * size, binary=binary))
    reading = Frame.parse(stream.read_exact, mask=False)
    with pytest.raises(StopIteration) as done:
        next(reading)
    assert done.value.value == Frame(Opcode.BINARY if binary else Opcode.TEXT, b"x" * size)

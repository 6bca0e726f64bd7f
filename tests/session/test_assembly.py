"""A binary packet on its way in."""

from __future__ import annotations

import pytest

from alsohere.errors import CloseCode, PacketError
from alsohere.session.assembly import Assembly
from alsohere.wire import socketio


def assembly(packet: str, budget_bytes: int = 1000) -> Assembly:
    return Assembly(socketio.decode(packet.encode()), budget_bytes, complete_by_s=110.0)


def test_a_packet_is_complete_when_as_many_came_as_were_announced():
    pieces = assembly('52-7["x",{"_placeholder":true,"num":1},{"a":[{"_placeholder":true,"num":0}]}]')
    pieces.add(b"first")
    assert not pieces.is_complete
    pieces.add(b"second")
    assert pieces.is_complete
    header, values = pieces.finish()
    assert (header.id, values) == (7, ["x", b"second", {"a": [b"first"]}])


def test_an_attachment_may_be_empty():
    pieces = assembly('51-["x",{"_placeholder":true,"num":0}]')
    pieces.add(b"")
    assert pieces.finish()[1] == ["x", b""]


def test_all_attachments_together_stay_within_the_budget():  # S4
    pieces = assembly("510-[]", budget_bytes=10)
    pieces.add(b"12345")
    pieces.add(b"67890")
    pieces.add(b"")
    with pytest.raises(PacketError, match="maxPayload") as ended:
        pieces.add(b"!")
    assert ended.value.close_code == CloseCode.TOO_BIG


@pytest.mark.parametrize(
    "packet",
    ['51-["x"]', "51-[]", "51-{}", "51-", '51-["x",{"_placeholder":true,"num":1}]', '51-["x",{"_placeholder":true,"num":0}'],
)
def test_what_does_not_fit_together_is_a_packet_error(packet: str):
    pieces = assembly(packet)
    pieces.add(b"data")
    with pytest.raises(PacketError):
        pieces.finish()

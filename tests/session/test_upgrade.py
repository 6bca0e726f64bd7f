"""A second transport that asks to take a session over."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alsohere.errors import PacketError
from alsohere.session.upgrade import MOVES, Upgrade, UpgradeState


def test_a_probe_and_an_upgrade_make_the_transport_the_sessions():
    upgrade = Upgrade()
    assert upgrade.state is UpgradeState.OPENED
    assert upgrade.receive(b"2probe") is UpgradeState.PROBED
    assert upgrade.receive(b"5") is UpgradeState.DONE


@pytest.mark.parametrize(
    "packets",
    [
        [b"5"],
        [b"2"],
        [b"2prob"],
        [b"2probe "],
        [b"3probe"],
        [b"40"],
        [b""],
        [b"2probe", b"2probe"],
        [b"2probe", b"5x"],
        [b"2probe", b"6"],
        [b"2probe", b"42[1]"],
        [b"2probe", b"5", b"5"],
        [b"2probe", b"5", b"2probe"],
    ],
)
def test_any_other_step_ends_the_new_transport_and_moves_nothing(packets: list[bytes]):
    upgrade = Upgrade()
    for packet in packets[:-1]:
        upgrade.receive(packet)
    before = upgrade.state
    with pytest.raises(PacketError, match="not a step of an upgrade"):
        upgrade.receive(packets[-1])
    assert upgrade.state is before


@pytest.mark.parametrize(("before", "packet"), [([], b"2probe"), ([b"2probe"], b"5")])
def test_a_step_is_text(before: list[bytes], packet: bytes):
    upgrade = Upgrade()
    for step in before:
        upgrade.receive(step)
    with pytest.raises(PacketError):
        upgrade.receive(packet, binary=True)


@given(st.lists(st.sampled_from([b"2probe", b"5", b"6", b"2"]), max_size=5))
def test_the_table_is_the_machine(packets: list[bytes]):
    upgrade = Upgrade()
    state = UpgradeState.OPENED
    for packet in packets:
        following = MOVES[state].get(packet)
        if following is None:
            with pytest.raises(PacketError):
                upgrade.receive(packet)
        else:
            assert upgrade.receive(packet) is following
            state = following
        assert upgrade.state is state

"""A: requests that take their time. They have been under way since the first test of this folder: see slow_attack.py."""

from __future__ import annotations

import pytest

from hostile.slow_attack import HEADS, SlowAttack
from hostile.wire import fetch


@pytest.mark.parametrize("attack", list(HEADS))
def test_h13_slowloris(slow_attack: SlowAttack, attack: str) -> None:
    ended_after_s = slow_attack.line(attack).ended_after_s
    assert ended_after_s is not None
    assert ended_after_s < 13
    assert slow_attack.beside.call("room:watch", {"rooms": []})["ok"]


def test_h14_a_slow_body(slow_attack: SlowAttack) -> None:
    slow = slow_attack.line("post")
    assert slow.answer.startswith(b"HTTP/1.1 408 ")
    assert slow.ended_after_s is not None
    assert slow.ended_after_s < 12
    assert fetch(slow_attack.server, slow_attack.target).code == 1
    assert slow_attack.beside.call("room:watch", {"rooms": []})["ok"]

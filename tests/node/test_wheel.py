"""The one timer of all sessions."""

from __future__ import annotations

from math import inf, nextafter
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from alsohere.node.wheel import Wheel

RESOLUTION_S = 0.05
edges = st.integers(0, 200).map(lambda number: number * RESOLUTION_S)
times = st.floats(0.0, 1e6) | edges | edges.map(lambda edge: nextafter(edge, inf))


@given(st.lists(times, max_size=30), st.lists(st.floats(0.0, 100.0), max_size=10))
@example([0.45000000000000007], [0.45])  # a division that rounds down
def test_an_entry_fires_never_early_at_most_one_resolution_late_and_once(dues: list[float], steps: list[float]):
    wheel: Wheel[int] = Wheel(RESOLUTION_S)
    for entry, due_s in enumerate(dues):
        wheel.put(entry, due_s)
    fired: dict[int, float] = {}

    def turn(now_s: float) -> None:
        for entry in wheel.turn(now_s):
            assert entry not in fired
            fired[entry] = now_s
            assert now_s >= dues[entry]

    now_s = 0.0
    for step in steps:
        end = now_s + step
        while (due_s := wheel.due_s()) is not None and due_s <= end:
            now_s = due_s
            turn(now_s)
        now_s = end
        turn(now_s)
        assert all(due_s + RESOLUTION_S * 1.001 > now_s for entry, due_s in enumerate(dues) if entry not in fired)
    for entry, moment in fired.items():
        assert moment <= dues[entry] + RESOLUTION_S * 1.001
    assert len(wheel) == len(dues) - len(fired)


@given(times)
def test_a_wheel_says_when_it_has_something_to_give(due_s: float):
    wheel: Wheel[str] = Wheel(RESOLUTION_S)
    assert wheel.due_s() is None
    wheel.put("x", due_s)
    when = wheel.due_s()
    assert due_s <= when <= due_s + RESOLUTION_S * 1.001
    assert list(wheel.turn(when - RESOLUTION_S)) == []
    assert list(wheel.turn(when)) == ["x"]
    assert wheel.due_s() is None


@given(st.lists(st.tuples(st.integers(0, 5), times, st.booleans()), max_size=40))
def test_entries_are_moved_and_removed(moves: list[Any]):
    wheel: Wheel[int] = Wheel(RESOLUTION_S)
    slots: dict[int, int] = {}
    for entry, due_s, stays in moves:
        if entry in slots:
            wheel.remove(entry, slots.pop(entry))
        if stays:
            slots[entry] = wheel.put(entry, due_s)
    assert len(wheel) == len(slots)
    assert set(wheel.turn(2e6)) == set(slots)
    assert (len(wheel), wheel.due_s()) == (0, None)


def test_removing_what_has_fired_does_nothing():
    wheel: Wheel[str] = Wheel(RESOLUTION_S)
    slot = wheel.put("x", 1.0)
    wheel.put("y", 1.0)
    assert sorted(wheel.turn(2.0)) == ["x", "y"]
    wheel.remove("x", slot)
    wheel.remove("x", 12345)
    assert len(wheel) == 0


def test_the_first_of_several_deadlines_wakes_whatever_the_order():
    wheel: Wheel[str] = Wheel(RESOLUTION_S)
    late, early = wheel.put("late", 9.0), wheel.put("early", 3.0)
    assert wheel.due_s() == pytest.approx(3.0, abs=RESOLUTION_S)
    wheel.remove("early", early)
    assert wheel.due_s() == pytest.approx(9.0, abs=RESOLUTION_S)
    wheel.remove("late", late)
    assert wheel.due_s() is None


def test_what_is_put_while_the_wheel_turns_fires_when_it_is_due():
    wheel: Wheel[str] = Wheel(RESOLUTION_S)
    wheel.put("first", 1.0)
    fired = []
    for entry in wheel.turn(5.0):
        fired.append(entry)
        if entry == "first":
            wheel.put("now", 1.0)
            wheel.put("soon", 4.0)
            wheel.put("later", 6.0)
    assert fired == ["first", "now", "soon"]
    assert list(wheel.turn(6.1)) == ["later"]


def test_an_entry_may_be_removed_by_one_that_fires_beside_it():
    wheel: Wheel[str] = Wheel(RESOLUTION_S)
    slots = {entry: wheel.put(entry, 1.0) for entry in ("a", "b")}
    fired = []
    for entry in wheel.turn(1.0):
        fired.append(entry)
        other = "b" if entry == "a" else "a"
        wheel.remove(other, slots[other])
    assert len(fired) == 1
    assert len(wheel) == 0

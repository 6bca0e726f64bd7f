"""What is said about a room, and what two reports of one visit are together."""

from __future__ import annotations

from datetime import date
from statistics import median as middle

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given

from alsohere.domain.history import (
    DAY_MS,
    STEPS,
    Day,
    Visit,
    day_number,
    day_of,
    median,
    number_of,
    room_reading,
    step_of,
)

reports = st.builds(
    lambda left_at, active_s, furthest: Visit("/r", "ann", 1000, left_at, active_s, furthest),
    st.integers(1000, 1010),
    st.integers(0, 5).map(float),
    st.none() | st.integers(0, 100),
)


@given(reports, reports, reports)
def test_reports_may_come_twice_late_and_in_any_order(a: Visit, b: Visit, c: Visit):  # R5
    assert a.merged(a) == a
    assert a.merged(b) == b.merged(a)
    assert a.merged(b).merged(c) == a.merged(b.merged(c))


def test_of_two_reports_the_furthest_of_each_number_counts():  # R5
    early, late = Visit("/r", "ann", 0, 60_000, 20.0, None), Visit("/r", "ann", 0, 90_000, 31.0, 12)
    assert early.merged(late) == late.merged(early) == late
    day = date(2026, 11, 20)
    assert Day(day, 3, 5, 9).merged(Day(day, 4, 4, 9)) == Day(day, 4, 5, 9)


furthest = st.lists(st.integers(0, 100), max_size=40)


def steps_of(positions: list[int]) -> list[int]:
    steps = [0] * STEPS
    for position in positions:
        steps[step_of(position)] += 1
    return steps


@given(furthest)
def test_completion_reach_and_stops_are_those_of_the_positions(positions: list[int]):
    answer = room_reading("/r", len(positions) + 2, 3, None, steps_of(positions))
    assert (answer.visits, answer.visitors, answer.positioned) == (len(positions) + 2, 3, len(positions))
    for bucket in answer.completion:
        last = bucket.to == 100
        assert bucket.visits == sum(bucket.from_ <= position < bucket.to + last for position in positions)
    for reach in answer.reach:
        got = sum(position >= reach.position for position in positions)
        assert reach.share == (round(got / len(positions), 4) if positions else 0.0)
    for stop in answer.stops:
        got = sum(position >= stop.from_ for position in positions)
        assert stop.visits == sum(stop.from_ <= position < stop.to for position in positions) > 0
        assert stop.share == round(stop.visits / got, 4)
        assert stop.to <= 95
    assert [stop.visits for stop in answer.stops] == sorted((stop.visits for stop in answer.stops), reverse=True)


def test_where_readers_stop_is_where_most_got_no_further():
    answer = room_reading("/r", 10, 10, 12.5, steps_of([3, 36, 37, 39, 50, 72, 98, 99, 100, 100]))
    assert msgspec.to_builtins(answer.stops) == [
        {"from": 35, "to": 40, "visits": 3, "share": 0.3333},
        {"from": 0, "to": 5, "visits": 1, "share": 0.1},
        {"from": 50, "to": 55, "visits": 1, "share": 0.1667},
    ]
    assert [bucket.visits for bucket in answer.completion] == [1, 0, 0, 3, 0, 1, 0, 1, 0, 4]
    assert [reach.share for reach in answer.reach] == [0.9, 0.9, 0.9, 0.6, 0.6, 0.5, 0.5, 0.4, 0.4, 0.2]


def test_a_room_that_nobody_has_read_has_numbers_too():
    answer = room_reading("/r", 0, 0, None, [0] * STEPS)
    assert (answer.visits, answer.median_active_s, answer.stops) == (0, None, [])
    assert {reach.share for reach in answer.reach} == {0.0}


@given(st.lists(st.floats(0, 1e6), max_size=20).map(sorted))
def test_the_median_is_the_middle(values: list[float]):
    assert median(values) == (pytest.approx(middle(values)) if values else None)


@given(st.integers(0, 4_000_000_000_000))
def test_a_day_begins_at_midnight_utc(wall_ms: int):
    number = day_number(wall_ms)
    assert number_of(day_of(number)) == number
    assert number * DAY_MS <= wall_ms < (number + 1) * DAY_MS


def test_days_have_the_names_that_they_have():
    assert day_of(day_number(1_795_154_660_608)) == date(2026, 11, 20)

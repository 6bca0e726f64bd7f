"""What waits to be written: one report of each visit, bounded, oldest first; and the day's numbers."""

from __future__ import annotations

from datetime import date

import hypothesis.strategies as st
from hypothesis import given

from alsohere.domain.backlog import Backlog, Tally
from alsohere.domain.history import DAY_MS, Day, Visit


def visit(user: str, entered_at: int = 0, active_s: float = 0.0) -> Visit:
    return Visit("/r", user, entered_at, entered_at + 1000, active_s, None)


def test_the_oldest_is_written_first_and_each_visit_once():  # R5
    backlog = Backlog(limit=10)
    for user, active_s in (("ann", 1.0), ("bob", 2.0), ("ann", 3.0)):
        backlog.put(visit(user, active_s=active_s))
    assert backlog.take(5) == [visit("ann", active_s=3.0), visit("bob", active_s=2.0)]
    assert backlog.take(5) == []


def test_what_could_not_be_written_goes_to_where_it_was():  # R5
    backlog = Backlog(limit=10)
    for user in ("ann", "bob", "cem"):
        backlog.put(visit(user, active_s=5.0))
    taken = backlog.take(2)
    backlog.put(visit("bob", active_s=7.0))  # a later report, meanwhile
    backlog.give_back(taken)
    assert backlog.take(5) == [visit("ann", active_s=5.0), visit("bob", active_s=7.0), visit("cem", active_s=5.0)]


def test_when_too_much_waits_the_oldest_is_dropped_and_counted():  # R5
    backlog = Backlog(limit=3)
    for at in range(5):
        backlog.put(visit("ann", at))
    assert ([kept.entered_at for kept in backlog.take(5)], backlog.dropped) == ([2, 3, 4], 2)


def test_what_is_given_back_is_bounded_too():
    backlog = Backlog(limit=3)
    for at in range(3):
        backlog.put(visit("ann", at))
    taken = backlog.take(2)
    for at in range(10, 12):
        backlog.put(visit("ann", at))
    backlog.give_back(taken)
    assert ([kept.entered_at for kept in backlog.take(5)], backlog.dropped) == ([2, 10, 11], 2)


def test_nothing_of_an_erased_user_waits():  # R6
    backlog = Backlog(limit=9)
    for user, at in (("ann", 1), ("bob", 1), ("ann", 5)):
        backlog.put(visit(user, at))
    backlog.forget("ann", 4)
    assert [kept.key for kept in backlog.take(9)] == [("/r", "bob", 1), ("/r", "ann", 5)]


@given(st.lists(st.tuples(st.sampled_from(["put", "take", "give"]), st.integers(0, 9)), max_size=60))
def test_nothing_is_lost_but_what_is_counted(steps: list[tuple[str, int]]):  # R5
    backlog, under_way, put = Backlog(limit=4), [], set()
    written: set[tuple] = set()
    for number, (what, value) in enumerate(steps):
        if what == "put":
            backlog.put(visit("ann", value, active_s=float(number)))
            put.add(value)
        elif what == "take":
            written |= {kept.key for kept in under_way}
            under_way = backlog.take(value)
        else:
            backlog.give_back(under_way)
            under_way = []
        assert len(backlog) <= 4
    written |= {kept.key for kept in [*under_way, *backlog.take(9)]}
    assert len(put) - len(written) <= backlog.dropped
    assert written <= {("/r", "ann", value) for value in put}


# -- Days --------------------------------------------------------------------------------------------------------------

TODAY = 20_777 * DAY_MS
DAY = date(2026, 11, 20)


def test_a_day_has_its_peaks_and_its_visits():  # R7
    tally = Tally()
    tally.note(TODAY, 1, 1, came=True)
    tally.note(TODAY, 1, 4, came=False)
    tally.note(TODAY, 2, 2, came=True)
    assert tally.take() == [Day(DAY, 2, 4, 2)]
    assert tally.take() == []
    tally.note(TODAY, 1, 1, came=False)  # no news
    assert not tally.is_changed


def test_a_day_begins_with_those_who_stayed():  # R7
    tally = Tally()
    tally.note(TODAY, 3, 3, came=True)
    tally.note(TODAY + DAY_MS, 2, 3, came=False)
    tally.note(TODAY, 9, 9, came=True)  # the clock was set back
    assert tally.take() == [Day(DAY, 9, 9, 2), Day(date(2026, 11, 21), 2, 3, 0)]


def test_days_that_could_not_be_written_come_again_as_they_are_then():
    tally = Tally()
    tally.note(TODAY, 1, 1, came=True)
    taken = tally.take()
    tally.note(TODAY, 2, 2, came=True)
    tally.give_back(taken)
    assert tally.take() == [Day(DAY, 2, 2, 2)]

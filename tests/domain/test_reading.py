"""Visits: the fold from presence beside a small model that adds up seconds, and each rule alone."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from alsohere.domain.history import Visit
from alsohere.domain.presence import Transition
from alsohere.domain.reading import Reading, RecordedRooms
from alsohere.errors import ConfigError
from alsohere.facts import Member

CHECKPOINT_S = 60.0


def member(user: str, **state: Any) -> Member:
    return Member(user, user, None, user.startswith("~"), "active", state, 0, 1, 1)


def enter(room: str, user: str, **state: Any) -> Transition:
    return Transition(room, None, member(user, **state))


def update(room: str, user: str, **state: Any) -> Transition:
    return Transition(room, member(user), member(user, **state))


def leave(room: str, user: str) -> Transition:
    return Transition(room, member(user), None, "left")


def look(reading: Reading, room: str, user: str, attended: bool, now_s: float) -> None:
    for stay in reading.of(user):
        if stay.room == room:
            stay.attend(attended, now_s)


def end(reading: Reading, transition: Transition, now_s: float, wall_ms: int) -> Visit | None:
    """A leave; the visit that it was the end of."""
    reading.fold(transition, now_s, wall_ms)
    assert reading.ended <= 1
    visits = reading.take_ended()
    assert reading.ended == 0
    return visits[0] if visits else None


@pytest.fixture
def reading() -> Reading:
    return Reading(RecordedRooms(["/posts/*", "/about"]), CHECKPOINT_S)


# -- Which rooms -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "room", "is_recorded"),
    [
        (["/posts/*"], "/posts/1", True),
        (["/posts/*"], "/posts/", True),
        (["/posts/*"], "/post", False),
        (["/posts"], "/posts", True),
        (["/posts"], "/posts/1", False),
        (["/a*b"], "/a*b", True),
        (["/a*b"], "/axb", False),
        (["*"], "/anything", True),
        (["*"], "@online", False),
        ([], "/posts/1", False),
    ],
)
def test_a_rule_is_a_room_or_a_prefix(rules: list[str], room: str, is_recorded: bool):  # R4
    assert (room in RecordedRooms(rules)) is is_recorded
    assert bool(RecordedRooms(rules)) is bool(rules)


@pytest.mark.parametrize("rule", ["@online", "@*", "/a\n", "x" * 201, "\ud800", ""])
def test_a_rule_that_can_name_no_room_is_told(rule: str):
    with pytest.raises(ConfigError, match=r"^history: .* names no room; write a room, or a prefix and \*"):
        RecordedRooms([rule])


def test_a_room_that_no_rule_names_leaves_nothing(reading: Reading):  # R4
    reading.fold(enter("/private", "ann", position=50), 0.0, 0)
    reading.fold(update("/private", "ann", position=60), 1.0, 0)
    assert end(reading, leave("/private", "ann"), 2.0, 0) is None
    assert reading.is_empty
    assert reading.due_s() is None


# -- One visit ---------------------------------------------------------------------------------------------------------


def test_a_visit_has_its_times_its_attention_and_how_far_it_got(reading: Reading):  # R1, R2, R3
    reading.fold(enter("/posts/1", "~ann", position=10), 100.0, 1_000_000)
    look(reading, "/posts/1", "~ann", True, 100.0)
    look(reading, "/posts/1", "~ann", False, 107.5)  # the page is hidden
    reading.fold(update("/posts/1", "~ann", position=63.9), 110.0, 1_010_000)
    look(reading, "/posts/1", "~ann", True, 120.0)
    reading.fold(update("/posts/1", "~ann", position=20), 121.0, 1_021_000)  # back to the top
    visit = end(reading, leave("/posts/1", "~ann"), 122.25, 1_022_250)
    assert visit == Visit("/posts/1", "~ann", 1_000_000, 1_022_250, 9.75, 63)
    assert reading.is_empty


def test_a_step_of_the_wall_clock_is_no_reading_time(reading: Reading):  # R2
    reading.fold(enter("/about", "ann"), 5.0, 1_000_000)
    look(reading, "/about", "ann", True, 5.0)
    visit = end(reading, leave("/about", "ann"), 7.0, 400_000)  # ten minutes earlier than it was
    assert (visit.entered_at, visit.left_at, visit.active_s) == (1_000_000, 1_002_000, 2.0)


@pytest.mark.parametrize(
    ("position", "furthest"),
    [
        (0, 0),
        (0.99, 0),
        (37, 37),
        (99.9, 99),
        (100, 100),
        (10**9, 100),
        (10**400, 100),
        (-1, 0),
        (nan, None),
        (inf, None),
        (-inf, None),
        (True, None),
        ("50", None),
        (None, None),
    ],
)
def test_a_position_is_a_number_from_0_to_100(reading: Reading, position: Any, furthest: int | None):  # R3
    reading.fold(enter("/about", "ann", position=position), 0.0, 0)
    assert end(reading, leave("/about", "ann"), 1.0, 0).furthest == furthest


def test_a_position_that_is_none_does_not_take_back_one_that_was(reading: Reading):  # R3
    reading.fold(enter("/about", "ann", position=40), 0.0, 0)
    reading.fold(update("/about", "ann", position="far"), 0.0, 0)
    assert end(reading, leave("/about", "ann"), 1.0, 0).furthest == 40


# -- Checkpoints and forgetting ----------------------------------------------------------------------------------------


def test_a_visit_that_goes_on_is_written_down_once_a_checkpoint(reading: Reading):  # R5
    reading.fold(enter("/posts/1", "ann"), 0.0, 0)
    reading.fold(enter("/posts/1", "bob"), 10.0, 10_000)
    assert reading.checkpoints(50.0) == []
    assert reading.due_s() == 55.0  # all are looked over every 5 seconds
    assert [(visit.user, visit.left_at) for visit in reading.checkpoints(55.0)] == [("ann", 55_000)]
    assert reading.checkpoints(60.0) == []
    assert [(visit.user, visit.left_at) for visit in reading.checkpoints(65.0)] == [("bob", 65_000)]
    assert [visit.user for visit in reading.checkpoints(110.0)] == ["ann"]


def test_when_nobody_is_there_nothing_is_due(reading: Reading):
    reading.fold(enter("/about", "ann"), 0.0, 0)
    end(reading, leave("/about", "ann"), 3.0, 3000)
    assert reading.checkpoints(5.0) == []
    assert reading.due_s() is None


def test_who_was_erased_has_no_visit_until_they_enter_again(reading: Reading):  # R6
    for room in ("/posts/1", "/about"):
        reading.fold(enter(room, "ann"), 0.0, 1000)
    reading.fold(enter("/about", "bob"), 0.0, 1000)
    reading.forget("ann", 1000)
    assert end(reading, leave("/posts/1", "ann"), 1.0, 2000) is None
    reading.fold(update("/about", "ann", position=9), 1.0, 2000)
    end(reading, leave("/about", "ann"), 2.0, 3000)
    assert [stay.room for stay in reading.of("bob")] == ["/about"]
    reading.fold(enter("/about", "ann"), 3.0, 4000)
    reading.forget("ann", 3999)  # news of the same erasure
    assert [stay.entered_at for stay in reading.of("ann")] == [4000]


def test_who_was_erased_has_no_visit_that_ended_and_was_not_taken(reading: Reading):  # R6
    for user, entered_at in (("ann", 1000), ("bob", 1000), ("ann", 2000)):
        reading.fold(enter("/about", user), 0.0, entered_at)
        reading.fold(leave("/about", user), 1.0, 0)
    reading.forget("ann", 1999)
    assert [(visit.user, visit.entered_at) for visit in reading.take_ended()] == [("bob", 1000), ("ann", 2000)]


# -- Everything together -----------------------------------------------------------------------------------------------

ROOMS, USERS = ["/posts/1", "/posts/2", "/about", "/private"], ["ann", "bob", "~cem"]
rooms, users = st.sampled_from(ROOMS), st.sampled_from(USERS)
positions = st.one_of(st.integers(-5, 110), st.floats(allow_nan=True), st.booleans(), st.none(), st.text(max_size=2))


class ReadingMachine(RuleBasedStateMachine):
    """The model knows who is where since when, and adds a second to whoever looks whenever one passes."""

    def __init__(self) -> None:
        super().__init__()
        self.reading = Reading(RecordedRooms(["/posts/*", "/about"]), CHECKPOINT_S)
        self.now_s, self.wall_ms = 0, 1_000_000
        self.here: dict[tuple[str, str], dict[str, Any]] = {}
        self.seen: dict[tuple[str, str, int], Visit] = {}

    @rule(seconds=st.integers(1, 100))
    def time_passes(self, seconds: int) -> None:
        self.now_s += seconds
        self.wall_ms += seconds * 1000
        for visit in self.here.values():
            visit["seconds"] += seconds
            visit["active"] += seconds * visit["attended"]

    @rule(ms=st.integers(-5_000_000, 5_000_000))
    def the_wall_clock_is_set(self, ms: int) -> None:
        self.wall_ms += ms

    @rule(room=rooms, user=users, position=positions)
    def somebody_enters(self, room: str, user: str, position: Any) -> None:
        if (room, user) in self.here:
            return
        self.reading.fold(enter(room, user, position=position), float(self.now_s), self.wall_ms)
        self.here[room, user] = {"at": self.wall_ms, "seconds": 0, "active": 0, "attended": False, "reached": set()}
        self.note(room, user, position)

    def note(self, room: str, user: str, position: Any) -> None:
        if isinstance(position, (int, float)) and not isinstance(position, bool) and abs(position) < inf:
            self.here[room, user]["reached"].add(min(max(int(position), 0), 100))

    @precondition(lambda self: self.here)
    @rule(data=st.data(), position=positions)
    def somebody_reads_on(self, data: st.DataObject, position: Any) -> None:
        room, user = data.draw(st.sampled_from(list(self.here)))
        self.reading.fold(update(room, user, position=position), float(self.now_s), self.wall_ms)
        self.note(room, user, position)

    @precondition(lambda self: self.here)
    @rule(data=st.data(), attended=st.booleans())
    def somebody_looks_or_not(self, data: st.DataObject, attended: bool) -> None:
        room, user = data.draw(st.sampled_from(list(self.here)))
        look(self.reading, room, user, attended, float(self.now_s))
        self.here[room, user]["attended"] = attended

    @precondition(lambda self: self.here)
    @rule(data=st.data())
    def somebody_leaves(self, data: st.DataObject) -> None:
        room, user = data.draw(st.sampled_from(list(self.here)))
        visit = end(self.reading, leave(room, user), float(self.now_s), self.wall_ms)
        wanted = self.here.pop((room, user))
        if room == "/private":
            assert visit is None  # R4
        else:
            self.check(visit, wanted)

    @rule()
    def checkpoints_are_taken(self) -> None:
        for visit in self.reading.checkpoints(float(self.now_s)):
            self.check(visit, self.here[visit.room, visit.user])

    def check(self, visit: Visit, wanted: dict[str, Any]) -> None:
        assert (visit.entered_at, visit.left_at) == (wanted["at"], wanted["at"] + wanted["seconds"] * 1000)  # R1
        assert visit.active_s == wanted["active"]  # R2
        assert visit.furthest == max(wanted["reached"], default=None)  # R3

    @invariant()
    def only_recorded_rooms_are_kept(self) -> None:  # R4
        recorded = {key for key in self.here if key[0] != "/private"}
        assert {(stay.room, user) for user in USERS for stay in self.reading.of(user)} == recorded
        assert self.reading.is_empty is not bool(recorded)
        assert self.reading.due_s() is not None or not recorded


TestReading = ReadingMachine.TestCase
TestReading.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)

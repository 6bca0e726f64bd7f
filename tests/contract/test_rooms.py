"""What every implementation of `ports.Rooms` owes, in the words of the port.

Its third guarantee, that what a dead node had stated is taken back for it, has nothing to be tried on: memory dies with its node.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alsohere.backends.memory import MemoryRooms
from alsohere.domain.presence import Transition
from alsohere.domain.roster import Roster
from alsohere.facts import Member
from alsohere.ports import Rooms

BACKENDS: list[Callable[[str], Rooms]] = [MemoryRooms]


def member(user_id: str, generation: int = 1, **state: Any) -> Member:
    return Member(user_id, user_id.title(), None, False, "active", state, 0, generation, 1)


class Listener:
    """Keeps what it is told, and what the roster showed at that moment."""

    def __init__(self, rooms: Rooms) -> None:
        self.rooms = rooms
        self.told: list[tuple[str, str, Any, int]] = []
        self.shown: list[Member | None] = []
        rooms.listen(self)

    def __call__(self, room: str, user_id: str, reason: Any, seq: int) -> None:
        known = self.rooms.roster.room(room)
        self.told.append((room, user_id, reason, seq))
        self.shown.append(known.members.get(user_id) if known else None)


@pytest.fixture(params=BACKENDS, ids=lambda backend: backend.__name__)
def rooms(request: pytest.FixtureRequest) -> Rooms:
    return request.param("e1")


ANN, ANN_TYPING, BOB = member("ann"), member("ann", typing=True), member("bob", 2)
STAY = [
    Transition("/r", None, ANN),
    Transition("/r", ANN, ANN_TYPING),
    Transition("/r", None, BOB),
    Transition("/r", ANN_TYPING, None, "kicked"),
]


def test_a_listener_is_told_of_every_change_in_its_order(rooms: Rooms):
    listener = Listener(rooms)
    for transition in STAY:
        rooms.state(transition)
    assert [told[:3] for told in listener.told] == [
        ("/r", "ann", None),
        ("/r", "ann", None),
        ("/r", "bob", None),
        ("/r", "ann", "kicked"),
    ]
    seqs = [told[3] for told in listener.told]
    assert seqs == sorted(set(seqs))


def test_a_listener_is_told_after_the_roster_shows_it(rooms: Rooms):
    listener = Listener(rooms)
    for transition in STAY:
        rooms.state(transition)
    assert listener.shown == [ANN, ANN_TYPING, BOB, None]


def test_every_listener_is_told(rooms: Rooms):
    first = Listener(rooms)
    rooms.state(STAY[0])
    second = Listener(rooms)
    rooms.state(STAY[1])
    assert (len(first.told), len(second.told)) == (2, 1)
    assert first.told[1] == second.told[0]


def test_stating_what_is_so_already_changes_nothing_and_tells_nobody(rooms: Rooms):  # P6
    for transition in STAY:
        rooms.state(transition)
    listener = Listener(rooms)
    before = list(rooms.roster.room("/r").members.values())
    for transition in (Transition("/r", None, BOB), STAY[-1], Transition("/nowhere", BOB, None, "left")):
        rooms.state(transition)
    assert listener.told == []
    assert list(rooms.roster.room("/r").members.values()) == before
    assert rooms.roster.room_count == 1


def test_a_room_that_everybody_left_is_gone(rooms: Rooms):  # P11
    rooms.state(Transition("/r", None, ANN))
    rooms.state(Transition("/r", ANN, None, "left"))
    assert rooms.roster.room_count == 0


def test_the_epoch_is_the_one_it_was_given(rooms: Rooms):
    assert rooms.roster.epoch == "e1"


@pytest.mark.parametrize("backend", BACKENDS)
@given(st.lists(st.tuples(st.sampled_from(["/r", "/s"]), st.sampled_from("ab"), st.none() | st.integers(0, 2)), max_size=30))
def test_the_roster_is_that_of_the_domain(backend: Callable[[str], Rooms], changes: list[tuple[str, str, int | None]]):
    rooms, reference = backend("e1"), Roster("e1")
    listener = Listener(rooms)
    expected = 0
    for room, user_id, value in changes:
        known = reference.room(room)
        before = known.members.get(user_id) if known else None
        after = None if value is None else member(user_id, value=value)
        if before is None and after is None:
            continue  # no transition
        rooms.state(Transition(room, before, after, "left" if after is None else None))
        expected += reference.put(room, user_id, after) is not None
        for name in ("/r", "/s"):
            stated, wanted = rooms.roster.room(name), reference.room(name)
            assert (list(stated.members.values()) if stated else []) == (list(wanted.members.values()) if wanted else [])
            assert rooms.roster.count(name) == reference.count(name)
    assert len(listener.told) == expected

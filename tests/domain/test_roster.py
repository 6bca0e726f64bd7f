"""Who is in which room, over all nodes."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from alsohere.domain.roster import Roster
from alsohere.facts import Member, RoomCount
from alsohere.types import ONLINE

EPOCH = "e1"


def member(user_id: str, generation: int = 1, **changes: Any) -> Member:
    fields: dict[str, Any] = {"status": "active", "state": {}} | changes
    return Member(user_id, user_id.title(), None, anonymous=False, since=0, generation=generation, connections=1, **fields)


users, rooms = st.sampled_from("abc"), st.sampled_from(["/r", "/s"])
CHANGES = st.lists(st.tuples(rooms, users, st.none() | st.integers(0, 3)), max_size=50)


def new_member(user_id: str, value: int | None) -> Member | None:
    return None if value is None else member(user_id, state={"x": value})


def contents(roster: Roster) -> dict[str, list[Member]]:
    return {name: list(room.members.values()) for name in ("/r", "/s") if (room := roster.room(name))}


@given(CHANGES)
def test_members_are_those_who_were_put_there_least_recently_active_first(changes: list[Any]):  # P7
    roster = Roster(EPOCH)
    expected: dict[str, list[Member]] = {}
    for room, user_id, value in changes:
        new = new_member(user_id, value)
        members = expected.setdefault(room, [])
        if new not in members:
            members[:] = [other for other in members if other.id != user_id] + ([new] if new else [])
        roster.put(room, user_id, new)
    for room, members in expected.items():
        known = roster.room(room)
        assert (list(known.members.values()) if known else []) == members
        assert roster.count(room) == len(members)
        if known:
            assert known.recent(2) == members[::-1][:2]
    assert roster.room_count == sum(bool(members) for members in expected.values())


@given(CHANGES)
def test_numbers_grow_with_every_change_over_all_rooms_and_are_never_used_twice(changes: list[Any]):  # P5
    roster = Roster(EPOCH)
    seqs = []
    for room, user_id, value in changes:
        seq = roster.put(room, user_id, new_member(user_id, value))
        if seq is not None:
            seqs += [seq, roster.next_seq()]
            known = roster.room(room)
            assert known is None or known.seq == seq
    assert seqs == sorted(set(seqs))


@given(CHANGES)
def test_what_is_so_already_is_no_change(changes: list[Any]):  # P6
    roster = Roster(EPOCH)
    for room, user_id, value in changes:
        roster.put(room, user_id, new_member(user_id, value))
        before, seq = contents(roster), roster.next_seq()
        assert roster.put(room, user_id, new_member(user_id, value)) is None
        assert (contents(roster), roster.next_seq()) == (before, seq + 1)


def test_a_room_without_members_does_not_exist():  # P11
    roster = Roster(EPOCH)
    roster.put("/r", "a", member("a"))
    assert (roster.room_count, roster.count("/r")) == (1, 1)
    roster.put("/r", "a", None)
    assert (roster.room_count, roster.count("/r"), roster.room("/r")) == (0, 0, None)


def test_who_is_invisible_is_counted_and_not_among_the_most_active():  # P7, P10
    roster = Roster(EPOCH)
    roster.put("/r", "a", member("a"))
    roster.put("/r", "b", member("b"))
    roster.put("/r", "b", member("b", status="invisible"))
    assert roster.count("/r") == 2
    assert [shown.id for shown in roster.room("/r").recent(5)] == ["a"]


@given(st.dictionaries(st.sampled_from(["/a", "/b", "/a/1", "/a/2", "@online", "x"]), st.integers(1, 4)), st.integers(1, 6))
def test_a_ranking_is_by_people_and_then_by_name(counts: dict[str, int], limit: int):
    roster = Roster(EPOCH)
    for room, count in counts.items():
        for number in range(count):
            roster.put(room, f"u{number}", member(f"u{number}"))
    for prefix in ("", "/a", "/a/", "nothing"):
        named = [(room, count) for room, count in counts.items() if room.startswith(prefix) and room != ONLINE]
        expected = sorted(named, key=lambda line: (-line[1], line[0]))[:limit]
        assert roster.ranking(prefix, limit) == [RoomCount(room, count) for room, count in expected]
        assert roster.by_name(prefix, limit) == [RoomCount(room, count) for room, count in sorted(named)[:limit]]

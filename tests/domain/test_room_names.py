"""Which text is a room."""

from __future__ import annotations

import pytest

from alsohere.domain.access import check_room
from alsohere.domain.roster import Roster
from alsohere.errors import BadRequest
from alsohere.facts import Member


@pytest.mark.parametrize("room", ["می‌خواهم", "/team/👩‍💻", "全角　空白", "/posts/1?x=y#z"])
def test_words_of_any_language_are_rooms(room: str):
    check_room(room)


@pytest.mark.parametrize("room", ["", "a\u202eb", "a\u200eb", "a\nb", "x" * 201, "e\u0301", "@admin"])
def test_marks_that_deceive_are_not(room: str):
    with pytest.raises(BadRequest):
        check_room(room)


def test_a_ranking_is_of_the_rooms_with_its_prefix_and_no_others():
    roster = Roster("e")
    member = Member("ann", "Ann", None, False, "active", {}, 0, 1, 1)
    for room in ("/a", "/a/1", "/a/2", "/b", "@online", "/a/\U0001f600"):
        roster.put(room, "ann", member)
    roster.put("/a/1", "bob", member)
    assert [(entry.room, entry.count) for entry in roster.ranking("/a/", 10)] == [("/a/1", 2), ("/a/2", 1), ("/a/\U0001f600", 1)]
    roster.put("/a/2", "ann", None)
    assert [entry.room for entry in roster.ranking("", 10)] == ["/a/1", "/a", "/a/\U0001f600", "/b"]

"""The rooms with the most people."""

from __future__ import annotations

from alsohere.domain.ranking import Ranking
from alsohere.domain.roster import Roster
from alsohere.facts import Member, RankingChanged, RoomCount


def enter(roster: Roster, room: str, *user_ids: str) -> None:
    for user_id in user_ids:
        roster.put(room, user_id, Member(user_id, user_id, None, False, "active", {}, 0, 1, 1))


def test_a_ranking_begins_with_how_things_are():
    roster = Roster("e1")
    enter(roster, "/b", "ann")
    enter(roster, "/a", "ann", "bob")
    assert Ranking("", 10, roster).rooms == [RoomCount("/a", 2), RoomCount("/b", 1)]


def test_a_list_is_news_only_if_it_is_another_one():
    roster = Roster("e1")
    enter(roster, "/a", "ann", "bob")
    ranking = Ranking("/a", 1, roster)
    assert ranking.refresh(roster) is None
    enter(roster, "/other", "ann", "bob", "cem")
    enter(roster, "/a/1", "ann")
    assert ranking.refresh(roster) is None
    enter(roster, "/a", "cem")
    assert ranking.refresh(roster) == RankingChanged("/a", 1, [RoomCount("/a", 3)])
    assert ranking.refresh(roster) is None


def test_a_change_of_order_is_news_and_so_is_the_end_of_a_room():
    roster = Roster("e1")
    enter(roster, "/a", "ann")
    enter(roster, "/b", "bob")
    ranking = Ranking("", 2, roster)
    enter(roster, "/b", "cem")
    assert ranking.refresh(roster).rooms == [RoomCount("/b", 2), RoomCount("/a", 1)]
    roster.put("/a", "ann", None)
    assert ranking.refresh(roster).rooms == [RoomCount("/b", 2)]


def test_a_change_that_was_taken_back_is_no_news():
    roster = Roster("e1")
    enter(roster, "/a", "ann")
    ranking = Ranking("", 2, roster)
    enter(roster, "/b", "ann")
    roster.put("/b", "ann", None)
    assert ranking.refresh(roster) is None

"""What every implementation of `ports.InboxStore` owes about who gets what, and when: broadcasts, topics, wishes, recalls, time."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from alsohere.domain.inbox import NEW
from alsohere.errors import BadRequest, LimitReached, NotFound
from alsohere.facts import Person
from alsohere.notices import (
    Delivery,
    Draft,
    Due,
    Edit,
    Edited,
    Entry,
    Filter,
    Marked,
    Marking,
    Marks,
    Preferences,
    Quiet,
    Receipt,
    Sent,
    Unread,
    Withdrawn,
)
from support.databases import DURABLE, KINDS, new_database, rows
from support.inboxes import LATER, draft, entry_of, ids, opened, sent, told, unread, wish
from support.loop import asynchronous

NOW = 1_000
ANN = Person("ann", "Ann", None, False)
READ, UNREAD = Marking(mark="read"), Marking(mark="unread")


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return new_database(request.param, tmp_path)


@pytest.fixture(params=DURABLE)
def durable_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return new_database(request.param, tmp_path)


# -- Broadcasts --------------------------------------------------------------------------------------------------------

TO_ALL = Draft(category="announcement", audience="everyone", title="all")


@asynchronous
async def test_a_broadcast_is_one_row_until_somebody_does_something(durable_url: str):  # I5
    async with opened(durable_url) as inbox:
        one = await sent(inbox, TO_ALL)
        assert (one.to, one.notice.audience) == ((), "everyone")
        people = [f"u{number}" for number in range(1000)]
        assert await inbox.unread(people, LATER) == dict.fromkeys(people, Unread(1, {"announcement": 1}))
        assert rows(durable_url, "SELECT count(*) FROM notifications") == [(1,)]
        assert rows(durable_url, "SELECT count(*) FROM inbox") == [(0,)]
        await told(inbox.delivered, [Delivery("u1", one.id, NOW)])
        await told(inbox.mark, "u2", READ, NOW)
        assert rows(durable_url, "SELECT user_id FROM inbox ORDER BY user_id") == [("u1",), ("u2",)]
        assert [await unread(inbox, user) for user in ("u1", "u2", "u3")] == [{"announcement": 1}, {}, {"announcement": 1}]


@asynchronous
async def test_a_broadcast_stands_among_the_others(url: str):  # I5
    async with opened(url) as inbox:
        mine, all_, mine_too = await sent(inbox, draft("ann")), await sent(inbox, TO_ALL), await sent(inbox, draft("ann"))
        assert await ids(inbox, "ann") == [mine_too.id, all_.id, mine.id]
        assert [entry.notice.id for entry in await inbox.waiting("ann", 0, 2, LATER)] == [mine.id, all_.id]
        assert [one.id for one in (await told(inbox.mark, "ann", READ, NOW)).changed] == [mine.id, all_.id, mine_too.id]
        assert await ids(inbox, "ann", state="unread") == []
        assert await told(inbox.mark, "ann", UNREAD, NOW) == Marked(
            tuple(Receipt(one.id, "ann", None, NOW, None, is_delivery=False) for one in (mine, all_, mine_too)),
            Unread(3, {"announcement": 1, "message": 2}),
        )
        assert await inbox.waiting("ann", 0, 9, LATER) == []


@asynchronous
async def test_a_broadcast_may_be_for_those_whose_ids_begin_alike(url: str):  # I5
    async with opened(url) as inbox:
        all_ = await sent(inbox, TO_ALL)
        some = await sent(inbox, msgspec.structs.replace(TO_ALL, among="acme:*", title="some"))
        assert some.notice.among == "acme:*"
        people = ["acme:1", "acme:", "acme", "Acme:1", "other:acme:1"]
        assert [await ids(inbox, user) for user in people] == [[some.id, all_.id]] * 2 + [[all_.id]] * 3
        counts = await inbox.unread(people, LATER)
        assert [counts[user].total for user in people] == [2, 2, 1, 1, 1]
        arrivals = await inbox.arrivals(people, 10, LATER)
        assert [[entry.notice.id for entry in arrivals[user].waiting] for user in people[1:3]] == [[all_.id, some.id], [all_.id]]
        assert [entry.notice.id for entry in await inbox.waiting("acme", 0, 9, LATER)] == [all_.id]
        assert await told(inbox.delivered, [Delivery("acme", some.id, 5)]) == []
        assert isinstance(await told(inbox.mark, "acme", Marking(mark="read", ids=(some.id,)), NOW), NotFound)
        assert [one.id for one in (await told(inbox.mark, "acme", READ, NOW)).changed] == [all_.id]
        assert [one.id for one in (await told(inbox.mark, "acme:1", READ, NOW)).changed] == [all_.id, some.id]
        assert [await unread(inbox, user) for user in ("acme:1", "acme:", "acme")] == [{}, {"announcement": 2}, {}]


@asynchronous
async def test_who_acknowledges_a_broadcast_has_not_read_it(url: str):
    async with opened(url) as inbox:
        one = await sent(inbox, TO_ALL)
        assert await told(inbox.delivered, [Delivery("ann", one.id, 5)]) == [
            Receipt(one.id, "ann", None, 5, None, is_delivery=True)
        ]
        assert (await entry_of(inbox, "ann", one.id)).marks == Marks(5)
        assert await told(inbox.mark, "ann", UNREAD, NOW) == Marked((), Unread(1, {"announcement": 1}))


# -- Topics ------------------------------------------------------------------------------------------------------------


@asynchronous
async def test_the_followers_of_a_topic_get_it_and_its_sender_does_not(url: str):
    async with opened(url) as inbox:
        assert await told(inbox.follow, ["cem", "ann", "bob", "ann"], "/posts/1", 10) == 3
        assert await told(inbox.follow, ["ann"], "/posts/1", 10) == 0
        await told(inbox.follow, ["dia"], "/posts/2", 10)
        one = await sent(inbox, Draft(category="subscription", audience="topic", topic="/posts/1", title="t", sender=ANN))
        assert one.to == ("bob", "cem")
        assert [await ids(inbox, user) for user in ("ann", "bob", "cem", "dia")] == [[], [one.id], [one.id], []]


@asynchronous
async def test_what_was_asked_for_in_one_order_happens_in_it(url: str):
    async with opened(url) as inbox:
        to_topic = Draft(category="subscription", audience="topic", topic="/t", title="t")
        steps = [(inbox.follow, ["ann"], "/t", 9), (inbox.send, [to_topic], NOW), (inbox.unfollow, ["ann", "bob"], "/t")]
        steps += [(inbox.send, [to_topic], NOW), (inbox.mark, "ann", READ, NOW)]
        answers = await asyncio.gather(*(told(*step) for step in steps))
        assert (answers[0], answers[1][0].to, answers[2], answers[3][0].to) == (1, ("ann",), 1, ())
        assert [one.id for one in answers[4].changed] == [answers[1][0].id]


@asynchronous
async def test_followers_and_topics_are_listed(url: str):
    async with opened(url) as inbox:
        people = ["Zoë", "ann", "bob", "Änn", "z"]
        await told(inbox.follow, people, "/t", 9)
        in_order = sorted(people, key=str.encode)
        assert await inbox.followers("/t", "", 3) == in_order[:3]
        assert await inbox.followers("/t", in_order[2], 3) == in_order[3:]
        await told(inbox.follow, ["ann"], "/a", 9)
        assert await inbox.topics("ann") == ["/a", "/t"]
        assert await inbox.topics("nobody") == []
        for wrong in ("\0", "\ud83d", "x" * 200):
            with pytest.raises(BadRequest):
                await inbox.followers("/t", wrong, 9)


@asynchronous
async def test_nobody_follows_more_than_they_may_and_then_none_does(url: str):
    async with opened(url) as inbox:
        for number in range(3):
            await told(inbox.follow, ["ann"], f"/{number}", 3)
        assert type(await told(inbox.follow, ["bob", "ann"], "/t", 3)) is LimitReached
        assert await inbox.followers("/t", "", 9) == []
        assert await told(inbox.follow, ["ann"], "/0", 3) == 0


# -- Preferences -------------------------------------------------------------------------------------------------------


@asynchronous
async def test_preferences_are_kept(url: str):
    async with opened(url) as inbox:
        quiet = Quiet("22:00", "07:00", "Europe/Prague")
        after = await told(inbox.prefer, "ann", wish(categories=frozenset({"a", "b"}), quiet=quiet))
        assert after == Preferences(frozenset({"a", "b"}), frozenset(), quiet)
        after = await told(inbox.prefer, "ann", wish(topics=frozenset({"/t"})))
        assert await inbox.preferences(["ann", "bob"]) == {"ann": after, "bob": Preferences()}
        await told(inbox.prefer, "ann", lambda _: Preferences())
        assert await inbox.preferences(["ann"]) == {"ann": Preferences()}


@asynchronous
async def test_preferences_that_are_refused_stay(url: str):
    def refuse(_: Preferences) -> Preferences:
        raise BadRequest("no")

    async with opened(url) as inbox:
        before = await told(inbox.prefer, "ann", wish(topics=frozenset({"/t"})))
        assert type(await told(inbox.prefer, "ann", refuse)) is BadRequest
        assert await inbox.preferences(["ann"]) == {"ann": before}


@asynchronous
async def test_an_answer_says_who_has_muted_it_and_it_is_stored_all_the_same(url: str):  # I1
    async with opened(url) as inbox:
        await told(inbox.prefer, "ann", wish(categories=frozenset({"message"})))
        await told(inbox.prefer, "bob", wish(topics=frozenset({"/t"})))
        await told(inbox.follow, ["ann", "bob", "cem"], "/t", 9)
        assert (await sent(inbox, draft("ann", "bob"))).muted == {"ann"}
        assert (await sent(inbox, draft("ann", "bob", topic="/t"))).muted == {"ann", "bob"}
        assert (await sent(inbox, draft("ann", "bob", topic="/t", critical=True))).muted == set()
        assert (await sent(inbox, draft(audience="topic", topic="/t", category="other"))).muted == {"bob"}
        assert await unread(inbox, "ann") == {"message": 3, "other": 1}


@asynchronous
async def test_preferences_of_before_are_known_in_the_next_life(durable_url: str):
    async with opened(durable_url) as inbox:
        await told(inbox.prefer, "ann", wish(categories=frozenset({"message"})))
    async with opened(durable_url) as inbox:
        assert (await sent(inbox, draft("ann"))).muted == {"ann"}


# -- Recall, edit, time ------------------------------------------------------------------------------------------------


@asynchronous
async def test_a_recall_takes_it_from_everybody(url: str):  # I6
    async with opened(url) as inbox:
        one, all_ = await sent(inbox, draft("ann", "bob", key="k")), await sent(inbox, TO_ALL)
        await told(inbox.mark, "bob", READ, NOW)
        assert await told(inbox.recall, one.id, NOW) == Withdrawn(one.id, ("ann", "bob"))
        assert await told(inbox.recall, all_.id, NOW) == Withdrawn(all_.id, None)
        assert await told(inbox.recall, one.id, NOW) == Withdrawn(one.id, ())
        assert await told(inbox.recall, all_.id, NOW) == Withdrawn(all_.id, ())
        for user in ("ann", "bob", "cem"):
            assert (await ids(inbox, user, state="all"), await unread(inbox, user)) == ([], {})
        assert await inbox.notice(one.id) is None
        assert await told(inbox.delivered, [Delivery("ann", one.id, 5), Delivery("ann", all_.id, 5)]) == []
        assert type(await told(inbox.mark, "ann", Marking(mark="read", ids=(one.id, all_.id)), NOW)) is NotFound
        assert type(await told(inbox.recall, 10**9, NOW)) is NotFound


@asynchronous
async def test_an_edit_is_seen_by_all_who_have_it(url: str):
    async with opened(url) as inbox:
        one = await sent(inbox, draft("bob", "ann", body="b", data=msgspec.Raw(b"1")))
        answer = await told(inbox.edit, one.id, Edit(title="new", data=None, url="/u"), 1500)
        notice = msgspec.structs.replace(one.notice, title="new", data=None, url="/u", edited_at=1500)
        assert answer == Edited(notice, ("ann", "bob"))
        assert (await inbox.page("ann", Filter(), LATER)).entries == (Entry(notice, NEW),)
        all_ = await sent(inbox, TO_ALL)
        assert (await told(inbox.edit, all_.id, Edit(body="x"), NOW)).users is None


@asynchronous
async def test_an_edit_that_cannot_be_changes_nothing(url: str):
    async with opened(url) as inbox:
        one = await sent(inbox, draft("ann"))
        for edit in (Edit(title=""), Edit(body="\0"), Edit(url="\ud83d"), Edit(expires_at=2**70)):
            assert type(await told(inbox.edit, one.id, edit, NOW)) is BadRequest
        assert await inbox.notice(one.id) == one.notice
        gone = await sent(inbox, draft("ann"))
        await told(inbox.recall, gone.id, NOW)
        over = await sent(inbox, draft("ann", expires_at=NOW + 1))
        for notice_id in (10**9, gone.id, over.id):
            assert type(await told(inbox.edit, notice_id, Edit(title="x"), LATER)) is NotFound


@asynchronous
async def test_nobody_sees_it_before_it_begins_or_after_it_is_over(url: str):  # I6
    async with opened(url) as inbox:
        for what in (draft("ann"), TO_ALL):
            one = await sent(inbox, msgspec.structs.replace(what, starts_at=1100, expires_at=1200))
            for now_ms, there in ((1099, False), (1100, True), (1199, True), (1200, False)):
                assert await ids(inbox, "ann", now_ms, state="all") == [one.id] * there
                assert (await inbox.unread(["ann"], now_ms))["ann"].total == there
                assert len(await inbox.waiting("ann", 0, 9, now_ms)) == there
                if not there:
                    assert type(await told(inbox.mark, "ann", Marking(mark="read", ids=(one.id,)), now_ms)) is NotFound
            await told(inbox.recall, one.id, NOW)


@asynchronous
async def test_an_end_can_be_set_and_taken_back(url: str):  # I6
    async with opened(url) as inbox:
        one = await sent(inbox, draft("ann"))
        await told(inbox.edit, one.id, Edit(expires_at=1500), NOW)
        assert (await unread(inbox, "ann", 1499), await unread(inbox, "ann", 1500)) == ({"message": 1}, {})
        await told(inbox.edit, one.id, Edit(expires_at=None), NOW)
        assert await unread(inbox, "ann", 1500) == {"message": 1}


@asynchronous
async def test_what_time_brings_is_told(url: str):  # I6
    async with opened(url) as inbox:
        await told(inbox.prefer, "bob", wish(categories=frozenset({"message"})))
        late = await sent(inbox, draft("ann", "bob", starts_at=1100, expires_at=1300))
        all_ = await sent(inbox, msgspec.structs.replace(TO_ALL, expires_at=1200))
        never = await sent(inbox, draft("ann", starts_at=1100, expires_at=1250))
        await told(inbox.recall, never.id, NOW)
        assert await inbox.due(NOW, NOW) == Due((), (), 1100)
        started = Sent(late.id, ("ann", "bob"), frozenset({"bob"}), late.notice)
        assert await inbox.due(NOW, 1100) == Due((started,), (), 1200)
        assert await inbox.due(1100, 1250) == Due((), (Withdrawn(all_.id, None),), 1300)
        await sent(inbox, draft("ann", starts_at=NOW))
        assert (await inbox.due(0, NOW)).started == (), "what began when it was sent does not begin later"
        assert await inbox.due(NOW, 5000) == Due((), (Withdrawn(late.id, ("ann", "bob")), Withdrawn(all_.id, None)), None)

"""What every implementation of `ports.InboxStore` owes to those who ask: lists, counts, arrivals; what is kept, and what of a person."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from alsohere.backends.memory_history import MemoryHistory
from alsohere.backends.memory_inbox import MemoryInbox
from alsohere.backends.memory_locks import MemoryLocks
from alsohere.backends.sql import inbox_changes
from alsohere.backends.sql.history import SqlHistory
from alsohere.backends.sql.inbox import SqlInbox
from alsohere.backends.sql.store import Store
from alsohere.domain.history import ERASED_USER, Erased, UserData
from alsohere.domain.inbox import NEW
from alsohere.errors import NotFound
from alsohere.facts import Person
from alsohere.notices import NOTHING, Arrival, Delivery, Draft, Entry, Filter, Marking, Marks, Preferences, Unread
from alsohere.ports import InboxStore
from support.databases import DURABLE, KINDS, new_database
from support.inboxes import draft, ids, opened, sent, told, wish
from support.loop import asynchronous

NOW, LATER = 1_000, 2_000
READ = Marking(mark="read")
TO_ALL = Draft(category="announcement", audience="everyone", title="all")


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return new_database(request.param, tmp_path)


@pytest.fixture(params=DURABLE)
def durable_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return new_database(request.param, tmp_path)


# -- Lists -------------------------------------------------------------------------------------------------------------


@asynchronous
async def test_pages_follow_each_other(url: str):
    async with opened(url) as inbox:
        sends = [await sent(inbox, TO_ALL if number % 3 == 0 else draft("ann")) for number in range(10)]
        found, before = [], None
        for size in (4, 4, 2):
            page = await inbox.page("ann", Filter(limit=4, before=before), LATER)
            assert len(page.entries) == size
            assert page.unread.total == 10
            found += [entry.notice.id for entry in page.entries]
            before = page.next
        assert before is None
        assert found == [one.id for one in reversed(sends)]


@asynchronous
async def test_filters_are_of_state_category_and_topic(url: str):
    async with opened(url) as inbox:
        new, seen, read, archived = [
            (await sent(inbox, draft("ann", category="abcd"[number], topic="/t"))).id for number in range(4)
        ]
        for mark, of in (("seen", seen), ("read", read), ("archived", archived)):
            await told(inbox.mark, "ann", Marking(mark=mark, ids=(of,)), NOW)
        expected = {
            "inbox": [read, seen, new],
            "unread": [seen, new],
            "unseen": [new],
            "read": [read],
            "archived": [archived],
            "all": [archived, read, seen, new],
        }
        assert {state: await ids(inbox, "ann", state=state) for state in expected} == expected
        assert await ids(inbox, "ann", category="b") == [seen]
        assert await ids(inbox, "ann", topic="/t", state="read") == [read]
        assert await ids(inbox, "ann", topic="/other") == []


@asynchronous
async def test_a_digest_is_one_line_of_each_topic(url: str):
    async with opened(url) as inbox:
        topics = ["/a", "/a", None, "/b", "/a", None, "/b", "/a"]
        sends = [await sent(inbox, draft("ann", topic=topic)) for topic in topics]
        sends.append(await sent(inbox, msgspec.structs.replace(TO_ALL, category="message", topic="/b")))
        await told(inbox.mark, "ann", Marking(mark="read", ids=(sends[0].id, sends[4].id)), NOW)

        async def lines(**which: Any) -> list[tuple[int, int]]:
            entries = (await inbox.page("ann", Filter(digest=True, **which), LATER)).entries
            return [([one.id for one in sends].index(entry.notice.id), entry.count) for entry in entries]

        assert await lines() == [(8, 3), (7, 2), (5, 1), (4, 2), (2, 1)]
        assert await lines(state="unread", topic="/a") == [(7, 2)]
        first = await inbox.page("ann", Filter(digest=True, limit=2), LATER)
        assert first.entries[0].notice == sends[8].notice
        assert first.next == sends[7].id
        assert await lines(limit=2, before=first.next) == [(5, 1), (4, 2)]


# -- Arrivals ----------------------------------------------------------------------------------------------------------


@asynchronous
async def test_those_who_arrive_are_told_what_waits(url: str):  # I1, I4
    async with opened(url) as inbox:
        one, two = await sent(inbox, draft("ann")), await sent(inbox, draft("ann", "bob"))
        all_ = await sent(inbox, TO_ALL)
        await told(inbox.prefer, "bob", wish(categories=frozenset({"x"})))
        await told(inbox.delivered, [Delivery("bob", two.id, 5), Delivery("cem", all_.id, 5)])
        found = await inbox.arrivals(["ann", "bob", "cem", "dia"], 2, LATER)
        unread = Unread(2, {"announcement": 1, "message": 1})
        assert found == {
            "ann": Arrival(
                Unread(3, {"announcement": 1, "message": 2}),
                (Entry(one.notice, NEW), Entry(two.notice, NEW)),
                True,
                Preferences(),
            ),
            "bob": Arrival(unread, (Entry(all_.notice, NEW),), False, Preferences(frozenset({"x"}))),
            "cem": Arrival(Unread(1, {"announcement": 1}), (), False, Preferences()),
            "dia": Arrival(Unread(1, {"announcement": 1}), (Entry(all_.notice, NEW),), False, Preferences()),
        }


@asynchronous
async def test_nobody_needs_to_ask_while_there_is_nothing(url: str):
    async with opened(url) as inbox:
        assert await inbox.arrivals(["ann"], 9, NOW) == {"ann": Arrival(NOTHING, (), False, Preferences())}
        assert inbox.is_empty
        await sent(inbox, draft("ann"))
        assert not inbox.is_empty


@asynchronous
async def test_who_has_wishes_must_be_asked_for_before_anything_was_sent(url: str):
    async with opened(url) as inbox:
        await inbox.arrivals(["ann"], 9, NOW)
        await told(inbox.prefer, "ann", wish(categories=frozenset({"x"})))
        assert not inbox.is_empty


@asynchronous
async def test_wishes_of_the_life_before_are_asked_for(durable_url: str):
    async with opened(durable_url) as inbox:
        await told(inbox.prefer, "ann", wish(categories=frozenset({"x"})))
    async with opened(durable_url) as inbox:
        await inbox.arrivals(["ann"], 9, NOW)
        assert not inbox.is_empty


@asynchronous
async def test_what_was_sent_in_the_life_before_is_asked_for(durable_url: str):
    async with opened(durable_url) as inbox:
        await sent(inbox, draft("ann"))
    async with opened(durable_url) as inbox:
        assert not inbox.is_empty
        assert (await inbox.arrivals(["ann"], 9, NOW))["ann"].unread.total == 1
        assert not inbox.is_empty


@asynchronous
async def test_a_thousand_users_are_one_question(url: str):  # I4
    async with opened(url) as inbox:
        people = [f"u{number}" for number in range(1000)]
        await told(inbox.send, [draft(*people, category=category) for category in "ab"], NOW)
        await told(inbox.mark, "u7", READ, NOW)
        counts = await inbox.unread(people, LATER)
        assert counts.pop("u7") == NOTHING
        assert counts == dict.fromkeys(set(people) - {"u7"}, Unread(2, {"a": 1, "b": 1}))
        assert sum(len(arrival.waiting) for arrival in (await inbox.arrivals(people, 1, LATER)).values()) == 999


# -- Retention ---------------------------------------------------------------------------------------------------------


@asynchronous
async def test_what_is_old_and_done_with_goes(url: str):
    async with opened(url) as inbox:
        kept = [await sent(inbox, draft("ann", title="unread"))]
        half = await sent(inbox, draft("ann", "bob"))
        await told(inbox.mark, "bob", READ, NOW)
        gone = [await sent(inbox, draft("cem")), await sent(inbox, draft("ann", expires_at=1001)), await sent(inbox, TO_ALL)]
        await told(inbox.mark, "cem", Marking(mark="archived"), NOW)
        gone.append(await sent(inbox, draft("ann")))
        await told(inbox.recall, gone[-1].id, NOW)
        kept.append(await sent(inbox, msgspec.structs.replace(TO_ALL, expires_at=9000)))
        await told(inbox.mark, "bob", READ, NOW)
        kept.append(await sent(inbox, draft("ann", starts_at=5000)))
        kept.append(await sent(inbox, draft("dia"), now_ms=3000))
        await told(inbox.mark, "dia", READ, 3000)

        cursor, looks = 0, 0
        while cursor is not None:
            cursor, looks = await told(inbox.prune, 2500, cursor, 3), looks + 1
        assert looks == 4
        assert [await inbox.notice(one.id) is not None for one in [*kept, half]] == [True] * 5
        assert [await inbox.notice(one.id) for one in gone] == [None] * 4
        assert type(await told(inbox.recall, gone[0].id, NOW)) is NotFound
        assert await ids(inbox, "bob", 3000, state="all") == [kept[1].id]
        assert await ids(inbox, "ann", 3000) == [kept[1].id, half.id, kept[0].id]
        assert await ids(inbox, "dia", 3000, state="all") == [kept[3].id, kept[1].id]


@asynchronous
async def test_a_look_removes_no_more_than_one_job_can(durable_url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(inbox_changes, "MOST_REMOVED", 3)
    async with opened(durable_url) as inbox:
        people = ["ann", "bob", "cem", "dan", "eve"]
        sizes = [2, 2, 5, 1, 1]
        for size in sizes:
            await sent(inbox, draft(*people[:size]))
        for user in people:
            await told(inbox.mark, user, READ, NOW)
        cursors: list[int | None] = [0]
        while cursors[-1] is not None:
            cursors.append(await told(inbox.prune, LATER, cursors[-1], 500))
        assert cursors == [0, 1, 2, 3, None]
        assert [await inbox.notice(one) for one in range(1, 6)] == [None] * 5


@asynchronous
async def test_a_key_is_free_again_when_its_notification_is_gone(url: str):  # I3
    async with opened(url) as inbox:
        one = await sent(inbox, draft("ann", key="k"))
        await told(inbox.mark, "ann", READ, NOW)
        await told(inbox.prune, LATER, 0, 10)
        again = await sent(inbox, draft("ann", key="k"))
        assert again.id > one.id


# -- A person ----------------------------------------------------------------------------------------------------------


async def filled(inbox: InboxStore) -> list[int]:
    """Two persons' inboxes: ids of what is ann's alone, of both, of all, and of what ann wrote."""
    ann = Person("ann", "Ann", {"team": 1}, False)
    drafts = [draft("ann"), draft("ann", "bob"), TO_ALL, draft("bob", sender=ann, key="k", scope="ann", body="from ann")]
    found = [(await sent(inbox, one)).id for one in drafts]
    await told(inbox.mark, "ann", READ, NOW)
    await told(inbox.follow, ["ann", "bob"], "/t", 9)
    await told(inbox.prefer, "ann", wish(topics=frozenset({"/m"})))
    return found


async def is_erased(inbox: InboxStore, alone: int, both: int, all_: int, wrote: int) -> None:
    assert await ids(inbox, "ann", state="all") == [all_]
    assert await inbox.notice(alone) is None
    assert (await inbox.preferences(["ann"]))["ann"] == Preferences()
    assert (await inbox.topics("ann"), await inbox.followers("/t", "", 9)) == ([], ["bob"])
    assert await ids(inbox, "bob") == [wrote, all_, both]
    assert (await inbox.notice(wrote)).sender == Person(ERASED_USER, "", None, True)
    again = await sent(inbox, draft("bob", key="k", scope="ann"))
    assert again.id > wrote


@asynchronous
async def test_an_erasure_takes_what_somebody_has_and_their_name_from_what_they_wrote():  # R6
    inbox = MemoryInbox(first_id=0)
    history = MemoryHistory(MemoryLocks(first_fence=0), inbox)
    found = await filled(inbox)
    data = await history.about("ann")
    assert [entry.notice.id for entry in data.inbox] == found[:3]
    assert await history.erase("ann", NOW) == Erased(0, 0, 3, 1)
    assert await history.about("ann") == UserData("ann", [], [])
    await is_erased(inbox, *found)
    assert await history.erase("ann", NOW) == Erased(0, 0)


@asynchronous
async def test_the_same_in_a_database(durable_url: str):  # R6
    store = Store(durable_url)
    inbox, history = SqlInbox(store), SqlHistory(store)
    found = await filled(inbox)
    data = await history.about("ann")
    assert [entry.notice.id for entry in data.inbox] == found[:3]
    assert {entry.marks for entry in data.inbox} == {Marks(NOW, NOW, NOW)}
    assert [notice.body for notice in data.sent] == ["from ann"]
    assert (data.follows, data.preferences) == (["/t"], Preferences(topics=frozenset({"/m"})))
    assert await history.erase("ann", NOW) == Erased(0, 0, 3, 1)
    assert await history.about("ann") == UserData("ann", [], [])
    await is_erased(inbox, *found)
    assert await history.erase("ann", NOW) == Erased(0, 0)
    await store.close()

"""What every implementation of `ports.InboxStore` owes, in the words of the port: memory, SQLite and a real PostgreSQL."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from alsohere.domain.inbox import NEW
from alsohere.errors import BadRequest, LimitReached, NotFound, Refusal, Unavailable
from alsohere.facts import Person
from alsohere.notices import (
    NOTHING,
    Delivery,
    Draft,
    Entry,
    Filter,
    Marked,
    Marking,
    Marks,
    Notice,
    Receipt,
    Sent,
    Unread,
)
from support.databases import DURABLE, KINDS, new_database, rows
from support.inboxes import draft, entry_of, ids, opened, sent, told, unread
from support.loop import asynchronous

NOW, LATER = 1_000, 2_000
ANN = Person("ann", "Änn \u2603", {"team": "\U0001f600"}, False)
READ, SEEN, UNREAD, ARCHIVED = (Marking(mark=mark) for mark in ("read", "seen", "unread", "archived"))


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return new_database(request.param, tmp_path)


@pytest.fixture(params=DURABLE)
def durable_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return new_database(request.param, tmp_path)


# -- Sending -----------------------------------------------------------------------------------------------------------

FULL = Draft(
    category="publication",
    to=("bob", "cem"),
    topic="/posts/títle",
    title="A \u2603 'title\"",
    body="Line\nbreaks, <b> and {{ }}",
    url="/posts/1#2",
    data=msgspec.Raw(b'{"n":[1,null,"\\u0000\\ud83d"]}'),
    sender=ANN,
    room="/posts/1",
    key="order-7",
    expires_at=2**52,
    critical=True,
)


@asynchronous
async def test_what_is_sent_is_what_is_found(url: str):
    async with opened(url) as inbox:
        answer = await sent(inbox, FULL)
        fields = {name: getattr(FULL, name) for name in Notice.__struct_fields__ if hasattr(FULL, name)}
        notice = Notice(id=answer.id, created_at=NOW, **fields)
        assert answer == Sent(answer.id, ("bob", "cem"), frozenset(), notice)
        assert (await inbox.page("bob", Filter(), LATER)).entries == (Entry(notice, NEW),)
        assert await inbox.notice(answer.id) == notice


@asynchronous
async def test_what_was_acknowledged_is_there_the_next_time(durable_url: str):  # I7
    async with opened(durable_url) as inbox:
        answer = await sent(inbox, FULL)
    async with opened(durable_url) as inbox:
        assert (await inbox.page("bob", Filter(), LATER)).entries == (Entry(answer.notice, NEW),)


@asynchronous
async def test_an_answer_comes_after_the_commit(durable_url: str):  # I7
    async with opened(durable_url) as inbox:
        seen: asyncio.Queue[Any] = asyncio.Queue()
        inbox.send([draft("ann")], NOW, lambda _: seen.put_nowait(rows(durable_url, "SELECT user_id, id FROM inbox")))
        assert await seen.get() == [("ann", 1)]


@asynchronous
async def test_ids_grow_in_the_order_of_asking_over_all_lives(durable_url: str):  # I2
    found: list[int] = []
    for _ in range(3):
        async with opened(durable_url) as inbox:
            answers = await asyncio.gather(*(told(inbox.send, [draft("ann"), draft("bob")], NOW) for _ in range(20)))
            found += [one.id for answer in answers for one in answer]
            await told(inbox.recall, found[-1], NOW)
            await told(inbox.prune, LATER, 0, 1000)
    assert found == sorted(set(found))


@asynchronous
async def test_a_draft_that_cannot_be_kept_is_refused_alone(url: str):
    async with opened(url) as inbox:
        bad = [
            draft("ann", title=""),
            draft(),
            draft("~ann"),
            draft("a\0b"),
            draft("ann", title="\0"),
            draft("ann", key="\ud83d"),
        ]
        answers = await told(inbox.send, [draft("ann"), *bad, draft("ann")], NOW)
        assert [isinstance(answer, BadRequest) for answer in answers] == [False, *[True] * len(bad), False]
        assert await ids(inbox, "ann") == [answers[-1].id, answers[0].id]
        assert await told(inbox.send, [], NOW) == []


@asynchronous
async def test_many_drafts_to_many_users_are_all_there_in_order(url: str):
    async with opened(url) as inbox:
        drafts = [draft(*(f"u{number % 7}-{at}" for at in range(300)), title=str(number)) for number in range(20)]
        answers = await told(inbox.send, drafts, NOW)
        assert [answer.notice.title for answer in answers] == [str(number) for number in range(20)]
        assert [answer.id for answer in answers] == sorted(answer.id for answer in answers)
        assert await ids(inbox, "u0-299") == [answers[number].id for number in (14, 7, 0)]


@asynchronous
async def test_who_is_named_twice_gets_it_once(url: str):
    async with opened(url) as inbox:
        answer = await sent(inbox, draft("ann", "bob", "ann"))
        assert answer.to == ("ann", "bob")
        assert await ids(inbox, "ann") == [answer.id]


# -- Keys --------------------------------------------------------------------------------------------------------------


@asynchronous
async def test_the_same_key_again_stores_nothing(url: str):  # I3
    async with opened(url) as inbox:
        first = await sent(inbox, draft("ann", key="k"))
        assert await sent(inbox, draft("ann", "bob", key="k", title="other")) == Sent(first.id)
        together = await told(inbox.send, [draft("ann", key="j"), draft("ann", key="j")], NOW)
        assert together[1] == Sent(together[0].id)
        assert await ids(inbox, "ann") == [together[0].id, first.id]
        assert await ids(inbox, "bob") == []


@asynchronous
async def test_keys_of_different_senders_are_different(url: str):  # I3
    async with opened(url) as inbox:
        scoped = [await sent(inbox, draft("ann", key="k", scope=scope)) for scope in ("", "bob", "cem")]
        assert len({answer.id for answer in scoped}) == 3


@asynchronous
async def test_a_key_is_known_in_the_next_life_and_after_a_recall(durable_url: str):  # I3
    async with opened(durable_url) as inbox:
        first = await sent(inbox, draft("ann", key="k"))
        await told(inbox.recall, first.id, NOW)
    async with opened(durable_url) as inbox:
        assert await sent(inbox, draft("ann", key="k")) == Sent(first.id)
        assert await ids(inbox, "ann") == []


# -- Marks -------------------------------------------------------------------------------------------------------------


@asynchronous
async def test_who_reads_has_seen_it_and_it_was_delivered(url: str):
    async with opened(url) as inbox:
        one = await sent(inbox, draft("ann", sender=ANN))
        answer = await told(inbox.mark, "ann", Marking(mark="seen", ids=(one.id,)), 1100)
        assert answer == Marked((Receipt(one.id, "ann", "ann", 1100, None, is_delivery=True),), Unread(1, {"message": 1}))
        answer = await told(inbox.mark, "ann", Marking(mark="read", ids=(one.id, one.id)), 1200)
        assert answer == Marked((Receipt(one.id, "ann", "ann", 1100, 1200, is_delivery=False),), NOTHING)
        assert (await entry_of(inbox, "ann", one.id)).marks == Marks(1100, 1100, 1200)


@asynchronous
async def test_the_first_time_counts(url: str):
    async with opened(url) as inbox:
        one = await sent(inbox, draft("ann"))
        for mark in ("read", "archived", "seen", "read", "archived"):
            await told(inbox.mark, "ann", Marking(mark=mark, ids=(one.id,)), LATER)
        assert (await told(inbox.mark, "ann", Marking(mark="read", ids=(one.id,)), 9999)).changed == ()
        assert (await entry_of(inbox, "ann", one.id)).marks == Marks(LATER, LATER, LATER, LATER)


@asynchronous
async def test_what_is_unread_again_comes_back_from_the_archive(url: str):  # I4
    async with opened(url) as inbox:
        one = await sent(inbox, draft("ann"))
        await told(inbox.mark, "ann", ARCHIVED, NOW)
        assert await unread(inbox, "ann") == {}
        answer = await told(inbox.mark, "ann", Marking(mark="unread", ids=(one.id,)), NOW)
        assert answer.unread == Unread(1, {"message": 1})
        assert (await entry_of(inbox, "ann", one.id)).marks == Marks(NOW, NOW)


@asynchronous
async def test_a_mark_is_of_ids_or_of_what_is_in_the_inbox_up_to_one_or_of_all(url: str):
    async with opened(url) as inbox:
        sends = [await sent(inbox, draft("ann", category="abc"[number % 3], topic=f"/{number % 2}")) for number in range(12)]
        everything = [one.id for one in sends]

        async def changed(**marking: Any) -> list[int]:
            answer = await told(inbox.mark, "ann", Marking(mark="read", **marking), NOW)
            return [everything.index(one.id) for one in answer.changed]

        assert await changed(ids=(everything[5], everything[3], 10**9)) == [3, 5]
        assert await changed(ids=()) == []
        assert await changed(up_to=everything[3]) == [0, 1, 2]
        assert await changed(category="a") == [6, 9]
        assert await changed(topic="/0") == [4, 8, 10]
        assert await changed(topic="/1", category="c", up_to=everything[10]) == []
        assert await changed() == [7, 11]


@asynchronous
async def test_marks_of_all_leave_the_archive_alone(url: str):
    async with opened(url) as inbox:
        first, second = await sent(inbox, draft("ann")), await sent(inbox, draft("ann"))
        await told(inbox.mark, "ann", Marking(mark="archived", ids=(first.id,)), NOW)
        assert [one.id for one in (await told(inbox.mark, "ann", READ, NOW)).changed] == [second.id]
        assert [one.id for one in (await told(inbox.mark, "ann", UNREAD, NOW)).changed] == [second.id]


@asynchronous
async def test_nobody_marks_what_is_not_theirs(url: str):  # H96
    async with opened(url) as inbox:
        one, mine = await sent(inbox, draft("ann")), await sent(inbox, draft("bob"))
        for mark in ("seen", "read", "unread", "archived"):
            answers = [await told(inbox.mark, "bob", Marking(mark=mark, ids=ids), NOW) for ids in ((one.id,), (2**52,))]
            assert [type(answer) for answer in answers] == [NotFound, NotFound]
            assert len({answer.message for answer in answers}) == 1, "not even that there is one is told"
        assert (await entry_of(inbox, "ann", one.id)).marks == NEW
        answer = await told(inbox.mark, "bob", Marking(mark="read", ids=(one.id, mine.id, 2**52)), NOW)
        assert [receipt.id for receipt in answer.changed] == [mine.id], "what is gone does not keep the others from being marked"
        assert (await entry_of(inbox, "ann", one.id)).marks == NEW


@asynchronous
async def test_to_mark_again_is_no_fault_and_what_is_gone_is_not_there(url: str):  # H96, I6
    async with opened(url) as inbox:
        one, recalled = await sent(inbox, draft("ann")), await sent(inbox, draft("ann"))
        for_all = await sent(inbox, draft(audience="everyone", expires_at=LATER))
        for notice in (one, for_all):
            for _ in range(2):
                assert type(await told(inbox.mark, "ann", Marking(mark="read", ids=(notice.id,)), NOW)) is Marked
        untouched = await told(inbox.mark, "bob", Marking(mark="unread", ids=(for_all.id,)), NOW)
        assert (type(untouched), untouched.changed) == (Marked, ())
        assert type(await told(inbox.mark, "ann", Marking(mark="read", ids=()), NOW)) is Marked
        assert type(await told(inbox.mark, "ann", Marking(mark="read", ids=(one.id,), category="system"), NOW)) is Marked
        await told(inbox.recall, recalled.id, NOW)
        for notice, now_ms in ((recalled, NOW), (for_all, LATER)):
            assert type(await told(inbox.mark, "ann", Marking(mark="read", ids=(notice.id,)), now_ms)) is NotFound


@pytest.mark.parametrize(
    ("marking", "refusal"),
    [
        (Marking(mark="read", ids=tuple(range(501))), LimitReached),
        (Marking(mark="read", ids=(1,), up_to=2), BadRequest),
        (Marking(mark="read", ids=(2**63,)), BadRequest),
        (Marking(mark="read", up_to=-1), BadRequest),
        (Marking(mark="read", category="\0"), BadRequest),
        (Marking(mark="read", topic="\ud83d"), BadRequest),
    ],
)
@asynchronous
async def test_a_mark_that_is_none_is_refused(url: str, marking: Marking, refusal: type[Refusal]):  # H97
    async with opened(url) as inbox:
        assert type(await told(inbox.mark, "ann", marking, NOW)) is refusal


# -- Deliveries --------------------------------------------------------------------------------------------------------


@asynchronous
async def test_the_first_acknowledgement_counts(url: str):
    async with opened(url) as inbox:
        one, two = await sent(inbox, draft("ann", "bob", sender=ANN)), await sent(inbox, draft("ann"))
        deliveries = [
            Delivery("ann", one.id, 5),
            Delivery("bob", one.id, 6),
            Delivery("ann", one.id, 7),
            Delivery("cem", one.id, 8),
        ]
        assert await told(inbox.delivered, deliveries) == [
            Receipt(one.id, "ann", "ann", 5, None, is_delivery=True),
            Receipt(one.id, "bob", "ann", 6, None, is_delivery=True),
        ]
        assert await told(
            inbox.delivered, [Delivery("ann", one.id, 9), Delivery("ann", two.id, 9), Delivery("ann", 10**9, 9)]
        ) == [Receipt(two.id, "ann", None, 9, None, is_delivery=True)]
        assert (await entry_of(inbox, "ann", one.id)).marks == Marks(5)
        assert await told(inbox.delivered, []) == []


@asynchronous
async def test_what_was_delivered_no_longer_waits(url: str):  # I1
    async with opened(url) as inbox:
        sends = [await sent(inbox, draft("ann")) for _ in range(5)]
        await told(inbox.delivered, [Delivery("ann", sends[1].id, 5)])
        await told(inbox.mark, "ann", Marking(mark="seen", ids=(sends[2].id,)), NOW)
        await told(inbox.mark, "ann", Marking(mark="archived", ids=(sends[3].id,)), NOW)
        waiting = await inbox.waiting("ann", 0, 9, LATER)
        assert [entry.notice.id for entry in waiting] == [sends[0].id, sends[4].id]
        assert [entry.notice.id for entry in await inbox.waiting("ann", sends[0].id, 9, LATER)] == [sends[4].id]
        assert [entry.notice.id for entry in await inbox.waiting("ann", 0, 1, LATER)] == [sends[0].id]


# -- Faults ------------------------------------------------------------------------------------------------------------


@asynchronous
async def test_a_database_of_somebody_else_is_unavailable(durable_url: str):
    async with opened(durable_url) as inbox:
        await sent(inbox, draft("ann"))
        async with opened(durable_url) as second:
            assert type(await told(second.send, [draft("ann")], NOW)) is Unavailable
            answers = await told(second.send, [draft("ann"), draft("")], NOW)
            assert [type(answer) for answer in answers] == [Unavailable, BadRequest]
            with pytest.raises(Unavailable):
                await second.unread(["ann"], NOW)

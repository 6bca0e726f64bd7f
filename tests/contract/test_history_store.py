"""What every implementation of `ports.HistoryStore` owes, in the words of the port: memory, SQLite and a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alsohere.backends.memory_history import MOST_VISITS, MemoryHistory
from alsohere.backends.memory_locks import MemoryLocks
from alsohere.backends.sql import persons
from alsohere.backends.sql.history import SqlHistory
from alsohere.backends.sql.locks import SqlLocks
from alsohere.backends.sql.store import Store
from alsohere.domain.history import ERASED_USER, Batch, Day, Erased, Erasure, RankedRoom, UserData, Visit
from alsohere.domain.lock import Audit, LockRecord, Outcome
from alsohere.errors import Unavailable
from alsohere.ports import HistoryStore, LockStore
from support.databases import DURABLE, KINDS, new_database, rows
from support.loop import asynchronous

FOREVER = 2**53
DAY = date(2026, 11, 20)


@asynccontextmanager
async def opened(url: str):
    """A life of the store, and the locks beside it."""
    if url == "memory://":
        locks = MemoryLocks(first_fence=0)
        yield MemoryHistory(locks), locks
        return
    store = Store(url)
    try:
        yield SqlHistory(store), SqlLocks(store.writer)
    finally:
        await store.close()


async def told(ask: Callable[..., None], *args: Any) -> Any:
    answers: asyncio.Queue[Any] = asyncio.Queue()
    ask(*args, answers.put_nowait)
    return await asyncio.wait_for(answers.get(), 20)


def visit(user: str, entered_at: int = 0, active_s: float = 1.0, furthest: int | None = None, room: str = "/r") -> Visit:
    return Visit(room, user, entered_at, entered_at + 100_000, active_s, furthest)


async def keep(history: HistoryStore, *visits: Visit, days: tuple[Day, ...] = (), life: str = "life-1") -> list[Erasure]:
    answer = await told(history.write, Batch(life, list(visits), list(days)))
    assert isinstance(answer, list), answer
    return answer


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return new_database(request.param, tmp_path)


@pytest.fixture(params=DURABLE)
def durable(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return new_database(request.param, tmp_path)


# -- Visits ------------------------------------------------------------------------------------------------------------


@asynchronous
async def test_what_was_kept_is_told_as_it_was(url: str):
    visits = [visit("änn ☃", 5, 1.234, 37, "/r"), visit("änn ☃", 2, 0.0, None, "/post/ü"), visit("~bob", 5)]
    async with opened(url) as (history, _):
        await keep(history, *visits)
        assert await history.about("änn ☃") == UserData("änn ☃", [visits[1], visits[0]], [])
        assert (await history.about("~bob")).visits == [visits[2]]
        assert await history.about("nobody") == UserData("nobody", [], [])


@asynchronous
async def test_what_done_was_told_is_there_in_another_life(durable: str):
    async with opened(durable) as (history, _):
        await keep(history, visit("ann"), days=(Day(DAY, 3, 4, 5),))
    async with opened(durable) as (history, _):
        assert (await history.about("ann")).visits == [visit("ann")]
        assert await history.days(DAY, DAY) == [Day(DAY, 3, 4, 5)]


@asynchronous
async def test_a_report_may_come_twice_late_and_with_others(url: str):  # R5
    first, second = visit("ann", 1, 20.0, None), Visit("/r", "ann", 1, 200_000, 31.5, 12)
    async with opened(url) as (history, _):
        for batch in ([first], [second, visit("bob", 2)], [first], [second], [visit("bob", 2)]):
            await keep(history, *batch)
        assert (await history.about("ann")).visits == [second]
        assert (await history.room("/r", 0, FOREVER)).visits == 2


@asynchronous
async def test_of_many_visits_at_once_each_is_kept_and_merged(url: str):  # R5
    users = [f"100%s {number} é" for number in range(230)]
    early = [visit(user, 1, 20.0, number % 101 if number % 3 else None) for number, user in enumerate(users)]
    late = [Visit("/r", user, 1, 200_000, 31.5, number % 7 if number % 2 else None) for number, user in enumerate(users)]
    async with opened(url) as (history, _):
        for batch in (early[:150], late, early[::-1]):
            await keep(history, *batch)
        for one, other in zip(early, late, strict=True):
            assert (await history.about(one.user)).visits == [one.merged(other)]


# -- Questions ---------------------------------------------------------------------------------------------------------


@asynchronous
async def test_a_room_is_read_by_those_who_came_in_that_time(url: str):
    async with opened(url) as (history, _):
        await keep(
            history,
            visit("ann", 1000, 10.0, 36),
            visit("ann", 1001, 50.0, 100),
            visit("bob", 1999, 30.0, None),
            visit("bob", 999, 99.0, 99),
            visit("bob", 2000, 99.0, 99),
            visit("cem", 1500, 99.0, 99, "/other"),
        )
        answer = await history.room("/r", 1000, 2000)
        assert (answer.room, answer.visits, answer.visitors, answer.median_active_s, answer.positioned) == ("/r", 3, 2, 30.0, 2)
        assert [bucket.visits for bucket in answer.completion] == [0, 0, 0, 1, 0, 0, 0, 0, 0, 1]
        assert [(stop.from_, stop.visits) for stop in answer.stops] == [(35, 1)]
        assert (await history.room("/r", 1000, 1002)).median_active_s == 30.0  # between 10 and 50
        nobody = await history.room("/nowhere", 0, FOREVER)
        assert (nobody.visits, nobody.median_active_s, nobody.positioned) == (0, None, 0)


@asynchronous
async def test_the_most_visited_come_first_and_ties_by_name(url: str):
    async with opened(url) as (history, _):
        visits = [visit(user, at, 2.5, None, room) for at, (user, room) in enumerate([*[("ann", "/p/Z")] * 3, ("bob", "/p/Z")])]
        visits += [visit("ann", 10, 1.0, None, room) for room in ("/p/b", "/p/ä", "/p/%", "/p/B", "/q/1", "/p")]
        await keep(history, *visits, visit("ann", 99, 1.0, None, "/p/late"))
        ranked = await history.ranking("/p/", 0, 50, 4)
        assert ranked[0] == RankedRoom("/p/Z", 4, 2, 10.0)
        assert [room.room for room in ranked[1:]] == ["/p/%", "/p/B", "/p/b"]
        assert [room.room for room in await history.ranking("/p/%", 0, 50, 100)] == ["/p/%"]
        assert len(await history.ranking("", 0, FOREVER, 100)) == 8
        assert await history.ranking("/p_", 0, FOREVER, 100) == []


@asynchronous
async def test_the_lives_of_a_day_add_up(url: str):
    early, late = Day(DAY, 3, 9, 4), Day(DAY, 5, 6, 7)
    before, after = (Day(date(2026, 11, day), 1, 1, 1) for day in (19, 21))
    async with opened(url) as (history, _):
        await keep(history, days=(before, early))
        await keep(history, days=(Day(DAY, 3, 8, 3),))  # late
        await keep(history, days=(late, after), life="life-2")
        await keep(history, days=(late,), life="life-2")  # again
        assert await history.days(DAY, DAY) == [Day(DAY, 5, 9, 11)]
        assert await history.days(date(1970, 1, 1), date(9999, 12, 31)) == [before, Day(DAY, 5, 9, 11), after]


# -- Old, and erased ---------------------------------------------------------------------------------------------------


@asynchronous
async def test_what_is_old_is_removed_in_slices_and_days_stay(url: str):
    async with opened(url) as (history, _):
        await keep(history, *(visit("ann", at) for at in range(10)), days=(Day(DAY, 1, 1, 1),))
        assert [await told(history.prune, 7, 5) for _ in range(3)] == [5, 2, 0]
        assert [kept.entered_at for kept in (await history.about("ann")).visits] == [7, 8, 9]
        assert await history.days(DAY, DAY) == [Day(DAY, 1, 1, 1)]


@asynchronous
async def test_who_is_erased_leaves_nothing_and_comes_not_back(url: str):  # R6
    async with opened(url) as (history, _):
        await keep(history, visit("ann", 1), visit("ann", 2), visit("bob", 1))
        assert await history.erase("ann", 5000) == Erased(2, 0)
        assert await history.about("ann") == UserData("ann", [], [])
        # A running server knew of one that had begun, and of one of somebody else.
        assert await keep(history, visit("ann", 2), visit("ann", 5000), visit("bob", 2)) == [Erasure("ann", 5000)]
        assert await keep(history, visit("ann", 5001)) == []  # they are back
        for at_ms in (5000, 4000):
            assert await history.erase("ann", at_ms) == Erased(0, 0)  # twice is once
        assert await keep(history, visit("ann", 4500)) == [Erasure("ann", 5000)]
        assert [kept.entered_at for kept in (await history.about("ann")).visits] == [5001]
        assert [kept.entered_at for kept in (await history.about("bob")).visits] == [1, 2]


@asynchronous
async def test_who_has_many_visits_is_erased_in_slices(url: str):
    async with opened(url) as (history, _):
        many = persons.SLICE * 2 + 1
        await keep(history, *(visit("ann", at) for at in range(many)), visit("bob"))
        assert await history.erase("ann", FOREVER) == Erased(many, 0)
        assert (await history.room("/r", 0, FOREVER)).visits == 1


async def take(locks: LockStore, lock: str, by_user: str, from_user: str | None) -> Audit:
    audit = Audit(lock, 1000, "take", by_user, from_user, 7, f"{from_user} went home")
    outcome = await told(locks.change, lock, lambda record, mint: Outcome(LockRecord(lock, mint()), audit=audit))
    assert isinstance(outcome, Outcome), outcome
    return audit


@asynchronous
async def test_the_audit_of_locks_gives_and_forgets_a_user(url: str):  # R6
    async with opened(url) as (history, locks):
        mine, his = await take(locks, "/a", "ann", "bob"), await take(locks, "/b", "bob", "ann")
        other = await take(locks, "/c", "bob", None)
        assert (await history.about("ann")).lock_audit == [mine, his]
        assert await history.erase("ann", 5000) == Erased(0, 2)
        assert (await history.about("ann")).lock_audit == []
        assert (await history.about("bob")).lock_audit == [
            Audit("/a", 1000, "take", ERASED_USER, "bob", 7, ""),
            Audit("/b", 1000, "take", "bob", ERASED_USER, 7, ""),
            other,
        ]
        assert await history.erase("ann", 5000) == Erased(0, 0)


@asynchronous
async def test_an_erasure_is_forgotten_when_no_server_can_know_of_those_visits(durable: str):
    async with opened(durable) as (history, _):
        await history.erase("ann", 1000)
        await history.erase("bob", 1001 + persons.KNOWN_MS)
    assert rows(durable, "SELECT user_id FROM erasures") == [("bob",)]


@asynchronous
async def test_memory_keeps_no_year_of_reading():
    async with opened("memory://") as (history, _):
        for start in range(0, MOST_VISITS + 1, 1000):
            await keep(history, *(visit("ann", at) for at in range(start, start + 1000)))
        kept = (await history.room("/r", 0, FOREVER)).visits
        assert MOST_VISITS * 0.9 <= kept <= MOST_VISITS
        assert (await history.room("/r", 0, MOST_VISITS // 20)).visits == 0  # the oldest went


# -- The database is away ----------------------------------------------------------------------------------------------


@asynchronous
async def test_a_database_that_cannot_be_used_is_told_as_that(tmp_path: Path):
    (tmp_path / "alsohere.db").mkdir()
    async with opened(f"sqlite:///{tmp_path}/alsohere.db") as (history, _):
        assert isinstance(await told(history.write, Batch("life-1", [visit("ann")], [])), Unavailable)
        assert isinstance(await told(history.prune, 1, 1), Unavailable)
        for question in (
            history.room("/r", 0, 1),
            history.ranking("", 0, 1, 1),
            history.days(DAY, DAY),
            history.about("ann"),
            history.erase("ann", 1),
        ):
            with pytest.raises(Unavailable):
                await question


# -- Every backend beside the reference --------------------------------------------------------------------------------

reports = st.builds(
    lambda room, user, at, left, active, furthest: Visit(room, user, at, at + left, active / 8, furthest),
    st.sampled_from(["/r", "/s", "/r/s"]),
    st.sampled_from(["ann", "bob", "~cem"]),
    st.integers(0, 5),
    st.integers(0, 3),
    st.integers(0, 20),
    st.none() | st.integers(0, 100),
)
steps = st.lists(
    st.one_of(
        st.lists(reports, min_size=1, max_size=5, unique_by=lambda report: report.key),
        st.tuples(st.just("erase"), st.sampled_from(["ann", "~cem"]), st.integers(0, 5)),
        st.tuples(st.just("prune"), st.integers(0, 6), st.integers(1, 9)),
    ),
    max_size=8,
)


async def play(history: HistoryStore, played: list[Any]) -> list[Any]:
    answers: list[Any] = []
    for step in played:
        if isinstance(step, list):
            answers.append(sorted((erasure.user, erasure.at_ms) for erasure in await keep(history, *step)))
        elif step[0] == "erase":
            answers.append(await history.erase(step[1], step[2]))
        else:
            before, most = step[1:]
            answers.append(await told(history.prune, before, 1000 if most > 4 else 0))
    for room in ("/r", "/s", "/r/s"):
        answers += [await history.room(room, 0, FOREVER), await history.room(room, 1, 4)]
    answers += [await history.ranking(prefix, 0, 5, 2) for prefix in ("", "/r", "/r/")]
    return answers + [await history.about(user) for user in ("ann", "bob", "~cem")]


@pytest.mark.parametrize("kind", DURABLE)
def test_every_backend_answers_as_the_reference_does(kind: str, tmp_path: Path):
    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(steps)
    def alike(played: list[Any]) -> None:
        url = new_database(kind, tmp_path)

        async def both() -> tuple[list[Any], list[Any]]:
            async with opened(url) as (history, _), opened("memory://") as (reference, _):
                return await play(history, played), await play(reference, played)

        mine, wanted = asyncio.run(both())
        assert mine == wanted

    alike()

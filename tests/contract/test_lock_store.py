"""What every implementation of `ports.LockStore` owes, in the words of the port: memory, SQLite and a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alsohere.backends.memory_locks import MemoryLocks
from alsohere.backends.sql.locks import SqlLocks
from alsohere.backends.sql.store import Store
from alsohere.domain.lock import Asked, Audit, Holder, LockRecord, Outcome, Waiter
from alsohere.domain.locks import Mint
from alsohere.errors import NotHolder, Refusal, Unavailable
from alsohere.facts import Person
from alsohere.ports import Decide, LockStore
from support.databases import DURABLE, KINDS, new_database, postgres, rows
from support.loop import asynchronous

ANN, BOB = Person("ann", "Änn \u2603", {"team": "\u0000\U0001f600"}, False), Person("~bob", "", None, True)
REFUSAL = NotHolder("no")


@asynccontextmanager
async def opened(url: str):
    """A life of the store."""
    if url == "memory://":
        yield MemoryLocks(first_fence=0)
        return
    store = Store(url)
    try:
        yield SqlLocks(store.writer)
    finally:
        await store.close()


async def told(ask: Callable[..., None], *args: Any) -> Any:
    """What a question to the store is answered."""
    answers: asyncio.Queue[Any] = asyncio.Queue()
    ask(*args, answers.put_nowait)
    return await asyncio.wait_for(answers.get(), 20)


async def changed(locks: LockStore, lock: str, decide: Decide) -> LockRecord:
    outcome = await told(locks.change, lock, decide)
    assert isinstance(outcome, Outcome), outcome
    return outcome.record


# -- Decisions ---------------------------------------------------------------------------------------------------------


def held_by(record: LockRecord, mint: Mint, person: Person = ANN, **more: Any) -> LockRecord:
    fields = {"fence": mint(), "holder": Holder(person, "s1", 1, 2), "node": "n1", "until_ms": 60_000} | more
    return msgspec.structs.replace(record, **fields)


def give(person: Person = ANN, **more: Any) -> Decide:
    return lambda record, mint: Outcome(held_by(record, mint, person, **more))


def give_if_free(person: Person) -> Decide:
    return lambda record, mint: Outcome(record if record.holder else held_by(record, mint, person))


def look(record: LockRecord, _: Mint) -> Outcome:
    return Outcome(record)


def free(record: LockRecord, _: Mint) -> Outcome:
    return Outcome(LockRecord(record.lock, record.fence))


def refuse(_record: LockRecord, mint: Mint) -> Outcome:
    mint()
    raise REFUSAL


def take(at_ms: int, why: str = "") -> Decide:
    def decide(record: LockRecord, mint: Mint) -> Outcome:
        record = held_by(record, mint)
        return Outcome(record, audit=Audit(record.lock, at_ms, "taken", "ann", "~bob", record.fence, why))

    return decide


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return new_database(request.param, tmp_path)


@pytest.fixture(params=DURABLE)
def durable_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return new_database(request.param, tmp_path)


# -- Keeping -----------------------------------------------------------------------------------------------------------

FULL = LockRecord(
    lock="/posts/1#títle",
    fence=2**40,
    holder=Holder(ANN, "s1", 1_700_000_000_000, 1_700_000_000_001),
    node="n1",
    until_ms=1_700_000_060_000,
    queue=(Waiter(BOB, ("s2", "s3"), "n1", 5), Waiter(Person("cy", "Cy", {}, False), (), "n1", 6, 7)),
    asked=Asked("~bob", 8),
    release_at_ms=9,
)


@asynchronous
async def test_a_lock_that_nobody_has_is_a_free_record(url: str):
    async with opened(url) as locks:
        assert await changed(locks, "/a", look) == LockRecord("/a")
        assert await told(locks.load) == []


@asynchronous
async def test_what_was_decided_is_what_is_kept(url: str):
    async with opened(url) as locks:
        assert await changed(locks, FULL.lock, lambda *_: Outcome(FULL)) == FULL
        assert await changed(locks, FULL.lock, look) == FULL
        assert await told(locks.load) == [FULL]


@asynchronous
async def test_a_free_lock_is_not_kept(url: str):
    async with opened(url) as locks:
        for lock in ("/a", "/b"):
            await changed(locks, lock, give())
        await changed(locks, "/a", free)
        assert [record.lock for record in await told(locks.load)] == ["/b"]
        assert await changed(locks, "/a", look) == LockRecord("/a")


@asynchronous
async def test_what_is_kept_is_there_the_next_time(durable_url: str):
    async with opened(durable_url) as locks:
        await changed(locks, FULL.lock, lambda *_: Outcome(FULL))
        await changed(locks, "/gone", give())
        await changed(locks, "/gone", free)
    async with opened(durable_url) as locks:
        assert await changed(locks, FULL.lock, look) == FULL
        assert await told(locks.load) == [FULL]


@asynchronous
async def test_an_answer_comes_after_the_commit(durable_url: str):  # L1, L2
    async with opened(durable_url) as locks:
        seen: asyncio.Queue[Any] = asyncio.Queue()

        def done(_: object) -> None:
            found = rows(durable_url, "SELECT locks.fence, value FROM locks, counters WHERE lock = '/a' AND name = 'fence'")
            seen.put_nowait(found)

        locks.change("/a", give(), done)
        assert await seen.get() == [(1, 1)]


# -- Deciding ----------------------------------------------------------------------------------------------------------


@asynchronous
async def test_of_many_who_find_it_free_one_gets_it(url: str):  # L1
    async with opened(url) as locks:
        people = [Person(f"u{number}", "", None, False) for number in range(200)]
        records = await asyncio.gather(*(changed(locks, "/a", give_if_free(person)) for person in people))
        assert {record.holder.person.id for record in records} == {"u0"}


@asynchronous
async def test_changes_are_decided_and_told_in_the_order_of_asking(url: str):
    async with opened(url) as locks:
        decided: list[int] = []
        results: asyncio.Queue[int] = asyncio.Queue()

        def step(number: int) -> Decide:
            def decide(record: LockRecord, mint: Mint) -> Outcome:
                decided.append(number)
                return refuse(record, mint) if number % 3 == 0 else Outcome(held_by(record, mint))

            return decide

        for number in range(100):
            locks.change(f"/{number % 7}", step(number), lambda _, number=number: results.put_nowait(number))
        assert [await results.get() for _ in range(100)] == list(range(100))
        assert decided == list(range(100))


@asynchronous
async def test_a_refusal_changes_nothing_and_nobody_else_s_change(url: str):  # L3
    async with opened(url) as locks:
        before = await changed(locks, "/a", give())
        answers = await asyncio.gather(
            told(locks.change, "/b", give()),
            told(locks.change, "/a", refuse),
            told(locks.change, "/b", refuse),
            told(locks.change, "/c", give()),
        )
        assert [answer is REFUSAL for answer in answers] == [False, True, True, False]
        assert await changed(locks, "/a", look) == before
        assert [record.lock for record in await told(locks.load)] == ["/a", "/b", "/c"]


@pytest.mark.parametrize("kind", DURABLE)
def test_a_fault_in_a_decision_harms_that_decision_alone(kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    def fault(_record: LockRecord, _mint: Mint) -> Outcome:
        raise RuntimeError("a fault of ours")

    async def several() -> list[Any]:
        async with opened(new_database(kind, tmp_path)) as locks:
            await changed(locks, "/x", look)
            return await asyncio.gather(
                *(told(locks.change, lock, step) for lock, step in zip("abc", [give(), fault, give()], strict=True))
            )

    first, second, third = asyncio.run(several())
    assert (second.code, first.record.fence, third.record.fence) == ("internal", 1, 2)
    assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info] == ["a fault of ours"]


# -- Fences ------------------------------------------------------------------------------------------------------------


@asynchronous
async def test_a_fence_is_larger_than_all_before_it_of_whatever_lock(url: str):  # L2
    async with opened(url) as locks:
        fences = [(await changed(locks, f"/{number % 3}", give())).fence for number in range(10)]
        await changed(locks, "/0", free)
        await told(locks.change, "/0", refuse)
        fences.append((await changed(locks, "/0", give())).fence)
        assert fences == sorted(set(fences))


@asynchronous
async def test_fences_go_on_growing_in_the_next_life(durable_url: str):  # L2
    fences: list[int] = []
    for _ in range(3):
        async with opened(durable_url) as locks:
            fences += [(await changed(locks, "/a", give())).fence for _ in range(3)]
            await changed(locks, "/a", free)
    assert fences == sorted(set(fences))


# -- Leases and audits -------------------------------------------------------------------------------------------------


@asynchronous
async def test_a_renewal_is_of_one_node_s_leases(url: str):  # L5
    async with opened(url) as locks:
        for lock, node in (("/a", "n1"), ("/b", "n2"), ("/c", "n1")):
            await changed(locks, lock, give(node=node))
        assert await told(locks.renew, "n1", 99_000) is None
        assert [record.until_ms for record in await told(locks.load)] == [99_000, 60_000, 99_000]
        assert (await changed(locks, "/a", look)).until_ms == 99_000
        assert (await changed(locks, "/a", give(until_ms=7))).until_ms == 7


@asynchronous
async def test_a_renewal_counts_in_the_next_life(durable_url: str):
    async with opened(durable_url) as locks:
        await changed(locks, "/a", give())
        await told(locks.renew, "n1", 99_000)
    async with opened(durable_url) as locks:
        assert (await changed(locks, "/a", look)).until_ms == 99_000


@asynchronous
async def test_a_renewal_counts_for_what_was_asked_for_just_before_it(url: str):
    async with opened(url) as locks:
        answers = await asyncio.gather(told(locks.change, "/a", give()), told(locks.renew, "n1", 99_000), told(locks.load))
        assert [record.until_ms for record in answers[2]] == [99_000]


@asynchronous
async def test_the_newest_audits_of_a_lock_come_first(url: str):  # L9
    async with opened(url) as locks:
        for at_ms in range(1, 5):
            await changed(locks, "/a", take(at_ms, f"because {at_ms}"))
            await changed(locks, "/b", take(at_ms))
        newest = await told(locks.audits, "/a", 2)
        assert newest == [
            Audit("/a", 4, "taken", "ann", "~bob", 7, "because 4"),
            Audit("/a", 3, "taken", "ann", "~bob", 5, "because 3"),
        ]
        assert await told(locks.audits, "/c", 5) == []


@asynchronous
async def test_an_audit_is_there_the_next_time(durable_url: str):  # L9
    async with opened(durable_url) as locks:
        await changed(locks, "/a", take(5, "it is \0 urgent"))
    async with opened(durable_url) as locks:
        assert [audit.at_ms for audit in await told(locks.audits, "/a", 9)] == [5]


# -- One owner ---------------------------------------------------------------------------------------------------------


@asynchronous
async def test_a_database_belongs_to_one_server(durable_url: str):  # L1
    async with opened(durable_url) as first:
        await changed(first, "/a", give())
        async with opened(durable_url) as second:
            refusal = await told(second.change, "/a", give(BOB))
            assert isinstance(refusal, Unavailable)
            assert "belongs to one" in refusal.message
            assert (await changed(first, "/a", look)).holder.person == ANN
    async with opened(durable_url) as second:
        assert (await changed(second, "/a", look)).holder.person == ANN


@asynchronous
async def test_who_had_to_wait_for_the_database_gets_it_without_being_asked_again(durable_url: str):
    waiting = Store(durable_url)
    async with opened(durable_url) as first:
        await changed(first, "/a", give())
        with pytest.raises(Unavailable):
            await waiting.writer.ask(lambda _: None)
        assert waiting.writer.up is False
    async with asyncio.timeout(20):
        while not waiting.writer.up:
            await asyncio.sleep(0.01)
    await waiting.close()


# -- Beside the reference ----------------------------------------------------------------------------------------------

STEPS: dict[str, Callable[[int], Decide]] = {
    "give": lambda at_ms: give(until_ms=at_ms),
    "give to bob": lambda at_ms: give(BOB, node="n2"),
    "give if free": lambda at_ms: give_if_free(BOB),
    "look": lambda at_ms: look,
    "free": lambda at_ms: free,
    "refuse": lambda at_ms: refuse,
    "take": take,
}
change_of = st.tuples(st.just("change"), st.sampled_from("abc"), st.sampled_from(sorted(STEPS)), st.integers(0, 9))
renewal = st.tuples(st.just("renew"), st.sampled_from(["n1", "n2"]), st.integers(0, 9))
batches = st.lists(st.lists(change_of | renewal | st.just(("load",)), max_size=8) | st.just("again"), max_size=8)


@pytest.mark.parametrize("kind", DURABLE)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=batches)
def test_every_history_gives_what_memory_gives(kind: str, tmp_path_factory: pytest.TempPathFactory, history: list[Any]):
    asyncio.run(compared(empty_database(kind, tmp_path_factory), history))


def empty_database(kind: str, folders: pytest.TempPathFactory) -> str:
    if kind == "sqlite":
        return new_database(kind, folders.mktemp("history"))
    rows(url := shared_database(), "DROP SCHEMA IF EXISTS alsohere CASCADE")
    return url


@cache
def shared_database() -> str:
    return postgres().new_database()


async def compared(url: str, history: list[Any]) -> None:
    reference, pending = MemoryLocks(first_fence=0), list(history)
    while pending:
        async with opened(url) as locks:
            while pending and (batch := pending.pop(0)) != "again":
                expected = [await ask(reference, *step) for step in batch]
                given = await asyncio.gather(*(ask(locks, *step) for step in batch))
                assert given == expected
            for lock in "abc":
                assert await told(locks.audits, lock, 9) == await told(reference.audits, lock, 9)


async def ask(locks: LockStore, what: str, *args: Any) -> Any:
    if what == "change":
        lock, step, at_ms = args
        answer = await told(locks.change, lock, STEPS[step](at_ms))
    elif what == "renew":
        answer = await told(locks.renew, *args)
    else:
        answer = sorted(await told(locks.load), key=lambda record: record.lock)
    return answer.code if isinstance(answer, Refusal) else answer

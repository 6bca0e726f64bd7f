"""The thread that writes: what it promises at its head, on a SQLite file and a real PostgreSQL."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select, text

from alsohere.backends.sql import writer as writers
from alsohere.backends.sql.schema import COUNTERS
from alsohere.backends.sql.store import Store
from alsohere.backends.sql.writer import MOST_ROWS_IN_BATCH, Writer
from alsohere.errors import NotInRoom, Refusal, Unavailable
from support.databases import DURABLE, new_database, rows
from support.loop import asynchronous

REFUSAL = NotInRoom("no")


@pytest.fixture(params=DURABLE)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return new_database(request.param, tmp_path)


@asynccontextmanager
async def opened(url: str):
    store = Store(url)
    try:
        yield store
    finally:
        await store.close()


def put(name: str, value: int = 0, then: Exception | None = None) -> Callable[[Connection], str]:
    def job(connection: Connection) -> str:
        connection.execute(insert(COUNTERS).values(name=name, value=value))
        if then is not None:
            raise then
        return name

    return job


def names(url: str) -> list[str]:
    return [name for (name,) in rows(url, "SELECT name FROM counters ORDER BY name")]


async def all_of(writer: Writer, *jobs: Callable[[Connection], Any]) -> list[Any]:
    """What each job was answered, in the order of the answers."""
    answers: asyncio.Queue[tuple[int, Any]] = asyncio.Queue()
    for number, job in enumerate(jobs):
        writer.submit(job, lambda answer, number=number: answers.put_nowait((number, answer)))
    got = [await asyncio.wait_for(answers.get(), 20) for _ in jobs]
    assert [number for number, _ in got] == list(range(len(jobs)))
    assert answers.empty()
    return [answer for _, answer in got]


class Gate:
    """A job that keeps the thread busy until it is opened: what is submitted meanwhile is one batch."""

    def __init__(self) -> None:
        self._opened = threading.Event()
        self.entered = threading.Event()

    def __call__(self, _: Connection) -> None:
        self.entered.set()
        assert self._opened.wait(20)

    def open(self) -> None:
        self._opened.set()


@asynccontextmanager
async def one_batch(writer: Writer):
    gate, over = Gate(), asyncio.Event()
    writer.submit(gate, lambda _: over.set())
    await asyncio.to_thread(gate.entered.wait, 20)
    try:
        yield
    finally:
        gate.open()
        await over.wait()


# -- Batches -----------------------------------------------------------------------------------------------------------


@asynchronous
async def test_what_waits_is_one_transaction(url: str):
    async with opened(url) as store:
        await store.writer.ask(lambda _: None)
        async with one_batch(store.writer):
            answered = asyncio.ensure_future(all_of(store.writer, *(put(f"{number:03}") for number in range(100))))
            await asyncio.sleep(0)
        assert await answered == names(url) == [f"{number:03}" for number in range(100)]
        assert (store.writer.jobs, store.writer.commits) == (102, 3)


@asynchronous
async def test_a_refusal_after_a_write_undoes_that_write_alone(url: str):
    async with opened(url) as store:
        await store.writer.ask(lambda _: None)
        async with one_batch(store.writer):
            jobs = put("a"), put("b", then=REFUSAL), put("c"), put("d", then=NotInRoom("also")), put("e")
            answered = asyncio.ensure_future(all_of(store.writer, *jobs))
            await asyncio.sleep(0)
        assert [getattr(answer, "code", answer) for answer in await answered] == ["a", "not_in_room", "c", "not_in_room", "e"]
        assert names(url) == ["a", "c", "e"]


@asynchronous
async def test_what_the_database_rejects_is_one_job_s_fault(url: str):
    async with opened(url) as store:
        await store.writer.ask(put("a"))
        async with one_batch(store.writer):
            nonsense = [lambda connection: connection.execute(text("SELECT nothing FROM nowhere")), lambda _: 1 // 0]
            answered = asyncio.ensure_future(all_of(store.writer, put("b"), put("a"), *nonsense, put("c")))
            await asyncio.sleep(0)
        first, *faults, last = await answered
        assert (first, last, [fault.code for fault in faults]) == ("b", "c", ["internal"] * 3)
        assert names(url) == ["a", "b", "c"]
        assert store.writer.up


class Notes:
    """A participant that writes at the end of each batch what its jobs have noted."""

    def __init__(self) -> None:
        self.waiting: list[str] = []
        self.written: list[str] = []
        self.kept_so_far = self.forgotten = 0

    def note(self, name: str) -> Callable[[Connection], None]:
        return lambda _: self.waiting.append(name)

    def flush(self, connection: Connection) -> None:
        for name in self.waiting:
            connection.execute(insert(COUNTERS).values(name=name, value=0))
        self.written += self.waiting
        self.waiting.clear()

    def kept(self) -> None:
        self.kept_so_far += len(self.written)
        self.written.clear()

    def forget(self) -> None:
        self.waiting.clear()
        self.written.clear()
        self.forgotten += 1


@asynchronous
async def test_what_is_collected_is_written_once_however_often_a_batch_is_tried(url: str):
    notes = Notes()
    async with opened(url) as store:
        store.writer.join(notes)
        await store.writer.ask(lambda _: None)
        async with one_batch(store.writer):
            jobs = notes.note("a"), put("b", then=REFUSAL), notes.note("c")
            answered = asyncio.ensure_future(all_of(store.writer, *jobs))
            await asyncio.sleep(0)
        assert await answered == [None, REFUSAL, None]
        assert names(url) == ["a", "c"]
        assert (notes.kept_so_far, notes.waiting) == (2, [])
        assert notes.forgotten == 2  # the new connection, the batch that was tried again


@asynchronous
async def test_a_job_that_has_its_neighbours_written_does_not_undo_them_with_itself(url: str):
    notes = Notes()

    def flush_and_fail(connection: Connection) -> None:
        notes.flush(connection)
        raise REFUSAL

    async with opened(url) as store:
        store.writer.join(notes)
        await store.writer.ask(lambda _: None)
        async with one_batch(store.writer):
            answered = asyncio.ensure_future(all_of(store.writer, notes.note("a"), flush_and_fail, notes.note("c")))
            await asyncio.sleep(0)
        assert await answered == [None, REFUSAL, None]
        assert names(url) == ["a", "c"]


@asynchronous
async def test_a_transaction_writes_so_many_rows_and_not_many_more(url: str):
    async with opened(url) as store:
        await store.writer.ask(lambda _: None)
        before, done = store.writer.commits, []
        async with one_batch(store.writer):
            for number in range(5):
                store.writer.submit(put(str(number)), done.append, rows=MOST_ROWS_IN_BATCH // 2)
            last = asyncio.ensure_future(store.writer.ask(lambda _: None))
            await asyncio.sleep(0)
        await last
        assert (len(done), store.writer.commits - before) == (5, 4)


@asynchronous
async def test_a_file_that_may_not_grow_is_no_job_s_fault(tmp_path: Path):
    async with opened(url := new_database("sqlite", tmp_path)) as store:
        await store.writer.ask(put("a"))
        await store.writer.ask(
            lambda connection: connection.exec_driver_sql("PRAGMA max_page_count=1").scalar()
        )  # as large as it is
        with pytest.raises(Unavailable):
            await store.writer.ask(put("b" * 1_000_000))
        assert await store.writer.ask(put("c")) == "c"  # on a new connection, which has no such limit
    assert names(url) == ["a", "c"]


# -- Time --------------------------------------------------------------------------------------------------------------


@asynchronous
async def test_what_takes_too_long_is_answered_and_not_done(url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(writers, "ANSWER_S", 0.2)
    async with opened(url) as store:
        await store.writer.ask(put("a"))
        gate = Gate()

        def slow(connection: Connection) -> None:
            put("slow")(connection)
            gate(connection)

        answers = await asyncio.gather(
            *(asyncio.ensure_future(store.writer.ask(job)) for job in (slow, put("b"))), return_exceptions=True
        )
        assert [type(answer) for answer in answers] == [Unavailable, Unavailable]
        gate.open()
        monkeypatch.undo()
        assert await store.writer.ask(put("c")) == "c"
        assert names(url) == ["a", "c"]


@asynchronous
async def test_too_much_that_waits_is_refused(url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(writers, "MOST_WAITING", 3)
    async with opened(url) as store:
        await store.writer.ask(lambda _: None)
        async with one_batch(store.writer):
            answered = asyncio.gather(*(store.writer.ask(put(name)) for name in "abc"), return_exceptions=True)
            await asyncio.sleep(0)
        assert [getattr(answer, "code", answer) for answer in await answered] == ["a", "b", "unavailable"]


# -- Beginning and end -------------------------------------------------------------------------------------------------


@asynchronous
async def test_nothing_is_touched_before_it_is_needed(tmp_path: Path):
    async with opened(new_database("sqlite", tmp_path)) as store:
        assert (store.writer.up, list(tmp_path.iterdir())) == (None, [])
        assert await store.reader.ask(lambda connection: connection.execute(select(COUNTERS)).all()) == []
        assert store.writer.up


@asynchronous
async def test_what_was_submitted_is_written_before_the_end(url: str):
    store, answers = Store(url), []
    for name in "abc":
        store.writer.submit(put(name), answers.append)
    await store.close()
    assert answers == names(url) == ["a", "b", "c"]


def test_a_store_outlives_the_loop_that_it_was_used_on(url: str):
    store = Store(url)
    for name in "ab":
        assert asyncio.run(store.writer.ask(put(name))) == name

    async def last() -> list[str]:
        found = await store.reader.ask(lambda connection: connection.execute(select(COUNTERS.c.name)).scalars().all())
        await store.close()
        return found

    assert sorted(asyncio.run(last())) == ["a", "b"]


@asynchronous
async def test_a_closed_store_opens_again(url: str):
    store = Store(url)
    for name in "ab":
        await store.writer.ask(put(name))
        await store.close()
        assert store.writer.up is None
    assert names(url) == ["a", "b"]


@asynchronous
async def test_an_answer_that_fails_keeps_no_other_from_being_given(url: str, caplog: pytest.LogCaptureFixture):
    async with opened(url) as store:
        store.writer.submit(put("a"), lambda _: 1 // 0)
        assert await store.writer.ask(put("b")) == "b"
    assert "an answer of the database was not taken" in caplog.text


@pytest.mark.parametrize("setting", ["mysql://here/x", "sqlite:////nowhere/at/all.db", "not a url"])
def test_a_setting_that_is_no_database_is_unavailable_and_the_log_says_why(setting: str, caplog: pytest.LogCaptureFixture):
    async def ask() -> None:
        async with opened(setting) as store:
            for _ in range(2):
                with pytest.raises(Unavailable):
                    await store.writer.ask(lambda _: None)

    asyncio.run(ask())
    assert [record.message.count("database_url: ") for record in caplog.records] == [1]


# -- Reading -----------------------------------------------------------------------------------------------------------


@asynchronous
async def test_who_is_cancelled_while_the_reader_answers_stays_cancelled(url: str):
    async with opened(url) as store:
        await store.reader.ask(lambda _: None)
        for turns in range(400):  # one of them is the moment in which the answer has come and is not taken yet
            question = asyncio.create_task(store.reader.ask(lambda _: None))
            for _ in range(turns % 100):
                await asyncio.sleep(0)
            was_asking = question.cancel()
            await asyncio.wait({question})
            assert question.cancelled() is was_asking


@asynchronous
async def test_the_reader_sees_what_is_committed_and_cannot_write(url: str):
    async with opened(url) as store:
        await store.writer.ask(put("a", 7))
        assert await store.reader.ask(lambda connection: connection.execute(select(COUNTERS)).all()) == [("a", 7)]
        with pytest.raises(Unavailable):
            await store.reader.ask(put("b"))
        assert names(url) == ["a"]


@asynchronous
async def test_a_long_question_delays_no_writer(url: str):
    async with opened(url) as store:
        await store.writer.ask(put("a"))
        gate = Gate()

        def question(connection: Connection) -> int:
            found = connection.execute(select(COUNTERS)).all()
            gate(connection)
            return len(found) + len(connection.execute(select(COUNTERS)).all())

        answer = asyncio.ensure_future(store.reader.ask(question))
        await asyncio.to_thread(gate.entered.wait, 20)
        await store.writer.ask(put("b"))
        gate.open()
        assert await answer in {2, 3}


@asynchronous
async def test_a_question_that_a_refusal_ends_is_refused(url: str):
    def refuse(_: Connection) -> None:
        raise REFUSAL

    async with opened(url) as store:
        with pytest.raises(Refusal) as refused:
            await store.reader.ask(refuse)
        assert refused.value is REFUSAL
        assert await store.reader.ask(lambda _: 1) == 1

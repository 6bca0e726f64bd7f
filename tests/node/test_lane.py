"""Asynchronous work, one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from alsohere.node.lane import Lane
from support.loop import asynchronous, turns, until


class Work:
    """Pieces of work that write down when they begin and end, and wait until they are let go."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.gates: dict[str, asyncio.Event] = {}

    def slow(self, name: str) -> Callable[[], Coroutine[Any, Any, None]]:
        gate = self.gates[name] = asyncio.Event()

        async def work() -> None:
            self.log.append(f"{name} begins")
            await gate.wait()
            self.log.append(f"{name} ends")

        return work

    def quick(self, name: str) -> Callable[[], None]:
        return lambda: self.log.append(name)

    async def let_go(self, name: str) -> None:
        self.gates[name].set()
        await until(lambda: f"{name} ends" in self.log)
        await turns(2)


@asynchronous
async def test_work_that_waits_for_nothing_is_done_at_once():
    lane, work = Lane(1, set()), Work()
    for name in ("a", "b", "c"):
        assert lane.submit(work.quick(name))
    assert work.log == ["a", "b", "c"]
    assert not lane.busy


@asynchronous
async def test_one_piece_runs_at_a_time_in_the_order_they_came():
    lane, work = Lane(10, set()), Work()
    for piece in (work.slow("a"), work.quick("b"), work.slow("c"), work.quick("d"), work.quick("e")):
        assert lane.submit(piece)
    await until(lambda: work.log)
    await turns()
    assert work.log == ["a begins"]
    await work.let_go("a")
    assert work.log == ["a begins", "a ends", "b", "c begins"]
    await work.let_go("c")
    assert work.log[4:] == ["c ends", "d", "e"]
    assert not lane.busy


@asynchronous
async def test_more_than_may_wait_is_not_taken():  # S4
    lane, work = Lane(2, set()), Work()
    lane.submit(work.slow("a"))
    assert lane.submit(work.quick("b"))
    assert lane.submit(work.quick("c"))
    assert not lane.submit(work.quick("d"))
    await work.let_go("a")
    assert work.log[2:] == ["b", "c"]
    assert lane.submit(work.quick("e"))


@asynchronous
async def test_what_must_be_done_is_taken_however_much_is_waiting():
    lane, work = Lane(1, set()), Work()
    lane.submit(work.slow("a"))
    lane.submit(work.quick("b"))
    assert lane.submit(work.quick("goodbye"), always=True)
    await work.let_go("a")
    assert work.log[2:] == ["b", "goodbye"]


@asynchronous
async def test_running_work_is_kept_where_a_shutdown_can_wait_for_it():
    tasks: set[asyncio.Task[None]] = set()
    lane, work = Lane(1, tasks), Work()
    lane.submit(work.slow("a"))
    assert len(tasks) == 1
    await work.let_go("a")
    assert tasks == set()


@asynchronous
async def test_work_that_is_cancelled_lets_the_next_begin():
    tasks: set[asyncio.Task[None]] = set()
    lane, work = Lane(1, tasks), Work()
    lane.submit(work.slow("a"))
    lane.submit(work.quick("b"))
    await until(lambda: work.log)
    next(iter(tasks)).cancel()
    await until(lambda: "b" in work.log)
    assert not lane.busy


@asynchronous
async def test_work_may_submit_more_work():
    lane, work = Lane(2, set()), Work()

    async def first() -> None:
        assert lane.submit(work.quick("behind"))
        await turns(3)
        work.log.append("first ends")

    lane.submit(first)
    await until(lambda: "behind" in work.log)
    assert work.log == ["first ends", "behind"]

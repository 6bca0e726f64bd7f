"""The same request again: answered as the first was, carried out once, and by one at a time while the first ones fail."""

from __future__ import annotations

import asyncio

import pytest
from starlette.responses import Response

from alsohere.errors import BadRequest, Refusal, Unavailable
from alsohere.server import idempotency
from alsohere.server.idempotency import Idempotency

FAILURES = [Unavailable("Away."), RuntimeError("a fault"), Response(b"", 503)]


class Work:
    """What a request does: it waits to be let go on, and ends as the test says."""

    def __init__(self, *ends: Response | Exception) -> None:
        self.ends = list(ends)
        self.gate = asyncio.Event()
        self.running = self.most_running = self.runs = 0

    async def __call__(self) -> Response:
        self.runs += 1
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            await self.gate.wait()
            await asyncio.sleep(0)
            end = self.ends.pop(0)
        finally:
            self.running -= 1
        if isinstance(end, Exception):
            raise end
        return end


@pytest.mark.parametrize("failure", FAILURES, ids=["a refusal", "a fault", "an answer"])
def test_after_a_failure_exactly_one_of_those_who_waited_tries_again(failure: Response | Exception):
    async def scene() -> None:
        kept, work = Idempotency(), Work(failure, Response(b"done"))
        asked = [asyncio.create_task(kept.answer("shop", "k", b"r", work)) for _ in range(10)]
        await asyncio.sleep(0)
        work.gate.set()
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert (work.runs, work.most_running) == (2, 1)
        assert sum(isinstance(answer, Response) and answer.body == b"done" for answer in answers) == 9

    asyncio.run(scene())


def test_when_the_first_one_is_given_up_the_next_one_does_it():
    async def scene() -> None:
        kept, work = Idempotency(), Work(Response(b"done"))
        first = asyncio.create_task(kept.answer("shop", "k", b"r", work))
        others = [asyncio.create_task(kept.answer("shop", "k", b"r", work)) for _ in range(5)]
        await asyncio.sleep(0)
        first.cancel()
        work.gate.set()
        assert {answer.body for answer in await asyncio.gather(*others)} == {b"done"}
        assert (work.runs, work.most_running) == (2, 1)

    asyncio.run(scene())


def test_a_key_that_failed_is_free_for_another_request():
    async def scene() -> None:
        kept, work = Idempotency(), Work(Unavailable("Away."), Response(b"done"))
        work.gate.set()
        with pytest.raises(Unavailable):
            await kept.answer("shop", "k", b"r", work)
        assert (await kept.answer("shop", "k", b"other", work)).body == b"done"
        with pytest.raises(Refusal) as used:
            await kept.answer("shop", "k", b"r", work)
        assert used.value.code == "key_used"

    asyncio.run(scene())


def test_two_back_ends_may_use_the_same_key():
    """Both count their orders; neither is answered what the other was, nor told that the key is used."""

    async def scene() -> None:
        kept, work = Idempotency(), Work(Response(b"of the shop"), Response(b"of the forum"), Response(b"of the wiki"))
        work.gate.set()
        for asker, request, answer in (
            ("shop", b"r", b"of the shop"),
            ("forum", b"r", b"of the forum"),
            ("wiki", b"x", b"of the wiki"),
        ):
            assert (await kept.answer(asker, "order-7", request, work)).body == answer
        assert (await kept.answer("shop", "order-7", b"r", work)).body == b"of the shop"
        assert work.runs == 3

    asyncio.run(scene())


def test_an_answer_of_any_size_is_kept():
    """A push to ten thousand users is answered with a line for each of them; to send it twice would be no better for that."""

    async def scene() -> None:
        kept, work = Idempotency(), Work(Response(b"x" * 2_000_000), Response(b"sent twice"))
        work.gate.set()
        assert await kept.answer("shop", "k", b"r", work) is await kept.answer("shop", "k", b"r", work)
        assert work.runs == 1

    asyncio.run(scene())


def test_what_is_kept_is_bounded_in_bytes_and_the_oldest_go_first(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(idempotency, "MOST_BYTES", 10)

    async def scene() -> None:
        kept = Idempotency()
        for number in range(4):
            work = Work(Response(b"x" * 4))
            work.gate.set()
            await kept.answer("shop", str(number), b"r", work)
        again = Work(*(Response(b"") for _ in range(4)))
        again.gate.set()
        for number in (3, 2, 1):
            await kept.answer("shop", str(number), b"r", again)
        assert again.runs == 1

    asyncio.run(scene())


@pytest.mark.parametrize("key", ["", "a b", "a\n", "x" * 201, "é"])
def test_what_is_no_key(key: str):
    with pytest.raises(BadRequest, match=r"^Idempotency-Key: "):
        asyncio.run(Idempotency().answer("shop", key, b"r", Work()))

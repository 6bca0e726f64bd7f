"""Notifications that go other ways: looked for when they are due, judged, sent, tried again.

Owns: one loop for each channel, so that one that is dead or slow keeps no other waiting; and one that decides by which ways a
notification goes. At most AT_ONCE of a channel are under way.
Invariants: nothing is sent of what was delivered, recalled or is over by then, nor in quiet hours or muted unless it is critical:
that is looked at before every attempt. What was sent is marked before anything else of its channel is sent, however long the
database takes to say that it is; so it is sent twice only after a crash in between.
Rejected: timers. A notification that is due in five minutes must be so after a restart too.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from alsohere.domain.offline import NOBODY, UNDECIDED, Case, Channel, Errand, Routes, ended, errands_of, failed, judged, spread
from alsohere.errors import Unavailable
from alsohere.node.zones import quiet_until
from alsohere.notices import Notice
from alsohere.ports import OfflineStore

AT_ONCE = 16
MOST_DECIDED = 200
POLL_S = 1.0
KEEP_MS, PRUNE_MS, PRUNE_SLICE = 7 * 86_400_000, 3_600_000, 1000
log = logging.getLogger("alsohere.offline")


class NotSentError(Exception):
    """An attempt failed.

    Args:
        why: what to note.
        for_good: it never will succeed.
        after_s: the other side asks not to be tried again before.
    """

    def __init__(self, why: str, *, for_good: bool = False, after_s: float = 0.0) -> None:
        super().__init__(why)
        self.for_good = for_good
        self.after_s = after_s


class Carrier(Protocol):
    """One channel."""

    async def send(self, notice: Notice, case: Case) -> None:
        """Send to the errand's target.

        Raises:
            NotSentError: it did not arrive.
            Unavailable: the database is away; nothing was sent.
        """

    async def close(self) -> None:
        """Nothing more will be sent."""


class OfflineDelivery:
    """Carries what could not be delivered here.

    Args:
        store: of the errands.
        routes: the rules.
        carriers: the channels there are.
        outcomes: counts (channel, outcome).
        wall_ms: the time.
        chance: for the waits.
    """

    def __init__(
        self,
        store: OfflineStore,
        routes: Routes,
        carriers: Mapping[Channel, Carrier],
        outcomes: Counter[tuple[str, str]],
        wall_ms: Callable[[], int],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._routes = routes
        self._carriers = carriers
        self._outcomes = outcomes
        self._wall_ms = wall_ms
        self._chance = chance
        self._tasks: list[asyncio.Task[None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pruned_ms = 0
        self._attempted: dict[Channel, list[Errand]] = {channel: [] for channel in carriers}  # and not marked yet

    def wake(self) -> None:
        """Begin to look, if that has not begun on this loop."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop or not self._tasks:
            self._loop = loop
            self._tasks = [loop.create_task(self._run(channel)) for channel in (UNDECIDED, *self._carriers)]

    async def close(self) -> None:
        """Send nothing more; what is under way is given up, and tried again by the next life."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
            for channel in self._carriers:
                with contextlib.suppress(Unavailable):
                    await self._mark(channel)
            for carrier in self._carriers.values():
                await carrier.close()

    async def _run(self, channel: Channel) -> None:
        while True:
            more = False
            try:
                more = await (self._decide() if channel == UNDECIDED else self._carry_some(channel))
            except Unavailable as refusal:
                log.debug("errands wait for the database: %s", refusal)
            except Exception:  # whatever fails, the next ones go on
                log.exception("errands of %r were not done", channel)
            if not more:
                await asyncio.sleep(POLL_S)

    # -- By which ways -----------------------------------------------------------------------------------------------

    async def _decide(self) -> bool:
        now_ms = self._wall_ms()
        cases = await self._store.take(UNDECIDED, now_ms, MOST_DECIDED)
        settled: list[Errand] = []
        new: list[Errand] = []
        more = len(cases) == MOST_DECIDED
        for case in cases:
            errand = self._judged(case, now_ms)
            if errand is None and case.errand.user == NOBODY:
                users = await self._store.reachable(case.errand.target or "", MOST_DECIDED)
                errand, some = spread(case, self._routes, users, MOST_DECIDED, now_ms)
                new += some
                more = True
            elif errand is None:
                new += errands_of(case, self._routes)
                errand = ended(case.errand, now_ms)
            settled.append(errand)
        if settled:
            await self._store.settle(settled, new)
        pruned = abs(now_ms - self._pruned_ms) >= PRUNE_MS and await self._prune(now_ms)
        return more or pruned

    async def _prune(self, now_ms: int) -> bool:
        """Remove a slice of what was done long ago; whether there is more of it."""
        more = await self._store.prune(now_ms - KEEP_MS, PRUNE_SLICE) == PRUNE_SLICE
        if not more:
            self._pruned_ms = now_ms
        return more

    def _judged(self, case: Case, now_ms: int) -> Errand | None:
        """The errand, if it is not to be sent now."""
        verdict = judged(case, self._routes, now_ms, quiet_until)
        if verdict is None:
            return None
        if isinstance(verdict, int):
            return msgspec.structs.replace(case.errand, next_ms=verdict)
        return ended(case.errand, now_ms, verdict)

    # -- On its way --------------------------------------------------------------------------------------------------

    async def _carry_some(self, channel: Channel) -> bool:
        await self._mark(channel)
        cases = await self._store.take(channel, self._wall_ms(), AT_ONCE)
        await asyncio.gather(*(self._carry(channel, case) for case in cases))
        await self._mark(channel)
        return len(cases) == AT_ONCE

    async def _mark(self, channel: Channel) -> None:
        """Write down what became of errands; what cannot be written now is kept until it can."""
        attempted = self._attempted[channel]
        if attempted:
            await self._store.settle(attempted)
            attempted.clear()

    async def _carry(self, channel: Channel, case: Case) -> None:
        after = self._judged(case, self._wall_ms())
        if after is None and case.notice is not None:
            after = await self._attempt(self._carriers[channel], case.notice, case)
        if after is not None:
            self._attempted[channel].append(after)

    async def _attempt(self, carrier: Carrier, notice: Notice, case: Case) -> Errand | None:
        """The errand after an attempt; None: there was none."""
        try:
            await carrier.send(notice, case)
        except NotSentError as error:
            return self._failed(case.errand, error)
        except Unavailable as refusal:
            log.debug("an errand waits for the database: %s", refusal)
            return None
        except Exception as error:  # or it would be due again at once, for ever
            log.exception("an errand of %r failed", case.errand.channel)
            return self._failed(case.errand, NotSentError(type(error).__name__))
        self._outcomes[case.errand.channel, "sent"] += 1
        sent = msgspec.structs.replace(case.errand, attempts=case.errand.attempts + 1)
        return ended(sent, self._wall_ms())

    def _failed(self, errand: Errand, error: NotSentError) -> Errand:
        now_ms = self._wall_ms()
        if error.for_good:
            after = ended(errand, now_ms, str(error))
        else:
            after = failed(errand, now_ms, str(error), self._chance(), least_ms=int(error.after_s * 1000))
        self._outcomes[errand.channel, "failed" if after.done_ms is None else "given_up"] += 1
        if after.done_ms is not None:
            log.warning("notification %d does not reach %s by %s: %s", errand.notification, errand.user, errand.channel, error)
        return after


def text_of(notice: Notice) -> tuple[str, str]:
    """The title and the text of a notice, for channels that show those."""
    body = notice.body or notice.title or "You have a new notification."
    return notice.title, body if notice.url is None else f"{body}\n{notice.url}"

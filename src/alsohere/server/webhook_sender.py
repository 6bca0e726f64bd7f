"""Events on their way to the application: sent, tried again, given up.

Owns: the requests. Each is signed anew (Standard Webhooks), is given TIMEOUT_S in all, and follows no redirect; at most
CONNECTIONS are under way, one for each subject.
Invariants: an event that was taken is marked so in the store before another life could send it twice, but for a crash in between:
receivers drop ids that they have seen. Nobody waits for the application: not presence, not locks, not inboxes.
Rejected: sending where the event happens. A dead endpoint would be found out by everybody who enters a room.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

import httpx2
import msgspec
from standardwebhooks.webhooks import Webhook

from alsohere.__about__ import VERSION
from alsohere.domain.webhook import WebhookEvent, attempted
from alsohere.errors import Unavailable
from alsohere.ports import WebhookStore
from alsohere.server.webhook_queue import PER_SUBJECT, WebhookQueue

TIMEOUT_S = 10.0
CONNECTIONS = 8
PAGE = 500
POLL_S = 5.0  # how often a replay of the command line is looked for, and a store that was away
AGAIN_S = 1.0
OUTAGE_MS = 10_000
MOST_UNSETTLED = 1_000
ERROR_BYTES = 200
CLOSE_S = 2.0
log = logging.getLogger("alsohere.webhooks")


class WebhookSender:
    """Sends what is in the store to one address.

    Args:
        store: of the events.
        url: the application's.
        secret: signs, as in `whsec_…`.
        outcomes: counts what becomes of attempts.
        wall_ms: the time.
        chance: for the waits.
    """

    def __init__(
        self,
        store: WebhookStore,
        url: str,
        secret: str,
        outcomes: Counter[str],
        wall_ms: Callable[[], int],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._url = url
        self._signer = Webhook(secret)
        self._outcomes = outcomes
        self._wall_ms = wall_ms
        self._chance = chance
        self.queue = WebhookQueue()
        self._settled: list[WebhookEvent] = []
        self._sending: set[asyncio.Task[None]] = set()
        self._client: httpx2.AsyncClient | None = None
        self._task: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._more = True  # in the store, perhaps
        self._replays: int | None = None
        self._looked_ms = 0
        self._fails_since_ms: int | None = None  # without a success since
        self._away = False  # the store
        self._holds = False  # nothing new is sent for a moment

    # -- From outside ------------------------------------------------------------------------------------------------

    def wake(self) -> None:
        """Something new is in the store. The first time, and after `close`, sending begins."""
        loop = asyncio.get_running_loop()
        if self._task is None or self._task.done() or self._task.get_loop() is not loop:
            self._news, self._sending = asyncio.Event(), set()
            self.queue = WebhookQueue()
            self._task = loop.create_task(self._run())
        self._more = True
        self._news.set()

    async def close(self) -> None:
        """Send nothing more. What is under way may end, and what was taken is marked."""
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        await asyncio.wait({task})
        if self._sending:
            await asyncio.wait(self._sending, timeout=CLOSE_S)
        for sending in self._sending:
            sending.cancel()
        if self._client is not None:
            await self._client.aclose()
        with contextlib.suppress(Unavailable):
            await self._settle()

    # -- The loop ----------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        self._client = httpx2.AsyncClient(
            follow_redirects=False,
            trust_env=False,  # no proxy that is set for something else
            timeout=TIMEOUT_S,
            limits=httpx2.Limits(max_connections=CONNECTIONS),
            headers={"content-type": "application/json", "user-agent": f"alsohere/{VERSION}"},
        )
        while True:
            self._news.clear()
            try:
                self._away = True
                await self._fill()
                self._begin()
                await self._settle()
                self._away = False
            except Unavailable as refusal:
                log.debug("the events cannot be read or marked now: %s", refusal)
            except Exception:  # whatever fails, events go on
                log.exception("events were not read or marked")
            await self._rest()

    async def _rest(self) -> None:
        """Until something is due or has happened."""
        due_ms = self.queue.due_ms()
        delay_s = POLL_S
        if self._away:
            delay_s = AGAIN_S
        elif due_ms is not None and self.queue.out < CONNECTIONS:
            delay_s = min(POLL_S, max(0.0, (due_ms - self._wall_ms()) / 1000))
        if self._more and not self._away and not self.queue.is_full:
            delay_s = 0.0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(delay_s):
                await self._news.wait()

    async def _fill(self) -> None:
        await self._look_for_replays()
        for subject in self.queue.drained():
            after = self.queue.cut[subject]
            self.queue.refill(subject, await self._store.pending_of(subject, after, self.queue.cursor, PER_SUBJECT))
        if self._more and not self.queue.is_full:
            self._more = False
            try:
                events = await self._store.pending(self.queue.cursor, PAGE)
            except BaseException:
                self._more = True
                raise
            self._more = self._more or len(events) == PAGE
            self.queue.add(events)

    async def _look_for_replays(self) -> None:
        now_ms = self._wall_ms()
        if abs(now_ms - self._looked_ms) < POLL_S * 1000 and self._replays is not None:
            return
        replays = await self._store.replays()
        if self._replays is not None and replays != self._replays:
            await self._start_over()
        self._replays, self._looked_ms = replays, now_ms

    async def _start_over(self) -> None:
        """Older events are to be sent again."""
        self._holds = True
        try:
            if self._sending:
                await asyncio.wait(self._sending)
            await self._settle()
            self.queue.clear()
            self._more = True
        finally:
            self._holds = False

    def look(self) -> None:
        """Events were replayed."""
        self._looked_ms = 0
        self.wake()

    async def _settle(self) -> None:
        """Write down what became of events."""
        settled, self._settled = self._settled, []
        if not settled:
            return
        try:
            await self._store.settle(settled)
        except BaseException:
            self._settled = settled + self._settled
            raise

    # -- Sending -----------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        while not self._holds and self.queue.out < CONNECTIONS and len(self._settled) < MOST_UNSETTLED:
            event = self.queue.next(self._wall_ms())
            if event is None:
                return
            task = asyncio.get_running_loop().create_task(self._send(event))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _send(self, event: WebhookEvent) -> None:
        status, error = await self._post(event)
        after = attempted(event, status, error, self._wall_ms(), self._chance())
        self._outcomes["failed" if after.state == "pending" else after.state] += 1
        if after.state == "given_up":
            log.error("event %d (%s, %s) is given up: %s", after.id, after.type, after.subject, after.error)
        self._tell(fails=after.state != "delivered", error=error)
        self._settled.append(after)
        self.queue.settled(after)
        if self._task is not None:
            self._begin()
        self._news.set()

    async def _post(self, event: WebhookEvent) -> tuple[int | None, str]:
        """The status of the answer, or None, and what to note if it is not a good one."""
        assert self._client is not None
        body, headers = signed(event, self._signer)
        try:
            async with asyncio.timeout(TIMEOUT_S):
                async with self._client.stream("POST", self._url, content=body, headers=headers) as response:
                    status: int = response.status_code
                    if status < 300:
                        return status, ""
                    text = b""
                    async for part in response.aiter_raw():
                        text += part
                        if len(text) >= ERROR_BYTES:
                            break
                    return status, f"{status} {text[:ERROR_BYTES].decode('utf-8', 'replace')}".strip()
        except TimeoutError:
            return None, f"no answer within {TIMEOUT_S:.0f} s"
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            return None, f"{type(error).__name__}: {error}"

    def _tell(self, *, fails: bool, error: str) -> None:
        """One line when it begins, and one when it is over."""
        now_ms = self._wall_ms()
        if fails and self._fails_since_ms is None:
            self._fails_since_ms = now_ms
            log.warning("webhook_url does not take an event (%s); it is sent again", error)
        elif not fails and self._fails_since_ms is not None:
            if now_ms - self._fails_since_ms >= OUTAGE_MS:  # not one event among many, which would be hurried for ever
                log.info("webhook_url takes events again")
                self.queue.hurry(now_ms)
            self._fails_since_ms = None


def signed(event: WebhookEvent, signer: Webhook) -> tuple[bytes, dict[str, str]]:
    """The body and the headers of an event, as of now.

    The library takes the time's numbers as UTC whatever its zone is, so it gets no other.
    """
    at = datetime.fromtimestamp(event.at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    told = {"type": event.type, "timestamp": at, "id": event.id, "subject": event.subject, "data": event.data}
    body, message_id, now = msgspec.json.encode(told), f"evt_{event.id}", datetime.now(UTC)
    headers = {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signer.sign(message_id, now, body.decode()),
    }
    return body, headers

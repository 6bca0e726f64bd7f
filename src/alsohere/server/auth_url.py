"""Who a connection is, as another server says it: the `authenticate` hook for applications in other languages.

Owns: what is forwarded (cookies, `Authorization`, the token of the CONNECT payload; nothing else, so that the answer depends on
nothing else), and for how long an answer is believed.
Invariants: at most MAX_ASKING questions are under way and MAX_WAITING wait; the same question is asked once at a time. Whoever
answers 200 with an id decides; what is no answer lets nobody in, and the client may come again.

A refusal is a CONNECT_ERROR, after which a socket.io client stays away. So when there is no answer the transport is closed
instead: its client comes again, at growing distances.
Answers are kept for a moment because people come together: after a restart every tab of a site connects within seconds.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import msgspec

from alsohere.domain.identity import check_user
from alsohere.errors import CloseCode, Disconnect, Unauthenticated
from alsohere.node.connection import Connection
from alsohere.server.outgoing import Outgoing, Unanswered
from alsohere.types import User

TIMEOUT_S = 3.0
REFUSED_S = 1.0  # somebody who logs in now has the same cookie
MAX_BYTES = 64 * 1024
MAX_ASKING, MAX_WAITING = 50, 2_000
MAX_KEPT = 10_000
log = logging.getLogger("alsohere")


class Said(msgspec.Struct):
    """The answer of 200."""

    id: str | int
    name: str = ""
    info: dict[str, Any] | None = None
    rooms: list[str] | None = None


class Refused(msgspec.Struct):
    """What may stand in the body of another status."""

    message: str = "Authentication error"


class AuthUrl:
    """Asks the URL of the setting `auth_url`.

    Args:
        url: which.
        cache_s: for how long an answer is believed.
        now_s: the time.

    Raises:
        ConfigError: it is no URL.
    """

    def __init__(self, url: str, cache_s: float, now_s: Callable[[], float] = time.monotonic) -> None:
        self._target = Outgoing("auth_url", url, timeout_s=TIMEOUT_S, most_bytes=MAX_BYTES)
        self._cache_s = cache_s
        self._now_s = now_s
        self._kept: OrderedDict[bytes, tuple[float, User | Unauthenticated]] = OrderedDict()  # until when; oldest first
        self._asking: dict[bytes, asyncio.Task[User | Unauthenticated]] = {}
        self._under_way = 0  # these, and those that `forget` has forgotten
        self._free: tuple[asyncio.AbstractEventLoop, asyncio.Semaphore] | None = None

    async def ask(self, connection: Connection) -> User:
        """Who a connection is.

        Raises:
            Unauthenticated: nobody; `code` is "forbidden" if they are to stay away even where visitors are let in.
            Disconnect: nobody can tell now.
        """
        handshake = connection.peer.handshake
        given = {"cookie": handshake.cookie_header, "authorization": handshake.credentials}
        forwarded = {name: value for name, value in given.items() if value}
        token = connection.auth.get("token")
        token = token if isinstance(token, str) else ""
        key = hashlib.sha256(msgspec.json.encode([forwarded, token])).digest()
        verdict = self._known(key) or await self._ask_once(key, forwarded, token)
        if isinstance(verdict, Unauthenticated):
            raise Unauthenticated(verdict.message, code=verdict.code)
        return verdict

    def forget(self, user_id: str) -> None:
        """Ask anew who this user is: their session has ended, or what it grants."""
        self._asking = {}  # nobody knows yet whom these are about; what is answered to them may be of before
        for key in [key for key, (_, verdict) in self._kept.items() if isinstance(verdict, User) and verdict.id == user_id]:
            del self._kept[key]

    async def close(self) -> None:
        """Give the connections back."""
        await self._target.close()

    def _known(self, key: bytes) -> User | Unauthenticated | None:
        until_s, verdict = self._kept.get(key, (0.0, None))
        return verdict if self._now_s() < until_s else None

    async def _ask_once(self, key: bytes, forwarded: dict[str, str], token: str) -> User | Unauthenticated:
        task = self._asking.get(key)
        if task is None:
            if self._under_way >= MAX_WAITING:
                raise _later("too many wait to be asked about")
            self._under_way += 1
            task = self._asking[key] = asyncio.get_running_loop().create_task(self._ask(forwarded, token))
            task.add_done_callback(lambda done: self._settled(key, done))
        return await asyncio.shield(task)

    def _settled(self, key: bytes, task: asyncio.Task[User | Unauthenticated]) -> None:
        self._under_way -= 1
        is_of_now = self._asking.get(key) is task
        if is_of_now:
            del self._asking[key]
        if (
            not task.cancelled() and task.exception() is None and is_of_now
        ):  # the exception is looked at, should nobody wait any more
            self._keep(key, task.result())

    def _keep(self, key: bytes, verdict: User | Unauthenticated) -> None:
        for_s = self._cache_s if isinstance(verdict, User) else min(REFUSED_S, self._cache_s)
        self._kept.pop(key, None)
        self._kept[key] = (self._now_s() + for_s, verdict)
        if len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)

    async def _ask(self, forwarded: dict[str, str], token: str) -> User | Unauthenticated:
        headers = forwarded | {"content-type": "application/json", "accept": "application/json"}
        try:
            async with asyncio.timeout(TIMEOUT_S), self._turn():
                status, body = await self._target.ask(msgspec.json.encode({"token": token or None}), headers)
            return _read(status, body)
        except (Unanswered, TimeoutError) as error:
            log.warning("auth_url: %s", str(error) or f"no answer within {TIMEOUT_S:g} s")
            raise _later("who decides about connections cannot be asked") from None

    def _turn(self) -> asyncio.Semaphore:
        loop = asyncio.get_running_loop()
        if self._free is None or self._free[0] is not loop:
            self._free = loop, asyncio.Semaphore(MAX_ASKING)
        return self._free[1]


def _later(why: str) -> Disconnect:
    return Disconnect(CloseCode.TRY_LATER, why)


def _read(status: int, body: bytes) -> User | Unauthenticated:
    if status in (401, 403):
        try:
            message = msgspec.json.decode(body, type=Refused).message[:200]
        except (msgspec.DecodeError, UnicodeDecodeError):
            message = Refused().message
        return Unauthenticated(message, code="unauthenticated" if status == 401 else "forbidden")
    if status != 200:
        raise Unanswered(f"it answers {status}; 200, 401 or 403 is expected")
    try:
        said = msgspec.json.decode(body, type=Said)
        return check_user(User(str(said.id), said.name, said.info, rooms=None if said.rooms is None else tuple(said.rooms)))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, Unauthenticated) as error:
        raise Unanswered(f"it answers what is no user: {error}"[:200]) from None

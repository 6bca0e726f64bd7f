"""`Idempotency-Key`: the same request again is answered as the first was, and nothing is done twice.

Owns: the answers of the last minutes, by who asked and with which key. In memory: after a restart a push may be sent twice, as it
might be lost. What is stored has its own keys, which last (I3): endpoints that store are given one that stands for the header.
Invariants: of the requests with one key, one at a time is carried out; the others wait, and if it fails one of them is next. What
two API keys call the same has nothing to do with each other. At most MOST_BYTES of answers are kept; the oldest go first.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from starlette.responses import Response

from alsohere.errors import BadRequest, Refusal

KEEP_S = 600.0
MOST_KEPT = 10_000
KEY_PATTERN = "[!-~]{1,200}"
MOST_BYTES = 64 * 1024 * 1024

Name = tuple[str, str]  # who asked, and the key


def lasting_key(asker: str, key: str) -> str:
    """What stands for a key where it is stored: for good, as long as any key, and with nobody else's the same."""
    return hashlib.sha256(f"{asker}\0{key}".encode()).hexdigest()


class _UnderWay(NamedTuple):
    of: bytes
    done: asyncio.Future[None]


class _Kept(NamedTuple):
    of: bytes
    answer: Response
    at_s: float


class Idempotency:
    """The answers that are kept."""

    def __init__(self) -> None:
        self._under_way: dict[Name, _UnderWay] = {}
        self._kept: OrderedDict[Name, _Kept] = OrderedDict()
        self._bytes = 0

    async def answer(self, asker: str, key: str, request: bytes, give: Callable[[], Awaitable[Response]]) -> Response:
        """The answer to a request: that of the first one with its key, or a new one.

        Args:
            asker: who uses the key.
            key: the header.
            request: what was asked for; the same key with something else is a mistake.
            give: makes the answer.

        Raises:
            BadRequest: it is no key.
            Refusal: (key_used) the key was used for another request.
        """
        if not re.fullmatch(KEY_PATTERN, key):
            raise BadRequest("Idempotency-Key: 1 to 200 visible ASCII characters, without spaces.")
        name, of = (asker, key), hashlib.sha256(request).digest()
        self._forget_old()
        # Asked again after each wait: the one that was waited for may have failed, and another may have begun meanwhile.
        while (known := self._kept.get(name) or self._under_way.get(name)) is not None:
            if known.of != of:
                raise Refusal("Idempotency-Key: it was used for another request; use a new one.", code="key_used")
            if isinstance(known, _Kept):
                return known.answer
            await asyncio.shield(known.done)
        return await self._give(name, of, give)

    async def _give(self, name: Name, of: bytes, give: Callable[[], Awaitable[Response]]) -> Response:
        mine = self._under_way[name] = _UnderWay(of, asyncio.get_running_loop().create_future())
        try:
            response = await give()
            # What failed for want of something may be tried again.
            if response.status_code < 500:
                self._kept[name] = _Kept(of, response, time.monotonic())
                self._bytes += len(response.body)
            return response
        finally:
            del self._under_way[name]
            mine.done.set_result(None)

    def _forget_old(self) -> None:
        now_s = time.monotonic()
        while self._kept:
            name, oldest = next(iter(self._kept.items()))
            if len(self._kept) < MOST_KEPT and self._bytes <= MOST_BYTES and now_s - oldest.at_s < KEEP_S:
                break
            del self._kept[name]
            self._bytes -= len(oldest.answer.body)

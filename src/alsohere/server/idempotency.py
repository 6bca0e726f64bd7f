"""`Idempotency-Key`: the same request again is answered as the first was, and nothing is done twice.

Owns: the answers of the last minutes, by key. In memory: after a restart a push may be sent twice, as it might be lost. What is
stored has its own keys, which last (I3); endpoints that store are given the header and use it as such.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from starlette.responses import Response

from alsohere.errors import BadRequest, Refusal

KEEP_S = 600.0
MOST_KEPT = 10_000
KEY_PATTERN = "[!-~]{1,200}"
MAX_BODY_BYTES = 64 * 1024


class _Kept:
    __slots__ = ("answer", "at_s", "of")

    def __init__(self, of: bytes, at_s: float) -> None:
        self.of = of
        self.at_s = at_s
        self.answer: asyncio.Future[Response | None] = asyncio.get_running_loop().create_future()


class Idempotency:
    """The answers that are kept."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    async def answer(self, key: str, request: bytes, give: Callable[[], Awaitable[Response]]) -> Response:
        """The answer to a request: that of the first one with its key, or a new one.

        Args:
            key: the header.
            request: what was asked for; the same key with something else is a mistake.
            give: makes the answer.

        Raises:
            BadRequest: it is no key.
            Refusal: (key_used) the key was used for another request.
        """
        if not re.fullmatch(KEY_PATTERN, key):
            raise BadRequest("Idempotency-Key: 1 to 200 visible ASCII characters, without spaces.")
        of = hashlib.sha256(request).digest()
        self._forget_old()
        first = self._kept.get(key)
        if first is not None:
            if first.of != of:
                raise Refusal("Idempotency-Key: it was used for another request; use a new one.", code="key_used")
            answer = await asyncio.shield(first.answer)
            if answer is not None:
                return answer
        kept = self._kept[key] = _Kept(of, time.monotonic())
        try:
            response = await give()
        except BaseException:
            self._settle(key, kept, None)
            raise
        # What failed for want of something may be tried again.
        self._settle(key, kept, response if response.status_code < 500 and len(response.body) <= MAX_BODY_BYTES else None)
        return response

    def _settle(self, key: str, kept: _Kept, response: Response | None) -> None:
        kept.answer.set_result(response)
        if response is None and self._kept.get(key) is kept:
            del self._kept[key]

    def _forget_old(self) -> None:
        now_s = time.monotonic()
        while self._kept:
            key, oldest = next(iter(self._kept.items()))
            if len(self._kept) < MOST_KEPT and now_s - oldest.at_s < KEEP_S:
                break
            del self._kept[key]

"""Questions of ours to servers that the settings name: one way to ask, and what must never happen on it.

Invariants: only the URL of a setting is asked, nothing that came over the wire is. No redirect is followed, no proxy of the
environment is used, no cookie is kept. An answer that is too long is none, nor is one that takes too long.
"""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import httpx2

from alsohere.errors import ConfigError

KEPT_CONNECTIONS = 10
_PLAIN = {"accept-encoding": "identity", "user-agent": "alsohere"}  # what is small as it comes can be large unpacked


class Unanswered(Exception):
    """No answer that could be used; the text says why."""


class Outgoing:
    """Asks one URL.

    Args:
        setting: the name of the setting, for the message.
        url: what it says.
        timeout_s: for one question, from its beginning to the last byte of the answer.
        most_bytes: of an answer.

    Raises:
        ConfigError: it is no URL.
    """

    def __init__(self, setting: str, url: str, *, timeout_s: float, most_bytes: int) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
            raise ConfigError(f"{setting}: give a URL as in https://login.example/path, without a user in it")
        self._url = url
        self._timeout_s = timeout_s
        self._most_bytes = most_bytes
        self._client: httpx2.AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def ask(self, body: bytes | None = None, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        """The status and the body of the answer; with a body the question is a POST.

        Raises:
            Unanswered: there was none.
        """
        method = "GET" if body is None else "POST"
        # As bytes, for what clients send in headers need not be ASCII, and is passed on as it came.
        head = {name.encode(): value.encode("latin-1") for name, value in (_PLAIN | (headers or {})).items()}
        try:
            async with asyncio.timeout(self._timeout_s):
                async with self._connected().stream(method, self._url, content=body, headers=head) as response:
                    if response.is_redirect:
                        raise Unanswered(f"it redirects ({response.status_code}), and redirects are not followed")
                    return response.status_code, await self._bounded(response)
        except TimeoutError:
            raise Unanswered(f"no answer within {self._timeout_s:g} s") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
            raise Unanswered(f"{type(error).__name__}: {error}"[:200]) from None

    async def close(self) -> None:
        """Give the connections back; a later question opens new ones."""
        client, self._client = self._client, None
        if client is not None and self._loop is asyncio.get_running_loop():
            await client.aclose()

    def _connected(self) -> httpx2.AsyncClient:
        # Made once: reading the certificates takes tens of milliseconds.
        loop = asyncio.get_running_loop()
        if self._client is None or self._loop is not loop:
            limits = httpx2.Limits(max_keepalive_connections=KEPT_CONNECTIONS)
            self._loop = loop
            self._client = httpx2.AsyncClient(follow_redirects=False, trust_env=False, timeout=self._timeout_s, limits=limits)
        self._client.cookies.clear()
        return self._client

    async def _bounded(self, response: httpx2.Response) -> bytes:
        content = bytearray()
        async for part in response.aiter_raw(8192):
            content += part
            if len(content) > self._most_bytes:
                raise Unanswered(f"the answer has more than {self._most_bytes} bytes")
        return bytes(content)

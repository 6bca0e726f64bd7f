"""Somebody at a site with a sign-in form: their session cookie, and a real Socket.IO client that remembers what it was told."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.parse
import urllib.request

import pytest
import socketio


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def sign_in(url: str, **form: str) -> str:
    """The session cookie that the form gives."""
    opener = urllib.request.build_opener(NoRedirect)
    with pytest.raises(urllib.error.HTTPError) as answer:
        opener.open(url + "/login", urllib.parse.urlencode(form).encode(), timeout=5)
    assert answer.value.code == 303
    cookie = answer.value.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    return cookie.partition(";")[0]


class Listener:
    """A real Socket.IO client that remembers what it was last told."""

    def __init__(self) -> None:
        self.client = socketio.AsyncClient(reconnection=False)
        self.told: dict[str, list] = {}
        self.history: list[tuple[str, list]] = []
        self.changed = asyncio.Event()
        self.client.on("*", self._on)
        self.client.on("connect_error", lambda error: self.told.update(connect_error=error))

    async def _on(self, name, *args):
        self.told[name] = args[0]
        self.history.append((name, args[0]))
        self.changed.set()

    async def until(self, name: str, condition, within_s: float = 10) -> list:
        async with asyncio.timeout(within_s):
            while not (name in self.told and condition(self.told[name])):
                self.changed.clear()
                await self.changed.wait()
        return self.told[name]

    async def connect(self, url: str, cookie: str, path: str = "/socket.io/") -> Listener:
        await self.client.connect(url, headers={"Cookie": cookie, "Origin": url}, socketio_path=path, transports=["websocket"])
        return self

    async def go(self) -> None:
        """End the transport without a word, as a browser does with a page that is left."""
        await self.client.eio.ws.close()
        await self.client.wait()

"""examples/fenced_save: who comes too late is refused, whatever they believe."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from browser.line import Line
from support.listener import Listener, sign_in
from support.servers import ServerProcess

SERVER = str(Path(__file__).parents[1] / "examples/fenced_save/server.py")
LOCK = "documents/plan"
STALE = "Somebody else edits this by now. Your text was not saved: keep a copy of it, and load the page again to see theirs."


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("documents")
    env = {
        "DOCUMENTS_DB": str(folder / "documents.db"),
        "ALSOHERE_DATABASE_URL": f"sqlite:///{folder}/alsohere.db",
        "ALSOHERE_PING_INTERVAL_S": "0.3",
        "ALSOHERE_PING_TIMEOUT_S": "0.3",
        "ALSOHERE_LOCK_GRACE_S": "0.2",
    }
    with ServerProcess(SERVER, "--port", "{port}", env=env, ready="/login") as server:
        yield server


class Editor:
    """Somebody at the document: a connection, and requests beside it."""

    def __init__(self, server: ServerProcess, name: str) -> None:
        self.cookie = sign_in(server.url, name=name)
        self.listener = Listener()
        self.fence, self.receipt = 0, ""
        self._url = server.url

    async def arrive(self, url: str) -> None:
        await self.listener.connect(url, self.cookie, "/here/socket.io/")

    async def ask(self, command: str, **more: Any) -> dict[str, Any]:
        answer = await self.listener.client.call(command, {"lock": LOCK, **more})
        self.keep(answer)
        return answer

    def keep(self, grant: dict[str, Any]) -> None:
        self.fence, self.receipt = grant.get("fence", self.fence), grant.get("receipt", self.receipt)

    async def granted(self) -> None:
        self.keep(await self.listener.until("lock:granted", bool))

    async def hold(self) -> None:
        """Get the lock, which somebody who has just gone may keep for a grace."""
        if (await self.ask("lock:acquire"))["status"] != "held":
            await self.granted()

    async def send(self, method: str, path: str = "", of: str = LOCK, **body: Any) -> tuple[int, dict[str, Any]]:
        return await asyncio.to_thread(request, method, f"{self._url}/{of}{path}", body, self.cookie)

    async def edit(self) -> str:
        status, answer = await self.send("POST", "/edit", receipt=self.receipt)
        assert status == 200, answer
        return answer["text"]

    async def save(self, text: str) -> tuple[int, dict[str, Any]]:
        return await self.send("PUT", receipt=self.receipt, text=text)


def request(method: str, url: str, body: dict[str, Any], cookie: str) -> tuple[int, dict[str, Any]]:
    headers = {"content-type": "application/json", "cookie": cookie}
    asked = urllib.request.Request(url, json.dumps(body).encode() if body else None, headers, method=method)
    try:
        with urllib.request.urlopen(asked, timeout=5) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


@asynccontextmanager
async def editors(server: ServerProcess, *urls: str) -> AsyncIterator[list[Editor]]:
    """One editor for each address through which they come."""
    people = [Editor(server, name) for name, _ in zip(("Ann", "Ben", "Cleo"), urls, strict=False)]
    for editor, url in zip(people, urls, strict=True):
        await editor.arrive(url)
    yield people
    for editor in people:
        await editor.listener.client.disconnect()


def test_the_holder_saves(server):
    asyncio.run(holder_saves(server))


async def holder_saves(server: ServerProcess) -> None:
    async with editors(server, server.url) as [ann]:
        await ann.hold()
        await ann.edit()
        for text in ("One.", "Two."):
            assert await ann.save(text) == (200, {"text": text})
        assert await ann.send("PUT", "/asked", fence=ann.fence, text="Three.") == (200, {"text": "Three."})
        assert await ann.edit() == "Three."
        assert await ann.send("GET") == (200, {"text": "Three."})
        assert (await ann.send("GET", of="documents/none"))[0] == 404


def test_who_slept_past_their_lease_is_refused(server):
    with Line(server.port) as line:
        asyncio.run(sleeper_saves(server, line))


async def sleeper_saves(server: ServerProcess, line: Line) -> None:
    """Ann's laptop sleeps; the lock goes to Ben, who only begins to edit; Ann's laptop wakes up in the middle of her save."""
    async with editors(server, line.url, server.url) as [ann, ben]:
        await ann.hold()
        await ann.edit()
        assert (await ann.save("Ann was here."))[0] == 200
        assert (await ben.ask("lock:acquire"))["status"] == "queued"
        line.fall_silent()
        await ben.granted()
        assert ben.fence > ann.fence
        assert await ben.edit() == "Ann was here."
        assert await ann.save("Ann, too late.") == (409, {"detail": STALE})
        assert await ann.send("PUT", "/asked", fence=ann.fence, text="Ann, too late.") == (409, {"detail": STALE})
        assert (await ann.send("POST", "/edit", receipt=ann.receipt))[0] == 409
        assert await ben.edit() == "Ann was here."
        assert await ben.save("Ben was here.") == (200, {"text": "Ben was here."})
        assert await ann.save("Ann, too late.") == (409, {"detail": STALE})


def test_who_was_taken_over_from_is_refused(server):
    asyncio.run(loser_saves(server))


async def loser_saves(server: ServerProcess) -> None:
    async with editors(server, server.url, server.url) as [ann, ben]:
        await ann.hold()
        assert (await ben.ask("lock:take", why="The customer is on the line."))["status"] == "held"
        lost = await ann.listener.until("lock:lost", bool)
        assert (lost["reason"], lost["why"]) == ("taken", "The customer is on the line.")
        await ben.edit()
        assert await ann.save("Ann, too late.") == (409, {"detail": STALE})
        assert await ben.save("Ben was here.") == (200, {"text": "Ben was here."})


def test_a_fence_cannot_be_made_up(server):
    asyncio.run(forgers_save(server))


async def forgers_save(server: ServerProcess) -> None:
    async with editors(server, server.url, server.url) as [ann, ben]:
        await ann.hold()
        await ann.edit()
        await ann.save("Ann was here.")
        head, claims, signature = ann.receipt.split(".")
        for receipt in ("", "x", f"{head}.{claims}.{signature[::-1]}", ann.receipt[:-2], ben.cookie):
            assert (await ann.send("PUT", receipt=receipt, text="Forged."))[0] == 403
        assert (await ben.send("PUT", receipt=ann.receipt, text="Stolen."))[0] == 403
        assert (await ben.send("PUT", "/asked", fence=ann.fence, text="Stolen."))[0] == 409
        for fence in (ann.fence + 1, 2**53):
            assert (await ann.send("PUT", "/asked", fence=fence, text="Forged."))[0] == 409
        assert (await ann.send("PUT", "/asked", fence=2**63, text="Forged."))[0] == 422
        nobody = await asyncio.to_thread(request, "PUT", f"{server.url}/{LOCK}", {"receipt": ann.receipt, "text": "Nobody."}, "")
        assert nobody[0] == 401
        assert await ann.edit() == "Ann was here."

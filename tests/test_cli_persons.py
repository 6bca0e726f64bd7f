"""`alsohere export` and `alsohere erase`: on the database itself, whether or not a server uses it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Connection, select

from alsohere import AlsoHere
from alsohere.backends.sql import upkeep
from alsohere.backends.sql.history import SqlHistory, _write
from alsohere.backends.sql.locks import SqlLocks
from alsohere.backends.sql.schema import ERASURES
from alsohere.backends.sql.store import Store
from alsohere.cli import main
from alsohere.config import environment_names
from alsohere.domain.history import Batch, Erased, Visit
from alsohere.domain.lock import Audit, LockRecord, Outcome
from support.databases import DURABLE, new_database, rows
from support.raw import joined
from support.servers import SECRET, ServerProcess, wait_for

REMOVED = (
    "{} visits and 0 notifications are removed.\n{} lines of the locks' audit and 0 notifications no longer say who it was.\n"
    "0 events for your application are removed, or no longer say it.\n"
)
NOTHING = REMOVED.format(0, 0)
TOKENS = AlsoHere(secret=SECRET, database_url="memory://")


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    for name in [*environment_names(), "ALSOHERE_URL"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(params=DURABLE)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return new_database(request.param, tmp_path)


def call(*args: str, url: str, status: int = 0, answer: str | None = None) -> Result:
    result = CliRunner().invoke(main, args, env={"DATABASE_URL": url}, input=answer)
    assert result.exit_code == status, result.output
    return result


def exported(url: str, user: str) -> dict[str, Any]:
    return json.loads(call("export", user, url=url).stdout)


async def told(ask: Callable[..., None], *args: Any) -> Any:
    answers: asyncio.Queue[Any] = asyncio.Queue()
    ask(*args, answers.put_nowait)
    return await asyncio.wait_for(answers.get(), 20)


def fill(url: str, *visits: Visit, audit: Audit | None = None) -> None:
    async def work() -> None:
        store = Store(url)
        assert await told(SqlHistory(store).write, Batch("life", list(visits), [])) == []
        if audit is not None:
            await told(SqlLocks(store.writer).change, "/a", lambda _, mint: Outcome(LockRecord("/a", mint()), audit=audit))
        await store.close()

    asyncio.run(work())


def visit(user: str, at: int, room: str = "/posts/1") -> Visit:
    return Visit(room, user, at, at + 5000, 2.5, 40)


def test_what_is_kept_is_printed_as_json(url: str):
    fill(url, visit("änn/1", 1000), visit("bob", 1), audit=Audit("/a", 7, "take", "bob", "änn/1", 3, "lunch"))
    assert exported(url, "änn/1") == {
        "user": "änn/1",
        "visits": [
            {"room": "/posts/1", "user": "änn/1", "entered_at": 1000, "left_at": 6000, "active_s": 2.5, "furthest": 40},
        ],
        "lock_audit": [
            {
                "lock": "/a",
                "at_ms": 7,
                "action": "take",
                "by_user": "bob",
                "from_user": "änn/1",
                "fence": 3,
                "why": "lunch",
            }
        ],
    }
    assert exported(url, "nobody") == {"user": "nobody", "visits": [], "lock_audit": []}


def test_erasing_asks_says_how_much_it_was_and_can_be_done_again(url: str):  # R6
    fill(url, visit("ann", 1), visit("ann", 2), visit("bob", 1), audit=Audit("/a", 7, "take", "bob", "ann", 3, "lunch"))
    asked = call("erase", "ann", url=url, answer="n\n", status=1)
    assert (
        "2 visits, 0 notifications, 0 events and 1 lines of the locks' audit are about 'ann'. Erase that for good? [y/N]"
        in asked.stderr
    )
    assert len(exported(url, "ann")["visits"]) == 2
    done = call("erase", "ann", url=url, answer="y\n")
    assert done.stdout == REMOVED.format(2, 1)
    assert call("erase", "ann", "--yes", url=url).output == NOTHING
    assert exported(url, "ann") == {"user": "ann", "visits": [], "lock_audit": []}
    assert len(exported(url, "bob")["visits"]) == 1
    assert exported(url, "bob")["lock_audit"][0]["from_user"] == "~erased"


@pytest.mark.parametrize("command", [("export", "ann"), ("erase", "ann", "--yes")])
def test_a_database_without_anything_is_told_as_that(command: tuple[str, ...], url: str, tmp_path: Path):
    said = call(*command, url=url, status=1).stderr
    assert said == "Error: database_url: there is nothing in this database yet; give the one that the server uses\n"
    assert list(tmp_path.iterdir()) == []  # and it was not created
    said = call(*command, url="memory://", status=1).stderr
    assert said == "Error: database_url: memory:// is in the server alone; ask it for /api/v1/users/{id}/data\n"
    assert "cannot be used" in call(*command, url="postgresql://nobody@127.0.0.1:1/x", status=1).stderr


@pytest.mark.parametrize("user", ["", "a\nb", "x" * 129])
@pytest.mark.parametrize("command", ["export", "erase"])
def test_what_can_be_nobody_s_id_is_told(command: str, user: str):
    said = call(command, user, url="memory://", status=2).stderr
    assert "a user's id is 1 to 128 bytes of text without control characters" in said


def test_what_a_running_server_still_knows_does_not_come_back(url: str):  # R6
    env = {"DATABASE_URL": url, "ALSOHERE_DATABASE_URL": "", "ALSOHERE_HISTORY": "/posts/*"}
    with ServerProcess(env=env) as server:
        with joined(server.url, token=TOKENS.token("ann")) as ann, joined(server.url, token=TOKENS.token("bob")) as bob:
            for client in (ann, bob):
                client.call("room:enter", {"room": "/posts/1"})
                client.call("room:leave", {"room": "/posts/1"})
                client.call("room:enter", {"room": "/posts/2"})
            assert json.loads(server.get("/api/v1/reading/%2Fposts%2F1")[1])["visits"] == 2  # written by now
            assert call("erase", "ann", "--yes", url=url).output.startswith("1 visits and 0 notifications are removed.")
            for client in (ann, bob):
                client.call("room:leave", {"room": "/posts/2"})
            assert json.loads(server.get("/api/v1/reading/%2Fposts%2F2")[1])["visits"] == 1
            assert exported(url, "ann")["visits"] == []
            ann.call("room:enter", {"room": "/posts/3"})
            ann.call("room:leave", {"room": "/posts/3"})
            server.get("/api/v1/reading/x")
            assert [kept["room"] for kept in exported(url, "ann")["visits"]] == ["/posts/3"]
    assert [user for (user,) in rows(url, "SELECT user_id FROM visits ORDER BY user_id")] == ["ann", "bob", "bob"]


def test_who_is_erased_while_something_is_written_waits_for_that(url: str):  # R6
    """The writer has looked for erasures and found none; before it writes, somebody is erased."""
    fill(url, visit("bob", 0))
    erased: list[Erased] = []
    eraser = threading.Thread(target=lambda: erased.append(upkeep.erase(url, "ann", 5000)))

    def is_held_up() -> bool:
        assert not erased
        if url.startswith("sqlite"):
            return eraser.is_alive()
        return rows(url, "SELECT 1 FROM pg_locks WHERE NOT granted") != []

    def write(connection: Connection) -> None:
        assert connection.execute(select(ERASURES)).all() == []
        eraser.start()
        wait_for(is_held_up, timeout_s=1.5, what="somebody who waits")
        assert _write(Batch("life", [visit("ann", 4000)], []), connection) == []

    async def work() -> None:
        store = Store(url)
        await store.writer.ask(write)
        await asyncio.to_thread(eraser.join)
        await store.close()

    asyncio.run(work())
    assert erased == [Erased(1, 0)]
    assert rows(url, "SELECT user_id FROM visits") == [("bob",)]

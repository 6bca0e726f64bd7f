"""What happens to a real server when its database does: full disk, locked file, a PostgreSQL that stops, ends or falls silent.

What kill -9 does is in test_lock_kills.py. Each time the same four promises: what needs the database is answered `unavailable`, soon; presence goes on; what was
acknowledged is there afterwards; and it works again by itself.
"""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from support.databases import Postgres, new_database, postgres, rows
from support.raw import RawClient, joined
from support.servers import ServerProcess, wait_for

FULL_AT_BYTES = 4096
DOWN = "the database cannot be used; presence goes on"
BACK = "the database can be used again"


def serving(url: str, **env: str) -> ServerProcess:
    quick = {"ALSOHERE_LEAVE_GRACE_S": "0.1", "ALSOHERE_TICK_S": "0.02", "ALSOHERE_LOCKS_PER_CONNECTION": "100000"}
    return ServerProcess(env={"ALSOHERE_DATABASE_URL": url} | quick | env)


def acquire(client: RawClient, lock: str) -> dict[str, Any]:
    return client.call("lock:acquire", {"lock": lock})


def assert_unavailable(client: RawClient) -> None:
    answer = acquire(client, "/wanted")
    assert (answer["ok"], answer["error"]["code"], answer["error"]["retry_after_ms"]) == (False, "unavailable", 1000)


def assert_presence_goes_on(server: ServerProcess) -> None:
    with joined(server.url, "visitor-who-watches") as watcher, joined(server.url, "visitor-who-comes") as visitor:
        watcher.call("room:enter", {"room": "/r"})
        visitor.call("room:enter", {"room": "/r", "state": {"position": 7}})
        while not (entered := watcher.event("room:changed")[0]["enter"]):
            pass
        assert entered[0]["state"] == {"position": 7}
        assert server.get("/readyz")[0] == 200
        assert server.metric("alsohere_store_up") == 0


def assert_back(server: ServerProcess, client: RawClient) -> dict[str, Any]:
    """Wait until a lock is given again; returns the answer."""
    answer = wait_for(lambda: (got := acquire(client, "/wanted"))["ok"] and got, what="the store's return")
    assert server.metric("alsohere_store_up") == 1
    return answer


def kept_fences(url: str) -> dict[str, int]:
    """What is in the database, as somebody else sees it."""
    return dict(rows(url, "SELECT lock, fence FROM locks WHERE holder IS NOT NULL"))


@pytest.fixture
def client() -> Iterator[Any]:
    """Opens a client of a server; it is closed with the test."""
    opened: list[RawClient] = []

    def client(server: ServerProcess) -> RawClient:
        opened.append(joined(server.url, "visitor-who-locks"))
        return opened[-1]

    yield client
    for one in opened:
        one.socket.close()


# -- SQLite ------------------------------------------------------------------------------------------------------------


def test_a_full_disk(tmp_path: Path, client: Any):
    """The kernel refuses every write behind a limit, as a full disk, a quota or a container's volume does."""
    url = new_database("sqlite", tmp_path)
    with serving(url) as server:
        locker = client(server)
        acknowledged = {lock: acquire(locker, lock)["fence"] for lock in ("/a", "/b", "/c")}
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (FULL_AT_BYTES, resource.RLIM_INFINITY))
        for _ in range(5):
            assert_unavailable(locker)
        assert_presence_goes_on(server)
        assert_unavailable(locker)
        assert kept_fences(url) == acknowledged
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert assert_back(server, locker)["fence"] > max(acknowledged.values())
        _, output = server.stop(signal.SIGKILL)
    assert acknowledged.items() <= kept_fences(url).items()
    assert (output.count(DOWN), output.count(BACK)) == (1, 1)


def test_a_file_that_another_program_has_locked(tmp_path: Path, client: Any):
    url = new_database("sqlite", tmp_path)
    with serving(url) as server:
        locker = client(server)
        first = acquire(locker, "/a")
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as program:
            program.execute("BEGIN IMMEDIATE")
            assert_unavailable(locker)
            assert_presence_goes_on(server)
            assert_unavailable(locker)
            program.execute("ROLLBACK")
        assert assert_back(server, locker)["fence"] > first["fence"]
        assert locker.call("lock:touch", {"lock": "/a", "fence": first["fence"]})["ok"]
        assert kept_fences(url)["/a"] == first["fence"]


def test_a_file_that_is_read_by_another_program_is_written_all_the_same(tmp_path: Path, client: Any):
    url = new_database("sqlite", tmp_path)
    with serving(url) as server:
        locker = client(server)
        acquire(locker, "/a")
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as program:
            program.execute("BEGIN")
            assert program.execute("SELECT count(*) FROM locks").fetchall() == [(1,)]
            assert acquire(locker, "/b")["ok"]
            assert program.execute("SELECT count(*) FROM locks").fetchall() == [(1,)]
            program.execute("ROLLBACK")
            assert program.execute("SELECT count(*) FROM locks").fetchall() == [(2,)]


# -- PostgreSQL --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[Postgres]:
    """One that may be stopped."""
    server = Postgres()
    yield server
    server.remove()


def test_a_postgresql_that_stops_and_comes_back(own_postgres: Postgres, client: Any):
    url = own_postgres.new_database()
    with serving(url) as server:
        locker = client(server)
        first = acquire(locker, "/a")
        own_postgres.stop()
        assert_unavailable(locker)
        assert_presence_goes_on(server)
        assert_unavailable(locker)
        own_postgres.start()
        assert assert_back(server, locker)["fence"] > first["fence"]
        assert locker.call("lock:touch", {"lock": "/a", "fence": first["fence"]})["ok"]
        _, output = server.stop()
    assert kept_fences(url)["/a"] == first["fence"]
    assert (output.count(DOWN), output.count(BACK)) == (1, 1)


def test_a_server_that_starts_before_its_postgresql(own_postgres: Postgres, client: Any):
    url = own_postgres.new_database()
    own_postgres.stop()
    with serving(url) as server:
        locker = client(server)
        assert_unavailable(locker)
        assert_presence_goes_on(server)
        own_postgres.start()
        assert assert_back(server, locker)["status"] == "held"
        _, output = server.stop()
    assert (output.count(DOWN), output.count(BACK)) == (1, 1)


def backends(url: str) -> list[int]:
    """The processes that serve our server's writing connection."""
    query = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name ~ '^alsohere [0-9a-f]{8}$'"
    return [pid for (pid,) in rows(url, query)]


def test_a_connection_that_postgresql_ends(tmp_path: Path, client: Any):
    url = postgres().new_database()
    with serving(url) as server:
        locker = client(server)
        first = acquire(locker, "/a")
        for pid in backends(url):
            rows(url, f"SELECT pg_terminate_backend({pid})")
        wait_for(lambda: not backends(url), what="the connection's end")
        assert assert_back(server, locker)["fence"] > first["fence"]
        assert kept_fences(url)["/a"] == first["fence"]


def test_a_postgresql_that_falls_silent(client: Any):
    """Its process stands still: nothing is refused and nothing answered, as behind a broken switch."""
    url = postgres().new_database()
    with serving(url) as server:
        locker = client(server)
        first = acquire(locker, "/a")
        (pid,) = backends(url)
        os.kill(pid, signal.SIGSTOP)
        try:
            assert_unavailable(locker)
            assert_unavailable(locker)
            with joined(server.url, "visitor-who-comes") as visitor:
                assert visitor.call("room:enter", {"room": "/r"})["ok"]
        finally:
            os.kill(pid, signal.SIGCONT)
        assert assert_back(server, locker)["fence"] > first["fence"]
        assert kept_fences(url)["/a"] == first["fence"]


def test_a_table_that_an_administrator_has_locked(client: Any):
    url = postgres().new_database()
    with serving(url) as server:
        locker = client(server)
        acquire(locker, "/a")
        with psycopg.connect(url) as administrator:
            administrator.execute("LOCK TABLE alsohere.locks, alsohere.counters")
            assert_unavailable(locker)
            assert_presence_goes_on(server)
        assert_back(server, locker)

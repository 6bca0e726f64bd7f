"""When a server touches its database: alone at once, mounted at first use; and what it leaves behind."""

from __future__ import annotations

import signal
from pathlib import Path

from server.conftest import ENVIRONMENT, command
from support.raw import joined
from support.servers import ServerProcess, wait_for

LOCK = {"lock": "/a"}


def serving(folder: Path, *args: str, path: str = "/") -> ServerProcess:
    return ServerProcess(
        *args, env=ENVIRONMENT | {"DATABASE_URL": f"sqlite:///{folder}/here.db", "ALSOHERE_DATABASE_URL": ""}, ready=path
    )


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_alone_it_is_opened_before_the_first_client_and_closed_after_the_last(tmp_path: Path):
    with serving(tmp_path) as server:
        assert "here.db" in files(tmp_path)
        wait_for(lambda: server.metric("alsohere_store_up") == 1, what="the open database")
        with joined(server.url) as client:
            commits = server.metric("alsohere_store_commits_total")
            assert client.call("lock:acquire", LOCK)["ok"]
            assert server.metric("alsohere_store_commits_total") > commits
        status, output = server.stop()
    assert (status, [line for line in output.splitlines() if "error" in line.lower()]) == (0, [])
    assert files(tmp_path) == {"here.db", "here.db.lock"}  # no write-ahead log: it has been given back in order


def test_mounted_it_is_opened_when_somebody_needs_it(tmp_path: Path):
    with serving(tmp_path, *command("uvicorn", "with_lifespan")) as server:
        with joined(server.url, path="/here/socket.io/") as client:
            assert client.call("room:enter", {"room": "/a"})["ok"]
            assert files(tmp_path) == set()
            assert "alsohere_store_up" not in server.get("/here/metrics")[1]
            assert client.call("lock:acquire", LOCK)["ok"]
            assert "alsohere_store_up 1.0" in server.get("/here/metrics")[1]
        assert server.stop()[0] in {0, -signal.SIGTERM}
    assert files(tmp_path) == {"here.db", "here.db.lock"}


def test_mounted_in_an_application_with_a_database_of_another_kind_presence_works(tmp_path: Path):
    env = ENVIRONMENT | {"DATABASE_URL": "mysql://user@nowhere/app", "ALSOHERE_DATABASE_URL": ""}
    with ServerProcess(*command("uvicorn", "with_lifespan"), env=env, ready="/") as server:
        with joined(server.url, path="/here/socket.io/") as client:
            assert client.call("room:enter", {"room": "/a"})["ok"]
            assert client.call("lock:acquire", LOCK)["error"]["code"] == "unavailable"
        output = server.stop()[1]
    assert output.count("database_url: mysql:// is not spoken") == 1


def test_a_second_server_on_the_same_database_waits_for_the_first(tmp_path: Path):
    with serving(tmp_path) as first, serving(tmp_path) as second:
        with joined(first.url) as holder, joined(second.url) as other:
            assert holder.call("lock:acquire", LOCK)["ok"]
            refused = other.call("lock:acquire", LOCK)["error"]
            assert (refused["code"], "belongs to one" in refused["message"]) == ("unavailable", True)
            assert other.call("room:enter", {"room": "/a"})["ok"]
            first.stop(signal.SIGKILL)
            wait_for(lambda: other.call("lock:acquire", {"lock": "/b"})["ok"], what="the claim")

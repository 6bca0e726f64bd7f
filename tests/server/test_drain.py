"""The end of a server: clients are let go in waves and come back to the next one; the process ends well, and soon."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from alsohere.server.request import RETRY_AFTER_S
from server.conftest import ENVIRONMENT
from support.polls import PollSession, ask
from support.raw import RawClient, joined
from support.servers import ServerProcess, free_port, wait_for

DRAIN_S = 4.0
WAVE_S = DRAIN_S / 10


@pytest.fixture
def server() -> Iterator[ServerProcess]:
    with ServerProcess(env=ENVIRONMENT | {"ALSOHERE_DRAIN_S": str(DRAIN_S)}) as server:
        yield server


def crowd(server: ServerProcess, count: int) -> None:
    """Sessions that only have to be let go: fifty make a wave."""
    for _ in range(count):
        PollSession(server.url)


def closed_at(client: RawClient) -> tuple[float, int, str]:
    code, packets = client.closed()
    return time.monotonic(), code, packets


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_server_that_ends_lets_its_clients_go_in_waves(server: ServerProcess, sig: signal.Signals):
    clients = [joined(server.url) for _ in range(3)]
    crowd(server, 110)
    began = time.monotonic()
    server.process.send_signal(sig)
    wait_for(lambda: ask(server.url, "/readyz").status == 503, what="not being ready")
    # Still listening, so that a load balancer is told instead of failing; but nobody new is taken in.
    assert ask(server.url, "/livez").status == 200
    refused = ask(server.url, "/socket.io/?EIO=4&transport=polling")
    # No body: python-engineio closes the connection before it reads one, and then never comes back.
    assert (refused.status, refused.text) == (503, "")
    assert RETRY_AFTER_S[0] <= int(refused.headers["retry-after"]) <= RETRY_AFTER_S[1]
    ends = [closed_at(client) for client in clients]
    assert [end[1:] for end in ends] == [(1012, "")] * 3  # no 41: they shall come back
    assert ends[-1][0] - ends[0][0] > WAVE_S
    status, output = server.stop()
    assert (status, output.count("Traceback")) == (0, 0)
    assert time.monotonic() - began < DRAIN_S


def test_a_server_without_clients_ends_at_once(server: ServerProcess):
    began = time.monotonic()
    assert server.stop()[0] == 0
    assert time.monotonic() - began < DRAIN_S


def test_a_polling_client_is_let_go_too(server: ServerProcess):
    session = PollSession(server.url).join()
    crowd(server, 60)  # for a second wave, so that there is still somebody to ask
    poll = session.waiting_get()
    server.process.terminate()
    assert poll.answer()[:2] == (200, "6")
    assert session.get().status == 400
    assert server.stop()[0] == 0


def test_an_impatient_operator_ends_a_drain_with_a_second_signal():
    with ServerProcess(env=ENVIRONMENT | {"ALSOHERE_DRAIN_S": "300"}) as server:
        crowd(server, 60)
        server.process.send_signal(signal.SIGINT)
        wait_for(lambda: ask(server.url, "/readyz").status == 503, what="not being ready")
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(timeout=10) == 0


# -- Beginnings that fail ----------------------------------------------------------------------------------------------


def test_a_port_that_is_taken_is_said_in_one_sentence(dev: ServerProcess):
    for command in ("serve", "demo"):
        options = ("--no-open",) if command == "demo" else ("--dev",)
        done = run("-m", "alsohere", command, "--port", str(dev.port), *options)
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1] == (
            f"Error: port: cannot listen on 127.0.0.1:{dev.port} (Address already in use); "
            "end the program that has it, or choose another with --port"
        )
        assert "Traceback" not in done.stderr
        assert "http://" not in done.stdout + done.stderr  # nobody is sent to the program that has it


def test_port_0_takes_a_free_one_and_says_which():
    server = subprocess.Popen(
        [sys.executable, "-m", "alsohere", "demo", "--no-open", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        said = next(line for line in server.stdout if "Open two tabs" in line)
        assert ask(said.split()[-1].rstrip("/"), "/livez").status == 200
    finally:
        server.terminate()
        server.communicate(timeout=10)


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-name.invalid"])
def test_an_address_of_another_machine_is_said_in_one_sentence(host: str):
    done = run("-m", "alsohere", "serve", "--dev", "--host", host, "--port", str(free_port()))
    assert done.returncode == 1
    assert f"Error: host: cannot listen on {host}" in done.stderr
    assert done.stderr.endswith("; name an address of this machine with --host; 0.0.0.0 is all of them\n")
    assert "Traceback" not in done.stderr


def test_a_database_that_can_never_be_used_is_said_in_one_sentence(tmp_path: Path):
    (tmp_path / "notes.txt").write_text("These are notes.\n" * 100)
    for name, said in (("notes.txt", "no SQLite database"), ("missing/alsohere.db", "there is no directory")):
        done = run(
            "-m", "alsohere", "serve", "--dev", "--port", "0", env={"ALSOHERE_DATABASE_URL": f"sqlite:///{tmp_path / name}"}
        )
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr  # and not that presence goes on
        assert said in done.stderr


def run(*args: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *args], env=os.environ | (env or {}), capture_output=True, text=True, timeout=20, check=False
    )

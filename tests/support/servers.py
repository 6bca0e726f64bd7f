"""A real server process for tests: started, waited for, ended by its id."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterable

SECRET = "a-secret-for-tests-that-is-long-enough-0123456789"
API_KEY = "an-api-key-for-tests"


# Below those that the kernel gives to clients: one of theirs could have the port before the server that it is meant for has started.
PORTS = range(12_000, 32_000)


def free_port() -> int:
    """A port that nobody has."""
    while True:
        port = secrets.choice(PORTS)  # not of `random`, which Hypothesis seeds in every process alike
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def wait_for(condition, timeout_s: float = 10.0, what: str = "condition"):
    """Poll until `condition()` gives something true, and return that; fail after `timeout_s`."""
    end = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"{what} did not come true in {timeout_s} s"
        time.sleep(0.01)


def uvicorn(app: str, *options: str) -> tuple[str, ...]:
    """The command of a `ServerProcess` that serves `module:app` with uvicorn and its own WebSockets."""
    return ("-m", "uvicorn", app, "--port", "{port}", "--log-level", "warning", *options)


def hypercorn(app: str, *options: str) -> tuple[str, ...]:
    """The same with hypercorn."""
    return ("-m", "hypercorn", app, "--bind", "127.0.0.1:{port}", "--graceful-timeout", "1", "--log-level", "warning", *options)


class ServerProcess:
    """`alsohere serve` (or another command) as a child process.

    Args:
        args: the command after the interpreter, by default `-m alsohere serve --dev`; `{port}` is filled in.
        env: variables over a clean environment with the tests' secret and API key, and a database that ends with the process.
    """

    def __init__(self, *args: str, env: dict[str, str] | None = None, port: int | None = None, ready: str = "/readyz") -> None:
        self.port = port or free_port()
        command = args or ("-m", "alsohere", "serve", "--dev", "--port", "{port}")
        clean = {name: value for name, value in os.environ.items() if not name.startswith("ALSOHERE_") and name != "DATABASE_URL"}
        clean |= {"ALSOHERE_SECRET": SECRET, "ALSOHERE_API_KEY": API_KEY, "PYTHONUNBUFFERED": "1"}
        self._folder = tempfile.TemporaryDirectory(prefix="alsohere-server-")
        clean |= {"ALSOHERE_DATABASE_URL": f"sqlite:///{self._folder.name}/alsohere.db"} | (env or {})
        self.process = subprocess.Popen(
            [sys.executable, *(arg.format(port=self.port) for arg in command)],
            env=clean,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._ready = ready

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return self.process.pid

    def __enter__(self) -> ServerProcess:
        wait_for(self._answers, 15, "the server's readiness")
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _answers(self) -> bool:
        assert self.process.poll() is None, f"the server ended: {self.process.stdout.read()}"
        try:
            with urllib.request.urlopen(self.url + self._ready, timeout=2):
                return True
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False

    def get(self, path: str) -> tuple[int, str]:
        """Status and body of a GET with the API key."""
        request = urllib.request.Request(self.url + path, headers={"Authorization": f"Bearer {API_KEY}"})
        try:
            with urllib.request.urlopen(request, timeout=5) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def metric(self, name: str) -> float:
        """The value of one line of /metrics, 0 if it is not there (yet)."""
        for line in self.get("/metrics")[1].splitlines():
            if line.startswith(name + " "):
                return float(line.rsplit(" ", 1)[1])
        return 0.0

    def stop(self, sig: int = signal.SIGTERM, timeout_s: float = 15.0) -> tuple[int, str]:
        """End the process; returns its exit status and what it printed."""
        if self.process.poll() is None:
            self.process.send_signal(sig)
        try:
            output, _ = self.process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            output, _ = self.process.communicate()
        self._folder.cleanup()
        return self.process.returncode, output


def stop_all(servers: Iterable[ServerProcess]) -> None:
    """End several processes together."""
    asked = list(servers)
    for server in asked:
        server.process.terminate()
    for server in asked:
        server.stop()

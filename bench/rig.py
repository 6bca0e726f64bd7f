"""One server on core 0 and one load generator on core 1, from start to end of both.

A rig is a context manager; whatever happens inside, both processes are gone after it. Everything is bounded: each command
carries its own time limit, and the rig waits a little longer than that and then gives up.
"""

import json
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from peers import BUILD, Peer

SERVER_CORE, LOAD_CORE = 0, 1
START_LIMIT_S = 20
PATIENCE_S = 15  # beyond a command's own limit

Answer = dict[str, Any]


class Stuck(Exception):
    """The server did not start, or the load generator did not answer in time."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_pinned(argv: list[str], core: int, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(argv, text=True, preexec_fn=lambda: os.sched_setaffinity(0, {core}), **options)  # noqa: PLW1509


def memory_kb(pid: int) -> int:
    """The process's own memory. Not its Pss: that changes with every other program that shares a library with it."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Anonymous:"):
            return int(line.split()[1])
    raise Stuck(f"the memory of process {pid} cannot be read")


class Rig:
    """A server and its load.

    Args:
        peer: the server.
        settings: environment variables for it, beyond those that all servers get.
    """

    def __init__(self, peer: Peer, settings: Mapping[str, str] | None = None) -> None:
        self.peer = peer
        self.settings = settings or {}
        self.port = free_port()

    def __enter__(self) -> Self:
        BUILD.mkdir(exist_ok=True)
        self.log = (BUILD / f"{self.peer.name.replace(' ', '_')}.log").open("a")
        argv = [str(self.port) if part == "PORT" else part for part in self.peer.argv]
        environment = os.environ | {"NODE_ENV": "production", "ALSOHERE_DATABASE_URL": "memory://"} | self.settings
        self.server = start_pinned(argv, SERVER_CORE, stdout=self.log, stderr=subprocess.STDOUT, env=environment)
        self.load = None
        try:
            self._wait_until_listening()
            load = [str(BUILD / "load"), "127.0.0.1", str(self.port), str(self.server.pid), *(["raw"] if self.peer.raw else [])]
            self.load = start_pinned(load, LOAD_CORE, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        except BaseException:
            self.__exit__()
            raise
        self.empty_kb = memory_kb(self.server.pid)
        return self

    def __exit__(self, *_error: object) -> None:
        for process in (self.server, self.load):
            if process is not None and process.poll() is None:
                process.send_signal(signal.SIGKILL)
                process.wait()
        self.log.close()

    def _wait_until_listening(self) -> None:
        end = time.monotonic() + START_LIMIT_S
        while time.monotonic() < end and self.server.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise Stuck(f"{self.peer.name} did not start: see {self.log.name}")

    def _ask(self, limit_s: float, *words: object) -> Answer:
        self._say(*words)
        return self._hear(limit_s, words[0])

    def _say(self, *words: object) -> None:
        assert self.load
        assert self.load.stdin
        self.load.stdin.write("\t".join(map(str, words)) + "\n")
        self.load.stdin.flush()

    def _hear(self, limit_s: float, command: object) -> Answer:
        assert self.load
        assert self.load.stdout
        readable, _, _ = select.select([self.load.stdout], [], [], limit_s + PATIENCE_S)
        line = self.load.stdout.readline() if readable else ""
        if not line:
            raise Stuck(f"no answer to {command} against {self.peer.name}")
        answer = json.loads(line)
        if answer["closed"] or answer["blocked"]:
            print(f"  ! {self.peer.name}, {command}: {answer['closed']} closed, {answer['blocked']} blocked", flush=True)
        return answer

    def connect(self, count: int, join: str, window: int = 1000, group: int = 1, limit_s: float = 40) -> Answer:
        return self._ask(limit_s, "connect", count, window, group, limit_s, join)

    def tell(self, count: int, text: str, limit_s: float = 20) -> Answer:
        return self._ask(limit_s, "tell", count, limit_s, text)

    def events(self, count: int, counted: str, trigger: str, turns: int = 1, limit_s: float = 20) -> Answer:
        return self._ask(limit_s, "events", count, turns, limit_s, counted, trigger)

    def idle(self, seconds: float) -> Answer:
        return self._ask(seconds, "idle", seconds)

    def storm(
        self, watchers: int, warm_s: float, seconds: float, per_s: int, stay_s: float, sampled: int, enter: str, leave: str
    ) -> Answer:
        self.begin_storm(watchers, warm_s, seconds, per_s, stay_s, sampled, enter, leave)
        return self.end_storm(warm_s + seconds)

    def begin_storm(self, *words: object) -> None:
        """`storm`, whose answer `end_storm` waits for."""
        self._say("storm", *words)

    def end_storm(self, seconds: float) -> Answer:
        return self._hear(seconds + 1, "storm")

    def positions(self, group: int, seconds: float, sampled: int, mark: str, update: str) -> Answer:
        return self._ask(seconds + 4, "positions", group, seconds, sampled, mark, update)

    def pairs(self, clients: int, seconds: float, first: str, second: str) -> Answer:
        return self._ask(seconds + 2, "pairs", clients, seconds, first, second)

    def chain(self, seconds: float, counted: str, granted: str, release: str, acquire: str) -> Answer:
        return self._ask(seconds, "chain", seconds, counted, granted, release, acquire)

    def receive(self, count: int, event: str, send: Callable[[], None], limit_s: float = 20) -> Answer:
        """What `send` sends comes to connections, in so many frames."""
        self._say("receive", count, limit_s, event)
        send()  # what comes before the load generator looks waits in its sockets
        return self._hear(limit_s, "receive")

    def logins(self, count: int, each: int, event: str, limit_s: float = 20) -> Answer:
        return self._ask(limit_s, "logins", count, each, limit_s, event)

    def server_cpu_s(self) -> float:
        """CPU seconds that the server has used so far."""
        return time.clock_gettime(~self.server.pid << 3 | 2)  # what clock_getcpuclockid(3) makes of a process id

    def memory_kb_per_connection(self, connections: int) -> float:
        return (memory_kb(self.server.pid) - self.empty_kb) / connections

"""Real Socket.IO clients behind one small face, so that a test says once what all of them have to see.

A client reports what happens to it, in order; a test waits for the next report of a kind. Nothing is interpreted here.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import socketio

from support.servers import wait_for

NODE = Path(__file__).parent / "node"
TRANSPORTS = {"polling": ["polling"], "upgrade": ["polling", "websocket"], "websocket": ["websocket"]}
RECONNECT_S = 0.05
"""Between attempts; exact, so that of two clients that lose their transport together neither is much later."""

Report = dict[str, Any]


class Driver(Protocol):
    """A library of some language."""

    def open(self, client: Client, url: str, path: str, transports: list[str], auth: dict[str, Any]) -> None: ...

    def emit(self, client: Client, args: list[Any], ack: int | None) -> None: ...

    def close(self, client: Client) -> None: ...


class Client:
    """One Socket.IO connection and what it has reported so far."""

    def __init__(self, driver: Driver, name: str, namespace: str) -> None:
        self.name = name
        self.namespace = namespace
        self._driver = driver
        self._reports: list[Report] = []
        self._acks = itertools.count(1)

    def report(self, report: Report) -> None:
        self._reports.append(report)

    def seen(self, what: str) -> list[Report]:
        """The reports of a kind that nobody has taken yet."""
        return [report for report in self._reports if report["what"] == what]

    def take(self, what: str, timeout_s: float = 5.0, where: Callable[[Report], bool] = lambda _: True) -> Report:
        """The next report of a kind."""

        def found() -> Report | None:
            return next((report for report in list(self._reports) if report["what"] == what and where(report)), None)

        try:
            report = wait_for(found, timeout_s, f"{what!r} of {self.name}")
        except AssertionError as error:
            raise AssertionError(f"{error}; it reported {self._reports}") from None
        self._reports.remove(report)
        return report

    def event(self, name: str, timeout_s: float = 5.0, where: Callable[[Any], bool] = lambda _: True) -> list[Any]:
        """The arguments of the next event of that name whose first argument is as wanted."""
        found = self.take("event", timeout_s, lambda report: report["args"][0] == name and where(report["args"][1]))
        return found["args"][1:]

    def emit(self, *args: Any) -> None:
        self._driver.emit(self, list(args), None)

    def call(self, *args: Any) -> list[Any]:
        """Emit and return the arguments of the acknowledgement."""
        ack = next(self._acks)
        self._driver.emit(self, list(args), ack)
        return self.take("ack", where=lambda report: report["ack"] == ack)["args"]

    def close(self) -> None:
        self._driver.close(self)


class NodeDriver:
    """socket.io-client in a Node process.

    Args:
        package: "sio17" to "sio48", see node/package.json.
    """

    def __init__(self, package: str) -> None:
        self.package = package
        self._clients: dict[str, Client] = {}
        self._asks = itertools.count(1)
        self.process = subprocess.Popen(
            ["node", "driver.cjs", package], cwd=NODE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            report = json.loads(line, object_hook=_with_bytes)
            self._clients[report.pop("socket")].report(report)

    def _order(self, **order: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order, default=lambda data: {"$bytes": data.hex()}) + "\n")
        self.process.stdin.flush()

    def open(self, client: Client, url: str, path: str, transports: list[str], auth: dict[str, Any]) -> None:
        reconnect = {
            "reconnectionDelay": RECONNECT_S * 1000,
            "reconnectionDelayMax": RECONNECT_S * 1000,
            "randomizationFactor": 0,
        }
        self.open_as(client, url, {"path": path, "transports": transports, "auth": auth, **reconnect})

    def open_as(self, client: Client, url: str, options: dict[str, Any]) -> None:
        """`io(url + namespace, options)`, with just these options."""
        self._clients[client.name] = client
        self._order(do="open", socket=client.name, url=url + client.namespace, options=options)

    def fetch(self, client: Client, url: str, options: dict[str, Any]) -> tuple[int, str]:
        """`fetch(url, options)`: status and body."""
        ask = next(self._asks)
        self._order(do="fetch", socket=client.name, url=url, options=options, ask=ask)
        answer = client.take("answer", where=lambda report: report["ask"] == ask)
        return answer["status"], answer["body"]

    def drop(self, client: Client) -> None:
        """Lose the WebSocket without a word, as when a tab is closed."""
        self._order(do="drop", socket=client.name)

    def emit(self, client: Client, args: list[Any], ack: int | None) -> None:
        order = {"do": "emit", "socket": client.name, "args": args}
        self._order(**order if ack is None else {**order, "ack": ack})

    def close(self, client: Client) -> None:
        self._order(do="close", socket=client.name)

    def stop(self) -> None:
        self.process.communicate(timeout=5)  # closes its stdin, which ends it
        assert self.process.returncode == 0


def _with_bytes(value: dict[str, Any]) -> Any:
    return bytes.fromhex(value["$bytes"]) if "$bytes" in value else value


class PythonDriver:
    """python-socketio's client in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._sockets: dict[str, socketio.AsyncClient] = {}
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def _run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    def open(self, client: Client, url: str, path: str, transports: list[str], auth: dict[str, Any]) -> None:
        self._run(self._open(client, url, path, transports, auth))

    async def _open(self, client: Client, url: str, path: str, transports: list[str], auth: dict[str, Any]) -> None:
        sio = self._sockets[client.name] = socketio.AsyncClient(
            reconnection_delay=RECONNECT_S, reconnection_delay_max=RECONNECT_S, randomization_factor=0
        )

        async def connected() -> None:
            client.report({"what": "connect"})
            if sio.transport() == "websocket" and "polling" in transports:
                client.report({"what": "upgrade"})

        async def event(name: str, *args: Any) -> tuple[Any, ...]:
            client.report({"what": "event", "args": [name, *args]})
            return args

        handlers = {
            "connect": connected,
            "disconnect": lambda reason: client.report({"what": "disconnect", "reason": reason}),
            "connect_error": lambda error: client.report({"what": "connect_error", **_error(error)}),
            "*": event,
        }
        for name, handler in handlers.items():
            sio.on(name, handler, namespace=client.namespace)
        try:
            await sio.connect(url, transports=transports, auth=auth, socketio_path=path, namespaces=[client.namespace])
        except socketio.exceptions.ConnectionError:
            assert client.seen("connect_error")

    def emit(self, client: Client, args: list[Any], ack: int | None) -> None:
        def answered(*answer: Any) -> None:
            client.report({"what": "ack", "ack": ack, "args": list(answer)})

        name, *rest = args
        callback = None if ack is None else answered
        self._run(self._sockets[client.name].emit(name, tuple(rest), namespace=client.namespace, callback=callback))

    def close(self, client: Client) -> None:
        self._run(self._sockets[client.name].shutdown())

    def stop(self) -> None:
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    async def _end(self) -> None:
        for sio in self._sockets.values():
            await sio.shutdown()
        left = asyncio.all_tasks() - {asyncio.current_task()}  # of clients that the server has sent away
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


def _error(error: Any) -> Report:
    return {"message": error.get("message"), "data": error.get("data")} if isinstance(error, dict) else {"message": str(error)}

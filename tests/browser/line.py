"""A network that can fail silently: a TCP relay that stops passing anything on, without telling either side."""

from __future__ import annotations

import contextlib
import socket
from threading import Event, Thread


class Line:
    """Relays what is sent to `url` to a server on this machine.

    Args:
        port: the server's.
    """

    def __init__(self, port: int) -> None:
        self._target = ("127.0.0.1", port)
        self._flows = Event()
        self._flows.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._ends: list[socket.socket] = []
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        self._flows.set()
        _close(self._listener)
        self.hang_up()

    def fall_silent(self) -> None:
        """From now on no byte and no end of a connection reaches the other side."""
        self._flows.clear()

    def resume(self) -> None:
        """What was held back arrives, and everything after it."""
        self._flows.set()

    def hang_up(self) -> None:
        """End every connection; new ones are welcome."""
        while self._ends:
            _close(self._ends.pop())

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
                self._ends += [client, server]
                Thread(target=self._relay, args=(client, server), daemon=True).start()
                Thread(target=self._relay, args=(server, client), daemon=True).start()

    def _relay(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._flows.wait()
                sink.sendall(data)
            self._flows.wait()
            sink.shutdown(socket.SHUT_WR)


def _close(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)  # wakes up the thread that reads it
    end.close()

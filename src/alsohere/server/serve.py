"""Running by itself: uvicorn with our bounds, and an end that clients do not notice.

Shutdown, in this order: not ready (503) while still listening, so that a load balancer turns away; every transport closed, in
waves over `drain_s`, so that clients reconnect to the next process spread out; then the listener; exit status 0.
"""

from __future__ import annotations

import asyncio
import errno
import gc
import socket
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvicorn

from alsohere.config import Config
from alsohere.errors import ConfigError
from alsohere.node.node import Node
from alsohere.server.asgi import App
from alsohere.server.engine import Engine
from alsohere.server.protocol import factory

BACKLOG = 4096
FORCE_S = 0.1  # until a second signal is seen

_FIXES = {
    errno.EADDRINUSE: ("port", "end the program that has it, or choose another with --port"),
    errno.EACCES: ("port", "those below 1024 are for root; choose another with --port"),
}
_OTHER_HOST = ("host", "name an address of this machine with --host; 0.0.0.0 is all of them")


class Server(uvicorn.Server):
    """uvicorn's server with a drain before its shutdown, and without its habit of dying of the signal afterwards."""

    def __init__(self, config: uvicorn.Config, node: Node, drain_s: float) -> None:
        super().__init__(config)
        self._node = node
        self._drain_s = drain_s

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's signature
        if self.should_exit:
            self.force_exit = True
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        drain = asyncio.ensure_future(self._node.drain(self._drain_s))
        while not drain.done() and not self.force_exit:
            await asyncio.wait({drain}, timeout=FORCE_S)
        drain.cancel()
        await super().shutdown(sockets)


def serve(
    app: App,
    node: Node,
    find_engine: Callable[[str, bytes], Engine | None],
    no_such: Callable[[str, bytes], bytes | None],
    config: Config,
    host: str,
    port: int,
    *,
    prepare: Callable[[], None],
    ready: Callable[[str], None] | None = None,
) -> None:
    """Serve until a signal.

    Args:
        app, node, find_engine, no_such, config: what is served.
        host, port: where.
        prepare: called once the port is ours, before anybody is served.
        ready: called after that, with the address; where the port was 0, with the one that was free.

    Raises:
        ConfigError: the port is taken, the address is not this machine's, or what `prepare` raises.
    """
    listener = listen(host, port)
    prepare()
    if ready is not None:
        ready(address(host, listener.getsockname()[1]))
    options: dict[str, Any] = {
        "http": factory(find_engine, no_such, config.connections + 1000, config.outbox_age_s),
        "loop": "uvloop" if _has_uvloop() else "asyncio",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,
        "backlog": BACKLOG,
        "timeout_keep_alive": 30,
        "timeout_graceful_shutdown": 3,
        "ws_max_size": config.max_payload_bytes,
        "ws_ping_interval": None,
        "ws_per_message_deflate": False,
    }
    _calm_collector()
    Server(uvicorn.Config(app, **options), node, config.drain_s).run(sockets=[listener])


def _calm_collector() -> None:
    """Have the garbage collector look less often at what lives long.

    A connection is thirty objects that live for hours. At its default the collector walks over all of the young ones every 700
    allocations, which is every twentieth connect, and over them again with those of ten such walks. What it is looking for is
    somebody else's: a session leaves it next to nothing. More at a time would no longer be in the processor's cache.
    Of ten thousand connects all are walked over once, and no more. But what an application leaves in cycles that outlive a walk
    waits for the next of the middle ones: at half a million objects that is tens of megabytes, at five million hundreds.
    Only done here, where the process is ours.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(2_500, 200, 1)


def address(host: str, port: int) -> str:
    """The URL of a server that listens there."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; ConfigError with the fix if there can be none."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        name, fix = _FIXES.get(error.errno or 0, _OTHER_HOST)
        raise ConfigError(f"{name}: cannot listen on {host}:{port} ({error.strerror}); {fix}") from None
    listener.setblocking(False)
    return listener


def _has_uvloop() -> bool:
    try:
        import uvloop  # noqa: F401
    except ImportError:
        return False
    return True

"""A WebSocket takes a polling session over: session/upgrade.py decides, this does it."""

from __future__ import annotations

import asyncio

from alsohere.errors import CloseCode, PacketError
from alsohere.node.peer import Peer
from alsohere.ports import Sink
from alsohere.session.upgrade import Upgrade, UpgradeState
from alsohere.wire.engineio import NOOP_PACKET, PROBE_PONG_PACKET


class Takeover:
    """The probe of one WebSocket.

    Args:
        peer: the session that is on polling still.
        timeout_s: how long the new transport may take.
    """

    __slots__ = ("_deadline", "_peer", "_timeout_s", "_upgrade", "is_refused")

    def __init__(self, peer: Peer, timeout_s: float) -> None:
        self._peer = peer
        self._timeout_s = timeout_s
        self._upgrade = Upgrade()
        self._deadline: asyncio.TimerHandle | None = None
        # The first transport to ask is the one that may; a session on a WebSocket stays there. A second one is let in and closed
        # at once, as the reference server does: to a browser a refused handshake looks like a server that is down.
        self.is_refused = peer.transport != "polling" or peer.upgrade is not None
        if not self.is_refused:
            peer.upgrade = self._upgrade
            peer.found()  # not every client polls on beside its probe

    def begin(self, sink: Sink) -> None:
        """The new transport is there. Polling goes on, whatever this one does, and does not wait for it for ever."""
        if self.is_refused:
            sink.close(CloseCode.BAD_PACKET, "this session cannot be upgraded")
            return
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(self._timeout_s, self._give_up, sink)

    def receive(self, sink: Sink, data: bytes, *, binary: bool) -> bool:
        """Take a packet of the new transport; True once the session is on it.

        Raises:
            PacketError: not a step of an upgrade. Only the new transport must be closed.
        """
        peer = self._peer
        if peer.ended:
            raise PacketError("the session is over")
        try:
            state = self._upgrade.receive(data, binary=binary)
        except PacketError:
            self.abort()
            raise
        if state is UpgradeState.PROBED:
            sink.write(PROBE_PONG_PACKET)
            # Engine.IO protocol 4, "Upgrade": the waiting poll is ended with a noop, so that the client can let go of it.
            peer.release_poll(NOOP_PACKET)
            return False
        self._release()
        peer.transport = "websocket"
        peer.release_poll(NOOP_PACKET)
        peer.outbox.attach(sink, ready=True)
        return True

    def _give_up(self, sink: Sink) -> None:
        self.abort()  # first: who sees the close may try again at once
        sink.close(CloseCode.TOO_SLOW, "the upgrade took too long")

    def abort(self) -> None:
        """The new transport is gone before it took over: polling goes on. A second time this does nothing."""
        if not self.is_refused and self._peer.upgrade is self._upgrade:
            self._release()
            if not (self._peer.poll and self._peer.poll.is_waiting):
                self._peer.expect_poll()

    def _release(self) -> None:
        self._peer.upgrade = None
        if self._deadline is not None:
            self._deadline.cancel()

"""A WebSocket takes a polling session over: session/upgrade.py decides, this does it."""

from __future__ import annotations

from alsohere.node.peer import Peer
from alsohere.ports import Sink
from alsohere.session.upgrade import Upgrade, UpgradeState
from alsohere.wire.engineio import NOOP_PACKET, PROBE_PONG_PACKET


class Takeover:
    """The probe of one WebSocket.

    Args:
        peer: the session that is on polling still.
    """

    __slots__ = ("_peer", "_upgrade", "is_refused")

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._upgrade = Upgrade()
        # The first transport to ask is the one that may; a session on a WebSocket stays there. A second one is let in and closed
        # at once, as the reference server does: to a browser a refused handshake looks like a server that is down.
        self.is_refused = peer.transport != "polling" or peer.upgrading
        if not self.is_refused:
            peer.upgrading = True

    def receive(self, sink: Sink, data: bytes, *, binary: bool) -> bool:
        """Take a packet of the new transport; True once the session is on it.

        Raises:
            PacketError: not a step of an upgrade. Only the new transport must be closed.
        """
        state = self._upgrade.receive(data, binary=binary)
        peer = self._peer
        if state is UpgradeState.PROBED:
            sink.write(PROBE_PONG_PACKET)
            # Engine.IO protocol 4, "Upgrade": the waiting poll is ended with a noop, so that the client can let go of it.
            peer.release_poll(NOOP_PACKET)
            return False
        peer.upgrading = False
        peer.transport = "websocket"
        peer.release_poll(NOOP_PACKET)
        peer.outbox.attach(sink, ready=True)
        return True

    def abort(self) -> None:
        """The new transport is gone before it took over: polling goes on."""
        if not self.is_refused:
            self._peer.upgrading = False

"""Who pings whom, and what silence means.

Engine.IO protocol 4, "Heartbeat": the server sends a ping every `pingInterval`; if the client does not answer within
`pingTimeout`, the connection is dead. (In revision 3 the client pings; that is another class with the same methods.)

Deadlines are counted from when a ping was due, not from when a busy server came to send it, so that the worst case is
exactly interval + timeout. An unsolicited pong does not move them: a flood of pongs cannot keep a dead session alive.
"""

from __future__ import annotations

from alsohere.errors import CloseCode, Disconnect
from alsohere.wire.engineio import PING_PACKET, Packet


class Heartbeat:
    """Pings from the server."""

    __slots__ = ("_interval_s", "_timeout_s", "awaiting_pong", "due_s")

    def __init__(self, interval_s: float, timeout_s: float, now_s: float) -> None:
        self._interval_s = interval_s
        self._timeout_s = timeout_s
        self.awaiting_pong = False
        self.due_s = now_s + interval_s

    def tick(self, now_s: float) -> Packet | None:
        """The ping that is due, or None.

        Raises:
            Disconnect: the answer to the last one is overdue.
        """
        if now_s < self.due_s:
            return None
        if self.awaiting_pong:
            raise Disconnect(CloseCode.TOO_SLOW, "ping timeout")
        self.awaiting_pong = True
        self.due_s += self._timeout_s
        if now_s >= self.due_s:  # we were away for that long, not the client: it gets its whole time
            self.due_s = now_s + self._timeout_s
        return PING_PACKET

    def pong(self, now_s: float) -> None:
        """The client answered."""
        if self.awaiting_pong:
            self.awaiting_pong = False
            self.due_s = now_s + self._interval_s

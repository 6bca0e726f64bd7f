"""Who pings whom, and what silence means.

Engine.IO protocol 4, "Heartbeat": the server sends a ping every `pingInterval`; if the client does not answer within
`pingTimeout`, the connection is dead. In revision 3 the client pings; that is another class with the same methods.

Deadlines are counted from when a ping was due, not from when a busy server came to send it, so that the worst case is
exactly interval + timeout. An unsolicited pong does not move them: a flood of pongs cannot keep a dead session alive.
"""

from __future__ import annotations

from typing import Self

import msgspec

from alsohere.errors import CloseCode, Disconnect, PacketError
from alsohere.wire.engineio import PING_PACKET, Packet


class Heartbeat(msgspec.Struct, gc=False):
    """Pings from the server."""

    interval_s: float
    timeout_s: float
    due_s: float
    awaiting_pong: bool = False

    @classmethod
    def begin(cls, interval_s: float, timeout_s: float, now_s: float) -> Self:
        """That of a session that begins now."""
        return cls(interval_s, timeout_s, now_s + interval_s)

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
        self.due_s += self.timeout_s
        if now_s >= self.due_s:  # we were away for that long, not the client: it gets its whole time
            self.due_s = now_s + self.timeout_s
        return PING_PACKET

    def pong(self, now_s: float) -> None:
        """The client answered."""
        if self.awaiting_pong:
            self.awaiting_pong = False
            self.due_s = now_s + self.interval_s


class ClientHeartbeat(msgspec.Struct, gc=False):
    """Pings from the client.

    Engine.IO protocol 3, "Timeouts": a client pings `pingInterval` after the last pong. Nothing else that it sends moves the
    deadline: who floods us and answers no more is gone in time.
    """

    given_s: float
    timeout_s: float
    due_s: float

    @classmethod
    def begin(cls, interval_s: float, timeout_s: float, now_s: float) -> Self:
        """That of a session that begins now."""
        return cls(interval_s + timeout_s, timeout_s, now_s + interval_s + timeout_s)

    def tick(self, now_s: float) -> Packet | None:
        """Nothing is to be sent.

        Raises:
            Disconnect: the client's ping is overdue.
        """
        if now_s < self.due_s:
            return None
        if now_s < self.due_s + self.timeout_s:
            raise Disconnect(CloseCode.TOO_SLOW, "ping timeout")
        self.due_s = now_s + self.timeout_s  # we were away for that long: its ping may wait to be read
        return None

    def ping(self, now_s: float) -> None:
        """The client pinged."""
        self.due_s = now_s + self.given_s

    def pong(self, now_s: float) -> None:  # noqa: ARG002 - the name that `Heartbeat` has
        """Not the client's to send."""
        raise PacketError("a pong from a client that pings")

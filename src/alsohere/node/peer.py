"""One client of this node: its session, its outbox and its connections, whichever transport it uses.

Owns: the barrier. Whatever a client sends, no exception leaves `receive`, and what a client can end is itself (S5).
Invariant: `end` takes effect once, however often and from wherever it is called; after it nothing is received or sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from alsohere.errors import CloseCode, Disconnect
from alsohere.facts import LeaveReason
from alsohere.node.handshake import Handshake
from alsohere.node.outbox import Outbox
from alsohere.session.session import Session
from alsohere.session.upgrade import Upgrade
from alsohere.wire.engineio import Packet

if TYPE_CHECKING:
    from alsohere.node.connection import Connection
    from alsohere.node.node import Node


# Between two polls nobody can tell a closed tab from one whose next poll is on its way. So a client that polls is believed to be
# there for as long as a lost transport is not yet a leave (and for 2 s where that is shorter: a slow network takes as long); then
# others see it leave. Its session lives a little longer: when the poll comes after all, the client is back as who it was.
POLL_GAP_S = 2.0
MISSING_S = 3.0


class Poll(Protocol):
    """A polling transport, as far as a peer knows it."""

    @property
    def is_waiting(self) -> bool:
        """Whether a poll is under way."""

    def release(self, farewell: Packet) -> None:
        """Answer a waiting poll."""


class Peer:
    """What a transport talks to."""

    __slots__ = (
        "_node",
        "_refilled_s",
        "_tokens",
        "connections",
        "due_s",
        "ended",
        "handshake",
        "missing",
        "outbox",
        "poll",
        "poll_by_s",
        "session",
        "slot",
        "transport",
        "upgrade",
    )

    def __init__(self, node: Node, session: Session, handshake: Handshake, now_s: float) -> None:
        self._node = node
        self.session = session
        self.handshake = handshake
        self.outbox = Outbox(node.outbox_rules, session.sid)
        self.connections: list[Connection] = []  # one per namespace, so nearly always one
        self.ended = False
        self.transport = ""
        self.poll: Poll | None = None
        self.poll_by_s: float | None = None  # until when a client between two polls must come back
        self.missing = False  # it did not: others see it no more
        self.upgrade: Upgrade | None = None  # the probe of a second transport
        self.slot = 0
        self.due_s = 0.0
        self._tokens = node.rules.packet_burst
        self._refilled_s = now_s

    @property
    def sid(self) -> str:
        """The Engine.IO session id."""
        return self.session.sid

    def connection(self, namespace: str) -> Connection:
        """The connection in an open namespace."""
        for connection in self.connections:
            if connection.namespace == namespace:
                return connection
        raise LookupError(namespace)

    def receive(self, data: bytes, *, binary: bool = False) -> None:
        """Take one Engine.IO packet from the transport."""
        if self.ended:
            return
        node = self._node
        now_s = node.clock.now_s()
        try:
            self._spend(now_s)
            event = self.session.receive(data, now_s, binary=binary)
            if event is not None:
                node.handle(self, event)
            if self.session.due_s() < self.due_s:
                node.watch_time(self)
        except Exception as error:  # the barrier
            self.fail(error)

    def begin(self, auth: bytes) -> None:
        """The session is open: what happens without a word of the client.

        Args:
            auth: what came with the handshake, as JSON.
        """
        try:
            event = self.session.begin(auth)
            if event is not None:
                self._node.handle(self, event)
        except Exception as error:  # the barrier
            self.fail(error)

    def fail(self, error: Exception) -> None:
        """End the session for what was raised while one of its packets was handled (S5)."""
        if not isinstance(error, Disconnect):
            self._node.log.error("internal error while handling a packet", exc_info=error)
            self._node.metrics.internal_error()
            error = Disconnect(CloseCode.INTERNAL, "internal error")
        self.disconnect(error)

    def expect_poll(self) -> None:
        """The client is there and has no poll under way. A tab that was closed between two of them would otherwise be a ghost
        until the heartbeat (P12).
        """
        if not self.ended:
            self.found()
            self.poll_by_s = self._node.clock.now_s() + self._gap_s()
            self._node.watch_time(self)

    def lost_s(self) -> float:
        """When the transport was lost, if it is lost now: who is between two polls was last seen when the one was answered."""
        return self._node.clock.now_s() if self.poll_by_s is None else self.poll_by_s - self._gap_s()

    def _gap_s(self) -> float:
        return max(self._node.rules.leave_grace_s, POLL_GAP_S)

    def found(self) -> None:
        """The client polls, or has begun an upgrade: from here on it is its transport that tells when it is gone."""
        self.poll_by_s = None
        if self.missing:
            self.missing = False
            self._node.resume(self)

    def _miss(self, now_s: float) -> None:
        if self.missing:
            self.disconnect(Disconnect(CloseCode.GOING_AWAY, "no poll came"))
        else:
            self.missing = True
            self.poll_by_s = now_s + MISSING_S
            self._node.suspend(self)

    def tick(self, now_s: float) -> None:
        """Let time pass: pings, and the end of silent sessions."""
        try:
            if self.poll_by_s is not None and now_s >= self.poll_by_s:
                self._miss(now_s)
            ping = None if self.ended else self.session.tick(now_s)
        except Disconnect as disconnect:
            self.disconnect(disconnect, reason="timeout")
            return
        except Exception as error:  # one session must not stop the clock of the others
            self.fail(error)
            return
        if ping is not None:
            self.outbox.put(ping)

    def disconnect(self, why: Disconnect, reason: LeaveReason = "disconnected") -> None:
        """End the session from our side."""
        if self.ended:
            return
        self._node.metrics.disconnected(why.close_code)
        if why.stay_away:
            self.outbox.put_all(self.session.leave_all(self._node.clock.now_s()))
        sink = self.outbox.sink
        self.end(reason)
        if sink is not None:
            sink.close(why.close_code, why.reason)

    def end(self, reason: LeaveReason = "disconnected") -> None:
        """The session is over: its connections leave, its memory goes. The transport closes itself.

        It and its transport know each other no more: what the two keep is freed at once, not when the garbage collector comes.
        """
        if self.ended:
            return
        self.ended = True
        self.session.close()
        self._node.forget(self, reason)
        self.outbox.end()
        self.poll = None

    def release_poll(self, farewell: Packet) -> None:
        """Let a waiting poll go."""
        if self.poll is not None:
            self.poll.release(farewell)

    def spend(self, packets: int = 1) -> None:
        """Count something that the client sent below the level of packets, or that costs more than one.

        Raises:
            Disconnect: it sends too much.
        """
        self._spend(self._node.clock.now_s(), packets)

    # A bucket of two numbers instead of an object: it is filled by the time that has passed, and every packet takes one out.
    # Below zero commands are refused (see `retry_after_ms`); twice the burst below, the client is sent away.
    def _spend(self, now_s: float, packets: int = 1) -> None:
        rules = self._node.rules
        tokens = self._tokens + (now_s - self._refilled_s) * rules.packets_per_s
        self._tokens = min(tokens, rules.packet_burst) - packets
        self._refilled_s = now_s
        if self._tokens < -2 * rules.packet_burst:
            raise Disconnect(CloseCode.RATE, "too many packets", stay_away=True)

    def retry_after_ms(self) -> int | None:
        """When commands will be taken again; None: now."""
        return None if self._tokens >= 0 else int(-self._tokens / self._node.rules.packets_per_s * 1000) + 1

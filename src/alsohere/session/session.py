"""One Engine.IO session with its Socket.IO namespaces, as a state machine.

Everything that decides what a client may send next is in this file and in the tables of it.

Three verbs: `receive` takes one Engine.IO packet and returns what happened; `tick` takes the time and returns the ping that
is due; the `encode…` methods take what the server wants to say and return packets. After `receive` returned ConnectAsked the
driver owes `accept` or `refuse`; after any PacketError or Disconnect it owes the close.

Invariants:
 S1  nothing but CONNECT is heard in a namespace that is not open.
 S2  an event of ours is acknowledged once: its id is forgotten with the first ack.
 S3  after `close` nothing is accepted and nothing is encoded.
 S4  what a peer can make us keep is bounded: 10 attachments of one packet within `max_payload_bytes`, 64 unanswered acks,
     5 refused namespaces.

Engine.IO 3 is known here by the doors that session/eio3.py goes through: `beats`, `_decode`, `begin`, `id_in`, and what
`accept`, `refuse` and `leave_all` say. Which of the two a session is, is decided once, when it begins.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, ClassVar

import msgspec

from alsohere.errors import CloseCode, Disconnect, PacketError
from alsohere.session.assembly import Assembly
from alsohere.session.events import (
    AckReceived,
    BinaryEventReceived,
    ConnectAsked,
    Event,
    EventReceived,
    NamespaceLeft,
    Reply,
    TransportClosed,
    Unreadable,
)
from alsohere.session.heartbeat import ClientHeartbeat, Heartbeat
from alsohere.wire import engineio, socketio
from alsohere.wire.engineio import Packet
from alsohere.wire.socketio import Header, PacketType, UnpairedSurrogate

MAX_AUTH_BYTES = 8 * 1024
MAX_REFUSED_CONNECTS = 5
MAX_PENDING_ACKS = 64
MAX_ACK_ARGS = 64
DISMISSED_S = 1.0


class SessionRules(msgspec.Struct, frozen=True):
    """The protocol's numbers; see the settings of the same names."""

    ping_interval_s: float = 15.0
    ping_timeout_s: float = 8.0
    connect_timeout_s: float = 10.0
    max_payload_bytes: int = 1_000_000
    raw: bool = False
    """Engine.IO only: messages are never read as Socket.IO, and go back as they came."""


class NamespaceState(Enum):
    ASKING = "asking"
    OPEN = "open"


# The machine of one namespace: a move that is not in the table is a PacketError and changes nothing (S1).
# Socket.IO protocol 5, "Connection to a namespace": a client sends CONNECT before anything else. A second CONNECT, or a
# packet while the first is being decided, closes the connection, as the reference server does.
MOVES: dict[NamespaceState | None, frozenset[PacketType]] = {
    None: frozenset({PacketType.CONNECT}),
    NamespaceState.ASKING: frozenset(),
    NamespaceState.OPEN: frozenset(
        {PacketType.DISCONNECT, PacketType.EVENT, PacketType.ACK, PacketType.BINARY_EVENT, PacketType.BINARY_ACK}
    ),
}

# Replaced, never changed: nearly every session is in the second of these, and a dict of its own would be a fifth of its size.
_NONE_OPEN: dict[str, NamespaceState] = {}
_MAIN_OPEN: dict[str, NamespaceState] = {socketio.MAIN: NamespaceState.OPEN}


class Session:
    """One client, from handshake to close.

    Args:
        sid: the Engine.IO session id.
        rules: the protocol's numbers.
        now_s: the time of the handshake.
    """

    revision: ClassVar[int] = 4
    """Of Engine.IO."""
    beats: ClassVar[type[Heartbeat | ClientHeartbeat]] = Heartbeat
    _decode = staticmethod(socketio.decode)

    __slots__ = (
        "_acks",
        "_assembly",
        "_last_ack_id",
        "_namespaces",
        "_refused",
        "_rules",
        "closed",
        "connect_by_s",
        "dismissed",
        "heartbeat",
        "sid",
    )

    def __init__(self, sid: str, rules: SessionRules, now_s: float) -> None:
        self.sid = sid
        self.closed = False
        self.dismissed = False
        self.heartbeat = self.beats.begin(rules.ping_interval_s, rules.ping_timeout_s, now_s)
        self.connect_by_s: float | None = None if rules.raw else now_s + rules.connect_timeout_s
        self._rules = rules
        self._namespaces = _NONE_OPEN
        self._assembly: Assembly | None = None
        self._acks: dict[int, str] | None = None
        self._last_ack_id = 0
        self._refused = 0

    # -- Receiving ---------------------------------------------------------------------------------------------------

    def receive(self, data: bytes, now_s: float, *, binary: bool = False) -> Event | None:
        """Take one Engine.IO packet.

        Returns:
            What happened, or None if nothing that concerns anybody else.

        Raises:
            PacketError: the bytes are not the protocol, or not now. The driver must close.
            Disconnect: another limit was passed. The driver must close.
        """
        if self.closed:
            raise PacketError("packet after close")
        if binary:
            return Reply(Packet(data, binary=True)) if self._rules.raw else self._receive_attachment(data)
        kind = data[:1]
        if kind == engineio.MESSAGE:
            return Reply(Packet(data)) if self._rules.raw else self._receive_message(data[1:], now_s)
        if kind == engineio.PONG:
            self.heartbeat.pong(now_s)
            return None
        if data == engineio.CLOSE:
            self.closed = True
            return TransportClosed()
        if data == engineio.NOOP:
            return None
        # Engine.IO protocol 4, "Packet encoding": OPEN and PING are the server's to send; UPGRADE belongs to a probe.
        raise PacketError("Engine.IO packet that a client may not send now")

    def _receive_message(self, message: bytes, now_s: float) -> Event | None:
        if self._assembly is not None:
            raise PacketError("text while attachments are missing")
        header = self._decode(message)
        self._check_move(header)
        if header.type is PacketType.CONNECT:
            return self._receive_connect(header)
        if header.type is PacketType.DISCONNECT:
            return self._receive_disconnect(header, now_s)
        if header.attachments:
            self._assembly = Assembly(header, self._rules.max_payload_bytes, now_s + self._rules.connect_timeout_s)
            return None
        return self._complete(header)

    def _check_move(self, header: Header) -> None:
        if header.type not in MOVES[self._namespaces.get(header.namespace)]:
            raise PacketError(f"{header.type.name} is not expected in this namespace now")

    def _receive_connect(self, header: Header) -> Event:
        if self._refused >= MAX_REFUSED_CONNECTS:
            raise Disconnect(CloseCode.RATE, "too many refused namespaces")
        self._move(header.namespace, NamespaceState.ASKING)
        return ConnectAsked(header.namespace, header.payload)

    def _receive_disconnect(self, header: Header, now_s: float) -> Event:
        if header.payload:
            raise PacketError("DISCONNECT with a payload")
        self._move(header.namespace, None)
        self._await_connect(now_s)
        return NamespaceLeft(header.namespace)

    def _complete(self, header: Header) -> Event | None:
        if header.type is PacketType.ACK:
            return self._receive_ack(header, socketio.decode_values(header.payload))
        try:
            name, args = socketio.decode_event(header.payload)
        except UnpairedSurrogate:
            return Unreadable(header.namespace, header.id)
        return EventReceived(header.namespace, name, args, header.id)

    def _receive_ack(self, header: Header, args: list[object]) -> Event | None:
        if header.id is None:
            raise PacketError("ACK without an id")
        if len(args) > MAX_ACK_ARGS:
            raise Disconnect(CloseCode.LIMIT, "an acknowledgement with too many arguments")
        if self._acks is None or self._acks.get(header.id) != header.namespace:
            return None  # unknown, late or repeated (S2): dropped
        del self._acks[header.id]
        return AckReceived(header.namespace, header.id, args)

    def _receive_attachment(self, data: bytes) -> Event | None:
        if self._assembly is None:
            raise PacketError("binary without a packet that announced it")
        self._assembly.add(data)
        if not self._assembly.is_complete:
            return None
        assembly, self._assembly = self._assembly, None
        header = assembly.header
        self._check_move(header)  # again: we may have ended the namespace meanwhile
        try:
            _, values = assembly.finish()
        except UnpairedSurrogate:
            if header.type is PacketType.BINARY_ACK:
                raise
            return Unreadable(header.namespace, header.id)
        if header.type is PacketType.BINARY_ACK:
            return self._receive_ack(header, values)
        if not values or not isinstance(values[0], str):
            raise PacketError("event without a name")
        socketio.check_event_name(values[0])
        return BinaryEventReceived(header.namespace, values[0], values[1:], header.id)

    # -- Time --------------------------------------------------------------------------------------------------------

    def tick(self, now_s: float) -> Packet | None:
        """Let time pass.

        Returns:
            A ping to be sent, if one is due.

        Raises:
            Disconnect: the peer was silent for too long, never connected, or left a binary packet incomplete.
        """
        if self.connect_by_s is not None and now_s >= self.connect_by_s:
            raise self._nowhere()
        if self._assembly is not None and now_s >= self._assembly.complete_by_s:
            raise PacketError("attachments did not arrive in time")
        return self.heartbeat.tick(now_s)

    def _nowhere(self) -> Disconnect:
        """The end of a session that is in no namespace."""
        if self.dismissed:
            return Disconnect(CloseCode.RATE, "too many connections")
        return Disconnect(CloseCode.TOO_SLOW, "no namespace was connected in time")

    def due_s(self) -> float:
        """When to call `tick` next."""
        due = self.heartbeat.due_s
        if self.connect_by_s is not None:
            due = min(due, self.connect_by_s)
        if self._assembly is not None:
            due = min(due, self._assembly.complete_by_s)
        return due

    def _move(self, namespace: str, state: NamespaceState | None) -> None:
        namespaces = {name: value for name, value in self._namespaces.items() if name != namespace}
        if state is not None:
            namespaces[namespace] = state
        self._namespaces = _MAIN_OPEN if namespaces == _MAIN_OPEN else namespaces

    def _await_connect(self, now_s: float) -> None:
        # One that is only asked for does not count: if it is refused, nothing would limit a session that is in none (S4).
        if NamespaceState.OPEN not in self._namespaces.values():
            self.connect_by_s = now_s + self._rules.connect_timeout_s

    # -- Sending -----------------------------------------------------------------------------------------------------

    def begin(self, auth: bytes) -> ConnectAsked | None:  # noqa: ARG002 - see eio3.py
        """What happens as soon as the session is open, without a word of the client; here it speaks first.

        Args:
            auth: what came with the handshake, as JSON.
        """
        return None

    def id_in(self, namespace: str) -> str | None:  # noqa: ARG002 - see eio3.py
        """The id of the connection in a namespace, if the client does not have to be told."""
        return None

    def accept(self, namespace: str, sid: str) -> Packet:
        """Open a namespace that was asked for."""
        assert self._namespaces[namespace] is NamespaceState.ASKING
        self._move(namespace, NamespaceState.OPEN)
        self.connect_by_s = None
        self.dismissed = False
        return socketio.encode_connect(namespace, sid)

    def refuse(self, namespace: str, message: str, data: Any = None) -> Packet:
        """Refuse a namespace that was asked for; the client stays away."""
        self._move(namespace, None)
        self._refused += 1
        return socketio.encode_connect_error(namespace, message, data)

    def dismiss(self, now_s: float) -> None:
        """After a refusal for want of room: a session that is in no namespace shall go by itself, soon.

        Not closed at once: socket.io-client closes when it is refused and stays away; python-socketio does so too, unless it
        is closed first, and then comes back for ever.
        """
        if self.connect_by_s is not None:
            self.connect_by_s = min(self.connect_by_s, now_s + DISMISSED_S)
            self.dismissed = True

    def leave(self, namespace: str, now_s: float) -> Packet:
        """End an open namespace; the client stays away."""
        self._move(namespace, None)
        self._await_connect(now_s)
        return socketio.encode_disconnect(namespace)

    def leave_all(self, now_s: float) -> list[Packet]:
        """End every open namespace; the client stays away."""
        return [self.leave(namespace, now_s) for namespace, state in self._namespaces.items() if state is NamespaceState.OPEN]

    def send(self, namespace: str, name: str, args: tuple[Any, ...], ack_id: int | None = None) -> list[Packet]:
        """An event to the client; nothing if the namespace is not open (S3)."""
        return socketio.encode_event(namespace, name, args, ack_id) if self.is_open(namespace) else []

    def acknowledge(self, namespace: str, ack_id: int, args: tuple[Any, ...]) -> list[Packet]:
        """The answer to an event of the client; nothing if the namespace is not open (S3)."""
        return socketio.encode_ack(namespace, ack_id, args) if self.is_open(namespace) else []

    def answer(self, namespace: str, ack_id: int, content: Any) -> list[Packet]:
        """As `acknowledge`, with one argument that holds no bytes."""
        return [socketio.encode_answer(namespace, ack_id, content)] if self.is_open(namespace) else []

    def is_open(self, namespace: str) -> bool:
        """Whether events may be sent there."""
        return not self.closed and self._namespaces.get(namespace) is NamespaceState.OPEN

    def expect_ack(self, namespace: str) -> int:
        """An id for an event of ours that wants an answer.

        Raises:
            Disconnect: the client leaves too many unanswered.
        """
        if self._acks is None:
            self._acks = {}
        if len(self._acks) >= MAX_PENDING_ACKS:
            raise Disconnect(CloseCode.LIMIT, "too many unanswered events")
        self._last_ack_id += 1
        self._acks[self._last_ack_id] = namespace
        return self._last_ack_id

    def may_expect_ack(self, namespace: str) -> int | None:
        """An id for an event of ours that can do without an answer; None: the client owes too many already."""
        return None if self._acks is not None and len(self._acks) >= MAX_PENDING_ACKS else self.expect_ack(namespace)

    def forget_ack(self, ack_id: int) -> None:
        """Nobody waits for that answer any more."""
        if self._acks is not None:
            self._acks.pop(ack_id, None)

    def close(self) -> None:
        """The end; S3 holds from here on."""
        self.closed = True
        self._namespaces = _NONE_OPEN
        self._assembly = None
        self._acks = None

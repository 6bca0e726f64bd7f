"""A client whose packets mean nothing: what a session may do with them, checked after each.

An input is an Engine.IO polling payload: packets between separators, binary ones as `b` + base64. So one corpus serves the
payload decoder, the packet decoder and the session.
"""

from __future__ import annotations

from collections.abc import Iterator

from alsohere.errors import Disconnect, PacketError
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
from alsohere.session.session import MAX_PENDING_ACKS, Session, SessionRules
from alsohere.wire import engineio, socketio

RULES = SessionRules(max_payload_bytes=100_000)
NAMESPACES = {"/", "/second"}
MAX_ACK_ID = 2**53 - 1


def drive(payload: bytes) -> Iterator[str]:
    """Let a session live through a payload; gives a word for everything that happens.

    Raises:
        AssertionError: an invariant does not hold.
        Exception: anything at all is a finding; what the decoders owe is PacketError, and that is caught.
    """
    try:
        packets = engineio.decode_payload(payload)
    except PacketError as error:
        yield error.reason
        packets = [(part, False) for part in payload.split(engineio.SEPARATOR)]  # as a WebSocket would bring them
    client = Client()
    for data, binary in packets:
        yield client.send(data, binary=binary)
    yield client.wait()


class Client:
    """One session and what it must not forget.

    Args:
        kind: of which revision it is.
    """

    def __init__(self, kind: type[Session] = Session) -> None:
        self._now_s = 0.0
        self._session = kind("sid", RULES, self._now_s)
        self._open: set[str] = set()
        self._asked: set[int] = set()
        self._ended = False
        event = self._session.begin(b"")
        if event is not None:
            self._heard(event)

    def send(self, data: bytes, *, binary: bool) -> str:
        """Send a packet; gives what happened."""
        self._now_s += 0.01
        try:
            event = self._session.receive(data, self._now_s, binary=binary)
        except Disconnect as disconnect:
            self._end()
            return disconnect.reason
        assert not self._ended, "S3: a packet was heard after the end"
        return "nothing" if event is None else self._heard(event)

    def wait(self) -> str:
        """Say nothing more, for longer than anybody is given."""
        for _ in range(3):
            self._now_s = max(self._session.due_s(), self._now_s)
            try:
                self._session.tick(self._now_s)
            except Disconnect as disconnect:
                return disconnect.reason
        raise AssertionError("a session outlives its deadlines")

    def _end(self) -> None:
        self._ended = True
        self._session.close()
        self._open.clear()

    def _heard(self, event: Event) -> str:
        if isinstance(event, ConnectAsked):
            return self._asked_for(event)
        if isinstance(event, TransportClosed):
            self._end()
            return "closed"
        if isinstance(event, Reply):
            return "answered"
        assert event.namespace in self._open, "S1: an event from a namespace that is not open"
        if isinstance(event, NamespaceLeft):
            self._open.remove(event.namespace)
        elif isinstance(event, AckReceived):
            assert event.ack_id in self._asked, "S2: an answer to nothing, or a second one"
            self._asked.remove(event.ack_id)
        else:
            self._heard_event(event)
        return type(event).__name__

    def _asked_for(self, event: ConnectAsked) -> str:
        assert event.namespace not in self._open
        if event.namespace not in NAMESPACES:
            self._session.refuse(event.namespace, "Invalid namespace")
            return "refused"
        self._session.accept(event.namespace, "sid")
        self._open.add(event.namespace)
        if len(self._asked) < MAX_PENDING_ACKS:
            self._asked.add(self._session.expect_ack(event.namespace))
        return "accepted"

    def _heard_event(self, event: EventReceived | BinaryEventReceived | Unreadable) -> None:
        assert event.ack_id is None or 0 <= event.ack_id <= MAX_ACK_ID
        if isinstance(event, Unreadable):
            return
        assert event.name not in socketio.RESERVED_EVENTS
        assert event.name.isprintable()
        assert 0 < len(event.name.encode()) <= socketio.MAX_EVENT_NAME_BYTES
        if isinstance(event, EventReceived):
            for arg in event.args:
                try:
                    socketio.decode_value(arg)
                except PacketError:
                    continue
        else:
            assert sum(_attachments(event.args)) <= RULES.max_payload_bytes


def _attachments(value: object) -> Iterator[int]:
    if isinstance(value, bytes):
        yield len(value)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _attachments(item)
    elif isinstance(value, list):
        for item in value:
            yield from _attachments(item)

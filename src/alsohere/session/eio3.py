"""A session of Engine.IO 3 and Socket.IO protocol 4: clients 1 and 2.

Owns: what differs from session.py, and nothing else; the table of moves is the same. The client pings; the server joins `/` for
it, unasked; ids are made of the session's; a refusal is a sentence.
A refused client of protocol 5 goes away by itself and stays away. One of these waits for ever, and comes back when it is closed:
so it is sent away from `/` before (`_nowhere`).
"""

from __future__ import annotations

from typing import Any, ClassVar

from alsohere.errors import Disconnect
from alsohere.session.events import ConnectAsked, Event, Reply
from alsohere.session.heartbeat import ClientHeartbeat, Heartbeat
from alsohere.session.session import NamespaceState, Session
from alsohere.wire import engineio3, socketio4
from alsohere.wire.engineio import PING, Packet
from alsohere.wire.socketio import MAIN, encode_disconnect


class OldSession(Session):
    """One client 1 or 2, from handshake to close. Its packets may come as revision 3 has them."""

    revision: ClassVar[int] = 3
    beats: ClassVar[type[Heartbeat | ClientHeartbeat]] = ClientHeartbeat
    heartbeat: ClientHeartbeat
    _decode = staticmethod(socketio4.decode)

    __slots__ = ()

    def begin(self, auth: bytes) -> ConnectAsked | None:
        """Socket.IO protocol 4, "Connection to the default namespace": the server always sends a CONNECT for it."""
        if self._rules.raw:
            return None
        self._move(MAIN, NamespaceState.ASKING)
        return ConnectAsked(MAIN, auth)

    def receive(self, data: bytes, now_s: float, *, binary: bool = False) -> Event | None:
        """Take one Engine.IO packet; see `Session.receive`."""
        data, binary = engineio3.decode_packet(data, binary=binary)
        if not binary and data[:1] == PING and not self.closed:
            pong = engineio3.answer_to_ping(data)
            self.heartbeat.ping(now_s)
            return Reply(pong)
        return super().receive(data, now_s, binary=binary)

    def id_in(self, namespace: str) -> str | None:
        """What a client 2 takes for its `socket.id`."""
        return self.sid if namespace == MAIN else f"{namespace}#{self.sid}"

    def accept(self, namespace: str, sid: str) -> Packet:
        """Open a namespace that was asked for."""
        super().accept(namespace, sid)
        return socketio4.encode_connect(namespace)

    def refuse(self, namespace: str, message: str, data: Any = None) -> Packet:
        """Refuse a namespace that was asked for. There is only room for the sentence."""
        super().refuse(namespace, message, data)
        return socketio4.encode_error(namespace, message)

    def leave_all(self, now_s: float) -> list[Packet]:
        """End every open namespace; the client stays away, even if it is in none."""
        return super().leave_all(now_s) or [encode_disconnect(MAIN)]

    def _nowhere(self) -> Disconnect:
        end = super()._nowhere()
        return Disconnect(end.close_code, end.reason, stay_away=self._refused > 0)

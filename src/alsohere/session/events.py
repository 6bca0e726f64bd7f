"""What a session tells its driver has happened."""

from __future__ import annotations

import msgspec

from alsohere.wire.engineio import Packet


class ConnectAsked(msgspec.Struct, frozen=True):
    """A client wants to join a namespace. The driver must answer `accept` or `refuse`.

    `auth` is the still-encoded payload, empty if there was none.
    """

    namespace: str
    auth: bytes


class EventReceived(msgspec.Struct, frozen=True):
    """An event without attachments: its arguments are still JSON."""

    namespace: str
    name: str
    args: list[msgspec.Raw]
    ack_id: int | None


class BinaryEventReceived(msgspec.Struct, frozen=True):
    """An event with attachments: its arguments are values, with bytes where the placeholders stood."""

    namespace: str
    name: str
    args: list[object]
    ack_id: int | None


class AckReceived(msgspec.Struct, frozen=True):
    """The answer to an event of ours."""

    namespace: str
    ack_id: int
    args: list[object]


class Unreadable(msgspec.Struct, frozen=True):
    """An event whose text cannot be held as UTF-8. It is refused by its ack; the connection stays."""

    namespace: str
    ack_id: int | None


class Reply(msgspec.Struct, frozen=True):
    """The client is owed a packet: the pong to its ping, or its own message where there is no Socket.IO."""

    packet: Packet


class NamespaceLeft(msgspec.Struct, frozen=True):
    """The client left a namespace; the transport stays."""

    namespace: str


class TransportClosed(msgspec.Struct, frozen=True):
    """The client closed the whole session."""


Event = ConnectAsked | EventReceived | BinaryEventReceived | AckReceived | Unreadable | Reply | NamespaceLeft | TransportClosed

"""Passing events: sent to whoever is there now, and kept for nobody.

Invariant: an event is encoded once per namespace, to however many users and rooms it goes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from alsohere.node.connection import Connection
from alsohere.types import ONLINE
from alsohere.wire import socketio
from alsohere.wire.engineio import Packet

if TYPE_CHECKING:
    from alsohere.node.node import Node


class Pushes:
    """The passing events of one node.

    Args:
        node: whose connections are reached.
    """

    def __init__(self, node: Node) -> None:
        self._node = node

    def to_users(self, users: Iterable[str], name: str, args: tuple[Any, ...]) -> dict[str, int]:
        """An event to every connection of each user; returns to how many of each, 0 for who is absent."""
        event = _Event(name, args)
        return {user: self._send(event, self._node.connections_of(user)) for user in dict.fromkeys(users)}

    def to_rooms(self, rooms: Iterable[str], name: str, args: tuple[Any, ...]) -> dict[str, int]:
        """An event to every connection in each room; returns to how many in each."""
        event = _Event(name, args)
        return {room: self._send(event, self._inside(room)) for room in dict.fromkeys(rooms)}

    def to_all(self, name: str, args: tuple[Any, ...]) -> int:
        """An event to every connection; returns to how many."""
        return self._send(_Event(name, args), self._node.connections())

    def _inside(self, room: str) -> Iterable[Connection]:
        return self._node.connections() if room == ONLINE else self._node.hub.inside(room)

    def _send(self, event: _Event, connections: Iterable[Connection]) -> int:
        reached = 0
        began_s = self._node.clock.now_s()
        for connection in connections:
            for packet in event.packets(connection.namespace):
                connection.outbox.put(packet)
            # Who is missing is not counted, for others see them gone; and is sent it, for they may come back to a session in
            # which nothing may be missing.
            reached += not connection.peer.missing
        if reached:
            self._node.hub.broadcasts.add(self._node.clock.now_s() - began_s)
        self._node.hub.deliveries += reached
        return reached


class _Event:
    """An event, encoded when somebody is there to get it."""

    __slots__ = ("_args", "_encoded", "_name")

    def __init__(self, name: str, args: tuple[Any, ...]) -> None:
        self._name = name
        self._args = args
        self._encoded: dict[str, list[Packet]] = {}

    def packets(self, namespace: str) -> list[Packet]:
        packets = self._encoded.get(namespace)
        if packets is None:
            packets = self._encoded[namespace] = socketio.encode_event(namespace, self._name, self._args)
        return packets

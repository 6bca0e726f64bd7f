"""Tokens that run out while their connections last (H102).

Owns: when a client is warned (`token:expiring`), and when its connection ends (4401).
Invariant: a connection that was admitted by a token of ours lives at most GRACE_S longer than the newest one that it has shown.

A date is of the wall clock, so the wheel turns by that; it is looked at every LOOK_S at least, should somebody set the clock.
What a connection costs is its `expires_s`: the slots that it is in follow from that.

The transport ends and no DISCONNECT is sent: a socket.io client comes back by itself then, and asks its page for a token as
with every connect. One that has no fresh token is refused there (`token_expired`), and stays away. Rejected: DISCONNECT, after
which a client stays away even though a fresh token is one request away.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

import msgspec

from alsohere.errors import CloseCode, Disconnect
from alsohere.facts import TokenExpiring
from alsohere.node.connection import Connection
from alsohere.node.wheel import Wheel
from alsohere.wire.socketio import MAIN, encode_fact

if TYPE_CHECKING:
    from alsohere.node.node import Node

GRACE_S = 25.0  # after the token's date
LOOK_S = 60.0


class ExpiryRules(msgspec.Struct, frozen=True):
    """See the settings `token_expiry` and `token_warning_s`."""

    enabled: bool = True
    warning_s: float = 60.0


class Expiries:
    """The tokens of one node's connections.

    Args:
        node: whose connections.
        rules: numbers.
    """

    def __init__(self, node: Node, rules: ExpiryRules) -> None:
        self._node = node
        self._rules = rules
        self._wheel: Wheel[Connection] = Wheel(1.0)

    def admitted(self, connection: Connection, expires_s: int) -> None:
        """A token has shown who a connection is; the newest one counts.

        Args:
            connection: which; also those of the same user that share its transport, since only `/` can show a token again.
            expires_s: its date, in seconds since the epoch; 0: there is none.
        """
        self.forget(connection)
        if not expires_s or not self._rules.enabled:
            return
        others = [one for one in connection.peer.connections if one.expires_s and one.user.id == connection.user.id]
        newest_s = max([expires_s, *(one.expires_s for one in others)])
        for one in (connection, *others):
            self.forget(one)
            one.expires_s = newest_s
            self._put(one, newest_s - self._rules.warning_s)

    def _put(self, connection: Connection, due_s: float) -> None:
        before_s = self._wheel.due_s()
        self._wheel.put(connection, ceil(due_s))
        if before_s is None or due_s < before_s:
            self._node.wake()

    def forget(self, connection: Connection) -> None:
        """A connection is over, or has another token."""
        if connection.expires_s:
            for due_s in (connection.expires_s - self._rules.warning_s, connection.expires_s + GRACE_S):
                self._wheel.remove(connection, ceil(due_s))
            connection.expires_s = 0

    def advance(self) -> None:
        """Warn and end."""
        wall_s = self._node.clock.wall_ms() / 1000
        for connection in self._wheel.turn(wall_s):
            end_s = connection.expires_s + GRACE_S
            if wall_s >= end_s:
                connection.peer.disconnect(Disconnect(CloseCode.UNAUTHENTICATED, "the token has expired"))
                continue
            self._put(connection, end_s)
            if connection.namespace == MAIN:
                fact = TokenExpiring(connection.expires_s * 1000)
                connection.outbox.put(encode_fact("token:expiring", fact))

    def due_s(self) -> float | None:
        """When to advance, on the node's clock."""
        due_s = self._wheel.due_s()
        if due_s is None:
            return None
        return self._node.clock.now_s() + min(LOOK_S, max(0.0, due_s - self._node.clock.wall_ms() / 1000))

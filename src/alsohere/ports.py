"""What the node needs from outside, described by what each owes.

Rejected: asynchronous ports. A node never waits for an answer to go on: it states what should be so and is told what has
become so. In one process the telling happens inside the call; over a network it comes later; the node cannot tell.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Protocol

from alsohere.domain.presence import Transition
from alsohere.domain.roster import Roster
from alsohere.facts import LeaveReason
from alsohere.types import User
from alsohere.wire.engineio import Packet

if TYPE_CHECKING:
    from alsohere.errors import CloseCode

RoomListener = Callable[[str, str, LeaveReason | None, int], None]
"""(room, user id, why they left or None, seq): the room's roster has changed."""


class Rooms(Protocol):
    """Who is in which room, over all nodes.

    Guarantees:
        Order: a listener hears the changes of one room in the order of their `seq`, and after the roster shows them.
        Idempotence: stating twice what is already so changes nothing and tells nobody.
        Liveness: what a node stated is taken back for it, with reason `node_lost`, at most 7 s after it died.
    If order is broken, watchers show people who have left; if idempotence is, a retry shows them twice.
    """

    roster: Roster
    """This node's replica: read, never written."""

    def state(self, transition: Transition) -> None:
        """Make a transition of this node's presence known."""

    def listen(self, listener: RoomListener) -> None:
        """Be told of every change from now on, this node's own included."""


class Sink(Protocol):
    """Where an outbox empties itself: one transport of one client.

    Guarantees:
        `write` never blocks and never raises; after `close` it does nothing. Packets leave in the order written.
    """

    def write(self, packet: Packet) -> None:
        """Send now, or hand to the kernel's buffer."""

    def close(self, code: CloseCode, reason: str) -> None:
        """End the transport, after what was written."""


Authenticator = Callable[[Any], "User | Awaitable[User]"]
"""Decides who a connection is. Gets the connection; raises Unauthenticated (the client stays away)."""

TokenVerifier = Callable[[str], User]
"""Turns a token into a user; raises Unauthenticated."""

Alarm = Callable[[float], None]
"""Asks for the node's `advance` to be called at a time of the node's clock, or before."""

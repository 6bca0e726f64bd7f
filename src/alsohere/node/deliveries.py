"""Notifications on their way to clients, and the acknowledgements that come back.

Owns: per connection, what was sent and not yet acknowledged, and how far it has been told what waited for it.
Invariants: I1 what is acknowledged is written down as delivered, what is not stays undelivered. I2 a connection is sent
notifications in the order of their ids: while it is still being told what waited, a new one waits with the rest.
A client that never acknowledges (`socket.on("notification", show)`) is sent everything that is new, without being asked for
acknowledgements beyond the first WINDOW.
Rejected: a queue per connection. What waits is in the store already; a cursor is enough.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec

from alsohere.domain.inbox import shown
from alsohere.node.connection import Connection
from alsohere.notices import Delivery, Entry, Show
from alsohere.wire.socketio import encode_fact

WINDOW = 32  # of the 64 acknowledgements that a session may owe
PATIENCE_S = 10.0  # a client that acknowledges nothing for so long is not told what else waited

Choose = Callable[[Entry], Show]


class Parcel(NamedTuple):
    """A notification, encoded."""

    id: int
    body: msgspec.Raw


class Window:
    """One connection's share."""

    __slots__ = ("after", "has_missed", "is_asking", "is_catching_up", "pending", "stale_s")

    def __init__(self) -> None:
        self.pending: dict[int, int] = {}  # ack id -> notification
        self.after = 0  # the last one that it was told
        self.is_catching_up = False
        self.is_asking = False  # what waits is being looked up
        self.has_missed = False  # something new came since it was
        self.stale_s = 0.0


class Deliveries:
    """All windows of one node.

    Args:
        ask_more: is called with a connection and the id after which to go on.
    """

    def __init__(self, ask_more: Callable[[Connection, int], None]) -> None:
        self._ask_more = ask_more
        self._windows: dict[Connection, Window] = {}  # of those who are being caught up, or owe an acknowledgement
        self._catching_up: dict[Connection, None] = {}
        self._look_s = 0.0  # until then, nobody's patience ends
        self.acknowledged: list[Delivery] = []

    # -- Sending -----------------------------------------------------------------------------------------------------

    def begin(self, connection: Connection, now_s: float) -> None:
        """From now on until `caught_up`, what is new waits behind what is old."""
        window = self._windows.setdefault(connection, Window())
        window.is_catching_up = window.is_asking = True
        window.stale_s = now_s + PATIENCE_S
        if not self._catching_up:
            self._look_s = window.stale_s
        self._catching_up[connection] = None

    def catch_up(self, connection: Connection, entries: Iterable[Entry], choose: Choose, *, more: bool) -> None:
        """Send what waited, oldest first; if there is more, the rest is asked for when this is acknowledged."""
        window = self._windows.get(connection)
        if window is None or not connection.connected:
            return
        for entry in entries:
            window.after = entry.notice.id
            self._send(connection, window, parcel(entry, choose(entry)))
        window.is_asking = False
        if not (more or window.has_missed):
            self._caught_up(connection, window)
        elif not window.pending:
            self._go_on(connection, window)

    def _go_on(self, connection: Connection, window: Window) -> None:
        window.is_asking, window.has_missed = True, False
        self._ask_more(connection, window.after)

    def send(self, connection: Connection, parcel: Parcel) -> None:
        """Send something new."""
        window = self._windows.get(connection)
        if window is None:
            window = self._windows[connection] = Window()
        if window.is_catching_up:
            window.has_missed = True
        else:
            self._send(connection, window, parcel)

    def _send(self, connection: Connection, window: Window, parcel: Parcel) -> None:
        ack_id = None
        if len(window.pending) < WINDOW:
            ack_id = connection.peer.session.expect_ack(connection.namespace)
            window.pending[ack_id] = parcel.id
        connection.outbox.put(encode_fact("notification", parcel.body, ack_id=ack_id))

    def _caught_up(self, connection: Connection, window: Window) -> None:
        window.is_catching_up = False
        self._catching_up.pop(connection, None)
        self._drop_idle(connection, window)

    def _drop_idle(self, connection: Connection, window: Window) -> None:
        """Most connections wait for nothing, and need no window."""
        if not (window.is_catching_up or window.pending):
            self._windows.pop(connection, None)

    # -- Acknowledgements --------------------------------------------------------------------------------------------

    def acknowledge(self, connection: Connection, ack_id: int, now_s: float, wall_ms: int) -> bool:
        """Whether this acknowledges a notification; if so, that is noted."""
        window = self._windows.get(connection)
        notice_id = window.pending.pop(ack_id, None) if window is not None else None
        if window is None or notice_id is None:
            return False
        self.acknowledged.append(Delivery(connection.user.id, notice_id, wall_ms))
        if window.is_catching_up:
            window.stale_s = now_s + PATIENCE_S
            if not window.pending and not window.is_asking:
                self._go_on(connection, window)
        self._drop_idle(connection, window)
        return True

    def due_s(self) -> float | None:
        """When `advance` may have something to give up. It is asked at every tick, of ten thousand who come back at once."""
        return self._look_s if self._catching_up else None

    def advance(self, now_s: float) -> None:
        """Give up on clients that acknowledge nothing: what is new must reach them all the same."""
        if now_s < self._look_s:
            return
        for connection in list(self._catching_up):
            window = self._windows[connection]
            if window.stale_s <= now_s:
                self._caught_up(connection, window)
        self._look_s = min((self._windows[connection].stale_s for connection in self._catching_up), default=now_s)

    def forget(self, connection: Connection) -> None:
        """The connection is over, or somebody else's."""
        self._catching_up.pop(connection, None)
        window = self._windows.pop(connection, None)
        if window is not None:
            for ack_id in window.pending:
                connection.peer.session.forget_ack(ack_id)


def parcel(entry: Entry, show: Show) -> Parcel:
    """An entry, ready to be sent to any number of connections."""
    return Parcel(entry.notice.id, msgspec.Raw(msgspec.json.encode(shown(entry, show))))

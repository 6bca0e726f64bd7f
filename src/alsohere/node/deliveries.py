"""Notifications on their way to clients, and the acknowledgements that come back.

Owns: per connection, what was sent and not yet acknowledged, and how far it has been told what waited for it.
Invariants: I1 what is acknowledged is written down as delivered, what is not stays undelivered. I2 a connection is sent
notifications in the order of their ids: while it is still being told what waited, a new one waits with the rest. Only what was
scheduled has an id from before its time.
A client that never acknowledges (`socket.on("notification", show)`) is sent everything that is new, without being asked for
acknowledgements beyond the first WINDOW.
Rejected: a queue per connection. What waits is in the store already; a cursor is enough.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from alsohere.domain.inbox import shown
from alsohere.node.connection import Connection
from alsohere.notices import Entry, Show
from alsohere.wire.socketio import encode_fact

WINDOW = 32  # of the 64 acknowledgements that a session may owe
PATIENCE_S = 10.0  # a client that acknowledges nothing for so long is not told what else waited, only what is new

Choose = Callable[[Entry], Show]


class Parcel(NamedTuple):
    """A notification, encoded."""

    id: int
    body: msgspec.Raw


class Window:
    """One connection's share."""

    __slots__ = ("after", "first_new", "has_more", "is_asking", "is_catching_up", "missed", "pending", "stale_s")

    def __init__(self) -> None:
        self.pending: dict[int, int] = {}  # ack id -> notification
        self.is_catching_up = False
        self.after = 0  # the last that it was told of what waited
        self.has_more = False  # that is not the last of it
        self.first_new = 0  # of what is told whether or not anything is acknowledged; 0: unknown
        self.is_asking = False  # what waits is being looked up, or is about to be
        self.missed: list[Parcel] = []  # came since it is; perhaps the answer has it, perhaps not
        self.stale_s = 0.0  # when it has owed acknowledgements for too long


class Deliveries:
    """All windows of one node.

    Args:
        ask_more: is called with a connection that is to be told more of what waits for it.
    """

    def __init__(self, ask_more: Callable[[Connection], None]) -> None:
        self._ask_more = ask_more
        self._windows: dict[Connection, Window] = {}  # of those who are being caught up, or owe an acknowledgement
        self._owing: dict[Connection, None] = {}  # of those, who are told more when they have acknowledged
        self._look_s = 0.0  # until then, nobody's patience ends

    # -- Catching up -------------------------------------------------------------------------------------------------

    def begin(self, connection: Connection) -> None:
        """From now on until everything that waits was told, what is new waits behind what is old."""
        window = self._windows[connection] = Window()
        window.is_catching_up = window.is_asking = True

    def asked(self, connection: Connection) -> Window:
        """The store is being asked now: it knows of everything that came before. Returns what `catch_up` wants back."""
        window = self._windows[connection]
        window.missed.clear()
        return window

    def is_current(self, connection: Connection, window: Window) -> bool:
        """Whether the connection is still there, and still that of the user who was asked about."""
        return self._windows.get(connection) is window

    def catch_up(
        self, connection: Connection, window: Window, entries: Sequence[Entry], choose: Choose, *, more: bool, now_s: float
    ) -> None:
        """Send what waited, oldest first; if there is more, the rest is asked for when this is acknowledged."""
        if not self.is_current(connection, window):
            return
        for entry in entries:
            self._send(connection, window, parcel(entry, choose(entry)))
        if entries:
            window.after = max(window.after, entries[-1].notice.id)
        window.has_more = more
        self._add_missed(connection, window, {entry.notice.id for entry in entries})
        window.is_asking = False
        self._go_on(connection, window, now_s)

    def _add_missed(self, connection: Connection, window: Window, told: set[int]) -> None:
        missed, window.missed = window.missed, []
        for parcel in missed:
            if parcel.id > window.after:
                window.has_more = True
                window.first_new = min(window.first_new or parcel.id, parcel.id)
            elif parcel.id not in told:  # it has begun since: it is not in the rest
                self._send(connection, window, parcel)

    def give_up(self, connection: Connection, window: Window) -> None:
        """What waits cannot be looked up: what is new must reach the connection all the same."""
        if self.is_current(connection, window):
            for parcel in window.missed:
                self._send(connection, window, parcel)
            self._caught_up(connection, window)

    def _go_on(self, connection: Connection, window: Window, now_s: float) -> None:
        if not window.has_more:
            self._caught_up(connection, window)
        elif not window.pending or (window.first_new and window.after >= window.first_new - 1):
            self._ask(connection, window)
        else:
            window.stale_s = now_s + PATIENCE_S
            if not self._owing:
                self._look_s = window.stale_s
            self._owing[connection] = None

    def _ask(self, connection: Connection, window: Window) -> None:
        self._owing.pop(connection, None)
        window.is_asking = True
        self._ask_more(connection)

    def _caught_up(self, connection: Connection, window: Window) -> None:
        self._owing.pop(connection, None)
        window.is_catching_up = window.is_asking = False
        window.missed = []
        self._drop_idle(connection, window)

    def _drop_idle(self, connection: Connection, window: Window) -> None:
        """Most connections wait for nothing, and need no window."""
        if not (window.is_catching_up or window.pending):
            self._windows.pop(connection, None)

    # -- Sending -----------------------------------------------------------------------------------------------------

    def send(self, connection: Connection, parcel: Parcel) -> None:
        """Send something new."""
        window = self._windows.get(connection)
        if window is None:
            window = self._windows[connection] = Window()
        if window.is_asking:
            window.missed.append(parcel)
        elif window.is_catching_up and parcel.id > window.after:
            window.has_more = True
            window.first_new = min(window.first_new or parcel.id, parcel.id)
        elif parcel.id not in window.pending.values():  # who came in the moment of the commit was told of it already
            self._send(connection, window, parcel)

    def _send(self, connection: Connection, window: Window, parcel: Parcel) -> None:
        ack_id = None
        if len(window.pending) < WINDOW:
            ack_id = connection.peer.session.may_expect_ack(connection.namespace)
        if ack_id is not None:
            window.pending[ack_id] = parcel.id
        connection.outbox.put(encode_fact("notification", parcel.body, ack_id=ack_id))

    # -- Acknowledgements --------------------------------------------------------------------------------------------

    def acknowledge(self, connection: Connection, ack_id: int, now_s: float) -> int | None:
        """The notification that this acknowledges, if it does."""
        window = self._windows.get(connection)
        notice_id = window.pending.pop(ack_id, None) if window is not None else None
        if window is None or notice_id is None:
            return None
        window.stale_s = now_s + PATIENCE_S
        if connection in self._owing and not window.pending:
            self._ask(connection, window)
        self._drop_idle(connection, window)
        return notice_id

    def due_s(self) -> float | None:
        """When `advance` may have something to give up. It is asked at every tick, of ten thousand who come back at once."""
        return self._look_s if self._owing else None

    def advance(self, now_s: float) -> None:
        """Lose patience with clients that acknowledge nothing: what else waited stands unread, and what is new is told."""
        if now_s < self._look_s:
            return
        for connection in list(self._owing):
            window = self._windows[connection]
            if window.stale_s > now_s:
                continue
            if window.first_new:
                window.after = max(window.after, window.first_new - 1)
                self._ask(connection, window)
            else:
                self._caught_up(connection, window)
        self._look_s = min((self._windows[connection].stale_s for connection in self._owing), default=now_s)

    def forget(self, connection: Connection) -> None:
        """The connection is over, or somebody else's."""
        self._owing.pop(connection, None)
        window = self._windows.pop(connection, None)
        if window is not None:
            for ack_id in window.pending:
                connection.peer.session.forget_ack(ack_id)


def parcel(entry: Entry, show: Show) -> Parcel:
    """An entry, ready to be sent to any number of connections."""
    return Parcel(entry.notice.id, msgspec.Raw(msgspec.json.encode(shown(entry, show))))

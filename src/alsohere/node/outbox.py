"""What still has to go to one client, and what happens when it does not go.

Owns: the bounded queue of one session, and the slow-reader policy as far as one outbox can follow it (node/slow_readers.py has
the rest).
Invariants: packets leave in the order they were put, but for those that a newer one replaced; at most `limit_bytes` wait, and
one packet that is larger than that by itself (S4); putting never blocks and never raises, so one slow reader never slows a room.

The policy: while the transport takes packets they pass straight through. Once it does not, they wait. When more than
`CONFLATE_AFTER` wait, a presence fact replaces the older one of its room: the client sees the gap in `prev` and asks for
what it missed. When the bytes pass the limit, or the oldest has waited longer than the node allows, the session is closed
with 4408: the client reconnects and gets a snapshot, which is cheaper for everybody than the queue.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import msgspec

from alsohere.ports import Sink
from alsohere.wire.engineio import Packet

CONFLATE_AFTER = 8


class OutboxRules:
    """What all outboxes of a node share.

    Args:
        limit_bytes: how much may wait in one outbox.
        now_s: the clock.
        on_waiting: told an outbox that has begun to wait.
    """

    __slots__ = ("limit_bytes", "now_s", "on_waiting")

    def __init__(self, limit_bytes: int, now_s: Callable[[], float], on_waiting: Callable[[Outbox], None]) -> None:
        self.limit_bytes = limit_bytes
        self.now_s = now_s
        self.on_waiting = on_waiting


class Outbox(msgspec.Struct, eq=False):
    """The queue of one session. `ready` says whether `sink` takes packets now; transports set both."""

    _rules: OutboxRules
    sid: str  # of the session: a reference would make both live until the garbage collector comes
    sink: Sink | None = None
    ready: bool = False
    overflowed: bool = False
    on_packet: Callable[[], None] | None = None  # a waiting poll
    queued_bytes: int = 0
    _queue: deque[tuple[Packet, float]] | None = None

    def __repr__(self) -> str:
        return f"Outbox({self.queued_bytes} bytes wait)"  # what logs local variables would log the sid, which is a secret

    def put(self, packet: Packet) -> None:
        """Send, or keep for later."""
        if self.ready:
            self.sink.write(packet)  # type: ignore[union-attr]  # ready implies a sink
        else:
            self._hold(packet)

    def begin(self, packet: Packet) -> None:
        """The first packet of a session whose transport is there in a moment: nobody need watch how long it waits."""
        self._queue = deque(((packet, self._rules.now_s()),))
        self.queued_bytes = len(packet.data)

    def put_all(self, packets: list[Packet]) -> None:
        """Send several that belong together."""
        for packet in packets:
            self.put(packet)

    def attach(self, sink: Sink | None, *, ready: bool) -> None:
        """Make `sink` the way out; what waits goes first."""
        self.sink = sink
        self.ready = False
        if ready:
            self.resume()

    def resume(self) -> None:
        """The transport takes packets again."""
        if self.overflowed:  # the session is about to be closed: nothing may follow what was thrown away
            return
        self.ready = True
        while self.ready and self._queue and self.sink is not None:
            packet, _ = self._queue.popleft()
            self.queued_bytes -= len(packet.data)
            self.sink.write(packet)
        if not self._queue:
            self._queue = None
        else:
            self._rules.on_waiting(self)

    def pause(self) -> None:
        """The transport's own buffer is full."""
        self.ready = False

    def take(self, limit_bytes: int) -> list[Packet]:
        """What waits, for a poll: at least one packet, and no more bytes than `limit_bytes` beyond the first."""
        taken: list[Packet] = []
        size = 0
        while self._queue and (not taken or size + len(self._queue[0][0].data) <= limit_bytes):
            packet, _ = self._queue.popleft()
            size += len(packet.data) + 1
            self.queued_bytes -= len(packet.data)
            taken.append(packet)
        if not self._queue:
            self._queue = None
        return taken

    def end(self) -> None:
        """The session is over. What waits can still be taken."""
        self.ready = False
        self.sink = None
        self.on_packet = None

    def oldest_s(self) -> float | None:
        """Since when the oldest packet has been waiting."""
        return self._queue[0][1] if self._queue else None

    def discard(self) -> None:
        """Forget everything; nothing is accepted any more."""
        self.overflowed = True
        self.ready = False
        self.on_packet = None
        self._queue = None
        self.queued_bytes = 0

    def _hold(self, packet: Packet) -> None:
        if self.overflowed:
            return
        if self._queue is None:
            self._queue = deque()
            self._rules.on_waiting(self)
        elif packet.conflate is not None and len(self._queue) >= CONFLATE_AFTER:
            self._replace(packet.conflate)
        self._queue.append((packet, self._rules.now_s()))
        self.queued_bytes += len(packet.data)
        if self.queued_bytes > self._rules.limit_bytes and self._is_full(self._queue):
            self.discard()
            self._rules.on_waiting(self)
        elif self.on_packet is not None:
            self.on_packet()

    def _is_full(self, queue: deque[tuple[Packet, float]]) -> bool:
        # A poll and an ASGI server take everything from here. If one large packet were too much, a client would be closed for the
        # snapshot of its room, come back for it, and be closed again.
        largest = max(len(packet.data) for packet, _ in queue)
        return largest <= self._rules.limit_bytes or self.queued_bytes - largest > self._rules.limit_bytes

    def _replace(self, key: str) -> None:
        assert self._queue is not None
        for index, (waiting, _) in enumerate(self._queue):
            if waiting.conflate == key:
                del self._queue[index]
                self.queued_bytes -= len(waiting.data)
                return

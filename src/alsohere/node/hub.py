"""From changes of rooms to outboxes: encode once, send to everybody who watches.

Owns: who watches which room and how, who is in it on this node, and when each room speaks next.
Invariants: a fact is encoded once per channel, however many watch; a room speaks at most once per tick, at once if it was
quiet, so that a calm room has no latency and a storm costs viewers x ticks; a snapshot is answered between two frames and
its receiver is sent every later one (P5).
Rejected: answering `room:enter` from the state of the moment. A snapshot inside a tick forbids changes to cancel out, and a
thousand people who come at once would each be encoded a list of their own.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from itertools import count

import msgspec

from alsohere.domain.feed import Feed, FeedRules
from alsohere.domain.ranking import Ranking
from alsohere.domain.roster import Roster
from alsohere.errors import LimitReached
from alsohere.facts import At, LeaveReason, RankingChanged, RoomCount, Snapshot, Watch
from alsohere.node.connection import Connection
from alsohere.node.metrics import Durations
from alsohere.wire.engineio import Packet
from alsohere.wire.socketio import encode_fact

# A ranking costs a pass over all rooms once a second.
MAX_RANKINGS = 64
MAX_RANKINGS_PER_CONNECTION = 8

log = logging.getLogger("alsohere")

SnapshotAnswer = Callable[[Snapshot], None]


class Audience:
    """Everybody on this node who has to do with one room."""

    __slots__ = ("due_s", "feed", "inside", "waiting", "watchers")

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.inside: dict[Connection, None] = {}
        self.watchers: dict[Watch, dict[Connection, None]] = {}
        self.waiting: list[tuple[Connection, Watch, At | None, SnapshotAnswer]] = []
        self.due_s: float | None = None

    def is_idle(self) -> bool:
        return not (self.inside or self.watchers or self.waiting)


class Standing:
    """A ranking and who watches it."""

    __slots__ = ("ranking", "watchers")

    def __init__(self, ranking: Ranking) -> None:
        self.ranking = ranking
        self.watchers: dict[Connection, None] = {}


class Hub:
    """The fan-out of one node.

    Args:
        roster: where the truth about rooms is.
        rules: limits and intervals.
        wake: asks for `advance` to be called at a time.
        now_s: the time, for how long the fan-out takes.
    """

    def __init__(self, roster: Roster, rules: FeedRules, wake: Callable[[float], None], now_s: Callable[[], float]) -> None:
        self._roster = roster
        self._rules = rules
        self._wake = wake
        self._now_s = now_s
        self._audiences: dict[str, Audience] = {}
        self._due: list[tuple[float, int, Audience]] = []
        self._order = count()
        self._standings: dict[tuple[str, int], Standing] = {}
        self._watched_rankings: dict[Connection, set[tuple[str, int]]] = {}
        self._rankings_due_s = 0.0
        self._rankings_stale = False
        self.deliveries = 0
        self.broadcasts = Durations()

    # -- Who is where ------------------------------------------------------------------------------------------------

    def join(self, connection: Connection, room: str) -> None:
        """The connection is in the room: pushes to the room reach it."""
        self._audience(room).inside[connection] = None

    @property
    def audience_count(self) -> int:
        """How many rooms anybody of this node is in or watches."""
        return len(self._audiences)

    def check_room(self, room: str, most: int) -> None:
        """LimitReached if this would be one room too many: nobody is in it or watches it, and there are `most` already.

        Those that only a grace keeps count too, or whoever comes and goes fast enough could make any number of them.
        """
        if max(len(self._audiences), self._roster.room_count) < most or room in self._audiences:
            return
        if self._roster.room(room) is None:
            raise LimitReached("There are as many rooms as this server keeps; try again later.", retry_after_ms=10_000)

    def part(self, connection: Connection, room: str) -> None:
        """The connection is no longer in the room."""
        audience = self._audiences.get(room)
        if audience is not None:
            audience.inside.pop(connection, None)
            self._forget(room, audience)

    def inside(self, room: str) -> Iterable[Connection]:
        """The connections of this node that are in the room."""
        audience = self._audiences.get(room)
        return list(audience.inside) if audience else ()

    def watchers(self, room: str) -> Iterable[Connection]:
        """The connections of this node that watch the room and have been told how it is."""
        audience = self._audiences.get(room)
        return [connection for watchers in audience.watchers.values() for connection in watchers] if audience else ()

    # -- Watching ----------------------------------------------------------------------------------------------------

    def watch(
        self, connection: Connection, room: str, watch: Watch, since: At | None, answer: SnapshotAnswer, now_s: float
    ) -> None:
        """Begin to watch; `answer` gets the snapshot (or what was missed since) within a tick."""
        audience = self._audience(room)
        audience.feed.open(watch)
        audience.waiting.append((connection, watch, since, answer))
        self.unwatch(connection, room)  # after the line above: the log that `since` needs must outlive this
        if connection.watches is None:
            connection.watches = {}
        connection.watches[room] = watch
        self._schedule(audience, audience.feed.next_s, now_s)

    def show(self, connection: Connection, snapshot: Snapshot) -> None:
        """Tell a client what it watches when it did not ask itself: a snapshot as a first frame, with everybody in `enter`."""
        if not connection.connected:
            return
        members = snapshot.members if snapshot.members is not msgspec.UNSET else []
        fact = {"room": snapshot.room, "mode": snapshot.mode, "epoch": snapshot.epoch, "seq": snapshot.seq, "prev": 0}
        connection.outbox.put(encode_fact("room:changed", {**fact, "count": snapshot.count, "enter": members}))

    def unwatch(self, connection: Connection, room: str) -> None:
        """Stop watching; nothing happens if it did not."""
        watch = connection.watches.pop(room, None) if connection.watches else None
        audience = self._audiences.get(room)
        if watch is None or audience is None:
            return
        watchers = audience.watchers.get(watch)
        if watchers is not None:
            watchers.pop(connection, None)
            if not watchers:
                del audience.watchers[watch]
        self._close_channel(audience, watch)
        self._forget(room, audience)

    def _close_channel(self, audience: Audience, watch: Watch) -> None:
        if watch not in audience.watchers and all(waiting[1] != watch for waiting in audience.waiting):
            audience.feed.close(watch)

    def changed(self, room: str, user_id: str, reason: LeaveReason | None, seq: int, now_s: float) -> None:
        """A member of a room changed."""
        self._rankings_stale = True
        if self._standings:
            self._wake(max(self._rankings_due_s, now_s))
        audience = self._audiences.get(room)
        if audience is None or not (audience.watchers or audience.waiting):
            return
        audience.feed.note(user_id, reason, seq)
        due_s = audience.feed.due_s()
        if due_s is not None:
            self._schedule(audience, due_s, now_s)

    def watch_ranking(self, connection: Connection, prefix: str, limit: int) -> list[RoomCount]:
        """Begin to watch a ranking; returns it.

        Raises:
            LimitReached: too many different rankings are watched already.
        """
        key = (prefix, limit)
        mine = self._watched_rankings.get(connection, set())
        if len(mine) >= MAX_RANKINGS_PER_CONNECTION and key not in mine:
            raise LimitReached(f"A connection watches at most {MAX_RANKINGS_PER_CONNECTION} rankings.")
        standing = self._standings.get(key)
        if standing is None:
            if len(self._standings) >= MAX_RANKINGS:
                raise LimitReached("Too many different rankings are being watched.")
            standing = self._standings[key] = Standing(Ranking(prefix, limit, self._roster))
        standing.watchers[connection] = None
        mine.add(key)
        self._watched_rankings[connection] = mine  # only now: who was refused everything leaves nothing behind
        return standing.ranking.rooms

    def unwatch_ranking(self, connection: Connection, prefix: str, limit: int) -> None:
        """Stop watching a ranking."""
        mine = self._watched_rankings.get(connection)
        if mine is not None:
            mine.discard((prefix, limit))
            if not mine:
                del self._watched_rankings[connection]
        standing = self._standings.get((prefix, limit))
        if standing is not None:
            standing.watchers.pop(connection, None)
            if not standing.watchers:
                del self._standings[prefix, limit]

    def rankings(self, connection: Connection) -> list[tuple[str, int]]:
        """The rankings that a connection watches: prefix and limit of each."""
        return list(self._watched_rankings.get(connection, ()))

    def forget(self, connection: Connection) -> None:
        """The connection is gone: it watches nothing any more."""
        for room in list(connection.watches or ()):
            self.unwatch(connection, room)
        for prefix, limit in self.rankings(connection):
            self.unwatch_ranking(connection, prefix, limit)

    # -- Speaking ----------------------------------------------------------------------------------------------------

    def advance(self, now_s: float) -> None:
        """Say what is due."""
        while self._due and self._due[0][0] <= now_s:
            due_s, _, audience = heappop(self._due)
            if audience.due_s == due_s:  # otherwise it was scheduled earlier meanwhile
                audience.due_s = None
                try:
                    self._speak(audience, now_s)
                except Exception:  # one room must not silence the others
                    log.exception("a room could not be told its news")
        if self._standings and self._rankings_stale and now_s >= self._rankings_due_s:
            self._speak_rankings(now_s)

    def due_s(self) -> float | None:
        """When `advance` will have something to do."""
        due = self._due[0][0] if self._due else None
        if self._standings and self._rankings_stale:
            due = self._rankings_due_s if due is None else min(due, self._rankings_due_s)
        return due

    def _speak(self, audience: Audience, now_s: float) -> None:
        feed = audience.feed
        for watch, frame in feed.flush(now_s):
            watchers = audience.watchers.get(watch)
            if watchers:
                self.deliver(encode_fact("room:changed", frame, conflate=f"room:{feed.room}"), watchers)
        waiting, audience.waiting = audience.waiting, []
        for connection, watch, since, answer in waiting:
            answer(feed.snapshot(watch, since))
            if connection.connected and connection.watches and connection.watches.get(feed.room) == watch:
                audience.watchers.setdefault(watch, {})[connection] = None
        for _, watch, _, _ in waiting:
            self._close_channel(audience, watch)
        self._forget(feed.room, audience)
        due_s = feed.due_s()
        if due_s is not None:
            self._schedule(audience, due_s, now_s)

    def _speak_rankings(self, now_s: float) -> None:
        self._rankings_stale = False
        self._rankings_due_s = now_s + self._rules.slow_tick_s
        for standing in self._standings.values():
            fact = standing.ranking.refresh(self._roster)
            if fact is not None:
                self.deliver(encode_ranking(fact), standing.watchers)

    def deliver(self, packet: Packet, connections: Iterable[Connection]) -> int:
        """Hand one packet to many outboxes; returns to how many."""
        reached = 0
        began_s = self._now_s()
        for connection in connections:
            connection.outbox.put(packet)
            reached += 1
        self.broadcasts.add(self._now_s() - began_s)
        self.deliveries += reached
        return reached

    # -- Keeping house -----------------------------------------------------------------------------------------------

    def _audience(self, room: str) -> Audience:
        audience = self._audiences.get(room)
        if audience is None:
            audience = self._audiences[room] = Audience(Feed(room, self._roster, self._rules))
        return audience

    def _forget(self, room: str, audience: Audience) -> None:
        # The room may have a new audience meanwhile, while this one still stood in the schedule.
        if audience.is_idle() and self._audiences.get(room) is audience:
            del self._audiences[room]

    def _schedule(self, audience: Audience, due_s: float, now_s: float) -> None:
        due_s = max(due_s, now_s)
        if audience.due_s is None or due_s < audience.due_s:
            audience.due_s = due_s
            heappush(self._due, (due_s, next(self._order), audience))
            self._wake(due_s)


def encode_ranking(fact: RankingChanged) -> Packet:
    """A ranking as a packet."""
    return encode_fact("ranking:changed", fact, conflate=f"ranking:{fact.limit}:{fact.prefix}")

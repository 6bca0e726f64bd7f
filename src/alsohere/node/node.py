"""One process of alsohere: every command as a method, and nothing decided here.

Owns: the peers and connections of this process, and the wiring between the parts that decide (presence, feeds, sessions) and
the parts that send (hub, outboxes).
Invariants: every transition of presence goes through `_apply`, once; a connection is in `_connections` exactly while it is in
presence; whatever ends a peer ends in `forget`.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Collection, Coroutine, Iterable
from typing import Any

import msgspec

from alsohere.domain.access import check_room, patch_state
from alsohere.domain.feed import FeedRules
from alsohere.domain.identity import check_user
from alsohere.domain.lock import LockRules
from alsohere.domain.presence import Presence, Transition
from alsohere.errors import BadRequest, CloseCode, Disconnect, LimitReached, NotInRoom
from alsohere.facts import At, LeaveReason, Member, RoomCount, Snapshot, Status, Watch
from alsohere.node.admission import Admission
from alsohere.node.connection import Connection
from alsohere.node.dispatch import Dispatch
from alsohere.node.expiry import Expiries, ExpiryRules
from alsohere.node.grants import Grant, grants_of, may_keep, withdraw
from alsohere.node.handshake import Handshake
from alsohere.node.history import History, HistoryRules
from alsohere.node.hooks import Handler, Hooks
from alsohere.node.hub import Hub, SnapshotAnswer
from alsohere.node.ids import Ids
from alsohere.node.inbox_desk import InboxDesk, InboxRules
from alsohere.node.lane import Lane
from alsohere.node.lock_desk import LockDesk, Receipts
from alsohere.node.metrics import Metrics
from alsohere.node.outbox import OutboxRules
from alsohere.node.peer import Peer
from alsohere.node.pushes import Pushes
from alsohere.node.rates import EventRates
from alsohere.node.slow_readers import SlowReaders
from alsohere.node.webhooks import WebhookRules, Webhooks
from alsohere.node.wheel import Wheel
from alsohere.ports import Alarm, Authenticator, HistoryStore, InboxStore, LockStore, Rooms, TokenVerifier, WebhookStore
from alsohere.session.events import AckReceived, ConnectAsked, Event, EventReceived, NamespaceLeft, Reply, TransportClosed
from alsohere.session.session import Session, SessionRules
from alsohere.types import ONLINE, Clock, Scalar, User
from alsohere.wire.socketio import MAIN

MAX_WAITING_HOOKS = 10_000
MAX_WAVES, MIN_WAVE = 10, 50
ENDED = Disconnect(CloseCode.NORMAL, "disconnected by the application")
HANDLERS_S = 5.0  # what the application's handlers have to finish in at shutdown


class NodeRules(msgspec.Struct, frozen=True):
    """Limits of one process; see the settings of the same names."""

    leave_grace_s: float = 2.0
    connections: int = 18_000
    connections_per_user: int = 100
    connections_per_client: int = 2_000
    pending_per_client: int = 1_000
    rooms: int = 100_000
    rooms_per_connection: int = 32
    watches_per_connection: int = 100
    locks_per_connection: int = 32
    packets_per_s: float = 50.0
    packet_burst: float = 200.0
    user_events_per_s: float = 200.0
    user_event_burst: float = 1_000.0
    client_events_per_s: float = 5_000.0
    client_event_burst: float = 20_000.0
    outbox_bytes: int = 256 * 1024
    outbox_age_s: float = 10.0
    wheel_resolution_s: float = 0.05


class Node:
    """One process.

    Args:
        rooms: the membership of all nodes.
        rules, session_rules, feed_rules: numbers.
        hooks: what the application wants to be asked and told.
        authenticator: decides who a connection is.
        token_verifier: turns a token into a user, for `user:identify`.
        clock: time.
        alarm: asks for `advance` to be called.
        lock_store, lock_rules, receipts: see node/lock_desk.py.
        inbox_store, inbox_rules: see node/inbox_desk.py.
        history_store, history_rules: see node/history.py.
        webhook_store, webhook_rules: see node/webhooks.py.
        expiry_rules: see node/expiry.py.
        incarnation: this life of this process.
    """

    def __init__(
        self,
        *,
        rooms: Rooms,
        rules: NodeRules,
        session_rules: SessionRules,
        feed_rules: FeedRules,
        hooks: Hooks,
        authenticator: Authenticator,
        token_verifier: TokenVerifier,
        clock: Clock,
        alarm: Alarm,
        lock_store: LockStore,
        lock_rules: LockRules,
        receipts: Receipts,
        inbox_store: InboxStore,
        inbox_rules: InboxRules,
        history_store: HistoryStore,
        history_rules: HistoryRules,
        expiry_rules: ExpiryRules,
        incarnation: str,
        webhook_store: WebhookStore | None = None,
        webhook_rules: WebhookRules | None = None,
    ) -> None:
        self.log = logging.getLogger("alsohere")
        self.rules = rules
        self.session_rules = session_rules
        self.hooks = hooks
        self.clock = clock
        self.metrics = Metrics()
        self.ids = Ids()
        self.rates = EventRates(rules, clock, self.metrics)
        self.verify_token = token_verifier
        self.draining = False
        self.peers: dict[str, Peer] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self.slow_readers = SlowReaders(self, rules.outbox_age_s)
        self.outbox_rules = OutboxRules(rules.outbox_bytes, clock.now_s, self.slow_readers.add)
        self.hub = Hub(rooms.roster, feed_rules, alarm, clock.now_s)
        self.presence = Presence(rules.leave_grace_s)
        self.push = Pushes(self)
        self.tick_s = feed_rules.tick_s
        self.locks = LockDesk(self, lock_store, lock_rules, rules.locks_per_connection, receipts, incarnation)
        self.inbox = InboxDesk(self, inbox_store, inbox_rules)
        self.history = History(self, history_store, history_rules, incarnation)
        self.expiries = Expiries(self, expiry_rules)
        self.webhooks = Webhooks(self, webhook_store, webhook_rules or WebhookRules(), incarnation)
        self.admission = Admission(self, authenticator)
        self.dispatch = Dispatch(self)
        self._rooms = rooms
        self._alarm = alarm
        self._connections: dict[str, Connection] = {}
        self._wheel: Wheel[Peer] = Wheel(rules.wheel_resolution_s)
        self._presence_lane = Lane(MAX_WAITING_HOOKS, self.tasks)
        rooms.listen(self._room_changed)

    # -- Sessions come and go ----------------------------------------------------------------------------------------

    def open(self, handshake: Handshake, session_rules: SessionRules | None = None, kind: type[Session] = Session) -> Peer:
        """Begin a session for a client whose request was good.

        Args:
            handshake: the request.
            session_rules: other numbers than the node's.
            kind: of which revision the session is.

        Raises:
            LimitReached: no more sessions are taken, from this address or at all.
        """
        self.admission.check_capacity(handshake.client)
        now_s = self.clock.now_s()
        session = kind(self.ids.new(), session_rules or self.session_rules, now_s)
        peer = self.peers[session.sid] = Peer(self, session, handshake, now_s)
        self.metrics.opened += 1
        self.admission.pending(peer)
        self.watch_time(peer)
        return peer

    def find(self, sid: str) -> Connection | None:
        """The connection with a Socket.IO id, if it is connected to this node."""
        return self._connections.get(sid)

    def connections(self) -> list[Connection]:
        """All connections of this node."""
        return list(self._connections.values())

    def connections_of(self, user_id: str) -> list[Connection]:
        """The connections of a user at this node."""
        person = self.presence.person(user_id)
        return [self._connections[tab.sid] for tab in person.tabs if tab.sid in self._connections] if person else []

    def is_in_room(self, user_id: str, room: str) -> bool:
        """Whether a user is in a room, on this node."""
        person = self.presence.person(user_id)
        return person is not None and room in person.memberships

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run something beside everything else, and keep it until it is done."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.log.error("internal error in a task", exc_info=error)
            self.metrics.internal_error()

    def watch_time(self, peer: Peer) -> None:
        """Have `peer.tick` called when its session is due."""
        if peer.slot:
            self._wheel.remove(peer, peer.slot)
        due_s = peer.session.due_s()
        peer.due_s = due_s if peer.poll_by_s is None else min(due_s, peer.poll_by_s)
        peer.slot = self._wheel.put(peer, peer.due_s)
        self._alarm(self._wheel.fires_s(peer.slot))

    def forget(self, peer: Peer, reason: LeaveReason) -> None:
        """A session is over: its connections lose their transport, and nothing of it is kept."""
        self.peers.pop(peer.sid, None)
        self._wheel.remove(peer, peer.slot)
        self.slow_readers.forget(peer.outbox)
        self.admission.gone(peer)
        for connection in list(peer.connections):
            # A client that was silent has had its time already (P12).
            self.end_connection(connection, reason, grace=reason == "disconnected")

    def admit(self, connection: Connection, user: User) -> None:
        """A connection is who it says: it is online from now on."""
        connection.user = user
        connection.connected = True
        self._connections[connection.sid] = connection
        transitions = self.presence.connect(connection.sid, user, suspended=connection.peer.missing)
        transitions += self.presence.enter(connection.sid, ONLINE, None, self.clock.wall_ms())
        self._apply(transitions)
        self.inbox.arrive(connection)

    def suspend(self, peer: Peer) -> None:
        """A client may be gone: others see it leave, and it keeps its session for a while."""
        for connection in peer.connections:
            self._apply(self.presence.suspend(connection.sid), connection.user.id)

    def resume(self, peer: Peer) -> None:
        """It was not."""
        for connection in peer.connections:
            self._apply(self.presence.resume(connection.sid, self.clock.wall_ms()), connection.user.id)

    def end_connection(self, connection: Connection, reason: LeaveReason, *, grace: bool) -> None:
        """A connection is over."""
        if connection in connection.peer.connections:
            connection.peer.connections.remove(connection)
        if not connection.connected:
            return
        connection.connected = False
        self._part(connection)
        self.hub.forget(connection)
        self.inbox.leave(connection)
        self.expiries.forget(connection)
        del self._connections[connection.sid]
        self.locks.left(connection, grace=grace)
        self._apply(self.presence.disconnect(connection.sid, reason, connection.peer.lost_s(), grace=grace), connection.user.id)
        self.wake()  # a grace may have begun
        self.dispatch.disconnected(connection, reason)

    def handle(self, peer: Peer, event: Event) -> None:
        """Something arrived from a client."""
        if isinstance(event, EventReceived):  # first, because nearly all are
            self.dispatch.event(peer.connection(event.namespace), event)
        elif isinstance(event, ConnectAsked):
            self.admission.ask(peer, event)
        elif isinstance(event, NamespaceLeft):
            # Said, not lost: the client took leave of us, so there is no grace (P3).
            self.end_connection(peer.connection(event.namespace), "left", grace=False)
        elif isinstance(event, TransportClosed):
            peer.disconnect(Disconnect(CloseCode.NORMAL, "closed by the client"))
        elif isinstance(event, Reply):
            peer.outbox.put(event.packet)
        elif isinstance(event, AckReceived):
            if not self.inbox.acknowledged(peer.connection(event.namespace), event.ack_id):
                self.dispatch.acknowledged(peer, event)
        else:
            self.dispatch.event(peer.connection(event.namespace), event)

    # -- Commands ----------------------------------------------------------------------------------------------------

    def enter(
        self, connection: Connection, room: str, state: dict[str, Scalar] | None, watch: Watch, *, grace: bool = True
    ) -> Member:
        """`room:enter`; see `Connection.enter`."""
        check_room(room)
        self._require(connection)
        if watch != "none":
            self._require_main(connection)
        checked = None if state is None else patch_state({}, state)
        rooms = self.presence.rooms(connection.sid)
        # @online is one of them and does not count against the limit.
        if room not in rooms and len(rooms) > self.rules.rooms_per_connection:
            raise LimitReached(f"A connection is in at most {self.rules.rooms_per_connection} rooms; leave one first.")
        self.hub.check_room(room, self.rules.rooms)
        self._apply(self.presence.enter(connection.sid, room, checked, self.clock.wall_ms()), connection.user.id)
        if room != ONLINE:
            self.hub.join(connection, room)
        if not grace:
            self.presence.forgo_grace(connection.sid, room)
        if watch != "none":
            self.watch(connection, room, watch, None, lambda snapshot: self.hub.show(connection, snapshot))
        return self.presence.member(connection.sid, room)

    def leave(self, connection: Connection, room: str) -> None:
        """`room:leave`."""
        self._require(connection)
        if room == ONLINE:
            raise NotInRoom("@online cannot be left; disconnect instead.")
        if room not in self.presence.rooms(connection.sid):
            raise NotInRoom("This connection is not in that room: send room:enter first.")
        self._leave_and_unwatch(connection, room)

    def update(self, connection: Connection, room: str, patch: dict[str, Scalar]) -> Member:
        """`room:update`."""
        self._require(connection)
        state = patch_state(self.presence.state(connection.sid, room), patch)
        self._apply(self.presence.update(connection.sid, room, state))
        return self.presence.member(connection.sid, room)

    def watch(self, connection: Connection, room: str, watch: Watch, since: At | None, answer: SnapshotAnswer) -> None:
        """`room:watch`, and the watching half of `room:enter`."""
        self._require_main(connection)
        self.hub.watch(connection, room, watch, since, answer, self.clock.now_s())

    def unwatch(self, connection: Connection, room: str) -> None:
        """`room:unwatch`."""
        self.hub.unwatch(connection, room)

    def check_watch_limit(self, connection: Connection, rooms: list[str]) -> None:
        """LimitReached if watching these too would be too many, for the connection or for the node."""
        if len({*(connection.watches or ()), *rooms}) > self.rules.watches_per_connection:
            raise LimitReached(f"A connection watches at most {self.rules.watches_per_connection} rooms; unwatch some first.")
        for room in rooms:
            self.hub.check_room(room, self.rules.rooms)

    def watch_ranking(self, connection: Connection, prefix: str, limit: int) -> list[RoomCount]:
        """`ranking:watch`."""
        return self.hub.watch_ranking(connection, prefix, limit)

    def unwatch_ranking(self, connection: Connection, prefix: str, limit: int) -> None:
        """`ranking:unwatch`."""
        self.hub.unwatch_ranking(connection, prefix, limit)

    def identify(self, connection: Connection, user: User, expires_s: int = 0, refused: Collection[Grant] = ()) -> User:
        """`user:identify`; `expires_s` is the date of the token, `refused` what the application does not let the user keep."""
        self._require(connection)
        user = check_user(user)
        if user.id != connection.user.id:  # a new token of the same user makes no new connection
            self.admission.check_user(user)
            self.locks.left(connection, grace=False)  # they are the old user's
            self.inbox.leave(connection)
        for grant in list(grants_of(self, connection)):
            if grant in refused or not may_keep(user, grant):
                withdraw(self, connection, grant)
        before, connection.user = connection.user, user
        self._apply(self.presence.identify(connection.sid, user, self.clock.wall_ms()), before.id, user.id)
        self.expiries.admitted(connection, expires_s)
        if before.id != user.id:
            self.inbox.arrive(connection)
        return user

    def set_status(self, connection: Connection, status: Status) -> None:
        """`user:status`."""
        self._apply(self.presence.set_status(connection.sid, status), connection.user.id)

    # -- Sending -----------------------------------------------------------------------------------------------------

    def emit(self, connection: Connection, name: str, args: tuple[Any, ...]) -> None:
        """An event to one connection."""
        if connection.connected:
            connection.outbox.put_all(connection.peer.session.send(connection.namespace, name, args))

    async def call(self, connection: Connection, name: str, args: tuple[Any, ...], timeout_s: float) -> list[Any]:
        """An event to one connection, and its acknowledgement."""
        return await self.dispatch.call(connection, name, args, timeout_s)

    def acknowledge(self, connection: Connection, ack_id: int, args: tuple[Any, ...]) -> None:
        """The application's answer to a client's event."""
        if connection.connected:
            connection.outbox.put_all(connection.peer.session.acknowledge(connection.namespace, ack_id, args))

    def answer(self, connection: Connection, ack_id: int, content: Any) -> None:
        """Our own answer to a client's event, in which there are no bytes."""
        if connection.connected:
            connection.outbox.put_all(connection.peer.session.answer(connection.namespace, ack_id, content))

    def kick(self, user_id: str) -> int:
        """End every connection of a user; their clients stay away. Returns how many there were."""
        connections = self.connections_of(user_id)
        for forget in self.hooks.kicked:
            forget(user_id)
        for connection in connections:
            self._part(connection)
        self._apply(self.presence.kick(user_id))
        for connection in connections:
            self.kick_connection(connection, Disconnect(CloseCode.FORBIDDEN, "kicked"))
        return len(connections)

    def kick_connection(self, connection: Connection, why: Disconnect = ENDED) -> None:
        """End one connection; its client stays away. The transport ends with the last: there may be others, of other users."""
        if not connection.connected:
            return
        peer = connection.peer
        peer.outbox.put(peer.session.leave(connection.namespace, self.clock.now_s()))
        self.end_connection(connection, "kicked", grace=False)
        if not peer.connections:
            peer.disconnect(why, reason="kicked")

    # -- Questions ---------------------------------------------------------------------------------------------------

    def rooms_of(self, connection: Connection) -> list[str]:
        """The rooms a connection is in, `@online` left out."""
        return [room for room in self.presence.rooms(connection.sid) if room != ONLINE]

    def member_of(self, connection: Connection, room: str) -> Member | None:
        """How others see this connection's user in a room, if it is there."""
        try:
            return self.presence.member(connection.sid, room)
        except (NotInRoom, KeyError):
            return None

    def glance(self, room: str) -> Snapshot:
        """A room without its members: what somebody is told who does not watch it."""
        roster = self._rooms.roster
        known = roster.room(room)
        return Snapshot(room, "none", roster.count(room), roster.epoch, known.seq if known else 0)

    def members(self, room: str) -> list[Member]:
        """Everybody in a room who may be named, in the order in which they came."""
        known = self._rooms.roster.room(room)
        named = [member for member in known.members.values() if member.status != "invisible"] if known else []
        return sorted(named, key=lambda member: (member.since, member.generation))

    def members_by_room(self) -> dict[str, list[str]]:
        """The ids of everybody in every room, invisible users too."""
        return {room: list(known.members) for room, known in self._rooms.roster.items()}

    def count(self, room: str) -> int:
        """How many distinct users are in a room."""
        return self._rooms.roster.count(room)

    def ranking(self, prefix: str, limit: int) -> list[RoomCount]:
        """The rooms with the most people."""
        return self._rooms.roster.ranking(prefix, limit)

    def rooms_by_name(self, prefix: str, limit: int) -> list[RoomCount]:
        """The first rooms by name."""
        return self._rooms.roster.by_name(prefix, limit)

    def whereabouts(self, user_id: str) -> tuple[Member | None, list[str]]:
        """A user as a member of `@online`, invisible or not, and the rooms that they are in; (None, []) if they are not here."""
        online = self._rooms.roster.room(ONLINE)
        member = online.members.get(user_id) if online else None
        person = self.presence.person(user_id)
        return member, [room for room in person.memberships if room != ONLINE] if member and person else []

    @property
    def connection_count(self) -> int:
        """Connections of this node."""
        return len(self._connections)

    @property
    def room_count(self) -> int:
        """Rooms with anybody in them, over all nodes."""
        return self._rooms.roster.room_count

    # -- Time --------------------------------------------------------------------------------------------------------

    def advance(self, now_s: float) -> None:
        """Do everything that is due, and ask to be called again."""
        try:
            for peer in self._wheel.turn(now_s):
                peer.slot = 0
                peer.tick(now_s)
                if not peer.ended:
                    self.watch_time(peer)
            self._apply(self.presence.expire(now_s))
            self.hub.advance(now_s)
            self.locks.advance(now_s)
            self.inbox.advance(now_s)
            self.history.advance(now_s)
            self.webhooks.advance(now_s)
            self.expiries.advance()
            self.slow_readers.advance(now_s)
        finally:  # whatever fails, time must go on
            self.wake()

    def wake(self) -> None:
        """Ask for `advance` to be called when the next thing is due."""
        parts = (self._wheel, self.hub, self.locks, self.inbox, self.history, self.expiries, self.webhooks, self.slow_readers)
        dues = [self.presence.next_due_s(), *(part.due_s() for part in parts)]
        due_s = min((due for due in dues if due is not None), default=None)
        if due_s is not None:
            self.wake_by(due_s)

    def wake_by(self, due_s: float) -> None:
        """Ask for `advance` to be called at that time, or before."""
        self._alarm(due_s)

    async def drain(self, over_s: float) -> None:
        """Take no new sessions and close those there are, in waves, so that their clients do not all come back at once."""
        self.draining = True
        peers = list(self.peers.values())
        waves = min(MAX_WAVES, -(-len(peers) // MIN_WAVE))
        for wave in range(waves):
            if wave:
                await asyncio.sleep(over_s / MAX_WAVES)
            for peer in peers[wave::waves]:
                peer.disconnect(Disconnect(CloseCode.RESTART, "restarting"))
        # Nobody will come back to this process: graces end now, so that what the application has written down ends with it (P4).
        self._apply(self.presence.expire(math.inf))
        self.spawn(self.inbox.acknowledgements.finish())
        await asyncio.wait(self.tasks, timeout=HANDLERS_S)
        await self.history.finish()
        await self.webhooks.finish()

    # -- Wiring ------------------------------------------------------------------------------------------------------

    def _require(self, connection: Connection) -> None:
        if not connection.connected:
            raise NotInRoom("This connection has ended.")

    def _require_main(self, connection: Connection) -> None:
        if connection.namespace != MAIN:
            raise BadRequest("Facts about rooms go to the main namespace only; watch from there.")

    def _leave_and_unwatch(self, connection: Connection, room: str) -> None:
        transitions = self.presence.leave(connection.sid, room) if room in self.presence.rooms(connection.sid) else []
        self.hub.part(connection, room)
        self.hub.unwatch(connection, room)
        self._apply(transitions, connection.user.id)

    def _part(self, connection: Connection) -> None:
        for room in self.presence.rooms(connection.sid):
            self.hub.part(connection, room)

    def _apply(self, transitions: Iterable[Transition], *user_ids: str) -> None:
        """Tell everybody concerned; `user_ids` are those whose tabs have changed."""
        for transition in transitions:
            if transition.member is None:
                self.metrics.leaves[transition.reason or "left"] += 1
            elif transition.before is None:
                self.metrics.enters += 1
            else:
                self.metrics.updates += 1
            self._rooms.state(transition)
            self.history.note(transition)
            if self.webhooks.enabled:
                self.webhooks.note(transition, self.count(transition.room))
            if self.hooks.watches_presence:
                self._tell_application(transition)
        for user_id in user_ids:
            self.history.look(user_id)

    def _tell_application(self, transition: Transition) -> None:
        self.call_hooks(*self._presence_handlers(transition))

    def call_hooks(self, handlers: list[Handler], args: list[Any]) -> None:
        """Tell the application, after everything that it was told before."""
        for handler in handlers:
            if not self._presence_lane.submit(lambda handler=handler: self.dispatch.guard(handler, args)):  # type: ignore[misc]
                self.log.error("a hook is too slow: %d calls are waiting, this one is dropped", MAX_WAITING_HOOKS)

    def _presence_handlers(self, transition: Transition) -> tuple[list[Handler], list[Any]]:
        if transition.member is None:
            return self.hooks.leave, [transition.room, transition.before, transition.reason]
        if transition.before is None:
            return self.hooks.enter, [transition.room, transition.member]
        return self.hooks.update, [transition.room, transition.member]

    def _room_changed(self, room: str, user_id: str, reason: LeaveReason | None, seq: int) -> None:
        self.hub.changed(room, user_id, reason, seq, self.clock.now_s())

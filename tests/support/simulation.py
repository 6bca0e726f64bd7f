"""The real node under a simulated clock, with clients that are made of nothing but the packets they were sent."""

from __future__ import annotations

import json
from typing import Any

from alsohere.backends.memory import MemoryRooms
from alsohere.backends.memory_history import MemoryHistory
from alsohere.backends.memory_inbox import MemoryInbox
from alsohere.backends.memory_locks import MemoryLocks
from alsohere.domain.attention import PRESETS
from alsohere.domain.feed import FeedRules
from alsohere.domain.lock import LockRules
from alsohere.errors import CloseCode, Unauthenticated
from alsohere.node.expiry import ExpiryRules
from alsohere.node.handshake import Handshake
from alsohere.node.history import HistoryRules
from alsohere.node.hooks import Handler, Hooks
from alsohere.node.inbox_desk import InboxRules
from alsohere.node.node import Node, NodeRules
from alsohere.node.peer import Peer
from alsohere.node.webhooks import WebhookRules
from alsohere.ports import HistoryStore, InboxStore, LockStore, WebhookStore
from alsohere.session.session import SessionRules
from alsohere.types import User, Vouched
from alsohere.wire.engineio import Packet


class SimulatedClock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.time_s = 1000.0
        self.step_ms = 0  # by how much the wall clock was set

    def now_s(self) -> float:
        return self.time_s

    def wall_ms(self) -> int:
        return int(self.time_s * 1000) + self.step_ms


class World:
    """A node, its clock, and everything that its hooks were told."""

    def __init__(
        self,
        rules: NodeRules | None = None,
        feed_rules: FeedRules | None = None,
        session_rules: SessionRules | None = None,
        lock_store: LockStore | None = None,
        lock_rules: LockRules | None = None,
        inbox_store: InboxStore | None = None,
        inbox_rules: InboxRules | None = None,
        history_store: HistoryStore | None = None,
        history_rules: HistoryRules | None = None,
        expiry_rules: ExpiryRules | None = None,
        webhook_store: WebhookStore | None = None,
        webhook_rules: WebhookRules | None = None,
        incarnation: str = "n1",
    ) -> None:
        self.clock = SimulatedClock()
        self.hooks = Hooks()
        self.told: list[tuple[str, str, str]] = []  # (enter | update | leave, room, user)
        self.reasons: list[str] = []
        self.hooks.enter.append(Handler(lambda room, member: self.told.append(("enter", room, member.id))))
        self.hooks.update.append(Handler(lambda room, member: self.told.append(("update", room, member.id))))
        self.hooks.leave.append(Handler(self._left))
        self.rooms = MemoryRooms(epoch="e1")
        self.lock_store = lock_store or MemoryLocks(first_fence=0)
        self.inbox_store = inbox_store or MemoryInbox(first_id=0)
        self.history_store = history_store or MemoryHistory(MemoryLocks(first_fence=0))
        self.due_s: float | None = None
        self.node = Node(
            rooms=self.rooms,
            rules=rules or NodeRules(),
            session_rules=session_rules or SessionRules(),
            feed_rules=feed_rules or FeedRules(),
            hooks=self.hooks,
            authenticator=lambda connection: Vouched(self.user(connection.auth), connection.auth.get("exp", 0)),
            token_verifier=self.vouch,
            clock=self.clock,
            alarm=self._alarm,
            lock_store=self.lock_store,
            lock_rules=lock_rules or LockRules(),
            receipts=lambda lock, fence, user: f"{lock} {fence} {user}",
            inbox_store=self.inbox_store,
            inbox_rules=inbox_rules or InboxRules(enabled=True, categories=PRESETS, retention_s=86_400.0),
            history_store=self.history_store,
            history_rules=history_rules or HistoryRules(),
            expiry_rules=expiry_rules or ExpiryRules(),
            incarnation=incarnation,
            webhook_store=webhook_store,
            webhook_rules=webhook_rules,
        )

    def _left(self, room: str, member: Any, reason: str) -> None:
        self.told.append(("leave", room, member.id))
        self.reasons.append(reason)

    def _alarm(self, at_s: float) -> None:
        self.due_s = at_s if self.due_s is None else min(self.due_s, at_s)

    def vouch(self, token: str) -> Vouched:
        """A token is a user's id, and perhaps a date behind a space."""
        user, _, expires_s = token.partition(" ")
        return Vouched(self.user({"user": user}), int(expires_s or 0))

    @staticmethod
    def user(auth: dict[str, Any]) -> User:
        if not auth.get("user"):
            raise Unauthenticated("Say who you are.")
        return User(auth["user"], auth.get("name", auth["user"].title()))

    def client(self, user: str, **auth: Any) -> SimulatedClient:
        """A new connected client."""
        client = SimulatedClient(self)
        client.send("40" + json.dumps({"user": user, **auth}))
        return client

    def pass_time(self, seconds: float) -> None:
        """Let time pass, with every alarm rung when it is due and never before: an alarm that is missing shows as a missing deed."""
        end = self.clock.time_s + seconds
        while self.due_s is not None and self.due_s <= end:
            self.clock.time_s = max(self.clock.time_s, self.due_s)
            self.due_s = None
            self.node.advance(self.clock.time_s)
        self.clock.time_s = end


class SimulatedClient:
    """A client on a transport that keeps what was written. It answers pings, unless `is_silent`."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.packets: list[str] = []
        self.acks: dict[int, Any] = {}
        self.events: list[tuple[str, list[Any]]] = []
        self.closed: tuple[int, str] | None = None
        self.is_silent = False
        self._next_ack = 0
        self.peer: Peer = world.node.open(Handshake((), b"", "10.0.0.1"))
        self.peer.outbox.attach(self, ready=True)

    # -- The transport (a `ports.Sink`) ------------------------------------------------------------------------------

    def write(self, packet: Packet) -> None:
        assert self.closed is None, "written after close (S3)"
        text = packet.data.decode()
        self.packets.append(text)
        if text == "2" and not self.is_silent:
            self.peer.receive(b"3")
        elif text[2:3] == "/":
            return  # another namespace: tests read its packets
        elif text.startswith("43"):
            at = text.index("[")
            ack_id = int(text[2:at])
            assert ack_id not in self.acks, "acknowledged twice (S2)"
            self.acks[ack_id] = json.loads(text[at:])
            self.answered(ack_id)
        elif text.startswith("42"):
            name, *args = json.loads(text[text.index("[") :])  # behind an ack id, if an answer is wanted
            self.events.append((name, args))
            self.heard(name, args)

    def close(self, code: CloseCode, reason: str) -> None:
        self.closed = (int(code), reason)

    def heard(self, name: str, args: list[Any]) -> None:
        """For clients that keep a copy."""

    def answered(self, ack_id: int) -> None:
        """For those too: `acks` has it."""

    # -- What a client does ------------------------------------------------------------------------------------------

    @property
    def connection(self) -> Any:
        return self.peer.connection("/")

    def send(self, packet: str) -> None:
        self.peer.receive(packet.encode())

    def ask(self, event: str, *args: Any) -> int:
        """Send an event that wants an ack; returns its id."""
        self._next_ack += 1
        self.send(f"42{self._next_ack}{json.dumps([event, *args])}")
        return self._next_ack

    def call(self, event: str, *args: Any) -> Any:
        """Send an event, let one tick pass if it takes that, and return the ack's argument."""
        ack_id = self.ask(event, *args)
        if ack_id not in self.acks:
            self.world.pass_time(0.11)
        return self.acks[ack_id][0]

    def lose_transport(self) -> None:
        """The network takes the connection, without a word."""
        self.closed = self.closed or (1006, "lost")
        self.peer.end()

    def last(self, event: str) -> Any:
        """The argument of the newest event of that name."""
        return next(args[0] for name, args in reversed(self.events) if name == event)

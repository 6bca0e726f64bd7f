"""Where messages become things that people have: sent, told, delivered, marked.

Owns: the order "write, then tell", who is told what, and the counts that every tab shows.
Invariants: I1 what is written is sent to every connection of its receivers, or stands unread. I4 the counts that are told are
counted by the store, after what changed them; of several changes within a tick only the result is told. I6 what was recalled or
is over is taken off every screen. I7 nobody is answered before the store has it.
Rejected: counting along with what is sent and read. It is faster, and every inbox that does it has a badge that is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from alsohere.domain.attention import Category, is_muted, is_quiet, show
from alsohere.domain.inbox import NEW, is_open, shown
from alsohere.errors import Refusal
from alsohere.node.connection import Connection
from alsohere.node.deliveries import Deliveries, Parcel, parcel
from alsohere.node.waiting import outcome_of
from alsohere.node.zones import minute_of_day
from alsohere.notices import (
    Draft,
    Due,
    Edit,
    Edited,
    Entry,
    InboxChanged,
    InboxMarked,
    Marked,
    Marking,
    MessageReceipt,
    Notice,
    Notification,
    NotificationChanged,
    NotificationRecalled,
    Preferences,
    Receipt,
    RecipientResult,
    SendResult,
    Sent,
    Show,
    Unread,
    Withdrawn,
)
from alsohere.ports import InboxStore, PreferencesStep
from alsohere.wire.engineio import Packet
from alsohere.wire.socketio import MAIN, encode_fact

if TYPE_CHECKING:
    from alsohere.node.node import Node

RETRY_S = 1.0
MOST_WAITING = 32
EVERYBODY = "*"
NO_WISHES = Preferences()

Results = Callable[["list[SendResult | Refusal] | Refusal"], None]
MarkedDone = Callable[["Marked | Refusal"], None]


class InboxRules(msgspec.Struct, frozen=True):
    """How notifications are delivered.

    Args:
        enabled: whether clients are told of their inbox at all.
        between_users: whether users may write to each other where no hook decides.
        categories: by name; others are delivered as a category without settings of its own is.
        retention_s: how long what is read, archived or over is kept.
    """

    enabled: bool
    categories: dict[str, Category]
    retention_s: float
    between_users: bool = False


class InboxDesk:
    """The inboxes of one node's users.

    Args:
        node: whose connections are told.
        store: the authority.
        rules: how.
    """

    def __init__(self, node: Node, store: InboxStore, rules: InboxRules) -> None:
        self._node = node
        self.store = store
        self.rules = rules
        self.deliveries = Deliveries(self._ask_more)
        self._arriving: dict[Connection, None] = {}
        self._arrivals_s = 0.0
        self._stale: set[str] = set()  # whose counts have changed and were not told
        self._all_stale = False
        self._tell_s = 0.0
        self._wishes: dict[str, Preferences] = {}  # of users who are here
        self._looked_ms = 0  # up to when starts and ends of notifications have been seen
        self._due_s: float | None = None

    # -- People come and go ------------------------------------------------------------------------------------------

    def arrive(self, connection: Connection) -> None:
        """A connection is somebody's from now on."""
        if not self._is_told(connection) or self.store.is_empty:
            return
        now_s = self._node.clock.now_s()
        if not self._arriving:
            self._arrivals_s = now_s + self._node.tick_s
        self._arriving[connection] = None
        self.deliveries.begin(connection, now_s)
        self._node.wake()

    def leave(self, connection: Connection) -> None:
        """A connection is over, or somebody else's."""
        self._arriving.pop(connection, None)
        self.deliveries.forget(connection)
        if connection.user.id in self._wishes and len(self._connections(connection.user.id)) <= 1:
            self._wishes.pop(connection.user.id, None)

    def _is_told(self, connection: Connection) -> bool:
        return self.rules.enabled and connection.namespace == MAIN and not connection.user.anonymous

    def _connections(self, user: str) -> list[Connection]:
        return [connection for connection in self._node.connections_of(user) if self._is_told(connection)]

    async def _welcome(self, connections: Sequence[Connection]) -> None:
        users = list(dict.fromkeys(connection.user.id for connection in connections))
        try:
            arrivals = await self.store.arrivals(users, MOST_WAITING, self._now_ms())
        except Refusal:
            for connection in connections:  # the store is away: they are told as soon as it is back
                if connection.connected:
                    self._arriving[connection] = None
            self._arrivals_s = self._node.clock.now_s() + RETRY_S
            self._node.wake()
            return
        for connection in connections:
            arrival = arrivals.get(connection.user.id)
            if arrival is None or not connection.connected:
                continue
            self._wishes[connection.user.id] = arrival.preferences
            if arrival.unread.total:
                connection.outbox.put(_unread_fact(arrival.unread))
            self.deliveries.catch_up(connection, arrival.waiting, self._choice(connection.user.id), more=arrival.more)

    def _ask_more(self, connection: Connection, after: int) -> None:
        self._node.spawn(self._more(connection, after))

    async def _more(self, connection: Connection, after: int) -> None:
        user = connection.user.id
        try:
            entries = await self.store.waiting(user, after, MOST_WAITING + 1, self._now_ms())
        except Refusal:
            return  # its patience ends, and it is told what is new; the rest stands unread (I1)
        more = len(entries) > MOST_WAITING
        self.deliveries.catch_up(connection, entries[:MOST_WAITING], self._choice(user), more=more)

    # -- Sending -----------------------------------------------------------------------------------------------------

    def send(self, drafts: Sequence[Draft], done: Results) -> None:
        """Keep notifications, and send them to who is here; `done` gets an answer for each draft."""
        now_ms = self._now_ms()
        for draft in drafts:
            self._expect(draft.starts_at, now_ms)
            self._expect(draft.expires_at, now_ms)

        def kept(answers: list[Sent | Refusal] | Refusal) -> None:
            if isinstance(answers, Refusal):
                done(answers)
            else:
                done([answer if isinstance(answer, Refusal) else self._sent(answer) for answer in answers])

        self.store.send(drafts, now_ms, kept)

    async def sent(self, drafts: Sequence[Draft]) -> list[SendResult | Refusal]:
        """`send`, for who waits.

        Raises:
            Refusal: the store is away; nothing was sent.
        """
        return await outcome_of(lambda done: self.send(drafts, done))

    def _sent(self, sent: Sent) -> SendResult:
        notice = sent.notice
        if notice is None:
            return SendResult(sent.id, {})
        reached = self._tell(sent, notice) if is_open(notice, self._now_ms()) else {}
        if notice.audience == "everyone":
            return SendResult(sent.id, {EVERYBODY: RecipientResult(reached.get(EVERYBODY, 0), stored=True)})
        if notice.audience == "topic":
            return SendResult(sent.id, {EVERYBODY: RecipientResult(sum(reached.values()), stored=bool(sent.to))})
        return SendResult(
            sent.id, {user: RecipientResult(reached.get(user, 0), stored=True, muted=user in sent.muted) for user in sent.to}
        )

    def _tell(self, sent: Sent, notice: Notice) -> dict[str, int]:
        """Send a notice to who is here; returns to how many connections of each receiver."""
        parcels: dict[Show, Parcel] = {}
        entry = Entry(notice, NEW)
        if notice.audience == "everyone":
            self._all_stale = True
            reached = 0
            for connection in self._node.connections():
                if self._is_told(connection):
                    reached += 1
                    self._hand_over(connection, entry, self._show(notice, connection.user.id), parcels)
            self._tell_counts_soon()
            return {EVERYBODY: reached}
        result: dict[str, int] = {}
        for user in sent.to:
            connections = self._connections(user)
            if connections:
                result[user] = len(connections)
                choice = self._show(notice, user, muted=user in sent.muted)
                for connection in connections:
                    self._hand_over(connection, entry, choice, parcels)
                self._changed(user)
        return result

    def _hand_over(self, connection: Connection, entry: Entry, choice: Show, parcels: dict[Show, Parcel]) -> None:
        if choice not in parcels:
            parcels[choice] = parcel(entry, choice)
        self.deliveries.send(connection, parcels[choice])

    def _choice(self, user: str) -> Callable[[Entry], Show]:
        return lambda entry: self._show(entry.notice, user)

    def _show(self, notice: Notice, user: str, *, muted: bool = False) -> Show:
        wishes = self._wishes.get(user, NO_WISHES)
        rule = self.rules.categories.get(notice.category, Category())
        quiet = wishes.quiet is not None and is_quiet(wishes.quiet, minute_of_day(self._now_ms(), wishes.quiet.tz))
        in_room = notice.room is not None and self._node.is_in_room(user, notice.room)
        return show(notice, rule, in_room=in_room, muted=muted or is_muted(notice, wishes), quiet=quiet)

    def recall(self, notice_id: int, done: Callable[[Withdrawn | Refusal], None]) -> None:
        """Take a notification back, off every screen (I6)."""

        def withdrawn(answer: Withdrawn | Refusal) -> None:
            if isinstance(answer, Withdrawn):
                self._withdrawn(answer)
            done(answer)

        self.store.recall(notice_id, self._now_ms(), withdrawn)

    def edit(self, notice_id: int, edit: Edit, done: Callable[[Edited | Refusal], None]) -> None:
        """Change a notification, on every screen."""
        now_ms = self._now_ms()
        if isinstance(edit.expires_at, int):
            self._expect(edit.expires_at, now_ms)

        def edited(answer: Edited | Refusal) -> None:
            if isinstance(answer, Edited) and is_open(answer.notice, self._now_ms()):
                self._tell_all(answer.users, "notification:changed", NotificationChanged(self.plain(answer.notice)))
            done(answer)

        self.store.edit(notice_id, edit, now_ms, edited)

    @staticmethod
    def plain(notice: Notice) -> Notification:
        """A notice without anybody's marks."""
        return shown(Entry(notice, NEW), "silent")

    def _withdrawn(self, withdrawn: Withdrawn) -> None:
        self._tell_all(withdrawn.users, "notification:recalled", NotificationRecalled([withdrawn.id]))
        if withdrawn.users is None:
            self._all_stale = True
            self._tell_counts_soon()
        for user in withdrawn.users or ():
            self._changed(user)

    def _tell_all(self, users: Iterable[str] | None, name: str, fact: msgspec.Struct) -> None:
        if users is None:
            receivers = [connection for connection in self._node.connections() if self._is_told(connection)]
        else:
            receivers = [connection for user in users for connection in self._connections(user)]
        if receivers:
            self._node.hub.deliver(encode_fact(name, fact), receivers)

    # -- What receivers do -------------------------------------------------------------------------------------------

    def acknowledged(self, connection: Connection, ack_id: int) -> bool:
        """Whether this acknowledges a notification; if so, that is written down soon."""
        if not self.deliveries.acknowledge(connection, ack_id, self._node.clock.now_s(), self._now_ms()):
            return False
        self._tell_counts_soon()
        return True

    def mark(self, user: str, marking: Marking, done: MarkedDone, by: Connection | None = None) -> None:
        """Mark notifications of a user, in all their tabs.

        Args:
            user: whose.
            marking: what, and how.
            done: gets what changed, or the refusal.
            by: the connection that asked; the others are told how.
        """
        now_ms = self._now_ms()

        def marked(answer: Marked | Refusal) -> None:
            if isinstance(answer, Marked) and answer.changed:
                self._marked(user, marking, answer, now_ms, by)
            done(answer)

        self.store.mark(user, marking, now_ms, marked)

    def _marked(self, user: str, marking: Marking, marked: Marked, now_ms: int, by: Connection | None) -> None:
        connections = self._connections(user)
        everything = marking.ids is None and marking.up_to is None
        told = InboxMarked(
            mark=marking.mark, at=now_ms, ids=marking.ids, up_to=marking.up_to, all=everything, category=marking.category
        )
        self._node.hub.deliver(encode_fact("inbox:marked", told), [other for other in connections if other is not by])
        self._node.hub.deliver(_unread_fact(marked.unread), connections)
        if marking.mark == "read":
            self._receipts(marked.changed, read=True)

    def _receipts(self, receipts: Iterable[Receipt], *, read: bool) -> None:
        """Tell senders, and the application."""
        hooks = self._node.hooks.read if read else self._node.hooks.delivered
        for receipt in receipts:
            if hooks:
                self._node.call_hooks(hooks, [receipt.user, receipt.id])
            if receipt.sender is not None:
                fact = MessageReceipt(receipt.id, receipt.user, receipt.delivered_at, receipt.read_at)
                self._tell_all([receipt.sender], "message:receipt", fact)

    def prefer(self, user: str, step: PreferencesStep, done: Callable[[Preferences | Refusal], None]) -> None:
        """Change what a user wants to hear of."""

        def preferred(answer: Preferences | Refusal) -> None:
            if isinstance(answer, Preferences) and self._connections(user):
                self._wishes[user] = answer
            done(answer)

        self.store.prefer(user, step, preferred)

    # -- Time --------------------------------------------------------------------------------------------------------

    def due_s(self) -> float | None:
        """When `advance` will have something to do."""
        dues = [self.deliveries.due_s(), self._due_s]
        if self._arriving:
            dues.append(self._arrivals_s)
        if self._stale or self._all_stale or self.deliveries.acknowledged:
            dues.append(self._tell_s)
        return min((due for due in dues if due is not None), default=None)

    def advance(self, now_s: float) -> None:
        """Do and say what is due."""
        self.deliveries.advance(now_s)
        if self._arriving and now_s >= self._arrivals_s:
            arriving, self._arriving = list(self._arriving), {}
            self._node.spawn(self._welcome(arriving))
        if now_s >= self._tell_s and (self._stale or self._all_stale or self.deliveries.acknowledged):
            self._tell_s = now_s + self._node.tick_s
            self._write_deliveries()
            self._tell_counts()
        if self._due_s is not None and now_s >= self._due_s:
            self._due_s = None
            self._node.spawn(self._look())

    def _changed(self, user: str) -> None:
        self._stale.add(user)
        self._tell_counts_soon()

    def _tell_counts_soon(self) -> None:
        self._tell_s = max(self._tell_s, self._node.clock.now_s())
        self._node.wake()

    def _write_deliveries(self) -> None:
        deliveries, self.deliveries.acknowledged = self.deliveries.acknowledged, []
        if deliveries:
            # Refused: they stay undelivered, and are sent again at the next connect (I1).
            self.store.delivered(
                deliveries, lambda answer: None if isinstance(answer, Refusal) else self._receipts(answer, read=False)
            )

    def _tell_counts(self) -> None:
        if self._all_stale:
            users = {connection.user.id for connection in self._node.connections() if self._is_told(connection)}
        else:
            users = {user for user in self._stale if self._connections(user)}
        self._stale, self._all_stale = set(), False
        if users:
            self._node.spawn(self._count(sorted(users)))

    async def _count(self, users: list[str]) -> None:
        try:
            counts = await self.store.unread(users, self._now_ms())
        except Refusal:
            self._stale.update(users)
            self._tell_s = self._node.clock.now_s() + RETRY_S
            self._node.wake()
            return
        for user, unread in counts.items():
            self._node.hub.deliver(_unread_fact(unread), self._connections(user))

    def _expect(self, at_ms: int | None, now_ms: int) -> None:
        """Look again when something begins or ends."""
        if at_ms is None or at_ms <= now_ms:
            return
        self._looked_ms = self._looked_ms or now_ms
        due_s = self._node.clock.now_s() + (at_ms + 1 - now_ms) / 1000
        if self._due_s is None or due_s < self._due_s:
            self._due_s = due_s
            self._node.wake()

    async def _look(self) -> None:
        now_ms = self._now_ms()
        try:
            due: Due = await self.store.due(self._looked_ms, now_ms)
        except Refusal:
            self._expect(now_ms + int(RETRY_S * 1000), now_ms)
            return
        self._looked_ms = now_ms
        for sent in due.started:
            if sent.notice is not None:
                self._tell(sent, sent.notice)
        for withdrawn in due.expired:
            self._withdrawn(withdrawn)
        self._expect(due.next_at, now_ms)

    def begin(self) -> None:
        """Find out what will begin or end, from what the life before left."""
        if self.rules.enabled and not self.store.is_empty:
            self._looked_ms = self._looked_ms or self._now_ms()
            self._due_s = self._node.clock.now_s()

    def _now_ms(self) -> int:
        return self._node.clock.wall_ms()


def _unread_fact(unread: Unread) -> Packet:
    return encode_fact("inbox:changed", InboxChanged(unread), conflate="inbox")

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
from alsohere.domain.inbox import NEW, is_for, is_open, is_over, shown
from alsohere.errors import Refusal
from alsohere.node.acknowledgements import Acknowledgements
from alsohere.node.arrivals import Arrivals
from alsohere.node.badges import Badges, unread_fact
from alsohere.node.calendar import Calendar
from alsohere.node.connection import Connection
from alsohere.node.deliveries import Choose, Parcel, parcel
from alsohere.node.meanwhile import Meanwhile
from alsohere.node.waiting import outcome_of
from alsohere.node.ways import Ways
from alsohere.node.zones import minute_of_day
from alsohere.notices import (
    Draft,
    Edit,
    Edited,
    Entry,
    InboxMarked,
    Marked,
    Marking,
    Notice,
    Notification,
    NotificationChanged,
    NotificationRecalled,
    Preferences,
    RecipientResult,
    SendResult,
    Sent,
    Show,
    Withdrawn,
)
from alsohere.ports import InboxStore, PreferencesStep
from alsohere.wire.events import PreferencesChanged
from alsohere.wire.socketio import MAIN, encode_fact

if TYPE_CHECKING:
    from alsohere.node.node import Node

EVERYBODY = "*"
NO_WISHES = Preferences()
ORDINARY = Category()

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
        self._has_begun = False
        self._wishes: dict[str, Preferences] = {}  # of users who are here
        self.meanwhile = Meanwhile()
        self._arrivals = Arrivals(node, store, self._wishes, self._choice, self.meanwhile)
        self.deliveries = self._arrivals.deliveries
        self.badges = Badges(node, store, self._connections, self._receivers)
        self.ways = Ways()
        self.acknowledgements = Acknowledgements(node, store, self._tell_all)
        self._calendar = Calendar(node, store, rules.retention_s, self._started, self._withdrawn, self.meanwhile)

    # -- People come and go ------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Take up what the life before left behind."""
        if self.rules.enabled:
            self._has_begun = True
            self._calendar.begin()

    def arrive(self, connection: Connection) -> None:
        """A connection is somebody's from now on."""
        if self._is_told(connection) and not self.store.is_empty:
            if not self._has_begun:  # mounted in a host: nothing is asked for before somebody is here
                self.begin()
                self.ways.wake()
            self._arrivals.add(connection)

    def leave(self, connection: Connection) -> None:
        """A connection is over, or somebody else's."""
        self._arrivals.forget(connection)
        if all(other is connection for other in self._connections(connection.user.id)):
            self._wishes.pop(connection.user.id, None)

    def _is_told(self, connection: Connection) -> bool:
        return self.rules.enabled and connection.namespace == MAIN and not connection.user.anonymous

    def _connections(self, user: str) -> list[Connection]:
        return [connection for connection in self._node.connections_of(user) if self._is_told(connection)]

    def _receivers(self) -> list[Connection]:
        return [connection for connection in self._node.connections() if self._is_told(connection)]

    def _whom(self, notice: Notice) -> list[Connection]:
        """Those whom a broadcast is for."""
        return [connection for connection in self._receivers() if is_for(notice, connection.user.id)]

    # -- Sending -----------------------------------------------------------------------------------------------------

    def send(self, drafts: Sequence[Draft], done: Results) -> None:
        """Keep notifications, and send them to who is here; `done` gets an answer for each draft."""

        def kept(answers: list[Sent | Refusal] | Refusal) -> None:
            if isinstance(answers, Refusal):
                done(answers)
            else:
                done([answer if isinstance(answer, Refusal) else self._sent(answer) for answer in answers])

        self.store.send([self._in_its_category(draft) for draft in drafts], self._now_ms(), kept)

    async def sent(self, drafts: Sequence[Draft]) -> list[SendResult | Refusal]:
        """`send`, for who waits.

        Raises:
            Refusal: the store is away; nothing was sent.
        """
        return await outcome_of(lambda done: self.send(drafts, done))

    def _in_its_category(self, draft: Draft) -> Draft:
        is_critical = self.rules.categories.get(draft.category, ORDINARY).critical and not draft.critical
        return msgspec.structs.replace(draft, critical=True) if is_critical else draft

    def _sent(self, sent: Sent) -> SendResult:
        notice = sent.notice
        if notice is None:
            return SendResult(sent.id, {})
        self.ways.was_sent(notice)
        # Not before it is written: it would be looked for in vain, and not again.
        self._calendar.expect(notice.expires_at)
        begun = self._calendar.has_begun(notice)
        if not begun:
            self._calendar.expect(notice.starts_at)
        reached = self._tell(sent, notice) if begun and is_open(notice, self._now_ms()) else {}
        if notice.audience == "everyone":
            return SendResult(sent.id, {EVERYBODY: RecipientResult(reached.get(EVERYBODY, 0), stored=True)})
        if notice.audience == "topic":
            return SendResult(sent.id, {EVERYBODY: RecipientResult(sum(reached.values()), stored=bool(sent.to))})
        return SendResult(
            sent.id, {user: RecipientResult(reached.get(user, 0), stored=True, muted=user in sent.muted) for user in sent.to}
        )

    def _started(self, sent: Sent) -> None:
        if sent.notice is not None:
            self._tell(sent, sent.notice)

    def _tell(self, sent: Sent, notice: Notice) -> dict[str, int]:
        """Send a notice to who is here; returns to how many connections of each receiver."""
        parcels: dict[Show, Parcel] = {}
        entry = Entry(notice, NEW)
        if notice.audience == "everyone":
            receivers = self._whom(notice)
            for connection in receivers:
                self._hand_over(connection, entry, self._show(notice, connection.user.id), parcels)
            self.badges.all_changed()
            return {EVERYBODY: _reached(receivers)}
        result: dict[str, int] = {}
        for user in sent.to:
            connections = self._connections(user)
            if connections:
                result[user] = _reached(connections)
                choice = self._show(notice, user, muted=user in sent.muted)
                for connection in connections:
                    self._hand_over(connection, entry, choice, parcels)
                self.badges.changed(user)
        return result

    def _hand_over(self, connection: Connection, entry: Entry, choice: Show, parcels: dict[Show, Parcel]) -> None:
        if choice not in parcels:
            parcels[choice] = parcel(entry, choice)
        self.deliveries.send(connection, parcels[choice])

    def _choice(self, user: str) -> Choose:
        return lambda entry: self._show(entry.notice, user)

    def _show(self, notice: Notice, user: str, *, muted: bool = False) -> Show:
        wishes = self._wishes.get(user, NO_WISHES)
        rule = self.rules.categories.get(notice.category, ORDINARY)
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

        def edited(answer: Edited | Refusal) -> None:
            if isinstance(answer, Edited):
                self._edited(answer)
            done(answer)

        self.store.edit(notice_id, edit, self._now_ms(), edited)

    def _edited(self, edited: Edited) -> None:
        notice = edited.notice
        if is_over(notice, self._now_ms()):  # that is how it was ended
            self._withdrawn(Withdrawn(notice.id, edited.users))
            return
        self.meanwhile.changed(notice.id, notice)
        self._calendar.expect(notice.expires_at)
        if is_open(notice, self._now_ms()):
            users = {one.user.id for one in self._whom(notice)} if edited.users is None else edited.users
            self._tell_all(users, "notification:changed", NotificationChanged(self.plain(notice)))

    @staticmethod
    def plain(notice: Notice) -> Notification:
        """A notice without anybody's marks."""
        return shown(Entry(notice, NEW), "silent")

    def _withdrawn(self, withdrawn: Withdrawn) -> None:
        self.meanwhile.changed(withdrawn.id, None)
        self._tell_all(withdrawn.users, "notification:recalled", NotificationRecalled([withdrawn.id]))
        if withdrawn.users is None:
            self.badges.all_changed()
        for user in withdrawn.users or ():
            if self._connections(user):
                self.badges.changed(user)

    def _tell_all(self, users: Iterable[str] | None, name: str, fact: msgspec.Struct) -> None:
        if users is None:
            receivers = self._receivers()
        else:
            receivers = [connection for user in users for connection in self._connections(user)]
        if receivers:
            self._node.hub.deliver(encode_fact(name, fact), receivers)

    # -- What receivers do -------------------------------------------------------------------------------------------

    def acknowledged(self, connection: Connection, ack_id: int) -> bool:
        """Whether this acknowledges a notification; if so, that is written down soon."""
        notice_id = self.deliveries.acknowledge(connection, ack_id, self._node.clock.now_s())
        if notice_id is not None:
            self.acknowledgements.add(connection.user.id, notice_id)
        return notice_id is not None

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
        self.meanwhile.marked(user, (receipt.id for receipt in marked.changed))
        connections = self._connections(user)
        everything = marking.ids is None and marking.up_to is None
        told = InboxMarked(
            mark=marking.mark,
            at=now_ms,
            ids=marking.ids,
            up_to=marking.up_to,
            all=everything,
            category=marking.category,
            topic=marking.topic,
        )
        self._node.hub.deliver(encode_fact("inbox:marked", told), [other for other in connections if other is not by])
        self._node.hub.deliver(unread_fact(marked.unread), connections)
        if connections:
            self.badges.changed(user)  # once more: a question from before may be answered after this
        # Who marks something has got it, acknowledged or not.
        self.acknowledgements.tell((receipt for receipt in marked.changed if receipt.is_delivery), read=False)
        if marking.mark == "read":
            self.acknowledgements.tell(marked.changed, read=True)

    def prefer(self, user: str, step: PreferencesStep, done: Callable[[Preferences | Refusal], None]) -> None:
        """Change what a user wants to hear of, and tell it in all their tabs."""
        changed = False

        def taken(before: Preferences) -> Preferences:
            nonlocal changed
            after = step(before)
            changed = after != before
            return after

        def preferred(answer: Preferences | Refusal) -> None:
            if isinstance(answer, Preferences):
                if self._connections(user):
                    self._wishes[user] = answer
                if changed:
                    self._tell_all([user], "preferences:changed", PreferencesChanged.to(answer))
            done(answer)

        self.store.prefer(user, taken, preferred)

    # -- Time --------------------------------------------------------------------------------------------------------

    def due_s(self) -> float | None:
        """When `advance` will have something to do."""
        parts = (self._arrivals, self.acknowledgements, self.badges, self._calendar)
        return min((due_s for part in parts if (due_s := part.due_s()) is not None), default=None)

    def advance(self, now_s: float) -> None:
        """Do and say what is due."""
        self._arrivals.advance(now_s)
        self.acknowledgements.advance(now_s)
        self.badges.advance(now_s)
        self._calendar.advance(now_s)

    def _now_ms(self) -> int:
        return self._node.clock.wall_ms()


def _reached(connections: Sequence[Connection]) -> int:
    """How many are there; see node/pushes.py."""
    return sum(not connection.peer.missing for connection in connections)

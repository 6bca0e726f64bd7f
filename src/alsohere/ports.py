"""What the node needs from outside, described by what each owes.

Rejected: asynchronous ports. A node never waits for an answer to go on: it states what should be so and is told what has
become so. In one process the telling happens inside the call; over a network it comes later; the node cannot tell.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, Protocol

from alsohere.domain.api_key import ApiKey
from alsohere.domain.history import Batch, Day, Erased, Erasure, RankedRoom, RoomReading, UserData
from alsohere.domain.lock import Audit, LockRecord, Outcome
from alsohere.domain.locks import Mint
from alsohere.domain.offline import Case, Channel, Errand, Subscription
from alsohere.domain.presence import Transition
from alsohere.domain.roster import Roster
from alsohere.domain.webhook import EventState, Happening, WebhookEvent
from alsohere.facts import LeaveReason
from alsohere.notices import (
    Arrival,
    Delivery,
    Draft,
    Due,
    Edit,
    Edited,
    Entry,
    Filter,
    Marked,
    Marking,
    Notice,
    Page,
    Preferences,
    Receipt,
    Sent,
    Unread,
    Withdrawn,
)
from alsohere.types import User, Vouched
from alsohere.wire.engineio import Packet

if TYPE_CHECKING:
    from alsohere.errors import CloseCode, Refusal

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


Decide = Callable[[LockRecord, Mint], Outcome]
"""A pure step from a lock's record to the next; may raise a Refusal, and then nothing has happened."""

LockDone = Callable[["Outcome | Refusal"], None]


class LockStore(Protocol):
    """Every lock that is held or waited for: the authority about who holds what.

    Guarantees:
        Atomicity: between the load and the save of one `change` nobody else changes that lock (L1).
        Durability: what `done` is told has been written to the disk; neither kill -9 nor a power cut takes it back.
        Fences: `mint` gives a larger number each time, over all locks and all lives of the store (L2).
        Order: changes are decided and told in the order in which they were asked for.
        `done` is called once, on the loop's thread. A Refusal means that nothing changed; one of them is Unavailable.
    If atomicity is broken two people edit one document; if durability is, a fence is given twice.
    """

    def change(self, lock: str, decide: Decide, done: LockDone) -> None:
        """Load a lock's record (a free one if there is none), decide, and keep what was decided."""

    def load(self, done: Callable[[list[LockRecord] | Refusal], None]) -> None:
        """Every record that is kept."""

    def renew(self, node: str, until_ms: int, done: Callable[[Refusal | None], None]) -> None:
        """Set the end of the lease of every lock whose holder's connection is at this node (L5)."""

    def audits(self, lock: str, limit: int, done: Callable[[list[Audit] | Refusal], None]) -> None:
        """The newest entries of a lock's audit, newest first (L9)."""


class KeyStore(Protocol):
    """Keys of back ends, made by `alsohere key`."""

    async def keys(self) -> list[ApiKey]:
        """All of them; Unavailable if they cannot be read."""

    def used(self, key: ApiKey, at_ms: int) -> None:
        """Note when a key was last used; it does not matter if that fails."""


class HistoryStore(Protocol):
    """What is kept about reading, and the answers to what back ends ask about it.

    Guarantees:
        Durability: what `done` is told has been written to the disk.
        Idempotence: of two reports of one visit the furthest of each number counts, whichever is written first, and however
            often; so what was perhaps written may be written again (R5). So for a day of one life of a server; lives add up.
        Erasure: when `erase` has answered, nothing is kept of visits of that user that began by then, and nothing of them is kept
            that is written later (R6), by whichever process; their other rows no longer say who it was. Twice is once.
        `done` is called once, on the loop's thread. A Refusal means that nothing is acknowledged; one of them is Unavailable.
    If idempotence is broken, a commit whose answer was lost is counted twice; if erasure is, a running server writes again what
    somebody asked to have removed.

    Times are ms since the epoch; a visit belongs to the time at which it began. Questions raise Unavailable.
    """

    def write(self, batch: Batch, done: Callable[[list[Erasure] | Refusal], None]) -> None:
        """Keep reports. `done` gets the erasures because of which some of them were not kept."""

    def prune(self, before_ms: int, most: int, done: Callable[[int | Refusal], None]) -> None:
        """Remove at most so many visits that began before; `done` gets how many. Days are kept."""

    async def erase(self, user: str, at_ms: int) -> Erased:
        """Remove what is kept about a user."""

    async def about(self, user: str) -> UserData:
        """Everything that is kept about a user, oldest first."""

    async def room(self, room: str, from_ms: int, to_ms: int) -> RoomReading:
        """How a room was read by the visits that began from `from_ms` and before `to_ms`."""

    async def ranking(self, prefix: str, from_ms: int, to_ms: int, limit: int) -> list[RankedRoom]:
        """The rooms that were visited most in that time, most first; ties by name."""

    async def days(self, first: date, last: date) -> list[Day]:
        """The days from `first` to `last`, in order; those without anybody are left out."""


PreferencesStep = Callable[[Preferences], Preferences]
"""A pure step from somebody's preferences to the next; may raise a Refusal, and then nothing has happened."""


class InboxStore(Protocol):
    """Every notification, and what its receivers did with it; who follows what; who does not want to hear of what.

    Guarantees:
        Durability: what `done` is told has been written to the disk; neither kill -9 nor a power cut takes it back (I7).
        Order: what is asked for with a `done` is decided and told in the order of asking. Ids are given in that order too, and
            only grow, over all lives of the store (I2).
        Idempotence: a key of a scope is used once, for as long as the notification is kept; with it again nothing is stored (I3).
            A mark or a delivery that comes again changes nothing.
        Truth: unread is counted from the rows, in the same look at the database as whatever is answered beside it (I4).
        Audience: a broadcast is stored once; a receiver has a row of it from the first mark on (I5).
        `done` is called once, on the loop's thread. A Refusal means that nothing changed; one of them is Unavailable.
        Questions (async) see everything that `done` had been told before they were asked; they raise Unavailable.
    If order is broken, a client that remembers the last id it saw misses something; if truth is, a badge stays for ever.

    Times are ms since the epoch; `now_ms` decides what has begun and what is over (I6). Users' ids have been checked.
    """

    @property
    def is_empty(self) -> bool:
        """Whether it is known that there are no notifications and no preferences, so that nobody needs to ask on a connect."""

    def send(self, drafts: Sequence[Draft], now_ms: int, done: Callable[[list[Sent | Refusal] | Refusal], None]) -> None:
        """Keep notifications. A draft that cannot be kept is refused alone: `done` gets one answer for each."""

    def mark(self, user: str, marking: Marking, now_ms: int, done: Callable[[Marked | Refusal], None]) -> None:
        """Mark what a user may see. Ids that are not in their inbox are passed over in silence, if others are.

        Refusals: NotFound, if ids are named and none is in their inbox, whether or not there are such notifications (H96).
        """

    def delivered(self, deliveries: Sequence[Delivery], done: Callable[[list[Receipt] | Refusal], None]) -> None:
        """Note acknowledgements. `done` gets those that were the first of their user and notification."""

    def recall(self, notice_id: int, now_ms: int, done: Callable[[Withdrawn | Refusal], None]) -> None:
        """Take a notification out of every inbox (I6). A second time, nobody has it.

        Refusals: NotFound.
        """

    def edit(self, notice_id: int, edit: Edit, now_ms: int, done: Callable[[Edited | Refusal], None]) -> None:
        """Change a notification wherever it is.

        Refusals: NotFound, also if it was recalled or is over; BadRequest: it would have nothing left to show.
        """

    def follow(self, users: Sequence[str], topic: str, most: int, done: Callable[[int | Refusal], None]) -> None:
        """Have users follow a topic, each at most so many; `done` gets how many did not before.

        Refusals: LimitReached, and then none of them does.
        """

    def unfollow(self, users: Sequence[str], topic: str, done: Callable[[int | Refusal], None]) -> None:
        """Have users no longer follow a topic; `done` gets how many did. What they were sent stays."""

    def prefer(self, user: str, step: PreferencesStep, done: Callable[[Preferences | Refusal], None]) -> None:
        """Change a user's preferences, and tell what they are now."""

    def prune(self, before_ms: int, after: int, most: int, done: Callable[[int | Refusal | None], None]) -> None:
        """Remove what was sent before and is read, archived or over; broadcasts without an end too.

        Args:
            before_ms: what was sent from then on is kept.
            after: ids above this one; 0 at first.
            most: looks at so many, or at fewer if these have much to be removed.
            done: gets the `after` to go on with, None at the end.
        """

    async def arrivals(self, users: Sequence[str], most: int, now_ms: int) -> dict[str, Arrival]:
        """For each user what they must be told when they connect; of what waits, at most so many."""

    async def waiting(self, user: str, after: int, most: int, now_ms: int) -> list[Entry]:
        """More of what was never delivered to a user: ids above that one, oldest first."""

    async def unread(self, users: Sequence[str], now_ms: int) -> dict[str, Unread]:
        """For each user what stands unread."""

    async def page(self, user: str, which: Filter, now_ms: int) -> Page:
        """Some of a user's inbox."""

    async def notice(self, notice_id: int) -> Notice | None:
        """A notification; None: there is none, or it was recalled."""

    async def due(self, after_ms: int, until_ms: int) -> Due:
        """What began or ended after the one time and not after the other. What began when it was sent has not begun later."""

    async def followers(self, topic: str, after: str, most: int) -> list[str]:
        """Who follows a topic, by id, from behind that one.

        Raises:
            BadRequest: `after` can be no id.
        """

    async def topics(self, user: str) -> list[str]:
        """What a user follows, by name."""

    async def preferences(self, users: Sequence[str]) -> dict[str, Preferences]:
        """For each user what they do not want to hear of."""


class WebhookStore(Protocol):
    """What the application is to be told over HTTP, until it was told and for a while after.

    Guarantees:
        Durability: what `done` is told has been written to the disk.
        Order: ids are given in the order of `write`, and only grow, over all lives of the store.
        `done` is called once, on the loop's thread. A Refusal means that nothing is acknowledged; one of them is Unavailable.
    If order is broken, a receiver that starts from a snapshot misses something.

    Times are ms since the epoch. What is async raises Unavailable.
    """

    def write(self, happenings: Sequence[Happening], done: Callable[[int | Refusal], None]) -> None:
        """Keep events; `done` gets the id of the last one, those before it have the ids below."""

    def prune(self, before_ms: int, owed_before_ms: int, most: int, done: Callable[[int | Refusal], None]) -> None:
        """Remove at most so many that happened before; `done` gets how many.

        Those that are on their way only if they happened before `owed_before_ms` too.
        """

    async def settle(self, events: Sequence[WebhookEvent]) -> None:
        """Keep what became of them."""

    async def replay(self, from_id: int | None, from_ms: int | None) -> int:
        """Have those sent again that are delivered or given up, from an id or a time on; returns how many."""

    async def replays(self) -> int:
        """How often that was done: a number that only grows."""

    async def pending(self, after: int, limit: int) -> list[WebhookEvent]:
        """Those that are on their way, with ids above that one, oldest first."""

    async def pending_of(self, subject: str, after: int, up_to: int, limit: int) -> list[WebhookEvent]:
        """Those of one subject, with ids above the one and not above the other, oldest first."""

    async def log(self, state: EventState | None, before: int | None, limit: int) -> list[WebhookEvent]:
        """The newest of a state, or of all, with ids below that one, newest first."""


class OfflineStore(Protocol):
    """Notifications that go other ways if they are not delivered here in time, and the ways by which users can be reached.

    Guarantees:
        Durability: what `send` of the inbox has acknowledged has its errands; what `settle` has kept is on the disk.
    Times are ms since the epoch. Everything raises Unavailable; then nothing changed.
    """

    async def take(self, channel: Channel, now_ms: int, most: int) -> list[Case]:
        """Errands of a channel that are due, the longest due first, with what decides about them."""

    async def settle(self, errands: Sequence[Errand], new: Sequence[Errand] = ()) -> None:
        """Keep what became of errands, and new ones."""

    async def prune(self, before_ms: int, most: int) -> int:
        """Remove at most so many that were done before; returns how many."""

    async def reached_by(self, user: str) -> tuple[tuple[str, ...], tuple[Subscription, ...]]:
        """A user's URLs and browsers."""

    async def reachable(self, after: str, most: int) -> list[str]:
        """The users above `after` who have a URL or a browser, by id (in the store's own order)."""

    async def set_apprise(self, user: str, urls: Sequence[str]) -> None:
        """Replace a user's URLs."""

    async def subscribe(self, user: str, subscription: Subscription, now_ms: int, most: int) -> None:
        """Keep a browser of a user; it is nobody else's from now on.

        Refusals: LimitReached: the user has so many others already.
        """

    async def unsubscribe(self, endpoint: str, user: str | None = None) -> bool:
        """Forget a browser, if it is that user's; returns whether it was known."""


class Sink(Protocol):
    """Where an outbox empties itself: one transport of one client.

    Guarantees:
        `write` never blocks and never raises; after `close` it does nothing. Packets leave in the order written.
    """

    def write(self, packet: Packet) -> None:
        """Send now, or hand to the kernel's buffer."""

    def close(self, code: CloseCode, reason: str) -> None:
        """End the transport, after what was written."""


Authenticator = Callable[[Any], "User | Vouched | Awaitable[User | Vouched]"]
"""Decides who a connection is. Gets the connection; raises Unauthenticated (the client stays away)."""

TokenVerifier = Callable[[str], Vouched]
"""Turns a token into a user; raises Unauthenticated."""

Alarm = Callable[[float], None]
"""Asks for the node's `advance` to be called at a time of the node's clock, or before."""

"""What is kept about reading, and the answers that are made of it.

Owns: the rows (a visit, a day), what two reports of one visit are together, and what is said about a room of which so many
visits got so far.
Invariant: R5 of two reports of a visit the furthest of each number counts, so that a report that comes twice, late or out of
order changes nothing.
Rejected: an end that is missing while the visit goes on. Every report of a visit is whole, up to `left_at`; so a crash leaves
nothing behind that somebody would have to repair.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

import msgspec

from alsohere.domain.lock import Audit
from alsohere.domain.offline import Errand, Subscription
from alsohere.domain.webhook import WebhookEvent
from alsohere.notices import Entry, Notice, Preferences

ERASED_USER = "~erased"
"""Who stands in the locks' audit where somebody was erased: an anonymous id that nobody can have."""
STEP = 5  # percent: how finely it is known where readers stop
STEPS = 100 // STEP + 1  # the last one is for those who got to 100
SHOWN_STOPS = 3
DAY_MS = 86_400_000

VisitKey = tuple[str, str, int]
"""(room, user id, entered_at). What begins in the same millisecond is the same visit."""


class Visit(msgspec.Struct, frozen=True, gc=False):
    """A stay of a user in a room; while they stay, it ends when it was last written down. `furthest` is the furthest position.

    Times are ms since the epoch. `active_s` is how long they looked at it. A page that told no position has no furthest one.
    """

    room: str
    user: str
    entered_at: int
    left_at: int
    active_s: float
    furthest: int | None

    @property
    def key(self) -> VisitKey:
        return self.room, self.user, self.entered_at

    def merged(self, other: Visit) -> Visit:
        """What two reports of the same visit are together, whichever came first (R5)."""
        furthest = max((visit.furthest for visit in (self, other) if visit.furthest is not None), default=None)
        left_at, active_s = max(self.left_at, other.left_at), max(self.active_s, other.active_s)
        return Visit(self.room, self.user, self.entered_at, left_at, active_s, furthest)


class Day(msgspec.Struct, frozen=True, gc=False):
    """A day (UTC): the most users and the most connections that were online at a time, and how often somebody came online."""

    day: date
    peak_users: int
    peak_connections: int
    visits: int

    def merged(self, other: Day) -> Day:
        """What two reports of one server's day are together."""
        return Day(
            self.day,
            max(self.peak_users, other.peak_users),
            max(self.peak_connections, other.peak_connections),
            max(self.visits, other.visits),
        )

    def joined(self, other: Day) -> Day:
        """What two lives of a server had of the same day: visits add up, peaks were at different times."""
        users, connections = max(self.peak_users, other.peak_users), max(self.peak_connections, other.peak_connections)
        return Day(self.day, users, connections, self.visits + other.visits)


class Batch(msgspec.Struct, frozen=True):
    """What is written together: reports of visits, no two of the same, and this life's days as they are by now.

    `life` is the server's incarnation: days are counted by each, and added up when somebody asks.
    """

    life: str
    visits: list[Visit]
    days: list[Day]


class Erasure(msgspec.Struct, frozen=True):
    """A user was erased: nothing of a visit that began by then may be kept, or come back (R6)."""

    user: str
    at_ms: int


class Erased(msgspec.Struct, frozen=True):
    """What an erasure did: visits and entries of the inbox that are gone; lines of the locks' audit, and notifications that the
    user wrote, that no longer say who it was; events for the application that are gone, or no longer say it.
    """

    visits: int
    lock_audit: int
    inbox: int = 0
    sent: int = 0
    events: int = 0


class UserData(msgspec.Struct, omit_defaults=True, frozen=True):
    """Everything that is kept about a user: where they were, and who took which lock from whom; what they were sent, what they
    wrote, which topics they follow, and what they do not want to hear of; by which URLs and browsers they are reached, what goes
    or went to them by these, and what the application is or was told of them.
    """

    user: str
    visits: list[Visit]
    lock_audit: list[Audit]
    inbox: list[Entry] = []
    sent: list[Notice] = []
    follows: list[str] = []
    preferences: Preferences | None = None
    apprise: list[str] = []
    browsers: list[Subscription] = []
    errands: list[Errand] = []
    events: list[WebhookEvent] = []


class CompletionBucket(msgspec.Struct, frozen=True):
    """How many visits ended up between two positions (the upper one belongs to the next bucket, 100 to the last)."""

    from_: int = msgspec.field(name="from")
    to: int
    visits: int


class Reach(msgspec.Struct, frozen=True):
    """Which share (0 to 1) of the visits with a position got at least to it."""

    position: int
    share: float


class Stop(msgspec.Struct, frozen=True):
    """Where readers stop: of those who got to `from`, so many, and this share (0 to 1), did not get to `to`."""

    from_: int = msgspec.field(name="from")
    to: int
    visits: int
    share: float


class RoomReading(msgspec.Struct, frozen=True):
    """How a room was read. `visitors` are distinct users, `median_active_s` is how long they looked at it.

    `positioned` visits told a position, and the rest is about those: `completion` has their furthest ones in ten buckets, `reach`
    who got at least to 10, 20, … 100, and `stops` the steps of five percent in which most of them ended, most first.
    """

    room: str
    visits: int
    visitors: int
    median_active_s: float | None
    positioned: int
    completion: list[CompletionBucket]
    reach: list[Reach]
    stops: list[Stop]


class RankedRoom(msgspec.Struct, frozen=True):
    """One line of the most read: visits, distinct users, and all their active seconds."""

    room: str
    visits: int
    visitors: int
    active_s: float


def without_user(audit: Audit, user: str) -> Audit:
    """A line of the locks' audit that no longer says that it was this user; nor why, as that is often about somebody."""
    if user not in (audit.by_user, audit.from_user):
        return audit
    by_user, from_user = (ERASED_USER if named == user else named for named in (audit.by_user, audit.from_user))
    return msgspec.structs.replace(audit, by_user=by_user, from_user=from_user, why="")


def step_of(furthest: int) -> int:
    """The index of a furthest position among STEPS."""
    return furthest // STEP


def room_reading(room: str, visits: int, visitors: int, median_active_s: float | None, steps: Sequence[int]) -> RoomReading:
    """The answer about a room.

    Args:
        room, visits, visitors, median_active_s: as in it.
        steps: how many visits had their furthest position in each of STEPS.
    """
    reached = [sum(steps[step:]) for step in range(STEPS)]
    positioned = reached[0]
    bucket = 10 // STEP
    sizes = [sum(steps[at : at + bucket]) for at in range(0, STEPS - 1, bucket)]
    sizes[-1] += steps[-1]
    return RoomReading(
        room,
        visits,
        visitors,
        None if median_active_s is None else round(median_active_s, 3),
        positioned,
        [CompletionBucket(10 * at, 10 * at + 10, size) for at, size in enumerate(sizes)],
        [Reach(position, _share(reached[position // STEP], positioned)) for position in range(10, 101, 10)],
        _stops(steps, reached),
    )


def _stops(steps: Sequence[int], reached: Sequence[int]) -> list[Stop]:
    drops = [step for step in range(STEPS - 2) if steps[step]]  # who is within the last step has read it
    drops.sort(key=lambda step: (-steps[step], step))
    return [
        Stop(STEP * step, STEP * step + STEP, steps[step], _share(steps[step], reached[step])) for step in drops[:SHOWN_STOPS]
    ]


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0


def median(values: Sequence[float]) -> float | None:
    """The middle of sorted values; between two it is their mean."""
    return (values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2 if values else None


def day_number(wall_ms: int) -> int:
    """Days since 1970-01-01, UTC."""
    return wall_ms // DAY_MS


def day_of(number: int) -> date:
    """The day of a number."""
    return datetime.fromtimestamp(number * DAY_MS // 1000, UTC).date()


def number_of(day: date) -> int:
    """The number of a day."""
    return (day - date(1970, 1, 1)).days

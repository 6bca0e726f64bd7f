"""Who reads what, and for how long: the fold from presence to visits.

Owns: which rooms are recorded, and the visits that go on.

Invariants (docs/reference/invariants.md):
 R1  a visit is a stay as presence tells it: from an enter to its leave. A second tab makes none, nor a return within the grace;
     who becomes somebody else ends one and begins another. It belongs to the day on which it began.
 R2  active seconds are those in which a living tab of the user in this room was `active` and the user not invisible. They are
     counted on the monotonic clock: never negative, never more than the stay, whatever becomes of the wall clock.
 R3  the furthest position only grows, from 0 to 100; what is no finite number is no position.
 R4  of a room that no rule names, nothing is kept, and no visit of `@online`.
 R5  every visit that goes on is reported once per checkpoint, so that a crash loses no more than that.
 R6  a user who was erased has no visit that goes on, until they enter again.

Refuses: clocks, databases. Times come in; visits go out as return values.
A stay that ended is put aside and becomes a visit with many others (`take_ended`): in a storm of comings and goings, what is done
for each at its own time costs three times as much as the same done in a row.
Rejected: the member's status alone for R2. Somebody who opens five articles and reads one would read all five, as their status
is that of their most active tab.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

import msgspec

from alsohere.domain.access import check_room
from alsohere.domain.history import Visit
from alsohere.domain.presence import Transition
from alsohere.errors import BadRequest, ConfigError
from alsohere.types import Scalar

POSITION = "position"  # the key of a state that tells how far somebody has read
SWEEPS = 1 / 12  # of a checkpoint: how often all visits are looked over for those that are due


class RecordedRooms:
    """Which rooms' visits are kept.

    Args:
        rules: rooms, or prefixes that end in `*`.
        setting: where they come from.

    Raises:
        ConfigError: a rule can never name a room.
    """

    def __init__(self, rules: Iterable[str], setting: str = "history") -> None:
        rules = list(rules)
        for rule in rules:
            _check_rule(rule, setting)
        self._rooms = frozenset(rule for rule in rules if not rule.endswith("*"))
        self._prefixes = tuple(rule[:-1] for rule in rules if rule.endswith("*"))

    def __bool__(self) -> bool:
        return bool(self._rooms or self._prefixes)

    def __contains__(self, room: str) -> bool:
        # @online begins with no prefix but the empty one, and is no place to read in.
        return room in self._rooms or (room.startswith(self._prefixes) and room[0] != "@")


def _check_rule(rule: str, setting: str) -> None:
    try:
        if rule != "*":
            check_room(rule.removesuffix("*"))
        can_name_a_room = rule[0] != "@"
    except BadRequest:
        can_name_a_room = False
    if not can_name_a_room:
        raise ConfigError(f"{setting}: {rule!r} names no room; write a room, or a prefix and *, as in /posts/*")


class Stay(msgspec.Struct, gc=False):
    """A visit that goes on."""

    room: str
    user_id: str
    began_s: float
    entered_at: int
    due_s: float  # when it is to be written down next
    active_s: float = 0.0
    attended_s: float | None = None  # since when they look at it
    ended_s: float = 0.0  # once it is over
    furthest: int | None = None

    def attend(self, attended: bool, now_s: float) -> None:
        """They look at it from now on, or no longer."""
        since_s = self.attended_s
        if since_s is None:
            if attended:
                self.attended_s = now_s
        elif not attended:
            self.active_s += now_s - since_s
            self.attended_s = None

    def move(self, position: Scalar) -> None:
        """They are at a position, if it is one (R3)."""
        kind = type(position)  # True is an int, and no position
        if (kind is int or kind is float) and -inf < position < inf:  # type: ignore[operator]
            reached = int(min(max(position, 0), 100))  # type: ignore[type-var,arg-type]
            if self.furthest is None or reached > self.furthest:
                self.furthest = reached

    def visit(self, now_s: float) -> Visit:
        """What is known of it by now."""
        active_s = self.active_s if self.attended_s is None else self.active_s + now_s - self.attended_s
        stay_ms = round((now_s - self.began_s) * 1000)
        active_ms = min(round(active_s * 1000), stay_ms)  # what was rounded twice could be more than the whole
        return Visit(self.room, self.user_id, self.entered_at, self.entered_at + stay_ms, active_ms / 1000, self.furthest)


class Reading:
    """All visits that go on.

    Args:
        rooms: which are recorded.
        checkpoint_s: how often a visit that goes on is written down.
    """

    def __init__(self, rooms: RecordedRooms, checkpoint_s: float) -> None:
        self._rooms = rooms
        self._interval_s = checkpoint_s * (1 - SWEEPS)
        self._sweep_s = checkpoint_s * SWEEPS
        self._next_s: float | None = None
        self._stays: dict[str, dict[str, Stay]] = {}  # by user, and then by room
        self._ended: list[Stay] = []

    @property
    def is_empty(self) -> bool:
        """Whether no visit goes on."""
        return not self._stays

    @property
    def ended(self) -> int:
        """How many visits are over and were not taken yet."""
        return len(self._ended)

    def fold(self, transition: Transition, now_s: float, wall_ms: int) -> None:
        """Take note of an enter, an update or a leave.

        Args:
            transition: it.
            now_s: the monotonic clock.
            wall_ms: the wall clock, if it is an enter.
        """
        member, room, user_id = transition.member, transition.room, transition.user_id
        stays = self._stays.get(user_id)
        if member is None:
            stay = stays.pop(room, None) if stays is not None else None
            if stay is not None:
                stay.ended_s = now_s
                self._ended.append(stay)
                if not stays:
                    del self._stays[user_id]
            return
        if transition.before is not None:
            stay = stays.get(room) if stays is not None else None
        elif room in self._rooms:
            stay = self._begin(room, user_id, stays, now_s, wall_ms)
        else:
            return
        if stay is not None and POSITION in member.state:
            stay.move(member.state[POSITION])

    def take_ended(self) -> list[Visit]:
        """The visits that are over, in the order in which they ended; each is given once."""
        ended, self._ended = self._ended, []
        return [stay.visit(stay.ended_s) for stay in ended]

    def of(self, user_id: str) -> Iterable[Stay]:
        """The visits of a user that go on."""
        stays = self._stays.get(user_id)
        return stays.values() if stays is not None else ()

    def checkpoints(self, now_s: float) -> list[Visit]:
        """The visits that go on and are to be written down now."""
        if self._next_s is None or now_s < self._next_s:
            return []
        due: list[Visit] = []
        for stays in self._stays.values():
            for stay in stays.values():
                if stay.due_s <= now_s:
                    stay.due_s = now_s + self._interval_s
                    due.append(stay.visit(now_s))
        self._next_s = now_s + self._sweep_s if self._stays else None
        return due

    def due_s(self) -> float | None:
        """When `checkpoints` may have something to give."""
        return self._next_s

    def forget(self, user_id: str, by_ms: int) -> None:
        """Nothing is kept of the visits of a user that began by then; not even of those that go on (R6)."""
        self._ended = [stay for stay in self._ended if stay.user_id != user_id or stay.entered_at > by_ms]
        stays = self._stays.pop(user_id, {})
        later = {room: stay for room, stay in stays.items() if stay.entered_at > by_ms}
        if later:
            self._stays[user_id] = later

    def _begin(self, room: str, user_id: str, stays: dict[str, Stay] | None, now_s: float, wall_ms: int) -> Stay:
        stay = Stay(room, user_id, now_s, wall_ms, now_s + self._interval_s)
        if stays is None:
            self._stays[user_id] = {room: stay}
        else:
            stays[room] = stay
        if self._next_s is None:
            self._next_s = now_s + self._sweep_s
        return stay

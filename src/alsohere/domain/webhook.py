"""What the application is told over HTTP, and what becomes of an event that it did not take.

Owns: the names of events, which events the change of a lock is, when a refused event is tried again, and when never.
Pure: who sends is server/webhook_sender.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from alsohere.domain.lock import Holder, LockRecord, Outcome
from alsohere.facts import LockChanged, LockLost

EVENTS = (
    *("member.entered", "member.left", "room.occupied", "room.vacated", "user.online", "user.offline"),
    *("lock.acquired", "lock.released", "lock.handed_over", "lock.taken", "notification.delivered", "notification.read"),
    "notification.pending",
)
SNAPSHOT_NEEDED = "snapshot.needed"
"""Always sent: what was told before may be wrong by now. The server has begun anew, or has lost events."""
SERVER = "server"  # its subject

GONE = 410
GIVE_UP_MS = 3 * 86_400_000
LEAST_ATTEMPTS = 5  # also of what is told again after that time, or was left by a server that was stopped for so long
FIRST_RETRY_MS, LAST_RETRY_MS = 1_000, 86_400_000
OWED_MS = GIVE_UP_MS + LAST_RETRY_MS  # by then it was taken or given up, if anybody tried
MOST_TOLD = 200  # characters of an error

EventState = Literal["pending", "delivered", "given_up"]


class Happening(msgspec.Struct, frozen=True):
    """Something that happened.

    Args:
        at_ms: when.
        type: one of EVENTS.
        subject: what it is about, as in `room:/post/1`: what is about one subject is told in its order.
        data: what there is to say: a JSON object, encoded.
    """

    at_ms: int
    type: str
    subject: str
    data: msgspec.Raw


class WebhookEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event as it is kept.

    Args:
        id: a whole number that only grows, in the order in which things happened.
        at: when it happened, in ms since the epoch.
        type: what.
        subject: what it is about.
        data: what there is to say.
        state: whether the application has it.
        attempts: how often it was sent.
        next_at: not before then is it sent again.
        delivered_at: when the application took it.
        given_up_at: since when it is not sent any more.
        error: what the last attempt was answered.
    """

    id: int
    at: int
    type: str
    subject: str
    data: msgspec.Raw
    state: EventState = "pending"
    attempts: int = 0
    next_at: int = 0
    delivered_at: int | None = None
    given_up_at: int | None = None
    error: str | None = None


class Snapshot(msgspec.Struct, frozen=True):
    """What was so at a position.

    Args:
        position: the id of the last event by then; those above it tell what has changed since.
        online: who is online, invisible users too.
        rooms: who is in which room.
        locks: those that somebody has.
    """

    position: int
    online: list[str]
    rooms: dict[str, list[str]]
    locks: list[LockChanged]


def attempted(event: WebhookEvent, status: int | None, error: str, now_ms: int, chance: float) -> WebhookEvent:
    """An event after it was sent once more.

    Args:
        event: before.
        status: of the answer; None if there was none.
        error: what to note if it was not taken.
        now_ms: the time.
        chance: 0 to 1. The whole wait is drawn (full jitter): what failed together does not come again together.
    """
    attempts = event.attempts + 1
    if status is not None and 200 <= status < 300:
        return msgspec.structs.replace(event, state="delivered", attempts=attempts, delivered_at=now_ms, error=None)
    error = error[:MOST_TOLD]
    if status == GONE or (now_ms - event.at >= GIVE_UP_MS and attempts >= LEAST_ATTEMPTS):
        return msgspec.structs.replace(event, state="given_up", attempts=attempts, given_up_at=now_ms, error=error)
    return msgspec.structs.replace(event, attempts=attempts, next_at=now_ms + retry_ms(attempts, chance), error=error)


def retry_ms(attempts: int, chance: float) -> int:
    """How long to wait after so many failures: drawn from 0 to a bound that doubles, up to a day."""
    return int(chance * min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** min(attempts - 1, 30)))


# -- Locks -------------------------------------------------------------------------------------------------------------


def lock_events(before: LockRecord, outcome: Outcome) -> Iterator[tuple[str, dict[str, Any]]]:
    """The events (type, data) that a change of a lock is. A change of the queue alone is none."""
    old, new, fence = before.holder, outcome.record.holder, outcome.record.fence
    lock = {"lock": outcome.record.lock}
    if old is None or new is None:
        if old is not None:
            yield "lock.released", lock | {"user": old.person, "fence": before.fence, "reason": _why(outcome, old)}
        if new is not None:
            yield "lock.acquired", lock | {"user": new.person, "fence": fence}
    elif old.person.id == new.person.id:
        if before.fence != fence:  # in another tab of the same user
            yield "lock.acquired", lock | {"user": new.person, "fence": fence}
    elif outcome.audit is not None and outcome.audit.action == "taken":
        told = lock | {"user": new.person, "fence": fence, "from": old.person, "why": outcome.audit.why}
        yield "lock.taken", told
    elif (reason := _why(outcome, old)) == "handed_over":
        yield "lock.handed_over", lock | {"user": new.person, "fence": fence, "from": old.person}
    else:
        yield "lock.released", lock | {"user": old.person, "fence": before.fence, "reason": reason}
        yield "lock.acquired", lock | {"user": new.person, "fence": fence}


def _why(outcome: Outcome, holder: Holder) -> str:
    losses = [fact.reason for sid, fact in outcome.tell if sid == holder.sid and isinstance(fact, LockLost)]
    return losses[-1] if losses else "released"

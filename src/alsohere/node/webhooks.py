"""What the application is told over HTTP, as far as the node: what happened is collected, and written behind.

Owns: the order of events, which is that in which things became so on this node; when they are written (within WRITE_S); and the
position of a snapshot.
Invariants: an id is known outside only when its event is on the disk, so it is never another event's. A snapshot shows
what the events up to its position told, and nothing of those after it. What was lost (up to WRITE_S of it by a crash; more
than MOST_WAITING by a database that is away) is followed by `snapshot.needed`.
Rejected: one transaction for a lock and its event. A snapshot is needed after a crash in any case, because presence is in memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from alsohere.domain.lock import LockRecord, Outcome
from alsohere.domain.reading import RecordedRooms
from alsohere.domain.webhook import EVENTS, OWED_MS, SERVER, SNAPSHOT_NEEDED, Happening, Snapshot, lock_events
from alsohere.errors import Refusal, Unavailable
from alsohere.facts import Member, Person
from alsohere.node.waiting import outcome_of
from alsohere.types import ONLINE

if TYPE_CHECKING:
    from alsohere.domain.presence import Transition
    from alsohere.node.node import Node
    from alsohere.notices import Notification, Receipt
    from alsohere.ports import WebhookStore

WRITE_S = 0.25
RETRY_S = 1.0
SILENCE_S = 30.0  # a write that was not answered by then never will be: its event loop has ended
BATCH = 1000
MOST_WAITING = 50_000
FIRST_PRUNE_S, PRUNE_S, PRUNE_SLICE = 60.0, 3600.0, 1000
FINISH_S = 3.0

_encode = msgspec.json.Encoder().encode


class WebhookRules(msgspec.Struct, frozen=True):
    """What is told; see the settings `webhook_…`."""

    enabled: bool = False
    events: frozenset[str] = frozenset(EVENTS)
    rooms: tuple[str, ...] = ("*",)
    retention_s: float = 7 * 86_400.0


class Webhooks:
    """The events of one node.

    Args:
        node: where they happen.
        store: where they are kept.
        rules: which are.
        life: this life of this node.
    """

    def __init__(self, node: Node, store: WebhookStore | None, rules: WebhookRules, life: str) -> None:
        self._node = node
        self._store = store
        self._rules = rules
        self._life = life
        self.enabled = rules.enabled and store is not None
        self.sent_soon: Callable[[], None] = lambda: None
        """Called when something new is in the store."""
        self.written = 0
        self.dropped = 0
        self._rooms = RecordedRooms(rules.rooms, "webhook_rooms")
        self._began = False
        self._waiting: list[Happening] = []
        self._writing: list[Happening] = []
        self._writing_until_s = 0.0
        self._noted = 0  # of this life; those up to `_kept` are written, the last of them as `_last_id`
        self._kept = 0
        self._last_id = 0
        self._foreign: list[tuple[int, int]] = []  # (after so many of ours, so many ids that others were given: by an erasure)
        self._write_s: float | None = None
        self._prune_s: float | None = None
        self._away = False
        self._positions: list[tuple[int, asyncio.Future[int], bool]] = []

    @property
    def waiting(self) -> int:
        """Events that are not written yet."""
        return len(self._waiting) + len(self._writing)

    # -- What happens ------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Say that this life has begun; before that nothing is said."""
        if self.enabled and not self._began:
            self._began = True
            self._prune_s = self._node.clock.now_s() + FIRST_PRUNE_S
            self._put(SNAPSHOT_NEEDED, SERVER, {"reason": "started"})

    def note(self, transition: Transition, count: int) -> None:
        """A change of presence, after which so many are in its room."""
        member, room = transition.member or transition.before, transition.room
        if member is None or (transition.member is not None and transition.before is not None):
            return
        left = {} if transition.member is not None else {"reason": transition.reason or "left"}
        data = {"user": _person(member)} | left
        if room == ONLINE:
            self._put("user.offline" if left else "user.online", f"user:{member.id}", data)
        elif room in self._rooms:
            subject, where = f"room:{room}", {"room": room}
            if not left and count == 1:
                self._put("room.occupied", subject, where)
            self._put("member.left" if left else "member.entered", subject, where | data)
            if left and count == 0:
                self._put("room.vacated", subject, where)

    def lock(self, before: LockRecord, outcome: Outcome) -> None:
        """A lock was changed, and that is written."""
        for kind, data in lock_events(before, outcome):
            self._put(kind, f"lock:{outcome.record.lock}", data)

    def receipt(self, receipt: Receipt, *, read: bool) -> None:
        """A notification was delivered to somebody, or read by them."""
        kind = "notification.read" if read else "notification.delivered"
        self._put(kind, f"user:{receipt.user}", {"notification": receipt.id, "user": receipt.user})

    async def pending(self, user: str | None, notification: Notification) -> None:
        """A notification did not reach somebody here: the application may know another way.

        Args:
            user: whom; None: it is for everyone.
            notification: what.

        It waits while the database is away: the event waits too, and whoever came again would have it told twice.

        Raises:
            Unavailable: too much waited, and it was lost.
        """
        subject = "server" if user is None else f"user:{user}"
        self._put("notification.pending", subject, {"user": user, "notification": notification})
        await self._position(self._noted, is_patient=True)

    def _put(self, kind: str, subject: str, data: dict[str, Any]) -> None:
        self.begin()
        if kind not in self._rules.events and kind != SNAPSHOT_NEEDED:
            return
        if len(self._waiting) >= MOST_WAITING:
            self._drop()
            kind, subject, data = SNAPSHOT_NEEDED, SERVER, {"reason": "lost"}
        self._waiting.append(Happening(self._node.clock.wall_ms(), kind, subject, msgspec.Raw(_encode(data))))
        self._noted += 1
        if self._write_s is None:
            self._write_in(WRITE_S)

    def _drop(self) -> None:
        """Too much waits: of what is incomplete only a new snapshot helps, so all of it may go."""
        self.dropped += len(self._waiting)
        self._node.log.error("the database is away for too long: %d webhook events are dropped", len(self._waiting))
        self._waiting.clear()
        self._noted = self._kept + len(self._writing)
        self._tell_positions(Unavailable("Events were lost; ask again."), are_lost=True)

    # -- Time --------------------------------------------------------------------------------------------------------

    def due_s(self) -> float | None:
        """When `advance` will have something to do."""
        return min((due for due in (self._write_s, self._prune_s) if due is not None), default=None)

    def advance(self, now_s: float) -> None:
        """Write what waits, and remove what is old."""
        if self._store is None:
            return
        if self._prune_s is not None and now_s >= self._prune_s:
            self._prune_s = now_s + PRUNE_S
            wall_ms = self._node.clock.wall_ms()
            self._store.prune(wall_ms - int(self._rules.retention_s * 1000), wall_ms - OWED_MS, PRUNE_SLICE, self._pruned)
        if self._write_s is not None and now_s >= self._write_s:
            self._write_s = None
            self._write(now_s)

    def _write(self, now_s: float) -> None:
        if self._writing:
            if now_s < self._writing_until_s:
                self._write_in(self._writing_until_s - now_s)
                return
            self._give_back()
        self._writing, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
        if self._writing and self._store is not None:
            self._writing_until_s = now_s + SILENCE_S
            self._store.write(self._writing, self._written)

    def _written(self, answer: int | Refusal) -> None:
        if not self._writing:
            return  # an answer that came after all
        if isinstance(answer, Refusal):
            self._give_back()
            self._tell_positions(answer)
            if not self._away:
                self._node.log.warning("webhook events wait, and are written later: %s", answer)
            self._away = True
            self._write_in(RETRY_S)
            return
        self._away = False
        self.written += len(self._writing)
        foreign = answer - len(self._writing) - self._last_id
        if foreign and self._kept:
            self._foreign.append((self._kept, foreign))
        self._kept += len(self._writing)
        self._last_id = answer
        self._writing = []
        self._tell_positions(None)
        self.sent_soon()
        if self._waiting:
            self._write_in(0.0 if len(self._waiting) >= BATCH or self._positions else WRITE_S)

    def _give_back(self) -> None:
        self._writing, self._waiting = [], [*self._writing, *self._waiting]

    def _pruned(self, answer: int | Refusal) -> None:
        if isinstance(answer, int) and answer >= PRUNE_SLICE:
            self._prune_s = self._node.clock.now_s() + WRITE_S
            self._node.wake()

    def _write_in(self, seconds: float) -> None:
        self._write_s = self._node.clock.now_s() + seconds
        self._node.wake()

    async def finish(self) -> None:
        """The end of the process: what waits is written, or it is said how much is not."""
        if not self.waiting:
            return
        try:
            async with asyncio.timeout(FINISH_S):
                await self._position(self._noted)
        except (Refusal, TimeoutError):
            self._node.log.exception("%d webhook events could not be written", self.waiting)

    # -- Snapshots ---------------------------------------------------------------------------------------------------

    async def snapshot(self) -> Snapshot:
        """Everything that events tell of, as it is at the id of the last one.

        Raises:
            Unavailable: the database cannot be used now.
        """
        self._node.locks.begin()
        self.begin()
        # Answers of the lock store come in the order of asking. So when this one does, each lock's event has been noted that is
        # in it, and no other; from there to the end of `_taken` nothing else happens.
        taken: tuple[Snapshot, int] = await outcome_of(
            lambda done: self._node.locks.load(lambda found: done(found if isinstance(found, Refusal) else self._taken(found)))
        )
        snapshot, noted = taken
        if not self.enabled:
            return snapshot
        return msgspec.structs.replace(snapshot, position=await self._position(noted))

    def _taken(self, records: list[LockRecord]) -> tuple[Snapshot, int]:
        rooms = self._node.members_by_room()
        online = rooms.pop(ONLINE, [])
        locks = [record.shown() for record in records if record.holder is not None]
        return Snapshot(0, online, {room: users for room, users in rooms.items() if room in self._rooms}, locks), self._noted

    async def _position(self, noted: int, *, is_patient: bool = False) -> int:
        """The id of an event of this life, by its number, when it is written; who is patient waits until the database is back."""
        if noted <= self._kept:
            return self._id_of(noted)
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._positions.append((noted, future, is_patient))
        if not self._writing:
            self._write_in(0.0)
        return await future

    def _id_of(self, noted: int) -> int:
        return self._last_id - (self._kept - noted) - sum(ids for kept, ids in self._foreign if noted <= kept)

    def _tell_positions(self, refusal: Refusal | None, *, are_lost: bool = False) -> None:
        told, self._positions = self._positions, []
        for noted, future, is_patient in told:
            if future.done():
                continue
            if refusal is not None and (are_lost or not is_patient):
                future.set_exception(refusal)
            elif noted <= self._kept:
                future.set_result(self._id_of(noted))
            else:
                self._positions.append((noted, future, is_patient))


def _person(member: Member) -> Person:
    return Person(member.id, member.name, member.info, member.anonymous)

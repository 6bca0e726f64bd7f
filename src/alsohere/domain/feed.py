"""What the watchers of one room are told, and when.

Owns: up to three channels of a room (full, sample, count), each with what its watchers have been shown, and the frames
that bring them from there to the truth. A frame is the difference between the two, so whatever happened in between
cancels out by itself: an enter and a leave within a tick leave no trace, ten updates become one.

Invariants:
 P5  a snapshot is only taken between frames, so snapshot at s + frames after s = state; `prev` chains per channel.
 P6  a frame says how things are, not what to do, so applying it twice changes nothing.
 P7  every frame and snapshot carries the exact count of its moment.
 P10 an invisible member is counted and never shown; becoming invisible looks like leaving.
 One frame per channel and tick at most; counts and fresh samples once a second at most. A frame serves every watcher.
 Updates alone (nobody comes or goes) are collected for `update_s` per member, up to `slow_tick_s`: in a room of a hundred
 readers each of whom moves once a second, a frame per tick would be sent ten times as often as anybody can read it.

A room of more than `full_limit` members shows its full channel a sample too, until it is back at `full_again`.
Rejected: a list of events per tick, merged by rules. Four rules were needed, and each pair of them had an exception.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import chain

import msgspec

from alsohere.domain.roster import RoomRoster, Roster
from alsohere.facts import At, LeaveReason, Member, MemberLeave, MemberUpdate, Mode, RoomChanged, Snapshot, Watch

LOG_FRAMES = 64
NOBODY = RoomRoster()


class FeedRules(msgspec.Struct, frozen=True):
    """How rooms are shown; see the settings of the same names."""

    tick_s: float = 0.1
    slow_tick_s: float = 1.0
    update_s: float = 0.01
    full_limit: int = 200
    full_again: int = 150
    sample_size: int = 50


class Channel:
    """One way to watch a room, and what those who do have been shown."""

    __slots__ = ("_encoded", "count", "log", "mode", "next_slow_s", "seq", "shown", "stale", "watch")

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.mode: Mode = watch
        self.shown: dict[str, Member] = {}
        self.count = -1
        self.seq = 0
        self.log: deque[RoomChanged] = deque(maxlen=LOG_FRAMES)
        self.next_slow_s = 0.0  # when the next count or fresh sample may go out
        self.stale = True  # whether one is wanted
        self._encoded: msgspec.Raw | None = None

    def advance(self, frame: RoomChanged) -> None:
        """Remember that the watchers have been sent this frame."""
        if self.count >= 0:  # the very first frame has no watchers and would only repeat the snapshot
            self.log.append(frame)
        self.count, self.seq, self.mode = frame.count, frame.seq, frame.mode
        self._encoded = None

    def members(self) -> msgspec.Raw:
        """Everybody shown, encoded: once per frame, however many ask."""
        if self._encoded is None:
            self._encoded = msgspec.Raw(msgspec.json.encode(list(self.shown.values())))
        return self._encoded

    def since(self, seq: int) -> list[RoomChanged] | None:
        """The frames after `seq`, or None if that is too long ago (or never was)."""
        if seq == self.seq:
            return []
        frames = list(self.log)
        for index, frame in enumerate(frames):
            if frame.prev == seq:
                return frames[index:]
        return None


class Feed:
    """The channels of one room.

    Args:
        room: its name.
        roster: where the truth is.
        rules: limits and intervals.
    """

    def __init__(self, room: str, roster: Roster, rules: FeedRules) -> None:
        self.room = room
        self._roster = roster
        self._rules = rules
        self._channels: dict[Watch, Channel] = {}
        self._dirty: dict[str, LeaveReason | None] = {}
        self._seq = 0
        self.next_s = 0.0
        self._updates_wait_s = 0.0  # how much longer than a tick
        self._is_pressing = False  # somebody has come or gone
        self._crowded = False

    def note(self, user_id: str, reason: LeaveReason | None, seq: int) -> None:
        """A member changed (or left, for `reason`)."""
        self._seq = seq
        if not self._is_pressing:
            full = self._channels.get("full")
            self._is_pressing = reason is not None or (full is not None and user_id not in full.shown)
        if reason is not None or user_id not in self._dirty:
            self._dirty[user_id] = reason

    def open(self, watch: Watch) -> None:
        """Begin a channel, if it is not open. After this call, flush before you take a snapshot."""
        if watch not in self._channels:
            self._channels[watch] = Channel(watch)

    def close(self, watch: Watch) -> None:
        """Nobody watches this way any more."""
        self._channels.pop(watch, None)
        if not self._channels:
            self._dirty.clear()
            self._is_pressing = False

    def due_s(self) -> float | None:
        """When `flush` will have something to say; None: not before the next change."""
        due = None
        if self._dirty:
            due = self.next_s if self._is_pressing else self.next_s + self._updates_wait_s
        for channel in self._channels.values():
            if channel.stale:
                when = max(channel.next_slow_s, self.next_s)
                due = when if due is None else min(due, when)
        return due

    def flush(self, now_s: float) -> list[tuple[Watch, RoomChanged]]:
        """The frames that bring every channel up to date; at most one each, and none without news."""
        roster = self._roster.room(self.room) or NOBODY
        count = len(roster.members)
        self._crowded = count > (self._rules.full_again if self._crowded else self._rules.full_limit)
        frames = [
            (channel.watch, frame)
            for channel in self._channels.values()
            if (frame := self._frame(channel, roster, count, now_s)) is not None
        ]
        self._dirty.clear()
        rules = self._rules
        self._is_pressing = False
        self._updates_wait_s = max(min(count * rules.update_s, rules.slow_tick_s) - rules.tick_s, 0.0)
        self.next_s = now_s + rules.tick_s
        return frames

    def snapshot(self, watch: Watch, since: At | None) -> Snapshot:
        """What a new watcher of an open channel is told: everything, or what was missed since a position."""
        channel = self._channels[watch]
        answer = Snapshot(self.room, channel.mode, max(channel.count, 0), self._roster.epoch, channel.seq)
        missed = channel.since(since[1]) if since is not None and since[0] == self._roster.epoch else None
        if missed is not None:
            answer.recovered = True
            answer.changes = missed
        elif channel.mode != "count":
            answer.members = channel.members()
        return answer

    # -- Frames ------------------------------------------------------------------------------------------------------

    def _frame(self, channel: Channel, roster: RoomRoster, count: int, now_s: float) -> RoomChanged | None:
        frame = RoomChanged(self.room, self._mode(channel.watch), self._roster.epoch, self._seq, channel.seq, count)
        if self._dirty and not channel.stale:
            channel.stale = frame.mode != "full"
        slow = now_s >= channel.next_slow_s
        if frame.mode == "full":
            everybody = channel.mode != "full" or channel.count < 0
            self._difference(channel, frame, roster, chain(channel.shown, roster.members) if everybody else self._dirty)
        elif frame.mode == "sample":
            self._sample(channel, frame, roster, fresh=slow or channel.mode != "sample")
        if not self._is_news(channel, frame, slow=slow):
            return None
        # Who resumes gives a number alone, so it must say of which channel and which state it is (P5). Hence a new one where
        # there are several channels, and for a first frame: changes that nobody watched were not noted.
        if frame.seq <= channel.seq or channel.count < 0 or len(self._channels) > 1:
            frame.seq = self._seq = self._roster.next_seq()
        if slow:
            channel.next_slow_s, channel.stale = now_s + self._rules.slow_tick_s, False
        channel.advance(frame)
        return frame

    def _mode(self, watch: Watch) -> Mode:
        return "sample" if watch == "full" and self._crowded else watch

    def _is_news(self, channel: Channel, frame: RoomChanged, *, slow: bool) -> bool:
        if frame.enter or frame.update or frame.leave or frame.mode != channel.mode:
            return True
        if frame.mode != "full" and not slow:
            return False
        channel.stale = False  # in a full channel too: it may have been a sample when that was asked for
        return frame.count != channel.count

    def _sample(self, channel: Channel, frame: RoomChanged, roster: RoomRoster, *, fresh: bool) -> None:
        if not fresh:
            self._difference(channel, frame, roster, [user_id for user_id in self._dirty if user_id in channel.shown])
            return
        chosen = RoomRoster()
        chosen.members = {member.id: member for member in roster.recent(self._rules.sample_size)}
        self._difference(channel, frame, chosen, chain(channel.shown, chosen.members), whole=roster)

    def _difference(
        self, channel: Channel, frame: RoomChanged, target: RoomRoster, touched: Iterable[str], whole: RoomRoster | None = None
    ) -> None:
        """Fill `frame` with what leads from the shown to the target, and make the shown that."""
        shown = channel.shown
        for user_id in list(touched):
            old = shown.get(user_id)
            new = target.members.get(user_id)
            if new is not None and new.status == "invisible":
                new = None
            if old is new:
                continue
            if new is None:
                del shown[user_id]
                frame.leave.append(MemberLeave(user_id, self._reason(user_id, whole)))
                continue
            shown[user_id] = new
            if old is None:
                frame.enter.append(new)
            elif old.generation != new.generation:
                frame.leave.append(MemberLeave(user_id, self._reason(user_id, None)))
                frame.enter.append(new)
            elif (update := _update(old, new)) is not None:
                frame.update.append(update)

    def _reason(self, user_id: str, whole: RoomRoster | None) -> LeaveReason | None:
        if whole is not None and (member := whole.members.get(user_id)) is not None and member.status != "invisible":
            return None  # still there: only the sample has moved on
        return self._dirty.get(user_id) or "left"


def _update(old: Member, new: Member) -> MemberUpdate | None:
    update = MemberUpdate(
        new.id,
        state=new.state if new.state != old.state else None,
        status=new.status if new.status != old.status else None,
        connections=new.connections if new.connections != old.connections else None,
        name=new.name if new.name != old.name else None,
        info=new.info if new.info != old.info else msgspec.UNSET,
    )
    return update if update != MemberUpdate(new.id) else None

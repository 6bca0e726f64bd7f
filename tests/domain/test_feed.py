"""What the watchers of one room are told, and when."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alsohere.domain.feed import LOG_FRAMES, Feed, FeedRules
from alsohere.domain.roster import Roster
from alsohere.facts import Member, MemberLeave, RoomChanged, Snapshot
from support.simulation import World

ROOM = "/r"
EPOCH = "e1"
RULES = FeedRules(tick_s=0.1, slow_tick_s=1.0, full_limit=4, full_again=2, sample_size=2)
# So tight that random histories cross the limits often.
TIGHT = FeedRules(tick_s=0.1, slow_tick_s=1.0, full_limit=2, full_again=1, sample_size=1)
WATCHES = ("full", "sample", "count")
# Times are those of a driver that adds small numbers up.
EPSILON_S = 1e-9


def member(user_id: str, generation: int = 1, **changes: Any) -> Member:
    fields: dict[str, Any] = {"name": user_id.title(), "info": None, "status": "active", "state": {}, "connections": 1} | changes
    return Member(id=user_id, anonymous=False, since=0, generation=generation, **fields)


class Copy:
    """What somebody knows who was sent a snapshot and every frame after it."""

    def __init__(self, snapshot: Snapshot) -> None:
        members = msgspec.json.decode(snapshot.members) if isinstance(snapshot.members, msgspec.Raw) else []
        self.members: dict[str, Any] = {item["id"]: item for item in members}
        self.count, self.seq, self.mode = snapshot.count, snapshot.seq, snapshot.mode

    def apply(self, frame: RoomChanged) -> None:
        assert frame.prev == self.seq, "prev chains (P5)"
        assert frame.seq > self.seq, "seq grows (P5)"
        sent = msgspec.to_builtins(frame)
        once = self._applied(self.members, sent)
        assert self._applied(once, sent) == once, "twice is once (P6)"
        self.members = once
        self.count, self.seq, self.mode = frame.count, frame.seq, frame.mode

    @staticmethod
    def _applied(members: dict[str, Any], sent: dict[str, Any]) -> dict[str, Any]:
        members = dict(members)
        for gone in sent.get("leave", []):
            members.pop(gone["id"], None)
        for entered in sent.get("enter", []):
            members[entered["id"]] = entered
        for update in sent.get("update", []):
            members[update["id"]] = members[update["id"]] | update
        return members


class Place:
    """A room, its feed, and a driver that calls the feed when it wants to be called, and only then."""

    def __init__(self, rules: FeedRules = RULES) -> None:
        self.now_s = 0.0
        self.roster = Roster(EPOCH)
        self.feed = Feed(ROOM, self.roster, rules)
        self.rules = rules
        self.copies: dict[str, list[Copy]] = {}
        self.frames: list[tuple[float, str, RoomChanged]] = []
        self.positions: dict[str, dict[int, dict[str, Any]]] = {watch: {} for watch in WATCHES}
        self.generation = 0

    # -- What happens in it ------------------------------------------------------------------------------------------

    def put(self, user_id: str, new: Member | None, reason: Any = None) -> None:
        seq = self.roster.put(ROOM, user_id, new)
        if seq is not None and self.copies:  # the hub notes nothing that nobody would hear of
            self.feed.note(user_id, reason, seq)

    def enter(self, *user_ids: str, **changes: Any) -> None:
        for user_id in user_ids:
            self.generation += 1
            self.put(user_id, member(user_id, self.generation, **changes))

    def change(self, user_id: str, **changes: Any) -> None:
        if user_id in self.members:
            self.put(user_id, msgspec.structs.replace(self.members[user_id], **changes))

    def leave(self, *user_ids: str, reason: str = "left") -> None:
        for user_id in user_ids:
            if user_id in self.members:
                self.put(user_id, None, reason)

    @property
    def members(self) -> dict[str, Member]:
        room = self.roster.room(ROOM)
        return room.members if room else {}

    # -- Who sees it -------------------------------------------------------------------------------------------------

    def watch(self, watch: Any, since: Any = None) -> tuple[Copy, Snapshot]:
        """A new watcher, answered with the next frame."""
        self.feed.open(watch)
        self.copies.setdefault(watch, [])
        self.now_s = max(self.now_s, self.feed.next_s)
        self.flush()
        snapshot = self.feed.snapshot(watch, since)
        assert snapshot.epoch == EPOCH
        copy = Copy(snapshot)
        if snapshot.recovered:
            copy.members, copy.seq = dict(self.positions[watch][since[1]]), since[1]
            for frame in snapshot.changes:
                copy.apply(frame)
        assert copy.seq == snapshot.seq
        self.copies[watch].append(copy)
        self.positions[watch][copy.seq] = copy.members
        return copy, snapshot

    def close(self, watch: Any) -> None:
        self.copies.pop(watch, None)
        self.feed.close(watch)

    def pass_time(self, seconds: float) -> list[tuple[str, RoomChanged]]:
        """The frames of that time."""
        end, first = self.now_s + seconds, len(self.frames)
        while (due_s := self.feed.due_s()) is not None and due_s <= end:
            self.now_s = max(self.now_s, due_s)
            self.flush()
        self.now_s = end
        return [(watch, frame) for _, watch, frame in self.frames[first:]]

    def flush(self) -> None:
        frames = self.feed.flush(self.now_s)
        assert len({watch for watch, _ in frames}) == len(frames), "one frame per channel"
        for watch, frame in frames:
            assert frame.count == len(self.members), "exact in every mode (P7)"
            self.frames.append((self.now_s, watch, frame))
            for copy in self.copies.get(watch, []):
                copy.apply(frame)
                self.positions[watch][copy.seq] = copy.members
                assert copy.mode != "sample" or len(copy.members) <= self.rules.sample_size
                assert copy.mode != "count" or not copy.members


def visible(members: dict[str, Member]) -> dict[str, Any]:
    return {user_id: msgspec.to_builtins(item) for user_id, item in members.items() if item.status != "invisible"}


# -- The law -----------------------------------------------------------------------------------------------------------

users, watches = st.sampled_from("abcde"), st.sampled_from(["full", "full", "sample", "count"])
STEP = st.one_of(
    st.tuples(st.just("enter"), users, st.sampled_from(["active", "active", "active", "invisible"])),
    st.tuples(st.just("enter"), users, st.just("active")),
    st.tuples(st.just("state"), users, st.integers(0, 2)),
    st.tuples(st.just("status"), users, st.sampled_from(["active", "idle", "invisible"])),
    st.tuples(st.just("leave"), users, st.sampled_from(["left", "disconnected", "kicked"])),
    st.tuples(st.just("pass"), st.sampled_from([0.01, 0.1, 0.1, 0.25, 1.2])),
    st.tuples(st.just("pass"), st.just(0.1)),
    st.tuples(st.just("watch"), watches),
    st.tuples(st.just("close"), watches),
    st.tuples(st.just("resume"), watches, st.integers(0, 5)),
)
# Lists grow to about ten by themselves: too short for a room that fills, empties and is watched meanwhile.
STEPS = st.sampled_from([0, 10, 30, 60]).flatmap(lambda length: st.lists(STEP, min_size=length, max_size=length + 20))
CROWD = [("enter", user, "active") for user in "abc"]
# A watcher goes, something happens that nobody sees, and the watcher is back: nothing may seem to have been recovered.
UNSEEN = [("enter", "a", "active"), ("watch", "full"), ("close", "full"), ("state", "a", 1), ("resume", "full", 0)]
# The same with a sample that is drawn anew while another channel lives on.
REDRAWN = [
    *[*CROWD, ("watch", "count"), ("watch", "sample"), ("state", "a", 1), ("pass", 0.1), ("state", "c", 1), ("pass", 0.1)],
    *[("close", "sample"), ("resume", "sample", 0)],
]
# A crowd that comes while the last full list is still fresh.
CROWDED = [*CROWD[:2], ("watch", "full"), ("pass", 0.1), CROWD[2], ("pass", 0.1)]
# A crowd that goes while its next sample is awaited.
CALMED = [*CROWD, ("watch", "full"), ("state", "a", 1), ("pass", 0.1), ("leave", "a", "left"), ("leave", "b", "left")]


def take(place: Place, step: tuple[Any, ...]) -> None:
    kind, *rest = step
    if kind == "enter":
        place.enter(rest[0], status=rest[1])
    elif kind == "state":
        place.change(rest[0], state={"x": rest[1]})
    elif kind == "status":
        place.change(rest[0], status=rest[1])
    elif kind == "leave":
        place.leave(rest[0], reason=rest[1])
    elif kind == "pass":
        place.pass_time(rest[0])
    elif kind == "watch":
        place.watch(rest[0])
    elif kind == "close":
        place.close(rest[0])
    elif known := sorted(place.positions[rest[0]])[::-1][rest[1] :]:
        place.watch(rest[0], (EPOCH, known[0]))


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([RULES, TIGHT]), STEPS)
@example(RULES, UNSEEN)
@example(RULES, REDRAWN)
@example(TIGHT, CROWDED)
def test_a_snapshot_and_the_frames_after_it_are_the_truth(rules: FeedRules, steps: list[tuple[Any, ...]]):  # P5, P6, P7, P10
    place = Place(rules)
    for step in steps:
        take(place, step)
    place.pass_time(2.5)
    truth = visible(place.members)
    newest = [item.id for item in place.roster.room(ROOM).recent(rules.sample_size)] if place.members else []
    for watch, copies in place.copies.items():
        for copy in copies:
            assert copy.count == len(place.members)
            if copy.mode == "full":
                assert watch == "full"
                assert copy.members == truth
            elif copy.mode == "sample":
                assert copy.members == {user_id: truth[user_id] for user_id in newest}
            else:
                assert copy.members == {}


@given(STEPS)
@example(CALMED)
def test_a_room_speaks_at_most_once_a_tick_and_is_silent_when_nothing_happens(steps: list[tuple[Any, ...]]):
    place = Place(TIGHT)
    for step in steps:
        take(place, step)
    place.pass_time(2.5)
    assert place.feed.due_s() is None
    for watch in WATCHES:
        times = [moment for moment, heard, _ in place.frames if heard == watch]
        assert all(later - earlier > TIGHT.tick_s - EPSILON_S for earlier, later in pairwise(times))


@given(STEPS.map(lambda steps: [step for step in steps if step[0] not in ("close", "resume")]))
def test_counts_go_out_at_most_once_a_second_and_only_if_they_changed(steps: list[tuple[Any, ...]]):
    place = Place()
    for step in steps:
        take(place, step)
    counts = [(moment, frame.count) for moment, watch, frame in place.frames if watch == "count"]
    for (earlier, before), (later, after) in pairwise(counts):
        assert later - earlier > RULES.slow_tick_s - EPSILON_S
        assert before != after


@given(STEPS)
def test_nobody_who_is_invisible_is_ever_named(steps: list[tuple[Any, ...]]):  # P10
    place = Place()
    for step in steps:
        if step[1] != "a":
            take(place, step)
        elif step[0] == "enter":
            place.enter("a", status="invisible")
        elif step[0] != "status":
            take(place, step)
    sent = msgspec.json.encode([frame for _, _, frame in place.frames]).decode()
    assert '"id":"a"' not in sent
    assert all("a" not in copy.members for copies in place.copies.values() for copy in copies)


# -- One by one --------------------------------------------------------------------------------------------------------


@pytest.fixture
def place() -> Place:
    place = Place()
    place.enter("a", "b")
    place.watch("full")
    place.pass_time(1.0)
    return place


def frame_of(frames: list[tuple[str, RoomChanged]]) -> RoomChanged:
    assert len(frames) == 1
    return frames[0][1]


def test_a_calm_room_has_no_latency(place: Place):
    before = place.now_s
    place.enter("c")
    assert place.feed.due_s() <= before


def test_an_enter_and_a_leave_within_a_tick_leave_no_trace(place: Place):
    place.enter("c")
    place.leave("c")
    assert place.pass_time(1.0) == []


def test_ten_updates_within_a_tick_are_one(place: Place):
    for number in range(10):
        place.change("a", state={"x": number})
    frame = frame_of(place.pass_time(0.1))
    assert msgspec.to_builtins(frame.update) == [{"id": "a", "state": {"x": 9}}]


def test_an_update_that_was_taken_back_is_none(place: Place):
    place.change("a", state={"x": 1})
    place.change("a", state={})
    assert place.pass_time(1.0) == []


def test_updates_alone_wait_longer_the_more_members_there_are_and_for_nobody_who_comes():
    place = Place(FeedRules(tick_s=0.1, slow_tick_s=1.0, update_s=0.01))
    place.watch("full")
    place.enter(*(f"u{number}" for number in range(50)))
    place.pass_time(5)
    sent = []
    for step in range(40):  # somebody moves every twentieth of a second, for two seconds
        place.change(f"u{step}", state={"position": step})
        sent += place.pass_time(0.05)
    assert len(sent) in (4, 5), "every half second: 50 members of a hundredth each"
    assert sum(len(frame.update) for _, frame in sent) in range(30, 41), "and none is left out"
    place.change("u0", state={"position": 99})
    place.enter("new")
    [(_, frame)] = place.pass_time(0.11)
    assert (len(frame.enter), frame.update[-1].id) == (1, "u0"), "who comes is shown within a tick, and takes the others along"


def test_somebody_who_left_and_came_back_within_a_tick_did_both(place: Place):  # P8
    before = place.members["a"].generation
    place.leave("a", reason="kicked")
    place.enter("a")
    frame = frame_of(place.pass_time(0.1))
    assert frame.leave == [MemberLeave("a", "kicked")]
    assert frame.enter[0].generation > before
    assert frame.count == 2


@pytest.mark.parametrize(
    "changes",
    [{"name": "Anna"}, {"info": {"colour": 1}}, {"connections": 2}, {"status": "idle"}, {"state": {"x": 1}}],
)
def test_what_changed_of_a_member_is_sent_and_nothing_else(place: Place, changes: dict[str, Any]):
    place.change("a", **changes)
    assert msgspec.to_builtins(frame_of(place.pass_time(1.0)).update) == [{"id": "a", **changes}]


def test_info_that_is_taken_away_is_null(place: Place):
    place.change("a", info={"colour": 1})
    place.pass_time(1.0)
    place.change("a", info=None)
    assert msgspec.to_builtins(frame_of(place.pass_time(1.0)).update) == [{"id": "a", "info": None}]


def test_to_become_invisible_looks_like_leaving_and_to_come_back_like_entering(place: Place):  # P10
    place.change("a", status="invisible")
    hidden = frame_of(place.pass_time(1.0))
    assert (hidden.leave, hidden.count) == ([MemberLeave("a", "left")], 2)
    place.change("a", state={"x": 1})
    assert place.pass_time(1.0) == []
    place.change("a", status="away")
    back = frame_of(place.pass_time(1.0))
    assert ([item.id for item in back.enter], back.count) == (["a"], 2)


def test_somebody_invisible_changes_only_the_count(place: Place):  # P10
    place.enter("c", status="invisible")
    assert msgspec.to_builtins(frame_of(place.pass_time(1.0))).keys() == {"room", "mode", "epoch", "seq", "prev", "count"}
    place.leave("c")
    assert frame_of(place.pass_time(1.0)).leave == []


def test_who_changed_and_then_left_left_for_that_reason(place: Place):
    place.change("a", state={"x": 1})
    place.leave("a", reason="kicked")
    place.enter("c")
    place.change("c", state={"x": 1})
    frame = frame_of(place.pass_time(0.1))
    assert (frame.leave, [item.state for item in frame.enter]) == ([MemberLeave("a", "kicked")], [{"x": 1}])


def test_everybody_gone_is_a_frame_too(place: Place):
    place.leave("a", "b", reason="timeout")
    frame = frame_of(place.pass_time(1.0))
    assert frame.count == 0
    assert frame.leave == [MemberLeave("a", "timeout"), MemberLeave("b", "timeout")]


def test_a_crowded_room_shows_a_sample_until_it_is_calm_again(place: Place):
    place.enter("c", "d")
    assert frame_of(place.pass_time(1.0)).mode == "full"
    place.enter("e")
    crowded = frame_of(place.pass_time(1.0))
    assert (crowded.mode, crowded.count) == ("sample", 5)
    assert all(gone.reason is None for gone in crowded.leave)
    place.leave("a", "b")
    modes = [frame.mode for _, frame in place.pass_time(2.0)]
    assert set(modes) <= {"sample"}, "between the two limits nothing switches"
    place.leave("c")
    calm = frame_of(place.pass_time(1.0))
    assert (calm.mode, calm.count) == ("full", 2)
    assert set(place.copies["full"][0].members) == {"d", "e"}
    place.enter("c")
    assert frame_of(place.pass_time(1.0)).mode == "full"


def test_a_room_that_was_crowded_before_anybody_watched_begins_with_a_sample():
    place = Place()
    place.enter(*"abcdef")
    copy, _ = place.watch("full")
    assert (copy.mode, copy.count, set(copy.members)) == ("sample", 6, {"e", "f"})


def test_who_is_in_the_sample_is_told_of_at_once_and_who_is_not_in_time():
    place = Place()
    place.enter(*"abc")
    place.watch("sample")
    place.pass_time(1.5)
    place.change("b", state={"x": 1})  # a fresh sample was due anyhow, so this tick draws one
    place.pass_time(0.1)
    place.change("b", state={"x": 2})
    assert [update.id for update in frame_of(place.pass_time(0.1)).update] == ["b"]
    place.change("a", state={"x": 1})
    place.leave("b", reason="kicked")
    assert frame_of(place.pass_time(0.1)).leave == [MemberLeave("b", "kicked")]
    drawn = frame_of(place.pass_time(1.5))
    assert ([item.id for item in drawn.enter], drawn.count) == (["a"], 2)


def test_who_is_no_longer_in_the_sample_has_not_left():
    place = Place()
    place.enter(*"abc")
    place.watch("sample")
    place.pass_time(1.5)
    place.change("a", state={"x": 1})
    drawn = frame_of(place.pass_time(1.5))
    assert msgspec.to_builtins(drawn)["leave"] == [{"id": "b"}]


# -- Snapshots ---------------------------------------------------------------------------------------------------------


def test_a_snapshot_holds_everybody_who_is_shown(place: Place):
    copy, snapshot = place.watch("full")
    assert (snapshot.room, snapshot.mode, snapshot.count, snapshot.recovered) == (ROOM, "full", 2, False)
    assert set(copy.members) == {"a", "b"}


def test_a_snapshot_of_a_count_names_nobody(place: Place):
    _, snapshot = place.watch("count")
    assert snapshot.members is msgspec.UNSET
    assert (snapshot.mode, snapshot.count) == ("count", 2)


def test_a_snapshot_of_an_empty_room_is_one():
    copy, snapshot = Place().watch("full")
    assert (copy.members, snapshot.count, snapshot.mode) == ({}, 0, "full")


def test_everybody_is_encoded_once_however_many_ask(place: Place):
    assert place.watch("full")[1].members is place.watch("full")[1].members


def test_who_missed_frames_is_sent_these(place: Place):
    seen = place.watch("full")[1].seq
    for user in "cd":
        place.enter(user)
        place.pass_time(0.2)
    _, snapshot = place.watch("full", (EPOCH, seen))
    assert snapshot.recovered
    assert [[item.id for item in frame.enter] for frame in snapshot.changes] == [["c"], ["d"]]
    assert "members" not in msgspec.to_builtins(snapshot)


def test_who_missed_nothing_is_sent_nothing(place: Place):
    seen = place.watch("full")[1].seq
    _, snapshot = place.watch("full", (EPOCH, seen))
    assert (snapshot.recovered, snapshot.changes) == (True, [])


@pytest.mark.parametrize("since", [("another", 2), (EPOCH, -1), (EPOCH, 0), (EPOCH, 2**62), ("", 0)])
def test_a_position_that_never_was_is_answered_with_everything(place: Place, since: tuple[str, int]):
    copy, snapshot = place.watch("full", since)
    assert (snapshot.recovered, set(copy.members)) == (False, {"a", "b"})


def test_a_position_of_another_life_means_nothing(place: Place):  # P5
    seen = place.watch("full")[1].seq
    assert not place.watch("full", ("e2", seen))[1].recovered


def test_only_the_newest_frames_are_kept(place: Place):  # S4
    seqs = [place.watch("full")[1].seq]
    for number in range(LOG_FRAMES + 1):
        place.change("a", state={"x": number})
        seqs.append(frame_of(place.pass_time(0.2)).seq)
    assert not place.watch("full", (EPOCH, seqs[0]))[1].recovered
    assert len(place.watch("full", (EPOCH, seqs[1]))[1].changes) == LOG_FRAMES


def test_a_position_is_one_of_a_way_to_watch(place: Place):  # P5
    place.watch("count")
    place.watch("sample")
    place.enter("c")
    seen = {watch: frame.seq for watch, frame in place.pass_time(1.5)}
    assert len(set(seen.values())) == 3
    for watch, seq in seen.items():
        for other in WATCHES:
            assert place.watch(other, (EPOCH, seq))[1].recovered == (other == watch)


def test_what_happened_while_nobody_watched_is_not_taken_for_nothing(place: Place):  # P5
    seen = place.watch("full")[1].seq
    place.close("full")
    place.change("a", state={"x": 1})
    copy, snapshot = place.watch("full", (EPOCH, seen))
    assert not snapshot.recovered
    assert copy.members["a"]["state"] == {"x": 1}


def test_what_changed_while_nobody_watched_is_not_skipped_by_who_resumes():  # P5
    world = World()
    world.client("bob").call("room:enter", {"room": "/a", "watch": "none"})
    ann = world.client("ann")
    seen = ann.call("room:watch", {"rooms": ["/a"]})["rooms"][0]
    ann.lose_transport()
    world.client("cem").call("room:enter", {"room": "/a", "watch": "none"})
    since = [seen["epoch"], seen["seq"]]
    again = world.client("ann").call("room:watch", {"rooms": ["/a"], "since": since})["rooms"][0]
    assert not again["recovered"]
    assert {member["id"] for member in again["members"]} == {"bob", "cem"}


def test_closing_what_was_not_open_does_nothing(place: Place):
    place.feed.close("count")
    place.enter("c")
    assert frame_of(place.pass_time(0.1)).count == 3


def test_a_feed_that_nobody_watches_wants_nothing(place: Place):
    place.enter("c")
    place.close("full")
    assert place.feed.due_s() is None

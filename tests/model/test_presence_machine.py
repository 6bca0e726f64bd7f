"""The real node beside a small model of sets, under random histories.

The model knows tabs, who they are, which rooms they are in, which of them are between two polls, and graces. Everything else
(members, counts, what the hooks were told, what every watcher was sent) has to follow from that. Watchers compare their copies
with the truth whenever they are sent anything, and apply it twice (P6; see `model.watcher`); that it comes in time is seen here.
"""

from __future__ import annotations

import json
from typing import Any

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from alsohere.domain.feed import FeedRules
from alsohere.node.node import NodeRules
from alsohere.node.peer import MISSING_S
from model.watcher import Copy, Truth, Watcher
from support.simulation import World

GRACE_S = 2.0
LATE_S = 0.06  # the resolution of the node's wheel, and a little
USERS = ["ann", "bob", "cem", "dia", "eve", "fay"]
ROOMS = ["/a", "/b"]
FULL_LIMIT, SAMPLE = 4, 2
TICK_S, SLOW_TICK_S = 0.1, 1.0
PING_TIMEOUT_S = 8.0
users, rooms = st.sampled_from(USERS), st.sampled_from(ROOMS)
watches = st.sampled_from(["full", "full", "full", "sample", "count", "none"])
states = st.dictionaries(st.sampled_from(["x", "y"]), st.integers(0, 3), max_size=2)


class PresenceMachine(RuleBasedStateMachine):
    tabs = Bundle("tabs")

    def __init__(self) -> None:
        super().__init__()
        feed_rules = FeedRules(full_limit=FULL_LIMIT, full_again=FULL_LIMIT - 2, sample_size=SAMPLE)
        self.world = World(NodeRules(leave_grace_s=GRACE_S, packets_per_s=1e6, packet_burst=1e6), feed_rules)
        # The model: who each living tab is and where; and which memberships live on without one.
        self.who: dict[Watcher, str] = {}
        self.where: dict[Watcher, set[str]] = {}
        self.grace: dict[tuple[str, str], float] = {}
        self.unheard: dict[Watcher, float] = {}  # between two polls, and since when
        self.invisible: dict[Watcher, bool] = {}
        self.generations: dict[tuple[str, str], int] = {}
        self.came: set[tuple[str, str]] = set()  # since their generation was looked at
        self.present: set[tuple[str, str]] = set()
        self.truth = Truth(self.world)
        self.looks = {room: (self.truth.now(room), self.world.clock.time_s) for room in ROOMS}  # and since when it is so

    # -- The model ---------------------------------------------------------------------------------------------------

    def holds(self, tab: Watcher) -> bool:
        """Whether others see the tab: a client whose poll does not come counts as gone."""
        return not tab.peer.missing

    def members(self, room: str) -> set[str]:
        now = self.world.clock.time_s
        seated = {self.who[tab] for tab, places in self.where.items() if room in places and self.holds(tab)}
        return seated | {user for (place, user), until in self.grace.items() if place == room and until > now}

    def vacate(self, tab: Watcher, room: str, *, lost: bool, at_s: float | None = None) -> None:
        self.where[tab].discard(room)
        user = self.who[tab]
        others = any(room in places and self.who[other] == user and self.holds(other) for other, places in self.where.items())
        if lost and self.holds(tab) and not others:
            self.grace[room, user] = self.unheard.get(tab, at_s or self.world.clock.time_s) + GRACE_S

    def seat(self, tab: Watcher, room: str) -> None:
        self.where[tab].add(room)
        if self.holds(tab):
            self.grace.pop((room, self.who[tab]), None)

    def forget(self, tab: Watcher) -> None:
        for table in (self.who, self.where, self.invisible, self.unheard):
            table.pop(tab, None)

    def speaks(self, tab: Watcher) -> bool:
        """Whether the tab may send a command; one between two polls posts it, and so is there (see `Polling.post`)."""
        if tab not in self.who:
            return False
        if tab in self.unheard:
            self._answer_poll(tab)
        return True

    # -- Rules -------------------------------------------------------------------------------------------------------

    @initialize(target=tabs, people=st.lists(st.tuples(users, rooms, watches), max_size=8))
    def begin(self, people: list[tuple[str, str, str]]) -> Any:
        """Most histories begin where there are some already."""
        tabs = []
        for user, room, watch in people:
            tabs.append(self.connect(user))
            self.enter(tabs[-1], room, watch, None, resume=False)
        return multiple(*tabs)

    @rule(target=tabs, user=users)
    def connect(self, user: str) -> Watcher:
        tab = Watcher(self.world, self.truth)
        tab.send("40" + json.dumps({"user": user}))
        hidden = self.world.node.presence.person(user).status == "invisible"
        self.who[tab], self.where[tab], self.invisible[tab] = user, set(), hidden
        self.seat(tab, "@online")
        return tab

    @rule(tab=tabs, room=rooms, watch=watches, state=st.none() | states, resume=st.booleans())
    def enter(self, tab: Watcher, room: str, watch: str, state: Any, resume: bool) -> None:
        if not self.speaks(tab):
            return
        (tab.wanted.discard if watch == "none" else tab.wanted.add)(room)
        if watch == "none":
            tab.copies.pop(room, None)
        tab.enter(room, watch, state, resume=resume)
        self.seat(tab, room)

    @rule(tab=tabs, room=rooms)
    def leave(self, tab: Watcher, room: str) -> None:
        if not self.speaks(tab):
            return
        was_in = room in self.where[tab]
        assert tab.call_now("room:leave", {"room": room})["ok"] == was_in
        if was_in:
            tab.forget(room)
            self.vacate(tab, room, lost=False)

    @rule(tab=tabs, room=rooms, watch=watches, state=st.none() | states)
    def leave_and_return(self, tab: Watcher, room: str, watch: str, state: Any) -> None:
        """Within one tick, which others see as a leave and an enter all the same."""
        self.leave(tab, room)
        self.enter(tab, room, watch, state, resume=False)

    @rule(tab=tabs, room=rooms, patch=states)
    def update(self, tab: Watcher, room: str, patch: dict[str, Any]) -> None:
        if self.speaks(tab):
            assert tab.call_now("room:update", {"room": room, "state": patch})["ok"] == (room in self.where[tab])

    @rule(tab=tabs, status=st.sampled_from(["active", "idle", "away", "invisible"]))
    def status(self, tab: Watcher, status: str) -> None:
        if self.speaks(tab):
            tab.call_now("user:status", {"status": status})
            self.invisible[tab] = status == "invisible"

    @rule(tab=tabs, user=users)
    def identify(self, tab: Watcher, user: str) -> None:
        if not self.speaks(tab):
            return
        known = self.world.node.presence.person(user)
        hidden = known is not None and known.status == "invisible"
        assert tab.call_now("user:identify", {"token": user})["ok"]
        if user != self.who[tab]:
            self.invisible[tab] |= hidden
            places = list(self.where[tab])
            for room in places:
                self.vacate(tab, room, lost=False)
            self.who[tab] = user
            for room in places:
                self.seat(tab, room)

    @rule(tab=tabs, seconds=st.sampled_from([0.0, 1.9, 2.1, 2.1, 2.1, 5.3]))
    def does_not_poll(self, tab: Watcher, seconds: float) -> None:
        """The client has no poll under way: it is a closed tab, or a slow one."""
        if tab in self.who:
            self._answer_poll(tab)
            self.pass_time(seconds)

    def _answer_poll(self, tab: Watcher) -> None:
        self.poll(tab)
        tab.peer.expect_poll()
        self.unheard[tab] = self.world.clock.time_s

    @rule(tab=tabs)
    def poll(self, tab: Watcher) -> None:
        if tab in self.who:
            tab.peer.found()
            self.unheard.pop(tab, None)
            for room in self.where[tab]:
                self.seat(tab, room)

    @rule(tab=tabs, room=rooms, state=st.none() | states, enters=st.booleans())
    def is_moved_by_the_application(self, tab: Watcher, room: str, state: Any, enters: bool) -> None:
        if tab in self.who and enters:
            self.world.node.enter(tab.connection, room, state, "none")
            self.seat(tab, room)
        elif tab in self.who and room in self.where[tab]:
            self.world.node.leave(tab.connection, room)
            tab.forget(room)
            self.vacate(tab, room, lost=False)

    @rule(tab=consumes(tabs))
    def lose_transport(self, tab: Watcher) -> None:
        self._gone(tab, lost=True, act=tab.lose_transport)

    @rule(tab=consumes(tabs))
    def say_goodbye(self, tab: Watcher) -> None:
        self._gone(tab, lost=False, act=lambda: tab.send("41"))

    def _gone(self, tab: Watcher, *, lost: bool, act: Any) -> None:
        if tab not in self.who if lost else not self.speaks(tab):
            return
        act()
        for room in list(self.where[tab]):
            self.vacate(tab, room, lost=lost)
        self.forget(tab)
        self.world.pass_time(0.0)  # of who was between two polls for that long already, the grace is over

    @rule(user=users)
    def kick(self, user: str) -> None:
        gone = [tab for tab, who in self.who.items() if who == user]
        assert self.world.node.kick(user) == len(gone)
        for tab in gone:
            assert tab.packets[-1] == "41" or tab.paused_s is not None
            assert tab.closed[0] == 4403
            self.forget(tab)
        for key in [key for key in self.grace if key[1] == user]:
            del self.grace[key]

    @rule(tab=tabs, frames=st.integers(1, 3))
    def miss_frames(self, tab: Watcher, frames: int) -> None:
        tab.deaf_for = frames

    @rule(tab=tabs)
    def stop_reading(self, tab: Watcher) -> None:
        tab.stop_reading()

    @rule(tab=tabs)
    def read_again(self, tab: Watcher) -> None:
        if tab in self.who:
            tab.read_again()

    @rule(seconds=st.sampled_from([0.01, 0.05, 0.1, 0.3, 1.0, 2.5]))
    def pass_time(self, seconds: float) -> None:
        for tab in self.who:
            if tab.paused_s is not None and self.world.clock.time_s + seconds - tab.paused_s >= PING_TIMEOUT_S:
                tab.read_again()  # else it is closed as lost: tests/node/test_slow_readers.py
        self.world.pass_time(seconds)
        for tab, since in list(self.unheard.items()):
            unheard_s = self.world.clock.time_s - since + 1e-6  # 1.9 s and 0.1 s are a little less than 2 s
            if tab.peer.ended:
                assert unheard_s >= GRACE_S + MISSING_S
                self.forget(tab)
            elif tab.peer.missing:
                assert GRACE_S <= unheard_s <= GRACE_S + MISSING_S + 2 * LATE_S
            else:
                assert unheard_s <= GRACE_S + 2 * LATE_S, "a closed tab is gone within the grace (P12)"

    @rule()
    def settle(self) -> None:
        """Everybody reads, time passes, and what every watcher has is the truth."""
        for tab in self.who:
            self.poll(tab)
            tab.read_again()
            tab.deaf_for = 0
        self._pass_ticks()  # a gap is only seen with the next frame, and asking takes a tick
        for room in ROOMS:  # a frame for whoever missed the last one
            if self.members(room):
                self._nudge(room)
        self._pass_ticks()
        for tab in self.who:
            copies = tab.settled()
            assert {copy.room for copy in copies} == tab.wanted
            for copy in copies:
                self._check(copy)

    def _pass_ticks(self) -> None:
        for _ in range(4):
            self.watchers_ask_again()
            self.world.pass_time(SLOW_TICK_S + TICK_S)

    def _nudge(self, room: str) -> None:
        """Somebody looks in and goes: two frames for whoever missed the last one."""
        guest = self.world.client("guest")
        guest.ask("room:enter", {"room": room, "watch": "none"})
        self.world.pass_time(1.1)
        guest.send("41")
        guest.lose_transport()
        self.world.pass_time(1.1)

    def _check(self, copy: Copy) -> None:
        count, members = look = self.truth.now(copy.room)
        copy.check(look)
        if copy.mode == "sample":
            assert len(copy.members) == min(SAMPLE, len(members))
        assert count == len(self.members(copy.room))

    # -- Invariants, after every step --------------------------------------------------------------------------------

    @invariant()
    def watchers_ask_again(self) -> None:
        for tab in self.who:
            if tab.paused_s is None:
                tab.ask_again()

    @invariant()
    def copies_are_the_truth(self) -> None:
        """P5, P7: a tick after a room has changed every watcher's copy is it; a second after, where counts and samples are watched."""
        for fault in self.truth.faults:
            raise fault
        now_s = self.world.clock.time_s
        for room in ROOMS:
            look, since_s = self.looks[room]
            if look != (now := self.truth.now(room)):
                self.looks[room] = (now, now_s)
        for tab in self.who:
            for copy in tab.settled():
                _, since_s = self.looks[copy.room]
                if now_s - since_s >= (TICK_S if copy.mode == "full" else SLOW_TICK_S + TICK_S):
                    self._check(copy)

    @invariant()
    def members_are_those_of_the_model(self) -> None:
        """P1, P3, P7, P10."""
        hidden = {self.who[tab] for tab, invisible in self.invisible.items() if invisible and self.holds(tab)}
        online = {user for tab, user in self.who.items() if self.holds(tab)}
        for room in [*ROOMS, "@online"]:
            expected = self.members(room)
            assert self.world.node.count(room) == len(expected)
            named = {member.id for member in self.world.node.members(room)}
            assert named <= expected
            assert {user for user in expected if user in online} - hidden <= named
            assert not named & hidden

    @invariant()
    def enter_and_leave_alternate(self) -> None:
        """P2, P4: the hooks hear of every real transition, once."""
        for kind, room, user in self.world.told:
            key = (room, user)
            if kind == "enter":
                assert key not in self.present
                self.present.add(key)
                self.came.add(key)
            elif kind == "leave":
                assert key in self.present
                self.present.discard(key)
            else:
                assert key in self.present
        self.world.told.clear()
        assert self.present == {(room, user) for room in [*ROOMS, "@online"] for user in self.members(room)}

        self._check_generations()

    def _check_generations(self) -> None:
        """P8: larger with every enter, and the same until the next."""
        for room in ROOMS:
            for member in self.world.node.members(room):
                key = (room, member.id)
                before = self.generations.get(key, 0)
                assert member.generation > before if key in self.came else member.generation == before
                self.came.discard(key)
                self.generations[key] = member.generation

    def teardown(self) -> None:
        """Whatever the history was, every watcher's copy is the truth in the end; and P11: after everyone left, nothing is kept."""
        self.settle()
        for tab in list(self.who):
            tab.lose_transport()
        self.world.pass_time(GRACE_S + 12)  # and sessions that joined nothing time out
        node = self.world.node
        assert node.presence.is_empty()
        assert not node.peers
        assert node.connection_count == node.room_count == node.hub.audience_count == 0
        assert node.hub.due_s() is None


PresenceMachine.TestCase.settings = settings(max_examples=400, stateful_step_count=100, deadline=None)
test_presence_equals_the_model = PresenceMachine.TestCase

"""The real node beside a small model of sets, under random histories.

The model knows tabs, who they are, which rooms they are in, which of them are between two polls, and graces. Everything else
(members, counts, what the hooks were told, what every watcher was sent) has to follow from that.
"""

from __future__ import annotations

import json
from typing import Any

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from alsohere.domain.feed import FeedRules
from alsohere.node.node import NodeRules
from alsohere.node.peer import MISSING_S
from support.simulation import SimulatedClient, World

GRACE_S = 2.0
LATE_S = 0.06  # the resolution of the node's wheel, and a little
USERS = ["ann", "bob", "cem", "dia", "eve", "fay"]
ROOMS = ["/a", "/b"]
FULL_LIMIT, SAMPLE = 4, 2
users, rooms = st.sampled_from(USERS), st.sampled_from(ROOMS)
watches = st.sampled_from(["full", "full", "full", "sample", "count", "none"])
states = st.dictionaries(st.sampled_from(["x", "y"]), st.integers(0, 3), max_size=2)


class Watcher(SimulatedClient):
    """A client whose idea of a room is made only of what it was sent."""

    def __init__(self, world: World) -> None:
        self.copies: dict[str, dict[str, Any]] = {}
        self.asked: dict[int, tuple[str, str]] = {}
        self.newest: dict[str, int] = {}
        self.deaf_for = 0
        self.is_paused = False
        self.wanted: set[str] = set()
        super().__init__(world)

    def enter(self, room: str, watch: str, state: dict[str, Any] | None, *, resume: bool = False) -> None:
        command: dict[str, Any] = {"room": room, "watch": watch}
        if state is not None:
            command["state"] = state
        copy = self.copies.get(room)
        if resume and copy is not None and copy["watch"] == watch:
            command["since"] = [copy["epoch"], copy["seq"]]
        else:
            self.copies.pop(room, None)
        self.newest[room] = self._next_ack + 1
        self.asked[self._next_ack + 1] = (room, watch)
        self.ask("room:enter", command)

    def heard(self, name: str, args: list[Any]) -> None:
        if name != "room:changed":
            return
        frame = args[0]
        copy = self.copies.get(frame["room"])
        if self.deaf_for:
            self.deaf_for -= 1
        elif copy is not None and not copy["resyncing"]:
            if frame["prev"] == copy["seq"]:
                apply(copy, frame)
            else:
                copy["resyncing"] = True

    def listen(self) -> None:
        """Read acks, and ask again where a gap was seen."""
        for ack_id, (room, watch) in list(self.asked.items()):
            answer = self.acks.get(ack_id)
            if answer is None:
                continue
            del self.asked[ack_id]
            if ack_id != self.newest[room]:
                continue  # asked again meanwhile, and only the newest answer counts
            if answer[0]["ok"] and watch != "none" and room in self.wanted:
                self._begin(room, watch, answer[0])
        for room, copy in self.copies.items():
            if copy["resyncing"] and all(asked[0] != room for asked in self.asked.values()):
                self.enter(room, copy["watch"], None, resume=True)

    def _begin(self, room: str, watch: str, answer: dict[str, Any]) -> None:
        if answer["recovered"]:
            copy = self.copies[room]
            for frame in answer["changes"]:
                assert frame["prev"] == copy["seq"], "what was missed chains on (P5)"
                apply(copy, frame)
            assert copy["seq"] == answer["seq"]
            copy["resyncing"] = False
        else:
            members = {member["id"]: member for member in answer.get("members", [])}
            self.copies[room] = {
                "watch": watch,
                "members": members,
                "count": answer["count"],
                "seq": answer["seq"],
                "epoch": answer["epoch"],
                "mode": answer["mode"],
                "resyncing": False,
            }


def apply(copy: dict[str, Any], frame: dict[str, Any]) -> None:
    """The rule of the reference: leave, then enter, then update."""
    for _ in range(2):  # P6: twice is once
        for gone in frame.get("leave", []):
            copy["members"].pop(gone["id"], None)
        for member in frame.get("enter", []):
            copy["members"][member["id"]] = member
        for update in frame.get("update", []):
            copy["members"][update["id"]] = copy["members"][update["id"]] | update
    assert frame["seq"] > copy["seq"], "seq grows (P5)"
    copy |= {"count": frame["count"], "seq": frame["seq"], "mode": frame["mode"]}


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

    # -- The model ---------------------------------------------------------------------------------------------------

    def holds(self, tab: Watcher) -> bool:
        """Whether others see the tab: a client whose poll does not come counts as gone."""
        return not tab.peer.missing

    def members(self, room: str) -> set[str]:
        now = self.world.clock.time_s
        seated = {self.who[tab] for tab, places in self.where.items() if room in places and self.holds(tab)}
        return seated | {user for (place, user), until in self.grace.items() if place == room and until > now}

    def vacate(self, tab: Watcher, room: str, *, lost: bool) -> None:
        self.where[tab].discard(room)
        user = self.who[tab]
        others = any(room in places and self.who[other] == user and self.holds(other) for other, places in self.where.items())
        if lost and self.holds(tab) and not others:
            self.grace[room, user] = self.unheard.get(tab, self.world.clock.time_s) + GRACE_S

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

    @rule(target=tabs, user=users)
    def connect(self, user: str) -> Watcher:
        tab = Watcher(self.world)
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
            tab.wanted.discard(room)
            tab.copies.pop(room, None)
            self.vacate(tab, room, lost=False)

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
            tab.wanted.discard(room)
            tab.copies.pop(room, None)
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
            assert tab.packets[-1] == "41" or tab.is_paused
            assert tab.closed[0] == 4403
            self.forget(tab)
        for key in [key for key in self.grace if key[1] == user]:
            del self.grace[key]

    @rule(tab=tabs, frames=st.integers(1, 3))
    def miss_frames(self, tab: Watcher, frames: int) -> None:
        tab.deaf_for = frames

    @rule(tab=tabs)
    def stop_reading(self, tab: Watcher) -> None:
        tab.peer.outbox.pause()
        tab.is_paused = True

    @rule(tab=tabs)
    def read_again(self, tab: Watcher) -> None:
        if tab in self.who:
            tab.peer.outbox.resume()
            tab.is_paused = False
            tab.listen()

    @rule(seconds=st.sampled_from([0.01, 0.05, 0.1, 0.3, 1.0, 2.5]))
    def pass_time(self, seconds: float) -> None:
        self.world.pass_time(seconds)
        for tab, since in list(self.unheard.items()):
            unheard_s = self.world.clock.time_s - since
            if tab.peer.ended:
                assert unheard_s >= GRACE_S + MISSING_S
                self.forget(tab)
            elif tab.peer.missing:
                assert GRACE_S <= unheard_s <= GRACE_S + MISSING_S + 2 * LATE_S
            else:
                assert unheard_s <= GRACE_S + LATE_S, "a closed tab is gone within the grace (P12)"

    @rule()
    def settle(self) -> None:
        """Everybody reads, time passes, and what every watcher has is the truth."""
        for tab in self.who:
            self.poll(tab)
            tab.peer.outbox.resume()
            tab.is_paused = False
            tab.deaf_for = 0
        for _ in range(4):  # a gap is only seen with the next frame, and asking takes a tick
            for tab in self.who:
                tab.listen()
            self.world.pass_time(1.1)
        for room in ROOMS:  # a frame for whoever missed the last one
            if self.members(room):
                self._nudge(room)
        for _ in range(4):
            for tab in self.who:
                tab.listen()
            self.world.pass_time(1.1)
        for tab in self.who:
            for room in tab.wanted:
                self._check_copy(tab, room)

    def _nudge(self, room: str) -> None:
        """Somebody looks in and goes: two frames for whoever missed the last one."""
        guest = self.world.client("guest")
        guest.ask("room:enter", {"room": room, "watch": "none"})
        self.world.pass_time(1.1)
        guest.send("41")
        guest.lose_transport()
        self.world.pass_time(1.1)

    def _check_copy(self, tab: Watcher, room: str) -> None:
        copy = tab.copies[room]
        truth = {member.id: member for member in self.world.node.members(room)}
        assert copy["count"] == len(self.members(room)), "counts are exact in every mode (P7)"
        if copy["mode"] == "count":
            assert not copy["members"]
            return
        shown = set(copy["members"])
        if copy["mode"] == "full":
            assert shown == set(truth)
        else:
            assert shown <= set(truth)
            assert len(shown) == min(SAMPLE, len(truth))
        for user_id, member in copy["members"].items():
            real = truth[user_id]
            assert (member["state"], member["status"], member["generation"], member["connections"]) == (
                real.state,
                real.status,
                real.generation,
                real.connections,
            )

    # -- Invariants, after every step --------------------------------------------------------------------------------

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


def _call_now(self: Watcher, event: str, argument: dict[str, Any]) -> Any:
    """A command whose answer does not wait for a tick; read it even if the client has stopped reading."""
    paused = not self.peer.outbox.ready
    self.peer.outbox.resume()
    ack_id = self.ask(event, argument)
    if paused:
        self.peer.outbox.pause()
    return self.acks[ack_id][0]


Watcher.call_now = _call_now  # type: ignore[attr-defined]
PresenceMachine.TestCase.settings = settings(max_examples=300, stateful_step_count=50, deadline=None)
test_presence_equals_the_model = PresenceMachine.TestCase

"""Visits of the real node beside a model that looks at every second: who is there, and who of them looks."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, precondition, rule

from alsohere.backends.memory_history import MemoryHistory
from alsohere.backends.memory_locks import MemoryLocks
from alsohere.domain.history import Visit
from alsohere.node.history import HistoryRules
from alsohere.node.node import NodeRules
from support.simulation import SimulatedClient, World

GRACE_S = 2
ROOMS, USERS = ["/posts/1", "/posts/1", "/posts/2", "/private"], ["ann", "bob"]
RANKS = ["away", "idle", "active", "invisible"]  # of a user's tabs, the last counts
waits = st.integers(0, 3)
rooms, users, statuses = st.sampled_from(ROOMS), st.sampled_from(USERS), st.sampled_from([*RANKS, "active", "active", "away"])


class Tab:
    def __init__(self, client: SimulatedClient, user: str, status: str) -> None:
        self.client = client
        self.user = user
        self.status = status
        self.rooms: set[str] = set()


class ReadingMachine(RuleBasedStateMachine):
    tabs = Bundle("tabs")

    def __init__(self) -> None:
        super().__init__()
        self.store = MemoryHistory(MemoryLocks(first_fence=0))
        rules = NodeRules(leave_grace_s=GRACE_S, packets_per_s=1e6, packet_burst=1e6)
        self.world = World(rules, history_store=self.store, history_rules=HistoryRules(rooms=("/posts/*",)))
        self.world.clock.time_s = 1000.0
        self.living: list[Tab] = []
        self.status: dict[str, str] = {}  # of users, also of those whose last tab was just lost
        self.graces: dict[tuple[str, str], float] = {}  # (room or @online, user) -> until
        self.visits: dict[tuple[str, str], dict[str, Any]] = {}
        self.over: list[Visit] = []

    # -- The model ---------------------------------------------------------------------------------------------------

    @property
    def now(self) -> float:
        return self.world.clock.time_s

    def is_seated(self, room: str, user: str) -> bool:
        return any(tab.user == user and (room == "@online" or room in tab.rooms) for tab in self.living)

    def looks(self, room: str, user: str) -> bool:
        tabs = [tab for tab in self.living if tab.user == user]
        return all(tab.status != "invisible" for tab in tabs) and any(
            room in tab.rooms and tab.status == "active" for tab in tabs
        )

    def settle_status(self, user: str) -> None:
        tabs = [tab.status for tab in self.living if tab.user == user]
        if tabs:
            self.status[user] = max(tabs, key=RANKS.index)
        elif not any(owner == user for _, owner in self.graces):
            self.status.pop(user, None)  # nobody remembers them

    def seat(self, tab: Tab, room: str, position: Any) -> None:
        self.graces.pop((room, tab.user), None)
        tab.rooms.add(room)
        visit = self.visits.setdefault((room, tab.user), {"at": self.now, "active": 0, "furthest": None})
        self.move(visit, position)

    @staticmethod
    def move(visit: dict[str, Any], position: int | None) -> None:
        if position is not None:
            visit["furthest"] = max(position, visit["furthest"] or 0)

    def vacate(self, tab: Tab, room: str, *, lost: bool) -> None:
        tab.rooms.discard(room)
        if self.is_seated(room, tab.user):
            return
        if lost:
            self.graces[room, tab.user] = self.now + GRACE_S
        else:
            self.end(room, tab.user, self.now)

    def end(self, room: str, user: str, at: float) -> None:
        visit = self.visits.pop((room, user), None)
        if visit is not None and room.startswith("/posts/"):
            entered_at, left_at = int(visit["at"] * 1000), int(at * 1000)
            self.over.append(Visit(room, user, entered_at, left_at, float(visit["active"]), visit["furthest"]))

    def wait(self, seconds: int) -> None:
        for _ in range(seconds):
            for (room, user), visit in self.visits.items():
                visit["active"] += self.looks(room, user)
            self.world.pass_time(1.0)
            for (room, user), until in list(self.graces.items()):
                if until <= self.now:
                    del self.graces[room, user]
                    self.end(room, user, until)
                    self.settle_status(user)

    # -- Rules -------------------------------------------------------------------------------------------------------

    @rule(target=tabs, user=users)
    def somebody_comes(self, user: str) -> Tab:
        client = self.world.client(user)
        tab = Tab(client, user, "invisible" if self.status.get(user) == "invisible" else "active")
        self.living.append(tab)
        self.graces.pop(("@online", user), None)
        self.settle_status(user)
        return tab

    @rule(tab=consumes(tabs), before=waits)
    def a_transport_is_lost(self, tab: Tab, before: int) -> None:
        self.wait(before)
        tab.client.lose_transport()
        self.living.remove(tab)
        for room in [*tab.rooms, "@online"]:
            self.vacate(tab, room, lost=True)
        self.settle_status(tab.user)

    @rule(tab=tabs, room=rooms, position=st.none() | st.integers(0, 100), before=waits)
    def somebody_enters(self, tab: Tab, room: str, position: int | None, before: int) -> None:
        self.wait(before)
        state = {} if position is None else {"state": {"position": position}}
        tab.client.ask("room:enter", {"room": room, "watch": "none", **state})
        self.seat(tab, room, position)

    @rule(tab=tabs, room=rooms, position=st.integers(0, 100), before=waits)
    def somebody_reads_on(self, tab: Tab, room: str, position: int, before: int) -> None:
        self.wait(before)
        tab.client.ask("room:update", {"room": room, "state": {"position": position}})
        if room in tab.rooms:
            self.move(self.visits[room, tab.user], position)

    @rule(tab=tabs, room=rooms, before=waits)
    def somebody_leaves(self, tab: Tab, room: str, before: int) -> None:
        self.wait(before)
        tab.client.ask("room:leave", {"room": room})
        if room in tab.rooms:
            self.vacate(tab, room, lost=False)

    @rule(tab=tabs, status=statuses, before=waits)
    def a_page_is_hidden_or_shown(self, tab: Tab, status: str, before: int) -> None:
        self.wait(before)
        tab.client.ask("user:status", {"status": status})
        tab.status = status
        self.settle_status(tab.user)

    @rule(tab=tabs, user=users, before=waits)
    def somebody_logs_in(self, tab: Tab, user: str, before: int) -> None:
        self.wait(before)
        sid = tab.client.connection.sid
        states = {room: self.world.node.presence.state(sid, room) for room in tab.rooms}  # go along to whom they become
        tab.client.ask("user:identify", {"token": user})
        if tab.user == user:
            return
        seats, old = sorted(tab.rooms), tab.user
        for room in seats:
            self.vacate(tab, room, lost=False)
        self.living.remove(tab)
        self.settle_status(old)
        tab.user = user
        tab.status = "invisible" if self.status.get(user) == "invisible" else tab.status
        self.living.append(tab)
        self.graces.pop(("@online", user), None)
        self.settle_status(user)
        for room in seats:
            self.seat(tab, room, states[room].get("position"))

    @precondition(lambda self: self.visits)
    @rule(seconds=st.integers(60, 200))
    def nothing_happens_for_long(self, seconds: int) -> None:
        self.wait(seconds)

    def teardown(self) -> None:
        self.wait(3)
        for tab in self.living:
            assert tab.client.closed is None
            for room in sorted(tab.rooms):
                tab.client.ask("room:leave", {"room": room})
                self.vacate(tab, room, lost=False)
        self.wait(6)  # everything that is over is written
        wanted: dict[Any, Visit] = {}
        for visit in self.over:
            wanted[visit.key] = wanted[visit.key].merged(visit) if visit.key in wanted else visit
        assert self.store._visits == wanted  # R1, R2, R3, R4, R5
        super().teardown()


TestReading = ReadingMachine.TestCase
TestReading.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)

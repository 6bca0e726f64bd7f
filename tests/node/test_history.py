"""Reading history of a whole node under a simulated clock: what presence tells is kept, and the database may be away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from alsohere.backends.memory_history import MemoryHistory
from alsohere.backends.memory_locks import MemoryLocks
from alsohere.domain.history import DAY_MS, Batch, Day, Erased, Erasure, Visit
from alsohere.errors import ConfigError, Refusal, Unavailable
from alsohere.node.history import BATCH, PRUNE_SLICE, WRITE_S, HistoryRules
from alsohere.node.node import NodeRules
from support.loop import asynchronous, until
from support.simulation import SimulatedClient, World

RULES = HistoryRules(rooms=("/posts/*",), retention_days=30)
Answers = list[tuple[Callable[[Any], None], Any]]


class Store(MemoryHistory):
    """A database that answers when it is told to, and can be away."""

    def __init__(self) -> None:
        super().__init__(MemoryLocks(first_fence=0))
        self.away = False
        self.slow = False
        self.held: Answers = []
        self.batches: list[Batch] = []

    def write(self, batch: Batch, done: Callable[[list[Erasure] | Refusal], None]) -> None:
        self.batches.append(batch)
        if self.away:
            self._answer(done, Unavailable("away"))
        else:
            super().write(batch, lambda answer: self._answer(done, answer))

    def prune(self, before_ms: int, most: int, done: Callable[[int | Refusal], None]) -> None:
        if self.away:
            done(Unavailable("away"))
        else:
            super().prune(before_ms, most, done)

    def _answer(self, done: Callable[[Any], None], answer: Any) -> None:
        if self.slow:
            self.held.append((done, answer))
        else:
            done(answer)

    def answer(self) -> None:
        """Everything that was asked so far."""
        held, self.held = self.held, []
        for done, answer in held:
            done(answer)

    def visits(self) -> list[Visit]:
        return sorted(self._visits.values(), key=lambda visit: (visit.entered_at, visit.user))


class Library:
    """A world that is recorded."""

    def __init__(self, rules: HistoryRules = RULES, **more: Any) -> None:
        self.store = Store()
        node_rules = NodeRules(packets_per_s=1e6, packet_burst=1e6, user_events_per_s=0, client_events_per_s=0)
        self.world = World(node_rules, history_store=self.store, history_rules=rules, **more)
        self.history = self.world.node.history
        self.history.begin()

    def reader(self, user: str, room: str = "/posts/1", **state: Any) -> SimulatedClient:
        client = self.world.client(user)
        client.ask("room:enter", {"room": room, "watch": "none", "state": state})
        return client

    def pass_time(self, seconds: float) -> None:
        self.world.pass_time(seconds)

    def read(self, user: str) -> list[tuple[float, float, int | None]]:
        """The visits that were written of a user: seconds from enter to leave, seconds of attention, how far."""
        self.pass_time(WRITE_S + 0.1)
        return [
            ((visit.left_at - visit.entered_at) / 1000, visit.active_s, visit.furthest)
            for visit in self.store.visits()
            if visit.user == user
        ]


@pytest.fixture
def library() -> Library:
    return Library()


# -- What a visit is ---------------------------------------------------------------------------------------------------


def test_a_visit_is_from_enter_to_leave_by_the_servers_clock(library: Library):  # R1, R3
    ann = library.reader("ann", position=10)
    library.pass_time(30.0)
    ann.ask("room:update", {"room": "/posts/1", "state": {"position": 80, "time": 0, "left_at": 5}})
    library.pass_time(12.0)
    ann.ask("room:leave", {"room": "/posts/1"})
    assert library.read("ann") == [(42.0, 42.0, 80)]
    assert [visit.entered_at for visit in library.store.visits()] == [1_000_000]


def test_rooms_that_no_rule_names_are_not_recorded(library: Library):  # R4
    ann = library.reader("ann", "/private", position=10)
    library.pass_time(100.0)
    ann.lose_transport()
    assert library.read("ann") == []
    assert library.store.visits() == []


def test_a_second_tab_makes_no_second_visit(library: Library):  # R1
    first = library.reader("ann", position=30)
    library.pass_time(10.0)
    second = library.reader("ann", position=5)
    library.pass_time(10.0)
    first.ask("room:leave", {"room": "/posts/1"})
    library.pass_time(10.0)
    second.ask("room:leave", {"room": "/posts/1"})
    assert library.read("ann") == [(30.0, 30.0, 30)]


def test_who_comes_back_within_the_grace_goes_on_and_was_away_meanwhile(library: Library):  # R1, R2
    ann = library.reader("ann")
    library.pass_time(10.0)
    ann.lose_transport()
    library.pass_time(1.5)
    again = library.reader("ann", position=50)
    library.pass_time(10.0)
    again.lose_transport()
    library.pass_time(5.0)
    assert library.read("ann") == [(23.5, 20.0, 50)]  # the last grace of 2 s is part of the stay, and was not read in


def test_a_hidden_tab_is_not_read_in_while_another_page_is(library: Library):  # R2
    background = library.reader("ann", "/posts/1")
    background.ask("user:status", {"status": "away"})
    front = library.reader("ann", "/posts/2")
    library.pass_time(20.0)
    front.ask("user:status", {"status": "idle"})
    background.ask("user:status", {"status": "active"})
    library.pass_time(5.0)
    for tab, room in ((background, "/posts/1"), (front, "/posts/2")):
        tab.ask("room:leave", {"room": room})
    assert library.read("ann") == [(25.0, 5.0, None), (25.0, 20.0, None)]


def test_one_of_two_tabs_that_leaves_takes_its_attention_along(library: Library):  # R2
    hidden, shown = library.reader("ann"), library.reader("ann")
    hidden.ask("user:status", {"status": "away"})
    library.pass_time(4.0)
    shown.ask("room:leave", {"room": "/posts/1"})
    library.pass_time(6.0)
    hidden.ask("room:leave", {"room": "/posts/1"})
    assert library.read("ann") == [(10.0, 4.0, None)]


def test_who_is_invisible_reads_unseen(library: Library):  # R2
    ann = library.reader("ann")
    library.pass_time(3.0)
    elsewhere = library.world.client("ann")
    elsewhere.ask("user:status", {"status": "invisible"})
    library.pass_time(50.0)
    elsewhere.ask("user:status", {"status": "active"})
    library.pass_time(4.0)
    ann.ask("room:leave", {"room": "/posts/1"})
    assert library.read("ann") == [(57.0, 7.0, None)]


def test_who_becomes_somebody_else_ends_one_visit_and_begins_another(library: Library):  # R1
    hidden, shown = library.reader("ann", position=20), library.reader("ann", position=40)
    hidden.ask("user:status", {"status": "away"})
    library.pass_time(5.0)
    shown.ask("user:identify", {"token": "bob"})
    library.pass_time(7.0)
    for tab in (hidden, shown):
        tab.ask("room:leave", {"room": "/posts/1"})
    assert library.read("ann") == [(12.0, 5.0, 40)]
    assert library.read("bob") == [(7.0, 7.0, 40)]


def test_a_visit_over_midnight_is_of_the_day_on_which_it_began(library: Library):  # R1, R7
    library.world.clock.time_s = 20_777 * DAY_MS / 1000 - 60
    ann = library.reader("ann")
    library.pass_time(120.0)
    ann.ask("room:leave", {"room": "/posts/1"})
    library.pass_time(10.0)
    (visit,) = library.store.visits()
    assert visit.entered_at < 20_777 * DAY_MS < visit.left_at
    days = asyncio.run(library.store.days(date(2026, 11, 19), date(2026, 11, 21)))
    assert days == [Day(date(2026, 11, 19), 1, 1, 1), Day(date(2026, 11, 20), 1, 1, 0)]


def test_a_rule_that_names_no_room_is_told_at_the_start():
    with pytest.raises(ConfigError, match="history: '@online' names no room"):
        Library(HistoryRules(rooms=("@online",)))


# -- Days --------------------------------------------------------------------------------------------------------------


def today(library: Library) -> Day:
    library.pass_time(WRITE_S + 0.1)
    day = date(1970, 1, 1)  # where the simulated clock begins
    return asyncio.run(library.store.days(day, day))[0]


def test_a_day_counts_people_and_not_tabs():  # R7
    library = Library(HistoryRules())
    ann, second, bob = (library.world.client(user) for user in ("ann", "ann", "bob"))
    assert today(library) == Day(date(1970, 1, 1), 2, 3, 2)
    second.lose_transport()
    bob.lose_transport()
    library.pass_time(5.0)
    library.world.client("bob")
    ann.lose_transport()
    library.world.client("ann")  # within the grace: she has not been away
    assert today(library) == Day(date(1970, 1, 1), 2, 3, 3)
    assert library.store.visits() == []


def days_of(library: Library) -> list[tuple[int, int, int]]:
    """The days that were written: which of November, the most users, visits."""
    library.pass_time(WRITE_S + 0.1)
    days = asyncio.run(library.store.days(date(2026, 11, 1), date(2026, 11, 30)))
    return [(day.day.day, day.peak_users, day.visits) for day in days]


def test_a_day_on_which_nobody_is_there_has_no_row(library: Library):  # R7
    midnight_s = 20_777 * DAY_MS / 1000  # that of the 20th
    library.world.clock.time_s = midnight_s - 3
    ann = library.world.client("ann")
    library.pass_time(2.5)
    ann.lose_transport()
    library.pass_time(10.0)  # her leave, after the grace, is on the next day
    library.world.clock.time_s = midnight_s + 2.5 * DAY_MS / 1000
    library.world.client("bob")
    library.pass_time(0.5 * DAY_MS / 1000)  # and stays over midnight
    assert days_of(library) == [(19, 1, 1), (22, 1, 1), (23, 1, 0)]


def test_who_comes_while_something_is_written_is_counted_too(library: Library):  # R7
    library.store.slow = True
    library.world.client("ann")
    library.pass_time(WRITE_S + 0.1)
    library.world.client("bob")
    library.store.slow = False
    library.store.answer()
    assert today(library).visits == 2


# -- Writing -----------------------------------------------------------------------------------------------------------


def test_what_is_over_is_written_within_five_seconds_and_what_goes_on_within_a_minute(library: Library):  # R5
    for user in ("ann", "bob", "cem"):
        library.reader(user)
    library.pass_time(1.0)
    library.world.node.kick("ann")
    library.pass_time(WRITE_S)
    assert [visit.user for visit in library.store.visits()] == ["ann"]
    library.pass_time(59.0)  # the process could be killed here
    assert [(visit.user, visit.active_s >= 55.0) for visit in library.store.visits()] == [
        ("ann", False),
        ("bob", True),
        ("cem", True),
    ]
    library.pass_time(60.0)
    assert [visit.user for visit in library.store.visits() if visit.active_s > 100.0] == ["bob", "cem"]


def test_a_storm_is_written_in_batches(library: Library):
    reader = library.world.client("ann")
    library.pass_time(WRITE_S + 1)
    library.store.batches.clear()
    for _ in range(BATCH + 1):
        library.world.clock.time_s += 0.002
        reader.ask("room:enter", {"room": "/posts/1", "watch": "none"})
        reader.ask("room:leave", {"room": "/posts/1"})
    assert [len(batch.visits) for batch in library.store.batches] == [BATCH]  # at once
    library.pass_time(WRITE_S + 0.1)
    assert [len(batch.visits) for batch in library.store.batches] == [BATCH, 1]
    assert library.history.written == BATCH + 1


def test_only_one_batch_is_under_way(library: Library):
    library.store.slow = True
    library.reader("ann").ask("room:leave", {"room": "/posts/1"})
    library.pass_time(WRITE_S + 0.1)
    library.reader("bob").ask("room:leave", {"room": "/posts/1"})
    library.pass_time(2 * WRITE_S)
    assert len(library.store.batches) == 1
    assert library.history.waiting == 2
    library.store.answer()
    library.pass_time(WRITE_S + 0.1)
    assert [visit.user for batch in library.store.batches for visit in batch.visits] == ["ann", "bob"]


def test_with_nobody_there_nothing_is_due(library: Library):
    library.reader("ann").lose_transport()
    library.pass_time(30.0)
    assert library.world.due_s is None


# -- The database is away ----------------------------------------------------------------------------------------------


def test_what_cannot_be_written_waits_and_is_written_later(library: Library, caplog: pytest.LogCaptureFixture):  # R5
    library.store.away = True
    library.reader("ann", position=7).ask("room:leave", {"room": "/posts/1"})
    library.pass_time(60.0)
    assert library.store.visits() == []
    library.store.away = False
    assert library.read("ann") == [(0.0, 0.0, 7)]
    assert today(library).visits == 1
    assert [record.message for record in caplog.records] == ["reading history waits, and is written later: away"]


def test_when_too_much_waits_the_oldest_is_dropped_with_one_line(monkeypatch, caplog: pytest.LogCaptureFixture):  # R5
    monkeypatch.setattr("alsohere.node.history.MOST_WAITING", 10)
    library = Library()
    library.store.away = True
    reader = library.world.client("ann")
    for second in range(30):
        reader.ask("room:enter", {"room": "/posts/1", "watch": "none", "state": {"position": second}})
        reader.ask("room:leave", {"room": "/posts/1"})
        library.pass_time(1.0)
    assert (library.history.waiting, library.history.dropped) == (10, 20)
    library.store.away = False
    library.pass_time(WRITE_S + 0.1)
    assert [visit.furthest for visit in library.store.visits()] == list(range(20, 30))
    errors = [record.message for record in caplog.records if record.levelno == logging.ERROR]
    assert errors == [
        "the database is away for too long: of the visits that wait, the oldest are dropped now",
        "20 visits were dropped while the database was away",
    ]


def test_an_answer_that_never_comes_stops_nothing(library: Library):
    library.store.slow = True
    library.reader("ann").ask("room:leave", {"room": "/posts/1"})
    library.pass_time(WRITE_S + 0.1)
    (lost,) = library.store.held
    library.store.held.clear()
    library.store.slow = False
    library.pass_time(60.0)
    assert len(library.store.batches) == 2
    assert library.history.waiting == 0
    lost[0]([])  # after all
    assert len(library.read("ann")) == 1


def test_a_database_that_is_away_is_not_asked_at_every_visit(library: Library):
    library.store.away = True
    reader = library.world.client("ann")
    for _ in range(2 * BATCH):
        library.world.clock.time_s += 0.002
        reader.ask("room:enter", {"room": "/posts/1", "watch": "none"})
        reader.ask("room:leave", {"room": "/posts/1"})
    assert len(library.store.batches) == 1
    library.store.away = False
    library.pass_time(WRITE_S + 0.1)
    assert [len(batch.visits) for batch in library.store.batches] == [BATCH, BATCH, BATCH]


# -- The end -----------------------------------------------------------------------------------------------------------


def test_at_shutdown_every_visit_ends_and_is_written(library: Library):  # R5
    library.reader("ann")
    library.reader("bob").lose_transport()  # whose grace still runs
    asyncio.run(library.world.node.drain(0.0))
    assert [visit.user for visit in library.store.visits()] == ["ann", "bob"]
    assert library.history.waiting == 0


def test_at_shutdown_it_is_said_how_much_could_not_be_written(library: Library, caplog: pytest.LogCaptureFixture):
    library.store.away = True
    library.reader("ann")
    asyncio.run(library.world.node.drain(0.0))
    assert caplog.records[-1].message == "1 visits could not be written"


def test_a_process_that_lived_for_seconds_makes_no_database():
    library = Library(HistoryRules())
    library.world.client("ann")
    asyncio.run(library.world.node.drain(0.0))
    assert library.store.batches == []


@asynchronous
async def test_an_answer_has_everything_that_was_over(library: Library):
    assert await library.history.settle()
    for user in ("ann", "bob"):
        library.reader(user).ask("room:leave", {"room": "/posts/1"})
    assert await library.history.settle()
    assert [visit.user for visit in library.store.visits()] == ["ann", "bob"]


@asynchronous
async def test_settling_waits_for_what_is_under_way_and_then_for_the_rest(library: Library):
    library.store.slow = True
    library.reader("ann").ask("room:leave", {"room": "/posts/1"})
    library.pass_time(WRITE_S + 0.1)
    library.reader("bob").ask("room:leave", {"room": "/posts/1"})
    settled = asyncio.ensure_future(library.history.settle())
    for batches in (1, 2):
        await until(lambda batches=batches: len(library.store.batches) == batches and library.history._waiters)
        assert not settled.done()
        library.store.answer()
    assert await settled


@asynchronous
async def test_settling_gives_up_when_the_database_is_away(library: Library):
    library.store.away = True
    library.reader("ann").ask("room:leave", {"room": "/posts/1"})
    assert not await library.history.settle()
    library.store.away, library.store.slow = False, True
    assert not await library.history.settle(limit_s=0.0)


@asynchronous
async def test_mounted_the_database_is_not_touched_before_somebody_asks():
    store = Store()
    world = World(history_store=store)
    world.client("ann")
    world.pass_time(DAY_MS / 1000)
    assert store.batches == []
    first = date(1970, 1, 1)
    assert await world.node.history.days(first, first) == [Day(first, 1, 1, 1)]
    world.client("bob")
    world.pass_time(WRITE_S + 0.1)
    assert len(store.batches) == 2


# -- Old, and erased ---------------------------------------------------------------------------------------------------


def test_old_visits_are_removed_daily_in_slices(library: Library):
    old = [Visit("/posts/1", "ann", at, at, 0.0, None) for at in range(PRUNE_SLICE + 1)]
    library.world.clock.time_s = 31 * DAY_MS / 1000
    library.store.write(Batch("before", old, []), lambda _: None)
    library.world.client("ann")
    library.pass_time(59.0)
    assert len(library.store.visits()) == PRUNE_SLICE + 1
    library.pass_time(2.0)
    assert library.store.visits() == []
    newer = Visit("/posts/1", "ann", int(library.world.clock.time_s * 1000) - 30 * DAY_MS + 1000, 0, 0.0, None)
    library.store.write(Batch("before", [newer], []), lambda _: None)
    library.pass_time(DAY_MS / 1000 - 60)
    assert library.store.visits() == [newer]
    library.pass_time(61.0)
    assert library.store.visits() == []


def test_removing_is_tried_again_when_the_database_was_away(library: Library):
    library.world.clock.time_s = 31 * DAY_MS / 1000
    library.store.write(Batch("before", [Visit("/posts/1", "ann", 0, 0, 0.0, None)], []), lambda _: None)
    library.store.away = True
    library.world.client("ann")
    library.pass_time(70.0)
    library.store.away = False
    library.pass_time(61.0)
    assert library.store.visits() == []


@asynchronous
async def test_who_is_erased_is_forgotten_wherever_they_are(library: Library):  # R6
    for user in ("ann", "bob"):
        library.reader(user, "/posts/1").ask("room:leave", {"room": "/posts/1"})
    library.pass_time(WRITE_S + 0.1)  # written
    for user in ("ann", "bob"):
        library.reader(user, "/posts/2").ask("room:leave", {"room": "/posts/2"})
    readers = [library.reader(user, "/posts/3") for user in ("ann", "bob")]  # and going on
    assert await library.history.erase("ann") == Erased(1, 0)
    library.store._erasures.clear()  # it is not the store that has to hold it off
    library.pass_time(100.0)
    for reader in readers:
        reader.ask("room:leave", {"room": "/posts/3"})
    library.pass_time(WRITE_S + 0.1)
    assert [(visit.user, visit.room) for visit in library.store.visits()] == [
        ("bob", "/posts/1"),
        ("bob", "/posts/2"),
        ("bob", "/posts/3"),
    ]
    readers[0].ask("room:enter", {"room": "/posts/3", "watch": "none"})
    library.pass_time(70.0)
    assert [visit.room for visit in library.store.visits() if visit.user == "ann"] == ["/posts/3"]


@asynchronous
async def test_what_was_under_way_when_somebody_was_erased_does_not_come_back(library: Library):  # R6
    library.store.slow = library.store.away = True
    for user in ("ann", "bob"):
        library.reader(user).ask("room:leave", {"room": "/posts/1"})
    library.pass_time(WRITE_S + 0.1)
    await library.history.erase("ann")
    library.store.away = library.store.slow = False
    library.store._erasures.clear()  # as if a day had passed
    library.store.answer()
    library.pass_time(WRITE_S + 0.1)
    assert [visit.user for visit in library.store.visits()] == ["bob"]


def test_who_was_erased_from_outside_is_forgotten_too(library: Library):  # R6
    library.reader("ann")
    library.pass_time(1.0)
    asyncio.run(library.store.erase("ann", library.world.clock.wall_ms()))  # by a command, say
    library.pass_time(65.0)
    assert library.store.visits() == []
    library.store._erasures.clear()
    library.pass_time(65.0)
    assert library.store.visits() == []

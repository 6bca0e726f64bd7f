"""The real node on a real database under random histories of locks: people, tabs, refreshes, crashes and clocks that step.

What every client believes is made only of what it was answered and sent. After each step, when nothing is under way any more:

 L1   at most one connected client believes that it holds a lock, and it is the one in the record
 L2   fences only grow, over restarts on the same database, also for locks whose row was deleted in between
 L3   a wrong fence, or somebody who is not the holder, changes nothing
 L4   the queue keeps its order, and who is given a lock without being named is the first who is there
 L5   nobody holds a lock whose lease or grace is over
 L6   a refresh within the grace keeps lock and fence; a second tab has it at once, and the first was told
 L7   nobody holds a lock idly beyond the warning while somebody waits
 L8   no request is older than it may get
 L9   there is an entry for every take that took something from somebody
 L10  holder and waiters are connected, or in a grace that has not ended
"""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from alsohere.backends.memory_locks import MemoryLocks
from alsohere.backends.sql.locks import SqlLocks
from alsohere.backends.sql.store import Store
from alsohere.domain.lock import LockRecord, LockRules, due_ms
from support.databases import KINDS, new_database
from support.simulation import SimulatedClient, World

RULES = LockRules(lease_s=60, grace_s=10, idle_s=120, warning_s=20, request_s=20, queue=3)
LATE_MS = 2  # a timer rings a millisecond after its time
USERS = ["ann", "bob", "cem", "dia"]
FIELDS = ["", "#title"]
users, fields, picks = st.sampled_from(USERS), st.sampled_from(["", "", *FIELDS]), st.integers(0, 1000)
documents = itertools.count()  # no two runs share a lock, so they can share a database


class Person(SimulatedClient):
    """A client that believes what it is told."""

    def __init__(self, world: World, user: str) -> None:
        self.user = user
        self.believes: dict[str, int] = {}
        super().__init__(world)
        self.send(f'40{{"user":"{user}"}}')

    def heard(self, name: str, args: list[Any]) -> None:
        if name == "lock:granted":
            self.believes[args[0]["lock"]] = args[0]["fence"]
        elif name == "lock:lost":
            self.believes.pop(args[0]["lock"], None)


class LockMachine(RuleBasedStateMachine):
    """Subclasses say which database."""

    database = "memory"

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.lives = itertools.count(1)
        self.document = f"doc:{next(documents)}"
        self.highest: dict[str, int] = {}
        self.takes = 0
        self.last_queue: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
        self.named: set[str] = set()  # locks that were handed to somebody by name in this step
        self.memory = MemoryLocks(first_fence=0)
        self.time_s, self.step_ms = 1000.0, 0
        self.begin()

    def begin(self) -> None:
        self.store = None if self.database == "memory" else Store(self.database)
        locks = self.memory if self.store is None else SqlLocks(self.store.writer)
        self.world = World(lock_store=locks, lock_rules=RULES, incarnation=f"n{next(self.lives)}")
        self.world.hooks.authorize = lambda user, action, room: True
        self.world.clock.time_s, self.world.clock.step_ms = self.time_s, self.step_ms
        self.people: list[Person] = []
        self.do(self.world.node.locks.begin)

    # -- Doing things to the end -------------------------------------------------------------------------------------

    def do(self, deed: Any) -> Any:
        """Do something, and let everything that follows from it be written and told."""

        async def run() -> Any:
            result = deed()
            await self.settle()
            return result

        return self.loop.run_until_complete(run())

    async def settle(self) -> None:
        while True:
            for _ in range(5):
                await asyncio.sleep(0)
            if self.store is None or not self.store.writer._waiting:
                return
            await self.store.writer.ask(lambda connection: None)

    def ask(self, person: Person, event: str, lock: str, **more: Any) -> dict[str, Any]:
        ack = self.do(lambda: person.ask(event, {"lock": lock, **more}))
        answer = person.acks[ack][0]
        if answer.get("status") == "held":
            person.believes[lock] = answer["fence"]
        elif event == "lock:release" and answer["ok"]:
            person.believes.pop(lock, None)
        return answer

    def record(self, lock: str) -> LockRecord:
        return self.world.node.locks.board.get(lock)

    def lock(self, field: str) -> str:
        return self.document + field

    # -- Rules -------------------------------------------------------------------------------------------------------

    @initialize(queued=st.integers(0, 4))
    def a_queue(self, queued: int) -> None:
        """Without a queue at the beginning few histories would ever have a long one."""
        for user in USERS:
            self.arrive(user)
        for person in self.people[:queued]:
            self.ask(person, "lock:acquire", self.document)

    @rule(user=users)
    def arrive(self, user: str) -> None:
        if sum(person.user == user for person in self.people) < 2:
            self.people.append(self.do(lambda: Person(self.world, user)))

    def pick(self, pick: int) -> Person:
        return self.people[pick % len(self.people)]

    @precondition(lambda self: self.people)
    @rule(pick=picks, field=fields, wait=st.booleans())
    def acquire(self, pick: int, field: str, wait: bool) -> None:
        person, lock = self.pick(pick), self.lock(field)
        before = self.record(lock)
        answer = self.ask(person, "lock:acquire", lock, wait=wait)
        if before.holder is None or before.holder.person.id != person.user:
            return
        if before.is_held_by(person.connection.sid):
            assert answer["fence"] == before.fence, "acquiring again is no new grant"
        elif before.node == self.world.node.locks.incarnation:
            assert answer["fence"] > before.fence, "L6: what the first tab has not saved is old"
            first = next(other for other in self.people if before.is_held_by(other.connection.sid))
            assert first.last("lock:lost")["reason"] == "moved", "L6"
        else:
            assert answer["fence"] == before.fence, "L6: it is the same page"

    @precondition(lambda self: self.people)
    @rule(pick=picks, field=fields, off=st.sampled_from([None, 0, -1, 1]))
    def release(self, pick: int, field: str, off: int | None) -> None:
        self.try_as_holder(pick, field, "lock:release", off)

    @precondition(lambda self: self.people)
    @rule(pick=picks, field=fields, off=st.sampled_from([None, 0, -1, 1]))
    def touch(self, pick: int, field: str, off: int | None) -> None:
        self.try_as_holder(pick, field, "lock:touch", off)

    @precondition(lambda self: self.people)
    @rule(pick=picks, field=fields, to=st.sampled_from([None, *USERS]), off=st.sampled_from([None, 0, -1]))
    def hand_over(self, pick: int, field: str, to: str | None, off: int | None) -> None:
        self.named.add(self.lock(field))
        self.try_as_holder(pick, field, "lock:hand_over", off, **({} if to is None else {"to": to}))

    def try_as_holder(self, pick: int, field: str, event: str, off: int | None, **more: Any) -> None:
        person, lock = self.pick(pick), self.lock(field)
        before = self.record(lock)
        if off is not None:
            more["fence"] = max(before.fence + off, 0)
        answer = self.ask(person, event, lock, **more)
        mine = before.is_held_by(person.connection.sid)
        waits = any(person.connection.sid in waiter.sids for waiter in before.queue)
        if mine and off in (None, 0) and event != "lock:hand_over":
            assert answer["ok"], answer
        elif (not mine and not (waits and event == "lock:release")) or (mine and off not in (None, 0)):
            assert answer["error"]["code"] == "not_holder", "L3"
            assert self.record(lock) == before, "L3"
        if event == "lock:hand_over" and answer["ok"]:
            person.believes.pop(lock, None)
            assert self.record(lock).holder is not None
            assert more.get("to") in (None, self.record(lock).holder.person.id)

    @precondition(lambda self: self.people)
    @rule(pick=picks, field=fields)
    def request(self, pick: int, field: str) -> None:
        self.named.add(self.lock(field))
        person, lock = self.pick(pick), self.lock(field)
        answer = self.ask(person, "lock:request", lock)
        record = self.record(lock)
        if answer["ok"] and answer["status"] == "asked" and record.node == self.world.node.locks.incarnation:
            holder = next(other for other in self.people if record.is_held_by(other.connection.sid))
            told = [args[0]["by"]["id"] for name, args in holder.events if name == "lock:requested" and args[0]["lock"] == lock]
            assert told[-1] == person.user, "L8"

    @precondition(lambda self: self.people)
    @rule(pick=picks, field=fields)
    def take(self, pick: int, field: str) -> None:
        self.named.add(self.lock(field))
        person, lock = self.pick(pick), self.lock(field)
        before = self.record(lock)
        assert self.ask(person, "lock:take", lock, why="because")["status"] == "held"
        here = before.node == self.world.node.locks.incarnation
        is_over = not here and before.until_ms <= self.world.clock.wall_ms()  # L5: and nobody had to end it
        if before.holder is not None and before.holder.person.id != person.user and not is_over:
            self.takes += 1
            loser = next((other for other in self.people if before.is_held_by(other.connection.sid)), None)
            if loser is not None:
                lost = loser.last("lock:lost")
                assert (lost["reason"], lost["by"]["id"], lost["why"]) == ("taken", person.user, "because"), "L9"

    @precondition(lambda self: self.people)
    @rule(pick=picks, explicit=st.booleans())
    def go(self, pick: int, explicit: bool) -> None:
        person = self.people.pop(pick % len(self.people))
        self.do((lambda: person.send("41")) if explicit else person.lose_transport)

    @precondition(lambda self: self.people)
    @rule(pick=picks, field=fields, after_s=st.sampled_from([0, 3, 9.5]))
    def refresh(self, pick: int, field: str, after_s: float) -> None:
        person, lock = self.people.pop(pick % len(self.people)), self.lock(field)
        before, alone = self.record(lock), all(other.user != person.user for other in self.people)
        held = before.is_held_by(person.connection.sid) and alone and before.asked is None and before.release_at_ms is None
        self.do(person.lose_transport)
        self.pass_time(after_s)
        again = self.do(lambda: Person(self.world, person.user))
        self.people.append(again)
        if held:
            assert self.ask(again, "lock:acquire", lock)["fence"] == before.fence, "L6"

    @rule(seconds=st.sampled_from([0.5, 5, 11, 21, 61, 125]))
    def pass_time(self, seconds: float) -> None:
        async def run() -> None:
            world = self.world
            end = world.clock.time_s + seconds
            while world.due_s is not None and world.due_s <= end:
                world.clock.time_s = max(world.clock.time_s, world.due_s)
                world.due_s = None
                world.node.advance(world.clock.time_s)
                await self.settle()
            world.clock.time_s = end
            world.node.advance(end)
            await self.settle()

        self.named |= {self.lock(field) for field in FIELDS if self.record(self.lock(field)).asked is not None}
        self.loop.run_until_complete(run())

    @rule(seconds=st.sampled_from([-3600, -5, 5, 3600]))
    def step_the_clock(self, seconds: int) -> None:
        self.world.clock.step_ms += seconds * 1000
        self.pass_time(125)  # what was due by the old clock is due by the new one after its own length

    @rule(restart_after_s=st.sampled_from([0.1, 5, 30]))
    def crash(self, restart_after_s: float) -> None:
        self.time_s, self.step_ms = self.world.clock.time_s + restart_after_s, self.world.clock.step_ms
        if self.store is not None:
            self.loop.run_until_complete(self.store.close())
        self.last_queue.clear()  # all who waited are gone
        self.begin()

    # -- What must be so ---------------------------------------------------------------------------------------------

    @invariant()
    def holds(self) -> None:
        now_ms, me = self.world.clock.wall_ms(), self.world.node.locks.incarnation
        connected = {person.connection.sid: person for person in self.people}
        for field in FIELDS:
            lock = self.lock(field)
            record = self.record(lock)
            believers = [person for person in self.people if lock in person.believes]
            holder = connected.get(record.holder.sid) if record.holder is not None and record.node == me else None
            assert believers == ([] if holder is None else [holder]), "L1"
            if holder is not None:
                assert holder.believes[lock] == record.fence, "L2"
                assert record.holder.person.id == holder.user
            elif record.holder is not None:
                assert record.until_ms + LATE_MS >= now_ms, "L5, L10"
                assert record.until_ms <= now_ms + RULES.lease_s * 1000, "also if the clock was set back"
            if record.holder is not None:
                assert record.fence >= self.highest.get(lock, 0), "L2"
                self.highest[lock] = record.fence
            due = due_ms(record, me, RULES)
            assert due is None or due + LATE_MS >= now_ms, "a timer that rings for nothing rings for ever"
            self.check_queue(lock, record, connected, now_ms)
        self.named.clear()

    def check_queue(self, lock: str, record: LockRecord, connected: dict[str, Person], now_ms: int) -> None:
        order = [waiter.person.id for waiter in record.queue]
        assert len(order) == len(set(order)) <= RULES.queue
        for waiter in record.queue:
            assert all(sid in connected for sid in waiter.sids), "L10"
            assert waiter.sids or (waiter.until_ms or 0) + LATE_MS >= now_ms, "L10"
        here = any(waiter.sids for waiter in record.queue)
        if record.holder is None:
            assert not here, "who waits and is there has it"
        elif here and record.node == self.world.node.locks.incarnation:
            assert record.asked is None or record.asked.until_ms + LATE_MS >= now_ms, "L8"
            idle = now_ms - record.holder.touched_ms > (RULES.idle_s + RULES.warning_s) * 1000
            assert not idle or record.release_at_ms is not None, "L7"
            assert record.release_at_ms is None or record.release_at_ms + LATE_MS >= now_ms, "L7"
        self.check_turn(lock, record, order, connected)
        self.last_queue[lock] = [(waiter.person.id, waiter.sids) for waiter in record.queue]

    def check_turn(self, lock: str, record: LockRecord, order: list[str], connected: dict[str, Person]) -> None:
        before = dict(self.last_queue.get(lock, []))
        stayed = [user for user in before if user in order]
        assert order[: len(stayed)] == stayed, "L4: nobody is passed by who came later"
        if record.holder is not None and record.holder.person.id in before and lock not in self.named:
            for user, sids in before.items():
                if user == record.holder.person.id:
                    break
                assert not any(sid in connected for sid in sids), "L4: the first who is there gets it"

    @invariant()
    def takes_are_on_record(self) -> None:
        found: list[Any] = []
        for field in FIELDS:
            self.do(lambda field=field: self.world.lock_store.audits(self.lock(field), 1000, found.extend))
        assert len(found) == self.takes, "L9"

    def teardown(self) -> None:
        self.do(lambda: [person.lose_transport() for person in self.people])
        self.people.clear()
        self.pass_time(60)
        assert not list(self.world.node.locks.board), "P11: nothing is kept of a lock that nobody wants"
        if self.store is not None:
            self.loop.run_until_complete(self.store.close())
        self.loop.close()


def run(database: str, examples: int, steps: int) -> None:
    machine = type("Machine", (LockMachine,), {"database": database})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


EXAMPLES = {"memory": 400, "sqlite": 60, "postgres": 25}


@pytest.mark.parametrize("kind", KINDS)
def test_locks_under_random_histories(kind, tmp_path) -> None:  # L1 to L10
    run("memory" if kind == "memory" else new_database(kind, tmp_path), EXAMPLES[kind], 40)

"""The real node on a real database under random histories of inboxes: sends, marks in every tab, recalls, time, crashes.

What every client believes is made only of what it was answered and sent; what should be is told by a model that shares no code with
ours (tests/support/inbox_model.py). After each step, when nothing is under way any more:

 I1   a notification is delivered to every connection of its receivers that is there, and what was never acknowledged comes again
      at the next connect; until somebody reads it, it stands unread
 I2   the ids that a connection is sent grow, but for what was scheduled and recalled
 I3   the same key of the same sender is one notification, also if it is sent again after a crash that ate the answer
 I4   the unread that the store counts, the list of the unread and the badge of every tab are the same number
 I5   a broadcast is one row, and a user has a row of it from the moment that they did something
 I6   what was recalled or is over is in no list, in no count, and taken off every screen
 I7   what was acknowledged is there after a crash
"""

from __future__ import annotations

import asyncio
import itertools
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from alsohere.backends.memory_inbox import MemoryInbox
from alsohere.backends.sql.inbox import SqlInbox
from alsohere.backends.sql.store import Store
from alsohere.domain.attention import PRESETS
from alsohere.errors import NotFound
from alsohere.facts import Person
from alsohere.node.inbox_desk import InboxRules
from alsohere.notices import Draft, Edit, Filter, Marking, SendResult, Withdrawn
from alsohere.ports import InboxStore
from support.databases import KINDS, new_database, rows
from support.inbox_model import Model
from support.simulation import SimulatedClient, World

RULES = InboxRules(enabled=True, categories=PRESETS, retention_s=10**9, between_users=True)
NEVER = 2**52
USERS = ["ann", "bob", "cem", "dia"]
TOPICS = ["/t/1", "/t/2"]
users, picks, seconds = st.sampled_from(USERS), st.integers(0, 1000), st.sampled_from([None, None, None, 2, 7])
categories = st.sampled_from(["message", "announcement", "system"])
drafts = st.fixed_dictionaries(
    {
        "audience": st.sampled_from(["users", "users", "topic", "everyone"]),
        "to": st.lists(users, min_size=1, max_size=3, unique=True),
        "category": categories,
        "topic": st.sampled_from([None, *TOPICS]),
        "key": st.sampled_from([None, None, "k1", "k2"]),
        "sender": st.sampled_from([None, None, *USERS]),
        "starts_s": seconds,
        "expires_s": seconds,
        "critical": st.booleans(),
    }
)
markings = st.tuples(
    st.sampled_from(["seen", "read", "read", "unread", "archived"]),
    st.sampled_from(["ids", "ids", "up_to", "all"]),
    st.lists(picks, min_size=1, max_size=3),
    st.sampled_from([None, None, "message"]),
)
DEEDS = st.one_of(
    st.tuples(st.just("send"), drafts),
    st.tuples(st.just("mark"), picks, markings),
    st.tuples(st.just("recall"), picks),
    st.tuples(st.just("arrive"), users),
    st.tuples(st.just("go"), picks),
    st.tuples(st.just("tick")),
)


class Tab(SimulatedClient):
    """A client that believes what it is told. It acknowledges what it is sent, unless it `is_lazy`."""

    def __init__(self, world: World, user: str, *, is_lazy: bool) -> None:
        self.user = user
        self.is_lazy = is_lazy
        self.shown: dict[int, dict[str, Any]] = {}
        self.order: list[int] = []
        self.recalled: set[int] = set()
        self.badge: dict[str, Any] = {"total": 0, "by_category": {}}
        self.owes: list[tuple[str, int]] = []
        self.receipts: set[tuple[int, str]] = set()
        self.since = 0  # the last id before it came
        self.when_answered: dict[int, Any] = {}
        super().__init__(world)
        self.send(f'40{{"user":"{user}"}}')

    def write(self, packet: Any) -> None:
        super().write(packet)
        text = packet.data.decode()
        if text.startswith("42") and text[2].isdigit():
            self.owes.append((text[2 : text.index("[")], json.loads(text[text.index("[") :])[1]["id"]))
        elif text.startswith("43"):
            ack_id = int(text[2 : text.index("[")])
            self.when_answered.pop(ack_id, lambda _: None)(self.acks[ack_id][0])

    def heard(self, name: str, args: list[Any]) -> None:
        if name == "notification":
            self.order.append(args[0]["id"])
            self.shown[args[0]["id"]] = args[0]
        elif name == "notification:changed":
            self.shown[args[0]["notification"]["id"]] = args[0]["notification"]
        elif name == "notification:recalled":
            self.recalled.update(args[0]["ids"])
        elif name == "inbox:changed":
            self.badge = args[0]["unread"]
        elif name == "message:receipt":
            self.receipts.add((args[0]["id"], args[0]["user"]))

    def command(self, event: str, argument: Any, answered: Any) -> None:
        """Ask, and do something with the answer when it comes."""
        self.when_answered[self._next_ack + 1] = answered
        self.ask(event, argument)

    def acknowledge(self) -> list[int]:
        owed, self.owes = self.owes, []
        for ack, _ in owed:
            self.send(f"43{ack}[]")
        return [notice_id for _, notice_id in owed]


class Witness:
    """A store that tells what it answered to marks, in the order in which it did; and whose answers to questions can be late."""

    def __init__(self, store: InboxStore, marked: Any) -> None:
        self._store = store
        self._marked = marked
        self.answers = asyncio.Event()
        self.answers.set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def mark(self, user: str, marking: Marking, now_ms: int, done: Any) -> None:
        self._store.mark(user, marking, now_ms, lambda answer: (self._marked(user, marking, now_ms, answer), done(answer)))

    async def unread(self, *asked: Any) -> Any:
        return await self._late(await self._store.unread(*asked))

    async def arrivals(self, *asked: Any) -> Any:
        return await self._late(await self._store.arrivals(*asked))

    async def waiting(self, *asked: Any) -> Any:
        return await self._late(await self._store.waiting(*asked))

    async def _late(self, answer: Any) -> Any:
        await self.answers.wait()
        return answer


class InboxMachine(RuleBasedStateMachine):
    """Subclasses say which database."""

    database = "memory://"

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.lives, self.numbers = itertools.count(1), itertools.count(1)
        self.model = Model()
        self.memory = MemoryInbox(first_id=0)
        self.faults: list[str] = []
        self.acknowledged: list[tuple[int, str]] = []
        self.fresh: list[Tab] = []
        self.time_s = 1000.0
        self.begin()

    def begin(self) -> None:
        self.store = None if self.database == "memory://" else Store(self.database)
        inbox = self.memory if self.store is None else SqlInbox(self.store)
        self.witness = Witness(inbox, self.marked)
        self.world = World(inbox_store=self.witness, inbox_rules=RULES, incarnation=f"n{next(self.lives)}")
        self.world.hooks.authorize = lambda user, action, room: True
        self.world.clock.time_s = self.time_s
        self.tabs: list[Tab] = []
        self.do(self.world.node.inbox.begin)

    # -- Doing things to the end -------------------------------------------------------------------------------------

    def do(self, deed: Any) -> Any:
        """Do something, and let everything that follows from it be written and told."""

        async def run() -> Any:
            result = deed()
            await self.pass_a_tick()
            return result

        result = self.loop.run_until_complete(run())
        while self.model.changes_between(self.now_ms - 500, self.now_ms):  # what time brings is told within a tick or two
            self.loop.run_until_complete(self.pass_a_tick())
        assert not self.faults
        for notice_id, user in self.acknowledged:
            if not self.model.sent[notice_id].recalled:  # it was before, or it is gone
                self.model.sent[notice_id].acknowledge(user)
        self.acknowledged.clear()
        for tab in self.fresh:
            tab.since = max(self.model.sent, default=0)
        self.fresh.clear()
        return result

    async def pass_a_tick(self) -> None:
        await self.settle()
        end = self.world.clock.time_s + 0.35
        await self.until(end)

    async def until(self, end: float) -> None:
        world = self.world
        while world.due_s is not None and world.due_s <= end:
            world.clock.time_s = max(world.clock.time_s, world.due_s)
            world.due_s = None
            world.node.advance(world.clock.time_s)
            await self.settle()
        world.clock.time_s = end

    async def settle(self) -> None:
        while True:
            for tab in self.tabs:
                if not tab.is_lazy:
                    self.acknowledged += [(notice_id, tab.user) for notice_id in tab.acknowledge()]
            for _ in range(3):
                await asyncio.sleep(0)
            if self.world.node.tasks:
                await asyncio.wait(self.world.node.tasks)
            elif self.store is not None and self.store.writer._waiting:
                await self.store.writer.ask(lambda connection: None)
            elif not any(tab.owes for tab in self.tabs if not tab.is_lazy):
                return

    @property
    def now_ms(self) -> int:
        return self.world.clock.wall_ms()

    # -- Deeds, that can be done together ----------------------------------------------------------------------------

    def draft(self, fields: dict[str, Any]) -> Draft:
        audience, sender = fields["audience"], fields["sender"]
        starts, expires = fields["starts_s"], fields["expires_s"]
        return Draft(
            category=fields["category"],
            audience=audience,
            to=tuple(fields["to"]) if audience == "users" else (),
            topic=fields["topic"] or (TOPICS[0] if audience == "topic" else None),
            title="t",
            sender=None if sender is None else Person(sender, sender.title(), None, False),
            key=fields["key"],
            scope=sender or "",
            starts_at=None if starts is None else self.now_ms + starts * 1000,
            expires_at=None if expires is None else self.now_ms + (starts or 0) * 1000 + expires * 1000,
            critical=fields["critical"],
        )

    def send(self, draft: Draft, asked_ms: int | None = None) -> None:
        asked_ms = self.now_ms if asked_ms is None else asked_ms

        def answered(answers: Any) -> None:
            self.sent(draft, answers[0], asked_ms)

        self.world.node.inbox.send([draft], answered)

    def sent(self, draft: Draft, result: SendResult, asked_ms: int) -> None:
        if draft.key is not None:
            known = self.model.keys.setdefault((draft.scope, draft.key), result.id)
            self.expect(result.id == known, "I3")
        if result.id in self.model.sent:
            self.expect(draft.key is not None, "I2: an id twice")
            return
        self.expect(result.id > max(self.model.sent, default=0), "I2")
        self.model.send(
            result.id,
            draft.audience,
            list(draft.to),
            category=draft.category,
            topic=draft.topic,
            starts_ms=draft.starts_at or asked_ms,
            expires_ms=draft.expires_at or NEVER,
            critical=draft.critical,
            sender=draft.sender and draft.sender.id,
            is_scheduled=draft.starts_at is not None,
        )

    def mark(self, tab: Tab, marking: tuple[Any, ...]) -> None:
        how, form, at, category = marking
        known = sorted(self.model.sent) or [1]
        ids = [known[one % len(known)] for one in at]
        argument: dict[str, Any] = {"as": how} | ({} if category is None else {"category": category})
        argument |= {"ids": ids} if form == "ids" else {"up_to": ids[0]} if form == "up_to" else {"all": True}
        tab.ask("inbox:mark", argument)

    def marked(self, user: str, marking: Marking, now_ms: int, answer: Any) -> None:
        """The store has decided; who asked may be gone by now."""
        changed = self.model.mark(user, marking, now_ms)
        self.expect([receipt.id for receipt in answer.changed] == changed)
        self.expect(answer.unread.by_category == self.model.unread(user, now_ms), "I4")

    def expect(self, so: bool, what: str = "") -> None:
        """Assert it when the step is over: an exception in an answer would be caught by who called it."""
        if not so:
            self.faults.append(what)

    def recall(self, pick: int) -> None:
        if not self.model.sent:
            return
        notice_id = sorted(self.model.sent)[pick % len(self.model.sent)]

        def recalled(answer: Any) -> None:
            self.expect(isinstance(answer, Withdrawn))
            self.model.sent[notice_id].recalled = True

        self.world.node.inbox.recall(notice_id, recalled)

    def arrive(self, user: str, *, is_lazy: bool) -> None:
        if sum(tab.user == user for tab in self.tabs) < 3:
            tab = Tab(self.world, user, is_lazy=is_lazy)
            self.tabs.append(tab)
            self.fresh.append(tab)

    def go(self, pick: int) -> None:
        self.tabs.pop(pick % len(self.tabs)).lose_transport()

    async def all_of(self, deeds: list[tuple[Any, ...]]) -> None:
        """Begin one after the other, without waiting for what follows from them."""
        self.witness.answers.clear()
        for deed in deeds:
            if deed == ("tick",):
                self.world.clock.time_s += 0.11
                self.world.node.advance(self.world.clock.time_s)
            else:
                self.one_of(deed)
            for _ in range(3):  # who asks the store has asked, and has no answer yet
                await asyncio.sleep(0)
        if self.store is not None:
            await self.store.writer.ask(lambda connection: None)
        self.witness.answers.set()

    def one_of(self, deed: tuple[Any, ...]) -> None:
        what, *args = deed
        if what == "send":
            self.send(self.draft(args[0]))
        elif what == "recall":
            self.recall(args[0])
        elif what == "arrive":
            self.arrive(args[0], is_lazy=False)
        elif self.tabs and what == "mark":
            self.mark(self.tabs[args[0] % len(self.tabs)], args[1])
        elif self.tabs:
            self.go(args[0])

    # -- Rules -------------------------------------------------------------------------------------------------------

    @initialize(present=st.lists(users, max_size=4), first=st.lists(drafts, max_size=3))
    def some_are_here(self, present: list[str], first: list[dict[str, Any]]) -> None:
        for user in USERS[:2]:
            self.follow(user, TOPICS[0])
        for user in present:
            self.do(lambda user=user: self.arrive(user, is_lazy=False))
        for fields in first:
            self.send_one(fields)

    @rule(fields=drafts)
    def send_one(self, fields: dict[str, Any]) -> None:
        self.do(lambda: self.send(self.draft(fields)))
        self.check()

    @rule(deeds=st.lists(DEEDS, min_size=2, max_size=8))
    def at_once(self, deeds: list[tuple[Any, ...]]) -> None:
        self.loop.run_until_complete(self.all_of(deeds))
        self.do(lambda: None)
        self.check()

    @rule(user=users, is_lazy=st.sampled_from([False, False, True]))
    def come(self, user: str, is_lazy: bool) -> None:
        self.do(lambda: self.arrive(user, is_lazy=is_lazy))
        self.check()

    @precondition(lambda self: self.tabs)
    @rule(pick=picks)
    def leave(self, pick: int) -> None:
        self.do(lambda: self.go(pick))

    @precondition(lambda self: self.tabs)
    @rule(pick=picks, marking=markings)
    def mark_some(self, pick: int, marking: tuple[Any, ...]) -> None:
        self.do(lambda: self.mark(self.tabs[pick % len(self.tabs)], marking))
        self.check()

    @precondition(lambda self: self.model.sent)
    @rule(pick=picks, title=st.sampled_from(["new", "newer"]), expires_s=seconds)
    def edit(self, pick: int, title: str, expires_s: int | None) -> None:
        notice_id = sorted(self.model.sent)[pick % len(self.model.sent)]
        expected = self.model.sent[notice_id]
        change = Edit(title=title) if expires_s is None else Edit(title=title, expires_at=self.now_ms + expires_s * 1000)
        there = not expected.recalled and self.now_ms < expected.expires_ms
        answers: list[Any] = []
        self.do(lambda: self.world.node.inbox.edit(notice_id, change, answers.append))
        assert isinstance(answers[0], NotFound) != there
        if there and expires_s is not None:
            assert isinstance(change.expires_at, int)
            expected.expires_ms = change.expires_at
        if there:
            users_here = [tab for tab in self.tabs if expected.is_seen_by(tab.user, self.now_ms) and notice_id in tab.shown]
            assert all(tab.shown[notice_id]["title"] == title for tab in users_here)
        self.check()

    @rule(pick=picks)
    def recall_one(self, pick: int) -> None:
        self.do(lambda: self.recall(pick))
        self.check()

    @rule(user=users, topic=st.sampled_from(TOPICS), follows=st.booleans())
    def follow(self, user: str, topic: str, follows: bool = True) -> None:
        store, answers = self.world.node.inbox.store, []
        if follows:
            self.do(lambda: store.follow([user], topic, 10, answers.append))
        else:
            self.do(lambda: store.unfollow([user], topic, answers.append))
        assert answers == [((user, topic) in self.model.follows) != follows]
        (self.model.follows.add if follows else self.model.follows.discard)((user, topic))

    @precondition(lambda self: self.tabs)
    @rule(pick=picks, category=categories, mute=st.booleans())
    def mute(self, pick: int, category: str, mute: bool) -> None:
        tab = self.tabs[pick % len(self.tabs)]
        argument = {"mute" if mute else "unmute": {"categories": [category]}}
        self.do(lambda: tab.command("inbox:preferences", argument, lambda answer: self.muted(tab.user, answer)))
        assert ((tab.user, category) in self.model.mutes) == mute

    def muted(self, user: str, answer: dict[str, Any]) -> None:
        self.model.mutes = {(other, one) for other, one in self.model.mutes if other != user}
        self.model.mutes |= {(user, one) for one in answer["muted"]["categories"]}

    @rule(for_s=st.sampled_from([1, 3, 12]))
    def pass_time(self, for_s: int) -> None:
        self.loop.run_until_complete(self.until(self.world.clock.time_s + for_s))
        self.do(lambda: None)
        self.check()

    @rule(after_s=st.sampled_from([0, 5]), lost=st.lists(drafts, max_size=2))
    def crash(self, after_s: int, lost: list[dict[str, Any]]) -> None:
        """The answers to some sends never come; who sent them sends them again, with the same keys."""
        asked_ms, again = self.now_ms, [self.draft({**fields, "key": f"lost-{next(self.numbers)}"}) for fields in lost]
        self.do_not_wait(again)
        self.time_s = self.world.clock.time_s + after_s
        if self.store is not None:
            self.loop.run_until_complete(self.store.close())
        self.begin()
        for draft in again:
            self.do(lambda draft=draft: self.send(draft, asked_ms))
        self.check()

    def do_not_wait(self, some: list[Draft]) -> None:
        async def run() -> None:
            for draft in some:
                self.world.inbox_store.send([draft], self.now_ms, lambda _: None)

        self.loop.run_until_complete(run())

    # -- What must be so ---------------------------------------------------------------------------------------------

    def check(self) -> None:
        now_ms, store = self.now_ms, self.world.inbox_store
        counts = self.loop.run_until_complete(store.unread(USERS, now_ms))
        for user in USERS:
            expected = self.model.unread(user, now_ms)
            assert counts[user].by_category == expected, "I4"
            for tab in self.tabs:
                assert tab.user != user or tab.badge == {"total": sum(expected.values()), "by_category": expected}, "I4"
            self.check_lists(user, now_ms)
        for tab in self.tabs:
            self.check_tab(tab, now_ms)
        self.check_rows()

    def check_lists(self, user: str, now_ms: int) -> None:
        store, run = self.world.inbox_store, self.loop.run_until_complete
        everything = run(store.page(user, Filter(state="all", limit=1000), now_ms)).entries
        assert [entry.notice.id for entry in everything] == [one.id for one in self.model.everything(user, now_ms)], "I6, I7"
        for entry in everything:
            did, marks = self.model.sent[entry.notice.id].by(user), entry.marks
            found = [at is not None for at in (marks.delivered_at, marks.seen_at, marks.read_at, marks.archived_at)]
            assert found == [did.delivered, did.seen, did.read, did.archived], "I7"
        unread = run(store.page(user, Filter(state="unread", limit=1000), now_ms))
        assert [entry.notice.id for entry in unread.entries] == [
            one.id for one in self.model.inbox(user, now_ms) if not one.by(user).read
        ], "I4"
        if any(tab.user == user and not tab.is_lazy for tab in self.tabs):
            assert run(store.waiting(user, 0, 9, now_ms)) == [], "I1"

    def check_tab(self, tab: Tab, now_ms: int) -> None:
        unscheduled = [notice_id for notice_id in tab.order if not self.model.sent[notice_id].is_scheduled]
        assert unscheduled == sorted(set(unscheduled)), "I2"
        for one in self.model.sent.values():
            if not one.is_seen_by(tab.user, now_ms):
                assert one.id not in tab.shown or one.id in tab.recalled, "I6"
            elif one.id > tab.since and not tab.is_lazy:
                assert one.id in tab.shown, f"I1: {one}"
            if one.sender == tab.user and one.id > tab.since:
                assert {(one.id, user) for user in one.acknowledged} <= tab.receipts

    def check_rows(self) -> None:
        if self.store is None:
            return
        assert rows(self.database, "SELECT count(*) FROM notifications") == [(len(self.model.sent),)], "I3, I5"
        touched = sum(
            did.delivered for one in self.model.sent.values() if one.to is None and not one.recalled for did in one.did.values()
        )
        assert rows(self.database, "SELECT count(*) FROM inbox WHERE broadcast IS NOT NULL") == [(touched,)], "I5"

    def teardown(self) -> None:
        self.do(lambda: [tab.lose_transport() for tab in self.tabs])
        if self.store is not None:
            self.loop.run_until_complete(self.store.close())
            for table in ("inbox", "notifications", "follows", "preferences"):
                rows(self.database, f"DELETE FROM {table}")
        self.loop.close()


def run(database: str, examples: int, steps: int) -> None:
    machine = type("Machine", (InboxMachine,), {"database": database})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


EXAMPLES = {"memory": 200, "sqlite": 60, "postgres": 25}


@pytest.mark.parametrize("kind", KINDS)
def test_inboxes_under_random_histories(kind, tmp_path) -> None:  # I1 to I7
    run(new_database(kind, tmp_path), EXAMPLES[kind], 30)

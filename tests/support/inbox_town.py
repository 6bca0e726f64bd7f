"""A node with inboxes, on a real database, under a simulated clock: things happen to it, one after the other or at once.

What every client believes is made only of what it was answered and sent; what should be is told by a model (inbox_model.py).
"""

from __future__ import annotations

import asyncio
import itertools
import threading
from typing import Any

from alsohere.backends.memory_inbox import MemoryInbox
from alsohere.backends.sql.inbox import SqlInbox
from alsohere.backends.sql.store import Store
from alsohere.domain.attention import PRESETS
from alsohere.errors import NotFound
from alsohere.facts import Person
from alsohere.node.inbox_desk import InboxRules
from alsohere.notices import Draft, Edit, Filter, Marking, SendResult, Withdrawn
from support.databases import rows
from support.inbox_clients import Tab, Witness
from support.inbox_model import Model
from support.simulation import World

RULES = InboxRules(enabled=True, categories=PRESETS, retention_s=10**9, between_users=True)
NEVER = 2**52
USERS = ["ann", "bob", "cem"]
TOPICS = ["/t/1", "/t/2"]


class Town:
    """The real node on a store, the tabs that are connected to it, and what should be.

    Args:
        database: a `database_url`, of a database that belongs to this town.
    """

    def __init__(self, database: str) -> None:
        self.database = database
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
        """A life of the node."""
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

    def pass_time(self, seconds: float) -> None:
        """Let time pass, and happen what is due in it."""
        self.loop.run_until_complete(self.until(self.world.clock.time_s + seconds))
        self.do(lambda: None)

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
        if draft.audience == "users" and result.results:
            muted = {user for user in draft.to if (user, draft.category) in self.model.mutes and not draft.critical}
            self.expect({user for user, told in result.results.items() if told.muted} == muted)
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
        known = sorted(self.model.sent, reverse=True) or [1]
        ids = [known[one % len(known)] for one in at]
        argument: dict[str, Any] = {"as": how} | ({} if category is None else {"category": category})
        argument |= {"ids": ids} if form == "ids" else {"up_to": ids[0]} if form == "up_to" else {"all": True}
        tab.ask("inbox:mark", argument)

    def marked(self, user: str, marking: Marking, now_ms: int, answer: Any) -> None:
        """The store has decided; who asked may be gone by now."""
        if marking.ids is not None and not self.model.has_one_of(user, marking.ids, now_ms):
            self.expect(isinstance(answer, NotFound), "H96")
            return
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
        notice_id = sorted(self.model.sent, reverse=True)[pick % len(self.model.sent)]

        def recalled(answer: Any) -> None:
            self.expect(isinstance(answer, Withdrawn))
            self.model.sent[notice_id].recalled = True

        self.world.node.inbox.recall(notice_id, recalled)

    def arrive(self, user: str, *, is_lazy: bool) -> None:
        if sum(tab.user == user for tab in self.tabs) < 3:
            tab = Tab(self.world, user, is_lazy=is_lazy)
            self.tabs.append(tab)
            self.fresh.append(tab)

    def identify(self, pick: int, user: str) -> None:
        tab = self.tabs[pick % len(self.tabs)]
        if tab.user != user:
            tab.identify(user)
            self.fresh.append(tab)

    def go(self, pick: int) -> None:
        self.tabs.pop(pick % len(self.tabs)).lose_transport()

    def at_once(self, deeds: list[tuple[Any, ...]], *, in_one_batch: bool) -> None:
        """Begin one deed after the other, without waiting for what follows from them; questions are answered late."""
        self.loop.run_until_complete(self._begin_all(deeds, in_one_batch=in_one_batch))
        self.do(lambda: None)

    async def _begin_all(self, deeds: list[tuple[Any, ...]], *, in_one_batch: bool) -> None:
        self.witness.answers.clear()
        gate = threading.Event()
        if in_one_batch and self.store is not None:
            self.store.writer.submit(lambda connection: gate.wait(1), lambda _: None)
        for deed in deeds:
            if deed == ("tick",):
                self.world.clock.time_s += 0.11
                self.world.node.advance(self.world.clock.time_s)
            else:
                self._begin_one(deed)
            for _ in range(3):  # who asks the store has asked, and has no answer yet
                await asyncio.sleep(0)
        gate.set()
        if self.store is not None:
            await self.store.writer.ask(lambda connection: None)
        self.witness.answers.set()

    def _begin_one(self, deed: tuple[Any, ...]) -> None:
        what, *args = deed
        if what == "send":
            self.send(self.draft(args[0]))
        elif what == "recall":
            self.recall(args[0])
        elif what == "arrive":
            self.arrive(args[0], is_lazy=False)
        elif self.tabs and what == "mark":
            self.mark(self.tabs[args[0] % len(self.tabs)], args[1])
        elif self.tabs and what == "identify":
            self.identify(*args)
        elif self.tabs:
            self.go(args[0])

    def follow(self, user: str, topic: str, *, follows: bool) -> None:
        store, answers = self.world.node.inbox.store, []
        if follows:
            self.do(lambda: store.follow([user], topic, 10, answers.append))
        else:
            self.do(lambda: store.unfollow([user], topic, answers.append))
        assert answers == [((user, topic) in self.model.follows) != follows]
        (self.model.follows.add if follows else self.model.follows.discard)((user, topic))

    def mute(self, tab: Tab, category: str, *, mute: bool) -> None:
        argument = {"mute" if mute else "unmute": {"categories": [category]}}
        ack = self.do(lambda: tab.ask("inbox:preferences", argument))
        answer = tab.acks[ack][0]
        self.model.mutes = {(user, one) for user, one in self.model.mutes if user != tab.user}
        self.model.mutes |= {(tab.user, one) for one in answer["muted"]["categories"]}
        assert ((tab.user, category) in self.model.mutes) == mute

    def edit(self, notice_id: int, title: str, expires_s: int | None) -> None:
        expected = self.model.sent[notice_id]
        change = Edit(title=title) if expires_s is None else Edit(title=title, expires_at=self.now_ms + expires_s * 1000)
        there = not expected.recalled and self.now_ms < expected.expires_ms
        answers: list[Any] = []
        self.do(lambda: self.world.node.inbox.edit(notice_id, change, answers.append))
        assert isinstance(answers[0], NotFound) != there
        if there and isinstance(change.expires_at, int):
            expected.expires_ms = change.expires_at
        for tab in self.tabs if there else []:
            if expected.is_seen_by(tab.user, self.now_ms) and notice_id in tab.shown:
                assert tab.shown[notice_id]["title"] == title

    def crash(self, after_s: float, lost: list[Draft]) -> None:
        """The answers to some sends never come, and then there is another life; who sent them sends them again."""
        asked_ms = self.now_ms

        async def run() -> None:
            for draft in lost:
                self.world.inbox_store.send([draft], asked_ms, lambda _: None)

        self.loop.run_until_complete(run())
        self.time_s = self.world.clock.time_s + after_s
        if self.store is not None:
            self.loop.run_until_complete(self.store.close())
        self.begin()
        for draft in lost:
            self.do(lambda draft=draft: self.send(draft, asked_ms))

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

    def close(self) -> None:
        """Everybody leaves, and the database is as empty as before."""
        try:
            self.faults.clear()
            self.do(lambda: [tab.lose_transport() for tab in self.tabs])
        finally:
            if self.store is not None:
                self.loop.run_until_complete(self.store.close())
                for table in ("inbox", "notifications", "follows", "preferences"):
                    rows(self.database, f"DELETE FROM {table}")
            self.loop.close()

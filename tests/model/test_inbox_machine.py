"""The real node on a real database under random histories of inboxes: sends, marks in every tab, recalls, time, crashes.

After each step, when nothing is under way any more, `Town.check` (tests/support/inbox_town.py) sees whether

 I1   a notification is delivered to every connection of its receivers that is there, and what was never acknowledged comes again
      at the next connect; until somebody reads it, it stands unread
 I2   the ids that a connection is sent grow, but for what was scheduled
 I3   the same key of the same sender is one notification, also if it is sent again after a crash that ate the answer
 I4   the unread that the store counts, the list of the unread and the badge of every tab are the same number
 I5   a broadcast is one row, and a user has a row of it from the moment that they did something
 I6   what was recalled or is over is in no list, in no count, and taken off every screen
 I7   what was acknowledged is there after a crash
"""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from support.databases import KINDS, new_database
from support.inbox_town import TOPICS, USERS, Town

users, seconds = st.sampled_from(["ann", *USERS]), st.sampled_from([None, None, None, 2, 7])
picks = st.integers(0, 5)  # of the newest, or of those who are here
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
deeds = st.one_of(
    st.tuples(st.just("send"), drafts),
    st.tuples(st.just("mark"), picks, markings),
    st.tuples(st.just("mark"), picks, markings),
    st.tuples(st.just("recall"), picks),
    st.tuples(st.just("arrive"), users),
    st.tuples(st.just("arrive"), users),
    st.tuples(st.just("go"), picks),
    st.tuples(st.just("identify"), picks, users),
    st.tuples(st.just("tick")),
)


class InboxMachine(RuleBasedStateMachine):
    """Subclasses say which database."""

    database = "memory://"

    def __init__(self) -> None:
        super().__init__()
        self.town = Town(self.database)
        self.numbers = itertools.count(1)

    @initialize(present=st.lists(users, max_size=4), first=st.lists(drafts, max_size=3))
    def some_are_here(self, present: list[str], first: list[dict[str, Any]]) -> None:
        for user in USERS[:2]:
            self.town.follow(user, TOPICS[0], follows=True)
        for user in present:
            self.come(user, is_lazy=False)
        for fields in first:
            self.send(fields)

    @rule(fields=drafts)
    def send(self, fields: dict[str, Any]) -> None:
        self.town.do(lambda: self.town.send(self.town.draft(fields)))

    @rule(several=st.lists(deeds, min_size=2, max_size=8), in_one_batch=st.booleans())
    def at_once(self, several: list[tuple[Any, ...]], in_one_batch: bool) -> None:
        self.town.at_once(several, in_one_batch=in_one_batch)

    @rule(user=users, is_lazy=st.sampled_from([False, False, True]))
    def come(self, user: str, is_lazy: bool) -> None:
        self.town.do(lambda: self.town.arrive(user, is_lazy=is_lazy))

    @precondition(lambda self: self.town.tabs)
    @rule(pick=picks)
    def leave(self, pick: int) -> None:
        self.town.do(lambda: self.town.go(pick))

    @precondition(lambda self: self.town.tabs)
    @rule(pick=picks, user=users)
    def identify(self, pick: int, user: str) -> None:
        self.town.do(lambda: self.town.identify(pick, user))

    @precondition(lambda self: self.town.tabs)
    @rule(pick=picks, marking=markings)
    def mark(self, pick: int, marking: tuple[Any, ...]) -> None:
        self.town.do(lambda: self.town.mark(self.town.tabs[pick % len(self.town.tabs)], marking))

    @precondition(lambda self: self.town.model.sent)
    @rule(pick=picks, title=st.sampled_from(["new", "newer"]), expires_s=seconds)
    def edit(self, pick: int, title: str, expires_s: int | None) -> None:
        ids = sorted(self.town.model.sent, reverse=True)
        self.town.edit(ids[pick % len(ids)], title, expires_s)

    @rule(pick=picks)
    def recall(self, pick: int) -> None:
        self.town.do(lambda: self.town.recall(pick))

    @rule(user=users, topic=st.sampled_from(TOPICS), follows=st.booleans())
    def follow(self, user: str, topic: str, follows: bool) -> None:
        self.town.follow(user, topic, follows=follows)

    @precondition(lambda self: self.town.tabs)
    @rule(pick=picks, category=categories, mute=st.booleans())
    def mute(self, pick: int, category: str, mute: bool) -> None:
        self.town.mute(self.town.tabs[pick % len(self.town.tabs)], category, mute=mute)

    @rule(seconds=st.sampled_from([1, 3, 12]))
    def pass_time(self, seconds: int) -> None:
        self.town.pass_time(seconds)

    @rule(after_s=st.sampled_from([0, 5]), lost=st.lists(drafts, max_size=2))
    def crash(self, after_s: int, lost: list[dict[str, Any]]) -> None:
        self.town.crash(after_s, [self.town.draft({**fields, "key": f"lost-{next(self.numbers)}"}) for fields in lost])

    @invariant()
    def holds(self) -> None:
        self.town.check()

    def teardown(self) -> None:
        self.town.close()


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


EXAMPLES = {"memory": 300, "sqlite": 60, "postgres": 25}


@pytest.mark.parametrize("kind", KINDS)
def test_inboxes_under_random_histories(kind, tmp_path) -> None:  # I1 to I7
    run(new_database(kind, tmp_path), EXAMPLES[kind], 30)

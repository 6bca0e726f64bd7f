"""What begins, ends, is edited and recalled, and what clocks do to it."""

from __future__ import annotations

from typing import Any

from alsohere.backends.memory_offline import MemoryOffline
from alsohere.domain.offline import Routes
from alsohere.node.hooks import Handler
from alsohere.notices import Draft, Edit
from support.inbox_readers import BETWEEN_USERS, LateInbox, Reader, send, tick
from support.loop import asynchronous, turns
from support.simulation import World


def ids(reader: Reader) -> list[int]:
    return [one["id"] for one in reader.shown]


@asynchronous
async def test_what_a_life_before_has_scheduled_begins_and_ends_also_where_nobody_says_that_this_one_begins() -> None:
    store = LateInbox()
    before = World(inbox_store=store)
    now_ms = before.clock.wall_ms()
    sent = send(before, to=("ann",), starts_at=now_ms + 5000, expires_at=now_ms + 10_000).id
    world = World(inbox_store=store)
    woken: list[bool] = []
    world.node.inbox.ways.wake = lambda: woken.append(True)
    ann = Reader(world, "ann")
    await tick(world)
    await tick(world, 6)
    assert ids(ann) == [sent]
    await tick(world, 6)
    assert ann.last("notification:recalled") == {"ids": [sent]}
    assert woken == [True]


@asynchronous
async def test_what_began_when_it_was_sent_does_not_begin_again() -> None:
    world = World()
    world.node.inbox.begin()
    ann = Reader(world, "ann")
    world.pass_time(1)
    at_once = send(world, to=("ann",), starts_at=world.clock.wall_ms()).id
    later = send(world, to=("ann",), starts_at=world.clock.wall_ms() + 5000).id
    await tick(world, 6)
    assert ids(ann) == [at_once, later]


@asynchronous
async def test_what_begins_while_it_is_being_written_is_told_once() -> None:
    for looks_meanwhile in (False, True):
        store = LateInbox()
        world = World(inbox_store=store)
        ann = Reader(world, "ann")
        now_ms = world.clock.wall_ms()
        if looks_meanwhile:
            send(world, to=("bob",), expires_at=now_ms + 1500)
        store.is_slow = True
        send_later(world, to=("ann",), starts_at=now_ms + 1000)
        await tick(world, 2)
        store.write()
        await tick(world, 2)
        send(world, to=("bob",), starts_at=world.clock.wall_ms() + 1000)
        await tick(world, 2)
        assert len(ann.shown) == 1


def send_later(world: World, **draft: Any) -> None:
    world.node.inbox.send([Draft(**({"category": "system", "title": "Hello"} | draft))], lambda answers: None)


@asynchronous
async def test_what_is_written_late_ends_in_time() -> None:  # I6
    store = LateInbox()
    world = World(inbox_store=store)
    ann = Reader(world, "ann")
    now_ms = world.clock.wall_ms()
    send(world, to=("ann",), expires_at=now_ms + 1000)
    store.is_slow = True
    send_later(world, to=("ann",), expires_at=now_ms + 10_000)
    await tick(world, 2)
    store.write()
    await tick(world, 1)
    assert ann.badge["total"] == 1
    await tick(world, 8)
    assert ann.last("notification:recalled") == {"ids": [ids(ann)[-1]]}
    assert ann.badge["total"] == 0


@asynchronous
async def test_what_was_scheduled_begins_by_the_clock_on_the_wall_also_when_that_is_set() -> None:
    world = World()
    ann = Reader(world, "ann")
    send(world, to=("ann",), starts_at=world.clock.wall_ms() + 3_600_000)
    world.clock.step_ms = 3_600_000
    await tick(world, 20)  # a ping goes by
    assert len(ann.shown) == 1


@asynchronous
async def test_what_was_scheduled_does_not_begin_early_when_the_clock_is_set_back() -> None:
    world = World()
    ann = Reader(world, "ann")
    await tick(world)
    send(world, to=("ann",), starts_at=world.clock.wall_ms() + 60_000)
    world.clock.step_ms = -600_000
    await tick(world, 300)
    assert ann.shown == []
    await tick(world, 400)
    assert len(ann.shown) == 1


@asynchronous
async def test_a_store_that_could_not_be_asked_once_is_asked_again() -> None:
    store = LateInbox()
    world = World(inbox_store=store)
    ann = Reader(world, "ann")
    send(world, to=("ann",), starts_at=world.clock.wall_ms() + 1000)
    store.fault = RuntimeError("a row that cannot be read")
    await tick(world, 3)
    store.fault = None
    await tick(world, 3)
    assert len(ann.shown) == 1
    assert world.node.metrics.internal_errors > 0


@asynchronous
async def test_what_is_recalled_while_it_begins_is_not_shown() -> None:  # I6
    store = LateInbox()
    world = World(inbox_store=store)
    ann = Reader(world, "ann")
    sent = send(world, to=("ann",), starts_at=world.clock.wall_ms() + 1000).id
    store.answers.clear()
    await tick(world, 2)
    world.node.inbox.recall(sent, lambda answer: None)
    store.answers.set()
    await tick(world, 2)
    assert ann.shown == []


@asynchronous
async def test_what_goes_on_while_its_end_is_looked_up_is_not_taken_away() -> None:
    store = LateInbox()
    world = World(inbox_store=store)
    ann = Reader(world, "ann")
    sent = send(world, to=("ann",), expires_at=world.clock.wall_ms() + 1000).id
    answers: list[Any] = []
    world.pass_time(0.9)
    store.answers.clear()
    asked_ms = world.clock.wall_ms()
    await tick(world, 1)
    store.edit(sent, Edit(expires_at=asked_ms + 60_000), asked_ms, answers.append)
    world.node.inbox._edited(answers[0])
    store.answers.set()
    await tick(world, 1)
    assert "notification:recalled" not in [name for name, _ in ann.events]
    await tick(world, 61)
    assert ann.last("notification:recalled") == {"ids": [sent]}


@asynchronous
async def test_an_end_that_an_edit_puts_in_the_past_is_an_end_now() -> None:  # I6
    world = World()
    ann = Reader(world, "ann")
    sent = send(world, to=("ann",))
    await tick(world)
    world.node.inbox.edit(sent.id, Edit(expires_at=world.clock.wall_ms()), lambda answer: None)
    await tick(world)
    assert ann.last("notification:recalled") == {"ids": [sent.id]}
    assert ann.badge["total"] == 0


@asynchronous
async def test_who_marks_what_they_did_not_acknowledge_has_got_it() -> None:
    world = World(inbox_rules=BETWEEN_USERS)
    got: list[tuple[str, int]] = []
    world.hooks.delivered.append(Handler(lambda user, notice_id: got.append((user, notice_id))))
    ann, bob = Reader(world, "ann"), Reader(world, "bob", is_lazy=True)
    first = ann.call("message:send", {"to": "bob", "body": "Tea?"})["id"]
    second = ann.call("message:send", {"to": "bob", "body": "Or coffee?"})["id"]
    bob.call("inbox:mark", {"ids": [first], "as": "seen"})
    assert ann.last("message:receipt")["delivered_at"]
    bob.call("inbox:mark", {"all": True, "as": "read"})
    bob.call("inbox:mark", {"all": True, "as": "archived"})
    await turns()
    assert got == [("bob", first), ("bob", second)]


@asynchronous
async def test_who_is_missing_between_two_polls_is_not_counted_and_gets_it() -> None:
    world = World()
    ann = Reader(world, "ann")
    ann.peer.expect_poll()
    world.pass_time(3)
    assert ann.peer.missing
    assert send(world, to=("ann",)).results["ann"].connections == 0
    assert len(ann.shown) == 1


@asynchronous
async def test_nobody_is_woken_for_a_recall_when_nobody_is_here() -> None:  # P11
    world = World()
    sent = send(world, to=("ann", "bob"))
    world.pass_time(1)
    world.node.inbox.recall(sent.id, lambda answer: None)
    assert world.node.inbox.badges.due_s() is None


@asynchronous
async def test_a_browser_is_that_of_the_user_who_subscribed_it() -> None:
    store = LateInbox()
    world = World(inbox_store=store)
    ways = world.node.inbox.ways
    ways.store, ways.routes = MemoryOffline(store._store, Routes({})), Routes({}, frozenset({"webpush"}))
    tab = Reader(world, "ann")
    keys = {"p256dh": "k", "auth": "a"}
    tab.ask("webpush:subscribe", {"subscription": {"endpoint": "https://push.example/1", "keys": keys}})
    tab.ask("user:identify", {"token": "bob"})
    await tick(world)
    assert len((await ways.store.reached_by("ann"))[1]) == 1

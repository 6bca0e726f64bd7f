"""What a connection is told that comes while other things happen: the moments between a question to the store and its answer."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from alsohere.notices import Draft, Edit, Filter, Preferences, Quiet
from support.inbox_readers import LateInbox, Reader, send, tick
from support.loop import asynchronous, turns, until
from support.simulation import World

ALWAYS = Preferences(quiet=Quiet("00:00", "23:59", "UTC"))


def late_world() -> tuple[World, LateInbox]:
    store = LateInbox()
    return World(inbox_store=store), store


def ids(reader: Reader) -> list[int]:
    return [one["id"] for one in reader.shown]


def acknowledge_all(reader: Reader) -> None:
    for packet in [packet for packet in reader.packets if '["notification"' in packet]:
        reader.send(f"43{packet[2 : packet.index('[')]}[]")


# -- Who becomes somebody else meanwhile -------------------------------------------------------------------------------


@asynchronous
async def test_the_rest_that_is_being_asked_for_is_not_told_to_somebody_else() -> None:  # P9
    world, store = late_world()
    for _ in range(40):
        send(world, to=("ann",), title="private")
    own = send(world, to=("bob",), title="own").id
    tab = Reader(world, "ann", is_lazy=True)
    await tick(world)
    assert len(tab.shown) == 32
    store.answers.clear()
    acknowledge_all(tab)
    await tick(world)
    tab.ask("user:identify", {"token": "bob"})
    await turns()
    store.answers.set()
    await tick(world)
    assert [one["title"] for one in tab.shown[32:]] == ["own"]
    assert ids(tab)[-1] == own


@asynchronous
async def test_who_comes_back_as_who_they_were_is_told_once() -> None:
    world, store = late_world()
    sent = [send(world, to=("ann",)).id for _ in range(3)]
    store.answers.clear()
    tab = Reader(world, "ann")
    await tick(world)
    tab.ask("user:identify", {"token": "bob"})
    tab.ask("user:identify", {"token": "ann"})
    await turns()
    store.answers.set()
    await tick(world)
    assert ids(tab) == sent


@asynchronous
async def test_the_badge_of_the_user_before_is_not_that_of_the_one_after() -> None:  # I4
    world, _ = late_world()
    send(world, to=("ann",))
    tab = Reader(world, "ann")
    await tick(world)
    assert tab.badge == {"total": 1, "by_category": {"system": 1}}
    tab.ask("user:identify", {"token": "bob"})
    await tick(world)
    assert tab.badge == {"total": 0, "by_category": {}}


@asynchronous
async def test_another_tab_of_the_user_who_leaves_is_told() -> None:
    world, store = late_world()
    sent = [send(world, to=("ann",)).id for _ in range(3)]
    store.answers.clear()
    first = Reader(world, "ann")
    await tick(world)
    first.lose_transport()
    second = Reader(world, "ann")
    await turns()
    store.answers.set()
    await tick(world)
    assert ids(second) == sent


# -- A store that is away or broken ------------------------------------------------------------------------------------


@asynchronous
async def test_who_came_while_the_store_was_away_is_told_when_it_is_back_however_long_that_took() -> None:  # I1
    world, store = late_world()
    sent = [send(world, to=("ann",)).id for _ in range(3)]
    store.is_away = True
    tab = Reader(world, "ann")
    for _ in range(30):
        await tick(world, 1)
    store.is_away = False
    await tick(world, 2)
    assert ids(tab) == sent
    assert tab.badge == {"total": 3, "by_category": {"system": 3}}


@asynchronous
async def test_the_rest_is_told_when_the_store_is_back() -> None:  # I1
    world, store = late_world()
    sent = [send(world, to=("ann",)).id for _ in range(40)]
    tab = Reader(world, "ann", is_lazy=True)
    await tick(world)
    assert len(tab.shown) == 32
    store.is_away = True
    acknowledge_all(tab)
    for _ in range(15):
        await tick(world, 1)
    store.is_away = False
    await tick(world, 2)
    assert ids(tab) == sent


@asynchronous
async def test_a_store_that_is_broken_leaves_nobody_deaf() -> None:
    world, store = late_world()
    old = send(world, to=("ann",)).id
    store.fault = RuntimeError("a row that cannot be read")
    tab = Reader(world, "ann")
    await tick(world)
    new = send(world, to=("ann",), title="new").id
    await tick(world, 2)
    store.fault = None
    other = Reader(world, "ann")
    await tick(world, 2)
    assert ids(tab) == [new]
    assert ids(other) == [old]
    assert world.node.metrics.internal_errors > 0


@asynchronous
async def test_who_asks_a_store_that_is_broken_is_answered() -> None:
    world, store = late_world()
    tab = Reader(world, "ann")
    store.fault = RuntimeError("a row that cannot be read")
    assert (await tab.wants("inbox:list", {}))["error"]["code"] == "internal"
    store.fault, store.is_away = None, True
    assert (await tab.wants("inbox:list", {}))["error"]["code"] == "unavailable"


@asynchronous
async def test_what_was_acknowledged_while_the_store_was_away_is_noted_when_it_is_back() -> None:  # I1
    world, store = late_world()
    tab = Reader(world, "ann")
    store.is_away = True
    send(world, to=("ann",))
    assert len(tab.shown) == 1
    await tick(world)
    store.is_away = False
    await tick(world, 2)
    page = await world.inbox_store.page("ann", Filter(), world.clock.wall_ms())
    assert page.entries[0].marks.delivered_at is not None


@asynchronous
async def test_however_many_have_more_waiting_the_store_is_asked_one_question_at_a_time() -> None:
    world, store = late_world()
    users = [f"u{number}" for number in range(150)]
    for _ in range(40):
        send(world, to=tuple(users))
    tabs = [Reader(world, user) for user in users]
    for _ in range(4):
        await tick(world)
        await turns(1000)
    assert [len(tab.shown) for tab in tabs] == [40] * 150
    assert store.most_asked == 1


# -- What comes meanwhile ----------------------------------------------------------------------------------------------


@asynchronous
async def test_who_acknowledges_nothing_is_sent_what_came_while_they_were_told_what_waited() -> None:  # I1
    for waiting in (1, 50):
        world, store = late_world()
        for _ in range(waiting):
            send(world, to=("ann",))
        store.answers.clear()
        tab = Reader(world, "ann", is_lazy=True)
        await tick(world)
        new = [send(world, to=("ann",), title="new").id for _ in range(3)]
        store.answers.set()
        await tick(world)
        await tick(world, 11)
        await tick(world)
        assert ids(tab)[-3:] == new
        assert ids(tab) == sorted(set(ids(tab))), "I2"


@asynchronous
async def test_what_a_client_was_told_when_it_came_is_not_told_again_a_moment_later() -> None:
    world, store = late_world()
    store.is_silent = True
    world.node.inbox.send([Draft(category="system", title="Hello", to=("ann",))], lambda answers: None)
    tab = Reader(world, "ann", is_lazy=True)
    await turns()
    assert len(tab.shown) == 1
    store.tell()
    await tick(world)
    assert len(tab.shown) == 1
    assert tab.badge == {"total": 1, "by_category": {"system": 1}}


@asynchronous
async def test_what_begins_while_a_client_is_told_what_waited_reaches_it() -> None:  # I1
    world, store = late_world()
    begins = send(world, to=("ann",), starts_at=world.clock.wall_ms() + 1000).id
    for _ in range(40):
        send(world, to=("ann",))
    store.answers.clear()
    tab = Reader(world, "ann")
    await turns()
    world.pass_time(0.5)
    await turns()
    world.pass_time(1)
    await turns()
    store.answers.set()
    await tick(world)
    await tick(world)
    assert ids(tab).count(begins) == 1
    assert len(ids(tab)) == 41


@asynchronous
async def test_what_is_recalled_while_it_is_being_looked_up_is_not_shown() -> None:  # I6
    world, store = late_world()
    gone, kept = send(world, to=("ann",)).id, send(world, to=("ann",)).id
    store.answers.clear()
    tab = Reader(world, "ann")
    await tick(world)
    listed = tab.ask("inbox:list", {})
    await turns()
    world.node.inbox.recall(gone, lambda answer: None)
    store.answers.set()
    await tick(world)
    assert ids(tab) == [kept]
    await until(lambda: listed in tab.acks)
    assert [one["id"] for one in tab.acks[listed][0]["items"]] == [kept]


@asynchronous
async def test_what_is_edited_while_it_is_being_looked_up_is_shown_as_it_is_now() -> None:
    world, store = late_world()
    sent = send(world, to=("ann",)).id
    store.answers.clear()
    tab = Reader(world, "ann")
    await tick(world)
    world.node.inbox.edit(sent, Edit(title="Better"), lambda answer: None)
    store.answers.set()
    await tick(world)
    assert [one["title"] for one in tab.shown] == ["Better"]


@asynchronous
async def test_what_is_read_in_another_tab_while_it_is_being_looked_up_makes_no_noise() -> None:
    world, store = late_world()
    sent = send(world, to=("ann",)).id
    first = Reader(world, "ann")
    await tick(world)
    new = send(world, to=("ann",)).id
    store.answers.clear()
    first.is_lazy = True
    later = send(world, to=("ann",)).id
    second = Reader(world, "ann")
    await tick(world)
    first.call("inbox:mark", {"as": "read", "all": True})
    store.answers.set()
    await tick(world)
    assert ids(second) == []
    assert first.badge == second.badge == {"total": 0, "by_category": {}}
    assert ids(first) == [sent, new, later]


@asynchronous
async def test_a_client_that_owes_the_application_many_answers_is_no_harm_to_others() -> None:  # S5
    world, _ = late_world()
    busy, other = Reader(world, "ann", is_lazy=True), Reader(world, "bob")
    calls = [world.node.call(busy.connection, "ask", (), 5.0) for _ in range(60)]
    for call in calls:
        world.node.spawn(quietly(call))
    await turns()
    for _ in range(40):
        send(world, to=("ann", "bob"))
    assert (len(busy.shown), len(other.shown)) == (40, 40)
    assert busy.closed is None
    busy.lose_transport()
    await turns()


async def quietly(call: Any) -> None:
    with suppress(TimeoutError):
        await call


# -- Wishes ------------------------------------------------------------------------------------------------------------


@asynchronous
async def test_a_wish_is_not_undone_by_an_answer_from_before_it() -> None:
    world, store = late_world()
    send(world, to=("bob",))
    first = Reader(world, "ann")
    await tick(world)
    store.answers.clear()
    Reader(world, "ann")
    await tick(world)
    first.call("inbox:preferences", {"quiet": {"from": "00:00", "to": "23:59", "tz": "UTC"}})
    store.answers.set()
    await tick(world)
    send(world, to=("ann",))
    assert first.shown[-1]["show"] == "silent"


@asynchronous
async def test_wishes_are_known_where_nothing_was_ever_sent() -> None:
    world, store = late_world()
    store.prefer("ann", lambda before: ALWAYS, lambda answer: None)
    tab = Reader(world, "ann")
    await tick(world)
    send(world, to=("ann",))
    assert tab.shown[-1]["show"] == "silent"


@asynchronous
async def test_wishes_are_kept_when_another_namespace_is_left() -> None:
    world, store = late_world()
    world.hooks.namespace("/custom")
    store.prefer("ann", lambda before: ALWAYS, lambda answer: None)
    send(world, to=("bob",))
    tab = Reader(world, "ann")
    tab.send('40/custom,{"user":"ann"}')
    await tick(world)
    tab.send("41/custom,")
    await tick(world)
    send(world, to=("ann",))
    assert tab.shown[-1]["show"] == "silent"

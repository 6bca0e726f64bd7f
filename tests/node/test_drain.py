"""The end of a process, as its application sees it."""

from __future__ import annotations

import asyncio

from alsohere.node.hooks import Handler
from alsohere.notices import Filter
from support.inbox_readers import Reader, send
from support.simulation import World


def test_at_shutdown_the_application_hears_of_every_leave():  # P4
    world = World()
    world.client("ann").call("room:enter", {"room": "/a"})
    world.client("bob").lose_transport()  # whose grace still runs
    asyncio.run(world.node.drain(0.0))
    assert sorted(told for told in world.told if told[0] == "leave") == [
        ("leave", "/a", "ann"),
        ("leave", "@online", "ann"),
        ("leave", "@online", "bob"),
    ]
    assert world.node.presence.is_empty()


def test_handlers_that_wait_are_waited_for():
    done = []

    async def goodbye(connection, reason):
        await asyncio.sleep(0)
        done.append((connection.user.id, reason))

    async def scenario() -> None:
        world = World()
        world.hooks.namespaces["/"].disconnected.append(Handler(goodbye))
        world.client("ann")
        await world.node.drain(0.0)

    asyncio.run(scenario())
    assert done == [("ann", "disconnected")]


def test_what_was_acknowledged_at_the_end_is_noted():
    async def scenario() -> None:
        world = World()
        for _ in range(2):
            Reader(world, "ann")
            world.pass_time(0)
            send(world, to=("ann",))  # acknowledged at once, and written with the next tick
        await world.node.drain(0.0)
        page = await world.inbox_store.page("ann", Filter(), world.clock.wall_ms())
        assert [entry.marks.delivered_at is not None for entry in page.entries] == [True, True]

    asyncio.run(scenario())

"""Questions to a client, and what becomes of them."""

from __future__ import annotations

import asyncio

import pytest

from support.simulation import World


def test_a_call_ends_with_its_connection():
    async def scenario() -> None:
        world = World()
        ann = world.client("ann")
        asking = asyncio.ensure_future(ann.connection.call("how", timeout_s=60))
        await asyncio.sleep(0)
        ann.lose_transport()
        with pytest.raises(TimeoutError, match="ended"):
            await asyncio.wait_for(asking, 5)

    asyncio.run(scenario())


def test_a_call_gets_the_answer_of_its_own_question():
    async def scenario() -> None:
        world = World()
        ann = world.client("ann")
        first = asyncio.ensure_future(ann.connection.call("one"))
        second = asyncio.ensure_future(ann.connection.call("two"))
        await asyncio.sleep(0)
        ids = [packet[2 : packet.index("[")] for packet in ann.packets if packet.startswith("42")]
        ann.send(f"43{ids[1]}[2]")
        ann.send(f"43{ids[0]}[1]")
        assert (await first, await second) == ([1], [2])

    asyncio.run(scenario())

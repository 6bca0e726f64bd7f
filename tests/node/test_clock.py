"""The one timer of a node."""

from __future__ import annotations

import asyncio

from alsohere.node.clock import Pulse, SystemClock


def test_a_pulse_goes_on_in_the_next_loop():
    """A host without a lifespan says nothing when its loop ends."""
    clock = SystemClock()
    pulse, rung = Pulse(clock), []
    pulse.advance = rung.append

    async def wake(*after_s: float) -> None:
        for seconds in after_s:
            pulse.wake(clock.now_s() + seconds)
        await asyncio.sleep(0.05)

    asyncio.run(wake(0.0, 60.0))
    assert len(rung) == 1
    asyncio.run(wake(0.0, 60.0))
    assert len(rung) == 2


def test_a_later_wish_does_not_put_off_an_earlier_one():
    async def wake() -> list[float]:
        clock = SystemClock()
        pulse, rung = Pulse(clock), []
        pulse.advance = rung.append
        pulse.wake(clock.now_s() + 0.01)
        pulse.wake(clock.now_s() + 60)
        await asyncio.sleep(0.1)
        return rung

    assert len(asyncio.run(wake())) == 1

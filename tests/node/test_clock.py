"""The one timer of a node."""

from __future__ import annotations

import asyncio

from alsohere.node.clock import Pulse, SystemClock


def test_a_pulse_goes_on_in_the_next_loop():
    """A host without a lifespan says nothing when its loop ends."""
    clock = SystemClock()
    pulse, rung = Pulse(clock), []
    pulse.advance = rung.append

    async def wake(after_s: float, stay_s: float) -> None:
        pulse.wake(clock.now_s() + after_s)
        await asyncio.sleep(stay_s)

    asyncio.run(wake(0.01, 0))  # and nobody is there any more when it is due
    asyncio.run(wake(0.02, 0.1))
    assert len(rung) == 1


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

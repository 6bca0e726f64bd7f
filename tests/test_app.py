"""The object that an application holds."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from alsohere import AlsoHere, BadRequest

SECRET = "a-secret-of-more-than-thirty-two-bytes"


async def _echo_lifespan(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


@pytest.mark.parametrize("wrapped", [None, _echo_lifespan])
def test_an_application_that_was_shut_down_takes_clients_when_it_starts_again(wrapped):
    here = AlsoHere(app=wrapped, dev=True)
    draining: list[bool] = []

    async def live() -> None:
        messages = iter(["lifespan.startup", "lifespan.shutdown"])

        async def receive() -> dict[str, str]:
            return {"type": next(messages)}

        async def send(message: dict[str, str]) -> None:
            draining.append(here.node.draining)

        await here({"type": "lifespan"}, receive, send)

    asyncio.run(live())
    asyncio.run(live())
    assert draining == [False, True, False, True]


def test_a_string_is_not_taken_for_a_list_of_its_letters():
    here = AlsoHere(secret=SECRET)
    with pytest.raises(BadRequest, match=r"to=\['42'\]"):
        asyncio.run(here.push("news", to="42"))
    with pytest.raises(BadRequest, match="rooms"):
        asyncio.run(here.push("news", rooms="/docs"))
    with pytest.raises(BadRequest, match="rooms"):
        here.token("42", rooms="/docs/*")  # whose * alone would grant everything

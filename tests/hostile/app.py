"""An application under attack: handlers that send much, ask much, and give back what they are given.

Run as `python -m hostile.app PORT` it is `alsohere serve` with these handlers; any ASGI server can run `hostile.app:here`.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from alsohere import AlsoHere
from alsohere.log_lines import log_to_stderr


async def tasks(scope: Any, receive: Any, send: Any) -> None:
    """How many tasks the process runs. It is of HTTP only, as many applications are."""
    if scope["type"] != "http":
        raise ValueError("this application only knows HTTP")
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(len(asyncio.all_tasks())).encode()})


here = AlsoHere(app=tasks)
here.namespace("/second")


@here.on("echo")
async def echo(_: Any, *args: Any) -> tuple[Any, ...]:
    return args


@here.on("flood")
async def flood(_: Any, room: str, packets: int, size: int) -> int:
    """Send that much to everybody in the room, at 1,000 packets a second: somebody who reads can follow."""
    reached = 0
    for number in range(packets):
        reached += (await here.push("flood", number, "x" * size, rooms=[room]))[room]["connections"]
        await asyncio.sleep(0.001)
    return reached


@here.on("questions")
async def questions(conn: Any, amount: int) -> int:
    """Ask the client that many things at once; gives how many were not answered."""
    asked = await asyncio.gather(*(conn.call("question", timeout_s=1) for _ in range(amount)), return_exceptions=True)
    return sum(isinstance(answer, TimeoutError) for answer in asked)


@here.on("complain")
async def complain(_: Any, text: str) -> None:
    """Fail, and say of what."""
    raise ValueError(text)


if __name__ == "__main__":
    log_to_stderr(as_json=here.config.log_json)
    here.run(port=int(sys.argv[1]))

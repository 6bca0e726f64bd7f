"""Somebody is already on this document: first in holds it, the next is told, and told again when it is theirs.

The three events are those of the page's hook (page/useDocumentOccupied.js). Who holds a document and who is next is a lock of
alsohere's; nothing of that is sent to the page.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from starlette.applications import Starlette
from starlette.responses import FileResponse
from starlette.routing import Route

from alsohere import AlsoHere, AlsoHereError, BadRequest, LimitReached

FOLDER = Path(__file__).parent
DOCUMENTS = "document-"

site = Starlette(
    routes=[
        Route("/", lambda _: FileResponse(FOLDER / "index.html")),
        Route("/page.js", lambda _: FileResponse(FOLDER / "page.js")),
    ]
)
here = AlsoHere(
    app=site,
    anonymous=True,  # the page says of nobody who they are, so each tab is somebody of its own
    origins=("http://localhost:5173",),  # where the page is while it is developed
    lock_idle_s=86_400,  # a page that cannot say that somebody still works on it must not lose it to that
    lock_queue=10_000,
)


@here.on("join_document_room")
async def join(conn, room):
    if not isinstance(room, str) or not room.startswith(DOCUMENTS) or room == DOCUMENTS:
        raise BadRequest("join_document_room takes document-<id>.")
    if not await is_held(conn, room):
        await conn.emit("is_occupied", "Its occupied")


async def is_held(conn, room):
    """Whether it is this tab's; if not, it is in line. A tab that is closed gives it up at once: it never says goodbye."""
    try:
        answer = await conn.acquire(room, wait=True, grace=False)
    except LimitReached:  # too many are in line before it
        return False
    return answer.status == "held"


@here.on_lock_granted
async def released(conn):
    await conn.emit("is_released", "this is released")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--host", default="127.0.0.1")
    arguments.add_argument("--port", type=int, default=9000)
    given = arguments.parse_args()
    print(f"Open http://{given.host}:{given.port}/ - in three windows, at the same document.", flush=True)
    try:
        here.run(given.host, given.port)
    except AlsoHereError as error:
        raise SystemExit(str(error)) from None

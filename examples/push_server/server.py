"""A push server: a back end in any language posts, and whoever it is meant for sees it at once, in every tab.

Its pages are of 2017: they load socket.io-client 2.0.3, say `user_login` and hear `receive_message`. post.py reads what back ends
send; who is logged in with which token is a room of alsohere's, and nothing of that is sent to the pages.
"""

from __future__ import annotations

import argparse
import hashlib
import os
from pathlib import Path

from post import Bodies, Keys, WrongBody
from starlette.applications import Starlette
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse
from starlette.routing import Route

from alsohere import AlsoHere, AlsoHereError, BadRequest, Forbidden

FOLDER = Path(__file__).parent
OLD_CLIENT = "/socket.io/socket.io.js"
MAX_ROOMS = 1000  # of one push

keys = Keys(os.environ.get("PUSH_KEY", ""))


class PushServer(AlsoHere):
    """alsohere, but for one file: pages of this server load the client that they were written for."""

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http" and scope["path"] == OLD_CLIENT:
            await FileResponse(FOLDER / "socket.io.js", media_type="text/javascript")(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


async def alive(_):
    """`GET /api`."""
    return PlainTextResponse(".")


async def post(request):
    """`POST /api` with tokens, entityType and data."""
    if not keys.lets_post(request):
        return JSONResponse({"responseCode": 401, "data": "Send the key: Authorization: Bearer <PUSH_KEY>"}, 401)
    try:
        body = await Bodies.read(request)
    except WrongBody as wrong:
        return JSONResponse({"responseCode": wrong.status, "data": str(wrong)}, wrong.status)
    message = {"entityType": body.entity_type, "data": body.data}
    rooms = [room_of(token) for token in body.tokens]
    for start in range(0, len(rooms), MAX_ROOMS):
        await here.push("receive_message", message, rooms=rooms[start : start + MAX_ROOMS])
    return JSONResponse({"responseCode": 0, "data": "OK!"})


def room_of(token):
    """Where everybody with a token is. A token is the key to somebody's messages, so it is not a name that others might read."""
    return "token:" + hashlib.sha256(token.encode()).hexdigest()


site = Starlette(
    routes=[
        Route("/", lambda _: FileResponse(FOLDER / "page.html")),
        Route("/page.js", lambda _: FileResponse(FOLDER / "page.js")),
        Route("/api", alive),
        Route("/api", post, methods=["POST"]),
    ]
)
here = PushServer(
    app=site,
    anonymous=True,  # who somebody is, their token says
    allow_eio3=True,
    inbox=False,
    database_url="memory://",  # who is not there is sent nothing: nothing has to last
    dev="ALSOHERE_ORIGINS" not in os.environ,  # unless others are named, pages of any port of this machine may connect
)
here.engines["/ws/socket.io/"] = here.engines["/socket.io/"]  # where the article's own site had it


@here.on("user_login")
async def user_login(conn, info):
    """A tab says whose it is. It is told for itself only: the `socketId` in it could be anybody's."""
    token = Bodies.token(info.get("tokenId")) if isinstance(info, dict) else None
    if not token:
        raise BadRequest("user_login takes {userId, socketId, tokenId}.")
    user = keys.user_of(token)
    if user is None:
        raise Forbidden("This token is not signed with PUSH_KEY.")
    await conn.enter(room_of(user))


@here.authorize
async def may(user, action, room):
    """Whatever else clients can ask alsohere for: not here."""
    return False


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--host", default="127.0.0.1")
    arguments.add_argument("--port", type=int, default=4001)
    given = arguments.parse_args()
    print(f"Open http://{given.host}:{given.port}/ - and post to it as README.md says.", flush=True)
    if not keys.are_needed:
        print("Anybody who reaches this port can post, and log in with any token: set PUSH_KEY.", flush=True)
    try:
        here.run(given.host, given.port)
    except AlsoHereError as error:
        raise SystemExit(str(error)) from None

"""Who is online, and who else has this page open: a back office in which two people should not edit one product unknowingly.

Everything about presence is in this file; sign-in and pages are in office.py, which knows nothing of it.
"""

from __future__ import annotations

import argparse
import hashlib
import os
from pathlib import Path
from urllib.parse import urlsplit

from office import Office
from starlette.responses import RedirectResponse

from alsohere import ONLINE, AlsoHere, AlsoHereError, BadRequest, User

MAX_ROOM_BYTES = 200

office = Office(os.environ.get("OFFICE_DB", Path(__file__).parent / "office.db"))
here = AlsoHere(app=office.app)


@here.authenticate
async def who(conn):
    """Only people who are signed in, and only as who they are: the cookie says so, never the client's data."""
    row = office.signed_in(conn.cookies.get("session"))
    return row and User(str(row["user_id"]), row["name"], {"login": row["login"], "user_id": row["user_id"]})


@here.on("iamhere")
async def iamhere(conn, data):
    page = page_of(data)
    for other in set(conn.rooms) - {page}:
        await conn.leave(other)
    # The client never says that it leaves a page: there, the end of its connection says so. `online` keeps its grace.
    await conn.enter(page, grace=False)
    await conn.emit("online", people(await here.online()))
    await conn.emit("alsohere", people(await here.room(page)))


@here.on_enter
@here.on_update
@here.on_leave
async def tell(room):
    if room == ONLINE:
        await here.push("online", people(await here.online()), everyone=True)
    else:
        await here.push("alsohere", people(await here.room(room)), rooms=[room])


async def sign_out(request):
    user_id = office.sign_out(request.cookies.get("session"))
    if user_id is not None:
        await here.kick(str(user_id))
    return RedirectResponse("/login", 303)


def people(members):
    """A list as the article's client expects it, by name: members come in the order of activity, in which a list would jump."""
    return [{"name": member.name, **member.info} for member in sorted(members, key=lambda member: member.name)]


def page_of(data):
    """The room of a page: the same by whatever name the server was reached, and wherever on the page somebody is."""
    location = data.get("location") if isinstance(data, dict) else None
    if not isinstance(location, str):
        raise BadRequest('iamhere takes {"location": document.URL}.')
    try:
        page = urlsplit(location)._replace(scheme="", netloc="", fragment="").geturl() or "/"
    except ValueError:
        raise BadRequest("location is not a URL.") from None
    return page if len(page.encode()) <= MAX_ROOM_BYTES else hashlib.sha256(page.encode()).hexdigest()


office.app.add_route("/logout", sign_out, methods=["POST"])

if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--host", default="127.0.0.1")
    arguments.add_argument("--port", type=int, default=8080)
    given = arguments.parse_args()
    print(f"Sign in at http://{given.host}:{given.port}/ - in two browsers, as two people.", flush=True)
    try:
        here.run(given.host, given.port)
    except AlsoHereError as error:
        raise SystemExit(str(error)) from None

"""In-site messages: announcements, reminders, subscriptions, publications, system messages and private mail.

Shown at once to who is here, kept for who is not. This file says who may send what to whom; mailroom.py keeps and shows it;
members.py is the site itself, which knows nothing of messages.
"""

from __future__ import annotations

import argparse
import hmac
import json
import os
from pathlib import Path

from mailroom import CATEGORIES, Mailroom
from members import GROUPS, RESOURCES, STAFF, Members
from starlette.responses import JSONResponse, RedirectResponse

from alsohere import AlsoHere, AlsoHereError, BadRequest, Forbidden, Person, Refusal, User

MOST_RECEIVERS = 100
MOST_READ = 500
MAX_BODY_BYTES = 64 * 1024
ADDRESSES = ("receiver_id", "receiver_ids", "group", "everyone")

members = Members(os.environ.get("SITE_DB", Path(__file__).parent / "site.db"))
here = AlsoHere(app=members.app, inbox=False)  # its own words for the inbox are not sent: the pages have others
mailroom = Mailroom(here)


@here.authenticate
async def who(conn):
    """Only people who are signed in, and only as who they are: the cookie says so, never the client's data."""
    person = members.signed_in(conn.cookies.get("session"))
    return person and User(person["login"], person["name"], {"user_id": person["user_id"]})


@here.authorize
async def may(user, action, room):
    """Whatever else clients can ask alsohere for: not here."""
    return False


@here.on_disconnect
async def gone(conn):
    mailroom.leave(conn)


@here.on("user_login")
async def user_login(conn, info):
    """A tab is ready to be shown messages. Whose they are, the cookie has said."""
    if not isinstance(info, dict) or not info.get("userId"):
        return
    mailroom.enter(conn)  # before the store is asked: what comes in between is shown twice, and has one id
    me = {"login": conn.user.id, "name": conn.user.name, **conn.user.info, "staff": conn.user.id == STAFF}
    lists = {"groups": options("group", GROUPS, conn), "resources": options("resource", RESOURCES, conn)}
    await conn.emit("push_message", {"user": me, **lists, **await mailroom.missed(conn.user.id)})


# -- Sending -----------------------------------------------------------------------------------------------------------


@here.on("todo")
async def todo(conn, message):
    """Private mail, to a person, to several, or to a group that one is in."""
    to = addressees(message, conn.user)
    return await post("message", message, to, person_of(conn.user))


@here.on("send")
async def send(conn, message):
    """Any category, to anybody: the site speaks."""
    if conn.user.id != STAFF:
        raise Forbidden("Only staff speaks for the site.")
    return await post(category_of(message), message, addressees(message, None), None)


@here.on("publish")
async def publish(conn, message):
    """Who subscribes to a resource hears of it; who publishes it is told so."""
    resource, title = named(message, "resource", RESOURCES), message.get("title")
    if not isinstance(title, str) or not title.strip():
        raise BadRequest("title is text.")
    news = {"resource": resource, "title": title.strip()[:200], "body": f"New in {RESOURCES[resource]}"}
    readers = [login for login in members.on(f"resource:{resource}") if login != conn.user.id]
    if readers:
        await post("subscription", news, readers, person_of(conn.user))
    done = {"resource": resource, "title": news["title"], "body": f"Published; {len(readers)} subscribe to it."}
    return await post("publication", done, [conn.user.id], None)


async def back_end(request):
    """`POST /messages`: what `send` does, for the site's other programs."""
    key = here.config.api_key.get_secret_value() if here.config.api_key else None
    given = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
    if key is None or not hmac.compare_digest(given.encode(), key.encode()):
        return JSONResponse({"error": "Send Authorization: Bearer <ALSOHERE_API_KEY>."}, 401)
    try:
        message = await read_json(request)
        return JSONResponse(await post(category_of(message), message, addressees(message, None), None))
    except Refusal as refusal:
        return JSONResponse({"error": refusal.message}, 503 if refusal.code == "unavailable" else 400)


async def post(category, message, to, sender):
    """The message as it is kept: without what is for the server only."""
    key = message.get("key")
    if key is not None and not (isinstance(key, str) and 0 < len(key) <= 100):
        raise BadRequest("key is text of at most 100 characters.")
    scoped = None if key is None else f"{sender.id if sender else ''}:{key}"
    return {"ok": True, **await mailroom.send(category, message, to, sender, scoped)}


def addressees(message, user):
    """Whom a message is for; None: everyone. `user` is who sends it, or None for the site."""
    if not isinstance(message, dict) or sum(bool(message.get(name)) for name in ADDRESSES) != 1:
        raise BadRequest(f"A message has one of {', '.join(ADDRESSES)}.")
    if message.get("everyone"):
        if user is not None:
            raise Forbidden("Only staff speaks to everyone.")
        return None
    if message.get("group"):
        group = named(message, "group", GROUPS)
        on_it = members.on(f"group:{group}")
        if user is not None and user.id not in on_it:
            raise Forbidden("Join the group first.")
        if not (to := [login for login in on_it if user is None or login != user.id]):
            raise BadRequest("There is nobody else in this group.")
        return to
    given = message.get("receiver_ids") or [message["receiver_id"]]
    to = [members.login_of(one) for one in given] if isinstance(given, list) else [None]
    if None in to or len(to) > MOST_RECEIVERS:
        raise BadRequest(f"Receivers are logins, at most {MOST_RECEIVERS}.")
    return to


def category_of(message):
    category = message.get("category") if isinstance(message, dict) else None
    if category not in CATEGORIES:
        raise BadRequest(f"category is one of {', '.join(CATEGORIES)}.")
    return category


def person_of(user):
    return Person(user.id, user.name, None, anonymous=False)


async def read_json(request):
    raw = b""
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > MAX_BODY_BYTES:
            raise BadRequest("At most 64 KB.")
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        raise BadRequest("Send a JSON object.") from None


# -- Reading, and what one wants to hear of ----------------------------------------------------------------------------


@here.on("read")
async def read(conn, asked):
    """Some of one's own messages have been read."""
    ids = asked.get("ids") if isinstance(asked, dict) else None
    if not isinstance(ids, list) or len(ids) > MOST_READ or not all(type(one) is int for one in ids):
        raise BadRequest(f"read takes ids: at most {MOST_READ} numbers.")
    return {"ok": True, "changed": await mailroom.mark(conn, "read", ids)}


@here.on("join")
async def join(conn, asked):
    """Join a group, or subscribe to a resource."""
    members.join(list_of(asked), conn.user.id)


@here.on("leave")
async def leave(conn, asked):
    """And no longer."""
    members.leave(list_of(asked), conn.user.id)


def list_of(asked):
    if isinstance(asked, dict) and "group" in asked:
        return f"group:{named(asked, 'group', GROUPS)}"
    return f"resource:{named(asked, 'resource', RESOURCES)}"


def named(asked, what, known):
    name = asked.get(what) if isinstance(asked, dict) else None
    if not isinstance(name, str) or name not in known:
        raise BadRequest(f"{what} is one of {', '.join(known)}.")
    return name


def options(what, known, conn):
    mine = members.lists_of(conn.user.id)
    return [{"id": name, "name": title, "mine": f"{what}:{name}" in mine} for name, title in known.items()]


async def sign_out(request):
    login = members.sign_out(request.cookies.get("session"))
    if login is not None:
        await here.kick(login)
    return RedirectResponse("/login", 303)


members.app.add_route("/logout", sign_out, methods=["POST"])
members.app.add_route("/messages", back_end, methods=["POST"])

if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--host", default="127.0.0.1")
    arguments.add_argument("--port", type=int, default=3000)
    given = arguments.parse_args()
    print(
        f"Sign in at http://{given.host}:{given.port}/ - in two browsers, as two people; {STAFF!r} is the site's own voice.",
        flush=True,
    )
    try:
        here.run(given.host, given.port)
    except AlsoHereError as error:
        raise SystemExit(str(error)) from None

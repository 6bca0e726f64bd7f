"""Who is on the blog and who reads what: the part of this example that alsohere does.

The browser's side speaks in the namespace /web: everything is an event `message` with a type. What it says is checked here;
who it is, how many there are, who is in a room and when they have gone is alsohere's business.

What others are told about a reader never holds anything that would let them be that reader. A visitor's session id is theirs
alone, so in the fields where it would stand others find an alias, which is another in each room; so do they for socket ids.
"""

from __future__ import annotations

import hmac
import secrets
import time
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple

import msgspec
from blog import Blog, fold
from headcount import Headcount

from alsohere import ONLINE, AlsoHere, BadRequest, Connection, Member, User

NAMESPACE = "/web"
ARTICLES = "article-"
MAX_ROOM_CHARACTERS = 50
MAX_SESSION_CHARACTERS = 128


class Message(msgspec.Struct):
    """What a page sends."""

    type: str
    payload: dict[str, Any] = {}


class Place(msgspec.Struct, rename="camel"):
    """`POST /activity/presence/update`: how far somebody has read. Whoever they say they are, `sid` says who they are."""

    identity: Annotated[str, msgspec.Meta(max_length=200)]
    position: Annotated[float, msgspec.Meta(ge=0)]
    ts: Annotated[float, msgspec.Meta(ge=0, le=1e15)]
    room_name: Annotated[str, msgspec.Meta(max_length=MAX_ROOM_CHARACTERS)]
    sid: Annotated[str, msgspec.Meta(max_length=30)]
    display_name: Annotated[str, msgspec.Meta(max_length=50)] = ""


class Asker(NamedTuple):
    """Who sends a request, as far as it says: the browser's cookie, and the visitor's session id in a header."""

    cookie: str | None
    session_id: str | None


class Readers:
    """The visitors of a blog.

    Args:
        here: presence.
        blog: whose sessions say who has signed in, and whose drafts nobody reads but the owner.
    """

    def __init__(self, here: AlsoHere, blog: Blog) -> None:
        self._here = here
        self._blog = blog
        self._key = secrets.token_bytes(32)
        self._tabs: dict[str, Connection] = {}
        self._rooms: dict[str, dict[str, Connection]] = {}
        self._headcount = Headcount(here)
        web = here.namespace(NAMESPACE)
        here.authenticate(self._who)
        web.on_connect(self._connected)
        web.on("message")(self._message)
        web.on_disconnect(self._disconnected)
        here.on_enter(self._entered)
        here.on_update(self._moved)
        here.on_leave(self._left)
        blog.session_changed.append(self._session_changed)

    # -- Who somebody is ---------------------------------------------------------------------------------------------

    async def _who(self, conn: Connection) -> User | None:
        """A visitor, by the id that all tabs of one browser share."""
        session_id = conn.headers.get("x-socket-session-id") or conn.query.get("socket_session_id") or secrets.token_urlsafe(12)
        if conn.namespace != NAMESPACE or not is_session_id(session_id):
            return None
        cookie = conn.cookies.get("session")
        conn.data.update(visitor=session_id, session_id=session_id, cookie=cookie, connected_at=now_ms(), rooms=set())
        return self._here.identities.visitor(session_id)

    async def _update_sid(self, conn: Connection, session_id: object) -> None:
        """The same connection becomes somebody else: whom the cookie has signed in, or a visitor again.

        An account's id alone makes nobody that account: without its cookie it is a visitor's session id like any other.
        """
        if not is_session_id(session_id):
            raise BadRequest("sessionId takes 1 to 128 characters.")
        account = self._blog.account(conn.data["cookie"])
        conn.data["session_id"] = session_id
        if account is not None and session_id.replace("-", "_") == account.id:
            await conn.identify(User(account.id, account.name))
        else:
            await conn.identify(self._here.identities.visitor(session_id))
        await conn.emit("message", await self._headcount.message("VISITOR_ONLINE"))

    async def _session_changed(self, before: str, now: str) -> None:
        """A browser has signed in or out: its connections go on with its new cookie, as a visitor's until they say more."""
        for tab in [tab for tab in self._tabs.values() if before and tab.data["cookie"] == before]:
            tab.data["cookie"] = now
            for room in [room for room in tab.data["rooms"] if not self._may_read(room, now)]:
                await self._leave(tab, room)
            if not tab.user.anonymous:
                await tab.identify(self._here.identities.visitor(tab.data["visitor"]))

    def _is_own(self, asker: Asker, tab: Connection, identity: str) -> bool:
        """Whether who asks is who is connected. The socket id is known to its own page alone; whatever else says who asks
        must not say that it is somebody else.
        """
        named = {identity, asker.session_id or identity} - {tab.data["session_id"]}
        if named and any(other.data["session_id"] in named for other in self._tabs.values()):
            return False
        cookie = tab.data["cookie"]
        return cookie is None or self._blog.account(asker.cookie) == self._blog.account(cookie)

    # -- What pages say ----------------------------------------------------------------------------------------------

    async def _connected(self, conn: Connection) -> None:
        self._tabs[conn.sid] = conn
        await conn.emit("message", {"type": "GATEWAY_CONNECT", "data": "WebSocket 已连接"})
        await conn.emit("message", await self._headcount.message("VISITOR_ONLINE"))

    async def _disconnected(self, conn: Connection) -> None:
        self._tabs.pop(conn.sid, None)
        for room in list(conn.data["rooms"]):
            self._part(conn, room)

    async def _message(self, conn: Connection, packet: Any) -> None:
        try:
            message = msgspec.convert(packet, Message)
        except msgspec.ValidationError as error:
            raise BadRequest(f"message takes {{type, payload}}: {error}") from None
        if message.type == "updateSid":
            await self._update_sid(conn, message.payload.get("sessionId"))
        elif message.type == "join":
            await self._join(conn, message.payload.get("roomName"))
        elif message.type == "leave":
            room = message.payload.get("roomName")
            if isinstance(room, str) and room in conn.data["rooms"]:  # who lost their connection leaves what they have left
                await self._leave(conn, room)

    async def _join(self, conn: Connection, room: object) -> None:
        if not is_article_room(room):
            raise BadRequest(f"Rooms begin with {ARTICLES} and have at most {MAX_ROOM_CHARACTERS} characters.")
        if not self._may_read(room, conn.data["cookie"]):
            raise BadRequest("There is no such article.")
        await conn.enter(room)
        self._rooms.setdefault(room, {})[conn.sid] = conn
        conn.data["rooms"].add(room)

    async def _leave(self, conn: Connection, room: str) -> None:
        self._part(conn, room)
        await conn.leave(room)

    def _part(self, conn: Connection, room: str) -> None:
        conn.data["rooms"].discard(room)
        self._rooms[room].pop(conn.sid)
        if not self._rooms[room]:
            del self._rooms[room]

    def _may_read(self, room: str, cookie: str | None) -> bool:
        account = self._blog.account(cookie)
        return not self.is_private(room) or (account is not None and account.is_owner)

    def is_private(self, room: str) -> bool:
        """Whether a room is that of a draft."""
        article = self._blog.articles.get(room.removeprefix(ARTICLES))
        return article is not None and article.is_draft

    async def place(self, asker: Asker, place: Place) -> None:
        """Somebody has read on. Nothing happens if the connection is not theirs, or is not in that room."""
        tab, room = self._tabs.get(place.sid), place.room_name
        if tab is None or room not in tab.data["rooms"] or not self._is_own(asker, tab, place.identity):
            return
        tab.data["cookie"] = asker.cookie  # it may have connected before it had one
        state = {
            "position": min(int(place.position), 100),
            "display_name": await self._display_name(tab, room, place.display_name),
            "sid": self._alias(room, tab.sid),
            "operation_time": int(place.ts),
            "updated_at": now_ms(),
            "connected_at": tab.data["connected_at"],
        }
        await tab.update(room, state)

    async def _display_name(self, tab: Connection, room: str, wanted: str) -> str | None:
        """What a visitor is called: as they like, unless that is the name of an account or of another reader here."""
        name = " ".join(wanted.split())
        others = (member.state.get("display_name", "") for member in await self._here.room(room) if member.id != tab.user.id)
        taken = self._blog.is_name_of_somebody(name) or fold(name) in map(fold, others)
        return name if name and name.isprintable() and not taken else None

    # -- What others are told ----------------------------------------------------------------------------------------

    async def _entered(self, room: str, member: Member) -> None:
        if room == ONLINE:
            self._headcount.changed("VISITOR_ONLINE")
        await self._moved(room, member)

    async def _moved(self, room: str, member: Member) -> None:
        if "position" in member.state:
            await self._tell(room, member, "ACTIVITY_UPDATE_PRESENCE", camel_case(self._entry(room, member)))

    async def _left(self, room: str, member: Member) -> None:
        """With the last tab of a reader, however it ended; only once."""
        if room == ONLINE:
            self._headcount.changed("VISITOR_OFFLINE", sessionId=self._shown(room, member))
        elif "position" in member.state:
            await self._tell(room, member, "ACTIVITY_LEAVE_PRESENCE", {"identity": self._shown(room, member), "roomName": room})

    async def _tell(self, room: str, member: Member, kind: str, data: dict[str, Any]) -> None:
        for tab in list(self._rooms.get(room, {}).values()):
            own = {"identity": tab.data["session_id"]} if tab.user.id == member.id else {}
            await tab.emit("message", {"type": kind, "data": data | own})

    def _entry(self, room: str, member: Member) -> dict[str, Any]:
        name = {} if member.anonymous else {"display_name": member.name}  # an account's is what the blog says
        return {"identity": self._shown(room, member), "room_name": room, **member.state, **name, "joined_at": member.since}

    def _shown(self, room: str, member: Member) -> str:
        return self._alias(room, member.id) if member.anonymous else member.id

    def _alias(self, room: str, secret: str) -> str:
        return hmac.digest(self._key, f"{room}\n{secret}".encode(), "sha256")[:9].hex()

    # -- Questions ---------------------------------------------------------------------------------------------------

    async def presence(self, asker: Asker, room: str) -> dict[str, Any]:
        """Who reads in a room and how far they are: one entry each, that of their newest tab."""
        if not self._may_read(room, asker.cookie):
            return {}
        tabs = self._rooms.get(room, {}).values()
        own = {tab.user.id: tab.data["session_id"] for tab in tabs if is_of(asker, tab)}
        entries = [
            self._entry(room, member) | ({"identity": own[member.id]} if member.id in own else {})
            for member in await self._here.room(room)
            if "position" in member.state
        ]
        return {entry["identity"]: entry for entry in entries}

    async def counts(self) -> dict[str, int]:
        """The articles that are being read, most read first, with how many readers."""
        return {read.room: read.count for read in await self._here.rooms(ARTICLES) if not self.is_private(read.room)}

    async def most_read(self, from_ms: int, to_ms: int) -> dict[str, int]:
        """The articles that were read between two times, most read first, with how often; a reload is no second time."""
        ranked = await self._here.most_read(ARTICLES, from_ms=from_ms, to_ms=to_ms)
        return {read.room: read.visits for read in ranked}

    async def today(self) -> tuple[int, int]:
        """The most who were online at a time today (UTC), and how often somebody came."""
        today = datetime.now(UTC).date()
        days = await self._here.days(today, today)
        return (days[0].peak_users, days[0].visits) if days else (0, 0)


def is_of(asker: Asker, tab: Connection) -> bool:
    """Whether a connection is the asker's. Who says nothing of themselves is told what others are told."""
    by_cookie, by_header = asker.cookie == tab.data["cookie"], asker.session_id == tab.data["session_id"]
    return bool(asker.cookie and by_cookie) or bool(asker.session_id and by_header)


def is_session_id(value: object) -> bool:
    """Whether it can be one: a visitor's own, or what an account is called."""
    return isinstance(value, str) and 0 < len(value) <= MAX_SESSION_CHARACTERS and value.isprintable()


def is_article_room(value: object) -> bool:
    """Whether it is a room that readers may be in."""
    return isinstance(value, str) and value.startswith(ARTICLES) and len(ARTICLES) < len(value) <= MAX_ROOM_CHARACTERS


def camel_case(entry: dict[str, Any]) -> dict[str, Any]:
    """The names of fields as events have them; HTTP has them with underscores."""
    return {key.split("_")[0] + "".join(part.capitalize() for part in key.split("_")[1:]): value for key, value in entry.items()}


def now_ms() -> int:
    """The server's clock, which is the one that counts."""
    return int(time.time() * 1000)

"""What the blog's pages ask over HTTP, as the original's do: with the prefix /api/v2, and without."""

from __future__ import annotations

import hmac
import os
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal

import msgspec
from blog import Article, Blog, body_of, give_session, new_session
from readers import ARTICLES, Asker, Place, Readers, now_ms
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from alsohere import AlsoHere, Unavailable

Kind = Literal["post", "note"]
Id = Annotated[str, msgspec.Meta(min_length=1, max_length=50)]


class Subject(msgspec.Struct):
    """One article."""

    type: Kind
    id: Id


class Acknowledged(msgspec.Struct):
    """`POST /ack`."""

    type: Literal["read"]
    payload: Subject


class Api:
    """The routes.

    Args:
        here: presence, for pushes and numbers.
        blog: articles and counts.
        readers: who reads.
    """

    def __init__(self, here: AlsoHere, blog: Blog, readers: Readers) -> None:
        self._here = here
        self._blog = blog
        self._readers = readers
        self.routes: list[BaseRoute] = [
            Route("/activity/presence/update", self.place, methods=["POST"]),
            Route("/activity/presence", self.presence),
            Route("/activity/rooms", self.rooms),
            Route("/activity/like", self.like, methods=["POST"]),
            Route("/activity/reading/rank", for_admins(self.rank)),
            Route("/ack", self.ack, methods=["POST"]),
            Route("/server-time", self.server_time),
            Route("/aggregate/stat", for_admins(self.stat)),
        ]

    async def place(self, request: Request) -> Response:
        """How far somebody has read."""
        place = await posted(request, Place)
        if isinstance(place, Response):
            return place
        if not place.room_name.startswith(ARTICLES):
            return answer({"message": f"roomName begins with {ARTICLES}."}, 400)
        # With a session of its own, a page is recognised when it asks who else reads.
        session = request.cookies.get("session") or new_session()
        await self._readers.place(Asker(session, request.headers.get("x-socket-session-id")), place)
        response = Response(status_code=204)
        if "session" not in request.cookies:
            give_session(response, session)
        return response

    async def presence(self, request: Request) -> Response:
        """Who reads in a room."""
        asker = Asker(request.cookies.get("session"), request.headers.get("x-socket-session-id"))
        return answer(await self._readers.presence(asker, request.query_params.get("room_name", "")))

    async def rooms(self, _: Request) -> Response:
        """What is being read just now, and by how many."""
        counts = await self._readers.counts()
        known = [self._blog.articles[key] for key in map(article_id, counts) if key in self._blog.articles]
        objects = {"posts": [], "notes": [], "pages": []}
        for article in known:
            objects[article.kind + "s"].append(reference(article))
        return answer({"rooms": list(counts), "room_count": counts, "objects": objects})

    async def like(self, request: Request) -> Response:
        """Somebody likes an article; twice is once."""
        subject = await posted(request, Subject)
        if isinstance(subject, Response):
            return subject
        client = request.client.host if request.client else ""
        self._blog.like(subject.type, subject.id, request.cookies.get("session") or client)
        return Response(status_code=204)

    async def ack(self, request: Request) -> Response:
        """Somebody has opened an article; everybody is told how often it was read."""
        ack = await posted(request, Acknowledged)
        if isinstance(ack, Response):
            return ack
        count = self._blog.read(ack.payload.type, ack.payload.id)
        if count is not None:
            data = {"count": count, "id": ack.payload.id, "type": ack.payload.type}
            await self._here.push("message", {"type": "ARTICLE_READ_COUNT_UPDATE", "data": data}, everyone=True)
        return Response(status_code=200)

    async def rank(self, request: Request) -> Response:
        """What was read most between two times, by how often it was opened and stayed with."""
        start, end = (request.query_params.get(name, "") for name in ("start", "end"))
        if not all(time == "" or (time.isascii() and time.isdigit() and len(time) <= 15) for time in (start, end)):
            return answer({"message": "start and end are milliseconds since 1970."}, 400)
        counts = await self._readers.most_read(int(start or 0), int(end or now_ms() + 1))
        known = self._blog.articles
        return answer(
            {
                "data": [
                    {"ref_id": key, "count": count, "ref": reference(known[key]) if key in known else None}
                    for key, count in ((article_id(room), count) for room, count in counts.items())
                ]
            }
        )

    async def stat(self, _: Request) -> Response:
        """How many are online, and how many were today."""
        most, visits = await self._readers.today()
        counts = {"posts": 0, "notes": 0}
        for article in self._blog.published():
            counts[article.kind + "s"] += 1
        online = {"online": await self._here.count(), "today_max_online": most, "today_online_total": visits}
        return answer(counts | online)

    async def server_time(self, request: Request) -> Response:
        """For pages whose clock is wrong."""
        asked = request.headers.get("x-request-time", "")
        return answer({"t2": int(asked[:16]) if asked.isascii() and asked.isdigit() else now_ms(), "t3": now_ms()})


Endpoint = Callable[[Request], Awaitable[Response]]


def for_admins(endpoint: Endpoint) -> Endpoint:
    """Only with `Authorization: Bearer $ALSOHERE_API_KEY`."""

    async def guarded(request: Request) -> Response:
        key, given = os.environ.get("ALSOHERE_API_KEY", ""), request.headers.get("authorization", "")
        if key and hmac.compare_digest(given.encode(), f"Bearer {key}".encode()):
            try:
                return await endpoint(request)
            except Unavailable as error:
                return answer({"message": error.message}, 503)
        return answer({"message": "Send the API key as `Authorization: Bearer …`."}, 401)

    return guarded


async def posted(request: Request, kind: type[Any]) -> Any:
    """What was posted, or the answer that says what is wrong with it."""
    body = await body_of(request)
    if body is None:
        return answer({"message": "That is too long."}, 413)
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return answer({"message": str(error)}, 400)


def reference(article: Article) -> dict[str, Any]:
    """What lists say about an article."""
    return {"id": article.id, "title": article.title, "slug": article.slug, "created": article.created, "path": article.path}


def article_id(room: str) -> str:
    """The article of a room."""
    return room.removeprefix(ARTICLES)


def answer(content: Any, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(msgspec.json.encode(content), status, media_type="application/json")

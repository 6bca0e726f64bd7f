"""What a back end may ask about reading: how a room was read, what is read most, the days; and what is kept about a user.

Times: `from` and `to` are days (UTC; `to` includes the day) or ms since the epoch (`to` excluded). Without them it is the last
DAYS days. A visit belongs to the time at which it began.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated

import msgspec
from msgspec import Meta

from alsohere.domain.access import check_room
from alsohere.domain.history import DAY_MS, Day, Erased, RankedRoom, RoomReading, UserData, day_number, day_of, number_of
from alsohere.domain.identity import is_user_id
from alsohere.errors import BadRequest
from alsohere.node.node import Node
from alsohere.server.endpoint import Endpoint
from alsohere.server.presence_api import UserAsked

DAYS = 30
LAST_MS = 253_402_300_799_999  # of the year 9999

Time = Annotated[int, Meta(ge=0, le=LAST_MS)] | date | None
From = Annotated[Time, Meta(description="A day (UTC), or ms since the epoch; by default 30 days before `to`.")]
To = Annotated[Time, Meta(description="A day (UTC, included), or ms since the epoch (excluded); by default now.")]


class ReadingAsked(msgspec.Struct):
    """Which room, and when."""

    room: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=200,
            description="The room, percent-encoded: `/post/1` is `%2Fpost%2F1`.",
            examples=["/post/1"],
            extra_json_schema={"format": "room"},
        ),
    ]
    from_: From = msgspec.field(default=None, name="from")
    to: To = None


class MostReadAsked(msgspec.Struct):
    """Which rooms, how many of them, and when."""

    prefix: Annotated[str, Meta(max_length=200, description="Only rooms that begin with it.")] = ""
    from_: From = msgspec.field(default=None, name="from")
    to: To = None
    limit: Annotated[int, Meta(ge=1, le=1000, description="How many, at most.")] = 100


class MostReadAnswer(msgspec.Struct):
    """The rooms that were visited most."""

    rooms: list[RankedRoom]


class DaysAsked(msgspec.Struct):
    """Which days."""

    from_: From = msgspec.field(default=None, name="from")
    to: To = None


class DaysAnswer(msgspec.Struct):
    """Days, the earliest first. Those on which nobody was online are left out."""

    days: list[Day]


class ReadingApi:
    """The endpoints of reading history.

    Args:
        node: whose history they ask.
    """

    def __init__(self, node: Node) -> None:
        self._node = node

    async def room_reading(self, asked: ReadingAsked) -> RoomReading:
        """How a room was read: visits, active time, how far, and where readers stop.

        Visits that go on count as of a minute ago. A room that `ALSOHERE_HISTORY` does not name has none.
        """
        check_room(asked.room)
        return await self._node.history.room(asked.room, *self._span(asked.from_, asked.to))

    async def most_read(self, asked: MostReadAsked) -> MostReadAnswer:
        """The rooms that were visited most, most first; ties by name."""
        span = self._span(asked.from_, asked.to)
        if "\0" in asked.prefix:  # no room has it, and some databases do not take it
            return MostReadAnswer([])
        return MostReadAnswer(await self._node.history.ranking(asked.prefix, *span, limit=asked.limit))

    async def daily(self, asked: DaysAsked) -> DaysAnswer:
        """The most users and connections that were online at a time, and how often somebody came online, day by day (UTC).

        Today is as it is by now.
        """
        from_ms, to_ms = self._span(asked.from_, asked.to)
        return DaysAnswer(await self._node.history.days(day_of(day_number(from_ms)), day_of(day_number(to_ms - 1))))

    async def user_data(self, asked: UserAsked) -> UserData:
        """Everything that is kept about a user, as `alsohere export` prints it."""
        return await self._node.history.about(_user_of(asked))

    async def erase_user_data(self, asked: UserAsked) -> Erased:
        """Erase what is kept about a user: what is theirs is removed, what belongs to others too no longer says who it was.

        Visits that go on are forgotten; what the user does in these rooms is kept again from when they next enter. Erasing
        twice is erasing once.
        """
        return await self._node.history.erase(_user_of(asked))

    def _span(self, from_: int | date | None, to: int | date | None) -> tuple[int, int]:
        to_ms = self._node.clock.wall_ms() + 1
        if to is not None:
            to_ms = to if isinstance(to, int) else (number_of(to) + 1) * DAY_MS
        from_ms = to_ms - DAYS * DAY_MS
        if from_ is not None:
            from_ms = from_ if isinstance(from_, int) else number_of(from_) * DAY_MS
        if from_ is not None and to is not None and (from_ms > to_ms or (from_ms == to_ms and isinstance(to, date))):
            raise BadRequest("from must not be after to.")
        return max(from_ms, 0), max(to_ms, 1)


def _user_of(asked: UserAsked) -> str:
    if not is_user_id(asked.id):
        raise BadRequest("id must be a user's: 1 to 128 bytes of text without control characters.")
    return asked.id


def reading_endpoints(node: Node) -> list[Endpoint]:
    """The endpoints of reading history."""
    api = ReadingApi(node)
    return [
        Endpoint("GET", "/reading/ranking", api.most_read, ["unavailable"], scope="read"),
        Endpoint("GET", "/reading/{room}", api.room_reading, ["bad_room", "unavailable"], scope="read"),
        Endpoint("GET", "/stats/daily", api.daily, ["unavailable"], scope="read"),
        Endpoint("GET", "/users/{id}/data", api.user_data, ["unavailable"], scope="users"),
        Endpoint("DELETE", "/users/{id}/data", api.erase_user_data, ["unavailable"], scope="users"),
    ]

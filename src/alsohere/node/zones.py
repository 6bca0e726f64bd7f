"""Times of day in the time zones of users."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from alsohere.errors import BadRequest


@lru_cache(maxsize=1000)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def check_zone(name: str) -> str:
    """The same name, if it is that of a time zone.

    Raises:
        BadRequest: it is not.
    """
    try:
        _zone(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadRequest("tz: no such time zone; an example is Europe/Prague.") from None
    return name


def minute_of_day(at_ms: int, zone: str) -> int:
    """Minutes since midnight there.

    Args:
        at_ms: ms since the epoch.
        zone: as in `Europe/Prague`; UTC if this machine does not know it any more.
    """
    try:
        local = datetime.fromtimestamp(at_ms / 1000, _zone(zone))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        local = datetime.fromtimestamp(at_ms / 1000, UTC)
    return local.hour * 60 + local.minute

"""Times of day in the time zones of users."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from alsohere.domain.attention import quiet_minutes
from alsohere.errors import BadRequest
from alsohere.notices import Quiet


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


def quiet_until(quiet: Quiet | None, at_ms: int) -> int | None:
    """When the quiet hours end that a time is in, in ms since the epoch; None: it is in none."""
    left = 0 if quiet is None else quiet_minutes(quiet, minute_of_day(at_ms, quiet.tz))
    return at_ms - at_ms % 60_000 + left * 60_000 if left else None

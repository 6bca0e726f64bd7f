"""Times of day in the time zones of users."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
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
    return _minute(_local(at_ms, zone))


def quiet_until(quiet: Quiet | None, at_ms: int) -> int | None:
    """When the quiet hours end that a time is in, in ms since the epoch; None: it is in none."""
    if quiet is None:
        return None
    local = _local(at_ms, quiet.tz)
    left = quiet_minutes(quiet, _minute(local))
    if not left:
        return None
    # By the clock there: in the night in which it is set, that is an hour sooner or later.
    end = local.replace(second=0, microsecond=0) + timedelta(minutes=left)
    if end.timestamp() * 1000 <= at_ms:  # of the hour that comes twice, it is the second
        end = end.replace(fold=1)
    return int(end.timestamp() * 1000)


def _local(at_ms: int, zone: str) -> datetime:
    try:
        return datetime.fromtimestamp(at_ms / 1000, _zone(zone))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return datetime.fromtimestamp(at_ms / 1000, UTC)


def _minute(local: datetime) -> int:
    return local.hour * 60 + local.minute

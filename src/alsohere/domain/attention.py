"""Whether a notification makes itself heard, and whom it disturbs.

Owns: the decision between a toast and silence, from where the user is, what they muted, and their quiet hours. Whatever it says,
the notification stands in the inbox (I1).
"""

from __future__ import annotations

import re

import msgspec

from alsohere.errors import BadRequest
from alsohere.notices import Notice, Preferences, Quiet, Show

_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)\Z")


class Category(msgspec.Struct, frozen=True, kw_only=True):
    """How notifications of a category are delivered.

    Args:
        in_room: to a user who is in the very room that the notification is about.
        elsewhere: to a user who is somewhere else.
        after_s: seconds without an acknowledgement, or absent, after which the offline channels are used; None: never.
        channels: which of them.
        critical: mutes and quiet hours do not apply.
    """

    in_room: Show = "silent"
    elsewhere: Show = "toast"
    after_s: float | None = None
    channels: tuple[str, ...] = ()
    critical: bool = False


PRESETS: dict[str, Category] = {
    "announcement": Category(in_room="toast"),
    "reminder": Category(in_room="toast", after_s=60.0, channels=("webpush", "apprise", "webhook")),
    "subscription": Category(after_s=300.0, channels=("webpush", "webhook")),
    "publication": Category(elsewhere="silent"),
    "system": Category(in_room="toast", after_s=60.0, channels=("webpush", "apprise", "webhook")),
    "message": Category(after_s=30.0, channels=("webpush", "apprise", "webhook")),
}


def is_muted(notice: Notice, preferences: Preferences) -> bool:
    """Whether the user does not want to hear of such; what is critical they do hear of."""
    if notice.critical:
        return False
    return notice.category in preferences.categories or (notice.topic is not None and notice.topic in preferences.topics)


def show(notice: Notice, category: Category, *, in_room: bool, muted: bool, quiet: bool) -> Show:
    """What a client does with it when it arrives.

    Args:
        notice: what arrives; `critical` is its own or its category's.
        category: the rule.
        in_room: the user is in the room that it is about.
        muted: by `is_muted`.
        quiet: by `is_quiet`.
    """
    if notice.critical or category.critical:
        return "toast"
    if muted or quiet:
        return "silent"
    return category.in_room if in_room else category.elsewhere


def is_quiet(quiet: Quiet | None, minute: int) -> bool:
    """Whether a minute of the user's day (0 is midnight, in their zone) is in their quiet hours."""
    if quiet is None:
        return False
    begin, end = _minute(quiet.from_), _minute(quiet.to)
    return begin <= minute < end if begin <= end else minute >= begin or minute < end


def quiet_minutes(quiet: Quiet | None, minute: int) -> int:
    """How many minutes of quiet hours are left at a minute of the user's day; 0: it is in none."""
    return 0 if quiet is None or not is_quiet(quiet, minute) else (_minute(quiet.to) - minute) % 1440


def check_quiet(quiet: Quiet) -> Quiet:
    """The same, if its times are some; whether there is such a zone, the caller asks.

    Raises:
        BadRequest: they are not.
    """
    if not (_TIME.match(quiet.from_) and _TIME.match(quiet.to)):
        raise BadRequest("Quiet hours are from and to as HH:MM, 00:00 to 23:59.")
    return quiet


def _minute(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])

"""Whom a notification did not reach here, and by which other way it is tried: what is decided about it.

Owns: when the other channels are due, and what is done then: nothing any more, wait, or send; and again after a failure.
An *errand* is one notification for one user by one channel. The first of them has no channel yet: when it is due, it becomes
one for each way that the user can be reached by.
The first errand of a broadcast is nobody's (I5: one row, however many people there are). When it is due, it becomes one for each
user who has a way, so many at a time; its target says how far that has come. The application is told of it once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from alsohere.domain.attention import Category, is_muted
from alsohere.domain.inbox import is_for, is_over
from alsohere.domain.webhook import MOST_TOLD
from alsohere.errors import BadRequest
from alsohere.notices import Marks, Notice, Preferences, Quiet

Channel = Literal["", "webpush", "apprise", "webhook"]
CHANNELS: tuple[Channel, ...] = ("webpush", "apprise", "webhook")
UNDECIDED: Channel = ""
NOBODY = ""
"""The user of a broadcast's first errand; nobody can have this id."""

FIRST_RETRY_MS, LAST_RETRY_MS = 10_000, 6 * 3_600_000
GIVE_UP_MS = 86_400_000
LEAST_ATTEMPTS = 5  # also of what became due while no server ran


class Errand(msgspec.Struct, frozen=True, kw_only=True):
    """One notification on its way to one user.

    Args:
        id: of the errand; 0: not kept yet.
        due_ms: when it was first to be sent.
        user, notification: whose, and what.
        channel: by which way.
        target: where to: an endpoint, or a URL.
        attempts: how often it was tried.
        next_ms: not before then is it tried again.
        done_ms: when it ended, sent or not.
        error: why not, or what the last attempt was answered.
    """

    id: int = 0
    due_ms: int
    user: str
    notification: int
    channel: Channel = UNDECIDED
    target: str | None = None
    attempts: int = 0
    next_ms: int
    done_ms: int | None = None
    error: str | None = None


class Subscription(msgspec.Struct, frozen=True):
    """A browser that can be reached while no page is open."""

    endpoint: str
    p256dh: str
    auth: str


class Case(msgspec.Struct, frozen=True):
    """An errand, and everything that decides about it.

    Args:
        errand: which.
        notice: None: there is none any more.
        marks: the user's; None: it is in no inbox of theirs.
        preferences: theirs.
        apprise: URLs that they are reached by.
        subscriptions: browsers that they are.
    """

    errand: Errand
    notice: Notice | None
    marks: Marks | None
    preferences: Preferences
    apprise: tuple[str, ...] = ()
    subscriptions: tuple[Subscription, ...] = ()


class Routes(msgspec.Struct, frozen=True):
    """Which categories have other ways, and which ways there are at all.

    Args:
        categories: the rules.
        available: channels that the settings have.
    """

    categories: Mapping[str, Category]
    available: frozenset[str] = frozenset()

    def channels(self, notice: Notice) -> tuple[Channel, ...]:
        """By which ways a notice may go."""
        category = self.categories.get(notice.category, Category())
        return tuple(channel for channel in CHANNELS if channel in category.channels and channel in self.available)

    def due_ms(self, notice: Notice) -> int | None:
        """When it is to go there if it was not delivered by then; None: never."""
        after_s = self.categories.get(notice.category, Category()).after_s
        if after_s is None or not self.channels(notice):
            return None
        return max(notice.created_at, notice.starts_at or 0) + int(after_s * 1000)

    def is_critical(self, notice: Notice) -> bool:
        """Whether mutes and quiet hours do not apply."""
        return notice.critical or self.categories.get(notice.category, Category()).critical


NOWHERE = Routes({})
MOST_ENDPOINT = 2_000
UNICAST, NAT64 = IPv6Network("2000::/3"), IPv6Network("64:ff9b::/96")


def check_endpoint(url: str, *, private: bool) -> str:
    """The same URL, if a push service can be there. Whoever subscribes names it, so it must not lead into our own network.

    Args:
        url: as the browser gave it.
        private: whether private addresses and http are allowed.

    Raises:
        BadRequest: it is none, or leads where it must not.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host = ""
    if not host or len(url) > MOST_ENDPOINT or not url.isascii() or parts.username is not None:
        raise BadRequest("endpoint must be the URL that the browser gave.")
    if private:
        return url
    if parts.scheme != "https" or host == "localhost" or host.endswith((".localhost", ".local", ".internal")):
        raise BadRequest("endpoint must be an https:// URL of a push service.")
    check_address(host)
    return url


def check_address(host: str) -> None:
    """BadRequest if a host is an address that is not everybody's; a name passes."""
    try:
        address = ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return
    if isinstance(address, IPv6Address):
        address = _led_to(address)
    is_unicast = not address.is_multicast if isinstance(address, IPv4Address) else address in UNICAST
    if not (address.is_global and is_unicast):
        raise BadRequest("endpoint must not lead to a private address.")


def _led_to(address: IPv6Address) -> IPv4Address | IPv6Address:
    """Where an address leads that holds another one: a translator on the way, or our own machine, sends it there."""
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or address


def judged(case: Case, routes: Routes, now_ms: int, quiet_until: Callable[[Quiet | None, int], int | None]) -> str | int | None:
    """What is to be done about a case now: None: send; a text: nothing any more, for that reason; a time: wait until then.

    Args:
        case: what.
        routes: the rules.
        now_ms: the time.
        quiet_until: (quiet hours, now) -> when those end that it is in, if it is in some.
    """
    notice, marks = case.notice, case.marks
    if notice is None or marks is None or is_over(notice, now_ms):
        return "recalled or over"
    if marks.delivered_at is not None or marks.seen_at is not None or marks.archived_at is not None:
        return "delivered"
    if routes.is_critical(notice):
        return None
    if is_muted(notice, case.preferences):
        return "muted"
    return quiet_until(case.preferences.quiet, now_ms)


def first_errands(routes: Routes, notice: Notice, users: Sequence[str]) -> list[Errand]:
    """What is kept with a notification that may have to go other ways."""
    due_ms = routes.due_ms(notice)
    if due_ms is None:
        return []
    whose = [NOBODY] if notice.audience == "everyone" else users
    return [Errand(due_ms=due_ms, user=user, notification=notice.id, next_ms=due_ms) for user in whose]


def errands_of(case: Case, routes: Routes) -> list[Errand]:
    """One errand for each way that the user can be reached by; of a broadcast the application is told apart from them."""
    assert case.notice is not None
    tells_application = case.notice.audience != "everyone" or case.errand.user == NOBODY
    targets: dict[Channel, list[str | None]] = {
        "webpush": [subscription.endpoint for subscription in case.subscriptions],
        "apprise": list(case.apprise),
        "webhook": [None] if tells_application else [],
    }
    return [
        msgspec.structs.replace(case.errand, id=0, channel=channel, target=target)
        for channel in routes.channels(case.notice)
        for target in targets[channel]
    ]


def spread(case: Case, routes: Routes, users: Sequence[str], most: int, now_ms: int) -> tuple[Errand, list[Errand]]:
    """What becomes of a broadcast's first errand.

    Args:
        case: of that errand.
        routes: the rules.
        users: the next ones who have a way, by id; at most `most`.
        most: with as many there may be more.
        now_ms: the time.

    Returns:
        That errand, further or done; and the new ones.
    """
    errand = case.errand
    new = errands_of(case, routes) if errand.target is None else []
    assert case.notice is not None
    whose = [user for user in users if is_for(case.notice, user)]
    new += [Errand(due_ms=errand.due_ms, user=user, notification=errand.notification, next_ms=now_ms) for user in whose]
    if len(users) < most:
        return ended(errand, now_ms), new
    return msgspec.structs.replace(errand, target=users[-1]), new


def ended(errand: Errand, now_ms: int, error: str | None = None) -> Errand:
    """An errand that is over: it was sent, or will not be."""
    return msgspec.structs.replace(errand, done_ms=now_ms, error=None if error is None else error[:MOST_TOLD])


def failed(errand: Errand, now_ms: int, error: str, chance: float, least_ms: int = 0) -> Errand:
    """An errand after an attempt that failed, to be tried again (full jitter) unless a day has passed.

    Args:
        errand: before.
        now_ms: the time.
        error: what to note.
        chance: 0 to 1, for the wait.
        least_ms: how long the other side asks to be left alone.
    """
    attempts = errand.attempts + 1
    errand = msgspec.structs.replace(errand, attempts=attempts)
    if now_ms - errand.due_ms >= GIVE_UP_MS and attempts >= LEAST_ATTEMPTS:
        return ended(errand, now_ms, error)
    wait_ms = int(chance * min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** min(attempts - 1, 30)))
    wait_ms = max(wait_ms, min(least_ms, LAST_RETRY_MS))
    return msgspec.structs.replace(errand, next_ms=now_ms + wait_ms, error=error[:MOST_TOLD])

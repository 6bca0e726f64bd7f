"""Our own vocabulary: every command a client may send and every fact it may be sent.

Owns: names and the shapes of commands; the shapes of facts are in facts.py. The reference (docs/reference/events.md) and the
tests read them from here. Unknown fields of a command are ignored, so that a newer client can talk to an older server.
"""

from __future__ import annotations

from typing import Any

import msgspec

from alsohere.facts import (
    At,
    LockChanged,
    LockGranted,
    LockLost,
    LockRequested,
    LockWarned,
    RankingChanged,
    RoomChanged,
    Status,
    TokenExpiring,
    Watch,
)
from alsohere.notices import (
    EntryState,
    InboxChanged,
    InboxMarked,
    MarkAs,
    MessageReceipt,
    Notification,
    NotificationChanged,
    NotificationRecalled,
    Preferences,
    Quiet,
)
from alsohere.types import Scalar

# -- Commands ----------------------------------------------------------------------------------------------------------


class RoomEnter(msgspec.Struct):
    """`room:enter`: become a member, and see who else is."""

    room: str
    state: dict[str, Scalar] | None = None
    watch: Watch = "full"
    since: At | None = None


class RoomLeave(msgspec.Struct):
    """`room:leave`: announced at once, without grace."""

    room: str


class RoomUpdate(msgspec.Struct):
    """`room:update`: a shallow patch of one's state; null deletes a key."""

    room: str
    state: dict[str, Scalar]


class RoomWatch(msgspec.Struct):
    """`room:watch`: see rooms without being counted in them."""

    rooms: list[str]
    watch: Watch = "full"
    since: At | None = None


class RoomUnwatch(msgspec.Struct):
    """`room:unwatch`."""

    rooms: list[str]


class RankingWatch(msgspec.Struct):
    """`ranking:watch`: the rooms with the most people, by prefix."""

    prefix: str = ""
    limit: int = 10


class RankingUnwatch(msgspec.Struct):
    """`ranking:unwatch`."""

    prefix: str = ""
    limit: int = 10


class UserIdentify(msgspec.Struct):
    """`user:identify`: become somebody else on the same connection."""

    token: str


class UserStatus(msgspec.Struct):
    """`user:status`: of this connection; others see the most active of a user's tabs."""

    status: Status


class LockAcquire(msgspec.Struct):
    """`lock:acquire`: the right to edit something, or a place in the queue for it."""

    lock: str
    wait: bool = True


class LockRelease(msgspec.Struct):
    """`lock:release`: give the lock back, or the place in the queue."""

    lock: str
    fence: int | None = None


class LockTouch(msgspec.Struct):
    """`lock:touch`: I still work on it."""

    lock: str
    fence: int | None = None


class LockAsk(msgspec.Struct):
    """`lock:request`: ask the holder to save and hand over."""

    lock: str


class LockHandOver(msgspec.Struct):
    """`lock:hand_over`: give it to somebody who waits; by default to who asked, else to the next."""

    lock: str
    to: str | None = None
    fence: int | None = None


class LockTake(msgspec.Struct):
    """`lock:take`: take it from whoever has it, if the application allows that."""

    lock: str
    why: str = ""


class InboxList(msgspec.Struct):
    """`inbox:list`: some of one's inbox, newest first."""

    category: str | None = None
    topic: str | None = None
    state: EntryState = "inbox"
    before: int | None = None
    limit: int = 20
    digest: bool = False


class InboxMark(msgspec.Struct):
    """`inbox:mark`: `ids`, everything `up_to` an id, or `all`; of one category or topic, if told."""

    mark: MarkAs = msgspec.field(name="as")
    ids: tuple[int, ...] | None = None
    up_to: int | None = None
    all: bool = False
    category: str | None = None
    topic: str | None = None


class Mutes(msgspec.Struct):
    """What is to be muted, or no longer."""

    categories: list[str] = []
    topics: list[str] = []


class InboxPreferences(msgspec.Struct):
    """`inbox:preferences`: what one does not want to hear of, and when; without fields it only asks."""

    mute: Mutes | None = None
    unmute: Mutes | None = None
    quiet: Quiet | msgspec.UnsetType | None = msgspec.UNSET


class TopicFollow(msgspec.Struct):
    """`topic:follow`: be notified of a topic."""

    topic: str


class TopicUnfollow(msgspec.Struct):
    """`topic:unfollow`."""

    topic: str


class SubscriptionKeys(msgspec.Struct):
    """What a notification is encrypted with for a browser."""

    p256dh: str
    auth: str


class PushSubscription(msgspec.Struct):
    """What `PushManager.subscribe` gave the page, as JSON."""

    endpoint: str
    keys: SubscriptionKeys


class WebpushSubscribe(msgspec.Struct):
    """`webpush:subscribe`: reach this browser when the user is not here."""

    subscription: PushSubscription


class WebpushUnsubscribe(msgspec.Struct):
    """`webpush:unsubscribe`."""

    endpoint: str


class MessageSend(msgspec.Struct):
    """`message:send`: write to somebody, who gets it now or later."""

    to: str | list[str]
    title: str = ""
    body: str = ""
    data: Any = None
    key: str | None = None


class PushSend(msgspec.Struct):
    """`push:send`: a passing event to users or rooms, if the application allows that."""

    name: str
    data: Any = None
    to: list[str] | None = None
    rooms: list[str] | None = None


COMMANDS: dict[str, type[msgspec.Struct]] = {
    "room:enter": RoomEnter,
    "room:leave": RoomLeave,
    "room:update": RoomUpdate,
    "room:watch": RoomWatch,
    "room:unwatch": RoomUnwatch,
    "ranking:watch": RankingWatch,
    "ranking:unwatch": RankingUnwatch,
    "lock:acquire": LockAcquire,
    "lock:release": LockRelease,
    "lock:touch": LockTouch,
    "lock:request": LockAsk,
    "lock:hand_over": LockHandOver,
    "lock:take": LockTake,
    "inbox:list": InboxList,
    "inbox:mark": InboxMark,
    "inbox:preferences": InboxPreferences,
    "topic:follow": TopicFollow,
    "topic:unfollow": TopicUnfollow,
    "webpush:subscribe": WebpushSubscribe,
    "webpush:unsubscribe": WebpushUnsubscribe,
    "message:send": MessageSend,
    "push:send": PushSend,
    "user:identify": UserIdentify,
    "user:status": UserStatus,
}


# -- Facts -------------------------------------------------------------------------------------------------------------


class PreferencesChanged(msgspec.Struct, frozen=True):
    """`preferences:changed`: what the user does not want to hear of now, and when; to every connection of theirs."""

    muted: Mutes
    quiet: Quiet | None

    @classmethod
    def to(cls, preferences: Preferences) -> PreferencesChanged:
        return cls(Mutes(sorted(preferences.categories), sorted(preferences.topics)), preferences.quiet)


FACTS: dict[str, type[msgspec.Struct]] = {
    "room:changed": RoomChanged,
    "ranking:changed": RankingChanged,
    "lock:changed": LockChanged,
    "lock:granted": LockGranted,
    "lock:requested": LockRequested,
    "lock:warned": LockWarned,
    "lock:lost": LockLost,
    "notification": Notification,
    "notification:changed": NotificationChanged,
    "notification:recalled": NotificationRecalled,
    "inbox:changed": InboxChanged,
    "inbox:marked": InboxMarked,
    "preferences:changed": PreferencesChanged,
    "message:receipt": MessageReceipt,
    "token:expiring": TokenExpiring,
}

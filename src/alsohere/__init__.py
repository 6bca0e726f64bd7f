"""Who is here, who is also on this page: presence for any Socket.IO client.

from alsohere import AlsoHere

here = AlsoHere(dev=True)
here.run()
"""

from alsohere.__about__ import VERSION as __version__  # noqa: N811
from alsohere.app import AlsoHere, Namespace
from alsohere.config import Config
from alsohere.errors import (
    AlsoHereError,
    BadRequest,
    ConfigError,
    Forbidden,
    LimitReached,
    NotFound,
    NotHolder,
    NotInRoom,
    NotWaiting,
    RateExceeded,
    Refusal,
    Unauthenticated,
    Unavailable,
)
from alsohere.facts import LockAnswer, LockChanged, Member, Person, RoomCount
from alsohere.messages import InboxPage
from alsohere.node.connection import Connection
from alsohere.notices import Marked, Notification, Preferences, Quiet, RecipientResult, SendResult, Unread
from alsohere.server.receipts import Receipt, verify_receipt
from alsohere.types import ONLINE, User

__all__ = [
    "ONLINE",
    "AlsoHere",
    "AlsoHereError",
    "BadRequest",
    "Config",
    "ConfigError",
    "Connection",
    "Forbidden",
    "InboxPage",
    "LimitReached",
    "LockAnswer",
    "LockChanged",
    "Marked",
    "Member",
    "Namespace",
    "NotFound",
    "NotHolder",
    "NotInRoom",
    "NotWaiting",
    "Notification",
    "Person",
    "Preferences",
    "Quiet",
    "RateExceeded",
    "Receipt",
    "RecipientResult",
    "Refusal",
    "RoomCount",
    "SendResult",
    "Unauthenticated",
    "Unavailable",
    "Unread",
    "User",
    "__version__",
    "verify_receipt",
]

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
    NotInRoom,
    RateExceeded,
    Refusal,
    Unauthenticated,
)
from alsohere.facts import Member, RoomCount
from alsohere.node.connection import Connection
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
    "LimitReached",
    "Member",
    "Namespace",
    "NotInRoom",
    "RateExceeded",
    "Refusal",
    "RoomCount",
    "Unauthenticated",
    "User",
    "__version__",
]

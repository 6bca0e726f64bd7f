"""Who may be a user, and who anonymous visitors are to others.

Owns: what an id and a name may be; the alias and the friendly name of somebody nobody vouches for.
Invariant: an alias is derived from the visitor's own id with the server's secret, so that knowing somebody's public id
lets nobody take their place (P9), and the same visitor has the same id in every tab.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from functools import lru_cache

import msgspec

from alsohere.errors import Unauthenticated
from alsohere.types import User

# \Z, not $: a trailing newline is not part of an id.
_VISITOR = re.compile(r"[A-Za-z0-9_-]{8,64}\Z")

MAX_ID_BYTES = 128
MAX_NAME_CHARACTERS = 100
# The surrogates too: half an emoji (a name that was cut to a length) has no UTF-8, and what has none can be told to nobody.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

# No colours: a face has its own, and a Green Dolphin that is orange is a riddle.
_ADJECTIVES = """
Bold Brave Calm Careful Cheerful Clever Curious Daring Eager Friendly Gentle Glad Happy Honest Humble Jolly
Keen Kind Lively Loyal Lucky Merry Noble Patient Polite Proud Quick Quiet Swift Thoughtful Warm Wise
""".split()
_ANIMALS = """
Badger Bear Beaver Bison Cat Crane Deer Dolphin Dove Eagle Falcon Finch Fox Hare Hawk Heron
Ibis Jay Koala Lark Lynx Marten Mole Moose Otter Owl Panda Puffin Raven Robin Seal Swan
""".split()


def is_visitor_id(text: object) -> bool:
    """Whether `text` is an id that a browser may keep: 8 to 64 characters `[A-Za-z0-9_-]`."""
    return isinstance(text, str) and _VISITOR.match(text) is not None


def is_user_id(text: object) -> bool:
    """Whether `text` can be a user's id: 1 to 128 bytes without control characters."""
    return isinstance(text, str) and bool(text) and not _CONTROLS.search(text) and len(text.encode()) <= MAX_ID_BYTES


@lru_cache(maxsize=4)
def _visitors(secret: bytes) -> hmac.HMAC:
    return hmac.new(secret, b"visitor:", hashlib.sha256)


def anonymous_user(visitor: str, secret: bytes) -> User:
    """The user that a visitor id stands for."""
    keyed = _visitors(secret).copy()
    keyed.update(visitor.encode())
    digest = keyed.digest()
    name = f"{_ADJECTIVES[digest[-1] % len(_ADJECTIVES)]} {_ANIMALS[digest[-2] % len(_ANIMALS)]}"
    return User(id="~" + digest[:9].hex(), name=name, anonymous=True)


def check_user(user: User) -> User:
    """The user, with everything about them safe to store and show.

    Raises:
        Unauthenticated: the id is empty, too long or has control characters, or pretends to be anonymous; the name is not
            text, the info no JSON, or the rooms are one string.
    """
    if not is_user_id(user.id):
        raise Unauthenticated("A user id is 1 to 128 bytes of text without control characters.")
    if user.id.startswith("~") != user.anonymous:
        raise Unauthenticated("Ids that begin with ~ are those of anonymous visitors.")
    if not isinstance(user.name, str) or not _is_object(user.info):
        raise Unauthenticated("A user's name is text, and info a JSON object.")
    if isinstance(user.rooms, str):  # whose last letter, if it is a *, would grant everything
        raise Unauthenticated("A user's rooms are a tuple of rooms, not one string.")
    name = _CONTROLS.sub("", user.name)[:MAX_NAME_CHARACTERS] or user.id
    return user if name == user.name else User(user.id, name, user.info, user.anonymous, user.rooms)


def _is_object(info: object) -> bool:
    # Members of a room are encoded together: one that cannot be would silence the room for everybody (S5).
    try:
        return info is None or (isinstance(info, dict) and bool(msgspec.json.encode(info)))
    except (TypeError, ValueError, RecursionError):
        return False

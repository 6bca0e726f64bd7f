"""Keys of back ends: what they look like, what is kept of them, and what they open.

Owns: the scopes. Invariant: of a key only its hash is kept.
SHA-256 and not bcrypt or Argon2: those make guessing slow, and nobody guesses 256 random bits. They would cost a tenth of a
second for each request, which is how somebody without a key could keep the server busy.
"""

from __future__ import annotations

import hashlib
import re
from typing import Literal, get_args

import msgspec

from alsohere.errors import BadRequest

Scope = Literal["read", "push", "notify", "locks", "users", "tokens", "admin"]
SCOPES: dict[str, str] = {
    "read": "who is online and where, locks, reading history",
    "push": "send passing events",
    "notify": "send notifications; inboxes, preferences and followers",
    "locks": "check fences and revoke locks",
    "users": "end connections; give and erase what is kept about somebody",
    "tokens": "make tokens, and so be anybody",
    "admin": "everything",
}
assert set(SCOPES) == set(get_args(Scope))

PREFIX = "ah_"
SECRET_BYTES = 32
_KEY = re.compile(r"ah_[A-Za-z0-9_-]{43}\Z")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")


class ApiKey(msgspec.Struct, frozen=True):
    """What is kept of a key."""

    hash: str
    name: str
    scopes: tuple[str, ...]
    created_ms: int
    last_used_ms: int | None = None

    def opens(self, scope: Scope) -> bool:
        """Whether it may be used for that."""
        return scope in self.scopes or "admin" in self.scopes


def is_key(text: str) -> bool:
    """Whether `text` looks like a key that `alsohere key create` has made."""
    return _KEY.match(text) is not None


def hash_of(key: bytes) -> str:
    """What is kept instead of a key."""
    return hashlib.sha256(key).hexdigest()


def check_name(name: str) -> str:
    """The name of a key.

    Raises:
        BadRequest: it is not one.
    """
    if not _NAME.match(name):
        raise BadRequest("A key's name is 1 to 64 characters of A-Z, a-z, 0-9, . _ and -.")
    return name

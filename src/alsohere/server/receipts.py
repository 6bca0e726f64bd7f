"""Receipts: a signed line that says who holds a lock, for an application to check without asking.

Owns: how a receipt is signed and read. It is a JWT (HS256) under a key of its own, derived from the secret, so that no user
token is ever a receipt and no receipt logs anybody in.
A receipt says what was true when it was given. The fence in it is what protects: the application saves only with one that is
not below the last it has seen.
"""

from __future__ import annotations

import hashlib
import hmac
import time

import jwt
import msgspec

from alsohere.config import Config
from alsohere.errors import Unauthenticated

MAX_RECEIPT_BYTES = 2048
LEEWAY_S = 5
_PURPOSE = b"alsohere lock receipt"


class Receipt(msgspec.Struct, frozen=True):
    """What a receipt says.

    Args:
        lock: which.
        fence: of this grant.
        user: the holder's id.
        exp: until when the receipt can be shown, in seconds since the epoch.
    """

    lock: str
    fence: int
    user: str
    exp: int


class Receipts:
    """Signs receipts; without a secret there are none.

    Args:
        config: `secret` and `lock_receipt_s`.
    """

    def __init__(self, config: Config) -> None:
        self._key = _key(config.secret.get_secret_value()) if config.secret else None
        self._ttl_s = config.lock_receipt_s

    def __call__(self, lock: str, fence: int, user: str) -> str | None:
        """A receipt, or None if there is no key to sign with."""
        if self._key is None:
            return None
        claims = {"lock": lock, "fence": fence, "user": user, "exp": int(time.time() + self._ttl_s)}
        return jwt.encode(claims, self._key, algorithm="HS256")


def verify_receipt(receipt: str, secret: str, *, lock: str | None = None) -> Receipt:
    """Check a lock's receipt without asking the server.

    Save with its fence, and only if no larger one has been saved with: `UPDATE … WHERE id = :id AND fence <= :fence`.

    Args:
        receipt: what the client sent with the save.
        secret: the server's `ALSOHERE_SECRET`.
        lock: the lock that it must be for.

    Returns:
        What it says.

    Raises:
        Unauthenticated: it is forged, expired (`token_expired`) or for another lock.
    """
    try:
        if len(receipt) > MAX_RECEIPT_BYTES or not receipt.isascii():
            raise Unauthenticated("The receipt is not one.")
        claims = jwt.decode(
            receipt, _key(secret), algorithms=["HS256"], leeway=LEEWAY_S, options={"require": ["exp", "lock", "fence", "user"]}
        )
        said = msgspec.convert(claims, Receipt, strict=True)
    except jwt.ExpiredSignatureError:
        raise Unauthenticated("The receipt has expired; the client gets a new one by lock:touch.", code="token_expired") from None
    except (jwt.PyJWTError, msgspec.ValidationError, ValueError, TypeError, RecursionError):
        raise Unauthenticated("The receipt is not valid here.") from None
    if lock is not None and said.lock != lock:
        raise Unauthenticated("The receipt is for another lock.")
    return said


def _key(secret: str) -> bytes:
    return hmac.digest(secret.encode(), _PURPOSE, hashlib.sha256)

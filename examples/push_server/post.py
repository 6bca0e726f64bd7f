"""What back ends post, and who may: JSON or a form, with a key if there is one. Knows nothing of sockets."""

from __future__ import annotations

import hmac
import json
import re
from hashlib import sha256
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

MAX_BODY_BYTES = 1_000_000
MAX_TOKENS = 10_000
MAX_TOKEN_CHARACTERS = 1024
TOKENS = re.compile(r"tokens(\[\d*\])?")  # as PHP writes lists, too


class WrongBody(Exception):
    """What was posted cannot be used.

    Args:
        message: a sentence that says the fix.
        status: the HTTP status.
    """

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class Body(NamedTuple):
    """One message and whom it is for."""

    tokens: list[str]
    entity_type: str
    data: Any


class Bodies:
    """Reads them."""

    @classmethod
    async def read(cls, request) -> Body:
        """The body of a request, whatever it says that it is: one that begins with a brace is JSON, any other is a form."""
        raw = b""
        async for chunk in request.stream():
            raw += chunk
            if len(raw) > MAX_BODY_BYTES:
                raise WrongBody("At most 1 MB.", 413)
        try:
            text = raw.decode().strip()
            fields = json.loads(text) if text.startswith("{") else cls._form(text)
        except (ValueError, RecursionError):
            raise WrongBody("Send JSON ({tokens, entityType, data}) or a form, in UTF-8.") from None
        return Body(cls._tokens(fields.get("tokens", [])), fields.get("entityType", ""), fields.get("data", {}))

    @staticmethod
    def _form(text: str) -> dict[str, Any]:
        form = parse_qs(text, keep_blank_values=True, max_num_fields=MAX_TOKENS + 10, errors="strict")
        tokens = [value for name, values in form.items() if TOKENS.fullmatch(name) for value in values]
        return {name: values[0] for name, values in form.items() if not TOKENS.fullmatch(name)} | {"tokens": tokens}

    @classmethod
    def _tokens(cls, given: Any) -> list[str]:
        # A list, or the one that a form with a single field is.
        tokens = [cls.token(token) for token in (given if isinstance(given, list) else [given])]
        if None in tokens or len(tokens) > MAX_TOKENS:
            raise WrongBody(f"tokens is a list of text or whole numbers, at most {MAX_TOKENS:,}.")
        return list(dict.fromkeys(token for token in tokens if token))

    @staticmethod
    def token(given: Any) -> str | None:
        """A token as text: 1, 1.0 and "1" are the same one. None if it is none."""
        if isinstance(given, float) and given.is_integer():
            given = int(given)
        if isinstance(given, bool) or not isinstance(given, (str, int)):
            return None
        try:
            text = str(given)
            text.encode()  # no half of a character
        except ValueError:  # and no number of thousands of digits
            return None
        return text if len(text) <= MAX_TOKEN_CHARACTERS else None


class Keys:
    """Who may post, and which tokens are somebody's.

    Args:
        key: the secret that back ends share with this server; empty: anybody may do anything, for a look at it at home.
    """

    def __init__(self, key: str) -> None:
        self._key = key.encode()
        self.are_needed = bool(key)

    def lets_post(self, request) -> bool:
        """Whether a request may post: with the key, or where there is none. Then pages of other sites may not all the same."""
        if self.are_needed:
            scheme, _, given = request.headers.get("authorization", "").partition(" ")
            same = hmac.compare_digest(sha256(given.strip().encode()).digest(), sha256(self._key).digest())
            return same and scheme.lower() == "bearer"
        origin = request.headers.get("origin")
        return origin is None or urlsplit(origin).netloc == request.headers.get("host")

    def user_of(self, token: str) -> str | None:
        """Whose messages a page gets that logs in with a token: `7.<HMAC-SHA256 of "7" with the key, in hex>` is 7's."""
        if not self.are_needed:
            return token
        user, _, signature = token.rpartition(".")
        good = hmac.new(self._key, user.encode(), sha256).hexdigest()
        return user if user and hmac.compare_digest(signature.encode(), good.encode()) else None

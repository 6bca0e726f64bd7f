"""Keys that stand twice in an object: of such, two readers can see two things, and one of them may be the guard."""

from __future__ import annotations

import json
import re
from typing import Any

_KEY = re.compile(rb'"([^"\\]*)"\s*:')


def are_plainly_unlike(payload: bytes) -> bool:
    """Whether no two keys in a whole payload are alike, as far as that is seen without decoding it; False says nothing.

    Without a backslash, quotes open and close by turns. A match may begin at one that closes, but then it ends with a colon in a
    text. So if there are as many matches as colons, each of them is a key.

    Args:
        payload: JSON.
    """
    if b"\\" in payload:
        return False
    keys = _KEY.findall(payload)
    return len(keys) == payload.count(b":") and len(keys) == len(set(keys))


def has_twin_keys(payload: bytes, value: Any) -> bool:
    """Whether an object in a payload has one key twice.

    Args:
        payload: JSON.
        value: what it was decoded to, which no longer shows it.
    """
    # With as many colons as keys there is no room for a key twice, and nearly every payload is like that.
    if are_plainly_unlike(payload) or payload.count(b":") == _count_keys(value):
        return False
    try:
        _STRICT.decode(payload.decode())
    except ValueError:
        return True
    return False


def _count_keys(value: Any) -> int:
    if type(value) is dict:
        return len(value) + sum(map(_count_keys, value.values()))
    return sum(map(_count_keys, value)) if type(value) is list else 0


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) != len(pairs):
        raise ValueError("a key twice")
    return unique


_STRICT = json.JSONDecoder(object_pairs_hook=_unique)

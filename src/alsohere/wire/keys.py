"""Keys that stand twice in an object: of such, two readers can see two things, and one of them may be the guard."""

from __future__ import annotations

import json
from typing import Any


def has_twin_keys(payload: bytes, value: Any) -> bool:
    """Whether an object in a payload has one key twice.

    Args:
        payload: JSON.
        value: what it was decoded to, which no longer shows it.
    """
    # With as many colons as keys there is no room for a key twice, and nearly every payload is like that.
    if payload.count(b":") == _count_keys(value):
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

"""What is left of an event for the application when somebody is erased: nothing, if it is theirs; else it names nobody."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from alsohere.domain.history import ERASED_USER

_NOBODY = {"id": ERASED_USER, "name": "", "info": None, "anonymous": True}


def without_user(subject: str, data: bytes, user: str) -> bytes | None:
    """What an event says without a user; None: nothing of it may stay. The very same `data`: it does not name them.

    Args:
        subject: of the event.
        data: what it says, a JSON object.
        user: the user's id.
    """
    if subject == f"user:{user}":
        return None
    said = json.loads(data)
    places = [(part, name) for part, name in _persons(said) if _id_of(part.get(name)) == user]
    if not places:
        return data
    for part, name in places:
        part[name] = _NOBODY
    if "why" in said:
        said["why"] = ""  # that is often about somebody
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()


def _persons(said: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Where persons stand: who it is about, whom a lock was taken from, who wrote a notification."""
    yield said, "user"
    yield said, "from"
    if isinstance(notification := said.get("notification"), dict):
        yield notification, "sender"


def _id_of(person: Any) -> Any:
    return person.get("id") if isinstance(person, dict) else None

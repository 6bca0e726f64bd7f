"""What a user may do where, as far as names and tokens decide it. The application's own rule comes after (node/hooks.py).

Owns: which strings are rooms, and what a token's `rooms` claim grants.
Refuses: to look a room up. A forbidden room is answered alike whether or not it exists.
"""

from __future__ import annotations

import unicodedata

import msgspec

from alsohere.errors import BadRequest, Forbidden
from alsohere.types import ONLINE, Scalar, User

MAX_ROOM_BYTES = 200
MAX_STATE_BYTES = 1024
MAX_STATE_KEYS = 32
_SCALAR = (str, int, float, bool, type(None))


def check_room(room: str) -> None:
    """Raise BadRequest (bad_room) unless `room` is 1 to 200 bytes of NFC text without control characters.

    Names that begin with `@` are the server's own.
    """
    if not isinstance(room, str):  # an application passes on what its clients send
        good = False
    elif room.isascii():
        good = 0 < len(room) <= MAX_ROOM_BYTES and room.isprintable()
    else:
        # isprintable is too strict outside ASCII (it refuses the ideographic space), so categories decide there.
        good = (
            len(room.encode("utf-8", "replace")) <= MAX_ROOM_BYTES
            and unicodedata.is_normalized("NFC", room)
            and not _has_control(room)
        )
    if not good:
        raise BadRequest("A room is 1 to 200 bytes of NFC text without control characters.", code="bad_room")
    if room[0] == "@" and room != ONLINE:
        raise BadRequest("Room names that begin with @ are reserved; the only one is @online.", code="bad_room")


def check_lock(lock: str) -> str:
    """The name of a lock, if it is one: a room, or `room#field`.

    Raises:
        BadRequest: (bad_lock) it is not.
    """
    try:
        check_room(lock)
        check_room(lock.partition("#")[0])
    except BadRequest:
        sentence = "A lock is named like a room, or room#field: 1 to 200 bytes of NFC text without control characters."
        raise BadRequest(sentence, code="bad_lock") from None
    return lock


def _has_control(room: str) -> bool:
    # Cc: controls; Cf: invisible format marks such as RTL override; Cs: surrogates; Zl, Zp: line and paragraph separators.
    # The two joiners are format marks too, but Persian words and many emoji are written with them.
    visible = room.replace("\u200c", "").replace("\u200d", "")
    return any(unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for character in visible)


def is_granted(user: User, room: str) -> bool:
    """Whether the user's token grants the room (or grants nothing in particular)."""
    if user.rooms is None or room == ONLINE:
        return True
    return any(room == granted or (granted.endswith("*") and room.startswith(granted[:-1])) for granted in user.rooms)


def check_granted(user: User, room: str) -> None:
    """Raise Forbidden unless the user's token grants the room."""
    if not is_granted(user, room):
        raise Forbidden("This user may not do that in this room.")


def is_ranking_granted(user: User, prefix: str) -> bool:
    """Whether the token grants every room that a ranking of `prefix` could name."""
    return user.rooms is None or any(granted.endswith("*") and prefix.startswith(granted[:-1]) for granted in user.rooms)


def check_ranking_granted(user: User, prefix: str) -> None:
    """Raise Forbidden unless the token grants every room that a ranking of `prefix` could name."""
    if not is_ranking_granted(user, prefix):
        raise Forbidden("This user may not see a ranking of those rooms.")


def patch_state(state: dict[str, Scalar], patch: dict[str, Scalar]) -> dict[str, Scalar]:
    """A new state: `patch` laid over `state`, null deleting a key.

    Raises:
        BadRequest: (bad_state) not a flat object, or over 1 KB or 32 keys.
    """
    if not isinstance(patch, dict) or not all(isinstance(value, _SCALAR) for value in patch.values()):
        raise BadRequest("A state is a flat object of text, numbers, booleans and null.", code="bad_state")
    merged = {**state, **patch}
    merged = {key: value for key, value in merged.items() if value is not None}
    if len(merged) > MAX_STATE_KEYS or len(msgspec.json.encode(merged)) > MAX_STATE_BYTES:
        raise BadRequest("A state is a flat object of at most 32 keys and 1 KB of JSON.", code="bad_state")
    return merged

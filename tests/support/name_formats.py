"""The formats `room` and `lock` for schemathesis: JSON Schema cannot say what a name is, so it is told here. A hooks module."""

from __future__ import annotations

import unicodedata

import schemathesis
from hypothesis import strategies as st

from alsohere.domain.access import check_lock, check_room
from alsohere.errors import BadRequest


def is_name(text: str) -> bool:
    try:
        check_room(text)
        check_lock(text)
    except BadRequest:
        return False
    return text not in {".", ".."}  # which clients take out of a path before they send it


composed = st.text(min_size=1, max_size=60).map(lambda text: unicodedata.normalize("NFC", text))
names = st.sampled_from(["/post/1", "doc/1#title", "a%2Fb", "x/check", "größe 1+1"]) | composed.filter(is_name)
schemathesis.openapi.format("room", names)
schemathesis.openapi.format("lock", names)

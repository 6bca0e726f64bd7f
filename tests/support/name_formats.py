"""The formats `room`, `lock`, `user` and `receiver` for schemathesis. A hooks module.

JSON Schema cannot say what a name is. Nor can it say that `from` is before `to`.
"""

from __future__ import annotations

import unicodedata
from contextlib import suppress
from datetime import date
from typing import Any

import schemathesis
from hypothesis import strategies as st

from alsohere.domain.access import check_lock, check_room
from alsohere.domain.identity import is_user_id
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
schemathesis.openapi.format("user", names.filter(is_user_id))
schemathesis.openapi.format("receiver", names.filter(lambda text: is_user_id(text) and not text.startswith("~")))


def begins_ms(time: Any) -> int:
    """When a `from` or a `to` begins; raises ValueError for what is none."""
    text = str(time)
    return int(text) if text.isdigit() else (date.fromisoformat(text).toordinal() - date(1970, 1, 1).toordinal()) * 86_400_000


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """The earlier of two times is `from`."""
    query = case.query
    with suppress(KeyError, TypeError, ValueError):  # not two, or no times
        query["from"], query["to"] = sorted((query["from"], query["to"]), key=begins_ms)

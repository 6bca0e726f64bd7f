"""What somebody is told who sent something else than a Struct of ours."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given

from alsohere.server.inbox_bodies import NotificationBody
from alsohere.wire import events
from alsohere.wire.faults import describe

KINDS = [*events.COMMANDS.values(), NotificationBody]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def sentence(kind: type, value: Any) -> str | None:
    try:
        msgspec.json.decode(msgspec.json.encode(value), type=kind)
    except msgspec.ValidationError as error:
        return describe(error, kind)
    return None


@pytest.mark.parametrize(
    ("kind", "value", "told"),
    [
        (events.RoomEnter, {"room": "/p", "watch": "everything"}, "watch: must be one of count, full, none, sample."),
        (events.UserStatus, {"status": "x" * 10_000}, "status: must be one of active, away, idle, invisible."),
        (events.RoomWatch, {"rooms": ["/p", 7], "watch": "full"}, "rooms[1]: Expected `str`, got `int`."),
        (events.RoomEnter, {"watch": "full"}, "Object missing required field `room`."),
        (events.RoomEnter, [], "Expected `object`, got `array`."),
    ],
)
def test_it_names_the_place_and_what_must_be_there(kind: type, value: Any, told: str):
    assert sentence(kind, value) == told


@given(st.data())
def test_whatever_was_sent_there_is_a_sentence(data: st.DataObject):  # S5
    kind = data.draw(st.sampled_from(KINDS))
    names = [field.encode_name for field in msgspec.structs.fields(kind)]
    told = sentence(kind, data.draw(JSON | st.dictionaries(st.sampled_from(names or ["x"]), JSON, max_size=4)))
    assert told is None or (told.endswith(".") and len(told) < 500)

"""Keys that stand twice in an object."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alsohere.wire.keys import has_twin_keys
from alsohere.wire.socketio import decode_value

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda items: st.lists(items, max_size=3) | st.dictionaries(TEXT, items, max_size=3),
    max_leaves=8,
)
TWINS = [
    '{"a":1,"a":1}',
    '[{"a":1,"b":{"c":1,"c":2}}]',
    '{"a":1,"\\u0061":2}',
    '{"":1,"":2}',
    '{"a":":","b":[{},{"c":1,"c":1}]}',
]
SINGLES = [
    "{}",
    "[]",
    "1",
    '"a:b"',
    '{"a":{"a":{"a":1}}}',
    '[{"a":1},{"a":1}]',
    '{"a":"::","b:":":"}',
    '{"a":"{\\"b\\":1,\\"b\\":1}"}',
]


@pytest.mark.parametrize(("payload", "twins"), [(text, True) for text in TWINS] + [(text, False) for text in SINGLES])
def test_a_key_that_stands_twice_is_seen(payload: str, twins: bool):
    assert has_twin_keys(payload.encode(), decode_value(payload.encode())) is twins


@given(JSON)
def test_what_was_encoded_from_objects_has_no_key_twice(value: Any):
    payload = msgspec.json.encode(value)
    assert not has_twin_keys(payload, decode_value(payload))


@given(st.dictionaries(TEXT, JSON, min_size=1, max_size=3), st.data())
def test_a_key_that_is_said_again_is_always_seen(value: dict[str, Any], data: st.DataObject):
    again = data.draw(st.sampled_from(sorted(value)))
    members = [f"{json.dumps(key)}:{json.dumps(item)}" for key, item in [*value.items(), (again, None)]]
    payload = f"[{{{','.join(data.draw(st.permutations(members)))}}}]".encode()
    assert has_twin_keys(payload, decode_value(payload))

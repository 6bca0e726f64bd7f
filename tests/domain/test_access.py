"""What names and tokens decide."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alsohere.domain.access import (
    MAX_ROOM_BYTES,
    MAX_STATE_BYTES,
    MAX_STATE_KEYS,
    check_granted,
    check_ranking_granted,
    check_room,
    is_granted,
    patch_state,
)
from alsohere.errors import BadRequest, Forbidden
from alsohere.types import User

# -- Rooms -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "room",
    [
        "/",
        "a",
        " ",
        "/post/1?a=b#c",
        "{p}:*~",
        "/статья/é",
        "/日本語　",
        "/🦊",
        "@online",
        "a@b",
        "x" * MAX_ROOM_BYTES,
        "é" * (MAX_ROOM_BYTES // 2),
    ],
)
def test_a_room_is_any_text_of_at_most_200_bytes(room: str):
    check_room(room)


@pytest.mark.parametrize(
    "room",
    [
        "",
        "x" * (MAX_ROOM_BYTES + 1),
        "é" * (MAX_ROOM_BYTES // 2) + "x",
        "a\nb",
        "a\x00",
        "\x7f",
        "a\x85",
        "a\u202eb",
        "a\u200bb",
        "a\ufeff",
        "a\u2028",
        "a\u2029",
        "e\u0301",  # é in two
        "\u212b",  # the sign of the ångström, which is an Å
        "\ud800",
        "a\udfff",
        "@",
        "@admin",
        "@online2",
        "@Online",
        "@é",
    ],
)
def test_what_is_no_room_is_refused_as_that(room: str):
    with pytest.raises(BadRequest) as refused:
        check_room(room)
    assert refused.value.code == "bad_room"


@given(st.text())
def test_a_room_can_be_stored_and_shown(room: str):
    try:
        check_room(room)
    except BadRequest:
        return
    assert 1 <= len(room.encode()) <= MAX_ROOM_BYTES
    assert not {"\n", "\r", "\x00", "\u202e"} & set(room)


# -- Tokens ------------------------------------------------------------------------------------------------------------


def user(*rooms: str) -> User:
    return User("ann", rooms=rooms)


@pytest.mark.parametrize(
    ("rooms", "granted", "refused"),
    [
        (("/a",), ["/a"], ["/", "/a/", "/ab", "/A", ""]),
        (("/a*",), ["/a", "/ab", "/a/b", "/a*"], ["/", "/b"]),
        (("/a/*", "/b"), ["/a/1", "/b"], ["/a", "/b/1"]),
        (("*",), ["/a", "anything"], []),
        (("/*/x",), ["/*/x"], ["/a/x"]),
        ((), [], ["/a", ""]),
    ],
)
def test_a_token_grants_the_rooms_it_names(rooms: tuple[str, ...], granted: list[str], refused: list[str]):
    for room in granted:
        assert is_granted(user(*rooms), room)
        check_granted(user(*rooms), room)
    for room in refused:
        assert not is_granted(user(*rooms), room)
        with pytest.raises(Forbidden):
            check_granted(user(*rooms), room)


def test_a_token_that_names_no_rooms_restricts_nothing():
    check_granted(User("ann"), "/anything")
    check_ranking_granted(User("ann"), "")


def test_who_is_online_is_for_everybody():
    check_granted(user(), "@online")


@pytest.mark.parametrize(
    ("rooms", "granted", "refused"),
    [
        (("/a",), [], ["/a", "", "/"]),  # a ranking of /a names /ab too
        (("/a*",), ["/a", "/ab"], ["", "/"]),
        (("/a/*", "/b/*"), ["/a/", "/b/1"], ["/a", "/c/"]),
        (("*",), ["", "/x"], []),
        ((), [], [""]),
    ],
)
def test_a_ranking_is_granted_if_every_room_it_could_name_is(rooms: tuple[str, ...], granted: list[str], refused: list[str]):
    for prefix in granted:
        check_ranking_granted(user(*rooms), prefix)
    for prefix in refused:
        with pytest.raises(Forbidden):
            check_ranking_granted(user(*rooms), prefix)


short = st.text("/ab*", max_size=4)


@given(st.lists(short, max_size=3), short, short)
def test_a_ranking_names_no_room_that_is_not_granted(rooms: list[str], prefix: str, rest: str):
    try:
        check_ranking_granted(user(*rooms), prefix)
    except Forbidden:
        return
    assert is_granted(user(*rooms), prefix + rest)


# -- States ------------------------------------------------------------------------------------------------------------

values = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=5)
patches = st.dictionaries(st.sampled_from("abcd"), values, max_size=4)
states = patches.map(lambda patch: {key: value for key, value in patch.items() if value is not None})


@given(states, patches)
def test_a_patch_replaces_what_it_names_and_null_deletes(state: dict[str, Any], patch: dict[str, Any]):
    patched = patch_state(state, patch)
    for key in state.keys() | patch.keys():
        wanted = patch.get(key) if key in patch else state[key]
        assert patched.get(key) == wanted
        assert (key in patched) == (wanted is not None)


@given(states, patches)
def test_a_patch_applied_twice_is_applied_once(state: dict[str, Any], patch: dict[str, Any]):  # P6
    once = patch_state(state, patch)
    assert patch_state(once, patch) == once
    assert patch_state(state, {}) == state


@given(states, patches, patches)
def test_of_two_patches_the_later_wins(state: dict[str, Any], first: dict[str, Any], second: dict[str, Any]):
    assert patch_state(patch_state(state, first), second) == patch_state(state, {**first, **second})


@given(states, patches)
def test_a_patch_makes_a_new_state(state: dict[str, Any], patch: dict[str, Any]):
    before = dict(state)
    assert patch_state(state, patch) is not state
    assert state == before


def test_a_state_has_at_most_32_keys():
    full = {f"k{number}": 1 for number in range(MAX_STATE_KEYS)}
    assert patch_state({}, full) == full
    assert len(patch_state(full, {"k0": None, "new": 1})) == MAX_STATE_KEYS
    with pytest.raises(BadRequest) as refused:
        patch_state(full, {"one more": 1})
    assert refused.value.code == "bad_state"


def test_a_state_is_at_most_a_kilobyte_of_json():
    longest = "x" * (MAX_STATE_BYTES - len(msgspec.json.encode({"k": ""})))
    assert patch_state({}, {"k": longest}) == {"k": longest}
    for patch in ({"k": longest + "x"}, {"k": longest, "l": 1}, {"k": "é" * (MAX_STATE_BYTES // 2)}):
        with pytest.raises(BadRequest, match="1 KB"):
            patch_state({}, patch)


def test_what_is_deleted_does_not_count():
    longest = "x" * (MAX_STATE_BYTES - 8)
    assert patch_state({"k": longest}, {"k": None, "l": longest}) == {"l": longest}
    many_nulls = {f"k{number}": None for number in range(1000)}
    assert patch_state({}, many_nulls) == {}


@pytest.mark.parametrize("patch", ["text", ["x"], 1, {"x": {"y": 1}}, {"x": [1]}, {"x": b"bytes"}])
def test_what_is_no_flat_object_is_refused_as_that(patch: Any):
    """Applications pass on what their clients send."""
    with pytest.raises(BadRequest) as refused:
        patch_state({}, patch)
    assert refused.value.code == "bad_state"


@pytest.mark.parametrize("room", [None, 42, True, ["/a"], {"room": "/a"}, b"/a"])
def test_what_is_no_text_is_no_room(room: Any):
    with pytest.raises(BadRequest) as refused:
        check_room(room)
    assert refused.value.code == "bad_room"

"""Who may be a user, and what anonymous visitors are called."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alsohere.domain.identity import MAX_ID_BYTES, MAX_NAME_CHARACTERS, anonymous_user, check_user, is_visitor_id
from alsohere.errors import Unauthenticated
from alsohere.types import User
from support.simulation import World

SECRET = b"a-secret-of-more-than-thirty-two-bytes"
COLOURS = set("amber azure black blue brown coral crimson cyan gold green grey indigo ivory jade lilac lime maroon navy".split())
COLOURS |= set("olive orange pearl pink plum purple red rose ruby rust scarlet silver teal violet white yellow".split())
NAMES = [anonymous_user(f"visitor-{number}", SECRET).name for number in range(2000)]


def test_a_visitor_has_one_name_and_visitors_have_many():
    assert anonymous_user("visitor-0", SECRET).name == NAMES[0]
    assert len(set(NAMES)) > 800  # of 1024


def test_a_name_says_nothing_about_colours_since_the_face_has_its_own():
    words = [name.split() for name in NAMES]
    assert all(len(name) == 2 for name in words)
    assert not COLOURS & {adjective.lower() for adjective, _ in words}


# -- Visitors ----------------------------------------------------------------------------------------------------------

visitors = st.text("abcXYZ019_-", min_size=8, max_size=64)


@pytest.mark.parametrize("text", ["12345678", "x" * 64, "aB3_-xyz0", "--------"])
def test_a_visitor_id_is_8_to_64_letters_digits_dashes_and_underscores(text: str):
    assert is_visitor_id(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1234567",
        "x" * 65,
        "12345678\n",
        "1234 678",
        "~2345678",
        "é2345678",
        "１２３４５６７８",
        12345678,
        None,
        ["12345678"],
        b"12345678",
    ],
)
def test_anything_else_is_no_visitor_id(text: object):
    assert not is_visitor_id(text)


@given(visitors, visitors)
def test_visitors_are_told_apart_and_each_is_always_the_same(one: str, other: str):  # P9
    user = anonymous_user(one, SECRET)
    assert user == anonymous_user(one, SECRET)
    assert (user.id == anonymous_user(other, SECRET).id) == (one == other)
    assert user.id != anonymous_user(one, SECRET[::-1]).id


@given(visitors)
def test_an_alias_does_not_show_the_visitor_id(visitor: str):  # P9
    user = anonymous_user(visitor, SECRET)
    assert user.anonymous
    assert user.id[0] == "~"
    assert set(user.id[1:]) <= set("0123456789abcdef")
    assert visitor not in user.id
    assert check_user(user) == user


# -- Users -------------------------------------------------------------------------------------------------------------


@given(st.text(max_size=200), st.text(max_size=200))
def test_a_user_can_be_stored_and_shown(user_id: str, name: str):
    try:
        user = check_user(User(user_id, name))
    except Unauthenticated:
        return
    assert 1 <= len(user.id.encode()) <= MAX_ID_BYTES
    assert 1 <= len(user.name) <= max(MAX_NAME_CHARACTERS, len(user.id))
    assert msgspec.json.encode(user)
    assert not {"\n", "\x00", "\u202e"} & set(user.id + user.name)


def test_who_has_no_name_is_called_by_the_id():
    assert check_user(User("42")).name == "42"
    assert check_user(User("42", "\n\u202e")).name == "42"
    assert check_user(User("42", "\x9b2J\x85")).name == "2J", "the escape of terminals of eight bits"


def test_a_name_loses_its_controls_and_what_is_too_long_and_nothing_else_changes():
    user = User("42", "A\u202enn\n" + "x" * 200, {"avatar": "/a.png"}, rooms=("/a",))
    assert check_user(user) == User("42", "Ann" + "x" * 97, {"avatar": "/a.png"}, rooms=("/a",))
    good = User("42", "Ann")
    assert check_user(good) is good


@pytest.mark.parametrize("user_id", ["", "x" * (MAX_ID_BYTES + 1), "é" * 65, "a\nb", "\x00", "a\u2028", "\x9b2J", 42, None])
def test_an_id_is_1_to_128_bytes_of_text(user_id: object):
    with pytest.raises(Unauthenticated, match="128"):
        check_user(User(user_id))


@pytest.mark.parametrize("user", [User("~abc"), User("abc", anonymous=True)])
def test_nobody_pretends_to_be_anonymous_or_not_to_be(user: User):
    with pytest.raises(Unauthenticated, match="anonymous"):
        check_user(user)


HALF_AN_EMOJI = "\ud83d"


@pytest.mark.parametrize(
    "user",
    [
        User(id=HALF_AN_EMOJI),
        User(id="ann", name=None),
        User(id="ann", info={"avatar": object()}),
        User(id="ann", info={"motto": HALF_AN_EMOJI}),
        User(id="ann", info=["red"]),
        User(id="ann", rooms="/docs/*"),
    ],
)
def test_a_user_whom_nobody_could_be_told_of_is_refused(user):
    with pytest.raises(Unauthenticated):
        check_user(user)


def test_a_name_that_was_cut_within_an_emoji_loses_the_half_and_disturbs_nobody():
    """S5."""
    assert check_user(User(id="ann", name="Ann " + HALF_AN_EMOJI)).name == "Ann "
    world = World()
    world.user = lambda auth: check_user(User(auth["user"], auth["user"] + HALF_AN_EMOJI))
    bob, ann = world.client("bob"), world.client("ann")
    bob.call("room:enter", {"room": "/a"})
    ann.call("room:enter", {"room": "/a"})
    world.pass_time(1.0)
    assert [member["name"] for member in bob.last("room:changed")["enter"]] == ["ann"]

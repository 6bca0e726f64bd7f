"""Who may be a user, and what anonymous visitors are called."""

from __future__ import annotations

import pytest

from alsohere.domain.identity import anonymous_user, check_user
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

"""What anonymous visitors are called."""

from __future__ import annotations

from alsohere.domain.identity import anonymous_user

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

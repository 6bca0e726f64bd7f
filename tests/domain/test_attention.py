"""Whether a notification makes itself heard."""

from __future__ import annotations

import pytest

from alsohere.domain.attention import PRESETS, Category, check_quiet, is_muted, is_quiet, quiet_minutes, show
from alsohere.errors import BadRequest
from alsohere.notices import Notice, Preferences, Quiet

LOUD = Category(in_room="silent", elsewhere="toast")
NIGHT, NOON = Quiet("22:00", "07:00", "Europe/Prague"), Quiet("12:00", "13:30", "Europe/Prague")


def notice(*, critical: bool = False, topic: str | None = None) -> Notice:
    return Notice(id=1, category="message", audience="users", created_at=1, title="t", critical=critical, topic=topic)


@pytest.mark.parametrize(
    ("in_room", "muted", "quiet", "expected"),
    [
        (False, False, False, "toast"),
        (True, False, False, "silent"),
        (False, True, False, "silent"),
        (False, False, True, "silent"),
    ],
)
def test_a_toast_is_for_who_is_somewhere_else_and_wants_to_hear_it(in_room, muted, quiet, expected):
    assert show(notice(), LOUD, in_room=in_room, muted=muted, quiet=quiet) == expected


@pytest.mark.parametrize(("own", "of_category"), [(True, False), (False, True)])
def test_what_is_critical_is_always_heard(own, of_category):
    rule = Category(elsewhere="silent", critical=of_category)
    assert show(notice(critical=own), rule, in_room=True, muted=True, quiet=True) == "toast"


def test_a_category_or_a_topic_is_muted_unless_it_is_critical():
    assert not is_muted(notice(), Preferences())
    assert is_muted(notice(), Preferences(categories=frozenset({"message"})))
    assert is_muted(notice(topic="/t"), Preferences(topics=frozenset({"/t"})))
    assert not is_muted(notice(), Preferences(topics=frozenset({"/t"})))
    assert not is_muted(notice(critical=True), Preferences(categories=frozenset({"message"})))


@pytest.mark.parametrize(
    ("quiet", "time", "expected"),
    [
        (NIGHT, "21:59", False),
        (NIGHT, "22:00", True),
        (NIGHT, "00:00", True),
        (NIGHT, "06:59", True),
        (NIGHT, "07:00", False),
        (NOON, "11:59", False),
        (NOON, "12:00", True),
        (NOON, "13:30", False),
        (Quiet("00:00", "00:00", "UTC"), "00:00", False),
        (None, "00:00", False),
    ],
)
def test_quiet_hours_may_go_past_midnight(quiet, time, expected):
    minute = int(time[:2]) * 60 + int(time[3:])
    assert is_quiet(quiet, minute) is expected
    assert (quiet_minutes(quiet, minute) > 0) is expected


def test_how_long_it_stays_quiet():
    assert [quiet_minutes(NIGHT, minute) for minute in (22 * 60, 0, 6 * 60 + 59)] == [540, 420, 1]


@pytest.mark.parametrize("time", ["24:00", "7:00", "07:60", "07:00\n", "", "ab:cd", "٠٧:٠٠"])
def test_a_time_that_is_none_is_refused(time):
    for quiet in (Quiet(time, "07:00", "UTC"), Quiet("07:00", time, "UTC")):
        with pytest.raises(BadRequest):
            check_quiet(quiet)
    assert check_quiet(NIGHT) is NIGHT


def test_the_presets_are_six():
    assert sorted(PRESETS) == ["announcement", "message", "publication", "reminder", "subscription", "system"]

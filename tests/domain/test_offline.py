"""What is decided about a notification that nobody took, and where a browser's endpoint may lead."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alsohere.domain.attention import PRESETS, Category, quiet_minutes
from alsohere.domain.offline import (
    GIVE_UP_MS,
    LAST_RETRY_MS,
    NOBODY,
    Case,
    Errand,
    Routes,
    Subscription,
    check_endpoint,
    errands_of,
    failed,
    first_errands,
    judged,
    spread,
)
from alsohere.errors import BadRequest
from alsohere.node.zones import quiet_until
from alsohere.notices import Marks, Notice, Preferences, Quiet

EVERYTHING = Routes(
    PRESETS | {"alarm": Category(after_s=0, channels=("webhook",), critical=True)}, frozenset({"webpush", "apprise", "webhook"})
)
ERRAND = Errand(id=1, due_ms=30_000, user="ann", notification=7, next_ms=30_000)
ALWAYS_QUIET = Quiet("00:00", "23:59", "UTC")


def notice(**fields: Any) -> Notice:
    return Notice(**({"id": 7, "category": "message", "audience": "users", "created_at": 0, "title": "t"} | fields))


NEW, NO_WISHES = Marks(), Preferences()


def verdict(of: Notice | None, marks: Marks | None = NEW, preferences: Preferences = NO_WISHES) -> Any:
    return judged(Case(ERRAND, of, marks, preferences), EVERYTHING, 40_000, quiet_until)


@pytest.mark.parametrize(
    ("fields", "due_ms"),
    [
        ({}, 30_000),
        ({"starts_at": 100_000}, 130_000),
        ({"category": "announcement"}, None),
        ({"category": "nobody's"}, None),
        ({"audience": "everyone"}, 30_000),
        ({"audience": "topic", "topic": "x"}, 30_000),
    ],
)
def test_a_category_says_when_other_ways_are_due(fields: dict[str, Any], due_ms: int | None):
    assert EVERYTHING.due_ms(notice(**fields)) == due_ms
    assert Routes(PRESETS).due_ms(notice(**fields)) is None  # there are no ways


def test_what_is_settled_goes_nowhere():
    assert verdict(notice()) is None
    assert verdict(None) == verdict(notice(), None) == verdict(notice(expires_at=40_000)) == "recalled or over"
    for mark in ("delivered_at", "seen_at", "archived_at"):
        assert verdict(notice(), Marks(**{mark: 1})) == "delivered"


def test_mutes_and_quiet_hours_count_unless_it_is_critical():
    mutes, quiet = Preferences(categories=frozenset({"message", "alarm"})), Preferences(quiet=ALWAYS_QUIET)
    assert verdict(notice(), preferences=mutes) == "muted"
    assert verdict(notice(), preferences=quiet) == 23 * 3_600_000 + 59 * 60_000
    for critical in (notice(critical=True), notice(category="alarm")):
        assert verdict(critical, preferences=mutes) is verdict(critical, preferences=quiet) is None


def test_there_is_an_errand_for_each_way_that_a_user_has():
    browsers = (Subscription("https://a", "p", "a"), Subscription("https://b", "p", "a"))
    found = errands_of(Case(ERRAND, notice(), Marks(), Preferences(), ("json://x",), browsers), EVERYTHING)
    assert [(errand.id, errand.channel, errand.target) for errand in found] == [
        (0, "webpush", "https://a"),
        (0, "webpush", "https://b"),
        (0, "apprise", "json://x"),
        (0, "webhook", None),
    ]
    assert (
        errands_of(Case(ERRAND, notice(category="subscription"), Marks(), Preferences(), ("json://x",)), EVERYTHING)[0].channel
        == "webhook"
    )


def test_a_broadcast_goes_to_who_has_a_way_so_many_at_a_time_and_once_to_the_application():
    everyone = notice(audience="everyone")
    (errand,) = first_errands(EVERYTHING, everyone, ["ann", "bob"])
    assert (errand.user, errand.due_ms) == (NOBODY, 30_000)
    case = Case(errand, everyone, Marks(), Preferences())
    assert judged(case, EVERYTHING, 40_000, quiet_until) is None
    further, new = spread(case, EVERYTHING, ["ann", "bob"], 2, 40_000)
    assert (further.done_ms, further.target) == (None, "bob")
    assert [(one.user, one.channel, one.next_ms) for one in new] == [
        (NOBODY, "webhook", 30_000),
        ("ann", "", 40_000),
        ("bob", "", 40_000),
    ]
    last, new = spread(Case(further, everyone, Marks(), Preferences()), EVERYTHING, ["cid"], 2, 40_000)
    assert (last.done_ms, [one.user for one in new]) == (40_000, ["cid"])


def test_a_broadcast_for_some_goes_to_no_other():
    some = notice(audience="everyone", among="acme:*")
    (errand,) = first_errands(EVERYTHING, some, ())
    last, new = spread(Case(errand, some, Marks(), Preferences()), EVERYTHING, ["acme:1", "bob"], 2, 40_000)
    assert (last.target, [one.user for one in new]) == ("bob", [NOBODY, "acme:1"])


def test_the_application_is_not_told_of_a_broadcast_for_each_user():
    everyone, browsers = notice(audience="everyone"), (Subscription("https://a", "p", "a"),)
    found = errands_of(Case(ERRAND, everyone, Marks(), Preferences(), (), browsers), EVERYTHING)
    assert [errand.channel for errand in found] == ["webpush"]


@given(st.integers(0, 10_000), st.floats(0, 1))
def test_a_failure_is_tried_again_for_a_day(attempts: int, chance: float):
    errand = msgspec.structs.replace(ERRAND, attempts=attempts)
    after = failed(errand, 40_000, "x" * 1000, chance)
    assert 0 <= after.next_ms - 40_000 <= min(LAST_RETRY_MS, 10_000 * 2**attempts)
    assert (after.attempts, after.done_ms, len(after.error or "")) == (attempts + 1, None, 200)
    assert (failed(errand, ERRAND.due_ms + GIVE_UP_MS, "no", chance).done_ms is not None) == (attempts >= 4)


def test_one_who_asks_to_be_left_alone_is_but_not_for_ever():
    assert failed(ERRAND, 40_000, "429", 0.5, least_ms=60_000).next_ms == 100_000
    assert failed(ERRAND, 40_000, "429", 1.0, least_ms=1).next_ms == 50_000
    assert failed(ERRAND, 40_000, "429", 1.0, least_ms=10**15).next_ms == 40_000 + LAST_RETRY_MS


@given(st.integers(0, 1439), st.integers(0, 1439), st.integers(0, 1439))
def test_quiet_hours_end_when_they_say(begin: int, end: int, now: int):
    quiet = Quiet(f"{begin // 60:02}:{begin % 60:02}", f"{end // 60:02}:{end % 60:02}", "UTC")
    left = quiet_minutes(quiet, now)
    assert quiet_minutes(quiet, (now + left) % 1440) == 0
    if left:
        assert (now + left) % 1440 == end
        assert quiet_until(quiet, now * 60_000 + 5) == (now + left) * 60_000


@pytest.mark.parametrize(
    ("end", "now", "until"),
    [
        ("07:00", "2026-03-29T00:30+00:00", "2026-03-29T07:00+02:00"),  # an hour is left out
        ("07:00", "2026-10-24T23:30+00:00", "2026-10-25T07:00+01:00"),  # an hour comes twice
        ("02:30", "2026-10-25T00:10+00:00", "2026-10-25T02:30+02:00"),
        ("02:30", "2026-10-25T01:10+00:00", "2026-10-25T02:30+01:00"),
    ],
)
def test_quiet_hours_end_by_the_clock_of_the_place(end: str, now: str, until: str):
    now_ms, until_ms = (int(datetime.fromisoformat(text).timestamp() * 1000) for text in (now, until))
    assert quiet_until(Quiet("22:00", end, "Europe/Prague"), now_ms) == until_ms


@pytest.mark.parametrize(
    "url",
    [
        "https://push.example.com/1?a=b",
        "https://93.184.216.34/x",
        "https://[2606:4700::1111]:8443/",
        "https://[64:ff9b::808:808]/",
    ],
)
def test_an_endpoint_of_a_push_service_is_taken(url: str):
    assert check_endpoint(url, private=False) == url


@pytest.mark.parametrize(
    "url",
    [
        *("https://10.1.2.3/", "https://[::ffff:127.0.0.1]/", "https://[2002:7f00:1::]/", "http://a.example/"),
        *("https://[64:ff9b::7f00:1]/", "https://[64:ff9b::10.0.0.1]/", "https://[64:ff9b:1::a00:1]/", "https://[::127.0.0.1]/"),
        *("https://[::ffff:0:127.0.0.1]/", "https://[fec0::1]/", "https://[ff0e::1]/", "https://[fd00::1]/"),
    ],
)
def test_one_that_leads_to_us_is_not_unless_it_may(url: str):
    with pytest.raises(BadRequest):
        check_endpoint(url, private=False)
    assert check_endpoint(url, private=True) == url

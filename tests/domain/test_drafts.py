"""What may be sent, marked and asked for: the limits, and that what passes can be stored by every database."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alsohere.domain.drafts import (
    MAX_BODY_BYTES,
    MAX_DATA_BYTES,
    MAX_NUMBER,
    check_category,
    check_draft,
    check_edit,
    check_filter,
    check_key,
    check_marking,
    check_topic,
    check_user_id,
)
from alsohere.errors import BadRequest, LimitReached, Refusal
from alsohere.facts import Person
from alsohere.notices import Draft, Edit, Filter, Marking


def draft(**fields: Any) -> Draft:
    return Draft(**{"category": "message", "to": ("ann",), "title": "t"} | fields)


def test_a_good_draft_stays_as_it_is():
    one = draft(
        to=("ann", "42", "ünï"), topic="/posts/1", body="b" * MAX_BODY_BYTES, key="k", room="/r", starts_at=1, expires_at=2
    )
    assert check_draft(one) is one


def test_nobody_is_named_twice():
    assert check_draft(draft(to=("b", "a", "b"))).to == ("b", "a")


BAD = [
    {"to": ()},
    {"to": ("",)},
    {"to": ("~visitor",)},
    {"to": ("a\0",)},
    {"to": ("a\n",)},
    {"to": ("\ud83d",)},
    {"to": ("x" * 129,)},
    {"to": ("ann",), "audience": "everyone"},
    {"to": ("ann",), "among": "a*"},
    {"to": (), "audience": "topic", "topic": "/t", "among": "a*"},
    *({"to": (), "audience": "everyone", "among": among} for among in ("", "*", "acme", "~*", "a\n*", "x" * 129 + "*", 7)),
    {"to": ("ann",), "audience": "topic", "topic": "/t"},
    {"to": (), "audience": "topic"},
    {"topic": ""},
    {"topic": "a\0"},
    {"topic": "x" * 201},
    {"room": "@room"},
    {"category": ""},
    {"category": "Ünï"},
    {"category": "x" * 51},
    {"title": ""},
    {"title": "x" * 501},
    {"title": "a\0"},
    {"title": "\ud83d"},
    {"body": "ü" * (MAX_BODY_BYTES // 2 + 1)},
    {"body": "\0"},
    {"url": "u" * 2001},
    {"data": msgspec.Raw(b'"' + b"x" * MAX_DATA_BYTES + b'"')},
    {"key": ""},
    {"key": "a\n"},
    {"key": "k" * 201},
    {"sender": Person("a\0", "", None, False)},
    {"sender": Person("a", "\ud83d", None, False)},
    {"sender": Person("a", "", {"x": "y" * 5000}, False)},
    {"sender": Person("a", "", {"x": object()}, False)},
    {"sender": Person("a", "", {"x": "\ud83d"}, False)},
    {"starts_at": -1},
    {"starts_at": True},
    {"expires_at": MAX_NUMBER + 1},
    {"starts_at": 5, "expires_at": 5},
]


@pytest.mark.parametrize("fields", BAD, ids=[f"{next(iter(fields), None)}-{number}" for number, fields in enumerate(BAD)])
def test_a_bad_draft_is_refused_with_the_field(fields: dict[str, Any]):  # H98
    with pytest.raises(BadRequest) as refusal:
        check_draft(draft(**fields))
    named = refusal.value.message.partition(":")[0]
    assert named in {*fields, "to", "topic"} or refusal.value.code == "bad_room"


def test_too_many_receivers_are_a_limit():
    with pytest.raises(LimitReached):
        check_draft(draft(to=tuple(f"u{number}" for number in range(1001))))


@pytest.mark.parametrize("url", ["/orders/1?a=b#c", "https://example.com", "HTTP://x", "mailto:a@b.cz", "orders/1:2", ""])
def test_a_url_that_leads_somewhere_is_good(url: str):
    assert check_draft(draft(url=url)).url == url


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", " JavaScript:alert(1)", "java\nscript:alert(1)", "data:text/html,x", "vbscript:x"]
)
def test_a_url_that_runs_something_is_refused(url: str):
    with pytest.raises(BadRequest):
        check_draft(draft(url=url))
    with pytest.raises(BadRequest):
        check_edit(Edit(url=url))


@given(st.text(max_size=30))
def test_what_passes_can_be_stored(text: str):
    for check in (check_user_id, check_key, check_topic, check_category):
        try:
            passed = check(text)
        except Refusal:
            continue
        assert "\0" not in passed.encode().decode()
        assert "\n" not in passed  # which ends the scope of a stored key


@pytest.mark.parametrize(
    "edit", [Edit(title="\0"), Edit(body="\ud83d"), Edit(expires_at=-1), Edit(data=msgspec.Raw(b"1" * 20_000))]
)
def test_a_bad_edit_is_refused(edit: Edit):
    with pytest.raises(BadRequest):
        check_edit(edit)


def test_an_edit_may_take_things_away():
    edit = Edit(url=None, data=None, expires_at=None)
    assert check_edit(edit) is edit


@pytest.mark.parametrize(
    ("marking", "refusal"),
    [
        (Marking(mark="read", ids=tuple(range(501))), LimitReached),
        (Marking(mark="read", ids=(1,), up_to=1), BadRequest),
        (Marking(mark="read", ids=(-1,)), BadRequest),
        (Marking(mark="read", up_to=MAX_NUMBER + 1), BadRequest),
        (Marking(mark="read", category="\0"), BadRequest),
        (Marking(mark="read", topic="\0"), BadRequest),
    ],
)
def test_a_bad_marking_is_refused(marking: Marking, refusal: type[Refusal]):  # H97
    with pytest.raises(refusal):
        check_marking(marking)


def test_a_marking_of_all_or_of_500_is_good():
    for marking in (Marking(mark="read"), Marking(mark="read", ids=tuple(range(500))), Marking(mark="seen", up_to=7)):
        assert check_marking(marking) is marking


@pytest.mark.parametrize("which", [Filter(category="\0"), Filter(topic="\ud83d"), Filter(before=-1), Filter(before=2**63)])
def test_a_bad_filter_is_refused(which: Filter):  # H96
    with pytest.raises(BadRequest):
        check_filter(which)

"""What an inbox is: visibility, marks, lists, digests; what is removed when it is old."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alsohere.domain.inbox import (
    NEW,
    concerns,
    edited,
    is_in_state,
    is_open,
    is_over,
    is_unread,
    listed,
    marked,
    noticed,
    pruned,
    receipt,
    shown,
    unread_of,
)
from alsohere.errors import BadRequest
from alsohere.facts import Person
from alsohere.notices import Draft, Edit, Entry, Filter, Marking, Marks, Notice, Receipt, Unread

ANN = Person("ann", "Ann", None, False)


def notice(notice_id: int = 1, **fields: Any) -> Notice:
    return Notice(**{"id": notice_id, "category": "message", "audience": "users", "created_at": 10, "title": "t"} | fields)


def entry(notice_id: int, marks: Marks = NEW, **fields: Any) -> Entry:
    return Entry(notice(notice_id, **fields), marks)


# -- Time --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("starts_at", "expires_at", "now_ms", "there"),
    [
        (None, None, 0, True),
        (10, None, 9, False),
        (10, None, 10, True),
        (None, 10, 9, True),
        (None, 10, 10, False),
        (10, 20, 15, True),
    ],
)
def test_it_is_there_from_its_beginning_until_before_its_end(starts_at, expires_at, now_ms, there):  # I6
    assert is_open(notice(starts_at=starts_at, expires_at=expires_at), now_ms) is there


def test_what_has_no_end_is_never_over():
    assert not is_over(notice(), 2**60)


# -- Marks -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mark", "after"),
    [("seen", Marks(5, 5)), ("read", Marks(5, 5, 5)), ("archived", Marks(5, 5, None, 5)), ("unread", NEW)],
)
def test_a_mark_on_something_new(mark, after):
    assert marked(NEW, mark, 5) == after


def test_who_had_it_and_saw_it_before_keeps_those_times():
    assert marked(Marks(1, 2), "read", 5) == Marks(1, 2, 5)
    assert marked(Marks(1, 2, 3), "archived", 5) == Marks(1, 2, 3, 5)


def test_unread_again_was_seen_all_the_same():
    assert marked(Marks(1, 2, 3, 4), "unread", 5) == Marks(1, 2)


times = st.none() | st.integers(0, 9)
all_marks = st.builds(Marks, times, times, times, times)
mark_names = st.sampled_from(["seen", "read", "unread", "archived"])


@given(all_marks, mark_names)
def test_the_same_mark_again_is_the_same_object(before, mark):
    after = marked(before, mark, 5)
    assert marked(after, mark, 6) is after


@given(all_marks, mark_names)
def test_what_is_unread_is_what_the_filter_says(before, mark):  # I4
    after = marked(before, mark, 5)
    assert is_unread(after) == is_in_state(after, "unread")
    assert not is_unread(after) or mark in ("seen", "unread")


@pytest.mark.parametrize(
    ("marking", "marks", "is_meant"),
    [
        (Marking(mark="read", ids=(1, 3)), NEW, True),
        (Marking(mark="read", ids=(2,)), NEW, False),
        (Marking(mark="read", ids=(1,)), Marks(archived_at=1), True),
        (Marking(mark="read"), NEW, True),
        (Marking(mark="read"), Marks(archived_at=1), False),
        (Marking(mark="read", up_to=1), NEW, True),
        (Marking(mark="read", up_to=0), NEW, False),
        (Marking(mark="read", category="message"), NEW, True),
        (Marking(mark="read", category="system"), NEW, False),
        (Marking(mark="read", topic="/t"), NEW, True),
        (Marking(mark="read", topic="/u"), NEW, False),
        (Marking(mark="read", ids=(1,), topic="/u"), NEW, False),
    ],
)
def test_what_a_marking_is_about(marking, marks, is_meant):
    assert concerns(marking, notice(1, topic="/t"), marks) is is_meant


def test_a_receipt_names_who_is_to_be_told():
    assert receipt(notice(7, sender=ANN), "bob", Marks(1), Marks(1, 2, 3)) == Receipt(7, "bob", "ann", 1, 3, is_delivery=False)
    assert receipt(notice(7), "bob", Marks(), Marks(1)) == Receipt(7, "bob", None, 1, None, is_delivery=True)


# -- Lists -------------------------------------------------------------------------------------------------------------


def test_a_list_is_newest_first_and_says_where_the_next_page_begins():
    entries = [entry(notice_id) for notice_id in (2, 5, 3, 1, 4)]
    first, before = listed(entries, Filter(limit=2))
    assert ([one.notice.id for one in first], before) == ([5, 4], 4)
    last, before = listed(entries, Filter(limit=3, before=4))
    assert ([one.notice.id for one in last], before) == ([3, 2, 1], None)


def test_a_digest_keeps_topics_categories_and_the_read_apart():
    entries = [
        entry(1, topic="/a"),
        entry(2, topic="/a"),
        entry(3, topic="/a", category="system"),
        entry(4, Marks(1, 1, 1), topic="/a"),
        entry(5),
        entry(6),
    ]
    found, _ = listed(entries, Filter(digest=True))
    assert [(one.notice.id, one.count) for one in found] == [(6, 1), (5, 1), (4, 1), (3, 1), (2, 2)]


@given(st.lists(st.tuples(st.sampled_from([None, "/a", "/b"]), all_marks), max_size=12), st.integers(1, 4))
def test_the_pages_of_a_digest_have_everything_once(kinds, limit):
    entries = [entry(number, marks, topic=topic) for number, (topic, marks) in enumerate(kinds, 1)]
    found, before = [], None
    while True:
        page, before = listed(entries, Filter(state="all", digest=True, limit=limit, before=before))
        found += page
        if before is None:
            break
    assert sum(one.count for one in found) == len(entries)
    assert [one.notice.id for one in found] == sorted({one.notice.id for one in found}, reverse=True)


@given(st.lists(st.tuples(st.sampled_from("ab"), all_marks), max_size=9))
def test_the_counts_are_of_what_a_list_of_the_unread_shows(kinds):  # I4
    entries = [entry(number, marks, category=category) for number, (category, marks) in enumerate(kinds, 1)]
    page, _ = listed(entries, Filter(state="unread"))
    counts = unread_of(entries)
    assert counts.total == len(page) == sum(counts.by_category.values())
    assert all(counts.by_category.values())


def test_no_category_is_counted_that_has_nothing():
    assert unread_of([entry(1, Marks(1, 1, 1)), entry(2, category="x")]) == Unread(1, {"x": 1})


# -- From a draft to what a client is sent ------------------------------------------------------------------------------


def test_a_notice_has_everything_of_its_draft():
    draft = Draft(
        category="c", topic="/t", title="t", body="b", url="u", sender=ANN, room="/r", starts_at=1, expires_at=2, critical=True
    )
    made = noticed(draft, 7, 5)
    assert (made.id, made.created_at) == (7, 5)
    shared = set(Draft.__struct_fields__) & set(Notice.__struct_fields__)
    assert {name: getattr(made, name) for name in shared} == {name: getattr(draft, name) for name in shared}


def test_an_edit_changes_what_it_names():
    before = notice(body="b", url="u", expires_at=9)
    assert edited(before, Edit(title="new"), 5) == notice(title="new", body="b", url="u", expires_at=9, edited_at=5)
    assert edited(before, Edit(url=None, expires_at=None), 5) == notice(body="b", edited_at=5)
    with pytest.raises(BadRequest):
        edited(notice(), Edit(title=""), 5)


def test_what_is_shown_leaves_out_what_is_not_so():
    one = shown(Entry(notice(7, audience="everyone", critical=True), Marks(1), 3), "toast")
    assert (one.id, one.broadcast, one.critical, one.show, one.delivered_at, one.seen_at) == (7, True, True, "toast", 1, None)
    assert one.digest is not None
    assert one.digest.count == 3
    assert shown(entry(7), "silent").digest is None


# -- Retention ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fate", "fields"),
    [
        ("done", {}),
        ("nothing", {"created_at": 50}),
        ("nothing", {"starts_at": 50}),
        ("all", {"expires_at": 50}),
        ("done", {"expires_at": 51}),
        ("all", {"recalled": True}),
        ("all", {"audience": "everyone"}),
        ("nothing", {"audience": "everyone", "expires_at": 51}),
        ("all", {"audience": "everyone", "expires_at": 50}),
        ("nothing", {"recalled": True, "created_at": 50}),
    ],
)
def test_what_goes_when_it_is_old(fate, fields):
    given_ = {"created_at": 1, "starts_at": None, "expires_at": None, "audience": "users", "recalled": False} | fields
    assert pruned(before_ms=50, **given_) == fate

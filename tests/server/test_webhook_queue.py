"""Of each subject the oldest event, one at a time; what does not fit into memory stays in the store."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from alsohere.domain.webhook import WebhookEvent
from alsohere.server.webhook_queue import PER_SUBJECT, WebhookQueue

DELIVERED = {"state": "delivered"}


def event(event_id: int, subject: str, due_ms: int = 0) -> WebhookEvent:
    return WebhookEvent(id=event_id, at=0, type="x", subject=subject, data=msgspec.Raw(b"{}"), next_at=due_ms)


def after(one: WebhookEvent, **change: object) -> WebhookEvent:
    return msgspec.structs.replace(one, **change)


def test_one_of_a_subject_is_out_at_a_time():
    queue = WebhookQueue()
    queue.add([event(1, "a"), event(2, "a"), event(3, "b")])
    first, second = queue.next(0), queue.next(0)
    assert (first.id, second.id, queue.next(0)) == (1, 3, None)
    queue.settled(after(first, next_at=50))  # it failed: the younger one waits with it
    assert queue.next(49) is None
    again = queue.next(50)
    assert again.id == 1
    queue.settled(after(again, **DELIVERED))
    assert queue.next(50).id == 2


def test_what_waits_is_hurried_when_the_other_side_is_back():
    queue = WebhookQueue()
    queue.add([event(1, "a", 10_000)])
    queue.hurry(5)
    assert queue.due_ms() == 5


@given(st.lists(st.sampled_from("aab"), max_size=5 * PER_SUBJECT), st.integers(1, 60))
def test_everything_comes_once_and_in_the_order_of_its_subject_however_little_is_in_memory(subjects: list[str], page: int):
    store = {number: event(number, subject) for number, subject in enumerate(subjects, 1)}
    queue, sent = WebhookQueue(), []
    while store:
        for subject in queue.drained():
            after_id = queue.cut[subject]
            more = [one for one in store.values() if one.subject == subject and after_id < one.id <= queue.cursor]
            queue.refill(subject, more[:PER_SUBJECT])
        queue.add([one for one in store.values() if one.id > queue.cursor][:page])
        assert len(queue) <= 2 * PER_SUBJECT
        one = queue.next(0)
        if one is not None:
            sent.append((one.subject, one.id))
            del store[one.id]
            queue.settled(after(one, **DELIVERED))
    for name in "ab":
        assert [number for subject, number in sent if subject == name] == [
            number for number, subject in enumerate(subjects, 1) if subject == name
        ]

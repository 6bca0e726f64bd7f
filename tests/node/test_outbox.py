"""What still has to go to one client, and what happens when it does not go."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alsohere.node.outbox import CONFLATE_AFTER, Outbox, OutboxRules
from alsohere.wire.engineio import Packet

LIMIT_BYTES = 1000


class Line:
    """A transport that keeps what is written, and takes `room` more packets before it asks to pause."""

    def __init__(self, room: int | None = None) -> None:
        self.written: list[Packet] = []
        self.room = room
        self.outbox: Outbox | None = None

    def write(self, packet: Packet) -> None:
        self.written.append(packet)
        if self.room is not None:
            self.room -= 1
            if self.room <= 0:
                self.outbox.pause()

    def close(self, code: Any, reason: str) -> None:
        raise AssertionError("an outbox closes nothing")


class Bench:
    """An outbox, its line, a clock, and who waits."""

    def __init__(self, *, ready: bool = False, room: int | None = None) -> None:
        self.now_s = 10.0
        self.waiting: list[Outbox] = []
        rules = OutboxRules(LIMIT_BYTES, lambda: self.now_s, self.waiting.append)
        self.outbox = Outbox(rules, "sid")
        self.line = Line(room)
        self.line.outbox = self.outbox
        self.outbox.attach(self.line, ready=ready)

    def put(self, *texts: str, conflate: str | None = None) -> None:
        for text in texts:
            self.outbox.put(Packet(text.encode(), conflate=conflate))

    @property
    def written(self) -> list[str]:
        return [packet.data.decode() for packet in self.line.written]

    def take(self, limit_bytes: int = LIMIT_BYTES) -> list[str]:
        return [packet.data.decode() for packet in self.outbox.take(limit_bytes)]


# -- Order -------------------------------------------------------------------------------------------------------------


def test_while_the_transport_takes_packets_they_pass_straight_through():
    bench = Bench(ready=True)
    bench.put("a", "b")
    bench.outbox.put_all([Packet(b"c"), Packet(b"d")])
    assert bench.written == ["a", "b", "c", "d"]
    assert (bench.waiting, bench.outbox.queued_bytes, bench.outbox.oldest_s()) == ([], 0, None)


def test_what_waits_goes_first_when_the_transport_takes_packets_again():
    bench = Bench(ready=True)
    bench.outbox.pause()
    bench.put("a", "b")
    assert bench.written == []
    bench.outbox.resume()
    bench.put("c")
    assert bench.written == ["a", "b", "c"]


def test_a_transport_that_fills_up_again_is_not_pressed():
    bench = Bench(room=2)
    bench.put("a", "b", "c", "d")
    bench.outbox.resume()
    assert bench.written == ["a", "b"]
    bench.line.room = 1
    bench.outbox.resume()
    assert bench.written == ["a", "b", "c"]
    assert bench.take() == ["d"]


def test_a_new_transport_begins_with_what_waits():
    bench = Bench()
    bench.put("a", "b")
    new = Line()
    bench.outbox.attach(new, ready=True)
    bench.put("c")
    assert [packet.data for packet in new.written] == [b"a", b"b", b"c"]
    assert bench.written == []


def test_without_a_transport_packets_wait():
    bench = Bench(ready=True)
    bench.outbox.attach(None, ready=False)
    bench.put("a")
    assert (bench.written, bench.take()) == ([], ["a"])


# -- Polling -----------------------------------------------------------------------------------------------------------


def test_a_poll_is_told_when_something_comes():
    bench = Bench()
    told = []
    bench.outbox.on_packet = lambda: told.append(bench.outbox.queued_bytes)
    bench.put("abc")
    bench.put("d")
    assert told == [3, 4]


def test_a_poll_takes_what_fits_and_at_least_one_packet():
    bench = Bench()
    bench.put("x" * 50, "y" * 40, "z" * 20)
    assert bench.take(10) == ["x" * 50]
    assert bench.take(50) == ["y" * 40]
    assert bench.outbox.queued_bytes == 20
    assert bench.take(1000) == ["z" * 20]
    assert bench.take(1000) == []
    assert (bench.outbox.queued_bytes, bench.outbox.oldest_s()) == (0, None)


# -- The slow reader ---------------------------------------------------------------------------------------------------


def test_an_outbox_that_begins_to_wait_says_so_once():
    bench = Bench()
    bench.put("a", "b", "c")
    assert bench.waiting == [bench.outbox]
    bench.outbox.resume()
    bench.outbox.pause()
    bench.put("d")
    assert bench.waiting == [bench.outbox] * 2


def test_the_oldest_packet_tells_since_when_it_has_been_waiting():
    bench = Bench()
    bench.put("a")
    bench.now_s = 13.0
    bench.put("b")
    assert bench.outbox.oldest_s() == 10.0
    bench.take(1)
    assert bench.outbox.oldest_s() == 13.0


def test_one_packet_larger_than_the_limit_goes_out_whatever_waits_beside_it():  # S4
    bench = Bench()
    bench.put("before")
    bench.put("x" * 3 * LIMIT_BYTES)
    bench.put("behind")
    assert bench.take(10 * LIMIT_BYTES) == ["before", "x" * 3 * LIMIT_BYTES, "behind"]
    bench.put("x" * 3 * LIMIT_BYTES)
    bench.put("x" * 3 * LIMIT_BYTES)
    assert bench.outbox.overflowed


def test_more_than_the_limit_is_thrown_away_and_said():  # S4
    bench = Bench()
    bench.put("x" * LIMIT_BYTES)
    assert not bench.outbox.overflowed
    bench.put("y")
    assert bench.outbox.overflowed
    assert bench.waiting == [bench.outbox] * 2
    assert (bench.outbox.queued_bytes, bench.take(), bench.outbox.oldest_s()) == (0, [], None)


@pytest.mark.parametrize("again", ["resume", "attach"])
def test_after_packets_were_thrown_away_none_behind_them_is_sent(again: str):
    bench = Bench()
    bench.put("x" * LIMIT_BYTES, "lost")
    if again == "resume":
        bench.outbox.resume()
    else:
        bench.outbox.attach(bench.line, ready=True)
    bench.put("later")
    assert bench.written == []


def test_a_discarded_outbox_accepts_nothing():
    bench = Bench()
    bench.put("a")
    bench.outbox.discard()
    bench.put("b")
    assert (bench.take(), bench.outbox.queued_bytes, bench.waiting) == ([], 0, [bench.outbox])


# -- Conflation --------------------------------------------------------------------------------------------------------


def test_a_few_facts_of_one_room_all_wait():
    bench = Bench()
    for number in range(CONFLATE_AFTER):
        bench.put(f"r{number}", conflate="room:/r")
    assert bench.take() == [f"r{number}" for number in range(CONFLATE_AFTER)]


def test_of_many_facts_of_one_room_the_newest_replace_the_oldest():
    bench = Bench()
    for number in range(100):
        bench.put(f"r{number}", conflate="room:/r")
    newest = [f"r{number}" for number in range(100 - CONFLATE_AFTER, 100)]
    assert bench.outbox.queued_bytes == len("".join(newest))
    assert bench.take() == newest


def test_other_rooms_and_what_must_not_be_lost_are_not_replaced():
    bench = Bench()
    bench.put("s1", conflate="room:/s")
    bench.put(*[f"message {number}" for number in range(CONFLATE_AFTER)])
    bench.put("r1", conflate="room:/r")
    bench.put("r2", conflate="room:/r")
    assert bench.take() == ["s1", *[f"message {number}" for number in range(CONFLATE_AFTER)], "r2"]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from([None, "room:/r", "room:/s"]), st.integers(1, 120)),
        st.tuples(st.just("put"), st.sampled_from([None, "room:/r", "room:/s"]), st.just(3)),
        st.tuples(st.just("pause")),
        st.tuples(st.just("resume")),
        st.tuples(st.just("take"), st.integers(0, 300)),
    ),
    max_size=80,
)


@given(STEPS)
def test_packets_leave_in_order_and_none_is_lost_but_for_a_newer_one(steps: list[Any]):  # S4
    bench = Bench(ready=True)
    sent: list[Packet] = []
    out: list[Packet] = []

    for kind, *rest in steps:
        if kind == "put":
            sent.append(Packet(b"x" * rest[1], conflate=rest[0]))
            bench.outbox.put(sent[-1])
        elif kind == "take":
            out += bench.line.written
            bench.line.written = []
            out += bench.outbox.take(rest[0])
        else:
            getattr(bench.outbox, kind)()
        assert 0 <= bench.outbox.queued_bytes <= LIMIT_BYTES
    out += bench.line.written
    if bench.outbox.overflowed:
        assert positions(out, sent) == sorted(positions(out, sent))
        return
    out += bench.outbox.take(10 * LIMIT_BYTES)
    assert positions(out, sent) == sorted(positions(out, sent))
    for position, packet in enumerate(sent):
        if packet not in out:
            assert packet.conflate is not None
            assert any(newer.conflate == packet.conflate for newer in sent[position + 1 :] if newer in out)


def positions(packets: list[Packet], sent: list[Packet]) -> list[int]:
    return [sent.index(packet) for packet in packets]


def test_what_is_logged_of_an_outbox_has_no_secrets():
    bench = Bench(ready=False)
    bench.outbox.put(Packet(b"4secret"))
    assert repr(bench.outbox) == "Outbox(7 bytes wait)"

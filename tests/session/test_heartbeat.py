"""Who pings whom, and what silence means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alsohere.errors import CloseCode, Disconnect, PacketError
from alsohere.session.heartbeat import ClientHeartbeat, Heartbeat
from alsohere.wire.engineio import PING_PACKET

INTERVAL_S, TIMEOUT_S = 15.0, 8.0


def heartbeat(now_s: float = 100.0) -> Heartbeat:
    return Heartbeat.begin(INTERVAL_S, TIMEOUT_S, now_s)


def test_a_ping_is_sent_every_interval_and_never_before():
    beat = heartbeat()
    for ping_s in (115.0, 130.5, 146.0):
        assert beat.tick(ping_s - 0.6) is None
        assert beat.tick(ping_s) is PING_PACKET
        beat.pong(ping_s + 0.5)
        assert beat.due_s == ping_s + 0.5 + INTERVAL_S


def test_who_does_not_answer_in_time_is_dead():  # P12
    beat = heartbeat()
    beat.tick(115.0)
    assert beat.tick(122.9) is None
    with pytest.raises(Disconnect, match="ping timeout") as ended:
        beat.tick(123.0)
    assert (ended.value.close_code, ended.value.stay_away) == (CloseCode.TOO_SLOW, False)


def test_an_answer_in_the_last_moment_counts():
    beat = heartbeat()
    beat.tick(115.0)
    beat.pong(122.99)
    assert beat.tick(123.0) is None
    assert not beat.awaiting_pong


def test_a_flood_of_pongs_does_not_keep_a_dead_session_alive():
    beat = heartbeat()
    for moment in range(100, 115):
        beat.pong(float(moment))
    assert beat.due_s == 115.0
    beat.tick(115.0)
    beat.pong(115.1)
    beat.pong(120.0)
    assert beat.due_s == 115.1 + INTERVAL_S


def test_a_server_that_came_late_does_not_lengthen_the_worst_case():
    beat = heartbeat()
    beat.tick(118.0)
    assert beat.due_s == 115.0 + TIMEOUT_S


def test_a_client_is_not_blamed_for_the_time_that_the_server_was_away():
    beat = heartbeat()
    assert beat.tick(500.0) is PING_PACKET
    assert beat.due_s == 508.0
    assert beat.tick(507.9) is None


@given(st.lists(st.tuples(st.floats(0.0, 30.0), st.booleans()), max_size=30))
def test_nobody_silent_outlives_interval_and_timeout_of_a_timely_server(steps: list[tuple[float, bool]]):  # P12
    now = last_heard = 0.0
    beat = heartbeat(now)
    for passed, answers in steps:
        end = now + passed
        while beat.due_s <= end:  # the wheel calls at `due_s`
            now = beat.due_s
            try:
                pinged = beat.tick(now) is not None
            except Disconnect:
                assert now - last_heard == pytest.approx(INTERVAL_S + TIMEOUT_S)
                return
            if pinged and answers:
                beat.pong(now)
                last_heard = now
        now = end
        assert now - last_heard < INTERVAL_S + TIMEOUT_S + 1e-6


# -- Engine.IO 3: the client pings --------------------------------------------------------------------------------------


def test_a_client_that_pings_lives_and_is_sent_nothing():
    beat = ClientHeartbeat.begin(INTERVAL_S, TIMEOUT_S, 100.0)
    for ping_s in (115.0, 130.5, 153.0):
        assert beat.tick(ping_s) is None
        beat.ping(ping_s)
        assert beat.due_s == ping_s + INTERVAL_S + TIMEOUT_S


def test_a_client_that_does_not_ping_is_dead_when_the_interval_and_the_timeout_are_over():  # P12
    beat = ClientHeartbeat.begin(INTERVAL_S, TIMEOUT_S, 100.0)
    assert beat.tick(122.9) is None
    with pytest.raises(Disconnect, match="ping timeout") as ended:
        beat.tick(123.0)
    assert (ended.value.close_code, ended.value.stay_away) == (CloseCode.TOO_SLOW, False)


def test_a_client_has_time_to_be_heard_after_the_server_was_away():
    beat = ClientHeartbeat.begin(INTERVAL_S, TIMEOUT_S, 100.0)
    assert beat.tick(500.0) is None
    assert beat.due_s == 508.0
    with pytest.raises(Disconnect):
        beat.tick(508.0)


def test_a_pong_is_not_the_clients_to_send():
    with pytest.raises(PacketError):
        ClientHeartbeat.begin(INTERVAL_S, TIMEOUT_S, 100.0).pong(101.0)

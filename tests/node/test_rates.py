"""Buckets: what may be done at once, for long, and what is said to who does too much."""

from __future__ import annotations

from alsohere.node.node import NodeRules
from alsohere.node.rates import Buckets
from support.simulation import SimulatedClient, World


def test_a_bucket_is_emptied_and_filled_by_time():
    buckets = Buckets(per_s=10, burst=3)
    assert [buckets.spend("a", 0) for _ in range(4)] == [None, None, None, 101]
    assert buckets.spend("b", 0) is None
    assert buckets.spend("a", 0.05) == 51
    assert buckets.spend("a", 0.101) is None
    assert [buckets.spend("a", 100) for _ in range(4)] == [None, None, None, 101], "it holds no more than the burst"


def test_those_who_did_something_last_are_remembered():
    buckets = Buckets(per_s=0.001, burst=1, most=2)
    for name in "abc":
        buckets.spend(name, 0)
    assert (buckets.spend("c", 0), buckets.spend("b", 0)) != (None, None)
    assert buckets.spend("a", 0) is None, "pushed out, and so begins anew"


def codes(clients: list[SimulatedClient], times: int) -> list[str]:
    answers = [client.call("user:status", {"status": "active"}) for _ in range(times) for client in clients]
    return ["ok" if answer["ok"] else answer["error"]["code"] for answer in answers]


def test_a_user_has_one_rate_over_all_tabs():
    world = World(NodeRules(user_events_per_s=1, user_event_burst=4))
    tabs, bob = [world.client("ann") for _ in range(2)], world.client("bob")
    assert codes(tabs, 3) == ["ok"] * 4 + ["rate"] * 2
    assert codes([bob], 1) == ["ok"]
    error = tabs[0].call("user:status", {"status": "active"})["error"]
    assert error["message"] == "Too many commands of this user; slow down."
    assert error["retry_after_ms"] == 1001
    world.pass_time(1.001)
    assert codes(tabs, 1) == ["ok", "rate"]
    assert world.node.metrics.limited == {"user": 4}
    assert [tab.closed for tab in tabs] == [None, None]


def test_an_address_has_one_rate_over_all_users():
    world = World(NodeRules(client_events_per_s=1, client_event_burst=4))
    clients = [world.client(f"user-{number}") for number in range(3)]
    assert codes(clients, 2) == ["ok"] * 4 + ["rate"] * 2
    assert world.node.metrics.limited == {"address": 2}


def test_nought_is_no_limit():
    world = World(NodeRules(user_events_per_s=0, client_events_per_s=0, user_event_burst=1, client_event_burst=1))
    assert codes([world.client("ann")], 50) == ["ok"] * 50


def test_a_connection_that_is_too_fast_takes_nothing_from_its_user():
    world = World(NodeRules(packet_burst=3, user_event_burst=4, user_events_per_s=0.001))
    fast, calm = world.client("ann"), world.client("ann")
    assert codes([fast], 5).count("ok") <= 3
    assert codes([calm], 1) == ["ok"]
    assert world.node.metrics.limited["connection"] > 0

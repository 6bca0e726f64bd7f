"""Buckets: what may be done at once, for long, and what is said to who does too much."""

from __future__ import annotations

from alsohere.node.rates import Buckets


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

"""What one address may cost."""

from __future__ import annotations

import pytest

from alsohere.node.addresses import Allowance, network


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("10.0.0.1", "10.0.0.1", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", True),
        ("2001:db8:1:2::1", "2001:0DB8:0001:0002::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:10.0.0.1", "10.0.0.1", True),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.2", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("::1", "127.0.0.1", False),
        ("unknown:host", "unknown:host", True),
        ("", "", True),
    ],
)
def test_what_counts_as_one_address(one: str, other: str, same: bool):
    assert (network(one) == network(other)) is same


def test_a_bucket_is_filled_by_time():
    allowance = Allowance(per_s=2, burst=3, most=10)
    assert [allowance.spend("a", 100.0) for _ in range(5)] == [True, True, True, False, False]
    assert allowance.spend("b", 100.0), "of somebody else"
    assert [allowance.spend("a", 100.5) for _ in range(2)] == [True, False], "what was refused cost nothing"
    assert [allowance.spend("a", 1000.0) for _ in range(4)] == [True, True, True, False], "never more than the burst"


def test_machines_of_one_network_share_a_bucket():
    allowance = Allowance(burst=2)
    assert [allowance.spend(f"2001:db8::{number}", 0.0) for number in range(3)] == [True, True, False]


def test_only_so_many_addresses_are_remembered_those_that_were_bad_last():  # S4
    allowance = Allowance(per_s=0.001, burst=1, most=3)
    for number in range(1000):
        allowance.spend(f"10.0.0.{number}", 0.0)
        allowance.spend("10.9.9.9", 0.0)
    assert len(allowance._buckets._left) == 3
    assert not allowance.spend("10.9.9.9", 0.0)
    assert allowance.spend("10.0.0.1", 0.0), "forgotten"

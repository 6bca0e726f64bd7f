"""Tokens that run out while their connections last (H102): a warning, a fresh token, or the end."""

from __future__ import annotations

from typing import Any

import pytest

from alsohere.errors import CloseCode
from alsohere.node.expiry import GRACE_S, ExpiryRules
from alsohere.types import User
from support.simulation import SimulatedClient, World

WARNING_S = 60.0


@pytest.fixture
def world() -> World:
    return World(expiry_rules=ExpiryRules(warning_s=WARNING_S))


def in_s(world: World, seconds: float) -> int:
    return int(world.clock.time_s + seconds)


def warnings(client: SimulatedClient) -> list[Any]:
    return [args[0] for name, args in client.events if name == "token:expiring"]


def test_a_client_is_warned_and_ended_when_it_does_nothing(world: World):
    exp = in_s(world, 600)
    ann = world.client("ann", exp=exp)
    world.pass_time(600 - WARNING_S - 1)
    assert warnings(ann) == []
    world.pass_time(2)
    assert warnings(ann) == [{"expires_at": exp * 1000}]
    world.pass_time(WARNING_S + GRACE_S - 3)
    assert ann.closed is None
    world.pass_time(3)
    assert ann.closed == (CloseCode.UNAUTHENTICATED, "the token has expired")
    assert "41" not in ann.packets, "no DISCONNECT: its client comes back, and brings a fresh token"
    assert len(warnings(ann)) == 1


def test_a_fresh_token_keeps_the_connection(world: World):
    ann = world.client("ann", exp=in_s(world, 100))
    world.pass_time(50)
    assert warnings(ann)
    exp = in_s(world, 600)
    assert ann.call("user:identify", {"token": f"ann {exp}"})["ok"]
    world.pass_time(500)
    assert ann.closed is None
    world.pass_time(50)
    assert warnings(ann)[-1] == {"expires_at": exp * 1000}
    world.pass_time(100)
    assert ann.closed[0] == CloseCode.UNAUTHENTICATED


def test_an_older_token_takes_nothing_away_and_gives_nothing(world: World):
    ann = world.client("ann", exp=in_s(world, 100))
    bob = world.client("bob", exp=in_s(world, 100))
    assert ann.call("user:identify", {"token": f"ann {in_s(world, 90)}"})["ok"]
    assert not bob.call("user:identify", {"token": ""})["ok"]
    world.pass_time(100 + GRACE_S + 2)
    assert ann.closed[0] == bob.closed[0] == CloseCode.UNAUTHENTICATED


def test_a_token_of_somebody_else_makes_them_somebody_else_until_it_expires(world: World):
    ann = world.client("ann", exp=in_s(world, 100))
    ann.call("user:identify", {"token": f"bob {in_s(world, 300)}"})
    world.pass_time(200)
    assert (ann.closed, ann.connection.user.id) == (None, "bob")
    world.pass_time(200)
    assert ann.closed is not None


def test_who_came_without_a_date_stays(world: World):
    ann, bob = world.client("ann"), world.client("bob", exp=in_s(world, 100))
    world.node.identify(bob.connection, User("bob"))  # the application vouches for them now
    world.pass_time(100_000)
    assert ann.closed is bob.closed is None


def test_the_setting_switches_it_off():
    world = World(expiry_rules=ExpiryRules(enabled=False))
    ann = world.client("ann", exp=in_s(world, 100))
    world.pass_time(1000)
    assert (ann.closed, warnings(ann)) == (None, [])


def test_a_token_that_is_about_to_expire_is_warned_of_at_once(world: World):
    ann = world.client("ann", exp=in_s(world, -3))
    world.pass_time(1)
    assert warnings(ann)
    world.pass_time(GRACE_S)
    assert ann.closed is not None


def test_what_the_main_namespace_shows_counts_for_the_others_of_the_same_user(world: World):
    world.hooks.namespace("/other")
    ann = world.client("ann", exp=in_s(world, 100))
    ann.send(f'40/other,{{"user":"ann","exp":{in_s(world, 100)}}}')
    ann.call("user:identify", {"token": f"ann {in_s(world, 600)}"})
    world.pass_time(400)
    assert ann.closed is None
    world.pass_time(300)
    assert ann.closed[0] == CloseCode.UNAUTHENTICATED


def test_the_clock_of_the_wall_decides(world: World):
    ann = world.client("ann", exp=in_s(world, 10_000))
    world.clock.step_ms = 9_950_000  # somebody sets it; that is noticed within a minute
    world.pass_time(61)
    assert (len(warnings(ann)), ann.closed) == (1, None)
    world.pass_time(GRACE_S)
    assert ann.closed is not None


def test_who_is_gone_leaves_nothing(world: World):
    ann = world.client("ann", exp=in_s(world, 10_000))
    ann.lose_transport()
    world.pass_time(5)
    assert len(world.node.expiries._wheel) == 0
    world.pass_time(20_000)

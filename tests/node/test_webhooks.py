"""What happens on the real node, under a simulated clock, as the events that are kept for the application."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest

from alsohere.backends.memory_webhooks import MemoryWebhooks
from alsohere.domain.inbox import shown
from alsohere.domain.webhook import OWED_MS, Happening
from alsohere.errors import ConfigError, Refusal, Unavailable
from alsohere.node import webhooks
from alsohere.node.webhooks import WebhookRules
from alsohere.notices import Draft, Entry, Marks, Notice
from support.loop import asynchronous, turns, until
from support.simulation import SimulatedClient, World

ON = WebhookRules(enabled=True)


class BrokenStore(MemoryWebhooks):
    """A store whose database may be away."""

    away = False

    def write(self, happenings: Sequence[Happening], done: Callable[[int | Refusal], None]) -> None:
        if self.away:
            done(Unavailable("away"))
        else:
            super().write(happenings, done)


class Site:
    """A node that tells an application."""

    def __init__(self, rules: WebhookRules = ON) -> None:
        self.store = BrokenStore(first_id=0)
        self.world = World(webhook_store=self.store, webhook_rules=rules)

    def client(self, user: str) -> SimulatedClient:
        client = SimulatedClient(self.world)
        client.send("40" + json.dumps({"user": user}))
        return client

    async def told(self, seconds: float = 1.0) -> list[tuple[str, Any]]:
        """All events by now: what, and of whom."""
        self.world.pass_time(seconds)
        events = await self.store.pending(0, 1000)
        found = []
        for event in events:
            data = json.loads(bytes(event.data))
            who = data.get("user", data.get("reason"))
            found.append((event.type, who["id"] if isinstance(who, dict) else who or data["room"]))
        return found


@asynchronous
async def test_everything_is_told_in_the_order_in_which_it_became_so() -> None:
    site = Site()
    ann = site.client("ann")
    ann.ask("room:enter", {"room": "/post/1"})
    bob = site.client("bob")
    bob.ask("room:enter", {"room": "/post/1"})
    site.client("bob").ask("room:enter", {"room": "/post/1"})  # a second tab is no event
    ann.ask("room:leave", {"room": "/post/1"})
    assert await site.told() == [
        ("snapshot.needed", "started"),
        ("user.online", "ann"),
        ("room.occupied", "/post/1"),
        ("member.entered", "ann"),
        ("user.online", "bob"),
        ("member.entered", "bob"),
        ("member.left", "ann"),
    ]
    bob.ask("room:leave", {"room": "/post/1"})
    assert (await site.told())[7:] == []  # the other tab is still there
    site.world.node.kick("bob")
    assert (await site.told())[7:] == [("user.offline", "bob"), ("member.left", "bob"), ("room.vacated", "/post/1")]


@asynchronous
async def test_only_what_was_asked_for_is_told() -> None:
    rules = WebhookRules(enabled=True, events=frozenset({"member.entered"}), rooms=("/posts/*",))
    site = Site(rules)
    ann = site.client("ann")
    ann.ask("room:enter", {"room": "/posts/1"})
    ann.ask("room:enter", {"room": "/secret"})
    assert await site.told() == [("snapshot.needed", "started"), ("member.entered", "ann")]
    snapshot = await site.world.node.webhooks.snapshot()
    assert (snapshot.rooms, snapshot.online, snapshot.position) == ({"/posts/1": ["ann"]}, ["ann"], 2)


@asynchronous
async def test_without_an_address_nothing_is_kept_and_a_snapshot_is_given_all_the_same() -> None:
    site = Site(WebhookRules(enabled=False))
    site.client("ann")
    assert await site.told() == []
    assert (await site.world.node.webhooks.snapshot()).online == ["ann"]


@asynchronous
async def test_locks_and_receipts_are_told_once_they_are_written() -> None:
    site = Site()
    ann = site.client("ann")
    ann.ask("lock:acquire", {"lock": "doc"})
    site.client("bob").ask("lock:acquire", {"lock": "doc"})
    ann.ask("lock:release", {"lock": "doc"})
    site.world.node.inbox.send([Draft(category="system", title="Hello", to=("ann",))], lambda _: None)
    ann.ask("inbox:mark", {"all": True, "as": "read"})
    found = [one for one in await site.told() if one[0].startswith(("lock", "notification"))]
    assert found[:3] == [("lock.acquired", "ann"), ("lock.released", "ann"), ("lock.acquired", "bob")]
    assert found[3:] == [("notification.delivered", "ann"), ("notification.read", "ann")]
    snapshot = await site.world.node.webhooks.snapshot()
    assert [(lock.lock, lock.holder.id, lock.fence) for lock in snapshot.locks if lock.holder] == [("doc", "bob", 2)]


@asynchronous
async def test_a_snapshot_is_given_when_all_that_it_shows_is_written() -> None:
    site = Site()
    site.client("ann")
    site.store.away = True
    asking = site.world.node.webhooks.snapshot()
    answers: list[Any] = []

    async def ask() -> None:
        answers.append(await asking)

    site.world.node.spawn(ask())
    await until(lambda: site.world.node.webhooks._positions)
    site.client("bob")  # after the snapshot: its event has a larger id
    site.store.away = False
    site.world.pass_time(2.0)
    await until(lambda: answers)
    assert (answers[0].online, answers[0].position) == (["ann"], 2)
    assert await site.told() == [("snapshot.needed", "started"), ("user.online", "ann"), ("user.online", "bob")]


@asynchronous
async def test_what_a_database_did_not_take_waits_and_keeps_its_order() -> None:
    site = Site()
    site.store.away = True
    site.client("ann")
    assert await site.told(5.0) == []
    assert site.world.node.webhooks.waiting == 2
    with pytest.raises(Unavailable):
        await answered(site)
    site.client("bob")
    site.store.away = False
    assert await site.told(5.0) == [("snapshot.needed", "started"), ("user.online", "ann"), ("user.online", "bob")]


async def answered(site: Site) -> Any:
    """A snapshot, while time goes on."""
    results: list[Any] = []

    async def ask() -> None:
        try:
            results.append(await site.world.node.webhooks.snapshot())
        except Refusal as refusal:
            results.append(refusal)

    site.world.node.spawn(ask())
    await until(lambda: site.world.pass_time(0.5) or results)
    if isinstance(results[0], Refusal):
        raise results[0]
    return results[0]


@asynchronous
async def test_a_notification_for_the_application_is_told_once_however_long_the_database_is_away() -> None:
    site = Site()
    site.client("ann")
    await site.told()
    site.store.away = True
    hooks, answers = site.world.node.webhooks, []
    notification = shown(Entry(Notice(id=7, category="message", audience="users", created_at=0), Marks()), "silent")

    async def tell() -> None:
        await hooks.pending("bob", notification)
        answers.append("told")

    site.world.node.spawn(tell())
    await until(lambda: hooks._positions)
    site.world.pass_time(30.0)
    await turns()
    assert answers == []
    site.store.away = False
    site.world.pass_time(2.0)
    await until(lambda: answers)
    assert [what for what, _ in await site.told()].count("notification.pending") == 1


@asynchronous
async def test_what_is_dropped_because_too_much_waits_is_followed_by_a_word_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "MOST_WAITING", 10)
    site = Site()
    site.store.away = True
    ann = site.client("ann")
    for number in range(8):
        ann.ask("room:enter", {"room": f"/post/{number}"})
    site.store.away = False
    told = await site.told(5.0)
    assert told[0] == ("snapshot.needed", "lost")
    assert site.world.node.webhooks.dropped == 10
    assert (await answered(site)).position == len(told)


@asynchronous
async def test_old_events_are_removed() -> None:
    site = Site(WebhookRules(enabled=True, retention_s=100.0))
    site.client("ann")
    await site.told()
    events = await site.store.pending(0, 10)
    await site.store.settle([msgspec.structs.replace(event, state="delivered", delivered_at=1) for event in events])
    site.client("bob")
    await site.told()
    site.world.pass_time(2 * webhooks.PRUNE_S)  # although nothing more happens
    assert [event.type for event in await site.store.log(None, None, 10)] == ["user.online"]
    assert await site.told() == [("user.online", "bob")]  # which is owed
    site.world.pass_time(OWED_MS / 1000)
    assert await site.told() == []


@asynchronous
async def test_all_that_is_old_is_removed_however_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "PRUNE_SLICE", 2)
    site = Site(WebhookRules(enabled=True, retention_s=100.0))
    for user in ("ann", "bob", "cid", "dan"):
        site.client(user)
    await site.told()
    events = await site.store.pending(0, 10)
    await site.store.settle([msgspec.structs.replace(event, state="delivered", delivered_at=1) for event in events])
    site.world.pass_time(webhooks.FIRST_PRUNE_S + webhooks.PRUNE_S)
    assert await site.store.log(None, None, 10) == []


@asynchronous
async def test_a_position_is_right_after_others_were_given_ids_in_between() -> None:
    site = Site()
    site.client("ann")
    await site.told()
    hooks = site.world.node.webhooks  # an erasure writes an event of its own:
    site.store.write([Happening(1, "snapshot.needed", "server", msgspec.Raw(b'{"reason":"erased"}'))], lambda _: None)
    site.client("bob")
    await site.told()
    ids = {event.type + event.subject: event.id for event in await site.store.pending(0, 10)}
    assert ids["user.onlineuser:bob"] == ids["user.onlineuser:ann"] + 2
    assert await hooks._position(2) == ids["user.onlineuser:ann"]
    assert (await hooks.snapshot()).position == ids["user.onlineuser:bob"]


def test_a_rule_that_names_no_room_is_refused_by_its_setting() -> None:
    with pytest.raises(ConfigError, match="webhook_rooms: "):
        Site(WebhookRules(enabled=True, rooms=("@online",)))

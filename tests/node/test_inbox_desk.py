"""Messages through the real node under a simulated clock: sent, delivered, marked, and the same badge in every tab."""

from __future__ import annotations

from typing import Any

from alsohere.domain.attention import Category
from alsohere.errors import Refusal
from alsohere.node.inbox_desk import InboxRules
from alsohere.notices import Draft, Edit, Filter, SendResult
from support.inbox_readers import BETWEEN_USERS, Reader, send, tick
from support.loop import asynchronous, until
from support.simulation import World


@asynchronous
async def test_who_is_here_gets_it_in_every_tab_and_every_badge_says_one() -> None:  # I1, I4
    world = World()
    tabs = [Reader(world, "ann"), Reader(world, "ann")]
    result = send(world, to=("ann", "bob"))
    assert {user: (told.connections, told.stored) for user, told in result.results.items()} == {
        "ann": (2, True),
        "bob": (0, True),
    }
    await tick(world)
    for tab in tabs:
        assert [(one["id"], one["title"], one["show"]) for one in tab.shown] == [(result.id, "Hello", "toast")]
        assert tab.badge == {"total": 1, "by_category": {"system": 1}}
    page = await world.inbox_store.page("ann", Filter(), world.clock.wall_ms())
    assert page.entries[0].marks.delivered_at is not None, "acknowledged is delivered"


@asynchronous
async def test_who_was_away_is_told_when_they_come_oldest_first_however_much_it_is() -> None:  # I1, I2
    world = World()
    sent = [send(world, to=("ann",), title=str(number)).id for number in range(100)]
    ann = Reader(world, "ann")
    await tick(world)
    await until(lambda: len(ann.shown) == 100)
    assert [one["id"] for one in ann.shown] == sent
    assert ann.badge == {"total": 100, "by_category": {"system": 100}}
    ann.lose_transport()
    world.pass_time(1)
    again = Reader(world, "ann")
    await tick(world)
    assert again.shown == [], "what was acknowledged is not delivered again"
    assert again.badge["total"] == 100


@asynchronous
async def test_a_client_that_never_acknowledges_is_sent_what_is_new_all_the_same() -> None:
    world = World()
    for _ in range(50):
        send(world, to=("ann",))
    ann = Reader(world, "ann", is_lazy=True)
    await tick(world)
    assert len(ann.shown) == 32
    await tick(world, 11)
    for _ in range(100):
        send(world, to=("ann",), title="new")
    assert len([one for one in ann.shown if one["title"] == "new"]) == 100
    assert ann.closed is None


@asynchronous
async def test_what_is_new_waits_behind_what_waited() -> None:  # I2
    world = World()
    for _ in range(40):
        send(world, to=("ann",))
    ann = Reader(world, "ann")
    new = send(world, to=("ann",), title="new")
    await tick(world)
    await until(lambda: len(ann.shown) == 41)
    assert [one["id"] for one in ann.shown] == sorted(one["id"] for one in ann.shown)
    assert ann.shown[-1]["id"] == new.id


@asynchronous
async def test_the_line_of_a_digest_is_marked_by_its_topic() -> None:
    world = World()
    bob, second = Reader(world, "bob"), Reader(world, "bob")
    for topic in ("/posts/1", "/posts/1", "/posts/2", None):
        send(world, to=("bob",), topic=topic, category="publication")
    await tick(world)
    answer = bob.call("inbox:mark", {"all": True, "topic": "/posts/1", "as": "read"})
    assert (answer["changed"], answer["unread"]["total"]) == (2, 2)
    assert second.last("inbox:marked") == {"as": "read", "at": world.clock.wall_ms(), "all": True, "topic": "/posts/1"}
    assert bob.call("inbox:mark", {"all": True, "topic": "\0", "as": "read"})["error"]["code"] == "bad_request"
    assert bob.call("inbox:mark", {"all": True, "topic": "/posts/2", "category": "system", "as": "read"})["changed"] == 0


@asynchronous
async def test_reading_in_one_tab_is_told_in_the_others_and_to_the_sender() -> None:  # I4
    world = World(inbox_rules=BETWEEN_USERS)
    ann, bob, second = Reader(world, "ann"), Reader(world, "bob"), Reader(world, "bob")
    answer = ann.call("message:send", {"to": "bob", "body": "Tea?", "key": "1"})
    assert answer["results"] == {"bob": {"stored": True}}
    assert ann.call("message:send", {"to": "bob", "body": "Tea?", "key": "1"})["id"] == answer["id"], "I3"
    await tick(world)
    assert [(one["body"], one["sender"]["id"]) for one in bob.shown] == [("Tea?", "ann")]
    assert ann.last("message:receipt")["delivered_at"]
    assert bob.call("inbox:mark", {"ids": [answer["id"]], "as": "read"}) == {
        "ok": True,
        "changed": 1,
        "unread": {"total": 0, "by_category": {}},
    }
    assert bob.badge == second.badge == {"total": 0, "by_category": {}}
    assert second.last("inbox:marked") == {"as": "read", "at": world.clock.wall_ms(), "ids": [answer["id"]]}
    assert not [name for name, _ in bob.events if name == "inbox:marked"]
    assert ann.last("message:receipt")["read_at"]


@asynchronous
async def test_recall_and_the_end_take_it_off_every_screen() -> None:  # I6
    world = World()
    ann = Reader(world, "ann")
    first = send(world, to=("ann",)).id
    second = send(world, to=("ann",), expires_at=world.clock.wall_ms() + 5000).id
    await tick(world)
    assert ann.badge["total"] == 2
    world.node.inbox.recall(first, lambda answer: None)
    await tick(world)
    assert ann.last("notification:recalled") == {"ids": [first]}
    assert ann.badge["total"] == 1
    await tick(world, 6)
    assert ann.last("notification:recalled") == {"ids": [second]}
    assert ann.badge["total"] == 0
    assert (await ann.wants("inbox:list", {}))["items"] == []


@asynchronous
async def test_an_announcement_is_stored_once_and_reaches_all_who_come_while_it_lasts() -> None:  # I5
    world = World()
    ann = Reader(world, "ann")
    result = send(world, audience="everyone", category="announcement", expires_at=world.clock.wall_ms() + 60_000)
    assert result.results["*"].connections == 1
    late = Reader(world, "bob")
    await tick(world)
    assert [one["id"] for one in (*ann.shown, *late.shown)] == [result.id, result.id]
    assert late.badge["by_category"] == {"announcement": 1}
    await tick(world, 61)
    last = Reader(world, "cem")
    await tick(world)
    assert last.shown == []


@asynchronous
async def test_an_announcement_for_some_is_told_to_no_other() -> None:  # I5
    world = World()
    ours, theirs = Reader(world, "acme:ann"), Reader(world, "bob")
    result = send(world, audience="everyone", category="announcement", among="acme:*")
    assert result.results["*"].connections == 1
    late = [Reader(world, "acme:cem"), Reader(world, "dia")]
    await tick(world)
    world.node.inbox.edit(result.id, Edit(title="Closing"), lambda answer: None)
    await tick(world)
    assert [len(one.shown) for one in (ours, theirs, *late)] == [1, 0, 1, 0]
    assert [any(name == "notification:changed" for name, _ in one.events) for one in (ours, theirs)] == [True, False]
    assert [one.badge["total"] for one in (ours, late[0])] == [1, 1]
    assert not any(args[0]["unread"]["total"] for name, args in theirs.events if name == "inbox:changed")


@asynchronous
async def test_what_begins_later_is_told_when_it_begins() -> None:
    world = World()
    ann = Reader(world, "ann")
    send(world, to=("ann",), starts_at=world.clock.wall_ms() + 5000)
    await tick(world, 4)
    assert ann.shown == []
    await tick(world, 2)
    assert len(ann.shown) == 1


@asynchronous
async def test_silent_in_the_very_room_a_toast_elsewhere_and_nothing_loud_when_muted() -> None:
    world = World()
    ann = Reader(world, "ann")

    def last() -> str:
        return ann.shown[-1]["show"]

    send(world, to=("ann",), category="message", room="/post/1")
    assert last() == "toast"
    ann.call("room:enter", {"room": "/post/1"})
    send(world, to=("ann",), category="message", room="/post/1")
    assert last() == "silent"
    send(world, to=("ann",), category="message", room="/post/1", critical=True)
    assert last() == "toast"
    ann.call("inbox:preferences", {"mute": {"categories": ["reminder"]}})
    send(world, to=("ann",), category="reminder")
    assert last() == "silent"
    send(world, to=("ann",), category="reminder", critical=True)
    assert last() == "toast"
    assert ann.call("inbox:preferences", {"unmute": {"categories": ["reminder"]}})["muted"]["categories"] == []
    ann.call("inbox:preferences", {"quiet": {"from": "00:00", "to": "23:59", "tz": "Europe/Prague"}})
    send(world, to=("ann",), category="reminder")
    assert last() == "silent"


@asynchronous
async def test_preferences_are_told_in_every_tab_when_they_are_others_than_before() -> None:
    world = World()
    ann, second, bob = Reader(world, "ann"), Reader(world, "ann"), Reader(world, "bob")
    told = {"muted": {"categories": ["reminder"], "topics": ["/p"]}, "quiet": None}
    for _ in range(2):
        assert ann.call("inbox:preferences", {"mute": {"categories": ["reminder"], "topics": ["/p"]}}) == {"ok": True, **told}
        assert second.call("inbox:preferences", {}) == {"ok": True, **told}
    facts = [[args[0] for name, args in one.events if name == "preferences:changed"] for one in (ann, second, bob)]
    assert facts == [[told], [told], []]


@asynchronous
async def test_a_category_that_is_critical_makes_what_is_sent_so() -> None:
    world = World(inbox_rules=InboxRules(enabled=True, categories={"alarm": Category(critical=True)}, retention_s=86_400))
    ann = Reader(world, "ann")
    ann.call("inbox:preferences", {"mute": {"categories": ["alarm"]}})
    result = send(world, to=("ann",), category="alarm")
    assert not result.results["ann"].muted
    assert (ann.shown[-1]["show"], ann.shown[-1]["critical"]) == ("toast", True)


@asynchronous
async def test_an_edit_is_shown_where_it_is_shown() -> None:
    world = World()
    ann = Reader(world, "ann")
    sent = send(world, to=("ann",))
    world.node.inbox.edit(sent.id, Edit(title="Hello again"), lambda answer: None)
    assert ann.last("notification:changed")["notification"]["title"] == "Hello again"


@asynchronous
async def test_followers_get_what_is_sent_to_a_topic_as_long_as_they_follow() -> None:
    world = World()
    ann = Reader(world, "ann")
    assert ann.call("topic:follow", {"topic": "/post/1"}) == {"ok": True}
    send(world, audience="topic", topic="/post/1", category="subscription")
    ann.call("topic:unfollow", {"topic": "/post/1"})
    send(world, audience="topic", topic="/post/1", category="subscription")
    assert len(ann.shown) == 1
    for _ in range(3):
        send(world, to=("ann",), topic="/post/2")
    digest = await ann.wants("inbox:list", {"digest": True})
    assert [(item["topic"], item.get("digest")) for item in digest["items"]] == [("/post/2", {"count": 3}), ("/post/1", None)]


@asynchronous
async def test_who_may_not() -> None:
    world = World()
    ann = Reader(world, "ann")

    def refused(event: str, argument: Any) -> str:
        return ann.call(event, argument)["error"]["code"]

    assert refused("message:send", {"to": "bob", "title": "x"}) == "forbidden"
    assert refused("push:send", {"name": "x", "to": ["bob"]}) == "forbidden"
    assert refused("inbox:mark", {"as": "read"}) == "bad_request"
    assert refused("inbox:mark", {"as": "read", "ids": list(range(501))}) == "limit"
    assert refused("inbox:list", {"limit": 0}) == "bad_request"
    assert refused("inbox:preferences", {"quiet": {"from": "25:00", "to": "1:00", "tz": "UTC"}}) == "bad_request"
    assert refused("inbox:preferences", {"quiet": {"from": "22:00", "to": "07:00", "tz": "Mars/Base"}}) == "bad_request"
    assert refused("topic:follow", {"topic": ""}) == "bad_request"
    assert (await ann.wants("inbox:mark", {"as": "read", "ids": [99]}))["error"]["code"] == "not_found", "(H96)"


@asynchronous
async def test_a_refused_draft_is_refused_alone() -> None:
    world = World()
    answers: list[Any] = []
    drafts = [Draft(category="system", title="x", to=("ann",)), Draft(category="system", title="", to=("ann",))]
    world.node.inbox.send(drafts, answers.append)
    assert isinstance(answers[0][0], SendResult)
    assert isinstance(answers[0][1], Refusal)


@asynchronous
async def test_nothing_is_kept_of_connections_that_ended() -> None:
    world = World()
    for _ in range(40):
        send(world, to=("ann",))
    ann = Reader(world, "ann", is_lazy=True)
    await tick(world)
    ann.lose_transport()
    await tick(world, 20)
    inbox = world.node.inbox
    assert not any(
        (
            inbox._arrivals._arriving,
            inbox._arrivals._unfinished,
            inbox._wishes,
            inbox.deliveries._windows,
            inbox.deliveries._owing,
        )
    )


@asynchronous
async def test_what_is_read_is_removed_when_it_is_old_and_what_is_not_stays() -> None:
    world = World()
    ann = Reader(world, "ann")
    old, unread = send(world, to=("ann",)).id, send(world, to=("ann",)).id
    ann.call("inbox:mark", {"ids": [old], "as": "read"})
    ann.lose_transport()
    world.pass_time(80_000)
    page = await world.inbox_store.page("ann", Filter(state="all"), world.clock.wall_ms())
    assert [entry.notice.id for entry in page.entries] == [old, unread][::-1], "kept for a day after it was sent"
    world.pass_time(10_000)
    page = await world.inbox_store.page("ann", Filter(state="all"), world.clock.wall_ms())
    assert [entry.notice.id for entry in page.entries] == [unread]

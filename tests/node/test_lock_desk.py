"""Locks through the real node under a simulated clock: commands in, answers and facts out."""

from __future__ import annotations

from support.loop import asynchronous, until
from support.simulation import SimulatedClient, World


def held(client: SimulatedClient, lock: str = "doc:1") -> dict:
    answer = client.call("lock:acquire", {"lock": lock})
    assert answer["status"] == "held", answer
    return answer


def test_first_gets_it_and_second_waits() -> None:
    """L1, L4."""
    world = World()
    ann, bob, cy = world.client("ann"), world.client("bob"), world.client("cy")
    first = held(ann)
    second = bob.call("lock:acquire", {"lock": "doc:1"})
    assert (second["status"], second["position"], second["holder"]["id"]) == ("queued", 1, "ann")
    assert cy.call("lock:acquire", {"lock": "doc:1"})["position"] == 2
    assert cy.call("lock:acquire", {"lock": "doc:1", "wait": False})["position"] == 2, "who waits already, waits"
    assert ann.call("lock:release", {"lock": "doc:1", "fence": first["fence"]}) == {"ok": True}
    granted = bob.last("lock:granted")
    assert granted["fence"] > first["fence"], "L2"
    assert granted["reason"] == "released"
    assert granted["receipt"]


def test_refused_without_waiting() -> None:
    world = World()
    ann, bob = world.client("ann"), world.client("bob")
    held(ann)
    answer = bob.call("lock:acquire", {"lock": "doc:1", "wait": False})
    assert answer["status"] == "refused"
    assert "position" not in answer
    assert answer["waiting"] == 0


def test_wrong_holder_and_wrong_fence_change_nothing() -> None:
    """L3."""
    world = World()
    ann, bob = world.client("ann"), world.client("bob")
    fence = held(ann)["fence"]
    for command in ("lock:release", "lock:touch", "lock:hand_over"):
        assert bob.call(command, {"lock": "doc:1"})["error"]["code"] == "not_holder"
        assert ann.call(command, {"lock": "doc:1", "fence": fence - 1})["error"]["code"] == "not_holder"
    assert held(ann)["fence"] == fence


def test_a_place_in_the_queue_is_given_back_whatever_fence_was_the_last() -> None:
    """A page that let go before it heard that the lock was lost must not wait for it unasked."""
    world = World()
    ann, bob = world.client("ann"), world.client("bob")
    fence = held(ann)["fence"]
    bob.call("lock:acquire", {"lock": "doc:1"})
    assert bob.call("lock:release", {"lock": "doc:1", "fence": fence}) == {"ok": True}
    assert held(ann)["waiting"] == 0


def test_refresh_keeps_the_lock_and_its_fence() -> None:
    """L6."""
    world = World()
    ann, bob = world.client("ann"), world.client("bob")
    fence = held(ann)["fence"]
    bob.call("lock:acquire", {"lock": "doc:1"})
    ann.lose_transport()
    world.pass_time(5)
    again = world.client("ann")
    assert held(again)["fence"] == fence
    world.pass_time(30)
    assert not [name for name, _ in bob.events if name == "lock:granted"]


def test_lost_holder_passes_it_on_after_the_grace() -> None:
    """L6, L10."""
    world = World()
    ann, bob = world.client("ann"), world.client("bob")
    held(ann)
    bob.call("lock:acquire", {"lock": "doc:1"})
    ann.lose_transport()
    world.pass_time(9.5)
    assert not [name for name, _ in bob.events if name == "lock:granted"]
    world.pass_time(1)
    assert bob.last("lock:granted")["reason"] == "expired"


def test_second_tab_moves_it_and_the_first_is_told() -> None:
    """L6."""
    world = World()
    first, second = world.client("ann"), world.client("ann")
    fence = held(first)["fence"]
    assert held(second)["fence"] > fence
    assert first.last("lock:lost") == {"lock": "doc:1", "reason": "moved"}
    assert first.call("lock:touch", {"lock": "doc:1"})["error"]["code"] == "not_holder"


def test_idle_holder_is_warned_and_loses_it_only_if_somebody_waits() -> None:
    """L7."""
    world = World()
    ann, bob = world.client("ann"), world.client("bob")
    held(ann)
    world.pass_time(300)
    assert [name for name, _ in ann.events] == ["lock:changed"]
    bob.call("lock:acquire", {"lock": "doc:1"})
    warned = ann.last("lock:warned")
    assert warned["release_at"] - world.clock.wall_ms() in range(19_000, 20_001)
    world.pass_time(10)
    ann.call("lock:touch", {"lock": "doc:1"})
    world.pass_time(119)
    assert not [name for name, _ in bob.events if name == "lock:granted"]
    world.pass_time(25)
    assert ann.last("lock:lost")["reason"] == "idle"
    assert bob.last("lock:granted")["reason"] == "idle"


def test_request_hands_over_to_who_asked() -> None:
    """L8: also past somebody who only waits (L4's exception)."""
    world = World()
    ann, bob, cy = world.client("ann"), world.client("bob"), world.client("cy")
    held(ann)
    bob.call("lock:acquire", {"lock": "doc:1"})
    asked = cy.call("lock:request", {"lock": "doc:1"})
    assert asked["status"] == "asked"
    requested = ann.last("lock:requested")
    assert requested["by"]["id"] == "cy"
    assert requested["hand_over_at"] == asked["hand_over_at"]
    assert bob.call("lock:request", {"lock": "doc:1"})["status"] == "queued", "one request at a time"
    world.pass_time(21)
    assert ann.last("lock:lost") == {
        "lock": "doc:1",
        "reason": "handed_over",
        "by": {"id": "cy", "name": "Cy", "info": None, "anonymous": False},
    }
    assert cy.last("lock:granted")["reason"] == "handed_over"


def test_hand_over_to_somebody_who_does_not_wait_is_refused() -> None:
    world = World()
    ann, bob = world.client("ann"), world.client("bob")
    held(ann)
    assert ann.call("lock:hand_over", {"lock": "doc:1", "to": "bob"})["error"]["code"] == "not_waiting"
    bob.call("lock:acquire", {"lock": "doc:1"})
    assert ann.call("lock:hand_over", {"lock": "doc:1", "to": "bob"}) == {"ok": True}
    assert bob.last("lock:granted")["reason"] == "handed_over"


@asynchronous
async def test_take_needs_the_applications_word_and_is_audited() -> None:
    """L9."""
    world = World()
    ann, bob = world.client("ann"), world.client("bob")
    fence = held(ann)["fence"]
    assert bob.call("lock:take", {"lock": "doc:1"})["error"]["code"] == "forbidden"
    world.hooks.authorize = lambda user, action, room: (user.id, action, room) == ("bob", "take", "doc:1")
    asked = bob.ask("lock:take", {"lock": "doc:1", "why": "month end"})
    await until(lambda: asked in bob.acks)
    assert bob.acks[asked][0]["fence"] > fence
    lost = ann.last("lock:lost")
    assert (lost["reason"], lost["by"]["id"], lost["why"]) == ("taken", "bob", "month end")
    audits: list = []
    world.lock_store.audits("doc:1", 10, audits.extend)
    assert [(audit.action, audit.by_user, audit.from_user, audit.why) for audit in audits] == [
        ("taken", "bob", "ann", "month end")
    ]


def test_dead_waiter_is_passed_over_and_keeps_the_place_for_a_refresh() -> None:
    """L10, L4."""
    world = World()
    ann, bob, cy = world.client("ann"), world.client("bob"), world.client("cy")
    held(ann)
    bob.call("lock:acquire", {"lock": "doc:1"})
    cy.call("lock:acquire", {"lock": "doc:1"})
    bob.lose_transport()
    world.pass_time(1)
    again = world.client("bob")
    assert again.call("lock:acquire", {"lock": "doc:1"})["position"] == 1
    again.lose_transport()
    ann.call("lock:release", {"lock": "doc:1"})
    assert cy.last("lock:granted")["reason"] == "released"


def test_watchers_hear_of_it_and_newcomers_are_told() -> None:
    world = World()
    ann, eve = world.client("ann"), world.client("eve")
    eve.call("room:watch", {"rooms": ["doc:1"], "watch": "count"})
    held(ann, "doc:1#title")
    world.pass_time(0.2)
    changed = eve.last("lock:changed")
    assert (changed["lock"], changed["holder"]["id"], changed["queue"]) == ("doc:1#title", "ann", [])
    late = world.client("late")
    late.call("room:enter", {"room": "doc:1"})
    assert late.last("lock:changed") == changed
    ann.call("lock:release", {"lock": "doc:1#title"})
    world.pass_time(0.2)
    assert eve.last("lock:changed")["holder"] is None
    assert not [name for name, _ in world.client("other").events if name.startswith("lock:")]


def test_two_fields_two_holders() -> None:
    world = World()
    held(world.client("ann"), "doc:1#title")
    held(world.client("bob"), "doc:1#text")


def test_explicit_goodbye_releases_at_once() -> None:
    world = World()
    ann, bob = world.client("ann"), world.client("bob")
    held(ann)
    bob.call("lock:acquire", {"lock": "doc:1"})
    ann.send("41")
    assert bob.last("lock:granted")["reason"] == "released"


def test_bad_names() -> None:
    ann = World().client("ann")
    for name in ("", "#title", "x" * 201, "a\nb", "@secret"):
        assert ann.call("lock:acquire", {"lock": name})["error"]["code"] == "bad_lock", name


def test_limits() -> None:
    world = World()
    ann = world.client("ann")
    for number in range(32):
        held(ann, f"doc:{number}")
    assert ann.call("lock:acquire", {"lock": "doc:32"})["error"]["code"] == "limit"


def test_nothing_is_kept_of_free_locks() -> None:
    """P11 for locks."""
    world = World()
    ann, bob = world.client("ann"), world.client("bob")
    held(ann)
    bob.call("lock:acquire", {"lock": "doc:1"})
    ann.call("lock:release", {"lock": "doc:1"})
    bob.call("lock:release", {"lock": "doc:1"})
    ann.lose_transport()
    bob.lose_transport()
    world.pass_time(60)
    assert not list(world.node.locks.board)
    assert not world.node.locks.board._by_sid
    assert not world.node.locks.board._by_room
    assert not world.node.locks._due_of


def test_restart_on_the_same_store_keeps_the_holder_for_the_grace() -> None:
    """L5, L6, L10."""
    world = World()
    ann, bob = world.client("ann"), world.client("bob")
    fence = held(ann)["fence"]
    bob.call("lock:acquire", {"lock": "doc:1"})
    again = World(lock_store=world.lock_store, incarnation="n2")
    bob = again.client("bob")
    assert bob.call("lock:acquire", {"lock": "doc:1"})["status"] == "queued"
    ann = again.client("ann")
    assert held(ann)["fence"] == fence
    third = World(lock_store=world.lock_store, incarnation="n3")
    cy = third.client("cy")
    assert cy.call("lock:acquire", {"lock": "doc:1"})["position"] == 1, "dead waiters wait no more"
    third.pass_time(10.2)
    assert cy.last("lock:granted")["fence"] > fence

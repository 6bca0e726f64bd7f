"""What somebody who resumes is told."""

from __future__ import annotations

from support.simulation import World


def test_what_changed_while_nobody_watched_is_not_skipped_by_who_resumes():
    """P5."""
    world = World()
    world.client("bob").call("room:enter", {"room": "/a", "watch": "none"})
    ann = world.client("ann")
    seen = ann.call("room:watch", {"rooms": ["/a"]})["rooms"][0]
    ann.lose_transport()
    world.client("cem").call("room:enter", {"room": "/a", "watch": "none"})
    since = [seen["epoch"], seen["seq"]]
    again = world.client("ann").call("room:watch", {"rooms": ["/a"], "since": since})["rooms"][0]
    assert not again["recovered"]
    assert {member["id"] for member in again["members"]} == {"bob", "cem"}

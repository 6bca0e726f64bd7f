"""Rooms that are left with the transport, at once."""

from __future__ import annotations

from alsohere.domain.presence import Presence
from alsohere.types import User


def test_a_room_without_grace_is_left_with_the_transport():
    presence = Presence(leave_grace_s=2.0)
    presence.connect("s1", User("ann"))
    presence.enter("s1", "/kept", None, 0)
    presence.enter("s1", "/page", None, 0)
    presence.forgo_grace("s1", "/page")
    (left,) = presence.disconnect("s1", "disconnected", 10.0)
    assert (left.room, left.member, left.reason) == ("/page", None, "disconnected")
    assert [transition.room for transition in presence.expire(12.0)] == ["/kept"]
    assert presence.is_empty()


def test_who_becomes_somebody_else_still_has_no_grace_there():
    presence = Presence(leave_grace_s=2.0)
    presence.connect("s1", User("ann"))
    presence.enter("s1", "/page", None, 0)
    presence.forgo_grace("s1", "/page")
    presence.identify("s1", User("bob"), 0)
    assert [left.user_id for left in presence.disconnect("s1", "disconnected", 10.0)] == ["bob"]


def test_one_hasty_tab_does_not_take_the_grace_from_another():
    presence = Presence(leave_grace_s=2.0)
    for sid in ("hasty", "calm"):
        presence.connect(sid, User("ann"))
        presence.enter(sid, "/page", None, 0)
    presence.forgo_grace("hasty", "/page")
    presence.disconnect("hasty", "disconnected", 10.0)
    assert presence.disconnect("calm", "disconnected", 10.0) == []
    assert [transition.room for transition in presence.expire(12.0)] == ["/page"]

"""Who is in which room: the fold from connections to members."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alsohere.domain.presence import Presence, Transition
from alsohere.errors import NotInRoom
from alsohere.facts import Member
from alsohere.types import User

GRACE_S = 2.0
ANN, BOB = User("ann", "Ann"), User("bob", "Bob")


class Stage:
    """A presence with a clock, and what was told of it."""

    def __init__(self) -> None:
        self.presence = Presence(GRACE_S)
        self.now_s = 100.0
        self.told: list[Transition] = []

    def tell(self, transitions: list[Transition]) -> list[str]:
        """What happened, in words: "enter /r ann"."""
        self.told += transitions
        return [repr(transition)[11:-1] for transition in transitions]

    def connect(self, sid: str, user: User, *rooms: str) -> list[str]:
        words = self.tell(self.presence.connect(sid, user))
        for room in rooms:
            words += self.enter(sid, room)
        return words

    def enter(self, sid: str, room: str, state: Any = None) -> list[str]:
        return self.tell(self.presence.enter(sid, room, state, int(self.now_s * 1000)))

    def lose(self, sid: str) -> list[str]:
        return self.tell(self.presence.disconnect(sid, "disconnected", self.now_s))

    def pass_time(self, seconds: float) -> list[str]:
        self.now_s += seconds
        return self.tell(self.presence.expire(self.now_s))

    def member(self, user_id: str, room: str = "/r") -> Member | None:
        """As somebody knows who was told of every transition."""
        known = [transition.member for transition in self.told if (transition.room, transition.user_id) == (room, user_id)]
        return known[-1] if known else None


@pytest.fixture
def stage() -> Stage:
    return Stage()


# -- Enter and leave ---------------------------------------------------------------------------------------------------


def test_who_enters_is_a_member_until_they_leave(stage: Stage):  # P1, P3
    assert stage.connect("s1", ANN, "/r") == ["enter ann /r"]
    assert stage.member("ann") == Member("ann", "Ann", None, False, "active", {}, 100_000, 1, 1)
    assert stage.tell(stage.presence.leave("s1", "/r")) == ["leave ann /r"]
    assert (stage.told[-1].reason, stage.told[-1].before.id) == ("left", "ann")


def test_entering_again_is_no_second_enter(stage: Stage):  # P2
    stage.connect("s1", ANN, "/r")
    stage.enter("s1", "/r", {"x": 1})
    assert stage.enter("s1", "/r") == []
    assert stage.member("ann").state == {"x": 1}
    assert stage.enter("s1", "/r", {"y": 2}) == ["update ann /r"]
    assert stage.member("ann").state == {"y": 2}


def test_a_second_tab_is_not_a_second_person(stage: Stage):  # P2
    stage.connect("s1", ANN, "/r")
    assert stage.connect("s2", ANN, "/r") == ["update ann /r"]
    assert stage.member("ann").connections == 2
    assert stage.tell(stage.presence.leave("s1", "/r")) == ["update ann /r"]
    assert stage.tell(stage.presence.leave("s2", "/r")) == ["leave ann /r"]


def test_a_later_enter_has_a_larger_generation(stage: Stage):  # P8
    stage.connect("s1", ANN, "/r")
    stage.connect("s2", BOB, "/r")
    stage.presence.leave("s1", "/r")
    stage.now_s += 10
    stage.enter("s1", "/r")
    again = stage.member("ann")
    assert again.generation > stage.member("bob").generation
    assert again.since == 110_000


def test_only_who_is_in_a_room_leaves_updates_or_is_shown_there(stage: Stage):
    stage.connect("s1", ANN, "/r")
    stage.connect("s2", ANN)
    for nothing in (
        lambda: stage.presence.leave("s2", "/r"),
        lambda: stage.presence.update("s2", "/r", {"x": 1}),
        lambda: stage.presence.member("s2", "/r"),
        lambda: stage.presence.state("s2", "/r"),
        lambda: stage.presence.leave("s1", "/elsewhere"),
    ):
        with pytest.raises(NotInRoom):
            nothing()
    assert stage.presence.member("s1", "/r").connections == 1


def test_the_rooms_of_a_connection_are_its_own(stage: Stage):
    stage.connect("s1", ANN, "/r", "/s")
    stage.connect("s2", ANN, "/s", "/t")
    assert stage.presence.rooms("s1") == ["/r", "/s"]
    assert stage.presence.rooms("s2") == ["/s", "/t"]
    assert stage.presence.rooms("nobody") == []


# -- Grace -------------------------------------------------------------------------------------------------------------


def test_a_lost_transport_is_a_leave_after_the_grace(stage: Stage):  # P3
    stage.connect("s1", ANN, "/r", "/s")
    assert stage.lose("s1") == []
    assert stage.presence.next_due_s() == stage.now_s + GRACE_S
    assert stage.pass_time(GRACE_S - 0.01) == []
    assert stage.pass_time(0.01) == ["leave ann /r", "leave ann /s"]
    assert [transition.reason for transition in stage.told[-2:]] == ["disconnected", "disconnected"]
    assert stage.presence.is_empty()


def test_who_comes_back_within_the_grace_was_never_away(stage: Stage):  # P3
    stage.connect("s1", ANN)
    stage.enter("s1", "/r", {"page": 1})
    before = stage.member("ann")
    stage.lose("s1")
    stage.pass_time(1.0)
    assert stage.connect("s2", ANN, "/r") == []
    assert stage.presence.member("s2", "/r") == before
    assert stage.pass_time(10.0) == []
    assert stage.presence.next_due_s() is None
    stage.lose("s2")
    assert stage.pass_time(GRACE_S) == ["leave ann /r"]


def test_who_comes_back_with_another_state_is_updated(stage: Stage):  # P3
    stage.connect("s1", ANN)
    stage.enter("s1", "/r", {"page": 1})
    stage.lose("s1")
    stage.connect("s2", ANN)
    assert stage.enter("s2", "/r", {"page": 2}) == ["update ann /r"]
    assert stage.member("ann").generation == 1


def test_who_comes_back_elsewhere_still_leaves_here(stage: Stage):
    stage.connect("s1", ANN, "/r")
    stage.lose("s1")
    assert stage.connect("s2", ANN, "/s") == ["enter ann /s"]
    assert stage.pass_time(GRACE_S) == ["leave ann /r"]
    assert not stage.presence.is_empty()


def test_a_grace_is_not_inherited_by_the_next(stage: Stage):
    stage.connect("s1", ANN, "/r")
    stage.lose("s1")
    stage.pass_time(1.5)
    stage.connect("s2", ANN, "/r")
    stage.lose("s2")
    assert stage.pass_time(GRACE_S - 0.1) == []
    assert stage.pass_time(0.1) == ["leave ann /r"]


def test_a_lost_tab_beside_another_has_no_grace(stage: Stage):  # P1
    stage.connect("s1", ANN, "/r")
    stage.connect("s2", ANN, "/r")
    assert stage.lose("s1") == ["update ann /r"]
    assert stage.presence.next_due_s() is None


def test_a_tab_that_lost_its_transport_may_not_act(stage: Stage):
    stage.connect("s1", ANN, "/r")
    stage.lose("s1")
    stage.connect("s2", ANN)
    with pytest.raises(NotInRoom):
        stage.presence.update("s2", "/r", {})


# -- Tabs that may be gone ---------------------------------------------------------------------------------------------


def test_a_suspended_tab_is_seen_no_more_until_it_is_resumed(stage: Stage):  # P2
    stage.connect("s1", ANN, "/r", "/s")
    assert stage.tell(stage.presence.suspend("s1")) == ["leave ann /r", "leave ann /s"]
    assert stage.told[-1].reason == "disconnected"
    assert stage.tell(stage.presence.resume("s1", 7000)) == ["enter ann /r", "enter ann /s"]
    member = stage.member("ann")
    assert (member.since, member.generation > 1) == (7000, True)  # P8


def test_beside_another_tab_a_suspended_one_is_only_not_counted(stage: Stage):  # P1
    stage.connect("s1", ANN, "/r")
    stage.connect("s2", ANN)
    stage.enter("s2", "/r", {"of": 2})
    assert stage.tell(stage.presence.suspend("s2")) == ["update ann /r"]
    assert (stage.member("ann").connections, stage.member("ann").state) == (1, {})
    assert stage.tell(stage.presence.resume("s2", 0)) == ["update ann /r"]
    assert (stage.member("ann").connections, stage.member("ann").state) == (2, {"of": 2})


def test_the_last_tab_that_is_there_has_its_grace_beside_a_suspended_one(stage: Stage):  # P3
    stage.connect("s1", ANN)
    stage.enter("s1", "/r", {"of": 1})
    stage.connect("s2", ANN)
    stage.enter("s2", "/r", {"of": 2})
    stage.tell(stage.presence.suspend("s1"))
    assert stage.lose("s2") == []
    assert stage.enter("s1", "/r") == [], "nothing was heard of it all the same"
    assert stage.pass_time(1.0) == []
    assert stage.tell(stage.presence.resume("s1", 0)) == ["update ann /r"], "the user came back"
    assert stage.member("ann").state == {"of": 1}
    assert stage.pass_time(5.0) == []
    stage.tell(stage.presence.suspend("s1"))
    assert stage.lose("s1") == [], "it has had its time already"
    assert stage.pass_time(0.0) == []
    assert stage.presence.person("ann") is None  # P11


def test_a_grace_ends_beside_a_suspended_tab(stage: Stage):  # P3, P4
    stage.connect("s1", ANN, "/r")
    stage.connect("s2", ANN, "/r")
    stage.tell(stage.presence.suspend("s1"))
    stage.lose("s2")
    assert stage.pass_time(2.0) == ["leave ann /r"]
    assert stage.tell(stage.presence.resume("s1", 0)) == ["enter ann /r"]


def test_the_end_of_a_suspended_tab_begins_no_grace_for_another(stage: Stage):  # P3
    stage.connect("s1", ANN, "/r")
    stage.connect("s2", ANN, "/r")
    stage.tell(stage.presence.suspend("s1"))
    assert stage.lose("s1") == []
    assert stage.tell(stage.presence.leave("s2", "/r")) == ["leave ann /r"]


def test_who_leaves_leaves_though_a_suspended_tab_is_still_there(stage: Stage):  # P3
    stage.connect("s1", ANN, "/r")
    stage.connect("s2", ANN, "/r")
    stage.tell(stage.presence.suspend("s1"))
    assert stage.tell(stage.presence.leave("s2", "/r")) == ["leave ann /r"]
    assert stage.tell(stage.presence.resume("s1", 0)) == ["enter ann /r"]


def test_a_suspended_tab_does_not_keep_its_user_active(stage: Stage):
    stage.connect("s1", ANN, "/r")
    stage.connect("s2", ANN, "/r")
    stage.tell(stage.presence.set_status("s2", "idle"))
    assert stage.member("ann").status == "active"
    stage.tell(stage.presence.suspend("s1"))
    assert stage.member("ann").status == "idle"
    assert not stage.presence.attends("ann", "/r")
    stage.tell(stage.presence.resume("s1", 0))
    assert stage.presence.attends("ann", "/r")
    assert stage.member("ann").status == "active"


def test_a_suspended_tab_that_becomes_somebody_else_stays_unseen(stage: Stage):
    stage.connect("s1", ANN, "/r")
    stage.tell(stage.presence.suspend("s1"))
    assert stage.tell(stage.presence.identify("s1", BOB, 0)) == []
    assert stage.presence.person("ann") is None
    assert stage.tell(stage.presence.resume("s1", 0)) == ["enter bob /r"]


def test_a_kick_ends_suspended_tabs_too(stage: Stage):  # P4, P11
    stage.connect("s1", ANN, "/r")
    stage.tell(stage.presence.suspend("s1"))
    assert stage.tell(stage.presence.kick("ann")) == []
    assert stage.tell(stage.presence.resume("s1", 0)) == []
    assert stage.lose("s1") == []
    assert stage.presence.is_empty()


def test_without_grace_a_disconnect_is_a_leave_at_once(stage: Stage):  # P3, P4
    stage.connect("s1", ANN, "/r", "/s")
    assert stage.tell(stage.presence.disconnect("s1", "timeout", stage.now_s, grace=False)) == ["leave ann /r", "leave ann /s"]
    assert stage.told[-1].reason == "timeout"
    assert stage.presence.is_empty()


def test_the_end_of_a_tab_that_is_gone_is_nothing(stage: Stage):  # P4
    stage.connect("s1", ANN, "/r")
    stage.lose("s1")
    assert stage.lose("s1") == []
    assert stage.pass_time(GRACE_S) == ["leave ann /r"]
    assert stage.pass_time(GRACE_S) == []


# -- Kick --------------------------------------------------------------------------------------------------------------


def test_a_kick_ends_every_membership_and_every_grace(stage: Stage):  # P4
    stage.connect("s1", ANN, "/r")
    stage.connect("s2", ANN, "/s")
    stage.lose("s1")
    assert stage.tell(stage.presence.kick("ann")) == ["leave ann /r", "leave ann /s"]
    assert {transition.reason for transition in stage.told[-2:]} == {"kicked"}
    assert stage.presence.rooms("s2") == []
    assert stage.lose("s2") == []
    assert stage.pass_time(GRACE_S) == []
    assert stage.presence.is_empty()


def test_nobody_can_be_kicked(stage: Stage):
    assert stage.presence.kick("nobody") == []


# -- States of several tabs --------------------------------------------------------------------------------------------


def test_of_several_tabs_the_one_that_spoke_last_is_shown(stage: Stage):
    for sid in ("s1", "s2", "s3"):
        stage.connect(sid, ANN)
        stage.enter(sid, "/r", {"tab": sid})
    assert stage.member("ann").state == {"tab": "s3"}
    stage.tell(stage.presence.update("s1", "/r", {"tab": "s1!"}))
    assert stage.member("ann").state == {"tab": "s1!"}
    assert stage.presence.state("s3", "/r") == {"tab": "s3"}


def test_when_the_shown_tab_goes_the_one_before_it_is_shown(stage: Stage):
    for sid in ("s1", "s2", "s3"):
        stage.connect(sid, ANN)
        stage.enter(sid, "/r", {"tab": sid})
    stage.tell(stage.presence.update("s1", "/r", {"tab": "s1!"}))
    stage.tell(stage.presence.leave("s1", "/r"))
    assert stage.member("ann").state == {"tab": "s3"}
    stage.lose("s3")
    assert stage.member("ann").state == {"tab": "s2"}


def test_a_tab_that_enters_without_a_state_takes_over_what_is_shown(stage: Stage):
    stage.connect("s1", ANN)
    stage.enter("s1", "/r", {"cursor": 7})
    stage.connect("s2", ANN, "/r")
    assert stage.member("ann").state == {"cursor": 7}
    assert stage.presence.state("s2", "/r") == {"cursor": 7}


def test_an_update_to_what_is_so_already_is_none(stage: Stage):
    stage.connect("s1", ANN)
    stage.enter("s1", "/r", {"x": 1})
    assert stage.tell(stage.presence.update("s1", "/r", {"x": 1})) == []


# -- Status ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tabs", "shown"),
    [
        (["active"], "active"),
        (["idle"], "idle"),
        (["away", "idle"], "idle"),
        (["away", "idle", "active"], "active"),
        (["away", "away"], "away"),
        (["active", "invisible"], "invisible"),
        (["invisible", "away"], "invisible"),
    ],
)
def test_a_status_is_that_of_the_most_active_tab_and_invisible_is_of_the_person(stage: Stage, tabs: list[Any], shown: str):  # P10
    for number, _ in enumerate(tabs):
        stage.connect(f"s{number}", ANN)
    stage.enter("s0", "/r")
    for number, status in enumerate(tabs):
        stage.tell(stage.presence.set_status(f"s{number}", status))
    assert stage.member("ann").status == shown


def test_a_status_is_shown_in_every_room_and_only_if_it_changes_something(stage: Stage):
    stage.connect("s1", ANN, "/r", "/s")
    stage.connect("s2", ANN)
    assert stage.tell(stage.presence.set_status("s1", "idle")) == []
    assert stage.tell(stage.presence.set_status("s2", "away")) == ["update ann /r", "update ann /s"]
    assert stage.member("ann").status == "idle"
    stage.lose("s2")
    assert stage.lose("s1") == []
    assert stage.member("ann").status == "idle"


def test_when_the_active_tab_goes_the_others_decide(stage: Stage):
    stage.connect("s1", ANN, "/r")
    stage.connect("s2", ANN)
    stage.tell(stage.presence.set_status("s1", "away"))
    assert stage.lose("s2") == ["update ann /r"]
    assert stage.member("ann").status == "away"


def test_who_is_invisible_stays_so_on_the_next_page(stage: Stage):  # P10
    stage.connect("s1", ANN, "/r")
    stage.tell(stage.presence.set_status("s1", "invisible"))
    assert stage.connect("s2", ANN, "/r") == ["update ann /r"]
    assert stage.member("ann").status == "invisible"
    stage.lose("s1")
    stage.lose("s2")
    assert stage.connect("s3", ANN, "/r") == []
    assert stage.presence.member("s3", "/r").status == "invisible"
    stage.tell(stage.presence.set_status("s3", "active"))
    assert stage.member("ann").status == "active"


# -- Identity ----------------------------------------------------------------------------------------------------------


def test_to_become_somebody_else_is_to_leave_and_to_enter(stage: Stage):
    stage.connect("s1", ANN)
    stage.enter("s1", "/r", {"x": 1})
    stage.enter("s1", "/s")
    stage.tell(stage.presence.set_status("s1", "idle"))
    words = stage.tell(stage.presence.identify("s1", BOB, 123))
    assert sorted(words) == ["enter bob /r", "enter bob /s", "leave ann /r", "leave ann /s"]
    assert (stage.member("ann"), stage.told[-1].reason) == (None, None)
    bob = stage.member("bob")
    assert (bob.name, bob.state, bob.status, bob.since) == ("Bob", {"x": 1}, "idle", 123)


def test_the_other_tabs_stay_who_they_were(stage: Stage):
    stage.connect("s1", ANN, "/r")
    stage.connect("s2", ANN, "/r", "/s")
    words = stage.tell(stage.presence.identify("s1", BOB, 0))
    assert words == ["update ann /r", "enter bob /r"]
    assert (stage.member("ann").connections, stage.member("bob").connections) == (1, 1)
    assert stage.presence.rooms("s1") == ["/r"]


def test_to_become_somebody_who_is_here_already_is_a_second_tab(stage: Stage):  # P2
    stage.connect("s1", ANN)
    stage.enter("s1", "/r", {"of": "ann"})
    stage.connect("s2", BOB, "/r")
    words = stage.tell(stage.presence.identify("s1", BOB, 0))
    assert words == ["leave ann /r", "update bob /r"]
    assert (stage.member("bob").connections, stage.member("bob").state) == (2, {"of": "ann"})


def test_to_become_somebody_whose_grace_runs_is_a_return(stage: Stage):  # P3
    stage.connect("s1", BOB, "/r")
    stage.lose("s1")
    stage.connect("s2", ANN, "/r")
    assert stage.tell(stage.presence.identify("s2", BOB, 0)) == ["leave ann /r"]
    assert stage.pass_time(GRACE_S) == []


@pytest.mark.parametrize("is_back", [True, False], ids=["in the grace", "beside another tab"])
def test_who_is_invisible_and_logs_in_on_the_next_page_stays_so(stage: Stage, is_back: bool):  # P10
    stage.connect("s1", BOB, "/r")
    stage.tell(stage.presence.set_status("s1", "invisible"))
    if is_back:
        stage.lose("s1")
    stage.connect("s2", ANN, "/r")
    stage.tell(stage.presence.identify("s2", BOB, 0))
    stage.lose("s1")
    assert stage.presence.member("s2", "/r").status == "invisible"
    assert {transition.member.status for transition in stage.told[3:] if transition.member and transition.user_id == "bob"} <= {
        "invisible"
    }


def test_a_new_token_of_the_same_user_changes_name_and_info_everywhere(stage: Stage):
    stage.connect("s1", ANN, "/r", "/s")
    words = stage.tell(stage.presence.identify("s1", User("ann", "Anna", {"colour": 1}), 0))
    assert words == ["update ann /r", "update ann /s"]
    assert (stage.member("ann").name, stage.member("ann").info) == ("Anna", {"colour": 1})
    assert stage.tell(stage.presence.identify("s1", User("ann", "Anna", {"colour": 1}), 0)) == []


def test_a_second_tab_with_a_newer_token_renames_the_user(stage: Stage):
    stage.connect("s1", ANN, "/r")
    assert stage.connect("s2", User("ann", "Anna")) == ["update ann /r"]
    assert stage.connect("s3", User("ann", "Anna", rooms=("/r",))) == []


# -- The law -----------------------------------------------------------------------------------------------------------

sids, users, rooms = st.sampled_from(["s1", "s2", "s3"]), st.sampled_from([ANN, BOB]), st.sampled_from(["/r", "/s"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("connect"), sids, users),
        st.tuples(st.just("enter"), sids, rooms, st.none() | st.builds(dict, x=st.integers(0, 2))),
        st.tuples(st.just("enter"), sids, rooms, st.none()),
        st.tuples(st.just("leave"), sids, rooms),
        st.tuples(st.just("update"), sids, rooms),
        st.tuples(st.just("status"), sids, st.sampled_from(["active", "idle", "invisible"])),
        st.tuples(st.just("identify"), sids, users),
        st.tuples(st.just("lose"), sids, st.booleans()),
        st.tuples(st.just("kick"), users),
        st.tuples(st.just("pass"), st.sampled_from([0.5, 1.0, 3.0])),
    ),
    max_size=50,
)


def take(stage: Stage, connected: set[str], kind: str, *rest: Any) -> None:
    presence, sid = stage.presence, rest[0]
    if kind == "connect" and sid not in connected:
        connected.add(sid)
        stage.connect(sid, rest[1])
    elif kind == "kick":
        stage.tell(presence.kick(rest[0].id))
    elif kind == "pass":
        stage.pass_time(rest[0])
    elif sid in connected:
        act(stage, connected, kind, *rest)


def act(stage: Stage, connected: set[str], kind: str, sid: str, *rest: Any) -> None:
    presence = stage.presence
    if kind == "enter":
        stage.enter(sid, *rest)
    elif kind == "status":
        stage.tell(presence.set_status(sid, rest[0]))
    elif kind == "identify":
        stage.tell(presence.identify(sid, rest[0], 0))
    elif kind == "lose":
        connected.discard(sid)
        stage.tell(presence.disconnect(sid, "disconnected", stage.now_s, grace=rest[0]))
    elif kind in ("leave", "update") and rest[0] in presence.rooms(sid):
        stage.tell(presence.leave(sid, rest[0]) if kind == "leave" else presence.update(sid, rest[0], {"y": 1}))


@given(STEPS)
def test_every_transition_begins_where_the_last_one_ended(steps: list[Any]):  # P1, P2, P4, P8, P11
    stage, connected = Stage(), set()
    for step in steps:
        take(stage, connected, *step)
        for sid in connected:
            for room in stage.presence.rooms(sid):
                known = stage.member(stage.presence.member(sid, room).id, room)
                assert known == stage.presence.member(sid, room)
    for sid in connected:
        stage.lose(sid)
    stage.pass_time(GRACE_S)
    stories: dict[tuple[str, str], list[Transition]] = {}
    for transition in stage.told:
        assert (transition.before, transition.member) != (None, None)
        assert (transition.reason is not None) == (transition.member is None)
        stories.setdefault((transition.room, transition.user_id), []).append(transition)
    for story in stories.values():
        last: Member | None = None
        generation = 0
        for transition in story:
            assert transition.before == last
            assert transition.before != transition.member
            if last is None:
                assert transition.member.generation > generation
                generation = transition.member.generation
            last = transition.member
        assert last is None
    assert stage.presence.is_empty()

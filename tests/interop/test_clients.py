"""What every Socket.IO client sees, whichever library and transport it uses."""

from __future__ import annotations

import itertools

from interop.clients import RECONNECT_S
from interop.conftest import Visitors, both_servers

_visitors = itertools.count(1)


def somebody() -> str:
    """A visitor id of one's own."""
    return f"visitor-{next(_visitors):06}"


def the_id(answer: list) -> str:
    return answer[0]["self"]["id"]


@both_servers
def test_who_enters_is_told_who_is_there_and_the_others_are_told_who_came(visit: Visitors, room: str):
    ann, ben = visit(somebody()), visit(somebody())
    (first,) = ann.call("room:enter", {"room": room, "state": {"at": 1}})
    assert first["ok"]
    assert [member["id"] for member in first["members"]] == [first["self"]["id"]]
    (second,) = ben.call("room:enter", {"room": room})
    assert {member["id"] for member in second["members"]} == {first["self"]["id"], second["self"]["id"]}
    assert next(member["state"] for member in second["members"] if member["id"] == first["self"]["id"]) == {"at": 1}
    (change,) = ann.event("room:changed", where=lambda change: change.get("enter"))
    assert [member["id"] for member in change["enter"]] == [second["self"]["id"]]
    assert change["prev"] == first["seq"]
    assert change["count"] == 2


def test_an_update_reaches_the_others_as_the_whole_new_state(visit: Visitors, room: str):
    ann, ben = visit(somebody()), visit(somebody())
    ann.call("room:enter", {"room": room})
    (entered,) = ben.call("room:enter", {"room": room, "state": {"line": 1, "typing": True}})
    assert ben.call("room:update", {"room": room, "state": {"line": 2, "typing": None, "name": "Zoë 👋"}}) == [{"ok": True}]
    (change,) = ann.event("room:changed", where=lambda change: change.get("update"))
    assert change["update"] == [{"id": entered["self"]["id"], "state": {"line": 2, "name": "Zoë 👋"}}]


def test_who_leaves_is_gone_at_once(visit: Visitors, room: str):
    ann, ben = visit(somebody()), visit(somebody())
    ann.call("room:enter", {"room": room})
    (entered,) = ben.call("room:enter", {"room": room})
    assert ben.call("room:leave", {"room": room}) == [{"ok": True}]
    (change,) = ann.event("room:changed", where=lambda change: change.get("leave"))
    assert change["leave"] == [{"id": entered["self"]["id"], "reason": "left"}]
    assert change["count"] == 1


@both_servers
def test_who_disconnects_is_gone(visit: Visitors, room: str):
    """python-socketio closes a WebSocket before its farewell is sent: that is a lost transport, with grace."""
    ann, ben = visit(somebody()), visit(somebody())
    ann.call("room:enter", {"room": room})
    (entered,) = ben.call("room:enter", {"room": room})
    ben.close()
    (change,) = ann.event("room:changed", where=lambda change: change.get("leave"))
    assert change["leave"][0]["id"] == entered["self"]["id"]
    assert change["leave"][0]["reason"] in ("left", "disconnected")


def test_a_refused_command_is_answered_and_the_connection_stays(visit: Visitors, room: str):
    ann = visit(somebody())
    (refused,) = ann.call("room:enter", {"room": ""})
    assert (refused["ok"], refused["error"]["code"]) == (False, "bad_room")
    (unknown,) = ann.call("no-such-event", 1)
    assert unknown["error"]["code"] == "unknown_event"
    assert ann.call("room:enter", {"room": room})[0]["ok"]


@both_servers
def test_an_event_comes_back_with_all_its_arguments_and_so_does_its_ack(visit: Visitors):
    ann = visit(somebody())
    args = [1, "two ✓", {"three": [True, None, 3.5]}, []]
    assert ann.call("echo", *args) == args
    assert ann.event("echoed") == args


@both_servers
def test_bytes_come_back_as_they_went(visit: Visitors):
    ann = visit(somebody())
    args = [bytes(range(256)), {"deep": [b"\x00\x01", "text"]}, b"x" * 20_000]
    assert ann.call("echo", *args) == args
    assert ann.event("echoed") == args


def test_the_server_can_ask_and_the_client_answers(visit: Visitors):
    ann = visit(somebody())
    assert ann.call("ask-me", "how many?", {"bytes": b"\x01\x02"}) == ["how many?", {"bytes": b"\x01\x02"}]
    assert ann.event("question")[0] == "how many?"


def test_a_namespace_of_the_application_has_its_own_events(visit: Visitors):
    ann = visit(somebody(), "/custom")
    assert ann.call("echo", "there") == ["there"]
    (refused,) = ann.call("room:enter", {"room": "/a"})
    assert refused["error"]["code"] == "unknown_event"


@both_servers
def test_a_second_tab_counts_once(visit: Visitors, room: str):
    ann, tab, other_tab = visit(somebody()), visit("the-same-visitor"), visit("the-same-visitor")
    ann.call("room:enter", {"room": room})
    (first,) = tab.call("room:enter", {"room": room})
    (second,) = other_tab.call("room:enter", {"room": room})
    assert the_id([first]) == the_id([second])
    assert second["count"] == 2
    tab.call("room:leave", {"room": room})
    ann.call("room:update", {"room": room, "state": {"done": 1}})
    seen = []
    while not any(update.get("state") == {"done": 1} for change in seen for update in change.get("update", [])):
        seen += ann.event("room:changed")
    assert [member["id"] for change in seen for member in change.get("enter", [])] == [the_id([first])]
    assert [change["leave"] for change in seen if change.get("leave")] == []
    assert {change["count"] for change in seen} == {2}


@both_servers
def test_a_refused_client_is_told_why_and_stays_away(visit: Visitors):
    refused = visit.begin({"token": "forged"})
    error = refused.take("connect_error")
    assert error["data"] == {"code": "unauthenticated"}
    assert error["message"] == "The token is not valid here."
    _lose_and_come_back(visit, 2)
    assert refused.seen("connect") == refused.seen("connect_error") == []


@both_servers
def test_a_kicked_client_stays_away(visit: Visitors):
    kicked = visit(somebody())
    kicked.emit("kick-me")
    assert kicked.take("disconnect")["reason"] in ("io server disconnect", "server disconnect")
    _lose_and_come_back(visit, 2)
    assert kicked.seen("connect") == kicked.seen("connect_error") == []


def test_a_client_that_the_application_disconnects_stays_away(visit: Visitors):
    sent_away = visit(somebody())
    sent_away.emit("disconnect-me")
    assert sent_away.take("disconnect")["reason"] in ("io server disconnect", "server disconnect")
    _lose_and_come_back(visit, 2)
    assert sent_away.seen("connect") == sent_away.seen("connect_error") == []


def _lose_and_come_back(visit: Visitors, times: int) -> None:
    """Another client, which reconnects after the same delay, loses its transport and is back: so often would the first be."""
    other = visit(somebody())
    for _ in range(times):
        other.emit("drop-me")
        assert other.take("disconnect")["reason"] not in ("io server disconnect", "server disconnect")
        visit.arrive(other)


def test_a_client_that_finds_the_server_full_keeps_trying(visit: Visitors):
    ann = visit(somebody())
    ann.emit("shut-the-door", 5 * RECONNECT_S)
    ann.take("disconnect")
    visit.arrive(ann)
    assert ann.call("echo", "back") == ["back"]


def test_what_was_missed_is_sent_after_coming_back(visit: Visitors, room: str):
    visitor = somebody()
    ann, ben = visit(visitor), visit(somebody())
    (entered,) = ben.call("room:enter", {"room": room})
    (at,) = ann.call("room:enter", {"room": room})
    ann.close()
    ben.call("room:update", {"room": room, "state": {"page": 2}})
    again = visit(visitor)
    (resumed,) = again.call("room:enter", {"room": room, "since": [at["epoch"], at["seq"]]})
    assert resumed["recovered"] is True
    assert "members" not in resumed
    assert resumed["changes"][0]["prev"] == at["seq"]
    assert resumed["changes"][-1]["seq"] == resumed["seq"]
    assert {"id": entered["self"]["id"], "state": {"page": 2}} in [
        update for change in resumed["changes"] for update in change.get("update", [])
    ]
    (anew,) = again.call("room:enter", {"room": room, "since": ["another", at["seq"]]})
    assert anew["recovered"] is False
    assert {member["id"] for member in anew["members"]} == {entered["self"]["id"], resumed["self"]["id"]}

"""Our own vocabulary: names, shapes and defaults."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from alsohere.facts import Member, MemberLeave, MemberUpdate, RoomChanged
from alsohere.wire import socketio
from alsohere.wire.events import COMMANDS, FACTS


def read(name: str, argument: str) -> Any:
    return msgspec.json.decode(argument, type=COMMANDS[name])


def test_names_are_a_thing_and_what_is_done_to_it():
    for name in [*COMMANDS, *FACTS]:
        assert re.fullmatch(r"[a-z]+:[a-z]+(_[a-z]+)?", name) or name == "notification"
        socketio.check_event_name(name)


NOUNS = {"notification", "message:receipt", "lock:lost", "token:expiring"}  # and one participle that does not end in -ed


def test_commands_are_imperatives_and_facts_are_in_the_past_tense_or_nouns():
    assert not [name for name in COMMANDS if name.endswith("ed")]
    assert not [name for name in FACTS if not name.endswith("ed") and name not in NOUNS]
    assert not COMMANDS.keys() & FACTS.keys()


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_of_a_newer_client_is_understood(name: str):
    everything = {"room": "/a", "rooms": ["/a"], "token": "t", "status": "idle", "lock": "/a", "topic": "/a", "to": ["42"]}
    everything |= {
        "name": "tick",
        "as": "read",
        "prefix": "",
        "limit": 1,
        "state": {},
        "endpoint": "https://e",
        "subscription": {"endpoint": "https://e", "keys": {"p256dh": "k", "auth": "a"}},
    }
    fields = msgspec.structs.fields(COMMANDS[name])
    needed = {field.encode_name: everything[field.encode_name] for field in fields if field.required}
    known = msgspec.json.encode(needed).decode()
    tomorrow = known[:-1] + (", " if needed else "") + '"of_tomorrow":{"x":[1]}}'
    assert read(name, tomorrow) == read(name, known)


def test_what_is_left_out_has_the_defaults_of_the_reference():
    enter = read("room:enter", '{"room":"/a"}')
    assert (enter.state, enter.watch, enter.since) == (None, "full", None)
    watch = read("room:watch", '{"rooms":[]}')
    assert (watch.watch, watch.since) == ("full", None)
    ranking = read("ranking:watch", "{}")
    assert (ranking.prefix, ranking.limit) == ("", 10)
    assert read("ranking:unwatch", "{}").limit == 10


@pytest.mark.parametrize(
    ("name", "argument"),
    [
        ("room:enter", "{}"),
        ("room:enter", "[]"),
        ("room:enter", '"/a"'),
        ("room:enter", '{"room":1}'),
        ("room:enter", '{"room":null}'),
        ("room:enter", '{"room":"/a","watch":"all"}'),
        ("room:enter", '{"room":"/a","watch":null}'),
        ("room:enter", '{"room":"/a","since":["e"]}'),
        ("room:enter", '{"room":"/a","since":[1,"e"]}'),
        ("room:enter", '{"room":"/a","since":["e",1,2]}'),
        ("room:enter", '{"room":"/a","state":{"x":{}}}'),
        ("room:enter", '{"room":"/a","state":{"x":[1]}}'),
        ("room:enter", '{"room":"/a","state":[]}'),
        ("room:update", '{"room":"/a"}'),
        ("room:update", '{"room":"/a","state":null}'),
        ("room:watch", '{"rooms":"/a"}'),
        ("room:watch", '{"rooms":[1]}'),
        ("ranking:watch", '{"limit":"10"}'),
        ("ranking:watch", '{"limit":1.5}'),
        ("ranking:watch", '{"limit":true}'),
        ("user:identify", "{}"),
        ("user:status", '{"status":"busy"}'),
        ("user:status", '{"status":["active"]}'),
    ],
)
def test_arguments_of_other_shapes_are_refused(name: str, argument: str):
    with pytest.raises(msgspec.ValidationError):
        read(name, argument)


def test_a_state_holds_every_kind_of_scalar():
    state = {"text": "é", "whole": -1, "real": 0.5, "yes": True, "nothing": None}
    assert read("room:update", msgspec.json.encode({"room": "/a", "state": state}).decode()).state == state


def test_lists_of_a_frame_that_are_empty_do_not_travel():
    frame = RoomChanged("/a", "count", "e", 2, 1, 7)
    assert msgspec.to_builtins(frame) == {"room": "/a", "mode": "count", "epoch": "e", "seq": 2, "prev": 1, "count": 7}


def test_an_update_carries_what_changed_and_nothing_else():
    assert msgspec.to_builtins(MemberUpdate("a", state={})) == {"id": "a", "state": {}}
    assert msgspec.to_builtins(MemberUpdate("a", info=None)) == {"id": "a", "info": None}
    assert msgspec.to_builtins(MemberUpdate("a", connections=2, status="idle")) == {"id": "a", "status": "idle", "connections": 2}


def test_leaving_a_sample_is_a_leave_without_a_reason():
    assert msgspec.to_builtins(MemberLeave("a")) == {"id": "a"}
    assert msgspec.to_builtins(MemberLeave("a", "kicked")) == {"id": "a", "reason": "kicked"}


def test_members_name_no_connection_and_no_address():
    assert Member.__struct_fields__ == (
        "id",
        "name",
        "info",
        "anonymous",
        "status",
        "state",
        "since",
        "generation",
        "connections",
    )

"""What the application has asked to be called for."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from alsohere.errors import BadRequest
from alsohere.node.hooks import Handler, Hooks, check_event, check_handled
from alsohere.wire.events import COMMANDS
from alsohere.wire.socketio import RESERVED_EVENTS


class Callable:
    def __call__(self, conn: Any, a: Any) -> None: ...

    def method(self, conn: Any, a: Any, b: Any = 1) -> None: ...


@pytest.mark.parametrize(
    ("function", "needed", "most"),
    [
        (lambda conn: None, 0, 0),
        (lambda conn, a: None, 1, 1),
        (lambda conn, a, b=1: None, 1, 2),
        (lambda conn, *args: None, 0, None),
        (lambda conn, a, *args: None, 1, None),
        (lambda conn, a, *, key=1: None, 1, 1),
        (lambda conn, a, **rest: None, 1, 1),
        (lambda *args: None, 0, None),
        (lambda: None, 0, 0),
        (functools.partial(lambda prefix, conn, a: None, "prefix"), 1, 1),
        (Callable(), 1, 1),
        (Callable().method, 1, 2),
    ],
)
def test_a_handler_knows_how_many_arguments_it_takes(function: Any, needed: int, most: int | None):
    handler = Handler(function)
    assert (handler.needed, handler.most) == (needed, most)


def test_surplus_arguments_are_dropped_and_missing_ones_are_refused():
    handler = Handler(lambda conn, a, b=1: None)
    assert handler.fit([1, 2, 3]) == [1, 2]
    assert handler.fit([1]) == [1]
    with pytest.raises(BadRequest, match="takes 1 argument"):
        handler.fit([])
    assert Handler(lambda conn, *args: None).fit([1, 2, 3]) == [1, 2, 3]


def test_a_namespace_exists_from_when_it_is_asked_for_and_is_always_the_same():
    hooks = Hooks()
    assert list(hooks.namespaces) == ["/"]
    other = hooks.namespace("/other")
    assert hooks.namespace("/other") is other
    assert hooks.namespace("/").name == "/"
    assert list(hooks.namespaces) == ["/", "/other"]


def test_presence_is_watched_by_any_of_its_hooks():
    assert not Hooks().watches_presence
    for kind in ("enter", "update", "leave"):
        hooks = Hooks()
        getattr(hooks, kind).append(Handler(lambda room, member: None))
        assert hooks.watches_presence


@pytest.mark.parametrize("name", sorted(RESERVED_EVENTS))
def test_nobody_handles_what_no_client_may_send(name: str):
    with pytest.raises(ValueError, match="reserved"):
        check_event(name)
    with pytest.raises(ValueError, match="reserved"):
        check_handled(Hooks().namespace("/other"), name)


@pytest.mark.parametrize("name", COMMANDS)
def test_our_commands_are_ours_on_the_main_namespace_alone(name: str):
    hooks = Hooks()
    with pytest.raises(ValueError, match="command of alsohere"):
        check_handled(hooks.namespace("/"), name)
    assert check_handled(hooks.namespace("/other"), name) == name


def test_every_other_name_is_the_applications():
    assert check_handled(Hooks().namespace("/"), "iamhere") == "iamhere"
    assert check_event("room:changed") == "room:changed"

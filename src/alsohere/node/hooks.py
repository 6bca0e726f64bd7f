"""What the application has asked to be called for.

Owns: the tables of handlers. They are plain dicts looked up by exact name, so that no name from the wire reaches an
attribute of anything.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from alsohere.errors import BadRequest
from alsohere.wire.events import COMMANDS
from alsohere.wire.socketio import MAIN, RESERVED_EVENTS

Function = Callable[..., Any]


class Handler:
    """A function and how many arguments it takes after the connection."""

    __slots__ = ("function", "most", "needed")

    def __init__(self, function: Function, given: int = 1) -> None:
        self.function = function
        self.needed, self.most = _arity(function, given)

    def fit(self, args: list[Any]) -> list[Any]:
        """The arguments as the function wants them: surplus ones are dropped.

        Raises:
            BadRequest: there are too few.
        """
        if len(args) < self.needed:
            raise BadRequest(f"This event takes {self.needed} argument(s).")
        return args if self.most is None else args[: self.most]


def _arity(function: Function, given: int) -> tuple[int, int | None]:
    needed = most = -given
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL:
            return max(needed, 0), None
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            most += 1
            needed += parameter.default is parameter.empty
    return max(needed, 0), max(most, 0)


class NamespaceHooks:
    """The handlers of one Socket.IO namespace."""

    __slots__ = ("connected", "disconnected", "events", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.events: dict[str, Handler] = {}
        self.connected: list[Handler] = []
        self.disconnected: list[Handler] = []


class Hooks:
    """All handlers of an application."""

    def __init__(self) -> None:
        self.namespaces: dict[str, NamespaceHooks] = {MAIN: NamespaceHooks(MAIN)}
        self.authenticate: Function | None = None
        self.authorize: Function | None = None
        self.kicked: list[Callable[[str], None]] = []  # ours: what is believed of that user is believed no more
        self.reads_requests_elsewhere = False  # somebody else is asked who a connection is
        self.enter: list[Handler] = []
        self.update: list[Handler] = []
        self.leave: list[Handler] = []
        self.lock_granted: list[Handler] = []
        self.lock_lost: list[Handler] = []
        self.delivered: list[Handler] = []
        self.read: list[Handler] = []

    @property
    def watches_presence(self) -> bool:
        """Whether anybody wants to hear of transitions."""
        return bool(self.enter or self.update or self.leave)

    @property
    def reads_requests(self) -> bool:
        """Whether anybody might look at the headers, the cookies or the query of a connection."""
        handled = any(hooks.events or hooks.connected or hooks.disconnected for hooks in self.namespaces.values())
        return handled or self.authenticate is not None or self.reads_requests_elsewhere

    def namespace(self, name: str) -> NamespaceHooks:
        """The handlers of a namespace, which exists from now on."""
        return self.namespaces.setdefault(name, NamespaceHooks(name))


def check_event(name: str) -> str:
    """An event name that a handler may be registered for.

    Raises:
        ValueError: clients cannot send it.
    """
    if name in RESERVED_EVENTS:
        raise ValueError(f"{name!r} is reserved by Socket.IO; use on_connect or on_disconnect")
    return name


def check_handled(hooks: NamespaceHooks, name: str) -> str:
    """An event name that an application may handle in a namespace.

    Raises:
        ValueError: clients cannot send it, or we handle it.
    """
    if hooks.name == MAIN and name in COMMANDS:
        raise ValueError(f"{name!r} is a command of alsohere; choose another name, or another namespace")
    return check_event(name)

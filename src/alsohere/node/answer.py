"""What a command is, and the acknowledgement that it is owed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from alsohere.errors import Refusal
from alsohere.node.connection import Connection

if TYPE_CHECKING:
    from alsohere.node.node import Node


class ErrorBody(msgspec.Struct, omit_defaults=True):
    """What a refused command is told."""

    code: str
    message: str
    retry_after_ms: int | None = None


class Answer(msgspec.Struct, eq=False):
    """The acknowledgement that one event is owed: given at most once, and not at all if the client asked for none (S2)."""

    _node: Node
    _connection: Connection
    _ack_id: int | None

    def send(self, *args: Any) -> None:
        """Acknowledge with these arguments. If they are no JSON, that is raised and the answer is still owed."""
        if self._ack_id is not None:
            self._node.acknowledge(self._connection, self._ack_id, args)
            self._ack_id = None

    def ok(self, content: dict[str, Any] | None = None) -> None:
        """`{"ok": true, …}`."""
        self._say({"ok": True, **content} if content else {"ok": True})

    def refused(self, refusal: Refusal) -> None:
        """`{"ok": false, "error": {…}}`."""
        self._node.metrics.refused(refusal.code)
        self._say({"ok": False, "error": ErrorBody(refusal.code, refusal.message, refusal.retry_after_ms)})

    @contextmanager
    def or_refused(self) -> Iterator[None]:
        """Refuse with whatever is raised before the answer: a client must not wait for a task that has failed."""
        try:
            yield
        except Refusal as refusal:
            self.refused(refusal)
        except Exception:
            self.refused(Refusal("The server failed to answer this; its log says why.", code="internal"))
            raise

    def _say(self, content: dict[str, Any]) -> None:
        if self._ack_id is not None:
            self._node.answer(self._connection, self._ack_id, content)
            self._ack_id = None


def nowhere(_: Any) -> list[str]:
    """The rooms of a command that is about none."""
    return []


def permitted(_node: Node, _connection: Connection) -> None:
    """Where the application has no `authorize` hook, everybody may."""


class Command(NamedTuple):
    """One command.

    Args:
        run: carries it out.
        action: what the application's `authorize` hook is asked for; None: it is not asked.
        rooms: which rooms it is about; they must be names of rooms, and granted by the token if there is an action.
        subjects: what the hook is asked about; by default the rooms.
        permit: raises Forbidden where there is no hook that could allow it.
        asking: carries it out instead of `run` where there is a hook, if that decides about more than yes or no.
    """

    run: Callable[[Node, Connection, Any, Answer], None]
    action: str | None = None
    rooms: Callable[[Any], list[str]] = nowhere
    subjects: Callable[[Any], list[str]] | None = None
    permit: Callable[[Node, Connection], None] = permitted
    asking: Callable[[Node, Connection, Any, Answer], Awaitable[None]] | None = None

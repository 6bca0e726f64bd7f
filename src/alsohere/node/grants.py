"""What a connection has been let into, and what of it somebody else may keep.

Owns: the list of what is asked about when a connection becomes somebody else's, or its user has a token that says something new.
Invariant: what a client has of rooms, rankings and locks is what its user of now may have: of a token nothing is inherited, and
neither is what the application has said about another user.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from typing import TYPE_CHECKING

from alsohere.domain.access import is_granted, is_ranking_granted
from alsohere.domain.lock import room_of
from alsohere.errors import Forbidden, Refusal
from alsohere.node.connection import Connection
from alsohere.types import User

if TYPE_CHECKING:
    from alsohere.node.node import Node

Grant = tuple[str, str]  # an action, and what it is about: as the application's `authorize` hook is asked


def grants_of(node: Node, connection: Connection) -> Iterator[Grant]:
    """What a connection has. Who is in a room was asked about that, also for watching it."""
    rooms = node.rooms_of(connection)
    yield from (("enter", room) for room in rooms)
    yield from (("watch", room) for room in connection.watches or () if room not in rooms)
    yield from (("ranking", prefix) for prefix in {prefix for prefix, _ in node.hub.rankings(connection)})
    yield from (("lock", lock) for lock in node.locks.board.locks_of(connection.sid))


def may_keep(user: User, grant: Grant) -> bool:
    """Whether the user's token grants it."""
    action, subject = grant
    if action == "ranking":
        return is_ranking_granted(user, subject)
    return is_granted(user, room_of(subject) if action == "lock" else subject)


def withdraw(node: Node, connection: Connection, grant: Grant) -> None:
    """Take it away."""
    action, subject = grant
    if action == "enter":
        node.leave(connection, subject)
    elif action == "watch":
        node.unwatch(connection, subject)
    elif action == "lock":
        node.locks.lost(connection, subject)
    else:
        for prefix, limit in node.hub.rankings(connection):
            if prefix == subject:
                node.unwatch_ranking(connection, prefix, limit)


async def authorize(node: Node, user: User, action: str, subject: str) -> None:
    """Ask the application; Forbidden if it says no."""
    assert node.hooks.authorize is not None
    verdict = node.hooks.authorize(user, action, subject)
    if isinstance(verdict, Awaitable):
        verdict = await verdict
    if not verdict:
        raise Forbidden("This user may not do that in this room.")


async def refused_to(node: Node, connection: Connection, user: User) -> set[Grant]:
    """What the application does not let a user keep of what a connection has."""
    refused: set[Grant] = set()
    for grant in list(grants_of(node, connection)):
        if grant[0] == "lock" and user.id != connection.user.id:
            continue  # nobody inherits locks
        if may_keep(user, grant):  # or it is gone anyway
            try:
                await authorize(node, user, *grant)
            except Refusal:
                refused.add(grant)
    return refused

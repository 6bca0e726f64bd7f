"""Who is in which room, on this node: the fold from connections to members.

Owns: tabs (one per connection), persons (one per user) and memberships (one per user and room), and the transitions that
follow when they change. What it returns is all that anybody outside ever learns.

Invariants (docs/reference/invariants.md):
 P1  a user is a member while at least one of their tabs is, or a grace runs.
 P2  enter and leave alternate per (room, user), starting with enter; a second tab makes neither.
 P3  an explicit leave is a transition at once; a lost transport is one after the grace, unless the user came back.
 P4  one leave per membership, whoever asks for it: `_show` alone makes enters and leaves, from whether there is a `member`.
 P8  generations come from one counter, so a later enter has a larger one.
 P11 a person without memberships and a membership without tabs or grace do not exist.

A tab may be suspended: nothing was heard of it for so long that it counts as gone, and it is not known to be. It keeps its
places and holds none of them: others see what they would see without it. So a slow client comes back to where it was, and
a closed one is no ghost in the meantime (P12).

Refuses: clocks (time comes in), sockets, limits, permissions. `@online` is an ordinary room here.
Rejected: one entry per connection, with the fold done by each client. Every viewer then pays for every tab.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from itertools import count

import msgspec

from alsohere.errors import NotInRoom
from alsohere.facts import LeaveReason, Member, Status
from alsohere.types import Scalar, User

State = dict[str, Scalar]
NO_STATE: State = {}
NO_TABS: frozenset[str] = frozenset()

# A user's status is the most active one of their tabs; invisible is a choice about the person, so one tab suffices.
_RANK: dict[Status, int] = {"invisible": 3, "active": 2, "idle": 1, "away": 0}


class Transition(msgspec.Struct, eq=False):
    """One real change of one member: what the application's hooks and the room's watchers are told.

    `before` is None for an enter, `member` is None for a leave. A change from one to the other is an update.
    """

    room: str
    before: Member | None
    member: Member | None
    reason: LeaveReason | None = None

    @property
    def user_id(self) -> str:
        member = self.member or self.before
        assert member is not None
        return member.id

    def __repr__(self) -> str:
        kind = "leave" if self.member is None else "enter" if self.before is None else "update"
        return f"Transition({kind} {self.user_id} {self.room})"


class Membership(msgspec.Struct, eq=False):
    """A user in a room. `states` is ordered by when a tab last changed it: the last one is what others see.

    Without a `member`, others see nobody: all its tabs are suspended.
    """

    states: dict[str, State] = {}
    member: Member | None = None
    grace: Grace | None = None
    hasty: frozenset[str] = NO_TABS  # tabs whose lost transport is a leave at once


class Grace(msgspec.Struct, eq=False):
    """A membership whose last tab lost its transport, what that had published, and when this becomes a leave."""

    person: Person
    room: str
    state: State
    reason: LeaveReason
    until_s: float


def _until_s(grace: Grace) -> float:
    return grace.until_s


class Person(msgspec.Struct, eq=False):
    """A user on this node."""

    user: User
    tabs: list[Tab] = []
    memberships: dict[str, Membership] = {}
    status: Status = "active"


class Tab(msgspec.Struct, eq=False):
    """One connection, as presence sees it."""

    sid: str
    person: Person
    status: Status
    suspended: bool


class Presence:
    """All persons of one node.

    Args:
        leave_grace_s: how long a lost transport is not yet a leave.
    """

    def __init__(self, leave_grace_s: float) -> None:
        self._leave_grace_s = leave_grace_s
        self._tabs: dict[str, Tab] = {}
        self._persons: dict[str, Person] = {}
        self._graces: deque[Grace] = deque()  # by when they end; all are equally long, so nearly all come in that order
        self._generation = count(1)

    # -- Questions ---------------------------------------------------------------------------------------------------

    def person(self, user_id: str) -> Person | None:
        """The user, if any tab or grace of theirs is on this node."""
        return self._persons.get(user_id)

    def member(self, sid: str, room: str) -> Member:
        """How others see this connection's user in the room, or would see it if it were not suspended.

        Raises:
            NotInRoom: the connection is not in it.
        """
        membership = self._seated(sid, room)
        return membership.member or self._member(self._tabs[sid].person, membership.states[sid], 0, 0, 0)

    def rooms(self, sid: str) -> list[str]:
        """The rooms that this connection is in."""
        tab = self._tabs.get(sid)
        return [room for room, membership in tab.person.memberships.items() if sid in membership.states] if tab else []

    def attends(self, user_id: str, room: str) -> bool:
        """Whether a user looks at a room: a tab of theirs in it is active, not suspended, and they are not invisible.

        A member's status says less: it is that of the user's most active tab, wherever that is.
        """
        person = self._persons.get(user_id)
        membership = person.memberships.get(room) if person is not None else None
        if person is None or membership is None or person.status == "invisible":
            return False
        for sid in membership.states:
            tab = self._tabs[sid]
            if tab.status == "active" and not tab.suspended:
                return True
        return False

    def next_due_s(self) -> float | None:
        """When `expire` will have something to do."""
        return self._graces[0].until_s if self._graces else None

    def is_empty(self) -> bool:
        """Whether nothing at all is kept (P11)."""
        return not (self._tabs or self._persons or self._graces)

    # -- Connections come and go -------------------------------------------------------------------------------------

    def connect(self, sid: str, user: User, *, suspended: bool = False) -> list[Transition]:
        """Begin a tab. If the user is here already, their name and info become those of `user`."""
        person = self._persons.get(user.id)
        if person is None:
            person = self._persons[user.id] = Person(user)
        changed = person.user != user and (person.user.name, person.user.info) != (user.name, user.info)
        person.user = user
        # A person who chose to be invisible stays so when the next page connects, before that page has said anything (P10).
        tab = self._tabs[sid] = Tab(sid, person, "invisible" if person.status == "invisible" else "active", suspended)
        person.tabs.append(tab)
        return self._refresh(person) if self._restatus(person) or changed else []

    def disconnect(self, sid: str, reason: LeaveReason, lost_s: float, *, grace: bool = True) -> list[Transition]:
        """End a tab. With `grace`, memberships of which it was the last tab go on for a while after `lost_s` (P3)."""
        tab = self._tabs.get(sid)
        if tab is None:
            return []
        person = tab.person
        transitions: list[Transition] = []
        for room, membership in list(person.memberships.items()):
            if sid not in membership.states:
                continue
            if grace and sid not in membership.hasty and not tab.suspended and len(self._held(membership)) == 1:
                self._begin_grace(person, room, membership.states.pop(sid), reason, lost_s)
            else:
                transitions += self._vacate(person, room, sid, reason)
        del self._tabs[sid]
        person.tabs.remove(tab)
        if person.tabs and self._restatus(person):
            transitions += self._refresh(person)
        self._forget(person)
        return transitions

    def suspend(self, sid: str) -> list[Transition]:
        """Nothing was heard of a tab for as long as a grace: to others it is gone, until it is resumed or disconnected."""
        tab = self._tabs[sid]
        tab.suspended = True
        self._restatus(tab.person)
        return self._refresh(tab.person)

    def resume(self, sid: str, wall_ms: int) -> list[Transition]:
        """A tab that was suspended is heard of again: its user enters the rooms in which it was the only one."""
        tab = self._tabs[sid]
        tab.suspended = False
        for membership in tab.person.memberships.values():
            if sid in membership.states:
                membership.grace = None
        self._restatus(tab.person)
        return self._refresh(tab.person, wall_ms)

    def identify(self, sid: str, user: User, wall_ms: int) -> list[Transition]:
        """Make a connection somebody else's: its old user leaves and the new one enters each of its rooms."""
        tab = self._tabs[sid]
        old, status, suspended = tab.person, tab.status, tab.suspended
        if old.user.id == user.id:
            old.user = user
            return self._refresh(old)
        seats = {
            room: (membership.states[sid], sid not in membership.hasty)
            for room, membership in old.memberships.items()
            if sid in membership.states
        }
        transitions = self.disconnect(sid, "left", 0.0, grace=False)
        transitions += self.connect(sid, user, suspended=suspended)
        if self._tabs[sid].status != "invisible":  # who logs in on a page stays as invisible as on the last one (P10)
            transitions += self.set_status(sid, status)
        for room, (state, has_grace) in seats.items():
            transitions += self.enter(sid, room, state, wall_ms)
            if not has_grace:
                self.forgo_grace(sid, room)
        return transitions

    # -- Rooms -------------------------------------------------------------------------------------------------------

    def enter(self, sid: str, room: str, state: State | None, wall_ms: int) -> list[Transition]:
        """Put a connection into a room. Entering again replaces the state, if one is given.

        Args:
            state: what the connection publishes; None: nothing, or what it had.
            wall_ms: the time that others are shown.
        """
        tab = self._tabs[sid]
        person = tab.person
        membership = person.memberships.get(room)
        if membership is None:
            membership = person.memberships[room] = Membership()
        grace = membership.grace
        if grace is not None and not tab.suspended:  # back within the grace: nobody was told of anything (P3)
            membership.grace = None
            state = grace.state if state is None else state
        if state is not None or sid not in membership.states:
            membership.states.pop(sid, None)
            fallback = next(reversed(membership.states.values()), NO_STATE)
            membership.states[sid] = fallback if state is None else state
        return self._show(person, room, membership, wall_ms)

    def forgo_grace(self, sid: str, room: str) -> None:
        """In this room a lost transport is a leave at once.

        Raises:
            NotInRoom: the connection is not in it.
        """
        self._seated(sid, room).hasty |= {sid}

    def leave(self, sid: str, room: str, reason: LeaveReason = "left") -> list[Transition]:
        """Take a connection out of a room, at once.

        Raises:
            NotInRoom: it never entered, or has left already. Nothing changes.
        """
        self._seated(sid, room)
        person = self._tabs[sid].person
        transitions = self._vacate(person, room, sid, reason)
        self._forget(person)
        return transitions

    def update(self, sid: str, room: str, state: State) -> list[Transition]:
        """Replace what a connection publishes; it becomes what others see of this user.

        Raises:
            NotInRoom: nothing changes.
        """
        membership = self._seated(sid, room)
        del membership.states[sid]
        membership.states[sid] = state
        return self._show(self._tabs[sid].person, room, membership)

    def state(self, sid: str, room: str) -> State:
        """What this connection publishes in the room; NotInRoom if it is not there."""
        return self._seated(sid, room).states[sid]

    def set_status(self, sid: str, status: Status) -> list[Transition]:
        """How active the human at this connection is."""
        tab = self._tabs[sid]
        tab.status = status
        return self._refresh(tab.person) if self._restatus(tab.person) else []

    def expire(self, now_s: float) -> list[Transition]:
        """The leaves whose grace has run out."""
        transitions: list[Transition] = []
        while self._graces and self._graces[0].until_s <= now_s:
            grace = self._graces.popleft()
            membership = grace.person.memberships.get(grace.room)
            if membership is None or membership.grace is not grace:
                continue  # the user came back, or was kicked meanwhile
            membership.grace = None
            transitions += self._leave(grace.person, grace.room, membership, grace.reason)
            self._forget(grace.person)
        return transitions

    def kick(self, user_id: str) -> list[Transition]:
        """End every membership of a user at once, graces included. Their tabs stay until they are disconnected."""
        person = self._persons.get(user_id)
        if person is None:
            return []
        memberships, person.memberships = person.memberships, {}
        self._forget(person)
        return [
            Transition(room, membership.member, None, "kicked") for room, membership in memberships.items() if membership.member
        ]

    # -- The fold ----------------------------------------------------------------------------------------------------

    def _seated(self, sid: str, room: str) -> Membership:
        membership = self._tabs[sid].person.memberships.get(room)
        if membership is None or sid not in membership.states:
            raise NotInRoom("This connection is not in that room: send room:enter first.")
        return membership

    def _held(self, membership: Membership) -> list[State]:
        """What the tabs publish by which the user is there, the last changed last."""
        return [state for sid, state in membership.states.items() if not self._tabs[sid].suspended]

    def _show(
        self, person: Person, room: str, membership: Membership, wall_ms: int = 0, reason: LeaveReason = "disconnected"
    ) -> list[Transition]:
        """Make the member what its tabs say, and tell if that is different."""
        before = membership.member
        states = [membership.grace.state] if membership.grace is not None else self._held(membership)
        if not states:
            membership.member = None
            return [Transition(room, before, None, reason)] if before is not None else []
        since, generation = (wall_ms, next(self._generation)) if before is None else (before.since, before.generation)
        member = self._member(person, states[-1], since, generation, len(states))
        if member == before:
            return []
        membership.member = member
        return [Transition(room, before, member)]

    @staticmethod
    def _member(person: Person, state: State, since: int, generation: int, connections: int) -> Member:
        user = person.user
        return Member(user.id, user.name, user.info, user.anonymous, person.status, state, since, generation, connections)

    def _refresh(self, person: Person, wall_ms: int = 0) -> list[Transition]:
        memberships = person.memberships.items()
        return [shown for room, membership in memberships for shown in self._show(person, room, membership, wall_ms)]

    def _restatus(self, person: Person) -> bool:
        here = (tab.status for tab in person.tabs if not tab.suspended)
        status = max(here, key=_RANK.__getitem__, default=person.status)
        changed = status != person.status
        person.status = status
        return changed

    def _begin_grace(self, person: Person, room: str, state: State, reason: LeaveReason, lost_s: float) -> None:
        grace = person.memberships[room].grace = Grace(person, room, state, reason, lost_s + self._leave_grace_s)
        if self._graces and self._graces[-1].until_s > grace.until_s:
            insort(self._graces, grace, key=_until_s)
        else:
            self._graces.append(grace)

    def _vacate(self, person: Person, room: str, sid: str, reason: LeaveReason) -> list[Transition]:
        membership = person.memberships[room]
        del membership.states[sid]
        if membership.hasty:
            membership.hasty -= {sid}
        return self._leave(person, room, membership, reason)

    def _leave(self, person: Person, room: str, membership: Membership, reason: LeaveReason) -> list[Transition]:
        """After a tab has gone, or a grace has ended."""
        if not membership.states and membership.grace is None:
            del person.memberships[room]
        return self._show(person, room, membership, reason=reason)

    def _forget(self, person: Person) -> None:
        if not person.tabs and not person.memberships:
            self._persons.pop(person.user.id, None)

"""A client whose idea of a room is made only of what it was sent, and which sees at once whether that is true.

A frame tells how a room is at its moment, so in the very call that brings it the copy has to equal the truth. What comes late,
because its reader had stopped, is compared with the truth at the same `seq` as it was when another was sent it (P5).
"""

from __future__ import annotations

from typing import Any

import msgspec

from alsohere.wire.engineio import Packet
from support.simulation import SimulatedClient, World

Look = tuple[int, dict[str, dict[str, Any]]]  # how many are in a room, and those who may be named


class Truth:
    """Rooms as the node has them, and as they were at every `seq` that anybody was sent in time."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._looks: dict[tuple[str, str, int], Look] = {}
        self.faults: list[AssertionError] = []  # raised where they are found, they would be caught by the node's own barriers

    def now(self, room: str) -> Look:
        """The room as it is."""
        node = self._world.node
        return node.count(room), {member.id: msgspec.to_builtins(member) for member in node.members(room)}

    def keep(self, room: str, watch: str, seq: int) -> None:
        """A frame of this `seq` was sent a moment ago."""
        self._looks[room, watch, seq] = self.now(room)

    def at(self, room: str, watch: str, seq: int) -> Look | None:
        """The room at this `seq`, if anybody was looking."""
        return self._looks.get((room, watch, seq))


class Copy:
    """One room as one client believes it to be, by the rules of the reference (js/src/core/copy.ts and presence.ts)."""

    def __init__(self, room: str, watch: str, answer: dict[str, Any]) -> None:
        self.room, self.watch = room, watch
        self.members = {member["id"]: member for member in answer.get("members", [])}
        self.count, self.mode = answer["count"], answer["mode"]
        self.epoch, self.seq = answer["epoch"], answer["seq"]
        self.missed = False  # a frame; it need not know
        self.resyncing = False

    def hear(self, frame: dict[str, Any]) -> bool:
        """Take a frame in. Returns whether it was news, and nothing before it was missed."""
        if self.resyncing or frame["seq"] <= self.seq:
            return False
        if self.mode == "count":  # counts are absolute
            self.count, self.seq, self.missed = frame["count"], frame["seq"], False
            return True
        if frame["mode"] == "count":
            return False  # on its way since before more was asked for
        self.resyncing = frame["prev"] != self.seq
        if not self.resyncing:
            self.apply(frame)
        return not self.resyncing

    def apply(self, frame: dict[str, Any]) -> None:
        """Leave, then enter, then update."""
        assert frame["prev"] == self.seq, "what was missed chains on (P5)"
        assert frame["seq"] > self.seq, "seq grows (P5)"
        self._check_alternation(frame)
        for _ in range(2):  # P6: twice is once
            for gone in frame.get("leave", []):
                self.members.pop(gone["id"], None)
            for member in frame.get("enter", []):
                self.members[member["id"]] = member
            for update in frame.get("update", []):
                self.members[update["id"]] = self.members[update["id"]] | update
        self.seq, self.count, self.mode = frame["seq"], frame["count"], frame["mode"]

    def _check_alternation(self, frame: dict[str, Any]) -> None:
        """P2 and P8 as a watcher sees them: who leaves was here, who enters was not, or comes back as a later generation."""
        left = {gone["id"]: self.members[gone["id"]] for gone in frame.get("leave", [])}
        for member in frame.get("enter", []):
            before = left.get(member["id"])
            assert before is not None or member["id"] not in self.members
            assert before is None or member["generation"] > before["generation"]

    def check(self, look: Look) -> None:
        """All of the room in `full` mode; in `sample` nothing that is not so; and always the exact count (P7)."""
        count, members = look
        assert self.count == count
        if self.mode == "full":
            assert self.members == members
        elif self.mode == "sample":
            assert all(members.get(user_id) == member for user_id, member in self.members.items())
        else:
            assert not self.members


class Watcher(SimulatedClient):
    """A client that keeps copies of rooms.

    Args:
        world: its server.
        truth: what the copies have to be.
    """

    def __init__(self, world: World, truth: Truth) -> None:
        self.truth = truth
        self.copies: dict[str, Copy] = {}
        self.wanted: set[str] = set()
        self._asked: dict[str, tuple[int, str]] = {}  # the newest question of each room, which is the only one that counts
        self._held: dict[str, list[dict[str, Any]]] = {}  # frames that came between it and its answer
        self.deaf_for = 0
        self.paused_s: float | None = None
        super().__init__(world)

    # -- Asking ------------------------------------------------------------------------------------------------------

    def enter(self, room: str, watch: str, state: dict[str, Any] | None, *, resume: bool = False) -> None:
        command: dict[str, Any] = {"room": room, "watch": watch}
        if state is not None:
            command["state"] = state
        copy = self.copies.get(room)
        if resume and copy is not None and copy.watch == watch and copy.mode != "count":
            command["since"] = [copy.epoch, copy.seq]
        else:
            self.copies.pop(room, None)
        self._asked[room] = (self._next_ack + 1, watch)
        self._held[room] = []
        self.ask("room:enter", command)

    def ask_again(self) -> None:
        """Where a gap was seen."""
        for room, copy in list(self.copies.items()):
            if copy.resyncing and room not in self._asked:
                self.enter(room, copy.watch, None, resume=True)

    def forget(self, room: str) -> None:
        """It is not looked at any more."""
        self.wanted.discard(room)
        self.copies.pop(room, None)

    def call_now(self, event: str, argument: dict[str, Any]) -> Any:
        """A command whose answer does not wait for a tick; read it even if the client has stopped reading."""
        paused = not self.peer.outbox.ready
        self.peer.outbox.resume()
        ack_id = self.ask(event, argument)
        if paused:
            self.peer.outbox.pause()
        return self.acks[ack_id][0]

    # -- Reading -----------------------------------------------------------------------------------------------------

    def stop_reading(self) -> None:
        self.peer.outbox.pause()
        if self.paused_s is None:
            self.paused_s = self.world.clock.time_s

    def read_again(self) -> None:
        """What has come meanwhile, and everything from now on."""
        self.peer.outbox.resume()
        self.paused_s = None

    def write(self, packet: Packet) -> None:
        try:
            super().write(packet)
        except AssertionError as fault:
            self.truth.faults.append(fault)

    def heard(self, name: str, args: list[Any]) -> None:
        if name != "room:changed":
            return
        frame = args[0]
        room = frame["room"]
        copy = self.copies.get(room)
        if copy is not None and self.paused_s is None:
            self.truth.keep(room, copy.watch, frame["seq"])
        if self.deaf_for:
            self.deaf_for -= 1
            if copy is not None:
                copy.missed = True
        elif room in self._asked:
            self._held[room].append(frame)
        elif copy is not None and copy.hear(frame):
            self._check(copy)

    def answered(self, ack_id: int) -> None:
        for room, (newest, watch) in list(self._asked.items()):
            if ack_id == newest:
                del self._asked[room]
                answer = self.acks[ack_id][0]
                if answer["ok"] and watch != "none" and room in self.wanted:
                    self._begin(room, watch, answer)

    def _begin(self, room: str, watch: str, answer: dict[str, Any]) -> None:
        if answer["recovered"]:
            copy = self.copies[room]
            for frame in answer["changes"]:
                copy.apply(frame)
            assert copy.seq == answer["seq"]
            copy.resyncing = copy.missed = False
        else:
            copy = self.copies[room] = Copy(room, watch, answer)
        if copy.mode == "full" and self.paused_s is None:
            self.truth.keep(room, watch, copy.seq)  # counts and samples are those of the last frame, which may be a second old
        self._check(copy)
        for frame in self._held.pop(room):
            if copy.hear(frame):
                self._check(copy)

    def _check(self, copy: Copy) -> None:
        look = self.truth.at(copy.room, copy.watch, copy.seq)
        if look is not None:
            copy.check(look)

    def settled(self) -> list[Copy]:
        """The copies that lack nothing which was sent: neither missed, nor unread, nor asked for."""
        if self.paused_s is not None:
            return []
        copies = [self.copies[room] for room in self.wanted if room in self.copies and room not in self._asked]
        return [copy for copy in copies if not (copy.missed or copy.resyncing)]

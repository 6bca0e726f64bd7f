"""A second transport that asks to take a session over.

Engine.IO protocol 4, "Upgrade": the client sends `2probe` on the new transport, the server answers `3probe` there (and ends a
waiting poll with a noop), the client sends `5`. Until then the old transport works on, and if anything else is sent here,
only this transport is closed.
"""

from __future__ import annotations

from enum import Enum

from alsohere.errors import PacketError
from alsohere.wire.engineio import PROBE_PING, UPGRADE


class UpgradeState(Enum):
    OPENED = "opened"
    PROBED = "probed"
    DONE = "done"


# A packet that is not in the row of the state aborts the upgrade.
MOVES: dict[UpgradeState, dict[bytes, UpgradeState]] = {
    UpgradeState.OPENED: {PROBE_PING: UpgradeState.PROBED},
    UpgradeState.PROBED: {UPGRADE: UpgradeState.DONE},
    UpgradeState.DONE: {},
}


class Upgrade:
    """The probe of one new transport."""

    __slots__ = ("state",)

    def __init__(self) -> None:
        self.state = UpgradeState.OPENED

    def receive(self, data: bytes, *, binary: bool = False) -> UpgradeState:
        """Take a packet of the new transport; returns the state it leads to.

        Raises:
            PacketError: not the packet that the protocol wants here. The new transport must be closed, the session must not.
        """
        following = None if binary else MOVES[self.state].get(data)
        if following is None:
            raise PacketError("not a step of an upgrade")
        self.state = following
        return following

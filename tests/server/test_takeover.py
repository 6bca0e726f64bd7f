"""A WebSocket takes over a polling session."""

from __future__ import annotations

from alsohere.node.peer import POLL_GAP_S
from alsohere.server.takeover import Takeover
from support.simulation import World


def test_a_client_that_does_not_poll_beside_its_probe_stays():
    world = World()
    ann = world.client("ann")
    ann.peer.transport = "polling"
    ann.peer.expect_poll()
    takeover = Takeover(ann.peer, 10.0)
    assert not takeover.receive(ann, b"2probe", binary=False)
    assert takeover.receive(ann, b"5", binary=False)
    world.pass_time(POLL_GAP_S + 1)
    assert ann.closed is None

"""B: probes and takeovers. Whatever a second transport does, the session goes on where it was."""

from __future__ import annotations

import pytest

from hostile.bystander import Bystander
from hostile.conftest import CONNECT_TIMEOUT_S
from hostile.wire import PING, TEXT, Line, PollingClient, frame
from support.raw import RawClient
from support.servers import ServerProcess, wait_for

BAD_REQUEST, UNKNOWN_SID = 3, 1


def _probe(server: ServerProcess, sid: str) -> RawClient:
    return RawClient(server.url, query=f"EIO=4&transport=websocket&sid={sid}")


def _assert_polling_works(client: PollingClient) -> None:
    client.call("room:watch", {"rooms": []}, ack_id=7)


@pytest.mark.parametrize(
    "packets",
    [
        ["2x"],
        ["2"],
        ["2probe", "2probe"],
        ["5"],
        [b"2probe"],
        ["2probe", b"5"],
        ["3probe"],
        ["40"],
        ["2probe", "40"],
        [""],
        ["1"],
        ["2probe", "5x"],
        ["2" + "probe" * 100_000],
    ],
)
def test_h38_probes_that_are_none(server: ServerProcess, bystander: Bystander, packets: list[str | bytes]) -> None:
    client = bystander.attacking_poll()
    with _probe(server, client.sid) as probe:
        for packet in packets:
            probe.send(packet)
        code, seen = probe.closed()
        assert (code, seen) in ((4400, ""), (4400, "3probe"))
    _assert_polling_works(client)
    assert client.post("1").status == 200


def test_h39_two_probes_at_once(server: ServerProcess, bystander: Bystander) -> None:
    client = bystander.attacking_poll()
    with _probe(server, client.sid) as first, _probe(server, client.sid) as second:
        assert second.closed() == (4400, "")
        first.send("2probe")
        assert first.receive() == "3probe"
        first.send("5")
        assert first.call("room:watch", {"rooms": []})["ok"]


def test_h40_an_upgrade_of_a_websocket(server: ServerProcess, bystander: Bystander) -> None:
    with bystander.attacker() as client:
        with _probe(server, client.open["sid"]) as probe:
            assert probe.closed() == (4400, "")
        assert client.call("room:watch", {"rooms": []})["ok"]


def test_h40_an_upgrade_of_a_session_that_ends(server: ServerProcess, bystander: Bystander) -> None:
    client = bystander.attacking_poll()
    with _probe(server, client.sid) as probe:
        probe.send("2probe")
        assert probe.receive() == "3probe"
        client.post("1")
        probe.send("5")
        assert probe.closed() == (4400, "")


def test_h41_a_probe_that_never_takes_over(server: ServerProcess, bystander: Bystander) -> None:
    client = bystander.attacking_poll()
    with _probe(server, client.sid) as probe:
        probe.send("2probe")
        assert probe.receive() == "3probe"
        _assert_polling_works(client)  # no packet waits for the one who never comes
        assert probe.closed(CONNECT_TIMEOUT_S + 5) == (4408, "")
    _assert_polling_works(client)
    assert client.post("1").status == 200


def test_h41_a_second_transport_that_is_silent(server: ServerProcess, bystander: Bystander) -> None:
    client = bystander.attacking_poll()
    with _probe(server, client.sid) as probe:
        assert probe.closed(CONNECT_TIMEOUT_S + 5) == (4408, "")
    with _probe(server, client.sid) as probe:  # the way is free again
        probe.send("2probe")
        assert probe.receive() == "3probe"
        probe.send("5")
        assert probe.call("room:watch", {"rooms": []})["ok"]


def test_h41_everything_at_once(server: ServerProcess, bystander: Bystander) -> None:
    """A client that waits for no answer gets its packets all the same."""
    client = bystander.attacking_poll()
    client._line.request("GET", client.target)
    with Line(server) as line:
        line.upgrade(f"EIO=4&transport=websocket&sid={client.sid}")
        line.send(frame(TEXT, b"2probe") + frame(TEXT, b"5") + frame(TEXT, b'429["unknown"]'))
        assert line.packet() == b"3probe"
        while not (packet := line.packet()).startswith(b"439["):
            pass
        assert b"unknown_event" in packet
        assert client._line.getresponse().read() == b"6"
        line.send(frame(TEXT, b"2"))
        assert line.closed() == 4400


def test_h42_polling_after_an_upgrade(server: ServerProcess, bystander: Bystander) -> None:
    client = bystander.attacking_poll()
    with _probe(server, client.sid) as socket:
        socket.send("2probe")
        assert socket.receive() == "3probe"
        socket.send("5")
        assert socket.call("room:watch", {"rooms": []})["ok"]
        assert (client.get().code, client.post("1").code) == (BAD_REQUEST, BAD_REQUEST)
        assert socket.call("room:watch", {"rooms": []})["ok"]


def test_h43_a_close_during_a_poll(bystander: Bystander) -> None:
    client = bystander.attacking_poll()
    other = PollingClient(bystander.server)
    other.sid = client.sid
    client._line.request("GET", client.target)
    assert other.post("1").body == b"ok"
    assert client._line.getresponse().read() == b"6"
    assert other.post("1").code == UNKNOWN_SID


def test_h43_two_closes_in_one_payload(bystander: Bystander) -> None:
    client = bystander.attacking_poll()
    assert client.post("1\x1e1").body == b"ok"
    assert client.get().code == UNKNOWN_SID


def test_h43_a_close_in_the_middle_of_an_upgrade(server: ServerProcess, bystander: Bystander) -> None:
    client = bystander.attacking_poll()
    with _probe(server, client.sid) as probe:
        probe.send("2probe")
        assert probe.receive() == "3probe"
        assert client.post("1").body == b"ok"
        probe.send("1")
        assert probe.closed()[0] == 4400


def test_h43_two_closes_on_a_websocket(server: ServerProcess, bystander: Bystander) -> None:
    with bystander.attacking_line() as line:
        line.send(frame(TEXT, b"1") + frame(TEXT, b"1") + frame(PING, b"x"))
        assert line.closed() == 1000
    wait_for(lambda: bystander.server.metric("alsohere_sessions") == 1)

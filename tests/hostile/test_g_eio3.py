"""G: what Engine.IO 3 adds to what can be wrong. The rows are those of A, B and D that it has its own parser or its own rule for."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from hostile.bystander import ROOM, Bystander, closed_with
from hostile.conftest import CONNECT_TIMEOUT_S, CONNECTIONS_PER_CLIENT
from hostile.marks import native_old, old
from hostile.wire import ENDPOINT, RESET, TEXT, Line, fetch, frame
from support.old import BINARY_TYPE, QUERY, OldPolls, payload
from support.raw import RawClient
from support.servers import ServerProcess, wait_for

UNKNOWN_SID, BAD_REQUEST, UNSUPPORTED_VERSION = 1, 3, 5
PACKET_BURST = 200
MAX_PAYLOAD_BYTES = 1_000_000
ENTER = json.dumps(["room:enter", {"room": ROOM, "watch": "none"}])


def polling(bystander: Bystander) -> OldPolls:
    """A client on long-polling whom the bystander has seen come."""
    client = OldPolls(bystander.server.url)
    bystander.meet(client.call(0, *json.loads(ENTER))["self"]["id"])
    return client


@pytest.fixture
def attacker(bystander: Bystander) -> Iterator[RawClient]:
    """The same on a WebSocket."""
    with RawClient(bystander.server.url, query=QUERY).handshake() as client:
        assert client.receive() == "40"
        client.send("420" + ENTER)
        bystander.meet(json.loads(client.receive()[3:])[0]["self"]["id"])
        yield client


def assert_over(client: OldPolls, body: bytes, kind: str = "text/plain") -> None:
    assert client.post(body, kind).status == 400
    assert client.get().code == UNKNOWN_SID


# -- A: requests -------------------------------------------------------------------------------------------------------


@old
@pytest.mark.parametrize("query", ["EIO=2", "EIO=5", "EIO=03", "EIO=3.0", "EIO=%EF%BC%93", "EIO=5&EIO=3", "eio=3", ""])
def test_h01_other_revisions(server: ServerProcess, bystander: Bystander, query: str) -> None:
    answer = fetch(server, f"{ENDPOINT}?{query}&transport=polling")
    assert (answer.status, answer.code) == (400, UNSUPPORTED_VERSION)


@old
@pytest.mark.parametrize("mixed", ["4", "5", "__proto__"])
def test_h01_two_revisions_on_one_session(bystander: Bystander, mixed: str) -> None:
    wanted = BAD_REQUEST if mixed == "4" else UNSUPPORTED_VERSION
    client = polling(bystander)
    assert client.get(EIO=mixed).code == client.post(b"1", EIO=mixed).code == wanted
    assert client.call(7, "room:watch", {"rooms": []})["ok"]
    assert client.send("1").body == b"ok"


@old
def test_h01_an_old_request_to_a_new_session(server: ServerProcess, bystander: Bystander) -> None:
    client = bystander.attacking_poll()
    for method in ("GET", "POST"):
        assert fetch(server, client.target.replace("EIO=4", "EIO=3"), method).code == BAD_REQUEST
    client.call("room:watch", {"rooms": []}, ack_id=7)
    assert client.post("1").status == 200


@native_old
def test_h01_an_upgrade_of_another_revision(server: ServerProcess, bystander: Bystander) -> None:
    client = polling(bystander)
    head = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    answer = fetch(server, f"{ENDPOINT}?EIO=4&transport=websocket&sid={client.sid}", headers=head)
    assert (answer.status, answer.code) == (400, BAD_REQUEST)
    assert client.send("1").body == b"ok"


@old
def test_h10_a_body_that_says_it_is_too_large(server: ServerProcess, bystander: Bystander) -> None:
    client = polling(bystander)
    head = f"Content-Type: {BINARY_TYPE}\r\nContent-Length: {MAX_PAYLOAD_BYTES + 1}\r\n"
    assert fetch(server, client.target, "POST", head).status == 413
    assert client.get().code == UNKNOWN_SID


@old
def test_h18_handshakes_without_polls(server: ServerProcess, bystander: Bystander) -> None:
    """Each of them is in `/` at once, and gone when no poll follows."""
    answers = [fetch(server, f"{ENDPOINT}?EIO=3&transport=polling") for _ in range(CONNECTIONS_PER_CLIENT + 3)]
    let_in = CONNECTIONS_PER_CLIENT - 1  # the bystander is one
    assert [answer.status for answer in answers] == [200] * let_in + [429] * 4
    assert answers[-1].headers["retry-after"]
    wait_for(lambda: fetch(server, f"{ENDPOINT}?EIO=3&transport=polling").status == 200, 15)


@old
@pytest.mark.parametrize("query", ["j=0", "j=", "j=1&callback=x"])
def test_h27_jsonp(server: ServerProcess, bystander: Bystander, query: str) -> None:
    answer = fetch(server, f"{ENDPOINT}?EIO=3&transport=polling&{query}")
    assert (answer.status, answer.code) == (400, BAD_REQUEST)


@old
def test_h24_origins_are_looked_at_too(server: ServerProcess, bystander: Bystander) -> None:
    answer = fetch(server, f"{ENDPOINT}?EIO=3&transport=polling", headers="Origin: https://evil.example\r\n")
    assert (answer.status, answer.code) == (403, 4)


@old
def test_h104_a_token_in_the_url_is_not_looked_at(server: ServerProcess, bystander: Bystander) -> None:
    with RawClient(server.url, query=QUERY + "&token=forged").handshake() as client:
        assert client.receive() == "40", "it is a visitor, as without"


# -- B: Engine.IO packets ----------------------------------------------------------------------------------------------


@old
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b":",
        b"2",
        b"2:2",
        b"0:",
        b"1:2x",
        b"1:21:",
        b"-1:2",
        b"01:2",
        b"1e0:2",
        b"__proto__:2",
        b"constructor:2",
        b"1" * 100 + b":2",
        b"9" * 9 + b":2",
        b"1" * (MAX_PAYLOAD_BYTES - 1),
        b"1:" * 400_000,
        "2:4\U0001f44b".encode(),
        "4:4\U0001f44b1:2".encode(),
        "\u0661:2".encode(),
        b"1:\xff",
        b"2:7x",
        b"2:b4",
        b"2\x1e2",
    ],
    ids=lambda body: repr(body[:20]),
)
def test_h31_payloads_whose_lengths_lie(bystander: Bystander, body: bytes) -> None:
    assert_over(polling(bystander), body)


@old
@pytest.mark.parametrize(
    "body",
    [
        b"\x00",
        b"\x00\xff2",
        b"\x00\x01\xff",
        b"\x00\x02\xff2",
        b"\x00\x0a\xff2",
        b"\x00" + b"\x09" * 400 + b"\xff2",
        b"\x00" + b"\x09" * (MAX_PAYLOAD_BYTES - 1),
        b"\x02\x01\xff2",
        b"\x00\x01\xff\xff",
        b"\x01\x01\xff2",
        b"\x01\x02\xff\x04x",
        b"\x00\x01\xff2" * 17,
    ],
    ids=lambda body: repr(body[:20]),
)
def test_h31_binary_payloads_whose_lengths_lie(bystander: Bystander, body: bytes) -> None:
    assert_over(polling(bystander), body, BINARY_TYPE)


@old
@pytest.mark.parametrize(
    "packet", ["0", "5", "7", "x", "", "3", "3probe", "2" + "x" * 200, "2" * MAX_PAYLOAD_BYTES, b"", b"4", b"\x03"]
)
def test_h31_h32_h33_packets_that_are_not_the_client_s_to_send(
    bystander: Bystander, attacker: RawClient, packet: str | bytes
) -> None:
    attacker.send(packet)
    assert attacker.closed() == (4400, "")


@old
def test_h34_a_flood_of_pings(server: ServerProcess, bystander: Bystander) -> None:
    before = closed_with(server, 4429)
    with Line(server) as line:
        line.upgrade(QUERY)
        line.send(frame(TEXT, b"2") * (5 * PACKET_BURST))
        assert line.closed() in (4429, RESET)
    wait_for(lambda: closed_with(server, 4429) == before + 1, what="the end of the session")


@old
def test_h34_a_flood_of_pings_on_polling(server: ServerProcess, bystander: Bystander) -> None:
    before = closed_with(server, 4429)
    client = polling(bystander)
    for _ in range(5 * PACKET_BURST // 16):
        client.send(*["2"] * 16)
    *pongs, dismissal, close = client.get().packets
    assert set(pongs) == {"3"}
    assert len(pongs) < 4 * PACKET_BURST
    assert (dismissal, close) == ("41", "1")
    assert client.get().code == UNKNOWN_SID
    assert closed_with(server, 4429) == before + 1


@old
@pytest.mark.parametrize("more", [1, 100_000])
def test_h35_payloads_with_too_many_packets(bystander: Bystander, more: int) -> None:
    assert_over(polling(bystander), b"1:2" * (16 + more))


@old
def test_h35_as_many_as_are_allowed(bystander: Bystander) -> None:
    assert polling(bystander).send(*["2"] * 15, "1").body == b"ok"


@old
@pytest.mark.parametrize(
    "packet", ["b", "bAAAA", "b2AAAA", "b4!!!!", "b4AAA", "b4AA=A", "b4AA\nA=", "b4" + "A" * 900_001, "b4AAAA"]
)
def test_h36_base64_that_is_none_or_unannounced(bystander: Bystander, packet: str) -> None:
    assert_over(polling(bystander), payload(packet))


@old
def test_h38_a_probe_that_is_none(bystander: Bystander) -> None:
    client = polling(bystander)
    for packet in ("2x", "40", b"\x042probe"):
        with RawClient(bystander.server.url, query=client.upgrade_query) as probe:
            probe.send(packet)
            assert probe.closed() == (4400, "")
    assert client.call(7, "room:watch", {"rooms": []})["ok"]
    assert client.send("1").body == b"ok"


# -- D: Socket.IO packets ----------------------------------------------------------------------------------------------


@old
@pytest.mark.parametrize(
    "packet",
    [
        "40",
        "40{}",
        "40/x,{}",
        "44",
        '44"no"',
        "40/" + "x" * 200,
        "40/x?" + "a" * 9000,
        "40/x?a=%ff",
        "40/x?" + "&" * 100,
        "40/x?a=1,2",
    ],
    ids=lambda packet: packet[:12],
)
def test_h57_h59_h60_connects_that_are_none(bystander: Bystander, attacker: RawClient, packet: str) -> None:
    attacker.send(packet)
    assert attacker.closed() == (4400, "")


@old
def test_h58_unknown_namespaces(bystander: Bystander, attacker: RawClient) -> None:
    for name in ("/x", "/x?token=1", "/__proto__", "/constructor?__proto__=1", "/" + "y" * 100):
        attacker.send(f"40{name},")
        assert attacker.receive() == f'44{name.partition("?")[0]},"Invalid namespace"'
    attacker.send("40/z,")
    assert attacker.closed() == (4429, "")


@old
def test_h61_h71_a_query_that_two_readers_could_read_differently(
    server: ServerProcess, bystander: Bystander, attacker: RawClient
) -> None:
    """There is no namespace but `/`, which is left first and asked for again."""
    attacker.send("41")
    attacker.send("40/?token=a&token=b,")
    assert attacker.receive() == '44"Invalid auth: a key twice."'
    attacker.send("40/?" + "&".join(f"k{number}" for number in range(33)) + ",")
    assert attacker.receive() == '44"Invalid auth: an object of at most 32 keys."'
    attacker.send("40/?token=forged,")
    assert attacker.receive() == '44"The token is not valid here."'
    # Who is refused and stays would wait for ever: it is sent away.
    assert attacker.closed(CONNECT_TIMEOUT_S + 5) == (4408, "41")


@old
def test_h74_h76_attachments(bystander: Bystander, attacker: RawClient) -> None:
    attacker.send('451-["x",{"_placeholder":true,"num":0}]')
    attacker.send("2")
    assert attacker.receive() == "3", "a ping may come between"
    attacker.send('42["x"]')
    assert attacker.closed() == (4400, "")

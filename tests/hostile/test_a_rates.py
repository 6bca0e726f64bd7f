"""A: too much of what is harmless once. On a server of its own, behind a proxy: so each test has an address of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from hostile.bystander import Bystander
from hostile.conftest import COMMANDS, ENVIRONMENT
from hostile.wire import ENDPOINT, Line, PollingClient
from support.raw import RawClient
from support.servers import ServerProcess, wait_for

BURST = 200
CONNECTIONS_PER_CLIENT = 5
RULES = {"ALSOHERE_TRUSTED_PROXIES": "127.0.0.1", "ALSOHERE_CONNECTIONS_PER_CLIENT": str(CONNECTIONS_PER_CLIENT)}
UNKNOWN = b'{"code":1,"message":"Session ID unknown"}'


@pytest.fixture(scope="module")
def proxied() -> Iterator[ServerProcess]:
    with ServerProcess(*COMMANDS["native-app"], env=ENVIRONMENT | RULES) as server:
        yield server


@pytest.fixture(scope="module")
def _beside(proxied: ServerProcess) -> Iterator[Bystander]:
    with Bystander(proxied) as bystander:
        yield bystander


@pytest.fixture(autouse=True)
def beside(_beside: Bystander) -> Iterator[Bystander]:
    """Asked after each test."""
    yield _beside
    _beside.assert_undisturbed()


def _guesses(server: ServerProcess, address: str, amount: int) -> Counter[tuple[int, bytes]]:
    """What so many guessed sids are answered, one after the other on one connection."""
    answers: Counter[tuple[int, bytes]] = Counter()
    with Line(server) as line:
        for number in range(amount):
            line.request(f"GET {ENDPOINT}?EIO=4&transport=polling&sid=guess-{number:06}", f"X-Forwarded-For: {address}\r\n")
            answer = line.answer()
            answers[answer.status, answer.body] += 1
            assert answer.status == 400 or int(answer.headers["retry-after"]) > 0
    return answers


def test_h05_sids_guessed_without_end(proxied: ServerProcess) -> None:
    answers = _guesses(proxied, "192.0.2.1", 10_000)
    assert set(answers) == {(400, UNKNOWN), (429, b"")}
    assert answers[429, b""] > 0
    assert answers[400, UNKNOWN] >= BURST
    assert _guesses(proxied, "192.0.2.2", 1) == {(400, UNKNOWN): 1}, "somebody else's rate"
    client = PollingClient(proxied, X_Forwarded_For="192.0.2.1").handshake()
    assert client.post("1").body == b"ok", "who is in one office with the attacker gets in"


def test_h05_a_network_of_guessers(proxied: ServerProcess) -> None:
    """For IPv6 a network counts as one: its machines have 2^64 addresses each."""
    answers = sum((_guesses(proxied, f"2001:db8:0:1::{number:x}", 100) for number in range(5)), Counter())
    assert answers[429, b""] > 0
    assert _guesses(proxied, "2001:db8:0:2::1", 1) == {(400, UNKNOWN): 1}


@pytest.mark.parametrize("query", ["EIO=3&transport=polling", "EIO=4&transport=abc", "EIO=4&transport=polling&j=1", ""])
def test_h05_other_bad_requests_without_end(proxied: ServerProcess, query: str) -> None:
    address = f"198.51.100.{len(query)}"
    with Line(proxied) as line:
        statuses = []
        for _ in range(BURST + 100):
            line.request(f"GET {ENDPOINT}?{query}", f"X-Forwarded-For: {address}\r\n")
            statuses.append(line.answer().status)
    assert set(statuses) == {400, 429}


def test_h05_guessed_sids_of_websockets(proxied: ServerProcess) -> None:
    headers = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    statuses = []
    for number in range(BURST + 100):
        with Line(proxied) as line:
            line.request(
                f"GET {ENDPOINT}?EIO=4&transport=websocket&sid=guess-{number}", headers + "X-Forwarded-For: 192.0.2.4\r\n"
            )
            statuses.append(line.answer().status)
    assert set(statuses) == {400, 429}


def test_h17_polls_that_are_given_up_without_end(proxied: ServerProcess) -> None:
    """The first ends the session, because what it would have carried is lost: nothing is lost silently. The others are bad requests."""
    client = PollingClient(proxied, X_Forwarded_For="192.0.2.5").handshake().join("attacker-0001")
    client._line.request("GET", client.target)
    client.close()
    wait_for(lambda: client.get().code == 1, what="the end of the session")
    statuses = [client.get().status for _ in range(BURST + 100)]
    assert set(statuses) == {400, 429}
    again = PollingClient(proxied, X_Forwarded_For="192.0.2.5").handshake().join("attacker-0001")
    assert again.post("1").body == b"ok"


def test_h18_handshakes_of_one_network(proxied: ServerProcess) -> None:
    pending = int(ENVIRONMENT["ALSOHERE_PENDING_PER_CLIENT"])
    statuses = []
    for number in range(pending + 5):
        with Line(proxied) as line:
            line.request(f"GET {ENDPOINT}?EIO=4&transport=polling", f"X-Forwarded-For: 2001:db8:0:3::{number:x}\r\n")
            answer = line.answer()
            statuses.append(answer.status)
    assert statuses == [200] * pending + [429] * 5
    assert answer.headers["retry-after"]


def _from(proxied: ServerProcess, address: str) -> RawClient:
    return RawClient(proxied.url, additional_headers={"X-Forwarded-For": address}).handshake()


@pytest.mark.parametrize("network", ["203.0.113.1", "2001:db8:0:4::{:x}"])
def test_h20_connections_of_one_address_without_end(proxied: ServerProcess, network: str) -> None:
    """Closed, and not refused: a client that is closed tries again, and what stands in its way is others of its address."""
    clients = [_from(proxied, network.format(number)) for number in range(CONNECTIONS_PER_CLIENT + 3)]
    answers = []
    for number, client in enumerate(clients):
        client.send(f'40{{"visitor":"attacker-{number:04}"}}')
        answers.append(client.receive()[:2] if number < CONNECTIONS_PER_CLIENT else client.closed())
    assert answers == ["40"] * CONNECTIONS_PER_CLIENT + [(4429, "")] * 3
    with _from(proxied, "203.0.113.2").join({"visitor": "attacker-0001"}) as elsewhere:
        assert elsewhere.call("room:watch", {"rooms": []})["ok"]
    for client in clients:
        client.socket.close()
    with _from(proxied, network.format(99)).join({"visitor": "attacker-0001"}) as later:
        assert later.call("room:watch", {"rooms": []})["ok"]


def test_h20_connections_of_one_address_on_polling(proxied: ServerProcess) -> None:
    clients = [PollingClient(proxied, X_Forwarded_For="203.0.113.3").handshake() for _ in range(CONNECTIONS_PER_CLIENT + 1)]
    for number, client in enumerate(clients[:-1]):
        client.join(f"attacker-{number:04}")
    assert clients[-1].post('40{"visitor":"attacker-9999"}').body == b"ok"
    assert clients[-1].get().code == 1, "as after any lost session: it may come back"
    for client in clients[:-1]:
        client.post("1")

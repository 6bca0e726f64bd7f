"""A: pages of other sites, and clients that claim to be somewhere else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hostile.bystander import Bystander
from hostile.conftest import ENVIRONMENT, PENDING_PER_CLIENT
from hostile.marks import apps, native
from hostile.wire import ENDPOINT, Line, PollingClient, fetch, goodbye
from support.servers import ServerProcess

FORBIDDEN = 4
POLLING, WEBSOCKET = f"{ENDPOINT}?EIO=4&transport=polling", f"{ENDPOINT}?EIO=4&transport=websocket"
UPGRADE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)

OTHER_SITES = [
    "null",
    "",
    "*",
    "https://good.example.evil.example",
    "https://evil.example/?https://good.example",
    "https://evil.example#https://good.example",
    "https://good.example@evil.example",
    "https://evil.example@good.example",
    "https://evilgood.example",
    "http://good.example",
    "https://good.example:8443",
    "HTTPS://GOOD.EXAMPLE",
    "https://Good.example",
    "https://good.example/",
    "https://good.example.",
    "https://gооd.example",  # with two Cyrillic letters
    "https://xn--gd-jma.example",
    "https://127.0.0.1:{port}",
    "http://127.0.0.1:1{port}",
    "http://localhost:{port}",
    "http://127.0.0.1:{port}/page",
    "http://[::1",
    "http://127.0.0.1:99999",
    "file://",
    "javascript:alert(1)",
]


def _origin(server: ServerProcess, origin: str) -> str:
    return origin.format(port=server.port).encode().decode("latin-1")


@pytest.mark.parametrize("origin", OTHER_SITES)
def test_h24_other_origins(server: ServerProcess, bystander: Bystander, origin: str) -> None:
    header = f"Origin: {_origin(server, origin)}\r\n"
    for target, more in ((POLLING, ""), (WEBSOCKET, UPGRADE)):
        answer = fetch(server, target, headers=header + more)
        assert (answer.status, answer.code) == (403, FORBIDDEN)
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("origin", ["https://good.example", "http://127.0.0.1:{port}"])
def test_h24_good_origins(server: ServerProcess, bystander: Bystander, origin: str) -> None:
    origin = _origin(server, origin)
    answer = fetch(server, POLLING, headers=f"Origin: {origin}\r\n")
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, origin)
    goodbye(server, answer)
    assert fetch(server, WEBSOCKET, headers=f"Origin: {origin}\r\n" + UPGRADE).status == 101


@pytest.mark.parametrize(
    ("site", "status"), [("cross-site", 403), ("same-site", 403), ("x", 403), ("same-origin", 200), ("none", 200)]
)
def test_h24_no_origin_but_a_site(server: ServerProcess, bystander: Bystander, site: str, status: int) -> None:
    """Browsers send no Origin with a GET of the same origin; what they say instead cannot be set by a page."""
    answer = fetch(server, POLLING, headers=f"Sec-Fetch-Site: {site}\r\n")
    assert answer.status == status
    if status == 200:
        goodbye(server, answer)


PAGES = {"Referer": "https://good.example/page", "Authorization": "Bearer x", "Sec-Fetch-Site": "same-origin"}


@apps
def test_h24_no_origin_and_cookies(server: ServerProcess, bystander: Bystander) -> None:
    for target, more in ((POLLING, ""), (WEBSOCKET, UPGRADE)):
        answer = fetch(server, target, headers="Cookie: session=of-the-victim\r\n" + more)
        assert (answer.status, answer.code) == (403, FORBIDDEN)
    for name, value in PAGES.items():
        client = PollingClient(server, **{"Cookie": "session=1", name: value})
        assert client.handshake().post("1").status == 200


@native
def test_h24_no_origin_and_cookies_that_nobody_reads(server: ServerProcess, bystander: Bystander) -> None:
    """Balancers give cookies to every client, and no cookie says here who somebody is."""
    assert PollingClient(server, Cookie="AWSALB=1").handshake().post("1").status == 200


def test_h25_hijacking_with_the_victims_cookie(server: ServerProcess, bystander: Bystander) -> None:
    headers = "Origin: https://evil.example\r\nCookie: session=of-the-victim\r\nAuthorization: Bearer of-the-victim\r\n"
    assert fetch(server, WEBSOCKET, headers=headers + UPGRADE).status == 403
    victim = PollingClient(server, Cookie="session=of-the-victim", Origin=server.url).handshake()
    assert fetch(server, victim.target, headers="Origin: https://evil.example\r\nCookie: session=of-the-victim\r\n").status == 403
    assert fetch(server, victim.target, "POST", "Origin: https://evil.example\r\n", b"40").status == 403
    assert victim.post("1").status == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", None])
def test_h26_preflights_of_other_origins(server: ServerProcess, bystander: Bystander, origin: str | None) -> None:
    headers = "" if origin is None else f"Origin: {origin}\r\n"
    answer = fetch(server, POLLING, "OPTIONS", headers + "Access-Control-Request-Method: POST\r\n")
    assert (answer.status, answer.code) == (403, FORBIDDEN)
    assert b"Origin" in answer.body
    assert b"Cookies" not in answer.body  # a preflight never has any
    assert not [name for name in answer.headers if name.startswith("access-control-allow")]


def test_h26_preflights_of_a_good_origin(server: ServerProcess, bystander: Bystander) -> None:
    headers = "Origin: https://good.example\r\nAccess-Control-Request-Method: POST\r\n"
    answer = fetch(server, POLLING, "OPTIONS", headers)
    allowed = [answer.headers[f"access-control-allow-{what}"] for what in ("origin", "credentials", "methods")]
    assert (answer.status, allowed) == (204, ["https://good.example", "true", "GET, POST"])
    assert answer.headers["vary"] == "Origin"


@pytest.mark.parametrize("origin", ["https://evil.example\r\nSet-Cookie: a=b", "https://evil.example\x00"])
def test_h26_an_origin_that_would_split_the_answer(server: ServerProcess, bystander: Bystander, origin: str) -> None:
    answer = fetch(server, POLLING, headers=f"Origin: {origin}\r\n")
    assert answer.status in (400, 403)
    assert "set-cookie" not in answer.headers


def _handshakes(server: ServerProcess, amount: int, forwarded: str) -> list[int]:
    """The statuses of so many handshakes, each claiming to come from elsewhere."""
    claims = [f"X-Forwarded-For: {forwarded.format(index)}\r\nX-Real-IP: 9.9.9.{index}\r\n" for index in range(amount)]
    return [fetch(server, POLLING, headers=claim).status for claim in claims]


@native  # uvicorn by itself believes what comes from this machine
def test_h28_forwarded_addresses_of_strangers(server: ServerProcess, bystander: Bystander) -> None:
    assert _handshakes(server, PENDING_PER_CLIENT + 1, "10.0.0.{}") == [200] * PENDING_PER_CLIENT + [429]


@pytest.fixture(scope="module")
def proxied() -> Iterator[ServerProcess]:
    """A server that takes us for its proxy, and remembers pending sessions for as long as these tests run."""
    environment = {
        "ALSOHERE_PENDING_PER_CLIENT": "3",
        "ALSOHERE_TRUSTED_PROXIES": "127.0.0.1,192.0.2.1",
        "ALSOHERE_CONNECT_TIMEOUT_S": "60",
    }
    with ServerProcess("-m", "alsohere", "serve", "--port", "{port}", env=ENVIRONMENT | environment) as server:
        yield server


@pytest.mark.parametrize(
    ("forwarded", "last"),
    [
        ("10.0.0.{}, 192.0.2.7", 429),  # what the client wrote, then what the proxy saw
        ("10.0.0.{}, 192.0.2.8, 192.0.2.1, 127.0.0.1", 429),  # three proxies
        ("10.0.0.{}\r\nX-Forwarded-For: 192.0.2.9", 429),  # a proxy that adds a line of its own
        ("10.1.0.{}", 200),
        (", 127.0.0.1,,", 429),
    ],
)
def test_h28_forwarded_addresses_of_a_proxy(proxied: ServerProcess, forwarded: str, last: int) -> None:
    assert _handshakes(proxied, 4, forwarded) == [200, 200, 200, last]


def test_h28_the_connection_of_a_stranger(server: ServerProcess, bystander: Bystander) -> None:
    with Line(server) as line:
        line.upgrade(headers="X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: https\r\n")
        assert line.packet().startswith(b"0{")
    origin = "Origin: https://evil.example\r\nX-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: https\r\n"
    assert fetch(server, POLLING, headers=origin).status == 403

"""A: HTTP that is too much, too slow, or two things at once. On our own server: elsewhere it is the host's."""

from __future__ import annotations

import pytest

from hostile.bystander import ROOM, Bystander, Process
from hostile.conftest import COMMANDS, ENVIRONMENT
from hostile.marks import native
from hostile.wire import CLOSE, ENDPOINT, Line, fetch, frame
from support.servers import ServerProcess, wait_for

MAX_PAYLOAD_BYTES = 1_000_000
CHUNK = b"10000\r\n" + b"4" * 0x10000 + b"\r\n"


def test_h10_a_body_that_says_it_is_too_large(server: ServerProcess, bystander: Bystander) -> None:
    client = bystander.attacking_poll()
    answer = fetch(server, client.target, "POST", f"Content-Length: {MAX_PAYLOAD_BYTES + 1}\r\n")  # and nothing is sent
    assert (answer.status, answer.headers["connection"]) == (413, "close")
    assert client.get().code == 1


def test_h11_a_body_without_end(server: ServerProcess, bystander: Bystander) -> None:
    client = bystander.attacking_poll()
    before = Process(server).resident_bytes()
    with Line(server) as line:
        line.request(f"POST {client.target}", "Transfer-Encoding: chunked\r\n")
        sent = 0
        with pytest.raises(ConnectionError):
            while sent < 100 * MAX_PAYLOAD_BYTES:
                line.send(CHUNK)
                sent += len(CHUNK)
    assert sent < 30 * MAX_PAYLOAD_BYTES  # what the kernels hold between us
    assert client.get().code == 1
    assert Process(server).resident_bytes() - before < 20_000_000


def test_h11_what_a_body_without_a_length_is_told(server: ServerProcess, bystander: Bystander) -> None:
    """To who stops sending when it is over: to others a reset may come first."""
    client = bystander.attacking_poll()
    with Line(server) as line:
        line.request(f"POST {client.target}", "Transfer-Encoding: chunked\r\n")
        for _ in range(MAX_PAYLOAD_BYTES // 0x10000 + 1):
            line.send(CHUNK)
        answer = line.answer()
    assert (answer.status, answer.headers["connection"]) == (413, "close")
    assert client.get().code == 1


@native
@pytest.mark.parametrize(
    "headers",
    [
        "Content-Length: -1\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5, 6\r\n",
        "Content-Length: 0x5\r\n",
        "Content-Length: 99999999999999999999\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding : chunked\r\n",
    ],
)
def test_h12_lengths_that_two_readers_read_differently(server: ServerProcess, bystander: Bystander, headers: str) -> None:
    smuggled = b"0\r\n\r\nGET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
    with Line(server) as line:
        line.request(f"POST {ENDPOINT}?EIO=4&transport=polling&sid=x", headers, smuggled)
        assert line.answer().status == 400
        line.everything()


@native
@pytest.mark.parametrize(
    ("line", "headers", "status"),
    [
        (f"GET {ENDPOINT}?EIO=4", "".join(f"X-{index}: x\r\n" for index in range(200)), 431),
        (f"GET {ENDPOINT}?EIO=4", f"X-Long: {'a' * 65536}\r\n", 431),
        (f"GET {ENDPOINT}?EIO=4&x={'a' * 16384}", "", 414),
    ],
    ids=["200-headers", "64-kb-header", "16-kb-url"],
)
@pytest.mark.parametrize("upgrade", ["", "Upgrade: websocket\r\nConnection: Upgrade\r\n"], ids=["http", "websocket"])
def test_h21_heads_that_are_too_large(
    server: ServerProcess, bystander: Bystander, line: str, headers: str, status: int, upgrade: str
) -> None:
    with Line(server) as attack:
        attack.request(line, headers + upgrade)
        assert attack.answer().status == status
        attack.everything()


@native
@pytest.mark.parametrize(
    "start",
    [
        b"GET /livez HTTP/1.1\r\nX-Endless: ",
        b"GET /livez HTTP/1.1\r\n",
        b"GET /livez?",
        b"POST /livez HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Endless: ",
        b"POST /livez HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;x=",
    ],
    ids=["value", "name", "url", "trailer", "chunk-extension"],
)
def test_h21_one_line_without_end(server: ServerProcess, bystander: Bystander, start: bytes) -> None:
    before = Process(server).resident_bytes()
    with Line(server) as line:
        with pytest.raises(ConnectionError):
            line.send(start)
            for _ in range(1000):
                line.send(b"a" * 65536)
    assert Process(server).resident_bytes() - before < 20_000_000


UPGRADE = "Upgrade: websocket\r\nConnection: Upgrade\r\n"
KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
VERSION = "Sec-WebSocket-Version: 13\r\n"


@pytest.mark.parametrize(
    "header",
    [
        "Sec-WebSocket-Protocol: caf\xe9\r\n",
        "Sec-WebSocket-Protocol: " + ", ".join(f"p{index}" for index in range(1000)) + "\r\n",
        "Sec-WebSocket-Protocol: " + "a" * 5000 + " \r\n",
        "Sec-WebSocket-Extensions: constructor\r\n",
        "Sec-WebSocket-Extensions: permessage-deflate; x=__proto__;;;,,\r\n",
        "Sec-WebSocket-Protocol:\r\nSec-WebSocket-Extensions:\r\n",
    ],
    ids=["non-ascii", "1000-items", "long", "constructor", "malformed", "empty"],
)
def test_h22_strange_offers(server: ServerProcess, bystander: Bystander, header: str) -> None:
    with Line(server) as line:
        line.request(f"GET {ENDPOINT}?EIO=4&transport=websocket", UPGRADE + KEY + VERSION + header)
        answer = line.answer()
        assert answer.status in (101, 400)
        assert "sec-websocket-protocol" not in answer.headers
        assert "sec-websocket-extensions" not in answer.headers


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (UPGRADE + VERSION, {400}),
        (UPGRADE + VERSION + "Sec-WebSocket-Key: short\r\n", {400}),
        (UPGRADE + VERSION + "Sec-WebSocket-Key: ======================\xff=\r\n", {400}),
        (UPGRADE + KEY + "Sec-WebSocket-Version: 12\r\n", {400, 426}),
        (UPGRADE + KEY + "Sec-WebSocket-Version: 13\xa0\r\n", {400, 426}),
        (UPGRADE + KEY, {400, 426}),
    ],
    ids=["no-key", "short-key", "strange-key", "version-12", "version-13-and-more", "no-version"],
)
def test_h23_handshakes_that_are_not(server: ServerProcess, bystander: Bystander, headers: str, status: set[int]) -> None:
    with Line(server) as line:
        line.request(f"GET {ENDPOINT}?EIO=4&transport=websocket", headers)
        assert line.answer().status in status


@native
def test_h23_an_old_version_is_told_which_one_would_do(server: ServerProcess, bystander: Bystander) -> None:
    answer = fetch(server, f"{ENDPOINT}?EIO=4&transport=websocket", "GET", UPGRADE + KEY + "Sec-WebSocket-Version: 12\r\n")
    assert (answer.status, answer.headers["sec-websocket-version"]) == (426, "13")


@native
@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/nothing", 404),
        ("//livez", 404),
        ("/socket.io/../livez", 404),
        ("/%2e%2e/livez", 404),
        ("/%6civez", 404),
        ("/%6detrics", 404),
        ("/alsohere%2ejs", 404),
        ("/socket%2eio/?EIO=4&transport=polling", 404),
        ("/socket.io%2f?EIO=4&transport=polling", 404),
        ("/api/v1/%6fnline", 404),
        ("/socket.io/%2e%2e/livez", 404),
        ("http://evil.example/livez", 200),
        ("http://evil.example", 400),
        ("/livez/", 404),
        ("*", 404),
        ("/\xe9", 400),
        ("/%ff%fe", 404),
        ("/livez\\", 404),
    ],
)
def test_h29_paths_are_taken_as_they_are(server: ServerProcess, bystander: Bystander, target: str, status: int) -> None:
    with Line(server) as line:
        line.send(f"GET {target} HTTP/1.1\r\nHost: evil.example\r\n\r\n".encode("latin-1"))
        answer = line.answer()
        assert answer.status == status
        assert "location" not in answer.headers
        assert b"evil.example" not in answer.body or target.startswith("http://")


def test_h29_websockets_at_paths_that_are_not_ours() -> None:
    """On a server of its own: uvicorn logs each of them as an error."""
    with ServerProcess(*COMMANDS["native"], env=ENVIRONMENT) as server:
        for path in ("/socket%2eio/", "/%73ocket.io/", "/socket.io%2f", "//socket.io/", "/%2f", "http://evil.example/socket.io/"):
            answer = fetch(server, f"{path}?EIO=4&transport=websocket", "GET", UPGRADE + KEY + VERSION)
            assert (path, answer.status) == (path, 404)
            assert "location" not in answer.headers


def test_h29_paths_of_the_sample_site() -> None:
    with ServerProcess("-m", "alsohere", "demo", "--no-open", "--port", "{port}", env=ENVIRONMENT) as server:
        for target in ("/%00", "/a" * 3000, "/..%2f..%2fetc/passwd", "//evil.example/", "/%2e%2e/index", "/\\"):
            assert fetch(server, target).status == 404
        assert fetch(server, "/", "POST").status == 405
        for target in ("/products", "/articles", "/products/", "/articles/"):
            assert "location" not in fetch(server, target).headers
        _, output = server.stop()
    assert "Traceback" not in output


@native
def test_h30_expect_continue(server: ServerProcess, bystander: Bystander) -> None:
    client = bystander.attacking_poll()
    with Line(server) as line:
        line.request(f"POST {client.target}", "Content-Length: 1\r\nExpect: 100-continue\r\n")
        assert line.socket.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        line.send(b"1")
        assert line.answer().body == b"ok"
        line.request(f"POST {client.target}", f"Content-Length: {MAX_PAYLOAD_BYTES + 1}\r\nExpect: 100-continue\r\n")
        assert line.answer().status == 400  # the session is gone, and nobody asks for its body


@native
def test_h30_pipelined_requests(server: ServerProcess, bystander: Bystander) -> None:
    client = bystander.attacking_poll()
    with Line(server) as line:
        get = f"GET {client.target} HTTP/1.1\r\nHost: x\r\n\r\n"
        post = f"POST {client.target} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n1"
        line.send((get + post + post + get).encode())
        # The first waits, and nothing behind it is looked at, or this session were gone now; then the second ends it, the third does not
        # find it, and what is behind that is dropped.
        assert client.post(f'421["room:update",{{"room":"{ROOM}","state":{{}}}}]').body == b"ok"
        first, second, third = line.everything().split(b"HTTP/1.1 ")[1:]
    assert first.startswith(b"200")
    assert b"\r\n\r\n431[" in first
    assert second.startswith(b"200")
    assert second.endswith(b"\r\n\r\nok")
    assert third.startswith(b"400")


@native
@pytest.mark.parametrize("path", [ENDPOINT, "/elsewhere"])
def test_h30_an_upgrade_behind_another_request(server: ServerProcess, bystander: Bystander, path: str) -> None:
    """The answer to the first must not be written into the WebSocket."""
    with Line(server) as line:
        upgrade = f"GET {path}?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n{UPGRADE}{KEY}{VERSION}\r\n"
        line.send(b"GET /alsohere.js HTTP/1.1\r\nHost: x\r\n\r\n" + upgrade.encode())
        assert b"HTTP/1.1 101" not in line.everything()


@native
def test_h30_a_reset_behind_pipelined_requests(server: ServerProcess, bystander: Bystander) -> None:
    process = Process(server)
    before = process.files()
    for _ in range(10):
        line = Line(server, receive_buffer_bytes=2048)
        line.send(b"GET /alsohere.js HTTP/1.1\r\nHost: x\r\n\r\n" * 60)
        line.reset()
    wait_for(lambda: process.files() <= before, what="the files to be closed")


@native
def test_h30_an_upgrade_with_a_body(server: ServerProcess, bystander: Bystander) -> None:
    smuggled = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
    with Line(server) as line:
        headers = UPGRADE + KEY + VERSION + f"Content-Length: {len(smuggled)}\r\n"
        line.request(f"GET {ENDPOINT}?EIO=4&transport=websocket", headers, smuggled)
        start = line.socket.recv(65536)
        line.send(frame(CLOSE))
        assert b"alsohere_" not in start + line.everything()


@native
def test_h30_a_connection_is_free_again(server: ServerProcess, bystander: Bystander) -> None:
    process = Process(server)
    before = process.files()
    lines = [Line(server) for _ in range(20)]
    for line in lines:
        line.send(b"GET / HTTP/9.9\r\n\r\n\r\n" if lines.index(line) % 2 else b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        assert line.answer().status == 400
        line.socket.close()
    wait_for(lambda: process.files() <= before, what="the files to be closed")

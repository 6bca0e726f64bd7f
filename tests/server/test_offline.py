"""Notifications that nobody takes here, on their other ways: a real server, and real receivers at the end of each way."""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
import urllib.request
from base64 import urlsafe_b64encode
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.error import HTTPError

import http_ece
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from alsohere import AlsoHere
from alsohere.backends.memory_inbox import MemoryInbox
from alsohere.backends.memory_offline import MemoryOffline
from alsohere.config import Config
from alsohere.domain.offline import NOWHERE, Case, Errand, Subscription, check_endpoint
from alsohere.errors import BadRequest, ConfigError
from alsohere.notices import Marks, Notice, Preferences
from alsohere.server.carriers import MOST_AFTER_S, WebpushCarrier, _pinned, after_s, check_apprise, payload_of
from alsohere.server.offline import NotSentError
from support.databases import new_database, rows
from support.raw import RawClient, joined
from support.receivers import Receiver, webhook_env
from support.servers import API_KEY, SECRET, ServerProcess, free_port, wait_for

HERE = AlsoHere(secret=SECRET, database_url="memory://")
SOON = {"message": {"after_s": 0.2, "channels": ["webpush", "apprise", "webhook"]}}


def encoded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def point(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


VAPID = ec.generate_private_key(ec.SECP256R1())
VAPID_KEY = encoded(VAPID.private_numbers().private_value.to_bytes(32, "big"))


class Far:
    """What is at the other end: keeps the requests, and answers as told."""

    def __init__(self, answer: Callable[[], int] = lambda: 201, headers: dict[str, str] | None = None) -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        far = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                far.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(answer())
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def __enter__(self) -> Far:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class Browser:
    """The keys that a browser makes for a subscription."""

    def __init__(self, address: str) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.auth = os.urandom(16)
        self.endpoint = f"http://{address}/push/1"
        self.subscription = {"endpoint": self.endpoint, "keys": {"p256dh": encoded(point(self.key)), "auth": encoded(self.auth)}}

    def opened(self, body: bytes) -> Any:
        return json.loads(http_ece.decrypt(body, private_key=self.key, auth_secret=self.auth))


def check_rfc_8188_and_8291(body: bytes) -> None:
    """The header block: 16 bytes of salt, a record size that holds all, and the sender's public key; one record after it."""
    record_size, id_bytes = int.from_bytes(body[16:20], "big"), body[20]
    assert (id_bytes, body[21]) == (65, 4)
    ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), body[21:86])
    assert 18 <= len(body) - 86 <= record_size
    assert len(body) <= 4096


def settings(url: str = "memory://", categories: Any = SOON, **more: str) -> dict[str, str]:
    names = {"DATABASE_URL": url, "CATEGORIES": json.dumps(categories), **{name.upper(): value for name, value in more.items()}}
    return {f"ALSOHERE_{name}": value for name, value in names.items()}


def with_webpush(**more: str) -> dict[str, str]:
    return {
        "vapid_private_key": VAPID_KEY,
        "vapid_subject": "mailto:a@example.com",
        "webpush_private_addresses": "1",
        **more,
    }


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path) -> str:
    return new_database(request.param, tmp_path)


def ask(server: ServerProcess, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{server.url}/api/v1{path}", data, {"X-API-Key": API_KEY}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, json.load(response)
    except HTTPError as error:
        return error.code, json.load(error)


def user(server: ServerProcess, name: str) -> RawClient:
    return joined(server.url, token=HERE.token(name))


def notify(server: ServerProcess, *to: str, **more: Any) -> int:
    body = {"to": list(to), "category": "message", "title": "Hello", "body": "See here", **more}
    status, answer = ask(server, "POST", "/notifications", body)
    assert status == 200, answer
    return answer["id"]


def test_who_is_absent_is_reached_by_every_way_that_they_have(url: str):
    with Far() as far, Receiver() as receiver:
        env = settings(url, apprise="1", **with_webpush()) | webhook_env(receiver.url)
        with ServerProcess(env=env) as server:
            browser = Browser(far.address)
            with user(server, "ann") as ann:
                assert ann.call("webpush:subscribe", {"subscription": browser.subscription}) == {"ok": True}
            assert ask(server, "PUT", "/users/ann/channels", {"apprise": [f"json://{far.address}/apprise"]})[0] == 200
            assert ask(server, "GET", "/users/ann/channels")[1] == {"apprise": [f"json://{far.address}/apprise"], "webpush": 1}
            wait_for(lambda: "user.offline" in receiver.types())
            notice = notify(server, "ann", "bob", url="/post/1")
            wait_for(lambda: len(far.requests) == 2 and receiver.types().count("notification.pending") == 2)
            by_path = {path: (headers, body) for path, headers, body in far.requests}
            headers, body = by_path["/push/1"]
            check_rfc_8188_and_8291(body)
            assert {name: headers[name] for name in ("content-encoding", "ttl", "urgency", "content-length")} == {
                "content-encoding": "aes128gcm",
                "ttl": "86400",
                "urgency": "normal",
                "content-length": str(len(body)),
            }
            assert browser.opened(body) == {
                "id": notice,
                "category": "message",
                "title": "Hello",
                "body": "See here",
                "url": "/post/1",
                "topic": None,
            }
            token, key = headers["authorization"].removeprefix("vapid t=").split(",k=")
            claims = jwt.decode(token, VAPID.public_key(), algorithms=["ES256"], audience=f"http://{far.address}")
            assert (claims["sub"], key) == ("mailto:a@example.com", encoded(point(VAPID)))
            assert 0 < claims["exp"] - time.time() <= 86_400  # RFC 8292, 2: not more than a day
            assert jwt.get_unverified_header(token) == {"typ": "JWT", "alg": "ES256"}
            assert not {"topic", "crypto-key", "encryption"} & set(headers)  # the last two are of the drafts before
            assert json.loads(by_path["/apprise"][1])["title"] == "Hello"
            told = [event["data"] for event in receiver.events if event["type"] == "notification.pending"]
            assert sorted((data["user"], data["notification"]["id"]) for data in told) == [("ann", notice), ("bob", notice)]
            wait_for(lambda: 'alsohere_offline_sends_total{channel="apprise",outcome="sent"} 1.0' in server.get("/metrics")[1])


def test_a_broadcast_goes_to_all_who_have_a_way_and_have_not_taken_it(url: str):
    later = {"message": {"after_s": 1, "channels": ["webpush", "apprise", "webhook"]}}
    with Far() as far, Receiver() as receiver:
        env = settings(url, later, apprise="1", **with_webpush()) | webhook_env(receiver.url)
        with ServerProcess(env=env) as server:
            browser = Browser(far.address)
            with user(server, "ann") as ann:
                assert ann.call("webpush:subscribe", {"subscription": browser.subscription}) == {"ok": True}
            for name in ("bob", "cid"):
                assert ask(server, "PUT", f"/users/{name}/channels", {"apprise": [f"json://{far.address}/{name}"]})[0] == 200
            with user(server, "cid") as cid:
                status, answer = ask(server, "POST", "/notifications", {"everyone": True, "category": "message", "title": "Fire"})
                assert status == 200
                acknowledge(cid)
                wait_for(lambda: len(far.requests) == 2 and "notification.pending" in receiver.types())
            assert sorted(path for path, _, _ in far.requests) == ["/bob", "/push/1"], "cid has seen it"
            told = [event["data"] for event in receiver.events if event["type"] == "notification.pending"]
            assert [(data["user"], data["notification"]["id"]) for data in told] == [(None, answer["id"])]


def test_what_was_taken_recalled_or_muted_goes_no_other_way(url: str):
    later = {"message": {"after_s": 3, "channels": ["webhook"]}}
    with Receiver() as receiver, ServerProcess(env=settings(url, later) | webhook_env(receiver.url)) as server:
        assert (
            ask(server, "PUT", "/users/cid/preferences", {"muted": {"categories": ["message"], "topics": []}, "quiet": None})[0]
            == 200
        )
        with user(server, "ann") as ann:
            thread = threading.Thread(target=acknowledge, args=(ann,))
            thread.start()
            notify(server, "ann")
            thread.join()
            recalled = notify(server, "bob")
            assert ask(server, "DELETE", f"/notifications/{recalled}")[0] == 200
            notify(server, "cid")
            last = notify(server, "dan", "cid", critical=True)
            wait_for(lambda: receiver.types().count("notification.pending") == 2)
            told = [event["data"] for event in receiver.events if event["type"] == "notification.pending"]
            assert sorted((data["user"], data["notification"]["id"]) for data in told) == [("cid", last), ("dan", last)]


def acknowledge(client: RawClient) -> None:
    while True:
        packet = client.receive()
        if '["notification"' in packet:
            client.send("43" + packet[2 : packet.index("[")] + "[]")
            return


def test_quiet_hours_are_waited_for_and_a_restart_forgets_nothing(tmp_path):
    url = new_database("sqlite", tmp_path)
    with Receiver() as receiver:
        env = settings(url) | webhook_env(receiver.url)
        hour = time.gmtime().tm_hour
        quiet = {"from": f"{(hour - 1) % 24:02}:00", "to": f"{(hour + 3) % 24:02}:00", "tz": "UTC"}
        with ServerProcess(env=env) as server:
            ask(server, "PUT", "/users/ann/preferences", {"muted": {"categories": [], "topics": []}, "quiet": quiet})
            notify(server, "ann")
            wait_for(lambda: rows(url, "SELECT 1 FROM outgoing WHERE next_ms > due_ms + 3600000"))
            notify(server, "ann", critical=True)
            wait_for(lambda: "notification.pending" in receiver.types())
        rows(url, "UPDATE outgoing SET next_ms = 0")  # as if the night was over
        rows(url, "DELETE FROM preferences")
        with ServerProcess(env=env):
            wait_for(lambda: receiver.types().count("notification.pending") == 2)


def test_a_browser_that_is_gone_is_forgotten_and_a_failure_is_tried_again():
    answers = [503, 410]
    with Far(lambda: answers.pop(0)) as far, ServerProcess(env=settings(**with_webpush())) as server:
        with user(server, "ann") as ann:
            ann.call("webpush:subscribe", {"subscription": Browser(far.address).subscription})
        notify(server, "ann")
        wait_for(lambda: ask(server, "GET", "/users/ann/channels")[1]["webpush"] == 0, 25)
        assert len(far.requests) == 2


def test_a_push_service_that_asks_to_wait_is_left_alone_and_does_not_keep_what_is_over(tmp_path):
    url = new_database("sqlite", tmp_path)
    env = settings(url, **with_webpush())
    with Far(lambda: 429, {"retry-after": "7200"}) as far, ServerProcess(env=env) as server:
        browser = Browser(far.address)
        with user(server, "ann") as ann:
            ann.call("webpush:subscribe", {"subscription": browser.subscription})
        ends_ms = time.time_ns() // 1_000_000 + 600_000
        notify(server, "ann", critical=True, expires_at=ends_ms)
        asked = "SELECT next_ms - due_ms FROM outgoing WHERE channel = 'webpush' AND attempts = 1"
        wait_for(lambda: rows(url, asked))
        assert rows(url, asked)[0][0] >= 7_200_000
        assert ask(server, "GET", "/users/ann/channels")[1]["webpush"] == 1
        ((_, headers, _),) = far.requests
        assert headers["urgency"] == "high"
        assert 500 < int(headers["ttl"]) <= 600


def test_a_retry_after_is_a_number_of_seconds_or_a_date():
    now_s = 1_700_000_000.0
    given = ["120", "Tue, 14 Nov 2023 22:15:00 GMT", "Tue, 14 Nov 2023 22:00:00 GMT", "soon", "", "-5", "9" * 50, "²"]
    assert [after_s(text, now_s) for text in given] == [120, 100, 0, 0, 0, 0, MOST_AFTER_S, 0]


def test_a_payload_that_is_too_long_for_a_push_service_is_cut():
    notice = Notice(id=1, category="message", audience="users", created_at=0, title="☃" * 500, body="\x01☃" * 8000)
    browser = Browser("push.example.com")
    carrier = WebpushCarrier(MemoryOffline(MemoryInbox(0), NOWHERE), VAPID_KEY, "mailto:a@example.com", private=False)
    keys = Subscription(browser.endpoint, encoded(point(browser.key)), encoded(browser.auth))
    body, _ = carrier._sealed(keys, payload_of(notice), browser.endpoint)
    check_rfc_8188_and_8291(body)
    assert browser.opened(body)["title"] == "☃" * 200


def test_a_way_that_is_dead_keeps_no_other_waiting():
    blocked = threading.Event()

    def hang() -> int:
        blocked.wait(20)
        return 503

    dead = free_port()
    with Far(hang) as slow, Receiver() as receiver:
        env = settings(apprise="1", **with_webpush()) | webhook_env(receiver.url)
        with ServerProcess(env=env) as server:
            with user(server, "ann") as ann:
                ann.call("webpush:subscribe", {"subscription": Browser(slow.address).subscription})
            ask(server, "PUT", "/users/ann/channels", {"apprise": [f"json://127.0.0.1:{dead}/", f"json://{slow.address}/a"]})
            for _ in range(5):
                notify(server, "ann")
            wait_for(lambda: receiver.types().count("notification.pending") == 5)
            with user(server, "bob") as bob:  # nor anybody who is here
                assert bob.call("room:enter", {"room": "/post/1"})["ok"]
            blocked.set()


@pytest.mark.parametrize(
    "endpoint",
    [
        *("http://push.example.com/1", "https://127.0.0.1/1", "https://[::1]/", "https://10.0.0.1/", "https://169.254.169.254/"),
        *("https://[::ffff:10.0.0.1]/", "https://localhost/", "https://a@example.com/", "ftp://example.com/", "https://", "x"),
        *(
            "https://[/",
            "https://exämple.com/",
            "https://example.com/" + "x" * 2000,
            "https://0.0.0.0/",
            "https://[fe80::1%25a]/",
        ),
        *("https://printer.local/", "https://224.0.0.1/", "https://100.64.0.1/"),
    ],
)
def test_an_endpoint_must_not_lead_into_our_own_network(hostile: RawClient, endpoint: str):
    keys = {"p256dh": "a", "auth": "b"}
    answer = hostile.call("webpush:subscribe", {"subscription": {"endpoint": endpoint, "keys": keys}})
    assert answer["error"]["code"] == "bad_request", answer


@pytest.fixture(scope="module")
def hostile():
    with ServerProcess(env=settings(**with_webpush(webpush_private_addresses="0"))) as server, user(server, "mal") as client:
        yield client


def test_a_name_that_leads_into_our_own_network_is_not_connected_to():
    with pytest.raises(NotSentError, match="private address"):
        asyncio.run(_pinned("https://localhost:1/push"))


def test_a_name_that_can_be_none_ends_in_an_attempt_that_failed():
    carrier = WebpushCarrier(MemoryOffline(MemoryInbox(0), NOWHERE), VAPID_KEY, "mailto:a@example.com", private=False)
    browser, endpoint = Browser("push.example.com"), check_endpoint("https://a..example.com/1", private=False)
    keys = Subscription(endpoint, encoded(point(browser.key)), encoded(browser.auth))
    notice = Notice(id=1, category="message", audience="users", created_at=0, title="t")
    errand = Errand(due_ms=0, user="ann", notification=1, channel="webpush", target=endpoint, next_ms=0)
    with pytest.raises(NotSentError, match="UnicodeError"):
        asyncio.run(carrier.send(notice, Case(errand, notice, Marks(), Preferences(), (), (keys,))))


def test_without_a_key_there_is_no_web_push_and_without_apprise_no_url():
    with ServerProcess(env=settings()) as server, user(server, "ann") as ann:
        keys = {"p256dh": "a", "auth": "b"}
        answer = ann.call("webpush:subscribe", {"subscription": {"endpoint": "https://example.com/", "keys": keys}})
        assert answer["error"]["code"] == "forbidden"
        assert ask(server, "PUT", "/users/ann/channels", {"apprise": ["json://localhost"]})[0] == 403
    with ServerProcess(env=settings(apprise="1")) as server:
        assert ask(server, "PUT", "/users/ann/channels", {"apprise": ["nothing://like/that"]})[1]["code"] == "bad_request"


@pytest.mark.parametrize(
    "url", ["slack://pa55word", "https//ann:pa55word@example.com", "nothing:pa55word", "mailto://ann:pa55word@"]
)
def test_a_url_that_cannot_be_read_is_not_logged_with_its_password(url: str, caplog: pytest.LogCaptureFixture):
    with pytest.raises(BadRequest):
        check_apprise(url)
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"vapid_private_key": "short"}, "vapid_private_key must be 32 bytes"),
        ({"vapid_private_key": "*"}, "vapid_private_key must be 32 bytes"),
        ({"vapid_private_key": VAPID_KEY}, "vapid_subject must be mailto"),
        ({"vapid_private_key": VAPID_KEY, "vapid_subject": "me"}, "vapid_subject must be mailto"),
    ],
)
def test_settings_that_cannot_work_are_refused(given: dict[str, str], sentence: str):
    with pytest.raises(ConfigError, match=sentence):
        Config.load(**given)

"""Another server is asked who connects: what it is told, what its answers do, and what happens when it does not answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from alsohere.errors import CloseCode, ConfigError, Disconnect, Unauthenticated
from alsohere.node.connection import Connection
from alsohere.node.handshake import Handshake
from alsohere.server import auth_url
from alsohere.server.auth_url import AuthUrl
from alsohere.types import User
from support.provider import Provider
from support.raw import RawClient
from support.servers import ServerProcess, wait_for
from support.simulation import World

ANN = {"id": 42, "name": "Ann", "info": {"colour": "red"}, "rooms": ["/team/*"]}


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as provider:
        provider.body = json.dumps(ANN).encode()
        yield provider


class Scene:
    """The question, under a clock of the test."""

    def __init__(self, provider: Provider) -> None:
        self.time_s = 1000.0
        self.provider = provider
        self.auth_url = AuthUrl(provider.url, 10.0, lambda: self.time_s)
        self.world = World()

    def connection(self, cookie: str = "session=ann", token: str | None = "t", *more: tuple[bytes, bytes]) -> Connection:
        peer = self.world.node.open(Handshake(((b"cookie", cookie.encode()), *more), b"token=x", "10.0.0.1"))
        return Connection(self.world.node, peer, "/", json.dumps({"token": token}).encode())

    async def ask(self, *args: Any) -> User:
        return await self.auth_url.ask(self.connection(*args))


def test_cookies_and_tokens_are_forwarded_and_identity_and_rooms_come_back(provider: Provider):
    async def scene() -> None:
        here = Scene(provider)
        more = ((b"cookie", b"other=1"), (b"authorization", b"Bearer abc"), (b"x-forwarded-for", b"1.2.3.4"))
        user = await here.ask("session=ann", "the-token", *more)
        assert user == User("42", "Ann", {"colour": "red"}, rooms=("/team/*",))
        [asked] = provider.asked
        assert (asked.method, asked.path, json.loads(asked.body)) == ("POST", "/ask", {"token": "the-token"})
        assert (asked.headers["cookie"], asked.headers["authorization"]) == ("session=ann; other=1", "Bearer abc")
        assert "x-forwarded-for" not in asked.headers
        await here.auth_url.close()

    asyncio.run(scene())


def test_an_answer_is_believed_for_a_while_for_the_same_cookies_and_token(provider: Provider):
    async def scene() -> None:
        here = Scene(provider)
        await asyncio.gather(*(here.ask() for _ in range(100)))
        assert len(provider.asked) == 1, "who comes together is asked about once"
        here.time_s += 9.9
        await here.ask()
        assert len(provider.asked) == 1
        for other in (("session=bob",), ("session=ann", "u"), ("session=ann", None)):
            await here.ask(*other)
        assert len(provider.asked) == 4
        here.time_s += 0.1
        await here.ask()
        assert len(provider.asked) == 5
        await here.auth_url.close()

    asyncio.run(scene())


def test_who_is_kicked_is_asked_about_again(provider: Provider):
    async def scene() -> None:
        here = Scene(provider)
        await here.ask()
        here.auth_url.forget("43")
        await here.ask()
        assert len(provider.asked) == 1
        here.auth_url.forget("42")
        provider.status = 401
        with pytest.raises(Unauthenticated):
            await here.ask()
        await here.auth_url.close()

    asyncio.run(scene())


def test_an_answer_to_a_question_of_before_the_kick_is_not_believed_after_it(provider: Provider):
    async def scene() -> None:
        here = Scene(provider)
        provider.gate.clear()
        before = asyncio.create_task(here.ask())
        await asyncio.to_thread(wait_for, lambda: len(provider.asked) == 1)
        here.auth_url.forget("42")  # their session has ended, and whoever was asked has answered already
        provider.status = 401
        after = asyncio.create_task(here.ask())
        await asyncio.to_thread(wait_for, lambda: len(provider.asked) == 2)
        provider.gate.set()
        assert (await before).id == "42", "see node/admission.py for what becomes of that"
        with pytest.raises(Unauthenticated):
            await after
        with pytest.raises(Unauthenticated):
            await here.ask()
        assert (len(provider.asked), here.auth_url._asking, here.auth_url._under_way) == (2, {}, 0)
        await here.auth_url.close()

    asyncio.run(scene())


@pytest.mark.parametrize("cookie", ["theme=é; session=ann", "session=ann; name=\u2603"], ids=["latin", "snowman"])
def test_cookies_that_are_not_ascii_are_passed_on_as_they_came(provider: Provider, cookie: str):
    """Somebody else's cookie must not keep its owner out."""

    async def scene() -> None:
        here = Scene(provider)
        assert (await here.ask(cookie)).id == "42"
        [asked] = provider.asked
        assert asked.headers["cookie"].encode("latin-1") == cookie.encode()
        await here.auth_url.close()

    asyncio.run(scene())


def test_two_people_never_have_one_answer(provider: Provider):
    """What was asked is told apart as a whole: no cookie can be written so that it looks like another one and a token."""

    async def scene() -> None:
        here = Scene(provider)
        authorization = (b"authorization", b"Bearer a")
        for args in (("a", "b"), ("ab", ""), ("", "ab"), ("a", "b", authorization), ("", "b", authorization), ('a","b', None)):
            await here.ask(*args)
        assert len(provider.asked) == 6
        await here.auth_url.close()

    asyncio.run(scene())


def test_a_refusal_is_told_and_believed_for_a_second(provider: Provider):
    async def scene() -> None:
        here = Scene(provider)
        provider.status, provider.body = 401, b'{"message":"Log in first."}'
        for _ in range(3):
            with pytest.raises(Unauthenticated, match=r"^Log in first\.$"):
                await here.ask()
        assert len(provider.asked) == 1
        provider.status, provider.body = 200, json.dumps(ANN).encode()
        here.time_s += 1
        assert (await here.ask()).id == "42"
        provider.status, provider.body = 403, b"<html>"
        with pytest.raises(Unauthenticated) as refused:
            await here.ask("session=mallory")
        assert (refused.value.code, refused.value.message) == ("forbidden", "Authentication error")
        await here.auth_url.close()

    asyncio.run(scene())


NO_ANSWERS = {
    "an error": (500, b"{}", {}),
    "nothing": (204, b"", {}),
    "a redirect": (302, b"", {"location": "http://127.0.0.1:1/"}),
    "no JSON": (200, b"<html>", {}),
    "nobody": (200, b"null", {}),
    "no id": (200, b'{"name":"Ann"}', {}),
    "an id that is none": (200, b'{"id":"a\\nb"}', {}),
    "a visitor's id": (200, b'{"id":"~ann"}', {}),
    "rooms that are no list": (200, b'{"id":"ann","rooms":"/*"}', {}),
    "too much": (200, b'{"id":"ann","x":"' + b"x" * auth_url.MAX_BYTES + b'"}', {}),
    "deep": (200, b"[" * 50_000, {}),
}


@pytest.mark.parametrize(("status", "body", "headers"), NO_ANSWERS.values(), ids=NO_ANSWERS)
def test_what_is_no_answer_lets_nobody_in_and_the_client_may_come_again(
    provider: Provider, status: int, body: bytes, headers: dict[str, str]
):
    provider.status, provider.body, provider.headers = status, body, headers

    async def scene() -> None:
        here = Scene(provider)
        with pytest.raises(Disconnect) as later:
            await here.ask()
        assert (later.value.close_code, later.value.stay_away) == (CloseCode.TRY_LATER, False)
        with pytest.raises(Disconnect):
            await here.ask()
        assert len(provider.asked) == 2, "that is not kept"
        await here.auth_url.close()

    asyncio.run(scene())


def test_one_who_does_not_answer_is_not_waited_for(provider: Provider, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(auth_url, "TIMEOUT_S", 0.1)
    provider.gate.clear()

    async def scene() -> None:
        here = Scene(provider)
        for answer in await asyncio.gather(*(here.ask(f"session={n}") for n in range(60)), return_exceptions=True):
            assert isinstance(answer, Disconnect)
            assert answer.close_code == CloseCode.TRY_LATER
        await here.auth_url.close()

    asyncio.run(scene())


def test_only_so_many_are_asked_about_at_a_time_and_only_so_many_wait(provider: Provider, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(auth_url, "TIMEOUT_S", 30.0)
    monkeypatch.setattr(auth_url, "MAX_WAITING", 60)
    provider.gate.clear()

    async def scene() -> None:
        here = Scene(provider)
        asked = asyncio.gather(*(here.ask(f"session={n}") for n in range(80)), return_exceptions=True)
        await asyncio.to_thread(wait_for, lambda: len(provider.asked) == auth_url.MAX_ASKING)
        assert here.auth_url._turn().locked(), "nobody else has a turn"
        provider.gate.set()
        answers = await asked
        assert sum("too many wait" in str(answer) for answer in answers) == 20
        assert sum(isinstance(answer, User) for answer in answers) == 60
        await here.auth_url.close()

    asyncio.run(scene())


def test_a_url_that_is_none_is_refused_when_the_server_starts():
    with pytest.raises(ConfigError, match=r"^auth_url: give a URL"):
        AuthUrl("shop.internal", 1)


def test_a_server_asks_and_does_what_it_is_told(provider: Provider):
    env = {"ALSOHERE_AUTH_URL": provider.url, "ALSOHERE_AUTH_CACHE_S": "0", "ALSOHERE_ANONYMOUS": "1"}
    with ServerProcess("-m", "alsohere", "serve", "--port", "{port}", env=env) as server:
        with (
            RawClient(server.url, additional_headers={"Cookie": "session=ann", "Origin": server.url}).handshake().join() as client
        ):
            assert client.call("room:enter", {"room": "/team/1"})["self"]["id"] == "42"
            assert client.call("room:enter", {"room": "/other"})["error"]["code"] == "forbidden"
        provider.status, provider.body = 401, b""
        with RawClient(server.url).handshake().join({"visitor": "visitor-0001"}) as client:
            assert client.call("room:enter", {"room": "/other"})["self"]["anonymous"]
        for status, auth in ((401, {"token": "bad"}), (403, {"visitor": "visitor-0001"})):
            provider.status = status
            with RawClient(server.url).handshake() as client:
                client.send("40" + json.dumps(auth))
                assert client.receive().startswith('44{"message":"Authentication error"')
        provider.status = 500
        with RawClient(server.url).handshake() as client:
            client.send("40")
            assert client.closed() == (CloseCode.TRY_LATER, "")

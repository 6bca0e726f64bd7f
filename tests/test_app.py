"""The object that an application holds."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from alsohere import AlsoHere, BadRequest, Config
from alsohere.node.handshake import Handshake

SECRET = "a-secret-of-more-than-thirty-two-bytes"


async def _echo_lifespan(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


@pytest.mark.parametrize("wrapped", [None, _echo_lifespan])
def test_an_application_that_was_shut_down_takes_clients_when_it_starts_again(wrapped):
    here = AlsoHere(app=wrapped, dev=True)
    draining: list[bool] = []

    async def live() -> None:
        messages = iter(["lifespan.startup", "lifespan.shutdown"])

        async def receive() -> dict[str, str]:
            return {"type": next(messages)}

        async def send(message: dict[str, str]) -> None:
            draining.append(here.node.draining)

        await here({"type": "lifespan"}, receive, send)

    asyncio.run(live())
    asyncio.run(live())
    assert draining == [False, True, False, True]


def test_a_variable_that_nobody_reads_is_warned_of_where_the_environment_is_read(monkeypatch, caplog: pytest.LogCaptureFixture):
    monkeypatch.setenv("ALSOHERE_SECRT", SECRET)
    AlsoHere(Config.load(dev=True))
    assert caplog.messages == []
    AlsoHere(dev=True)
    assert caplog.messages == ["ALSOHERE_SECRT is not a setting of alsohere; did you mean ALSOHERE_SECRET?"]


def test_a_string_is_not_taken_for_a_list_of_its_letters():
    here = AlsoHere(secret=SECRET)
    with pytest.raises(BadRequest, match=r"to=\['42'\]"):
        asyncio.run(here.push("news", to="42"))
    with pytest.raises(BadRequest, match="rooms"):
        asyncio.run(here.push("news", rooms="/docs"))
    with pytest.raises(BadRequest, match="rooms"):
        here.token("42", rooms="/docs/*")  # whose * alone would grant everything


def test_an_application_asks_what_was_read_and_how_many_were_here():
    here = AlsoHere(dev=True, database_url="memory://", history=("/posts/*",))
    packets = (b"40", b'42["room:enter",{"room":"/posts/tea"}]', b'42["room:enter",{"room":"/lobby"}]')

    async def visit() -> tuple[list[Any], list[Any]]:
        async with here.lifespan():
            await _receive(here, (), b"", *packets)
            for peer in list(here.node.peers.values()):
                peer.receive(b'42["room:leave",{"room":"/posts/tea"}]')
            today = datetime.now(UTC).date()
            return await here.most_read("/posts/"), await here.days(today - timedelta(days=1), today)

    most_read, days = asyncio.run(visit())
    assert [(read.room, read.visits, read.visitors) for read in most_read] == [("/posts/tea", 1, 1)]
    assert [(day.peak_users, day.visits) for day in days] == [(1, 1)]


async def _receive(here: AlsoHere, headers: tuple[tuple[bytes, bytes], ...], query: bytes, *packets: bytes) -> list[bytes]:
    peer = here.node.open(Handshake(headers, query, "10.0.0.1"))
    for packet in packets:
        peer.receive(packet)
    await asyncio.gather(*here.node.tasks)
    return [packet.data for packet in peer.outbox.take(1 << 20)]


def test_a_handler_reads_the_request_that_its_connection_came_with():
    here = AlsoHere(dev=True)
    seen: list[Any] = []
    here.on_connect(lambda conn: seen.append((conn.query["page"], conn.cookies["theme"], conn.headers["user-agent"])))
    asyncio.run(_receive(here, ((b"cookie", b"theme=dark"), (b"user-agent", b"test")), b"page=7", b"40"))
    assert seen == [("7", "dark", "test")]


def test_a_token_in_a_header_is_good_for_every_namespace():
    here = AlsoHere(secret=SECRET)
    here.namespace("/chat")
    headers = ((b"authorization", b"Bearer " + here.token("42").encode()),)
    answers = asyncio.run(_receive(here, headers, b"", b"40", b"40/chat,"))
    assert [answer.partition(b"{")[0] for answer in answers] == [b"40", b"40/chat,"]


def test_who_is_kicked_may_be_named_by_a_number_as_everywhere():
    here = AlsoHere(secret=SECRET)
    kicked: list[int] = []

    async def meet() -> list[bytes]:
        headers = ((b"authorization", b"Bearer " + here.token(42).encode()),)
        answers = await _receive(here, headers, b"", b"40")
        kicked.append(await here.kick(42))
        return answers

    assert asyncio.run(meet())[0].startswith(b"40")
    assert kicked == [1]


@pytest.mark.parametrize("path", ["/here", "/here/", "here", "here/"])
def test_a_path_is_one_with_or_without_its_slashes(path: str):
    here = AlsoHere(dev=True, path=path)
    assert here.path == "/here"
    assert here.find_engine("/here/socket.io/") is not None


def test_an_application_in_the_place_of_the_settings_is_answered_with_what_to_write():
    with pytest.raises(TypeError, match=r"write AlsoHere\(app=\.\.\.\)"):
        AlsoHere(_echo_lifespan)  # type: ignore[arg-type]


def test_a_hook_that_returns_no_user_is_told_what_to_return(caplog: pytest.LogCaptureFixture):
    here = AlsoHere(secret=SECRET)
    here.authenticate(lambda conn: {"id": "42"})
    assert b'"code":"internal"' in asyncio.run(_receive(here, (), b"", b"40"))[0]
    assert "TypeError: an authenticate hook returns a User or None, and this was a dict" in caplog.text


async def _status(app: Any, path: str, raw_path: bytes, query: bytes = b"") -> int:
    sent: list[dict[str, Any]] = []
    scope = {"type": "http", "method": "GET", "path": path, "raw_path": raw_path, "query_string": query, "headers": []}

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent[0]["status"]


POLL = b"EIO=4&transport=polling"


@pytest.mark.parametrize(
    ("path", "raw_path", "status"),
    [
        ("/here/livez", b"/here/livez", 200),
        ("/here/livez", b"/here/%6civez", 404),
        ("/here/livez", b"/h%65re/livez", 404),
        ("/here/livez", b"/here%2flivez", 404),
        ("/here/livez", b"", 200),  # of a server that does not say
        ("/here/livez", b"/ici/livez", 200),  # of a middleware that translates paths
    ],
)
def test_escapes_that_spell_one_of_our_paths_are_none_of_it_wherever_we_are_mounted(path: str, raw_path: bytes, status: int):
    mounted = Starlette(routes=[Mount("/here", AlsoHere(dev=True))])
    assert asyncio.run(_status(mounted, path, raw_path)) == status
    assert asyncio.run(_status(AlsoHere(dev=True, path="/here"), path, raw_path)) == status


@pytest.mark.parametrize(("path", "raw_path"), [("/büro", b"/b%C3%BCro"), ("/our office", b"/our%20office")])
def test_a_path_that_needs_escapes_is_ours_with_them(path: str, raw_path: bytes):
    here = AlsoHere(dev=True, path=path)
    assert asyncio.run(_status(here, f"{path}/livez", raw_path + b"/livez")) == 200
    assert asyncio.run(_status(here, f"{path}/socket.io/", raw_path + b"/socket.io/", POLL)) == 200


@pytest.mark.parametrize(("query", "status"), [(b"after=STUDEIO=", 200), (b"a=b&EIO=4", 404), (b"EIO=4", 404)])
def test_a_value_that_looks_like_a_parameter_of_socket_io_is_none(query: bytes, status: int):
    assert asyncio.run(_status(AlsoHere(dev=True), "/livez", b"/livez", query)) == status


def test_a_hint_begins_no_line_of_the_log_where_clients_choose_a_part_of_the_mount_point(caplog: pytest.LogCaptureFixture):
    """H108, with the logging of an application that escapes nothing."""
    teams = Starlette(routes=[Mount("/{team}", AlsoHere(dev=True))])
    assert asyncio.run(_status(teams, "/a\nWARNING all is lost/ws", b"/a%0AWARNING%20all%20is%20lost/ws", POLL)) == 404
    (told,) = caplog.messages
    assert "\n" not in told
    assert "Socket.IO is at /a%0AWARNING%20all%20is%20lost/socket.io/" in told

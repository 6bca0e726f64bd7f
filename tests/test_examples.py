"""Every example starts by the command in its README and is used by a real client."""

from __future__ import annotations

import asyncio
import re
import urllib.request
from pathlib import Path

import pytest
import socketio

from support.listener import Listener, sign_in
from support.servers import ServerProcess

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted(path.parent.name for path in ROOT.glob("examples/*/server.py"))
COMMAND = re.compile(r"^    python (examples/(\w+)/server\.py) --port (\d+)$", re.MULTILINE)


def command(example: str) -> re.Match[str]:
    found = COMMAND.search((ROOT / "examples" / example / "README.md").read_text())
    assert found, f"examples/{example}/README.md does not say how to start it"
    assert found[2] == example
    return found


def example_server(example: str, folder: Path) -> ServerProcess:
    env = {"OFFICE_DB": str(folder / "office.db")}
    return ServerProcess(str(ROOT / command(example)[1]), "--port", "{port}", env=env, ready="/login")


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_readme_names_the_port_that_is_the_default(example):
    assert f'"--port", type=int, default={command(example)[3]}' in (ROOT / command(example)[1]).read_text()


def logins(people: list) -> list[str]:
    return [person["login"] for person in people]


def test_the_back_office_tells_who_is_online_and_who_is_on_the_page(tmp_path):
    with example_server("erp_monitor", tmp_path) as server:
        ann, ben = sign_in(server.url, login="ann", name="Ann Lee"), sign_in(server.url, login="ben", name="Ben")
        asyncio.run(two_operators(server.url, ann, ben))


async def two_operators(url: str, ann: str, ben: str) -> None:
    first, second = await Listener().connect(url, ann), await Listener().connect(url, ben)
    await first.client.emit("iamhere", {"location": url + "/products/1"})
    await second.client.emit("iamhere", {"location": url + "/products/1#price"})
    both = await first.until("alsohere", lambda people: len(people) == 2)
    assert both == [{"name": "Ann Lee", "login": "ann", "user_id": 1}, {"name": "Ben", "login": "ben", "user_id": 2}]

    tabs = [await Listener().connect(url, ben) for _ in range(9)]
    for tab in tabs:
        await tab.client.emit("iamhere", {"location": url + "/orders"})
        assert logins(await tab.until("online", lambda people: len(people) == 2)) == ["ann", "ben"]
        assert logins(await tab.until("alsohere", bool)) == ["ben"]  # ten tabs are one entry

    await second.client.emit("iamhere", {"location": url + "/products/2"})  # a page that changes its address
    await first.until("alsohere", lambda people: logins(people) == ["ann"])
    for listener in (second, *tabs):
        await listener.client.disconnect()
    await first.until("online", lambda people: logins(people) == ["ann"])
    await first.client.disconnect()


def test_the_back_office_needs_no_goodbye(tmp_path):
    with example_server("erp_monitor", tmp_path) as server:
        ann, ben = sign_in(server.url, login="ann", name="Ann"), sign_in(server.url, login="ben", name="Ben")
        asyncio.run(pages_that_are_left(server.url, ann, ben))


async def pages_that_are_left(url: str, ann: str, ben: str) -> None:
    """The article's client: it sends `iamhere` when it is connected, and nothing else ever."""

    async def page(cookie: str, path: str) -> Listener:
        opened = await Listener().connect(url, cookie)
        await opened.client.emit("iamhere", {"location": url + path})
        await opened.until("alsohere", bool)
        return opened

    def saw(*people: str):
        return lambda told: logins(told) == list(people)

    second, first = await page(ben, "/products/1"), await page(ann, "/products/1")
    await first.until("alsohere", saw("ann", "ben"))
    first.history.clear()
    for path in ("/products/2", "/products/1", "/orders"):  # every page is a new connection
        await second.go()
        await first.until("alsohere", saw("ann"), within_s=0.5)
        second = await page(ben, path)
        await first.until("alsohere", saw("ann", "ben") if path == "/products/1" else saw("ann"))
    assert all(logins(told) == ["ann", "ben"] for name, told in first.history if name == "online")
    await second.go()
    await first.until("online", saw("ann"))
    await first.client.disconnect()


def test_the_back_office_lets_in_who_is_signed_in(tmp_path):
    with example_server("erp_monitor", tmp_path) as server:
        cookie = sign_in(server.url, login="ann", name="Ann")
        sign_out = urllib.request.Request(server.url + "/logout", b"", {"Cookie": cookie})
        asyncio.run(in_and_out(server.url, cookie, lambda: urllib.request.urlopen(sign_out, timeout=5).close()))


async def in_and_out(url: str, cookie: str, sign_out) -> None:
    for wrong in ("", "session=made-up"):
        stranger = Listener()
        with pytest.raises(socketio.exceptions.ConnectionError):
            await stranger.connect(url, wrong)
        assert stranger.told["connect_error"]["message"] == "Authentication error"
    inside = await Listener().connect(url, cookie)
    for nonsense in (None, 7, "x", {}, {"location": 7}, {"location": "http://[1"}):
        answer = await inside.client.call("iamhere", nonsense)
        assert answer["error"]["code"] == "bad_request"
    await inside.client.emit("iamhere", {"location": url + "/orders?" + "x" * 5000})
    await inside.until("alsohere", lambda people: logins(people) == ["ann"])
    await asyncio.to_thread(sign_out)
    async with asyncio.timeout(10):
        await inside.client.wait()
    with pytest.raises(socketio.exceptions.ConnectionError):
        await Listener().connect(url, cookie)


def test_a_fastapi_application_needs_ten_lines(tmp_path):
    source = (ROOT / "examples/fastapi_app/server.py").read_text()
    assert len(re.findall(r"alsohere \d+", source)) == 10
    with example_server("fastapi_app", tmp_path) as server:
        assert "alsohere" in urllib.request.urlopen(server.url + "/here/alsohere.js", timeout=5).read(200).decode()
        asyncio.run(two_readers(server.url, sign_in(server.url, name="Ann"), sign_in(server.url, name="Ben")))


async def two_readers(url: str, ann: str, ben: str) -> None:
    first = await Listener().connect(url, ann, "/here/socket.io/")
    room = await first.client.call("room:enter", {"room": "/notes/plan"})
    assert [member["name"] for member in room["members"]] == ["Ann"]
    second = await Listener().connect(url, ben, "/here/socket.io/")
    await second.client.call("room:enter", {"room": "/notes/plan"})
    entered = await first.until("room:changed", lambda change: change.get("enter"))
    assert [member["name"] for member in entered["enter"]] == ["Ben"]
    await first.client.disconnect()
    await second.client.disconnect()

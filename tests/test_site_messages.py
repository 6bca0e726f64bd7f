"""examples/site_messages as pages and back ends use it: who is here sees it at once, who is not finds it, and nobody is somebody else."""

from __future__ import annotations

import asyncio
import itertools
import json
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import socketio

from support.listener import Listener, sign_in
from support.polls import ask
from support.servers import API_KEY, ServerProcess

SERVER = str(Path(__file__).parents[1] / "examples/site_messages/server.py")
CATEGORIES = {"announcement", "reminder", "subscription", "publication", "system", "message"}
_numbers = itertools.count(1)


def begin(folder: Path, port: int | None = None) -> ServerProcess:
    env = {
        "SITE_DB": str(folder / "site.db"),
        "ALSOHERE_DATABASE_URL": f"sqlite:///{folder}/alsohere.db",
        "ALSOHERE_DRAIN_S": "0.1",
    }
    return ServerProcess(SERVER, "--port", "{port}", env=env, ready="/login", port=port)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with begin(tmp_path_factory.mktemp("site")) as server:
        yield server


def somebody(name: str) -> str:
    """A login of the test's own."""
    return f"{name}{next(_numbers)}"


class Tab(Listener):
    """A page: it logs in, keeps what comes by id, and acknowledges."""

    def __init__(self, login: str) -> None:
        super().__init__()
        self.login = login
        self.shown: list[tuple[str, dict[str, Any]]] = []

    async def _on(self, name: str, *args: Any) -> None:
        await super()._on(name, *args)
        if name.endswith("_message") and name != "push_message":
            self.shown.append((name, args[0]))

    async def arrive(self, url: str, cookie: str, **login: Any) -> dict[str, Any]:
        await self.connect(url, cookie)
        await self.client.emit("user_login", {"userId": self.login, "socketId": self.client.get_sid(), **login})
        return await self.until("push_message", bool)

    async def say(self, event: str, **data: Any) -> dict[str, Any]:
        return await self.client.call(event, data)

    async def todo(self, receiver: Any, **data: Any) -> int:
        answer = await self.say("todo", receiver_id=receiver, **data)
        assert answer["ok"], answer
        return answer["id"]

    async def message(self, name: str = "todo_message") -> dict[str, Any]:
        """The next message of that name that nobody has taken yet."""
        async with asyncio.timeout(10):
            while not (found := next((shown for shown in self.shown if shown[0] == name), None)):
                self.changed.clear()
                await self.changed.wait()
        self.shown.remove(found)
        return found[1]

    async def settle(self) -> None:
        """Whatever the server has sent to this tab is here."""
        assert (await self.say("read", ids=[]))["ok"]


@asynccontextmanager
async def tabs(server: ServerProcess, *logins: str) -> AsyncIterator[list[Tab]]:
    """A tab for each; one login twice is one person with two tabs."""
    cookies = {login: sign_in(server.url, login=login, name=login.title()) for login in dict.fromkeys(logins)}
    opened = [Tab(login) for login in logins]
    try:
        for tab in opened:
            await tab.arrive(server.url, cookies[tab.login])
        yield opened
    finally:
        for tab in opened:
            await tab.client.disconnect()


async def missed(server: ServerProcess, login: str) -> dict[str, Any]:
    """What somebody is told who comes now."""
    async with tabs(server, login) as [tab]:
        return tab.told["push_message"]


def ids(kept: dict[str, list[dict[str, Any]]], category: str = "message") -> list[int]:
    return [message["id"] for message in kept[category]]


# -- Who may come in ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cookie", ["", "session=made-up", "other=1"])
def test_who_is_not_signed_in_is_told_so(server: ServerProcess, cookie: str):
    async def steps() -> None:
        stranger = Listener()
        with pytest.raises(socketio.exceptions.ConnectionError):
            await stranger.connect(server.url, cookie)
        assert stranger.told["connect_error"]["message"] == "Authentication error"

    asyncio.run(steps())


def test_a_login_without_a_user_is_passed_over(server: ServerProcess):
    async def steps() -> None:
        tab = Tab(somebody("ann"))
        await tab.connect(server.url, sign_in(server.url, login=tab.login, name="Ann"))
        for nonsense in (7, "x", [], {}, {"userId": ""}, {"socketId": "x"}):
            assert not await tab.client.call("user_login", nonsense)
        assert tab.history == []
        await tab.client.disconnect()

    asyncio.run(steps())


def test_who_signs_out_is_out(server: ServerProcess):
    async def steps() -> None:
        cookie = sign_in(server.url, login=(login := somebody("ann")), name="Ann")
        tab = Tab(login)
        await tab.arrive(server.url, cookie)
        assert (await asyncio.to_thread(ask, server.url, "/logout", "POST", "", Cookie=cookie)).status == 303
        async with asyncio.timeout(10):
            await tab.client.wait()
        with pytest.raises(socketio.exceptions.ConnectionError):
            await Tab(login).connect(server.url, cookie)

    asyncio.run(steps())


# -- Private mail ------------------------------------------------------------------------------------------------------


def test_mail_is_in_every_tab_of_the_receiver_at_once(server: ServerProcess):
    async def steps() -> None:
        ann, ben = somebody("ann"), somebody("ben")
        async with tabs(server, ann, ben, ben) as [writer, first, second]:
            said = {"receiver_id": ben, "title": "Lunch?", "body": "At one. é 👋", "extra": {"deep": [1, None]}}
            answer = await writer.client.call("todo", said)
            assert answer == {"ok": True, "id": answer["id"], "stored": 1}
            for tab in (first, second):
                message = await tab.message()
                assert said.items() <= message.items(), "the same object, and what only the server can say"
                assert (message["id"], message["category"]) == (answer["id"], "message")
                assert message["sender"] == {"login": ann, "name": ann.title()}
            assert (await writer.message("receipt_message"))["state"] == "seen"
            await writer.settle()
            assert writer.shown == [], "one receipt, however many tabs have shown it"

    asyncio.run(steps())


def test_mail_for_who_is_not_here_waits_unread_and_is_told_apart_from_what_was_read(server: ServerProcess):
    async def steps() -> None:
        ann, ben = somebody("ann"), somebody("ben")
        async with tabs(server, ann) as [writer]:
            first, second = [await writer.todo(ben, title=title) for title in ("one", "two")]  # who has never been here
        kept = await missed(server, ben)
        assert set(kept["unread"]) == set(kept["read"]) == CATEGORIES
        assert (ids(kept["unread"]), ids(kept["read"])) == ([first, second], [])
        assert {"login": ben, "name": ben.title(), "staff": False}.items() <= kept["user"].items()
        async with tabs(server, ben) as [reader]:
            assert (await reader.say("read", ids=[first]))["changed"] == 1
        again = await missed(server, ben)
        assert (ids(again["unread"]), ids(again["read"])) == ([second], [first])
        assert again["read"]["message"][0]["read_at"] > again["read"]["message"][0]["created_at"]
        assert "read_at" not in again["unread"]["message"][0]

    asyncio.run(steps())


def test_the_sender_hears_when_it_was_seen_and_when_it_was_read(server: ServerProcess):
    async def steps() -> None:
        ann, ben = somebody("ann"), somebody("ben")
        async with tabs(server, ann, ann, ben, ben) as [writer, writers_other, reader, readers_other]:
            sent = await writer.todo(ben, title="x")
            for tab in (writer, writers_other):
                assert await tab.message("receipt_message") == {"id": sent, "receiver": ben, "state": "seen"}
            await reader.say("read", ids=[sent])
            assert await readers_other.message("read_message") == {"ids": [sent]}
            for tab in (writer, writers_other):
                assert await tab.message("receipt_message") == {"id": sent, "receiver": ben, "state": "read"}
            assert (await reader.say("read", ids=[sent]))["changed"] == 0
            assert (await reader.say("read", ids=[10**9])) == {"ok": True, "changed": 0}, "what is gone is no error to a page"
            await reader.settle()
            assert "read_message" not in [name for name, _ in reader.shown]

    asyncio.run(steps())


def test_the_same_key_sends_nothing_again(server: ServerProcess):
    async def steps() -> None:
        ann, ben, cem = somebody("ann"), somebody("ben"), somebody("cem")
        async with tabs(server, ann, cem, ben) as [writer, other, reader]:
            answers = [await writer.say("todo", receiver_id=ben, title="x", key="k1") for _ in range(3)]
            assert len({answer["id"] for answer in answers}) == 1
            theirs = await other.say("todo", receiver_id=ben, title="y", key="k1")  # keys are the sender's own
            await reader.settle()
            assert [message["id"] for _, message in reader.shown] == [answers[0]["id"], theirs["id"]]

    asyncio.run(steps())


def test_people_are_found_by_login_and_by_number(server: ServerProcess):
    async def steps() -> None:
        ann, ben = somebody("ann"), somebody("ben")
        async with tabs(server, ann, ben) as [writer, reader]:
            sent = await writer.say("todo", receiver_ids=[ben, ben], title="x")
            assert (await reader.message())["id"] == sent["id"]
            by_number = await writer.todo(reader.told["push_message"]["user"]["user_id"], title="y")
            assert (await reader.message())["id"] == by_number
            assert await writer.todo(2**40, title="whose number that is waits for it")

    asyncio.run(steps())


# -- Groups, everyone, and the site's own voice --------------------------------------------------------------------------


def test_mail_to_a_group_is_for_who_is_in_it(server: ServerProcess):
    async def steps() -> None:
        ann, ben, cem = somebody("ann"), somebody("ben"), somebody("cem")
        async with tabs(server, ann, ben, cem) as [writer, member, other]:
            refused = await writer.say("todo", group="kitchen", title="x")
            assert refused["error"]["message"] == "Join the group first."
            for tab in (writer, member):
                await tab.say("join", group="kitchen")
            sent = await writer.say("todo", group="kitchen", title="Soup")
            message = await member.message()
            assert (message["id"], message["group"], message["sender"]["login"]) == (sent["id"], "kitchen", ann)
            await member.say("leave", group="kitchen")
            await other.settle()
            await writer.settle()
            assert other.shown == []
            assert {name for name, _ in writer.shown} <= {"receipt_message"}
        groups = (await missed(server, ann))["groups"]
        assert {group["id"]: group["mine"] for group in groups} == {"gardeners": False, "kitchen": True}

    asyncio.run(steps())


@pytest.mark.parametrize("category", sorted(CATEGORIES))
def test_the_site_speaks_in_all_six_categories(server: ServerProcess, category: str):
    async def steps() -> None:
        ann, ben = somebody("ann"), somebody("ben")
        async with tabs(server, "admin", ann) as [site, reader]:
            sent = await site.say("send", category=category, receiver_ids=[ann, ben], title=category, body="x")
            message = await reader.message("todo_message" if category == "message" else f"{category}_message")
            assert (message["id"], message["category"], message["sender"]) == (sent["id"], category, None)
        assert ids((await missed(server, ben))["unread"], category) == [sent["id"]]

    asyncio.run(steps())


def test_an_announcement_is_for_everyone_who_is_here_and_who_comes(server: ServerProcess):
    async def steps() -> None:
        ann, ben, cem = somebody("ann"), somebody("ben"), somebody("cem")
        async with tabs(server, "admin", ann, ben) as [site, *readers]:
            sent = await site.say("send", category="announcement", everyone=True, title="Closed on Friday")
            assert sent["stored"] == "everyone"
            for tab in readers:
                assert (await tab.message("announcement_message"))["id"] == sent["id"]
            await readers[0].say("read", ids=[sent["id"]])
        assert sent["id"] in ids((await missed(server, cem))["unread"], "announcement")
        assert sent["id"] in ids((await missed(server, ann))["read"], "announcement")
        assert sent["id"] in ids((await missed(server, ben))["unread"], "announcement")

    asyncio.run(steps())


def test_who_subscribes_hears_of_what_is_published_and_the_publisher_that_it_was(server: ServerProcess):
    async def steps() -> None:
        ann, ben, cem = somebody("ann"), somebody("ben"), somebody("cem")
        async with tabs(server, ann, ben, cem) as [author, reader, other]:
            for tab in (author, reader):
                await tab.say("join", resource="bees")
            assert (await author.say("publish", resource="bees", title="June: swarms"))["ok"]
            news = await reader.message("subscription_message")
            assert (news["title"], news["resource"], news["sender"]["login"]) == ("June: swarms", "bees", ann)
            done = await author.message("publication_message")
            assert (done["title"], done["body"]) == ("June: swarms", "Published; 1 subscribe to it.")
            await other.settle()
            assert other.shown == []
            await author.say("leave", resource="bees")
            await reader.say("leave", resource="bees")

    asyncio.run(steps())


def post(server: ServerProcess, body: Any, key: str = API_KEY) -> tuple[int, dict[str, Any]]:
    text = body if isinstance(body, (str, bytes)) else json.dumps(body)
    answer = ask(server.url, "/messages", "POST", text, Authorization=f"Bearer {key}")
    return answer.status, answer.json()


def test_a_back_end_says_what_the_site_says(server: ServerProcess):
    async def steps() -> None:
        async with tabs(server, ann := somebody("ann")) as [reader]:
            message = {"category": "system", "receiver_id": ann, "title": "A new browser", "key": f"signed-in-{ann}"}
            for _ in range(2):
                status, answer = await asyncio.to_thread(post, server, message)
                assert (status, answer["ok"]) == (200, True)
            assert (await reader.message("system_message"))["id"] == answer["id"]
            await reader.settle()
            assert reader.shown == []

    asyncio.run(steps())


@pytest.mark.parametrize(
    ("body", "key", "status"),
    [
        ({"category": "system", "everyone": True, "title": "x"}, "wrong", 401),
        ({"category": "system", "everyone": True, "title": "x"}, "", 401),
        ({"category": "gossip", "everyone": True, "title": "x"}, API_KEY, 400),
        ({"category": "system", "title": "x"}, API_KEY, 400),
        ({"category": "system", "receiver_id": "a", "everyone": True}, API_KEY, 400),
        ([], API_KEY, 400),
        ("{", API_KEY, 400),
        (b"\xff", API_KEY, 400),
        ("[" * 100_000, API_KEY, 400),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_a_back_end_may_not_say(server: ServerProcess, body: Any, key: str, status: int):
    got, answer = post(server, body, key)
    assert got == status
    assert answer["error"]


# -- Nobody is somebody else ---------------------------------------------------------------------------------------------


def test_whoever_a_page_claims_to_be_the_session_decides(server: ServerProcess):
    async def steps() -> None:
        ann, ben, eve = somebody("ann"), somebody("ben"), somebody("eve")
        async with tabs(server, ann) as [writer]:
            mail = await writer.todo(ben, title="for ben only")
        thief = Tab(eve)
        told = await thief.arrive(server.url, sign_in(server.url, login=eve, name="Eve"), userId=ben)
        assert told["user"]["login"] == eve
        assert all(items == [] for category, items in told["unread"].items() if category != "announcement")
        forged = {"id": 1, "category": "system", "sender": {"login": ann, "name": "Ann"}, "created_at": 1, "read_at": 1}
        await thief.todo(ben, title="x", sender_id=ann, **forged)
        assert (await thief.say("read", ids=[mail]))["changed"] == 0
        await thief.client.disconnect()
        genuine, fake = (await missed(server, ben))["unread"]["message"]
        assert (genuine["id"], genuine["sender"]["login"]) == (mail, ann)
        assert (fake["sender"]["login"], fake["category"]) == (eve, "message")
        assert fake["id"] > mail
        assert fake["created_at"] > 1
        assert "read_at" not in fake

    asyncio.run(steps())


def test_only_staff_speaks_for_the_site_and_nothing_of_alsohere_s_own_is_open(server: ServerProcess):
    async def steps() -> None:
        async with tabs(server, ann := somebody("ann")) as [tab]:
            for event, message in [
                ("send", {"category": "system", "receiver_id": ann, "title": "x"}),
                ("todo", {"everyone": True, "title": "x"}),
                ("room:enter", {"room": "x"}),
                ("room:watch", {"rooms": ["@online"]}),
                ("inbox:list", {}),
                ("message:send", {"to": "admin", "title": "x"}),
                ("push:send", {"name": "todo_message", "to": [ann]}),
                ("topic:follow", {"topic": "x"}),
            ]:
                assert (await tab.client.call(event, message))["error"]["code"] == "forbidden", event
            await tab.settle()
            assert tab.shown == []
            assert {name for name, _ in tab.history} == {"push_message"}

    asyncio.run(steps())


@pytest.mark.parametrize(
    ("event", "argument"),
    [
        *(("todo", argument) for argument in (None, 7, "x", [], {}, {"title": "x"}, {"receiver_id": "a", "group": "kitchen"})),
        *(
            ("todo", {"receiver_id": receiver, "title": "x"})
            for receiver in (True, 1.5, "~ghost", " a", "x" * 65, {"a": 1}, "\u202e")
        ),
        ("todo", {"receiver_ids": ["a"] * 101, "title": "x"}),
        ("todo", {"receiver_ids": "abc", "title": "x"}),
        ("todo", {"receiver_id": "a", "title": 7}),
        ("todo", {"receiver_id": "a", "body": "x" * 20_000}),
        ("todo", {"receiver_id": "a", "title": "x", "key": "k" * 101}),
        ("todo", {"receiver_id": "a", "title": "x", "key": 7}),
        ("todo", {"group": "__proto__", "title": "x"}),
        *(
            ("read", argument)
            for argument in (None, {}, {"ids": "1"}, {"ids": [True]}, {"ids": [1.5]}, {"ids": [-1]}, {"ids": [1] * 501})
        ),
        *(("join", argument) for argument in (None, {}, {"group": "x"}, {"resource": 7}, {"group": ["kitchen"]})),
        *(("publish", argument) for argument in (None, {}, {"resource": "bees"}, {"resource": "bees", "title": " "})),
    ],
    ids=lambda value: str(value)[:40],
)
def test_nonsense_is_told_to_be_nonsense(server: ServerProcess, event: str, argument: Any):
    async def steps() -> None:
        async with tabs(server, "the-careless") as [tab]:
            answer = await tab.client.call(event, argument)
            assert answer["error"]["code"] in ("bad_request", "limit"), answer

    asyncio.run(steps())


# -- What lasts ----------------------------------------------------------------------------------------------------------


def test_what_was_acknowledged_outlives_a_crash(tmp_path: Path):
    with begin(tmp_path) as first:

        async def write() -> list[int]:
            async with tabs(first, "ann") as [writer]:
                return [await writer.todo("ben", title=str(number)) for number in range(20)]

        sent = asyncio.run(write())
        first.stop(signal.SIGKILL)
    with begin(tmp_path) as second:
        assert ids(asyncio.run(missed(second, "ben"))["unread"]) == sent


def test_who_logs_in_while_others_write_misses_nothing(server: ServerProcess):
    async def steps() -> None:
        ann, ben = somebody("ann"), somebody("ben")
        cookie = sign_in(server.url, login=ben, name="Ben")
        async with tabs(server, ann) as [writer]:

            async def write() -> list[int]:
                return [await writer.todo(ben, title=str(number)) for number in range(60)]

            writing = asyncio.ensure_future(write())
            seen: set[int] = set()
            while not writing.done():
                tab = Tab(ben)
                seen |= set(ids((await tab.arrive(server.url, cookie))["unread"]))
                await tab.settle()
                seen |= {message["id"] for _, message in tab.shown}
                await tab.client.disconnect()
            seen |= set(ids((await missed(server, ben))["unread"]))
            assert seen == set(await writing)

    asyncio.run(steps())

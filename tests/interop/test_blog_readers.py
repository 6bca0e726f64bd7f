"""examples/blog_readers as pages use it whose client is socket.io-client 4.7.4 (that of the original) or 4.8, and fetch."""

from __future__ import annotations

import itertools
import json
import signal
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

import pytest

from interop.clients import Client, NodeDriver
from support.servers import API_KEY, ServerProcess, wait_for

SERVER = str(Path(__file__).parents[2] / "examples/blog_readers/server.py")
OPTIONS = {
    "timeout": 10000,
    "reconnectionDelay": 3000,
    "autoConnect": True,
    "reconnectionAttempts": 3,
    "transports": ["websocket"],
}
DRAFT = "article-q7f3n0zk2v"
_numbers = itertools.count(1)


class Page:
    """One tab of the blog."""

    def __init__(self, driver: NodeDriver, url: str, session_id: str, cookie: str = "") -> None:
        self.session_id = session_id
        self._driver = driver
        self._url = url
        self._headers = {"cookie": cookie, "origin": url} if cookie else {}
        self.client = Client(driver, f"page-{next(_numbers)}", "/web")
        options = OPTIONS | {"query": {"socket_session_id": session_id}, "extraHeaders": self._headers}
        driver.open_as(self.client, url, options)
        self.sid = self.client.take("connect")["sid"]

    def say(self, kind: str, **payload: Any) -> list[Any]:
        """Send a message, and wait for its acknowledgement as the original does."""
        return self.client.call("message", {"type": kind, "payload": payload})

    def told(self, kind: str, where: Callable[[Any], bool] = lambda _: True) -> Any:
        """The data of the next message of that kind."""
        (message,) = self.client.event("message", where=lambda message: message["type"] == kind and where(message["data"]))
        return message["data"]

    def heard(self) -> list[tuple[str, Any]]:
        """What it was told and nobody has taken yet."""
        messages = (report["args"][1] for report in self.client.seen("event"))
        return [(message["type"], message["data"]) for message in messages]

    def fetch(self, path: str, body: Any = None, **headers: str) -> tuple[int, str]:
        options: dict[str, Any] = {"headers": self._headers | headers}
        if body is not None:
            options |= {"method": "POST", "body": json.dumps(body)}
            options["headers"]["content-type"] = "application/json"
        return self._driver.fetch(self.client, self._url + path, options)

    def place(self, room: str, position: float, **over: Any) -> int:
        """`POST /activity/presence/update` as the original's pages do; returns the status."""
        ts = int(time.time() * 1000)
        body = {"identity": self.session_id, "position": position, "ts": ts, "roomName": room, "sid": self.sid} | over
        return self.fetch("/api/v2/activity/presence/update", body)[0]

    def presence(self, room: str, **headers: str) -> dict[str, Any]:
        status, body = self.fetch("/api/v2/activity/presence?" + urllib.parse.urlencode({"room_name": room}), **headers)
        assert status == 200
        return json.loads(body)

    def read(self, room: str, position: float) -> dict[str, Any]:
        """Go to an article and scroll; returns what this page is told of itself."""
        self.say("join", roomName=room)
        assert self.place(room, position) == 204
        return self.told("ACTIVITY_UPDATE_PRESENCE", lambda data: data["identity"] == self.session_id)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("blog")
    env = {
        "BLOG_DB": str(folder / "blog.db"),
        "ALSOHERE_DATABASE_URL": f"sqlite:///{folder}/alsohere.db",
        "ALSOHERE_LEAVE_GRACE_S": "0.3",
        "ALSOHERE_DRAIN_S": "0.1",
    }
    with ServerProcess(SERVER, "--port", "{port}", env=env) as server:
        yield server


@pytest.fixture(scope="module", params=["sio47", "sio48"])
def library(request: pytest.FixtureRequest, node_packages: None) -> Iterator[NodeDriver]:
    driver = NodeDriver(request.param)
    yield driver
    driver.stop()


@pytest.fixture
def visit(server: ServerProcess, library: NodeDriver) -> Iterator[Callable[..., Page]]:
    """Opens a page with a session id, and a cookie if somebody has signed in; all are closed in the end."""
    pages: list[Page] = []

    def visit(session_id: str, cookie: str = "") -> Page:
        pages.append(Page(library, server.url, session_id, cookie))
        return pages[-1]

    yield visit
    for page in pages:
        page.client.close()
    wait_for(lambda: json.loads(server.get("/api/v1/online")[1])["count"] == 0, what="an empty blog")


@pytest.fixture
def room() -> str:
    return f"article-{next(_numbers)}"


def sign_in(url: str, login: str, name: str) -> tuple[str, Callable[[], str]]:
    """The cookie that a browser has before it signs in, and the signing in, which returns the one that it has then."""
    jar = CookieJar()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))

    def cookie() -> str:
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in jar)

    def submit() -> str:
        form = urllib.parse.urlencode({"login": login, "name": name}).encode()
        browser.open(urllib.request.Request(url + "/login", form, {"accept": "application/json"}), timeout=5).close()
        return cookie()

    browser.open(url + "/", timeout=5).close()
    return cookie(), submit


# -- What the original does --------------------------------------------------------------------------------------------


def test_a_page_is_greeted_and_counted(visit):
    page = visit("aaaaaaa1")
    assert page.told("GATEWAY_CONNECT") == "WebSocket 已连接"
    counted = page.told("VISITOR_ONLINE")
    assert counted["online"] == 1
    assert counted["timestamp"].startswith("20")


def test_a_visitor_is_one_in_however_many_tabs(visit):
    ann, ben = visit("aaaaaaa1"), visit("bbbbbbb1")
    ann.told("VISITOR_ONLINE", lambda data: data["online"] == 2)
    tabs = [visit("bbbbbbb1") for _ in range(3)]
    for tab in tabs:
        assert tab.told("VISITOR_ONLINE")["online"] == 2
    for tab in tabs:
        tab.client.close()
    ben.client.close()
    assert ann.told("VISITOR_OFFLINE")["online"] == 1
    assert "VISITOR_OFFLINE" not in dict(ann.heard())  # once per visitor, not once per tab


def test_the_same_connection_becomes_somebody_else(visit, server):
    """Two visitors who turn out to be one person, as when somebody signs in on their second device."""
    ann, tablet = visit("aaaaaaa1"), visit("aaaaaaa2")
    ann.told("VISITOR_ONLINE", lambda data: data["online"] == 2)
    assert tablet.say("updateSid", sessionId="aaaaaaa1") == []
    assert tablet.told("VISITOR_ONLINE", lambda data: data["online"] == 1)
    assert json.loads(server.get("/api/v1/online")[1])["members"][0]["connections"] == 2


def test_who_signs_in_is_their_account_on_the_same_connection(visit, server, room):
    cookie, submit = sign_in(server.url, "owner", "Ada")
    page, ben = visit("aaaaaaa1", cookie), visit("bbbbbbb1")
    ben.say("join", roomName=room)
    page.read(room, 10)
    alias = ben.told("ACTIVITY_UPDATE_PRESENCE")["identity"]
    page._headers["cookie"] = submit()
    page.say("updateSid", sessionId="owner_1")
    assert ben.told("ACTIVITY_LEAVE_PRESENCE") == {"identity": alias, "roomName": room}
    page.place(room, 20, identity="owner_1")
    moved = ben.told("ACTIVITY_UPDATE_PRESENCE", lambda data: data["position"] == 20)
    assert (moved["identity"], moved["displayName"]) == ("owner_1", "Ada")
    assert list(ben.presence(room)) == ["owner_1"]
    page.say("updateSid", sessionId="aaaaaaa1")
    assert ben.told("ACTIVITY_LEAVE_PRESENCE")["identity"] == "owner_1"


def test_progress_goes_to_everybody_in_the_room_and_to_nobody_else(visit, room):
    ann, ben, outside = visit("aaaaaaa1"), visit("bbbbbbb1"), visit("ccccccc1")
    ben.say("join", roomName=room)
    outside.say("join", roomName=room + "x")
    own = ann.read(room, 37)
    shown = ben.told("ACTIVITY_UPDATE_PRESENCE")
    for told in (own, shown):
        assert (told["roomName"], told["position"]) == (room, 37)
        assert told["connectedAt"] <= told["joinedAt"] <= told["updatedAt"]
        assert abs(told["operationTime"] - told["updatedAt"]) < 10_000
        assert "displayName" not in told
    (entry,) = ben.presence(room).values()
    assert entry == {
        "identity": shown["identity"],
        "room_name": room,
        "position": 37,
        "sid": shown["sid"],
        "operation_time": own["operationTime"],
        "updated_at": own["updatedAt"],
        "connected_at": own["connectedAt"],
        "joined_at": own["joinedAt"],
    }
    outside.place(room + "x", 1)
    assert outside.told("ACTIVITY_UPDATE_PRESENCE")["roomName"] == room + "x"
    assert not [data for kind, data in outside.heard() if kind.startswith("ACTIVITY")]


def test_who_leaves_is_gone(visit, room):
    ann, ben = visit("aaaaaaa1"), visit("bbbbbbb1")
    ben.say("join", roomName=room)
    ann.read(room, 50)
    identity = ben.told("ACTIVITY_UPDATE_PRESENCE")["identity"]
    ann.say("leave", roomName=room)
    assert ben.told("ACTIVITY_LEAVE_PRESENCE") == {"identity": identity, "roomName": room}
    assert ben.presence(room) == {}
    assert ann.say("leave", roomName=room) == []  # as after a lost connection, when it has left already
    assert ann.place(room, 60) == 204  # of who is not there, nothing is told
    assert ben.presence(room) == {}


def test_a_name_is_shown_to_the_others(visit, room):
    ann, ben = visit("aaaaaaa1"), visit("bbbbbbb1")
    ben.say("join", roomName=room)
    ann.say("join", roomName=room)
    ann.place(room, 5, displayName="Ann")
    assert ben.told("ACTIVITY_UPDATE_PRESENCE")["displayName"] == "Ann"
    assert next(iter(ben.presence(room).values()))["display_name"] == "Ann"


def test_reads_and_likes(visit):
    ann, ben = visit("aaaaaaa1"), visit("bbbbbbb1")
    counts = []
    for prefix in ("", "/api/v2"):
        assert ann.fetch(prefix + "/ack", {"type": "read", "payload": {"type": "note", "id": "3"}}) == (200, "")
        told = ben.told("ARTICLE_READ_COUNT_UPDATE")
        assert (told["id"], told["type"]) == ("3", "note")
        counts.append(told["count"])
    assert counts[1] == counts[0] + 1
    for _ in range(2):
        assert ann.fetch("/activity/like", {"type": "note", "id": "3"})[0] == 204
    assert '<span id="likes">1</span>' in ann.fetch("/notes/ferry")[1]


def test_what_is_being_read_is_public(visit):
    ann, ben = visit("aaaaaaa1"), visit("bbbbbbb1")
    for page, article in ((ann, "1"), (ben, "1"), (ben, "3")):
        page.say("join", roomName=f"article-{article}")
    listed = json.loads(ann.fetch("/activity/rooms")[1])
    assert listed["rooms"] == ["article-1", "article-3"]
    assert listed["room_count"] == {"article-1": 2, "article-3": 1}
    assert [article["slug"] for article in listed["objects"]["posts"]] == ["kettle"]
    assert [article["id"] for article in listed["objects"]["notes"]] == ["3"]


def test_the_server_tells_its_time(visit):
    page = visit("aaaaaaa1")
    before = time.time() * 1000
    answer = json.loads(page.fetch("/server-time")[1])
    assert before - 2 <= answer["t2"] <= answer["t3"] <= time.time() * 1000 + 2
    assert json.loads(page.fetch("/api/v2/server-time", **{"x-request-time": "1700000000000"})[1])["t2"] == 1700000000000


# -- What the original should not do -----------------------------------------------------------------------------------


def test_a_closed_tab_leaves(visit, library, room):
    ann, ben = visit("aaaaaaa1"), visit("bbbbbbb1")
    ben.say("join", roomName=room)
    ann.read(room, 50)
    identity = ben.told("ACTIVITY_UPDATE_PRESENCE")["identity"]
    library.drop(ann.client)
    assert ben.told("ACTIVITY_LEAVE_PRESENCE") == {"identity": identity, "roomName": room}


def test_the_newest_tab_is_what_others_see(visit, room):
    first, second, ben = visit("aaaaaaa1"), visit("aaaaaaa1"), visit("bbbbbbb1")
    ben.say("join", roomName=room)
    for tab, position in ((first, 10), (second, 60), (first, 20), (second, 70)):
        tab.read(room, position)
        (entry,) = ben.presence(room).values()
        assert entry["position"] == position


def test_a_reader_leaves_with_their_last_tab(visit, room):
    first, second, ben = visit("aaaaaaa1"), visit("aaaaaaa1"), visit("bbbbbbb1")
    ben.say("join", roomName=room)
    first.read(room, 10)
    second.read(room, 60)
    second.say("leave", roomName=room)
    (entry,) = ben.presence(room).values()
    assert entry["position"] == 10
    assert "ACTIVITY_LEAVE_PRESENCE" not in dict(ben.heard())
    first.client.close()
    assert ben.told("ACTIVITY_LEAVE_PRESENCE")["identity"] == entry["identity"]
    assert "ACTIVITY_LEAVE_PRESENCE" not in dict(ben.heard())


def test_nobody_moves_or_renames_anybody_else(visit, server, room):
    owner = visit("ooooooo1", sign_in(server.url, "owner", "Ada")[1]())
    owner.say("updateSid", sessionId="owner_1")
    owner.say("join", roomName=room)
    owner.place(room, 10, identity="owner_1")
    ann, eve = visit("aaaaaaa1"), visit("eeeeeee1")
    ann.say("join", roomName=room)
    ann.place(room, 20, displayName="Ann")
    eve.say("join", roomName=room)
    before = eve.presence(room)
    alias = next(key for key, entry in before.items() if entry.get("display_name") == "Ann")
    for spoof in (
        {"sid": ann.sid},  # which Eve cannot know
        {"sid": before[alias]["sid"], "identity": alias},
        {"sid": owner.sid, "identity": "owner_1"},
        {"identity": ann.session_id},
        {"sid": "made-up"},
    ):
        assert eve.place(room, 90, **spoof) == 204
        assert eve.presence(room) == before
    for name in ("Ada", "ＡＤＡ", " ann ", "ANN"):
        eve.say("updateSid", sessionId="owner_1")  # without the cookie it is a session id like any other
        eve.place(room, 90, identity="owner_1", displayName=name)
        after = ann.presence(room)
        assert {key: after[key] for key in ("owner_1", "aaaaaaa1") if key in after} == {"owner_1": before["owner_1"]}
        (made,) = set(after) - set(before)
        assert "display_name" not in after[made]


def test_nobody_is_told_what_would_let_them_be_somebody_else(visit, room):
    ann, eve = visit("aaaaaaa1"), visit("eeeeeee1")
    eve.say("join", roomName=room)
    eve.say("join", roomName=room + "x")
    ann.read(room, 10)
    ann.read(room + "x", 20)
    moves = [eve.told("ACTIVITY_UPDATE_PRESENCE") for _ in range(2)]
    listed = [eve.presence(name) for name in (room, room + "x")]
    ann.client.close()
    left = eve.told("VISITOR_OFFLINE")
    assert left["sessionId"]
    told = json.dumps([moves, listed, left, eve.heard()])
    assert "aaaaaaa1" not in told
    assert ann.sid not in told
    assert len({move[field] for move in moves for field in ("identity", "sid")}) == 4  # another one in each room
    assert left["sessionId"] not in {move["identity"] for move in moves}
    assert [list(entries) for entries in listed] == [[move["identity"]] for move in moves]


def test_a_page_knows_itself_in_what_it_asks_for(visit, server, room):
    cookie, _ = sign_in(server.url, "nobody", "")
    ann, ben = visit("aaaaaaa1", cookie), visit("bbbbbbb1")
    ann.read(room, 10)
    assert "aaaaaaa1" in ann.presence(room)  # by its cookie
    assert "aaaaaaa1" not in ben.presence(room)
    ben.read(room, 20)
    assert "bbbbbbb1" not in ben.presence(room)
    assert "bbbbbbb1" in ben.presence(room, **{"x-socket-session-id": "bbbbbbb1"})


def test_a_page_from_elsewhere_is_given_a_cookie_with_its_first_place(visit, server, room):
    """Of a client that was not loaded from here nothing is known but what it sends; its socket id says which page it is."""
    ann, ben = visit("aaaaaaa1"), visit("bbbbbbb1")
    ann.say("join", roomName=room)
    body = {"identity": "aaaaaaa1", "position": 5, "ts": 1, "roomName": room, "sid": ann.sid}
    sent = urllib.request.Request(server.url + "/activity/presence/update", json.dumps(body).encode())
    with urllib.request.urlopen(sent, timeout=5) as answer:
        cookie = answer.headers["set-cookie"].partition(";")[0]
    assert list(ann.presence(room, cookie=cookie)) == ["aaaaaaa1"]
    ben.read(room, 20)
    assert "bbbbbbb1" not in ann.presence(room, cookie=cookie)


def test_only_articles_have_readers(visit):
    page = visit("aaaaaaa1")
    for name in ("lobby", "article-", "article-" + "x" * 50, "@online", "", None, 7, {}):
        (refused,) = page.say("join", roomName=name)
        assert refused["error"]["code"] == "bad_request"
    assert page.place("lobby", 1) == 400
    assert page.presence("lobby") == {}


def test_a_draft_is_nobodys_business(visit, server):
    cookie = sign_in(server.url, "owner", "Ada")[1]()
    owner, eve = visit("ooooooo1", cookie), visit("eeeeeee1")
    owner.say("updateSid", sessionId="owner_1")
    assert owner.say("join", roomName=DRAFT) == []
    owner.place(DRAFT, 10, identity="owner_1")
    assert list(owner.presence(DRAFT)) == ["owner_1"]
    (refused,) = eve.say("join", roomName=DRAFT)
    assert not refused["ok"]
    assert eve.presence(DRAFT) == {}
    assert json.loads(eve.fetch("/activity/rooms")[1])["rooms"] == []
    assert eve.fetch("/posts/winter-plan")[0] == 404
    assert owner.fetch("/posts/winter-plan")[0] == 200


def test_who_signs_out_is_a_visitor_in_every_tab(visit, server, room):
    """The page that signs out says so; its other tabs, and what only the owner may read, cannot be left to themselves."""
    cookie = sign_in(server.url, "owner", "Ada")[1]()
    page, ben = visit("ooooooo1", cookie), visit("bbbbbbb1")
    ben.say("join", roomName=room)
    page.say("updateSid", sessionId="owner_1")
    for name in (room, DRAFT):
        page.say("join", roomName=name)
    page.place(room, 10, identity="owner_1")
    assert ben.told("ACTIVITY_UPDATE_PRESENCE")["identity"] == "owner_1"
    assert page.fetch("/logout", {}, accept="application/json")[0] == 200
    assert ben.told("ACTIVITY_LEAVE_PRESENCE")["identity"] == "owner_1"
    assert "owner_1" not in ben.presence(room)
    assert page.place(DRAFT, 10, identity="owner_1") == 204
    assert DRAFT not in server.get("/api/v1/rooms")[1]


def test_what_is_not_asked_right_is_refused_in_words(visit, room):
    page = visit("aaaaaaa1")
    good = {"identity": "aaaaaaa1", "position": 1, "ts": 1, "roomName": room, "sid": page.sid}
    wrong = {"identity": "x" * 201, "position": -1, "ts": None, "roomName": "article-" + "x" * 60, "sid": "x" * 31}
    assert page.fetch("/activity/presence/update", good)[0] == 204
    for field, value in wrong.items():
        assert page.fetch("/activity/presence/update", good | {field: value})[0] == 400
    page_read = {"type": "read", "payload": {"type": "page", "id": "1"}}
    for path, body in (("/ack", {"type": "seen"}), ("/ack", page_read), ("/activity/like", 7)):
        status, answer = page.fetch(path, body)
        assert status == 400
        assert json.loads(answer)["message"]
    assert page.fetch("/activity/like", {"type": "post", "id": "1", "more": "x" * 20_000})[0] == 413
    for nonsense in (None, 7, "join", [], {"payload": {}}, {"type": "join", "payload": 1}):
        (refused,) = page.client.call("message", nonsense)
        assert refused["error"]["code"] == "bad_request"
    assert page.say("updateLang", lang="en") == []  # of a later client


def test_numbers_are_for_those_with_the_key(visit):
    page = visit("aaaaaaa1")
    for path in ("/activity/reading/rank", "/api/v2/aggregate/stat"):
        assert page.fetch(path)[0] == 401
        assert page.fetch(path, authorization="Bearer wrong")[0] == 401
        assert page.fetch(path, authorization=f"Bearer {API_KEY}")[0] == 200
    assert page.fetch("/activity/reading/rank?start=yesterday", authorization=f"Bearer {API_KEY}")[0] == 400


# -- What is kept ------------------------------------------------------------------------------------------------------


def asked(server: ServerProcess, path: str) -> Any:
    status, body = server.get("/api/v2" + path)
    assert status == 200
    return json.loads(body)


def rank(server: ServerProcess, **span: int) -> dict[str, int]:
    rows = asked(server, "/activity/reading/rank?" + urllib.parse.urlencode(span))["data"]
    assert [row["count"] for row in rows] == sorted((row["count"] for row in rows), reverse=True)
    return {row["ref_id"]: row["count"] for row in rows}


def test_what_was_read_most_over_a_range_of_dates(visit, server, room):
    began = int(time.time() * 1000)
    article, other = room.removeprefix("article-"), "of-" + room
    for _ in range(2):
        tabs = [visit("aaaaaaa1"), visit("aaaaaaa1"), visit("bbbbbbb1")]
        for tab in tabs:
            tab.read(room, 10)
        for tab in tabs:
            tab.say("leave", roomName=room)
    reader = visit("ccccccc1")
    reader.read("article-" + other, 5)
    reader.client.close()  # a visit that goes on counts within a minute
    wait_for(lambda: other in rank(server, start=began), what="the last visit")
    found = rank(server, start=began)
    assert (found[article], found[other]) == (4, 1)  # two readers twice; a second tab is no second visit
    assert article not in rank(server, end=began)
    assert rank(server)[article] == 4


def test_the_most_online_today_outlasts_a_power_cut(tmp_path, library):
    env = {"BLOG_DB": str(tmp_path / "blog.db"), "ALSOHERE_DATABASE_URL": f"sqlite:///{tmp_path}/alsohere.db"}
    with ServerProcess(SERVER, "--port", "{port}", env=env) as server:
        pages = [Page(library, server.url, f"aaaaaaa{number}") for number in range(3)]
        pages.append(Page(library, server.url, "aaaaaaa0"))
        stat = asked(server, "/aggregate/stat")
        assert (stat["online"], stat["today_max_online"], stat["today_online_total"]) == (3, 3, 3)
        for page in pages:
            page.client.close()
        assert pages[0].fetch("/ack", {"type": "read", "payload": {"type": "post", "id": "1"}})[0] == 200
        server.stop(signal.SIGKILL)  # what was answered has been written
    with ServerProcess(SERVER, "--port", "{port}", env=env) as server:
        stat = asked(server, "/aggregate/stat")
        assert (stat["online"], stat["today_max_online"], stat["today_online_total"]) == (0, 3, 3)
        assert '<span id="reads">1</span>' in server.get("/posts/kettle")[1]
        page = Page(library, server.url, "aaaaaaa1")
        stat = asked(server, "/aggregate/stat")
        assert (stat["online"], stat["today_max_online"], stat["today_online_total"]) == (1, 3, 4)
        page.client.close()

"""Reading history over HTTP, of a real server: visits are told, ranked and counted; a user's are given and erased."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, urlencode

import pytest

from alsohere import AlsoHere
from support.raw import RawClient, joined
from support.servers import API_KEY, SECRET, ServerProcess, wait_for

TOKENS = AlsoHere(secret=SECRET, database_url="memory://")
HISTORY = {"ALSOHERE_HISTORY": "/posts/*", "ALSOHERE_LEAVE_GRACE_S": "0"}


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with ServerProcess(env=HISTORY) as process:
        yield process


def call(server: ServerProcess, path: str, method: str = "GET", **query: Any) -> tuple[int, Any]:
    query = {name.rstrip("_"): value for name, value in query.items()}
    url = f"{server.url}/api/v1{path}" + (f"?{urlencode(query)}" if query else "")
    request = urllib.request.Request(url, headers={"X-API-Key": API_KEY}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return response.status, json.load(response)
    except HTTPError as error:
        problem = json.load(error)
        return error.code, problem | {"type": error.headers["content-type"]}


def reading(server: ServerProcess, room: str, **query: Any) -> dict[str, Any]:
    status, answer = call(server, f"/reading/{quote(room, safe='')}", **query)
    assert status == 200, answer
    return answer


def reader(server: ServerProcess, user: str, room: str, position: float | None = None) -> RawClient:
    client = joined(server.url, token=TOKENS.token(user))
    state = {} if position is None else {"state": {"position": position}}
    assert client.call("room:enter", {"room": room, **state})["ok"]
    return client


def read(server: ServerProcess, user: str, room: str, position: float | None = None) -> None:
    with reader(server, user, room, position) as client:
        assert client.call("room:leave", {"room": room})["ok"]


# -- What is told ------------------------------------------------------------------------------------------------------


def test_a_visit_is_told_when_it_is_over(server):
    for user, position in (("ann", 36), ("ann", 100), ("bob", 37), ("cem", None)):
        read(server, user, "/posts/1 ü", position)
    answer = reading(server, "/posts/1 ü")
    assert [answer[name] for name in ("room", "visits", "visitors", "positioned")] == ["/posts/1 ü", 4, 3, 3]
    assert [bucket["visits"] for bucket in answer["completion"]] == [0, 0, 0, 2, 0, 0, 0, 0, 0, 1]
    assert answer["completion"][3] == {"from": 30, "to": 40, "visits": 2}
    assert answer["reach"][3] == {"position": 40, "share": 0.3333}
    assert answer["stops"] == [{"from": 35, "to": 40, "visits": 2, "share": 0.6667}]
    assert 0 <= answer["median_active_s"] < 5


def test_a_room_that_no_rule_names_was_not_read(server):
    read(server, "ann", "/private", 50)
    assert reading(server, "/private")["visits"] == 0
    assert reading(server, "/private")["median_active_s"] is None


def test_the_most_read_come_first(server):
    for user, room in (("ann", "/posts/top/a"), ("bob", "/posts/top/b"), ("ann", "/posts/top/b")):
        read(server, user, room)
    answer = call(server, "/reading/ranking", prefix="/posts/top/")[1]["rooms"]
    assert [(room["room"], room["visits"], room["visitors"]) for room in answer] == [
        ("/posts/top/b", 2, 2),
        ("/posts/top/a", 1, 1),
    ]
    assert len(call(server, "/reading/ranking", prefix="/posts/top/", limit=1)[1]["rooms"]) == 1
    assert call(server, "/reading/ranking", prefix="/posts/top/\0")[1]["rooms"] == []


def test_a_room_may_be_called_ranking(server):
    assert call(server, "/reading/%72anking")[1]["room"] == "ranking"


def test_today_has_its_peaks_and_visits(server):
    with joined(server.url), joined(server.url):
        (today,) = call(server, "/stats/daily")[1]["days"]
    assert today["day"] == datetime.now(UTC).date().isoformat()
    assert today["peak_users"] >= 2
    assert today["peak_connections"] >= 2
    assert today["visits"] >= 2


def test_a_time_is_a_day_or_milliseconds(server):
    read(server, "ann", "/posts/times")
    now = datetime.now(UTC)
    today, tomorrow, yesterday = (str((now + timedelta(days=days)).date()) for days in (0, 1, -1))
    now_ms = int(time.time() * 1000)
    for span, visits in (
        ({"from_": today, "to": today}, 1),
        ({"from_": yesterday}, 1),
        ({"from_": now_ms - 60_000, "to": now_ms + 1000}, 1),
        ({"from_": tomorrow}, 0),
        ({"to": now_ms - 600_000}, 0),
        ({"from_": 0, "to": 0}, 0),
        ({"from_": "0001-01-01", "to": "9999-12-31"}, 1),
    ):
        assert reading(server, "/posts/times", **span)["visits"] == visits, span
        assert (len(call(server, "/reading/ranking", prefix="/posts/times", **span)[1]["rooms"])) == visits, span
        assert call(server, "/stats/daily", **span)[0] == 200


WHEN = "must be a number from 0 to 253402300799999 or a day (YYYY-MM-DD)."
WRONG = [
    ("/reading/ranking", {"limit": 0}, "limit must be a number from 1 to 1000."),
    ("/reading/ranking", {"limit": 1001}, "limit must be a number from 1 to 1000."),
    ("/reading/ranking", {"from_": -1}, f"from {WHEN}"),
    ("/reading/ranking", {"to": 2**63}, f"to {WHEN}"),
    ("/reading/ranking", {"to": "null"}, f"to {WHEN}"),
    ("/reading/ranking", {"prefix": "x" * 201}, "prefix must be a text of 0 to 200 characters."),
    ("/reading/ranking", {"order": "name"}, "There is no parameter 'order'; this takes prefix, from, to, limit."),
    ("/reading/r", {"from_": "yesterday"}, f"from {WHEN}"),
    ("/reading/r", {"from_": "2026-02-30"}, f"from {WHEN}"),
    ("/reading/r", {"from_": "2026-11-21", "to": "2026-11-20"}, "from must not be after to."),
    ("/reading/r", {"from_": 2, "to": 1}, "from must not be after to."),
    ("/reading/%0A", {}, "A room is 1 to 200 bytes of NFC text without control characters."),
    ("/stats/daily", {"from_": "2026-11"}, f"from {WHEN}"),
    ("/users/a%00b/data", {}, "id must be a user's: 1 to 128 bytes of text without control characters."),
    ("/users/" + "%C3%BC" * 65 + "/data", {}, "id must be a user's: 1 to 128 bytes of text without control characters."),
]


@pytest.mark.parametrize(("path", "query", "detail"), WRONG)
def test_what_is_asked_wrongly_is_told_with_the_fix(server, path: str, query: dict[str, Any], detail: str):
    status, answer = call(server, path, **query)
    assert (status, answer["type"], answer["detail"]) == (400, "application/problem+json", detail)


# -- A user's own ------------------------------------------------------------------------------------------------------


def test_what_is_kept_about_a_user_is_given_and_erased(server):
    read(server, "dia/1", "/posts/1", 40)
    read(server, "eve", "/posts/1", 50)
    path = f"/users/{quote('dia/1', safe='')}/data"
    with reader(server, "dia/1", "/posts/2") as staying:
        status, data = call(server, path)
        assert (status, data["user"], data["lock_audit"]) == (200, "dia/1", [])
        (visit,) = data["visits"]
        assert (visit["room"], visit["furthest"], visit["user"]) == ("/posts/1", 40, "dia/1")
        assert visit["entered_at"] <= visit["left_at"] <= time.time() * 1000
        assert call(server, path, "DELETE")[1]["visits"] == 1
        assert set(call(server, path, "DELETE")[1].values()) == {0}  # twice is once
        assert staying.call("room:leave", {"room": "/posts/2"})["ok"]
    assert call(server, path)[1]["visits"] == []
    assert len(call(server, "/users/eve/data")[1]["visits"]) == 1


def test_the_audit_of_a_lock_that_was_taken_away_names_nobody_after_that(server):
    with joined(server.url, token=TOKENS.token("fay")) as fay:
        assert fay.call("lock:acquire", {"lock": "doc/1"})["ok"]
        call(server, "/locks/doc%2F1", "DELETE")
    (line,) = call(server, "/users/fay/data")[1]["lock_audit"]
    assert (line["lock"], line["from_user"]) == ("doc/1", "fay")
    assert call(server, "/users/fay/data", "DELETE")[1]["lock_audit"] == 1
    assert call(server, "/locks/doc%2F1/audit")[1]["entries"][0]["from_user"] == "~erased"


# -- Ends and beginnings -----------------------------------------------------------------------------------------------


def serving(folder: Path, **env: str) -> ServerProcess:
    return ServerProcess(env=HISTORY | {"ALSOHERE_DATABASE_URL": f"sqlite:///{folder}/here.db"} | env)


def test_what_goes_on_when_a_server_is_stopped_is_kept_and_the_next_adds_to_the_day(tmp_path: Path):
    with serving(tmp_path) as server:
        with reader(server, "ann", "/posts/1", 12):
            assert server.stop()[0] == 0
    with serving(tmp_path) as server:
        assert reading(server, "/posts/1")["visits"] == 1
        assert call(server, "/users/ann/data")[1]["visits"][0]["furthest"] == 12
        with joined(server.url):
            (today,) = call(server, "/stats/daily")[1]["days"]
        assert (today["visits"], today["peak_users"]) == (2, 1)


def test_what_is_over_is_written_without_anybody_asking(tmp_path: Path):
    with serving(tmp_path) as server:
        read(server, "ann", "/posts/1")
        wait_for(lambda: server.metric("alsohere_visits_written_total") == 1, what="the visit's row")
        server.process.kill()
    with serving(tmp_path) as server:
        assert reading(server, "/posts/1")["visits"] == 1


def test_without_the_database_that_is_told_and_presence_works(tmp_path: Path):
    with serving(tmp_path) as first, serving(tmp_path) as second:
        read(first, "ann", "/posts/1")
        read(second, "bob", "/posts/1")
        status, answer = call(second, "/reading/x")
        assert (status, answer["code"], answer["retry_after_ms"]) == (503, "unavailable", 1000)
        assert call(second, "/users/bob/data", "DELETE")[0] == 503
        first.stop()
        wait_for(lambda: call(second, "/reading/x")[0] == 200, what="the claim")
        assert reading(second, "/posts/1")["visitors"] == 1  # bob's was forgotten when his erasure was asked for

"""The HTTP API for back ends: who may ask, how it is asked, what it says, and what it says about what is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.polls import ask
from support.raw import joined
from support.servers import API_KEY, ServerProcess, wait_for

KEY = {"authorization": f"Bearer {API_KEY}"}
PATHS = ["/api/v1/online", "/api/v1/rooms", "/api/v1/rooms/x", "/api/v1/users/x"]

# -- The key -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PATHS)
def test_the_api_is_off_without_a_key(strict: ServerProcess, path: str):
    answer = ask(strict.url, path, authorization="Bearer ")
    assert answer.status == 403
    assert answer.headers["content-type"] == "application/problem+json"
    detail = "The API is off: set ALSOHERE_API_KEY, or make a key with: alsohere key create"
    assert answer.json() == {"title": "Forbidden", "status": 403, "detail": detail, "code": "forbidden"}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": API_KEY},
        {"authorization": f"Basic {API_KEY}"},
        {"x_api_key": API_KEY + "x"},
        {"x_api_key": "schlüssel"},
        {"authorization": "Bearer", "x_api_key": API_KEY},
    ],
    ids=str,
)
def test_the_api_wants_its_key(dev: ServerProcess, path: str, headers: dict[str, str]):
    answer = ask(dev.url, path, **headers)
    assert answer.status == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["code"] == "unauthenticated"
    carries_one = headers in ({"authorization": "Bearer wrong"}, {"x_api_key": API_KEY + "x"}, {"x_api_key": "schlüssel"})
    assert ("is not one of this server" if carries_one else "X-API-Key") in answer.json()["detail"]


@pytest.mark.parametrize("headers", [KEY, {"authorization": f"bearer  {API_KEY} "}, {"x_api_key": API_KEY}], ids=["", "lax", "x"])
def test_the_key_opens_the_api(dev: ServerProcess, headers: dict[str, str]):
    assert ask(dev.url, "/api/v1/online", **headers).status == 200


def test_without_the_key_nobody_is_kicked(dev: ServerProcess):
    with joined(dev.url, "visitor-to-be-kicked") as client:
        user = client.call("room:enter", {"room": "kick"})["self"]["id"]
        assert ask(dev.url, f"/api/v1/users/{user}/connections", "DELETE").status == 401
        assert client.call("room:leave", {"room": "kick"})["ok"]


# -- What it says ------------------------------------------------------------------------------------------------------


def test_the_api_says_who_is_online_and_in_which_rooms(dev: ServerProcess):
    with joined(dev.url, "visitor-of-the-api") as client, joined(dev.url, "visitor-of-the-api") as tab:
        member = client.call("room:enter", {"room": "/api/größe x", "state": {"at": 1}})["self"]
        tab.call("room:enter", {"room": "/api/other"})
        online = ask(dev.url, "/api/v1/online", **KEY).json()
        assert online["count"] == len(online["members"])
        assert [(one["connections"], one["name"]) for one in online["members"] if one["id"] == member["id"]] == [
            (2, member["name"])
        ]
        room = ask(dev.url, "/api/v1/rooms/%2Fapi%2Fgr%C3%B6%C3%9Fe%20x", **KEY).json()
        assert room == {"room": "/api/größe x", "count": 1, "members": [member]}
        rooms = ask(dev.url, "/api/v1/rooms?prefix=/api/&limit=5", **KEY).json()["rooms"]
        assert rooms == [{"room": "/api/größe x", "count": 1}, {"room": "/api/other", "count": 1}]
        assert len(ask(dev.url, "/api/v1/rooms?prefix=/api/&limit=1", **KEY).json()["rooms"]) == 1


def test_rooms_come_by_count_or_by_name(dev: ServerProcess):
    with joined(dev.url, "visitor-in-order-1") as one, joined(dev.url, "visitor-in-order-2") as other:
        for client, room in [(one, "/order/b"), (other, "/order/b"), (one, "/order/a"), (one, "/order/c")]:
            client.call("room:enter", {"room": room})

        def names(query: str) -> list[str]:
            return [one["room"][-1] for one in ask(dev.url, f"/api/v1/rooms?prefix=/order/{query}", **KEY).json()["rooms"]]

        assert names("") == names("&order=count") == ["b", "a", "c"]
        assert names("&order=name") == ["a", "b", "c"]
        assert names("&order=name&limit=2") == ["a", "b"]


def test_a_room_without_anybody_is_empty(dev: ServerProcess):
    assert ask(dev.url, "/api/v1/rooms/nobody", **KEY).json() == {"room": "nobody", "count": 0, "members": []}


def test_a_user_is_somewhere_or_not_online(dev: ServerProcess):
    with joined(dev.url, "visitor-somewhere") as client, joined(dev.url, "visitor-somewhere") as tab:
        user = client.call("room:enter", {"room": "/here"})["self"]["id"]
        tab.call("room:enter", {"room": "/there"})
        tab.call("user:status", {"status": "idle"})

        def whereabouts() -> dict[str, Any]:
            return ask(dev.url, f"/api/v1/users/{user}", **KEY).json()

        assert whereabouts() == {"id": user, "online": True, "status": "active", "connections": 2, "rooms": ["/here", "/there"]}
        client.call("user:status", {"status": "invisible"})
        assert whereabouts()["online"]  # who has the key decides by this how to reach them
    absent = {"id": user, "online": False, "status": None, "connections": 0, "rooms": []}
    wait_for(lambda: whereabouts() == absent, what="the end of the grace")


def test_a_user_can_be_kicked(dev: ServerProcess):
    with joined(dev.url, "visitor-who-goes") as client, joined(dev.url, "visitor-who-goes") as tab:
        user = client.call("room:enter", {"room": "kick"})["self"]["id"]
        kicked = ask(dev.url, f"/api/v1/users/{user}/connections", "DELETE", **KEY)
        assert (kicked.status, kicked.json()) == (200, {"connections": 2})
        assert client.closed()[0] == tab.closed()[0] == 4403
        assert ask(dev.url, f"/api/v1/users/{user}/connections", "DELETE", **KEY).json() == {"connections": 0}


# -- Names in paths ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "room"),
    [
        ("%2Fpost%2F1", "/post/1"),
        ("/post/1", "/post/1"),  # lax: slashes as they are
        ("post/1", "post/1"),
        ("post%231", "post#1"),
        ("a%252Fb", "a%2Fb"),
        ("%E2%98%83", "☃"),
        ("a%20b+c%3Fd%26e", "a b+c?d&e"),
        ("x/connections", "x/connections"),
        ("%40online", "@online"),
    ],
)
def test_names_are_percent_encoded_in_paths(dev: ServerProcess, path: str, room: str):
    assert ask(dev.url, f"/api/v1/rooms/{path}", **KEY).json()["room"] == room


def test_an_encoded_slash_belongs_to_the_name(dev: ServerProcess):
    assert ask(dev.url, "/api/v1/users/a%2Fconnections", **KEY).json()["id"] == "a/connections"
    assert ask(dev.url, "/api/v1/users/a/connections", **KEY).status == 405


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("rooms/", "bad_request"),
        ("rooms/" + "x" * 201, "bad_request"),
        ("rooms/" + "%C3%A4" * 101, "bad_room"),
        ("rooms/a%00b", "bad_room"),
        ("rooms/@reserved", "bad_room"),
        ("rooms/%FF", "bad_request"),
        ("users/" + "x" * 129, "bad_request"),
    ],
)
def test_what_is_no_name_is_told_so(dev: ServerProcess, path: str, code: str):
    answer = ask(dev.url, "/api/v1/" + path, **KEY)
    assert (answer.status, answer.json()["code"]) == (400, code)


# -- What is wrong with a request --------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", ["0", "-1", "1001", "1000000000", "x", "%D9%A3", "1e3", "1.0", "", "9" * 5000])
def test_a_limit_out_of_range_is_told_the_range(dev: ServerProcess, limit: str):
    answer = ask(dev.url, f"/api/v1/rooms?limit={limit}", **KEY)
    assert answer.status == 400
    assert answer.json()["detail"] == "limit must be a number from 1 to 1000."


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("limit=1&limit=2", "limit is given more than once."),
        ("order=age", "order must be one of count, name."),
        ("prefix=" + "x" * 201, "prefix must be a text of 0 to 200 characters."),
        ("prefx=a", "There is no parameter 'prefx'; this takes prefix, order, limit."),
    ],
)
def test_a_parameter_that_is_wrong_is_named(dev: ServerProcess, query: str, detail: str):
    answer = ask(dev.url, f"/api/v1/rooms?{query}", **KEY)
    assert (answer.status, answer.json()["detail"]) == (400, detail)
    assert answer.json()["code"] == "bad_request"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_a_wrong_method_is_told_the_right_ones(dev: ServerProcess, method: str):
    answer = ask(dev.url, "/api/v1/rooms", method, **KEY)
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "bad_method"


def test_head_is_a_get_without_its_body(dev: ServerProcess):
    answer = ask(dev.url, "/api/v1/rooms/nobody", "HEAD", **KEY)
    assert (answer.status, answer.text) == (200, "")


@pytest.mark.parametrize("path", ["/api/", "/api/v1", "/api/v1/", "/api/v1/nothing", "/api/v1/onlines", "/api/v1/online/x"])
def test_below_the_api_too_it_is_said_where_there_is_nothing(dev: ServerProcess, path: str):
    answer = ask(dev.url, path, **KEY)
    assert (answer.status, answer.json()["code"]) == (404, "not_found")
    assert answer.headers["content-type"] == "application/problem+json"


# -- Bodies ------------------------------------------------------------------------------------------------------------

CHECK = "/api/v1/locks/doc/check"


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ("", "The body is not JSON: Input data was truncated."),
        ("{fence: 1}", "The body is not JSON: JSON is malformed: object keys must be strings (byte 1)."),
        (b"\xff", "The body is not JSON: JSON is malformed: invalid character (byte 0)."),
        ("[]", "Expected `object`, got `array`."),
        ("{}", "Object missing required field `fence`."),
        ('{"fence": "1"}', "fence: Expected `int`, got `str`."),
        ('{"fence": 1.5}', "fence: Expected `int`, got `float`."),
        ('{"fence": -1}', "fence: Expected `int` >= 0."),
        ('{"fence": 1, "user": 42}', "user: Expected `str | null`, got `int`."),
        ('{"fence": 1, "lock": "x"}', "Object contains unknown field `lock`."),
        ('{"fence": 1, "fence": 2}', "One key stands twice in an object."),
        ('{"fence": ' + "9" * 5000 + "}", "[...]: Integer value out of range."),
        ("[" * 100_000, "The body is nested too deeply."),
    ],
    ids=lambda value: repr(value[:40]),
)
def test_a_body_that_is_wrong_is_told_where(dev: ServerProcess, body: str | bytes, detail: str):
    answer = ask(dev.url, CHECK, "POST", body, **KEY)
    assert (answer.status, answer.json()["code"], answer.json()["detail"]) == (400, "bad_request", detail)


@pytest.mark.parametrize("fence", ["7.0", "7e0", "70e-1"])
def test_a_whole_number_may_be_written_with_a_point(dev: ServerProcess, fence: str):
    assert ask(dev.url, CHECK, "POST", f'{{"fence": {fence}}}', **KEY).json()["reason"] == "not_held"


def test_a_post_that_only_asks_is_answered_anew_whatever_its_key(dev: ServerProcess):
    headers = KEY | {"idempotency_key": "check-1"}
    with joined(dev.url, "visitor-who-edits") as client:
        body = f'{{"fence": {client.call("lock:acquire", {"lock": "doc"})["fence"]}}}'
        assert ask(dev.url, CHECK, "POST", body, **headers).json()["valid"]
        client.call("lock:release", {"lock": "doc"})
        assert not ask(dev.url, CHECK, "POST", body, **headers).json()["valid"]


@pytest.mark.parametrize("key", ["", "a b", "ü", "x" * 201])
def test_what_is_no_idempotency_key_is_told_so(dev: ServerProcess, key: str):
    answer = ask(dev.url, "/api/v1/push", "POST", '{"name": "x", "everyone": true}', **KEY, idempotency_key=key)
    assert (answer.status, answer.json()["code"]) == (400, "bad_request")


def test_what_is_any_json_arrives_as_it_was_sent(dev: ServerProcess):
    """Also where a number is written as a whole one for which the API wants integers."""
    data = '{"a":1.0,"b":1e300,"c":-0.0,"d":[2.0,[3.0]],"e":12345678901234567890}'
    with joined(dev.url, "visitor-of-data") as client:
        user = client.call("room:enter", {"room": "data"})["self"]["id"]
        body = f'{{"name":"news","to":["{user}"],"data":{data}}}'
        assert ask(dev.url, "/api/v1/push", "POST", body, **KEY).status == 200
        packet = ""
        while not packet.startswith('42["news",'):
            packet = client.receive()
        assert json.loads(packet[2:])[1] == json.loads(data)
        assert "1.0" in packet, "some languages tell 1.0 from 1"
        assert len(packet) < 150, "and a number of three hundred digits is another text"


@pytest.mark.parametrize("depth", [30, 300, 450, 700, 990, 5000])
def test_data_of_any_depth_is_taken_or_refused(dev: ServerProcess, depth: int):
    body = f'{{"name":"deep","to":["42"],"data":{"[" * depth}{"]" * depth}}}'
    answer = ask(dev.url, "/api/v1/push", "POST", body, **KEY)
    assert answer.status in (200, 400), answer.json()
    body = f'{{"to":["42"],"title":"deep","data":{"[" * depth}{"]" * depth}}}'
    answer = ask(dev.url, "/api/v1/notifications", "POST", body, **KEY)
    assert answer.status in (200, 400), answer.json()


MEGABYTE = 1024 * 1024


@pytest.mark.parametrize("size", [MEGABYTE + 1, 50 * MEGABYTE])
@pytest.mark.parametrize("parts", [False, True], ids=["with its length", "in parts"])
def test_a_body_above_a_megabyte_is_refused(dev: ServerProcess, size: int, parts: bool):
    body = b"x" * size
    answer = ask(dev.url, CHECK, "POST", (body[at : at + 65536] for at in range(0, size, 65536)) if parts else body, **KEY)
    assert (answer.status, answer.json()["code"]) == (413, "too_large")


def test_a_body_of_a_megabyte_is_read(dev: ServerProcess):
    body = '{"fence": 7, "user": "x"}'.ljust(MEGABYTE)
    assert ask(dev.url, CHECK, "POST", body, **KEY).status == 200


def test_a_body_is_not_read_without_the_key(dev: ServerProcess):
    assert ask(dev.url, CHECK, "POST", b"x" * 50 * MEGABYTE).status == 401


# -- The document ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("server", ["dev", "strict"])
def test_anybody_may_read_the_document(server: str, request: pytest.FixtureRequest):
    document = ask(request.getfixturevalue(server).url, "/api/v1/openapi.json").json()
    assert document["openapi"].startswith("3.1.")
    assert document["paths"]["/api/v1/rooms/{room}"]["get"]["parameters"][0]["schema"]["maxLength"] == 200

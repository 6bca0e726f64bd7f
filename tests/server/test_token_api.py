"""Tokens for back ends that sign none themselves, and what becomes of connections when tokens run out."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from alsohere.config import Config
from alsohere.server.auth import Tokens
from support.polls import ask
from support.raw import joined
from support.servers import API_KEY, SECRET, ServerProcess

KEY = {"authorization": f"Bearer {API_KEY}"}


def make(server: ServerProcess, **body: Any) -> Any:
    return ask(server.url, "/api/v1/tokens", "POST", json.dumps(body).encode(), **KEY)


def test_a_token_lets_a_client_in_as_the_user_it_was_made_for(dev: ServerProcess):
    answer = make(dev, user="ann@example", name="Ann", info={"colour": "red"}, rooms=["/team/*"], ttl_s=120)
    assert answer.status == 200
    token, expires_at = answer.json()["token"], answer.json()["expires_at"]
    assert abs(expires_at / 1000 - time.time() - 120) < 10
    vouched = Tokens(Config(_env_file=None, secret=SECRET)).vouch(token)
    assert vouched.expires_s * 1000 == expires_at
    with joined(dev.url, token=token) as client:
        myself = client.call("room:enter", {"room": "/team/1"})["self"]
        assert (myself["id"], myself["name"], myself["info"]) == ("ann@example", "Ann", {"colour": "red"})
        assert client.call("room:enter", {"room": "/other"})["error"]["code"] == "forbidden"


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({}, "user"),
        ({"user": ""}, "user"),
        ({"user": 42}, "user"),
        ({"user": "~42"}, "anonymous"),
        ({"user": "4\n2"}, "control characters"),
        ({"user": "42", "rooms": "/team/*"}, "rooms"),
        ({"user": "42", "ttl_s": 0}, "ttl_s"),
        ({"user": "42", "ttl_s": 10**9}, "ttl_s"),
        ({"user": "42", "info": []}, "info"),
        ({"user": "42", "info": {"x": "y" * 10_000}}, "8192 bytes"),
        ({"user": "42", "admin": True}, "admin"),
    ],
    ids=str,
)
def test_what_is_no_token_is_refused_by_the_name_of_the_field(dev: ServerProcess, body: dict[str, Any], detail: str):
    answer = make(dev, **body)
    assert (answer.status, answer.json()["code"]) == (400, "bad_request")
    assert detail in answer.json()["detail"]


def test_a_client_hears_in_time_that_its_token_expires_and_may_show_another(dev: ServerProcess):
    soon, later = (make(dev, user="ann-who-stays", ttl_s=ttl_s).json() for ttl_s in (30, 3600))
    with joined(dev.url, token=soon["token"]) as client:
        assert client.event("token:expiring") == [{"expires_at": soon["expires_at"]}]
        assert client.call("user:identify", {"token": later["token"]})["self"]["id"] == "ann-who-stays"

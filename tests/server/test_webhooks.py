"""Webhooks of a real server to a real receiver: signed, in order, again, given up, told once more."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from alsohere.config import Config
from alsohere.errors import ConfigError
from support.raw import RawClient, joined
from support.receivers import WEBHOOK_SECRET, Receiver, webhook_env
from support.servers import API_KEY, SECRET, ServerProcess, free_port, wait_for


def visitor(server: ServerProcess, number: int = 1) -> RawClient:
    return joined(server.url, visitor=f"visitor-number-{number}")


def post(server: ServerProcess, path: str, body: Any) -> Any:
    request = urllib.request.Request(
        f"{server.url}/api/v1{path}", json.dumps(body).encode(), {"X-API-Key": API_KEY}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=5) as response:
        return json.load(response)


def log(server: ServerProcess, query: str = "") -> list[dict[str, Any]]:
    return json.loads(server.get(f"/api/v1/webhooks/log{query}")[1])["events"]


def run(env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """`alsohere webhooks …`."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ALSOHERE_")} | env
    command = [sys.executable, "-m", "alsohere", "webhooks", *arguments]
    return subprocess.run(command, env=clean, capture_output=True, text=True, timeout=30, check=False)


def test_events_come_signed_and_with_what_there_is_to_know():
    with Receiver() as receiver, ServerProcess(env=webhook_env(receiver.url)) as server, visitor(server) as client:
        client.call("room:enter", {"room": "/post/1"})
        wait_for(lambda: len(receiver.events) >= 4)
        assert sorted(receiver.types()) == ["member.entered", "room.occupied", "user.online"]
        entered = next(event for event in receiver.events if event["type"] == "member.entered")
        assert entered["subject"] == "room:/post/1"
        assert (entered["data"]["room"], entered["data"]["user"]["anonymous"]) == ("/post/1", True)
        assert entered["timestamp"].endswith("Z")
        headers = receiver.headers[receiver.events.index(entered)]
        assert headers["webhook-id"] == f"evt_{entered['id']}"
        assert headers["content-type"] == "application/json"
        wait_for(lambda: all(event["state"] == "delivered" for event in log(server)))
        assert 'alsohere_webhook_requests_total{outcome="delivered"} 4.0' in server.get("/metrics")[1]


def test_a_subject_keeps_its_order_and_the_others_do_not_wait_for_it():
    blocked = threading.Event()

    def answer(event: dict[str, Any]) -> int:
        if event["subject"] == "room:/slow" and not blocked.wait(8):
            return 500
        return 204

    with Receiver(answer) as receiver, ServerProcess(env=webhook_env(receiver.url)) as server, visitor(server) as client:
        client.call("room:enter", {"room": "/slow"})
        for number in range(20):
            client.call("room:enter", {"room": f"/quick/{number}"})
        wait_for(lambda: len(receiver.ids()) >= 1 + 1 + 1 + 40)
        assert len(receiver.ids("room:/slow")) == 1
        blocked.set()
        wait_for(lambda: len(receiver.ids("room:/slow")) == 2)
        assert receiver.most_under_way <= 8
        for subject in {event["subject"] for event in receiver.events}:
            assert receiver.ids(subject) == sorted(receiver.ids(subject))


def test_what_is_not_taken_comes_again_with_the_same_id_and_410_ends_it():
    refused: list[int] = []

    def answer(event: dict[str, Any]) -> int:
        if event["type"] == "room.occupied" and len(refused) < 3:
            refused.append(event["id"])
            return (500, 302, 429)[len(refused) - 1]
        return 410 if event["type"] == "user.online" else 204

    with Receiver(answer) as receiver, ServerProcess(env=webhook_env(receiver.url)) as server, visitor(server) as client:
        client.call("room:enter", {"room": "/post/1"})
        wait_for(lambda: "member.entered" in receiver.types(), 20)
        (room,) = {event["id"] for event in receiver.events if event["type"] == "room.occupied"}
        assert receiver.ids("room:/post/1") == [room] * 4 + [room + 1]  # a redirect is not followed: it would be a fifth
        assert receiver.types().count("user.online") == 1
        (lost,) = wait_for(lambda: log(server, "?state=given_up"))
        assert (lost["type"], lost["attempts"], lost["error"]) == ("user.online", 1, "410")
        assert "is given up: 410" in server.stop()[1]


def test_a_dead_endpoint_blocks_nobody_and_gets_everything_when_it_is_back():
    port = free_port()
    with ServerProcess(env=webhook_env(f"http://127.0.0.1:{port}/hook")) as server, visitor(server) as client:
        for number in range(10):
            assert client.call("room:enter", {"room": f"/post/{number}"})["ok"]
            assert client.call("lock:acquire", {"lock": f"/post/{number}"})["status"] == "held"
        wait_for(lambda: (log(server, "?state=pending&limit=1") or [{}])[0].get("type"))
        wait_for(lambda: any(event["error"] for event in log(server)))
        with Receiver(port=port) as receiver:
            wait_for(lambda: len(set(receiver.ids())) == 1 + 1 + 20 + 10, 30)


def test_it_can_be_told_again_over_http_and_on_the_command_line(tmp_path: Path):
    env = {"ALSOHERE_DATABASE_URL": f"sqlite:///{tmp_path}/here.db"}
    with Receiver() as receiver, ServerProcess(env=webhook_env(receiver.url) | env) as server, visitor(server):
        wait_for(lambda: "user.online" in receiver.types())
        wait_for(lambda: not log(server, "?state=pending"))
        first = receiver.ids()
        assert post(server, "/webhooks/replay", {"from_id": 2}) == {"events": 1}
        wait_for(lambda: receiver.ids() == [*first, 2])
        wait_for(lambda: not log(server, "?state=pending"))
        again = run(env, "replay", "--from", "2020-01-01")
        assert (again.stdout, again.returncode) == ("2 events are sent again.\n", 0), again.stderr
        wait_for(lambda: sorted(receiver.ids()) == sorted([*first, 2, *first]), 15)
        shown = run(env, "log", "--limit", "1")
        assert json.loads(shown.stdout)["type"] == "user.online"
        wrong = run(env, "replay", "--from", "soon")
        assert wrong.returncode == 2
        assert "an event's id, or a time" in wrong.stderr


def test_a_replay_while_much_is_on_its_way_sends_all_of_it_again():
    with Receiver() as receiver, ServerProcess(env=webhook_env(receiver.url)) as server, visitor(server) as client:
        wait_for(lambda: "user.online" in receiver.types())
        for number in range(20):
            client.call("room:enter", {"room": f"/post/{number}"})
        assert post(server, "/webhooks/replay", {"from_id": 0})["events"] >= 1
        wait_for(lambda: len(set(receiver.ids())) == 42 and receiver.ids().count(1) >= 2)
        wait_for(lambda: not log(server, "?state=pending"))


def test_a_shutdown_tells_who_left_at_the_latest_when_the_server_is_back(tmp_path: Path):
    env = {"ALSOHERE_DATABASE_URL": f"sqlite:///{tmp_path}/here.db"}
    with Receiver() as receiver:
        with ServerProcess(env=webhook_env(receiver.url) | env) as server, visitor(server):
            wait_for(lambda: "user.online" in receiver.types())
            assert server.stop()[0] == 0
        with ServerProcess(env=webhook_env(receiver.url) | env):
            wait_for(lambda: "user.offline" in receiver.types())
            wait_for(lambda: [event["type"] for event in receiver.events].count("snapshot.needed") == 2)


def test_an_application_that_was_to_be_told_of_who_is_erased_begins_anew(tmp_path: Path):
    env = {"ALSOHERE_DATABASE_URL": f"sqlite:///{tmp_path}/here.db"}
    takes = threading.Event()
    with Receiver(lambda _: 204 if takes.is_set() else 503) as receiver:
        with ServerProcess(env=webhook_env(receiver.url) | env) as server, visitor(server) as client:
            client.call("room:enter", {"room": "/post/1"})
            wait_for(lambda: receiver.types().count("member.entered") + receiver.types().count("room.occupied") > 0)
            (whose,) = {event["subject"] for event in log(server) if event["type"] == "user.online"}
            user = whose.removeprefix("user:")
            clean = {name: value for name, value in os.environ.items() if not name.startswith("ALSOHERE_")} | env
            command = [sys.executable, "-m", "alsohere", "erase", user, "--yes"]
            erased = subprocess.run(command, env=clean, capture_output=True, text=True, timeout=30, check=True)
            assert "2 events for your application are removed, or no longer say it." in erased.stdout
            takes.set()
            wait_for(lambda: any(event["data"].get("reason") == "erased" for event in receiver.events), 20)
            wait_for(lambda: not log(server, "?state=pending"))
            assert user not in json.dumps(log(server))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"webhook_url": "http://example.com/hook"}, "webhook_url must be an https:// address"),
        ({"webhook_url": "https://"}, "webhook_url must be an https:// address"),
        ({"webhook_url": "ftp://localhost/"}, "webhook_url must be an https:// address"),
        ({"webhook_url": "https://[::1/"}, "webhook_url must be an https:// address"),
        ({"webhook_url": "https://example.com/hook"}, "webhook_secret must be whsec_"),
        ({"webhook_url": "https://example.com/hook", "webhook_secret": "whsec_c2hvcnQ="}, "webhook_secret must be whsec_"),
        ({"webhook_url": "https://example.com/hook", "webhook_secret": "whsec_" + "*" * 40}, "webhook_secret must be whsec_"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, str], sentence: str):
    with pytest.raises(ConfigError, match=sentence):
        Config.load(secret=SECRET, **settings)
    good = Config.load(secret=SECRET, webhook_url="http://localhost:1/x", webhook_secret=WEBHOOK_SECRET)
    assert good.webhook_rooms == ("*",)


def test_an_event_that_there_is_not_is_refused():
    from alsohere import AlsoHere

    with pytest.raises(ConfigError, match=r"webhook_events: there is no 'user\.born'"):
        AlsoHere(database_url="memory://", secret=SECRET, webhook_events="user.born")

"""What is served over HTTP beside the engine: health, scripts, and the sentences for who is in the wrong place."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families
from websockets.exceptions import InvalidStatus

from alsohere import __version__
from server.conftest import ENVIRONMENT
from support.polls import PollSession, ask
from support.raw import RawClient, joined
from support.servers import ServerProcess, wait_for

# -- Health and scripts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/health"])
def test_a_server_that_runs_is_live_and_ready(dev: ServerProcess, path: str):
    assert ask(dev.url, path)[:2] == (200, "ok\n")


@pytest.mark.parametrize("path", ["/alsohere.js", "/socket.io/socket.io.js"])
def test_the_scripts_can_be_loaded_from_any_page_and_are_asked_for_again(dev: ServerProcess, path: str):
    answer = ask(dev.url, path)
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cache-control"] == "no-cache"
    assert ask(dev.url, path, if_none_match=answer.headers["etag"]).status == 304


# -- The wrong place ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/api/v2", "/alsohere.css", "/../etc/passwd"])
def test_where_there_is_nothing_that_is_said(dev: ServerProcess, path: str):
    answer = ask(dev.url, path)
    assert answer.status == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"].startswith("There is nothing at ")


@pytest.mark.parametrize("path", ["/ws?EIO=4&transport=polling", "/socket.io.js", "/ws/socket.io/?EIO=4&transport=polling"])
def test_who_looks_for_socket_io_in_the_wrong_place_is_told_where_it_is(dev: ServerProcess, path: str):
    assert "Socket.IO is at /socket.io/ - give clients that as `path`." in ask(dev.url, path).json()["detail"]


def test_the_sample_site_has_no_page_for_who_looks_for_socket_io():
    with ServerProcess("-m", "alsohere", "demo", "--no-open", "--port", "{port}", env=ENVIRONMENT) as demo:
        answer = ask(demo.url, "/ws/socket.io/?EIO=4&transport=polling")
        assert "Socket.IO is at /socket.io/ - give clients that as `path`." in answer.json()["detail"]


def test_a_websocket_in_the_wrong_place_is_told_where_socket_io_is(dev: ServerProcess):
    with pytest.raises(InvalidStatus) as refused:
        RawClient(dev.url, "/ws/")
    assert refused.value.response.status_code == 404
    assert refused.value.response.headers["content-type"].startswith("text/plain")
    assert b"Socket.IO is at /socket.io/" in refused.value.response.body


def test_the_path_may_lack_its_last_slash(dev: ServerProcess):
    assert ask(dev.url, "/socket.io?EIO=4&transport=polling").status == 200
    with RawClient(dev.url, "/socket.io").handshake().join():
        pass


def test_an_old_client_is_told_which_clients_fit(dev: ServerProcess):
    answer = ask(dev.url, "/socket.io/?EIO=3&transport=polling")
    assert answer.status == 400
    assert answer.json() == {
        "code": 5,
        "message": "Unsupported protocol version: this server speaks Engine.IO 4 (Socket.IO clients 3 and 4); "
        "set ALSOHERE_ALLOW_EIO3=1 to let in the clients 1 and 2 too",
    }


def test_a_page_of_another_site_is_told_how_it_could_be_let_in(strict: ServerProcess):
    answer = ask(strict.url, "/socket.io/?EIO=4&transport=polling", origin="https://app.example")
    assert answer.status == 403
    message = "Origin 'https://app.example' is not allowed; add it to ALSOHERE_ORIGINS, or start with --dev while developing."
    assert answer.json() == {"code": 4, "message": message}


def test_what_a_browser_hides_from_its_page_is_in_the_log_once():
    with ServerProcess("-m", "alsohere", "serve", "--port", "{port}", env=ENVIRONMENT) as server:
        for _ in range(2):
            ask(server.url, "/socket.io/?EIO=4&transport=polling", origin="https://app.example")
            ask(server.url, "/ws/socket.io/?EIO=4&transport=polling")
            with pytest.raises(InvalidStatus):
                RawClient(server.url, origin="https://app.example")
            with pytest.raises(InvalidStatus):
                RawClient(server.url, "/ws/socket.io/")
        for number in range(30):
            ask(server.url, "/socket.io/?EIO=4&transport=polling", origin=f"https://{number}.example")
        log = server.stop()[1].splitlines()
    assert sum("Origin 'https://app.example' is not allowed; add it to ALSOHERE_ORIGINS" in line for line in log) == 1
    assert sum("'/ws/socket.io/'. Socket.IO is at /socket.io/ - give clients that as `path`." in line for line in log) == 1
    assert len(log) < 30  # clients choose what is in them, so there are not many
    assert not [line for line in log if "error" in line]


@pytest.mark.parametrize(
    ("auth", "message", "code"),
    [
        (None, "A token is required: connect with auth: {token}.", "unauthenticated"),
        ({"visitor": "a-visitor-id"}, "A token is required: connect with auth: {token}.", "unauthenticated"),
        ({"token": "forged"}, "The token is not valid here.", "unauthenticated"),
    ],
)
def test_who_may_not_connect_is_told_why(strict: ServerProcess, auth: dict | None, message: str, code: str):
    session = PollSession(strict.url)
    session.post("40" if auth is None else "40" + str(auth).replace("'", '"'))
    assert session.packets() == [f'44{{"message":"{message}","data":{{"code":"{code}"}}}}']


def test_who_joins_no_namespace_in_time_is_closed(strict: ServerProcess):
    with RawClient(strict.url).handshake() as client:
        assert client.closed() == (4408, "")
    session = PollSession(strict.url)
    assert session.get().text == "1"


# -- Metrics -----------------------------------------------------------------------------------------------------------


def metrics(server: ServerProcess) -> dict[str, float]:
    answer = ask(server.url, "/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(answer.text):
        assert family.name.startswith("alsohere_")
        assert family.documentation
        for sample in family.samples:
            assert sample.name.endswith("_total") == (family.type == "counter")
            found["".join([sample.name, *(f"[{value}]" for value in sample.labels.values())])] = sample.value
    return found


def test_metrics_count_what_happens(dev: ServerProcess):
    wait_for(lambda: metrics(dev)["alsohere_users_online"] == 0, what="quiet")
    before = metrics(dev)
    with joined(dev.url, "visitor-of-metrics") as client:
        client.call("room:enter", {"room": "/metrics/a"})
        client.call("room:update", {"room": "/metrics/a", "state": {"x": 1}})
        client.call("room:enter", {"room": ""})
        client.call("an event that " * 5, 1)
        during = metrics(dev)
        client.call("room:leave", {"room": "/metrics/a"})
    wait_for(lambda: metrics(dev)["alsohere_users_online"] == 0, what="the end")
    after = metrics(dev)
    assert (during["alsohere_connections"], during["alsohere_users_online"]) == (1, 1)
    assert during["alsohere_sessions"] == before["alsohere_sessions"] + 1  # others have opened some and said nothing yet
    assert during["alsohere_rooms"] == 2  # @online is one of them
    grown = {name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name, 0)}
    assert grown.pop("alsohere_deliveries_total", 0) >= 0
    grown = {name: amount for name, amount in grown.items() if not name.startswith("alsohere_broadcast_")}
    assert grown == {
        "alsohere_sessions_opened_total": 1,
        "alsohere_presence_events_total[enter]": 2,
        "alsohere_presence_events_total[update]": 1,
        "alsohere_presence_events_total[leave]": 2,
        "alsohere_leaves_total[left]": 1,
        "alsohere_leaves_total[disconnected]": 1,
        "alsohere_commands_total[room:enter]": 2,
        "alsohere_commands_total[room:update]": 1,
        "alsohere_commands_total[room:leave]": 1,
        "alsohere_refusals_total[bad_room]": 1,
        "alsohere_refusals_total[unknown_event]": 1,
    }


def test_metrics_say_how_long_a_broadcast_takes(dev: ServerProcess):
    name = "alsohere_broadcast_duration_seconds"
    before = metrics(dev)
    with joined(dev.url) as ann, joined(dev.url) as ben:
        ann.call("room:enter", {"room": "/metrics/b"})
        ben.call("room:enter", {"room": "/metrics/b"})
        ann.event("room:changed")
    after = metrics(dev)
    assert after[f"{name}_count"] == after[f"{name}_bucket[+Inf]"] >= before[f"{name}_count"] + 1
    assert before[f"{name}_sum"] < after[f"{name}_sum"] < before[f"{name}_sum"] + 1
    shorter = [value for sample, value in after.items() if sample.startswith(f"{name}_bucket")]
    assert shorter == sorted(shorter)


def test_metrics_can_be_switched_off(strict: ServerProcess):
    assert ask(strict.url, "/metrics").status == 404


def test_metrics_say_which_version_runs(dev: ServerProcess):
    assert metrics(dev)[f"alsohere_build_info[{__version__}]"] == 1

"""F: what operators look at. Logs that lie, metrics without end, addresses that nobody meant to be asked."""

from __future__ import annotations

import json
import re

import pytest

from hostile.bystander import Bystander
from hostile.conftest import COMMANDS, ENVIRONMENT
from hostile.credentials import call_api, token
from hostile.wire import fetch
from support.provider import Provider
from support.raw import RawClient, joined
from support.servers import ServerProcess

ESCAPES = "x\r\n2026-01-01 [info] all is well\x1b[2J\x1b]0;owned\x07\u2028"
CONTENT = "what-people-write-is-no-business-of-logs"


def test_h107_addresses_are_settings_and_redirects_are_not_followed() -> None:
    """Nothing that comes over the wire is asked; what the setting names leads nowhere else.

    The table blocks private addresses of webhooks too. Of those in the settings they are allowed: design section 1 is a server that
    stands beside its application, whose address is private more often than not, and whoever writes the settings owns the network.
    What a browser names, the endpoint of its push service, must not be private, whatever name leads there: tests/server/test_offline.py.
    """
    with Provider() as inner, Provider() as provider:
        provider.status, provider.headers = 307, {"location": inner.url}
        env = ENVIRONMENT | {"ALSOHERE_AUTH_URL": provider.url}
        with ServerProcess(*COMMANDS["native"], env=env) as server:
            for auth in ({"token": inner.url}, {"token": "x", "auth_url": inner.url, "url": inner.url, "jku": inner.url}):
                with RawClient(
                    server.url, additional_headers={"Cookie": f"u={inner.url}", "Origin": server.url}
                ).handshake() as client:
                    client.send("40" + json.dumps(auth))
                    assert client.closed()[0] == 1013
        assert len(provider.asked) == 2
        assert inner.asked == []


@pytest.mark.parametrize("as_json", ["1", "0"], ids=["json", "text"])
def test_h108_no_line_of_the_log_is_somebody_elses(as_json: str) -> None:
    with (
        ServerProcess(*COMMANDS["native-app"], env=ENVIRONMENT | {"ALSOHERE_LOG_JSON": as_json}) as server,
        Bystander(server) as bystander,
    ):
        with bystander.attacker() as client:
            client.call("room:enter", {"room": ESCAPES, "state": {"text": CONTENT}})
            client.call("room:enter", {"room": "/f", "state": {"text": CONTENT + ESCAPES}})
            client.call("complain", ESCAPES)  # a handler whose exception says what it was sent
            client.call("user:identify", {"token": ESCAPES + CONTENT})
            client.call("unknown-event", CONTENT)
        call_api(server, "POST", "/notifications", {"to": ["42"], "title": ESCAPES + CONTENT})
        fetch(
            server, "/socket.io/?EIO=4&transport=%0d%0a%1b[2J", headers="User-Agent: \x1b[2J\r\nOrigin: https://evil\x1b[2J\r\n"
        )
        fetch(server, "/api/v1/online", headers="X-API-Key: \x1b[2J" + token("42") + "\r\n")
        bystander.assert_undisturbed()
        bystander.__exit__()
        output = server.stop()[1]
    assert "\x1b[2J" not in output
    assert "\x1b]0" not in output
    assert "\u2028" not in output
    assert not re.search(r"(?m)^2026-01-01 \[info\] all is well", output)
    assert token("42")[:40] not in output
    if as_json == "1":
        lines = [line for line in output.splitlines() if not line.startswith(("alsohere ", "warning: "))]
        assert any("handler" in json.loads(line)["event"] for line in lines), "it was told that the handler failed"


def test_h109_metrics_do_not_grow_with_names(server: ServerProcess, bystander: Bystander) -> None:
    def series() -> set[str]:
        return {line.rsplit(" ", 1)[0] for line in server.get("/metrics")[1].splitlines() if not line.startswith("#")}

    def attack(wave: str) -> None:
        with joined(server.url, token=token(f"user-{wave}")) as client:
            for number in range(30):
                name = f"{wave}-{number}"
                client.call(f"event-{name}", {})
                client.call("room:enter", {"room": f"/{name}"})
                client.call("room:leave", {"room": f"/{name}"})
                client.call("lock:acquire", {"lock": f"/{name}#{name}", "wait": False})
                client.call("lock:release", {"lock": f"/{name}#{name}"})
        for number in range(10):
            fetch(server, f"/{wave}-{number}", headers=f"User-Agent: {wave}\r\n")
            call_api(server, "GET", f"/rooms/{wave}-{number}")
            call_api(server, "POST", "/notifications", {"to": [f"{wave}-{number}"], "category": f"{wave}-{number}", "title": "x"})

    attack("first")
    before = series()
    attack("second")
    assert series() == before
    assert not [line for line in before if "first" in line]

"""Engine.IO 4: sessions, heartbeats, the end and the upgrade, on both endpoints of the conformance application.

The behaviours are those of the official suites (socketio/socket.io, docs/engine.io-protocol and docs/socket.io-protocol);
the tests are our own.
"""

from __future__ import annotations

import json

import pytest
from websockets.exceptions import InvalidStatus

from interop.protocol import PING_INTERVAL_S, PING_TIMEOUT_S, Endpoint
from support.polls import PollSession, ask
from support.raw import RawClient
from support.servers import wait_for

HANDSHAKE = {"pingInterval": round(PING_INTERVAL_S * 1000), "pingTimeout": round(PING_TIMEOUT_S * 1000), "maxPayload": 1_000_000}

# -- Handshake ---------------------------------------------------------------------------------------------------------


def test_a_poll_opens_a_session_that_can_be_upgraded(endpoint: Endpoint):
    answer = ask(endpoint.url, f"{endpoint.path}?EIO=4&transport=polling")
    assert answer.status == 200
    assert answer.text.startswith("0{")
    opened = json.loads(answer.text[1:])
    assert isinstance(opened.pop("sid"), str)
    assert opened == {**HANDSHAKE, "upgrades": ["websocket"]}


def test_a_websocket_opens_a_session_that_stays_on_it(endpoint: Endpoint):
    with RawClient(endpoint.url, endpoint.path).handshake() as client:
        opened = dict(client.open)
    assert isinstance(opened.pop("sid"), str)
    assert opened == {**HANDSHAKE, "upgrades": []}


BAD_VERSIONS = ["transport={}", "EIO=abc&transport={}"]
BAD_TRANSPORTS = ["EIO=4", "EIO=4&transport=abc"]


@pytest.mark.parametrize("query", BAD_VERSIONS + BAD_TRANSPORTS)
def test_a_poll_of_another_version_or_transport_is_refused(endpoint: Endpoint, query: str):
    answer = ask(endpoint.url, f"{endpoint.path}?{query.format('polling')}")
    assert answer.status == 400
    assert answer.json()["code"] == (5 if query in BAD_VERSIONS else 0)


@pytest.mark.parametrize("query", BAD_VERSIONS + BAD_TRANSPORTS)
def test_a_websocket_of_another_version_or_transport_is_refused(endpoint: Endpoint, query: str):
    with pytest.raises(InvalidStatus) as refused:
        RawClient(endpoint.url, endpoint.path, query.format("websocket"))
    # Where a server cannot carry our answer, it says 403.
    assert refused.value.response.status_code in (400, 403)


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_session_begins_with_get_only(endpoint: Endpoint, method: str):
    answer = ask(endpoint.url, f"{endpoint.path}?EIO=4&transport=polling", method)
    assert answer.status == 400
    assert answer.json()["code"] == 2


# -- Heartbeat ---------------------------------------------------------------------------------------------------------


def test_a_polling_client_that_answers_pings_stays(endpoint: Endpoint):
    session = PollSession(endpoint.url, endpoint.path)
    for _ in range(2):
        assert session.packets() == ["2"]
        assert session.post("3").text == "ok"


def test_a_websocket_client_that_answers_pings_stays(endpoint: Endpoint):
    with RawClient(endpoint.url, endpoint.path).handshake() as client:
        for _ in range(2):
            assert client.receive(pings=True) == "2"
            client.send("3")


def test_a_silent_polling_client_is_dropped(endpoint: Endpoint):
    session = PollSession(endpoint.url, endpoint.path)
    assert session.packets() == ["2"]
    assert session.get().text == "1"  # this poll lasts until the time is over
    assert session.get().status == 400


def test_a_silent_websocket_client_is_dropped(endpoint: Endpoint):
    with RawClient(endpoint.url, endpoint.path).handshake() as client:
        assert client.receive(pings=True) == "2"
        assert client.closed(timeout_s=PING_TIMEOUT_S * 5) == (4408, "")


# -- Close -------------------------------------------------------------------------------------------------------------


def test_a_polling_client_that_closes_is_let_go(endpoint: Endpoint):
    session = PollSession(endpoint.url, endpoint.path)
    poll = session.waiting_get()
    assert session.post("1").text == "ok"
    assert poll.answer().text == "6"
    assert session.get().status == 400


def test_a_websocket_client_that_closes_is_let_go(endpoint: Endpoint):
    with RawClient(endpoint.url, endpoint.path).handshake() as client:
        client.send("1")
        assert client.closed() == (1000, "")


# -- Upgrade -----------------------------------------------------------------------------------------------------------


def upgraded(endpoint: Endpoint) -> tuple[PollSession, RawClient]:
    """A session that has just moved to a WebSocket."""
    session = PollSession(endpoint.url, endpoint.path)
    client = RawClient(endpoint.url, endpoint.path, session.query)
    client.send("2probe")
    assert client.receive() == "3probe"
    client.send("5")
    return session, client


def test_a_polling_session_moves_to_a_websocket(endpoint: Endpoint):
    session = PollSession(endpoint.url, endpoint.path)
    poll = session.waiting_get()
    with RawClient(endpoint.url, endpoint.path, session.query) as client:
        client.send("2probe")
        assert client.receive() == "3probe"
        assert poll.answer().text == "6"  # the poll is let go, so that nothing is lost between the two
        assert session.get().text == "6"
        client.send("5")
        assert endpoint.echo(client)


def test_polls_of_a_session_that_has_moved_are_refused(endpoint: Endpoint):
    session, client = upgraded(endpoint)
    with client:
        assert endpoint.echo(client)
        assert session.get().status == 400
        assert session.post("4x").status == 400
        assert endpoint.echo(client)


def test_a_second_websocket_of_a_session_that_has_moved_is_closed(endpoint: Endpoint):
    session, client = upgraded(endpoint)
    with client:
        assert endpoint.echo(client)
        with RawClient(endpoint.url, endpoint.path, session.query) as second:
            assert second.closed() == (4400, "")
        assert endpoint.echo(client)


# -- One poll at a time ------------------------------------------------------------------------------------------------


def test_two_polls_at_once_end_the_session(endpoint: Endpoint):
    session = PollSession(endpoint.url, endpoint.path)
    first = session.waiting_get()
    assert session.get().status == 400
    assert first.answer().text == "1"
    assert session.get().status == 400


def test_a_poll_that_is_given_up_ends_the_session(endpoint: Endpoint):
    """What it would have carried is lost: better a new session than a hole."""
    session = PollSession(endpoint.url, endpoint.path)
    session.waiting_get().give_up()
    # Pongs keep a session that is not ended for as long as this waits.
    wait_for(lambda: session.post("3").status == 400, what="the end of the session")

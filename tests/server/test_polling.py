"""Long-polling: what a client is told that is between two polls, and who else may not hear it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import copy

import pytest

from server.conftest import ENVIRONMENT
from support.polls import PollSession
from support.raw import RawClient, joined
from support.servers import ServerProcess, wait_for


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with ServerProcess("-m", "interop.apps", "{port}", env=ENVIRONMENT) as server:
        yield server


def ended(session: PollSession) -> bool:
    """Whether the server knows the session no more; asked without a poll."""
    return session.post("3").status == 400


def kicked_from_another_tab(server: ServerProcess, visitor: str, **headers: str) -> PollSession:
    """A session whose user is kicked while no poll is under way."""
    session = PollSession(server.url, **headers).join({"visitor": visitor})
    with joined(server.url, visitor) as other_tab:
        other_tab.send('42["kick-me"]')
        assert other_tab.closed() == (4403, "41")
    return session


def test_who_is_kicked_between_two_polls_hears_it_with_the_next(server: ServerProcess):
    """Otherwise the client would find its session unknown, take that for a lost transport and come back."""
    session = kicked_from_another_tab(server, "visitor-between-polls")
    assert session.packets() == ["41", "1"]
    assert session.get().status == 400


def test_what_a_kicked_client_still_sends_is_no_error_before_it_has_heard(server: ServerProcess):
    session = kicked_from_another_tab(server, "visitor-who-talks-on")
    assert session.post('42["echo",1]')[:2] == (200, "ok")
    assert session.packets() == ["41", "1"]
    assert session.post('42["echo",1]').status == 400


def test_last_words_are_for_the_one_who_knows_more_than_the_session_id(server: ServerProcess):
    session = kicked_from_another_tab(server, "visitor-with-a-header", authorization="Basic QW5uOnNlY3JldA==")
    stranger = copy(session)
    stranger.headers = {}
    assert stranger.get().status == 400
    assert session.packets() == ["41", "1"]


def test_who_is_kicked_by_the_very_request_hears_it(server: ServerProcess):
    session = PollSession(server.url).join({"visitor": "visitor-who-asks-for-it"})
    assert session.post('42["kick-me"]').text == "ok"
    assert session.packets()[0] == "41"


def test_what_was_said_before_a_farewell_is_heard_with_it(server: ServerProcess):
    session = PollSession(server.url).join()
    assert session.post('42["echo",1]\x1e42["echo",2]\x1e42["disconnect-me"]').text == "ok"
    packets: list[str] = []
    while "41" not in packets:
        packets += session.packets()
    assert packets[:3] == ['42["echoed",1]', '42["echoed",2]', "41"]


def test_a_session_that_broke_the_protocol_has_no_last_words(server: ServerProcess):
    session = PollSession(server.url).join()
    assert session.post('42["echo",1]\x1e4nonsense').status == 400
    assert session.get().status == 400


def test_a_request_that_is_given_up_half_way_ends_the_session(server: ServerProcess):
    session = PollSession(server.url).join()
    session.waiting_get().give_up()
    wait_for(lambda: ended(session), what="the end of the session")


@pytest.mark.parametrize(
    ("headers", "payload", "status"),
    [
        ({}, b"x" * 1_000_001, 413),
        ({"content_type": "application/octet-stream"}, b"4x", 400),
        ({}, "4é".encode("latin-1"), 400),
        ({}, b"", 400),
        ({}, b"\x1e", 400),
        ({}, b"\x1e".join([b"3"] * 200), 400),
    ],
    ids=["too large", "binary", "not UTF-8", "empty", "only a separator", "too many packets"],
)
def test_a_body_that_is_no_payload_is_refused_and_ends_the_session(
    server: ServerProcess, headers: dict, payload: bytes, status: int
):
    session = PollSession(server.url).join()
    session.headers = headers
    assert session.post(payload).status == status
    session.headers = {}
    assert session.get().status == 400


# -- Closed tabs -------------------------------------------------------------------------------------------------------


class Watcher(RawClient):
    """Sees who comes and goes in a room."""

    def sees(self, user_id: str) -> str:
        """What the next frame says of that user."""
        while True:
            change = self.event("room:changed", timeout_s=10)[0]
            for kind in ("leave", "enter"):
                if user_id in [entry["id"] for entry in change.get(kind, ())]:
                    return kind


@pytest.fixture
def watcher(server: ServerProcess) -> Iterator[Watcher]:
    with Watcher(server.url).handshake().join({"visitor": "visitor-who-watches"}) as watcher:
        watcher.call("room:enter", {"room": "/polled"})
        yield watcher


def entered(server: ServerProcess, visitor: str, watcher: Watcher) -> tuple[PollSession, str]:
    """A polling session in the watched room, between two polls, and its user's id."""
    session = PollSession(server.url).join({"visitor": visitor})
    session.post('421["room:enter",{"room":"/polled","watch":"none","state":{"at":7}}]')
    (answer,) = session.packets()
    user_id = json.loads(answer[3:])[0]["self"]["id"]
    assert watcher.sees(user_id) == "enter"
    return session, user_id


def test_a_tab_that_was_closed_between_two_polls_has_left_before_its_session_ends(server: ServerProcess, watcher: Watcher):
    """P12, P4"""
    session, user_id = entered(server, "visitor-who-closes", watcher)
    assert watcher.sees(user_id) == "leave"
    assert not ended(session)
    assert watcher.sees(user_id) == "enter", "a POST is a sign of life too"
    assert watcher.sees(user_id) == "leave"
    wait_for(lambda: server.metric("alsohere_sessions") == 1, what="the end of the session")
    assert watcher.call("room:watch", {"rooms": ["/polled"]})["rooms"][0]["count"] == 1
    assert session.get().status == 400


def test_a_client_that_polls_late_is_back_as_who_it_was(server: ServerProcess, watcher: Watcher):
    """P2"""
    session, user_id = entered(server, "visitor-who-is-late", watcher)
    assert watcher.sees(user_id) == "leave"
    poll = session.waiting_get()
    assert watcher.sees(user_id) == "enter"
    members = watcher.call("room:watch", {"rooms": ["/polled"]})["rooms"][0]["members"]
    assert [member["state"] for member in members if member["id"] == user_id] == [{"at": 7}]
    assert session.post('422["room:update",{"room":"/polled","state":{"at":8}}]').text == "ok"
    assert poll.answer().text == '432[{"ok":true}]'
    session.post("1")


def test_a_tab_that_was_closed_in_the_middle_of_an_upgrade_leaves_as_soon(server: ServerProcess, watcher: Watcher):
    """P12"""
    session, user_id = entered(server, "visitor-who-upgrades", watcher)
    with RawClient(server.url, query=session.query) as probe:
        probe.send("2probe")
        assert probe.receive() == "3probe"
    assert watcher.sees(user_id) == "leave"
    assert not ended(session)

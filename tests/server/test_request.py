"""What an Engine.IO request asks for, and the number that a bad one is answered with."""

from __future__ import annotations

import json

import pytest

from alsohere.server.request import REVISIONS_WITH_3, EngineError, EngineRequest, read_query
from alsohere.wire import engineio, engineio3

UNKNOWN_TRANSPORT, UNKNOWN_SID, BAD_REQUEST, UNSUPPORTED_VERSION = 0, 1, 3, 5


def refused(query: bytes, **options: object) -> EngineError:
    with pytest.raises(EngineError) as error:
        read_query(query, **options)
    return error.value


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        (b"EIO=4&transport=polling", EngineRequest("polling", None)),
        (b"transport=websocket&EIO=4&sid=abc_-123", EngineRequest("websocket", "abc_-123")),
        (b"EIO=4&transport=polling&sid=a%2Db&t=Pq1x.0", EngineRequest("polling", "a-b")),
        (b"EIO=4&transport=polling&b64=1", EngineRequest("polling", None)),  # socket.io-client 4.0 in Node
        (b"userId=42&EIO=4&transport=polling&&=&x", EngineRequest("polling", None)),
        (b"EIO=4&EIO=3&transport=polling&transport=x", EngineRequest("polling", None)),  # the first counts
    ],
)
def test_a_good_query_is_read(query: bytes, wanted: EngineRequest):
    assert read_query(query) == wanted


@pytest.mark.parametrize(
    "query", [b"", b"transport=polling", b"EIO=3&transport=polling", b"EIO=5", b"EIO=04", b"EIO=\xef\xbc\x94", b"EIO=3&EIO=4"]
)
def test_another_version_is_told_which_clients_fit(query: bytes):
    error = refused(query)
    assert (error.code, error.status) == (UNSUPPORTED_VERSION, 400)
    assert "Socket.IO clients 3 and 4" in error.message


def test_a_client_1_or_2_is_told_the_setting_that_lets_it_in():
    assert "ALSOHERE_ALLOW_EIO3=1" in refused(b"EIO=3&transport=polling").message
    assert "ALSOHERE" not in refused(b"EIO=5&transport=polling").message


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        (b"EIO=4&transport=polling&b64=1", EngineRequest("polling", None, 4, engineio)),
        (b"EIO=3&transport=polling", EngineRequest("polling", None, 3, engineio3.BINARY)),
        (b"EIO=3&transport=polling&b64=1&sid=x", EngineRequest("polling", "x", 3, engineio3.BASE64)),
        (b"EIO=3&EIO=4&transport=websocket", EngineRequest("websocket", None, 3, engineio3.BINARY)),
    ],
)
def test_where_it_is_let_in_the_revision_decides_how_packets_are_written(query: bytes, wanted: EngineRequest):
    assert read_query(query, revisions=REVISIONS_WITH_3) == wanted


def test_jsonp_is_not_spoken_with_old_clients_either():
    assert refused(b"EIO=3&transport=polling&j=0", revisions=REVISIONS_WITH_3).code == BAD_REQUEST


@pytest.mark.parametrize("transport", [b"", b"abc", b"webtransport", b"__proto__", b"constructor", b"POLLING", b"\xff"])
def test_an_unknown_transport_is_told_which_there_are(transport: bytes):
    assert refused(b"EIO=4&transport=" + transport).code == UNKNOWN_TRANSPORT
    assert refused(b"EIO=4").code == UNKNOWN_TRANSPORT


def test_a_transport_that_is_switched_off_is_unknown():
    assert read_query(b"EIO=4&transport=websocket", transports=("websocket",)).transport == "websocket"
    assert refused(b"EIO=4&transport=polling", transports=("websocket",)).code == UNKNOWN_TRANSPORT


@pytest.mark.parametrize(
    "sid", [b"", b"a" * 65, b"a" * 3000, b"a" * 5000, b"a" * 100_000, b"a%0d%0ab", b"%00", b"%c3%a9", b"\xc3\xa9", b"a%7fb"]
)
def test_what_cannot_be_a_session_id_is_answered_like_an_unknown_one(sid: bytes):
    error = refused(b"EIO=4&transport=polling&sid=" + sid)
    assert json.loads(error.body()) == {"code": UNKNOWN_SID, "message": "Session ID unknown"}


def test_jsonp_and_endless_queries_are_refused():
    assert refused(b"EIO=4&transport=polling&j=0").code == BAD_REQUEST
    assert refused(b"EIO=4&transport=polling&x=" + b"y" * 5000).code == BAD_REQUEST

"""A session of a client 1 or 2: what differs from tests/session/test_session.py."""

from __future__ import annotations

import json
from typing import Any

import pytest

from alsohere.errors import CloseCode, Disconnect, PacketError
from alsohere.session.eio3 import OldSession
from alsohere.session.events import BinaryEventReceived, ConnectAsked, NamespaceLeft, Reply, TransportClosed
from alsohere.session.session import MAX_REFUSED_CONNECTS, SessionRules

NOW_S = 100.0


def session(**rules: Any) -> OldSession:
    return OldSession("a-sid", SessionRules(**rules), NOW_S)


def begun() -> OldSession:
    opened = session()
    opened.begin(b"")
    opened.accept("/", "a-sid")
    return opened


def receive(opened: OldSession, packet: str | bytes, now_s: float = NOW_S) -> Any:
    return opened.receive(packet, now_s, binary=True) if isinstance(packet, bytes) else opened.receive(packet.encode(), now_s)


def test_the_server_joins_the_main_namespace_for_the_client():
    opened = session()
    assert opened.begin(b'{"token":"t"}') == ConnectAsked("/", b'{"token":"t"}')
    assert not opened.is_open("/")
    assert opened.accept("/", "a-sid").data == b"40"
    assert opened.is_open("/")
    assert opened.due_s() == NOW_S + 15 + 8


@pytest.mark.parametrize("packet", ["40", "41", '42["x"]', "430[]"])
def test_while_it_is_decided_nothing_is_heard_there(packet: str):  # S1
    opened = session()
    opened.begin(b"")
    with pytest.raises(PacketError, match="not expected"):
        receive(opened, packet)


def test_a_second_connect_is_an_error():
    with pytest.raises(PacketError, match="CONNECT is not expected"):
        receive(begun(), "40")


def test_other_namespaces_are_asked_for_with_a_query():
    opened = begun()
    assert receive(opened, "40/admin?token=1234&uid=abcd,") == ConnectAsked("/admin", b'{"token":"1234","uid":"abcd"}')
    assert opened.accept("/admin", opened.id_in("/admin")).data == b"40/admin,"
    assert receive(opened, '42/admin,["x"]').name == "x"
    assert receive(opened, "41/admin,") == NamespaceLeft("/admin")


def test_ids_are_those_that_the_client_makes_for_itself():
    assert begun().id_in("/") == "a-sid"
    assert begun().id_in("/admin") == "/admin#a-sid"


def test_a_refusal_is_a_sentence():
    opened = begun()
    receive(opened, "40/admin,")
    assert opened.refuse("/admin", "No.", {"code": "forbidden"}).data == b'44/admin,"No."'
    assert not opened.is_open("/admin")


def test_who_is_refused_and_stays_is_sent_away_when_the_time_to_connect_is_over():
    """It would wait for ever, and come back when it is closed."""
    opened = session()
    opened.begin(b"")
    assert opened.refuse("/", "Who are you?").data == b'44"Who are you?"'
    assert opened.due_s() == NOW_S + 10
    with pytest.raises(Disconnect) as ended:
        opened.tick(NOW_S + 10)
    assert (ended.value.close_code, ended.value.stay_away) == (CloseCode.TOO_SLOW, True)
    assert [packet.data for packet in opened.leave_all(NOW_S)] == [b"41"]


def test_who_was_not_refused_may_come_back():
    opened = session()
    opened.begin(b"")  # and the application does not decide
    with pytest.raises(Disconnect) as ended:
        opened.tick(NOW_S + 10)
    assert not ended.value.stay_away


def test_who_is_refused_for_want_of_room_is_sent_away_soon():
    opened = session()
    opened.begin(b"")
    opened.dismiss(NOW_S)
    opened.refuse("/", "Too many.")
    with pytest.raises(Disconnect) as ended:
        opened.tick(NOW_S + 1)
    assert (ended.value.close_code, ended.value.stay_away) == (CloseCode.RATE, True)


def test_who_is_refused_in_the_main_namespace_may_be_let_in_elsewhere():
    opened = session()
    opened.begin(b"")
    opened.refuse("/", "No.")
    receive(opened, "40/admin?token=t,")
    opened.accept("/admin", "/admin#a-sid")
    assert opened.tick(NOW_S + 10) is None
    assert [packet.data for packet in opened.leave_all(NOW_S)] == [b"41/admin,"]


def test_who_is_refused_again_and_again_is_sent_away():  # S4
    opened = begun()
    for _ in range(MAX_REFUSED_CONNECTS):
        receive(opened, "40/admin,")
        opened.refuse("/admin", "No.")
    with pytest.raises(Disconnect, match="refused"):
        receive(opened, "40/admin,")


def test_a_ping_is_answered_with_what_it_had_and_keeps_the_session_alive():
    opened = begun()
    for ping, pong in (("2", b"3"), ("2probe", b"3probe")):
        answer = receive(opened, ping, NOW_S + 20)
        assert isinstance(answer, Reply)
        assert answer.packet.data == pong
    assert opened.due_s() == NOW_S + 43
    assert opened.tick(NOW_S + 42) is None


def test_nothing_but_a_ping_keeps_it_alive():  # P12
    opened = begun()
    receive(opened, '42["x"]', NOW_S + 22)
    receive(opened, "6", NOW_S + 22)
    with pytest.raises(Disconnect, match="ping timeout"):
        opened.tick(NOW_S + 23)


@pytest.mark.parametrize("packet", ["3", "3probe", "0", "5", "7", "x", "", "2" + "x" * 200, "b", "b4!", b"", b"\x03", b"42"])
def test_what_is_not_the_clients_to_send_or_nobodys_is_an_error(packet: str | bytes):
    with pytest.raises(PacketError):
        receive(begun(), packet)


@pytest.mark.parametrize("packet", [b"\x04\x01\x02", "b4AQI="])
def test_an_attachment_comes_with_its_type(packet: str | bytes):
    opened = begun()
    receive(opened, '451-7["x",{"_placeholder":true,"num":0}]')
    assert receive(opened, packet) == BinaryEventReceived("/", "x", [b"\x01\x02"], 7)


def test_what_is_sent_is_sent_as_always():
    opened = begun()
    assert [packet.data for packet in opened.send("/", "x", (1, b"\x01"), 3)] == [
        b'451-3["x",1,{"_placeholder":true,"num":0}]',
        b"\x01",
    ]
    assert json.loads(opened.acknowledge("/", 5, ({"ok": True},))[0].data[3:]) == [{"ok": True}]


def test_a_raw_session_joins_nothing():
    opened = session(raw=True)
    assert opened.begin(b"") is None
    assert receive(opened, b"\x04\x00").packet.data == b"\x00"
    assert receive(opened, "2").packet.data == b"3"
    assert receive(opened, "4hello").packet.data == b"4hello"


def test_after_the_end_not_even_a_ping_is_answered():  # S3
    opened = begun()
    assert receive(opened, "1") == TransportClosed()
    for packet in ("2", "1", '42["x"]', b"\x04"):
        with pytest.raises(PacketError, match="after close"):
            receive(opened, packet)

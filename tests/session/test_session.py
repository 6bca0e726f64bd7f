"""One Engine.IO session with its namespaces, from handshake to close."""

from __future__ import annotations

from typing import Any

import pytest

from alsohere.errors import CloseCode, Disconnect, PacketError
from alsohere.session.events import (
    AckReceived,
    BinaryEventReceived,
    ConnectAsked,
    EventReceived,
    NamespaceLeft,
    TransportClosed,
    Unreadable,
)
from alsohere.session.session import (
    MAX_ACK_ARGS,
    MAX_PENDING_ACKS,
    MAX_REFUSED_CONNECTS,
    MOVES,
    NamespaceState,
    Session,
    SessionRules,
)
from alsohere.wire.engineio import PING_PACKET
from alsohere.wire.socketio import PacketType

NOW_S = 100.0
PACKETS = {
    PacketType.CONNECT: "40{}",
    PacketType.DISCONNECT: "41{}",
    PacketType.EVENT: '42{}["x"]',
    PacketType.ACK: "43{}1[]",
    PacketType.CONNECT_ERROR: '44{}{{"message":"no"}}',
    PacketType.BINARY_EVENT: '451-{}["x",{{"_placeholder":true,"num":0}}]',
    PacketType.BINARY_ACK: '461-{}1[{{"_placeholder":true,"num":0}}]',
}


def session(**rules: Any) -> Session:
    return Session("a-sid", SessionRules(**rules), NOW_S)


def connected(*namespaces: str, **rules: Any) -> Session:
    opened = session(**rules)
    for namespace in namespaces or ("/",):
        receive(opened, "40" if namespace == "/" else f"40{namespace},")
        opened.accept(namespace, "sid-of-" + namespace)
    return opened


def receive(opened: Session, packet: str | bytes, now_s: float = NOW_S) -> Any:
    return opened.receive(packet, now_s, binary=True) if isinstance(packet, bytes) else opened.receive(packet.encode(), now_s)


# -- Namespaces --------------------------------------------------------------------------------------------------------


def test_a_client_asks_and_is_let_in():
    opened = session()
    assert receive(opened, '40{"token":"t"}') == ConnectAsked("/", b'{"token":"t"}')
    assert not opened.is_open("/")
    assert opened.accept("/", "a-sid-of-its-own").data == b'40{"sid":"a-sid-of-its-own"}'
    assert opened.is_open("/")


def test_a_client_asks_and_is_refused_and_may_ask_again():
    opened = session()
    receive(opened, "40/admin,")
    assert opened.refuse("/admin", "No.", {"code": "forbidden"}).data == b'44/admin,{"message":"No.","data":{"code":"forbidden"}}'
    assert not opened.is_open("/admin")
    assert receive(opened, "40/admin,") == ConnectAsked("/admin", b"")


def test_who_is_refused_again_and_again_is_sent_away():  # S4
    opened = session()
    for _ in range(MAX_REFUSED_CONNECTS):
        receive(opened, "40/admin,")
        opened.refuse("/admin", "No.")
    with pytest.raises(Disconnect, match="refused") as ended:
        receive(opened, "40/admin,")
    assert ended.value.close_code == CloseCode.RATE


@pytest.mark.parametrize("kind", PacketType)
@pytest.mark.parametrize("state", [None, *NamespaceState])
@pytest.mark.parametrize("namespace", ["/", "/second"])
def test_a_move_that_is_not_in_the_table_is_an_error_and_changes_nothing(
    kind: PacketType, state: NamespaceState | None, namespace: str
):  # S1
    opened = session()
    if state is not None:
        receive(opened, "40" if namespace == "/" else f"40{namespace},")
    if state is NamespaceState.OPEN:
        opened.accept(namespace, "sid")
    packet = PACKETS[kind].format("" if namespace == "/" else f"{namespace},")
    if kind in MOVES[state]:
        receive(opened, packet)
        return
    with pytest.raises(PacketError, match=f"{kind.name} is not expected"):
        receive(opened, packet)
    assert opened.is_open(namespace) == (state is NamespaceState.OPEN)


def test_namespaces_are_opened_and_left_one_by_one():
    opened = connected("/", "/second", "/third")
    assert receive(opened, "41/second,") == NamespaceLeft("/second")
    assert [opened.is_open(namespace) for namespace in ("/", "/second", "/third")] == [True, False, True]
    assert opened.leave("/", NOW_S).data == b"41"
    assert receive(opened, '42/third,["x"]').name == "x"
    with pytest.raises(PacketError):
        receive(opened, '42["x"]')


def test_a_namespace_that_was_left_may_be_joined_again():
    opened = connected("/")
    receive(opened, "41")
    assert receive(opened, "40") == ConnectAsked("/", b"")
    opened.accept("/", "another-sid")
    assert opened.is_open("/")


def test_a_goodbye_carries_nothing():
    with pytest.raises(PacketError, match="payload"):
        receive(connected("/"), "41[]")


# -- Events ------------------------------------------------------------------------------------------------------------


def test_an_event_keeps_its_namespace_name_and_ack_id():
    event = receive(connected("/second"), '42/second,7["room:enter",{"room":"/a"},1]')
    assert isinstance(event, EventReceived)
    assert (event.namespace, event.name, event.ack_id) == ("/second", "room:enter", 7)
    assert [bytes(arg) for arg in event.args] == [b'{"room":"/a"}', b"1"]


def test_an_event_with_attachments_is_told_when_the_last_has_come():
    opened = connected("/")
    assert receive(opened, '452-3["x",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]') is None
    assert receive(opened, b"first") is None
    assert receive(opened, b"second") == BinaryEventReceived("/", "x", [b"first", b"second"], 3)


def test_the_name_of_a_binary_event_is_checked_as_that_of_any_other():
    for payload in (
        '{"_placeholder":true,"num":0}',
        '1,{"_placeholder":true,"num":0}',
        '"connect",{"_placeholder":true,"num":0}',
    ):
        opened = connected("/")
        receive(opened, f"451-[{payload}]")
        with pytest.raises(PacketError):
            receive(opened, b"data")


def test_pings_may_come_between_attachments_but_no_text():
    opened = connected("/")
    receive(opened, '451-["x",{"_placeholder":true,"num":0}]')
    assert receive(opened, "3") is None
    with pytest.raises(PacketError, match="attachments are missing"):
        receive(opened, '42["y"]')


def test_binary_that_nobody_announced_is_an_error():
    with pytest.raises(PacketError, match="announced"):
        receive(connected("/"), b"data")


def test_attachments_of_a_namespace_that_was_left_meanwhile_are_not_heard():  # S1
    opened = connected("/", "/second")
    receive(opened, '451-/second,["x",{"_placeholder":true,"num":0}]')
    opened.leave("/second", NOW_S)
    with pytest.raises(PacketError, match="BINARY_EVENT is not expected"):
        receive(opened, b"data")


def test_attachments_have_a_deadline():  # S4
    opened = connected("/", connect_timeout_s=10.0)
    receive(opened, '451-["x",{"_placeholder":true,"num":0}]', now_s=103.0)
    assert opened.due_s() == 113.0
    assert opened.tick(112.9) is None
    with pytest.raises(PacketError, match="in time"):
        opened.tick(113.0)


def test_attachments_are_no_larger_than_a_message():  # S4
    opened = connected("/", max_payload_bytes=10)
    receive(opened, '452-["x",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]')
    receive(opened, b"123456")
    with pytest.raises(PacketError) as ended:
        receive(opened, b"12345")
    assert ended.value.close_code == CloseCode.TOO_BIG


def test_text_that_no_utf_8_can_hold_is_told_and_ends_nothing():
    opened = connected("/")
    assert receive(opened, '429["x","\\ud800"]') == Unreadable("/", 9)
    assert receive(opened, '42["x","\\ud800"]') == Unreadable("/", None)
    assert opened.is_open("/")


# -- Acknowledgements --------------------------------------------------------------------------------------------------


def test_an_event_of_ours_is_acknowledged_once():  # S2
    opened = connected("/")
    first, second = opened.expect_ack("/"), opened.expect_ack("/")
    assert first != second
    assert receive(opened, f'43{second}["b",{{"c":1}}]') == AckReceived("/", second, ["b", {"c": 1}])
    assert receive(opened, f"43{second}[]") is None
    assert receive(opened, f"43{first}[]") == AckReceived("/", first, [])


def test_an_acknowledgement_with_attachments_is_told_when_it_is_complete():
    opened = connected("/")
    ack_id = opened.expect_ack("/")
    assert receive(opened, f'461-{ack_id}[{{"_placeholder":true,"num":0}}]') is None
    assert receive(opened, b"data") == AckReceived("/", ack_id, [b"data"])


def test_acknowledgements_that_nobody_waits_for_are_dropped():
    opened = connected("/", "/second")
    ack_id = opened.expect_ack("/second")
    assert receive(opened, f"43{ack_id}[]") is None  # of another namespace
    assert receive(opened, "4399[]") is None
    opened.forget_ack(ack_id)
    assert receive(opened, f"43/second,{ack_id}[]") is None
    connected("/").forget_ack(1)


@pytest.mark.parametrize("packet", ["431[{}]", '461-1[{},{{"_placeholder":true,"num":0}}]'], ids=["text", "binary"])
def test_an_acknowledgement_has_so_many_arguments(packet: str):
    opened = connected("/")
    ack_id = opened.expect_ack("/")
    receive(opened, f"43{ack_id}[{','.join('1' * MAX_ACK_ARGS)}]")
    with pytest.raises(Disconnect) as many:
        receive(opened, packet.format(",".join("1" * (MAX_ACK_ARGS + 1))))
        receive(opened, b"data")
    assert many.value.close_code == CloseCode.LIMIT


@pytest.mark.parametrize("packet", ["43[]", "431{}", "431", '431["\\ud800"]'])
def test_an_acknowledgement_has_an_id_and_an_array(packet: str):
    opened = connected("/")
    opened.expect_ack("/")
    with pytest.raises(PacketError):
        receive(opened, packet)


def test_a_binary_acknowledgement_has_an_id_too():
    opened = connected("/")
    receive(opened, '461-[{"_placeholder":true,"num":0}]')
    with pytest.raises(PacketError, match="without an id"):
        receive(opened, b"data")


def test_a_client_leaves_a_bounded_number_of_events_unanswered():  # S4
    opened = connected("/")
    ids = [opened.expect_ack("/") for _ in range(MAX_PENDING_ACKS)]
    with pytest.raises(Disconnect, match="unanswered") as ended:
        opened.expect_ack("/")
    assert ended.value.close_code == CloseCode.LIMIT
    opened.forget_ack(ids[0])
    assert opened.expect_ack("/") not in ids


# -- Time --------------------------------------------------------------------------------------------------------------


def test_who_joins_no_namespace_is_sent_away_in_time():
    opened = session(connect_timeout_s=10.0)
    assert opened.due_s() == 110.0
    assert opened.tick(109.9) is None
    with pytest.raises(Disconnect, match="no namespace") as ended:
        opened.tick(110.0)
    assert (ended.value.close_code, ended.value.stay_away) == (CloseCode.TOO_SLOW, False)


def test_a_namespace_is_enough_to_stay():
    opened = connected("/")
    assert opened.due_s() == 115.0
    assert opened.tick(115.0) is PING_PACKET
    assert receive(opened, "3", now_s=116.0) is None
    assert opened.due_s() == 131.0


def test_who_asks_and_is_refused_has_no_more_time_than_who_does_not_ask():
    opened = session(connect_timeout_s=10.0)
    receive(opened, "40", now_s=109.0)
    opened.refuse("/", "No.")
    assert opened.due_s() == 110.0


def test_after_the_last_namespace_a_new_one_is_due():
    for leave in (lambda opened: receive(opened, "41", now_s=200.0), lambda opened: opened.leave("/", 200.0)):
        opened = connected("/", "/second")
        receive(opened, "41/second,", now_s=150.0)
        assert opened.connect_by_s is None
        leave(opened)
        assert opened.connect_by_s == 210.0
        receive(opened, "40", now_s=205.0)
        opened.accept("/", "sid")
        assert opened.connect_by_s is None


def test_a_namespace_that_is_only_asked_for_does_not_stop_the_clock():  # S4
    opened = connected("/")
    receive(opened, "40/second,", now_s=150.0)
    receive(opened, "41", now_s=150.0)
    opened.refuse("/second", "No.")
    assert opened.connect_by_s == 160.0


# -- The rest of Engine.IO ---------------------------------------------------------------------------------------------


def test_a_client_may_close_the_session():  # S3
    opened = connected("/")
    assert receive(opened, "1") == TransportClosed()
    assert not opened.is_open("/")
    for packet in ("3", "40", "1", '42["x"]', b"data"):
        with pytest.raises(PacketError, match="after close"):
            receive(opened, packet)


def test_after_a_close_nothing_is_encoded():  # S3
    opened = connected("/")
    opened.close()
    assert opened.send("/", "x", ()) == opened.acknowledge("/", 1, ()) == []
    assert not opened.is_open("/")


def test_what_is_said_in_a_namespace_is_said_only_while_it_is_open():  # S3
    opened = connected("/", "/second")
    assert opened.send("/second", "x", (1,), 7)[0].data == b'42/second,7["x",1]'
    assert opened.acknowledge("/second", 8, (b"data",))[1].data == b"data"
    opened.leave("/second", NOW_S)
    assert opened.send("/second", "x", ()) == opened.acknowledge("/second", 8, ()) == []


def test_noops_are_passed_over():
    assert receive(connected("/"), "6") is None


@pytest.mark.parametrize("packet", ["", "0", "0{}", "2", "2probe", "5", "7", "x", "1x", "6x", "\x1e", "🦊"])
def test_what_is_the_servers_to_send_or_nobodys_is_an_error(packet: str):
    with pytest.raises(PacketError):
        receive(connected("/"), packet)


def test_a_raw_session_hands_messages_on_and_waits_for_no_namespace():
    opened = session(raw=True)
    assert opened.due_s() == 115.0
    assert receive(opened, "40").packet.data == b"40"
    echo = receive(opened, b"\x00").packet
    assert (echo.data, echo.binary) == (b"\x00", True)
    assert receive(opened, "3") is None

"""Socket.IO protocol 4: joining a namespace, and being refused."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alsohere.errors import PacketError
from alsohere.wire import socketio
from alsohere.wire.socketio import MAX_NAMESPACE_BYTES, PacketType
from alsohere.wire.socketio4 import MAX_QUERY_BYTES, MAX_QUERY_FIELDS, decode, encode_connect, encode_error


@pytest.mark.parametrize(
    ("data", "namespace", "payload"),
    [
        ("0", "/", ""),
        ("0/admin,", "/admin", ""),
        ("0/admin", "/admin", ""),
        ("0/admin?token=1234&uid=abcd,", "/admin", '{"token":"1234","uid":"abcd"}'),  # the protocol's own example
        ("0/admin?a=%22%2C%5C&b=%F0%9F%91%8B+x", "/admin", '{"a":"\\",\\\\","b":"👋 x"}'),
        ("0/admin?a,", "/admin", '{"a":""}'),
        ("0/admin?,", "/admin", "{}"),
        ("0/?a=1,", "/", '{"a":"1"}'),
        ("0/a?__proto__=1,", "/a", '{"__proto__":"1"}'),
    ],
)
def test_a_connect_has_a_namespace_and_a_query(data: str, namespace: str, payload: str):
    header = decode(data.encode())
    assert (header.type, header.namespace, header.id, header.payload.decode()) == (PacketType.CONNECT, namespace, None, payload)


def test_a_key_that_is_there_twice_is_there_twice_for_who_decides():
    assert decode(b"0/admin?token=ann&token=ben,").payload == b'{"token":"ann","token":"ben"}'


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"])), max_size=9
    )
)
def test_a_query_is_read_as_browsers_write_it(fields: dict[str, str]):
    header = decode(f"0/admin?{urlencode(fields)},".encode())
    assert json.loads(header.payload) == fields


@pytest.mark.parametrize(
    "data",
    [
        "00",
        "0{}",
        '0{"token":"t"}',
        "0,",
        "0?a=1",
        "0/admin,{}",
        '0/admin,{"token":"t"}',
        "0/admin,7",
        "0/admin?a=1,2",
        "0/a,b,",
        "0/admin?a=%ff,",
        "0/" + "x" * MAX_NAMESPACE_BYTES + "?a,",
        "0/a?" + "x" * (MAX_QUERY_BYTES + 1),
        "0admin",
        "0 ",
        "0/a?" + "&".join("a" * (MAX_QUERY_FIELDS + 1)),
        "0/a,?a=1,",
    ],
)
def test_a_connect_that_is_none(data: str):
    with pytest.raises(PacketError):
        decode(data.encode())


@given(st.binary(max_size=60).map(lambda rest: b"0" + rest))
def test_only_packet_errors_leave_the_decoder(data: bytes):
    try:
        decode(data)
    except PacketError:
        return


def test_everything_else_is_as_in_protocol_5():
    for data in (b"1/admin,", b'2/admin,7["x"]', b'51-["x",{"_placeholder":true,"num":0}]', b"37[]"):
        old, new = decode(data), socketio.decode(data)
        assert [getattr(old, name) for name in old.__slots__] == [getattr(new, name) for name in new.__slots__]
    with pytest.raises(PacketError):
        decode(b"")


def test_who_is_let_in_is_told_no_id_and_who_is_not_gets_a_sentence():
    assert encode_connect("/").data == b"40"
    assert encode_connect("/admin").data == b"40/admin,"
    assert encode_error("/", 'Not "you"').data == b'44"Not \\"you\\""'
    assert encode_error("/admin", "No.").data == b'44/admin,"No."'

"""The HTTP request that a session began with."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alsohere.node.handshake import Handshake


def shaken(headers: dict[str, str] | None = None, query: bytes = b"") -> Handshake:
    raw = tuple((name.encode(), value.encode("latin-1")) for name, value in (headers or {}).items())
    return Handshake(raw, query, "10.0.0.1")


def test_headers_are_read_by_name_and_of_a_repeated_one_the_last():
    handshake = Handshake(((b"a", b"1"), (b"b", b"2"), (b"a", b"3"), (b"c", b"\xe9")), b"", "")
    assert handshake.headers == {"a": "3", "b": "2", "c": "é"}
    assert handshake.header(b"a") == "3"
    assert handshake.header(b"missing") is None


@pytest.mark.parametrize(
    ("cookie", "expected"),
    [
        ("a=1; b=2", {"a": "1", "b": "2"}),
        ('a="quoted"', {"a": "quoted"}),
        ('a="q\\"uoted\\054"', {"a": 'q"uoted,'}),
        ("", {}),
        ("; ;", {}),
        ("a=1; a=2", {"a": "2"}),
        ("a=; b==;c= d ", {"a": "", "b": "=", "c": "d"}),
        ("path=/; secure; a=1", {"path": "/", "a": "1"}),
    ],
)
def test_cookies_are_read(cookie: str, expected: dict[str, str]):
    assert shaken({"cookie": cookie, "x-cookie": "x=1", "prefer": "y=2"}).cookies == expected


@pytest.mark.parametrize("odd", ['prefs={"a":1,"b":[2]}', "a/b=1", "x y=1", "[x]", "no value", "é=ü", '"=', "=,;"])
def test_an_odd_cookie_hides_no_other(odd: str):
    for cookies in (f"{odd}; session=abc", f"session=abc; {odd}"):
        assert shaken({"cookie": cookies}).cookies["session"] == "abc"


def test_cookies_may_come_in_several_headers():
    assert Handshake(((b"cookie", b"a=1"), (b"cookie", b"b=2; c=3")), b"", "").cookies == {"a": "1", "b": "2", "c": "3"}


def test_without_cookies_there_are_none():
    assert shaken().cookies == {}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (b"a=1&b=%20x&c=", {"a": "1", "b": " x", "c": ""}),
        (b"a=1&a=2", {"a": "1"}),
        (b"", {}),
        (b"&".join([b"a=1"] * 65), {}),
        (b"a=\xff", {"a": "ÿ"}),
    ],
)
def test_a_query_is_read_and_of_a_repeated_parameter_the_first(query: bytes, expected: dict[str, str]):
    assert shaken(query=query).query == expected


@pytest.mark.parametrize(
    ("value", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer abc", "abc"),
        ("BEARER  abc ", "abc"),
        ("Bearer", None),
        ("Bearer ", None),
        ("Basic abc", None),
        ("", None),
        ("abc", None),
    ],
)
def test_a_bearer_token_is_read(value: str, token: str | None):
    assert shaken({"authorization": value}).bearer == token


def test_without_an_authorization_there_is_no_bearer():
    assert (shaken().bearer, shaken().credentials) == (None, None)


def test_what_is_forgotten_is_not_the_credentials_and_not_the_address():
    handshake = shaken({"authorization": "Bearer abc", "cookie": "a=1"}, b"a=1")
    handshake.forget()
    assert (handshake.headers, handshake.cookies, handshake.query) == ({}, {}, {})
    assert (handshake.credentials, handshake.bearer, handshake.client) == ("Bearer abc", "abc", "10.0.0.1")


@given(st.binary(max_size=60), st.binary(max_size=60), st.binary(max_size=60))
def test_no_request_is_unreadable(cookie: bytes, authorization: bytes, query: bytes):  # S5
    handshake = Handshake(((b"cookie", cookie), (b"authorization", authorization)), query, "")
    for read in (handshake.headers, handshake.cookies, handshake.query):
        assert all(isinstance(name, str) and isinstance(value, str) for name, value in read.items())
    assert handshake.bearer is None or handshake.bearer


def test_a_packed_request_reads_as_before():
    headers = ((b"host", b"here.example"), (b"cookie", b"a=1; b=x:y"), (b"x-empty", b""), (b"authorization", b"Bearer t"))
    plain, packed = Handshake(headers, b"q=1", "10.0.0.1"), Handshake(headers, b"q=1", "10.0.0.1")
    packed.pack()
    packed.pack()  # a second namespace
    for name in ("headers", "cookies", "query", "bearer", "client", "credentials"):
        assert getattr(packed, name) == getattr(plain, name)
    empty = Handshake((), b"", "")
    empty.pack()
    assert empty.headers == {}


def test_what_is_logged_of_a_handshake_has_no_secrets():
    handshake = Handshake(((b"cookie", b"s=secret"), (b"authorization", b"Bearer secret")), b"token=secret", "10.0.0.1")
    assert repr(handshake) == "Handshake('10.0.0.1')"

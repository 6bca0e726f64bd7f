"""Whose word about the client is taken."""

from __future__ import annotations

import pytest

from alsohere.errors import ConfigError
from alsohere.server.proxies import ProxyRule

PROXY, OTHER_PROXY, CLIENT = "10.0.0.1", "10.0.0.2", "203.0.113.9"


def headers(**values: str) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((name.replace("_", "-").encode(), value.encode()) for name, value in values.items())


def test_what_a_stranger_claims_is_not_believed():
    given = headers(host="here.example", x_forwarded_for="127.0.0.1", x_forwarded_proto="https", x_forwarded_host="evil.example")
    assert ProxyRule(()).read(given, CLIENT, secure=False) == (CLIENT, False, "here.example")
    assert ProxyRule((PROXY,)).read(given, CLIENT, secure=False) == (CLIENT, False, "here.example")


def test_what_a_trusted_proxy_says_is_believed():
    given = headers(host="backend:8765", x_forwarded_for=CLIENT, x_forwarded_proto="https", x_forwarded_host="here.example")
    assert ProxyRule((PROXY,)).read(given, PROXY, secure=False) == (CLIENT, True, "here.example")


def test_a_proxy_that_says_nothing_changes_nothing():
    assert ProxyRule((PROXY,)).read(headers(host="here.example"), PROXY, secure=True) == (PROXY, True, "here.example")


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        (f"127.0.0.1, {CLIENT}", CLIENT),  # the client wrote the first itself
        (f"{CLIENT}, {OTHER_PROXY}", CLIENT),  # two proxies of ours
        (f"127.0.0.1, {CLIENT}, {OTHER_PROXY}, {PROXY}", CLIENT),
        (f" {CLIENT} ,, ", CLIENT),
        (f"{OTHER_PROXY}, {PROXY}", PROXY),  # nobody but proxies
        ("", PROXY),
    ],
)
def test_the_client_is_the_last_address_that_is_no_proxy_of_ours(forwarded: str, client: str):
    rule = ProxyRule((PROXY, OTHER_PROXY))
    assert rule.read(headers(host="x", x_forwarded_for=forwarded), PROXY, secure=False)[0] == client


def test_a_star_trusts_every_peer_but_not_what_clients_write():
    rule = ProxyRule(("*",))
    assert rule.read(headers(host="x", x_forwarded_for=f"127.0.0.1, {CLIENT}"), "192.0.2.1", secure=False)[0] == CLIENT


@pytest.mark.parametrize(("proto", "secure"), [("https", True), ("HTTPS", True), ("wss", True), ("http", False), ("ws", False)])
def test_a_trusted_proxy_says_whether_the_client_speaks_tls(proto: str, secure: bool):
    given = headers(host="x", x_forwarded_proto=proto)
    assert ProxyRule((PROXY,)).read(given, PROXY, secure=not secure)[1] is secure


def test_an_address_cannot_be_longer_than_one_is():
    given = headers(host="x", x_forwarded_for="a" * 10_000)
    assert len(ProxyRule((PROXY,)).read(given, PROXY, secure=False)[0]) == 64


def test_a_network_of_proxies_is_trusted_whole():
    rule = ProxyRule(("10.0.0.0/8", "::1"))
    given = ((b"host", b"here.example"), (b"x-forwarded-for", b"203.0.113.7, 10.9.9.9"), (b"x-forwarded-proto", b"https, http"))
    assert rule.read(given, "10.1.2.3", secure=False) == ("203.0.113.7", True, "here.example")
    assert rule.read(given, "11.1.2.3", secure=False) == ("11.1.2.3", False, "here.example")


def test_an_entry_that_is_no_address_is_named():
    with pytest.raises(ConfigError, match=r"trusted_proxies: .*nginx"):
        ProxyRule(("nginx",))


def test_a_proxy_is_known_on_a_socket_of_both_families():
    given = headers(host="here.example", x_forwarded_for=CLIENT)
    assert ProxyRule(("10.0.0.0/8",)).read(given, f"::ffff:{PROXY}", secure=False)[0] == CLIENT

"""Which pages may connect: their own server's, those that are listed, and nobody who only looks like one."""

from __future__ import annotations

import pytest

from alsohere.config import Config
from alsohere.errors import ConfigError
from alsohere.node.handshake import Handshake
from alsohere.server.origin import OriginRule


def request(origin: str | None = None, **others: str) -> Handshake:
    headers = {"origin": origin} | others if origin is not None else others
    pairs = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    return Handshake(tuple(pairs), b"", "")


def rule(*origins: str, dev: bool = False, cookies_are_read: bool = True) -> OriginRule:
    return OriginRule(Config(origins=origins, dev=dev, _env_file=None), lambda: cookies_are_read)


# -- The server's own pages --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("origin", "host", "secure"),
    [
        ("http://example.org", "example.org", False),
        ("https://example.org", "example.org", True),
        ("http://example.org:8765", "example.org:8765", False),
        ("http://example.org", "example.org:80", False),
        ("https://example.org:443", "example.org", True),
        ("http://example.org", "eXample.org", False),
        ("http://[::1]:8765", "[::1]:8765", False),
        ("https://xn--bcher-kva.example", "xn--bcher-kva.example", True),
    ],
)
def test_a_page_of_the_same_scheme_host_and_port_may_connect(origin: str, host: str, secure: bool):
    assert rule().allows(request(origin), host, secure=secure)


@pytest.mark.parametrize(
    ("origin", "host", "secure"),
    [
        ("https://example.org", "example.org", False),
        ("http://example.org", "example.org", True),
        ("http://example.org:8080", "example.org", False),
        ("http://example.org", "example.org:8080", False),
        ("http://www.example.org", "example.org", False),
        ("http://example.org.", "example.org", False),
        ("http://example.org:65536", "example.org", False),
        ("http://example.org", "", False),
        ("HTTP://example.org", "example.org", False),
        ("http://Example.org", "example.org", False),
        ("null", "example.org", False),
        ("", "example.org", False),
    ],
)
def test_a_page_of_another_scheme_host_or_port_may_not(origin: str, host: str, secure: bool):
    assert not rule().allows(request(origin), host, secure=secure)


# -- Those that are listed ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("listed", "origin"),
    [
        ("https://good.example", "https://good.example"),
        ("https://Good.Example/", "https://good.example"),
        ("https://good.example:443", "https://good.example"),
        ("http://good.example:3000", "http://good.example:3000"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("*", "https://anybody.example"),
        ("*", "null"),
    ],
)
def test_a_listed_origin_may_connect_however_it_was_written(listed: str, origin: str):
    assert rule("https://another.example", listed).allows(request(origin), "here.example", secure=True)


@pytest.mark.parametrize(
    "origin",
    [
        "http://good.example",
        "https://good.example:8443",
        "https://sub.good.example",
        "https://good.example.evil.example",
        "https://evilgood.example",
        "https://evil.example/?https://good.example",
        "https://evil.example#https://good.example",
        "https://good.example@evil.example",
        "https://good.example/",
        "https://good.example/page",
        "https://g\xba\xbad.example",  # bytes that a look-alike rule would make "good"
        "*",
        "//good.example",
        "good.example",
    ],
)
def test_what_only_looks_like_a_listed_origin_may_not(origin: str):
    assert not rule("https://good.example").allows(request(origin), "here.example", secure=True)


@pytest.mark.parametrize(
    "text", ["good.example", "https://", "null", "https://good.example/app", "https://*.good.example", "https://bü..x"]
)
def test_what_could_never_match_is_refused_when_the_server_starts(text: str):
    with pytest.raises(ConfigError, match=r"^origins: .* is not an origin; write https://example\.org"):
        rule(text)


# -- Without an origin, and while developing ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("site", "allowed"), [(None, True), ("same-origin", True), ("none", True), ("same-site", False), ("cross-site", False)]
)
def test_without_an_origin_the_browser_says_where_the_page_is_from(site: str | None, allowed: bool):
    said = {} if site is None else {"sec_fetch_site": site}
    assert rule().allows(request(**said), "here.example", secure=True) is allowed


@pytest.mark.parametrize(
    ("others", "allowed"),
    [
        ({}, False),
        ({"authorization": "Bearer x"}, True),
        ({"authorization": "Basic YW5uOng="}, False),  # comes along by itself, as cookies do
        ({"sec_fetch_site": "same-origin"}, True),
        ({"sec_fetch_site": "cross-site", "authorization": "Bearer x"}, False),
        ({"referer": "https://here.example/page?a=b"}, True),
        ({"referer": "https://listed.example"}, True),
        ({"referer": "http://here.example/page"}, False),
        ({"referer": "https://evil.example/https://here.example/"}, False),
        ({"referer": "https://here.example@evil.example/"}, False),
        ({"referer": "https://here.example.evil.example/"}, False),
        ({"referer": "here.example"}, False),
        ({"referer": ""}, False),
    ],
)
def test_cookies_without_an_origin_need_a_page_that_may_connect(others: dict[str, str], allowed: bool):
    """A browser's GET of the same origin has no Origin, and over plain HTTP no Sec-Fetch-Site."""
    asked = request(cookie="session=1", **others)
    assert rule("https://listed.example").allows(asked, "here.example", secure=True) is allowed
    assert rule(cookies_are_read=False).allows(asked, "here.example", secure=True) is (
        others.get("sec_fetch_site") != "cross-site"
    )
    assert rule("*").allows(asked, "here.example", secure=True) is (others.get("sec_fetch_site") != "cross-site")
    if not allowed and "sec_fetch_site" not in others:
        assert "send the header Origin" in rule().refusal(asked)
        assert "Pages: use HTTPS, or a Referrer-Policy" in rule().refusal(asked)


@pytest.mark.parametrize("origin", ["http://localhost:5173", "http://127.0.0.1:3000", "https://[::1]:8443"])
def test_while_developing_pages_of_any_port_of_this_machine_may_connect(origin: str):
    assert rule(dev=True).allows(request(origin), "127.0.0.1:8765", secure=False)
    assert not rule().allows(request(origin), "127.0.0.1:8765", secure=False)


@pytest.mark.parametrize("origin", ["http://localhost.evil.example", "http://127.0.0.1.evil.example", "http://192.168.0.7:3000"])
def test_while_developing_other_machines_may_not(origin: str):
    assert not rule(dev=True).allows(request(origin), "127.0.0.1:8765", secure=False)


def test_a_refusal_says_the_fix_and_shows_what_was_refused_safely():
    refusal = rule().refusal(request("https://evil.example\r\n\x1b[31m" + "x" * 500))
    assert "ALSOHERE_ORIGINS" in refusal
    assert "--dev" in refusal
    assert refusal.isprintable()
    assert len(refusal) < 300


def test_a_refusal_says_nothing_that_would_not_help():
    assert rule(dev=True).refusal(request("http://192.168.0.7:3000")).endswith("; add it to ALSOHERE_ORIGINS.")
    with pytest.raises(ConfigError):
        rule("null")
    assert "ALSOHERE_ORIGINS" not in rule().refusal(request("null"))
    assert "open it from a web server" in rule().refusal(request("null"))

"""Which pages may connect.

A browser says where a page came from and cannot be made to lie; that is what keeps another site's page from using a visitor's
cookies here (cross-site WebSocket hijacking). So an `Origin` must be this server's own or be listed, compared exactly: scheme,
host and port.

No `Origin`: not a browser, or a browser's GET of the same origin. The latter says so with `Sec-Fetch-Site`, and over plain HTTP,
where it does not, with `Referer`. Who speaks of no page at all may come with a bearer token or with nothing, never with cookies
that the application may read: those come along by themselves, and whoever sends them on purpose can send an `Origin` too. Where
nobody reads them they are let pass: balancers give cookies to programs that want none.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from alsohere.config import Config
from alsohere.errors import ConfigError
from alsohere.node.handshake import Handshake

_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_DEFAULT_PORTS = {"http": 80, "https": 443}


class OriginRule:
    """Answers whether a request's origin may connect.

    Args:
        config: `origins`, `dev`.
        cookies_are_read: asked whether they may say who somebody is.

    Raises:
        ConfigError: something that is listed is not an origin, and would never match.
    """

    def __init__(self, config: Config, cookies_are_read: Callable[[], bool]) -> None:
        self._any = "*" in config.origins
        self._listed = frozenset(_listed(origin) for origin in config.origins if origin != "*")
        self._dev = config.dev
        self._cookies_are_read = cookies_are_read

    def allows(self, request: Handshake, host: str, *, secure: bool) -> bool:
        """Whether the request may go on.

        Args:
            request: its headers.
            host: the Host header, or what a trusted proxy says of it.
            secure: whether the request came over TLS (to us, or to a trusted proxy).
        """
        origin = request.header(b"origin")
        if origin is None:
            fetch_site = request.header(b"sec-fetch-site")
            if fetch_site is not None:
                return fetch_site in ("same-origin", "none")
            if self._any or request.header(b"cookie") is None or request.bearer is not None or not self._cookies_are_read():
                return True
            origin = _origin_of(request.header(b"referer") or "")
        if self._any:
            return True
        page = _parts(origin)
        if page is None or origin != origin.lower():  # browsers send it in lower case: RFC 6454, section 4
            return False
        if page in self._listed or (self._dev and page[1] in _LOCAL_HOSTS):
            return True
        return page == _parts(f"{'https' if secure else 'http'}://{host}")

    def refusal(self, request: Handshake) -> str:
        """What the developer of a refused page or program should do."""
        origin = request.header(b"origin")
        if origin == "null":  # of a file, a sandboxed frame, a redirect: anybody's page can have it, so it cannot be listed
            return "Origin 'null' is not allowed: a page that was opened as a file has no origin; open it from a web server."
        if origin is None and request.header(b"sec-fetch-site") is None:
            return (
                "Cookies without an Origin are not taken. Programs: send the header Origin, or a bearer token. "
                "Pages: use HTTPS, or a Referrer-Policy other than no-referrer."
            )
        shown = repr(origin)[:120] if origin else "of another site"
        other = "" if self._dev else ", or start with --dev while developing"
        return f"Origin {shown} is not allowed; add it to ALSOHERE_ORIGINS{other}."


def _origin_of(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"


def _parts(origin: str) -> tuple[str, str, int] | None:
    try:
        url = urlsplit(origin)
        # Apps in a shell have schemes of their own and no port: capacitor://localhost.
        port = _DEFAULT_PORTS.get(url.scheme, 0) if url.port is None else url.port
    except ValueError:
        return None
    # An origin has no path, no query and no user: https://evil.example/?https://good.example is not one.
    if not url.scheme or not url.hostname or url.path or url.query or url.fragment or "@" in url.netloc:
        return None
    return url.scheme, url.hostname, port


def _listed(text: str) -> tuple[str, str, int]:
    try:
        scheme, host, port = _parts(text.rstrip("/")) or ("", "*", 0)
        # People write bücher.example, browsers say xn--bcher-kva.example. Only what is listed is translated, never what is sent.
        name = host if host.isascii() else host.encode("idna").decode()
    except UnicodeError:
        name = "*"
    if "*" in name:
        raise ConfigError(f"origins: {text!r} is not an origin; write https://example.org, https://example.org:8443 or *")
    return scheme, name, port

"""The HTTP request that a session began with, kept as small as it came and read only when somebody asks."""

from __future__ import annotations

from collections.abc import Mapping
from http.cookies import _unquote
from urllib.parse import parse_qs

import msgspec

RawHeaders = tuple[tuple[bytes, bytes], ...]


class Handshake(msgspec.Struct, eq=False, gc=False):
    """Headers, query and address of a client.

    Args:
        headers: as the server read them, names in lower case.
        query: the raw query string.
        client: the address, after trusted proxies were taken into account; empty if unknown.
    """

    _headers: RawHeaders | bytes
    _query: bytes
    client: str
    _fields: dict[bytes, bytes] | None = None  # until it is decided who this is
    credentials: str | None = None

    def __post_init__(self) -> None:
        self._fields = dict(self._headers)  # type: ignore[arg-type]  # what it begins with are pairs
        # What a session is bound to: a sid alone does not let somebody with another token use it. Not the cookies: sites
        # change them while a page lives. Not the address: phones roam.
        self.credentials = self.header(b"authorization")

    def __repr__(self) -> str:
        return f"Handshake({self.client!r})"  # what logs local variables would log tokens and cookies

    @property
    def headers(self) -> Mapping[str, str]:
        """Header values by lower-case name; of a repeated one, the last."""
        return {name.decode("latin-1"): value.decode("latin-1") for name, value in self._pairs()}

    def header(self, name: bytes) -> str | None:
        """One header's value; of a repeated one, the last."""
        value = (dict(self._pairs()) if self._fields is None else self._fields).get(name)
        return None if value is None else value.decode("latin-1")

    @property
    def cookie_header(self) -> str:
        """The cookies as they came, in one piece."""
        return "; ".join(value.decode("latin-1") for key, value in self._pairs() if key == b"cookie")

    @property
    def cookies(self) -> Mapping[str, str]:
        """The request's cookies; of a repeated one, the last.

        Not by `SimpleCookie.load`: it stops at the first cookie that it does not like, and then those of the application are
        missing because of somebody else's.
        """
        # HTTP/2 may send them in several headers.
        pairs = [pair.strip() for key, value in self._pairs() if key == b"cookie" for pair in value.decode("latin-1").split(";")]
        cookies = {name.strip(): value.strip() for name, _, value in (pair.partition("=") for pair in pairs if "=" in pair)}
        return {name: _unquote(value) for name, value in cookies.items()}

    @property
    def query(self) -> Mapping[str, str]:
        """Query parameters; of a repeated one, the first."""
        try:
            parsed = parse_qs(self._query.decode("latin-1"), keep_blank_values=True, max_num_fields=64)
        except ValueError:
            return {}
        return {name: values[0] for name, values in parsed.items()}

    @property
    def bearer(self) -> str | None:
        """The token of `Authorization: Bearer …`."""
        if self.credentials is None:
            return None
        scheme, _, value = self.credentials.partition(" ")
        return value.strip() or None if scheme.lower() == "bearer" else None

    def pack(self) -> None:
        """Keep the headers as one piece of text from now on: a pair of objects for each is four times as large."""
        self._fields = None
        if not isinstance(self._headers, bytes):
            self._headers = b"\n".join([name + b":" + value for name, value in self._headers])  # neither has a line end in it

    def _pairs(self) -> RawHeaders:
        if not isinstance(self._headers, bytes):
            return self._headers
        lines = self._headers.split(b"\n") if self._headers else []
        return tuple((name, value) for name, _, value in (line.partition(b":") for line in lines))

    def forget(self) -> None:
        """Drop what only the application would have read."""
        self._headers = ()
        self._fields = None
        self._query = b""

"""Whose word about the client is taken.

`X-Forwarded-*` are believed only from a peer that is a trusted proxy, and of `X-Forwarded-For` the right-most address that is
not one: everything left of it was written by somebody we do not know.
"""

from __future__ import annotations

from alsohere.node.handshake import RawHeaders


class ProxyRule:
    """Reads the client behind trusted proxies.

    Args:
        trusted: addresses of proxies; `*` trusts every peer.
    """

    def __init__(self, trusted: tuple[str, ...]) -> None:
        self._trusted = frozenset(trusted)
        self._all = "*" in trusted

    def read(self, headers: RawHeaders, peer: str, *, secure: bool) -> tuple[str, bool, str]:
        """The client's address, whether it speaks TLS, and the host it asked for."""
        values: dict[bytes, str] = {}
        for name, value in headers:
            if name in (b"host", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"):
                values[name] = value.decode("latin-1")
        host = values.get(b"host", "")
        if not (self._all or peer in self._trusted) or len(values) < 2:
            return peer, secure, host
        forwarded = [address.strip() for address in values.get(b"x-forwarded-for", "").split(",")]
        client = next((address for address in reversed(forwarded) if address and address not in self._trusted), peer)
        proto = values.get(b"x-forwarded-proto", "").strip().lower()
        return client[:64], proto in ("https", "wss") if proto else secure, values.get(b"x-forwarded-host", host)

"""Whose word about the client is taken.

`X-Forwarded-*` are believed only from a peer that is a trusted proxy, and of `X-Forwarded-For` the right-most address that is
not one: everything left of it was written by somebody we do not know.
"""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from alsohere.errors import ConfigError
from alsohere.node.handshake import RawHeaders

_FORWARDED = frozenset({b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"})


class ProxyRule:
    """Reads the client behind trusted proxies.

    Args:
        trusted: addresses or networks of proxies; `*` trusts every peer.

    Raises:
        ConfigError: an entry is neither.
    """

    def __init__(self, trusted: tuple[str, ...]) -> None:
        self._all = "*" in trusted
        try:
            self._networks = [ip_network(entry) for entry in trusted if entry != "*"]
        except ValueError as error:
            raise ConfigError(f"trusted_proxies: {error}; give addresses or networks, as in 10.0.0.1 or 10.0.0.0/8") from None

    def read(self, headers: RawHeaders, peer: str, *, secure: bool) -> tuple[str, bool, str]:
        """The client's address, whether it speaks TLS, and the host it asked for."""
        values = dict(headers)  # of a repeated one the last, which the nearest proxy wrote
        host = values.get(b"host", b"").decode("latin-1")
        if _FORWARDED.isdisjoint(values) or not (self._all or self._trusts(peer)):
            return peer, secure, host
        said = {name: values.get(name, b"").decode("latin-1") for name in _FORWARDED}
        forwarded = [address.strip() for address in said[b"x-forwarded-for"].split(",")]
        client = next((address for address in reversed(forwarded) if address and not self._trusts(address)), peer)
        # Of a chain of proxies the first one spoke with the client. A client that lies here deceives only itself: the scheme
        # only decides what its own origin is.
        proto = said[b"x-forwarded-proto"].partition(",")[0].strip().lower()
        return client[:64], proto in ("https", "wss") if proto else secure, said[b"x-forwarded-host"] or host

    def _trusts(self, address: str) -> bool:
        try:
            known = ip_address(address)
        except ValueError:
            return False
        # A socket that listens on :: shows clients of IPv4 like this: ::ffff:10.0.0.1.
        known = getattr(known, "ipv4_mapped", None) or known
        return any(known in network for network in self._networks)

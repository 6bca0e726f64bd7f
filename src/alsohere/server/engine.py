"""From a good request to a session: what polling, both kinds of WebSocket and the upgrade have in common.

Owns: the order of the checks (query, origin, capacity, session) and which transport a session is on.
"""

from __future__ import annotations

from typing import NamedTuple

from alsohere.errors import LimitReached
from alsohere.node.addresses import Allowance
from alsohere.node.handshake import Handshake, RawHeaders
from alsohere.node.node import Node
from alsohere.node.peer import Peer
from alsohere.server.farewell import Farewells
from alsohere.server.origin import OriginRule
from alsohere.server.proxies import ProxyRule
from alsohere.server.request import BAD_REQUEST, FORBIDDEN, EngineError, EngineRequest, read_query, unknown_sid
from alsohere.session.session import SessionRules
from alsohere.wire.engineio import Handshake as OpenContent
from alsohere.wire.engineio import Packet, encode_open


class Request(NamedTuple):
    """An HTTP request for the engine, whichever server it came through."""

    query: bytes
    headers: RawHeaders
    client: str
    secure: bool


class Engine:
    """One Engine.IO endpoint of a node.

    Args:
        node: where sessions live.
        origins: which pages may connect.
        proxies: whose word about the client is taken.
        session_rules: the protocol's numbers.
        transports: which may be used, and be upgraded to.
    """

    def __init__(
        self,
        node: Node,
        origins: OriginRule,
        proxies: ProxyRule,
        session_rules: SessionRules,
        transports: tuple[str, ...] = ("polling", "websocket"),
    ) -> None:
        self.node = node
        self.rules = session_rules
        self.farewells = Farewells()
        self._bad_requests = Allowance()
        self._origins = origins
        self._proxies = proxies
        self._transports = transports

    def read(self, request: Request, transport: str) -> tuple[EngineRequest, Handshake, str | None]:
        """Check everything about a request that needs no session.

        Returns:
            What it asks for, who asks, and the origin to be named in CORS headers.

        Raises:
            EngineError: with the answer.
        """
        asked = read_query(request.query, self._transports)
        if asked.transport != transport:
            raise EngineError(BAD_REQUEST, "Bad request: a WebSocket handshake goes with transport=websocket, and only that")
        client, secure, host = self._proxies.read(request.headers, request.client, secure=request.secure)
        handshake = Handshake(request.headers, request.query, client)
        origin = handshake.header(b"origin")
        if not self._origins.allows(origin, host, secure=secure, fetch_site=handshake.header(b"sec-fetch-site")):
            raise EngineError(FORBIDDEN, self._origins.refusal(origin), status=403)
        return asked, handshake, origin

    def preflight(self, request: Request) -> str | None:
        """Check a CORS preflight; returns the origin.

        Raises:
            EngineError: (403) this page may not connect; the answer names no origin, so its browser stops.
        """
        _, secure, host = self._proxies.read(request.headers, request.client, secure=request.secure)
        origin = Handshake(request.headers, b"", "").header(b"origin")
        if origin is None or not self._origins.allows(origin, host, secure=secure):
            raise EngineError(FORBIDDEN, self._origins.refusal(origin), status=403)
        return origin

    def refused(self, request: Request, error: EngineError) -> EngineError:
        """What to answer to a bad request: after too many of one address, that there are too many."""
        if error.status != 400:
            return error
        client, _, _ = self._proxies.read(request.headers, request.client, secure=request.secure)
        if self._bad_requests.spend(client, self.node.clock.now_s()):
            return error
        self.node.metrics.refused("rate")
        return EngineError(BAD_REQUEST, "Too many bad requests of this address; slow down", status=429)

    def open(self, handshake: Handshake, transport: str) -> Peer:
        """Begin a session; its OPEN packet waits in the outbox.

        Raises:
            EngineError: no room (503, with Retry-After in the words).
        """
        try:
            peer = self.node.open(handshake, self.rules)
        except LimitReached as limit:
            raise EngineError(BAD_REQUEST, limit.message, status=429 if limit.code == "rate" else 503) from None
        peer.transport = transport
        peer.outbox.put(self._open_packet(peer.sid, transport))
        return peer

    def find(self, sid: str, handshake: Handshake) -> Peer:
        """The session of a sid.

        Raises:
            EngineError: unknown, gone, or begun by somebody with other credentials (all answered alike).
        """
        peer = self.node.peers.get(sid)
        if peer is None or peer.handshake.credentials != handshake.credentials:
            raise unknown_sid()
        peer.tick(self.node.clock.now_s())  # a session whose time is over is over, even if the wheel has not turned yet
        if peer.ended:
            raise unknown_sid()
        return peer

    def _open_packet(self, sid: str, transport: str) -> Packet:
        upgrades = ["websocket"] if transport == "polling" and "websocket" in self._transports else []
        return encode_open(
            OpenContent(
                sid,
                upgrades,
                round(self.rules.ping_interval_s * 1000),
                round(self.rules.ping_timeout_s * 1000),
                self.rules.max_payload_bytes,
            )
        )

"""From a good request to a session: what polling, both kinds of WebSocket and the upgrade have in common.

Owns: the order of the checks (query, origin, capacity, session) and which transport a session is on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from alsohere.errors import LimitReached
from alsohere.node.addresses import Allowance
from alsohere.node.handshake import Handshake, RawHeaders
from alsohere.node.node import Node
from alsohere.node.peer import Peer
from alsohere.server.farewell import Farewells
from alsohere.server.hints import Hints
from alsohere.server.origin import OriginRule
from alsohere.server.proxies import ProxyRule
from alsohere.server.request import BAD_REQUEST, FORBIDDEN, REVISIONS, EngineError, EngineRequest, read_query, unknown_sid
from alsohere.session.eio3 import OldSession
from alsohere.session.session import Session, SessionRules
from alsohere.wire.engineio import Opening, encode_open

KINDS: dict[int, type[Session]] = {4: Session, 3: OldSession}


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
        hints: tells the developer of a page that may not connect.
        transports: which may be used, and be upgraded to.
        revisions: of Engine.IO, by the value of `EIO`; see server/request.py.
        query_credentials: whether the `token` or `visitor` in the URL of a WebSocket is taken, where a client has no other way.
    """

    def __init__(
        self,
        node: Node,
        origins: OriginRule,
        proxies: ProxyRule,
        session_rules: SessionRules,
        hints: Hints,
        transports: tuple[str, ...] = ("polling", "websocket"),
        revisions: Mapping[bytes, int] = REVISIONS,
        *,
        query_credentials: bool = False,
    ) -> None:
        self.node = node
        self.rules = session_rules
        self.farewells = Farewells()
        self._bad_requests = Allowance()
        self._origins = origins
        self._proxies = proxies
        self._hints = hints
        self._transports = transports
        self._revisions = revisions
        self._query_credentials = query_credentials
        upgrades = [transport for transport in transports if transport == "websocket"]
        self._openings = {"polling": self._opening(upgrades), "websocket": self._opening([])}

    def read(self, request: Request, transport: str) -> tuple[EngineRequest, Handshake, str | None]:
        """Check everything about a request that needs no session.

        Returns:
            What it asks for, who asks, and the origin to be named in CORS headers.

        Raises:
            EngineError: with the answer.
        """
        asked = read_query(request.query, self._transports, self._revisions)
        if asked.transport != transport:
            raise EngineError(BAD_REQUEST, "Bad request: a WebSocket handshake goes with transport=websocket, and only that")
        client, secure, host = self._proxies.read(request.headers, request.client, secure=request.secure)
        handshake = Handshake(request.headers, request.query, client)
        if not self._origins.allows(handshake, host, secure=secure):
            raise self._not_from(handshake)
        return asked, handshake, handshake.header(b"origin")

    def preflight(self, request: Request) -> str | None:
        """Check a CORS preflight; returns the origin.

        Raises:
            EngineError: (403) this page may not connect; the answer names no origin, so its browser stops.
        """
        _, secure, host = self._proxies.read(request.headers, request.client, secure=request.secure)
        handshake = Handshake(request.headers, b"", "")
        origin = handshake.header(b"origin")
        if origin is None:  # no browser's, so nobody's to be told in the log
            raise EngineError(FORBIDDEN, "A preflight names the Origin of its page.", status=403)
        if not self._origins.allows(handshake, host, secure=secure):
            raise self._not_from(handshake)
        return origin

    def _not_from(self, handshake: Handshake) -> EngineError:
        sentence = self._origins.refusal(handshake)
        self._hints.tell(sentence)
        return EngineError(FORBIDDEN, sentence, status=403)

    def refused(self, request: Request, error: EngineError) -> tuple[int, bytes]:
        """Status and body of the answer to a bad request: after too many of one address, that there are too many.

        Not the error: it knows the frames that it came through, and in a variable of one of them both would be kept.
        """
        if error.status != 400:
            return error.status, error.body()
        client, _, _ = self._proxies.read(request.headers, request.client, secure=request.secure)
        if self._bad_requests.spend(client, self.node.clock.now_s()):
            return error.status, error.body()
        self.node.metrics.refused("rate")
        self.node.metrics.limited["address"] += 1
        return 429, EngineError(BAD_REQUEST, "Too many bad requests of this address; slow down").body()

    def open(self, handshake: Handshake, asked: EngineRequest) -> Peer:
        """Begin a session; its OPEN packet waits in the outbox, and what the session begins with behind it.

        Raises:
            EngineError: no room (503, with Retry-After in the words).
        """
        try:
            peer = self.node.open(handshake, self.rules, KINDS[asked.revision])
        except LimitReached as limit:
            raise EngineError(BAD_REQUEST, limit.message, status=429 if limit.code == "rate" else 503) from None
        peer.transport = asked.transport
        opening = encode_open(self._openings[asked.transport], peer.sid)
        if asked.transport == "websocket":
            peer.outbox.begin(opening)
        else:
            peer.outbox.put(opening)
        peer.begin(self._credentials(handshake, asked))
        if peer.ended:  # there was no room for it in `/`
            raise EngineError(BAD_REQUEST, "Too many connections of this address", status=429)
        return peer

    def _credentials(self, handshake: Handshake, asked: EngineRequest) -> bytes:
        """What stands in for the auth payload of a client that cannot send one.

        URLs are written down by proxies. So only if the settings say so, and only of WebSockets, which have one URL and not one
        for each poll.
        """
        if asked.revision == 4 or not self._query_credentials or asked.transport != "websocket":
            return b""
        given = {name: value for name, value in handshake.query.items() if name in ("token", "visitor")}
        return msgspec.json.encode(given) if given else b""

    def find(self, asked: EngineRequest, handshake: Handshake) -> Peer:
        """The session that a request is for.

        Raises:
            EngineError: unknown, gone, or begun by somebody with other credentials (all answered alike); or of another revision.
        """
        peer = self.node.peers.get(asked.sid or "")
        if peer is None or peer.handshake.credentials != handshake.credentials:
            raise unknown_sid()
        peer.tick(self.node.clock.now_s())  # a session whose time is over is over, even if the wheel has not turned yet
        if peer.ended:
            raise unknown_sid()
        if peer.session.revision != asked.revision:
            raise EngineError(BAD_REQUEST, f"Bad request: this session began with EIO={peer.session.revision}")
        return peer

    def _opening(self, upgrades: list[str]) -> bytes:
        interval_ms, timeout_ms = round(self.rules.ping_interval_s * 1000), round(self.rules.ping_timeout_s * 1000)
        return Opening(upgrades, interval_ms, timeout_ms, self.rules.max_payload_bytes).template()

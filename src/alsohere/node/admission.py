"""Who is let in: capacity, then the namespace, then identity.

Owns: the limits on sessions, by address and by user, and what a refused client is told.
A refusal is a CONNECT_ERROR, so the client stays away; running out of room is a close, so it comes back.

So too with the two limits on connections. An address that has too many is closed (4429): its clients are refused for what
others do, and may find room when they try again, which they do at growing distances. A user who has too many is refused,
because trying again would be answered alike; a client that does not take the hint is closed (4429) after a second.

Who is kicked while somebody decides about a connection of theirs is not let in by that decision, which may be of before: the
client is closed and comes again, and is decided about anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from alsohere.errors import CloseCode, Disconnect, LimitReached, PacketError, Refusal
from alsohere.node.connection import Connection
from alsohere.node.rates import network
from alsohere.session.events import ConnectAsked
from alsohere.session.session import MAX_AUTH_BYTES
from alsohere.types import User, Vouched
from alsohere.wire import socketio
from alsohere.wire.keys import has_twin_keys

if TYPE_CHECKING:
    from alsohere.node.node import Node
    from alsohere.node.peer import Peer
    from alsohere.ports import Authenticator

MAX_AUTH_KEYS = 32
_UNDECIDED = "The application could not decide; try again."


class Admission:
    """The door of one node.

    Args:
        node: whose door.
        authenticator: decides who a connection is.
    """

    def __init__(self, node: Node, authenticator: Authenticator) -> None:
        self._node = node
        self._authenticator = authenticator
        self._pending: dict[str, str] = {}  # sessions that never were in a namespace: Engine.IO sid -> address
        self._pending_by_client: Counter[str] = Counter()
        self._joined_by_client: Counter[str] = Counter()
        self._has_told = False
        self._kicked: dict[Connection, set[str]] = {}  # for each that is decided about, who was kicked meanwhile
        node.hooks.kicked.append(self._note_kicked)

    def _note_kicked(self, user_id: str) -> None:
        for kicked in self._kicked.values():
            kicked.add(user_id)

    # -- Sessions ----------------------------------------------------------------------------------------------------

    def check_capacity(self, client: str) -> None:
        """LimitReached if no session may be opened now."""
        node = self._node
        if node.draining:
            raise LimitReached("This server is restarting; connect again.", retry_after_ms=1000)
        if len(node.peers) >= node.rules.connections:
            raise LimitReached("This server has no room for more connections.", retry_after_ms=5000)
        if self._pending_by_client[network(client)] >= node.rules.pending_per_client:
            raise LimitReached("Too many sessions of this address have not connected yet.", code="rate", retry_after_ms=5000)

    def pending(self, peer: Peer) -> None:
        """A session is open and has not said who it is."""
        client = self._pending[peer.sid] = network(peer.handshake.client)
        self._pending_by_client[client] += 1

    def _joined(self, peer: Peer) -> None:
        """A session is in a namespace."""
        client = self._pending.pop(peer.sid, None)
        if client is not None:
            _take(self._pending_by_client, client)
            self._joined_by_client[client] += 1

    def gone(self, peer: Peer) -> None:
        """A session is over."""
        client = self._pending.pop(peer.sid, None)
        if client is not None:
            _take(self._pending_by_client, client)
        else:
            _take(self._joined_by_client, network(peer.handshake.client))

    def _check_client(self, peer: Peer) -> None:
        most = self._node.rules.connections_per_client
        client = self._pending.get(peer.sid)
        if client is None or not most or self._joined_by_client[client] < most:
            return
        if not self._has_told:
            self._has_told = True
            self._node.log.warning(
                "%d connections of one address, %.60r: more are closed. If it is a proxy, name it in ALSOHERE_TRUSTED_PROXIES; "
                "if it is many people, raise ALSOHERE_CONNECTIONS_PER_CLIENT.",
                most,
                client,
            )
        raise Disconnect(CloseCode.RATE, "too many connections of this address")

    # -- Namespaces --------------------------------------------------------------------------------------------------

    def ask(self, peer: Peer, event: ConnectAsked) -> None:
        """A client wants to join a namespace."""
        if event.namespace not in self._node.hooks.namespaces:
            peer.outbox.put(peer.session.refuse(event.namespace, "Invalid namespace"))
            return
        self._check_client(peer)  # before the application is asked
        try:
            connection = Connection(self._node, peer, event.namespace, event.auth, read_auth(event.auth))
            verdict = self._decide(connection)
            if isinstance(verdict, Awaitable):
                self._node.spawn(self._wait_and_admit(connection, verdict))
            else:
                self._admit(connection, verdict)
        except Refusal as refusal:
            self._refuse(peer, event.namespace, refusal)

    def _decide(self, connection: Connection) -> User | Vouched | Awaitable[User | Vouched]:
        try:
            return self._authenticator(connection)
        except Refusal:
            raise
        except Exception:  # the application's hook
            self._node.log.exception("the authenticate hook failed")
            raise Refusal(_UNDECIDED, code="internal") from None

    async def _wait_and_admit(self, connection: Connection, verdict: Awaitable[User | Vouched]) -> None:
        peer = connection.peer
        kicked = self._kicked[connection] = set()
        try:
            vouched = await verdict
            if not peer.ended:
                if (vouched.user if isinstance(vouched, Vouched) else vouched).id in kicked:
                    raise Disconnect(CloseCode.TRY_LATER, "kicked while this was decided")
                self._check_client(peer)  # again: others of its address may have been decided faster
                self._admit(connection, vouched)
        except Refusal as refusal:
            if not peer.ended:
                self._refuse(peer, connection.namespace, refusal)
        except Disconnect as full:
            peer.disconnect(full)
        except Exception:  # the application's hook
            self._node.log.exception("the authenticate hook failed")
            if not peer.ended:
                self._refuse(peer, connection.namespace, Refusal(_UNDECIDED, code="internal"))
        finally:
            del self._kicked[connection]

    def _admit(self, connection: Connection, vouched: User | Vouched) -> None:
        peer, node = connection.peer, self._node
        user, expires_s = vouched if isinstance(vouched, Vouched) else Vouched(vouched)
        try:
            self.check_user(user)
        except LimitReached:
            peer.session.dismiss(node.clock.now_s())
            raise
        connection.decoded = None
        connection.sid = peer.session.id_in(connection.namespace) or node.ids.new()
        peer.connections.append(connection)
        peer.outbox.put(peer.session.accept(connection.namespace, connection.sid))
        self._joined(peer)
        if node.hooks.reads_requests:
            peer.handshake.pack()
        else:
            peer.handshake.forget()
        node.admit(connection, user)
        node.expiries.admitted(connection, expires_s)
        node.dispatch.connected(connection)

    def check_user(self, user: User) -> None:
        """LimitReached if the user has too many connections already."""
        person = self._node.presence.person(user.id)
        if person is not None and len(person.tabs) >= self._node.rules.connections_per_user:
            raise LimitReached("This user has too many connections.")

    def _refuse(self, peer: Peer, namespace: str, refusal: Refusal) -> None:
        self._node.metrics.refused(refusal.code)
        peer.outbox.put(peer.session.refuse(namespace, refusal.message, {"code": refusal.code}))
        if peer.session.dismissed:
            self._node.watch_time(peer)


def _take(counts: Counter[str], client: str) -> None:
    counts[client] -= 1
    if not counts[client]:
        del counts[client]


def read_auth(payload: bytes) -> dict[str, Any]:
    """The CONNECT payload, empty if there is none.

    Raises:
        Refusal: not an object, over 8 KB, too many keys, or one key twice (two readers could see two people).
    """
    if not payload:
        return {}
    if len(payload) > MAX_AUTH_BYTES:
        raise Refusal("Invalid auth: at most 8 KB.", code="bad_auth")
    try:
        auth = socketio.decode_value(payload)  # as strict as everywhere: depth, numbers, text
    except PacketError as error:
        raise Refusal("Invalid auth: not a JSON object.", code="bad_auth") from error
    if has_twin_keys(payload, auth):
        raise Refusal("Invalid auth: a key twice.", code="bad_auth")
    if type(auth) is not dict or len(auth) > MAX_AUTH_KEYS:
        raise Refusal("Invalid auth: an object of at most 32 keys.", code="bad_auth")
    return auth

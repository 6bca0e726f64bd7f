"""One Socket.IO connection, as the application sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from alsohere.facts import LockAnswer, Member, Watch
from alsohere.types import Scalar, User
from alsohere.wire.socketio import decode_value

if TYPE_CHECKING:
    from alsohere.node.lane import Lane
    from alsohere.node.node import Node
    from alsohere.node.peer import Peer

NOBODY = User(id="", anonymous=True)


class Connection:
    """One tab, one device: what handlers get as `conn`.

    Attributes:
        sid: the Socket.IO id of this connection; it is never shown to other clients. Of clients 1 and 2 the session has it too.
        user: who is behind it.
        namespace: the Socket.IO namespace it is in.
        data: a dict for the application's own use.
    """

    __slots__ = (
        *("_auth", "_data", "_node", "connected", "decoded", "expires_s"),
        *("lane", "namespace", "outbox", "peer", "sid", "user", "watches"),
    )

    def __init__(self, node: Node, peer: Peer, namespace: str, auth: bytes, decoded: dict[str, Any] | None = None) -> None:
        self.sid = ""
        self.user: User = NOBODY
        self.namespace = namespace
        self._auth = auth  # as it came: a dict would be ten times as large, and is rarely asked for later
        self.decoded = decoded  # the same, until it is decided who this is
        self.peer = peer
        self.outbox = peer.outbox
        self.connected = False
        self.expires_s = 0  # see node/expiry.py
        self.watches: dict[str, Watch] | None = None
        self.lane: Lane | None = None
        self._node = node
        self._data: dict[str, Any] | None = None

    def __repr__(self) -> str:
        return f"<Connection {self.user.id or 'nobody'} in {self.namespace}>"

    # -- The request it came with ------------------------------------------------------------------------------------

    @property
    def auth(self) -> dict[str, Any]:
        """The payload of the client's CONNECT, empty if there was none."""
        if self.decoded is not None:
            return dict(self.decoded)
        return dict(decode_value(self._auth)) if self._auth else {}

    @property
    def token(self) -> str | None:
        """The token of the CONNECT payload, or of the `Authorization: Bearer` header."""
        token = self.auth.get("token")
        return token if isinstance(token, str) else self.peer.handshake.bearer

    @property
    def headers(self) -> Mapping[str, str]:
        """Request headers by lower-case name."""
        return self.peer.handshake.headers

    @property
    def cookies(self) -> Mapping[str, str]:
        """Request cookies."""
        return self.peer.handshake.cookies

    @property
    def query(self) -> Mapping[str, str]:
        """Query parameters of the handshake."""
        return self.peer.handshake.query

    @property
    def client(self) -> str:
        """The client's address; never sent to other clients."""
        return self.peer.handshake.client

    @property
    def data(self) -> dict[str, Any]:
        """A dict for the application's own use, gone with the connection."""
        if self._data is None:
            self._data = {}
        return self._data

    @property
    def rooms(self) -> list[str]:
        """The rooms that this connection is in, `@online` left out."""
        return self._node.rooms_of(self)

    # -- What a handler may do ---------------------------------------------------------------------------------------

    async def emit(self, name: str, *args: Any) -> None:
        """Send an event to this connection. After the connection has ended this does nothing.

        Args:
            name: of the event.
            args: JSON values; bytes among them travel as attachments.
        """
        self._node.emit(self, name, args)

    async def call(self, name: str, *args: Any, timeout_s: float = 10.0) -> list[Any]:
        """Send an event and wait for the client's acknowledgement.

        Args:
            name: of the event.
            args: JSON values or bytes.
            timeout_s: how long to wait, in seconds.

        Returns:
            The arguments of the acknowledgement.

        Raises:
            TimeoutError: no answer within `timeout_s` seconds, or the connection ended.
        """
        return await self._node.call(self, name, args, timeout_s)

    async def enter(
        self, room: str, state: dict[str, Scalar] | None = None, *, watch: Watch = "none", grace: bool = True
    ) -> Member:
        """Make this connection's user a member of a room.

        Args:
            room: 1 to 200 bytes.
            state: what others see of this connection, flat, at most 1 KB.
            watch: how this client is told of others; by default not at all.
            grace: False makes a lost connection a leave of this room at once, for clients that never say that they leave.

        Returns:
            The member as others see it.

        Raises:
            BadRequest: the room or the state is not one.
            LimitReached: the connection is in too many rooms.
            NotInRoom: the connection has ended.
        """
        return self._node.enter(self, room, state, watch, grace=grace)

    async def leave(self, room: str) -> None:
        """Take this connection out of a room, at once.

        Args:
            room: its name.

        Raises:
            NotInRoom: it is not there.
        """
        self._node.leave(self, room)

    async def update(self, room: str, state: dict[str, Scalar]) -> Member:
        """Patch what others see of this connection in a room.

        Args:
            room: its name.
            state: the keys that change; None deletes one.

        Raises:
            NotInRoom: it is not there.
            BadRequest: the state would be over 1 KB.
        """
        return self._node.update(self, room, state)

    async def identify(self, user: User) -> None:
        """Make this connection somebody else's: in each of its rooms the old user leaves and the new one enters.

        What their `rooms` do not grant is left. The `authorize` hook is not asked: it is the application that does it.

        Args:
            user: who it is from now on.

        Raises:
            LimitReached: that user has too many connections already.
            NotInRoom: the connection has ended.
        """
        self._node.identify(self, user)

    async def acquire(self, lock: str, *, wait: bool = True, grace: bool = True) -> LockAnswer:
        """Get the right to edit something for this connection, or a place in the queue.

        The client is sent nothing of it: what comes later is told to `on_lock_granted` and `on_lock_lost`.

        Args:
            lock: a room, or `room#field`.
            wait: take a place in the queue if somebody else has it.
            grace: False gives it up at once when the connection is lost.

        Returns:
            `status` is "held" (with `fence`), "queued" or "refused".

        Raises:
            BadRequest: that is no name of a lock.
            LimitReached: the connection has too many locks, or the queue is full.
            Unavailable: the database cannot be reached.
        """
        return await self._node.locks.acquired(self, lock, wait=wait, grace=grace)

    async def release(self, lock: str) -> None:
        """Give a lock back, or the place in its queue.

        Args:
            lock: its name.

        Raises:
            NotHolder: this connection has neither.
            Unavailable: the database cannot be reached.
        """
        await self._node.locks.released(self, lock)

    async def disconnect(self) -> None:
        """End this connection; the client stays away until it is told to connect again."""
        self._node.kick_connection(self)

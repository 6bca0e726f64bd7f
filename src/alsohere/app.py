"""alsohere in one object: the composition root, and what an application imports.

This is the only file that knows every part. It decides nothing about presence or protocol; it chooses the parts and gives the
application its decorators and methods.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import date
from typing import Any, TypeVar
from urllib.parse import quote

from starlette.routing import Match, Router

from alsohere import rules
from alsohere.backends.memory import MemoryRooms
from alsohere.config import Config, unknown_variables, variables
from alsohere.domain.history import Day, RankedRoom
from alsohere.domain.identity import check_user
from alsohere.errors import BadRequest
from alsohere.facts import LockChanged, Member, RoomCount
from alsohere.lists import check_list
from alsohere.messages import Messages
from alsohere.node.clock import Pulse, SystemClock
from alsohere.node.hooks import Handler, Hooks, NamespaceHooks, check_event, check_handled
from alsohere.node.node import Node
from alsohere.server.access import Access
from alsohere.server.asgi import (
    App,
    Receive,
    Scope,
    Send,
    inner_path,
    is_as_sent,
    refuse_websocket,
    serve_engine,
    serve_websocket,
)
from alsohere.server.auth import IdentityRule, Tokens
from alsohere.server.carriers import carriers_of
from alsohere.server.channels_api import channels_endpoints
from alsohere.server.engine import Engine
from alsohere.server.hints import Hints
from alsohere.server.http_api import ApiRoute, HttpApi
from alsohere.server.inbox_api import inbox_endpoints
from alsohere.server.lock_api import lock_endpoints
from alsohere.server.offline import OfflineDelivery
from alsohere.server.origin import OriginRule
from alsohere.server.presence_api import presence_endpoints
from alsohere.server.problems import problem
from alsohere.server.proxies import ProxyRule
from alsohere.server.push_api import push_endpoints
from alsohere.server.reading_api import reading_endpoints
from alsohere.server.receipts import Receipts
from alsohere.server.request import REVISIONS, REVISIONS_WITH_3, has_parameter
from alsohere.server.serve import serve
from alsohere.server.site import Site, demo_route, docs_routes
from alsohere.server.token_api import token_endpoints
from alsohere.server.webhook_api import webhook_endpoints
from alsohere.server.webhook_sender import WebhookSender
from alsohere.session.session import SessionRules
from alsohere.stores import Stores
from alsohere.types import ONLINE, Room, User

F = TypeVar("F", bound=Callable[..., Any])
MAX_BATCH = 1000
HANDSHAKE_SHUTDOWN_S = 0.2
log = logging.getLogger("alsohere")


class Namespace:
    """The handlers of one Socket.IO namespace; get one from `AlsoHere.namespace`."""

    def __init__(self, hooks: NamespaceHooks) -> None:
        self._hooks = hooks

    def on(self, event: str) -> Callable[[F], F]:
        """Handle an event of your own: `async def handler(conn, *args)`.

        What the handler returns is the acknowledgement: nothing, one value, or a tuple of several. Raise a `Refusal` to
        answer `{"ok": false, "error": …}`. Events of one connection are handled one after the other.

        Args:
            event: its name, exactly.

        Raises:
            ValueError: the name is reserved by Socket.IO, or is a command of ours in the main namespace.
        """
        check_handled(self._hooks, event)

        def register(function: F) -> F:
            self._hooks.events[event] = Handler(function)
            return function

        return register

    def on_connect(self, function: F) -> F:
        """Call `function(conn)` when a connection is in; its first events wait until that is done."""
        self._hooks.connected.append(Handler(function))
        return function

    def on_disconnect(self, function: F) -> F:
        """Call `function(conn, reason)` when a connection has ended, for whatever reason."""
        self._hooks.disconnected.append(Handler(function))
        return function


class AlsoHere(Namespace, Messages):
    """Presence for an application: an ASGI app to mount, to wrap another with, or to run.

    Args:
        config: the settings; by default they are read from the environment (see docs/reference/settings.md).
        app: an ASGI application that gets everything that is not ours.
        path: where ours begins, if it wraps `app` ("/here" makes "/here/socket.io/").
        settings: single settings, over those of the environment.

    Raises:
        ConfigError: a setting is wrong; the message names it and the fix.
        TypeError: `config` is something else, like the application to be wrapped.
    """

    def __init__(self, config: Config | None = None, *, app: App | None = None, path: str = "", **settings: Any) -> None:
        if config is None:
            config = Config.load(**settings)
            for warning in unknown_variables(variables()):  # the command line hands us a Config, and warns itself
                log.warning("%s", warning)
        if not isinstance(config, Config):
            raise TypeError("the first argument is a Config; to wrap an application, write AlsoHere(app=...)")
        self.config = config
        self._hooks_of_app = Hooks()
        super().__init__(self._hooks_of_app.namespace("/"))
        self._app = app
        self.path = f"/{path.strip('/')}".rstrip("/")
        self.tokens = Tokens(self.config)
        self.identities = IdentityRule(self.config, self.tokens, self._hooks_of_app)
        self._hints = Hints()
        clock = SystemClock()
        incarnation = secrets.token_hex(4)
        self._pulse = Pulse(clock)
        self._stores = Stores(self.config, rules.routes(self.config), first_fence=clock.wall_ms())
        self._serves_alone = False
        self.node = Node(
            rooms=MemoryRooms(epoch=incarnation),
            rules=rules.node_rules(self.config),
            session_rules=rules.session_rules(self.config),
            feed_rules=rules.feed_rules(self.config),
            hooks=self._hooks_of_app,
            authenticator=self.identities,
            token_verifier=self.tokens.vouch,
            clock=clock,
            alarm=self._pulse.wake,
            lock_store=self._stores.locks,
            lock_rules=rules.lock_rules(self.config),
            receipts=Receipts(self.config),
            inbox_store=self._stores.inbox,
            inbox_rules=rules.inbox_rules(self.config),
            history_store=self._stores.history,
            history_rules=rules.history_rules(self.config),
            expiry_rules=rules.expiry_rules(self.config),
            incarnation=incarnation,
            webhook_store=self._stores.webhooks,
            webhook_rules=rules.webhook_rules(self.config),
        )
        self._sender = self._new_sender(clock)
        self._delivery = self._new_delivery(clock)
        self._pulse.advance = self.node.advance
        self.node.metrics.store = self._stores.figures
        self.engines = {"/socket.io/": self.engine(self.node.session_rules)}
        api = HttpApi(
            Access(self.config, self._stores.keys, clock, self.node.metrics),
            [
                *presence_endpoints(self.node),
                *lock_endpoints(self.node),
                *reading_endpoints(self.node),
                *push_endpoints(self.node),
                *inbox_endpoints(self.node),
                *channels_endpoints(self._stores.offline, apprise=self.config.apprise),
                *webhook_endpoints(self.node, self._stores.webhooks, self._replayed),
                *token_endpoints(self.tokens),
            ],
        )
        docs = docs_routes() if app is None or self.path else []  # at the root of an application that has a page of its own there
        self._router = Router([*Site(self.node, self.config).routes, *api.routes, *docs], redirect_slashes=False)

    def engine(self, session_rules: SessionRules) -> Engine:
        """An Engine.IO endpoint of this application's node.

        Args:
            session_rules: the protocol's numbers.
        """
        return Engine(
            self.node,
            OriginRule(self.config, lambda: self._hooks_of_app.reads_requests),
            ProxyRule(self.config.trusted_proxies),
            session_rules,
            self._hints,
            revisions=REVISIONS_WITH_3 if self.config.allow_eio3 else REVISIONS,
            query_credentials=self.config.allow_query_token,
        )

    def _new_sender(self, clock: SystemClock) -> WebhookSender | None:
        url, secret = self.config.webhook_url, self.config.webhook_secret
        if url is None or secret is None:
            return None
        sender = WebhookSender(self._stores.webhooks, url, secret.get_secret_value(), self.node.metrics.webhooks, clock.wall_ms)
        self.node.webhooks.sent_soon = sender.wake
        return sender

    def _new_delivery(self, clock: SystemClock) -> OfflineDelivery | None:
        store, ways, routes = self._stores.offline, self.node.inbox.ways, rules.routes(self.config)
        ways.store, ways.routes, ways.private = store, routes, self.config.webpush_private_addresses
        carriers = carriers_of(self.config, store, self.node.webhooks)
        if not carriers:
            return None
        delivery = OfflineDelivery(store, routes, carriers, self.node.metrics.offline, clock.wall_ms)
        ways.wake = delivery.wake
        return delivery

    def _replayed(self) -> None:
        if self._sender is not None:
            self._sender.look()

    def add_demo(self) -> None:
        """Serve the sample site at `/` too."""
        self._router.routes.append(demo_route())

    # -- Decorators --------------------------------------------------------------------------------------------------

    def authenticate(self, function: F) -> F:
        """Decide who connects: `async def who(conn) -> User | None`.

        `conn` has `token`, `cookies`, `headers`, `query`, `auth` (the CONNECT payload) and `client`. None refuses; a
        `Refusal` refuses with its sentence. Without this hook, a token is verified, or a visitor let in if the settings do.
        """
        self._hooks_of_app.authenticate = function
        return function

    def authorize(self, function: F) -> F:
        """Decide what users may do: `async def may(user, action, room) -> bool`.

        `action` is "enter", "watch", "ranking" (its `room` is the prefix), "lock" or "take" (`room` is the name of the lock),
        "follow" (the topic), "message" (a user's id) or "push" (a user's id, or a room). Name those that you allow: without this
        hook nobody may take or push, and users may write to each other with `messages_between_users` only; with it, nothing else
        decides. Asked after the `rooms` of a token. What is refused is answered `forbidden`, whether or not the room exists.
        Asked again about all that a connection has when its client shows the token of another user, or one that says something
        new of the same; what is refused then is left.
        """
        self._hooks_of_app.authorize = function
        return function

    def on_enter(self, function: F) -> F:
        """Call `function(room, member)` when a user enters a room: once, however many tabs they have."""
        self._hooks_of_app.enter.append(Handler(function))
        return function

    def on_update(self, function: F) -> F:
        """Call `function(room, member)` when a member's state, status or number of connections changes."""
        self._hooks_of_app.update.append(Handler(function))
        return function

    def on_leave(self, function: F) -> F:
        """Call `function(room, member, reason)` when a user has left a room with their last tab, after the grace.

        `reason` is "left", "disconnected", "timeout" (nothing was heard of their client) or "kicked".
        """
        self._hooks_of_app.leave.append(Handler(function))
        return function

    def on_lock_granted(self, function: F) -> F:
        """Call `function(conn, lock, fence)` when a connection that waited for a lock has got it."""
        self._hooks_of_app.lock_granted.append(Handler(function))
        return function

    def on_delivered(self, function: F) -> F:
        """Call `function(user_id, notification_id)` once for each user, when a client has acknowledged or marked it."""
        self._hooks_of_app.delivered.append(Handler(function))
        return function

    def on_read(self, function: F) -> F:
        """Call `function(user_id, notification_id)` when a user has read a notification."""
        self._hooks_of_app.read.append(Handler(function))
        return function

    def on_lock_lost(self, function: F) -> F:
        """Call `function(conn, lock, reason)` when a lock was taken from the connection that held it."""
        self._hooks_of_app.lock_lost.append(Handler(function))
        return function

    def namespace(self, name: str) -> Namespace:
        """A Socket.IO namespace, which clients may connect to from now on.

        Args:
            name: begins with "/".

        Raises:
            ValueError: it does not.
        """
        if not name.startswith("/"):
            raise ValueError("a namespace begins with /")
        return Namespace(self._hooks_of_app.namespace(name))

    # -- Asking and sending ------------------------------------------------------------------------------------------

    async def push(
        self,
        name: str,
        *args: Any,
        to: Iterable[str | int] | None = None,
        rooms: Iterable[str] | None = None,
        everyone: bool = False,
    ) -> dict[str, dict[str, int]]:
        """Send a passing event to whoever is there now.

        Args:
            name: of the event.
            args: JSON values or bytes.
            to: user ids, at most 1,000; each gets it on all connections.
            rooms: rooms, at most 1,000; each connection in them gets it.
            everyone: every connection.

        Returns:
            Per recipient how many connections it was sent to: `{"42": {"connections": 2}}`; 0 means absent. Everyone is "*".

        Raises:
            BadRequest: not exactly one kind of recipients is named, too many of it, or a string instead of a list.
            ValueError: the name is reserved by Socket.IO.
        """
        check_event(name)
        check_list(to, "to")
        check_list(rooms, "rooms")
        users, places = [str(user) for user in to or ()], list(rooms or ())
        if (to is not None) + (rooms is not None) + everyone != 1:
            raise BadRequest("Name one kind of recipients: to=[...], rooms=[...] or everyone=True.")
        if len(users) > MAX_BATCH or len(places) > MAX_BATCH:
            raise BadRequest(f"At most {MAX_BATCH} recipients at once.")
        push = self.node.push
        reached = push.to_users(users, name, args) | push.to_rooms(places, name, args)
        if everyone:
            reached["*"] = push.to_all(name, args)
        return {receiver: {"connections": connections} for receiver, connections in reached.items()}

    async def online(self) -> list[Member]:
        """Who is online, in the order in which they came; invisible users are left out."""
        return self.node.members(ONLINE)

    async def room(self, room: str) -> list[Member]:
        """Who is in a room, in the order in which they came; invisible users are left out.

        Args:
            room: its name.
        """
        return self.node.members(room)

    async def count(self, room: str = ONLINE) -> int:
        """How many distinct users are in a room, invisible ones included.

        Args:
            room: its name; by default everybody who is online.
        """
        return self.node.count(Room(room))

    async def rooms(self, prefix: str = "", limit: int = 100) -> list[RoomCount]:
        """The rooms with the most people, most first.

        Args:
            prefix: only rooms that begin with it.
            limit: how many, at most.
        """
        return self.node.ranking(prefix, limit)

    async def most_read(
        self, prefix: str = "", *, from_ms: int = 0, to_ms: int | None = None, limit: int = 100
    ) -> list[RankedRoom]:
        """The rooms that were visited most, most first; of rooms that the setting `history` names.

        Args:
            prefix: only rooms that begin with it.
            from_ms, to_ms: visits that began from the one time and before the other, in ms since the epoch; by default all.
            limit: how many, at most.

        Returns:
            Of each its `room`, `visits`, `visitors` (distinct users) and `active_s`, the seconds in which they looked at it.

        Raises:
            Unavailable: the database cannot be asked now.
        """
        return await self.node.history.ranking(prefix, from_ms, self.node.clock.wall_ms() + 1 if to_ms is None else to_ms, limit)

    async def days(self, first: date, last: date) -> list[Day]:
        """The most who were online at a time, and how often somebody came online, day by day (UTC).

        Args:
            first, last: days.

        Returns:
            Of each its `day`, `peak_users`, `peak_connections` and `visits`. Days on which nobody was online are left out.

        Raises:
            Unavailable: the database cannot be asked now.
        """
        return await self.node.history.days(first, last)

    async def lock(self, lock: str) -> LockChanged:
        """Who has a lock, and who waits for it; `holder` is None if nobody has it.

        Args:
            lock: its name.
        """
        return self.node.locks.board.get(lock).shown()

    async def check_fence(self, lock: str, fence: int, *, user: str | None = None) -> bool:
        """Whether who saves with this fence holds the lock now. Ask in the request that saves; see docs/howto/lock-a-form.md.

        Args:
            lock: its name.
            fence: what the client saves with.
            user: also whether this user is the holder.

        Raises:
            Unavailable: the database cannot be asked now.
        """
        return await self.node.locks.check(lock, fence, user)

    async def kick(self, user_id: str | int) -> int:
        """End every connection of a user; their clients stay away. Returns how many there were.

        Args:
            user_id: whose; becomes a string.
        """
        return self.node.kick(str(user_id))

    def token(
        self,
        user_id: str | int,
        *,
        name: str = "",
        info: dict[str, Any] | None = None,
        ttl_s: float = 3600,
        rooms: Iterable[str] | None = None,
    ) -> str:
        """A token that lets a client connect as a user.

        Args:
            user_id: becomes a string.
            name: what others see.
            info: a small object for others to see.
            ttl_s: seconds until it expires.
            rooms: the only rooms that the user may enter or watch; an entry that ends in `*` is a prefix.

        Raises:
            ConfigError: no secret is set.
            Unauthenticated: the id is not one.
            BadRequest: `rooms` is one string.
        """
        check_list(rooms, "rooms")
        user = User(str(user_id), name, info, rooms=None if rooms is None else tuple(rooms))
        return self.tokens.make(check_user(user), ttl_s)

    # -- Running -----------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def lifespan(self, _: Any = None) -> AsyncIterator[None]:
        """For a host's `lifespan=`: at its shutdown every client is told to come back. May be entered again after that."""
        self.node.draining = False
        if self._serves_alone:
            self.node.locks.begin()  # mounted, the database is not touched before somebody needs it
            self.node.history.begin()
            self.node.inbox.begin()
            self.node.webhooks.begin()
            self.node.inbox.ways.wake()
        try:
            yield
        finally:
            await self.node.drain(HANDSHAKE_SHUTDOWN_S)
            self._pulse.stop()
            await self.identities.close()
            for sender in (self._delivery, self._sender):
                if sender is not None:
                    await sender.close()
            await self._stores.close()

    def run(self, host: str | None = None, port: int | None = None, *, ready: Callable[[str], None] | None = None) -> None:
        """Serve until a signal ends it: what `alsohere serve` does, with this object's handlers.

        Args:
            host, port: over those of the settings; port 0 takes one that is free.
            ready: called with the address, as in `http://127.0.0.1:8765`, as soon as clients can connect to it.

        Raises:
            ConfigError: the port is taken, or the database cannot be used by this version.
        """
        self._serves_alone = True
        where = host or self.config.host, self.config.port if port is None else port
        serve(self, self.node, self.find_engine, self._no_such, self.config, *where, prepare=self._stores.prove, ready=ready)

    def find_engine(self, path: str, query: bytes = b"") -> Engine | None:
        """The Engine.IO endpoint of a path, if it is one of ours.

        Args:
            path: below the mount point, with the `path` that this object was given.
            query: as it came: what speaks Engine.IO to that very path is ours too.
        """
        if not path.startswith(self.path):
            return None
        inner = path[len(self.path) :]
        engine = self.engines.get(inner) or self.engines.get(inner + "/")
        if engine is None and inner in ("", "/") and has_parameter(query, b"EIO"):
            return self.engines["/socket.io/"]  # mounted at the very path that the client was given
        return engine

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        if scope["type"] == "lifespan":
            await self._serve_lifespan(scope, receive, send)
            return
        path = inner_path(scope)
        engine = self.find_engine(path, scope.get("query_string", b"")) if is_as_sent(scope) else None
        if engine is not None:
            await (serve_websocket if scope["type"] == "websocket" else serve_engine)(engine, scope, receive, send)
        elif self._is_ours(scope, path):
            await self._router(self._below(scope, path), receive, send)
        elif self._app is not None:
            await self._app(scope, receive, send)
        else:
            await self._not_found(scope, receive, send, path)

    def _below(self, scope: Scope, path: str) -> Scope:
        return {**scope, "path": path[len(self.path) :] or "/", "root_path": ""}

    def _is_ours(self, scope: Scope, path: str) -> bool:
        if scope["type"] != "http" or not (path + "/").startswith(self.path + "/"):
            return False
        if has_parameter(scope.get("query_string", b""), b"EIO"):
            return False  # a client that looks for Socket.IO in the wrong place is told so, and not shown a page
        below = self._below(scope, path)
        sent = is_as_sent(scope)
        return any(
            # What the HTTP API is asked for may have escapes in it, and it reads them itself.
            (sent or isinstance(route, ApiRoute)) and route.matches(below)[0] is not Match.NONE
            for route in self._router.routes
        )

    async def _not_found(self, scope: Scope, receive: Receive, send: Send, path: str) -> None:
        hint = self._hint(path, scope.get("query_string", b""), scope.get("root_path", ""))
        if scope["type"] == "websocket":
            await refuse_websocket(scope, receive, send, 404, hint.encode())
        else:
            await problem("not_found", hint)(scope, receive, send)

    def _hint(self, path: str, query: bytes, root_path: str = "") -> str:
        hint = f"There is nothing at {path[:200]!r}."
        if "socket.io" in path or has_parameter(query, b"EIO"):
            hint += f" Socket.IO is at {quote(root_path + self.path)}/socket.io/ - give clients that as `path`."
            self._hints.tell(hint)
        return hint

    def _no_such(self, path: str, query: bytes) -> bytes | None:
        return None if self._app is not None else self._hint(path, query).encode()

    async def _serve_lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._app is not None:

            async def receive_and_drain() -> Any:
                # Nothing else means the end. An app that knows no lifespan raises at once (Django), and is served all the same.
                message = await receive()
                if message["type"] == "lifespan.shutdown":
                    async with self.lifespan():
                        pass
                else:
                    self.node.draining = False
                return message

            await self._app(scope, receive_and_drain, send)
            return
        await receive()
        async with self.lifespan():
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

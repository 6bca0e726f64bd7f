"""What is kept for people, and how it reaches them: stored first, then shown in every tab, and its sender told.

The store is alsohere's inbox: `notify`, `announce`, `inbox` and `mark`. The words on the wire are the site's own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterable
from typing import Any

from alsohere import AlsoHere, BadRequest, Connection, NotFound, Notification, Person

CATEGORIES = ("announcement", "reminder", "subscription", "publication", "system", "message")
EVENTS = {category: f"{category}_message" for category in CATEGORIES} | {"message": "todo_message"}
LISTED = 200  # of what is unread; of what is read, the newest are enough
LISTED_READ = 50
UNACKNOWLEDGED = 16  # a page that acknowledges nothing is sent the rest without being asked
EVERYONE = "everyone"
OURS = ("id", "category", "sender", "created_at", "read_at")  # nobody says these of a message but the server

Message = dict[str, Any]


class Mailroom:
    """Messages of one site.

    Args:
        here: what keeps them.
    """

    def __init__(self, here: AlsoHere) -> None:
        self._here = here
        self._tabs: dict[str, dict[Connection, int]] = {}  # by login: how many each has not acknowledged
        self._tasks: set[asyncio.Task[None]] = set()

    # -- Tabs --------------------------------------------------------------------------------------------------------

    def enter(self, conn: Connection) -> None:
        """A tab wants to be shown what comes."""
        self._tabs.setdefault(conn.user.id, {}).setdefault(conn, 0)

    def leave(self, conn: Connection) -> None:
        """A tab is gone."""
        tabs = self._tabs.get(conn.user.id, {})
        tabs.pop(conn, None)
        if not tabs:
            self._tabs.pop(conn.user.id, None)

    def tabs_of(self, login: str | None) -> list[Connection]:
        """The tabs of somebody who is here."""
        return list(self._tabs.get(login or "", ()))

    # -- Sending -----------------------------------------------------------------------------------------------------

    async def send(
        self, category: str, message: Message, to: Iterable[str] | None, sender: Person | None, key: str | None = None
    ) -> Message:
        """Keep a message, then show it; returns its `id` and for how many it is kept.

        Args:
            category: one of six.
            message: what a page sends and is shown.
            to: logins; None: everyone.
            sender: who it is from; None: the site.
            key: the same key again sends nothing.

        Raises:
            BadRequest: it is too large, or not text.
            Unavailable: it could not be kept, and nobody was shown it.
        """
        message = {name: value for name, value in message.items() if name not in OURS}
        content = {"category": category, "title": title_of(message), "data": message, "sender": sender, "key": key}
        sent = await (self._here.announce(**content) if to is None else self._here.notify(to, **content))
        # Without results, the key was used before: those whom it was for have it.
        receivers = list(self._tabs) if to is None and sent.results else list(sent.results)
        ours = {"id": sent.id, "category": category, "sender": shown_person(sender), "created_at": int(time.time() * 1000)}
        for login in receivers:
            for conn in self.tabs_of(login):
                self._show(conn, EVENTS[category], message | ours)
        return {"id": sent.id, "stored": EVERYONE if to is None else len(receivers)}

    def _show(self, conn: Connection, event: str, message: Message) -> None:
        tabs = self._tabs[conn.user.id]
        if tabs[conn] < UNACKNOWLEDGED:
            tabs[conn] += 1
            self._spawn(self._show_and_wait(conn, event, message))
        else:
            self._spawn(conn.emit(event, message))

    async def _show_and_wait(self, conn: Connection, event: str, message: Message) -> None:
        try:
            await conn.call(event, message)
        except TimeoutError:  # its page does not acknowledge, or is gone: it is not seen yet
            return
        finally:
            tabs = self._tabs.get(conn.user.id, {})
            if conn in tabs:
                tabs[conn] -= 1
        await self.mark(conn, "seen", [message["id"]])

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- Reading -----------------------------------------------------------------------------------------------------

    async def missed(self, login: str) -> Message:
        """What somebody is told when they come: unread and read apart, each by category, oldest first."""
        unread = await self._here.inbox(login, state="unread", limit=LISTED)
        read = await self._here.inbox(login, state="read", limit=LISTED_READ)
        return {"unread": classified(unread.items), "read": classified(read.items), "more": unread.next is not None}

    async def mark(self, conn: Connection, state: str, ids: list[int]) -> int:
        """Mark somebody's own messages "seen" or "read"; the senders are told, and their other tabs. Returns how many changed."""
        try:
            marked = await self._here.mark(conn.user.id, state, ids=ids)
        except NotFound:  # not theirs, or taken back since they were shown it
            return 0
        changed = [receipt.id for receipt in marked.changed]
        for tab in self.tabs_of(conn.user.id):
            if state == "read" and changed and tab is not conn:
                await tab.emit("read_message", {"ids": changed})
        for receipt in marked.changed:
            for tab in self.tabs_of(receipt.sender):
                await tab.emit("receipt_message", {"id": receipt.id, "receiver": conn.user.id, "state": state})
        return len(changed)


def classified(items: list[Notification]) -> dict[str, list[Message]]:
    """Messages by category, oldest first."""
    kept: dict[str, list[Message]] = {category: [] for category in CATEGORIES}
    for item in reversed(items):
        kept.setdefault(item.category, []).append(shown(item))
    return kept


def shown(item: Notification) -> Message:
    """A message as it was sent, with what only the server can say of it."""
    said = item.data if isinstance(item.data, dict) else {"title": item.title, "body": item.body}
    ours = {"id": item.id, "category": item.category, "sender": shown_person(item.sender), "created_at": item.created_at}
    return said | ours | ({"read_at": item.read_at} if item.read_at else {})


def shown_person(person: Person | None) -> dict[str, str] | None:
    """A sender, as pages show them."""
    return None if person is None else {"login": person.id, "name": person.name}


def title_of(message: Message) -> str:
    """A line for lists that know nothing of this site's messages."""
    title = message.get("title")
    if title is not None and not isinstance(title, str):
        raise BadRequest("title is text.")
    return (title or "")[:200]

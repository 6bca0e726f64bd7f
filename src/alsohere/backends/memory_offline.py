"""Errands that end with the process: the reference that other stores are compared with."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from alsohere.backends.memory_inbox import MemoryInbox
from alsohere.domain.offline import NOBODY, Case, Channel, Errand, Routes, Subscription, first_errands
from alsohere.errors import LimitReached
from alsohere.notices import Notice


class MemoryOffline:
    """Implements `ports.OfflineStore`: everything is answered before the call returns.

    Args:
        inbox: whose notifications they are.
        routes: which of them have other ways.
    """

    def __init__(self, inbox: MemoryInbox, routes: Routes) -> None:
        self._inbox = inbox
        self._routes = routes
        self._id = 0
        self._errands: dict[int, Errand] = {}
        self._urls: dict[str, tuple[str, ...]] = {}
        self._subscriptions: dict[str, tuple[str, Subscription]] = {}
        inbox.was_sent = self._was_sent
        inbox.was_erased = self._was_erased

    def _was_sent(self, notice: Notice, users: Sequence[str]) -> None:
        for errand in first_errands(self._routes, notice, users):
            self._put(errand)

    def _was_erased(self, user: str) -> None:
        self._urls.pop(user, None)
        self._subscriptions = {endpoint: kept for endpoint, kept in self._subscriptions.items() if kept[0] != user}
        self._errands = {errand_id: errand for errand_id, errand in self._errands.items() if errand.user != user}

    def _put(self, errand: Errand) -> None:
        self._id += 1
        self._errands[self._id] = msgspec.structs.replace(errand, id=self._id)

    async def take(self, channel: Channel, now_ms: int, most: int) -> list[Case]:
        due = [one for one in self._errands.values() if one.channel == channel and one.done_ms is None and one.next_ms <= now_ms]
        return [await self._case(errand) for errand in sorted(due, key=lambda one: one.next_ms)[:most]]

    async def _case(self, errand: Errand) -> Case:
        notice, user = await self._inbox.notice(errand.notification), errand.user
        marks = None if notice is None else self._inbox.marks_of(notice, user)
        wishes = self._inbox.preferences_of(user)
        return Case(errand, notice, marks, wishes, *(await self.reached_by(user)))

    async def settle(self, errands: Sequence[Errand], new: Sequence[Errand] = ()) -> None:
        self._errands.update({errand.id: errand for errand in errands if errand.id in self._errands})
        kept = {(one.user, one.notification) for errand in errands if (one := self._errands.get(errand.id)) is not None}
        for errand in new:  # but for who was erased since: what these came of is gone
            if {(errand.user, errand.notification), (NOBODY, errand.notification)} & kept:
                self._put(errand)

    def about(self, user: str) -> tuple[list[str], list[Subscription], list[Errand]]:
        """Everything that is kept of a user's other ways."""
        urls, browsers = self._ways(user)
        return list(urls), list(browsers), [errand for errand in self._errands.values() if errand.user == user]

    async def prune(self, before_ms: int, most: int) -> int:
        old = [one.id for one in self._errands.values() if one.done_ms is not None and one.done_ms < before_ms][:most]
        for errand_id in old:
            del self._errands[errand_id]
        return len(old)

    async def reached_by(self, user: str) -> tuple[tuple[str, ...], tuple[Subscription, ...]]:
        return self._ways(user)

    def _ways(self, user: str) -> tuple[tuple[str, ...], tuple[Subscription, ...]]:
        return self._urls.get(user, ()), tuple(one for whose, one in self._subscriptions.values() if whose == user)

    async def reachable(self, after: str, most: int) -> list[str]:
        users = {user for user, urls in self._urls.items() if urls} | {user for user, _ in self._subscriptions.values()}
        return sorted(user for user in users if user > after)[:most]

    async def set_apprise(self, user: str, urls: Sequence[str]) -> None:
        self._urls[user] = tuple(urls)

    async def subscribe(self, user: str, subscription: Subscription, now_ms: int, most: int) -> None:
        _ = now_ms
        others = [one for whose, one in self._subscriptions.values() if whose == user and one.endpoint != subscription.endpoint]
        if len(others) >= most:
            raise LimitReached(f"A user has at most {most} subscriptions; unsubscribe one first.")
        self._subscriptions[subscription.endpoint] = user, subscription

    async def unsubscribe(self, endpoint: str, user: str | None = None) -> bool:
        if user not in (None, self._subscriptions.get(endpoint, (None,))[0]):
            return False
        return self._subscriptions.pop(endpoint, None) is not None

"""Inboxes that end with the process: the reference that other stores are compared with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from alsohere.backends.memory_follows import MemoryFollows
from alsohere.domain.attention import is_muted
from alsohere.domain.drafts import check_draft, check_edit, check_marking
from alsohere.domain.history import ERASED_USER
from alsohere.domain.inbox import (
    NEW,
    NOT_THEIRS,
    concerns,
    edited,
    is_for,
    is_open,
    is_over,
    is_scheduled,
    listed,
    marked,
    noticed,
    pruned,
    receipt,
    unread_of,
)
from alsohere.errors import NotFound, Refusal
from alsohere.facts import Person
from alsohere.notices import (
    Arrival,
    Delivery,
    Draft,
    Due,
    Edit,
    Edited,
    Entry,
    Filter,
    Marked,
    Marking,
    Marks,
    Notice,
    Page,
    Preferences,
    Receipt,
    Sent,
    Unread,
    Withdrawn,
)

NOBODY = Person(ERASED_USER, "", None, True)
MOST_KEPT = 100_000  # beyond that the oldest are forgotten: memory is not where a year of notifications belongs


class MemoryInbox(MemoryFollows):
    """Implements `ports.InboxStore`: everything is answered before the call returns.

    Args:
        first_id: ids are above this. The wall clock's milliseconds are larger than in the life before (I2).
    """

    def __init__(self, first_id: int) -> None:
        super().__init__()
        self._id = first_id
        self.was_sent: Callable[[Notice, Sequence[str]], None] = lambda _notice, _users: None
        self.was_erased: Callable[[str], None] = lambda _user: None
        self._notices: dict[int, Notice] = {}  # by id, which is the order of sending
        self._broadcasts: set[int] = set()  # of those
        self._keys: dict[tuple[str, str], int] = {}
        self._key_of: dict[int, tuple[str, str]] = {}
        self._recalled: dict[int, int] = {}  # id -> when
        self._rows: dict[int, dict[str, Marks]] = {}
        self._ids: dict[str, set[int]] = {}  # of the rows of a user

    @property
    def is_empty(self) -> bool:
        return not (self._notices or self._preferences)

    # -- Writing -----------------------------------------------------------------------------------------------------

    def send(self, drafts: Sequence[Draft], now_ms: int, done: Callable[[list[Sent | Refusal] | Refusal], None]) -> None:
        answers: list[Sent | Refusal] = []
        for draft in drafts:
            try:
                answers.append(self._send(check_draft(draft), now_ms))
            except Refusal as refusal:
                answers.append(refusal)
        if len(self._notices) > MOST_KEPT:
            for notice_id in list(self._notices)[: MOST_KEPT // 10]:
                self._remove(notice_id)
        done(answers)

    def _send(self, draft: Draft, now_ms: int) -> Sent:
        known = None if draft.key is None else self._keys.get((draft.scope, draft.key))
        if known is not None:
            return Sent(known)
        self._id += 1
        notice = noticed(draft, self._id, now_ms)
        to = draft.to
        if draft.audience == "topic":
            assert draft.topic is not None
            sender = None if draft.sender is None else draft.sender.id
            to = tuple(user for user in self.followers_of(draft.topic) if user != sender)
        self._notices[notice.id], self._rows[notice.id] = notice, {}
        if notice.audience == "everyone":
            self._broadcasts.add(notice.id)
        if draft.key is not None:
            self._keys[draft.scope, draft.key] = notice.id
            self._key_of[notice.id] = draft.scope, draft.key
        for user in to:
            self._put(notice.id, user, NEW)
        self.was_sent(notice, to)
        return Sent(notice.id, to, frozenset(user for user in to if is_muted(notice, self.preferences_of(user))), notice)

    def mark(self, user: str, marking: Marking, now_ms: int, done: Callable[[Marked | Refusal], None]) -> None:
        try:
            check_marking(marking)
        except Refusal as refusal:
            done(refusal)
            return
        entries = list(self._entries(user, now_ms))
        if marking.ids and set(marking.ids).isdisjoint(entry.notice.id for entry in entries):
            done(NotFound(NOT_THEIRS))
            return
        changed: list[Receipt] = []
        for entry in entries:
            if concerns(marking, entry.notice, entry.marks):
                after = marked(entry.marks, marking.mark, now_ms)
                if after is not entry.marks:
                    self._put(entry.notice.id, user, after)
                    changed.append(receipt(entry.notice, user, entry.marks, after))
        done(Marked(tuple(changed), self._unread(user, now_ms)))

    def delivered(self, deliveries: Sequence[Delivery], done: Callable[[list[Receipt] | Refusal], None]) -> None:
        first: list[Receipt] = []
        for delivery in deliveries:
            notice = self._kept(delivery.id)
            marks = None if notice is None else self._marks(notice, delivery.user)
            if notice is None or marks is None or marks.delivered_at is not None:
                continue
            after = msgspec.structs.replace(marks, delivered_at=delivery.at)
            self._put(notice.id, delivery.user, after)
            first.append(receipt(notice, delivery.user, marks, after))
        done(first)

    def recall(self, notice_id: int, now_ms: int, done: Callable[[Withdrawn | Refusal], None]) -> None:
        notice = self._notices.get(notice_id)
        if notice is None:
            done(NotFound("There is no such notification."))
            return
        had = Withdrawn(notice_id, ()) if notice_id in self._recalled else Withdrawn(notice_id, self._users(notice))
        self._recalled.setdefault(notice_id, now_ms)
        self._notices[notice_id] = msgspec.structs.replace(notice, title="", body="", url=None, data=None, sender=None)
        self._clear(notice_id)
        done(had)

    def edit(self, notice_id: int, edit: Edit, now_ms: int, done: Callable[[Edited | Refusal], None]) -> None:
        try:
            notice = self._kept(notice_id)
            if notice is None or is_over(notice, now_ms):
                raise NotFound("There is no such notification, or no longer.")
            notice = edited(notice, check_edit(edit), now_ms)
        except Refusal as refusal:
            done(refusal)
            return
        self._notices[notice_id] = notice
        done(Edited(notice, self._users(notice)))

    def prune(self, before_ms: int, after: int, most: int, done: Callable[[int | Refusal | None], None]) -> None:
        some = [notice for notice in self._notices.values() if notice.id > after][:most]
        for notice in some:
            recalled = notice.id in self._recalled
            fate = pruned(
                *(notice.created_at, notice.starts_at, notice.expires_at, notice.audience), before_ms, recalled=recalled
            )
            if fate == "done":
                self._remove_done(notice.id)
            if fate == "all" or (fate == "done" and not self._rows[notice.id]):
                self._remove(notice.id)
        more = len(some) == most and any(notice.created_at < before_ms for notice in some)
        done(some[-1].id if more else None)

    def _remove_done(self, notice_id: int) -> None:
        for user, marks in list(self._rows[notice_id].items()):
            if marks.read_at is not None or marks.archived_at is not None:
                del self._rows[notice_id][user]
                self._ids[user].discard(notice_id)

    def _remove(self, notice_id: int) -> None:
        self._clear(notice_id)
        del self._notices[notice_id], self._rows[notice_id]
        self._recalled.pop(notice_id, None)
        self._broadcasts.discard(notice_id)
        if notice_id in self._key_of:
            del self._keys[self._key_of.pop(notice_id)]

    def _clear(self, notice_id: int) -> None:
        for user in self._rows[notice_id]:
            self._ids[user].discard(notice_id)
        self._rows[notice_id].clear()

    def _put(self, notice_id: int, user: str, marks: Marks) -> None:
        self._rows[notice_id][user] = marks
        self._ids.setdefault(user, set()).add(notice_id)

    # -- Questions ---------------------------------------------------------------------------------------------------

    async def arrivals(self, users: Sequence[str], most: int, now_ms: int) -> dict[str, Arrival]:
        found: dict[str, Arrival] = {}
        for user in users:
            waiting = await self.waiting(user, 0, most + 1, now_ms)
            preferences = self.preferences_of(user)
            found[user] = Arrival(self._unread(user, now_ms), tuple(waiting[:most]), len(waiting) > most, preferences)
        return found

    async def waiting(self, user: str, after: int, most: int, now_ms: int) -> list[Entry]:
        return [
            entry
            for entry in self._entries(user, now_ms)
            if entry.marks.delivered_at is None and entry.marks.archived_at is None and entry.notice.id > after
        ][:most]

    async def unread(self, users: Sequence[str], now_ms: int) -> dict[str, Unread]:
        return {user: self._unread(user, now_ms) for user in users}

    async def page(self, user: str, which: Filter, now_ms: int) -> Page:
        entries, following = listed(self._entries(user, now_ms), which)
        return Page(entries, self._unread(user, now_ms), following)

    async def notice(self, notice_id: int) -> Notice | None:
        return self._kept(notice_id)

    async def due(self, after_ms: int, until_ms: int) -> Due:
        started, expired, following = [], [], []
        for notice in self._notices.values():
            if notice.id in self._recalled:
                continue
            if is_scheduled(notice) and after_ms < (notice.starts_at or 0) <= until_ms and is_open(notice, until_ms):
                to = self._users(notice) or ()
                muted = frozenset(user for user in to if is_muted(notice, self.preferences_of(user)))
                started.append(Sent(notice.id, to, muted, notice))
            if notice.expires_at is not None and after_ms < notice.expires_at <= until_ms:
                expired.append(Withdrawn(notice.id, self._users(notice)))
            following += [at for at in (notice.starts_at, notice.expires_at) if at is not None and at > until_ms]
        return Due(tuple(started), tuple(expired), min(following, default=None))

    # -- One person --------------------------------------------------------------------------------------------------

    def about(self, user: str) -> tuple[list[Entry], list[Notice], list[str], Preferences | None]:
        """What there is of a user: their entries, what they wrote, what they follow, what they do not want to hear of."""
        entries = [Entry(self._notices[notice_id], self._rows[notice_id][user]) for notice_id in sorted(self._ids.get(user, ()))]
        wrote = [notice for notice in self._notices.values() if notice.sender is not None and notice.sender.id == user]
        return entries, wrote, sorted(self._topics.get(user, ()), key=str.encode), self._preferences.get(user)

    def erase(self, user: str) -> tuple[int, int]:
        """Empty the inbox and forget wishes; what they wrote no longer says who it was. Returns how many of each."""
        self.was_erased(user)
        entries, wrote, topics, _ = self.about(user)
        for entry in entries:
            notice = entry.notice
            del self._rows[notice.id][user]
            if notice.audience != "everyone" and not self._rows[notice.id]:
                self._remove(notice.id)
        for topic in topics:
            self._followers[topic].discard(user)
        for known in (self._ids, self._topics, self._preferences):
            known.pop(user, None)
        kept = [notice for notice in wrote if notice.id in self._notices]
        for notice in kept:
            self._notices[notice.id] = msgspec.structs.replace(notice, sender=NOBODY)
            if notice.id in self._key_of:
                del self._keys[self._key_of.pop(notice.id)]
        return len(entries), len(kept)

    # -- What there is -----------------------------------------------------------------------------------------------

    def _entries(self, user: str, now_ms: int) -> Iterator[Entry]:
        """Everything that a user may see, oldest first."""
        for notice_id in sorted(self._broadcasts | self._ids.get(user, set())):
            notice = self._kept(notice_id)
            marks = None if notice is None else self._marks(notice, user)
            if notice is not None and marks is not None and is_open(notice, now_ms):
                yield Entry(notice, marks)

    def _kept(self, notice_id: int) -> Notice | None:
        return None if notice_id in self._recalled else self._notices.get(notice_id)

    def marks_of(self, notice: Notice, user: str) -> Marks | None:
        """What a user did with a notice; None if it is not in their inbox."""
        return self._marks(notice, user)

    def _marks(self, notice: Notice, user: str) -> Marks | None:
        return self._rows[notice.id].get(user, NEW if notice.audience == "everyone" and is_for(notice, user) else None)

    def _users(self, notice: Notice) -> tuple[str, ...] | None:
        return None if notice.audience == "everyone" else tuple(sorted(self._rows[notice.id]))

    def _unread(self, user: str, now_ms: int) -> Unread:
        return unread_of(self._entries(user, now_ms))

"""What an inbox is: which notifications are in it, what a mark does, what counts as unread, and what a digest is made of.

Owns: the meaning of every question that a store answers. The store in memory asks these functions; the others say the same in
SQL, and a test compares them.
Invariants: I4 unread is what a list of the unread shows, however it is counted. I5 a broadcast is in the inbox of everybody,
with or without a row of theirs. I6 what has not begun, is over or was recalled is in nobody's.
Rejected: counters that are kept beside the rows. They drift, and nobody can say since when.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from alsohere.errors import BadRequest
from alsohere.notices import (
    Audience,
    Digest,
    Draft,
    Edit,
    Entry,
    EntryState,
    Filter,
    MarkAs,
    Marking,
    Marks,
    Notice,
    Notification,
    Receipt,
    Show,
    Unread,
)

NOT_THEIRS = "None of these notifications is in the inbox: they are somebody else's, or gone."
NEW = Marks()


def is_open(notice: Notice, now_ms: int) -> bool:
    """Whether it may be seen: it has begun and is not over (I6)."""
    return (notice.starts_at is None or notice.starts_at <= now_ms) and not is_over(notice, now_ms)


def is_over(notice: Notice, now_ms: int) -> bool:
    """Whether its time is over (I6)."""
    return notice.expires_at is not None and notice.expires_at <= now_ms


def is_scheduled(notice: Notice) -> bool:
    """Whether it begins later than it was sent."""
    return notice.starts_at is not None and notice.starts_at > notice.created_at


def is_for(notice: Notice, user: str) -> bool:
    """Whether a broadcast is for a user: it says for whom by how their ids begin, so that nobody has to be listed (I5)."""
    return notice.among is None or user.startswith(notice.among.removesuffix("*"))


def noticed(draft: Draft, notice_id: int, now_ms: int) -> Notice:
    """The notice that a draft becomes."""
    return Notice(
        id=notice_id,
        category=draft.category,
        audience=draft.audience,
        created_at=now_ms,
        among=draft.among,
        topic=draft.topic,
        title=draft.title,
        body=draft.body,
        url=draft.url,
        data=draft.data,
        sender=draft.sender,
        room=draft.room,
        starts_at=draft.starts_at,
        expires_at=draft.expires_at,
        critical=draft.critical,
    )


def edited(notice: Notice, edit: Edit, now_ms: int) -> Notice:
    """A notice after an edit.

    Raises:
        BadRequest: it would have nothing left to show.
    """
    given = {name: value for name, value in msgspec.structs.asdict(edit).items() if value is not msgspec.UNSET}
    after = msgspec.structs.replace(notice, **given, edited_at=now_ms)
    if not (after.title or after.body or after.data is not None):
        raise BadRequest("title: a notification has a title, a body or data.")
    return after


def receipt(notice: Notice, user: str, before: Marks, after: Marks) -> Receipt:
    """What a change of marks is to who wrote it."""
    sender = None if notice.sender is None else notice.sender.id
    is_delivery = before.delivered_at is None and after.delivered_at is not None
    return Receipt(notice.id, user, sender, after.delivered_at, after.read_at, is_delivery)


def is_unread(marks: Marks) -> bool:
    """Whether it counts as unread: what was archived does not."""
    return marks.read_at is None and marks.archived_at is None


def marked(marks: Marks, mark: MarkAs, at_ms: int) -> Marks:
    """The marks after another one; the same object if nothing changes.

    Who has read something has seen it, and who has seen it, it was delivered to. `unread` puts it back among the new ones, out of
    the archive too; that it was seen stays. The first time counts: nothing is read twice.
    """
    if mark == "unread":
        if marks.read_at is None and marks.archived_at is None:
            return marks
        return Marks(marks.delivered_at, marks.seen_at)
    before = {"seen": marks.seen_at, "read": marks.read_at, "archived": marks.archived_at}[mark]
    if before is not None:
        return marks
    return Marks(
        marks.delivered_at if marks.delivered_at is not None else at_ms,
        marks.seen_at if marks.seen_at is not None else at_ms,
        at_ms if mark == "read" else marks.read_at,
        at_ms if mark == "archived" else marks.archived_at,
    )


def concerns(marking: Marking, notice: Notice, marks: Marks) -> bool:
    """Whether a marking is about that one. Without ids, it is about what is in the inbox: the archive stays as it is."""
    if marking.ids is not None:
        named = notice.id in marking.ids
    else:
        named = marks.archived_at is None and (marking.up_to is None or notice.id <= marking.up_to)
    return named and marking.category in (None, notice.category) and marking.topic in (None, notice.topic)


def is_in_state(marks: Marks, state: EntryState) -> bool:
    """Whether a filter's state is that of an entry."""
    if state in ("all", "archived"):
        return state == "all" or marks.archived_at is not None
    if marks.archived_at is not None:
        return False
    if state == "unseen":
        return marks.seen_at is None
    return state == "inbox" or (marks.read_at is None) == (state == "unread")


def listed(entries: Iterable[Entry], which: Filter) -> tuple[tuple[Entry, ...], int | None]:
    """A page of an inbox, and where the next one begins.

    Args:
        entries: the inbox, in any order.
        which: what is asked for.
    """
    found = [
        entry
        for entry in sorted(entries, key=lambda entry: -entry.notice.id)
        if is_in_state(entry.marks, which.state)
        and which.category in (None, entry.notice.category)
        and which.topic in (None, entry.notice.topic)
    ]
    if which.digest:
        found = digested(found)
    if which.before is not None:
        found = [entry for entry in found if entry.notice.id < which.before]
    page = tuple(found[: which.limit])
    return page, page[-1].notice.id if len(found) > len(page) else None


def digested(entries: Iterable[Entry]) -> list[Entry]:
    """Of every topic and category the newest unread and the newest read entry, with how many there are.

    Args:
        entries: newest first; what has no topic stands for itself.
    """
    groups: dict[object, Entry] = {}
    for entry in entries:
        notice = entry.notice
        group = notice.id if notice.topic is None else (notice.topic, notice.category, is_unread(entry.marks))
        first = groups.get(group)
        groups[group] = entry if first is None else Entry(first.notice, first.marks, first.count + 1)
    return list(groups.values())


def unread_of(entries: Iterable[Entry]) -> Unread:
    """What stands unread among entries that may be seen (I4)."""
    by_category: dict[str, int] = {}
    for entry in entries:
        if is_unread(entry.marks):
            category = entry.notice.category
            by_category[category] = by_category.get(category, 0) + 1
    return unread(by_category)


def unread(by_category: dict[str, int]) -> Unread:
    """The counts of categories, those without any left out."""
    return Unread(
        sum(by_category.values()), {category: by_category[category] for category in sorted(by_category) if by_category[category]}
    )


def pruned(
    created_at: int, starts_at: int | None, expires_at: int | None, audience: Audience, before_ms: int, *, recalled: bool
) -> Literal["all", "done", "nothing"]:
    """What is removed of a notification when what is older than `before_ms` goes.

    Returns:
        `all` of it; the rows that are `done` with (read or archived), and with the last of them the rest; or `nothing`.
        A broadcast without an end ends here; of one that has an end, the rows say who has read it.
    """
    if max(created_at, starts_at or 0) >= before_ms:
        return "nothing"
    if recalled or (expires_at is not None and expires_at <= before_ms) or (audience == "everyone" and expires_at is None):
        return "all"
    return "nothing" if audience == "everyone" else "done"


def shown(entry: Entry, show: Show) -> Notification:
    """An entry as its owner is sent it."""
    notice, marks = entry.notice, entry.marks
    return Notification(
        id=notice.id,
        category=notice.category,
        title=notice.title,
        created_at=notice.created_at,
        broadcast=notice.audience == "everyone",
        critical=notice.critical,
        show=show,
        topic=notice.topic,
        body=notice.body,
        url=notice.url,
        data=notice.data,
        sender=notice.sender,
        room=notice.room,
        expires_at=notice.expires_at,
        edited_at=notice.edited_at,
        delivered_at=marks.delivered_at,
        seen_at=marks.seen_at,
        read_at=marks.read_at,
        archived_at=marks.archived_at,
        digest=Digest(entry.count) if entry.count > 1 else None,
    )

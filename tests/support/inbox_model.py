"""What inboxes should be, told once more in the simplest words: a list of what was sent, and a dict of what each user did with it.

Shares no code with what it judges.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from alsohere.notices import Marking


@dataclass
class Did:
    """What one user did with one notification."""

    delivered: bool = False
    seen: bool = False
    read: bool = False
    archived: bool = False


@dataclass
class Expected:
    """A notification that was acknowledged to its sender."""

    id: int
    to: frozenset[str] | None  # None: everyone
    category: str
    topic: str | None
    starts_ms: int
    expires_ms: int
    critical: bool
    sender: str | None
    is_scheduled: bool
    recalled: bool = False
    did: dict[str, Did] = field(default_factory=dict)
    acknowledged: set[str] = field(default_factory=set)  # by clients of these users, first of all

    def acknowledge(self, user: str) -> None:
        """A client of that user has it."""
        if not self.by(user).delivered:
            self.by(user).delivered = True
            self.acknowledged.add(user)

    def is_seen_by(self, user: str, now_ms: int) -> bool:
        """Whether it is in their inbox or archive."""
        mine = self.to is None or user in self.to
        return mine and not self.recalled and self.starts_ms <= now_ms < self.expires_ms

    def by(self, user: str) -> Did:
        """What they did."""
        return self.did.setdefault(user, Did())


class Model:
    """Everybody's inbox."""

    def __init__(self) -> None:
        self.sent: dict[int, Expected] = {}
        self.keys: dict[tuple[str, str], int] = {}
        self.follows: set[tuple[str, str]] = set()
        self.mutes: set[tuple[str, str]] = set()  # (user, category)

    def send(self, notice_id: int, audience: str, to: list[str], **fields: Any) -> Expected:
        """Note what was sent, by the id that it was given."""
        receivers: frozenset[str] | None = frozenset(to)
        if audience == "everyone":
            receivers = None
        elif audience == "topic":
            receivers = frozenset(user for user, topic in self.follows if topic == fields["topic"] and user != fields["sender"])
        self.sent[notice_id] = Expected(notice_id, receivers, **fields)
        return self.sent[notice_id]

    def inbox(self, user: str, now_ms: int) -> list[Expected]:
        """What is not archived, newest first."""
        return [one for one in self.everything(user, now_ms) if not one.by(user).archived]

    def everything(self, user: str, now_ms: int) -> list[Expected]:
        """The archive too."""
        return sorted((one for one in self.sent.values() if one.is_seen_by(user, now_ms)), key=lambda one: -one.id)

    def unread(self, user: str, now_ms: int) -> dict[str, int]:
        """By category."""
        counts: dict[str, int] = {}
        for one in self.inbox(user, now_ms):
            if not one.by(user).read:
                counts[one.category] = counts.get(one.category, 0) + 1
        return counts

    def has_one_of(self, user: str, ids: Sequence[int], now_ms: int) -> bool:
        """Whether a user has any of these."""
        return any(one.id in ids for one in self.everything(user, now_ms))

    def mark(self, user: str, marking: Marking, now_ms: int) -> list[int]:
        """Do it, and say what it changed, oldest first."""
        changed = []
        for one in reversed(self.everything(user, now_ms)):
            did, ids, up_to = one.by(user), marking.ids, marking.up_to
            named = one.id in ids if ids is not None else not did.archived and (up_to is None or one.id <= up_to)
            if named and marking.category in (None, one.category) and self._mark(did, marking.mark):
                changed.append(one.id)
        return changed

    @staticmethod
    def _mark(did: Did, how: str) -> bool:
        if how == "unread":
            was = did.read or did.archived
            did.read = did.archived = False
            return was
        was = getattr(did, how)
        setattr(did, how, True)
        if not was:
            did.seen = did.delivered = True
        return not was

    def changes_between(self, after_ms: int, until_ms: int) -> bool:
        """Whether something began or ended in that time."""
        times = [at for one in self.sent.values() if not one.recalled for at in (one.starts_ms, one.expires_ms)]
        return any(after_ms < at <= until_ms for at in times)

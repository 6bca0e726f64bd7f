"""Who follows what, and who does not want to hear of what, until the process ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from alsohere.domain.drafts import check_text
from alsohere.domain.identity import MAX_ID_BYTES
from alsohere.errors import LimitReached, Refusal
from alsohere.notices import Preferences
from alsohere.ports import PreferencesStep

NO_WISHES = Preferences()


class MemoryFollows:
    """This part of `ports.InboxStore`."""

    def __init__(self) -> None:
        self._followers: dict[str, set[str]] = {}
        self._topics: dict[str, set[str]] = {}
        self._preferences: dict[str, Preferences] = {}

    def follow(self, users: Sequence[str], topic: str, most: int, done: Callable[[int | Refusal], None]) -> None:
        new = set(users) - self._followers.get(topic, set())
        if any(len(self._topics.get(user, ())) >= most for user in new):
            done(LimitReached(f"A user follows at most {most} topics; unfollow one first."))
            return
        for user in new:
            self._followers.setdefault(topic, set()).add(user)
            self._topics.setdefault(user, set()).add(topic)
        done(len(new))

    def unfollow(self, users: Sequence[str], topic: str, done: Callable[[int | Refusal], None]) -> None:
        gone = set(users) & self._followers.get(topic, set())
        for user in gone:
            self._followers[topic].discard(user)
            self._topics[user].discard(topic)
        done(len(gone))

    def prefer(self, user: str, step: PreferencesStep, done: Callable[[Preferences | Refusal], None]) -> None:
        try:
            self._preferences[user] = step(self.preferences_of(user))
        except Refusal as refusal:
            done(refusal)
            return
        done(self._preferences[user])

    async def followers(self, topic: str, after: str, most: int) -> list[str]:
        check_text("after", after, MAX_ID_BYTES)
        return [user for user in self.followers_of(topic) if user.encode() > after.encode()][:most]

    async def topics(self, user: str) -> list[str]:
        return sorted(self._topics.get(user, ()), key=str.encode)

    async def preferences(self, users: Sequence[str]) -> dict[str, Preferences]:
        return {user: self.preferences_of(user) for user in users}

    def followers_of(self, topic: str) -> list[str]:
        """Who follows it, by id."""
        return sorted(self._followers.get(topic, ()), key=str.encode)

    def preferences_of(self, user: str) -> Preferences:
        """What they do not want to hear of."""
        return self._preferences.get(user, NO_WISHES)

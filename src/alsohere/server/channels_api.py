"""By which ways users can be reached, for back ends."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from alsohere.domain.identity import is_user_id
from alsohere.errors import BadRequest, Forbidden
from alsohere.ports import OfflineStore
from alsohere.server.carriers import check_apprise
from alsohere.server.endpoint import Endpoint
from alsohere.server.presence_api import UserAsked

MOST_URLS = 10


class ChannelsBody(msgspec.Struct, forbid_unknown_fields=True):
    """The URLs that replace those there are."""

    apprise: Annotated[
        list[Annotated[str, Meta(min_length=1, max_length=2000)]],
        Meta(max_length=MOST_URLS, description="URLs of Apprise, as in `mailto://…`; none: they are not reached so."),
    ]


class ChannelsAnswer(msgspec.Struct):
    """By which URLs of Apprise a user is reached, and how many browsers get Web Push."""

    apprise: list[str]
    webpush: int


class ChannelsApi:
    """The endpoints of channels.

    Args:
        store: where they are kept.
        apprise: whether there is Apprise.
    """

    def __init__(self, store: OfflineStore, *, apprise: bool) -> None:
        self._store = store
        self._apprise = apprise

    async def channels(self, asked: UserAsked) -> ChannelsAnswer:
        """By which ways a user is reached who is not here."""
        urls, subscriptions = await self._store.reached_by(_user_of(asked))
        return ChannelsAnswer(list(urls), len(subscriptions))

    async def set_channels(self, asked: UserAsked, body: ChannelsBody) -> ChannelsAnswer:
        """Replace the URLs by which a user is reached who is not here.

        Refused as `forbidden` while `ALSOHERE_APPRISE` is off. The URLs hold secrets, and are given back as they are.
        """
        user = _user_of(asked)
        if not self._apprise:
            raise Forbidden("Apprise is off: set ALSOHERE_APPRISE to switch it on.")
        urls = [check_apprise(url) for url in dict.fromkeys(body.apprise)]
        await self._store.set_apprise(user, urls)
        return await self.channels(asked)


def _user_of(asked: UserAsked) -> str:
    if not is_user_id(asked.id):
        raise BadRequest("id must be a user's: 1 to 128 bytes of text without control characters.")
    return asked.id


def channels_endpoints(store: OfflineStore, *, apprise: bool) -> list[Endpoint]:
    """The endpoints of channels."""
    api = ChannelsApi(store, apprise=apprise)
    return [
        Endpoint("GET", "/users/{id}/channels", api.channels, ["unavailable"], scope="users"),
        Endpoint("PUT", "/users/{id}/channels", api.set_channels, ["unavailable"], scope="users"),
    ]

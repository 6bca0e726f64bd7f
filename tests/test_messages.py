"""Messages, in the Python face: what an application does with inboxes, without a client."""

from __future__ import annotations

import asyncio

import pytest

from alsohere import AlsoHere, BadRequest, LimitReached, NotFound, Preferences, Quiet, User


def run(steps) -> None:
    asyncio.run(steps(AlsoHere(database_url="memory://", inbox=False)))


def test_what_was_sent_is_marked_and_says_whose_it_was():
    async def steps(here: AlsoHere) -> None:
        first = (await here.notify("ann", title="One", sender=User("ben", "Ben"))).id
        second = (await here.notify("ann", title="Two")).id
        marked = await here.mark("ann", "read", ids=[first, second, 10**9])
        assert [(receipt.id, receipt.sender) for receipt in marked.changed] == [(first, "ben"), (second, None)]
        assert marked.unread.total == 0
        assert (await here.mark("ann", "read")).changed == ()
        third = (await here.notify("ann", title="Three")).id
        assert [receipt.id for receipt in (await here.mark("ann", "unread", up_to=second)).changed] == [first, second]
        page = await here.inbox("ann", state="unread")
        assert [item.id for item in page.items] == [third, second, first]
        await here.notify("ann", title="Comment", topic="/posts/1")
        assert len((await here.mark("ann", "read", topic="/posts/1", category="message")).changed) == 1
        for nobodys in (first, 10**9):
            with pytest.raises(NotFound):
                await here.mark("ben", "read", ids=[nobodys])

    run(steps)


def test_data_is_given_back_as_it_was_given():
    async def steps(here: AlsoHere) -> None:
        sent = await here.notify("ann", data={"order": [7, None, "é"]})
        assert (await here.inbox("ann")).items[0].data == {"order": [7, None, "é"]}
        assert (await here.edit(sent.id, data=[1])).data == [1]
        assert (await here.edit(sent.id, data=None, title="x")).data is None

    run(steps)


def test_preferences_are_replaced_as_a_whole():
    async def steps(here: AlsoHere) -> None:
        assert await here.preferences(7) == Preferences()
        night = Quiet("22:00", "07:00", "Europe/Prague")
        wanted = Preferences(frozenset({"order"}), frozenset({"/posts/1"}), night)
        assert await here.set_preferences(7, categories=["order"], topics=["/posts/1"], quiet=night) == wanted
        assert await here.preferences("7") == wanted
        assert (await here.notify(7, title="Shipped", category="order")).results["7"].muted
        await here.set_preferences(7, categories=(), topics=wanted.topics, quiet=None)
        assert await here.preferences(7) == Preferences(topics=frozenset({"/posts/1"}))
        assert not (await here.notify(7, title="Shipped", category="order")).results["7"].muted

    run(steps)


def test_preferences_that_are_none_are_refused_and_change_nothing():
    async def steps(here: AlsoHere) -> None:
        kept = await here.set_preferences("ann", categories=["order"], topics=(), quiet=None)
        nothing = {"categories": (), "topics": (), "quiet": None}
        for wrong in (
            {"categories": ["No Such"]},
            {"topics": [""]},
            {"categories": "order"},
            {"topics": "/posts/1"},
            {"quiet": Quiet("7:00", "22:00", "UTC")},
            {"quiet": Quiet("22:00", "07:00", "Europe/Atlantis")},
        ):
            with pytest.raises(BadRequest):
                await here.set_preferences("ann", **nothing | wrong)
        with pytest.raises(LimitReached):
            await here.set_preferences("ann", **nothing | {"topics": [f"/{number}" for number in range(201)]})
        assert await here.preferences("ann") == kept
        with pytest.raises(BadRequest, match="user_id"):
            await here.preferences("~visitor")
        with pytest.raises(BadRequest, match="user_id"):
            await here.set_preferences("~visitor", **nothing)

    run(steps)


def test_a_marking_that_is_none_is_refused():
    async def steps(here: AlsoHere) -> None:
        with pytest.raises(LimitReached):
            await here.mark("ann", "read", ids=range(501))
        for wrong in ({"ids": [1], "up_to": 1}, {"ids": [-1]}, {"up_to": 2**53}):
            with pytest.raises(BadRequest):
                await here.mark("ann", "read", **wrong)

    run(steps)


@pytest.mark.parametrize("field", ["starts_at", "expires_at"])
def test_a_time_in_seconds_is_refused(field: str):
    """It would be in 1970: the notification over before anybody saw it, or begun at once."""

    async def steps(here: AlsoHere) -> None:
        with pytest.raises(BadRequest, match=rf"^{field}: milliseconds"):
            await here.announce(title="Maintenance", **{field: 2_000_000_000})
        sent = await here.announce(title="Maintenance", **{field: 2_000_000_000_000})
        if field == "expires_at":
            await here.edit(sent.id, expires_at=0)  # ended, as any time of the past does
        assert (await here.inbox("ann")).items == []

    run(steps)

"""What a command asks before it is carried out."""

from __future__ import annotations

import asyncio

import pytest

from support.simulation import World


@pytest.mark.parametrize(
    ("command", "argument", "asked"),
    [
        ("room:enter", {"room": "/a"}, ("enter", "/a")),
        ("room:watch", {"rooms": ["/a"]}, ("watch", "/a")),
        ("ranking:watch", {"prefix": "/p"}, ("ranking", "/p")),
        ("ranking:watch", {}, ("ranking", "")),
    ],
)
def test_the_application_is_asked(command, argument, asked):
    async def ask():
        world, questions = World(), []
        world.hooks.authorize = lambda user, action, room: questions.append((action, room))
        ann = world.client("ann")
        ack_id = ann.ask(command, argument)
        await asyncio.gather(*world.node.tasks)
        return questions, ann.acks[ack_id][0]["error"]["code"]

    assert asyncio.run(ask()) == ([asked], "forbidden")


@pytest.mark.parametrize(("rooms", "code", "questions"), [(["/a"] * 500, None, 1), ([f"/{n}" for n in range(500)], "limit", 0)])
def test_the_application_is_not_asked_more_often_than_a_connection_may_watch(rooms, code, questions):
    async def ask():
        world, asked = World(), []
        world.hooks.authorize = lambda user, action, room: asked.append(room) or True
        ann = world.client("ann")
        ack_id = ann.ask("room:watch", {"rooms": rooms})
        await asyncio.gather(*world.node.tasks)
        world.pass_time(0.2)
        return ann.acks[ack_id][0].get("error", {}).get("code"), len(asked)

    assert asyncio.run(ask()) == (code, questions)

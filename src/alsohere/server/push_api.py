"""Passing messages of a back end: any event, to whoever is there now."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from alsohere.errors import BadRequest, Refusal
from alsohere.node.hooks import check_event
from alsohere.node.node import Node
from alsohere.server.endpoint import Endpoint

MOST = 1000
EVERYBODY = "*"


class PushBody(msgspec.Struct, forbid_unknown_fields=True):
    """An event: its name, its arguments, and exactly one kind of receivers."""

    name: Annotated[str, Meta(min_length=1, max_length=128, description="Of the event, as clients listen for it.")]
    data: Annotated[Any, Meta(description="Its one argument. For several, or none, use `args`.")] = msgspec.UNSET
    args: Annotated[list[Any], Meta(max_length=64)] | None = None
    to: Annotated[list[Annotated[str, Meta(max_length=128)]], Meta(max_length=MOST, description="Users.")] | None = None
    rooms: Annotated[list[Annotated[str, Meta(max_length=200)]], Meta(max_length=MOST)] | None = None
    everyone: bool = False


class PushBatch(msgspec.Struct, forbid_unknown_fields=True):
    """Several."""

    pushes: Annotated[list[PushBody], Meta(max_length=MOST, description="One that is refused is refused alone.")]


class Reached(msgspec.Struct):
    """To how many connections it was sent; 0: absent."""

    connections: int


class Failure(msgspec.Struct):
    """Why an item of a batch was refused."""

    code: str
    detail: str


class PushAnswer(msgspec.Struct, omit_defaults=True):
    """What happened, by receiver; everyone is `*`."""

    results: dict[str, Reached] = {}
    error: Failure | None = None


class PushAnswers(msgspec.Struct):
    """An answer for each item, in order."""

    answers: list[PushAnswer]


class PushApi:
    """The endpoints of pushes.

    Args:
        node: whose connections are reached.
    """

    def __init__(self, node: Node) -> None:
        self._node = node

    def push(self, body: PushBody) -> PushAnswer:
        """Send a passing event to whoever is there now.

        Nothing is stored: who is absent has not got it. `results` says so. With `Idempotency-Key`, the same request again is
        answered as the first was, for ten minutes, and sends nothing.
        """
        return PushAnswer(self._push(body))

    def push_batch(self, body: PushBatch) -> PushAnswers:
        """Send up to 1,000 events; one that is refused is refused alone."""
        return PushAnswers([self._try(push) for push in body.pushes])

    def _try(self, body: PushBody | Refusal) -> PushAnswer:
        try:
            if isinstance(body, Refusal):
                raise body
            return PushAnswer(self._push(body))
        except Refusal as refusal:
            return PushAnswer(error=Failure(refusal.code, refusal.message))

    def _push(self, body: PushBody) -> dict[str, Reached]:
        try:
            check_event(body.name)
        except ValueError as error:
            raise BadRequest(f"name: {error}.") from None
        if (body.to is not None) + (body.rooms is not None) + body.everyone != 1:
            raise BadRequest("Name one kind of receivers: to, rooms or everyone.")
        if body.args is not None and body.data is not msgspec.UNSET:
            raise BadRequest("Give data or args, not both.")
        args = tuple(body.args) if body.args is not None else () if body.data is msgspec.UNSET else (body.data,)
        push = self._node.push
        if body.everyone:
            reached = {EVERYBODY: push.to_all(body.name, args)}
        elif body.to is not None:
            reached = push.to_users(body.to, body.name, args)
        else:
            reached = push.to_rooms(body.rooms or (), body.name, args)
        return {receiver: Reached(connections) for receiver, connections in reached.items()}


def push_endpoints(node: Node) -> list[Endpoint]:
    """The endpoints of pushes."""
    api = PushApi(node)
    return [
        Endpoint("POST", "/push", api.push, scope="push"),
        Endpoint("POST", "/push/batch", api.push_batch, scope="push", alone="pushes"),
    ]

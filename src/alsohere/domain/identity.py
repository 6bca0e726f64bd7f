"""Anonymous visitors: who they are to others.

Owns: the alias and the friendly name of somebody nobody vouches for.
Invariant: an alias is derived from the visitor's own id with the server's secret, so that knowing somebody's public id
lets nobody take their place (P9), and the same visitor has the same id in every tab.
"""

from __future__ import annotations

import hashlib
import hmac
import re

from alsohere.types import User

# \Z, not $: a trailing newline is not part of an id.
_VISITOR = re.compile(r"[A-Za-z0-9_-]{8,64}\Z")

_COLOURS = """
Amber Azure Coral Copper Crimson Golden Green Indigo Ivory Jade Lilac Lime Maroon Mint Navy Olive
Orange Pearl Pink Plum Purple Red Rose Ruby Rust Sand Scarlet Silver Teal Violet White Yellow
""".split()
_ANIMALS = """
Badger Bear Beaver Bison Cat Crane Deer Dolphin Dove Eagle Falcon Finch Fox Hare Hawk Heron
Ibis Jay Koala Lark Lynx Marten Mole Moose Otter Owl Panda Puffin Raven Robin Seal Swan
""".split()


def is_visitor_id(text: object) -> bool:
    """Whether `text` is an id that a browser may keep: 8 to 64 characters `[A-Za-z0-9_-]`."""
    return isinstance(text, str) and _VISITOR.match(text) is not None


def anonymous_user(visitor: str, secret: bytes) -> User:
    """The user that a visitor id stands for."""
    digest = hmac.digest(secret, b"visitor:" + visitor.encode(), hashlib.sha256)
    name = f"{_COLOURS[digest[-1] % len(_COLOURS)]} {_ANIMALS[digest[-2] % len(_ANIMALS)]}"
    return User(id="~" + digest[:9].hex(), name=name, anonymous=True)

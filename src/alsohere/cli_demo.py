"""Who the visitors of the sample site are.

They are users there, so that each of them has an inbox and may write to the others. That is fit for a sample only: whoever knows
a visitor id is that visitor. Rejected: a form to sign in with, for a site that one looks at for a minute.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from alsohere.app import AlsoHere
from alsohere.domain.identity import is_visitor_id
from alsohere.node.connection import Connection
from alsohere.types import User


def guests(here: AlsoHere) -> Callable[[Connection], User | None]:
    """An `authenticate` hook: visitors become users of the same name; tokens are verified as ever."""

    def guest(conn: Connection) -> User | None:
        if conn.token is not None:
            return here.tokens.vouch(conn.token).user
        visitor = conn.auth.get("visitor", secrets.token_urlsafe(16))
        if not is_visitor_id(visitor):
            return None
        anonymous = here.identities.visitor(visitor)
        return User(f"guest-{anonymous.id[1:]}", anonymous.name)

    return guest

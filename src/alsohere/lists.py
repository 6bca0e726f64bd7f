"""Where an application names several, it gives a list."""

from __future__ import annotations

from alsohere.errors import BadRequest


def check_list(names: object, what: str) -> None:
    """Raise BadRequest if it is one name.

    A string is a list of its letters: the message would go to others, and the "*" of "/docs/*" grants everything.

    Args:
        names: what was given.
        what: for what.
    """
    if isinstance(names, (str, bytes)):
        raise BadRequest(f"{what} takes a list, as in {what}=[{names!r}].")

"""Users with an inbox on a page, and who writes to them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from urllib.request import Request, urlopen

from alsohere import AlsoHere
from alsohere.client import AlsoHereClient
from support.servers import API_KEY, SECRET, ServerProcess

TOPIC = "/post/1"


def signed_in(user: str, elements: str) -> str:
    """What a page has in its body whose reader has logged in; the connection is in `window.here`."""
    token = AlsoHere(secret=SECRET).token(user, name=user.title())
    connect = f'import {{ connect }} from "/alsohere.js"; window.here = connect("/", {{ token: "{token}" }});'
    return f'<script type="module">{connect}</script>{elements}'


def office(site: ServerProcess) -> AlsoHereClient:
    """The back end of `site`."""
    return AlsoHereClient(site.url, API_KEY)


def wishes(site: ServerProcess, user: str, after: dict | None = None) -> dict:
    """What the server has kept of a user's preferences; `after`: when it was told these."""
    headers = {"X-API-Key": API_KEY, "Content-Type": "application/json"}
    body = None if after is None else json.dumps(after).encode()
    url = f"{site.url}/api/v1/users/{user}/preferences"
    with urlopen(Request(url, body, headers, method="GET" if body is None else "PUT")) as answer:
        return json.load(answer)


def muted(categories: Sequence[str] = (), topics: Sequence[str] = ()) -> dict:
    """Preferences with nothing but mutes."""
    return {"muted": {"categories": list(categories), "topics": list(topics)}, "quiet": None}


def fill(site: ServerProcess, user: str) -> None:
    """An inbox with some of everything: 9 unread."""
    back_end = office(site)
    ben = {"id": "ben", "name": "Ben Okafor"}
    back_end.notify(user, category="announcement", title="The shop is closed on Friday", body="We count the tea.")
    for number in range(4):
        back_end.notify(
            user, category="subscription", title=f"Comment {number} on “Water first”", topic=TOPIC, url=f"{TOPIC}#c{number}"
        )
    back_end.notify(
        user,
        category="system",
        title="A new browser has signed in",
        url="/account",
        body="Firefox, Linux.\nIf that was not you, change your password.",
    )
    back_end.notify(
        user, category="reminder", title="Order 2217 waits for your approval", url="/orders/2217", room="/orders/2217"
    )
    back_end.notify(user, category="message", body="Can you look at the kettle before noon? " * 6, sender=ben)
    back_end.notify(user, category="message", title="Lunch?", body="At one, at the corner.", sender=ben)

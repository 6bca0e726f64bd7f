"""What may be sent: sizes, names and text, checked before anything is kept.

Owns: the limits. What passes here can be stored by every store (no NUL, no half of an emoji, no number beyond 64 bits) and shown
to everybody. Whether a category exists, and whether this sender may, others decide.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from alsohere.domain.access import check_room
from alsohere.domain.identity import MAX_ID_BYTES
from alsohere.errors import BadRequest, LimitReached
from alsohere.notices import Audience, Draft, Edit, Filter, Marking

MOST_RECIPIENTS = 1000
MOST_MARKED = 500
MAX_TITLE_CHARACTERS = 500
MAX_BODY_BYTES = 16 * 1024
MAX_URL_CHARACTERS = 2000
MAX_DATA_BYTES = 16 * 1024
MAX_KEY_BYTES = 200
MAX_SENDER_BYTES = 4 * 1024
MAX_NUMBER = 2**53 - 1  # the largest that every client can hold
FIRST_MS = 100_000_000_000  # in 1973: what is below was meant as seconds, and would be over, or begin, at once
_ID = re.compile(r"[^\x00-\x1f\x7f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]+\Z")
_CATEGORY = re.compile(r"[a-z0-9][a-z0-9_.-]{0,49}\Z")
SCHEMES = ("https", "http", "mailto", "tel")
_SCHEME = re.compile(r" *([^/?#: ]*):")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")


def check_draft(draft: Draft) -> Draft:
    """The draft as it is kept: nobody is named twice.

    Raises:
        BadRequest: the sentence names the field and the fix.
        LimitReached: too many receivers.
    """
    check_category(draft.category)
    if draft.topic is not None:
        check_topic(draft.topic)
    _check_audience(draft)
    if not (draft.title or draft.body or draft.data is not None):
        raise BadRequest("title: a notification has a title, a body or data.")
    check_text("title", draft.title, MAX_TITLE_CHARACTERS)
    check_bytes("body", draft.body, MAX_BODY_BYTES)
    _check_url(draft.url or "")
    _check_data(draft.data)
    _check_sender(draft)
    if draft.room is not None:
        check_room(draft.room)
    if draft.key is not None:
        check_key(draft.key)
    _check_times(draft.starts_at, draft.expires_at)
    to = tuple(dict.fromkeys(draft.to))
    return draft if len(to) == len(draft.to) else msgspec.structs.replace(draft, to=to)


def check_clock(draft: Draft) -> Draft:
    """The same draft, if its times are of our days. For who sends; what an edit ends may end at any time.

    Raises:
        BadRequest: one is not; the sentence names it.
    """
    for field, at in (("starts_at", draft.starts_at), ("expires_at", draft.expires_at)):
        if type(at) is int and at < FIRST_MS:
            raise BadRequest(f"{field}: milliseconds since 1970; seconds are too few.")
    return draft


def check_edit(edit: Edit) -> Edit:
    """The same edit.

    Raises:
        BadRequest: the sentence names the field and the fix.
    """
    if isinstance(edit.title, str):
        check_text("title", edit.title, MAX_TITLE_CHARACTERS)
    if isinstance(edit.body, str):
        check_bytes("body", edit.body, MAX_BODY_BYTES)
    if isinstance(edit.url, str):
        _check_url(edit.url)
    if isinstance(edit.data, msgspec.Raw):
        _check_data(edit.data)
    if isinstance(edit.expires_at, int):
        _check_times(None, edit.expires_at)
    return edit


def check_filter(which: Filter) -> Filter:
    """The same filter.

    Raises:
        BadRequest: a name or a number that is none.
    """
    if which.category is not None:
        check_category(which.category)
    if which.topic is not None:
        check_topic(which.topic)
    if which.before is not None and not 0 <= which.before <= MAX_NUMBER:
        raise BadRequest("before: the id of a notification, a whole number.")
    return which


def check_marking(marking: Marking) -> Marking:
    """The same marking.

    Raises:
        BadRequest: ids and up_to, or a number that is no id.
        LimitReached: more than MOST_MARKED ids.
    """
    if marking.ids is not None and marking.up_to is not None:
        raise BadRequest("Give ids, or up_to, or neither for all.")
    if marking.ids is not None and len(marking.ids) > MOST_MARKED:
        raise LimitReached(f"ids: at most {MOST_MARKED} at a time; use up_to for more.")
    numbers = marking.ids if marking.ids is not None else () if marking.up_to is None else (marking.up_to,)
    if not all(0 <= number <= MAX_NUMBER for number in numbers):
        raise BadRequest("ids and up_to are ids of notifications: whole numbers.")
    if marking.category is not None:
        check_category(marking.category)
    if marking.topic is not None:
        check_topic(marking.topic)
    return marking


def check_user_id(user: str, field: str = "to") -> str:
    """The same id, if a user with an inbox can have it.

    Args:
        user: the id.
        field: where it stands.

    Raises:
        BadRequest: it is empty, too long, has control characters, or is that of an anonymous visitor.
    """
    if not isinstance(user, str) or not _ID.match(user) or len(user.encode()) > MAX_ID_BYTES:
        raise BadRequest(f"{field}: a user id is 1 to {MAX_ID_BYTES} bytes of text without control characters.")
    if user.startswith("~"):
        raise BadRequest(f"{field}: anonymous visitors have no inbox; push to them instead.")
    return user


def check_users(users: Sequence[str], field: str = "to") -> None:
    """Raise BadRequest or LimitReached unless these are some users' ids, not too many."""
    if len(users) > MOST_RECIPIENTS:
        raise LimitReached(f"{field}: at most {MOST_RECIPIENTS} users; send to a topic, or several times.")
    for user in users:
        check_user_id(user, field)


def check_topic(topic: str) -> str:
    """The same topic, if it is one.

    Raises:
        BadRequest: it is not.
    """
    try:
        check_room(topic)
    except BadRequest:
        raise BadRequest("topic: a topic is named like a room: 1 to 200 bytes of NFC text without control characters.") from None
    return topic


def check_category(category: str) -> str:
    """The same category, if it can be one.

    Raises:
        BadRequest: it cannot.
    """
    if not isinstance(category, str) or not _CATEGORY.match(category):
        raise BadRequest("category: a category is 1 to 50 of a-z, 0-9, _, . and -.")
    return category


def check_key(key: str) -> str:
    """The same key, if it is one.

    Raises:
        BadRequest: it is not.
    """
    if not isinstance(key, str) or not _ID.match(key) or len(key.encode()) > MAX_KEY_BYTES:
        raise BadRequest(f"key: a key is 1 to {MAX_KEY_BYTES} bytes of text without control characters.")
    return key


def check_text(field: str, text: str, most: int) -> None:
    """Raise BadRequest unless it is text of at most so many characters that can be kept."""
    if not isinstance(text, str) or len(text) > most or _UNSTORABLE.search(text):
        raise BadRequest(f"{field}: at most {most} characters of text, without NUL and unpaired surrogates.")


def check_bytes(field: str, text: str, most: int) -> None:
    """Raise BadRequest unless it is text of at most so many bytes that can be kept."""
    if not isinstance(text, str) or len(text) > most or _UNSTORABLE.search(text) or len(text.encode()) > most:
        raise BadRequest(f"{field}: at most {most} bytes of text, without NUL and unpaired surrogates.")


def _check_url(url: str) -> None:
    """Where a click leads is somebody else's word: never to a script. Browsers pass over spaces and line ends before a scheme."""
    check_text("url", url, MAX_URL_CHARACTERS)
    scheme = _SCHEME.match(url)
    if _CONTROLS.search(url) or (scheme is not None and scheme[1].lower() not in SCHEMES):
        raise BadRequest(f"url: a path, or begin with {', '.join(SCHEMES)} and a colon.")


def _check_audience(draft: Draft) -> None:
    if draft.audience == "users":
        if not draft.to:
            raise BadRequest("to: name at least one user.")
        check_users(draft.to)
    elif draft.to:
        raise BadRequest("to: name users, or the followers of a topic, or everyone; not two of them.")
    elif draft.audience == "topic" and draft.topic is None:
        raise BadRequest("topic: say whose followers.")
    if draft.among is not None:
        _check_among(draft.among, draft.audience)


def _check_among(among: str, audience: Audience) -> None:
    if audience != "everyone":
        raise BadRequest("among: goes with everyone, of whom it says which.")
    prefix = among.removesuffix("*") if isinstance(among, str) else ""
    if prefix == among or not prefix:
        raise BadRequest("among: the beginning of users' ids and *, as in acme:*.")
    check_user_id(prefix, "among")


def _check_data(data: msgspec.Raw | None) -> None:
    if data is not None and len(bytes(data)) > MAX_DATA_BYTES:
        raise BadRequest(f"data: at most {MAX_DATA_BYTES} bytes of JSON.")


def _check_sender(draft: Draft) -> None:
    sender = draft.sender
    if sender is None:
        return
    check_text("sender", sender.id, MAX_ID_BYTES)
    check_text("sender", sender.name, MAX_TITLE_CHARACTERS)
    try:
        size = len(msgspec.json.encode(sender))
    except (TypeError, ValueError, RecursionError):
        raise BadRequest("sender: its info is a JSON object.") from None
    if size > MAX_SENDER_BYTES:
        raise BadRequest(f"sender: at most {MAX_SENDER_BYTES} bytes of JSON.")


def _check_times(starts_at: int | None, expires_at: int | None) -> None:
    for field, at in (("starts_at", starts_at), ("expires_at", expires_at)):
        if at is not None and not (type(at) is int and 0 <= at <= MAX_NUMBER):
            raise BadRequest(f"{field}: milliseconds since 1970, a whole number.")
    if starts_at is not None and expires_at is not None and expires_at <= starts_at:
        raise BadRequest("expires_at: later than starts_at.")

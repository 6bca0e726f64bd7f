"""What can go wrong, whose fault it is, and what the client should do.

    AlsoHereError
    ├─ Refusal            a command is answered {"ok": false, "error": …}; the connection stays
    │   ├─ BadRequest     bad_request, bad_room, bad_lock, bad_state, bad_text, unknown_event (the sender: mend the message)
    │   ├─ Forbidden      forbidden                                                   (the sender: do not retry)
    │   ├─ NotFound       not_found                                                   (the sender: there is none, or no longer)
    │   ├─ NotInRoom      not_in_room                                                 (the sender: enter first)
    │   ├─ NotHolder      not_holder                                                  (the sender: acquire the lock first)
    │   ├─ NotWaiting     not_waiting                                                 (the sender: choose somebody who waits)
    │   ├─ LimitReached   limit, queue_full                                           (the sender: leave something first)
    │   ├─ RateExceeded   rate                                                        (the sender: retry after a while)
    │   ├─ Unavailable    unavailable                                                 (us: retry; our log says why)
    │   ├─ Unauthenticated  unauthenticated, token_expired                            (the sender: fetch a new token)
    │   └─ (itself)       bad_auth (the sender: mend the CONNECT payload), internal   (the application: see its log)
    ├─ Disconnect         the connection ends with a close code
    │   └─ PacketError    4400: the bytes are not the protocol
    └─ ConfigError        the integrator's settings do not fit together

Codes are stable; the sentence beside them says the fix and may change.
"""

from __future__ import annotations

from enum import IntEnum


class CloseCode(IntEnum):
    """WebSocket close codes that we send. 44xx are ours; a socket.io client reconnects after each of them.

    Staying away is asked for by a namespace DISCONNECT or CONNECT_ERROR packet before the close, not by the code.
    """

    NORMAL = 1000
    GOING_AWAY = 1001
    PROTOCOL = 1002
    UNSUPPORTED = 1003
    INVALID_TEXT = 1007
    POLICY = 1008
    TOO_BIG = 1009
    INTERNAL = 1011
    RESTART = 1012
    TRY_LATER = 1013
    BAD_PACKET = 4400
    UNAUTHENTICATED = 4401
    FORBIDDEN = 4403
    TOO_SLOW = 4408
    LIMIT = 4413
    RATE = 4429


class AlsoHereError(Exception):
    """The root of everything that this package raises on purpose."""


class Refusal(AlsoHereError):
    """A command was refused and nothing changed.

    Args:
        message: one sentence that says the fix.
        code: overrides the class's code.
        retry_after_ms: when trying again can help.
    """

    code = "refused"

    def __init__(self, message: str, *, code: str | None = None, retry_after_ms: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after_ms = retry_after_ms
        if code is not None:
            self.code = code


class BadRequest(Refusal):
    """The argument is not what the command takes."""

    code = "bad_request"


class Forbidden(Refusal):
    """This user may not do this here. The same answer whether or not the room exists."""

    code = "forbidden"


class NotFound(Refusal):
    """There is no such thing, or no longer, or it is not this user's: the answers are alike."""

    code = "not_found"


class NotInRoom(Refusal):
    """The connection never entered, or has left already."""

    code = "not_in_room"


class NotHolder(Refusal):
    """Who asks does not hold the lock, or held it under another fence."""

    code = "not_holder"


class NotWaiting(Refusal):
    """A lock can only be handed to somebody who waits for it."""

    code = "not_waiting"


class LimitReached(Refusal):
    """A configured limit would be passed."""

    code = "limit"


class RateExceeded(Refusal):
    """Too many commands in too short a time."""

    code = "rate"


class Unavailable(Refusal):
    """The database cannot be used right now, and so nothing was acknowledged.

    Nothing was changed either, unless the database fell silent in the middle of a commit: then nobody knows before it is back.

    Args:
        message: one sentence.
        retry_after_ms: when trying again can help.
    """

    code = "unavailable"

    def __init__(self, message: str, *, retry_after_ms: int = 1000) -> None:
        super().__init__(message, retry_after_ms=retry_after_ms)


class Unauthenticated(Refusal):
    """The token is missing, forged or expired."""

    code = "unauthenticated"


class Disconnect(AlsoHereError):
    """The connection has to end.

    Args:
        close_code: the WebSocket close code; a polling client gets the Engine.IO close packet.
        reason: for logs and the close frame, at most 120 bytes.
        stay_away: send namespace DISCONNECT first, so that a socket.io client does not reconnect.
    """

    def __init__(self, close_code: CloseCode, reason: str, *, stay_away: bool = False) -> None:
        super().__init__(reason)
        self.close_code = close_code
        self.reason = reason
        self.stay_away = stay_away


class PacketError(Disconnect):
    """The bytes are not the protocol. The only exception that the decoders raise."""

    def __init__(self, reason: str, close_code: CloseCode = CloseCode.BAD_PACKET) -> None:
        super().__init__(close_code, reason)


class ConfigError(AlsoHereError):
    """The settings do not fit together; the message names the setting and the fix."""

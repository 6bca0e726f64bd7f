"""One endpoint of the HTTP API: what it is asked with and answers, read from the signature of the function that serves it.

Owns: paths (which request is meant), parameters and bodies (what is refused, and the sentence).
Invariants: nothing reaches the function that its types do not allow; what is refused changes nothing. One declaration makes
the check and the documentation (server/openapi.py), so they cannot differ.
Rejected: a library for it, see docs/decisions/0008-openapi.md. Starlette's paths: they match the decoded path, in which the
lock `a/check` and the question `check` about the lock `a` are the same; here `%2F` belongs to a name and `/` may.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import cleandoc, signature
from typing import Any, Literal, NamedTuple, get_type_hints
from urllib.parse import unquote

import msgspec
from starlette.datastructures import QueryParams

from alsohere.domain.api_key import Scope
from alsohere.errors import BadRequest
from alsohere.wire.faults import describe, plain, rule_of
from alsohere.wire.keys import has_twin_keys

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
PREFIX = "/api/v1"
MAX_BODY_BYTES = 1024 * 1024


class Parameter(NamedTuple):
    """One field of the Struct that an endpoint is asked with."""

    field: str
    name: str  # in the path or the query
    place: Literal["path", "query"]
    type: Any
    required: bool
    rule: str  # the end of "limit must be …"


class Endpoint:
    """A method and a path, and the function that answers.

    Args:
        method: GET, POST, PUT, PATCH or DELETE.
        path: below `/api/v1`; at most one `{variable}`.
        handler: a function or coroutine function; see server/http_api.py.
        errors: the codes of the refusals that are its own; those of the key, of parameters and of bodies are added.
        scope: what a key must be for; only `admin` may do what nobody has said anything about.
        public: it is answered without the key.
        asks: a POST that changes nothing. It is answered anew each time, whatever its `Idempotency-Key`.
        alone: the field of the body whose items are read each alone: where one is wrong, its refusal stands in the list.
    """

    def __init__(
        self,
        method: Method,
        path: str,
        handler: Callable[..., Any],
        errors: Sequence[str] = (),
        *,
        scope: Scope = "admin",
        public: bool = False,
        asks: bool = False,
        alone: str = "",
    ) -> None:
        self.method = method
        self.path = path
        self.handler = handler
        self.scope = scope
        self.public = public
        self.alone = alone
        types = get_type_hints(handler, include_extras=True)
        taken = signature(handler).parameters
        assert set(taken) <= {"asked", "body", "key"}, f"{handler} takes `asked`, `body` and `key`, and no other"
        self.takes_key = "key" in taken
        self.asked: type[msgspec.Struct] | None = types["asked"] if "asked" in taken else None
        self.body: type[msgspec.Struct] | None = types["body"] if "body" in taken else None
        self.answer: type = types["return"]
        doc = cleandoc(handler.__doc__ or handler.__name__)  # no docstrings with -OO
        self.summary, _, self.description = (part.strip() for part in doc.partition("\n"))
        self.parameters = _parameters(self.asked, path) if self.asked else []
        self.takes_idempotency_key = method == "POST" and not asks
        own = {*errors, "bad_request"} | ({"key_used"} if self.takes_idempotency_key else set())
        own |= set() if public else {"unauthenticated", "forbidden", "rate", "unavailable"}
        self.errors = sorted(own | {"too_large"} if self.body else own)

    @property
    def name(self) -> str:
        """The function's name: the operation's id."""
        return self.handler.__name__

    def read(self, variable: str | None, query: QueryParams) -> dict[str, Any]:
        """The argument `asked`.

        Args:
            variable: the path's, decoded.
            query: the query.

        Raises:
            BadRequest: a parameter is missing, unknown, given twice or out of its range.
        """
        _check_names(self.parameters, query)
        if self.asked is None:
            return {}
        values = {}
        for parameter in self.parameters:
            text = variable if parameter.place == "path" else query.get(parameter.name)
            if text is not None:
                values[parameter.field] = _convert(parameter, text)
            elif parameter.required:
                raise BadRequest(f"{parameter.name} is missing; it must be {parameter.rule}.")
        return {"asked": self.asked(**values)}

    def read_body(self, body: bytes) -> dict[str, Any]:
        """The argument `body`.

        Raises:
            BadRequest: it is not JSON, or a field is not what it must be; the sentence names the field.
        """
        if self.body is None:
            return {}
        try:
            value = msgspec.json.decode(body)
            if has_twin_keys(body, value):
                raise BadRequest("One key stands twice in an object.")
            return {"body": self._with_items(value) if self.alone else read_struct(value, self.body)}
        except msgspec.ValidationError as error:  # a number that is too long to be read
            raise BadRequest(describe(error, self.body)) from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BadRequest(f"The body is not JSON: {error}.") from None
        except RecursionError:
            raise BadRequest("The body is nested too deeply.") from None

    def _with_items(self, value: Any) -> msgspec.Struct:
        assert self.body is not None
        items, types = value.get(self.alone) if isinstance(value, dict) else None, _types_of(self.body)[self.alone]
        assert isinstance(types, msgspec.inspect.ListType)
        assert isinstance(types.item_type, msgspec.inspect.StructType)
        if not isinstance(items, list) or len(items) > (types.max_length or 0):
            return read_struct(value, self.body)  # which refuses it
        body = read_struct(value | {self.alone: []}, self.body)
        setattr(body, self.alone, [_struct_or_refusal(one, types.item_type.cls) for one in items])
        return body


class Template:
    """A path with at most one variable, which takes whatever stands between what is before and behind it."""

    def __init__(self, path: str) -> None:
        before, variable, behind = path.partition("{")
        self.before = before.strip("/").split("/")
        self.behind = behind.partition("}")[2].strip("/").split("/") if behind.partition("}")[2] else []
        self.has_variable = bool(variable)
        # Of two paths that both match, the more special is meant: one without a variable, then one with more behind it.
        self.generality = (self.has_variable, -len(self.behind))

    def match(self, segments: list[str]) -> str | Literal[False] | None:
        """The variable's text, still encoded; None if there is no variable; False if the path is another."""
        if not self.has_variable:
            return None if segments == self.before else False
        end = len(segments) - len(self.behind)
        if end <= len(self.before) or segments[: len(self.before)] != self.before or segments[end:] != self.behind:
            return False
        return "/".join(segments[len(self.before) : end])


def segments_of(path: str, raw_path: bytes | None) -> list[str]:
    """The segments of a path as the client encoded them.

    Args:
        path: below the mount point, decoded.
        raw_path: the whole, as sent; servers may leave it out, and then `/` in names cannot be told from the path's own.
    """
    raw = (raw_path or b"").decode("latin-1").partition("?")[0]
    whole = unquote(raw)
    if not whole.endswith(path):
        return path.split("/")[1:]
    mount = whole[: len(whole) - len(path)]
    return raw.split("/")[1 + mount.count("/") :]


def decode_variable(text: str) -> str:
    """A variable's text, decoded.

    Raises:
        BadRequest: it is not UTF-8.
    """
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise BadRequest("The path is not UTF-8, percent-encoded.") from None


def _parameters(asked: type[msgspec.Struct], path: str) -> list[Parameter]:
    types = get_type_hints(asked, include_extras=True)
    found = []
    for field in msgspec.structs.fields(asked):
        name, place = field.encode_name, "path" if f"{{{field.encode_name}}}" in path else "query"
        rule = rule_of(msgspec.inspect.type_info(types[field.name]))
        found.append(Parameter(field.name, name, place, types[field.name], field.required, rule))  # type: ignore[arg-type]
    return found


def _check_names(parameters: list[Parameter], query: QueryParams) -> None:
    known = [parameter.name for parameter in parameters if parameter.place == "query"]
    for name in query:
        if name not in known:
            takes = f"this takes {', '.join(known)}" if known else "this takes none"
            raise BadRequest(f"There is no parameter {name[:50]!r}; {takes}.")
        if len(query.getlist(name)) > 1:
            raise BadRequest(f"{name} is given more than once.")


def _convert(parameter: Parameter, text: str) -> Any:
    try:
        value = msgspec.convert(text, parameter.type, strict=False)
        # Lax also reads 1e3 and 1.0 as whole numbers, and null as nothing; nobody means to write a limit so.
        if value is not None and (type(value) is not int or text.lstrip("-").isdigit()):
            return value
    except (msgspec.ValidationError, UnicodeEncodeError):
        pass
    raise BadRequest(f"{parameter.name} must be {parameter.rule}.")


def read_struct(value: Any, kind: type[msgspec.Struct]) -> msgspec.Struct:
    """JSON as a Struct.

    Raises:
        BadRequest: something is not what it must be; the sentence names the field.
    """
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError:
        pass
    info = msgspec.inspect.type_info(kind)
    try:
        return msgspec.convert(_with_whole_numbers(value, info), kind)
    except msgspec.ValidationError as error:
        raise BadRequest(describe(error, kind)) from None


def _struct_or_refusal(value: Any, kind: type[msgspec.Struct]) -> msgspec.Struct | BadRequest:
    try:
        return read_struct(value, kind)
    except BadRequest as refusal:
        return refusal


def _types_of(kind: type[msgspec.Struct]) -> dict[str, msgspec.inspect.Type]:
    info = msgspec.inspect.type_info(kind)
    assert isinstance(info, msgspec.inspect.StructType)
    return {field.encode_name: plain(field.type) for field in info.fields}


def _with_whole_numbers(value: Any, info: msgspec.inspect.Type) -> Any:
    """1.0 is an integer in JSON Schema, and some languages write their integers so. What may be any JSON stays as it is."""
    if isinstance(info, msgspec.inspect.Metadata):
        return _with_whole_numbers(value, info.type)
    if isinstance(info, msgspec.inspect.UnionType):
        for option in info.types:
            value = _with_whole_numbers(value, option)
    elif isinstance(info, msgspec.inspect.StructType) and isinstance(value, dict):
        types = {field.encode_name: field.type for field in info.fields}
        return {key: _with_whole_numbers(one, types[key]) if key in types else one for key, one in value.items()}
    elif isinstance(info, msgspec.inspect.ListType) and isinstance(value, list):
        return [_with_whole_numbers(one, info.item_type) for one in value]
    elif isinstance(info, msgspec.inspect.IntType) and isinstance(value, float) and value.is_integer():
        return int(value)
    return value

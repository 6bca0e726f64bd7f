"""What is wrong with JSON that should have been one of our Structs: one sentence, for who has sent it."""

from __future__ import annotations

import re
from functools import cache

import msgspec

_info = cache(msgspec.inspect.type_info)


def describe(error: msgspec.ValidationError, kind: type) -> str:
    """The sentence: where, and what it must be.

    Args:
        error: what msgspec says. Of a word that is not allowed it repeats the word, however long, and names none that are.
        kind: the type that was expected.
    """
    wrong, _, place = str(error).partition(" - at `$")  # "Expected `int`, got `str` - at `$.fence`"
    where = place.strip("`.")
    if wrong.startswith("Invalid enum value"):
        wrong = f"must be {rule_of(_type_at(_info(kind), where))}"
    return f"{where}: {wrong}." if where else f"{wrong}."


def rule_of(info: msgspec.inspect.Type) -> str:
    """The end of "it must be …"."""
    if isinstance(info, msgspec.inspect.Metadata):
        return rule_of(info.type)
    if isinstance(info, msgspec.inspect.UnionType):
        return " or ".join(rule_of(one) for one in info.types if not isinstance(one, msgspec.inspect.NoneType))
    if isinstance(info, msgspec.inspect.LiteralType):
        return "one of " + ", ".join(map(str, info.values))
    if isinstance(info, (msgspec.inspect.IntType, msgspec.inspect.FloatType)):
        if info.ge is None:
            return "a number"
        return f"a number from {info.ge}" + (f" to {info.le}" if info.le is not None else "")
    if isinstance(info, msgspec.inspect.StrType) and info.max_length is not None:
        return f"a text of {info.min_length or 0} to {info.max_length} characters"
    if isinstance(info, msgspec.inspect.DateType):
        return "a day (YYYY-MM-DD)"
    return "true or false" if isinstance(info, msgspec.inspect.BoolType) else "a text"


def plain(info: msgspec.inspect.Type) -> msgspec.inspect.Type:
    """A type without its bounds."""
    return plain(info.type) if isinstance(info, msgspec.inspect.Metadata) else info


def _type_at(info: msgspec.inspect.Type, where: str) -> msgspec.inspect.Type:
    """The type of what stands at a place, as in `pushes[3].to`."""
    for name in re.findall(r"\w+|\[", where):
        info = plain(info)
        if isinstance(info, msgspec.inspect.UnionType):
            info = next(one for one in info.types if isinstance(one, (msgspec.inspect.StructType, msgspec.inspect.ListType)))
        if isinstance(info, msgspec.inspect.StructType) and not name.isdigit():
            info = next(field.type for field in info.fields if field.encode_name == name)
        elif isinstance(info, msgspec.inspect.ListType) and name == "[":
            info = info.item_type
    return info

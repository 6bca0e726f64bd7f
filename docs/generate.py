"""The parts of docs/reference that the code knows best: `python docs/generate.py` writes them where the pages ask for them.

A page asks with `<!-- begin: settings -->` and `<!-- end -->`; what stands between the two is replaced.
tests/test_docs.py fails if a page would change.
"""  # noqa: INP001 - a script, not a package

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import click
from pydantic import SecretStr
from pydantic.fields import FieldInfo

import alsohere
from alsohere import cli
from alsohere.config import PREFIX, Config, environment_names
from alsohere.server import metrics
from alsohere.server.http_api import ApiRoute

REFERENCE = Path(__file__).parent / "reference"
BLOCK = re.compile(r"(<!-- begin: (\w+)(?: ([\w. ]+))? -->\n).*?(<!-- end -->)", re.DOTALL)
SECTIONS = {"Args": "Takes", "Attributes": "Has", "Returns": "Gives", "Raises": "Raises"}


# -- Settings ----------------------------------------------------------------------------------------------------------


def settings() -> str:
    """A table for each group of settings; the groups are the headings in the source."""
    lines: list[str] = []
    for line in inspect.getsource(Config).splitlines():
        if heading := re.match(r"    # -- (.*?) -+$", line):
            lines += ["", f"## {heading[1]}", "", "| variable | type and range | default | meaning |", "|---|---|---|---|"]
        elif (field := re.match(r"    (\w+): ", line)) and field[1] in Config.model_fields:
            lines.append(_setting(field[1], Config.model_fields[field[1]]))
    return "\n".join(lines) + "\n"


def _setting(name: str, field: FieldInfo) -> str:
    aliases = [alias for alias, setting in environment_names().items() if setting == name]
    variables = ", or ".join(f"`{alias}`" for alias in sorted(aliases, key=lambda alias: not alias.startswith(PREFIX)))
    default = field.default.get_secret_value() if isinstance(field.default, SecretStr) else field.default
    default = (
        "none" if default in (None, ()) else f"`{' '.join(default) if isinstance(default, tuple) else str(default).lower()}`"
    )
    return f"| {variables} | {_type(field)} | {default} | {field.description} |"


def _type(field: FieldInfo) -> str:
    # The annotation without its None and its checks: tuple, bool, int, float or text.
    kind = next((part for part in get_args(field.annotation) if part is not type(None)), field.annotation)
    if get_origin(field.annotation) is tuple or field.default == ():
        return "list"
    shown = {bool: "0 or 1", int: "whole number", float: "number"}.get(kind, "text")
    bounds = {name: getattr(limit, name) for limit in field.metadata for name in ("ge", "gt", "le") if hasattr(limit, name)}
    if "le" in bounds:
        return f"{shown}, {bounds['ge']} to {bounds['le']}"
    if "gt" in bounds:
        return f"{shown}, above {bounds['gt']}"
    return f"{shown}, {bounds['ge']} or more" if bounds else shown


# -- Metrics -----------------------------------------------------------------------------------------------------------


def counters() -> str:
    """A row for each metric."""
    lines = ["| metric | kind | what it counts |", "|---|---|---|"]
    lines += [f"| `{name}` | gauge | {text} |" for name, text in metrics.GAUGES.items()]
    lines += [f"| `{name}_total` | counter | {text} |" for name, text in metrics.COUNTERS.items()]
    lines += [f"| `{name}` | histogram | {text} |" for name, text in metrics.HISTOGRAMS.items()]
    return "\n".join(lines) + "\n"


# -- Command line ------------------------------------------------------------------------------------------------------


def commands() -> str:
    """What `--help` says, for each command."""
    return "\n".join(_help(name, command) for name, command in sorted(cli.main.commands.items()))


def _help(name: str, command: click.Command) -> str:
    group = click.Context(cli.main, info_name="alsohere", **cli.main.context_settings)
    context = click.Context(command, parent=group, info_name=name, terminal_width=100, max_content_width=100)
    help_ = f"### {name}\n\n```text\n{command.get_help(context)}\n```\n"
    parts = sorted(command.commands.items()) if isinstance(command, click.Group) else []
    return "\n".join([help_, *(_help(f"{name} {part}", inner) for part, inner in parts)])


# -- Python ------------------------------------------------------------------------------------------------------------


def python(name: str, part: str | None = None) -> str:
    """A class, with the signature and the docstring of every public member; or what it has of one of its bases."""
    cls = getattr(alsohere, name)
    parts = [docstring(cls)]
    if part is not None:
        cls = next(base for base in cls.__mro__ if base.__name__ == part)
        parts = []
    for attribute, value in members(cls):
        if isinstance(value, property):
            parts.append(f"### {name}.{attribute}\n\n{docstring(value)}")
        else:
            parts.append(f"### {name}.{attribute}\n\n```text\n{signature(attribute, value)}\n```\n\n{docstring(value)}")
    return "\n".join(parts)


def members(cls: type) -> Iterator[tuple[str, Any]]:
    """Public functions and properties, in the order of the source."""
    for attribute, value in vars(cls).items():
        plain = value.__func__ if isinstance(value, classmethod | staticmethod) else value
        if not attribute.startswith("_") and (inspect.isfunction(plain) or isinstance(plain, property)):
            yield attribute, plain


def signature(name: str, function: Any) -> str:
    """As one calls it."""
    taken = inspect.signature(function)
    if list(taken.parameters) == ["self", "function"]:
        return f"@{name}"
    parameters = [
        part.replace(annotation=Bare(part.annotation)) for part in taken.parameters.values() if part.name not in ("self", "cls")
    ]
    shown = taken.replace(parameters=parameters, return_annotation=Bare(taken.return_annotation))
    return f"{'async def' if inspect.iscoroutinefunction(function) else 'def'} {name}{shown}"


class Bare(str):
    """An annotation that is shown without quotes."""

    __slots__ = ()

    __repr__ = str.__str__


def docstring(thing: Any) -> str:
    """A docstring as Markdown: its sections become lists."""
    lines: list[str] = []
    within = ""
    for line in (inspect.getdoc(thing) or "").splitlines():
        section = re.fullmatch(r"(\w+):", line)
        item = re.fullmatch(r"    (\w[\w, ]*): (.*)", line)
        if section and section[1] in SECTIONS:
            within = section[1]
            lines += [f"{SECTIONS[within]}:", ""]
        elif item and within != "Returns":
            lines.append("- " + ", ".join(f"`{name}`" for name in item[1].split(", ")) + f": {item[2]}")
        elif line.startswith("    ") and lines and lines[-1].startswith("- "):
            lines[-1] += " " + line.strip()
        else:
            lines.append(line.strip())
    return "\n".join(lines) + "\n"


# -- HTTP --------------------------------------------------------------------------------------------------------------


COMMON = {"bad_request", "unauthenticated", "forbidden", "rate", "unavailable", "too_large", "key_used"}


def endpoints() -> str:
    """Every endpoint of the API, and what is in their answers, from the document that the server gives."""
    here = alsohere.AlsoHere(dev=True, database_url="memory://")
    document = next(route.api.document for route in here._router.routes if isinstance(route, ApiRoute))
    schemas = document["components"]["schemas"]
    operations = [
        (f"{method.upper()} {path}", found) for path, all_ in document["paths"].items() for method, found in all_.items()
    ]
    parts = [_endpoint(title, operation, schemas) for title, operation in operations]
    parts += ["### What is in answers\n", "| name | fields | meaning |", "|---|---|---|"]
    own = {
        _name(content) for _, operation in operations for content in (operation.get("requestBody"), operation["responses"]["200"])
    }
    return "\n".join([*parts, *(_row(name, schema) for name, schema in schemas.items() if name not in own)]) + "\n"


def _endpoint(title: str, operation: dict[str, Any], schemas: dict[str, Any]) -> str:
    lines = [f"### {title}", "", _flat(f"{operation['summary']} {operation.get('description', '')}"), ""]
    lines += [_parameter(parameter) for parameter in operation.get("parameters", []) if parameter["in"] != "header"]
    if "requestBody" in operation:
        body = schemas[_name(operation["requestBody"])]
        described = [f" `{name}`: {text}" for name, field in body["properties"].items() if (text := _description(field))]
        lines += [f"- body: `{_shape(body)}`.{''.join(described)}"]
    if answer := schemas.get(_name(operation["responses"]["200"])):
        lines += ["", f"Answers `{_shape(answer)}`. {_flat(answer['description'])}"]
    errors = [
        code
        for found in operation["responses"].values()
        for code in re.findall(r"`(\w+)`", found["description"].partition(": ")[2])
    ]
    if own := [f"`{code}`" for code in errors if code not in COMMON]:
        lines += ["", f"May refuse with {', '.join(own)}."]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)) + "\n"


def _parameter(parameter: dict[str, Any]) -> str:
    schema = parameter["schema"]
    default = f", by default {schema['default']}" if "default" in schema else ""
    return f"- `{parameter['name']}`: {_type_of(schema)}{default}. {parameter['description']}"


def _row(name: str, schema: dict[str, Any]) -> str:
    first = re.split(r"\.\s", schema["description"])[0].rstrip(".")
    return f"| {name} | `{_shape(schema)}` | {_flat(first)} |"


def _shape(schema: dict[str, Any]) -> str:
    """An object with its fields; what may be left out has a question mark."""
    optional = {name: "" if name in schema.get("required", []) else "?" for name in schema["properties"]}
    return "{" + ", ".join(f"{name}{optional[name]}: {_type_of(field)}" for name, field in schema["properties"].items()) + "}"


def _type_of(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return schema["$ref"].rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(_type_of(one) for one in schema["anyOf"])
    if "enum" in schema:
        return " or ".join("null" if value is None else f'"{value}"' for value in schema["enum"])
    if schema.get("type") == "array":
        return f"[{_type_of(schema.get('items', {}))}]"
    if "$ref" in (values := schema.get("additionalProperties") or {}):
        return f"object of {_type_of(values)}"
    least, most = schema.get("minimum", schema.get("minLength", 0)), schema.get("maximum", schema.get("maxLength"))
    if schema.get("format") == "date":
        return "day"
    unit = " characters" if "maxLength" in schema else ""
    bounds = f", {least} to {most}{unit}" if most is not None else ""
    return {"string": "text", "integer": "whole number"}.get(schema.get("type", "any"), schema.get("type", "any")) + bounds


def _description(field: dict[str, Any]) -> str:
    return next((one["description"] for one in [field, *field.get("anyOf", [])] if "description" in one), "")


def _flat(text: str) -> str:
    return " ".join(text.split())


def _name(holder: dict[str, Any] | None) -> str:
    """The Struct of a body or an answer."""
    return holder["content"]["application/json"]["schema"].get("$ref", "").rpartition("/")[2] if holder else ""


# -- Pages -------------------------------------------------------------------------------------------------------------

PARTS = {"settings": settings, "metrics": counters, "commands": commands, "python": python, "endpoints": endpoints}


def renewed(text: str) -> str:
    """A page with its generated parts made anew."""

    def part(found: re.Match[str]) -> str:
        arguments = found[3].split() if found[3] else []
        return f"{found[1]}{PARTS[found[2]](*arguments).strip()}\n{found[4]}"

    return BLOCK.sub(part, text)


def pages() -> Iterator[Path]:
    """The pages that ask for something."""
    return (page for page in sorted(REFERENCE.glob("*.md")) if BLOCK.search(page.read_text()))


def main() -> None:
    for page in pages():
        page.write_text(renewed(page.read_text()))


if __name__ == "__main__":
    main()

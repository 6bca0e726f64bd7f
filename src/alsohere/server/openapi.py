"""The OpenAPI 3.1 document, made from the endpoints and the Structs that they are asked and answered with.

msgspec writes JSON Schema 2020-12, which is the schema language of OpenAPI 3.1, so schemas are taken as they are. Why no
library: docs/decisions/0008-openapi.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from inspect import cleandoc
from typing import Any

import msgspec

from alsohere import __about__
from alsohere.server.endpoint import PREFIX, Endpoint, Parameter
from alsohere.server.idempotency import KEY_PATTERN
from alsohere.server.problems import TITLES, Problem, status_of

REF = "#/components/schemas/{name}"
KEYS = {"bearer": {"type": "http", "scheme": "bearer"}, "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"}}
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Of your choice: the same request with the same key is answered as the first was, and does nothing.",
    "schema": {"type": "string", "pattern": f"^{KEY_PATTERN}$"},
}
DESCRIPTION = (
    "Every request carries a key, as `Authorization: Bearer …` or as `X-API-Key`: that of `ALSOHERE_API_KEY`, which may do "
    "everything, or one of `alsohere key create`, with the scope that is named. "
    "Errors are `application/problem+json`, whose `code` is stable and whose `detail` says the fix."
)


def document_of(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """The OpenAPI document of some endpoints, in the order in which they are to be read."""
    names = [endpoint.name for endpoint in endpoints]
    assert len(set(names)) == len(names), f"two endpoints have the same name: {sorted(names)}"
    structs = [one for endpoint in endpoints for one in (endpoint.answer, endpoint.body) if one is not None]
    schemas = _schemas([*structs, Problem])[1]
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(PREFIX + endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {"title": "alsohere", "version": __about__.VERSION, "description": DESCRIPTION},
        "servers": [{"url": "../.."}],  # from /api/v1/openapi.json, wherever that is mounted
        "security": [{name: []} for name in KEYS],
        "tags": [{"name": tag} for tag in dict.fromkeys(map(_tag, endpoints))],
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": KEYS},
    }


def _tag(endpoint: Endpoint) -> str:
    return endpoint.path.split("/")[1].removesuffix(".json")


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    operation: dict[str, Any] = {"operationId": endpoint.name, "summary": endpoint.summary, "tags": [_tag(endpoint)]}
    if endpoint.public:
        operation["security"] = []
    else:
        operation["security"] = [{name: [endpoint.scope]} for name in KEYS]
    needs = "" if endpoint.public else f"Needs a key with the scope `{endpoint.scope}`."
    if description := "\n\n".join(part for part in (endpoint.description, needs) if part):
        operation["description"] = description
    parameters = [_parameter(parameter, endpoint.asked) for parameter in endpoint.parameters]
    parameters += [IDEMPOTENCY_KEY] if endpoint.takes_idempotency_key else []
    if parameters:
        operation["parameters"] = parameters
    if endpoint.body is not None:
        operation["requestBody"] = {"required": True, "content": _content("application/json", endpoint.body)}
    return operation | {"responses": _responses(endpoint)}


def _parameter(parameter: Parameter, asked: type[msgspec.Struct] | None) -> dict[str, Any]:
    assert asked is not None
    schema = _without_null(_schemas([parameter.type])[0])
    described = {"description": schema.pop("description")} if "description" in schema else {}
    if "enum" in schema and all(isinstance(value, str) for value in schema["enum"]):
        schema["type"] = "string"
    if not parameter.required:
        default = next(field.default for field in msgspec.structs.fields(asked) if field.name == parameter.field)
        schema |= {} if default in (None, "") else {"default": msgspec.to_builtins(default)}
    place = {"name": parameter.name, "in": parameter.place, "required": parameter.required}
    return place | described | {"schema": schema}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """`None` as a default means "left out": no text in a URL is null."""
    options = [one for one in schema.get("anyOf", []) if one != {"type": "null"}]
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    return schema if not options else rest | (options[0] if len(options) == 1 else {"anyOf": options})


def _responses(endpoint: Endpoint) -> dict[str, Any]:
    answer = (endpoint.answer.__doc__ or "").partition("\n")[0] or "The answer."
    responses: dict[str, Any] = {"200": {"description": answer, "content": _content("application/json", endpoint.answer)}}
    codes: dict[int, list[str]] = {}
    for code in endpoint.errors:
        codes.setdefault(status_of(code), []).append(code)
    for status, known in sorted(codes.items()):
        described = f"{TITLES[status]}: " + ", ".join(f"`{code}`" for code in sorted(known))
        content = _content("application/problem+json", Problem)
        content["application/problem+json"]["example"] = Problem(
            TITLES[status], status, "A sentence that says the fix.", known[0]
        )
        responses[str(status)] = {"description": described, "content": content}
    return responses


def _content(media_type: str, struct: type) -> dict[str, Any]:
    return {media_type: {"schema": _schemas([struct])[0]}}


def _schemas(types: Sequence[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The schema of the first type, and the components that it and the others refer to."""
    schemas, components = msgspec.json.schema_components(types, schema_hook=_schema_of_other, ref_template=REF)
    for schema in components.values():  # of a docstring of more than one line, the rest is indented
        if "description" in schema:
            schema["description"] = cleandoc(schema["description"])
    return schemas[0], components


def _schema_of_other(type_: type) -> dict[str, Any]:
    if type_ is object:  # whatever the application has put into `info`
        return {"description": "Any JSON value."}
    raise NotImplementedError

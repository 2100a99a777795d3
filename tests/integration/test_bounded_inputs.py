"""Nothing that a caller sends is without a bound: each parameter and each field of a body has one, by its schema."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from events.contracts.authorization import TABLE
from events.runtime.http.application import Health, create_application
from events.runtime.http.edge import Edge
from events.runtime.service import ServiceDefinition

Schema = Mapping[str, Any]

BOUNDS = {
    "string": {"maxLength", "format", "pattern"},
    "integer": {"maximum"},
    "number": {"maximum"},
    "array": {"maxItems"},
}


def unbounded(schema: Schema, known: Schema, where: str) -> Iterator[str]:
    """Places of a schema (JSON Schema 2020-12) that take as much as somebody likes to send."""
    if "$ref" in schema:
        schema = known[schema["$ref"].rpartition("/")[2]]
    for choice in schema.get("anyOf", ()):
        yield from unbounded(choice, known, where)
    if schema.keys() & {"enum", "const"}:
        return
    kind = schema.get("type")
    if kind in BOUNDS and not schema.keys() & BOUNDS[kind]:
        yield f"{where}: {kind}"
    for item in (*schema.get("prefixItems", ()), *filter(None, [schema.get("items")])):
        yield from unbounded(item, known, f"{where}[]")
    for name, field in schema.get("properties", {}).items():
        yield from unbounded(field, known, f"{where}.{name}")
    if isinstance(values := schema.get("additionalProperties"), Mapping):
        if "maxProperties" not in schema:
            yield f"{where}: object"
        yield from unbounded({"type": "string", **schema.get("propertyNames", {})}, known, f"{where}'s names")
        yield from unbounded(values, known, f"{where}'s values")


def inputs(document: Schema) -> Iterator[tuple[str, Schema]]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            route = f"{method.upper()} {path}"
            for parameter in operation.get("parameters", ()):
                yield f"{route} {parameter['name']}", parameter["schema"]
            for content in operation.get("requestBody", {}).get("content", {}).values():
                yield f"{route} body", content["schema"]


@pytest.mark.parametrize("service", ["enrollment", "matching", "sessions", "feedback"])
def test_every_input_of_a_service_has_a_bound(definitions: dict[str, ServiceDefinition], service: str) -> None:
    nothing: Any = None
    edge = Edge(table=TABLE, authenticator=nothing, commands=nothing, codec=nothing, pool=nothing, clock=nothing)
    document = create_application(service, edge, definitions[service].routes, Health(nothing), nothing).openapi()
    known = document["components"]["schemas"]

    given = list(inputs(document))

    assert len(given) > 10
    assert [place for where, schema in given for place in unbounded(schema, known, where)] == []


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string"},
        {"type": "integer", "minimum": 1},
        {"type": "array", "items": {"type": "string", "maxLength": 9}},
        {"type": "array", "items": {"type": "string"}, "maxItems": 9},
        {"anyOf": [{"type": "string"}, {"type": "null"}]},
        {"type": "object", "properties": {"name": {"$ref": "#/components/schemas/Name"}}},
        {"type": "object", "additionalProperties": {"type": "integer", "maximum": 9}, "maxProperties": 9},
        {
            "type": "object",
            "additionalProperties": {"type": "boolean"},
            "propertyNames": {"maxLength": 9},
        },
    ],
)
def test_what_has_no_bound_is_found(schema: Schema) -> None:
    assert len(list(unbounded(schema, {"Name": {"type": "string"}}, "body"))) == 1

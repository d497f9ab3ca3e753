"""The schema instance generator, judged by a validator."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from mux.providers.demo.instance import instance
from tests.conftest import SHARED

SCHEMAS: dict[str, Any] = {
    "anything": True,
    "empty": {},
    "string": {"type": "string"},
    "lengths": {"type": "string", "minLength": 12, "maxLength": 14},
    "short": {"type": "string", "maxLength": 2},
    "date": {"type": "string", "format": "date-time"},
    "enum": {"enum": [3, "x", None]},
    "const": {"const": {"a": [1]}},
    "nullable": {"type": ["null", "integer"]},
    "only null": {"type": "null"},
    "integer": {"type": "integer"},
    "above": {"type": "integer", "exclusiveMinimum": 7, "maximum": 9},
    "below": {"type": "integer", "maximum": -3},
    "steps": {"type": "integer", "multipleOf": 7, "minimum": 50},
    "number": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
    "fraction": {"type": "number", "multipleOf": 0.25, "minimum": 0.1, "maximum": 0.4},
    "list": {"type": "array", "items": {"type": "integer"}},
    "many": {"type": "array", "items": {"type": "integer"}, "minItems": 4, "uniqueItems": True},
    "texts": {"type": "array", "items": {"type": "string"}, "minItems": 3, "uniqueItems": True},
    "none": {"type": "array", "maxItems": 0},
    "tuple": {"type": "array", "prefixItems": [{"type": "string"}, {"const": 2}], "items": False},
    "object": {
        "type": "object",
        "properties": {"a": {"type": "string"}, "b": {"type": "boolean"}, "c": {"enum": ["z"]}},
        "required": ["a", "c"],
        "additionalProperties": False,
    },
    "optional": {"properties": {"a": {"type": "string"}}, "additionalProperties": False},
    "undeclared": {
        "type": "object",
        "required": ["x"],
        "additionalProperties": {"type": "integer"},
    },
    "at least": {"type": "object", "minProperties": 2, "additionalProperties": {"type": "null"}},
    "any": {"anyOf": [{"type": "null"}, {"type": "array", "items": {"type": "string"}}]},
    "one": {"oneOf": [{"type": "object", "required": ["k"], "properties": {"k": {"const": 1}}}]},
    "all": {
        "allOf": [
            {"properties": {"a": {"type": "integer"}}, "required": ["a"]},
            {"properties": {"b": {"type": "string"}}, "required": ["b"]},
        ],
        "type": "object",
    },
    "ref": {
        "$defs": {"a/b": {"type": "integer", "minimum": 5}, "c~d": {"$ref": "#/$defs/a~1b"}},
        "type": "object",
        "properties": {"x": {"$ref": "#/$defs/c~0d"}},
        "required": ["x"],
    },
    "tree": {
        "$defs": {
            "node": {
                "type": "object",
                "properties": {
                    "value": {"type": "integer"},
                    "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
                    "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
                },
                "required": ["value", "children", "next"],
                "additionalProperties": False,
            }
        },
        "$ref": "#/$defs/node",
    },
    "itself": {"type": "object", "properties": {"again": {"$ref": "#"}}},
    "keywords as names": {
        "type": "object",
        "properties": {"type": {"type": "integer"}, "$ref": {"type": "string"}},
        "required": ["type", "$ref"],
    },
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_value_satisfies_the_schema(name: str):
    schema = SCHEMAS[name]
    value = instance(schema)
    Draft202012Validator(schema).validate(value)
    assert instance(schema) == value
    json.dumps(value, allow_nan=False)


def test_a_string_is_called_what_it_fills():
    assert instance({"type": "object", "properties": {"city": {"type": "string"}}}) == {
        "city": "city"
    }


@pytest.mark.parametrize(
    "schema",
    [
        None,
        3,
        {"$ref": "#/nowhere"},
        {"$ref": "other.json"},
        {"type": "object", "required": ["a"], "properties": {"a": {"$ref": "#"}}},
        {"$ref": "#"},
        {"type": "martian"},
        {"type": "integer", "minimum": 2, "maximum": 1},
        {"type": "number", "minimum": float("nan"), "multipleOf": 0},
        {"enum": []},
        {"anyOf": []},
        {"allOf": [True, False, 1]},
        {"type": []},
        {"required": "x", "properties": 1, "type": "object"},
    ],
)
def test_nonsense_still_gives_something(schema: Any):
    instance(schema)


leaves = st.sampled_from(
    [
        {"type": "string"},
        {"type": "integer", "minimum": 3},
        {"type": "boolean"},
        {"type": "null"},
        {"enum": ["a", 1]},
        {"$ref": "#/$defs/leaf"},
        {"type": "number", "exclusiveMaximum": -0.5},
        {"type": "string", "format": "date"},
    ]
)
nested = st.recursive(
    leaves,
    lambda inner: (
        st.builds(
            lambda properties: {
                "type": "object",
                "properties": properties,
                "required": list(properties)[:2],
                "additionalProperties": False,
            },
            st.dictionaries(st.text(min_size=1, max_size=4), inner, max_size=4),
        )
        | st.builds(lambda items: {"type": "array", "items": items, "minItems": 2}, inner)
        | st.builds(lambda branches: {"anyOf": branches}, st.lists(inner, min_size=1, max_size=3))
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(nested)
def test_made_up_schemas_are_satisfied(schema: dict[str, Any]):
    root = {"$defs": {"leaf": {"type": "string", "minLength": 9}}, **schema}
    Draft202012Validator(root).validate(instance(root))


def schemas_within(value: Any):
    if isinstance(value, list):
        for each in value:
            yield from schemas_within(each)
    elif isinstance(value, dict):
        for key in ("input_schema", "parameters", "parametersJsonSchema"):
            if isinstance(value.get(key), dict) and "name" in value:
                yield value[key]
        for each in value.values():
            yield from schemas_within(each)


@pytest.mark.skipif(not (SHARED / "clients").is_dir(), reason="../shared/clients is not here")
def test_the_tools_of_real_programs():
    """Types in capitals are those of Gemini's own schema form, which no validator reads."""
    count = 0
    for path in sorted((SHARED / "clients").glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            for schema in schemas_within(json.loads(line)["body"]):
                if '"type": "OBJECT"' in json.dumps(schema):
                    continue
                Draft202012Validator(schema).validate(instance(schema))
                count += 1
    assert count > 500

"""What tests of JSON Schema share: the cleaners, what each must not leave, and a second walk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from mux.codecs import _schema
from mux.codecs._schema import Cleaned

TARGETS: dict[str, Callable[[Any], Cleaned]] = {
    "openai": _schema.openai,
    "anthropic_input": _schema.anthropic_input,
    "anthropic_output": _schema.anthropic_output,
    "gemini_json_schema": _schema.gemini_json_schema,
    "gemini_openapi": _schema.gemini_openapi,
    "ollama": _schema.ollama,
}
JSON_TARGETS = [name for name in TARGETS if name != "gemini_openapi"]
TOOL_TARGETS = ["openai", "anthropic_input", "ollama"]

NOISE = {"$schema", "$id", "$comment"}
UNION_AT_ROOT = {"anyOf", "oneOf", "allOf", "enum", "not", "$ref"}
COMPOSED = {
    "$ref", "$defs", "definitions", "oneOf", "allOf", "not", "if", "then", "else", "const",
    "additionalProperties", "patternProperties", "propertyNames", "prefixItems", "contains",
    "uniqueItems", "multipleOf", "exclusiveMinimum", "exclusiveMaximum", "dependentRequired",
}  # fmt: skip
FORBIDDEN = {
    "openai": NOISE,
    "anthropic_input": NOISE,
    "anthropic_output": NOISE | (COMPOSED - {"$ref", "$defs", "definitions", "const",
                                             "additionalProperties"})
    | {"minLength", "maxLength", "minimum", "maximum", "maxItems"},
    "gemini_json_schema": NOISE | {"definitions", "const", "allOf", "exclusiveMinimum",
                                   "exclusiveMaximum"},
    "gemini_openapi": NOISE | COMPOSED | {"examples", "deprecated"},
    "ollama": NOISE | COMPOSED | {"minimum", "maximum", "pattern", "format", "minLength"},
}  # fmt: skip

KEYWORD_NAMES = [
    "$ref", "type", "properties", "const", "enum", "format", "items", "anyOf", "not", "required",
    "definitions", "$defs", "propertyNames", "additionalProperties", "description", "nullable",
    "exclusiveMinimum", "$schema",
]  # fmt: skip

ONE = {"items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames"}
MANY = {"anyOf", "oneOf", "allOf", "prefixItems"}
NAMED = {"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"}


def nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """Every schema in `schema`, itself included."""
    if not isinstance(schema, dict):
        return
    yield schema
    for key, value in schema.items():
        inner: list[Any] = []
        if key in NAMED and isinstance(value, dict):
            inner = list(value.values())
        elif key in MANY and isinstance(value, list):
            inner = value
        elif key in ONE:
            inner = [value]
        for one in inner:
            yield from nodes(one)


def resolves(root: Any, ref: str) -> bool:
    node = root
    for token in ref.split("/")[1:]:
        key = token.replace("~1", "/").replace("~0", "~")
        node = node[int(key)] if isinstance(node, list) else node.get(key)
        if node is None:
            return False
    return True


def valid_schema(schema: Any) -> bool:
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError:
        return False
    return True


every_target = pytest.mark.parametrize("target", TARGETS)

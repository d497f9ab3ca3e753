"""JSON Schema as each position of each API takes it: what is refused there, and where it stands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

_ONE = ("items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames")
_MANY = ("anyOf", "oneOf", "allOf", "prefixItems")
_NAMED = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "defs")
_ROOT_UNIONS = ("anyOf", "oneOf", "allOf", "enum", "not")
_PROPERTY_NAME = re.compile(r"[a-zA-Z0-9_.-]{1,64}")

_COMPOSITION = ("oneOf", "not", "if", "then", "else", "patternProperties", "dependentRequired")
_COUNTS = ("minProperties", "maxProperties", "uniqueItems", "contains", "propertyNames")
_STRICT_OPENAI = {*_COMPOSITION, *_COUNTS, "allOf", "minLength", "maxLength", "unevaluatedItems"}
_STRICT_ANTHROPIC = {
    *_COMPOSITION, *_COUNTS, "minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum",
    "exclusiveMaximum", "multipleOf", "maxItems", "prefixItems",
}  # fmt: skip
_GEMINI_JSON = {"$schema", "definitions", "const", "allOf", "exclusiveMinimum", "exclusiveMaximum"}
_OLLAMA = {"$ref", "$defs", "definitions", "oneOf", "allOf", "not", "if", "patternProperties"}
_STRICT_FORMATS = {"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6",
                   "uuid"}  # fmt: skip
_OPENAPI_TYPES = {"STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"}


def nodes(schema: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema in `schema`, itself first, each with its path."""
    if not isinstance(schema, dict):
        return
    yield path, schema
    for key, value in schema.items():
        if key in _NAMED and isinstance(value, dict):
            for name, inner in value.items():
                yield from nodes(inner, f"{path}.{key}.{name}")
        elif key in _MANY and isinstance(value, list):
            for place, inner in enumerate(value):
                yield from nodes(inner, f"{path}.{key}[{place}]")
        elif key in _ONE:
            yield from nodes(value, f"{path}.{key}")


def _refused(schema: Any, keywords: set[str], path: str) -> list[str]:
    return [
        f"{where}.{key}: keyword not permitted"
        for where, node in nodes(schema, path)
        for key in node
        if key in keywords
    ]


def _root(schema: Any, path: str) -> list[str]:
    """What OpenAI and Anthropic say of the root of a tool's schema."""
    if not isinstance(schema, dict):
        return [f"{path}: must be an object"]
    found = [f"{path}.{key}: not permitted at the root" for key in _ROOT_UNIONS if key in schema]
    if schema.get("type") != "object":
        found.append(f"{path}.type: must be 'object'")
    return found


def _valid(schema: Any, path: str) -> list[str]:
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return [f"{path}: no JSON Schema: {error.message}"[:200]]
    return [
        f"{where}.$ref: {node['$ref']!r} cannot be resolved"
        for where, node in nodes(schema, path)
        if "$ref" in node and not _resolves(schema, node["$ref"])
    ]


def _resolves(root: Any, ref: Any) -> bool:
    node = root
    for token in str(ref).split("/")[1:]:
        key = token.replace("~1", "/").replace("~0", "~")
        node = node.get(key) if isinstance(node, dict) else None
        if node is None:
            return False
    return str(ref).startswith("#")


def _closed(schema: Any, path: str) -> list[str]:
    """Objects without ``additionalProperties: false``."""
    return [
        f"{where}.additionalProperties: must be false"
        for where, node in nodes(schema, path)
        if node.get("type") == "object" and node.get("additionalProperties") is not False
    ]


def openai(schema: Any, path: str, *, strict: bool) -> list[str]:
    """A function's parameters, or an output format's schema."""
    found = _root(schema, path) + _valid(schema, path)
    found += [
        f"{where}.items: missing"
        for where, node in nodes(schema, path)
        if node.get("type") == "array" and "items" not in node and "prefixItems" not in node
    ]
    return found + (_openai_strict(schema, path) if strict else [])


def _openai_strict(schema: Any, path: str) -> list[str]:
    found = _refused(schema, _STRICT_OPENAI, path) + _closed(schema, path)
    for where, node in nodes(schema, path):
        if set(node.get("required") or ()) != set(node.get("properties") or ()):
            found.append(f"{where}.required: must name every property")
        if "format" in node and node["format"] not in _STRICT_FORMATS:
            found.append(f"{where}.format: {node['format']!r} is not supported")
        if "$ref" in node and len(node) > 1:
            found.append(f"{where}.$ref: no keywords beside it")
    return found


def anthropic(schema: Any, path: str, *, strict: bool) -> list[str]:
    """A tool's input schema."""
    found = _root(schema, path) + _valid(schema, path)
    found += [
        f"{where}.properties.{name}: property keys must match ^[a-zA-Z0-9_.-]{{1,64}}$"
        for where, node in nodes(schema, path)
        for name in node.get("properties") or ()
        if not _PROPERTY_NAME.fullmatch(name)
    ]
    return found + (anthropic_output(schema, path) if strict else [])


def anthropic_output(schema: Any, path: str) -> list[str]:
    """The schema of a strict tool or of ``output_config.format``."""
    found = _refused(schema, _STRICT_ANTHROPIC, path) + _closed(schema, path)
    found += [
        f"{where}.minItems: only 0 and 1"
        for where, node in nodes(schema, path)
        if node.get("minItems", 0) > 1
    ]
    return found + _valid(schema, path)


def gemini(schema: Any, path: str) -> list[str]:
    """``parametersJsonSchema`` and ``responseJsonSchema``."""
    found = _refused(schema, _GEMINI_JSON, path) + _valid(schema, path)
    found += [
        f"{where}.$ref: no keywords beside it"
        for where, node in nodes(schema, path)
        if "$ref" in node and any(not key.startswith("$") for key in node)
    ]
    return found


def gemini_openapi(schema: Any, path: str) -> list[str]:
    """``parameters`` and ``responseSchema``; the SDK's type has told of unknown keywords."""
    found: list[str] = []
    for where, node in nodes(schema, path):
        kind = str(node.get("type", "")).upper()
        if "type" in node and (not isinstance(node["type"], str) or kind not in _OPENAPI_TYPES):
            found.append(f"{where}.type: {node['type']!r}")
        if kind == "ARRAY" and "items" not in node:
            found.append(f"{where}.items: missing field")
        if "enum" in node and (kind not in ("STRING", "") or not _all_strings(node["enum"])):
            found.append(f"{where}.enum: only allowed for STRING type")
        unknown = set(node.get("required") or ()) - set(node.get("properties") or ())
        found += [f"{where}.required: property is not defined: {name}" for name in sorted(unknown)]
    return found


def _all_strings(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def ollama(schema: Any, path: str) -> list[str]:
    """A function's parameters: what the server would drop must not carry meaning."""
    found = _refused(schema, _OLLAMA, path)
    if not isinstance(schema, dict) or schema.get("type") != "object":
        found.append(f"{path}.type: must be 'object'")
    return found + _types(schema, path)


def ollama_format(schema: Any, path: str) -> list[str]:
    """A schema for the answer, which the server makes a grammar of."""
    return _valid(schema, path) + _types(schema, path)


def _types(schema: Any, path: str) -> list[str]:
    return [
        f"{where}.type: must be a string or a list of strings"
        for where, node in nodes(schema, path)
        if "type" in node and not isinstance(node["type"], str) and not _all_strings(node["type"])
    ]

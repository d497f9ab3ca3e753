"""The subsets of JSON Schema that a model's output can be held to (translation spec section 12)."""

from __future__ import annotations

import re
from typing import Final

from mux.codecs._schema_shape import (
    below,
    listing,
    mapping,
    names,
    resolve,
    types,
    without,
)
from mux.codecs._schema_walk import DEPTH_LIMIT, Walk
from mux.errors import Unsupported
from mux.ir import JSON, Object

_FORMATS: Final = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"}
)
_LOOK_AROUND: Final = re.compile(r"\(\?(?:[=!]|<[=!])")
_BEYOND_REGULAR: Final = re.compile(r"\(\?(?:[=!]|<[=!])|\\[1-9bB]")

_OPENAI_WORDS: Final = frozenset(
    {
        "type", "properties", "required", "additionalProperties", "items", "enum", "const", "anyOf",
        "$ref", "$defs", "definitions", "title", "description", "default", "format", "pattern",
        "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minItems",
        "maxItems", "$schema",
    }
)  # fmt: skip
_OPENAI_DEPTH: Final = 10
_OPENAI_PROPERTIES: Final = 5000
_OPENAI_VALUES: Final = 1000


def openai_accepts(root: Object) -> bool:
    """Whether OpenAI's strict mode takes `root` as it stands (openai-chat.md section 6)."""
    if root.get("type") != "object" or "anyOf" in root:
        return False
    properties = values = 0
    stack: list[tuple[JSON, int]] = [(root, 0)]
    while stack:
        schema, depth = stack.pop()
        if not isinstance(schema, dict) or not _openai_takes(schema, root):
            return False
        depth += "properties" in schema
        properties += len(mapping(schema.get("properties")))
        values += len(listing(schema.get("enum")))
        if depth > _OPENAI_DEPTH or properties > _OPENAI_PROPERTIES or values > _OPENAI_VALUES:
            return False
        stack.extend((inner, depth) for inner in below(schema) if inner is not False)
    return True


def _openai_takes(schema: Object, root: Object) -> bool:
    if schema.keys() - _OPENAI_WORDS:
        return False
    if "$ref" in schema:
        return len(schema) == 1 and resolve(root, schema["$ref"]) is not None
    if "object" in types(schema) and not _closed(schema):
        return False
    pattern = schema.get("pattern")
    if isinstance(pattern, str) and _LOOK_AROUND.search(pattern):
        return False
    wanted = schema.get("format", "uuid")
    if not isinstance(wanted, str) or wanted not in _FORMATS:
        return False
    return not {"type", "anyOf", "enum", "const"}.isdisjoint(schema)


def _closed(schema: Object) -> bool:
    """Whether an object allows what it names, all of it, and nothing else."""
    properties, required = mapping(schema.get("properties")), listing(schema.get("required"))
    return (
        "properties" in schema
        and schema.get("additionalProperties") is False
        and len(required) == len(properties)
        and properties.keys() == set(names(required))
    )


_ANTHROPIC_WORDS: Final = frozenset(
    {
        "type", "properties", "required", "additionalProperties", "items", "enum", "const", "anyOf",
        "$ref", "$defs", "definitions", "title", "description", "default",
    }
)  # fmt: skip
_ANTHROPIC_FORMATS: Final = _FORMATS | {"uri"}


class AnthropicOutput(Walk):
    """For ``output_config.format`` and strict tools (anthropic-messages.md section 5).

    Closing an object that says nothing of further properties counts as exact: what the model then
    writes satisfies the original.
    """

    def before(self, schema: Object) -> Object:
        """One schema in the words of the subset; the other constraints are told in words."""
        schema = self.spread(self.refer(super().before(schema)))
        if "oneOf" in schema:
            self.exact = self.exact and "anyOf" not in schema
            schema = {"anyOf": schema["oneOf"], **without(schema, "oneOf")}
        if "object" in types(schema):
            schema = self._closed(schema)
        elif {"type", "anyOf", "enum", "const", "$ref"}.isdisjoint(schema):
            raise Unsupported(
                "The schema leaves a value without a type, which Anthropic's structured output "
                "cannot express"
            )
        return self.keep(schema, _anthropic_takes)

    def _closed(self, schema: Object) -> Object:
        further = schema.get("additionalProperties")
        if further is False:
            return schema
        if not mapping(schema.get("properties")):
            raise Unsupported(
                "The schema has an object with any keys, which Anthropic's structured output "
                "cannot express"
            )
        self.exact = self.exact and further is None
        return {**schema, "additionalProperties": False}


def _anthropic_takes(key: str, value: JSON) -> bool:
    if key in ("enum", "const"):
        choices = listing(value) if key == "enum" else [value]
        return not any(isinstance(choice, list | dict) for choice in choices)
    if key == "format":
        return isinstance(value, str) and value in _ANTHROPIC_FORMATS
    if key == "pattern":
        return isinstance(value, str) and not _BEYOND_REGULAR.search(value)
    if key == "minItems":
        return value in (0, 1)
    return key in _ANTHROPIC_WORDS


def refuse_recursion(root: Object) -> None:
    """Raises `Unsupported` if a reference in `root` leads back into itself."""
    safe: set[str] = set()

    def follow(ref: str, path: tuple[str, ...]) -> None:
        if ref in path or len(path) > DEPTH_LIMIT:
            raise Unsupported(
                f"The schema is recursive at {ref}, which Anthropic's structured output cannot "
                "express"
            )
        if ref not in safe:
            for inner in _references(resolve(root, ref)):
                follow(inner, (*path, ref))
            safe.add(ref)

    for ref in _references(root):
        follow(ref, ())


def _references(schema: JSON) -> list[str]:
    """All references in `schema`, in no order."""
    found: list[str] = []
    stack = [schema]
    while stack:
        inner = stack.pop()
        if isinstance(inner, dict):
            ref = inner.get("$ref")
            if isinstance(ref, str):
                found.append(ref)
            stack.extend(below(inner))
    return found

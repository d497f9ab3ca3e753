"""JSON Schema to and from what Gemini reads (translation spec section 12, F20).

Newer models take JSON Schema itself; older ones take a dialect of OpenAPI's Schema object, with
upper-case types, ``nullable`` and no references.
"""

from __future__ import annotations

import math
import re
from typing import Final

from mux.codecs._schema_shape import listing, mapping, names, pointer, typed, types, without
from mux.codecs._schema_walk import Walk
from mux.ir import JSON, Object

_GENERAL: Final = frozenset({"type", "title", "description", "nullable", "default", "example"})
_TAKEN: Final[dict[str, frozenset[str]]] = {
    "object": frozenset(
        {"properties", "required", "propertyOrdering", "minProperties", "maxProperties"}
    ),
    "array": frozenset({"items", "minItems", "maxItems"}),
    "string": frozenset({"enum", "format", "pattern", "minLength", "maxLength"}),
    "number": frozenset({"format", "minimum", "maximum"}),
    "integer": frozenset({"format", "minimum", "maximum"}),
    "boolean": frozenset(),
    "null": frozenset(),
}
"""What the Schema object may hold beside `_GENERAL`, by type."""

_STRUCTURE: Final = frozenset[str]().union(*_TAKEN.values())

_FORMATS: Final[dict[str, tuple[str, ...]]] = {
    "string": ("enum", "date-time"),
    "integer": ("int32", "int64"),
    "number": ("float", "double"),
}

_EXCLUSIVE: Final = ("exclusiveMinimum", "exclusiveMaximum")


def inclusive(schema: Object) -> Object:
    """`schema` with exclusive bounds of integers written as the inclusive bounds they amount to."""
    if _EXCLUSIVE[0] not in schema and _EXCLUSIVE[1] not in schema:
        return schema
    if set(types(schema)) - {"null"} != {"integer"}:
        return schema
    out = without(schema, *_EXCLUSIVE)
    low, high = (schema.get(key) for key in _EXCLUSIVE)
    if isinstance(low, int | float):
        least = math.floor(low) + 1
        known = schema.get("minimum")
        out["minimum"] = max(known, least) if isinstance(known, int | float) else least
    if isinstance(high, int | float):
        most = math.ceil(high) - 1
        known = schema.get("maximum")
        out["maximum"] = min(known, most) if isinstance(known, int | float) else most
    return out


class GeminiJson(Walk):
    """For ``parametersJsonSchema`` and ``responseJsonSchema``."""

    def before(self, schema: Object) -> Object:
        """One value as an enumeration, bounds as inclusive ones, references alone."""
        schema = inclusive(self.refer(super().before(schema)))
        if "const" in schema:
            schema = {**without(schema, "const"), "enum": [schema["const"]]}
        return self.keep(schema, lambda key, _: key not in _EXCLUSIVE)

    def after(self, schema: Object) -> Object:
        """Definitions where Gemini looks for them."""
        ref = schema.get("$ref")
        if isinstance(ref, str) and "definitions" in ref:
            schema = {**schema, "$ref": pointer(ref, {"definitions": "$defs"})}
        if "definitions" in schema:
            old, new = mapping(schema["definitions"]), mapping(schema.get("$defs"))
            self.exact = self.exact and all(new.get(name, old[name]) == old[name] for name in old)
            schema = {**without(schema, "definitions", "$defs"), "$defs": {**old, **new}}
        return schema


class GeminiOpenApi(Walk):
    """For ``parameters`` and ``responseSchema`` of models that take no JSON Schema."""

    repeats = 3

    def before(self, schema: Object) -> Object:
        """One schema in the words of the Schema object, types still in lower case."""
        schema = inclusive(self.spread(self.inline(super().before(schema))))
        schema = self._kept(self._typed(self._union(self._values(schema))))
        kind = schema.get("type")
        if kind == "object":
            return self._object(schema)
        if kind == "array" and "items" not in schema:
            self.exact = False
            return {**schema, "items": {"type": "string"}}
        return schema

    def after(self, schema: Object) -> Object:
        """Null branches as ``nullable``, types in upper case."""
        branches = [mapping(branch) for branch in listing(schema.get("anyOf"))]
        if not branches:
            kind = schema.get("type")
            upper = kind.upper() if isinstance(kind, str) else kind
            return schema if upper == kind else {**schema, "type": upper}
        rest = [branch for branch in branches if branch.get("type") != "NULL"]
        if len(rest) == len(branches) > 1:
            return schema
        out = without(schema, "anyOf")
        if not rest:
            return {"type": "NULL", **out}
        if len(rest) < len(branches):
            out["nullable"] = True
        return {**out, "anyOf": [*rest]} if len(rest) > 1 else {**rest[0], **out}

    def _values(self, schema: Object) -> Object:
        """``enum`` and ``const`` as an enumeration of strings, or told in words."""
        if "const" in schema:
            schema = {**without(schema, "const"), "enum": [schema["const"]]}
        if not isinstance(schema.get("enum"), list):
            return schema
        listed = listing(schema["enum"])
        values: list[JSON] = [value for value in listed if value is not None]
        out = without(schema, "enum")
        if not values:
            return typed(out, "null")
        if len(values) < len(listed):
            out["nullable"] = True
        kinds = {_kind(value) for value in values}
        if kinds == {"string"}:
            # quirk(gemini): an empty string in an enumeration is refused.
            words: list[JSON] = [value for value in values if value]
            self.exact = self.exact and len(words) == len(values)
            return typed({**out, "enum": words} if words else out, "string")
        kind = kinds.pop() if len(kinds) == 1 else "string"
        return self.keep({**typed(out, kind), "enum": values}, lambda key, _: key != "enum")

    def _union(self, schema: Object) -> Object:
        """``oneOf`` read as ``anyOf``, and nothing that constrains beside it."""
        if "oneOf" not in schema and "anyOf" not in schema:
            return schema
        out = without(schema, "oneOf", "anyOf")
        one, some = listing(schema.get("oneOf")), listing(schema.get("anyOf"))
        branches = some or one
        kinds = types(out)
        if not _STRUCTURE.isdisjoint(out) or len(kinds) > 1 or not branches:
            self.exact = self.exact and not branches
            return out
        self.exact = self.exact and not (some and one)
        if kinds:
            branches = [
                {"type": kinds[0], **branch} if isinstance(branch, dict) else branch
                for branch in branches
            ]
        return {**without(out, "type"), "anyOf": branches}

    def _typed(self, schema: Object) -> Object:
        """Exactly one type, or a union of schemas that have one."""
        kinds = list(dict.fromkeys(types(schema)))
        if "null" in kinds and len(kinds) > 1:
            kinds.remove("null")
            schema = {**schema, "nullable": True}
        if "number" in kinds and "integer" in kinds:
            kinds.remove("integer")
        if len(kinds) > 1:
            shared = {key: value for key, value in schema.items() if key in _GENERAL - {"type"}}
            own = without(schema, *_GENERAL)
            return {**shared, "anyOf": [{"type": kind, **own} for kind in kinds]}
        if kinds:
            return typed(schema, kinds[0])
        if "anyOf" in schema:
            return schema
        self.exact = False
        implied = [kind for kind, words in _TAKEN.items() if not words.isdisjoint(schema)]
        return typed(schema, implied[0] if implied else "string")

    def _kept(self, schema: Object) -> Object:
        """The keywords Gemini knows for the type; the others that matter are told in words."""
        kind = schema.get("type")
        kind = kind if isinstance(kind, str) else ""
        words = _GENERAL | _TAKEN.get(kind, {"anyOf"})
        formats = _FORMATS.get(kind, ())
        return self.keep(
            schema, lambda key, value: key in words and (key != "format" or value in formats)
        )

    def _object(self, schema: Object) -> Object:
        """Properties where the API wants some, and nothing required that is not among them."""
        properties, required = mapping(schema.get("properties")), names(schema.get("required"))
        if not properties and self.depth > 1:
            # quirk(gemini): older models refuse an object without properties below the root.
            self.exact = False
            return {**without(schema, "required"), "properties": {"_": {"type": "string"}}}
        known: list[JSON] = [name for name in required if name in properties]
        if known == schema.get("required", []):
            return schema
        self.exact = False
        return {**schema, "required": known} if known else without(schema, "required")


def _kind(value: JSON) -> str:
    match value:
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case list():
            return "array"
        case dict():
            return "object"
        case _:
            return "string"


_SPELLINGS: Final = {
    "additional_properties": "additionalProperties",
    "any_of": "anyOf",
    "max_items": "maxItems",
    "max_length": "maxLength",
    "max_properties": "maxProperties",
    "min_items": "minItems",
    "min_length": "minLength",
    "min_properties": "minProperties",
    "prefix_items": "prefixItems",
    "property_ordering": "propertyOrdering",
    "defs": "$defs",
    "ref": "$ref",
}
_COUNTS: Final = (
    "maxItems", "maxLength", "maxProperties", "minItems", "minLength", "minProperties",
)  # fmt: skip

_INTEGER: Final = re.compile(r"-?[0-9]{1,19}")


def _integer(value: JSON) -> JSON:
    """The number that `value` spells, as 64-bit integers are spelled in JSON; else `value`."""
    return int(value) if isinstance(value, str) and _INTEGER.fullmatch(value) else value


_UNSPECIFIED: Final = "TYPE_UNSPECIFIED"
_NUMBERED_TYPES: Final = (
    _UNSPECIFIED, "STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL",
)  # fmt: skip
"""The types by their number in the protocol buffer, which some clients send."""


class FromOpenApi(Walk):
    """Gemini's Schema object as JSON Schema. What is JSON Schema already stays as it is."""

    def before(self, schema: Object) -> Object:
        """One schema with JSON Schema's keywords and types."""
        if not _SPELLINGS.keys().isdisjoint(schema):
            schema = {_SPELLINGS.get(key, key): value for key, value in schema.items()}
        ref = schema.get("$ref")
        if isinstance(ref, str) and ref.startswith("#/defs/"):
            schema = {**schema, "$ref": pointer(ref, {"defs": "$defs"})}
        for key in _COUNTS:
            if isinstance(schema.get(key), str):
                schema = {**schema, key: _integer(schema[key])}
        if schema.get("format") == "enum":
            schema = without(schema, "format")
        return self._nullable(self._numbered(self._lowered(schema)))

    def _lowered(self, schema: Object) -> Object:
        kind = schema.get("type")
        if isinstance(kind, int) and 0 <= kind < len(_NUMBERED_TYPES):
            kind = _NUMBERED_TYPES[kind]
        if not isinstance(kind, str) or (kind == schema["type"] and not kind.isupper()):
            return schema
        if kind == _UNSPECIFIED:
            return without(schema, "type")
        return {**schema, "type": kind.lower()}

    def _numbered(self, schema: Object) -> Object:
        """Numbers that the Schema object can only list as strings."""
        values = listing(schema.get("enum"))
        if schema.get("type") != "integer" or not values:
            return schema
        numbers = [_integer(value) for value in values]
        return schema if numbers == values else {**schema, "enum": numbers}

    def _nullable(self, schema: Object) -> Object:
        if not isinstance(schema.get("nullable"), bool):
            return schema
        out = without(schema, "nullable")
        kind, values, union = out.get("type"), out.get("enum"), out.get("anyOf")
        if not schema["nullable"]:
            return out
        if isinstance(kind, str) and kind != "null":
            out["type"] = [kind, "null"]
        if isinstance(values, list) and None not in values:
            out["enum"] = [*values, None]
        if isinstance(union, list) and {"type": "null"} not in union:
            out["anyOf"] = [*union, {"type": "null"}]
        if "$ref" in out:
            out["anyOf"] = [{"$ref": out.pop("$ref")}, {"type": "null"}]
        return out

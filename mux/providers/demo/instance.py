"""A value that satisfies a JSON Schema: always the same one, and small.

Strings hold the name of their property, so that a reader sees what filled what. Patterns and
conditions (``not``, ``if``) are not read.
"""

from __future__ import annotations

from typing import Final

from mux.ir import JSON, Object
from mux.providers.demo._bounds import numeric, whole

_DEEP: Final = 6
"""Levels down to which optional things are filled in."""
_BOTTOM: Final = 40
"""Levels below which nothing is followed: the schema demands itself."""
_COMPOSED: Final = frozenset({"$ref", "allOf", "anyOf", "oneOf"})

_FORMATS: Final = {
    "date-time": "2026-01-02T03:04:05Z",
    "date": "2026-01-02",
    "time": "03:04:05Z",
    "duration": "PT1H",
    "email": "demo@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
_HINTS: Final = (
    ("object", frozenset({"properties", "required", "minProperties"})),
    ("array", frozenset({"items", "prefixItems", "minItems"})),
    ("number", frozenset({"minimum", "maximum", "exclusiveMinimum", "multipleOf"})),
)
"""Keywords that tell a type where none is named."""


def instance(schema: JSON) -> JSON:
    """A value `schema` allows; for a schema that allows anything, the string ``demo``."""
    return _Maker(schema).make(schema, "demo", 0, 0)


class _Maker:
    """Makes values for the schemas inside one root, into which references point."""

    def __init__(self, root: JSON) -> None:
        self._root = root

    def make(self, schema: JSON, name: str, nth: int, depth: int) -> JSON:
        """A value called `name`, the `nth` different one where a list needs several."""
        if not isinstance(schema, dict) or depth > _BOTTOM:
            return name
        schema = self._plain(schema, depth)
        if "const" in schema:
            return schema["const"]
        values = schema.get("enum")
        if isinstance(values, list) and values:
            return values[nth % len(values)]
        match _type(schema):
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, name, depth)
            case "integer":
                return numeric(schema, nth, integer=True)
            case "number":
                return numeric(schema, nth, integer=False)
            case "boolean":
                return nth % 2 == 1
            case "null":
                return None
            case _:
                return _string(schema, name, nth)

    def _plain(self, schema: Object, depth: int) -> Object:
        """`schema` with references followed, alternatives chosen and ``allOf`` merged."""
        for _ in range(_BOTTOM):
            if not _COMPOSED & schema.keys():
                break
            parts = self._parts(schema, depth)
            schema = {key: value for key, value in schema.items() if key not in _COMPOSED}
            for part in parts:
                schema = _merged(schema, part)
        return schema

    def _parts(self, schema: Object, depth: int) -> list[JSON]:
        ref, every = schema.get("$ref"), schema.get("allOf")
        parts: list[JSON] = [_pointed(self._root, ref)] if isinstance(ref, str) else []
        if isinstance(every, list):
            parts += every
        for key in ("anyOf", "oneOf"):
            branches = schema.get(key)
            if isinstance(branches, list) and branches:
                parts.append(_branch(branches, depth))
        return parts

    def _object(self, schema: Object, depth: int) -> Object:
        properties = schema.get("properties")
        known: Object = properties if isinstance(properties, dict) else {}
        others = schema.get("additionalProperties")
        required = schema.get("required")
        names = [key for key in known if not _demanding(known[key])] if depth < _DEEP else []
        if isinstance(required, list):
            names = [key for key in required if isinstance(key, str)]
        least = whole(schema.get("minProperties"), 0)
        spare = [*known, *(f"key{number}" for number in range(least))]
        names += [key for key in spare if key not in names][: max(0, least - len(names))]
        return {key: self.make(known.get(key, others), key, 0, depth + 1) for key in names}

    def _array(self, schema: Object, name: str, depth: int) -> list[JSON]:
        prefix, items = schema.get("prefixItems"), schema.get("items", True)
        fixed = prefix if isinstance(prefix, list) else []
        usual = 1 if depth < _DEEP and items is not False else 0
        count = max(whole(schema.get("minItems"), 0), len(fixed) or usual)
        count = min(count, whole(schema.get("maxItems"), count))
        return [
            self.make(fixed[place] if place < len(fixed) else items, name, place, depth + 1)
            for place in range(count)
        ]


def _demanding(schema: JSON) -> bool:
    """Whether a property is better left out if it may be: a pattern is not read."""
    return isinstance(schema, dict) and "pattern" in schema


def _type(schema: Object) -> JSON:
    named = schema.get("type")
    if isinstance(named, list):
        return next((each for each in named if each != "null"), "null")
    if named is not None:
        return named
    return next((kind for kind, hints in _HINTS if hints & schema.keys()), "string")


def _branch(branches: list[JSON], depth: int) -> JSON:
    """The first alternative that is not null; deep down, the first that leads no deeper."""
    if depth > _DEEP:
        deeper = {"$ref", "properties", "items"}
        for branch in branches:
            if isinstance(branch, dict) and not deeper & branch.keys():
                return branch
    wanted = [branch for branch in branches if branch not in ({"type": "null"}, False)]
    return (wanted or branches)[0]


def _merged(schema: Object, part: JSON) -> Object:
    """Both schemas at once, as far as keywords do not collide."""
    if not isinstance(part, dict):
        return schema
    out = {**part, **schema}
    for key in ("properties", "required"):
        first, second = schema.get(key), part.get(key)
        if isinstance(first, dict) and isinstance(second, dict):
            out[key] = {**second, **first}
        elif isinstance(first, list) and isinstance(second, list):
            out[key] = [*first, *(each for each in second if each not in first)]
    return out


def _pointed(root: JSON, ref: str) -> JSON:
    """What a local reference means; nothing is demanded where it means nothing."""
    value = root
    for step in ref.removeprefix("#").split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _string(schema: Object, name: str, nth: int) -> str:
    known = _FORMATS.get(str(schema.get("format")))
    text = known if known is not None else f"{name} {nth + 1}" if nth else name
    least = whole(schema.get("minLength"), 0)
    while len(text) < least:
        text += f" {name or 'demo'}"
    return text[: max(least, whole(schema.get("maxLength"), len(text)))]

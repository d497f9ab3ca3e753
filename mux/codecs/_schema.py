"""JSON Schema as each API accepts it (translation spec section 12; cases F20).

Every cleaner takes a client's schema as it came, leaves it alone, and returns that same object if
nothing had to change. Names of properties never change. The common rules are those of `Walk`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from mux.codecs._schema_gemini import FromOpenApi, GeminiJson, GeminiOpenApi
from mux.codecs._schema_merge import alternatives
from mux.codecs._schema_shape import descend, listing, mapping, typed, types, without
from mux.codecs._schema_strict import AnthropicOutput, openai_accepts, refuse_recursion
from mux.codecs._schema_walk import DEPTH_LIMIT, Walk, standard
from mux.errors import Unsupported
from mux.ir import JSON, Object
from mux.wire import json


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A schema some API accepts; not `exact` if constraints were dropped or weakened.

    Reading ``oneOf`` as alternatives and not saying that an object is closed count as exact.
    """

    schema: JSON
    exact: bool = True


def openai(schema: JSON) -> Cleaned:
    """For OpenAI's tools and formats that are not strict: an object at the root, no union there."""
    return _cleaned("openai", schema)


def openai_strict_ok(schema: JSON) -> bool:
    """Whether OpenAI's strict mode takes `schema` as it stands."""
    return isinstance(schema, dict) and openai_accepts(schema)


def anthropic_input(schema: JSON) -> Cleaned:
    """For Anthropic's tools. Raises `Unsupported` for names of properties it cannot take."""
    return _cleaned("anthropic_input", schema)


def anthropic_output(schema: JSON) -> Cleaned:
    """For Anthropic's structured output and strict tools.

    Raises `Unsupported` for what the subset cannot say at all: recursion, objects with any keys,
    values of any type.
    """
    return _cleaned("anthropic_output", schema)


def gemini_json_schema(schema: JSON) -> Cleaned:
    """For Gemini's ``parametersJsonSchema`` and ``responseJsonSchema``."""
    return _cleaned("gemini_json_schema", schema)


def gemini_openapi(schema: JSON) -> Cleaned:
    """For ``parameters`` and ``responseSchema`` of older Gemini models.

    The schema is None where an object without properties is all there is: then nothing is sent.
    """
    return _cleaned("gemini_openapi", schema)


def ollama(schema: JSON) -> Cleaned:
    """For Ollama's tools, whose parser knows eight keywords; ``format`` takes any schema as is."""
    return _cleaned("ollama", schema)


def object_around(schema: JSON) -> Object | None:
    """A schema whose member ``value`` is `schema`; None if `schema` is one of an object already."""
    if not isinstance(schema, dict) or schema.get("type") == "object":
        return None
    return None if _flat(Walk(schema), schema) is not None else _around(_moved(schema))


def to_json_schema(openapi: JSON) -> JSON:
    """A Gemini client's Schema object as JSON Schema; None for None."""
    return FromOpenApi(openapi).visit(openapi) if isinstance(openapi, dict) else openapi


class _OpenAI(Walk):
    def after(self, schema: Object) -> Object:
        # quirk(openai): an array without items is refused, strict or not.
        if "array" in types(schema) and "items" not in schema and "prefixItems" not in schema:
            return {**schema, "items": {}}
        return schema


class _Ollama(Walk):
    repeats = 3
    _WORDS: Final = frozenset(
        {"type", "description", "enum", "items", "properties", "required", "anyOf"}
    )

    def before(self, schema: Object) -> Object:
        schema = self.spread(self.inline(super().before(schema)))
        if "const" in schema:
            schema = {**without(schema, "const"), "enum": [schema["const"]]}
        if "oneOf" in schema and "anyOf" not in schema:
            schema = {**without(schema, "oneOf"), "anyOf": schema["oneOf"]}
        return self.keep(schema, lambda key, _: key in self._WORDS)


def _openai(root: Object) -> Cleaned:
    walk = _OpenAI(root)
    return Cleaned(_with_properties(_object_root(walk)), walk.exact)


def _anthropic_input(root: Object) -> Cleaned:
    walk = Walk(root)
    cleaned = _object_root(walk)
    for name in mapping(cleaned.get("properties")):
        if not _ANTHROPIC_NAME.match(name):
            raise Unsupported(
                f"Anthropic takes no property named {name!r} in a tool's input: only 1 to 64 "
                "letters, digits, '_', '.' and '-'",
                param="tools",
            )
    return Cleaned(cleaned, walk.exact)


def _anthropic_output(root: Object) -> Cleaned:
    refuse_recursion(root)
    walk = AnthropicOutput(root)
    return Cleaned(walk.visit(root), walk.exact)


def _gemini_json_schema(root: Object) -> Cleaned:
    walk = GeminiJson(root)
    return Cleaned(walk.visit(root), walk.exact)


def _gemini_openapi(root: Object) -> Cleaned:
    walk = GeminiOpenApi(root)
    flat = _flat(walk, root)
    if flat is not None:  # a tool's root must be an object; an answer's loses its other branches
        walk.root = flat
        walk.exact = walk.exact and "anyOf" not in root and "oneOf" not in root
    cleaned = walk.visit(walk.root)
    empty = cleaned.get("type") == "OBJECT" and not cleaned.get("properties")
    return Cleaned(None if empty else cleaned, walk.exact)


def _ollama(root: Object) -> Cleaned:
    walk = _Ollama(root)
    return Cleaned(_with_properties(_object_root(walk)), walk.exact)


_ANTHROPIC_NAME: Final = re.compile(r"[a-zA-Z0-9_.-]{1,64}\Z")
_CLEANERS: Final[dict[str, Callable[[Object], Cleaned]]] = {
    "openai": _openai,
    "anthropic_input": _anthropic_input,
    "anthropic_output": _anthropic_output,
    "gemini_json_schema": _gemini_json_schema,
    "gemini_openapi": _gemini_openapi,
    "ollama": _ollama,
}


_ROOTLESS: Final = frozenset({"enum", "const", "not"})
"""What no API wants to see at the root of a tool's schema."""


def _object_root(walk: Walk) -> Object:
    """The walk's result with an object at the root, and no union, enumeration or negation there.

    What is no object at all becomes the property ``value`` of one.
    """
    flat = _flat(walk, walk.root)
    if flat is not None:
        walk.root = flat
        return walk.visit(flat)
    walk.exact = False
    return _around(_moved(walk.visit(walk.root)))


def _around(value: JSON) -> Object:
    return {"type": "object", "properties": {"value": value}, "required": ["value"]}


def _flat(walk: Walk, schema: JSON) -> Object | None:
    """`schema` as one object schema without a union; None if it is about something else."""
    if not isinstance(schema, dict) or walk.depth >= DEPTH_LIMIT:
        walk.exact = walk.exact and isinstance(schema, bool)
        return {"type": "object"} if schema is not False else None
    outer = walk.enter()
    flat: Object | None = walk.fold(standard(schema))
    for key in ("anyOf", "oneOf"):
        if flat is not None and key in flat:
            flat = _one_branch(walk, flat, key)
    walk.leave(outer)
    if flat is None or ("type" in flat and "object" not in types(flat)):
        return None
    if not _ROOTLESS.isdisjoint(flat):
        walk.exact = False
        flat = without(flat, *_ROOTLESS)
    return flat if flat.get("type") == "object" else typed(flat, "object")


def _one_branch(walk: Walk, schema: Object, key: str) -> Object | None:
    """`schema` with its union `key` merged into it; None if no branch is an object."""
    found = [_flat(walk, branch) for branch in listing(schema[key])]
    branches = [branch for branch in found if branch is not None]
    if not branches:
        return None
    walk.exact = walk.exact and len(branches) == 1
    return walk.join(without(schema, key), alternatives(branches))


def _moved(schema: JSON) -> JSON:
    """`schema` with its references as they must be one property further down."""
    if not isinstance(schema, dict):
        return schema
    out = descend(schema, _moved)
    ref = out.get("$ref")
    return {**out, "$ref": f"#/properties/value{ref[1:]}"} if isinstance(ref, str) else out


def _with_properties(root: Object) -> Object:
    return root if "properties" in root else {**root, "properties": {}}


class _Key:
    """A schema in the cache: equal to all that read the same."""

    __slots__ = ("schema", "text")

    def __init__(self, schema: Object) -> None:
        self.schema = schema
        self.text = json.dumps(schema)

    def __hash__(self) -> int:
        return hash(self.text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self.text == other.text


_CACHED_BYTES: Final = 65536
"""No larger schema is remembered; that bounds the cache."""


def _clean(target: str, key: _Key) -> tuple[Cleaned, bool]:
    """What cleaning gives, and whether it changes anything."""
    cleaned = _CLEANERS[target](key.schema)
    return cleaned, cleaned.schema != key.schema


_remembered: Final = lru_cache(maxsize=1024)(_clean)


def _cleaned(target: str, schema: JSON) -> Cleaned:
    if schema is None:
        return Cleaned(None)
    if not isinstance(schema, dict):
        return _CLEANERS[target]({"not": {}} if schema is False else {})
    # Agents send the same tools with every request: 15 to 80 times less work for them.
    key = _Key(schema)
    clean = _remembered if len(key.text) <= _CACHED_BYTES else _clean
    cleaned, changed = clean(target, key)
    return cleaned if changed else Cleaned(schema, cleaned.exact)

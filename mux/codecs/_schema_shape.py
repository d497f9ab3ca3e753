"""The shape of a JSON Schema: where in it schemas stand, by position and never by name alone.

What stands under ``properties`` is a name, what stands under ``enum`` is a value, and neither is a
keyword whatever it is called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final
from urllib.parse import unquote

from mux.ir import JSON, Object
from mux.wire import json

ONE: Final = frozenset(
    {
        "items", "additionalProperties", "additionalItems", "not", "if", "then", "else", "contains",
        "propertyNames", "unevaluatedItems", "unevaluatedProperties", "contentSchema",
    }
)  # fmt: skip
"""Keywords that hold a schema."""

MANY: Final = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
"""Keywords that hold a list of schemas."""

NAMED: Final = frozenset({"properties", "patternProperties", "$defs", "definitions",
                          "dependentSchemas"})  # fmt: skip
"""Keywords that hold schemas by names of the author's choice."""

_NUMERIC: Final = frozenset(
    {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
)
CONSTRAINTS: Final[dict[str, frozenset[str]]] = {
    "object": frozenset(
        {
            "properties", "required", "additionalProperties", "patternProperties", "propertyNames",
            "minProperties", "maxProperties", "dependentRequired", "dependentSchemas",
            "dependencies", "unevaluatedProperties",
        }
    ),
    "array": frozenset(
        {
            "items", "prefixItems", "minItems", "maxItems", "uniqueItems", "contains",
            "minContains", "maxContains", "unevaluatedItems",
        }
    ),
    "string": frozenset({"pattern", "format", "minLength", "maxLength"}),
    "number": _NUMERIC,
    "integer": _NUMERIC,
}  # fmt: skip
"""Keywords that constrain values of one type, by that type."""

OF_ANY_TYPE: Final = frozenset(
    {"enum", "const", "not", "if", "then", "else", "anyOf", "oneOf", "allOf", "$ref"}
)
"""Keywords that constrain values of every type."""

_SWITCHES: Final = frozenset({"additionalProperties", "unevaluatedProperties", "unevaluatedItems"})
"""Where every API understands a plain true or false."""


def mapping(value: JSON) -> Object:
    """`value` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def listing(value: JSON) -> list[JSON]:
    """`value` if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def names(value: JSON) -> list[str]:
    """The strings in the list `value`, each once, in order; empty if it is no list."""
    return list(dict.fromkeys(name for name in listing(value) if isinstance(name, str)))


def distinct(schemas: Iterable[JSON]) -> list[JSON]:
    """`schemas` without those that read the same as an earlier one."""
    return list({json.dumps(schema): schema for schema in reversed([*schemas])}.values())[::-1]


def types(schema: Object) -> list[str]:
    """The type names of `schema` in lower case, in order; empty if it says none."""
    value = schema.get("type")
    given = value if isinstance(value, list) else [value]
    return [name.lower() for name in given if isinstance(name, str)]


def without(schema: Object, *keys: str) -> Object:
    """A copy of `schema` that lacks `keys`."""
    return {key: value for key, value in schema.items() if key not in keys}


def typed(schema: Object, kind: str) -> Object:
    """`schema` as one of the type `kind`, the type first where there was none."""
    return {**schema, "type": kind} if "type" in schema else {"type": kind, **schema}


def below(schema: Object) -> Iterator[JSON]:
    """The schemas directly below `schema`."""
    for key, value in schema.items():
        if key in NAMED and isinstance(value, dict):
            yield from value.values()
        elif isinstance(value, list) and (key in MANY or key == "items"):
            yield from value
        elif key in ONE:
            yield value


def descend(schema: Object, visit: Callable[[JSON], JSON]) -> Object:
    """`schema` with `visit` applied to those directly below; the same object if none changed."""
    out = schema
    for key, value in schema.items():
        changed = _visited(key, value, visit)
        if changed is not value:
            if out is schema:
                out = dict(schema)
            out[key] = changed
    return out


def _visited(key: str, value: JSON, visit: Callable[[JSON], JSON]) -> JSON:
    if key in NAMED and isinstance(value, dict):
        named = {name: visit(schema) for name, schema in value.items()}
        return named if any(named[name] is not value[name] for name in named) else value
    if key in MANY and isinstance(value, list):
        many = [visit(schema) for schema in value]
        same = all(new is old for new, old in zip(many, value, strict=True))
        return value if same else many
    if key in ONE and not (key in _SWITCHES and isinstance(value, bool)):
        return visit(value)
    return value


def resolve(root: Object, ref: JSON) -> Object | None:
    """The schema a local JSON pointer leads to, None if it is not local or leads nowhere."""
    if not isinstance(ref, str) or not (ref == "#" or ref.startswith("#/")):
        return None
    node: JSON = root
    for escaped in unquote(ref).split("/")[1:]:
        token = escaped.replace("~1", "/").replace("~0", "~")
        if isinstance(node, dict):
            node = node.get(token)
        elif isinstance(node, list) and token.isdecimal() and len(token) < 6:
            node = node[int(token)] if int(token) < len(node) else None
        else:
            return None
    return node if isinstance(node, dict) else None


def pointer(ref: str, rename: Mapping[str, str]) -> str:
    """`ref` with keywords renamed where its tokens stand for keywords, not for names."""
    tokens = ref.split("/")
    named = False
    for position, token in enumerate(tokens):
        if named or token.isdecimal():
            named = False
            continue
        named = token in NAMED
        tokens[position] = rename.get(token, token)
    return "/".join(tokens)

"""Two JSON Schemas as one: what satisfies both, and what satisfies any of several objects.

A result never refuses what the exact combination would accept; where one schema cannot say all of
it, it says less, and the caller is told.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from mux.codecs._schema_shape import listing, mapping
from mux.ir import JSON, Object

ANNOTATIONS: Final = frozenset(
    {
        "title", "description", "default", "example", "examples", "deprecated", "readOnly",
        "writeOnly", "propertyOrdering", "$schema", "$id", "$comment", "$anchor",
    }
)  # fmt: skip
"""Keywords that constrain nothing."""


def merge(first: Object, second: Object) -> tuple[Object, bool]:
    """What satisfies both schemas, and whether that is exact. Annotations of `first` win."""
    if not first or not second:
        return first or second, True
    out, exact = dict(first), _openness_agrees(first, second)
    for key, value in second.items():
        if key not in out:
            out[key] = value
        elif out[key] != value and key not in ANNOTATIONS:
            rule = _RULES.get(key)
            joined = rule(out[key], value) if rule is not None else None
            if joined is None:
                exact = False
            else:
                out[key] = joined
    return out, exact


def alternatives(branches: list[Object]) -> Object:
    """One object schema for whatever satisfies any of the object schemas `branches`.

    A property is what any branch makes of it; required is what all branches require.
    """
    if len(branches) == 1:
        return branches[0]
    shapes: dict[str, list[JSON]] = {}
    for branch in branches:
        for name, shape in mapping(branch.get("properties")).items():
            seen = shapes.setdefault(name, [])
            if shape not in seen:
                seen.append(shape)
    out: Object = {"type": "object"}
    if shapes:
        out["properties"] = {
            name: seen[0] if len(seen) == 1 else {"anyOf": seen} for name, seen in shapes.items()
        }
    first, *others = (listing(branch.get("required")) for branch in branches)
    if required := [name for name in first if all(name in other for other in others)]:
        out["required"] = required
    if all(branch.get("additionalProperties") is False for branch in branches):
        out["additionalProperties"] = False
    return out


def _openness_agrees(first: Object, second: Object) -> bool:
    """Whether neither schema closes itself to properties that only the other one has."""
    mine, theirs = mapping(first.get("properties")), mapping(second.get("properties"))
    if first.get("additionalProperties", True) not in (True, {}) and theirs.keys() - mine.keys():
        return False
    closed = second.get("additionalProperties", True) not in (True, {})
    return not (closed and mine.keys() - theirs.keys())


_Rule: TypeAlias = Callable[[JSON, JSON], JSON]
"""Two values of one keyword as one; None where there is no such value."""


def _both(first: JSON, second: JSON) -> JSON:
    return {"allOf": [first, second]}


def _named(first: JSON, second: JSON) -> JSON:
    mine, theirs = mapping(first), mapping(second)
    return {
        **mine,
        **{
            name: _both(mine[name], shape) if mine.get(name, shape) != shape else shape
            for name, shape in theirs.items()
        },
    }


def _definitions(first: JSON, second: JSON) -> JSON:
    mine, theirs = mapping(first), mapping(second)
    agree = all(mine.get(name, shape) == shape for name, shape in theirs.items())
    return {**theirs, **mine} if agree else None


def _additional(first: JSON, second: JSON) -> JSON:
    if first is False or second is False:
        return False
    if first is True:
        return second
    return first if second is True else _both(first, second)


def _ordered_union(first: JSON, second: JSON) -> JSON:
    mine = listing(first)
    return [*mine, *(name for name in listing(second) if name not in mine)]


def _common_types(first: JSON, second: JSON) -> JSON:
    mine = first if isinstance(first, list) else [first]
    theirs = second if isinstance(second, list) else [second]
    common = [
        name
        for name in dict.fromkeys(_narrower(one, other) for one in mine for other in theirs)
        if name
    ]
    return common[0] if len(common) == 1 else list[JSON](common) or None


def _narrower(first: JSON, second: JSON) -> str:
    names = {first, second} if isinstance(first, str) and isinstance(second, str) else set[str]()
    if len(names) == 1 or names == {"integer", "number"}:
        return min(names)
    return ""


def _common_values(first: JSON, second: JSON) -> JSON:
    theirs = listing(second)
    return [value for value in listing(first) if value in theirs] or None


def _larger(first: JSON, second: JSON) -> JSON:
    if isinstance(first, int | float) and isinstance(second, int | float):
        return max(first, second)
    return None


def _smaller(first: JSON, second: JSON) -> JSON:
    if isinstance(first, int | float) and isinstance(second, int | float):
        return min(first, second)
    return None


_RULES: Final[dict[str, _Rule]] = {
    "type": _common_types,
    "enum": _common_values,
    "properties": _named,
    "patternProperties": _named,
    "items": _both,
    "additionalProperties": _additional,
    "required": _ordered_union,
    "$defs": _definitions,
    "definitions": _definitions,
    **dict.fromkeys(
        ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"), _larger
    ),
    **dict.fromkeys(
        ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"), _smaller
    ),
}

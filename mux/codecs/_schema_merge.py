"""Two JSON Schemas as one: what satisfies both, and what satisfies any of several objects.

A result never refuses what the exact combination would accept; where one schema cannot say all of
it, it says less, and the caller is told.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from mux.codecs._schema_shape import distinct, listing, mapping, names
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
            shapes.setdefault(name, []).append(shape)
    out: Object = {"type": "object"}
    if shapes:
        out["properties"] = {name: _any(distinct(found)) for name, found in shapes.items()}
    first, *others = (names(branch.get("required")) for branch in branches)
    shared = set(first).intersection(*others)
    if shared:
        out["required"] = [name for name in first if name in shared]
    if all(branch.get("additionalProperties") is False for branch in branches):
        out["additionalProperties"] = False
    return out


def _any(shapes: list[JSON]) -> JSON:
    return shapes[0] if len(shapes) == 1 else {"anyOf": shapes}


def _openness_agrees(first: Object, second: Object) -> bool:
    """Whether neither schema closes itself to properties that only the other one has."""
    mine, theirs = mapping(first.get("properties")), mapping(second.get("properties"))
    if first.get("additionalProperties", True) not in (True, {}) and theirs.keys() - mine.keys():
        return False
    closed = second.get("additionalProperties", True) not in (True, {})
    return not (closed and mine.keys() - theirs.keys())


_Rule: TypeAlias = Callable[[JSON, JSON], JSON]
"""Two values of one keyword as one; None where there is no such value."""


_COMPARISONS: Final = 1_000_000


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
    return [*dict.fromkeys(names(first) + names(second))]


def _common_types(first: JSON, second: JSON) -> JSON:
    mine = names(first if isinstance(first, list) else [first])
    theirs = set(names(second if isinstance(second, list) else [second]))
    common: list[JSON] = [name for name in mine if name in theirs]
    numeric = {"integer", "number"}
    if (
        not numeric.isdisjoint(mine)
        and not numeric.isdisjoint(theirs)
        and not (numeric.intersection(mine, theirs))
    ):
        common.append("integer")
    return common[0] if len(common) == 1 else common or None


def _common_values(first: JSON, second: JSON) -> JSON:
    mine, theirs = listing(first), listing(second)
    if len(mine) * len(theirs) > _COMPARISONS:
        return None
    return [value for value in mine if value in theirs] or None


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

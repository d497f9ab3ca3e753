"""Numbers within the bounds a JSON Schema sets."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from mux.ir import JSON, Object

_ENOUGH: Final = 64
"""How many numbers in a row are tried where a list needs different ones."""
_NEAR: Final = 1e-9


def whole(value: JSON, otherwise: int) -> int:
    """`value` as a count, `otherwise` if it is none."""
    number = _number(value)
    return int(number) if number is not None and number >= 0 else otherwise


def numeric(schema: Object, nth: int, *, integer: bool) -> int | float:
    """The `nth` number `schema` allows of those worth trying, simple ones first."""
    found: list[int | float] = []
    for value in _candidates(schema, integer):
        if value not in found and _fits(value, schema):
            found.append(value)
        if len(found) > nth:
            break
    return found[-1] if found else 1


def _candidates(schema: Object, integer: bool) -> Iterator[int | float]:
    """One, zero, the bounds and their middle, each moved to the nearest steps."""
    low = _first(schema, "minimum", "exclusiveMinimum")
    high = _first(schema, "maximum", "exclusiveMaximum")
    step = _number(schema.get("multipleOf")) or 1
    starts = [1, 0, *(bound for bound in (low, high) if bound is not None)]
    if low is not None and high is not None:
        starts.append((low + high) / 2)
    for start in starts:
        nearest = math.floor(start / step)
        for place in (nearest, nearest + 1, nearest - 1):
            value = place * step
            if not integer or float(value).is_integer():
                yield int(value) if float(value).is_integer() else value
        if not integer:
            yield start
    first = math.ceil((low if low is not None else 1) / step)
    for place in range(first, first + _ENOUGH):
        if not integer or float(place * step).is_integer():
            yield int(place * step) if integer else place * step


def _fits(value: float, schema: Object) -> bool:
    step = _number(schema.get("multipleOf"))
    if step and abs(value / step - round(value / step)) > _NEAR:
        return False
    return _above(value, schema) and _above(
        -value,
        {
            "minimum": _negative(schema.get("maximum")),
            "exclusiveMinimum": _negative(schema.get("exclusiveMaximum")),
        },
    )


def _above(value: float, schema: Object) -> bool:
    """Whether `value` respects the lower bounds; a boolean exclusiveness is that of draft 4."""
    low, above = _number(schema.get("minimum")), schema.get("exclusiveMinimum")
    if low is not None and (value < low or (above is True and value == low)):
        return False
    strict = _number(above)
    return strict is None or value > strict


def _negative(value: JSON) -> JSON:
    number = _number(value)
    return -number if number is not None else value


def _first(schema: Object, *keys: str) -> float | None:
    numbers = (_number(schema.get(key)) for key in keys)
    return next((number for number in numbers if number is not None), None)


def _number(value: JSON) -> int | float | None:
    """`value` if it is a finite number; a boolean is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if math.isfinite(value) else None

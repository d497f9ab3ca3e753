"""Whether a body is what the OpenAPI document says of it: every problem, each with its path."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mux.config import Problem
from mux.ir import JSON, Object

_KINDS: Final[dict[str, type | tuple[type, ...]]] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
}


def problems(schema: Object, value: JSON, path: str = "") -> Iterator[Problem]:
    """All that keeps `value` from having the shape of `schema`, one of those in `schemas`."""
    alternatives = schema.get("anyOf")
    if isinstance(alternatives, list):
        yield from _best(alternatives, value, path)
        return
    kind = str(schema.get("type"))
    if not isinstance(value, _KINDS[kind]) or (isinstance(value, bool) and kind != "boolean"):
        yield Problem(path, f"must be of type {kind}")
    elif isinstance(value, dict):
        yield from _members(schema, value, path)
    elif isinstance(value, list):
        items = schema.get("items")
        for index, item in enumerate(value):
            if isinstance(items, dict):
                yield from problems(items, item, f"{path}[{index}]")
    elif isinstance(value, int | float):
        yield from _bounds(schema, value, path)


def _best(alternatives: list[JSON], value: JSON, path: str) -> Iterator[Problem]:
    """The problems of the alternative that comes nearest: the one whose are deepest."""
    found = [[*problems(one, value, path)] for one in alternatives if isinstance(one, dict)]
    if all(found):
        yield from max(found, key=lambda several: min(len(one.path) for one in several))


def _members(schema: Object, value: Object, path: str) -> Iterator[Problem]:
    known, required, rest = (
        schema.get(name) for name in ("properties", "required", "additionalProperties")
    )
    for key in required if isinstance(required, list) else []:
        if str(key) not in value:
            yield Problem(_join(path, str(key)), "is required")
    for key, member in value.items():
        shape = known.get(key, rest) if isinstance(known, dict) else rest
        if isinstance(shape, dict):
            yield from problems(shape, member, _join(path, key))


def _bounds(schema: Object, value: float, path: str) -> Iterator[Problem]:
    least, most = schema.get("minimum"), schema.get("maximum")
    if isinstance(least, int) and value < least:
        yield Problem(path, f"must be at least {least}")
    if isinstance(most, int) and value > most:
        yield Problem(path, f"must be at most {most}")


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key

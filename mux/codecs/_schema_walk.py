"""One pass over a JSON Schema, and what all passes have in common.

Walks copy what they change and share the rest with their input, which they never touch. Nesting,
references and their multiplication are bounded, so that every schema ends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mux.codecs._schema_merge import merge
from mux.codecs._schema_shape import (
    CONSTRAINTS,
    OF_ANY_TYPE,
    descend,
    distinct,
    listing,
    mapping,
    resolve,
    typed,
    types,
    without,
)
from mux.ir import JSON, Object
from mux.wire import json

_NOISE: Final = frozenset({"$schema", "$id", "$comment"})

_DEFINITIONS: Final = frozenset({"$defs", "definitions"})
_UNIONS: Final = frozenset({"anyOf", "oneOf"})

DEPTH_LIMIT: Final = 64
_EXPANSION_LIMIT: Final = 1000
_NOTE_CHARS: Final = 200


def standard(schema: Object) -> Object:
    """One schema in the words of the current draft, without what no API reads.

    Older drafts' tuple ``items``, boolean bounds and boolean ``required`` become what they are
    today, and a schema with properties says that it is an object.
    """
    out = schema
    if not _NOISE.isdisjoint(schema):
        out = without(out, *_NOISE)
    if isinstance(out.get("required"), bool):
        out = without(out, "required")
    if isinstance(out.get("items"), list):
        out = _modern_tuple(out)
    for exclusive, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(out.get(exclusive), bool):
            out = _modern_bound(out, exclusive, bound)
    if "properties" in out and "type" not in out:
        out = typed(out, "object")
    return out


def _modern_tuple(schema: Object) -> Object:
    out: Object = {}
    for key, value in schema.items():
        if key == "items":
            out["prefixItems"] = value
        elif key == "additionalItems":
            out["items"] = value
        else:
            out[key] = value
    return out


def _modern_bound(schema: Object, exclusive: str, bound: str) -> Object:
    if schema[exclusive] is not True or bound not in schema:
        return without(schema, exclusive)
    return {**without(schema, exclusive, bound), exclusive: schema[bound]}


class Walk:
    """One pass over one schema.

    `before` shapes a schema before those below it are visited and `after` when they are done; both
    return their argument where there is nothing to change. `exact` turns False when a constraint
    was dropped or weakened.
    """

    repeats = 1
    """how often a reference may be expanded inside itself"""

    def __init__(self, root: Object) -> None:
        self.root = root
        self.exact = True
        self.depth = 0
        self._open_refs: list[str] = []
        self._mark = 0
        self._expansions = 0

    def visit(self, schema: JSON) -> Object:
        """`schema` and all below it, cleaned."""
        if not isinstance(schema, dict):
            self.exact = self.exact and isinstance(schema, bool)
            schema = {"not": {}} if schema is False else {}
        if self.depth >= DEPTH_LIMIT:
            self.exact = False
            schema = {}
        outer = self.enter()
        done = self.after(descend(self.before(schema), self.visit))
        self.leave(outer)
        return done

    def enter(self) -> int:
        """Go one schema down; what comes back is for `leave`."""
        outer, self._mark = self._mark, len(self._open_refs)
        self.depth += 1
        return outer

    def leave(self, outer: int) -> None:
        """Come back up: the references expanded since `enter` are closed."""
        del self._open_refs[self._mark :]
        self._mark = outer
        self.depth -= 1

    def before(self, schema: Object) -> Object:
        """The common pre-pass: current words, and no reference that leads nowhere."""
        schema = standard(schema)
        if "$ref" in schema and resolve(self.root, schema["$ref"]) is None:
            self.exact = False
            return without(schema, "$ref")
        return schema

    def after(self, schema: Object) -> Object:
        """Nothing more to do, unless a target says so."""
        return schema

    def join(self, first: Object, second: Object) -> Object:
        """What satisfies both schemas, as one; annotations of the first win."""
        merged, exact = merge(first, second)
        self.exact = self.exact and exact
        return merged

    def fold(self, schema: Object) -> Object:
        """`schema` with what its ``$ref`` and ``allOf`` say written into it."""
        if "$ref" not in schema and "allOf" not in schema:
            return schema
        out = without(schema, "$ref", "allOf")
        if self.depth >= DEPTH_LIMIT:
            return self.join(out, self._dead_end())
        self.depth += 1
        if "$ref" in schema:
            out = self.join(out, self._expanded(schema["$ref"]))
        for part in listing(schema.get("allOf")):
            if isinstance(part, dict):
                out = self.join(out, self.fold(standard(part)))
            elif part is False:
                out = self.join(out, {"not": {}})
        self.depth -= 1
        return out

    def _expanded(self, ref: JSON) -> Object:
        target = resolve(self.root, ref)
        if target is None or not isinstance(ref, str):
            self.exact = False
            return {}
        if ref in self._open_refs[self._mark :]:
            return {}  # this very schema says so already
        if self._open_refs.count(ref) >= self.repeats or self._expansions >= _EXPANSION_LIMIT:
            return self._dead_end()
        self._open_refs.append(ref)
        self._expansions += 1
        return self.fold(standard(target))

    def _dead_end(self) -> Object:
        self.exact = False
        return {"type": "object"}

    def inline(self, schema: Object) -> Object:
        """`schema` with nothing left that refers elsewhere or is referred to."""
        out = self.fold(schema)
        return without(out, "$defs", "definitions") if not _DEFINITIONS.isdisjoint(out) else out

    def refer(self, schema: Object) -> Object:
        """`schema` without ``allOf``, and with ``$ref`` only where it stands alone.

        A reference in company moves into a union of one branch, which says the same. At the root
        it is written out, for the root has to show what it is.
        """
        parts = listing(schema.get("allOf"))
        if len(parts) == 1 and "$ref" not in schema and mapping(parts[0]).keys() == {"$ref"}:
            schema = {**without(schema, "allOf"), **mapping(parts[0])}
        crowded = self.depth == 1 or not _UNIONS.isdisjoint(schema)
        if "allOf" in schema or ("$ref" in schema and crowded):
            return self.fold(schema)
        if "$ref" in schema and len(schema) > 1:
            return {**without(schema, "$ref"), "anyOf": [{"$ref": schema["$ref"]}]}
        return schema

    def spread(self, schema: Object) -> Object:
        """`schema` with a tuple's positions as alternatives for all of its items."""
        if "prefixItems" not in schema:
            return schema
        self.exact = False
        shapes = [*listing(schema["prefixItems"])]
        if isinstance(schema.get("items"), dict):
            shapes.append(schema["items"])
        several = distinct(shapes)
        items: JSON = {"anyOf": several} if len(several) > 1 else {}
        return {
            **without(schema, "prefixItems"),
            "items": several[0] if len(several) == 1 else items,
        }

    def keep(self, schema: Object, taken: Callable[[str, JSON], bool]) -> Object:
        """`schema` with only what is `taken`; lost constraints are told in its description."""
        lost = {key: value for key, value in schema.items() if not taken(key, value)}
        if not lost:
            return schema
        scope = OF_ANY_TYPE.union(
            *(CONSTRAINTS.get(kind, ()) for kind in types(schema) or CONSTRAINTS)
        )
        kept = without(schema, *lost)
        lost = {key: value for key, value in lost.items() if key in scope and _binds(key, value)}
        if not lost:
            return kept
        self.exact = False
        words = [f"{key} {json.text(value)}" for key, value in lost.items()]
        said = ", ".join(word for word in words if len(word) <= _NOTE_CHARS)
        return noted(kept, f"Constraints: {said}") if said else kept


def _binds(key: str, value: JSON) -> bool:
    """Whether `key` with that value forbids anything that a caller would think of."""
    return value is not False and not (key == "additionalProperties" and value in (True, {}))


def noted(schema: Object, note: str) -> Object:
    """`schema` with `note` at the end of its description."""
    before = schema.get("description")
    opening = f"{before}\n\n" if isinstance(before, str) and before else ""
    return {**schema, "description": f"{opening}{note}"}

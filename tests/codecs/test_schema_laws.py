"""No schema, however strange, is damaged on the way to any API."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from mux.codecs import _schema
from mux.codecs._schema import Cleaned
from mux.errors import Unsupported
from tests.json_schema import (
    FORBIDDEN,
    JSON_TARGETS,
    KEYWORD_NAMES,
    TARGETS,
    TOOL_TARGETS,
    UNION_AT_ROOT,
    every_target,
    nodes,
    resolves,
    valid_schema,
)

# Strategies: schemas that are valid drafts 2020-12, and values to hold against them.

property_names = st.sampled_from([*KEYWORD_NAMES, "a", "b", "c", "d"])
plain_names = st.sampled_from(["type", "properties", "const", "a", "b", "c", "d"])
small = st.integers(-3, 6)
scalars = st.one_of(st.none(), st.booleans(), small, st.sampled_from(["", "x", "yy", "zzz"]))
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(property_names, inner, max_size=2),
    max_leaves=5,
)


def keywords(**optional: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=optional)


def typed(name: str, **optional: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"type": st.just(name)},
        optional={"description": st.just("words"), "default": scalars, **optional},
    )


bounds = {
    "minimum": small, "maximum": small, "exclusiveMinimum": small, "exclusiveMaximum": small,
    "multipleOf": st.integers(1, 3),
}  # fmt: skip
leaves = st.one_of(
    typed("string", minLength=st.integers(0, 2), maxLength=st.integers(0, 3),
          pattern=st.sampled_from(["^x", "z"]), format=st.sampled_from(["date-time", "uri"])),
    typed("integer", **bounds),
    typed("number", **bounds),
    typed("boolean"),
    typed("null"),
    st.fixed_dictionaries({"type": st.lists(
        st.sampled_from(["string", "integer", "null", "boolean"]),
        min_size=1, max_size=3, unique=True)}, optional={"minLength": st.just(1)}),
    st.fixed_dictionaries({"enum": st.lists(scalars, min_size=1, max_size=3)}),
    st.fixed_dictionaries({"type": st.just("string"),
                           "enum": st.lists(st.sampled_from(["x", "yy"]), min_size=1)}),
    st.fixed_dictionaries({"const": scalars}),
    st.booleans(),
    st.just({}),
)  # fmt: skip


def objects(
    inner: st.SearchStrategy[Any], names: st.SearchStrategy[str]
) -> st.SearchStrategy[dict[str, Any]]:
    return typed(
        "object",
        properties=st.dictionaries(names, inner, max_size=3),
        required=st.lists(names, max_size=2, unique=True),
        additionalProperties=st.one_of(st.booleans(), inner),
        minProperties=st.integers(0, 2),
        examples=st.just([{}]),
    )


def compounds(
    inner: st.SearchStrategy[Any], names: st.SearchStrategy[str]
) -> st.SearchStrategy[Any]:
    several = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        objects(inner, names),
        typed("array", items=inner, minItems=st.integers(0, 2), maxItems=st.integers(0, 3),
              uniqueItems=st.booleans()),
        typed("array", prefixItems=several, items=st.booleans()),
        keywords(anyOf=several, description=st.just("union")),
        keywords(oneOf=several),
        keywords(allOf=several, title=st.just("both")),
        st.tuples(objects(inner, names), st.lists(objects(inner, names), min_size=1, max_size=2))
        .map(lambda pair: {**pair[0], "allOf": pair[1]}),
        keywords(**{"not": inner, "type": st.just("string")}),
        st.fixed_dictionaries({"if": inner, "then": inner, "type": st.just("object")}),
    )  # fmt: skip


references = st.sampled_from(["$defs/One", "$defs/Two", "definitions/Old"]).flatmap(
    lambda name: st.sampled_from([{"$ref": f"#/{name}"}, {"$ref": f"#/{name}", "title": "Ref"}])
)


def wholes(names: st.SearchStrategy[str], *, only_objects: bool) -> st.SearchStrategy[Any]:
    """Whole schemas. References lead only from inside objects, so that validation ends."""
    flat = st.recursive(leaves, lambda inner: compounds(inner, names), max_leaves=4)
    shape = objects(flat | references, names)
    body = shape if only_objects else shape | flat.filter(lambda value: isinstance(value, dict))
    return st.tuples(body, st.tuples(shape, shape, shape), st.booleans()).map(_whole)


def _whole(drawn: Any) -> dict[str, Any]:
    body, (one, two, old), noisy = drawn
    schema = dict(body)
    if '"#/' in json.dumps(schema):
        schema["$defs"], schema["definitions"] = {"One": one, "Two": two}, {"Old": old}
    if noisy:
        schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return schema


schemas = wholes(property_names, only_objects=False)
object_schemas = wholes(plain_names, only_objects=True)

simple_leaves = st.one_of(
    typed("string"), typed("integer"), typed("boolean"),
    st.just({"type": ["string", "null"]}), st.just({"type": ["integer", "boolean"]}),
    st.just({"enum": ["x", "yy", None]}), st.just({"const": "x"}),
    st.just({"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 5}),
    st.just({"type": "string", "minLength": 1, "examples": ["x"]}),
    st.sampled_from([{"$ref": "#/$defs/One"}, {"$ref": "#/$defs/One", "title": "Ref"}]),
)  # fmt: skip


def simple_compounds(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(inner, min_size=1, max_size=3)
    some = st.dictionaries(plain_names, inner, min_size=1, max_size=3)
    return st.one_of(
        typed("object", required=st.lists(plain_names, max_size=2, unique=True),
              additionalProperties=st.booleans())
        .flatmap(lambda shape: some.map(lambda shapes: {**shape, "properties": shapes})),
        typed("array", items=inner, minItems=st.integers(0, 2)),
        keywords(description=st.just("union"))
        .flatmap(lambda shape: several.map(lambda parts: {**shape, "anyOf": parts})),
        several.map(lambda parts: {"oneOf": parts}),
        several.map(lambda parts: {"allOf": parts}),
    )  # fmt: skip


simple_schemas = st.recursive(simple_leaves, simple_compounds, max_leaves=5).map(
    lambda inner: {
        "type": "object",
        "properties": {"a": inner, "b": {"anyOf": [inner, {"type": "null"}]}},
        "required": ["a"],
        "$defs": {"One": {"type": "object", "properties": {"c": {"type": "string"}}}},
    }
)
"""Schemas of the kinds that even the narrowest targets can mostly express."""

BY_TARGET = {name: simple_schemas if name == "anthropic_output" else schemas for name in TARGETS}

wild = st.recursive(
    values | leaves,
    lambda inner: st.dictionaries(
        st.sampled_from([*KEYWORD_NAMES, "allOf", "oneOf", "prefixItems", "nullable", "any_of"]),
        st.one_of(inner, st.lists(inner, max_size=2), st.dictionaries(property_names, inner),
                  st.sampled_from(["#", "#/$defs/a", "#/properties/a", "object", "STRING"])),
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip
"""Anything a client could put in a schema's place, most of it nonsense."""


def clean(target: str, schema: Any) -> Cleaned:
    """`schema` cleaned; an example the target cannot express at all is thrown away."""
    try:
        return TARGETS[target](schema)
    except Unsupported:
        assume(False)
        raise


def guess(draw: st.DrawFn, schema: Any, root: dict[str, Any], depth: int = 0) -> Any:
    """A value that may satisfy `schema`."""
    if not isinstance(schema, dict) or depth > 5:
        return draw(scalars)
    if "$ref" in schema:
        target: Any = root
        for token in schema["$ref"].split("/")[1:]:
            target = target[token]
        return guess(draw, target, root, depth + 1)
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema and "type" not in schema:
            return guess(draw, draw(st.sampled_from(schema[key])), root, depth + 1)
    if "enum" in schema:
        return draw(st.sampled_from(schema["enum"]))
    if "const" in schema:
        return schema["const"]
    kind = schema.get("type")
    kind = draw(st.sampled_from(kind)) if isinstance(kind, list) else kind
    match kind:
        case "object":
            shapes = schema.get("properties", {})
            for part in schema.get("allOf", []):
                shapes = {**part.get("properties", {}), **shapes}
            return {
                name: guess(draw, shape, root, depth + 1)
                for name, shape in shapes.items()
                if name in schema.get("required", []) or draw(st.booleans())
            }
        case "array":
            shapes = schema.get("prefixItems", [schema.get("items")] * draw(st.integers(0, 2)))
            return [guess(draw, shape, root, depth + 1) for shape in shapes]
        case "string":
            return draw(st.sampled_from(["", "x", "xz", "yy", "zzz"]))
        case "integer":
            return draw(small)
        case "number":
            return draw(st.sampled_from([-3, -0.5, 0, 0.5, 1, 2.5, 6]))
        case "boolean":
            return draw(st.booleans())
        case "null":
            return None
        case _:
            return draw(values)


def accepts(schema: Any, value: Any) -> bool:
    return Draft202012Validator(schema).is_valid(value)


slow = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large
    ],
)  # fmt: skip


class TestLaws:
    @every_target
    @slow
    @given(data=st.data())
    def test_cleaning_twice_is_cleaning_once_and_never_touches_its_input(
        self, target: str, data: st.DataObject
    ):
        schema = data.draw(BY_TARGET[target] | wild)
        before = copy.deepcopy(schema)
        cleaned = clean(target, schema)
        assert schema == before
        again = clean(target, cleaned.schema)
        assert again.schema == cleaned.schema
        assert again.schema is cleaned.schema, "an unchanged schema is the same object"

    @every_target
    @slow
    @given(data=st.data())
    def test_F20_no_forbidden_keyword_is_left_where_a_schema_stands(
        self, target: str, data: st.DataObject
    ):
        cleaned = clean(target, data.draw(BY_TARGET[target])).schema
        for node in nodes(cleaned):
            assert not FORBIDDEN[target] & node.keys(), node
        if target in TOOL_TARGETS:
            assert cleaned["type"] == "object"
            assert not UNION_AT_ROOT & cleaned.keys()

    @pytest.mark.parametrize("target", JSON_TARGETS)
    @slow
    @given(data=st.data())
    def test_what_comes_out_is_json_schema(self, target: str, data: st.DataObject):
        schema = data.draw(BY_TARGET[target])
        assert valid_schema(schema)
        cleaned = clean(target, schema).schema
        Draft202012Validator.check_schema(cleaned)
        for node in nodes(cleaned):
            assert "$ref" not in node or resolves(cleaned, node["$ref"])

    @pytest.mark.parametrize("target", ["openai", "anthropic_input", "gemini_json_schema"])
    @slow
    @given(data=st.data(), schema=object_schemas)
    def test_what_satisfied_the_original_satisfies_an_exact_result(
        self, target: str, data: st.DataObject, schema: Any
    ):
        self.holds(target, data, schema)

    @pytest.mark.parametrize("target", ["ollama", "gemini_openapi"])
    @slow
    @given(data=st.data(), schema=simple_schemas)
    def test_what_satisfied_a_simple_original_satisfies_an_exact_result(
        self, target: str, data: st.DataObject, schema: Any
    ):
        self.holds(target, data, schema)

    def holds(self, target: str, data: st.DataObject, schema: Any) -> None:
        value = guess(data.draw, schema, schema)
        assume(accepts(schema, value))
        cleaned = clean(target, schema)
        assume(cleaned.exact and cleaned.schema is not None)
        assert accepts(_schema.to_json_schema(cleaned.schema), value)

    @slow
    @given(data=st.data(), schema=simple_schemas)
    def test_what_satisfies_an_exact_output_schema_satisfies_the_original(
        self, data: st.DataObject, schema: Any
    ):
        cleaned = clean("anthropic_output", schema)
        assume(cleaned.exact)
        value = guess(data.draw, cleaned.schema, cleaned.schema)
        assume(accepts(cleaned.schema, value))
        alternatives = json.loads(json.dumps(schema).replace('"oneOf"', '"anyOf"'))
        assert accepts(alternatives, value)

    @slow
    @given(schema=schemas)
    def test_a_schema_survives_the_way_to_gemini_and_back(self, schema: Any):
        openapi = _schema.gemini_openapi(schema).schema
        back = _schema.to_json_schema(openapi)
        assert _schema.to_json_schema(back) == back
        assert _schema.gemini_openapi(back).schema == openapi
        if back is not None:
            Draft202012Validator.check_schema(back)

    @every_target
    @given(names=st.lists(property_names, unique=True))
    def test_F20_P185_property_names_are_never_keywords(self, target: str, names: list[str]):
        if target == "anthropic_input":
            names = [name for name in names if not name.startswith("$")]
        inner = {
            "type": "object",
            "properties": {name: {"type": "string"} for name in names},
            "required": names,
            "additionalProperties": False,
        }
        outer = {"type": "object", "properties": {"inner": inner, **inner["properties"]}}
        cleaned = clean(target, outer).schema
        assert list(cleaned["properties"]) == ["inner", *names]
        if names:
            assert list(cleaned["properties"]["inner"]["properties"]) == names
            assert cleaned["properties"]["inner"]["required"] == names

"""Every API gets a schema it accepts (translation spec section 12, cases F20)."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from mux.codecs import _schema
from mux.codecs._schema import Cleaned
from mux.errors import Unsupported
from tests.conftest import SHARED
from tests.json_schema import (
    FORBIDDEN,
    JSON_TARGETS,
    TARGETS,
    every_target,
    nodes,
    resolves,
    valid_schema,
)

A = {"type": "object", "properties": {"a": {"type": "string"}, "k": {"const": 1}},
     "required": ["a", "k"], "additionalProperties": False}  # fmt: skip
B = {"type": "object", "properties": {"b": {"type": "string"}, "k": {"const": 2}},
     "required": ["k", "b"], "additionalProperties": False}  # fmt: skip

STRICT = {
    "type": "object",
    "properties": {
        "a": {"type": ["string", "null"], "default": None, "format": "uuid"},
        "b": {"anyOf": [{"$ref": "#/$defs/B"}, {"type": "null"}], "description": "b"},
    },
    "required": ["b", "a"],
    "additionalProperties": False,
    "$defs": {
        "B": {"type": "object", "properties": {"self": {"$ref": "#"}}, "required": ["self"],
              "additionalProperties": False}
    },
}  # fmt: skip


def tool(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def one(target: str, schema: Any) -> Any:
    """`schema` as the property of a tool, cleaned; what became of it."""
    cleaned = TARGETS[target](tool(x=schema)).schema
    return cleaned["properties"]["x"]


@every_target
def test_nothing_stays_nothing(target: str):
    assert TARGETS[target](None) == Cleaned(None, exact=True)


class TestRoot:
    """Translation spec section 12: the root is an object, without a union (pitfall 182)."""

    @pytest.mark.parametrize("target", ["openai", "anthropic_input"])
    @pytest.mark.parametrize("union", ["anyOf", "oneOf"])
    def test_P182_a_union_becomes_one_object_that_requires_what_all_require(
        self, target: str, union: str
    ):
        schema = {"description": "either", union: [A, {"$ref": "#/$defs/B"}],
                  "$defs": {"B": B}}  # fmt: skip
        cleaned = TARGETS[target](schema)
        assert cleaned == Cleaned(
            {
                "description": "either",
                "$defs": {"B": B},
                "type": "object",
                "properties": {
                    "a": {"type": "string"},
                    "k": {"anyOf": [{"const": 1}, {"const": 2}]},
                    "b": {"type": "string"},
                },
                "required": ["k"],
                "additionalProperties": False,
            },
            exact=False,
        )

    def test_a_union_of_required_sets_leaves_the_properties_alone(self):
        base = tool(a={"type": "string"}, b={"type": "string"})
        cleaned = _schema.openai({**base, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]})
        assert cleaned == Cleaned(base, exact=False)

    def test_a_nullable_object_is_that_object(self):
        schema = {"anyOf": [tool(a={"type": "string"}), {"type": "null"}]}
        assert _schema.openai(schema) == Cleaned(tool(a={"type": "string"}), exact=True)

    def test_all_parts_of_an_intersection_apply(self):
        schema = {
            "allOf": [{**tool(a={"type": "string"}), "required": ["a"]}, {"$ref": "#/$defs/B"}],
            "$defs": {"B": {**tool(b={"type": "integer"}), "required": ["b"]}},
        }
        cleaned = _schema.anthropic_input(schema)
        assert cleaned.exact
        assert cleaned.schema["properties"] == {"a": {"type": "string"}, "b": {"type": "integer"}}
        assert cleaned.schema["required"] == ["a", "b"]

    def test_an_intersection_of_closed_objects_is_read_as_its_author_meant_it(self):
        closed = {**tool(a={"type": "string"}), "additionalProperties": False}
        schema = {"allOf": [closed, {**tool(b={"type": "string"}), "required": ["b"]}]}
        cleaned = _schema.openai(schema)
        assert not cleaned.exact, "taken literally nothing satisfies it"
        assert list(cleaned.schema["properties"]) == ["a", "b"]
        assert _schema.openai({"allOf": [closed, {**closed, "required": ["a"]}]}).exact

    def test_a_referenced_root_is_written_out(self):
        node = {**tool(next={"$ref": "#/definitions/Node"}), "required": ["next"]}
        cleaned = _schema.openai({"$ref": "#/definitions/Node", "definitions": {"Node": node}})
        assert cleaned == Cleaned({"definitions": {"Node": node}, **node}, exact=True)

    @pytest.mark.parametrize("schema", [{"enum": [{"a": 1}]}, {"not": {"required": ["a"]}}])
    def test_enumeration_and_negation_go(self, schema: Any):
        cleaned = _schema.openai({**tool(a={}), **schema})
        assert cleaned == Cleaned(tool(a={}), exact=False)

    def test_what_is_no_object_becomes_a_property_and_its_references_follow(self):
        schema = {"type": "array", "items": {"$ref": "#/$defs/A"}, "$defs": {"A": A}}
        cleaned = _schema.openai(schema)
        assert not cleaned.exact
        assert cleaned.schema["required"] == ["value"]
        (ref,) = [node["$ref"] for node in nodes(cleaned.schema) if "$ref" in node]
        assert ref == "#/properties/value/$defs/A"
        assert resolves(cleaned.schema, ref)

    def test_P184_a_root_union_that_contains_itself_ends(self):
        cleaned = _schema.openai({"anyOf": [{"$ref": "#"}, tool(a={})]})
        assert cleaned.schema["type"] == "object"


class TestPrePass:
    @pytest.mark.parametrize("target", ["openai", "anthropic_input", "gemini_json_schema"])
    def test_older_drafts_are_brought_up_to_date(self, target: str):
        old = tool(
            pair={"type": "array", "items": [{"type": "string"}], "additionalItems": False},
            size={"type": "integer", "minimum": 0, "exclusiveMinimum": True, "maximum": 9,
                  "exclusiveMaximum": False},
            flag={"type": "string", "required": True},
            nested={"properties": {"a": True}},
        )  # fmt: skip
        properties = TARGETS[target](old).schema["properties"]
        assert properties["pair"]["prefixItems"] == [{"type": "string"}]
        assert properties["pair"]["items"] == {"not": {}}
        lower = {"minimum": 1} if target == "gemini_json_schema" else {"exclusiveMinimum": 0}
        assert properties["size"] == {"type": "integer", **lower, "maximum": 9}
        assert properties["flag"] == {"type": "string"}
        assert properties["nested"] == {"type": "object", "properties": {"a": {}}}

    @every_target
    def test_P183_a_reference_that_leads_nowhere_goes(self, target: str):
        cleaned = TARGETS[target](tool(x={"$ref": "#/$defs/Gone", "type": "string"}))
        assert not cleaned.exact
        assert not [node for node in nodes(cleaned.schema) if "$ref" in node]

    def test_an_unchanged_schema_is_the_same_object(self):
        schema = {**tool(a={"$ref": "#/$defs/A"}), "$defs": {"A": {"type": "string"}}}
        assert _schema.openai(schema).schema is schema
        assert _schema.openai(copy.deepcopy(schema)).schema is not schema
        assert _schema.gemini_json_schema(schema).schema is schema


class TestBounds:
    """Nothing a client can send takes long or ends in anything but a schema (pitfall 184)."""

    @every_target
    def test_P184_recursion_ends(self, target: str):
        tree = {"type": "object", "required": ["leaf"],
                "properties": {"leaf": {"type": "string"}, "left": {"$ref": "#/$defs/Tree"},
                               "right": {"$ref": "#/$defs/Tree"}}}  # fmt: skip
        schema = {**tool(tree={"$ref": "#/$defs/Tree"}), "$defs": {"Tree": tree}}
        if target == "anthropic_output":
            with pytest.raises(Unsupported, match="recursive at #/\\$defs/Tree"):
                _schema.anthropic_output(schema)
            return
        cleaned = TARGETS[target](schema)
        assert cleaned.exact is (target not in ("gemini_openapi", "ollama"))
        assert len(json.dumps(cleaned.schema)) < 5000

    @pytest.mark.parametrize("target", ["gemini_openapi", "ollama"])
    def test_P184_references_that_double_at_every_step_are_cut_off(self, target: str):
        steps = {
            f"s{i}": tool(a={"$ref": f"#/$defs/s{i + 1}"}, b={"$ref": f"#/$defs/s{i + 1}"})
            for i in range(40)
        }
        schema = {**tool(x={"$ref": "#/$defs/s0"}), "$defs": {**steps, "s40": {"type": "string"}}}
        cleaned = TARGETS[target](schema)
        assert not cleaned.exact
        assert len(json.dumps(cleaned.schema)) < 300_000

    @pytest.mark.parametrize("target", [name for name in TARGETS if name != "anthropic_output"])
    @pytest.mark.parametrize("key", ["items", "not", "allOf", "anyOf", "$ref"])
    def test_P184_deep_nesting_is_cut_off(self, target: str, key: str):
        deep: Any = {"type": "string"}
        definitions: dict[str, Any] = {}
        for depth in range(300):
            if key == "$ref":
                definitions[f"d{depth}"] = {"$ref": f"#/$defs/d{depth + 1}", "title": "deep"}
            else:
                deep = {key: [deep] if key.endswith("Of") else deep}
        if definitions:
            deep = {"$ref": "#/$defs/d0"}
        cleaned = TARGETS[target]({**tool(x=deep), "$defs": definitions})
        assert cleaned.schema["type"].lower() == "object"

    def test_wide_schemas_take_no_more_than_their_width(self):
        names = [f"n{i}" for i in range(20_000)]
        wide = {**tool(**{name: {"type": "string"} for name in names}), "required": names}
        for target in ("openai", "gemini_openapi"):
            assert TARGETS[target]({"anyOf": [wide, wide]}).schema["required"] == names
        assert not _schema.openai_strict_ok(wide)


class TestOpenAI:
    def test_quirk_openai_arrays_have_items(self):
        assert one("openai", {"type": ["array", "null"]}) == {
            "type": ["array", "null"], "items": {},
        }  # fmt: skip

    def test_a_root_without_properties_gets_none(self):
        assert _schema.openai({"type": "object"}) == Cleaned(tool(), exact=True)
        assert _schema.openai({}) == Cleaned(tool(), exact=True)

    def test_the_strict_subset_is_recognised(self):
        assert _schema.openai_strict_ok(STRICT)
        assert _schema.openai(STRICT).schema is STRICT

    @pytest.mark.parametrize(
        "change",
        [
            {"required": ["a"]},
            {"additionalProperties": True},
            {"anyOf": [{"type": "object"}]},
            {"type": "array"},
            {"properties": {"a": {"type": "string", "minLength": 1}, "b": {"type": "string"}}},
            {"properties": {"a": {"oneOf": [{"type": "string"}]}, "b": {"type": "string"}}},
            {"properties": {"a": {"type": "string", "format": "uri"}, "b": {"type": "string"}}},
            {"properties": {"a": {"type": "string", "pattern": "(?=x)"}, "b": {"type": "string"}}},
            {"properties": {"a": {"$ref": "#/$defs/B", "title": "a"}, "b": {"type": "string"}}},
            {"properties": {"a": {"$ref": "#/$defs/C"}, "b": {"type": "string"}}},
            {"properties": {"a": {}, "b": {"type": "string"}}},
            {"properties": {"a": True, "b": {"type": "string"}}},
            {"properties": {"a": {"type": "object"}, "b": {"type": "string"}}},
        ],
    )
    def test_P180_what_strict_mode_would_refuse_is_not_strict(self, change: Any):
        assert not _schema.openai_strict_ok({**STRICT, **change})

    def test_P180_deeper_than_ten_objects_is_not_strict(self):
        def nested(depth: int) -> dict[str, Any]:
            inner = nested(depth - 1) if depth > 1 else {"type": "string"}
            return {**tool(x=inner), "required": ["x"], "additionalProperties": False}

        assert _schema.openai_strict_ok(nested(10))
        assert not _schema.openai_strict_ok(nested(11))

    @pytest.mark.parametrize("schema", [None, True, [], "x"])
    def test_what_is_no_schema_is_not_strict(self, schema: Any):
        assert not _schema.openai_strict_ok(schema)


class TestAnthropic:
    @pytest.mark.parametrize("name", ["$ref", "größe", "a b", "", "x" * 65])
    def test_names_it_refuses_are_the_client_s_fault(self, name: str):
        with pytest.raises(Unsupported, match="property named"):
            _schema.anthropic_input(tool(**{name: {}}))

    def test_names_below_the_root_are_free(self):
        schema = tool(a=tool(**{"$ref": {"type": "string"}}))
        assert _schema.anthropic_input(schema).schema is schema

    def test_output_is_closed_and_its_limits_are_told(self):
        schema = {
            "type": "object",
            "properties": {
                "n": {"type": "integer", "minimum": 1, "maximum": 9, "description": "A number."},
                "list": {"type": "array", "items": {"type": "string"}, "minItems": 2},
                "some": {"type": "array", "items": {"type": "string"}, "minItems": 1},
                "id": {"type": "string", "pattern": "^[a-z]+$", "format": "uuid"},
                "odd": {"type": "string", "pattern": "^(?!x)", "format": "regex"},
                "kind": {"oneOf": [{"const": "a"}, {"const": "b"}]},
            },
        }
        cleaned = _schema.anthropic_output(schema)
        assert cleaned == Cleaned(
            {
                "type": "object",
                "properties": {
                    "n": {
                        "type": "integer",
                        "description": "A number.\n\nConstraints: minimum 1, maximum 9",
                    },
                    "list": {
                        "type": "array",
                        "items": {"type": "string"},
                        "description": "Constraints: minItems 2",
                    },
                    "some": schema["properties"]["some"],
                    "id": schema["properties"]["id"],
                    "odd": {
                        "type": "string",
                        "description": 'Constraints: pattern "^(?!x)", format "regex"',
                    },
                    "kind": {"anyOf": [{"const": "a"}, {"const": "b"}]},
                },
                "additionalProperties": False,
            },
            exact=False,
        )

    def test_a_reference_keeps_its_description(self):
        color = {"enum": ["red", "blue"]}
        schema = {
            **tool(c={"$ref": "#/$defs/Color", "description": "The main one"}),
            "additionalProperties": False,
            "$defs": {"Color": color},
        }
        cleaned = _schema.anthropic_output(schema)
        assert cleaned.exact
        assert cleaned.schema["properties"]["c"] == {
            "description": "The main one", "anyOf": [{"$ref": "#/$defs/Color"}],
        }  # fmt: skip

    @pytest.mark.parametrize(
        "shape", [{}, True, {"type": "object"}, {"description": "anything"},
                  {"type": "object", "additionalProperties": {"type": "string"}}]
    )  # fmt: skip
    def test_what_cannot_be_said_is_refused_and_not_emptied(self, shape: Any):
        with pytest.raises(Unsupported, match="structured output"):
            _schema.anthropic_output(tool(x=shape))


class TestGemini:
    """Cases F20: what old Gemini refuses, and pitfalls 132 to 134."""

    def test_F20_agent_tools_need_no_loss_with_json_schema(self):
        schema = {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "type": "object",
            "properties": {
                "kind": {"const": "file"},
                "limit": {"type": "integer", "exclusiveMinimum": 0, "maximum": 9007199254740991},
                "node": {"$ref": "#/definitions/Node", "description": "Where"},
                "ratio": {"type": "number", "exclusiveMaximum": 1},
            },
            "additionalProperties": False,
            "definitions": {"Node": {"allOf": [{"type": "string"}, {"minLength": 1}]}},
        }
        cleaned = _schema.gemini_json_schema(schema)
        assert cleaned.schema == {
            "type": "object",
            "properties": {
                "kind": {"enum": ["file"]},
                "limit": {"type": "integer", "minimum": 1, "maximum": 9007199254740991},
                "node": {"description": "Where", "anyOf": [{"$ref": "#/$defs/Node"}]},
                "ratio": {"type": "number", "description": "Constraints: exclusiveMaximum 1"},
            },
            "additionalProperties": False,
            "$defs": {"Node": {"type": "string", "minLength": 1}},
        }
        assert not cleaned.exact, "the open bound of a number is only told"

    def test_F20_P185_properties_called_like_keywords_keep_their_references(self):
        schema = {
            "type": "object",
            "properties": {"definitions": {"type": "string"},
                           "copy": {"$ref": "#/properties/definitions"},
                           "part": {"$ref": "#/definitions/properties"}},
            "definitions": {"properties": {"type": "integer"}},
        }  # fmt: skip
        cleaned = _schema.gemini_json_schema(schema)
        assert cleaned.exact
        assert cleaned.schema["properties"]["copy"] == {"$ref": "#/properties/definitions"}
        assert cleaned.schema["properties"]["part"] == {"$ref": "#/$defs/properties"}

    @pytest.mark.parametrize(
        ("schema", "expected", "exact"),
        [
            ({"type": ["string", "null"]}, {"type": "STRING", "nullable": True}, True),
            ({"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
             {"type": "STRING", "nullable": True, "default": None}, True),
            ({"type": ["string", "integer"], "minLength": 1, "minimum": 2},
             {"anyOf": [{"type": "STRING", "minLength": 1}, {"type": "INTEGER", "minimum": 2}]},
             True),
            ({"const": "a"}, {"type": "STRING", "enum": ["a"]}, True),
            ({"enum": ["a", None]}, {"type": "STRING", "enum": ["a"], "nullable": True}, True),
            ({"enum": [1, 2]}, {"type": "INTEGER", "description": "Constraints: enum [1,2]"},
             False),
            ({"enum": ["", "a"]}, {"type": "STRING", "enum": ["a"]}, False),
            ({"enum": [1, "a"]},
             {"type": "STRING", "description": 'Constraints: enum [1,"a"]'}, False),
            ({"type": "integer", "exclusiveMinimum": 0}, {"type": "INTEGER", "minimum": 1}, True),
            ({"type": "string", "format": "date-time"},
             {"type": "STRING", "format": "date-time"}, True),
            ({"type": "string", "format": "uri"},
             {"type": "STRING", "description": 'Constraints: format "uri"'}, False),
            ({"type": "array"}, {"type": "ARRAY", "items": {"type": "STRING"}}, False),
            ({"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}]},
             {"type": "ARRAY", "items": {"anyOf": [{"type": "STRING"}, {"type": "INTEGER"}]}},
             False),
            ({"type": "array", "items": {"type": "string"}, "uniqueItems": True},
             {"type": "ARRAY", "items": {"type": "STRING"},
              "description": "Constraints: uniqueItems true"}, False),
            ({"type": "object"},
             {"type": "OBJECT", "properties": {"_": {"type": "STRING"}}}, False),
            ({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a", "b"],
              "additionalProperties": False, "x-order": 1, "examples": [{}]},
             {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}, "required": ["a"]}, False),
            ({"oneOf": [{"type": "string"}, {"$ref": "#/$defs/N"}], "description": "d"},
             {"description": "d", "anyOf": [{"type": "STRING"}, {"type": "NUMBER"}]}, True),
            ({"allOf": [{"$ref": "#/$defs/N"}, {"minimum": 1}], "title": "t"},
             {"title": "t", "type": "NUMBER", "minimum": 1}, True),
            ({}, {"type": "STRING"}, False),
            ({"minimum": 1}, {"type": "NUMBER", "minimum": 1}, False),
            ({"type": "string", "not": {"const": "x"}},
             {"type": "STRING", "description": 'Constraints: not {"const":"x"}'}, False),
        ],
    )  # fmt: skip
    def test_F20_old_models_get_their_own_words(self, schema: Any, expected: Any, exact: bool):
        cleaned = _schema.gemini_openapi({**tool(x=schema), "$defs": {"N": {"type": "number"}}})
        assert cleaned == Cleaned({"type": "OBJECT", "properties": {"x": expected}}, exact)

    def test_P134_an_empty_object_is_left_out(self):
        assert _schema.gemini_openapi({"type": "object", "properties": {}}) == Cleaned(None)
        assert _schema.gemini_openapi({}).schema is None

    def test_P184_a_reference_is_written_out_three_times_at_most(self):
        node = tool(next={"$ref": "#/$defs/Node"})
        text = json.dumps(
            _schema.gemini_openapi(
                {**tool(x={"$ref": "#/$defs/Node"}), "$defs": {"Node": node}}
            ).schema
        )
        assert text.count('"next"') == 3

    @pytest.mark.parametrize(
        ("openapi", "expected"),
        [
            ({"type": "STRING", "nullable": True}, {"type": ["string", "null"]}),
            ({"type": "STRING", "nullable": False}, {"type": "string"}),
            ({"type": "STRING", "enum": ["a"], "format": "enum", "nullable": True},
             {"type": ["string", "null"], "enum": ["a", None]}),
            ({"type": "INTEGER", "format": "enum", "enum": ["101", "-2"]},
             {"type": "integer", "enum": [101, -2]}),
            ({"anyOf": [{"type": "STRING"}, {"type": "NUMBER"}], "nullable": True},
             {"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "null"}]}),
            ({"any_of": [{"type": "STRING"}], "property_ordering": ["a"], "min_items": "1"},
             {"anyOf": [{"type": "string"}], "propertyOrdering": ["a"], "minItems": 1}),
            ({"ref": "#/defs/Pet", "defs": {"Pet": {"type": "OBJECT"}}},
             {"$ref": "#/$defs/Pet", "$defs": {"Pet": {"type": "object"}}}),
            ({"ref": "#/defs/Pet", "nullable": True},
             {"anyOf": [{"$ref": "#/$defs/Pet"}, {"type": "null"}]}),
            ({"type": 6, "properties": {"a": {"type": 1}, "b": {"type": 5, "items": {"type": 3}}}},
             {"type": "object", "properties": {
                 "a": {"type": "string"}, "b": {"type": "array", "items": {"type": "integer"}}}}),
            ({"type": "TYPE_UNSPECIFIED", "description": "any"}, {"description": "any"}),
            ({"type": "OBJECT", "properties": {"nullable": {"type": "BOOLEAN"},
                                               "any_of": {"type": "STRING"}}},
             {"type": "object", "properties": {"nullable": {"type": "boolean"},
                                               "any_of": {"type": "string"}}}),
            (None, None),
        ],
    )  # fmt: skip
    def test_a_gemini_client_s_schema_becomes_json_schema(self, openapi: Any, expected: Any):
        assert _schema.to_json_schema(openapi) == expected

    @pytest.mark.parametrize("count", ["9" * 5000, "many", "٣", "-"])
    def test_what_spells_no_number_stays_text(self, count: str):
        openapi = {"type": "INTEGER", "enum": [count], "minItems": count, "maxItems": "3"}
        assert _schema.to_json_schema(openapi) == {
            "type": "integer", "enum": [count], "minItems": count, "maxItems": 3,
        }  # fmt: skip

    def test_an_old_model_s_root_is_one_object(self):
        union = {"anyOf": [tool(a={"type": "string"}), {"type": "null"}]}
        expected = {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}
        assert _schema.gemini_openapi(union) == Cleaned(expected, exact=False)
        words = {"type": "string", "enum": ["a", "b"]}
        assert _schema.gemini_openapi(words) == Cleaned({**words, "type": "STRING"}, exact=True)

    def test_json_schema_from_a_gemini_client_stays_as_it_is(self):
        schema = {**tool(a={"$ref": "#/$defs/A"}), "$defs": {"A": {"type": ["string", "null"]}}}
        assert _schema.to_json_schema(schema) is schema


class TestOllama:
    def test_only_what_its_parser_knows_is_sent(self):
        schema = {
            "type": "object",
            "properties": {
                "n": {"type": "integer", "minimum": 1, "title": "N", "default": 5},
                "u": {"oneOf": [{"$ref": "#/$defs/A"}, {"type": "null"}]},
                "m": {"type": "object", "additionalProperties": {"type": "string"}},
                "c": {"const": "x"},
            },
            "additionalProperties": False,
            "$defs": {"A": {"type": "string", "format": "uuid"}},
        }
        assert _schema.ollama(schema) == Cleaned(
            {
                "type": "object",
                "properties": {
                    "n": {"type": "integer", "description": "Constraints: minimum 1"},
                    "u": {
                        "anyOf": [
                            {"type": "string", "description": 'Constraints: format "uuid"'},
                            {"type": "null"},
                        ]
                    },
                    "m": {
                        "type": "object",
                        "description": 'Constraints: additionalProperties {"type":"string"}',
                    },
                    "c": {"enum": ["x"]},
                },
            },
            exact=False,
        )

    def test_a_closed_object_is_exact(self):
        cleaned = _schema.ollama({**tool(a={"type": "string"}), "additionalProperties": False})
        assert cleaned == Cleaned(tool(a={"type": "string"}), exact=True)


SCHEMA_KEYS = {
    "parameters", "input_schema", "parametersJsonSchema", "parameters_json_schema", "schema",
    "responseSchema", "responseJsonSchema", "response_schema",
}  # fmt: skip


def found(value: Any) -> Iterator[dict[str, Any]]:
    """The schemas in a recorded request."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in SCHEMA_KEYS and isinstance(inner, dict):
                yield inner
            else:
                yield from found(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from found(inner)


def recorded() -> list[dict[str, Any]]:
    """Every schema that clients were seen to send, each once."""
    texts: dict[str, None] = {}
    for path in sorted(
        [*(SHARED / "corpus").glob("*.jsonl"), *(SHARED / "clients").glob("*.jsonl")]
    ):
        with path.open(encoding="utf-8", newline="\n") as lines:
            for line in lines:
                exchange = json.loads(line)
                for schema in found(exchange.get("request") or exchange.get("body")):
                    texts.setdefault(json.dumps(schema))
    return [_schema.to_json_schema(json.loads(text)) for text in texts]


@pytest.mark.skipif(
    not (SHARED / "corpus").is_dir() or not (SHARED / "clients").is_dir(),
    reason="the recorded traffic (../shared/corpus, ../shared/clients) is not here",
)
def test_F20_P183_every_recorded_schema_can_be_cleaned_for_everybody():
    schemas = recorded()
    assert len(schemas) > 400
    exact = dict.fromkeys(TARGETS, 0)
    for schema in schemas:
        before = copy.deepcopy(schema)
        for target, cleaner in TARGETS.items():
            try:
                cleaned = cleaner(schema)
            except Unsupported:
                assert target == "anthropic_output"
                continue
            exact[target] += cleaned.exact
            assert schema == before
            assert cleaner(cleaned.schema).schema == cleaned.schema
            for node in nodes(cleaned.schema):
                assert not FORBIDDEN[target] & node.keys(), (target, schema)
            if target in JSON_TARGETS and valid_schema(schema):
                Draft202012Validator.check_schema(cleaned.schema)
    share = {target: count / len(schemas) for target, count in exact.items()}
    assert min(share.values()) > 0.85, share
    assert share["openai"] == share["anthropic_input"] == 1.0, share

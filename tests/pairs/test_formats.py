"""Formats, parallel calls and stops, from any client's words to any upstream's (section 11).

Each client asks in its own spelling; each upstream must be asked in its own.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from mux.codecs import CODECS
from mux.errors import Unsupported
from mux.ir import Abilities, Request
from tests.pairs.test_tools import ABLE, ANTHROPIC, CHAT, GEMINI, OLLAMA, RESPONSES, pairs

SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}
SAID = [{"role": "user", "content": "hi"}]
BASE: dict[str, dict[str, Any]] = {
    CHAT: {"messages": SAID},
    RESPONSES: {"input": SAID},
    ANTHROPIC: {"messages": SAID, "max_tokens": 50},
    GEMINI: {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
    OLLAMA: {"messages": SAID, "stream": False},
}


def ask(client: str, **fields: Any) -> Request:
    body = json.dumps({"model": "m", **BASE[client], **fields}).encode()
    return CODECS[client].server.decode_request(body, model="m")


def sent(
    request: Request, upstream: str, abilities: Abilities | None = None
) -> tuple[Any, list[str]]:
    encoded = CODECS[upstream].client.encode_request(request, abilities or ABLE[upstream])
    return json.loads(encoded.body), [loss.code for loss in encoded.losses]


def system(upstream: str, found: Any) -> str:
    """What an upstream is told beside the conversation."""
    places = {
        CHAT: lambda: [m["content"] for m in found["messages"] if m["role"] == "system"],
        OLLAMA: lambda: [m["content"] for m in found["messages"] if m["role"] == "system"],
        RESPONSES: lambda: [found.get("instructions", "")],
        ANTHROPIC: lambda: [block["text"] for block in found.get("system", ())],
        GEMINI: lambda: [
            part["text"] for part in found.get("systemInstruction", {}).get("parts", ())
        ],
    }
    return "\n".join(places[upstream]())


# -- a schema -------------------------------------------------------------------------------------

SCHEMA_ASKED: list[tuple[str, dict[str, Any]]] = [
    (
        CHAT,
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "person", "strict": True, "schema": SCHEMA},
            }
        },
    ),
    (
        RESPONSES,
        {
            "text": {
                "format": {
                    "type": "json_schema",
                    "name": "person",
                    "strict": True,
                    "schema": SCHEMA,
                }
            }
        },
    ),
    (ANTHROPIC, {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}}),
    (ANTHROPIC, {"output_format": {"type": "json_schema", "schema": SCHEMA}}),
    (
        GEMINI,
        {
            "generationConfig": {
                "responseMimeType": "application/json",
                "responseJsonSchema": SCHEMA,
            }
        },
    ),
    (OLLAMA, {"format": SCHEMA}),
]

asked_schema = pytest.mark.parametrize(
    ("client", "fields", "upstream"),
    [
        pytest.param(client, fields, upstream, id=f"{client}-{next(iter(fields))}-{upstream}")
        for client, fields in SCHEMA_ASKED
        for upstream in ABLE
        if upstream != client
    ],
)


@asked_schema
def test_F27_a_schema_is_asked_for_in_each_upstreams_own_field(client, fields, upstream):
    found, losses = sent(ask(client, **fields), upstream)
    assert losses == []
    name = "person" if client in (CHAT, RESPONSES) else "response"
    match upstream:
        case "openai_chat":
            form = found["response_format"]
            assert form["type"] == "json_schema"
            assert form["json_schema"] == {"name": name, "schema": SCHEMA, "strict": True}
        case "openai_responses":
            form = found["text"]["format"]
            assert form == {"type": "json_schema", "name": name, "schema": SCHEMA, "strict": True}
        case "anthropic":
            assert found["output_config"]["format"] == {"type": "json_schema", "schema": SCHEMA}
        case "gemini":
            config = found["generationConfig"]
            assert config["responseMimeType"] == "application/json"
            assert config["responseJsonSchema"] == SCHEMA
        case "ollama":
            assert found["format"] == SCHEMA
    assert "JSON" not in system(upstream, found)


@asked_schema
def test_F27_a_model_that_cannot_be_bound_to_a_schema_is_told_of_it(client, fields, upstream):
    if upstream == OLLAMA:
        pytest.skip("its server binds every model")
    unbound = Abilities(max_output=50, structured=False)
    found, losses = sent(ask(client, **fields), upstream, unbound)
    assert losses == ["degrade:response_format"]
    told = system(upstream, found)
    assert json.dumps(SCHEMA, separators=(",", ":")) in told
    assert "no code fence" in told
    for field in ("response_format", "text", "output_config", "format"):
        assert field not in found
    assert "responseMimeType" not in json.dumps(found)
    assert "tools" not in found, "nothing makes a call of what is to be text"


# -- some JSON ------------------------------------------------------------------------------------

JSON_ASKED: dict[str, dict[str, Any]] = {
    CHAT: {"response_format": {"type": "json_object"}},
    RESPONSES: {"text": {"format": {"type": "json_object"}}},
    GEMINI: {"generationConfig": {"responseMimeType": "application/json"}},
    OLLAMA: {"format": "json"},
}


@pytest.mark.parametrize(
    ("client", "upstream"), [(a, b) for a in JSON_ASKED for b in ABLE if a != b]
)
def test_F27_json_of_any_shape(client, upstream):
    found, losses = sent(ask(client, **JSON_ASKED[client]), upstream)
    assert losses == (["degrade:response_format"] if upstream == ANTHROPIC else [])
    match upstream:
        case "openai_chat":
            assert found["response_format"] == {"type": "json_object"}
        case "openai_responses":
            assert found["text"]["format"] == {"type": "json_object"}
        case "gemini":
            assert found["generationConfig"] == {"responseMimeType": "application/json"}
        case "ollama":
            assert found["format"] == "json"
    if upstream in (CHAT, RESPONSES, ANTHROPIC):  # the first two refuse a request without the word
        assert "JSON" in system(upstream, found)


# -- one call at a time ---------------------------------------------------------------------------

TOOL = {"name": "f", "description": "d"}
PARAMETERS = {"type": "object", "properties": {}}
ONE_ASKED: dict[str, dict[str, Any]] = {
    CHAT: {
        "tools": [{"type": "function", "function": TOOL}],
        "parallel_tool_calls": False,
    },
    RESPONSES: {
        "tools": [{"type": "function", **TOOL, "parameters": PARAMETERS}],
        "parallel_tool_calls": False,
    },
    ANTHROPIC: {
        "tools": [{**TOOL, "input_schema": PARAMETERS}],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
    },
}


@pytest.mark.parametrize(
    ("client", "upstream"), [(a, b) for a in ONE_ASKED for b in ABLE if a != b]
)
@pytest.mark.parametrize("single", [True, False])
def test_F27_one_call_at_a_time(client, upstream, single):
    fields = json.loads(json.dumps(ONE_ASKED[client]))
    if not single:
        fields.pop("parallel_tool_calls", None)
        fields.pop("tool_choice", None)
    found, losses = sent(ask(client, **fields), upstream)
    if upstream in (CHAT, RESPONSES):
        assert found.get("parallel_tool_calls") is (False if single else None)
    elif upstream == ANTHROPIC:
        choice = found.get("tool_choice", {})
        assert choice.get("disable_parallel_tool_use", False) is single
    dropped = "drop:parallel_tool_calls" in losses
    assert dropped is (single and upstream in (GEMINI, OLLAMA))


@pytest.mark.parametrize("client", [CHAT, RESPONSES])
def test_F27_many_calls_at_a_time_are_no_reason_to_say_anything(client):
    fields = ONE_ASKED[client] | {"parallel_tool_calls": True}
    found, losses = sent(ask(client, **fields), ANTHROPIC)
    assert "tool_choice" not in found or not found["tool_choice"].get("disable_parallel_tool_use")
    assert losses == []


# -- stop sequences -------------------------------------------------------------------------------

STOP_ASKED: list[tuple[str, dict[str, Any]]] = [
    (CHAT, {"stop": "END"}),
    (CHAT, {"stop": ["END"]}),
    (ANTHROPIC, {"stop_sequences": ["END"]}),
    (GEMINI, {"generationConfig": {"stopSequences": ["END"]}}),
    (OLLAMA, {"options": {"stop": ["END"]}}),
    (OLLAMA, {"options": {"stop": "END"}}),
]


@pytest.mark.parametrize(
    ("client", "fields", "upstream"),
    [
        (client, fields, upstream)
        for client, fields in STOP_ASKED
        for upstream in (CHAT, ANTHROPIC, GEMINI, OLLAMA)
        if client != upstream
    ],
)
def test_F27_a_stop_sequence_is_one_whether_in_a_list_or_not(client, fields, upstream):
    found, losses = sent(ask(client, **fields), upstream)
    told = {
        CHAT: found.get("stop"),
        ANTHROPIC: found.get("stop_sequences"),
        GEMINI: found.get("generationConfig", {}).get("stopSequences"),
        OLLAMA: found.get("options", {}).get("stop"),
    }
    assert told[upstream] == ["END"]
    assert losses == []


# -- what a suffix needs --------------------------------------------------------------------------


@pytest.mark.parametrize("upstream", ABLE)
def test_a_suffix_is_refused_where_nothing_can_be_filled_in(upstream):
    body = json.dumps({"model": "m", "prompt": "def f(", "suffix": "return 1"}).encode()
    request = CODECS["openai_completions"].server.decode_request(body)
    if upstream == OLLAMA:
        found, _ = sent(request, upstream)
        assert found["suffix"] == "return 1"
        return
    with pytest.raises(Unsupported, match="suffix") as caught:
        sent(request, upstream)
    assert caught.value.param == "suffix"


@pairs
def test_F27_plain_text_is_nothing_to_ask_for(client, upstream):
    plain = {
        CHAT: {"response_format": {"type": "text"}},
        RESPONSES: {"text": {"format": {"type": "text"}}},
        GEMINI: {"generationConfig": {"responseMimeType": "text/plain"}},
    }
    found, losses = sent(ask(client, **plain.get(client, {})), upstream)
    assert losses == []
    for field in ("response_format", "output_config", "format", "text"):
        assert field not in found
    assert "JSON" not in system(upstream, found)

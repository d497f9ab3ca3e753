"""Prompt caches: a client's breakpoints in every provider's words, and those nobody had to ask for.

Translation spec section 13.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from mux.codecs import CODECS
from mux.ir import Abilities, Request
from mux.models import Catalog

SHORT, LONG = {"type": "ephemeral"}, {"type": "ephemeral", "ttl": "1h"}
EXPLICIT = {"mode": "explicit"}
PNG = "iVBORw0KGgo="
MODELS = {
    "anthropic": ("anthropic", "claude-opus-5"),
    "gemini": ("gemini", "gemini-3-pro-preview"),
    "ollama": ("ollama", "qwen3-vl"),
    "openai_chat": ("openai", "gpt-5.6-sol"),
    "openai_responses": ("openai", "gpt-5.6-sol"),
}
ATTRIBUTION = "x-anthropic-billing-header: cc_version=2.1; cch={};"

HINTED = {
    "model": "m",
    "max_tokens": 9000,
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "a", "cache_control": LONG},
                {
                    "type": "image",
                    "source": {"type": "base64", "media_type": "image/png", "data": PNG},
                    "cache_control": {**SHORT, "scope": "something new"},
                },
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "b", "cache_control": SHORT},
                {"type": "tool_use", "id": "t1", "name": "f", "input": {}, "cache_control": SHORT},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "t1",
                    "content": [{"type": "text", "text": "r", "cache_control": SHORT}],
                    "cache_control": SHORT,
                },
            ],
        },
    ],
    "system": [{"type": "text", "text": "S", "cache_control": LONG}],
    "tools": [{"name": "f", "input_schema": {"type": "object"}, "cache_control": LONG}],
    "cache_control": SHORT,
}


def sent(upstream: str, request: Request, abilities: Abilities | None = None) -> dict[str, Any]:
    abilities = abilities or Catalog().abilities(*MODELS[upstream])
    encoded = CODECS[upstream].client.encode_request(request, abilities)
    assert [loss.code for loss in encoded.losses if "cache" in loss.code] == []
    return json.loads(encoded.body)


def read(client: str, body: dict[str, Any]) -> Request:
    data = json.dumps(body).encode()
    return CODECS[client].server.decode_request(data, model="m", stream=False)


def test_F39_a_client_of_anthropics_keeps_every_breakpoint_in_its_place():
    assert sent("anthropic", read("anthropic", HINTED)) == HINTED


def test_breakpoints_of_anthropics_clients_for_openai():
    request = read("anthropic", HINTED)
    system, user, *_ = sent("openai_chat", request)["messages"]
    assert [part["prompt_cache_breakpoint"] for part in system["content"]] == [EXPLICIT]
    assert [part["prompt_cache_breakpoint"] for part in user["content"]] == [EXPLICIT, EXPLICIT]
    user, said, *_ = sent("openai_responses", request)["input"]
    marks = [part["prompt_cache_breakpoint"] for part in user["content"]]
    assert marks == [{**EXPLICIT, "ttl": "12h"}, EXPLICIT]
    assert [part["prompt_cache_breakpoint"] for part in said["content"]] == [EXPLICIT]


@pytest.mark.parametrize("upstream", ["gemini", "ollama", "openai_chat", "openai_responses"])
def test_breakpoints_go_silently_where_caching_is_automatic(upstream):
    abilities = Catalog().abilities("openai", "gpt-5") if "openai" in upstream else None
    body = json.dumps(sent(upstream, read("anthropic", HINTED), abilities))
    assert "cache" not in body


@pytest.mark.parametrize(
    ("client", "key"),
    [
        ("openai_chat", "cache_control"),
        ("openai_chat", "prompt_cache_breakpoint"),
        ("openai_responses", "prompt_cache_breakpoint"),
    ],
)
def test_breakpoints_of_openais_clients_for_anthropic(client, key):
    chat = client == "openai_chat"
    mark = SHORT if key == "cache_control" else {**EXPLICIT, **({} if chat else {"ttl": "12h"})}
    part = {"type": "text" if chat else "input_text", "text": "a", key: mark}
    turns = [{"role": "user", "content": [part, {"type": part["type"], "text": "b"}]}]
    request = read(client, {"model": "m", "messages" if chat else "input": turns})
    [message] = sent("anthropic", request)["messages"]
    first, second = message["content"]
    assert first["cache_control"] == (SHORT if chat else LONG)
    assert "cache_control" not in second


PLAIN = {
    "openai_chat": {
        "model": "m",
        "messages": [
            {"role": "system", "content": "S"},
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "b"},
            {"role": "user", "content": "c"},
        ],
        "tools": [{"type": "function", "function": {"name": name}} for name in "fg"],
    },
    "openai_responses": {
        "model": "m",
        "instructions": "S",
        "input": [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "b"},
            {"role": "user", "content": "c"},
        ],
        "tools": [{"type": "function", "name": name, "parameters": {}} for name in "fg"],
    },
    "gemini": {
        "systemInstruction": {"parts": [{"text": "S"}]},
        "contents": [
            {"role": "user", "parts": [{"text": "a"}]},
            {"role": "model", "parts": [{"text": "b"}]},
            {"role": "user", "parts": [{"text": "c"}]},
        ],
        "tools": [{"functionDeclarations": [{"name": "f"}, {"name": "g"}]}],
    },
}


@pytest.mark.parametrize("client", sorted(PLAIN))
def test_F39_P108_four_breakpoints_are_set_for_clients_that_know_none(client):
    body = sent("anthropic", read(client, PLAIN[client]))
    marked = {
        "tools": [tool.get("cache_control") for tool in body["tools"]],
        "system": [block.get("cache_control") for block in body["system"]],
        "turns": [turn["content"][-1].get("cache_control") for turn in body["messages"]],
    }
    assert marked == {"tools": [None, SHORT], "system": [SHORT], "turns": [SHORT, None, SHORT]}
    assert json.dumps(body).count("cache_control") == 4


@pytest.mark.parametrize("upstream", sorted(MODELS))
def test_P109_what_changes_with_every_request_stands_in_front_of_nothing(upstream):
    texts = [{"type": "text", "text": "S", "cache_control": SHORT}]
    bodies = []
    for number in (1, 2):
        changing = {"type": "text", "text": ATTRIBUTION.format(number)}
        body = {**HINTED, "system": [changing, *texts]}
        bodies.append(sent(upstream, read("anthropic", body)))
    if upstream == "anthropic":
        assert bodies[0]["system"] == [{"type": "text", "text": ATTRIBUTION.format(1)}, *texts]
    else:
        assert bodies[0] == bodies[1]
        assert "x-anthropic" not in json.dumps(bodies[0])


@pytest.mark.parametrize("upstream", ["openai_chat", "openai_responses"])
@pytest.mark.parametrize("client", ["openai_chat", "openai_responses"])
def test_the_cache_key_of_a_client_reaches_openai(client, upstream):
    request = read(client, {**PLAIN[client], "prompt_cache_key": "session-1"})
    assert sent(upstream, request)["prompt_cache_key"] == "session-1"

"""Counting tokens: by whoever knows, for whoever asks (translation spec section 24, F40)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mux.codecs import CODECS
from mux.errors import NotFound, UpstreamUnreachable
from mux.gateway.call import Call
from mux.gateway.count import TIMEOUT_S, count
from mux.tokens import estimate
from tests.scenes.fake import Script, ScriptedTransport, gateway

SYSTEM, WORDS, TOOL = "Be brief, always.", "How warm is Wien?", "look_up_the_weather"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
ASKED: dict[str, dict[str, Any]] = {
    "anthropic": {
        "model": "m",
        "system": SYSTEM,
        "messages": [{"role": "user", "content": WORDS}],
        "tools": [{"name": TOOL, "input_schema": SCHEMA}],
    },
    "openai_responses": {
        "model": "m",
        "instructions": SYSTEM,
        "input": WORDS,
        "tools": [{"type": "function", "name": TOOL, "parameters": SCHEMA}],
    },
    "gemini": {
        "generateContentRequest": {
            "model": "models/m",
            "contents": [{"role": "user", "parts": [{"text": WORDS}]}],
            "systemInstruction": {"parts": [{"text": SYSTEM}]},
            "tools": [{"functionDeclarations": [{"name": TOOL, "parameters": SCHEMA}]}],
        }
    },
}
NATIVE: dict[str, tuple[str, bytes]] = {
    "anthropic": ("/v1/messages/count_tokens", b'{"input_tokens": 42}'),
    "openai_responses": (
        "/responses/input_tokens",
        b'{"object": "response.input_tokens", "input_tokens": 42}',
    ),
    "gemini": ("/v1beta/models/m:countTokens", b'{"totalTokens": 42}'),
}


def asking(client: str, model: str = "m") -> Call:
    body = json.dumps(ASKED[client]).encode()
    server = CODECS[client].count_server
    assert server is not None
    return Call(client, server.decode_count(body, model=model), body, {})


@pytest.mark.parametrize("client", ASKED)
@pytest.mark.parametrize("upstream", NATIVE)
async def test_F40_an_upstream_that_can_count_is_asked_for_all_of_it(
    client, upstream, autojump_clock
):
    path, answer = NATIVE[upstream]
    transport = ScriptedTransport(Script(answer))
    assert await count(gateway(transport, upstream), asking(client)) == (42, False)
    [sent] = transport.asked
    assert sent.url.endswith(path)
    for piece in (SYSTEM, WORDS, TOOL):
        assert piece in sent.body.decode()
    body = json.loads(sent.body)
    assert not {"max_tokens", "max_output_tokens", "stream", "generationConfig"} & body.keys()
    server = CODECS[client].count_server
    assert server is not None
    assert b"42" in server.encode_count(42)


@pytest.mark.parametrize("client", ASKED)
@pytest.mark.parametrize("upstream", ["openai_chat", "ollama"])
async def test_F40_for_one_that_cannot_all_of_it_is_estimated(client, upstream, autojump_clock):
    call = asking(client)
    transport = ScriptedTransport()
    tokens, estimated = await count(gateway(transport, upstream), call)
    assert (tokens, estimated) == (estimate(call.request), True)
    assert tokens > (len(SYSTEM) + len(WORDS) + len(TOOL) + len(json.dumps(SCHEMA))) // 5
    assert transport.asked == []


@pytest.mark.parametrize(
    "script",
    [
        Script(b'{"error": {"message": "no such route"}}', status=404),
        Script(b'{"error": {"message": "overloaded"}}', status=529),
        Script(b"<html>", status=502),
        Script(b'{"unknown": 1}'),
        Script(UpstreamUnreachable("gone")),
        Script(TIMEOUT_S + 1, b'{"input_tokens": 42}'),
    ],
    ids=["404", "529", "html", "shape", "unreachable", "slow"],
)
async def test_F40_whatever_goes_wrong_a_known_model_is_counted(script, autojump_clock):
    call = asking("anthropic")
    transport = ScriptedTransport(script)
    assert await count(gateway(transport, "anthropic"), call) == (estimate(call.request), True)
    assert transport.open_replies == 0


@pytest.mark.parametrize("client", ASKED)
async def test_F40_an_unknown_model_is_not_counted(client, autojump_clock):
    with pytest.raises(NotFound):
        await count(gateway(ScriptedTransport(), "openai"), asking(client, "unheard-of"))

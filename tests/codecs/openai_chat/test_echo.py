"""Hosts that want their reasoning back get it, whatever the client's dialect made of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mux.codecs import CODECS
from mux.ir import Abilities, Request, fold
from tests import sdk
from tests.codecs.openai_chat.chunks import calls, chunk, sse

WHY = 'Because\n\nof "ä".'
CHAT = CODECS["openai_chat"]
ASKED: dict[str, dict[str, Any]] = {
    "anthropic": {"max_tokens": 99, "thinking": {"type": "enabled", "budget_tokens": 1024}},
    "openai_responses": {"reasoning": {"effort": "high", "summary": "auto"}},
    "openai_chat": {},
    "gemini": {"generationConfig": {"thinkingConfig": {"includeThoughts": True}}},
    "ollama": {"think": True},
}
_HI = {"role": "user", "content": "hi"}
FIRST: dict[str, dict[str, Any]] = {
    "anthropic": {"messages": [_HI]},
    "openai_responses": {"input": [_HI]},
    "openai_chat": {"messages": [_HI]},
    "gemini": {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
    "ollama": {"messages": [_HI]},
}


def answered(field: str) -> Any:
    """What the host said, as the events of a stream."""
    decoder = CHAT.client.stream_decoder()
    thought = chunk({field: WHY[:4]}), chunk({field: WHY[4:]})
    body = sse(*thought, calls(id="call_1", name="go", args='{"a":1}'), chunk(finish="tool_calls"))
    return [*decoder.feed(body + b"data: [DONE]\n\n"), *decoder.eof()]


def next_turn(client: str, reply: Any) -> dict[str, Any]:
    """The client's history after it has run the tool."""
    match client:
        case "anthropic":
            call_id = reply["content"][-1]["id"]
            result = {"type": "tool_result", "tool_use_id": call_id, "content": "1"}
            said = {"role": "assistant", "content": reply["content"]}
            return {"messages": [_HI, said, {"role": "user", "content": [result]}]}
        case "openai_responses":
            call_id = reply["output"][-1]["call_id"]
            result = {"type": "function_call_output", "call_id": call_id, "output": "1"}
            return {"input": [_HI, *reply["output"], result]}
        case "gemini":
            response = {"functionResponse": {"name": "go", "response": {"result": "1"}}}
            said = reply["candidates"][0]["content"]
            return {
                "contents": [
                    *FIRST[client]["contents"],
                    said,
                    {"role": "user", "parts": [response]},
                ]
            }
        case "ollama":
            result = {"role": "tool", "tool_name": "go", "content": "1"}
            return {"messages": [_HI, reply["message"], result]}
    message = reply["choices"][0]["message"]
    call_id = message["tool_calls"][0]["id"]
    result = {"role": "tool", "tool_call_id": call_id, "content": "1"}
    return {"messages": [_HI, message, result]}


def asked(client: str, fields: dict[str, Any]) -> Request:
    body = json.dumps({**ASKED[client], **fields}).encode()
    return CODECS[client].server.decode_request(body, model="m")


def echoed(client: str, reply: Any, field: str) -> Any:
    """The assistant's message as the host is told of it in the next turn."""
    request = asked(client, next_turn(client, reply))
    encoded = CHAT.client.encode_request(request, Abilities(echo_reasoning=field))
    return json.loads(encoded.body)["messages"][1]


@pytest.mark.parametrize("client", ASKED)
@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_F31b_P205_reasoning_comes_back_through_every_client(client, field):
    request = asked(client, FIRST[client])
    reply = json.loads(CODECS[client].server.encode_response(fold(answered(field)), request))
    message = echoed(client, reply, field)
    assert message[field] == WHY
    assert message["tool_calls"][0]["function"] == {"name": "go", "arguments": '{"a":1}'}
    assert WHY not in str(message["content"])


@pytest.mark.parametrize("client", ["anthropic", "openai_responses", "openai_chat"])
def test_F31b_P205_reasoning_that_was_streamed_comes_back(client):
    request = asked(client, FIRST[client])
    encoder = CODECS[client].server.stream_encoder(request)
    body = b"".join(encoder.encode(event) for event in answered("reasoning_content"))
    raw = sdk.stream(client, body + encoder.eof()).raw
    reply = json.loads(raw.model_dump_json(exclude_none=True))
    if client == "openai_chat":
        for call in reply["choices"][0]["message"]["tool_calls"]:
            call["function"].pop("parsed_arguments", None)
    assert echoed(client, reply, "reasoning_content")["reasoning_content"] == WHY


def test_F31b_a_client_that_forgets_reasoning_still_gets_its_call_through():
    request = asked("openai_chat", FIRST["openai_chat"])
    reply = json.loads(CHAT.server.encode_response(fold(answered("reasoning")), request))
    message = reply["choices"][0]["message"]
    assert message.pop("reasoning") == WHY
    told = echoed("openai_chat", reply, "reasoning_content")["reasoning_content"]
    assert told == " ", "not empty: that is refused too"

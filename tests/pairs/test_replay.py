"""Reasoning over turns: what a provider signed comes back to it, and to nobody else.

Every program answers two tool calls and then goes on, twice over, whole and streamed, with models
of every provider behind it (translation spec section 8; cases F28 to F31).
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from mux.codecs import CODECS
from mux.ir import Abilities
from mux.models import Catalog
from tests.pairs.programs import PROGRAMS

SKIP = "skip_thought_signature_validator"


def anthropic_answer(n: int) -> dict[str, Any]:
    calls = [
        {"type": "tool_use", "id": f"toolu_{n}{place}", "name": "f", "input": {"a": place}}
        for place in (1, 2)
    ]
    return {
        "id": f"msg_{n}",
        "type": "message",
        "role": "assistant",
        "model": "claude-opus-5",
        "content": [
            {"type": "thinking", "thinking": f"T{n}", "signature": f"SIG{n}"},
            {"type": "redacted_thinking", "data": f"RED{n}"},
            {"type": "text", "text": f"hello{n}"},
            {"type": "thinking", "thinking": "", "signature": f"EMPTY{n}"},
            *calls,
        ],
        "stop_reason": "tool_use",
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }


def gemini_answer(n: int) -> dict[str, Any]:
    parts = [
        {"text": f"T{n}", "thought": True},
        {"text": f"hello{n}"},
        {
            "functionCall": {"id": f"g{n}1", "name": "f", "args": {"a": 1}},
            "thoughtSignature": f"SIG{n}",
        },
        {"functionCall": {"id": f"g{n}2", "name": "f", "args": {"a": 2}}},
    ]
    content = {"role": "model", "parts": parts}
    return {"candidates": [{"content": content, "finishReason": "STOP"}], "responseId": f"r{n}"}


def responses_answer(n: int) -> dict[str, Any]:
    summary = [{"type": "summary_text", "text": text} for text in (f"A{n}", f"B{n}")]
    text = {"type": "output_text", "text": f"hello{n}", "annotations": []}
    calls = [
        {
            "type": "function_call",
            "id": f"fc_{n}{place}",
            "call_id": f"call_{n}{place}",
            "name": "f",
            "arguments": f'{{"a":{place}}}',
            "status": "completed",
        }
        for place in (1, 2)
    ]
    return {
        "id": f"resp_{n}",
        "object": "response",
        "created_at": 1,
        "status": "completed",
        "model": "gpt-5.6-sol",
        "output": [
            {
                "type": "reasoning",
                "id": f"rs_{n}1",
                "summary": summary,
                "encrypted_content": f"gAAA{n}1",
            },
            {"type": "message", "id": f"msg_{n}", "role": "assistant", "content": [text]},
            {
                "type": "reasoning",
                "id": f"rs_{n}2",
                "summary": [],
                "encrypted_content": f"gAAA{n}2",
            },
            *calls,
        ],
    }


def chat_answer(n: int) -> dict[str, Any]:
    signed = {"extra_content": {"google": {"thought_signature": f"SIG{n}"}}}
    calls = [
        {
            "id": f"call_{n}{place}",
            "type": "function",
            "function": {"name": "f", "arguments": f'{{"a":{place}}}'},
            **(signed if place == 1 else {}),
        }
        for place in (1, 2)
    ]
    message = {
        "role": "assistant",
        "content": f"hello{n}",
        "reasoning_content": f"T{n}",
        "tool_calls": calls,
    }
    return {
        "id": f"c{n}",
        "object": "chat.completion",
        "created": 1,
        "model": "x",
        "choices": [{"index": 0, "finish_reason": "tool_calls", "message": message}],
    }


def read_anthropic(body: dict[str, Any]) -> list[str]:
    blocks = [
        block
        for message in body["messages"]
        if message["role"] == "assistant"
        for block in message["content"]
    ]
    names = {"thinking": "signature", "redacted_thinking": "data", "text": "text", "tool_use": "id"}
    return [block[names[block["type"]]] for block in blocks]


def read_gemini(body: dict[str, Any]) -> list[str]:
    out = []
    for content in body["contents"]:
        for part in content["parts"] if content["role"] == "model" else ():
            said = part["functionCall"]["id"] if "functionCall" in part else part["text"]
            proof = part.get("thoughtSignature")
            out += [said] if proof is None else [f"{said}:{proof}"]
    return out


def read_responses(body: dict[str, Any]) -> list[str]:
    out = []
    for item in body["input"]:
        match item:
            case {"type": "reasoning"}:
                out.append(item["encrypted_content"])
            case {"type": "message", "role": "assistant"}:
                out.append(item["content"][0]["text"])
            case {"type": "function_call"}:
                out.append(item["call_id"])
    return out


def read_chat(body: dict[str, Any]) -> list[str]:
    out = []
    for message in body["messages"]:
        if message["role"] == "assistant":
            out += [message.get("reasoning_content", ""), message["content"]]
            for call in message["tool_calls"]:
                extra = call.get("extra_content", {}).get("google", {})
                out.append(":".join([call["id"], *extra.values()]))
    return [said for said in out if said]


UPSTREAMS = {
    "anthropic": ("anthropic", "claude-opus-5", anthropic_answer, read_anthropic),
    "gemini": ("gemini", "gemini-3-pro-preview", gemini_answer, read_gemini),
    "openai_responses": ("openai", "gpt-5.6-sol", responses_answer, read_responses),
    "openai_chat": ("openai-compatible", "x", chat_answer, read_chat),
}

IN_ORDER = {
    "anthropic": ["SIG{n}", "RED{n}", "hello{n}", "EMPTY{n}", "toolu_{n}1", "toolu_{n}2"],
    "gemini": ["hello{n}", "g{n}1:SIG{n}", "g{n}2"],
    "openai_responses": ["gAAA{n}1", "hello{n}", "gAAA{n}2", "call_{n}1", "call_{n}2"],
    "openai_chat": ["hello{n}", "call_{n}1:SIG{n}", "call_{n}2"],
}
"""What each upstream gets back of its answers, in the order in which it gave them."""

OTHERWISE = {
    # A chat message has its reasoning before its content.
    ("openai_chat", "anthropic"): [
        "SIG{n}",
        "RED{n}",
        "EMPTY{n}",
        "hello{n}",
        "toolu_{n}1",
        "toolu_{n}2",
    ],
    ("openai_chat", "openai_responses"): [
        "gAAA{n}1",
        "gAAA{n}2",
        "hello{n}",
        "call_{n}1",
        "call_{n}2",
    ],
    # Its own program gets all back.
    ("openai_chat", "openai_chat"): ["T{n}", "hello{n}", "call_{n}1:SIG{n}", "call_{n}2"],
    ("gemini", "gemini"): ["T{n}", "hello{n}", "g{n}1:SIG{n}", "g{n}2"],
    # Ollama's clients have no place for any proof; only a memory of the gateway's could help.
    ("ollama", "anthropic"): ["hello{n}", "toolu_{n}1", "toolu_{n}2"],
    ("ollama", "gemini"): ["hello{n}", f"g{{n}}1:{SKIP}", "g{n}2"],
    ("ollama", "openai_responses"): ["hello{n}", "call_{n}1", "call_{n}2"],
    ("ollama", "openai_chat"): ["hello{n}", "call_{n}1", "call_{n}2"],
}


def conversed(client: str, upstream: str, streamed: bool) -> Any:
    """A program that has had two answers of `upstream`."""
    program = PROGRAMS[client]()
    for number in (1, 2):
        answer = json.dumps(UPSTREAMS[upstream][2](number)).encode()
        program.told(CODECS[upstream].client.decode_response(answer), streamed=streamed)
    return program


def sent(program: Any, upstream: str, abilities: Abilities | None = None) -> dict[str, Any]:
    kind, model, _, _ = UPSTREAMS[upstream]
    abilities = abilities or Catalog().abilities(kind, model)
    body = CODECS[upstream].client.encode_request(program.request(), abilities).body
    assert b"mux1." not in body
    assert b"bXV4MS5" not in body
    return json.loads(body)


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("upstream", sorted(UPSTREAMS))
@pytest.mark.parametrize("client", sorted(PROGRAMS))
def test_F28_F29_F30_F31a_P96_P120_P207_a_provider_gets_its_proofs_back(client, upstream, streamed):
    program = conversed(client, upstream, streamed)
    expected = OTHERWISE.get((client, upstream), IN_ORDER[upstream])
    read = UPSTREAMS[upstream][3]
    assert read(sent(program, upstream)) == [
        said.format(n=number) for number in (1, 2) for said in expected
    ]


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("first", sorted(UPSTREAMS))
@pytest.mark.parametrize("client", sorted(PROGRAMS))
def test_F29_P94_P204_P206_a_conversation_goes_on_with_another_provider(client, first, streamed):
    """None of the reasoning or its proofs reaches the next provider, and nothing else is lost."""
    program = conversed(client, first, streamed)
    for second in sorted(UPSTREAMS.keys() - {first}):
        body = json.dumps(sent(program, second))
        for number in (1, 2):
            assert f"hello{number}" in body
            hidden = [f"RED{number}", f"EMPTY{number}", f"gAAA{number}"]
            # Google's signature is Google's wherever its models answer.
            if client != "openai_chat" or {first, second} != {"gemini", "openai_chat"}:
                hidden.append(f'"SIG{number}"')
            # What a program says in its own provider's words is that program's business.
            if client != second:
                hidden += [f'"T{number}"', f'"A{number}']
            assert [word for word in hidden if word in body] == []


def test_F31b_P205_the_echo_of_reasoning_for_hosts_that_need_it():
    echoing = Abilities(echo_reasoning="reasoning_content")
    for client in PROGRAMS:
        body = sent(conversed(client, "openai_chat", streamed=True), "openai_chat", echoing)
        spoken = [turn for turn in body["messages"] if turn["role"] == "assistant"]
        assert [turn["reasoning_content"] for turn in spoken] == ["T1", "T2"], client


@pytest.mark.parametrize("client", sorted(PROGRAMS))
@pytest.mark.parametrize("upstream", sorted(UPSTREAMS))
def test_the_next_turn_of_a_program_keeps_every_byte_before_it(client, upstream):
    program = PROGRAMS[client]()
    turns = {"gemini": "contents", "openai_responses": "input"}.get(upstream, "messages")
    before = ""
    for number in (1, 2, 3):
        body = _unmarked(sent(program, upstream))
        now = json.dumps(body.pop(turns))
        assert now.startswith(before)
        before = now.removesuffix("]")
        answer = json.dumps(UPSTREAMS[upstream][2](number)).encode()
        program.told(CODECS[upstream].client.decode_response(answer), streamed=True)


def _unmarked(value: Any) -> Any:
    if isinstance(value, list):
        return [_unmarked(item) for item in value]
    if isinstance(value, dict):
        return {key: _unmarked(item) for key, item in value.items() if key != "cache_control"}
    return value

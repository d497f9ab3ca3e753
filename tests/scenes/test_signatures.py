"""Signatures come back to the upstream that made them, whatever the client can carry."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trio

from mux.gateway.signatures import TTL_S
from mux.ir import Finish, Signature, StopReason, Text, Thinking, ToolCall
from tests.scenes.fake import ScriptedTransport, asked, call, gateway
from tests.scenes.spoken import sent, spoken

CALLS = Finish(StopReason.TOOL_CALLS)
TOOL = {"name": "f", "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}}}


def thought(dialect: str) -> Thinking:
    return Thinking(("Hm.",), signature=Signature(dialect, "c2ln"))


def signed_call(number: int, dialect: str = "", value: str = "") -> ToolCall:
    signature = Signature(dialect, value) if value else None
    return ToolCall(f"call_{number}", "f", f'{{"a":{number}}}', signature=signature)


def chat(*turns: dict[str, Any], stream: bool) -> bytes:
    messages = [{"role": "user", "content": "hi"}, *turns]
    tools = [{"type": "function", "function": TOOL}]
    body = {"model": "m", "stream": stream, "messages": messages, "tools": tools}
    return json.dumps(body | {"reasoning_effort": "low"}).encode()


def ollama(*turns: dict[str, Any], stream: bool) -> bytes:
    messages = [{"role": "user", "content": "hi"}, *turns]
    tools = [{"type": "function", "function": TOOL}]
    body = {"model": "m", "stream": stream, "messages": messages, "tools": tools, "think": True}
    return json.dumps(body).encode()


def plain_chat_turns(numbers: list[int]) -> list[dict[str, Any]]:
    """What a client sends back that keeps only what OpenAI documents."""
    calls = [
        {
            "id": f"call_{n}",
            "type": "function",
            "function": {"name": "f", "arguments": f'{{"a": {n}}}'},
        }
        for n in numbers
    ]
    results = [{"role": "tool", "tool_call_id": f"call_{n}", "content": "1"} for n in numbers]
    return [{"role": "assistant", "content": "I call", "tool_calls": calls}, *results]


def plain_ollama_turns(numbers: list[int]) -> list[dict[str, Any]]:
    """What a client sends back that keeps no ids."""
    calls = [{"function": {"name": "f", "arguments": {"a": n}}} for n in numbers]
    results = [{"role": "tool", "tool_name": "f", "content": "1"} for _ in numbers]
    return [{"role": "assistant", "content": "I call", "tool_calls": calls}, *results]


CLIENTS = {
    "openai_chat": (chat, plain_chat_turns),
    "ollama": (ollama, plain_ollama_turns),
}
clients = pytest.mark.parametrize("client", sorted(CLIENTS))
streamed = pytest.mark.parametrize("stream", [True, False])


@clients
@streamed
async def test_F28_thinking_comes_back_to_claude_first_and_signed(autojump_clock, client, stream):
    body, turns = CLIENTS[client]
    transport = ScriptedTransport(
        spoken(
            "anthropic",
            thought("anthropic"),
            Thinking((), signature=Signature("anthropic", "cmVk", "redacted")),
            Text("I call"),
            signed_call(1),
            signed_call(2),
            finish=CALLS,
        ),
        spoken("anthropic", Text("done")),
    )
    gate = gateway(transport, "anthropic")
    await asked(gate, call(client, body(stream=stream)))
    await asked(gate, call(client, body(*turns([1, 2]), stream=stream)))
    turn = sent(transport)["messages"][1]
    assert turn["content"][:2] == [
        {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "cmVk"},
    ]
    assert [block["type"] for block in turn["content"][2:]] == ["text", "tool_use", "tool_use"]


@clients
@streamed
async def test_F30_P120_P121_a_call_comes_back_to_gemini_with_its_own_signature(
    autojump_clock, client, stream
):
    body, turns = CLIENTS[client]
    transport = ScriptedTransport(
        spoken("gemini", signed_call(1, "gemini", "c2ln"), signed_call(2), finish=CALLS),
        spoken("gemini", Text("done")),
    )
    gate = gateway(transport, "gemini")
    await asked(gate, call(client, body(stream=stream)))
    await asked(gate, call(client, body(*turns([1, 2]), stream=stream)))
    parts = [part for part in sent(transport)["contents"][1]["parts"] if "functionCall" in part]
    assert [part.get("thoughtSignature") for part in parts] == ["c2ln", None]


async def test_another_client_gets_nothing_of_it(autojump_clock):
    transport = ScriptedTransport(
        spoken("anthropic", thought("anthropic"), signed_call(1), finish=CALLS),
        spoken("anthropic", Text("done")),
    )
    gate = gateway(transport, "anthropic")
    from msgspec.structs import replace

    one = call("openai_chat", chat(stream=False))
    other = call("openai_chat", chat(*plain_chat_turns([1]), stream=False))
    await asked(gate, replace(one, client="one"))
    await asked(gate, replace(other, client="other"))
    assert b"c2ln" not in transport.asked[1].body


async def test_it_is_forgotten_after_six_hours(autojump_clock):
    transport = ScriptedTransport(
        spoken("anthropic", thought("anthropic"), signed_call(1), finish=CALLS),
        spoken("anthropic", Text("done")),
    )
    gate = gateway(transport, "anthropic")
    await asked(gate, call("openai_chat", chat(stream=False)))
    await trio.sleep(TTL_S)
    await asked(gate, call("openai_chat", chat(*plain_chat_turns([1]), stream=False)))
    assert b"c2ln" not in transport.asked[1].body


async def test_F29_P206_what_one_provider_signed_never_reaches_another(autojump_clock):
    transport = ScriptedTransport(
        spoken("anthropic", thought("anthropic"), signed_call(1), finish=CALLS),
        spoken("anthropic", Text("done")),
        spoken("gemini", Text("done")),
    )
    gate = gateway(transport, "anthropic", "anthropic", "gemini")
    await asked(gate, call("openai_chat", chat(stream=False)))
    for name in ("p1", "p2"):
        again = chat(*plain_chat_turns([1]), stream=False)
        again = again.replace(b'"model": "m"', b'"model": "%b://m"' % name.encode())
        await asked(gate, call("openai_chat", again))
        assert b"c2ln" not in transport.asked[-1].body
        assert b"Hm." not in transport.asked[-1].body

"""A refusal that names what it does not take is repaired once, and remembered for an hour."""

from __future__ import annotations

import json

import pytest
import trio

from mux.errors import MuxError
from mux.gateway.repairs import REMEMBERED_S
from mux.ir import Finish, StopReason, Text
from tests.scenes.fake import ScriptedTransport, asked, call, gateway
from tests.scenes.spoken import refusal, sent, spoken

HOT = b'{"model":"m","messages":[{"role":"user","content":"hi"}],"temperature":0.5,"top_p":0.9}'
NO_HEAT = "`temperature` is not supported by this model"


async def test_a_refused_parameter_is_left_out_at_once_for_an_hour(autojump_clock):
    ok = [spoken("anthropic", Text("ok"), stream=False) for _ in range(3)]
    transport = ScriptedTransport(refusal("anthropic", NO_HEAT), *ok)
    gate = gateway(transport, "anthropic")
    client, outcome = await asked(gate, call("openai_chat", HOT))
    assert b'"content":"ok"' in client.body
    assert outcome.attempts == 2
    assert "drop:temperature" in client.headers["x-mux-warnings"]
    assert "temperature" in sent(transport, 0)
    assert "temperature" not in sent(transport, 1)

    client, outcome = await asked(gate, call("openai_chat", HOT))
    assert outcome.attempts == 1
    assert "temperature" not in sent(transport)
    assert "drop:temperature" in client.headers["x-mux-warnings"]

    await trio.sleep(REMEMBERED_S)
    await asked(gate, call("openai_chat", HOT))
    assert sent(transport)["temperature"] == 0.5


async def test_one_that_names_nothing_we_sent_is_the_clients(autojump_clock):
    transport = ScriptedTransport(refusal("anthropic", "`top_k` is not supported by this model"))
    with pytest.raises(MuxError) as caught:
        await asked(gateway(transport, "anthropic"), call("openai_chat", HOT))
    assert caught.value.status == 400
    assert len(transport.asked) == 1


async def test_each_repair_is_tried_once(autojump_clock):
    transport = ScriptedTransport(*[refusal("anthropic", NO_HEAT) for _ in range(2)])
    with pytest.raises(MuxError, match="temperature"):
        await asked(gateway(transport, "anthropic"), call("openai_chat", HOT))
    assert len(transport.asked) == 2


async def test_what_did_not_help_is_not_remembered(autojump_clock):
    transport = ScriptedTransport(
        *[refusal("anthropic", NO_HEAT) for _ in range(2)],
        spoken("anthropic", Text("ok"), stream=False),
    )
    gate = gateway(transport, "anthropic")
    with pytest.raises(MuxError):
        await asked(gate, call("openai_chat", HOT))
    await asked(gate, call("openai_chat", HOT))
    assert sent(transport)["temperature"] == 0.5


async def test_passed_through_requests_are_repaired_too_and_refused_natively_if_not(
    autojump_clock,
):
    refused = refusal("openai_chat", "no", param="temperature", code="unsupported_parameter")
    transport = ScriptedTransport(refused, spoken("openai_chat", Text("ok"), stream=False))
    gate = gateway(transport, "openai")
    client, _ = await asked(gate, call("openai_chat", HOT))
    assert b'"ok"' in client.body
    assert transport.asked[0].body == HOT
    assert "temperature" not in sent(transport, 1)
    assert sent(transport, 1)["top_p"] == 0.9

    transport = ScriptedTransport(refusal("openai_chat", "something else", param="messages"))
    with pytest.raises(MuxError) as caught:
        await asked(gateway(transport, "openai"), call("openai_chat", HOT))
    assert caught.value.native is not None


@pytest.mark.parametrize(
    ("kind", "upstream", "message", "code"),
    [
        (
            "openai_responses",
            "openai_responses",
            "could not be verified",
            "invalid_encrypted_content",
        ),
        ("anthropic", "anthropic", "messages.1: Invalid `signature` in `thinking` block", ""),
        ("anthropic", "anthropic", "thinking blocks are bound to a different conversation", ""),
    ],
)
async def test_P67_P97_F29_reasoning_another_account_signed_is_taken_out_once(
    autojump_clock, kind, upstream, message, code
):
    bodies = {
        "openai_responses": {
            "model": "m",
            "store": False,
            "input": [
                {"role": "user", "content": "hi"},
                {
                    "type": "reasoning",
                    "id": "rs_1",
                    "summary": [],
                    "encrypted_content": "theirs",
                },
                {
                    "type": "function_call",
                    "call_id": "c1",
                    "name": "f",
                    "arguments": "{}",
                },
                {"type": "function_call_output", "call_id": "c1", "output": "1"},
            ],
            "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}}],
        },
        "anthropic": {
            "model": "m",
            "max_tokens": 4000,
            "messages": [
                {"role": "user", "content": "hi"},
                {
                    "role": "assistant",
                    "content": [
                        {"type": "thinking", "thinking": "hm", "signature": "theirs"},
                        {"type": "tool_use", "id": "c1", "name": "f", "input": {}},
                    ],
                },
                {
                    "role": "user",
                    "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "1"}],
                },
            ],
            "tools": [{"name": "f", "input_schema": {"type": "object"}}],
        },
    }
    transport = ScriptedTransport(
        refusal(upstream, message, **({"code": code} if code else {})),
        spoken(upstream, Text("ok"), stream=False),
    )
    client, outcome = await asked(
        gateway(transport, kind), call(upstream, json.dumps(bodies[upstream]).encode())
    )
    assert b"ok" in client.body
    assert outcome.attempts == 2
    assert b"theirs" in transport.asked[0].body
    assert b"theirs" not in transport.asked[1].body
    assert b"c1" in transport.asked[1].body
    assert client.headers["x-mux-warnings"] == "drop:reasoning_history"


@pytest.mark.parametrize("stream", [True, False])
async def test_P130_F35_a_malformed_call_is_asked_for_once_more(autojump_clock, stream):
    bad = Finish(StopReason.MALFORMED_TOOL, dialect="gemini", native="MALFORMED_FUNCTION_CALL")
    ask = json.dumps(
        {"model": "m", "stream": stream, "messages": [{"role": "user", "content": "hi"}]}
    ).encode()
    transport = ScriptedTransport(
        spoken("gemini", finish=bad, stream=stream), spoken("gemini", Text("ok"), stream=stream)
    )
    client, outcome = await asked(gateway(transport, "gemini"), call("openai_chat", ask))
    assert b'"ok"' in client.body
    assert outcome.attempts == 2
    assert transport.asked[0].body == transport.asked[1].body

    transport = ScriptedTransport(*[spoken("gemini", finish=bad, stream=stream) for _ in range(2)])
    with pytest.raises(MuxError) as caught:
        await asked(gateway(transport, "gemini"), call("openai_chat", ask))
    assert caught.value.status == 503


async def test_F35_a_malformed_call_after_text_is_an_error_and_no_success(autojump_clock):
    bad = Finish(StopReason.MALFORMED_TOOL, dialect="gemini", native="MALFORMED_FUNCTION_CALL")
    ask = b'{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}'
    transport = ScriptedTransport(spoken("gemini", Text("I call"), finish=bad))
    client, outcome = await asked(gateway(transport, "gemini"), call("openai_chat", ask))
    assert b"I call" in client.body
    assert b'"error"' in client.body
    assert b"[DONE]" not in client.body
    assert outcome.attempts == 1

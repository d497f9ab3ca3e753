"""Requests that take several upstream calls."""

from __future__ import annotations

import json

import pytest

from mux.errors import MuxError
from tests.scenes.fake import Script, ScriptedTransport, asked, call, gateway


def answer(text: str, *, status: int = 200) -> Script:
    message = {
        "id": f"msg_{text}",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 3, "output_tokens": 2},
    }
    return Script(json.dumps(message).encode(), status=status, content_type="application/json")


async def test_P228_alternatives_come_from_calls_of_their_own(autojump_clock):
    transport = ScriptedTransport(answer("a"), answer("b"))
    body = b'{"model":"m","n":2,"messages":[{"role":"user","content":"hi"}]}'
    client, _ = await asked(gateway(transport, "anthropic"), call("openai_chat", body))
    made = json.loads(client.body)
    assert [choice["index"] for choice in made["choices"]] == [0, 1]
    assert {choice["message"]["content"] for choice in made["choices"]} == {"a", "b"}
    assert made["usage"]["prompt_tokens"] == 6
    assert made["usage"]["completion_tokens"] == 4
    assert len(transport.asked) == 2


async def test_alternatives_can_be_streamed(autojump_clock):
    transport = ScriptedTransport(answer("a"), answer("b"))
    body = b'{"model":"m","n":2,"stream":true,"messages":[{"role":"user","content":"hi"}]}'
    client, _ = await asked(gateway(transport, "anthropic"), call("openai_chat", body))
    assert client.body.endswith(b"data: [DONE]\n\n")
    chunks = [json.loads(line[6:]) for line in client.body.split(b"\n\n")[:-2]]
    finished = [c["index"] for k in chunks for c in k["choices"] if c["finish_reason"]]
    assert finished == [0, 1]


async def test_P237_a_batch_of_prompts_is_a_call_for_each(autojump_clock):
    transport = ScriptedTransport(answer("a"), answer("b"), answer("c"))
    body = b'{"model":"m","prompt":["1","2","3"],"max_tokens":9}'
    client, _ = await asked(gateway(transport, "anthropic"), call("openai_completions", body))
    made = json.loads(client.body)
    assert [choice["index"] for choice in made["choices"]] == [0, 1, 2]
    sent = [json.dumps(json.loads(out.body)["messages"]) for out in transport.asked]
    assert len(set(sent)) == 3


@pytest.mark.parametrize(
    "fields", ['"n":9', '"prompt":[[1,2]]', '"best_of":3', '"echo":true,"logprobs":1']
)
async def test_what_no_other_upstream_can_do_is_refused(autojump_clock, fields):
    transport = ScriptedTransport()
    body = ('{"model":"m","prompt":"x",' + fields + "}").encode()
    with pytest.raises(MuxError) as caught:
        await asked(gateway(transport, "anthropic"), call("openai_completions", body))
    assert caught.value.status == 400
    assert transport.asked == []


async def test_one_failed_call_fails_the_answer(autojump_clock):
    error = b'{"type":"error","error":{"type":"overloaded_error","message":"busy"}}'
    transport = ScriptedTransport(answer("a"), Script(error, status=529))
    body = b'{"model":"m","n":2,"messages":[{"role":"user","content":"hi"}]}'
    with pytest.raises(MuxError) as caught:
        await asked(gateway(transport, "anthropic"), call("openai_chat", body))
    assert caught.value.status == 503
    assert transport.open_replies == 0

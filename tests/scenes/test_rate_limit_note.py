"""A note about rate limits before the answer, or instead of one (pitfall 76)."""

from __future__ import annotations

import json

import pytest

from mux.errors import RateLimited
from tests.scenes.fake import Script, ScriptedTransport, asked, call, gateway

NOTE = {
    "type": "codex.rate_limits",
    "rate_limits": {"limit_reached": True, "primary": {"reset_after_seconds": 30}},
}
HEAD = {"id": "resp_1", "object": "response", "created_at": 1, "model": "m", "output": []}
MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed"}
TEXT = {"type": "output_text", "text": "Hi", "annotations": []}
ASK = {
    "openai_responses": {"model": "m", "input": "hi", "stream": True},
    "anthropic": {
        "model": "m",
        "max_tokens": 9,
        "stream": True,
        "messages": [{"role": "user", "content": "hi"}],
    },
}


def sse(*events: dict) -> bytes:
    lines = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events]
    return "".join(lines).encode()


clients = pytest.mark.parametrize("client", ASK)


def asking(client: str, **fields):
    return call(client, json.dumps(ASK[client] | fields).encode())


@clients
async def test_P76_a_note_alone_is_a_rate_limit_with_its_wait(client, autojump_clock):
    transport = ScriptedTransport(Script(sse(NOTE), content_type="text/event-stream"))
    with pytest.raises(RateLimited) as caught:
        await asked(gateway(transport, "openai_responses"), asking(client))
    assert (caught.value.status, caught.value.retry_after_s) == (429, 30)


@clients
async def test_P76_a_note_before_the_answer_does_no_harm(client, autojump_clock):
    item = {**MESSAGE, "content": [TEXT]}
    done = {**HEAD, "status": "completed", "output": [item]}
    answer = sse(
        {"type": "response.created", "response": {**HEAD, "status": "in_progress"}},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": done},
    )
    transport = ScriptedTransport(Script(sse(NOTE), 1.0, answer, content_type="text/event-stream"))
    heard, _ = await asked(gateway(transport, "openai_responses"), asking(client))
    assert heard.status == 200
    assert b'"Hi"' in heard.body
    assert heard.ended


async def test_P76_a_note_alone_tries_the_next_provider(autojump_clock):
    item = {**MESSAGE, "content": [TEXT]}
    done = {**HEAD, "status": "completed", "output": [item]}
    second = sse(
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": done},
    )
    transport = ScriptedTransport(
        Script(sse(NOTE), content_type="text/event-stream"),
        Script(second, content_type="text/event-stream"),
    )
    gate = gateway(transport, "openai_responses", "openai_responses")
    heard, outcome = await asked(gate, asking("anthropic"))
    assert outcome.attempts == 2
    assert b"Hi" in heard.body

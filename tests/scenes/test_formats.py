"""An answer that is to be JSON, from a model that was only told so in words."""

from __future__ import annotations

import json

import pytest

from tests.scenes.fake import Script, ScriptedTransport, asked, call, gateway

ASK = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
FENCED = '```json\n{"a": 1}\n```'
ANSWER = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [{"type": "text", "text": FENCED}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 1, "output_tokens": 1},
}


def streamed() -> bytes:
    events = [
        {"type": "message_start", "message": {**ANSWER, "content": [], "stop_reason": None}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": FENCED},
        },
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {}},
        {"type": "message_stop"},
    ]
    lines = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events]
    return "".join(lines).encode()


@pytest.mark.parametrize("upstream_streams", [False, True])
@pytest.mark.parametrize(
    ("wanted", "text"), [({"response_format": {"type": "json_object"}}, '{"a": 1}'), ({}, FENCED)]
)
async def test_F27_a_whole_answer_loses_the_fence_around_json(
    upstream_streams, wanted, text, autojump_clock
):
    script = Script(json.dumps(ANSWER).encode(), content_type="application/json")
    if upstream_streams:
        script = Script(streamed(), content_type="text/event-stream")
    transport = ScriptedTransport(script)
    body = json.dumps(ASK | wanted).encode()
    client, _ = await asked(gateway(transport, "anthropic"), call("openai_chat", body))
    assert json.loads(client.body)["choices"][0]["message"]["content"] == text
    told = json.loads(transport.asked[0].body)
    assert ("JSON" in json.dumps(told.get("system", ""))) == bool(wanted)

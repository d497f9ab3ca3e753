"""Tools through the whole gateway: an agent's own forms in, the same forms out."""

from __future__ import annotations

import json

import pytest

from tests.scenes.fake import Script, ScriptedTransport, asked, call, gateway

PATCH = '*** Begin Patch\n+say "é 😀"\n*** End Patch'
CODEX = {
    "model": "m",
    "store": False,
    "instructions": "You edit files.",
    "input": [{"role": "user", "content": "go"}],
    "tools": [
        {
            "type": "custom",
            "name": "apply_patch",
            "format": {"type": "grammar", "syntax": "lark", "definition": "start: x"},
        },
        {
            "type": "namespace",
            "name": "mcp__files",
            "description": "Files.",
            "tools": [{"type": "function", "name": "read", "parameters": {"type": "object"}}],
        },
        {"type": "web_search"},
    ],
}
CALLS = [("apply_patch", {"input": PATCH}), ("mcp__files__read", {"path": "/a"})]


def chat() -> tuple[bytes, bytes]:
    """The calls as a chat upstream makes them, whole and streamed."""
    calls = [
        {
            "id": f"call_{n}",
            "type": "function",
            "function": {"name": name, "arguments": json.dumps(given)},
        }
        for n, (name, given) in enumerate(CALLS)
    ]
    message = {"role": "assistant", "content": None, "tool_calls": calls}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    whole = {"id": "c", "object": "chat.completion", "created": 1, "model": "m"}
    chunks = []
    for index, tool in enumerate(calls):
        text = tool["function"]["arguments"]
        start = {**tool, "index": index, "function": {**tool["function"], "arguments": ""}}
        chunks.append({"tool_calls": [start]})
        for at in range(0, len(text), 3):
            piece = {"index": index, "function": {"arguments": text[at : at + 3]}}
            chunks.append({"tool_calls": [piece]})
    choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in chunks]
    choices.append({"index": 0, "delta": {}, "finish_reason": "tool_calls"})
    lines = [f"data: {json.dumps({**whole, 'choices': [choice]})}\n\n" for choice in choices]
    return (
        json.dumps({**whole, "choices": [choice]}).encode(),
        "".join([*lines, "data: [DONE]\n\n"]).encode(),
    )


def anthropic() -> tuple[bytes, bytes]:
    """The same of an Anthropic upstream."""
    blocks = [
        {"type": "tool_use", "id": f"toolu_{n}", "name": name, "input": given}
        for n, (name, given) in enumerate(CALLS)
    ]
    usage = {"input_tokens": 1, "output_tokens": 1}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "usage": usage}
    whole = {**message, "content": blocks, "stop_reason": "tool_use", "stop_sequence": None}
    events: list[dict] = [
        {"type": "message_start", "message": {**whole, "content": [], "stop_reason": None}}
    ]
    for index, block in enumerate(blocks):
        text = json.dumps(block["input"])
        where = {"index": index}
        start = {**where, "content_block": {**block, "input": {}}}
        events.append({"type": "content_block_start", **start})
        for at in range(0, len(text), 3):
            delta = {"type": "input_json_delta", "partial_json": text[at : at + 3]}
            events.append({"type": "content_block_delta", **where, "delta": delta})
        events.append({"type": "content_block_stop", **where})
    end = {"stop_reason": "tool_use", "stop_sequence": None}
    events += [{"type": "message_delta", "delta": end, "usage": usage}, {"type": "message_stop"}]
    lines = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events]
    return json.dumps(whole).encode(), "".join(lines).encode()


UPSTREAMS = {"openai_chat": chat(), "anthropic": anthropic()}


@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_F22_P60_P61_P62_codex_hears_of_its_own_tools(upstream, stream, autojump_clock):
    whole, streamed = UPSTREAMS[upstream]
    if stream or upstream == "anthropic":
        script = Script(streamed, content_type="text/event-stream")
    else:
        script = Script(whole, content_type="application/json")
    transport = ScriptedTransport(script)
    body = json.dumps({**CODEX, "stream": stream}).encode()
    client, _ = await asked(gateway(transport, upstream), call("openai_responses", body))
    sent = json.loads(transport.asked[0].body)
    names = [tool.get("function", tool)["name"] for tool in sent["tools"]]
    assert {name for name, _ in CALLS} <= set(names)
    if stream:
        lines = [line for line in client.body.decode().split("\n") if line.startswith("data: ")]
        events = [json.loads(line.removeprefix("data: ")) for line in lines]
        deltas = [
            event["delta"]
            for event in events
            if event["type"] == "response.custom_tool_call_input.delta"
        ]
        assert "".join(deltas) == PATCH
        assert len(deltas) > 10
        response = events[-1]["response"]
    else:
        response = json.loads(client.body)
    patch, read = response["output"]
    assert (patch["type"], patch["name"], patch["input"]) == (
        "custom_tool_call",
        "apply_patch",
        PATCH,
    )
    assert (read["type"], read["namespace"], read["name"]) == (
        "function_call",
        "mcp__files",
        "read",
    )
    assert json.loads(read["arguments"]) == {"path": "/a"}
    warned = client.headers.get("x-mux-warnings", "")
    assert ("drop:tool.web_search" in warned) == (upstream == "openai_chat")

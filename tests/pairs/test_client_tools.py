"""Tools that clients run and providers know by type: shells, editors, patches (section 6).

Another provider's model gets them as functions; the client hears of calls in its own form.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from mux.codecs import CODECS
from mux.ir import Request, ToolCall, fold, unfold
from tests import sdk
from tests.pairs.test_tools import (
    ABLE,
    ANTHROPIC,
    CHAT,
    GEMINI,
    OLLAMA,
    RESPONSES,
    body,
    declared,
    replied,
    sent,
    ways,
)

SAID = [{"role": "user", "content": "hi"}]


def decoded(client: str, **fields: Any) -> Request:
    asks = {"model": "m", "max_tokens": 50, "messages": SAID, **fields}
    if client == RESPONSES:
        asks = {"model": "m", "input": SAID, **fields}
    return CODECS[client].server.decode_request(json.dumps(asks).encode())


def heard(client: str, request: Request, upstream: str, call: ToolCall, *, stream: bool) -> Any:
    """What the client's SDK makes of a `call` by the upstream."""
    events = replied(upstream, sent(request, upstream), call, stream=stream)
    server = CODECS[client].server
    if not stream:
        return sdk.whole(client, server.encode_response(fold(events), request)).raw
    encoder = server.stream_encoder(request)
    return sdk.stream(client, b"".join(map(encoder.encode, events)) + encoder.eof()).raw


ANTHROPICS = [
    ({"type": "bash_20250124", "name": "bash"}, {"command": "ls"}),
    (
        {"type": "text_editor_20250728", "name": "str_replace_based_edit_tool"},
        {"command": "view", "path": "/a", "view_range": [1, 2]},
    ),
    (
        {"type": "text_editor_20241022", "name": "str_replace_editor"},
        {"command": "view", "path": "/a"},
    ),
    ({"type": "memory_20250818", "name": "memory"}, {"command": "view", "path": "/memories"}),
]


@pytest.mark.parametrize("upstream", [CHAT, RESPONSES, GEMINI, OLLAMA])
@pytest.mark.parametrize(("tool", "given"), ANTHROPICS)
@ways
def test_P188_tools_of_anthropics_clients_are_functions_elsewhere(upstream, tool, given, stream):
    request = decoded(ANTHROPIC, tools=[{**tool, "cache_control": {"type": "ephemeral"}}])
    found = body(sent(request, upstream))
    [function] = declared(upstream, found)
    assert function["name"] == tool["name"]
    assert function["description"]
    schema = function.get("parameters") or function["parametersJsonSchema"]
    assert set(given) <= set(schema["properties"])
    assert tool["type"] not in json.dumps(found)
    call = ToolCall("call_1", tool["name"], json.dumps(given))
    [block] = heard(ANTHROPIC, request, upstream, call, stream=stream).content
    assert (block.type, block.name, block.input) == ("tool_use", tool["name"], given)


SHELL = {"commands": ["ls -la", "pwd"], "timeout_ms": 500}
PATCH = {"operation": {"type": "update_file", "path": "a.py", "diff": "@@\n-x\n+y"}}


@pytest.mark.parametrize("upstream", [CHAT, ANTHROPIC, GEMINI, OLLAMA])
@pytest.mark.parametrize(
    ("tool", "given", "kind"),
    [
        ("shell", SHELL, "shell_call"),
        ("local_shell", SHELL, "local_shell_call"),
        ("apply_patch", PATCH, "apply_patch_call"),
    ],
)
@ways
def test_P60_tools_of_openais_clients_are_functions_elsewhere(upstream, tool, given, kind, stream):
    request = decoded(RESPONSES, tools=[{"type": tool}])
    [function] = declared(upstream, body(sent(request, upstream)))
    call = ToolCall("call_1", function["name"], json.dumps(given))
    [item] = heard(RESPONSES, request, upstream, call, stream=stream).output
    assert (item.type, item.call_id, item.status) == (kind, "call_1", "completed")
    match kind:
        case "shell_call":
            assert item.action.commands == SHELL["commands"]
            assert item.action.timeout_ms == 500
        case "local_shell_call":
            assert item.action.command[-1] == "ls -la\npwd"
        case _:
            assert item.operation.model_dump() == PATCH["operation"]

    said = json.loads(item.model_dump_json(exclude_none=True))
    output: dict[str, Any] = {"type": f"{kind}_output", "call_id": "call_1", "output": "done"}
    if kind == "shell_call":
        outcome = {"type": "exit", "exit_code": 0}
        output["output"] = [{"stdout": "done", "stderr": "", "outcome": outcome}]
    if kind == "apply_patch_call":
        output["status"] = "completed"
    again = decoded(RESPONSES, tools=[{"type": tool}], input=[*SAID, said, output])
    encoded = sent(again, upstream)
    text = encoded.body.decode()
    assert not encoded.losses
    assert kind not in text, "nobody else knows such items"
    assert text.count(f'"{function["name"]}"') >= 2, "the tool, and its call in the history"
    assert "done" in text
    native = json.loads(CODECS[RESPONSES].client.encode_request(again, ABLE[RESPONSES]).body)
    assert native["input"][1:] == [said, output]


@pytest.mark.parametrize("upstream", [CHAT, ANTHROPIC, GEMINI, OLLAMA])
def test_P63_tools_declared_in_the_conversation_are_declared_at_the_start_elsewhere(upstream):
    late = {"type": "function", "name": "late", "parameters": {"type": "object"}}
    known = {"type": "function", "name": "known", "description": "at the top"}
    items = [{"type": "additional_tools", "role": "developer", "tools": [late, known]}, *SAID]
    encoded = sent(decoded(RESPONSES, tools=[known], input=items), upstream)
    tools = declared(upstream, body(encoded))
    assert [tool["name"] for tool in tools] == ["known", "late"]
    assert tools[0]["description"] == "at the top"
    assert not encoded.losses
    assert "additional_tools" not in encoded.body.decode()


@pytest.mark.parametrize("upstream", [CHAT, ANTHROPIC, GEMINI, OLLAMA])
@ways
def test_F22_a_search_for_tools_that_the_client_runs_is_a_function_elsewhere(upstream, stream):
    search = {
        "type": "tool_search",
        "execution": "client",
        "description": "Find tools.",
        "parameters": {"type": "object", "properties": {"query": {"type": "string"}}},
    }
    request = decoded(RESPONSES, tools=[search])
    [function] = declared(upstream, body(sent(request, upstream)))
    assert function["name"] == "tool_search"
    call = ToolCall("call_1", "tool_search", '{"query":"x"}')
    [item] = heard(RESPONSES, request, upstream, call, stream=stream).output
    assert (item.type, item.execution, item.arguments) == (
        "tool_search_call",
        "client",
        {"query": "x"},
    )


@ways
def test_P60_two_calls_of_one_shell_have_ids_of_their_own(stream):
    request = decoded(RESPONSES, tools=[{"type": "shell"}])
    calls = [ToolCall("", "shell", json.dumps(SHELL)), ToolCall("", "shell", json.dumps(SHELL))]
    events = replied(GEMINI, sent(request, GEMINI), *calls, stream=stream)
    encoder = CODECS[RESPONSES].server.stream_encoder(request)
    out = b"".join(map(encoder.encode, unfold(fold(events)))) + encoder.eof()
    first, second = sdk.stream(RESPONSES, out).raw.output
    assert first.call_id != second.call_id
    assert first.id != second.id

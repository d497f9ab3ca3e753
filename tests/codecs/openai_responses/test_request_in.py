"""Requests of this dialect's clients."""

from __future__ import annotations

import json

import pytest

from mux.codecs import _envelope
from mux.codecs.openai_responses import CODEC
from mux.codecs.openai_responses._own import DIALECT
from mux.errors import InvalidRequest
from mux.ir import (
    ChoiceMode,
    Effort,
    FormatKind,
    Media,
    MediaKind,
    Message,
    Opaque,
    ReasoningState,
    Role,
    ServerTool,
    Signature,
    SourceKind,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolKind,
    ToolResult,
    Visibility,
)
from tests.codecs.openai_responses.telling import decoded


def shape(messages: tuple[Message, ...]) -> list[tuple[str, list[str]]]:
    return [(str(m.role), [type(part).__name__ for part in m.parts]) for m in messages]


def test_a_string_is_one_user_message():
    assert decoded(input="hi").messages == (Message(Role.USER, (Text("hi"),)),)


def test_leading_system_items_follow_the_instructions_and_later_ones_stay_in_place():
    request = decoded(
        instructions="first",
        input=[
            {"role": "developer", "content": "second"},
            {"role": "system", "content": [{"type": "input_text", "text": "third"}]},
            {"role": "user", "content": "hi"},
            {"role": "developer", "content": "later"},
        ],
    )
    assert [part.text for part in request.system] == ["first", "second", "third"]
    assert shape(request.messages) == [("user", ["Text"]), ("system", ["Text"])]


def test_items_of_the_assistant_are_one_message_in_their_order():
    request = decoded(
        input=[
            {"role": "user", "content": "hi"},
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAA"},
            {"type": "message", "role": "assistant", "content": "I look", "phase": "commentary"},
            {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"},
            {"type": "custom_tool_call", "call_id": "b", "name": "p", "input": "*** Begin"},
            {"type": "function_call_output", "call_id": "a", "output": "1"},
            {"type": "custom_tool_call_output", "call_id": "b", "output": "2"},
        ],
    )
    assert shape(request.messages) == [
        ("user", ["Text"]),
        ("assistant", ["Thinking", "Text", "ToolCall", "ToolCall"]),
        ("tool", ["ToolResult", "ToolResult"]),
    ]
    assistant, results = request.messages[1:]
    assert assistant.phase == "commentary"
    assert assistant.parts[3] == ToolCall("b", "p", "*** Begin", ToolKind.CUSTOM)
    assert results.parts[1] == ToolResult("b", (Text("2"),), kind=ToolKind.CUSTOM)


def test_P69_a_message_of_another_phase_begins_a_new_message():
    request = decoded(
        input=[
            {"role": "assistant", "content": "looking", "phase": "commentary"},
            {"role": "assistant", "content": "found", "phase": "final_answer"},
        ],
    )
    assert [m.phase for m in request.messages] == ["commentary", "final_answer"]


def test_F31a_many_summary_parts_are_one_reasoning():
    summary = [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}]
    item = {"type": "reasoning", "id": "rs_1", "summary": summary, "encrypted_content": "gAAAA"}
    [message] = decoded(input=[item, {"role": "assistant", "content": "x"}]).messages
    thinking = message.parts[0]
    assert isinstance(thinking, Thinking)
    assert thinking.texts == ("a", "b")
    assert thinking.summary
    assert thinking.id == "rs_1"
    assert thinking.signature == Signature(DIALECT, "gAAAA", "enc", id="rs_1")
    assert thinking.text == "a\n\nb"


def test_an_envelope_opens_to_the_foreign_signature():
    signature = Signature("anthropic", "c2ln", "sig", model="claude")
    item = {
        "type": "reasoning",
        "id": "rs_x",
        "summary": [{"type": "summary_text", "text": "why"}],
        "encrypted_content": _envelope.seal(signature, DIALECT),
    }
    [message] = decoded(input=[item, {"role": "assistant", "content": "x"}]).messages
    thinking = message.parts[0]
    assert isinstance(thinking, Thinking)
    assert thinking.signature == signature


def test_F22_namespaces_lie_flat_and_keep_their_name():
    request = decoded(
        input="hi",
        tools=[
            {
                "type": "namespace",
                "name": "agents",
                "description": "many",
                "tools": [
                    {"type": "function", "name": "spawn", "parameters": {"type": "object"}},
                    {"type": "custom", "name": "exec", "format": {"type": "text"}},
                ],
            },
            {
                "type": "custom",
                "name": "apply_patch",
                "format": {"type": "grammar", "syntax": "lark", "definition": "start: x"},
            },
        ],
    )
    spawn, execute, patch = request.tools
    assert isinstance(spawn, Tool)
    assert isinstance(execute, Tool)
    assert isinstance(patch, Tool)
    assert (spawn.namespace, spawn.name, spawn.kind) == ("agents", "spawn", ToolKind.FUNCTION)
    assert (execute.namespace, execute.kind) == ("agents", ToolKind.CUSTOM)
    assert patch.grammar == ("lark", "start: x")


def test_P63_tools_declared_in_the_input_are_tools():
    late = {"type": "function", "name": "late", "parameters": {"type": "object"}}
    known = {"type": "function", "name": "known", "description": "at the top"}
    request = decoded(
        input=[
            {"type": "additional_tools", "role": "developer", "tools": [late, {**known}]},
            {"role": "developer", "content": "be good"},
            {"role": "user", "content": "hi"},
        ],
        tools=[known],
    )
    assert [tool.name for tool in request.tools] == ["known", "late"]
    assert [part.text for part in request.system] == ["be good"]
    assert shape(request.messages) == [("user", ["Text"])]


def test_a_search_for_tools_that_the_client_runs_is_a_function_with_a_call_and_a_result():
    found = {"type": "function", "name": "found", "parameters": {"type": "object"}}
    request = decoded(
        tools=[{"type": "tool_search", "execution": "client", "parameters": {"type": "object"}}],
        input=[
            {
                "type": "tool_search_call",
                "call_id": "s",
                "execution": "client",
                "arguments": {"query": "x"},
                "status": "completed",
            },
            {
                "type": "tool_search_output",
                "call_id": "s",
                "execution": "client",
                "tools": [found],
                "status": "completed",
            },
        ],
    )
    search, tool = request.tools
    assert isinstance(search, Tool)
    assert (search.name, search.schema) == ("tool_search", {"type": "object"})
    assert tool.name == "found"
    call, result = request.messages[0].parts[0], request.messages[1].parts[0]
    assert isinstance(call, ToolCall)
    assert isinstance(result, ToolResult)
    assert (call.id, call.name, call.arguments) == ("s", "tool_search", '{"query":"x"}')
    assert (result.call_id, json.loads(result.text)) == ("s", [found])


@pytest.mark.parametrize(
    ("item", "name", "arguments"),
    [
        (
            {"type": "shell_call", "call_id": "c", "action": {"commands": ["ls"]}},
            "shell",
            '{"commands":["ls"]}',
        ),
        (
            {
                "type": "local_shell_call",
                "id": "lsh_1",
                "call_id": "c",
                "action": {"type": "exec", "command": ["ls", "a b"], "env": {}},
            },
            "shell",
            '{"commands":["ls \'a b\'"]}',
        ),
        (
            {
                "type": "apply_patch_call",
                "call_id": "c",
                "operation": {"type": "delete_file", "path": "x"},
                "status": "completed",
            },
            "apply_patch",
            '{"operation":{"type":"delete_file","path":"x"}}',
        ),
    ],
)
def test_calls_of_built_in_tools_the_client_runs_are_calls(item, name, arguments):
    [message] = decoded(input=[item]).messages
    [call] = message.parts
    assert isinstance(call, ToolCall)
    assert (call.id, call.name, call.arguments) == ("c", name, arguments)


def test_outputs_of_built_in_tools_are_results():
    shell = [{"stdout": "a", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}]
    [message] = decoded(
        input=[
            {"type": "shell_call_output", "call_id": "c", "output": shell},
            {"type": "apply_patch_call_output", "call_id": "d", "status": "failed", "output": "no"},
        ]
    ).messages
    first, second = message.parts
    assert isinstance(first, ToolResult)
    assert isinstance(second, ToolResult)
    assert json.loads(first.text) == shell
    assert (second.text, second.is_error) == ("no", True)


def test_F36_images_and_files_by_every_road():
    content = [
        {"type": "input_image", "image_url": "data:image/png;base64,iVBO", "detail": "low"},
        {"type": "input_image", "image_url": "https://x/y.png"},
        {"type": "input_image", "file_id": "file_1"},
        {"type": "input_file", "file_data": "data:application/pdf;base64,JVBE", "filename": "a"},
        {"type": "input_file", "file_url": "https://x/y.pdf"},
    ]
    [message] = decoded(input=[{"role": "user", "content": content}]).messages
    media = [part for part in message.parts if isinstance(part, Media)]
    assert [(part.kind, part.source) for part in media] == [
        (MediaKind.IMAGE, SourceKind.BASE64),
        (MediaKind.IMAGE, SourceKind.URL),
        (MediaKind.IMAGE, SourceKind.FILE_ID),
        (MediaKind.DOCUMENT, SourceKind.BASE64),
        (MediaKind.DOCUMENT, SourceKind.URL),
    ]
    assert (media[0].mime, media[0].data, media[0].detail) == ("image/png", "iVBO", "low")
    assert media[3].filename == "a"


def test_a_tool_result_may_hold_images():
    output = [
        {"type": "input_text", "text": "seen"},
        {"type": "input_image", "image_url": "data:image/png;base64,iVBO"},
    ]
    item = {"type": "function_call_output", "call_id": "c", "output": output}
    [message] = decoded(input=[item]).messages
    [result] = message.parts
    assert isinstance(result, ToolResult)
    assert [type(part) for part in result.content] == [Text, Media]


@pytest.mark.parametrize(
    ("reasoning", "state", "effort", "visible"),
    [
        (None, ReasoningState.UNSET, None, Visibility.HIDDEN),
        ({"effort": "none"}, ReasoningState.OFF, None, Visibility.HIDDEN),
        ({"effort": "high"}, ReasoningState.ON, Effort.HIGH, Visibility.HIDDEN),
        ({"summary": "auto"}, ReasoningState.UNSET, None, Visibility.SUMMARY),
        ({"effort": "ultra"}, ReasoningState.ON, None, Visibility.HIDDEN),
    ],
)
def test_reasoning_is_visible_only_with_a_summary(reasoning, state, effort, visible):
    asked = decoded(input="hi", reasoning=reasoning).reasoning
    assert (asked.state, asked.effort, asked.visible) == (state, effort, visible)


def test_P72_flat_shapes():
    request = decoded(
        input="hi",
        text={
            "format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}},
            "verbosity": "low",
        },
        tools=[{"type": "function", "name": "f"}, {"type": "custom", "name": "p"}],
        tool_choice={"type": "custom", "name": "p"},
        top_logprobs=3,
    )
    assert request.response_format.kind is FormatKind.JSON_SCHEMA
    assert request.response_format.schema == {"type": "object"}
    assert request.verbosity == "low"
    assert request.logprobs == 3
    choice = request.tool_choice
    assert choice is not None
    assert (choice.mode, choice.names, choice.kind) == (ChoiceMode.NAMED, ("p",), ToolKind.CUSTOM)


def test_allowed_tools_and_hosted_tools_can_be_chosen():
    request = decoded(
        input="hi",
        tools=[{"type": "web_search"}],
        tool_choice={
            "type": "allowed_tools",
            "mode": "required",
            "tools": [{"type": "function", "name": "f"}, {"type": "web_search"}],
        },
    )
    choice, search = request.tool_choice, request.tools[0]
    assert choice is not None
    assert (choice.mode, choice.names) == (ChoiceMode.ALLOWED_REQUIRED, ("f", "web_search"))
    assert isinstance(search, ServerTool)
    assert (search.kind, search.name) == ("web_search", "web_search")


def test_P239_null_is_absence():
    request = decoded(
        input="hi", tools=None, temperature=None, tool_choice=None, reasoning=None, text=None
    )
    assert request.tools == ()
    assert request.sampling.temperature is None


def test_an_item_without_type_that_has_only_an_id_is_a_reference():
    [message] = decoded(input=[{"id": "msg_1"}]).messages
    assert message.parts == (Opaque(DIALECT, {"type": "item_reference", "id": "msg_1"}),)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "input"),
        ({"input": []}, "input"),
        ({"input": 3}, "input"),
        ({"input": [{"role": "nobody", "content": "x"}]}, "input[0].role"),
        ({"input": [{"type": "message", "content": "x"}]}, "input[0].role"),
        ({"input": [{"type": "function_call", "call_id": "c"}]}, "input[0].name"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image"}]}]},
            "input[0].content[0]",
        ),
        ({"input": "x", "temperature": "hot"}, "temperature"),
        ({"input": "x", "max_output_tokens": "100"}, "max_output_tokens"),
        ({"input": "x", "tools": [{"type": "function"}]}, "tools[0].name"),
        ({"input": "x", "tool_choice": "maybe"}, "tool_choice"),
        ({"input": "x", "text": {"format": {"type": "yaml"}}}, "text.format.type"),
        ({"input": "x", "model": None}, "model"),
    ],
)
def test_an_error_names_its_field(fields, param):
    with pytest.raises(InvalidRequest) as caught:
        decoded(**fields)
    assert caught.value.param == param


def test_stored_state_may_stand_in_for_input_and_model():
    assert decoded(previous_response_id="resp_1").previous_id == "resp_1"
    body = json.dumps({"prompt": {"id": "pmpt_1"}}).encode()
    assert CODEC.server.decode_request(body).model == ""

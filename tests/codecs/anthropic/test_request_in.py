"""What clients of this dialect send, as requests."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mux.codecs import _envelope
from mux.codecs.anthropic import CODEC
from mux.errors import InvalidRequest
from mux.ir import (
    Abilities,
    CacheHint,
    ChoiceMode,
    Effort,
    FormatKind,
    Media,
    MediaKind,
    Message,
    Opaque,
    Reasoning,
    ReasoningState,
    Request,
    Role,
    ServerCall,
    ServerResult,
    ServerTool,
    Signature,
    SourceKind,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Visibility,
)


def decode(messages: Any = "hi", **fields: Any) -> Request:
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    body = {"model": "claude-x", "max_tokens": 100, "messages": messages, **fields}
    return CODEC.server.decode_request(json.dumps(body).encode())


def parts(role: str, *blocks: Any) -> tuple[Any, ...]:
    return decode([{"role": role, "content": list(blocks)}]).messages[0].parts


def test_the_fields_every_dialect_knows():
    request = decode(
        system="be brief",
        stop_sequences=["END"],
        stream=True,
        temperature=1,
        top_p=0.5,
        top_k=4,
        metadata={"user_id": "u-1"},
        service_tier="standard_only",
    )
    assert request.origin == "anthropic"
    assert request.model == "claude-x"
    assert request.system == (Text("be brief"),)
    assert request.messages == (Message(Role.USER, (Text("hi"),)),)
    assert request.max_output == 100
    assert request.stop == ("END",)
    assert request.stream
    assert request.include_usage
    assert (request.sampling.temperature, request.sampling.top_p) == (1.0, 0.5)
    assert request.sampling.top_k == 4
    assert request.user_id == "u-1"
    assert request.service_tier == "standard_only"
    assert request.ext is None


def test_P239_null_is_absent():
    request = decode(
        system=None, tools=None, tool_choice=None, temperature=None, thinking=None, metadata=None
    )
    assert request == decode()


def test_fields_of_this_dialect_alone_are_kept():
    request = decode(
        cache_control={"type": "ephemeral"},
        container="c-1",
        context_management={"edits": []},
        speed="fast",
        output_config={"effort": "low", "task_budget": {"type": "tokens", "total": 9}},
        metadata={"user_id": "u", "other": 1},
    )
    assert request.own("anthropic") == {
        "cache_control": {"type": "ephemeral"},
        "container": "c-1",
        "context_management": {"edits": []},
        "speed": "fast",
        "output_config": {"task_budget": {"type": "tokens", "total": 9}},
        "metadata": {"other": 1},
    }
    assert request.reasoning.effort is Effort.LOW


def test_the_url_may_say_model_and_stream():
    body = b'{"messages":[{"role":"user","content":"hi"}]}'
    request = CODEC.server.decode_request(body, model="m", stream=True)
    assert (request.model, request.stream) == ("m", True)


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"model": None}, "model"),
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": 3}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{}]}]}, "messages[0].content[0].type"),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": 1}]}]},
            "messages[0].content[0].text",
        ),
        ({"max_tokens": "100"}, "max_tokens"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"stream": "yes"}, "stream"),
        ({"tools": [{"description": "x"}]}, "tools[0].name"),
        ({"tools": [{"name": "f", "input_schema": []}]}, "tools[0].input_schema"),
        ({"tool_choice": {"type": "function"}}, "tool_choice.type"),
        ({"tool_choice": {"type": "tool"}}, "tool_choice.name"),
        ({"thinking": {"budget_tokens": 1}}, "thinking.type"),
        ({"output_config": {"format": {"type": "xml"}}}, "output_config.format.type"),
        ({"system": [{"type": "image", "source": {"type": "url", "url": "u"}}]}, "system"),
    ],
)
def test_a_wrong_field_is_named(change, param):
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **change}
    with pytest.raises(InvalidRequest) as caught:
        CODEC.server.decode_request(json.dumps(body).encode())
    assert caught.value.param == param


def test_P241_integral_floats_are_integers():
    assert decode(max_tokens=100.0).max_output == 100


def test_system_texts_keep_their_breakpoints_and_lose_empty_ones():
    request = decode(
        system=[
            {"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
            {"type": "text", "text": ""},
            {"type": "text", "text": "b"},
        ]
    )
    assert request.system == (Text("a", cache=CacheHint("1h")), Text("b"))


def test_F33_system_messages_are_taken_anywhere_and_leading_ones_hoisted():
    request = decode(
        [
            {"role": "system", "content": "first"},
            {"role": "user", "content": "hi"},
            {"role": "system", "content": [{"type": "text", "text": "later"}]},
        ],
        system="top",
    )
    assert request.system == (Text("top"), Text("first"))
    assert [message.role for message in request.messages] == [Role.USER, Role.SYSTEM]
    assert request.messages[1].parts == (Text("later"),)


def test_a_system_message_keeps_what_is_its_own():
    addition = {"type": "tool_addition", "tool": {"type": "tool_reference", "name": "f"}}
    request = decode(
        [
            {"role": "user", "content": "hi"},
            {"role": "system", "content": [addition], "clear_at": "never"},
        ]
    )
    [_, system] = request.messages
    assert system.parts == (Opaque("anthropic", addition),)
    assert system.ext == {"anthropic": {"clear_at": "never"}}


def test_results_and_text_of_one_user_message_become_two_messages_in_order():
    result = {"type": "tool_result", "tool_use_id": "t1", "content": "r"}
    text = {"type": "text", "text": "go on"}
    calls = {
        "role": "assistant",
        "content": [{"type": "tool_use", "id": "t1", "name": "f", "input": {}}],
    }
    request = decode([calls, {"role": "user", "content": [result, text]}])
    assert request.messages[1:] == (
        Message(Role.TOOL, (ToolResult("t1", (Text("r"),)),)),
        Message(Role.USER, (Text("go on"),)),
    )
    turned = decode([calls, {"role": "user", "content": [text, result]}])
    assert [message.role for message in turned.messages[1:]] == [Role.USER, Role.TOOL]


def test_F16_input_of_a_call_keeps_order_and_shape():
    [call] = parts(
        "assistant",
        {"type": "tool_use", "id": "t", "name": "f", "input": {"b": 1, "a": [1.0, 2**70]}},
    )
    assert call == ToolCall("t", "f", '{"b":1,"a":[1.0,1180591620717411303424]}')
    [empty] = parts("assistant", {"type": "tool_use", "id": "t", "name": "f"})
    assert empty == ToolCall("t", "f", "{}")
    [listed] = parts("assistant", {"type": "tool_use", "id": "t", "name": "f", "input": [1]})
    assert listed == ToolCall("t", "f", "[1]")


def test_a_call_keeps_caller_and_toolset():
    [call] = parts(
        "assistant",
        {
            "type": "tool_use",
            "id": "t",
            "name": "click",
            "input": {},
            "caller": {"type": "direct"},
            "toolset_name": "browser",
            "cache_control": {"type": "ephemeral", "scope": "global"},
        },
    )
    assert call.cache == CacheHint()
    assert call.ext == {
        "anthropic": {
            "caller": {"type": "direct"},
            "toolset_name": "browser",
            "cache_control": {"scope": "global"},
        }
    }


def test_thinking_with_and_without_text():
    found = parts(
        "assistant",
        {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
        {"type": "thinking", "thinking": "", "signature": "c2ln"},
        {"type": "thinking", "thinking": "unsigned"},
        {"type": "redacted_thinking", "data": "ZGF0YQ"},
    )
    assert found == (
        Thinking(("hm",), signature=Signature("anthropic", "c2ln")),
        Thinking(signature=Signature("anthropic", "c2ln")),
        Thinking(("unsigned",)),
        Thinking(signature=Signature("anthropic", "ZGF0YQ", "redacted")),
    )


def sealed(signature: Signature) -> str:
    return _envelope.seal(signature, "anthropic")


def test_an_envelope_gives_the_foreign_signature_back():
    signature = Signature("openai_responses", "gAAA", "enc", model="gpt-x", id="rs_1")
    [thought] = parts(
        "assistant", {"type": "thinking", "thinking": "t", "signature": sealed(signature)}
    )
    assert thought == Thinking(("t",), signature=signature)


def test_the_signature_of_a_call_goes_back_to_the_call():
    signature = Signature("gemini", "Uw==")
    marked = Signature("gemini", "Uw==", id="t")
    carried = {"type": "thinking", "thinking": "", "signature": sealed(marked)}
    call = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    plan = {"type": "thinking", "thinking": "plan", "signature": sealed(signature)}
    assert parts("assistant", plan, carried, call, {**call, "id": "t2"}) == (
        Thinking(("plan",), signature=signature),
        ToolCall("t", "f", "{}", signature=signature),
        ToolCall("t2", "f", "{}"),
    )


def test_the_signature_of_a_text_goes_back_to_the_text():
    marked = Signature("gemini", "Uw==", id="text")
    carried = {"type": "thinking", "thinking": "", "signature": sealed(marked)}
    words = {"type": "text", "text": "a"}
    call = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    assert parts("assistant", words, carried, call) == (
        Text("a", signature=Signature("gemini", "Uw==")),
        ToolCall("t", "f", "{}"),
    )


def test_reasoning_without_text_before_a_call_is_still_reasoning():
    signature = Signature("openai_responses", "gAAA", "enc", id="rs_1")
    thought = {"type": "thinking", "thinking": "", "signature": sealed(signature)}
    details = Signature("openai_chat", '[{"data":"x"}]')
    other = {"type": "thinking", "thinking": "", "signature": sealed(details)}
    call = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    assert parts("assistant", thought, other, call) == (
        Thinking(signature=signature),
        Thinking(signature=details),
        ToolCall("t", "f", "{}"),
    )


def test_a_broken_envelope_is_no_signature():
    [thought] = parts("assistant", {"type": "thinking", "thinking": "t", "signature": "mux1.!"})
    assert thought == Thinking(("t",))


IMAGE = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}


@pytest.mark.parametrize(
    ("block", "part"),
    [
        (
            {"type": "image", "source": IMAGE},
            Media(MediaKind.IMAGE, SourceKind.BASE64, "iVBORw0KGgo=", "image/png"),
        ),
        (
            {"type": "image", "source": {"type": "url", "url": "https://x/y"}},
            Media(MediaKind.IMAGE, SourceKind.URL, "https://x/y"),
        ),
        (
            {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
            Media(MediaKind.IMAGE, SourceKind.FILE_ID, "file_1"),
        ),
        (
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "hello"},
                "title": "T",
                "context": "C",
                "citations": {"enabled": True},
            },
            Media(
                MediaKind.DOCUMENT,
                SourceKind.TEXT,
                "hello",
                "text/plain",
                title="T",
                ext={"anthropic": {"context": "C", "citations": {"enabled": True}}},
            ),
        ),
        (
            {"type": "document", "source": {"type": "content", "content": "plain words"}},
            Media(
                MediaKind.DOCUMENT,
                SourceKind.TEXT,
                "plain words",
                "text/plain",
                ext={"anthropic": {"source": {"type": "content", "content": "plain words"}}},
            ),
        ),
        (
            {"type": "image", "source": {"type": "hologram"}},
            Opaque("anthropic", {"type": "image", "source": {"type": "hologram"}}),
        ),
        (
            {"type": "container_upload", "file_id": "f"},
            Opaque("anthropic", {"type": "container_upload", "file_id": "f"}),
        ),
        (
            {"type": "compaction", "content": "so far"},
            Opaque("anthropic", {"type": "compaction", "content": "so far"}),
        ),
    ],
)
def test_F36_every_block_has_its_part(block, part):
    assert parts("user", block) == (part,)


def test_a_document_of_blocks_reads_as_its_text():
    source = {
        "type": "content",
        "content": [{"type": "text", "text": "a"}, {"type": "image", "source": IMAGE}],
    }
    [document] = parts("user", {"type": "document", "source": source})
    assert document.data == "a\n[image]"
    assert document.ext == {"anthropic": {"source": source}}


def test_a_search_result_reads_as_text_for_all_others():
    block = {
        "type": "search_result",
        "source": "https://x",
        "title": "X",
        "content": [{"type": "text", "text": "found"}],
        "citations": {"enabled": True},
    }
    [part] = parts("user", {**block, "cache_control": {"type": "ephemeral"}})
    assert part == Text("X\nhttps://x\nfound", cache=CacheHint(), ext={"anthropic": block})


def test_what_a_tool_result_may_hold():
    content = [
        {"type": "text", "text": "t"},
        {"type": "image", "source": IMAGE},
        {"type": "tool_reference", "tool_name": "f"},
        {"type": "browser_state", "tabs": []},
    ]
    [result] = parts(
        "user",
        {"type": "tool_result", "tool_use_id": "t1", "content": content, "is_error": True},
    )
    assert result.is_error
    assert result.content == (
        Text("t"),
        Media(MediaKind.IMAGE, SourceKind.BASE64, "iVBORw0KGgo=", "image/png"),
        Text("f", ext={"anthropic": content[2]}),
        Opaque("anthropic", content[3]),
    )


@pytest.mark.parametrize("content", [None, "", []])
def test_a_tool_result_may_be_empty(content):
    [result] = parts("user", {"type": "tool_result", "tool_use_id": "t1", "content": content})
    assert result == ToolResult("t1")


def test_tools_that_providers_run():
    call = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search"}
    answer = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
    mcp = {"type": "mcp_tool_use", "id": "mcptoolu_1", "name": "ask", "server_name": "s"}
    assert parts(
        "assistant",
        {**call, "input": {"query": "q"}},
        answer,
        {**mcp, "input": {}},
        {"type": "advisor_tool_result", "tool_use_id": "a"},
    ) == (
        ServerCall("web_search", "srvtoolu_1", "web_search", '{"query":"q"}', "anthropic", call),
        ServerResult("web_search", "srvtoolu_1", "anthropic", answer),
        ServerCall("mcp", "mcptoolu_1", "ask", "{}", "anthropic", mcp),
        ServerResult(
            "other", "a", "anthropic", {"type": "advisor_tool_result", "tool_use_id": "a"}
        ),
    )


def test_deep_nesting_is_not_followed():
    block: dict[str, Any] = {"type": "text", "text": "x"}
    for _ in range(200):
        block = {"type": "tool_result", "tool_use_id": "t", "content": [block]}
    [result] = parts("user", block)
    assert isinstance(result, ToolResult)
    assert isinstance(result.content[0], Opaque)


def test_the_clients_own_tools():
    schema = {"type": "object", "properties": {}}
    request = decode(
        tools=[
            {
                "name": "f",
                "description": "d",
                "input_schema": schema,
                "strict": True,
                "input_examples": [{"a": 1}],
                "defer_loading": True,
                "cache_control": {"type": "ephemeral"},
                "eager_input_streaming": True,
            },
            {"type": "custom", "name": "g", "input_schema": schema},
        ]
    )
    assert request.tools == (
        Tool(
            "f",
            description="d",
            schema=schema,
            strict=True,
            examples=({"a": 1},),
            deferred=True,
            cache=CacheHint(),
            ext={"anthropic": {"eager_input_streaming": True}},
        ),
        Tool("g", schema=schema),
    )


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("bash_20250124", "bash"),
        ("text_editor_20250728", "text_editor"),
        ("memory_20250818", "memory"),
        ("web_search_20260318", "web_search"),
        ("web_fetch_20250910", "web_fetch"),
        ("code_execution_20260521", "code_execution"),
        ("tool_search_tool_bm25_20251119", "tool_search"),
        ("tool_search_tool_regex", "tool_search"),
        ("mcp_toolset", "mcp"),
        ("computer_toolset_20260801", "computer"),
        ("browser_toolset_20260801", "computer"),
        ("advisor_20260301", "other"),
    ],
)
def test_F25_tools_known_by_type(word, kind):
    raw = {"type": word, "name": "n"}
    assert decode(tools=[raw]).tools == (ServerTool(kind, "anthropic", raw, name="n"),)


def test_F25_options_of_a_web_search():
    place = {"type": "approximate", "country": "FR"}
    raw = {
        "type": "web_search_20250305",
        "name": "web_search",
        "max_uses": 3,
        "allowed_domains": ["a.org"],
        "user_location": place,
    }
    [tool] = decode(tools=[raw]).tools
    assert tool == ServerTool(
        "web_search",
        "anthropic",
        raw,
        "web_search",
        allowed_domains=("a.org",),
        max_uses=3,
        user_location=place,
    )


@pytest.mark.parametrize(
    ("given", "choice", "parallel"),
    [
        ({"type": "auto"}, ToolChoice(ChoiceMode.AUTO), None),
        ({"type": "any"}, ToolChoice(ChoiceMode.REQUIRED), None),
        ({"type": "none"}, ToolChoice(ChoiceMode.NONE), None),
        ({"type": "tool", "name": "f"}, ToolChoice(ChoiceMode.NAMED, ("f",)), None),
        (
            {"type": "auto", "disable_parallel_tool_use": True},
            ToolChoice(ChoiceMode.AUTO),
            False,
        ),
        (
            {"type": "any", "disable_parallel_tool_use": False},
            ToolChoice(ChoiceMode.REQUIRED),
            True,
        ),
    ],
)
def test_F27_tool_choice(given, choice, parallel):
    request = decode(tool_choice=given)
    assert (request.tool_choice, request.parallel_tools) == (choice, parallel)


@pytest.mark.parametrize(
    ("thinking", "effort", "reasoning"),
    [
        (None, None, Reasoning()),
        (None, "high", Reasoning(effort=Effort.HIGH)),
        ({"type": "disabled"}, None, Reasoning(ReasoningState.OFF)),
        (
            {"type": "between_tools"},
            None,
            Reasoning(ReasoningState.OFF, ext={"anthropic": {"type": "between_tools"}}),
        ),
        (
            {"type": "enabled", "budget_tokens": 2048},
            None,
            Reasoning(ReasoningState.ON, budget=2048),
        ),
        (
            {"type": "adaptive", "display": "omitted"},
            "max",
            Reasoning(ReasoningState.ON, effort=Effort.MAX, visible=Visibility.HIDDEN),
        ),
        (
            {"type": "adaptive", "display": "summarized"},
            None,
            Reasoning(ReasoningState.ON, visible=Visibility.SUMMARY),
        ),
        (
            {"type": "adaptive", "display": "updates", "block_binding": {"x": 1}},
            None,
            Reasoning(
                ReasoningState.ON,
                ext={"anthropic": {"block_binding": {"x": 1}, "display": "updates"}},
            ),
        ),
    ],
)
def test_reasoning(thinking, effort, reasoning):
    output = {"effort": effort} if effort else None
    assert decode(thinking=thinking, output_config=output).reasoning == reasoning


def test_an_effort_of_the_future_is_kept():
    request = decode(output_config={"effort": "ultra"})
    assert request.reasoning == Reasoning()
    assert request.own("anthropic") == {"output_config": {"effort": "ultra"}}


@pytest.mark.parametrize("spelling", ["output_config", "output_format"])
def test_both_spellings_of_a_format(spelling):
    schema = {"type": "object", "properties": {}, "additionalProperties": False}
    wanted = {"type": "json_schema", "schema": schema}
    fields = {"output_config": {"format": wanted}, "output_format": wanted}
    request = decode(**{spelling: fields[spelling]})
    assert request.response_format.kind is FormatKind.JSON_SCHEMA
    assert request.response_format.schema == schema
    assert request.ext is None


def test_citations_are_kept_but_those_this_gateway_wrote():
    native = {
        "type": "char_location",
        "cited_text": "c",
        "document_title": "D",
        "document_index": 0,
        "start_char_index": 0,
        "end_char_index": 1,
    }
    ours = {
        "type": "web_search_result_location",
        "url": "https://x",
        "title": "X",
        "cited_text": "c",
        "encrypted_index": sealed(Signature("none", "")),
    }
    [text] = parts("assistant", {"type": "text", "text": "said", "citations": [native, ours]})
    first, second = text.annotations
    assert (first.title, first.cited_text, first.start, first.end) == ("D", "c", 0, 4)
    assert (first.dialect, first.raw) == ("anthropic", native)
    assert (second.url, second.dialect, second.raw) == ("https://x", "", None)


def test_P109_claude_codes_attribution_stays_with_anthropic():
    body = (
        b'{"model":"m","max_tokens":9,"system":[{"type":"text","text":'
        b'"x-anthropic-billing-header: cch=abc;"},{"type":"text","text":"Be brief."}],'
        b'"messages":[{"role":"user","content":"hi"}]}'
    )
    request = CODEC.server.decode_request(body)
    assert [text.text for text in request.system] == ["Be brief."]
    again = json.loads(CODEC.client.encode_request(request, Abilities(max_output=9)).body)
    assert again["system"] == json.loads(body)["system"]
    assert "x-anthropic-billing-header:" not in again

"""Requests to upstreams of this dialect, from clients of others and of its own."""

from __future__ import annotations

import pytest

from mux.codecs import _envelope
from mux.codecs.openai_responses._own import DIALECT
from mux.errors import Unsupported
from mux.ir import (
    Abilities,
    CacheHint,
    ChoiceMode,
    Effort,
    FormatKind,
    Media,
    MediaKind,
    Message,
    Part,
    Reasoning,
    ReasoningMode,
    ReasoningState,
    Request,
    ResponseFormat,
    Role,
    Sampling,
    SamplingRule,
    ServerCall,
    ServerTool,
    Signature,
    SourceKind,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolKind,
    ToolResult,
    Visibility,
)
from tests.codecs.openai_responses.telling import OPENAI, decoded, encoded

PNG = Media(MediaKind.IMAGE, SourceKind.BASE64, "iVBORw0KGgo=", "image/png")
F = Tool("f", schema={"type": "object", "properties": {}})


def said(role: Role, *parts: Part) -> Message:
    return Message(role, parts)


def asked(*messages: Message, origin: str = "anthropic", **fields) -> Request:
    return Request("m", messages or (said(Role.USER, Text("hi")),), origin=origin, **fields)


def sent(*messages: Message, abilities: Abilities = OPENAI, **fields) -> list:
    return encoded(asked(*messages, **fields), abilities)[0]["input"]


def test_a_translated_request_stores_nothing_and_asks_for_the_state():
    body, losses, _ = encoded(asked(system=(Text("be"), Text("good")), stream=True))
    assert body == {
        "model": "m",
        "instructions": "be\n\ngood",
        "input": [
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}
        ],
        "store": False,
        "include": ["reasoning.encrypted_content"],
        "stream": True,
    }
    assert losses == []


def test_a_model_that_does_not_reason_is_not_asked_for_reasoning():
    plain = Abilities(reasoning=ReasoningMode.NONE)
    on = Reasoning(ReasoningState.ON, Effort.HIGH)
    body, losses, _ = encoded(asked(reasoning=on), plain)
    assert "include" not in body
    assert "reasoning" not in body
    assert losses == ["drop:reasoning"]


def test_one_item_a_part_in_order():
    items = sent(
        said(Role.USER, Text("look"), PNG),
        said(Role.ASSISTANT, Text("a"), Text("b"), ToolCall("c1", "f", "")),
        said(Role.TOOL, ToolResult("c1", (Text("1"), Text("2")))),
        tools=(F,),
    )
    assert items == [
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "look"},
                {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo="},
            ],
        },
        {
            "type": "message",
            "role": "assistant",
            "content": [
                {"type": "output_text", "text": "a", "annotations": []},
                {"type": "output_text", "text": "b", "annotations": []},
            ],
        },
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "1\n2"},
    ]


def test_a_later_system_message_stays_in_place_as_developer():
    items = sent(said(Role.USER, Text("hi")), said(Role.SYSTEM, Text("now")))
    assert [item["role"] for item in items] == ["user", "developer"]


def test_P176_an_error_says_so():
    items = sent(
        said(Role.ASSISTANT, ToolCall("c", "f", "{}")),
        said(Role.TOOL, ToolResult("c", (Text("broken"),), is_error=True)),
    )
    assert items[-1]["output"] == "Error: broken"


def test_F26_images_in_results_stay_there_or_go_below():
    messages = (
        said(Role.ASSISTANT, ToolCall("c", "f", "{}"), ToolCall("d", "f", "{}")),
        said(Role.TOOL, ToolResult("c", (Text("seen"), PNG)), ToolResult("d", (Text("x"),))),
    )
    image = {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo="}
    assert sent(*messages)[2]["output"] == [{"type": "input_text", "text": "seen"}, image]
    items = sent(*messages, abilities=Abilities(tool_media=False))
    assert [item["type"] for item in items] == [
        "function_call",
        "function_call",
        "function_call_output",
        "function_call_output",
        "message",
    ]
    assert items[2]["output"] == "seen\n[image attached below]"
    assert items[4] == {"type": "message", "role": "user", "content": [image]}
    body, losses, _ = encoded(asked(*messages), Abilities(vision=False))
    assert "image left out" in body["input"][2]["output"]
    assert losses == ["drop:image"]


def test_F36_documents_go_as_files():
    pdf = Media(MediaKind.DOCUMENT, SourceKind.BASE64, "JVBERg==", "application/pdf", title="T")
    note = Media(MediaKind.DOCUMENT, SourceKind.TEXT, "words", filename="n.txt")
    [item] = sent(said(Role.USER, pdf, note))
    assert item["content"] == [
        {
            "type": "input_file",
            "filename": "T",
            "file_data": "data:application/pdf;base64,JVBERg==",
        },
        {"type": "input_text", "text": "[file: n.txt]\nwords"},
    ]


@pytest.mark.parametrize(
    ("part", "abilities"),
    [
        (Media(MediaKind.AUDIO, SourceKind.BASE64, "AA==", "audio/wav"), OPENAI),
        (PNG, Abilities(vision=False)),
        (Media(MediaKind.IMAGE, SourceKind.URL, "https://x/y.png"), Abilities(image_url=False)),
        (Media(MediaKind.DOCUMENT, SourceKind.URL, "https://x/y.pdf"), Abilities(pdf=False)),
        (Media(MediaKind.IMAGE, SourceKind.FILE_ID, "files/1"), OPENAI),
    ],
)
def test_media_the_model_cannot_read_are_refused(part, abilities):
    with pytest.raises(Unsupported):
        encoded(asked(said(Role.USER, part)), abilities)


def test_P181_strict_is_said_where_the_client_did_not():
    body, losses, _ = encoded(asked(tools=(F, Tool("g"))))
    assert [tool["strict"] for tool in body["tools"]] == [False, False]
    assert body["tools"][1]["parameters"] == {"type": "object", "properties": {}}
    loose = {"type": "object", "properties": {"a": {"type": "string"}}}
    body, losses, _ = encoded(asked(tools=(Tool("f", schema=loose, strict=True),)))
    assert body["tools"][0]["strict"] is False
    assert losses == ["degrade:strict"]


def test_free_text_tools_are_native_at_openai_and_wrapped_elsewhere():
    tools = (
        Tool("patch", ToolKind.CUSTOM, "ns", grammar=("lark", "start: x")),
        Tool("f", namespace="ns"),
    )
    messages = (
        said(Role.USER, Text("go")),
        said(Role.ASSISTANT, ToolCall("c", "patch", "***", ToolKind.CUSTOM, "ns")),
        said(Role.TOOL, ToolResult("c", (Text("ok"),))),
    )
    request = asked(*messages, tools=tools, origin="openai_chat")
    body, _, names = encoded(request)
    assert body["tools"][0]["type"] == "namespace"
    assert [tool["type"] for tool in body["tools"][0]["tools"]] == ["custom", "function"]
    assert body["input"][1] == {
        "type": "custom_tool_call",
        "call_id": "c",
        "name": "patch",
        "namespace": "ns",
        "input": "***",
    }
    assert body["input"][2]["type"] == "custom_tool_call_output"
    assert names == {}
    body, _, names = encoded(request, Abilities())
    assert [tool["type"] for tool in body["tools"]] == ["function", "function"]
    assert body["tools"][0]["name"] == "ns__patch"
    assert body["input"][1]["arguments"] == '{"input":"***"}'
    assert body["input"][2]["type"] == "function_call_output"
    assert names["ns__patch"].kind is ToolKind.CUSTOM


def test_F21_names_the_api_refuses_are_repaired_everywhere():
    tool = Tool("mcp.server/tool:x", schema={"type": "object"})
    request = asked(
        said(Role.USER, Text("go")),
        said(Role.ASSISTANT, ToolCall("id|1" * 20, tool.name, "{}")),
        said(Role.TOOL, ToolResult("id|1" * 20, (Text("ok"),))),
        tools=(tool,),
        tool_choice=ToolChoice(ChoiceMode.NAMED, (tool.name,)),
    )
    body, _, names = encoded(request)
    name = body["tools"][0]["name"]
    assert name == "mcp_server_tool_x"
    assert body["tool_choice"] == {"type": "function", "name": name}
    assert body["input"][1]["name"] == name
    assert body["input"][1]["call_id"] == body["input"][2]["call_id"]
    assert len(body["input"][1]["call_id"]) <= 64
    assert names[name].name == tool.name


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        (ToolChoice(ChoiceMode.AUTO), "auto"),
        (ToolChoice(ChoiceMode.REQUIRED), "required"),
        (ToolChoice(ChoiceMode.NAMED, ("f",)), {"type": "function", "name": "f"}),
        (
            ToolChoice(ChoiceMode.ALLOWED_REQUIRED, ("f",)),
            {
                "type": "allowed_tools",
                "mode": "required",
                "tools": [{"type": "function", "name": "f"}],
            },
        ),
    ],
)
def test_tool_choice_is_flat(choice, wanted):
    assert encoded(asked(tools=(F,), tool_choice=choice))[0]["tool_choice"] == wanted


def test_F24_no_choice_and_no_parallelism_without_tools():
    auto = ToolChoice(ChoiceMode.AUTO)
    body, _, _ = encoded(asked(tool_choice=auto, parallel_tools=False))
    assert "tool_choice" not in body
    assert "parallel_tool_calls" not in body
    with pytest.raises(Unsupported):
        encoded(asked(tool_choice=ToolChoice(ChoiceMode.NAMED, ("f",))))
    assert encoded(asked(tools=(F,), parallel_tools=False))[0]["parallel_tool_calls"] is False


def test_F25_web_search_is_native_and_other_server_tools_are_not():
    search = ServerTool(
        "web_search",
        "anthropic",
        {"type": "web_search_20250305"},
        allowed_domains=("a.com",),
        blocked_domains=("b.com",),
        max_uses=3,
        user_location={"type": "approximate", "city": "Bonn"},
    )
    fetch = ServerTool("web_fetch", "anthropic", {"type": "web_fetch_20250910"})
    code = ServerTool("code_execution", "anthropic", {"type": "code_execution_20250825"})
    search_tools = ServerTool("tool_search", "anthropic", {"type": "tool_search_tool_x"})
    body, losses, _ = encoded(asked(tools=(search, fetch, code, search_tools, F)))
    assert body["tools"][1:] == [
        {
            "type": "web_search",
            "filters": {"allowed_domains": ["a.com"]},
            "user_location": {"type": "approximate", "city": "Bonn"},
        },
        {"type": "code_interpreter", "container": {"type": "auto"}},
    ]
    assert losses == ["drop:tool.tool_search", "drop:blocked_domains", "drop:max_uses"]
    with pytest.raises(Unsupported, match="tool_search"):
        encoded(asked(tools=(search_tools,)))


def test_what_responses_has_no_parameter_for_is_a_loss():
    sampling = Sampling(0.5, 0.9, 40, 0.1, 1, 0.1, 0.1, 1.1, {"1": 1})
    body, losses, _ = encoded(asked(sampling=sampling, stop=("x",)))
    assert body["temperature"] == 0.5
    assert body["top_p"] == 0.9
    assert losses == [
        "degrade:stop",
        "drop:top_k",
        "drop:min_p",
        "drop:seed",
        "drop:presence_penalty",
        "drop:frequency_penalty",
        "drop:repeat_penalty",
        "drop:logit_bias",
    ]


@pytest.mark.parametrize(
    ("rule", "state", "kept"),
    [
        (SamplingRule.NO, ReasoningState.OFF, False),
        (SamplingRule.WHEN_REASONING_OFF, ReasoningState.OFF, True),
        (SamplingRule.WHEN_REASONING_OFF, ReasoningState.UNSET, False),
    ],
)
def test_sampling_goes_where_the_model_takes_it(rule, state, kept):
    request = asked(sampling=Sampling(temperature=0.2), reasoning=Reasoning(state))
    body, losses, _ = encoded(request, Abilities(sampling=rule))
    assert ("temperature" in body) is kept
    assert losses == ([] if kept else ["drop:temperature"])


@pytest.mark.parametrize(
    ("wanted", "abilities", "sent_out"),
    [
        (1, Abilities(), 16),
        (1, Abilities(min_output=1), 1),
        (100, Abilities(), 100),
        (900, Abilities(max_output=500), 500),
        (None, Abilities(max_output=500), None),
    ],
)
def test_P77_output_limits_are_within_bounds(wanted, abilities, sent_out):
    assert encoded(asked(max_output=wanted), abilities)[0].get("max_output_tokens") == sent_out


REASONS = Abilities(reasoning=ReasoningMode.DEFAULT, efforts=(Effort.LOW, Effort.HIGH))


@pytest.mark.parametrize(
    ("reasoning", "abilities", "wanted"),
    [
        (Reasoning(), REASONS, None),
        (Reasoning(ReasoningState.OFF), REASONS, {"effort": "low"}),
        (Reasoning(ReasoningState.OFF), Abilities(effort_off=True), {"effort": "none"}),
        (Reasoning(ReasoningState.ON), REASONS, {"summary": "auto"}),
        (
            Reasoning(ReasoningState.ON),
            Abilities(reasoning=ReasoningMode.OPT_IN),
            {"effort": "medium", "summary": "auto"},
        ),
        (
            Reasoning(ReasoningState.ON, Effort.MEDIUM, visible=Visibility.HIDDEN),
            REASONS,
            {"effort": "high"},
        ),
        (
            Reasoning(ReasoningState.ON, Effort.MAX, visible=Visibility.SUMMARY),
            REASONS,
            {"effort": "high", "summary": "auto"},
        ),
        (Reasoning(ReasoningState.ON, budget=2000), REASONS, {"effort": "low", "summary": "auto"}),
        (Reasoning(effort=Effort.LOW), REASONS, {"effort": "low"}),
    ],
)
def test_reasoning_by_the_table_of_section_9(reasoning, abilities, wanted):
    assert encoded(asked(reasoning=reasoning), abilities)[0].get("reasoning") == wanted


def test_a_foreign_schema_is_strict_only_if_it_can_be():
    closed = {
        "type": "object",
        "properties": {"a": {"type": "string"}},
        "required": ["a"],
        "additionalProperties": False,
    }
    form = ResponseFormat(FormatKind.JSON_SCHEMA, schema=closed)
    body, losses, _ = encoded(asked(response_format=form))
    assert body["text"]["format"] == {
        "type": "json_schema",
        "name": "response",
        "schema": closed,
        "strict": True,
    }
    assert losses == []
    form = ResponseFormat(FormatKind.JSON_SCHEMA, schema={"type": "object"})
    body, losses, _ = encoded(asked(response_format=form))
    assert body["text"]["format"]["strict"] is False
    assert losses == ["degrade:response_format"]


def test_json_is_asked_for_in_words_too():
    form = ResponseFormat(FormatKind.JSON_OBJECT)
    assert encoded(asked(response_format=form))[0]["instructions"] == "Respond in JSON."
    named = said(Role.USER, Text("as JSON please"))
    assert "instructions" not in encoded(asked(named, response_format=form))[0]


def test_a_model_without_structured_output_is_asked_in_words():
    form = ResponseFormat(FormatKind.JSON_SCHEMA, schema={"type": "object"})
    body, losses, _ = encoded(asked(response_format=form), Abilities(structured=False))
    assert "text" not in body
    assert "JSON Schema" in body["instructions"]
    assert losses == ["degrade:response_format"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"n": 2}, "n"),
        ({"suffix": "x"}, "suffix"),
        ({"modalities": ("text", "audio")}, "modalities"),
        ({"modalities": ("IMAGE",)}, "modalities"),
    ],
)
def test_what_would_change_the_answer_is_refused(fields, param):
    with pytest.raises(Unsupported) as caught:
        encoded(asked(**fields))
    assert caught.value.param == param


def test_long_user_ids_are_hashed_and_tiers_are_translated():
    body, losses, _ = encoded(asked(user_id="u" * 80, safety_id="s", service_tier="standard_only"))
    assert len(body["user"]) == 32
    assert body["safety_identifier"] == "s"
    assert body["service_tier"] == "default"
    body, losses, _ = encoded(asked(service_tier="turbo"))
    assert "service_tier" not in body
    assert losses == ["drop:service_tier"]


def test_cache_hints_go_where_the_model_takes_breakpoints():
    message = said(Role.USER, Text("long", cache=CacheHint("1h")), Text("x", cache=CacheHint("5m")))
    [item] = sent(message, abilities=Abilities(cache_breakpoints=True))
    assert [part["prompt_cache_breakpoint"] for part in item["content"]] == [
        {"mode": "explicit", "ttl": "12h"},
        {"mode": "explicit"},
    ]
    [item] = sent(message)
    assert "prompt_cache_breakpoint" not in item["content"][0]


# -- reasoning in histories -----------------------------------------------------------------------

OWN = Signature(DIALECT, "gAAAA", "enc", id="rs_1")
FOREIGN = Signature("gemini", "Uw==")


def test_F29_reasoning_returns_only_to_where_it_came_from():
    history = (
        said(Role.USER, Text("hi")),
        said(Role.ASSISTANT, Thinking(("why",), signature=OWN), ToolCall("c", "f", "{}")),
        said(Role.TOOL, ToolResult("c", (Text("1"),))),
        said(Role.ASSISTANT, Thinking(("why",), signature=FOREIGN), ToolCall("d", "f", "{}")),
        said(Role.TOOL, ToolResult("d", (Text("2"),))),
        said(Role.ASSISTANT, Thinking(("why",)), Text("done")),
        said(Role.USER, Text("thanks")),
    )
    body, losses, _ = encoded(asked(*history))
    kinds = [item["type"] for item in body["input"]]
    assert kinds == [
        "message",
        "reasoning",
        "function_call",
        "function_call_output",
        "function_call",
        "function_call_output",
        "message",
        "message",
    ]
    assert body["input"][1] == {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [],
        "encrypted_content": "gAAAA",
    }
    assert set(losses) == {"drop:reasoning"}


def test_P64_reasoning_that_nothing_follows_is_left_out():
    history = (
        said(Role.USER, Text("hi")),
        said(Role.ASSISTANT, Thinking(("why",), signature=OWN)),
        said(Role.USER, Text("go on")),
    )
    assert [item["type"] for item in sent(*history)] == ["message", "message"]


def test_items_of_other_providers_are_left_out_with_a_loss():
    call = ServerCall("web_search", "srvtoolu_1", dialect="anthropic", raw={"type": "x"})
    history = (
        said(Role.USER, Text("hi")),
        said(Role.ASSISTANT, call, Text("found")),
        said(Role.USER, Text("thanks")),
    )
    body, losses, _ = encoded(asked(*history))
    assert [item["type"] for item in body["input"]] == ["message"] * 3
    assert losses == ["drop:server_tool_history"]


def test_P65_own_reasoning_without_its_ciphertext_is_left_out_where_nothing_is_stored():
    items = [
        {"role": "user", "content": "hi"},
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "id": "fco_1", "call_id": "c", "output": "1"},
        {"type": "function_call", "id": "fc_2", "call_id": "d", "name": "f", "arguments": "{}"},
    ]
    kept = encoded(decoded(input=items))[0]["input"]
    assert [item.get("id") for item in kept] == [None, "rs_1", "fc_1", "fco_1", "fc_2"]
    kept = encoded(decoded(input=items, store=False))[0]["input"]
    assert [item.get("id") for item in kept] == [None, None, "fco_1", "fc_2"]


def test_P206_an_envelope_never_reaches_an_upstream():
    items = [
        {
            "type": "reasoning",
            "id": "rs_x",
            "summary": [],
            "encrypted_content": _envelope.seal(FOREIGN, DIALECT),
        },
        {"type": "function_call", "id": "fc_x", "call_id": "c", "name": "f", "arguments": "{}"},
    ]
    body, _, _ = encoded(decoded(input=items, store=False))
    assert body["input"] == [
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    ]


# -- clients of this dialect ----------------------------------------------------------------------


def test_own_requests_keep_state_that_others_cannot_have():
    body, losses, _ = encoded(
        decoded(
            previous_response_id="resp_1",
            input=[{"type": "function_call_output", "call_id": "c", "output": "1"}],
            background=True,
            truncation="auto",
            include=["reasoning.encrypted_content"],
            client_metadata={"a": "b"},
        )
    )
    assert body == {
        "model": "m",
        "input": [{"type": "function_call_output", "call_id": "c", "output": "1"}],
        "previous_response_id": "resp_1",
        "background": True,
        "truncation": "auto",
        "include": ["reasoning.encrypted_content"],
        "client_metadata": {"a": "b"},
    }
    assert losses == []


def test_own_items_that_declare_tools_return_to_their_places():
    items = [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]},
        {
            "type": "additional_tools",
            "role": "developer",
            "tools": [{"type": "function", "name": "late"}, {"type": "web_search"}],
        },
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "go"}]},
    ]
    body, _, _ = encoded(decoded(input=items))
    assert body["input"] == items
    assert "tools" not in body


def test_P238_stream_options_go_only_with_a_stream():
    fields = {"input": "x", "stream_options": {"include_obfuscation": False}}
    assert "stream_options" not in encoded(decoded(**fields))[0]
    assert "stream_options" in encoded(decoded(**fields, stream=True))[0]


def test_own_requests_are_repaired_where_the_model_would_refuse_them():
    request = decoded(input="x", temperature=1, reasoning={"effort": "max", "context": "auto"})
    abilities = Abilities(
        reasoning=ReasoningMode.ALWAYS, sampling=SamplingRule.NO, efforts=(Effort.HIGH,)
    )
    body, losses, _ = encoded(request, abilities)
    assert "temperature" not in body
    assert body["reasoning"] == {"effort": "high", "context": "auto"}
    assert losses == ["drop:temperature", "degrade:reasoning_effort"]


def test_own_pieces_of_unknown_types_return_to_their_places():
    items = [
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_smell", "scent": "rose"},
                {"type": "input_text", "text": "?"},
            ],
        },
        {
            "type": "message",
            "role": "assistant",
            "id": "msg_1",
            "content": [
                {"type": "refusal", "refusal": "no"},
                {"type": "output_hum", "note": "a"},
                {
                    "type": "output_text",
                    "text": "x",
                    "annotations": [],
                    "logprobs": [
                        {"token": "x", "logprob": -1.0, "bytes": [120], "top_logprobs": []}
                    ],
                },
            ],
        },
        {"type": "computer_call", "id": "cu_1", "call_id": "c", "action": {"type": "click"}},
        {"type": "mcp_approval_request", "id": "mcpr_1", "name": "x", "arguments": "{}"},
    ]
    body, losses, _ = encoded(decoded(input=items))
    assert body["input"] == items
    assert losses == []


def test_an_own_image_of_the_assistant_returns_and_a_foreign_one_does_not():
    item = {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": "AAAA"}
    assert encoded(decoded(input=[item]))[0]["input"] == [item]
    history = (said(Role.USER, Text("x")), said(Role.ASSISTANT, PNG), said(Role.USER, Text("y")))
    body, losses, _ = encoded(asked(*history))
    assert [item["role"] for item in body["input"]] == ["user", "user"]
    assert losses == ["drop:assistant_image"]


def test_own_tools_return_as_they_were_declared():
    tools = [
        {
            "type": "function",
            "name": "f",
            "description": "d",
            "parameters": {"type": "object"},
            "strict": True,
            "defer_loading": True,
            "output_schema": {"type": "object"},
        },
        {"type": "custom", "name": "c", "format": {"type": "text"}, "defer_loading": True},
        {
            "type": "tool_search",
            "execution": "client",
            "description": "find",
            "parameters": {"type": "object"},
        },
        {"type": "tool_search"},
        {"type": "mcp", "server_label": "wiki", "server_url": "https://x"},
    ]
    choice = {"type": "mcp", "server_label": "wiki", "name": "ask"}
    body, _, _ = encoded(decoded(input="x", tools=tools, tool_choice=choice))
    assert body["tools"] == tools
    assert body["tool_choice"] == choice
    named = {"type": "function", "name": "f"}
    assert encoded(decoded(input="x", tools=tools, tool_choice=named))[0]["tool_choice"] == named


def test_a_forced_choice_the_model_refuses_becomes_words():
    choice = ToolChoice(ChoiceMode.NAMED, ("f",))
    request = asked(tools=(F, Tool("g")), tool_choice=choice)
    body, losses, _ = encoded(request, Abilities(forced_tool_choice=False))
    assert [tool["name"] for tool in body["tools"]] == ["f"]
    assert body["tool_choice"] == "auto"
    assert body["input"][-1]["role"] == "developer"
    assert losses == ["degrade:tool_choice"]


def test_hosted_tools_of_others_can_be_chosen():
    search = ServerTool("web_search", "anthropic", {}, name="web_search")
    choice = ToolChoice(ChoiceMode.NAMED, ("web_search",))
    body, _, _ = encoded(asked(tools=(search, F), tool_choice=choice))
    assert body["tool_choice"] == {"type": "web_search"}


def test_there_is_a_most_of_tools_and_models_without():
    tools = tuple(Tool(f"t{number}") for number in range(129))
    with pytest.raises(Unsupported, match="128"):
        encoded(asked(tools=tools))
    with pytest.raises(Unsupported, match="cannot call tools"):
        encoded(asked(tools=tools[:1]), Abilities(tools=False))


def test_logprobs_are_asked_for_twice():
    body, _, _ = encoded(asked(logprobs=2))
    assert body["top_logprobs"] == 2
    assert "message.output_text.logprobs" in body["include"]
    body, losses, _ = encoded(asked(logprobs=2), Abilities(logprobs=False))
    assert "top_logprobs" not in body
    assert losses == ["drop:logprobs"]


def test_one_of_two_where_the_model_takes_one():
    request = asked(sampling=Sampling(temperature=0.1, top_p=0.2))
    body, losses, _ = encoded(request, Abilities(temperature_xor_top_p=True))
    assert "top_p" not in body
    assert losses == ["drop:top_p"]


def test_schemas_that_had_to_change_are_reported():
    branches = [
        {"type": "object", "properties": {name: {"type": "string"}}, "required": [name]}
        for name in "ab"
    ]
    union = {"anyOf": branches}
    body, losses, _ = encoded(asked(tools=(Tool("f", schema=union),)))
    assert body["tools"][0]["parameters"]["type"] == "object"
    assert losses == ["degrade:tool_schema"]


def test_names_of_speakers_have_no_place():
    body, losses, _ = encoded(asked(Message(Role.USER, (Text("hi"),), name="bob")))
    assert "name" not in body["input"][0]
    assert losses == ["drop:name"]

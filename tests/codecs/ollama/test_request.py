"""Requests to both endpoints, in from clients and out to upstreams."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mux.codecs import CODECS
from mux.codecs._messages import settle
from mux.codecs.ollama import CODEC, encode_load, is_load
from mux.errors import InvalidRequest, Unsupported
from mux.ir import (
    Abilities,
    ChoiceMode,
    Effort,
    FormatKind,
    Media,
    MediaKind,
    Message,
    Opaque,
    Reasoning,
    ReasoningForm,
    ReasoningMode,
    ReasoningState,
    Refusal,
    Request,
    ResponseFormat,
    Role,
    Sampling,
    Signature,
    SourceKind,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolKind,
    ToolResult,
)
from tests import recordings
from tests.laws.strategies import PNG

PLAIN = Abilities()
USER = Message(Role.USER, (Text("hi"),))
WEATHER: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "where"}},
    "required": ["city"],
}


def decode(variant: str = "chat", **body: Any) -> Request:
    return CODEC.server.decode_request(json.dumps({"model": "m", **body}).encode(), variant=variant)


def sent(request: Request, abilities: Abilities = PLAIN) -> dict[str, Any]:
    return json.loads(CODEC.client.encode_request(request, abilities).body)


def losses(request: Request, abilities: Abilities = PLAIN) -> list[str]:
    return [loss.code for loss in CODEC.client.encode_request(request, abilities).losses]


def foreign(*messages: Message, **fields: Any) -> Request:
    return Request("m", messages=messages or (USER,), origin="openai_chat", **fields)


# -- in -------------------------------------------------------------------------------------------


def test_P153_stream_is_the_default():
    assert decode(messages=[]).stream is True
    assert decode(messages=[], stream=None).stream is True
    assert decode(messages=[], stream=False).stream is False
    assert CODEC.server.decode_request(b'{"model":"m"}', stream=False).stream is False


def test_messages_of_every_role():
    request = decode(
        messages=[
            {"role": "System", "content": "be kind"},
            {"role": "system", "content": ""},
            {"role": "user", "content": "look", "images": [PNG]},
            {
                "role": "assistant",
                "content": "",
                "thinking": "hm",
                "tool_calls": [
                    {"id": "call_1", "function": {"index": 0, "name": "f", "arguments": {"a": 1}}}
                ],
            },
            {"role": "tool", "content": "42", "tool_name": "f", "tool_call_id": "call_1"},
            {"role": "system", "content": "be brief"},
        ]
    )
    assert request.system == (Text("be kind"),)
    assert [message.role for message in request.messages] == [
        Role.USER,
        Role.ASSISTANT,
        Role.TOOL,
        Role.SYSTEM,
    ]
    user, assistant, tool, system = request.messages
    image = Media(MediaKind.IMAGE, SourceKind.BASE64, PNG, "image/png")
    assert user.parts == (Text("look"), image)
    thinking, call = assistant.parts
    assert thinking == Thinking(("hm",))
    assert isinstance(call, ToolCall)
    assert (call.id, call.name, call.arguments) == ("call_1", "f", '{"a":1}')
    assert tool.parts == (ToolResult("call_1", (Text("42"),), name="f"),)
    assert system.parts == (Text("be brief"),)


def test_options_are_sampling_limit_and_stop():
    request = decode(
        messages=[{"role": "user", "content": "x"}],
        options={
            "temperature": 0,
            "top_p": 0.9,
            "top_k": 20.0,
            "min_p": 0.1,
            "seed": 7,
            "presence_penalty": 1.5,
            "frequency_penalty": 1,
            "repeat_penalty": 1.2,
            "num_predict": 100,
            "stop": ["\n", "user:"],
            "num_ctx": 1024,
            "typical_p": 0.7,
        },
    )
    assert request.sampling == Sampling(
        temperature=0.0,
        top_p=0.9,
        top_k=20,
        min_p=0.1,
        seed=7,
        presence_penalty=1.5,
        frequency_penalty=1.0,
        repeat_penalty=1.2,
    )
    assert request.max_output == 100
    assert request.stop == ("\n", "user:")
    assert request.own("ollama") == {"options": {"num_ctx": 1024, "typical_p": 0.7}}


@pytest.mark.parametrize("limit", [-1, -2, 0])
def test_an_unlimited_answer_has_no_limit_for_others(limit: int):
    request = decode(
        messages=[{"role": "user", "content": "x"}], options={"num_predict": limit, "seed": -1}
    )
    assert request.max_output is None
    assert request.sampling.seed is None
    assert sent(request)["options"] == {"num_predict": limit, "seed": -1}


@pytest.mark.parametrize(
    ("think", "state", "effort"),
    [
        (None, ReasoningState.UNSET, None),
        (False, ReasoningState.OFF, None),
        (True, ReasoningState.ON, None),
        ("low", ReasoningState.ON, Effort.LOW),
        ("medium", ReasoningState.ON, Effort.MEDIUM),
        ("high", ReasoningState.ON, Effort.HIGH),
        ("max", ReasoningState.ON, Effort.MAX),
    ],
)
def test_think_both_ways(think: Any, state: ReasoningState, effort: Effort | None):
    request = decode(messages=[{"role": "user", "content": "x"}], think=think)
    assert (request.reasoning.state, request.reasoning.effort) == (state, effort)
    assert sent(request).get("think") == think


def test_P167_an_empty_format_asks_for_nothing():
    assert decode(messages=[], format="").response_format == ResponseFormat()
    assert decode(messages=[], format=None).response_format == ResponseFormat()
    assert decode(messages=[], format="json").response_format.kind is FormatKind.JSON_OBJECT
    schema = decode(messages=[], format=WEATHER).response_format
    assert (schema.kind, schema.schema) == (FormatKind.JSON_SCHEMA, WEATHER)


def test_P161_a_data_prefix_is_taken_off_images():
    [message] = decode(
        messages=[{"role": "user", "content": "", "images": [f"data:image/png;base64,{PNG}"]}]
    ).messages
    assert message.parts == (Media(MediaKind.IMAGE, SourceKind.BASE64, PNG, "image/png"),)


def test_logprobs():
    assert decode(messages=[], logprobs=True).logprobs == 0
    assert decode(messages=[], logprobs=True, top_logprobs=3).logprobs == 3
    assert decode(messages=[], logprobs=False, top_logprobs=3).logprobs is None


def test_P239_null_means_absent():
    request = decode(messages=None, tools=None, options=None, think=None, keep_alive=None)
    assert request == decode()


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "model"),
        ({"model": ""}, "model"),
        ({"model": 3}, "model"),
        ({"model": "m", "messages": "hi"}, "messages"),
        ({"model": "m", "messages": [{"content": "x"}]}, "messages[0].role"),
        ({"model": "m", "messages": [{"role": "robot"}]}, "messages[0].role"),
        ({"model": "m", "messages": [{"role": "user", "content": []}]}, "messages[0].content"),
        ({"model": "m", "messages": [{"role": "user", "images": [1]}]}, "messages[0].images[0]"),
        ({"model": "m", "options": {"temperature": "hot"}}, "options.temperature"),
        ({"model": "m", "options": {"num_predict": 1.5}}, "options.num_predict"),
        ({"model": "m", "options": {"stop": [1]}}, "options.stop[0]"),
        ({"model": "m", "think": "very"}, "think"),
        ({"model": "m", "think": 1}, "think"),
        ({"model": "m", "format": "yaml"}, "format"),
        ({"model": "m", "tools": [{"type": "function"}]}, "tools[0].function"),
        ({"model": "m", "tools": [{"function": {}}]}, "tools[0].function.name"),
        ({"model": "m", "stream": "yes"}, "stream"),
    ],
)
def test_a_bad_field_is_named(body: dict[str, Any], param: str):
    with pytest.raises(InvalidRequest) as caught:
        CODEC.server.decode_request(json.dumps(body).encode())
    assert caught.value.param == param


def test_generate_is_one_user_message():
    request = decode(
        "generate",
        prompt="draw",
        images=[PNG],
        system="be kind",
        suffix="end",
        template="{{ .Prompt }}",
        raw=True,
        context=[1, 2],
        keep_alive="5m",
    )
    assert request.variant == "generate"
    assert request.system == (Text("be kind"),)
    [message] = request.messages
    assert message.parts[0] == Text("draw")
    assert isinstance(message.parts[1], Media)
    assert request.suffix == "end"
    assert request.own("ollama") == {
        "template": "{{ .Prompt }}",
        "raw": True,
        "context": [1, 2],
        "keep_alive": "5m",
    }
    assert CODEC.client.path(request) == "/api/generate"
    assert sent(request) == {
        "model": "m",
        "prompt": "draw",
        "images": [PNG],
        "system": "be kind",
        "suffix": "end",
        "stream": True,
        "template": "{{ .Prompt }}",
        "raw": True,
        "context": [1, 2],
        "keep_alive": "5m",
    }


# -- load and unload ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variant", "body", "load"),
    [
        ("chat", {"messages": []}, True),
        ("chat", {}, True),
        ("chat", {"messages": [{"role": "system", "content": "s"}]}, False),
        ("chat", {"messages": [{"role": "user", "content": "x"}]}, False),
        ("generate", {}, True),
        ("generate", {"prompt": "", "system": "s"}, True),
        ("generate", {"prompt": "x"}, False),
    ],
)
def test_P160_loading_is_told_from_asking(variant: str, body: dict[str, Any], load: bool):
    assert is_load(decode(variant, **body)) is load


def test_a_request_of_another_dialect_is_never_a_load():
    assert not is_load(Request("m", origin="openai_chat"))


@pytest.mark.parametrize(
    ("keep_alive", "reason"),
    [
        (None, "load"),
        ("5m", "load"),
        (-1, "load"),
        (0, "unload"),
        (0.0, "unload"),
        ("0", "unload"),
        ("0s", "unload"),
        ("0h0m", "unload"),
    ],
)
def test_the_answer_to_a_load(keep_alive: Any, reason: str):
    chat = decode(messages=[], stream=False, keep_alive=keep_alive)
    assert json.loads(encode_load(chat, 1_726_176_449)) == {
        "model": "m",
        "created_at": "2024-09-12T21:27:29Z",
        "message": {"role": "assistant", "content": ""},
        "done": True,
        "done_reason": reason,
    }
    generate = json.loads(encode_load(decode("generate", keep_alive=keep_alive), 0))
    assert (generate["response"], generate["done_reason"]) == ("", reason)


def test_a_streamed_load_is_one_line():
    assert encode_load(decode(messages=[]), 0).endswith(b"}\n")
    assert encode_load(decode(messages=[]), 0).count(b"\n") == 1


# -- same dialect ---------------------------------------------------------------------------------


def filled(value: Any) -> Any:
    """`value` without what means the same as absent: null, and empty strings, lists, objects.

    A `content` that is empty stays, because it is required of a message.
    """
    if isinstance(value, list):
        return [filled(item) for item in value]
    if not isinstance(value, dict):
        return value
    out = {key: filled(item) for key, item in value.items()}
    return {key: item for key, item in out.items() if item not in (None, "", [], {})}


@recordings.needs_corpus
def test_recorded_requests_come_back_whole():
    """`stream` is written out where the client left it to its default."""
    count = 0
    for exchange in recordings.exchanges("ollama"):
        if exchange["request"] is None:
            continue
        variant = recordings.variant(exchange)
        body = json.dumps(exchange["request"]).encode()
        request = CODEC.server.decode_request(body, variant=variant)
        encoded = CODEC.client.encode_request(request, Abilities())
        assert encoded.losses == ()
        assert CODEC.client.path(request) == exchange["path"]
        wanted = {"stream": True, **filled(exchange["request"])}
        assert filled(json.loads(encoded.body)) == wanted, exchange["id"]
        count += 1
    assert count > 40


def test_fields_of_this_dialect_alone_come_back():
    body: dict[str, Any] = {
        "model": "m",
        "messages": [
            {"role": "user", "content": "a", "mood": "good"},
            {"role": "assistant", "content": "b", "thinking": "t", "images": [PNG]},
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [{"function": {"name": "f", "arguments": {}}}],
            },
            {"role": "tool", "content": "", "tool_name": "f", "images": [PNG]},
            {"role": "tool", "content": "an orphan"},
        ],
        "stream": False,
        "format": {"type": "object"},
        "options": {"temperature": 1.0, "num_ctx": 4096, "future": True},
        "tools": [
            {
                "type": "function",
                "function": {"name": "a.b", "parameters": {"$ref": "#/x"}, "extra": 1},
            }
        ],
        "think": True,
        "logprobs": True,
        "top_logprobs": 2,
        "keep_alive": 300,
        "truncate": True,
        "future": [1],
    }
    assert sent(decode(**body)) == body


# -- out, from other dialects ---------------------------------------------------------------------


def test_P165_an_overflow_is_an_error_for_foreign_clients():
    body = sent(foreign())
    assert body["truncate"] is False
    assert body["shift"] is False
    assert "truncate" not in sent(decode(messages=[{"role": "user", "content": "x"}]))


def test_a_conversation_with_tools():
    request = foreign(
        Message(Role.USER, (Text("one"), Text("two"))),
        Message(
            Role.ASSISTANT,
            (
                Thinking(("hm",), signature=Signature("anthropic", "s")),
                Text("I look."),
                ToolCall("toolu_1", "weather", '{"city": "Rome"}'),
                ToolCall("toolu_2", "weather", ""),
            ),
        ),
        Message(
            Role.TOOL,
            (
                ToolResult("toolu_2", (Text("no city"),), is_error=True),
                ToolResult("toolu_1", (Text("rain"), Text("and wind"))),
            ),
        ),
        Message(Role.SYSTEM, (Text("hurry"),)),
        Message(Role.USER, (Text("so?"),)),
        system=(Text("s1"), Text("s2")),
        tools=(Tool("weather", description="d", schema=WEATHER),),
        max_output=99,
        stop=("END",),
    )
    body = sent(request)
    assert list(body) == [
        "model",
        "messages",
        "stream",
        "options",
        "tools",
        "truncate",
        "shift",
    ]
    assert body["messages"] == [
        {"role": "system", "content": "s1"},
        {"role": "system", "content": "s2"},
        {"role": "user", "content": "one\ntwo"},
        {
            "role": "assistant",
            "content": "I look.",
            "tool_calls": [
                {
                    "id": "toolu_1",
                    "function": {"name": "weather", "arguments": {"city": "Rome"}},
                },
                {"id": "toolu_2", "function": {"name": "weather", "arguments": {}}},
            ],
        },
        {
            "role": "tool",
            "content": "rain\nand wind",
            "tool_name": "weather",
            "tool_call_id": "toolu_1",
        },
        {
            "role": "tool",
            "content": "Error: no city",
            "tool_name": "weather",
            "tool_call_id": "toolu_2",
        },
        {"role": "system", "content": "hurry"},
        {"role": "user", "content": "so?"},
    ]
    assert body["options"] == {"num_predict": 99, "stop": ["END"]}
    assert body["tools"] == [
        {
            "type": "function",
            "function": {"name": "weather", "description": "d", "parameters": WEATHER},
        }
    ]
    assert losses(request) == []


def test_F33_system_messages_stay_in_their_place():
    request = foreign(USER, Message(Role.SYSTEM, (Text("now"),)), USER)
    assert [message["role"] for message in sent(request)["messages"]] == ["user", "system", "user"]


def test_thinking_goes_back_only_where_the_model_wants_it():
    request = foreign(USER, Message(Role.ASSISTANT, (Thinking(("hm",)), Text("a"))), USER)
    assert "thinking" not in sent(request)["messages"][1]
    echo = sent(request, Abilities(echo_reasoning="thinking"))["messages"][1]
    assert echo == {"role": "assistant", "content": "a", "thinking": "hm"}


def test_a_message_of_nothing_but_dropped_thinking_is_left_out():
    request = foreign(USER, Message(Role.ASSISTANT, (Thinking(("hm",)),)), USER)
    assert [message["role"] for message in sent(request)["messages"]] == ["user", "user"]


def test_F16_arguments_that_are_no_object():
    def arguments(text: str) -> Any:
        call = Message(Role.ASSISTANT, (ToolCall("c", "f", text),))
        return sent(foreign(USER, call))["messages"][1]["tool_calls"][0]["function"]["arguments"]

    assert arguments("") == {}
    assert arguments("[1]") == {"value": [1]}
    assert arguments('{"a":{"b":1') == {"a": {"b": 1}}
    assert arguments('{"big":123456789012345678901234567890}') == {
        "big": 123456789012345678901234567890
    }


def test_F19_results_without_ids_find_their_calls_in_order():
    request = decode(
        messages=[
            {"role": "user", "content": "x"},
            {
                "role": "assistant",
                "tool_calls": [
                    {"function": {"name": "f", "arguments": {"n": 1}}},
                    {"function": {"name": "f", "arguments": {"n": 2}}},
                    {"function": {"name": "g", "arguments": {}}},
                ],
            },
            {"role": "tool", "tool_name": "g", "content": "G"},
            {"role": "tool", "tool_name": "f", "content": "F1"},
            {"role": "tool", "content": "F2"},
        ]
    )
    *_, calls, results = settle(request, []).messages
    ids = [part.id for part in calls.parts if isinstance(part, ToolCall)]
    assert len(set(ids)) == 3
    assert all(ids)
    answered = [part for part in results.parts if isinstance(part, ToolResult)]
    assert [(part.call_id, part.text) for part in answered] == list(
        zip(ids, ["F1", "F2", "G"], strict=True)
    )


def test_an_empty_result_says_so():
    request = foreign(
        USER,
        Message(Role.ASSISTANT, (ToolCall("c", "f", "{}"),)),
        Message(Role.TOOL, (ToolResult("c"),)),
    )
    assert sent(request)["messages"][-1]["content"] == "(no output)"


IMAGE = Media(MediaKind.IMAGE, SourceKind.BASE64, PNG, "image/png")


def shot() -> Request:
    return foreign(
        USER,
        Message(Role.ASSISTANT, (ToolCall("c", "screenshot", "{}"), ToolCall("d", "f", "{}"))),
        Message(
            Role.TOOL,
            (ToolResult("c", (Text("here"), IMAGE)), ToolResult("d", (Text("done"),))),
        ),
    )


def test_F26_an_image_in_a_result():
    native = sent(shot())["messages"]
    assert native[2]["images"] == [PNG]
    assert native[2]["content"] == "here"
    below = sent(shot(), Abilities(tool_media=False))["messages"]
    assert below[2]["content"] == "here\n[image attached below]"
    assert "images" not in below[2]
    assert [message["role"] for message in below[2:]] == ["tool", "tool", "user"]
    assert below[4] == {"role": "user", "content": "", "images": [PNG]}
    blind = sent(shot(), Abilities(vision=False))["messages"]
    assert "image left out" in blind[2]["content"]
    assert losses(shot(), Abilities(vision=False)) == ["drop:image"]


def test_media_a_model_cannot_read_are_refused():
    def refused(part: Media, abilities: Abilities = PLAIN) -> Unsupported:
        with pytest.raises(Unsupported) as caught:
            sent(foreign(Message(Role.USER, (Text("x"), part))), abilities)
        return caught.value

    assert refused(IMAGE, Abilities(vision=False)).param == "messages"
    url = Media(MediaKind.IMAGE, SourceKind.URL, "https://example.com/a.png")
    assert refused(url).code == "image_url_unsupported"
    assert (
        "application/pdf"
        in refused(
            Media(MediaKind.DOCUMENT, SourceKind.BASE64, "JVBERi0=", "application/pdf")
        ).message
    )
    refused(Media(MediaKind.AUDIO, SourceKind.BASE64, "UklGRg==", "audio/wav"))


def test_text_documents_become_text():
    part = Media(MediaKind.DOCUMENT, SourceKind.TEXT, "body", "text/plain", filename="a.txt")
    body = sent(foreign(Message(Role.USER, (Text("read"), part))))
    assert body["messages"] == [{"role": "user", "content": "read\n[file: a.txt]\nbody"}]


def test_parts_of_other_providers_are_reported():
    opaque = Message(Role.ASSISTANT, (Refusal("no"), Opaque("anthropic", {"type": "x"})))
    request = foreign(USER, opaque, USER)
    assert sent(request)["messages"][1] == {"role": "assistant", "content": "no"}
    assert losses(request) == ["drop:server_tool_history"]


# -- tools ----------------------------------------------------------------------------------------

TWO = (Tool("a", schema=WEATHER), Tool("b", description="B"))


def test_a_tool_without_arguments_takes_an_empty_object():
    [_, tool] = sent(foreign(tools=TWO))["tools"]
    assert tool["function"]["parameters"] == {"type": "object", "properties": {}}


@pytest.mark.parametrize(
    ("choice", "names", "words", "codes"),
    [
        (ToolChoice(ChoiceMode.AUTO), ["a", "b"], None, []),
        (ToolChoice(ChoiceMode.NONE), [], None, []),
        (
            ToolChoice(ChoiceMode.REQUIRED),
            ["a", "b"],
            "You must call a tool now.",
            ["degrade:tool_choice"],
        ),
        (
            ToolChoice(ChoiceMode.NAMED, ("b",)),
            ["b"],
            "You must call the tool b now.",
            ["degrade:tool_choice"],
        ),
        (ToolChoice(ChoiceMode.ALLOWED_AUTO, ("a",)), ["a"], None, []),
        (
            ToolChoice(ChoiceMode.ALLOWED_REQUIRED, ("a", "b")),
            ["a", "b"],
            "You must call a tool now.",
            ["degrade:tool_choice"],
        ),
    ],
)
def test_tool_choice(choice: ToolChoice, names: list[str], words: str | None, codes: list[str]):
    request = foreign(tools=TWO, tool_choice=choice)
    body = sent(request)
    assert [tool["function"]["name"] for tool in body.get("tools", [])] == names
    last = body["messages"][-1]
    assert last == (
        {"role": "system", "content": words} if words else dict(role="user", content="hi")
    )
    assert losses(request) == codes
    assert "tool_choice" not in body


def test_one_call_at_a_time_cannot_be_asked_for():
    assert losses(foreign(tools=TWO, parallel_tools=False)) == ["drop:parallel_tool_calls"]
    assert losses(foreign(parallel_tools=False)) == []


def test_a_model_without_tools_refuses_them():
    with pytest.raises(Unsupported) as caught:
        sent(foreign(tools=TWO), Abilities(tools=False))
    assert caught.value.param == "tools"
    none = foreign(tools=TWO, tool_choice=ToolChoice(ChoiceMode.NONE))
    assert "tools" not in sent(none, Abilities(tools=False))


def test_free_text_tools_are_wrapped_and_names_restored():
    tool = Tool("patch", kind=ToolKind.CUSTOM, namespace="fs")
    encoded = CODEC.client.encode_request(foreign(tools=(tool,)), Abilities())
    [declared] = json.loads(encoded.body)["tools"]
    assert declared["function"]["name"] == "fs__patch"
    assert declared["function"]["parameters"]["properties"]["input"]["type"] == "string"
    assert encoded.tools.originals["fs__patch"].kind is ToolKind.CUSTOM


def test_schemas_are_reduced_to_what_the_server_reads():
    schema = {
        "type": "object",
        "$defs": {"P": {"type": "string", "enum": ["x"]}},
        "properties": {"p": {"$ref": "#/$defs/P"}, "n": {"type": "integer", "minimum": 3}},
    }
    request = foreign(tools=(Tool("f", schema=schema, strict=True),))
    [tool] = sent(request)["tools"]
    properties = tool["function"]["parameters"]["properties"]
    assert properties["p"]["enum"] == ["x"]
    assert "minimum" not in properties["n"]
    assert losses(request) == ["drop:strict", "degrade:tool_schema"]


# -- the rest -------------------------------------------------------------------------------------


def think(reasoning: Reasoning, /, **abilities: Any) -> Any:
    return sent(foreign(reasoning=reasoning), Abilities(**abilities)).get("think")


@pytest.mark.parametrize(
    ("effort", "level"),
    [
        (Effort.MINIMAL, "low"),
        (Effort.LOW, "low"),
        (Effort.MEDIUM, "medium"),
        (Effort.HIGH, "high"),
        (Effort.XHIGH, "max"),
        (Effort.MAX, "max"),
    ],
)
def test_efforts_are_levels(effort: Effort, level: str):
    on = Reasoning(ReasoningState.ON, effort)
    assert think(on) == level
    assert think(on, form=ReasoningForm.SWITCH) is True


def test_reasoning_by_what_the_model_can_do():
    on, off = Reasoning(ReasoningState.ON), Reasoning(ReasoningState.OFF)
    assert think(Reasoning()) is None
    assert think(Reasoning(effort=Effort.HIGH)) is None
    assert think(on) is True
    assert think(Reasoning(ReasoningState.ON, budget=2000)) == "low"
    assert think(Reasoning(ReasoningState.ON, budget=-1)) is True
    assert think(off) is False
    levels = (Effort.LOW, Effort.MEDIUM, Effort.HIGH)
    assert think(off, reasoning=ReasoningMode.ALWAYS, efforts=levels) == "low"
    assert think(Reasoning(ReasoningState.ON, Effort.MAX), efforts=levels) == "high"


@pytest.mark.parametrize(
    "mode", [ReasoningMode.DEFAULT, ReasoningMode.OPT_IN, ReasoningMode.UNKNOWN]
)
@pytest.mark.parametrize(
    ("dialect", "wish"),
    [
        ("openai_chat", {"reasoning_effort": "none"}),
        ("openai_responses", {"reasoning": {"effort": "none"}}),
        ("anthropic", {"thinking": {"type": "disabled"}, "max_tokens": 9}),
        ("gemini", {"generationConfig": {"thinkingConfig": {"thinkingBudget": 0}}}),
    ],
)
def test_P164_whoever_wants_no_thinking_gets_none(dialect: str, wish: Any, mode: ReasoningMode):
    said: Any = {"messages": [{"role": "user", "content": "x"}], "input": "x"}
    said["contents"] = [{"role": "user", "parts": [{"text": "x"}]}]
    body = json.dumps({"model": "m", **said, **wish}).encode()
    request = CODECS[dialect].server.decode_request(body, model="m", stream=False)
    assert sent(request, Abilities(reasoning=mode))["think"] is False


def test_P163_a_model_that_cannot_think_is_not_asked_to():
    incapable = Abilities(reasoning=ReasoningMode.NONE)
    request = foreign(reasoning=Reasoning(ReasoningState.ON))
    assert "think" not in sent(request, incapable)
    assert losses(request, incapable) == ["drop:reasoning"]
    assert losses(foreign(reasoning=Reasoning(ReasoningState.OFF)), incapable) == []


def test_formats():
    json_object = foreign(response_format=ResponseFormat(FormatKind.JSON_OBJECT))
    assert sent(json_object)["format"] == "json"
    schema = foreign(response_format=ResponseFormat(FormatKind.JSON_SCHEMA, "x", WEATHER))
    assert sent(schema)["format"] == WEATHER


def test_sampling_and_what_has_no_place():
    request = foreign(
        sampling=Sampling(temperature=0.5, top_k=3, seed=1, logit_bias={"1": 2}), logprobs=2
    )
    body = sent(request)
    assert body["options"] == {"temperature": 0.5, "top_k": 3, "seed": 1}
    assert (body["logprobs"], body["top_logprobs"]) == (True, 2)
    assert losses(request) == ["drop:logit_bias"]


def test_audio_cannot_be_answered_with():
    with pytest.raises(Unsupported):
        sent(foreign(modalities=("text", "audio")))
    assert losses(foreign(modalities=("text",))) == []
    assert losses(foreign(modalities=("text", "image"))) == ["drop:modalities"]


def test_a_text_to_be_filled_in_goes_to_generate():
    request = Request(
        "m",
        messages=(Message(Role.USER, (Text("def f("),)),),
        suffix="return 1",
        origin="openai_completions",
    )
    assert CODEC.client.path(request) == "/api/generate"
    body = sent(request)
    assert (body["prompt"], body["suffix"]) == ("def f(", "return 1")
    with pytest.raises(Unsupported):
        sent(Request("m", messages=(USER, USER), suffix="x", origin="openai_completions"))


def test_the_assistant_text_at_the_end_is_continued():
    request = Request(
        "m",
        messages=(USER, Message(Role.ASSISTANT, (Text("The long answer is this:"),))),
        origin="anthropic",
    )
    assert sent(request)["messages"][-1]["role"] == "assistant"

"""A client's request, read: every field where it belongs, every 400 naming its field."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mux.codecs import _envelope
from mux.codecs.openai_chat import CODEC
from mux.errors import InvalidRequest
from mux.ir import (
    CacheHint,
    ChoiceMode,
    Effort,
    FormatKind,
    Media,
    MediaKind,
    Opaque,
    ReasoningState,
    Refusal,
    Request,
    Role,
    ServerTool,
    Signature,
    SourceKind,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolKind,
    Visibility,
)

PNG = "iVBORw0KGgoAAAANSUhEUg=="


def decode(body: dict[str, Any], **given: Any) -> Request:
    return CODEC.server.decode_request(json.dumps({"model": "m", **body}).encode(), **given)


def said(*messages: dict[str, Any], **fields: Any) -> Request:
    return decode({"messages": list(messages), **fields})


def user(content: Any = "hi") -> dict[str, Any]:
    return {"role": "user", "content": content}


def part(**fields: Any) -> Any:
    return said(user([fields])).messages[0].parts[0]


def test_fields_known_to_other_dialects_are_typed():
    request = said(
        user(),
        max_completion_tokens=100.0,
        temperature=1,
        top_p=0.5,
        n=2,
        stop="END",
        seed=7,
        presence_penalty=0.1,
        frequency_penalty=0.2,
        logit_bias={"50256": -100},
        logprobs=True,
        top_logprobs=3,
        stream=True,
        stream_options={"include_usage": True},
        reasoning_effort="xhigh",
        verbosity="low",
        service_tier="flex",
        user="u",
        safety_identifier="s",
        prompt_cache_key="k",
        metadata={"a": "b"},
        store=True,
        parallel_tool_calls=False,
        modalities=["text"],
    )
    sampling = request.sampling
    assert (request.max_output, request.n, request.stop) == (100, 2, ("END",))
    assert (sampling.temperature, sampling.top_p, sampling.seed) == (1.0, 0.5, 7)
    assert (sampling.presence_penalty, sampling.frequency_penalty) == (0.1, 0.2)
    assert sampling.logit_bias == {"50256": -100}
    assert request.logprobs == 3
    assert request.stream
    assert request.include_usage
    assert request.reasoning.effort is Effort.XHIGH
    assert (request.verbosity, request.service_tier) == ("low", "flex")
    assert (request.user_id, request.safety_id, request.cache_key) == ("u", "s", "k")
    assert request.metadata == {"a": "b"}
    assert request.store is True
    assert request.parallel_tools is False
    assert request.modalities == ("text",)
    assert request.origin == "openai_chat"
    assert request.ext is None


def test_fields_of_this_dialect_alone_are_kept():
    extra = {
        "audio": {"format": "wav", "voice": "alloy"},
        "prediction": {"type": "content", "content": "x"},
        "moderation": {"model": "omni-moderation-latest"},
        "prompt_cache_options": {"mode": "explicit"},
        "transforms": ["middle-out"],
        "stream_options": {"include_obfuscation": False},
    }
    assert said(user(), stream=True, **extra).own("openai_chat") == extra


def test_a_negative_limit_is_none_and_an_empty_stop_is_none():
    request = said(user(), max_tokens=-1, stop=["", "x"])
    assert request.max_output is None
    assert request.own("openai_chat") == {"max_tokens": -1}
    assert request.stop == ("x",)
    assert said(user(), stop="").stop == ()


def test_P239_null_is_absent():
    names = ("tools", "stop", "temperature", "max_tokens", "n", "logprobs", "response_format")
    assert said(user(), **dict.fromkeys(names)) == said(user())


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "messages"),
        ({"messages": [{"content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [user(7)]}, "messages[0].content"),
        ({"messages": [user([{"type": "text"}])]}, "messages[0].content[0].text"),
        (
            {"messages": [user([{"type": "image_url", "image_url": {}}])]},
            "messages[0].content[0].image_url.url",
        ),
        ({"messages": [user()], "max_tokens": "100"}, "max_tokens"),
        ({"messages": [user()], "temperature": "hot"}, "temperature"),
        ({"messages": [user()], "n": 0}, "n"),
        ({"messages": [user()], "tools": [{"type": "function", "function": {}}]}, None),
        ({"messages": [user()], "tool_choice": "perhaps"}, "tool_choice"),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"id": "a"}]}]},
            "messages[0].tool_calls[0].function",
        ),
    ],
)
def test_P241_a_wrong_field_is_named(body, param):
    with pytest.raises(InvalidRequest) as caught:
        decode(body)
    assert caught.value.param == (param or "tools[0].function.name")


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"a": NaN}', b'"\\ud83d"', b"\xff"])
def test_P27_P29_a_body_that_is_no_object_is_a_400(body):
    with pytest.raises(InvalidRequest):
        CODEC.server.decode_request(body)


def test_P29_half_a_surrogate_pair_is_one_odd_letter():
    body = rb'{"model":"m","messages":[{"role":"user","content":"cut \ud83d here"}]}'
    [message] = CODEC.server.decode_request(body).messages
    assert message.parts == (Text("cut \ufffd here"),)


def test_a_byte_order_mark_is_skipped_and_the_url_overrides():
    body = b"\xef\xbb\xbf" + json.dumps({"messages": [user()]}).encode()
    request = CODEC.server.decode_request(body, model="from-url", stream=True)
    assert (request.model, request.stream) == ("from-url", True)


# -- messages -------------------------------------------------------------------------------------


def test_leading_system_messages_are_hoisted_and_later_ones_stay():
    request = said(
        {"role": "system", "content": "a"},
        {"role": "developer", "content": [{"type": "text", "text": "b"}]},
        {"role": "system", "content": ""},
        user(),
        {"role": "developer", "content": "c"},
    )
    assert [text.text for text in request.system] == ["a", "b"]
    assert [message.role for message in request.messages] == [Role.USER, Role.SYSTEM]
    assert request.messages[1].parts == (Text("c"),)


def test_an_assistant_turn_keeps_its_calls_and_their_text():
    arguments = '{ "b":1.0, "a":[10000000000000000000000] }'
    request = said(
        user(),
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": arguments}},
                {"id": "c2", "type": "custom", "custom": {"name": "g", "input": "free"}},
                {"id": "c3", "type": "function", "function": {"name": "h", "arguments": ""}},
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "1"}]},
    )
    assert request.messages[1].parts == (
        ToolCall("c1", "f", arguments),
        ToolCall("c2", "g", "free", ToolKind.CUSTOM),
        ToolCall("c3", "h", "{}"),
    )
    result = request.messages[2].parts[0]
    assert (request.messages[2].role, result.call_id, result.text) == (Role.TOOL, "c1", "1")


def test_legacy_functions_become_tools():
    request = said(
        user(),
        {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "42"},
        functions=[{"name": "f", "parameters": {"type": "object"}}],
        function_call={"name": "f"},
    )
    assert request.variant == "functions"
    assert request.tools == (Tool("f", schema={"type": "object"}),)
    assert request.tool_choice is not None
    assert request.tool_choice.mode is ChoiceMode.NAMED
    assert request.messages[1].parts == (ToolCall("", "f", "{}"),)
    assert request.messages[2].parts[0].name == "f"


def test_refusals_audio_and_images_of_the_assistant():
    [message] = said(
        {
            "role": "assistant",
            "content": [{"type": "refusal", "refusal": "no"}],
            "audio": {"id": "audio_1"},
            "images": [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}],
        }
    ).messages
    assert message.parts == (
        Refusal("no"),
        Media(MediaKind.IMAGE, SourceKind.BASE64, PNG, "image/png"),
        Media(MediaKind.AUDIO, SourceKind.FILE_ID, "audio_1"),
    )


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_F31b_reasoning_is_read_under_both_names(field):
    [message] = said({"role": "assistant", "content": "4", field: "2+2"}).messages
    thinking, text = message.parts
    assert isinstance(thinking, Thinking)
    assert (thinking.text, thinking.signature) == ("2+2", None)
    assert text == Text("4")


def test_reasoning_details_are_this_dialects_signature():
    details = [{"type": "reasoning.text", "text": "t", "signature": "S", "index": 0}]
    [message] = said({"role": "assistant", "content": "x", "reasoning_details": details}).messages
    thinking = message.parts[0]
    assert isinstance(thinking, Thinking)
    assert thinking.texts == ("t",)
    assert thinking.signature is not None
    assert thinking.signature.dialect == "openai_chat"
    assert json.loads(thinking.signature.value) == details


def test_P206_an_envelope_in_a_call_gives_the_reasoning_its_signature_back():
    signed = Signature("anthropic", "SIG", model="claude")
    redacted = Signature("anthropic", "RED", "redacted")
    sealed = ",".join(_envelope.seal(signature, "openai_chat") for signature in (signed, redacted))
    call = {
        "id": "c",
        "type": "function",
        "function": {"name": "f", "arguments": "{}"},
        "extra_content": {"mux": {"sig": sealed}},
    }
    [message] = said(
        {"role": "assistant", "content": "x", "reasoning_content": "t", "tool_calls": [call]}
    ).messages
    first, second, text, last = message.parts
    assert isinstance(first, Thinking)
    assert (first.texts, first.signature) == (("t",), signed)
    assert second == Thinking(signature=redacted)
    assert text == Text("x")
    assert last == ToolCall("c", "f", "{}")


def test_a_signature_of_gemini_comes_back_under_googles_key():
    call = {
        "id": "c",
        "type": "function",
        "function": {"name": "f", "arguments": "{}"},
        "extra_content": {"google": {"thought_signature": "Uw=="}},
    }
    [message] = said({"role": "assistant", "tool_calls": [call]}).messages
    assert isinstance(message.parts[0], ToolCall)
    assert message.parts[0].signature == Signature("gemini", "Uw==")


# -- content parts --------------------------------------------------------------------------------


def test_images_by_address_and_inline():
    url = "https://example.com/a.png"
    found = part(type="image_url", image_url={"url": url, "detail": "original"})
    assert found == Media(MediaKind.IMAGE, SourceKind.URL, url, detail="original")
    wrong = part(type="image_url", image_url={"url": f"data:image/jpeg;base64,{PNG}"})
    assert (wrong.source, wrong.mime, wrong.data) == (SourceKind.BASE64, "image/png", PNG)
    assert part(type="image_url", image_url=url).data == url


def test_audio_files_and_what_single_hosts_call_documents():
    audio = part(type="input_audio", input_audio={"data": "UklGRg==", "format": "mp3"})
    assert (audio.kind, audio.mime) == (MediaKind.AUDIO, "audio/mpeg")
    pdf = part(
        type="file",
        file={"file_data": "data:application/pdf;base64,JVBERi0x", "filename": "a.pdf"},
    )
    assert (pdf.kind, pdf.mime, pdf.filename) == (MediaKind.DOCUMENT, "application/pdf", "a.pdf")
    assert part(type="file", file={"file_id": "file-1"}).source is SourceKind.FILE_ID
    document = part(type="document_url", document_url="https://example.com/a.pdf")
    assert (document.kind, document.source) == (MediaKind.DOCUMENT, SourceKind.URL)
    video = part(type="video_url", video_url={"url": "data:video/mp4;base64,AAAA"})
    assert (video.kind, video.mime) == (MediaKind.VIDEO, "video/mp4")


def test_cache_breakpoints_under_both_names():
    theirs = part(type="text", text="x", prompt_cache_breakpoint={"mode": "explicit", "ttl": "30m"})
    assert theirs.cache == CacheHint("30m")
    ours = part(type="text", text="x", cache_control={"type": "ephemeral", "ttl": "1h"})
    assert ours.cache == CacheHint("1h")


def test_mistrals_thinking_part_and_a_part_nobody_knows():
    [message] = said(
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
                {"type": "text", "text": "42"},
            ],
        }
    ).messages
    assert isinstance(message.parts[0], Thinking)
    assert message.parts[0].text == "hm"
    raw = {"type": "hologram", "depth": 3}
    assert part(**raw) == Opaque("openai_chat", raw)


# -- tools ----------------------------------------------------------------------------------------


def test_tools_of_every_kind():
    grammar = {"definition": "start: /a+/", "syntax": "lark"}
    request = said(
        user(),
        tools=[
            {
                "type": "function",
                "function": {
                    "name": "f",
                    "description": "d",
                    "parameters": {"type": "object"},
                    "strict": True,
                },
            },
            {"function": {"name": "typeless"}},
            {"type": "function", "name": "flat", "parameters": {"type": "object"}},
            {
                "type": "custom",
                "custom": {"name": "c", "format": {"type": "grammar", "grammar": grammar}},
            },
            {"type": "openrouter:advisor", "parameters": {"model": "x"}},
        ],
        web_search_options={
            "user_location": {"type": "approximate", "approximate": {"city": "Rome"}}
        },
    )
    f, typeless, flat, custom, advisor, search = request.tools
    assert f == Tool("f", description="d", schema={"type": "object"}, strict=True)
    assert typeless == Tool("typeless")
    assert flat == Tool("flat", schema={"type": "object"})
    assert isinstance(custom, Tool)
    assert (custom.kind, custom.grammar) == (ToolKind.CUSTOM, ("lark", "start: /a+/"))
    assert isinstance(advisor, ServerTool)
    assert (advisor.kind, advisor.name) == ("other", "openrouter:advisor")
    assert isinstance(search, ServerTool)
    assert search.kind == "web_search"
    assert search.user_location == {"type": "approximate", "city": "Rome"}


@pytest.mark.parametrize(
    ("choice", "mode", "names"),
    [
        ("auto", ChoiceMode.AUTO, ()),
        ("none", ChoiceMode.NONE, ()),
        ("required", ChoiceMode.REQUIRED, ()),
        ("any", ChoiceMode.REQUIRED, ()),
        ({"type": "function", "function": {"name": "f"}}, ChoiceMode.NAMED, ("f",)),
        ({"function": {"name": "f"}}, ChoiceMode.NAMED, ("f",)),
        ({"type": "custom", "custom": {"name": "c"}}, ChoiceMode.NAMED, ("c",)),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "required",
                    "tools": [{"type": "function", "function": {"name": "f"}}],
                },
            },
            ChoiceMode.ALLOWED_REQUIRED,
            ("f",),
        ),
    ],
)
def test_tool_choices(choice, mode, names):
    found = said(user(), tool_choice=choice).tool_choice
    assert found is not None
    assert (found.mode, found.names) == (mode, names)


# -- reasoning and format -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "state", "effort", "budget"),
    [
        ({}, ReasoningState.UNSET, None, None),
        ({"reasoning_effort": "none"}, ReasoningState.OFF, None, None),
        ({"reasoning_effort": "max"}, ReasoningState.ON, Effort.MAX, None),
        ({"reasoning_effort": "default"}, ReasoningState.ON, None, None),
        ({"thinking": {"type": "disabled"}}, ReasoningState.OFF, None, None),
        ({"thinking": {"type": "enabled"}}, ReasoningState.ON, None, None),
        ({"enable_thinking": False}, ReasoningState.OFF, None, None),
        ({"reasoning": {"effort": "low"}}, ReasoningState.ON, Effort.LOW, None),
        ({"reasoning": {"max_tokens": 2000}}, ReasoningState.ON, None, 2000),
        ({"reasoning": {"enabled": False}}, ReasoningState.OFF, None, None),
    ],
)
def test_reasoning_in_all_its_spellings(fields, state, effort, budget):
    found = said(user(), **fields).reasoning
    assert (found.state, found.effort, found.budget) == (state, effort, budget)


def test_reasoning_that_is_not_to_be_shown():
    found = said(user(), reasoning={"effort": "high", "exclude": True}).reasoning
    assert found.visible is Visibility.HIDDEN


def test_response_formats():
    schema = {"type": "object", "properties": {}}
    asked = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema, "strict": True}}
    found = said(user(), response_format=asked).response_format
    assert (found.kind, found.name, found.strict) == (FormatKind.JSON_SCHEMA, "n", True)
    assert found.schema == schema
    plain = said(user(), response_format={"type": "json_object"}).response_format
    assert plain.kind is FormatKind.JSON_OBJECT
    beside = said(user(), response_format={"type": "json_object", "schema": schema})
    assert beside.response_format.schema == schema
    regex = {"type": "regex", "pattern": "a+"}
    strange = said(user(), response_format=regex)
    assert strange.response_format.kind is FormatKind.TEXT
    assert strange.own("openai_chat") == {"response_format": regex}

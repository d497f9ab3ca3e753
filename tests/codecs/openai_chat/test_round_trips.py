"""A chat client at a chat host: what this dialect has natively comes back as it was."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mux.codecs.openai_chat import CODEC
from mux.errors import InvalidRequest
from mux.ir import (
    Abilities,
    Answer,
    CacheHint,
    ChoiceMode,
    Finish,
    FormatKind,
    Media,
    MediaKind,
    Message,
    Opaque,
    Request,
    Response,
    ResponseFormat,
    Role,
    ServerCall,
    Signature,
    SourceKind,
    StopReason,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)

HOST = Abilities(developer_role=True, custom_tools=True)
HELLO = {"role": "user", "content": "hi"}
PNG = "data:image/png;base64,iVBORw0KGgo="


def again(messages: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    raw = json.dumps({"model": "m", "messages": messages, **fields}).encode()
    request = CODEC.server.decode_request(raw)
    return json.loads(CODEC.client.encode_request(request, HOST).body)


def losses(request: Request, abilities: Abilities | None = None) -> list[str]:
    encoded = CODEC.client.encode_request(request, abilities or Abilities())
    return [loss.code for loss in encoded.losses]


@pytest.mark.parametrize(
    "message",
    [
        {"role": "system", "content": "s", "name": "sys"},
        {"role": "developer", "content": "d"},
        {
            "role": "system",
            "content": [
                {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}},
                {"type": "text", "text": "b"},
            ],
        },
        {"role": "user", "content": "x", "name": "bob", "cache_control": {"type": "ephemeral"}},
        {"role": "user", "content": [{"type": "hologram"}, {"type": "text", "text": "x"}]},
        {
            "role": "user",
            "content": [
                {
                    "type": "image_url",
                    "image_url": {"url": PNG, "detail": "high", "format": "png"},
                    "cache_control": {"type": "ephemeral"},
                },
                {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "flac"}},
                {"type": "file", "file": {"file_id": "file-1"}},
                {
                    "type": "file",
                    "file": {
                        "file_data": "https://a.example/x.pdf",
                        "filename": "x.pdf",
                        "extra": 1,
                    },
                },
                {"type": "video_url", "video_url": {"url": "https://a.example/v.mp4"}},
                {"type": "file_url", "file_url": {"url": "https://a.example/v.docx"}},
                {
                    "type": "text",
                    "text": "x",
                    "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "30m"},
                },
            ],
        },
        {"role": "assistant", "content": None, "refusal": "no"},
        {"role": "assistant", "content": None, "audio": {"id": "audio_1"}},
        {
            "role": "assistant",
            "content": "see",
            "images": [{"type": "image_url", "image_url": {"url": PNG}}],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}], "closed": True},
                {"type": "text", "text": "42"},
            ],
        },
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "plain"},
                                          {"type": "text", "text": "42"}]},
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "a"},
                {"type": "text", "text": "b", "cache_control": {"type": "ephemeral"}},
            ],
        },
        {"role": "assistant", "content": "x", "annotations": [{"type": "url_citation"}]},
        {"role": "assistant", "content": "x", "prefix": True, "reasoning_content": "", "name": "a"},
    ],
)  # fmt: skip
def test_messages_come_back_as_they_were(message):
    found = again([message, HELLO])["messages"]
    expected = {key: value for key, value in message.items() if value is not None}
    assert {key: value for key, value in found[0].items() if value is not None} == expected


def test_calls_and_results_come_back_as_they_were():
    history = [
        HELLO,
        {
            "role": "assistant",
            "content": "x",
            "tool_calls": [
                {
                    "id": "c",
                    "type": "function",
                    "function": {"name": "f", "arguments": '{ "a": 1.0 }', "more": 1},
                    "extra_content": {"google": {"thought_signature": "Uw=="}, "other": {}},
                    "cache_control": {"type": "ephemeral"},
                },
                {"id": "d", "type": "custom", "custom": {"name": "p", "input": "raw"}},
            ],
        },
        {
            "role": "tool",
            "tool_call_id": "c",
            "name": "f",
            "content": [
                {"type": "text", "text": "1"},
                {"type": "image_url", "image_url": {"url": PNG}},
            ],
        },
        {"role": "tool", "tool_call_id": "d", "content": "2", "cache_control": {"type": "e"}},
    ]
    assert again(history)["messages"] == history


def test_system_messages_keep_to_themselves():
    history = [
        {"role": "system", "content": [{"type": "text", "text": t} for t in ("a", "b")]},
        {"role": "system", "content": [{"type": "text", "text": t} for t in ("c", "d")]},
        {"role": "developer", "content": "e"},
        HELLO,
        {"role": "developer", "content": "f", "name": "n"},
    ]
    assert again(history)["messages"] == history


def test_tools_come_back_as_they_were():
    fields = {
        "tools": [
            {
                "type": "function",
                "function": {"name": "f", "description": "d", "strict": False, "x": 1},
                "cache_control": {"type": "ephemeral", "ttl": "1h"},
            },
            {"type": "custom", "custom": {"name": "c", "description": "d"}, "y": 2},
            {"type": "openrouter:advisor", "parameters": {}},
        ],
        "tool_choice": {"type": "custom", "custom": {"name": "c"}},
        "parallel_tool_calls": True,
    }
    found = again([HELLO], **fields, web_search_options={"search_context_size": "low"})
    assert {key: found[key] for key in fields} == fields
    assert found["web_search_options"] == {"search_context_size": "low"}
    request = CODEC.server.decode_request(
        json.dumps({"model": "m", "messages": [HELLO], **fields}).encode()
    )
    assert isinstance(request.tools[0], Tool)
    assert request.tools[0].cache == CacheHint("1h")


@pytest.mark.parametrize(
    "fields",
    [
        {"response_format": {"type": "json_object"}},
        {"response_format": {"type": "json_object", "schema": {"type": "object"}}},
        {"response_format": {"type": "grammar", "grammar": "root ::= x"}},
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "n", "description": "d", "schema": {}, "strict": False},
            }
        },
        {"logprobs": True, "top_logprobs": 2},
        {"metadata": {"a": "b"}, "store": False, "modalities": ["text", "audio"]},
        {"service_tier": "on_demand", "verbosity": "low", "user": "u"},
        {"thinking": True},
        {"reasoning": "on"},
        {"n": 2, "stop": ["x"]},
    ],
)
def test_fields_come_back_as_they_were(fields):
    found = again([HELLO], **fields)
    assert {key: found[key] for key in found.keys() - {"model", "messages"}} == fields


def test_a_number_of_log_probabilities():
    assert again([HELLO], logprobs=2)["top_logprobs"] == 2
    assert "logprobs" not in again([HELLO], logprobs=False, top_logprobs=2)


def test_old_functions_and_their_forced_choice():
    functions = [{"name": "f", "parameters": {"type": "object"}}]
    found = again([HELLO], functions=functions, function_call={"name": "f"})
    assert found["functions"] == functions
    assert found["function_call"] == {"name": "f"}
    assert "function_call" not in again([HELLO], functions=functions)


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ({"role": "user", "content": [{"type": "file", "file": {}}]}, "content[0].file"),
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": ""}}]},
            "content[0].image_url",
        ),
    ],
)
def test_empty_media_is_a_400(message, param):
    with pytest.raises(InvalidRequest) as caught:
        again([message])
    assert caught.value.param == f"messages[0].{param}"


def test_bare_base64_is_a_file_and_audio_may_be_a_data_url():
    content = [
        {"type": "file", "file": {"file_data": "JVBERi0x", "filename": "a.pdf"}},
        {"type": "input_audio", "input_audio": {"data": "data:audio/wav;base64,UklGRg=="}},
    ]
    [message] = CODEC.server.decode_request(
        json.dumps({"model": "m", "messages": [{"role": "user", "content": content}]}).encode()
    ).messages
    pdf, wav = message.parts
    assert isinstance(pdf, Media)
    assert (pdf.mime, pdf.data) == ("application/pdf", "JVBERi0x")
    assert isinstance(wav, Media)
    assert (wav.mime, wav.data) == ("audio/wav", "UklGRg==")


def test_a_broken_envelope_is_no_signature():
    call = {
        "id": "c",
        "type": "function",
        "function": {"name": "f", "arguments": {"a": 1}},
        "extra_content": {"mux": {"sig": "mux1.!!!"}},
    }
    body = {"model": "m", "messages": [{"role": "assistant", "tool_calls": [call]}]}
    [message] = CODEC.server.decode_request(json.dumps(body).encode()).messages
    assert message.parts == (ToolCall("c", "f", '{"a":1}'),)


# -- what other dialects' histories lose ----------------------------------------------------------


def test_what_an_assistant_showed_or_ran_elsewhere_is_dropped_with_a_word():
    hello = Message(Role.USER, (Text("x"),))
    shown = Message(
        Role.ASSISTANT,
        (
            Text("a"),
            Media(MediaKind.IMAGE, SourceKind.BASE64, "iVBORw0KGgo=", "image/png"),
            ServerCall("web_search"),
            Opaque("anthropic", {}),
            Thinking(("hm",)),
        ),
    )
    only = Message(Role.ASSISTANT, (Thinking(("hm",)),))
    request = Request("m", (hello, shown, hello, only, hello), origin="anthropic")
    assert losses(request) == [
        "drop:assistant_image",
        "drop:server_tool_history",
        "drop:server_tool_history",
    ]
    body = json.loads(CODEC.client.encode_request(request, Abilities()).body)
    assert [message["role"] for message in body["messages"]] == [
        "user",
        "assistant",
        "user",
        "user",
    ]


def test_a_document_in_a_result():
    note = Media(MediaKind.DOCUMENT, SourceKind.TEXT, "words", "text/plain")
    pdf = Media(MediaKind.DOCUMENT, SourceKind.BASE64, "JVBERi0x", "application/pdf", title="T")
    history = (
        Message(Role.USER, (Text("x"),)),
        Message(Role.ASSISTANT, (ToolCall("c", "f", "{}"),)),
        Message(Role.TOOL, (ToolResult("c", (note, pdf)),)),
    )
    body = json.loads(
        CODEC.client.encode_request(Request("m", history, origin="anthropic"), Abilities()).body
    )
    assert body["messages"][2]["content"] == "[file: text]\nwords\n[document attached below]"
    assert body["messages"][3]["content"][0]["file"]["filename"] == "T"


def test_a_model_that_may_choose_needs_no_words():
    request = Request(
        "m",
        (Message(Role.USER, (Text("x"),)),),
        tools=(Tool("f"), Tool("g")),
        tool_choice=ToolChoice(ChoiceMode.AUTO),
        origin="anthropic",
    )
    weak = Abilities(forced_tool_choice=False)
    assert losses(request, weak) == []
    forced = Request(
        request.model,
        request.messages,
        tools=request.tools,
        tool_choice=ToolChoice(ChoiceMode.REQUIRED),
        origin="anthropic",
    )
    body = json.loads(CODEC.client.encode_request(forced, weak).body)
    assert body["messages"][-1]["content"] == "You must call a tool now."
    assert len(body["tools"]) == 2


def test_a_format_without_a_schema():
    wanted = ResponseFormat(FormatKind.JSON_SCHEMA, "n", description="d")
    request = Request(
        "m", (Message(Role.USER, (Text("x"),)),), response_format=wanted, origin="anthropic"
    )
    body = json.loads(CODEC.client.encode_request(request, Abilities()).body)
    assert body["response_format"]["json_schema"] == {
        "name": "n",
        "description": "d",
        "strict": False,
    }


def test_an_answer_in_parts_of_this_dialect_comes_back():
    details = [{"type": "reasoning.text", "text": "t", "signature": "S", "index": 0}]
    message = {
        "role": "assistant",
        "content": None,
        "refusal": None,
        "reasoning": "t",
        "reasoning_details": details,
        "images": [{"type": "image_url", "image_url": {"url": PNG}}],
        "audio": {"id": "a", "data": "UklGRg==", "expires_at": 9, "transcript": "hi"},
        "tool_calls": [
            {
                "id": "c",
                "type": "custom",
                "custom": {"name": "p", "input": "raw"},
                "extra_content": {"google": {"thought_signature": "Uw=="}},
            }
        ],
    }
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "tool_calls"}
    body = {"id": "gen-1", "object": "chat.completion", "created": 1, "model": "m"}
    raw = json.dumps({**body, "choices": [choice]}).encode()
    response = CODEC.client.decode_response(raw)
    asked = Request("m", origin="openai_chat")
    assert json.loads(CODEC.server.encode_response(response, asked)) == json.loads(raw)


def test_broken_details_and_foreign_signatures_are_no_list():
    parts = (
        Thinking(("t",), signature=Signature("openai_chat", "{broken")),
        ToolCall("c", "f", "{}", signature=Signature("openai_responses", "X")),
    )
    response = Response("r", "m", 1, (Answer(parts, Finish(StopReason.TOOL_CALLS)),))
    body = json.loads(CODEC.server.encode_response(response, Request("m", origin="openai_chat")))
    message = body["choices"][0]["message"]
    assert "reasoning_details" not in message
    assert message["tool_calls"][0]["extra_content"]["mux"]["sig"].startswith("mux1.")

"""Whole answers: what hosts send, and what clients are sent."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mux.codecs.openai_chat import CODEC
from mux.errors import (
    ContextLengthExceeded,
    InvalidRequest,
    UpstreamFailed,
    UpstreamProtocolError,
)
from mux.ir import (
    Annotation,
    Answer,
    Finish,
    Media,
    MediaKind,
    Part,
    Refusal,
    Request,
    Response,
    ServerCall,
    Signature,
    SourceKind,
    StopReason,
    Text,
    Thinking,
    TokenLogprob,
    ToolCall,
    ToolKind,
    Usage,
)
from tests import sdk

ASKED = Request("asked", origin="openai_chat")


def decode(message: dict[str, Any] | None, **fields: Any) -> Response:
    choice = {"index": 0, "message": message, "finish_reason": fields.pop("finish", "stop")}
    body = {"id": "chatcmpl-1", "model": "m", "created": 5, "choices": [choice], **fields}
    return CODEC.client.decode_response(json.dumps(body).encode())


def encode(*parts: Part, finish: Finish | None = None, request: Request = ASKED) -> dict[str, Any]:
    response = Response("chatcmpl-1", "m", 5, (Answer(parts, finish or Finish(StopReason.STOP)),))
    body = CODEC.server.encode_response(response, request)
    sdk.whole("openai_chat", body)
    return json.loads(body)["choices"][0]


def test_an_answer_and_back():
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 5,
        "model": "asked",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "hi", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
        "system_fingerprint": "fp",
        "service_tier": "default",
        "moderation": {"input": {"type": "error", "code": "c", "message": "m"}},
    }
    response = CODEC.client.decode_response(json.dumps(body).encode())
    assert response.parts == (Text("hi"),)
    assert response.usage is not None
    assert response.usage.input_total == 1
    assert json.loads(CODEC.server.encode_response(response, ASKED)) == body


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", UpstreamProtocolError),
        (b"<html>", UpstreamProtocolError),
        (b"[]", UpstreamProtocolError),
        (b"{}", UpstreamProtocolError),
        (b'{"choices": []}', UpstreamProtocolError),
        (b'{"error": {"message": "no", "code": "content_filter", "status": 400}}', InvalidRequest),
        (b'{"error": {"message": "boom", "type": "server_error"}}', UpstreamFailed),
        (b'{"error": "boom"}', UpstreamFailed),
        (b'{"choices": [{"error": {"message": "b", "code": 502}, "message": {}}]}', UpstreamFailed),
        (b'{"choices": [{"message": {}, "finish_reason": "error"}]}', UpstreamFailed),
        (
            b'{"error": {"message": "x", "code": "context_length_exceeded"}}',
            ContextLengthExceeded,
        ),
        (
            b'{"error": {"message": "maximum context length is 5", "code": 400}}',
            ContextLengthExceeded,
        ),
    ],
)
def test_what_is_no_answer_is_an_error(body, error):
    with pytest.raises(error):
        CODEC.client.decode_response(body)


def test_every_part_of_a_message():
    token = {"token": "x", "logprob": -1, "bytes": None, "top_logprobs": []}
    response = decode(
        {
            "role": "assistant",
            "reasoning_content": "why",
            "content": "x",
            "annotations": [{"type": "url_citation", "url_citation": {"url": "u", "title": "t"}}],
            "images": [{"type": "image_url", "image_url": {"url": "https://a.example/i.png"}}],
            "tool_calls": [
                {"id": "c", "type": "function", "function": {"name": "f", "arguments": ""}},
                {"id": "d", "type": "custom", "custom": {"name": "p", "input": "raw"}},
            ],
            "audio": {"id": "a", "data": "UklGRg==", "transcript": "t", "expires_at": 9},
        },
        finish="tool_calls",
    )
    thinking, text, image, call, custom, audio = response.parts
    assert thinking == Thinking(("why",))
    assert isinstance(text, Text)
    assert text.annotations[0].url == "u"
    assert image == Media(MediaKind.IMAGE, SourceKind.URL, "https://a.example/i.png")
    assert call == ToolCall("c", "f", "{}")
    assert custom == ToolCall("d", "p", "raw", ToolKind.CUSTOM)
    assert isinstance(audio, Media)
    assert audio.transcript == "t"
    assert response.finish.reason is StopReason.TOOL_CALLS
    logged = decode({"content": "x"}, choices=[{"message": {"content": "x"},
                    "logprobs": {"content": [token], "refusal": None}}])  # fmt: skip
    assert logged.parts == (Text("x", logprobs=(TokenLogprob("x", -1.0),)),)


def test_a_refusal_ends_with_stop_and_means_refusal():
    response = decode({"content": None, "refusal": "no"})
    assert response.parts == (Refusal("no"),)
    assert response.finish.reason is StopReason.REFUSAL


@pytest.mark.parametrize("reason", [None, "", "absent"])
def test_P45_a_whole_answer_without_a_reason_ends_by_its_content(reason):
    call = {"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}
    for message, expected in (
        ({"content": "x", "tool_calls": []}, StopReason.STOP),
        ({"content": None, "tool_calls": [call]}, StopReason.TOOL_CALLS),
    ):
        choice = {"message": message, "finish_reason": reason}
        if reason == "absent":
            del choice["finish_reason"]
        assert decode(None, choices=[choice]).finish.reason is expected


def test_F01_P40_P41_empty_lists_are_no_calls_and_the_reason_agrees_with_them():
    silent = {"content": "x", "tool_calls": [], "images": [], "annotations": [], "refusal": ""}
    assert decode(silent, finish="tool_calls").answers == (
        Answer((Text("x"),), Finish(StopReason.STOP, dialect="openai_chat")),
    )
    nameless = {"content": "x", "tool_calls": [{"id": "", "function": {"name": ""}}]}
    assert decode(nameless).parts == (Text("x"),)
    called = decode({"tool_calls": [{"id": "c", "function": {"name": "f"}}]}, finish="stop")
    assert called.finish.reason is StopReason.TOOL_CALLS


def test_P35_an_index_in_a_whole_answer_is_not_passed_on():
    call = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    body = CODEC.server.encode_response(decode({"tool_calls": [call]}), ASKED)
    [again] = json.loads(body)["choices"][0]["message"]["tool_calls"]
    assert "index" not in again


def test_fields_no_dialect_shares_are_kept():
    response = decode(
        {"role": "assistant", "content": "x", "executed_tools": [{"index": 0}]},
        x_groq={"id": "r"},
        provider="P",
    )
    again = json.loads(CODEC.server.encode_response(response, ASKED))
    assert again["x_groq"] == {"id": "r"}
    assert again["provider"] == "P"
    assert again["choices"][0]["message"]["executed_tools"] == [{"index": 0}]


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (
            {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14},
            {"input_total": 9, "output_total": 5},
        ),
        (
            {
                "prompt_tokens": 9,
                "completion_tokens": 5,
                "total_tokens": 14,
                "prompt_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 2},
                "completion_tokens_details": {"reasoning_tokens": 4, "audio_tokens": 1},
            },
            {"cache_read": 3, "cache_write": 2, "reasoning": 4, "audio_out": 1, "output_total": 5},
        ),
        (
            {"prompt_tokens": 9, "completion_tokens": 5, "prompt_cache_hit_tokens": 7},
            {"cache_read": 7},
        ),
        ({"prompt_tokens": 9, "completion_tokens": 5, "cached_tokens": 7}, {"cache_read": 7}),
        ({"prompt_tokens": 9, "completion_tokens": 5, "num_cached_tokens": 7}, {"cache_read": 7}),
        (
            {
                "prompt_tokens": 9,
                "completion_tokens": 5,
                "total_tokens": 24,
                "completion_tokens_details": {"reasoning_tokens": 10},
            },
            {"output_total": 15, "reasoning": 10},
        ),
        (
            {"prompt_tokens": None, "completion_tokens": 5.0, "total_tokens": True},
            {"input_total": None, "output_total": 5},
        ),
    ],
)
def test_F37_P214_P215_usage_of_every_host(usage, expected):
    found = decode({"content": "x"}, usage=usage).usage
    assert found is not None
    assert {key: getattr(found, key) for key in expected} == expected


def test_P216_no_null_reaches_a_client_and_native_usage_stays_native():
    response = decode(
        {"content": "x"},
        usage={
            "prompt_tokens": 1,
            "completion_tokens": 2,
            "total_tokens": 3,
            "prompt_tokens_details": None,
            "completion_tokens_details": {"reasoning_tokens": None, "audio_tokens": 0},
            "cost": 0.1,
        },
    )
    assert json.loads(CODEC.server.encode_response(response, ASKED))["usage"] == {
        "prompt_tokens": 1,
        "completion_tokens": 2,
        "total_tokens": 3,
        "completion_tokens_details": {"audio_tokens": 0},
        "cost": 0.1,
    }


def test_the_usage_example_of_the_specification():
    """Translation spec 29.4: a Gemini reply."""
    usage = Usage(input_total=105, output_total=28, cache_read=60, reasoning=8, dialect="gemini")
    response = Response(answers=(Answer((Text("x"),)),), usage=usage)
    told = json.loads(CODEC.server.encode_response(response, ASKED))["usage"]
    assert (told["prompt_tokens"], told["completion_tokens"], told["total_tokens"]) == (
        105,
        28,
        133,
    )
    assert told["prompt_tokens_details"]["cached_tokens"] == 60
    assert told["completion_tokens_details"]["reasoning_tokens"] == 8


# -- out ------------------------------------------------------------------------------------------


def test_P35_P43_a_call_alone_has_no_index_and_null_content():
    choice = encode(ToolCall("c", "f"), finish=Finish(StopReason.TOOL_CALLS))
    assert choice["message"] == {
        "role": "assistant",
        "content": None,
        "refusal": None,
        "tool_calls": [
            {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        ],
    }
    assert choice["finish_reason"] == "tool_calls"


def test_F35_an_answer_that_was_filtered_has_a_choice():
    choice = encode(finish=Finish(StopReason.CONTENT_FILTER, dialect="gemini", native="SAFETY"))
    assert choice["message"]["content"] == ""
    assert choice["finish_reason"] == "content_filter"


def test_an_explanation_is_the_refusal():
    choice = encode(finish=Finish(StopReason.REFUSAL, explanation="policy"))
    assert choice["message"]["refusal"] == "policy"
    assert choice["message"]["content"] is None
    assert choice["finish_reason"] == "content_filter"


def test_functions_get_a_function_call():
    legacy = Request("m", origin="openai_chat", variant="functions")
    choice = encode(
        ToolCall("c", "f", '{"a":1}'), finish=Finish(StopReason.TOOL_CALLS), request=legacy
    )
    assert choice["message"]["function_call"] == {"name": "f", "arguments": '{"a":1}'}
    assert "tool_calls" not in choice["message"]
    assert choice["finish_reason"] == "function_call"


def test_signatures_of_reasoning_and_of_calls_travel_together():
    choice = encode(
        Thinking(("t",), signature=Signature("openai_responses", "ENC", "enc", id="rs_1")),
        ToolCall("c", "f", "{}", signature=Signature("gemini", "Uw==")),
        ToolCall("d", "g", "{}"),
        finish=Finish(StopReason.TOOL_CALLS),
    )
    first, second = choice["message"]["tool_calls"]
    assert first["extra_content"]["google"] == {"thought_signature": "Uw=="}
    assert first["extra_content"]["mux"]["sig"].startswith("mux1.")
    assert "extra_content" not in second


def test_citations_without_an_address_are_left_out():
    text = Text("x", (Annotation(title="a book"), Annotation("https://a.example", "A", 0, 1)))
    choice = encode(ServerCall("web_search"), text)
    [citation] = choice["message"]["annotations"]
    assert citation["url_citation"]["url"] == "https://a.example"


def test_several_answers_have_their_indices():
    response = Response("chatcmpl-1", "m", 5, (Answer((Text("a"),)), Answer((Text("b"),))))
    body = json.loads(CODEC.server.encode_response(response, ASKED))
    assert [(choice["index"], choice["message"]["content"]) for choice in body["choices"]] == [
        (0, "a"),
        (1, "b"),
    ]
    again = CODEC.client.decode_response(json.dumps(body).encode())
    assert [answer.parts for answer in again.answers] == [(Text("a"),), (Text("b"),)]

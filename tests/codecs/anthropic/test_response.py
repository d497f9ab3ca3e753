"""Whole answers, in and out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from mux.codecs import _envelope
from mux.codecs.anthropic import CODEC
from mux.errors import MuxError, Overloaded, UpstreamFailed, UpstreamProtocolError
from mux.ir import (
    Annotation,
    Answer,
    Finish,
    Media,
    MediaKind,
    Opaque,
    Part,
    Reasoning,
    ReasoningState,
    Refusal,
    Request,
    Response,
    SearchHit,
    ServerCall,
    ServerResult,
    Signature,
    SourceKind,
    StopReason,
    Text,
    Thinking,
    ToolCall,
    ToolKind,
    Usage,
    Visibility,
)
from tests import sdk
from tests.laws.strategies import PNG

THINKING = Request("asked", origin="anthropic", reasoning=Reasoning(ReasoningState.ON))
PLAIN = Request("asked", origin="anthropic")


def decode(**fields: Any) -> Response:
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-x",
        "content": [{"type": "text", "text": "hi"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 5},
        **fields,
    }
    return CODEC.client.decode_response(json.dumps(message).encode())


def shown(*parts: Part, request: Request = THINKING, **fields: Any) -> dict[str, Any]:
    reason = StopReason.TOOL_CALLS if any(isinstance(p, ToolCall) for p in parts) else None
    finish = fields.pop("finish", Finish(reason or StopReason.STOP))
    response = Response("r1", "upstream-name", 1, (Answer(parts, finish),), **fields)
    body = CODEC.server.encode_response(response, request)
    sdk.whole("anthropic", body)
    return json.loads(body)


def blocks(*parts: Part, request: Request = THINKING) -> list[Any]:
    return shown(*parts, request=request)["content"]


def test_an_answer():
    response = decode()
    assert (response.id, response.model, response.ext) == ("msg_1", "claude-x", None)
    assert response.parts == (Text("hi"),)
    assert response.finish == Finish(StopReason.STOP, dialect="anthropic", native="end_turn")


def test_P116_unknown_fields_are_carried():
    details = {"type": "refusal", "category": "bio", "explanation": "no", "new_field": 1}
    container = {"id": "c", "expires_at": "2026-01-01T00:00:00Z"}
    response = decode(
        stop_reason="refusal", stop_details=details, container=container, brand_new={"x": 1}
    )
    assert response.finish == Finish(
        StopReason.REFUSAL,
        explanation="no",
        dialect="anthropic",
        native="refusal",
        ext={"anthropic": {"stop_details": details, "container": container}},
    )
    again = json.loads(CODEC.server.encode_response(response, PLAIN))
    assert again["stop_details"] == details
    assert again["container"] == container
    assert again["brand_new"] == {"x": 1}


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("end_turn", StopReason.STOP),
        ("max_tokens", StopReason.LENGTH),
        ("pause_turn", StopReason.PAUSE),
        ("refusal", StopReason.REFUSAL),
        ("model_context_window_exceeded", StopReason.CONTEXT_WINDOW),
        ("compaction", StopReason.UNKNOWN),
        (None, StopReason.UNKNOWN),
    ],
)
def test_stop_reasons_in_and_back(word, reason):
    response = decode(stop_reason=word)
    assert response.finish.reason is reason
    again = json.loads(CODEC.server.encode_response(response, PLAIN))
    assert again["stop_reason"] == (word or "end_turn")


def test_a_stop_sequence_is_told():
    finish = decode(stop_reason="stop_sequence", stop_sequence="END").finish
    assert (finish.reason, finish.stop_sequence) == (StopReason.STOP_SEQUENCE, "END")


def test_P91_the_reason_agrees_with_the_content():
    call = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    assert decode(content=[call]).finish.reason is StopReason.TOOL_CALLS
    assert decode(stop_reason="tool_use").finish.reason is StopReason.STOP


@pytest.mark.parametrize(
    ("finish", "word"),
    [
        (Finish(StopReason.STOP, dialect="openai_chat", native="stop"), "end_turn"),
        (Finish(StopReason.LENGTH), "max_tokens"),
        (Finish(StopReason.CONTINUATION), "max_tokens"),
        (Finish(StopReason.CONTEXT_WINDOW), "model_context_window_exceeded"),
        (Finish(StopReason.CONTENT_FILTER), "refusal"),
        (Finish(StopReason.REFUSAL), "refusal"),
        (Finish(StopReason.PAUSE), "pause_turn"),
        (Finish(StopReason.STOP_SEQUENCE), "end_turn"),
        (Finish(StopReason.MALFORMED_TOOL), "end_turn"),
        (Finish(StopReason.CANCELLED), "end_turn"),
        (Finish(StopReason.UNKNOWN, dialect="gemini", native="OTHER"), "end_turn"),
    ],
)
def test_stop_reasons_of_other_dialects(finish, word):
    found = shown(Text("x"), finish=finish)
    assert (found["stop_reason"], found["stop_sequence"]) == (word, None)


def test_a_refusal_says_why():
    found = shown(finish=Finish(StopReason.REFUSAL, explanation="because"))
    assert found["stop_details"] == {
        "type": "refusal",
        "category": None,
        "explanation": "because",
    }
    assert found["content"] == []


def test_an_answer_that_ended_in_an_error_is_none():
    with pytest.raises(UpstreamFailed, match="broke"):
        shown(finish=Finish(StopReason.ERROR, explanation="it broke"))


USAGE = {
    "input_tokens": 10,
    "cache_read_input_tokens": 90,
    "cache_creation_input_tokens": 20,
    "cache_creation": {"ephemeral_5m_input_tokens": 15, "ephemeral_1h_input_tokens": 5},
    "output_tokens": 30,
    "output_tokens_details": {"thinking_tokens": 12},
    "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 1},
    "service_tier": "standard",
}


def test_P212_usage_counts_the_cache():
    assert decode(usage=USAGE).usage == Usage(
        input_total=120,
        output_total=30,
        cache_read=90,
        cache_write=20,
        cache_write_5m=15,
        cache_write_1h=5,
        reasoning=12,
        web_searches=2,
        web_fetches=1,
        dialect="anthropic",
        raw=USAGE,
    )
    assert decode(usage={}).usage is None
    assert decode(usage={"input_tokens": None, "output_tokens": 1.0}).usage.output_total == 1


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (
            Usage(input_total=105, output_total=28, cache_read=60, reasoning=8, dialect="gemini"),
            {
                "input_tokens": 45,
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 60,
                "output_tokens": 28,
                "output_tokens_details": {"thinking_tokens": 8},
            },
        ),
        (
            Usage(input_total=10, output_total=1, cache_read=20, raw={"x": 1}, dialect="gemini"),
            {
                "input_tokens": 0,
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 20,
                "output_tokens": 1,
            },
        ),
        (
            Usage(input_total=9, cache_write=3, cache_write_1h=3, web_searches=1),
            {
                "input_tokens": 6,
                "cache_creation_input_tokens": 3,
                "cache_read_input_tokens": 0,
                "output_tokens": 0,
                "cache_creation": {
                    "ephemeral_5m_input_tokens": 0,
                    "ephemeral_1h_input_tokens": 3,
                },
                "server_tool_use": {"web_search_requests": 1, "web_fetch_requests": 0},
            },
        ),
        (
            None,
            {
                "input_tokens": 0,
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 0,
                "output_tokens": 0,
            },
        ),
    ],
)
def test_F37_P90_P213_usage_of_other_dialects(usage, expected):
    assert shown(Text("x"), usage=usage)["usage"] == expected


def test_native_usage_comes_back_as_it_was():
    response = decode(usage=USAGE)
    assert json.loads(CODEC.server.encode_response(response, PLAIN))["usage"] == USAGE


def test_the_head_of_an_answer():
    found = shown(Text("x"))
    assert list(found) == [
        "id",
        "type",
        "role",
        "model",
        "content",
        "stop_reason",
        "stop_sequence",
        "usage",
    ]
    assert found["id"].startswith("msg_")
    assert (found["type"], found["role"]) == ("message", "assistant")
    assert found["model"] == "asked", "the name the client used (pitfall 229)"


def unsealed(value: str) -> Signature | None:
    return _envelope.unseal(value, "anthropic")


NATIVE = Signature("anthropic", "c2ln")
GEMINI = Signature("gemini", "Uw==")


def test_thinking_of_this_dialect():
    redacted = Signature("anthropic", "ZGF0YQ", "redacted")
    assert blocks(
        Thinking(("hm",), signature=NATIVE),
        Thinking(signature=NATIVE),
        Thinking(signature=redacted),
    ) == [
        {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
        {"type": "thinking", "thinking": "", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "ZGF0YQ"},
    ]


def test_F31a_thinking_of_others_is_one_block_with_an_envelope():
    signature = Signature("openai_responses", "gAAA", "enc", id="rs_1")
    [block] = blocks(Thinking(("a", "b"), summary=True, signature=signature))
    assert block["thinking"] == "a\n\nb"
    assert unsealed(block["signature"]) == signature


def test_thinking_without_a_signature_is_marked_as_such():
    [block] = blocks(Thinking(("a",)))
    assert block["signature"].startswith("mux1.")
    body = {
        "model": "m",
        "messages": [
            {"role": "user", "content": "x"},
            {"role": "assistant", "content": [block]},
            {"role": "user", "content": "y"},
        ],
    }
    request = CODEC.server.decode_request(json.dumps(body).encode())
    assert request.messages[1].parts == (Thinking(("a",)),)


def test_F30_the_signature_of_a_call_has_its_own_block_before_it():
    call = ToolCall("t1", "f", '{"a":1}', signature=GEMINI)
    plan, carrier, use = blocks(Thinking(("plan",)), call)
    assert plan["thinking"] == "plan"
    assert (carrier["type"], carrier["thinking"]) == ("thinking", "")
    assert unsealed(carrier["signature"]) == replace(GEMINI, id="t1")
    assert use == {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}}


def test_F30_the_signature_of_a_text_goes_before_the_next_block_and_never_last():
    said = Text("a", signature=GEMINI)
    words, carrier, more = blocks(said, Text("b"))
    assert (words["text"], carrier["thinking"], more["text"]) == ("a", "", "b")
    assert unsealed(carrier["signature"]) == replace(GEMINI, id="text")
    assert blocks(said) == [{"type": "text", "text": "a"}]


def test_a_client_that_did_not_enable_thinking_gets_none():
    call = ToolCall("t1", "f", "{}", signature=GEMINI)
    assert [
        block["type"] for block in blocks(Thinking(("hm",), signature=NATIVE), call, request=PLAIN)
    ] == ["tool_use"]


def test_a_client_that_hides_thinking_gets_the_signatures():
    hidden = Request("asked", reasoning=Reasoning(ReasoningState.ON, visible=Visibility.HIDDEN))
    found = blocks(Thinking(("hm",), signature=NATIVE), Thinking(("hm",)), request=hidden)
    assert found == [{"type": "thinking", "thinking": "", "signature": "c2ln"}]


def test_updates_between_tools_are_thinking_a_client_asked_for():
    own = {"anthropic": {"type": "between_tools"}}
    asked = Request("asked", reasoning=Reasoning(ReasoningState.OFF, ext=own))
    assert blocks(Thinking(("hm",), signature=NATIVE), request=asked)


def test_parts_of_other_dialects():
    assert blocks(
        Text("a"),
        Text(""),
        Refusal("no"),
        Text("cited", annotations=(Annotation(url="https://x", title="X", cited_text="c"),)),
        Media(MediaKind.IMAGE, SourceKind.BASE64, PNG, "image/png"),
        Media(MediaKind.AUDIO, SourceKind.BASE64, "UklG", transcript="spoken"),
        Opaque("gemini", {"x": 1}),
        ServerCall("file_search", "c", dialect="gemini", raw={}),
        ServerResult("file_search", "c", dialect="gemini", raw={}),
    ) == [
        {"type": "text", "text": "a"},
        {"type": "text", "text": "no"},
        {
            "type": "text",
            "text": "cited",
            "citations": [
                {
                    "type": "web_search_result_location",
                    "cited_text": "c",
                    "url": "https://x",
                    "title": "X",
                    "encrypted_index": _envelope.seal(Signature("none", ""), "anthropic"),
                }
            ],
        },
        {"type": "text", "text": "[The model made a medium of type image/png.]"},
        {"type": "text", "text": "spoken"},
    ]


def test_F25_a_web_search_elsewhere_is_one_that_is_over():
    search = ServerCall(
        "web_search", "ws_1", arguments='{"query":"q"}', dialect="openai_responses", raw={}
    )
    hits = (SearchHit("https://a", "A", "2 days ago"), SearchHit("https://b"))
    result = ServerResult("web_search", "ws_1", "openai_responses", hits=hits)
    asked, answered, said = blocks(search, result, Text("found"))
    assert (asked["type"], asked["name"]) == ("server_tool_use", "web_search")
    assert asked["input"] == {"query": "q"}
    assert asked["id"].startswith("srvtoolu_")
    sealed = _envelope.seal(Signature("none", ""), "anthropic")
    assert answered == {
        "type": "web_search_tool_result",
        "tool_use_id": asked["id"],
        "content": [
            {
                "type": "web_search_result",
                "title": title,
                "url": url,
                "encrypted_content": sealed,
                "page_age": age,
            }
            for title, url, age in (
                ("A", "https://a", "2 days ago"),
                ("https://b", "https://b", None),
            )
        ],
    }
    assert said["text"] == "found"


def test_a_search_that_failed_elsewhere():
    failed = ServerResult("web_search", "ws_1", "openai_responses", is_error=True)
    [block] = blocks(failed)
    assert block["content"]["type"] == "web_search_tool_result_error"


def test_calls_of_every_kind():
    calls = (
        ToolCall("call|1", "f", ""),
        ToolCall("t2", "f", '{"a": "cut'),
        ToolCall("t3", "p", "free text", kind=ToolKind.CUSTOM),
        ToolCall("t4", "f", "{}", ext={"anthropic": {"caller": {"type": "direct"}}}),
    )
    first, cut, free, own = blocks(*calls)
    assert first["id"].startswith("call_")
    assert (first["input"], cut["input"]) == ({}, {"a": "cut"})
    assert free["input"] == {"input": "free text"}
    assert own["caller"] == {"type": "direct"}


def test_an_error_under_a_good_status_is_an_error():
    body = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    with pytest.raises(Overloaded, match="Overloaded"):
        CODEC.client.decode_response(json.dumps(body).encode())


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b'{"content":"x"}', b"\xff"])
def test_bytes_that_are_no_answer(body):
    with pytest.raises(UpstreamProtocolError):
        CODEC.client.decode_response(body)


def test_a_block_that_is_not_what_it_says_is_skipped():
    content = [{"type": "text"}, 3, {"no": "type"}, {"type": "text", "text": "ok"}]
    assert decode(content=content).parts == (Text("ok"),)


def test_errors_of_decoding_are_ours():
    with pytest.raises(MuxError):
        CODEC.client.decode_response(b'{"type":"error"}')

"""Streams to clients: what is on the wire, and what the official SDK makes of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mux.codecs import _envelope
from mux.codecs.openai_chat import CODEC, ChatStreamEncoder
from mux.errors import ErrorKind
from mux.ir import (
    Annotation,
    AnnotationDelta,
    Answer,
    ArgsDelta,
    BlockStart,
    BlockStop,
    Choice,
    Event,
    Failure,
    Finish,
    Media,
    MediaKind,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Request,
    Response,
    ServerCall,
    ServerResult,
    Signature,
    SignatureDelta,
    SourceKind,
    Start,
    StopReason,
    Text,
    TextDelta,
    Thinking,
    ThinkingBreak,
    ThinkingDelta,
    TokenLogprob,
    ToolCall,
    ToolKind,
    Usage,
    UsageUpdate,
    Visibility,
    fold,
    unfold,
)
from tests import sdk

USAGE = Usage(input_total=120, output_total=30, cache_read=90, cache_write=20, reasoning=12)
STOP = Finish(StopReason.STOP)
CALLED = Finish(StopReason.TOOL_CALLS)


def asked(**fields: Any) -> Request:
    return Request("asked", stream=True, origin="openai_chat", **fields)


def encode(events: list[Event], request: Request | None = None) -> bytes:
    encoder = ChatStreamEncoder(request or asked())
    return b"".join(encoder.encode(event) for event in events) + encoder.eof()


def answer(*parts: Part, finish: Finish = STOP, usage: Usage | None = None) -> list[Event]:
    return unfold(Response("msg_1", "claude", 7, (Answer(parts, finish),), usage))


def payloads(body: bytes) -> list[Any]:
    lines = body.decode().split("\n\n")
    assert lines.pop() == ""
    assert all(line.startswith("data: ") for line in lines)
    return [line[6:] if line == "data: [DONE]" else json.loads(line[6:]) for line in lines]


def deltas(body: bytes) -> list[dict[str, Any]]:
    chunks = [chunk for chunk in payloads(body) if isinstance(chunk, dict)]
    return [choice["delta"] for chunk in chunks for choice in chunk["choices"]]


def test_the_bytes_of_a_plain_answer():
    body = encode(answer(Text("héllo\u2028")))
    head = (
        'data: {"id":"chatcmpl-%s","object":"chat.completion.chunk","created":7,"model":"asked",'
        '"choices":[{"index":0,"delta":'
    )
    lines = body.decode().split("\n\n")
    made = json.loads(lines[0][6:])["id"].removeprefix("chatcmpl-")
    assert len(made) == 32
    head %= made
    assert lines == [
        head + '{"role":"assistant","content":"","refusal":null},"logprobs":null,'
        '"finish_reason":null}]}',
        head + '{"content":"héllo\u2028"},"logprobs":null,"finish_reason":null}]}',
        head + '{},"logprobs":null,"finish_reason":"stop"}]}',
        "data: [DONE]",
        "",
    ]


def test_P30_P31_P32_P34_role_id_name_and_index():
    body = encode(
        answer(
            Text("a"),
            ToolCall("c1", "f", '{"x":1}'),
            ToolCall("c2", "g", "{}"),
            finish=CALLED,
        )
    )
    found = deltas(body)
    assert [delta.get("role") for delta in found] == ["assistant"] + [None] * (len(found) - 1)
    calls = [call for delta in found for call in delta.get("tool_calls", ())]
    assert calls == [
        {"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}},
        {"index": 0, "function": {"arguments": '{"x":1}'}},
        {"index": 1, "id": "c2", "type": "function", "function": {"name": "g", "arguments": ""}},
        {"index": 1, "function": {"arguments": "{}"}},
    ]
    seen = sdk.stream("openai_chat", body)
    assert seen.calls == [("f", {"x": 1}), ("g", {})]
    assert (seen.text, seen.finish) == ("a", "tool_calls")


def test_F16_a_call_without_arguments_has_empty_ones():
    events: list[Event] = [
        Start(),
        BlockStart(0, ToolCall("c", "f")),
        BlockStop(0),
        CALLED,
    ]
    assert sdk.stream("openai_chat", encode(events)).calls == [("f", {})]


def test_F38_P38_P39_usage_comes_last_and_only_if_asked_for():
    events = answer(Text("x"), usage=USAGE)
    *chunks, usage, done = payloads(encode(events, asked(include_usage=True)))
    assert done == "[DONE]"
    assert [chunk["usage"] for chunk in chunks] == [None] * len(chunks)
    assert usage["choices"] == []
    assert usage["usage"] == {
        "prompt_tokens": 120,
        "completion_tokens": 30,
        "total_tokens": 150,
        "prompt_tokens_details": {
            "cached_tokens": 90,
            "cache_write_tokens": 20,
            "audio_tokens": 0,
        },
        "completion_tokens_details": {
            "reasoning_tokens": 12,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
    assert all("usage" not in chunk for chunk in payloads(encode(events))[:-1])
    unknown = payloads(encode(answer(Text("x")), asked(include_usage=True)))
    assert all(chunk["choices"] for chunk in unknown[:-1])


def test_F10_P47_a_failure_is_an_error_and_then_nothing():
    encoder = ChatStreamEncoder(asked())
    out = encoder.encode(Start()) + encoder.encode(Failure(ErrorKind.OVERLOADED, "busy"))
    assert payloads(out)[-1] == {
        "error": {
            "message": "busy",
            "type": "service_unavailable_error",
            "param": None,
            "code": "server_is_overloaded",
        }
    }
    assert encoder.encode(TextDelta(0, "x")) == encoder.eof() == b""
    with pytest.raises(Exception, match="busy"):
        sdk.stream("openai_chat", out)


def test_F10_P47_a_stream_that_was_never_finished_ends_in_an_error():
    for events in ([], [Start()], [Start(), BlockStart(0, Text("")), TextDelta(0, "x")]):
        last = payloads(encode(events))[-1]
        assert last["error"]["type"] == "server_error"


def test_an_end_that_is_an_error():
    last = payloads(encode(answer(Text("x"), finish=Finish(StopReason.ERROR))))[-1]
    assert "error" in last


def test_P10_P11_pings_are_comments_that_the_sdk_skips():
    encoder = ChatStreamEncoder(asked())
    events = answer(Text("x"))
    body = encoder.ping().join(encoder.encode(event) for event in events) + encoder.eof()
    assert encoder.ping().startswith(b":")
    assert sdk.stream("openai_chat", body).text == "x"


# -- reasoning ------------------------------------------------------------------------------------


def test_P49_reasoning_has_a_field_of_its_own():
    events: list[Event] = [
        Start(),
        BlockStart(0, Thinking()),
        ThinkingDelta(0, "a"),
        ThinkingBreak(0),
        ThinkingDelta(0, "b"),
        BlockStop(0),
        BlockStart(1, Thinking(ext={"openai_chat": {"field": "reasoning"}})),
        ThinkingDelta(1, "c"),
        BlockStop(1),
        BlockStart(2, Text("")),
        TextDelta(2, "x"),
        BlockStop(2),
        STOP,
    ]
    assert deltas(encode(events))[1:-1] == [
        {"reasoning_content": "a"},
        {"reasoning_content": "\n\nb"},
        {"reasoning": "\n\nc"},
        {"content": "x"},
    ]
    hidden = asked(reasoning=Reasoning(visible=Visibility.HIDDEN))
    assert deltas(encode(events, hidden))[1:-1] == [{"content": "x"}]


def test_foreign_signatures_travel_with_the_next_call():
    signature = Signature("anthropic", "SIG")
    body = encode(
        answer(
            Thinking(("t",), signature=signature),
            Thinking(signature=Signature("anthropic", "RED", "redacted")),
            ToolCall("c", "f", "{}"),
            finish=CALLED,
        ),
        asked(reasoning=Reasoning(visible=Visibility.HIDDEN)),
    )
    opened = next(delta for delta in deltas(body) if "tool_calls" in delta)
    sealed = opened["tool_calls"][0]["extra_content"]["mux"]["sig"].split(",")
    assert _envelope.unseal(sealed[0], "openai_chat") == signature
    found = sdk.stream("openai_chat", body).raw.choices[0].message.tool_calls[0]
    assert found.extra_content["mux"]["sig"].split(",") == sealed


def test_geminis_signature_has_googles_key():
    body = encode(
        answer(ToolCall("c", "f", "{}", signature=Signature("gemini", "Uw==")), finish=CALLED)
    )
    call = sdk.stream("openai_chat", body).raw.choices[0].message.tool_calls[0]
    assert call.extra_content == {"google": {"thought_signature": "Uw=="}}


def test_P37_reasoning_details_are_one_list_with_indices():
    details = [{"type": "reasoning.text", "text": "t", "signature": "S"}]
    thinking = Thinking(("t",), signature=Signature("openai_chat", json.dumps(details)))
    found = deltas(encode(answer(thinking, Text("x"))))
    assert [delta["reasoning_details"] for delta in found if "reasoning_details" in delta] == [
        [{"index": 0, **details[0]}]
    ]


# -- text, refusals, media ------------------------------------------------------------------------


def test_neighbouring_texts_are_one_and_a_search_between_them_shows():
    search = ServerCall("web_search", "s", "web_search"), ServerResult("web_search", "s")
    body = encode(answer(Text("Let me look."), *search, Text("It is "), Text("so.")))
    assert sdk.stream("openai_chat", body).text == "Let me look.\n\nIt is so."


def test_P50_refusal_or_content_and_never_both():
    refused = answer(Refusal("no"), finish=Finish(StopReason.REFUSAL))
    body = encode(refused)
    message = sdk.stream("openai_chat", body).raw.choices[0].message
    assert (message.content or "", message.refusal) == ("", "no")
    assert payloads(body)[-2]["choices"][0]["finish_reason"] == "stop"
    both = answer(Text("Well, "), Refusal("no"), finish=Finish(StopReason.REFUSAL))
    whole = json.loads(CODEC.server.encode_response(fold(both), asked()))["choices"][0]
    assert (whole["message"]["content"], whole["message"]["refusal"]) == ("Well, no", None)
    late = encode(both)
    message = sdk.stream("openai_chat", late).raw.choices[0].message
    assert (message.content, message.refusal) == ("Well, no", None)


def test_words_after_a_refusal_belong_to_it():
    parts = (Refusal("No. "), Text("Really."))
    ended = Finish(StopReason.REFUSAL)
    message = sdk.stream("openai_chat", encode(answer(*parts, finish=ended))).raw.choices[0].message
    assert (message.content or "", message.refusal) == ("", "No. Really.")
    response = Response("r", "m", 1, (Answer(parts, ended),))
    whole = json.loads(CODEC.server.encode_response(response, asked()))["choices"][0]
    assert whole["message"] == {
        "role": "assistant",
        "content": None,
        "refusal": "No. Really.",
    }


def test_P115_a_refusal_without_words_is_a_filter_with_its_explanation():
    ended = Finish(StopReason.REFUSAL, explanation="policy")
    body = encode(answer(finish=ended))
    assert {"refusal": "policy"} in deltas(body)
    assert payloads(body)[-2]["choices"][0]["finish_reason"] == "content_filter"
    assert {"refusal": "policy"} not in deltas(encode(answer(Text("x"), finish=ended)))


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        (StopReason.STOP, "stop"),
        (StopReason.STOP_SEQUENCE, "stop"),
        (StopReason.LENGTH, "length"),
        (StopReason.CONTEXT_WINDOW, "length"),
        (StopReason.CONTINUATION, "length"),
        (StopReason.CONTENT_FILTER, "content_filter"),
        (StopReason.PAUSE, "stop"),
        (StopReason.MALFORMED_TOOL, "stop"),
        (StopReason.CANCELLED, "stop"),
        (StopReason.UNKNOWN, "stop"),
    ],
)
def test_reasons(reason, told):
    chunk = payloads(encode(answer(Text("x"), finish=Finish(reason, dialect="g", native="OTHER"))))
    assert chunk[-2]["choices"][0]["finish_reason"] == told


def test_annotations_come_in_one_chunk_with_offsets_in_the_whole_text():
    cited = Annotation("https://a.example", "A", 0, 2)
    spanned = Annotation("https://b.example", "B")
    nameless = Annotation(title="a book", cited_text="x")
    body = encode(answer(Text("ab", (cited,)), Text("cde", (spanned, nameless))))
    found = [delta["annotations"] for delta in deltas(body) if "annotations" in delta]
    assert [
        [
            (entry["url_citation"]["start_index"], entry["url_citation"]["end_index"])
            for entry in entries
        ]
        for entries in found
    ] == [[(0, 2), (2, 5)]]
    assert len(sdk.stream("openai_chat", body).raw.choices[0].message.annotations) == 2


def test_images_have_indices_and_speech_comes_in_pieces():
    picture = Media(MediaKind.IMAGE, SourceKind.BASE64, "iVBORw0KGgo=", "image/png")
    body = encode(answer(Text("x"), picture, picture))
    images = sdk.stream("openai_chat", body).raw.choices[0].message.images
    assert [image["index"] for image in images] == [0, 1]
    speech = Media(MediaKind.AUDIO, SourceKind.BASE64, "UklGRg==", "audio/wav", transcript="hi")
    message = sdk.stream("openai_chat", encode(answer(speech))).raw.choices[0].message
    assert (message.audio.data, message.audio.transcript) == ("UklGRg==", "hi")


def test_log_probabilities_stand_beside_their_delta():
    token = TokenLogprob("x", -0.5, (120,), (TokenLogprob("y", -1.5),))
    body = encode(answer(Text("x", logprobs=(token,))))
    choice = next(c for p in payloads(body)[:-1] for c in p["choices"] if c["logprobs"])
    assert choice["logprobs"] == {
        "content": [
            {
                "token": "x",
                "logprob": -0.5,
                "bytes": [120],
                "top_logprobs": [{"token": "y", "logprob": -1.5, "bytes": None}],
            }
        ],
        "refusal": None,
    }


def test_parts_of_other_dialects_are_passed_over():
    parts = (
        Opaque("anthropic", {"type": "x"}),
        ServerCall("mcp", "1", "tool", '{"a":1}', "anthropic", {}),
        ServerResult("mcp", "1", "anthropic", {}),
        Media(MediaKind.DOCUMENT, SourceKind.BASE64, "AA==", "application/pdf"),
        ToolCall("c", "f", '{"a":1}'),
    )
    seen = sdk.stream("openai_chat", encode(answer(*parts, finish=CALLED)))
    assert seen.calls == [("f", {"a": 1})]
    assert seen.text == ""


def test_free_text_calls_of_a_client_that_declared_them():
    body = encode(answer(ToolCall("c", "patch", "*** Begin", ToolKind.CUSTOM), finish=CALLED))
    calls = [call for delta in deltas(body) for call in delta.get("tool_calls", ())]
    assert calls == [
        {"index": 0, "id": "c", "type": "custom", "custom": {"name": "patch", "input": ""}},
        {"index": 0, "custom": {"input": "*** Begin"}},
    ]


def test_a_client_that_declared_functions_gets_one_function_call():
    body = encode(
        answer(ToolCall("c", "f", '{"x":1}'), ToolCall("d", "g", "{}"), finish=CALLED),
        asked(variant="functions"),
    )
    assert [delta for delta in deltas(body) if "function_call" in delta] == [
        {"function_call": {"name": "f", "arguments": ""}},
        {"function_call": {"arguments": '{"x":1}'}},
    ]
    assert not any("tool_calls" in delta for delta in deltas(body))
    assert payloads(body)[-2]["choices"][0]["finish_reason"] == "function_call"


# -- choices and ids ------------------------------------------------------------------------------


def test_P36_choices_begin_in_order_each_with_its_role():
    two = Response(
        "r", "m", 1, (Answer((Text("a"),), STOP), Answer((ToolCall("c", "f", "{}"),), CALLED))
    )
    body = encode(unfold(two))
    choices = [choice for payload in payloads(body)[:-1] for choice in payload["choices"]]
    assert [choice["index"] for choice in choices if choice["delta"].get("role")] == [0, 1]
    assert [choice["finish_reason"] for choice in choices if choice["finish_reason"]] == [
        "stop",
        "tool_calls",
    ]
    completion = sdk.stream("openai_chat", body).raw
    assert completion.choices[1].message.tool_calls[0].function.name == "f"
    assert any(isinstance(event, Choice) for event in unfold(two))


def test_P229_ids_and_models():
    def first(start: Start, request: Request) -> dict[str, Any]:
        return payloads(ChatStreamEncoder(request).encode(start))[-1]

    assert first(Start("x", "up", 1), asked())["model"] == "asked"
    assert first(Start("x", "up", 1), Request("", origin="openai_chat"))["model"] == "up"
    assert first(Start("chatcmpl-9", "m", 1), asked())["id"] == "chatcmpl-9"
    made = first(Start("msg_9", "m", 1), asked())["id"]
    assert made == first(Start("msg_9", "m", 1), asked())["id"] != "msg_9"
    own = Start("gen-9", "m", 1, {"openai_chat": {"system_fingerprint": "fp"}})
    assert first(own, asked())["id"] == "gen-9"
    assert first(own, asked())["system_fingerprint"] == "fp"


def test_a_stream_and_a_whole_answer_say_the_same():
    signature = Signature("anthropic", "SIG")
    response = Response(
        "msg_1",
        "claude",
        7,
        (
            Answer(
                (
                    Thinking(("t", "u"), signature=signature),
                    Text("ab", (Annotation("https://a.example", "A", 0, 1),)),
                    ToolCall("c", "f", '{"x":1}', signature=Signature("gemini", "Uw==")),
                ),
                CALLED,
            ),
        ),
        USAGE,
    )
    whole = json.loads(CODEC.server.encode_response(response, asked()))
    streamed = sdk.stream("openai_chat", encode(unfold(response), asked(include_usage=True))).raw
    message = streamed.choices[0].message.to_dict()
    expected = whole["choices"][0]["message"]
    call = message["tool_calls"][0]
    call.pop("index")
    call["function"].pop("parsed_arguments", None)  # the SDK's own
    assert call.pop("extra_content") == expected["tool_calls"][0].pop("extra_content")
    assert call == expected["tool_calls"][0]
    assert message["content"] == expected["content"]
    assert message["reasoning_content"] == expected["reasoning_content"] == "t\n\nu"
    assert message["annotations"] == expected["annotations"]
    assert streamed.usage.to_dict() == whole["usage"]
    assert fold(unfold(response)) == response


def test_every_event_has_a_handler():
    encoder = ChatStreamEncoder(asked())
    encoder.encode(Start())
    for event in (
        BlockStart(0, ServerCall("x")),
        ArgsDelta(0, "{}"),
        BlockStop(0),
        BlockStart(1, Text("")),
        SignatureDelta(1, Signature("gemini", "S")),
        AnnotationDelta(1, Annotation()),
        BlockStop(1),
        UsageUpdate(USAGE),
    ):
        assert encoder.encode(event) == b""
    assert CODEC.server.stream_type(asked()) == "text/event-stream; charset=utf-8"

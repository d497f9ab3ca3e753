"""Streams of every kind of host, read."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mux.codecs.openai_chat import CODEC, ChatStreamDecoder
from mux.errors import ErrorKind
from mux.ir import (
    Annotation,
    AnnotationDelta,
    ArgsDelta,
    BlockStart,
    BlockStop,
    Checker,
    Choice,
    Failure,
    Finish,
    Media,
    Start,
    StopReason,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    TokenLogprob,
    ToolCall,
    ToolKind,
    UsageUpdate,
    fold,
)
from tests.codecs.openai_chat.chunks import (
    DONE,
    calls,
    chunk,
    read,
    read_bytes,
    sse,
    text,
)

USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
START = Start("c1", "m", 5, {"openai_chat": {}})


def stop(reason: StopReason = StopReason.STOP, native: str = "stop") -> Finish:
    return Finish(reason, dialect="openai_chat", native=native)


def calls_of(*payloads, done: bool = True) -> list[tuple[str, str, str]]:
    parts = fold(read(*payloads, done=done)).parts
    return [(part.id, part.name, part.arguments) for part in parts if isinstance(part, ToolCall)]


def test_a_plain_answer():
    events = read(
        chunk({"role": "assistant", "content": ""}),
        text("Hel"),
        text("lo"),
        chunk(finish="stop"),
        {"id": "c1", "choices": [], "usage": USAGE},
    )
    assert events[:-2] == [
        START,
        BlockStart(0, Text("")),
        TextDelta(0, "Hel"),
        TextDelta(0, "lo"),
        BlockStop(0),
    ]
    usage = events[-2]
    assert isinstance(usage, UsageUpdate)
    assert (usage.usage.input_total, usage.usage.output_total) == (3, 2)
    assert events[-1] == stop()


def test_F01_P44_nothing_is_no_event_no_block_and_no_end():
    events = read(
        chunk({"content": "", "tool_calls": []}),
        chunk({"content": "x", "tool_calls": []}),
        chunk({"content": None, "tool_calls": None, "refusal": None, "function_call": None}),
        chunk({"content": ""}),
        chunk({"content": "y"}),
        chunk(finish="stop"),
    )
    assert events == [
        START,
        BlockStart(0, Text("")),
        TextDelta(0, "x"),
        TextDelta(0, "y"),
        BlockStop(0),
        stop(),
    ]


def test_F01_empty_calls_beside_every_text_do_not_cut_it():
    empty = {"index": 0, "id": "", "type": "function", "function": {"name": "", "arguments": ""}}
    beside = {"tool_calls": [empty], "function_call": {}, "audio": {}, "images": []}
    events = read(chunk({"content": "a", **beside}), chunk({"content": "b", **beside}))
    assert [event for event in events if isinstance(event, BlockStart)] == [BlockStart(0, Text(""))]
    assert fold(events).parts == (Text("ab"),)
    assert events[-1] == stop(native="")
    assert isinstance(read(chunk(beside), chunk(beside))[-1], Failure), "an answer of nothing"


def test_a_date_in_words_does_not_cost_the_answer():
    events = read(text("x", created="2026-01-01T00:00:00Z"), chunk(finish="stop", created=None))
    assert fold(events).parts == (Text("x"),)


def test_an_event_is_out_as_soon_as_its_last_byte_is_in():
    decoder = ChatStreamDecoder()
    body = sse(text("x"))
    assert decoder.feed(body[:-1]) == []
    assert decoder.feed(body[-1:])[-1] == TextDelta(0, "x")


# -- how streams end ------------------------------------------------------------------------------


def test_F08_P45_a_bare_done_after_content_is_an_end():
    assert read(text("x"))[-1] == stop(native="")
    events = read(calls(id="a", name="f", args='{"a":1}'))
    assert events[-1].reason is StopReason.TOOL_CALLS


def test_F10_a_call_that_is_cut_off_is_never_closed():
    for arguments in ('{"a":{"b":1}', '{"a":', "{"):
        for done in (True, False):
            events = read(calls(id="a", name="f", args=arguments), done=done)
            assert isinstance(events[-1], Failure)
            assert BlockStop(0) not in events


def test_F09_an_end_of_bytes_after_the_reason_is_an_end():
    assert read(text("x"), chunk(finish="stop"), done=False)[-1] == stop()


def test_F10_P46_an_end_of_bytes_without_a_reason_is_a_failure():
    last = read(text("x"), done=False)[-1]
    assert isinstance(last, Failure)
    assert last.kind is ErrorKind.SERVER
    assert "closed the stream" in last.message


@pytest.mark.parametrize("body", [b"", b": ping\n\n", DONE, sse(chunk({"role": "assistant"}))])
def test_an_answer_without_anything_is_a_failure(body):
    assert isinstance(read_bytes(body)[-1], Failure)
    assert isinstance(read_bytes(body + DONE)[-1], Failure)


def test_an_empty_answer_that_says_why_is_an_answer():
    assert read(chunk(finish="content_filter"))[1:] == [
        stop(StopReason.CONTENT_FILTER, "content_filter")
    ]


def test_F09_what_comes_after_the_end_is_ignored():
    body = sse(text("x"), chunk(finish="stop")) + DONE
    late = sse(text("more")) + b"data: not json\n\n" + DONE
    assert read_bytes(body + late) == read_bytes(body)


def test_P42_content_after_the_reason_is_not_lost_and_a_second_reason_is_the_same():
    events = read(text("x", finish="stop"), text("y"), chunk(finish="stop"))
    assert fold(events).parts == (Text("xy"),)
    assert sum(isinstance(event, Finish) for event in events) == 1


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("length", StopReason.LENGTH),
        ("content_filter", StopReason.CONTENT_FILTER),
        ("eos", StopReason.STOP),
        ("model_length", StopReason.CONTEXT_WINDOW),
        ("abort", StopReason.CANCELLED),
        ("surprise", StopReason.UNKNOWN),
    ],
)
def test_reasons(reason, expected):
    assert read(text("x"), chunk(finish=reason))[-1] == stop(expected, reason)


def test_snowflakes_empty_reason_is_none():
    assert read(text("x"), chunk(finish=""))[-1] == stop(native="")


def test_P40_P41_the_reason_agrees_with_the_calls():
    called = read(calls(id="a", name="f", args="{}"), chunk(finish="stop"))[-1]
    assert called == stop(StopReason.TOOL_CALLS, "")
    idle = read(text("x"), chunk(finish="tool_calls"))[-1]
    assert idle == stop(StopReason.STOP, "")
    short = read(calls(id="a", name="f", args="{}"), chunk(finish="length"))[-1]
    assert short.reason is StopReason.LENGTH


# -- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        ({"message": "busy", "type": "server_error"}, ErrorKind.SERVER, ""),
        ({"message": "busy", "code": "server_is_overloaded"}, ErrorKind.OVERLOADED, None),
        ({"message": "slow", "type": "rate_limit_error"}, ErrorKind.RATE_LIMIT, ""),
        ({"message": "Token limit reached", "code": 400}, ErrorKind.INVALID_REQUEST, ""),
        (
            {"message": "no", "code": "tool_use_failed", "status_code": 400},
            ErrorKind.INVALID_REQUEST,
            "tool_use_failed",
        ),
        (
            {"message": "This model's maximum context length is 5 tokens", "code": 400},
            ErrorKind.CONTEXT_LENGTH,
            "",
        ),
        ("just words", ErrorKind.SERVER, "just words"),
        ({}, None, None),
    ],
)
def test_P47_an_error_in_the_stream_is_a_failure_of_its_kind(error, kind, code):
    body = sse(text("x"), {"error": error}) + DONE
    if kind is None:  # falsy: no error at all
        assert read_bytes(body)[-1] == stop(native="")
        return
    last = read_bytes(body)[-1]
    assert isinstance(last, Failure)
    assert last.kind is kind
    assert last.code == (error["code"] if code is None else code)


def test_the_usage_of_a_failed_answer_is_still_told():
    events = read(text("x"), {**chunk(usage=USAGE), "error": {"message": "m", "code": 400}})
    assert [type(event) for event in events[-2:]] == [UsageUpdate, Failure]


@pytest.mark.parametrize("reason", ["error", "insufficient_system_resource"])
def test_a_reason_that_is_an_error(reason):
    assert isinstance(read(text("x"), chunk(finish=reason))[-1], Failure)


def test_bytes_that_are_not_the_dialect():
    assert isinstance(read_bytes(b"<html>Bad gateway</html>")[-1], Failure)
    assert isinstance(read_bytes(sse(text("x")) + b"data: {oops\n\n")[-1], Failure)


def test_json_of_another_shape_is_skipped():
    events = read(
        text("a"),
        [1, 2],
        {"choices": 7},
        {"object": "ping"},
        {**text("b"), "usage": "later", "service_tier": 3, "moderation": [1]},
        chunk(finish="stop"),
    )
    assert fold(events).parts == (Text("ab"),)


# -- tool calls -----------------------------------------------------------------------------------


def test_a_call_in_pieces():
    events = read(
        calls(id="a", type="function", name="f", args=""),
        calls(args='{"x"'),
        calls(args=":1}"),
        chunk(finish="tool_calls"),
    )
    assert events[1:] == [
        BlockStart(0, ToolCall("a", "f")),
        ArgsDelta(0, '{"x"'),
        ArgsDelta(0, ":1}"),
        BlockStop(0),
        stop(StopReason.TOOL_CALLS, "tool_calls"),
    ]


def test_P31_id_and_name_on_every_piece_are_said_once():
    assert calls_of(calls(id="a", name="f", args="{"), calls(id="a", name="f", args="}")) == [
        ("a", "f", "{}")
    ]


def test_F05_interleaved_calls_come_one_after_the_other():
    events = read(
        calls(0, id="a", name="f"),
        calls(1, id="b", name="g"),
        calls(0, args='{"x":'),
        calls(1, args='{"y":2}'),
        calls(0, args="1}"),
        chunk(finish="tool_calls"),
    )
    assert [type(event).__name__ for event in events[1:-1]] == [
        "BlockStart",
        "ArgsDelta",
        "ArgsDelta",
        "BlockStop",
        "BlockStart",
        "ArgsDelta",
        "BlockStop",
    ]
    assert fold(events).parts == (ToolCall("a", "f", '{"x":1}'), ToolCall("b", "g", '{"y":2}'))


def test_F05_another_id_under_the_same_index_is_another_call():
    assert calls_of(
        calls(0, id="a", name="f", args='{"x":1}'), calls(0, id="b", name="f", args='{"x":2}')
    ) == [("a", "f", '{"x":1}'), ("b", "f", '{"x":2}')]


def test_F05_an_id_made_anew_for_every_piece_is_no_other_call():
    assert calls_of(
        calls(id="a", name="f", args='{"x":'),
        calls(id="b", name="f", args="[1"),
        calls(id="c", args="]}"),
        calls(id="d", name="f", args='{"x":2}'),
    ) == [("a", "f", '{"x":[1]}'), ("d", "f", '{"x":2}')]


def test_F05_calls_under_one_index_are_told_apart_by_their_ids():
    assert calls_of(
        calls(0, id="a", name="f"),
        calls(0, id="b", name="g"),
        calls(0, id="a", args='{"x":'),
        calls(0, id="b", args='{"y":2}'),
        calls(0, id="a", args="1}"),
    ) == [("a", "f", '{"x":1}'), ("b", "g", '{"y":2}')]


def test_an_index_in_quotes_is_one():
    assert calls_of(calls("0", id="a", name="f"), calls("0", args="{}")) == [("a", "f", "{}")]


def test_a_whole_message_inside_of_a_stream_is_read_unless_there_is_a_delta():
    whole = {"message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}
    assert fold(read({"id": "c1", "choices": [whole]})).parts == (Text("x"),)
    both = {**whole, "delta": {"content": "y"}}
    assert fold(read({"id": "c1", "choices": [both]})).parts == (Text("y"),)


def test_F05_pieces_without_an_id_go_on_with_the_latest_call_of_their_index():
    assert calls_of(
        calls(0, id="a", name="f", args=""),
        calls(0, args='{"x":1}'),
        calls(0, id="b", name="f", args=""),
        calls(0, args='{"x":2}'),
    ) == [("a", "f", '{"x":1}'), ("b", "f", '{"x":2}')]


def test_F05_a_whole_call_under_a_used_index_without_an_id_is_another_call():
    found = calls_of(calls(0, name="f", args='{"x":1}'), calls(0, name="f", args='{"x":2}'))
    assert [entry[1:] for entry in found] == [("f", '{"x":1}'), ("f", '{"x":2}')]
    assert len({entry[0] for entry in found}) == 2


def test_P33_calls_without_an_index():
    two = chunk({"tool_calls": [{"id": key, "function": {"name": key, "arguments": "{}"}}
                                for key in ("a", "b")]})  # fmt: skip
    assert calls_of(two) == [("a", "a", "{}"), ("b", "b", "{}")]
    assert calls_of(calls(None, id="a", name="f", args='{"x"'), calls(None, args=":1}")) == [
        ("a", "f", '{"x":1}')
    ]


def test_F23_P34_a_call_starts_when_its_name_is_known_and_never_without_one():
    events = read(
        calls(id="a"),
        calls(args='{"x"'),
        calls(name="f"),
        calls(args=":1}"),
        calls(1, id="b", name="", args="{}"),
        chunk(finish="tool_calls"),
    )
    assert fold(events).parts == (ToolCall("a", "f", '{"x":1}'),)
    assert events[1] == BlockStart(0, ToolCall("a", "f"))


def test_F23_a_missing_id_is_made_up_once_and_always_the_same():
    payloads = (calls(name="f", args="{}"), calls(1, name="f", args="{}"))
    first = calls_of(*payloads)
    assert first == calls_of(*payloads)
    assert first[0][0].startswith("call_")
    assert first[0][0] != first[1][0]
    whole = {
        "id": "c1",
        "choices": [
            {
                "index": 0,
                "message": {
                    "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}] * 2,
                },
            }
        ],
    }
    parts = CODEC.client.decode_response(json.dumps(whole).encode()).parts
    assert [part.id for part in parts if isinstance(part, ToolCall)] == [first[0][0], first[1][0]]


def test_F16_P168_no_arguments_are_empty_ones():
    assert calls_of(calls(id="a", name="f", args="")) == [("a", "f", "{}")]
    assert calls_of(calls(id="a", name="f"), calls(1, id="b", name="g")) == [
        ("a", "f", "{}"),
        ("b", "g", "{}"),
    ]


def test_arguments_as_an_object():
    assert calls_of(calls(id="a", name="f", args={"x": 1})) == [("a", "f", '{"x":1}')]


def test_text_and_calls_keep_their_order():
    events = read(
        text("before"),
        calls(id="a", name="f", args="{}"),
        text("after"),
        chunk(finish="tool_calls"),
    )
    assert fold(events).parts == (Text("before"), ToolCall("a", "f", "{}"), Text("after"))


def test_free_text_calls():
    events = read(
        chunk({"tool_calls": [{"index": 0, "id": "a", "type": "custom",
                               "custom": {"name": "p", "input": ""}}]}),
        chunk({"tool_calls": [{"index": 0, "custom": {"input": "*** "}}]}),
        chunk({"tool_calls": [{"index": 0, "custom": {"input": "Begin"}}]}),
        chunk(finish="tool_calls"),
    )  # fmt: skip
    assert fold(events).parts == (ToolCall("a", "p", "*** Begin", ToolKind.CUSTOM),)


def test_the_old_function_call():
    events = read(
        chunk({"function_call": {"name": "f", "arguments": ""}}),
        chunk({"function_call": {"arguments": '{"x":1}'}}),
        chunk(finish="function_call"),
    )
    [part] = fold(events).parts
    assert isinstance(part, ToolCall)
    assert (part.name, part.arguments) == ("f", '{"x":1}')
    assert events[-1] == stop(StopReason.TOOL_CALLS, "function_call")


def test_googles_signature_travels_with_the_call():
    extra = {"google": {"thought_signature": "Uw=="}}
    events = read(calls(id="a", name="f", args="{}", extra_content=extra))
    [part] = fold(events).parts
    assert isinstance(part, ToolCall)
    assert part.signature is not None
    assert part.signature.dialect == "openai_chat"
    assert json.loads(part.signature.value) == extra
    late = read(calls(id="a", name="f", args="{}"), calls(extra_content=extra))
    assert fold(late).parts == (part,)
    assert fold(read(calls(id="a", name="f", extra_content=None))).parts == (
        ToolCall("a", "f", "{}"),
    )


# -- reasoning ------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_F31b_reasoning_under_both_names(field):
    events = read(chunk({field: "hm"}), chunk({field: "m"}), text("42"), chunk(finish="stop"))
    thinking, answer = fold(events).parts
    assert isinstance(thinking, Thinking)
    assert thinking.texts == ("hmm",)
    assert answer == Text("42")
    assert events[1:3] == [BlockStart(0, Thinking(ext=thinking.ext)), ThinkingDelta(0, "hm")]


def test_reasoning_of_a_host_that_says_it_twice_is_taken_once():
    events = read(chunk({"reasoning": "hm", "reasoning_content": "hm"}), text("42"))
    assert fold(events).parts[0] == Thinking(("hm",))


def test_openrouters_details_are_collected_into_a_signature():
    def details(*entries):
        return chunk({"reasoning": entries[0].get("text"), "reasoning_details": list(entries)})

    kind = {"type": "reasoning.text", "format": "anthropic-claude-v1", "index": 0}
    events = read(
        details({**kind, "text": "", "signature": ""}),
        details({**kind, "text": "a"}),
        details({**kind, "text": "b"}),
        details({**kind, "signature": "SIG"}),
        text("42"),
    )
    thinking, _ = fold(events).parts
    assert isinstance(thinking, Thinking)
    assert thinking.texts == ("ab",)
    assert thinking.signature is not None
    assert json.loads(thinking.signature.value) == [{**kind, "text": "ab", "signature": "SIG"}]


def test_details_alone_are_read_entry_by_entry():
    events = read(
        chunk({"reasoning_details": [{"type": "reasoning.summary", "summary": "A", "index": 0}]}),
        chunk({"reasoning_details": [{"type": "reasoning.summary", "summary": "a", "index": 0}]}),
        chunk({"reasoning_details": [{"type": "reasoning.encrypted", "data": "D", "index": 1}]}),
        chunk({"reasoning_details": [{"type": "reasoning.summary", "summary": "B", "index": 2}]}),
        text("42"),
    )
    thinking = fold(events).parts[0]
    assert isinstance(thinking, Thinking)
    assert thinking.texts == ("Aa", "B")
    assert thinking.signature is not None
    assert [entry["index"] for entry in json.loads(thinking.signature.value)] == [0, 1, 2]


def test_mistrals_list_of_content():
    def thought(words):
        return {"type": "thinking", "thinking": [{"type": "text", "text": words}]}

    events = read(
        chunk({"content": [thought("h")]}),
        chunk({"content": [thought("m"), {"type": "text", "text": "4"}]}),
        text("2"),
        chunk(finish="stop"),
    )
    assert fold(events).parts == (Thinking(("hm",)), Text("42"))


# -- everything else ------------------------------------------------------------------------------


def test_azures_first_chunk_is_not_the_start():
    filters = [{"prompt_index": 0, "content_filter_results": {}}]
    events = read(
        {"choices": [], "created": 0, "id": "", "model": "", "prompt_filter_results": filters},
        text("x", system_fingerprint="fp"),
        chunk(finish="stop", choice={"content_filter_results": {"hate": {"filtered": False}}}),
    )
    own = {"prompt_filter_results": filters, "system_fingerprint": "fp"}
    assert events[0] == Start("c1", "m", 5, {"openai_chat": own})
    assert events[-1].ext == {
        "openai_chat": {"content_filter_results": {"hate": {"filtered": False}}}
    }


def test_P39_usage_is_cumulative_and_the_last_one_stands():
    first = {**USAGE, "completion_tokens": 1}
    events = read(text("x", usage=first), text("y", usage=USAGE, finish="stop"))
    usages = [event.usage.output_total for event in events if isinstance(event, UsageUpdate)]
    assert usages == [2]


def test_groqs_usage_stands_apart():
    events = read(text("x"), chunk(finish="stop", x_groq={"id": "r", "usage": USAGE}))
    assert isinstance(events[-2], UsageUpdate)
    assert events[-2].usage.input_total == 3


def test_a_stream_without_usage_tells_none():
    assert not any(isinstance(event, UsageUpdate) for event in read(text("x")))


def test_refusals():
    events = read(chunk({"refusal": "I "}), chunk({"refusal": "won't"}), chunk(finish="stop"))
    assert fold(events).parts[0].text == "I won't"
    assert events[-1].reason is StopReason.REFUSAL


def test_log_probabilities_come_with_their_text():
    token = {"token": "x", "logprob": -0.5, "bytes": [120], "top_logprobs": []}
    events = read(text("x", choice={"logprobs": {"content": [token], "refusal": None}}))
    assert events[2] == TextDelta(0, "x", (TokenLogprob("x", -0.5, (120,)),))


def test_annotations_belong_to_the_text_they_follow():
    raw = {
        "type": "url_citation",
        "url_citation": {"url": "u", "title": "t", "start_index": 0, "end_index": 1},
    }
    events = read(text("x"), chunk({"annotations": [raw]}), text("y"), chunk(finish="stop"))
    cited = Annotation("u", "t", 0, 1, dialect="openai_chat", raw=raw)
    assert events[4] == AnnotationDelta(0, cited)
    assert fold(events).parts == (Text("xy", (cited,)),)


def test_annotations_without_text_have_a_text_of_their_own():
    raw = {"type": "file", "file": {"name": "a.pdf"}}
    events = read(chunk({"annotations": [raw]}), calls(id="a", name="f", args="{}"))
    assert fold(events).parts == (
        ToolCall("a", "f", "{}"),
        Text("", (Annotation(dialect="openai_chat", raw=raw),)),
    )


def test_text_while_a_call_is_open_waits_for_its_turn():
    events = read(
        calls(id="a", name="f", args='{"x":'),
        text("and "),
        text("then"),
        calls(args="1}"),
        chunk(finish="tool_calls"),
    )
    assert fold(events).parts == (ToolCall("a", "f", '{"x":1}'), Text("and then"))


def test_speech_that_is_not_base64_is_kept_as_it_is():
    events = read(chunk({"audio": {"data": "a"}}), chunk({"audio": {"data": "b"}}))
    [audio] = fold(events).parts
    assert isinstance(audio, Media)
    assert audio.data == "ab"


def test_images_and_speech():
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    events = read(text("see"), chunk({"images": [picture]}), chunk(finish="stop"))
    image = fold(events).parts[1]
    assert isinstance(image, Media)
    assert image.mime == "image/png"
    spoken = read(
        chunk({"audio": {"id": "audio_1"}}),
        chunk({"audio": {"data": base64.b64encode(b"ab").decode(), "transcript": "h"}}),
        chunk({"audio": {"data": base64.b64encode(b"cde").decode(), "transcript": "i"}}),
        chunk({"audio": {"expires_at": 9}}, finish="stop"),
    )
    [audio] = fold(spoken).parts
    assert isinstance(audio, Media)
    assert base64.b64decode(audio.data) == b"abcde"
    assert audio.transcript == "hi"
    assert audio.ext == {"openai_chat": {"id": "audio_1", "expires_at": 9}}


def test_a_late_moderation_travels_in_the_finish():
    late = {"id": "c1", "choices": [], "moderation": {"input": {"type": "error"}}}
    events = read(text("x"), chunk(finish="stop"), late)
    assert events[-1].ext == {"openai_chat": {"moderation": {"input": {"type": "error"}}}}


def test_several_choices_come_one_after_the_other():
    events = read(
        chunk({"content": "b"}, index=1),
        chunk({"content": "a"}, index=0),
        chunk({"content": "B"}, index=1),
        chunk(index=1, finish="length"),
        chunk(index=0, finish="stop"),
        {"choices": [], "usage": USAGE},
    )
    assert [type(event).__name__ for event in events] == [
        "Start", "BlockStart", "TextDelta", "BlockStop", "Finish", "Choice",
        "BlockStart", "TextDelta", "TextDelta", "BlockStop", "UsageUpdate", "Finish",
    ]  # fmt: skip
    response = fold(events)
    assert [answer.parts for answer in response.answers] == [(Text("a"),), (Text("bB"),)]
    assert Choice(1) in events
    assert response.answers[1].finish.reason is StopReason.LENGTH


def test_F14_framing_of_every_sort():
    for body in (
        b'data:{"id":"c1","choices":[{"delta":{"content":"x"},"finish_reason":"stop"}]}\r\n\r\n'
        b"data:[DONE]\r\n\r\n",
        b"\xef\xbb\xbf: OPENROUTER PROCESSING\n\nevent: message\n"
        b'data: {"id":"c1","choices":[{"delta":\ndata: {"content":"x"}}]}\n\ndata: [DONE]',
    ):
        assert fold(read_bytes(body)).parts == (Text("x"),)


def test_P6_line_separators_of_unicode_are_text():
    assert fold(read(text("a\u2028b\u0085c"))).parts == (Text("a\u2028b\u0085c"),)


@given(st.lists(st.binary(max_size=60), max_size=8))
def test_no_bytes_make_it_raise(pieces):
    decoder, check = ChatStreamDecoder(), Checker()
    for piece in pieces:
        for event in decoder.feed(piece):
            check(event)
    for event in decoder.eof():
        check(event)
    assert check.done
    assert decoder.feed(DONE) == decoder.eof() == []


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=3), lambda inner:
    st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from([
        "id", "choices", "delta", "content", "tool_calls", "function", "arguments", "index",
        "usage", "error", "message", "logprobs", "reasoning_details", "annotations", "audio",
    ]), inner, max_size=4), max_leaves=12))  # fmt: skip
def test_no_json_makes_it_raise(value):
    read(text("x"), value, chunk({"content": value}), {"choices": [value]})


@pytest.mark.parametrize("value", [b"[" * 3000 + b"]" * 3000, b'"\\ud83d"', b'{"a":"\\uZZZZ"}'])
def test_bad_json_beside_the_text_does_no_harm(value):
    body = b'data: {"id":"c","choices":[{"delta":{"content":"x"}}],"moderation":%b}\n\n' % value
    last = read_bytes(body + DONE)[-1]
    assert isinstance(last, Finish | Failure)


def test_a_negative_choice_is_the_first():
    events = read(text("x"), {"choices": [{"index": -1, "delta": {"content": "y"}}]})
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "xy"

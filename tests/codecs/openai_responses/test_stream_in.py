"""Streams of upstreams of this dialect."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mux.codecs.openai_responses import CODEC
from mux.codecs.openai_responses._own import DIALECT
from mux.errors import ErrorKind
from mux.ir import (
    AnnotationDelta,
    ArgsDelta,
    BlockStart,
    BlockStop,
    Checker,
    Failure,
    Finish,
    Media,
    Opaque,
    Refusal,
    ServerCall,
    ServerResult,
    Signature,
    SignatureDelta,
    Start,
    StopReason,
    Text,
    TextDelta,
    Thinking,
    ThinkingBreak,
    ThinkingDelta,
    ToolCall,
    ToolKind,
    Usage,
    UsageUpdate,
    fold,
)
from tests.codecs.openai_responses.telling import (
    CREATED,
    added,
    delta,
    done,
    ended,
    heard,
    sse,
)

MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant"}
CALL = {"id": "fc_1", "type": "function_call", "call_id": "c1", "name": "f"}
FULL = json.dumps({"a": 1})


def content(text: str, **more) -> dict:
    return {"content": [{"type": "output_text", "text": text, "annotations": [], **more}]}


def test_a_message_is_a_text_block():
    usage = {
        "input_tokens": 9,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 1},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 2},
        "total_tokens": 14,
    }
    events = heard(
        sse(
            CREATED,
            added(0, **MESSAGE, status="in_progress", content=[], phase="final_answer"),
            delta("output_text", 0, "msg_1", "Hel"),
            delta("output_text", 0, "msg_1", "lo"),
            done(0, **MESSAGE, status="completed", phase="final_answer", **content("Hello")),
            ended(usage=usage),
        )
    )
    about = {"message": {"id": "msg_1", "phase": "final_answer"}}
    assert events == [
        Start("resp_1", "m", 1, {DIALECT: {}}),
        BlockStart(0, Text("", ext={DIALECT: about})),
        TextDelta(0, "Hel"),
        TextDelta(0, "lo"),
        BlockStop(0),
        UsageUpdate(Usage(9, 5, 4, 1, reasoning=2, dialect=DIALECT, raw=usage)),
        Finish(StopReason.STOP, dialect=DIALECT, native="completed"),
    ]


@pytest.mark.parametrize(
    "told",
    [
        [done(0, **CALL, arguments=FULL)],
        [
            {
                "type": "response.function_call_arguments.done",
                "item_id": "fc_1",
                "output_index": 0,
                "arguments": FULL,
            },
            done(0, **CALL, arguments=FULL),
        ],
        [
            delta("function_call_arguments", 0, "fc_1", FULL[:3]),
            done(0, **CALL, arguments=FULL),
        ],
        [
            delta("function_call_arguments", 0, "fc_1", FULL[:3]),
            delta("function_call_arguments", 0, "fc_1", FULL[3:]),
            {
                "type": "response.function_call_arguments.done",
                "item_id": "fc_1",
                "output_index": 0,
                "arguments": FULL,
            },
            done(0, **CALL, arguments=FULL),
        ],
        [delta("function_call_arguments", 0, "fc_1", FULL)],
    ],
)
def test_F02_arguments_come_once_whatever_event_brings_them(told):
    events = heard(sse(CREATED, added(0, **CALL, arguments=""), *told, ended()))
    response = fold(events)
    assert response.parts == (ToolCall("c1", "f", FULL, ext={DIALECT: {"id": "fc_1"}}),)
    assert response.finish.reason is StopReason.TOOL_CALLS


def test_F06_deltas_belong_to_the_item_they_name():
    other = {"id": "fc_2", "type": "function_call", "call_id": "c2", "name": "g"}
    events = heard(
        sse(
            CREATED,
            added(0, **CALL, arguments=""),
            added(1, **other, arguments=""),
            delta("function_call_arguments", 0, "fc_2", '{"b":2}'),
            delta("function_call_arguments", 1, "fc_1", '{"a":1}'),
            done(0, **other, arguments='{"b":2}'),
            done(1, **CALL, arguments='{"a":1}'),
            ended(),
        )
    )
    calls = [part for part in fold(events).parts if isinstance(part, ToolCall)]
    assert [(call.id, call.arguments) for call in calls] == [("c1", '{"a":1}'), ("c2", '{"b":2}')]


def test_P53_ids_that_rotate_are_found_by_their_place():
    events = heard(
        sse(
            CREATED,
            added(0, **{**MESSAGE, "id": "a"}, content=[]),
            delta("output_text", 0, "b", "Hel"),
            delta("output_text", 0, "c", "lo"),
            done(0, **{**MESSAGE, "id": "d"}, **content("Hello")),
            ended(),
        )
    )
    assert [part.text for part in fold(events).parts if isinstance(part, Text)] == ["Hello"]


def test_F05_interleaved_calls_come_one_after_the_other():
    other = {"id": "fc_2", "type": "function_call", "call_id": "c2", "name": "g"}
    events = heard(
        sse(
            CREATED,
            added(0, **CALL, arguments=""),
            added(1, **other, arguments=""),
            delta("function_call_arguments", 0, "fc_1", '{"a"'),
            delta("function_call_arguments", 1, "fc_2", '{"b"'),
            delta("function_call_arguments", 0, "fc_1", ":1}"),
            delta("function_call_arguments", 1, "fc_2", ":2}"),
            ended(),
        )
    )
    calls = [part for part in fold(events).parts if isinstance(part, ToolCall)]
    assert [call.arguments for call in calls] == ['{"a":1}', '{"b":2}']


def test_F23_a_call_without_a_name_waits_for_it():
    nameless = {key: value for key, value in CALL.items() if key != "name"}
    events = heard(
        sse(
            CREATED,
            added(0, **nameless, arguments=""),
            delta("function_call_arguments", 0, "fc_1", FULL),
            done(0, **CALL, arguments=FULL),
            ended(),
        )
    )
    assert [type(event) for event in events[1:4]] == [BlockStart, ArgsDelta, BlockStop]
    assert fold(events).parts[0] == ToolCall("c1", "f", FULL, ext={DIALECT: {"id": "fc_1"}})


def test_custom_calls_and_namespaces():
    item = {
        "id": "ctc_1",
        "type": "custom_tool_call",
        "call_id": "c",
        "name": "exec",
        "namespace": "functions",
    }
    events = heard(
        sse(
            CREATED,
            added(0, **item, input=""),
            delta("custom_tool_call_input", 0, "ctc_1", "*** Be"),
            delta("custom_tool_call_input", 0, "ctc_1", "gin"),
            done(0, **item, input="*** Begin"),
            ended(),
        )
    )
    [call] = fold(events).parts
    assert isinstance(call, ToolCall)
    assert (call.kind, call.namespace) == (ToolKind.CUSTOM, "functions")
    assert call.arguments == "*** Begin"


def test_P66_the_ciphertext_is_that_of_the_closing_event():
    item = {"id": "rs_1", "type": "reasoning"}
    summary = [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}]
    events = heard(
        sse(
            CREATED,
            added(0, **item, summary=[], encrypted_content="half"),
            delta("reasoning_summary_text", 0, "rs_1", "a", summary_index=0),
            delta("reasoning_summary_text", 0, "rs_1", "b", summary_index=1),
            done(0, **item, summary=summary, encrypted_content="whole"),
            ended(),
        )
    )
    assert events[1:-1] == [
        BlockStart(0, Thinking(summary=True, id="rs_1", ext={DIALECT: {}})),
        ThinkingDelta(0, "a"),
        ThinkingBreak(0),
        ThinkingDelta(0, "b"),
        SignatureDelta(0, Signature(DIALECT, "whole", "enc", id="rs_1")),
        BlockStop(0),
    ]


def test_open_reasoning_is_no_summary():
    item = {"id": "rs_1", "type": "reasoning", "summary": []}
    events = heard(
        sse(
            CREATED,
            added(0, **item),
            delta("reasoning_text", 0, "rs_1", "hm", content_index=0),
            done(0, **item, content=[{"type": "reasoning_text", "text": "hm"}]),
            ended(),
        )
    )
    assert fold(events).parts == (Thinking(("hm",), id="rs_1", ext={DIALECT: {}}),)


def test_reasoning_that_says_and_hides_nothing_is_kept_for_its_own_dialect_only():
    item = {"id": "rs_1", "type": "reasoning", "summary": []}
    events = heard(sse(CREATED, added(0, **item), done(0, **item), ended()))
    assert fold(events).parts == (Opaque(DIALECT, item),)


def test_refusals_end_as_refusals():
    part = {"type": "refusal", "refusal": "I cannot"}
    events = heard(
        sse(
            CREATED,
            added(0, **MESSAGE, content=[]),
            delta("refusal", 0, "msg_1", "I can", content_index=0),
            done(0, **MESSAGE, content=[part]),
            ended(),
        )
    )
    response = fold(events)
    about = {"message": {"id": "msg_1"}}
    assert response.parts == (Refusal("I cannot", ext={DIALECT: about}),)
    assert response.finish.reason is StopReason.REFUSAL


def test_citations_come_once():
    cited = {"type": "url_citation", "url": "u", "title": "t", "start_index": 0, "end_index": 2}
    second = {**cited, "url": "v"}
    events = heard(
        sse(
            CREATED,
            added(0, **MESSAGE, content=[]),
            delta("output_text", 0, "msg_1", "hi"),
            {
                "type": "response.output_text.annotation.added",
                "item_id": "msg_1",
                "output_index": 0,
                "content_index": 0,
                "annotation_index": 0,
                "annotation": cited,
            },
            done(0, **MESSAGE, **content("hi", annotations=[cited, second])),
            ended(),
        )
    )
    notes = [event.annotation for event in events if isinstance(event, AnnotationDelta)]
    assert [(note.url, note.start, note.end) for note in notes] == [("u", 0, 2), ("v", 0, 2)]


def test_hosted_items_come_whole_and_images_as_images():
    search = {
        "id": "ws_1",
        "type": "web_search_call",
        "status": "completed",
        "action": {"type": "search", "query": "x"},
    }
    image = {
        "id": "ig_1",
        "type": "image_generation_call",
        "status": "completed",
        "result": "AAAA",
        "output_format": "webp",
    }
    events = heard(
        sse(
            CREATED,
            added(0, id="ws_1", type="web_search_call", status="in_progress"),
            {"type": "response.web_search_call.searching", "item_id": "ws_1", "output_index": 0},
            done(0, **search),
            done(1, **image),
            ended(),
        )
    )
    first, found, second = fold(events).parts
    assert first == ServerCall("web_search", "ws_1", "web_search", '{"query":"x"}', DIALECT, search)
    assert found == ServerResult("web_search", "ws_1", DIALECT)
    assert isinstance(second, Media)
    assert (second.data, second.mime) == ("AAAA", "image/webp")


@pytest.mark.parametrize(
    ("status", "fields", "reason"),
    [
        (
            "incomplete",
            {"incomplete_details": {"reason": "max_output_tokens"}},
            StopReason.LENGTH,
        ),
        (
            "incomplete",
            {"incomplete_details": {"reason": "content_filter"}},
            StopReason.CONTENT_FILTER,
        ),
        ("incomplete", {"incomplete_details": {"reason": "steered"}}, StopReason.STOP),
        ("incomplete", {}, StopReason.UNKNOWN),
        ("completed", {}, StopReason.STOP),
    ],
)
def test_F12_incomplete_is_an_end_and_no_error(status, fields, reason):
    events = heard(sse(CREATED, ended(status, **fields)))
    assert isinstance(events[-1], Finish)
    assert events[-1].reason is reason


def test_F09_nothing_counts_after_the_terminal_event():
    stream = sse(CREATED, ended())
    more = sse(added(0, **MESSAGE, content=[]), ended("failed")) + b"data: [DONE]\n\n"
    assert heard(stream + more) == heard(stream)


@pytest.mark.parametrize("cut", [b"", sse(CREATED), sse(CREATED, added(0, **CALL, arguments=""))])
def test_F10_a_stream_that_breaks_off_is_a_failure(cut):
    last = heard(cut)[-1]
    assert isinstance(last, Failure)
    assert last.kind is ErrorKind.SERVER
    assert "before it was complete" in last.message


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ({"type": "error", "code": "rate_limit_exceeded", "message": "m"}, ErrorKind.RATE_LIMIT),
        (
            {"type": "error", "error": {"type": "server_error", "message": "m"}},
            ErrorKind.SERVER,
        ),
        (
            {"type": "error", "error": {"code": "insufficient_quota", "message": "m"}},
            ErrorKind.QUOTA,
        ),
        (
            ended("failed", error={"code": "invalid_prompt", "message": "m"}),
            ErrorKind.INVALID_REQUEST,
        ),
        (
            ended("failed", error={"code": "context_length_exceeded", "message": "m"}),
            ErrorKind.CONTEXT_LENGTH,
        ),
        (
            ended("failed", error={"code": "image_too_large", "message": "m"}),
            ErrorKind.INVALID_REQUEST,
        ),
        (ended("failed"), ErrorKind.SERVER),
    ],
)
def test_P70_errors_in_either_form_end_the_stream(event, kind):
    events = heard(sse(CREATED, event))
    assert isinstance(events[-1], Failure)
    assert events[-1].kind is kind


def test_a_rate_limit_says_how_long():
    message = "Rate limit reached. Please try again in 21.5s."
    error = {"code": "rate_limit_exceeded", "message": message}
    last = heard(sse(CREATED, ended("failed", error=error)))[-1]
    assert isinstance(last, Failure)
    assert last.retry_after_s == 21.5


def test_P76_a_note_about_limits_is_no_end():
    note = {
        "type": "codex.rate_limits",
        "rate_limits": {"limit_reached": True, "primary": {"reset_after_seconds": 30}},
    }
    assert isinstance(heard(sse(note, CREATED, ended()))[-1], Finish)
    [failure] = heard(sse(note))
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.retry_after_s) == (ErrorKind.RATE_LIMIT, 30)


def test_items_that_only_the_final_response_holds_are_not_lost():
    output = [{**MESSAGE, **content("late")}]
    assert [type(part) for part in fold(heard(sse(CREATED, ended(output=output)))).parts] == [Text]


def test_unknown_events_and_shapes_are_skipped():
    stream = sse(
        CREATED,
        {"type": "response.something.new", "delta": {"x": 1}},
        {"type": "response.output_text.delta", "delta": {"not": "text"}},
        {"type": "response.output_item.done", "output_index": 0, "item": {"type": "function_call"}},
        ended(),
    )
    keep_alive = b": ping\n\nevent: keepalive\ndata: {}\n\ndata: \n\n"
    events = heard(keep_alive + stream)
    assert [type(event) for event in events] == [Start, Finish]


def test_pieces_of_another_kind_than_their_item_are_ignored():
    thought = {"id": "rs_1", "type": "reasoning", "summary": []}
    events = heard(
        sse(
            CREATED,
            added(0, **thought),
            delta("reasoning_summary_text", 0, "rs_1", "a", summary_index=0),
            delta("function_call_arguments", 0, "rs_1", "{}"),
            added(1, **CALL, arguments=""),
            delta("reasoning_text", 1, "fc_1", "b", content_index=0),
            {
                "type": "response.output_text.annotation.added",
                "item_id": "fc_1",
                "output_index": 1,
                "content_index": 0,
                "annotation": {"type": "url_citation", "url": "u"},
            },
            ended(),
        )
    )
    thinking, call = fold(events).parts
    assert isinstance(thinking, Thinking)
    assert isinstance(call, ToolCall)
    assert (thinking.texts, call.arguments) == (("a",), "")


@pytest.mark.parametrize("data", [b"data: {half\n\n", b"data: {half"])
def test_bytes_that_are_no_events_end_the_stream(data):
    last = heard(sse(CREATED) + data)[-1]
    assert isinstance(last, Failure)
    assert "not JSON" in last.message


def test_items_that_were_never_announced():
    events = heard(
        sse(
            delta("output_text", 0, "msg_1", "hi"),
            delta("reasoning_summary_text", 1, "rs_1", "why", summary_index=0),
            done(2, **CALL, arguments=FULL),
            done(2, **CALL, arguments=FULL),
            ended(),
        )
    )
    assert isinstance(events[0], Start)
    text, thinking, call = fold(events).parts
    assert isinstance(text, Text)
    assert isinstance(thinking, Thinking)
    assert isinstance(call, ToolCall)
    assert (text.text, thinking.texts, call.arguments) == ("hi", ("why",), FULL)


def test_text_that_others_interrupt_is_not_lost():
    other = {**MESSAGE, "id": "msg_2"}
    events = heard(
        sse(
            CREATED,
            added(0, **MESSAGE, content=[]),
            delta("output_text", 0, "msg_1", "a"),
            added(1, **other, content=[]),
            delta("output_text", 1, "msg_2", "b"),
            delta("output_text", 0, "msg_1", "c"),
            done(0, **MESSAGE, **content("acd")),
            done(1, **other, **content("b")),
            ended(),
        )
    )
    texts = [part for part in fold(events).parts if isinstance(part, Text)]
    assert sorted("".join(part.text for part in texts)) == ["a", "b", "c", "d"]


def test_logprobs_have_the_bytes_that_streams_leave_out():
    tokens = [{"token": "é", "logprob": -0.5, "top_logprobs": [{"token": "e", "logprob": -1.0}]}]
    stream = sse(
        CREATED,
        added(0, **MESSAGE, content=[]),
        delta("output_text", 0, "msg_1", "é", logprobs=tokens),
        ended(),
    )
    [part] = fold(heard(stream)).parts
    assert isinstance(part, Text)
    assert part.logprobs[0].bytes == (195, 169)
    assert part.logprobs[0].top[0].bytes == (101,)


EVERYTHING = sse(
    CREATED,
    added(0, id="rs_1", type="reasoning", summary=[]),
    delta("reasoning_summary_text", 0, "rs_1", "wé", summary_index=0),
    done(0, id="rs_1", type="reasoning", summary=[], encrypted_content="gAAAA"),
    added(1, **MESSAGE, content=[]),
    delta("output_text", 1, "msg_1", "Hé\u2028llo"),
    done(1, **MESSAGE, **content("Hé\u2028llo!")),
    added(2, **CALL, arguments=""),
    delta("function_call_arguments", 2, "fc_1", FULL),
    done(2, **CALL, arguments=FULL),
    ended(usage={"input_tokens": 1, "output_tokens": 1}),
)


@given(st.lists(st.integers(0, len(EVERYTHING)), max_size=20))
def test_F13_any_split_gives_the_same_events(places):
    edges = sorted({0, *places, len(EVERYTHING)})
    decoder = CODEC.client.stream_decoder()
    events = []
    for start, stop in pairwise(edges):
        events += decoder.feed(EVERYTHING[start:stop])
    assert events + decoder.eof() == heard(EVERYTHING)


@given(st.binary(max_size=200))
def test_any_bytes_end_in_an_event_and_never_in_an_exception(data):
    check, decoder = Checker(), CODEC.client.stream_decoder()
    for event in decoder.feed(sse(CREATED) + data) + decoder.eof():
        check(event)
    assert check.done

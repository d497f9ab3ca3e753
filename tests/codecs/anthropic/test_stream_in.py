"""Streams of upstreams, as events."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mux.codecs.anthropic import MessageStreamDecoder
from mux.errors import ErrorKind
from mux.ir import (
    Annotation,
    AnnotationDelta,
    ArgsDelta,
    BlockStart,
    BlockStop,
    Checker,
    Event,
    Failure,
    Finish,
    Opaque,
    ServerCall,
    ServerResult,
    Signature,
    SignatureDelta,
    Start,
    StopReason,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolCall,
    Usage,
    UsageUpdate,
    fold,
)


def event(kind: str, **fields: Any) -> bytes:
    data = json.dumps({"type": kind, **fields}, ensure_ascii=False)
    return f"event: {kind}\ndata: {data}\n\n".encode()


def begin(**fields: Any) -> bytes:
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-x",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 25, "output_tokens": 1},
        **fields,
    }
    return event("message_start", message=message)


def opens(index: int, **block: Any) -> bytes:
    return event("content_block_start", index=index, content_block=block)


def delta(index: int, kind: str, **fields: Any) -> bytes:
    return event("content_block_delta", index=index, delta={"type": f"{kind}_delta", **fields})


def stops(index: int) -> bytes:
    return event("content_block_stop", index=index)


def ends(reason: str = "end_turn", output: int = 15, **fields: Any) -> bytes:
    last = event(
        "message_delta",
        delta={"stop_reason": reason, "stop_sequence": None, **fields},
        usage={"output_tokens": output},
    )
    return last + event("message_stop")


def decode(*pieces: bytes) -> list[Event]:
    decoder, check = MessageStreamDecoder(), Checker()
    events = [found for piece in pieces for found in decoder.feed(piece)] + decoder.eof()
    for found in events:
        check(found)
    assert check.done
    return events


def inside(*pieces: bytes) -> list[Event]:
    """The events between the usage at the start and that at the end."""
    events = decode(begin(), *pieces, ends())
    return events[2:-2]


RAW = {"input_tokens": 25, "output_tokens": 1}


def test_a_text():
    assert decode(
        begin(),
        opens(0, type="text", text=""),
        event("ping"),
        delta(0, "text", text="Hel"),
        delta(0, "text", text="lo"),
        stops(0),
        ends(),
    ) == [
        Start("msg_1", "claude-x"),
        UsageUpdate(Usage(input_total=25, output_total=1, dialect="anthropic", raw=RAW)),
        BlockStart(0, Text("")),
        TextDelta(0, "Hel"),
        TextDelta(0, "lo"),
        BlockStop(0),
        UsageUpdate(
            Usage(
                input_total=25,
                output_total=15,
                dialect="anthropic",
                raw={"input_tokens": 25, "output_tokens": 15},
            )
        ),
        Finish(StopReason.STOP, dialect="anthropic", native="end_turn"),
    ]


def test_F28_thinking_and_its_signature():
    assert inside(
        opens(0, type="thinking", thinking="", signature=""),
        delta(0, "thinking", thinking="hm", estimated_tokens=4),
        delta(0, "thinking", thinking=""),
        delta(0, "signature", signature="c2ln"),
        stops(0),
        opens(1, type="thinking", thinking="", signature=""),
        delta(1, "signature", signature="b3Ro"),
        stops(1),
        opens(2, type="redacted_thinking", data="ZGF0YQ"),
        stops(2),
    ) == [
        BlockStart(0, Thinking()),
        ThinkingDelta(0, "hm"),
        SignatureDelta(0, Signature("anthropic", "c2ln")),
        BlockStop(0),
        BlockStart(1, Thinking()),
        SignatureDelta(1, Signature("anthropic", "b3Ro")),
        BlockStop(1),
        BlockStart(2, Thinking(signature=Signature("anthropic", "ZGF0YQ", "redacted"))),
        BlockStop(2),
    ]


def test_a_call_in_fragments():
    caller = {"type": "direct"}
    assert inside(
        opens(0, type="tool_use", id="t", name="f", input={}, caller=caller),
        delta(0, "input_json", partial_json=""),
        delta(0, "input_json", partial_json='{"a": "\\u00'),
        delta(0, "input_json", partial_json='e9"}'),
        stops(0),
    ) == [
        BlockStart(0, ToolCall("t", "f", ext={"anthropic": {"caller": caller}})),
        ArgsDelta(0, '{"a": "\\u00'),
        ArgsDelta(0, 'e9"}'),
        BlockStop(0),
    ]


@pytest.mark.parametrize("given", [{}, {"a": 1}])
def test_P86_P168_input_without_deltas(given):
    events = inside(opens(0, type="tool_use", id="t", name="f", input=given), stops(0))
    assert events[1] == ArgsDelta(0, json.dumps(given, separators=(",", ":")))


def test_a_call_ends_the_turn_whatever_the_reason_says():
    call = opens(0, type="tool_use", id="t", name="f", input={})
    assert decode(begin(), call, stops(0), ends("end_turn"))[-1] == Finish(
        StopReason.TOOL_CALLS, dialect="anthropic"
    )


def test_tools_the_provider_runs():
    result = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
    assert inside(
        opens(0, type="server_tool_use", id="srvtoolu_1", name="web_search", input={}),
        delta(0, "input_json", partial_json='{"query":"q"}'),
        stops(0),
        opens(1, **result),
        stops(1),
        opens(2, type="mcp_tool_use", id="m", name="ask", server_name="s", input={"x": 1}),
        stops(2),
    ) == [
        BlockStart(
            0,
            ServerCall(
                "web_search",
                "srvtoolu_1",
                "web_search",
                "",
                "anthropic",
                {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search"},
            ),
        ),
        ArgsDelta(0, '{"query":"q"}'),
        BlockStop(0),
        BlockStart(1, ServerResult("web_search", "srvtoolu_1", "anthropic", result)),
        BlockStop(1),
        BlockStart(
            2,
            ServerCall(
                "mcp",
                "m",
                "ask",
                "",
                "anthropic",
                {"type": "mcp_tool_use", "id": "m", "name": "ask", "server_name": "s"},
            ),
        ),
        ArgsDelta(2, '{"x":1}'),
        BlockStop(2),
    ]


def test_citations_span_their_block():
    note = {"type": "char_location", "cited_text": "c", "document_title": "D"}
    assert inside(
        opens(0, type="text", text="", citations=[]),
        delta(0, "citations", citation=note),
        delta(0, "text", text="said é"),
        stops(0),
    ) == [
        BlockStart(0, Text("")),
        TextDelta(0, "said é"),
        AnnotationDelta(
            0,
            Annotation(title="D", start=0, end=6, cited_text="c", dialect="anthropic", raw=note),
        ),
        BlockStop(0),
    ]


def test_a_compaction_is_opened_when_it_is_whole():
    assert inside(
        opens(0, type="compaction", content=None),
        delta(0, "compaction", content="so far", encrypted_content=None),
        stops(0),
    ) == [
        BlockStart(0, Opaque("anthropic", {"type": "compaction", "content": "so far"})),
        BlockStop(0),
    ]


def test_blocks_unknown_to_us_are_carried():
    block = {"type": "fallback", "from": {"model": "a"}, "to": {"model": "b"}}
    assert inside(opens(0, **block), stops(0)) == [
        BlockStart(0, Opaque("anthropic", block)),
        BlockStop(0),
    ]


def test_P115_a_refusal_without_content():
    details = {"type": "refusal", "category": "cyber", "explanation": "no"}
    events = decode(
        begin(),
        opens(0, type="text", text=""),
        stops(0),
        ends("refusal", stop_details=details),
    )
    assert events[-1] == Finish(
        StopReason.REFUSAL,
        explanation="no",
        dialect="anthropic",
        native="refusal",
        ext={"anthropic": {"stop_details": details}},
    )
    assert not any(isinstance(found, BlockStart) for found in events), "an empty shell is no text"


def test_F37_P89_counts_are_overwritten_field_by_field():
    def usage_of(**later: Any) -> Usage:
        first = {"input_tokens": 25, "cache_read_input_tokens": 90, "output_tokens": 1}
        last = event("message_delta", delta={}, usage=later) + event("message_stop")
        usage = fold(decode(begin(usage=first), last)).usage
        assert usage is not None
        return usage

    assert usage_of(output_tokens=9).input_total == 115
    assert usage_of(output_tokens=9, input_tokens=30).input_total == 120
    assert usage_of(output_tokens=9, input_tokens=30, cache_read_input_tokens=0).input_total == 30
    zeros = usage_of(output_tokens=9, input_tokens=0, cache_read_input_tokens=0)
    assert (zeros.input_total, zeros.output_total) == (115, 9)
    assert usage_of(output_tokens=9, input_tokens=None).input_total == 115


def test_fields_of_the_message_and_of_its_end():
    events = decode(
        begin(container=None, input_transformations=[{"x": 1}]),
        event(
            "message_delta",
            delta={"stop_reason": "end_turn", "container": {"id": "c"}},
            usage={"output_tokens": 1},
            context_management={"applied_edits": []},
        ),
        event("message_stop"),
    )
    assert events[0] == Start(
        "msg_1", "claude-x", ext={"anthropic": {"input_transformations": [{"x": 1}]}}
    )
    finish = events[-1]
    assert isinstance(finish, Finish)
    assert finish.ext == {
        "anthropic": {"container": {"id": "c"}, "context_management": {"applied_edits": []}}
    }


def test_P84_interleaved_calls_are_put_in_order():
    events = inside(
        opens(0, type="tool_use", id="a", name="f", input={}),
        opens(1, type="tool_use", id="b", name="g", input={}),
        delta(0, "input_json", partial_json='{"x":'),
        delta(1, "input_json", partial_json='{"y":2}'),
        delta(0, "input_json", partial_json="1}"),
        stops(1),
        stops(0),
    )
    assert [type(found).__name__ for found in events] == [
        "BlockStart",
        "ArgsDelta",
        "ArgsDelta",
        "BlockStop",
        "BlockStart",
        "ArgsDelta",
        "BlockStop",
    ]


def test_P85_blocks_left_open_are_closed():
    events = decode(begin(), opens(0, type="text", text="a"), delta(0, "text", text="b"), ends())
    assert fold(events).parts == (Text("ab"),)


def test_a_stream_that_forgets_its_start():
    events = decode(opens(0, type="text", text="a"), ends())
    assert events[0] == Start()
    assert fold(events).parts == (Text("a"),)


def test_what_follows_the_end_is_ignored():
    whole = begin() + ends()
    assert decode(whole + begin() + event("error", error={})) == decode(whole)
    assert decode(whole + b"data: [DONE]\n\n") == decode(whole)


@pytest.mark.parametrize(
    "piece",
    [
        event("content_block_delta", index=0, delta={"type": "new_delta", "x": 1}),
        event("brand_new", x=1),
        b"data: []\n\n",
        b"data: 3\n\n",
        opens(0, type="text"),
        b": comment\n\n",
        b"event: ping\n\n",
    ],
)
def test_P116_what_we_do_not_know_is_skipped(piece):
    assert decode(begin(), piece, ends()) == decode(begin(), ends())


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"type": "overloaded_error", "message": "Overloaded"}, ErrorKind.OVERLOADED),
        ({"type": "rate_limit_error", "message": "slow"}, ErrorKind.RATE_LIMIT),
        ({"type": "api_error", "message": "oops"}, ErrorKind.SERVER),
        (
            {"type": "invalid_request_error", "message": "prompt is too long: 1 > 0"},
            ErrorKind.CONTEXT_LENGTH,
        ),
        ({"type": "authentication_error", "message": "who"}, ErrorKind.UPSTREAM_AUTH),
        ({}, ErrorKind.SERVER),
    ],
)
def test_F11_an_error_inside_the_stream(error, kind):
    last = decode(begin(), event("error", error=error), ends())[-1]
    assert isinstance(last, Failure)
    assert last.kind is kind
    assert last.message


@pytest.mark.parametrize(
    "pieces",
    [
        (),
        (begin(),),
        (begin(), opens(0, type="text", text=""), delta(0, "text", text="half")),
        (begin(), event("message_delta", delta={"stop_reason": "end_turn"}, usage={})),
    ],
)
def test_F10_P46_a_stream_cut_off_is_a_failure(pieces):
    last = decode(*pieces)[-1]
    assert last == Failure(
        ErrorKind.SERVER, "the upstream closed the stream before it was complete"
    )


def test_bytes_that_are_no_json_are_a_failure():
    last = decode(begin(), b"data: {oops\n\n", ends())[-1]
    assert isinstance(last, Failure)
    assert last.kind is ErrorKind.SERVER


def test_F10_a_call_cut_off_is_not_closed():
    events = decode(
        begin(),
        opens(0, type="tool_use", id="t", name="f", input={}),
        delta(0, "input_json", partial_json='{"a": "half'),
    )
    assert not any(isinstance(found, BlockStop) for found in events)


def test_the_last_event_needs_no_blank_line():
    assert decode((begin() + ends()).removesuffix(b"\n\n"))[-1] == decode(begin(), ends())[-1]


STREAM = (
    begin()
    + opens(0, type="thinking", thinking="", signature="")
    + delta(0, "thinking", thinking="hm … 漢字")
    + delta(0, "signature", signature="c2ln")
    + stops(0)
    + opens(1, type="text", text="")
    + delta(1, "text", text="a\u2028b 😀")
    + stops(1)
    + opens(2, type="tool_use", id="t", name="f", input={})
    + delta(2, "input_json", partial_json='{"a":"é"}')
    + stops(2)
    + ends("tool_use")
)


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
@given(cuts=st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_F13_F14_any_split_gives_the_same_events(newline, cuts):
    stream = STREAM.replace(b"\n", newline)
    edges = [0, *sorted(cuts), len(stream)]
    pieces = [stream[a:b] for a, b in pairwise(edges)]
    assert decode(*pieces) == decode(STREAM)


@settings(max_examples=200)
@given(st.lists(st.binary(max_size=40), max_size=5))
def test_no_bytes_make_it_raise(pieces):
    decode(*pieces)


@settings(max_examples=200)
@given(st.data())
def test_no_damage_makes_it_raise(data):
    stream = bytearray(STREAM)
    for _ in range(data.draw(st.integers(1, 5))):
        stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
    decode(bytes(stream))


def test_F03_deltas_of_another_kind_than_their_block_are_dropped():
    assert inside(
        opens(0, type="text", text="a"),
        delta(0, "thinking", thinking="t"),
        delta(0, "input_json", partial_json="{"),
        delta(0, "signature", signature="s"),
        stops(0),
        opens(1, type="fallback"),
        delta(1, "text", text="b"),
        delta(1, "compaction", content="c"),
        stops(1),
        delta(7, "text", text="nowhere"),
    ) == [
        BlockStart(0, Text("")),
        TextDelta(0, "a"),
        BlockStop(0),
        BlockStart(1, Opaque("anthropic", {"type": "fallback"})),
        BlockStop(1),
    ]

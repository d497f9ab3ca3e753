"""Events as clients of this dialect get them: byte for byte, and through the official SDK."""

from __future__ import annotations

import json
import warnings
from typing import Any, get_args

import anthropic
import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from mux.codecs import _envelope
from mux.codecs.anthropic import CODEC, MessageStreamDecoder, MessageStreamEncoder
from mux.errors import ErrorKind
from mux.ir import (
    Annotation,
    AnnotationDelta,
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
    Reasoning,
    ReasoningState,
    Refusal,
    Request,
    Response,
    SearchHit,
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
    ToolCall,
    ToolKind,
    Usage,
    UsageUpdate,
    Visibility,
    fold,
    unfold,
)
from tests import sdk
from tests.laws import strategies as make

THINKING = Request("asked", origin="anthropic", reasoning=Reasoning(ReasoningState.ON))
HIDING = Request(
    "asked",
    origin="anthropic",
    reasoning=Reasoning(ReasoningState.ON, visible=Visibility.HIDDEN),
)
PLAIN = Request("asked", origin="anthropic")
START = Start("msg_1", "upstream", 1)
DONE = Finish(StopReason.STOP)
CALLED = Finish(StopReason.TOOL_CALLS)


def encode(*events: Event, request: Request = THINKING) -> bytes:
    encoder = MessageStreamEncoder(request)
    return b"".join([encoder.encode(event) for event in events]) + encoder.eof()


def frames(data: bytes) -> list[dict[str, Any]]:
    """The data of each event, whose name must be its type."""
    out = []
    for record in data.decode().split("\n\n")[:-1]:
        name, _, line = record.partition("\n")
        found = json.loads(line.removeprefix("data: "))
        assert name == f"event: {found['type']}"
        out.append(found)
    return out


def inside(*events: Event, request: Request = THINKING) -> list[dict[str, Any]]:
    """The frames of the content."""
    found = frames(encode(START, *events, DONE, request=request))
    assert [frame["type"] for frame in (found[0], *found[-2:])] == [
        "message_start",
        "message_delta",
        "message_stop",
    ]
    return found[1:-2]


def opens(index: int, **block: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index: int, kind: str, **fields: Any) -> dict[str, Any]:
    found = {"type": f"{kind}_delta", **fields}
    return {"type": "content_block_delta", "index": index, "delta": found}


def stops(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def block(index: int, part: Any, *deltas: Event) -> list[Event]:
    return [BlockStart(index, part), *deltas, BlockStop(index)]


def test_a_stream_byte_for_byte():
    assert encode(
        START,
        BlockStart(0, Text("")),
        TextDelta(0, 'say "é"'),
        BlockStop(0),
        UsageUpdate(Usage(input_total=9, output_total=2, cache_read=4)),
        DONE,
    ) == (
        b"event: message_start\n"
        b'data: {"type":"message_start","message":{"id":"msg_1","type":"message",'
        b'"role":"assistant","model":"asked","content":[],"stop_reason":null,'
        b'"stop_sequence":null,"usage":{"input_tokens":0,"cache_creation_input_tokens":0,'
        b'"cache_read_input_tokens":0,"output_tokens":0}}}\n\n'
        b"event: content_block_start\n"
        b'data: {"type":"content_block_start","index":0,'
        b'"content_block":{"type":"text","text":""}}\n\n'
        b"event: content_block_delta\n"
        b'data: {"type":"content_block_delta","index":0,'
        b'"delta":{"type":"text_delta","text":"say \\"\xc3\xa9\\""}}\n\n'
        b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n'
        b"event: message_delta\n"
        b'data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},'
        b'"usage":{"input_tokens":5,"cache_creation_input_tokens":0,'
        b'"cache_read_input_tokens":4,"output_tokens":2}}\n\n'
        b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
    )


def test_there_is_a_row_for_every_event():
    assert MessageStreamEncoder(PLAIN)._on.keys() == set(get_args(Event))


def test_P90_usage_known_at_the_start_is_told_there():
    [first, *_] = frames(
        encode(START, UsageUpdate(Usage(input_total=9, output_total=1)), *block(0, Text("a")), DONE)
    )
    assert first["message"]["usage"]["input_tokens"] == 9


def test_F37_P89_unknown_input_is_not_told_as_zero_at_the_end():
    [*_, last, _] = frames(encode(START, DONE))
    assert last["usage"] == {"output_tokens": 0}
    [*_, last, _] = frames(encode(START, UsageUpdate(Usage(output_total=7)), DONE))
    assert last["usage"] == {"output_tokens": 7}


def test_F03_every_change_of_kind_is_a_block_of_its_own():
    assert inside(
        *block(
            0, Thinking(), ThinkingDelta(0, "hm"), SignatureDelta(0, Signature("anthropic", "s"))
        ),
        *block(1, Text(""), TextDelta(1, "a")),
        *block(2, ToolCall("t", "f"), ArgsDelta(2, '{"a":'), ArgsDelta(2, "1}")),
    ) == [
        opens(0, type="thinking", thinking="", signature=""),
        delta(0, "thinking", thinking="hm"),
        delta(0, "signature", signature="s"),
        stops(0),
        opens(1, type="text", text=""),
        delta(1, "text", text="a"),
        stops(1),
        opens(2, type="tool_use", id="t", name="f", input={}),
        delta(2, "input_json", partial_json='{"a":'),
        delta(2, "input_json", partial_json="1}"),
        stops(2),
    ]


def test_F03_P83_indices_stay_contiguous_whatever_is_left_out():
    assert inside(
        *block(0, Text("")),
        *block(1, Opaque("gemini", {"x": 1})),
        *block(2, Thinking()),
        *block(3, ServerResult("image_generation", "x", "gemini", {})),
        *block(4, Text(""), TextDelta(4, ""), TextDelta(4, "a")),
        *block(5, Refusal(""), TextDelta(5, "no")),
    ) == [
        opens(0, type="text", text=""),
        delta(0, "text", text="a"),
        stops(0),
        opens(1, type="text", text=""),
        delta(1, "text", text="no"),
        stops(1),
    ]


def test_an_answer_without_content_has_no_blocks():
    assert inside() == []


def test_what_a_block_start_holds_already_is_told():
    note = Annotation(url="https://x", title="X")
    found = inside(
        *block(0, Text("all of it", annotations=(note,))),
        *block(1, Thinking(("t",), signature=Signature("anthropic", "s"))),
        *block(2, ToolCall("t", "f", '{"a":1}')),
    )
    assert [frame["delta"]["type"] for frame in found if "delta" in frame] == [
        "text_delta",
        "citations_delta",
        "thinking_delta",
        "signature_delta",
        "input_json_delta",
    ]


def test_F31a_parts_of_one_thought_are_one_block():
    envelope = Signature("openai_responses", "gAAA", "enc", id="rs_1")
    assert inside(
        *block(
            0,
            Thinking(summary=True),
            ThinkingDelta(0, "a"),
            ThinkingBreak(0),
            ThinkingDelta(0, "b"),
            SignatureDelta(0, Signature("openai_responses", "first", "enc")),
            SignatureDelta(0, envelope),
        )
    ) == [
        opens(0, type="thinking", thinking="", signature=""),
        delta(0, "thinking", thinking="a"),
        delta(0, "thinking", thinking="\n\n"),
        delta(0, "thinking", thinking="b"),
        delta(0, "signature", signature=_envelope.seal(envelope, "anthropic")),
        stops(0),
    ]


def test_P98_thinking_without_text_still_carries_its_signature():
    signed = SignatureDelta(0, Signature("anthropic", "s"))
    redacted = Thinking(signature=Signature("anthropic", "d", "redacted"))
    assert inside(*block(0, Thinking(), signed), *block(1, redacted)) == [
        opens(0, type="thinking", thinking="", signature=""),
        delta(0, "signature", signature="s"),
        stops(0),
        opens(1, type="redacted_thinking", data="d"),
        stops(1),
    ]


def test_hidden_thinking_carries_signatures_alone():
    signed = SignatureDelta(0, Signature("anthropic", "s"))
    found = inside(
        *block(0, Thinking(), ThinkingDelta(0, "secret"), signed),
        *block(1, Thinking(), ThinkingDelta(1, "unsigned")),
        request=HIDING,
    )
    assert found == [
        opens(0, type="thinking", thinking="", signature=""),
        delta(0, "signature", signature="s"),
        stops(0),
    ]


def test_a_client_that_did_not_enable_thinking_gets_none():
    signed = ToolCall("t", "f", signature=Signature("gemini", "Uw=="))
    found = inside(
        *block(
            0, Thinking(), ThinkingDelta(0, "hm"), SignatureDelta(0, Signature("anthropic", "s"))
        ),
        *block(1, Text(""), TextDelta(1, "a")),
        *block(2, signed, ArgsDelta(2, "{}")),
        request=PLAIN,
    )
    assert [frame["content_block"]["type"] for frame in found if "content_block" in frame] == [
        "text",
        "tool_use",
    ]


GEMINI = Signature("gemini", "Uw==")


@pytest.mark.parametrize(
    "events",
    [
        block(1, ToolCall("t", "f", signature=GEMINI), ArgsDelta(1, '{"a":1}')),
        block(1, ToolCall("t", "f"), SignatureDelta(1, GEMINI), ArgsDelta(1, '{"a":1}')),
        block(1, ToolCall("t", "f", '{"a":1}', signature=GEMINI)),
    ],
)
def test_F30_the_signature_of_a_call_comes_before_it(events):
    found = inside(*block(0, Thinking(), ThinkingDelta(0, "plan")), *events)
    assert [frame["content_block"]["type"] for frame in found if "content_block" in frame] == [
        "thinking",
        "thinking",
        "tool_use",
    ]
    plan, carried = (
        f["delta"] for f in found if f.get("delta", {}).get("type") == "signature_delta"
    )
    assert plan["signature"].startswith("mux1.")
    assert carried["signature"] == _envelope.seal(replace(GEMINI, id="t"), "anthropic")
    assert found[4:] == [
        opens(1, type="thinking", thinking="", signature=""),
        delta(1, "signature", signature=carried["signature"]),
        stops(1),
        opens(2, type="tool_use", id="t", name="f", input={}),
        delta(2, "input_json", partial_json='{"a":1}'),
        stops(2),
    ]


SIGNED_TEXT = block(0, Text("", signature=None), TextDelta(0, "a"), SignatureDelta(0, GEMINI))


def test_F30_the_signature_of_a_text_comes_after_it_and_never_last():
    found = inside(*SIGNED_TEXT, *block(1, ToolCall("t", "f", "{}")))
    opened = [frame["content_block"]["type"] for frame in found if "content_block" in frame]
    assert opened == ["text", "thinking", "tool_use"]
    [signed] = [f["delta"] for f in found if f.get("delta", {}).get("type") == "signature_delta"]
    assert signed["signature"] == _envelope.seal(replace(GEMINI, id="text"), "anthropic")
    assert inside(*SIGNED_TEXT) == inside(*block(0, Text(""), TextDelta(0, "a")))


def test_F30_a_signature_that_comes_late_follows_its_call():
    call = ToolCall("t", "f")
    events = block(0, call, ArgsDelta(0, "{}"), SignatureDelta(0, GEMINI))
    found = inside(*events, *block(1, ToolCall("u", "f", "{}")))
    opened = [frame["content_block"]["type"] for frame in found if "content_block" in frame]
    assert opened == ["tool_use", "thinking", "tool_use"]


def test_P86_a_call_opens_without_input_and_tells_it_in_deltas():
    assert inside(*block(0, ToolCall("t", "f", '{"a":1}'))) == [
        opens(0, type="tool_use", id="t", name="f", input={}),
        delta(0, "input_json", partial_json='{"a":1}'),
        stops(0),
    ]


def test_P87_fragments_are_only_ever_joined():
    """A cut inside an escape is nobody's concern but the client's who joins the pieces."""
    pieces = ['{"a":"\\u00', "e9\\", 'n"}']
    found = inside(*block(0, ToolCall("t", "f"), *(ArgsDelta(0, piece) for piece in pieces)))
    told = [frame["delta"]["partial_json"] for frame in found[1:-1]]
    assert told == pieces
    assert json.loads("".join(told)) == {"a": "é\n"}


def test_P95_one_signature_a_block():
    """A second one would take the place of the first in the SDK's accumulator."""
    signed = [SignatureDelta(0, replace(GEMINI, value=value)) for value in ("Uw==", "VA==")]
    found = inside(*block(0, Thinking(), ThinkingDelta(0, "hm"), *signed))
    [told] = [f["delta"] for f in found if f.get("delta", {}).get("type") == "signature_delta"]
    assert told["signature"] == _envelope.seal(signed[1].signature, "anthropic")


DOCUMENTED = {
    "text": {"type", "text", "citations"},
    "thinking": {"type", "thinking", "signature"},
    "redacted_thinking": {"type", "data"},
    "tool_use": {"type", "id", "name", "input"},
    "server_tool_use": {"type", "id", "name", "input"},
    "web_search_tool_result": {"type", "tool_use_id", "content"},
    "code_execution_tool_result": {"type", "tool_use_id", "content"},
}


@settings(max_examples=60, deadline=None)
@given(make.responses)
def test_P93_only_documented_blocks_whatever_was_said_elsewhere(response: Response):
    foreign = (
        Media(MediaKind.AUDIO, SourceKind.BASE64, "UklGRg==", "audio/wav"),
        ServerCall("web_search", "ws_1", dialect="openai_responses", raw={"type": "x"}),
        ServerCall("file_search", "fs_1", dialect="gemini", raw={"toolCall": {}}),
        ServerResult("other", "fs_1", dialect="gemini", raw={"toolResponse": {}}),
        Opaque("openai_responses", {"type": "compaction"}),
    )
    [answer] = response.answers
    response = replace(response, answers=(replace(answer, parts=(*foreign, *answer.parts)),))
    blocks = json.loads(CODEC.server.encode_response(response, THINKING))["content"]
    streamed = frames(encode(*unfold(response)))
    blocks += [frame["content_block"] for frame in streamed if "content_block" in frame]
    for found in blocks:
        assert found.keys() <= DOCUMENTED[found["type"]]


@pytest.mark.parametrize(
    ("fragments", "expected"),
    [
        ([], []),
        ([""], []),
        (["{}"], ["{}"]),
        ([" ", "{", "}"], ["{", "}"]),
        (['{"a": "cu', "t"], ['{"a": "cu', "t", '"}']),
        (['{"a":[1', "]"], ['{"a":[1', "]", "}"]),
        (["[1,", "2]"], ['{"value":[1,2]}']),
        (['"{\\"a\\"', ':1}"'], ['{"a":1}']),
        (["no json"], ['{"_invalid_json":"no json"}']),
    ],
)
def test_P88_input_is_always_an_object(fragments, expected):
    events = block(0, ToolCall("t", "f"), *(ArgsDelta(0, text) for text in fragments))
    found = inside(*events)
    assert [f["delta"]["partial_json"] for f in found if "delta" in f] == expected


def test_input_of_free_text_is_wrapped():
    call = ToolCall("t", "p", kind=ToolKind.CUSTOM)
    found = inside(*block(0, call, ArgsDelta(0, '{"looks": like'), ArgsDelta(0, " json")))
    assert json.loads(found[1]["delta"]["partial_json"]) == {"input": '{"looks": like json'}


def test_F21_ids_are_made_valid():
    [first, *_] = inside(*block(0, ToolCall("call:1|x", "f")))
    assert first["content_block"]["id"].startswith("call_")


def test_native_blocks_go_as_they_came():
    raw = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search"}
    result = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
    compaction = {"type": "compaction", "content": "so far"}
    call = ServerCall("web_search", "srvtoolu_1", "web_search", "", "anthropic", raw)
    assert inside(
        *block(0, call, ArgsDelta(0, '{"query":'), ArgsDelta(0, '"q"}')),
        *block(1, ServerResult("web_search", "srvtoolu_1", "anthropic", result)),
        *block(2, Opaque("anthropic", compaction)),
    ) == [
        opens(0, **raw, input={}),
        delta(0, "input_json", partial_json='{"query":'),
        delta(0, "input_json", partial_json='"q"}'),
        stops(0),
        opens(1, **result),
        stops(1),
        opens(2, type="compaction", content=None),
        delta(2, "compaction", content="so far"),
        stops(2),
    ]


def test_F25_a_web_search_elsewhere_is_told_when_it_is_over():
    call = ServerCall("web_search", "ws_1", dialect="openai_responses", raw={})
    result = ServerResult("web_search", "ws_1", "openai_responses", hits=(SearchHit("https://a"),))
    found = inside(*block(0, call, ArgsDelta(0, '{"query":"q"}')), *block(1, result))
    asked, answered = [frame["content_block"] for frame in found if "content_block" in frame]
    assert (asked["type"], answered["type"]) == ("server_tool_use", "web_search_tool_result")
    assert asked["id"] == answered["tool_use_id"]
    assert [hit["url"] for hit in answered["content"]] == ["https://a"]
    assert found[1]["delta"]["partial_json"] == '{"query":"q"}'


def test_media_and_citations():
    note = Annotation(url="https://x", title="X", cited_text="c")
    image = Media(MediaKind.IMAGE, SourceKind.BASE64, make.PNG, "image/png")
    found = inside(
        *block(0, Text(""), AnnotationDelta(0, note), TextDelta(0, "a")),
        *block(1, Text(""), AnnotationDelta(1, Annotation(title="nowhere"))),
        *block(2, image),
    )
    assert [frame["delta"]["type"] for frame in found if "delta" in frame] == [
        "citations_delta",
        "text_delta",
        "text_delta",
    ]
    assert found[1]["delta"]["citation"]["url"] == "https://x"
    assert "image/png" in found[-2]["delta"]["text"]


@pytest.mark.parametrize(
    ("finish", "expected"),
    [
        (Finish(StopReason.LENGTH), {"stop_reason": "max_tokens", "stop_sequence": None}),
        (
            Finish(StopReason.STOP_SEQUENCE, stop_sequence="END"),
            {"stop_reason": "stop_sequence", "stop_sequence": "END"},
        ),
        (
            Finish(StopReason.REFUSAL, explanation="no"),
            {
                "stop_reason": "refusal",
                "stop_sequence": None,
                "stop_details": {"type": "refusal", "category": None, "explanation": "no"},
            },
        ),
        (
            Finish(StopReason.STOP, ext={"anthropic": {"container": {"id": "c"}}}),
            {"stop_reason": "end_turn", "stop_sequence": None, "container": {"id": "c"}},
        ),
    ],
)
def test_how_it_ends(finish, expected):
    [*_, last, _] = frames(encode(START, finish))
    assert last["delta"] == expected


@pytest.mark.parametrize(
    ("kind", "message", "expected"),
    [
        (
            ErrorKind.OVERLOADED,
            "busy",
            {"type": "overloaded_error", "message": "busy"},
        ),
        (
            ErrorKind.CONTEXT_LENGTH,
            "too many",
            {"type": "invalid_request_error", "message": "prompt is too long: too many"},
        ),
    ],
)
def test_F10_a_failure_is_an_error_and_then_nothing(kind, message, expected):
    encoder = MessageStreamEncoder(THINKING)
    encoder.encode(START)
    encoder.encode(BlockStart(0, Text("")))
    encoder.encode(TextDelta(0, "half"))
    [last] = frames(encoder.encode(Failure(kind, message)))
    assert last == {"type": "error", "error": expected}
    assert encoder.eof() == b""
    assert encoder.ping() == b""
    assert encoder.encode(DONE) == b""


def test_a_failure_may_come_first():
    assert [frame["type"] for frame in frames(encode(Failure(ErrorKind.SERVER, "x")))] == ["error"]


def test_F10_a_stream_without_an_end_is_an_error():
    found = frames(encode(START, BlockStart(0, Text("")), TextDelta(0, "half")))
    assert found[-1]["type"] == "error"
    assert not any(frame["type"] == "message_stop" for frame in found)


def test_a_stop_because_of_an_error_is_an_error():
    found = frames(encode(START, Finish(StopReason.ERROR, explanation="it broke")))
    assert found[-1] == {"type": "error", "error": {"type": "api_error", "message": "it broke"}}


def test_only_the_first_choice_is_told():
    events = [
        START,
        *block(0, Text("one")),
        DONE,
        Choice(1),
        *block(0, Text("two")),
        DONE,
    ]
    assert encode(*events) == encode(*events[:5])


def test_P92_pings():
    encoder = MessageStreamEncoder(THINKING)
    assert encoder.ping() == b": keep-alive\n\n"
    assert encoder.encode(START) == b""
    assert [frame["type"] for frame in frames(encoder.ping())] == ["message_start", "ping"]
    assert frames(encoder.ping()) == [{"type": "ping"}]
    encoder.encode(DONE)
    assert encoder.ping() == b""


def test_the_type_of_the_stream():
    assert CODEC.server.stream_type(PLAIN) == "text/event-stream; charset=utf-8"


@settings(max_examples=60, deadline=None)
@given(make.responses)
def test_the_sdk_accumulates_what_was_said(response: Response):
    events = unfold(response)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        seen = sdk.stream("anthropic", encode(*events))
    message = seen.raw
    thoughts = [part for part in response.parts if isinstance(part, Thinking)]
    carriers = [p for p in response.parts if isinstance(p, ToolCall) and p.signature]
    found = [block for block in message.content if block.type == "thinking"]
    assert len(found) == len(thoughts) + len(carriers)
    assert all(block.signature for block in found)
    assert [block.thinking for block in found if block.thinking] == [t.text for t in thoughts]
    said = "".join(part.text for part in response.parts if isinstance(part, Text | Refusal))
    notes = sum(isinstance(part, Media) for part in response.parts)
    assert len(seen.text) >= len(said)
    assert notes or seen.text == said
    assert seen.calls == [
        (part.name, json.loads(part.arguments))
        for part in response.parts
        if isinstance(part, ToolCall)
    ]
    assert message.model == "asked"
    usage = response.usage or Usage(input_total=0, output_total=0)
    counted = message.usage.cache_read_input_tokens + message.usage.cache_creation_input_tokens
    assert message.usage.input_tokens + counted == usage.input_total
    assert message.usage.output_tokens == usage.output_total


@settings(max_examples=60, deadline=None)
@given(make.responses)
def test_a_stream_and_a_whole_answer_say_the_same(response: Response):
    decoder = MessageStreamDecoder()
    streamed = fold([*decoder.feed(encode(*unfold(response))), *decoder.eof()])
    whole = CODEC.client.decode_response(CODEC.server.encode_response(response, THINKING))
    assert [type(part) for part in streamed.parts] == [type(part) for part in whole.parts]
    assert [_plain(part) for part in streamed.parts] == [_plain(part) for part in whole.parts]
    assert streamed.finish == whole.finish


def _plain(part: Any) -> Any:
    return json.loads(part.arguments) if isinstance(part, ToolCall) else part


def test_the_sdk_raises_what_an_error_event_says():
    with pytest.raises(anthropic.APIStatusError, match="busy"):
        sdk.stream("anthropic", encode(START, Failure(ErrorKind.OVERLOADED, "busy")))


def test_F30_the_signature_of_a_call_survives_a_whole_answer_told_as_a_stream():
    call = ToolCall("t1", "f", '{"a":1}', signature=GEMINI)
    seen = sdk.stream("anthropic", encode(*unfold(fold([START, *block(0, call), CALLED]))))
    carrier, use = seen.raw.content
    history = [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": [carrier.to_dict(), use.to_dict()]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1"}]},
    ]
    body = json.dumps({"model": "m", "messages": history}).encode()
    assert CODEC.server.decode_request(body).messages[1].parts == (call,)

"""Streams in both framings, decoded and encoded."""

from __future__ import annotations

import base64
import json
from itertools import pairwise
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mux.codecs import _envelope
from mux.codecs.gemini import CODEC, ChunkStreamDecoder, ChunkStreamEncoder
from mux.errors import ErrorKind
from mux.ir import (
    Annotation,
    AnnotationDelta,
    Answer,
    ArgsDelta,
    BlockStart,
    BlockStop,
    Checker,
    Choice,
    Event,
    Failure,
    Finish,
    Media,
    MediaKind,
    Opaque,
    Reasoning,
    Refusal,
    Request,
    Response,
    ServerCall,
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
    Usage,
    UsageUpdate,
    Visibility,
    fold,
    unfold,
)
from tests import recordings, sdk
from tests.recordings import needs_corpus

ASKED = Request("asked", origin="gemini", stream=True)
ARRAY = Request("asked", origin="gemini", stream=True, variant="array")
HIDDEN = Request(
    "asked", origin="gemini", stream=True, reasoning=Reasoning(visible=Visibility.HIDDEN)
)
CUT_OFF = "the upstream closed the stream before it was complete"


def chunk(*parts: dict[str, Any], **fields: Any) -> bytes:
    """One chunk; `fields` of the candidate, or of the chunk if they are a chunk's."""
    whole = {"usageMetadata": fields.pop("usage")} if "usage" in fields else {}
    candidate = {"content": {"role": "model", "parts": [*parts]}, **fields}
    body = {"candidates": [candidate], **whole, "responseId": "r", "modelVersion": "m"}
    return b"data: " + json.dumps(body, ensure_ascii=False).encode() + b"\r\n\r\n"


def raw(body: Any) -> bytes:
    return b"data: " + json.dumps(body).encode() + b"\r\n\r\n"


STOP = chunk({"text": ""}, finishReason="STOP")


def decode(*pieces: bytes) -> list[Event]:
    decoder, check = ChunkStreamDecoder(), Checker()
    events = [event for piece in pieces for event in decoder.feed(piece)] + decoder.eof()
    for event in events:
        check(event)
    assert check.done
    return events


def folded(*pieces: bytes) -> Response:
    return fold(decode(*pieces))


def written(*events: Event, request: Request = ASKED) -> bytes:
    encoder = ChunkStreamEncoder(request)
    return b"".join(map(encoder.encode, events)) + encoder.eof()


def chunks(*events: Event, request: Request = ASKED) -> list[dict[str, Any]]:
    body = written(*events, request=request).decode()
    return [json.loads(event.removeprefix("data: ")) for event in body.split("\n\n") if event]


def parts(*events: Event, request: Request = ASKED) -> list[dict[str, Any]]:
    """All parts written, the empty text of the last chunk left out."""
    said = [
        part
        for one in chunks(*events, request=request)
        for candidate in one.get("candidates", [])
        for part in candidate["content"]["parts"]
    ]
    return [part for part in said if part != {"text": ""}]


def sealed(signature: Signature) -> str:
    return base64.b64encode(_envelope.seal(signature, "gemini").encode()).decode()


def block(index: int, part: Any, *deltas: Event) -> list[Event]:
    return [BlockStart(index, part), *deltas, BlockStop(index)]


def test_fragments_of_text_are_one_block():
    usage = {"promptTokenCount": 5}
    assert decode(
        chunk({"text": "pl", "thought": True}, usage=usage),
        chunk({"text": "an", "thought": True}, usage=usage),
        chunk({"text": "Hel"}, {"text": "lo"}, usage={**usage, "candidatesTokenCount": 2}),
        STOP,
    ) == [
        Start("r", "m"),
        UsageUpdate(Usage(5, dialect="gemini", raw=usage)),
        BlockStart(0, Thinking(summary=True)),
        ThinkingDelta(0, "pl"),
        ThinkingDelta(0, "an"),
        UsageUpdate(
            Usage(5, 2, dialect="gemini", raw={"promptTokenCount": 5, "candidatesTokenCount": 2})
        ),
        BlockStop(0),
        BlockStart(1, Text("")),
        TextDelta(1, "Hel"),
        TextDelta(1, "lo"),
        BlockStop(1),
        Finish(StopReason.STOP, dialect="gemini", native="STOP"),
    ]


def test_P118_F30_calls_come_whole_with_their_signature_at_the_start():
    events = decode(
        chunk(
            {"functionCall": {"id": "c1", "name": "f", "args": {"a": 1}}, "thoughtSignature": "U"},
            {"functionCall": {"name": "g"}},
        ),
        STOP,
    )
    starts = [event.part for event in events if isinstance(event, BlockStart)]
    assert starts[0] == ToolCall("c1", "f", signature=Signature("gemini", "U"))
    assert isinstance(starts[1], ToolCall)
    assert starts[1].signature is None
    assert [event.arguments for event in events if isinstance(event, ArgsDelta)] == [
        '{"a":1}',
        "{}",
    ]
    finish = events[-1]
    assert isinstance(finish, Finish)
    assert finish.reason is StopReason.TOOL_CALLS


def test_P122_a_signature_on_a_trailing_empty_part():
    own = Signature("gemini", "Uw==")
    tail = chunk({"text": "", "thoughtSignature": "Uw=="}, finishReason="STOP")
    assert folded(chunk({"text": "hi"}), tail).parts == (Text("hi", signature=own),)
    assert folded(chunk({"text": "p", "thought": True}), tail).parts == (
        Thinking(("p",), summary=True),
        Text("", signature=own),
    )


def test_parts_with_more_than_their_text_stand_alone():
    marked = {"text": "b", "partMetadata": {"k": 1}}
    events = decode(chunk({"text": "a"}, marked, {"text": "c"}), STOP)
    assert [event.text for event in events if isinstance(event, TextDelta)] == ["a", "b", "c"]
    kept = {"gemini": {"partMetadata": {"k": 1}}}
    assert fold(events).parts[1] == Text("b", ext=kept)
    thought = {"text": "t", "thought": True, "partMetadata": {"k": 1}}
    assert folded(chunk(thought), STOP).parts == (Thinking(("t",), summary=True, ext=kept),)


def test_P121_what_follows_a_signed_part_is_another_one():
    own = Signature("gemini", "Uw==")
    assert folded(
        chunk({"text": "a", "thoughtSignature": "Uw=="}),
        chunk({"text": "b"}),
        STOP,
    ).parts == (Text("a", signature=own), Text("b"))


def test_P124_F37_counts_are_not_summed_and_zeros_overwrite_nothing():
    usage = folded(
        chunk({"text": "a"}, usage={"promptTokenCount": 5, "totalTokenCount": 5}),
        chunk({"text": "b"}, usage={"promptTokenCount": 5, "candidatesTokenCount": 2}),
        chunk({"text": "c"}, usage={}),
        chunk({"text": ""}, finishReason="STOP", usage={"promptTokenCount": 0}),
        raw({"usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 3}}),
    ).usage
    assert usage is not None
    assert (usage.input_total, usage.output_total) == (5, 3)


def test_P127_chunks_without_parts_or_candidates():
    assert folded(
        raw({"usageMetadata": {"promptTokenCount": 1}, "responseId": "r"}),
        raw({"candidates": [{"content": None}]}),
        raw({"candidates": [{"content": {"role": "model"}}]}),
        raw({"candidates": [{"content": {"parts": [{}, 7, None, {"thought": True}]}}]}),
        raw({"candidates": [{"finishReason": "STOP"}]}),
    ).answers == (Answer((), Finish(StopReason.STOP, dialect="gemini", native="STOP")),)


def test_a_stream_that_counts_nothing_says_nothing():
    assert folded(chunk({"text": "a"}, usage={}), STOP).usage is None


def test_F35_P128_a_refused_prompt():
    events = decode(raw({"promptFeedback": {"blockReason": "SAFETY"}}))
    finish = events[-1]
    assert isinstance(finish, Finish)
    assert finish.reason is StopReason.CONTENT_FILTER
    assert chunks(*events) == [
        {"promptFeedback": {"blockReason": "SAFETY"}, "modelVersion": "asked"}
    ]


def test_F35_P128_a_prompt_refused_when_the_answer_had_begun():
    events = decode(chunk({"text": "half"}), raw({"promptFeedback": {"blockReason": "SAFETY"}}))
    finish = events[-1]
    assert isinstance(finish, Finish)
    assert finish.reason is StopReason.CONTENT_FILTER
    assert fold(events).parts == (Text("half"),)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        chunk({"text": "half"}),
        chunk({"text": "half"}, finishReason="FINISH_REASON_UNSPECIFIED"),
        chunk({"text": "half"}) + b'data: {"candidates": [{"con',
        b'[{"candidates":[{"content":{"parts":[{"text":"half"}]}}]},\r\n{"cand',
        raw({"promptFeedback": {}}),
    ],
)
def test_F10_P129_a_stream_that_breaks_off_is_a_failure(data):
    last = decode(data)[-1]
    assert last == Failure(ErrorKind.SERVER, CUT_OFF)


def test_F10_errors_inside_of_a_stream():
    error = {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}
    events = decode(chunk({"text": "a"}), raw({"error": error}), chunk({"text": "b"}), STOP)
    assert events[-1] == Failure(ErrorKind.OVERLOADED, "The model is overloaded.", "UNAVAILABLE")
    late = {
        "error": {
            "code": 429,
            "message": "slow",
            "status": "RESOURCE_EXHAUSTED",
            "details": [
                {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0.5s"}
            ],
        }
    }
    assert decode(b"[" + json.dumps(late).encode() + b"]") == [
        Failure(ErrorKind.RATE_LIMIT, "slow", "RESOURCE_EXHAUSTED", 0.5)
    ]


def test_bytes_of_another_kind_are_a_failure():
    for data in (b"<html>busy</html>", b"data: not json\n\n", b"[1]", b"data: [\n\n"):
        last = decode(data)[-1]
        assert isinstance(last, Failure)


def test_a_misshapen_chunk_is_skipped():
    response = folded(raw({"candidates": 7}), raw([]), chunk({"text": "hi"}), STOP)
    assert response.parts == (Text("hi"),)


def test_F14_P5_framing_oddities():
    data = b"\xef\xbb\xbf\n: hi\n" + chunk({"text": "hi"}).replace(b"data: ", b"data:")
    tail = STOP.rstrip().replace(b"\r\n", b"\r")
    assert folded(data + tail).parts == (Text("hi"),)
    assert folded(chunk({"text": "hi"}), STOP, b"data: [DONE]\n\n").parts == (Text("hi"),)


def test_F47_the_other_framing():
    body = [json.loads(piece.removeprefix(b"data: ")) for piece in (chunk({"text": "hi"}), STOP)]
    sent = (" \r\n" + json.dumps(body, indent=1)).encode()
    assert decode(sent) == decode(chunk({"text": "hi"}), STOP)
    assert decode(json.dumps(body[0] | body[1]).encode())[-1] == decode(STOP)[-1]


def test_several_candidates_come_one_after_another():
    def piece(index: int, text: str, **fields: Any) -> dict[str, Any]:
        return {"index": index, "content": {"parts": [{"text": text}]}, **fields}

    events = decode(
        raw({"candidates": [piece(0, "a"), piece(1, "x")]}),
        raw({"candidates": [piece(1, "y", finishReason="MAX_TOKENS")]}),
        raw({"candidates": [piece(0, "b", finishReason="STOP")]}),
    )
    answers = fold(events).answers
    assert [answer.parts for answer in answers] == [(Text("ab"),), (Text("xy"),)]
    assert [answer.finish.reason for answer in answers] == [StopReason.STOP, StopReason.LENGTH]
    assert TextDelta(0, "a") in events[:3]
    indices = [one["candidates"][0]["index"] for one in chunks(*events)]
    assert indices == sorted(indices)
    assert set(indices) == {0, 1}


def test_P149_citations_reach_the_open_text():
    text = "Größe: 3 m"
    support = {
        "segment": {"startIndex": 9, "endIndex": 12, "text": "3 m"},
        "groundingChunkIndices": [0],
    }
    grounding = {
        "groundingChunks": [{"web": {"uri": "https://a", "title": "A"}}],
        "groundingSupports": [support],
    }
    events = decode(
        chunk({"text": text[:3]}, groundingMetadata={}),
        chunk({"text": text[3:]}, finishReason="STOP", groundingMetadata=grounding),
    )
    annotation = Annotation("https://a", "A", 7, 10, "3 m", "gemini")
    assert AnnotationDelta(0, annotation) in events
    assert chunks(*events)[-1]["candidates"][0]["groundingMetadata"] == grounding


def test_logprobs_ride_on_the_deltas():
    def result(token: str) -> dict[str, Any]:
        return {"chosenCandidates": [{"token": token, "logProbability": -1.0}]}

    events = decode(
        chunk({"text": "a"}, logprobsResult=result("a")),
        chunk({"text": "b"}, logprobsResult=result("b"), finishReason="STOP"),
    )
    [part] = fold(events).parts
    assert isinstance(part, Text)
    assert [token.token for token in part.logprobs] == ["a", "b"]
    both = result("a")["chosenCandidates"] + result("b")["chosenCandidates"]
    last = chunks(*events)[-1]["candidates"][0]
    assert last["logprobsResult"] == {"chosenCandidates": both}


def partial(*pieces: Any, **call: Any) -> dict[str, Any]:
    return {"functionCall": {**call, "partialArgs": [*pieces], "willContinue": True}}


def test_arguments_that_come_in_pieces():
    response = folded(
        chunk({"functionCall": {"name": "f", "willContinue": True}, "thoughtSignature": "U"}),
        chunk(partial({"jsonPath": "$.city", "stringValue": "New ", "willContinue": True})),
        chunk(partial({"jsonPath": "$.city", "stringValue": "Delhi"})),
        chunk(
            partial(
                {"jsonPath": "$.days[1].n", "numberValue": 2},
                {"jsonPath": "$['a b']", "boolValue": False},
                {"jsonPath": "$.none", "nullValue": "NULL_VALUE"},
                {"jsonPath": "$", "stringValue": "x"},
                {"jsonPath": "$.days[1].n.deeper", "boolValue": True},
                {"jsonPath": "$.list[99999]", "numberValue": 1},
                {"jsonPath": "$.days[0]", "stringValue": "cut", "willContinue": True},
                {"stringValue": "nowhere"},
                7,
                {"jsonPath": "$" + ".x" * 200, "boolValue": True},
            ),
            partial({"jsonPath": "$.days[2]", "stringValue": "on ", "willContinue": True}),
            partial({"jsonPath": "$.days[2]", "stringValue": "and on", "willContinue": True}),
        ),
        chunk({"functionCall": {}}),
        chunk({"functionCall": {"name": "g", "args": {}}}),
        STOP,
    )
    first, second = response.parts
    assert isinstance(first, ToolCall)
    assert isinstance(second, ToolCall)
    assert (first.name, second.name) == ("f", "g")
    assert first.signature == Signature("gemini", "U")
    assert json.loads(first.arguments) == {
        "city": "New Delhi",
        "days": ["cut", {"n": {"deeper": True}}, "on and on"],
        "a b": False,
        "none": None,
        "list": [],
    }


def test_a_call_in_pieces_that_another_one_follows():
    response = folded(
        chunk(partial({"jsonPath": "$.a", "numberValue": 1}, name="f")),
        chunk({"functionCall": {"name": "g", "args": {}}}, {"functionCall": 7}),
        STOP,
    )
    assert [getattr(part, "arguments", "") for part in response.parts] == ['{"a":1}', "{}"]


@pytest.mark.parametrize(("reason", "calls"), [("STOP", 1), ("MAX_TOKENS", 0)])
def test_F10_arguments_cut_off_are_never_closed_as_complete(reason, calls):
    response = folded(
        chunk(partial({"jsonPath": "$.a", "stringValue": "x"}, name="f")),
        chunk({"text": ""}, finishReason=reason),
    )
    assert len(response.parts) == calls


def test_P7_P8_P13_what_a_stream_looks_like():
    response = Response("r", "up", 1, (Answer((Text("hi"),)),), Usage(3, 2))
    tail = b'"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":2,"totalTokenCount":5}'
    tail += b',"modelVersion":"asked","responseId":"r"}'
    head = b'{"candidates":[{"content":{"role":"model","parts":[{"text":'
    first = head + b'"hi"}]},"index":0}],"modelVersion":"asked","responseId":"r"}'
    last = head + b'""}]},"finishReason":"STOP","index":0}],' + tail
    events = unfold(response)
    assert written(*events) == b"data: " + first + b"\n\ndata: " + last + b"\n\n"
    assert written(*events, request=ARRAY) == b"[" + first + b",\r\n" + last + b"]"


def test_usage_is_on_every_chunk_once_known():
    said = chunks(
        Start("r"),
        BlockStart(0, Text("")),
        TextDelta(0, "a"),
        UsageUpdate(Usage(3)),
        TextDelta(0, "b"),
        BlockStop(0),
        UsageUpdate(Usage(3, 9)),
        Finish(StopReason.STOP),
    )
    totals = [one.get("usageMetadata", {}).get("totalTokenCount") for one in said]
    assert totals == [None, 3, 12]


def test_P7_pings_survive_all_clients():
    encoder = ChunkStreamEncoder(ASKED)
    assert encoder.ping() == b"\n"
    body = b"\n" + encoder.encode(Start("r")) + encoder.encode(BlockStart(0, Text("")))
    body += encoder.encode(TextDelta(0, "hi")) + encoder.ping() + encoder.encode(BlockStop(0))
    body += encoder.encode(Finish(StopReason.STOP)) + encoder.eof()
    assert sdk.stream("gemini", body).text == "hi"
    array = ChunkStreamEncoder(ARRAY)
    pieces = [array.ping(), array.encode(Finish(StopReason.STOP)), array.ping(), array.eof()]
    assert len(json.loads(b"".join(pieces))) == 1
    assert array.ping() == b""


def test_P148_an_error_is_the_only_key_and_the_last_word():
    events = [Start("r"), *block(0, Text(""), TextDelta(0, "a")), Failure(ErrorKind.SERVER, "boom")]
    error = {"error": {"code": 503, "message": "boom", "status": "UNAVAILABLE"}}
    assert chunks(*events)[-1] == error
    array = json.loads(written(*events, request=ARRAY))
    assert array[-1] == error
    with pytest.raises(Exception, match="boom"):
        sdk.stream("gemini", written(*events))


@pytest.mark.parametrize("request_", [ASKED, ARRAY])
def test_F10_no_end_without_a_finish(request_):
    body = written(Start("r"), BlockStart(0, Text("")), TextDelta(0, "a"), request=request_)
    assert b'{"error":' in body
    assert b"finishReason" not in body
    assert b'{"error":' in written(request=request_)


def test_an_upstream_that_ends_in_an_error():
    assert "error" in chunks(Start("r"), Finish(StopReason.ERROR, explanation="broken"))[-1]


def test_foreign_signatures_go_to_the_next_call_or_text():
    one, two = Signature("anthropic", "A"), Signature("anthropic", "B", "redacted")
    events = [
        Start("r"),
        *block(0, Thinking(), ThinkingDelta(0, "th"), ThinkingBreak(0), SignatureDelta(0, one)),
        *block(1, Thinking(signature=two)),
        *block(2, ToolCall("c", "f"), ArgsDelta(2, '{"a"'), ArgsDelta(2, ":1}")),
        *block(3, Thinking(), SignatureDelta(3, one)),
        *block(4, Text(""), TextDelta(4, "x"), TextDelta(4, "y")),
        *block(5, Thinking(), SignatureDelta(5, two)),
        Finish(StopReason.TOOL_CALLS),
    ]
    call = {"functionCall": {"id": "c", "name": "f", "args": {"a": 1}}}
    assert parts(*events) == [
        {"text": "th", "thought": True},
        {"text": "\n\n", "thought": True},
        {"text": "", "thoughtSignature": sealed(one)},
        {**call, "thoughtSignature": sealed(two)},
        {"text": "x", "thoughtSignature": sealed(one)},
        {"text": "y"},
        {"text": "", "thoughtSignature": sealed(two)},
    ]


def test_own_signatures_go_where_they_were():
    own = Signature("gemini", "U")
    events = [
        Start("r"),
        *block(0, Thinking(), ThinkingDelta(0, "th"), SignatureDelta(0, own)),
        *block(1, Text(""), TextDelta(1, "x"), SignatureDelta(1, own)),
        *block(2, ToolCall("c", "f", signature=own)),
        *block(3, ToolCall("d", "g"), ArgsDelta(3, "{}"), SignatureDelta(3, own)),
        Finish(StopReason.TOOL_CALLS),
    ]
    assert [part.get("thoughtSignature") for part in parts(*events)] == [None, "U", None, *"UUU"]
    assert parts(*events, request=HIDDEN)[0] == {"text": "x", "thoughtSignature": "U"}


def test_hidden_thoughts_leave_their_signatures():
    theirs = Signature("anthropic", "A")
    events = [
        Start("r"),
        *block(0, Thinking(), ThinkingDelta(0, "th"), SignatureDelta(0, theirs)),
        *block(1, Text(""), TextDelta(1, "x")),
        Finish(StopReason.STOP),
    ]
    assert parts(*events, request=HIDDEN) == [{"text": "x", "thoughtSignature": sealed(theirs)}]


def test_every_kind_of_part_of_any_dialect():
    image = Media(MediaKind.IMAGE, SourceKind.BASE64, "AA==", "image/png")
    token = TokenLogprob("no", -1.0)
    events = [
        Start("r"),
        *block(0, Refusal(""), TextDelta(0, "no", (token,))),
        *block(1, image),
        *block(2, ServerCall("web_search", dialect="anthropic"), ArgsDelta(2, "{}")),
        *block(3, Opaque("gemini", {"hologram": {}})),
        *block(
            4, Text(""), TextDelta(4, "", (token,)), AnnotationDelta(4, Annotation("https://a"))
        ),
        Finish(StopReason.CONTENT_FILTER, explanation="policy", dialect="x", native="filter"),
    ]
    assert parts(*events) == [
        {"text": "no"},
        {"inlineData": {"mimeType": "image/png", "data": "AA=="}},
        {"hologram": {}},
    ]
    last = chunks(*events)[-1]["candidates"][0]
    assert last["finishReason"] == "SAFETY"
    assert last["finishMessage"] == "policy"
    assert len(last["logprobsResult"]["chosenCandidates"]) == 2
    assert last["groundingMetadata"]["groundingChunks"] == [
        {"web": {"uri": "https://a", "title": ""}}
    ]


def test_choices_are_candidates():
    two = Response("r", "m", 1, (Answer((Text("a"),)), Answer((Text("b"),))))
    events = unfold(two)
    assert any(isinstance(event, Choice) for event in events)
    said = [
        (c["index"], c["content"]["parts"][0]["text"])
        for one in chunks(*events)
        for c in one["candidates"]
    ]
    assert said == [(0, "a"), (0, ""), (1, "b"), (1, "")]
    assert fold(decode(written(*events))).answers[1].parts == (Text("b"),)


def test_every_event_has_a_handler():
    assert set(ChunkStreamEncoder(ASKED)._on) == set(get_args(Event))


def test_the_content_type_follows_the_framing():
    assert CODEC.server.stream_type(ASKED) == "text/event-stream"
    assert CODEC.server.stream_type(ARRAY) == "application/json"


def test_the_sdk_reads_both_framings():
    response = Response(
        "r",
        "m",
        1,
        (
            Answer(
                (
                    Thinking(("plan",), signature=Signature("anthropic", "A")),
                    Text("Ä\u2028b"),
                    ToolCall("c", "f", '{"a":{"b":[1]}}'),
                ),
                Finish(StopReason.TOOL_CALLS),
            ),
        ),
        Usage(10, 5, reasoning=2),
    )
    seen = sdk.stream("gemini", written(*unfold(response)))
    assert (seen.text, seen.calls) == ("Ä\u2028b", [("f", {"a": {"b": [1]}})])
    assert seen.usage.total_token_count == 15
    elements = json.loads(written(*unfold(response), request=ARRAY))
    pieces = [sdk.whole("gemini", json.dumps(element).encode()) for element in elements]
    assert "".join(piece.text for piece in pieces) == seen.text
    assert [call for piece in pieces for call in piece.calls] == seen.calls
    assert pieces[-1].finish == seen.finish == "STOP"


@needs_corpus
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_F13_P1_any_split_of_a_recording_gives_the_same_events(data):
    bodies = [
        exchange["body"].encode()
        for exchange in recordings.exchanges("gemini")
        if exchange["stream"] and exchange["status"] == 200 and len(exchange["body"]) < 20_000
    ]
    body = data.draw(st.sampled_from(bodies))
    places = data.draw(st.lists(st.integers(0, len(body)), max_size=20))
    edges = sorted({0, len(body), *places})
    assert decode(*(body[a:b] for a, b in pairwise(edges))) == decode(body)


@settings(deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=5))
def test_arbitrary_bytes_never_raise(pieces):
    decode(*pieces)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)
MEMBERS = [
    "text", "thought", "thoughtSignature", "functionCall", "functionResponse", "inlineData",
    "fileData", "executableCode", "toolCall", "toolResponse", "name", "args", "partialArgs",
]  # fmt: skip


@settings(deadline=None)
@given(
    st.lists(st.dictionaries(st.sampled_from(MEMBERS), VALUES, max_size=3), max_size=4),
    st.dictionaries(
        st.sampled_from(
            ["groundingMetadata", "logprobsResult", "finishReason", "index", "citationMetadata"]
        ),
        VALUES,
        max_size=2,
    ),
)
def test_misshapen_parts_never_raise(said, fields):
    events = decode(chunk(*said, **fields), STOP)
    written(*events)


@pytest.mark.parametrize("depth", [200, 900, 5000])
@pytest.mark.parametrize("member", ["groundingMetadata", "content", "usageMetadata"])
def test_nesting_beyond_all_sense_never_raises(depth, member):
    deep = '{"toolCall":' * depth + "1" + "}" * depth
    inside = {
        "groundingMetadata": f'"candidates":[{{"groundingMetadata":{deep},"finishReason":"STOP"}}]',
        "content": f'"candidates":[{{"content":{{"parts":[{deep}]}},"finishReason":"STOP"}}]',
        "usageMetadata": f'"usageMetadata":{{"promptTokensDetails":[{{"modality":1,"x":{deep}}}]}}',
    }[member]
    events = decode(b"data: {" + inside.encode() + b"}\n\n")
    assert isinstance(events[-1], Failure | Finish)


@pytest.mark.parametrize(
    "inside",
    [
        b'"candidates":[{"content":{"parts":[{"text":"%b"}]},"finishReason":"STOP"}]',
        b'"candidates":[{"groundingMetadata":{"a":"%b"},"finishReason":"STOP"}]',
        b'"error":{"message":"%b"}',
    ],
)
def test_P29_text_that_is_no_text_is_a_failure_and_half_a_pair_is_one_odd_letter(inside):
    assert isinstance(decode(b"data: {" + inside % b"\xff" + b"}\n\n")[-1], Failure)
    odd = decode(b"data: {" + inside % b"\\ud800" + b"}\n\n")
    assert odd == decode(b"data: {" + inside % "\ufffd".encode() + b"}\n\n")


def test_an_error_cut_off_by_the_end_is_still_read():
    error = {"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}}
    [failure] = decode(raw(error).rstrip())
    assert failure == Failure(ErrorKind.OVERLOADED, "busy", "UNAVAILABLE")

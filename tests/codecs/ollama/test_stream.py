"""Streams of both endpoints, in and out."""

from __future__ import annotations

import json
import random
from typing import Any, get_args

import ollama
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mux.codecs.ollama import CODEC, LineStreamDecoder, LineStreamEncoder
from mux.errors import ErrorKind
from mux.ir import (
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
    Reasoning,
    ReasoningState,
    Refusal,
    Request,
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
    fold,
)
from tests import recordings, sdk
from tests.laws.strategies import PNG

CHAT = Request("asked", origin="ollama", variant="chat", stream=True)
GENERATE = Request("asked", origin="ollama", variant="generate", stream=True)


def line(**fields: Any) -> bytes:
    body = {"model": "m", "created_at": "2026-11-01T00:00:00.1Z", "done": False, **fields}
    return json.dumps(body, ensure_ascii=False).encode() + b"\n"


def said(content: str = "", **fields: Any) -> bytes:
    return line(message={"role": "assistant", "content": content, **fields})


LAST = line(
    created_at="2026-11-01T00:00:00.3Z",
    message={"role": "assistant", "content": ""},
    done=True,
    done_reason="stop",
    total_duration=300,
    prompt_eval_count=9,
    eval_count=5,
)


def decode(*pieces: bytes) -> list[Event]:
    decoder, check = LineStreamDecoder(), Checker()
    events = [event for piece in pieces for event in decoder.feed(piece)] + decoder.eof()
    for event in events:
        check(event)
    assert check.done
    return events


def lines(events: list[Event], request: Request = CHAT) -> list[dict[str, Any]]:
    data = written(events, request)
    assert not data or data.endswith(b"\n")
    return [json.loads(each) for each in data.decode().split("\n") if each]


def written(events: list[Event], request: Request = CHAT) -> bytes:
    encoder = LineStreamEncoder(request)
    return b"".join([encoder.encode(event) for event in events]) + encoder.eof()


# -- in -------------------------------------------------------------------------------------------


def test_F04_the_reference_stream():
    events = decode(
        said(thinking="h"),
        said(thinking="m"),
        said("I "),
        said("look."),
        said(tool_calls=[{"function": {"name": "f", "arguments": {"a": 1}}}]),
        said(
            tool_calls=[
                {"id": "call_9", "function": {"index": 0, "name": "f", "arguments": {}}},
                {"function": {"index": 0, "name": "g", "arguments": None}},
            ]
        ),
        LAST,
    )
    kinds = [type(event).__name__ for event in events]
    call = ["BlockStart", "ArgsDelta", "BlockStop"]
    assert kinds == [
        "Start",
        *["BlockStart", "ThinkingDelta", "ThinkingDelta", "BlockStop"],
        *["BlockStart", "TextDelta", "TextDelta", "BlockStop"],
        *call * 3,
        "UsageUpdate",
        "Finish",
    ]
    response = fold(events)
    calls = [part for part in response.parts if isinstance(part, ToolCall)]
    assert [(part.name, part.arguments) for part in calls] == [
        ("f", '{"a": 1}'),
        ("f", "{}"),
        ("g", "{}"),
    ]
    assert calls[1].id == "call_9"
    assert len({part.id for part in calls}) == 3
    assert response.finish.reason is StopReason.TOOL_CALLS
    assert (response.created, response.model) == (1_793_491_200, "m")


def test_empty_pieces_open_nothing():
    events = decode(said(), said("", thinking=""), said("", tool_calls=[]), LAST)
    assert [type(event) for event in events] == [Start, UsageUpdate, Finish]


def test_thinking_between_texts_keeps_its_place():
    response = fold(decode(said("a"), said(thinking="b"), said("c"), LAST))
    assert response.parts == (Text("a"), Thinking(("b",)), Text("c"))


def test_generate_lines():
    response = fold(
        decode(
            line(response="", thinking="hm"),
            line(response="Hi"),
            line(response="", image=PNG),
            line(response="", done=True, done_reason="length", context=[1, 2], eval_count=3),
        )
    )
    assert response.parts == (
        Thinking(("hm",)),
        Text("Hi"),
        Media(MediaKind.IMAGE, SourceKind.BASE64, PNG, "image/png"),
    )
    assert response.finish.reason is StopReason.LENGTH
    assert response.finish.ext == {"ollama": {"context": [1, 2]}}


def test_F10_a_stream_without_its_last_line_is_a_failure():
    for cut in (b"", said("half")):
        last = decode(cut)[-1]
        assert isinstance(last, Failure)
        assert last.kind is ErrorKind.SERVER


def test_a_last_line_without_line_end_counts():
    assert isinstance(decode(said("x"), LAST.rstrip())[-1], Finish)


def test_nothing_counts_after_the_last_line():
    assert decode(said("x"), LAST, said("y"), b"garbage\n", LAST) == decode(said("x"), LAST)


def test_an_error_line_is_a_failure():
    [*_, last] = decode(said("x"), b'{"error":"boom"}\n', said("y"))
    assert last == Failure(ErrorKind.SERVER, "boom")
    [only] = decode(b'{"error":"the input length exceeds the context length"}\n')
    assert isinstance(only, Failure)
    assert only.kind is ErrorKind.CONTEXT_LENGTH


def test_bytes_that_are_no_lines_end_the_stream_and_shapes_unknown_do_not():
    assert isinstance(decode(said("x"), b"<html>\n", LAST)[-1], Failure)
    fine = decode(said("x"), b'[1]\n{"message":"new shape"}\n{"status":"pulling"}\n', LAST)
    assert fine == decode(said("x"), LAST)


def test_F13_letters_cut_in_two():
    stream = said("žluť 😊") + said("\u2028\x85") + LAST
    at_once = decode(stream)
    assert decode(*[stream[i : i + 1] for i in range(len(stream))]) == at_once
    assert fold(at_once).parts == (Text("žluť 😊\u2028\x85"),)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=80) | st.sampled_from([said("x"), LAST, b'{"done":true}\n'])))
def test_arbitrary_bytes_never_raise(pieces: list[bytes]):
    decode(*pieces)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_damaged_line_never_raises(data: st.DataObject):
    call = {"id": "c", "function": {"name": "f", "arguments": {"a": "é"}}}
    stream = bytearray(said("é", tool_calls=[call], thinking="ü") + line(error="") + LAST)
    for _ in range(data.draw(st.integers(1, 6))):
        stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
    decode(bytes(stream))


# -- out ------------------------------------------------------------------------------------------

FOREIGN: list[Event] = [
    Start("chatcmpl-1", "up", 1_700_000_000),
    BlockStart(0, Thinking()),
    ThinkingDelta(0, "h"),
    ThinkingBreak(0),
    ThinkingDelta(0, "m"),
    BlockStop(0),
    BlockStart(1, Text("")),
    TextDelta(1, "I "),
    TextDelta(1, "look."),
    BlockStop(1),
    BlockStart(2, ToolCall("call_1", "f")),
    ArgsDelta(2, '{"a"'),
    ArgsDelta(2, ":1}"),
    BlockStop(2),
    BlockStart(3, ToolCall("call_2", "g")),
    BlockStop(3),
    UsageUpdate(Usage(input_total=9, output_total=5)),
    Finish(StopReason.TOOL_CALLS),
]
HEAD = {"model": "asked", "created_at": "2023-11-14T22:13:20Z"}


def chat(**message: Any) -> dict[str, Any]:
    return {**HEAD, "message": {"role": "assistant", "content": "", **message}, "done": False}


def test_P158_calls_are_written_whole():
    f = {"id": "call_1", "function": {"index": 0, "name": "f", "arguments": {"a": 1}}}
    g = {"id": "call_2", "function": {"index": 1, "name": "g", "arguments": {}}}
    assert lines(FOREIGN) == [
        chat(thinking="h"),
        chat(thinking="\n\nm"),
        chat(content="I "),
        chat(content="look."),
        chat(tool_calls=[f]),
        chat(tool_calls=[g]),
        {
            **HEAD,
            "message": {"role": "assistant", "content": ""},
            "done": True,
            "done_reason": "stop",
            "prompt_eval_count": 9,
            "eval_count": 5,
        },
    ]


def test_generate_is_written_in_its_own_form():
    out = lines(FOREIGN, GENERATE)
    assert out[0] == {**HEAD, "response": "", "thinking": "h", "done": False}
    assert out[2] == {**HEAD, "response": "I ", "done": False}
    assert out[-1]["response"] == ""
    assert out[-1]["done"] is True
    assert not any("message" in each for each in out)
    image = Media(MediaKind.IMAGE, SourceKind.BASE64, PNG, "image/png")
    events = [FOREIGN[0], BlockStart(0, image), BlockStop(0), FOREIGN[-1]]
    assert lines(events, GENERATE)[0]["image"] == PNG
    assert len(lines(events)) == 1, "the Python client refuses images in a chat"
    native = decode(said(images=[PNG]), LAST)
    assert lines(native)[0]["message"]["images"] == [PNG]


def test_every_event_has_a_handler():
    assert LineStreamEncoder(CHAT)._on.keys() == set(get_args(Event))


def test_thinking_is_hidden_where_it_was_switched_off():
    off = Request("asked", variant="chat", reasoning=Reasoning(ReasoningState.OFF))
    assert not any("thinking" in each["message"] for each in lines(FOREIGN, off))


def test_F10_a_failure_is_an_error_line_and_the_end():
    events = [*FOREIGN[:8], Failure(ErrorKind.OVERLOADED, "busy"), *FOREIGN[8:]]
    out = lines(events)
    assert out[-1] == {"error": "busy"}
    assert out[-2]["done"] is False
    cut = lines([*FOREIGN[:12]])
    assert list(cut[-1]) == ["error"]
    assert not any("tool_calls" in str(each) for each in cut), "half a call is no call"
    assert list(lines([])[-1]) == ["error"]


def test_an_answer_that_ends_in_an_error_is_no_success():
    assert lines([*FOREIGN[:-1], Finish(StopReason.ERROR, explanation="no")])[-1] == {"error": "no"}


def test_only_the_first_choice_is_told():
    more: list[Event] = [
        Choice(1),
        BlockStart(0, Text("")),
        TextDelta(0, "other"),
        BlockStop(0),
        Finish(StopReason.STOP),
    ]
    assert lines([*FOREIGN, *more]) == lines(FOREIGN)


def test_a_refusal_is_content():
    start = FOREIGN[0]
    refused: list[Event] = [start, BlockStart(0, Refusal("")), TextDelta(0, "No."), BlockStop(0)]
    assert lines([*refused, Finish(StopReason.REFUSAL)])[0]["message"]["content"] == "No."
    explained = [start, Finish(StopReason.REFUSAL, explanation="I may not.")]
    assert [each["message"]["content"] for each in lines(explained)] == ["I may not.", ""]


def test_logprobs_beside_their_text():
    delta = TextDelta(0, "Hi", (TokenLogprob("Hi", -0.5),))
    events = [FOREIGN[0], BlockStart(0, Text("")), delta, BlockStop(0), FOREIGN[-1]]
    for request, field in ((CHAT, "message"), (GENERATE, "response")):
        first = lines(events, request)[0]
        assert first["logprobs"] == [{"token": "Hi", "logprob": -0.5}]
        assert field in first


@pytest.mark.parametrize("request_", [CHAT, GENERATE])
def test_P9_a_keep_alive_is_an_object_line(request_: Request):
    encoder = LineStreamEncoder(request_)
    encoder.encode(FOREIGN[0])
    ping = encoder.ping()
    assert ping.endswith(b"}\n")
    stream = ping + b"".join(map(encoder.encode, FOREIGN[1:])) + encoder.eof()
    seen = sdk.stream("ollama", stream, variant=request_.variant)
    assert seen.text == "I look."
    assert encoder.ping() == b""


@pytest.mark.parametrize("request_", [CHAT, GENERATE])
def test_the_sdk_reads_it(request_: Request):
    seen = sdk.stream("ollama", written(FOREIGN, request_), variant=request_.variant)
    assert seen.text == "I look."
    assert seen.finish == "stop"
    assert (seen.raw[-1].prompt_eval_count, seen.raw[-1].eval_count) == (9, 5)
    if request_ is CHAT:
        assert seen.calls == [("f", {"a": 1}), ("g", {})]
        assert "".join(each.message.thinking or "" for each in seen.raw) == "h\n\nm"


def test_P6_the_sdk_survives_every_line_end_in_text():
    text = "".join(map(chr, [*range(1, 0xA0), 0x2028, 0x2029]))
    events = [FOREIGN[0], BlockStart(0, Text("")), TextDelta(0, text), BlockStop(0), FOREIGN[-1]]
    assert sdk.stream("ollama", written(events)).text == text
    call = ToolCall("c", "f", json.dumps({"a": text}, ensure_ascii=False))
    events = [FOREIGN[0], BlockStart(0, call), BlockStop(0), FOREIGN[-1]]
    assert sdk.stream("ollama", written(events)).calls == [("f", {"a": text})]


def test_the_sdk_raises_our_errors():
    with pytest.raises(ollama.ResponseError, match="busy"):
        sdk.stream("ollama", written([FOREIGN[0], Failure(ErrorKind.OVERLOADED, "busy")]))


# -- recordings -----------------------------------------------------------------------------------


def pieces(body: str) -> tuple[list[tuple[str, Any]], dict[str, Any]]:
    """What a stream says, in order, and its last line.

    Lines that say nothing are left out, one that says two things counts as two, and the moments
    of the lines before the last are ignored: of these only the first one's is kept.
    """
    said: list[tuple[str, Any]] = []
    last: dict[str, Any] = {}
    for text in body.split("\n"):
        if not text:
            continue
        last = json.loads(text)
        source = last.get("message") or last
        fields = ("thinking", "content", "response", "images", "tool_calls")
        said += [(field, source[field]) for field in fields if source.get(field)]
    ignored = ("message", "response")
    return said, {key: value for key, value in last.items() if key not in ignored}


@recordings.needs_corpus
def test_recorded_streams_come_back_whole():
    count = 0
    cuts = random.Random(1)
    for exchange in recordings.exchanges("ollama"):
        if not exchange["stream"]:
            continue
        body = recordings.answer(exchange)
        events = decode(body)
        edges = sorted(cuts.sample(range(len(body)), min(20, len(body))))
        split = [body[a:b] for a, b in zip([0, *edges], [*edges, len(body)], strict=True)]
        assert decode(*split) == events, exchange["id"]
        said, last = pieces(exchange["body"])
        request = Request(last["model"], variant=recordings.variant(exchange))
        again = written(events, request)
        assert pieces(again.decode()) == (said, last), exchange["id"]
        seen = sdk.stream("ollama", again, variant=request.variant)
        assert seen.text == "".join(
            text for field, text in said if field in ("content", "response")
        )
        count += 1
    assert count > 20


def test_a_stream_of_one_line_is_the_whole_answer():
    body = line(
        message={
            "role": "assistant",
            "content": "x",
            "thinking": "t",
            "tool_calls": [{"function": {"name": "f", "arguments": {}}}],
        },
        done=True,
        done_reason="stop",
        eval_count=3,
    )
    assert fold(decode(body)) == CODEC.client.decode_response(body)

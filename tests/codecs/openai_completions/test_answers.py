"""Answers of the completions dialect, whole and streamed, both ways."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mux.codecs.openai_completions import (
    CODEC,
    CompletionStreamDecoder,
    CompletionStreamEncoder,
)
from mux.errors import ErrorKind, UpstreamFailed, UpstreamProtocolError
from mux.ir import (
    Answer,
    Checker,
    Event,
    Failure,
    Finish,
    Refusal,
    Request,
    Response,
    Start,
    StopReason,
    Text,
    TextDelta,
    Thinking,
    TokenLogprob,
    ToolCall,
    Usage,
    UsageUpdate,
    fold,
    unfold,
)
from tests import recordings, sdk

DIALECT = "openai_completions"
STOP = Finish(StopReason.STOP)
LOGPROBS = {
    "tokens": [" a", "b"],
    "token_logprobs": [-0.5, -1.5],
    "top_logprobs": [{" a": -0.5, " x": -2.0}, {"b": -1.5}],
    "text_offset": [6, 8],
}


def asked(prompt: Any = "prompt", **fields: Any) -> Request:
    body = {"model": "asked", "prompt": prompt, **fields}
    return CODEC.server.decode_request(json.dumps(body).encode())


def whole(response: Response, request: Request) -> dict[str, Any]:
    body = CODEC.server.encode_response(response, request)
    sdk.whole(DIALECT, body)
    return json.loads(body)


def streamed(events: list[Event], request: Request) -> bytes:
    encoder = CompletionStreamEncoder(request)
    return b"".join(encoder.encode(event) for event in events) + encoder.eof()


def read(body: bytes) -> list[Event]:
    decoder, check = CompletionStreamDecoder(), Checker()
    events = decoder.feed(body) + decoder.eof()
    for event in events:
        check(event)
    assert check.done
    return events


def choices(body: bytes) -> list[dict[str, Any]]:
    lines = [line[6:] for line in body.decode().split("\n\n") if line]
    return [choice for line in lines if line != "[DONE]" for choice in json.loads(line)["choices"]]


def response(*parts: Any, finish: Finish = STOP, usage: Usage | None = None) -> Response:
    return Response("msg_1", "up", 5, (Answer(parts, finish),), usage)


def test_an_answer_and_back():
    body = {
        "id": "cmpl-1",
        "object": "text_completion",
        "created": 5,
        "model": "asked",
        "system_fingerprint": "fp",
        "choices": [{"text": " ab", "index": 0, "logprobs": LOGPROBS, "finish_reason": "length"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
    }
    answer = CODEC.client.decode_response(json.dumps(body).encode())
    assert answer.parts == (
        Text(
            " ab",
            logprobs=(
                TokenLogprob(" a", -0.5, top=(TokenLogprob(" a", -0.5), TokenLogprob(" x", -2.0))),
                TokenLogprob("b", -1.5, top=(TokenLogprob("b", -1.5),)),
            ),
        ),
    )
    assert answer.finish.reason is StopReason.LENGTH
    assert whole(answer, asked()) == body


def test_reasoning_and_calls_have_no_place_and_a_refusal_is_text():
    told = whole(
        response(
            Thinking(("hm",)),
            Refusal("I won't"),
            ToolCall("c", "f", "{}"),
            finish=Finish(StopReason.REFUSAL, dialect="openai_chat", native="stop"),
            usage=Usage(input_total=5, output_total=7, reasoning=3),
        ),
        asked(),
    )
    assert told["id"].startswith("cmpl-")
    assert told["choices"] == [
        {"text": "I won't", "index": 0, "logprobs": None, "finish_reason": "content_filter"}
    ]
    assert told["usage"]["completion_tokens_details"]["reasoning_tokens"] == 3


def test_the_prompt_is_echoed_unless_the_upstream_did():
    batch = asked(["one ", "two "], n=2, echo=True)
    four = Response(answers=tuple(Answer((Text(word),)) for word in "abcd"))
    told = whole(four, batch)["choices"]
    assert [(choice["index"], choice["text"]) for choice in told] == [
        (0, "one a"),
        (1, "one b"),
        (2, "two c"),
        (3, "two d"),
    ]
    body = streamed(unfold(four), batch)
    text = {index: "" for index in range(4)}
    for choice in choices(body):
        text[choice["index"]] += choice["text"]
    assert list(text.values()) == ["one a", "one b", "two c", "two d"]
    native = Response("cmpl-1", answers=(Answer((Text("one a"),)),), ext={DIALECT: {}})
    assert whole(native, batch)["choices"][0]["text"] == "one a"
    assert choices(streamed(unfold(native), batch))[0]["text"] == "one a"


def test_an_echoed_prompts_first_token_has_no_number():
    tokens = {
        "tokens": ["pro", "mpt"],
        "token_logprobs": [None, -1.0],
        "top_logprobs": [None, {"mpt": -1.0}],
        "text_offset": [0, 3],
    }
    body = {"choices": [{"text": "prompt", "index": 0, "logprobs": tokens}]}
    answer = CODEC.client.decode_response(json.dumps(body).encode())
    told = json.loads(CODEC.server.encode_response(answer, asked(echo=True, logprobs=1)))
    assert told["choices"][0]["logprobs"] == tokens  # as the API does; the SDK's types know no null


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"<html>", UpstreamProtocolError),
        (b'{"choices": []}', UpstreamProtocolError),
        (b'{"error": {"message": "boom"}}', UpstreamFailed),
    ],
)
def test_what_is_no_answer_is_an_error(body, error):
    with pytest.raises(error):
        CODEC.client.decode_response(body)


@recordings.needs_corpus
def test_every_recorded_answer_comes_back_equal():
    seen = 0
    for exchange in recordings.exchanges(DIALECT):
        if exchange["stream"]:
            continue
        body = {**_plain(exchange["response"]), "object": "text_completion"}  # Together: a dot
        answer = CODEC.client.decode_response(recordings.answer(exchange))
        request = Request(answer.model, origin=DIALECT)
        again = json.loads(CODEC.server.encode_response(answer, request))
        assert _plain(again) == body, exchange["id"]
        seen += 1
    assert seen == 26


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if item is not None}
    return [_plain(item) for item in value] if isinstance(value, list) else value


# -- streams --------------------------------------------------------------------------------------


@recordings.needs_corpus
def test_every_recorded_stream_decodes_and_comes_back_equal():
    seen = 0
    for exchange in recordings.exchanges(DIALECT):
        if not exchange["stream"]:
            continue
        body = recordings.answer(exchange)
        events = read(body)
        assert not isinstance(events[-1], Failure), exchange["id"]
        text = "".join(choice.get("text") or "" for choice in choices(body))
        assert "".join(e.text for e in events if isinstance(e, TextDelta)) == text
        request = Request(fold(events).model, stream=True, include_usage=True, origin=DIALECT)
        assert read(streamed(events, request)) == events, exchange["id"]
        seen += 1
    assert seen == 10


def test_the_bytes_of_a_stream():
    usage = Usage(input_total=1, output_total=2)
    request = asked(stream=True, stream_options={"include_usage": True})
    native = Response("cmpl-1", "up", 5, (Answer((Text("é"),), STOP),), usage, {DIALECT: {}})
    *lines, end = streamed(unfold(native), request).decode().split("\n\n")
    assert end == ""
    head = 'data: {"id":"cmpl-1","object":"text_completion","created":5,"model":"asked","choices":['
    assert lines[0] == (
        head + '{"text":"é","index":0,"logprobs":null,"finish_reason":null}],"usage":null}'
    )
    assert lines[1] == (
        head + '{"text":"","index":0,"logprobs":null,"finish_reason":"stop"}],"usage":null}'
    )
    assert lines[2].startswith(head + '],"usage":{"prompt_tokens":1,"completion_tokens":2,')
    assert lines[3] == "data: [DONE]"
    seen = sdk.stream(DIALECT, streamed(unfold(native), request))
    assert (seen.text, seen.finish) == ("é", "stop")


def test_log_probabilities_of_a_stream_keep_their_offsets():
    tokens = tuple(TokenLogprob(word, -1.0) for word in ("ab", "c"))
    events: list[Event] = unfold(response(Text("ab", logprobs=tokens[:1])))
    events[3:3] = [TextDelta(0, "c", tokens[1:])]
    found = [choice["logprobs"] for choice in choices(streamed(events, asked("12345")))]
    assert [entry["text_offset"] for entry in found if entry] == [[5], [7]]


def test_F10_a_failure_is_an_error_and_then_nothing():
    encoder = CompletionStreamEncoder(asked())
    out = encoder.encode(Start()) + encoder.encode(Failure(ErrorKind.RATE_LIMIT, "slow"))
    assert json.loads(out[6:])["error"]["code"] == "rate_limit_exceeded"
    assert encoder.eof() == b""
    last = streamed([Start()], asked())
    assert "error" in json.loads(last[6:])
    failed = streamed(unfold(response(Text("x"), finish=Finish(StopReason.ERROR))), asked())
    assert b"[DONE]" not in failed


def test_parts_without_a_place_are_passed_over():
    parts = (Thinking(("hm",)), Text("a"), ToolCall("c", "f", '{"x":1}'), Text("b"))
    body = streamed(unfold(response(*parts)), asked())
    assert sdk.stream(DIALECT, body).text == "ab"


def test_a_stream_that_ends_in_every_way():
    text = b'data: {"id":"cmpl-1","choices":[{"text":"x","index":0}]}\n\n'
    reason = b'data: {"choices":[{"text":"","index":0,"finish_reason":"length"}]}\n\n'
    usage = b'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}\n\n'
    done = b"data: [DONE]\n\n"
    assert fold(read(text + reason + usage + done)).finish.reason is StopReason.LENGTH
    assert any(isinstance(event, UsageUpdate) for event in read(text + reason + usage))
    assert fold(read(text + done)).finish.reason is StopReason.STOP
    assert isinstance(read(text)[-1], Failure)
    assert isinstance(read(done)[-1], Failure)
    error = b'data: {"error":{"message":"m","type":"server_error"}}\n\n'
    assert isinstance(read(text + error)[-1], Failure)


def test_interleaved_choices_come_one_after_the_other():
    body = b"".join(
        b'data: {"id":"c","choices":[{"text":"%b","index":%d}]}\n\n' % (word, index)
        for index, word in ((1, b"b"), (0, b"a"), (1, b"B"), (0, b"A"))
    )
    answers = fold(read(body + b"data: [DONE]\n\n")).answers
    assert [answer.parts for answer in answers] == [(Text("aA"),), (Text("bB"),)]


@given(st.lists(st.binary(max_size=60), max_size=6))
def test_no_bytes_make_it_raise(pieces):
    decoder, check = CompletionStreamDecoder(), Checker()
    for piece in pieces:
        for event in decoder.feed(piece):
            check(event)
    for event in decoder.eof():
        check(event)
    assert check.done


def test_pings_and_types():
    encoder = CompletionStreamEncoder(asked())
    body = encoder.ping() + b"".join(encoder.encode(e) for e in unfold(response(Text("x"))))
    assert sdk.stream(DIALECT, body + encoder.eof()).text == "x"
    assert CODEC.server.stream_type(asked()).startswith("text/event-stream")

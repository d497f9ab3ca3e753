"""Whole answers of both endpoints."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mux.codecs.ollama import CODEC
from mux.errors import ContextLengthExceeded, MuxError, UpstreamFailed, UpstreamProtocolError
from mux.ir import (
    Answer,
    Finish,
    Media,
    MediaKind,
    Opaque,
    Reasoning,
    ReasoningState,
    Refusal,
    Request,
    Response,
    ServerCall,
    SourceKind,
    StopReason,
    Text,
    Thinking,
    TokenLogprob,
    ToolCall,
    Usage,
    Visibility,
)
from tests import recordings, sdk
from tests.laws.strategies import PNG

CHAT = Request("asked", origin="ollama", variant="chat")
GENERATE = Request("asked", origin="ollama", variant="generate")
LAST: dict[str, Any] = {
    "done": True,
    "done_reason": "stop",
    "total_duration": 300,
    "load_duration": 1,
    "prompt_eval_count": 9,
    "prompt_eval_duration": 2,
    "eval_count": 5,
    "eval_duration": 3,
}


def chat(message: dict[str, Any], **fields: Any) -> bytes:
    head = {"model": "m", "created_at": "2026-11-01T00:00:00.123456789Z"}
    body = {**head, "message": {"role": "assistant", "content": "", **message}, **LAST, **fields}
    return json.dumps(body).encode()


def decode(body: bytes) -> Response:
    return CODEC.client.decode_response(body)


def encode(*parts: Any, request: Request = CHAT, **fields: Any) -> dict[str, Any]:
    finish = fields.pop("finish", Finish(StopReason.STOP))
    response = Response("id", "up", 1_700_000_000, (Answer(parts, finish),), **fields)
    return json.loads(CODEC.server.encode_response(response, request))


def test_a_whole_answer():
    response = decode(
        chat(
            {
                "content": "It rains.",
                "thinking": "hm",
                "images": [PNG],
                "tool_calls": [
                    {"id": "call_1", "function": {"index": 0, "name": "f", "arguments": {"a": 1}}}
                ],
            }
        )
    )
    assert response.model == "m"
    assert response.created == 1_793_491_200
    thinking, text, image, call = response.parts
    assert thinking == Thinking(("hm",))
    assert text == Text("It rains.")
    assert image == Media(MediaKind.IMAGE, SourceKind.BASE64, PNG, "image/png")
    assert isinstance(call, ToolCall)
    assert (call.id, call.name, call.arguments) == ("call_1", "f", '{"a": 1}')
    assert response.finish.reason is StopReason.TOOL_CALLS
    assert response.usage is not None
    assert (response.usage.input_total, response.usage.output_total) == (9, 5)


@pytest.mark.parametrize(
    ("native", "reason"),
    [
        ("stop", StopReason.STOP),
        ("length", StopReason.LENGTH),
        ("load", StopReason.STOP),
        ("unload", StopReason.STOP),
        (None, StopReason.STOP),
        ("novel", StopReason.UNKNOWN),
    ],
)
def test_done_reasons_both_ways(native: str | None, reason: StopReason):
    body = chat({"content": "x"}, done_reason=native)
    response = decode(body)
    assert response.finish.reason is reason
    again = json.loads(CODEC.server.encode_response(response, CHAT))
    assert again.get("done_reason") == native


@pytest.mark.parametrize(
    ("reason", "native"),
    [
        (StopReason.STOP, "stop"),
        (StopReason.STOP_SEQUENCE, "stop"),
        (StopReason.TOOL_CALLS, "stop"),
        (StopReason.LENGTH, "length"),
        (StopReason.CONTEXT_WINDOW, "length"),
        (StopReason.CONTINUATION, "length"),
        (StopReason.CONTENT_FILTER, "stop"),
        (StopReason.REFUSAL, "stop"),
        (StopReason.PAUSE, "stop"),
        (StopReason.MALFORMED_TOOL, "stop"),
        (StopReason.UNKNOWN, "stop"),
    ],
)
def test_reasons_of_other_dialects(reason: StopReason, native: str):
    finish = Finish(reason, dialect="anthropic", native="whatever")
    assert encode(Text("x"), finish=finish)["done_reason"] == native


def test_F04_ids_are_made_once_and_stay():
    calls = [{"function": {"name": "f", "arguments": {}}}] * 2
    first, second = decode(chat({"tool_calls": calls})), decode(chat({"tool_calls": calls}))
    assert first == second
    ids = [part.id for part in first.parts if isinstance(part, ToolCall)]
    assert len(set(ids)) == 2
    assert all(each.startswith("call_") for each in ids)
    other = json.loads(chat({"tool_calls": calls}))
    other["created_at"] = "2026-11-01T00:00:01Z"
    assert decode(json.dumps(other).encode()).id != first.id


def test_arguments_keep_their_text():
    body = chat({}).replace(
        b'"content": ""',
        b'"content": "", "tool_calls":[{"function":{"name":"f","arguments":{"b": 1.0,"a":2}}}]',
    )
    [call] = decode(body).parts
    assert isinstance(call, ToolCall)
    assert call.arguments == '{"b": 1.0,"a":2}'


def test_usage_of_other_dialects_has_no_durations():
    usage = Usage(input_total=10, output_total=0, cache_read=4, dialect="x", raw={"y": 1})
    out = encode(Text("x"), usage=usage)
    assert out["prompt_eval_count"] == 10
    assert not {"eval_count", "total_duration", "y"} & out.keys()


def test_P166_durations_are_whole_nanoseconds():
    """A host that writes them as floats is put right: clients divide by them."""
    body = json.loads(chat({"content": "x"}))
    body |= {"total_duration": 5.0e9, "eval_duration": 1_000_000_000.0, "load_duration": None}
    out = json.loads(CODEC.server.encode_response(decode(json.dumps(body).encode()), CHAT))
    told = {key: value for key, value in out.items() if key.endswith("_duration")}
    assert told["total_duration"] == 5_000_000_000
    assert told["eval_duration"] == 1_000_000_000
    assert all(type(value) is int for value in told.values())
    assert "load_duration" not in told


def test_a_prompt_that_was_cached_is_not_counted():
    body = json.loads(chat({"content": "x"}))
    del body["prompt_eval_count"]
    usage = decode(json.dumps(body).encode()).usage
    assert usage is not None
    assert (usage.input_total, usage.output_total) == (0, 5)


def test_no_metrics_no_usage():
    body = json.loads(chat({"content": "x"}))
    bare = {key: body[key] for key in ("model", "message", "done")}
    response = decode(json.dumps(bare).encode())
    assert response.usage is None
    assert response.created == 0


def test_parts_of_other_dialects():
    out = encode(
        Thinking(("a", "b")),
        Text("one "),
        Text("two"),
        Thinking(("c",)),
        ServerCall("web_search"),
        Opaque("gemini", {}),
        Media(MediaKind.AUDIO, SourceKind.BASE64, "UklGRg==", "audio/wav"),
        Media(MediaKind.IMAGE, SourceKind.URL, "https://example.com/a.png"),
        Media(MediaKind.IMAGE, SourceKind.BASE64, PNG, "image/png"),
        Refusal("!"),
        ToolCall("c1", "f", '{"a":1}'),
        ToolCall("c2", "g"),
    )
    assert out == {
        "model": "asked",
        "created_at": "2023-11-14T22:13:20Z",
        "message": {
            "role": "assistant",
            "content": "one two\n\n!",
            "thinking": "a\n\nb\n\nc",
            "tool_calls": [
                {"id": "c1", "function": {"index": 0, "name": "f", "arguments": {"a": 1}}},
                {"id": "c2", "function": {"index": 1, "name": "g", "arguments": {}}},
            ],
        },
        "done": True,
        "done_reason": "stop",
    }


@pytest.mark.parametrize(
    "reasoning",
    [Reasoning(ReasoningState.OFF), Reasoning(visible=Visibility.HIDDEN)],
)
def test_thinking_is_kept_from_clients_that_do_not_want_it(reasoning: Reasoning):
    request = Request("m", variant="chat", reasoning=reasoning)
    assert "thinking" not in encode(Thinking(("x",)), Text("y"), request=request)["message"]


def test_images_only_where_a_client_reads_them():
    """The Python client refuses a chat answer whose images are strings, as the server's are."""
    image = Media(MediaKind.IMAGE, SourceKind.BASE64, PNG, "image/png")
    assert "images" not in encode(image)["message"]
    assert encode(image, request=GENERATE)["image"] == PNG
    body = chat({"content": "x", "images": [PNG]})
    assert json.loads(CODEC.server.encode_response(decode(body), CHAT))["message"]["images"] == [
        PNG
    ]


@pytest.mark.parametrize("reason", [StopReason.REFUSAL, StopReason.CONTENT_FILTER])
def test_F35_why_an_answer_was_withheld_is_content(reason: StopReason):
    """There is no other place for it: all that the last line says is ``stop``."""
    finish = Finish(reason, explanation="I may not.")
    assert encode(finish=finish)["message"]["content"] == "I may not."
    assert encode(Text("So"), finish=finish)["message"]["content"] == "So\n\nI may not."


def test_logprobs_both_ways():
    token = TokenLogprob("Hi", -0.5, (72, 105), (TokenLogprob("Ho", -1.5),))
    out = encode(Text("Hi", logprobs=(token,)))
    assert out["logprobs"] == [
        {
            "token": "Hi",
            "logprob": -0.5,
            "bytes": [72, 105],
            "top_logprobs": [{"token": "Ho", "logprob": -1.5}],
        }
    ]
    [text] = decode(json.dumps(out).encode()).parts
    assert text == Text("Hi", logprobs=(token,))


def test_generate_has_its_text_in_the_line():
    usage = Usage(input_total=1, output_total=2)
    out = encode(Thinking(("t",)), Text("x"), request=GENERATE, usage=usage)
    assert (out["response"], out["thinking"]) == ("x", "t")
    assert "message" not in out
    assert "context" not in out
    [thinking, text] = decode(json.dumps(out).encode()).parts
    assert (thinking, text) == (Thinking(("t",)), Text("x"))


def test_a_moment_no_calendar_holds():
    assert encode(Text("x"))["created_at"] == "2023-11-14T22:13:20Z"
    body = CODEC.server.encode_response(Response(created=10**15), CHAT)
    assert json.loads(body)["created_at"] == "1970-01-01T00:00:00Z"


@pytest.mark.parametrize("body", [b"", b"[]", b"1", b"<html>", b"\xff", b'{"message": 1}'])
def test_an_answer_that_is_none(body: bytes):
    with pytest.raises(UpstreamProtocolError):
        decode(body)


def test_half_an_answer_and_an_error_are_no_success():
    with pytest.raises(UpstreamFailed):
        decode(b'{"model":"m","message":{"content":"x"},"done":false}')
    with pytest.raises(MuxError, match="boom"):
        decode(b'{"error":"boom"}')
    with pytest.raises(ContextLengthExceeded):
        decode(b'{"error":"the input length exceeds the context length"}')
    with pytest.raises(MuxError, match="inside"):
        decode(b'{"error":{"message":"inside"}}')
    assert decode(b'{"error":null,"response":"x","done":true}').parts == (Text("x"),)


def filled(value: dict[str, Any]) -> dict[str, Any]:
    """A recorded answer without nulls and empty strings other than the text's own fields."""
    out = {key: item for key, item in value.items() if item is not None}
    if isinstance(message := out.get("message"), dict):
        out["message"] = filled(message)
    return out


@recordings.needs_corpus
def test_recorded_answers_come_back_whole():
    count = 0
    for exchange in recordings.exchanges("ollama"):
        if exchange["stream"] or exchange["status"] != 200:
            continue
        request = Request(exchange["response"]["model"], variant=recordings.variant(exchange))
        body = CODEC.server.encode_response(decode(recordings.answer(exchange)), request)
        assert json.loads(body) == filled(exchange["response"]), exchange["id"]
        variant = recordings.variant(exchange)
        seen = sdk.whole("ollama", body, variant=variant)
        message = exchange["response"].get("message") or {}
        assert seen.text == (message.get("content") or exchange["response"].get("response") or "")
        count += 1
    assert count > 20

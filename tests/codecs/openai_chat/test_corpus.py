"""The recorded traffic: all of it decodes, and comes back equal."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk

from mux.codecs._openai_usage import without_nulls
from mux.codecs.openai_chat import CODEC, ChatStreamDecoder, ChatStreamEncoder
from mux.errors import InvalidRequest, Unsupported
from mux.ir import (
    Abilities,
    Checker,
    Event,
    Failure,
    Finish,
    Request,
    Response,
    Text,
    Thinking,
    ToolCall,
    UsageUpdate,
    fold,
)
from tests import recordings
from tests.codecs.openai_chat import comparing
from tests.conftest import SHARED

pytestmark = recordings.needs_corpus

CLIENTS = SHARED / "clients"
ABILITIES = Abilities(developer_role=True, custom_tools=True)
"""A host that takes all there is."""

NOTHING_SAID = {
    "openai-chat/mirascope/empty-call.openai_completions.handles-empty-string-content",
    "openai-chat/mirascope/input.test_call_with_empty_string.openai_gpt_4o_completions",
    "openai-chat/mirascope/input.test_call_with_two_empty_string.openai_gpt_4o_completions",
}
"""Requests whose only message is empty: no dialect can be sent that."""

REPORTED = {
    "lmnr-python/test_openai.test_azure.test_prompt_content_filtering": "Azure Content management",
    "pydantic-ai/models.test_groq.test_tool_use_failed_error_streaming": "validation failed",
    "pydantic-ai/models.test_groq.test_tool_use_failed_error_streaming_with_text": "did not call",
    "pydantic-ai/models.test_openrouter.test_openrouter_stream_error": "Token limit reached",
}
"""Errors under status 200, whole and streamed, by the end of the exchange's id."""


def answered(*, stream: bool) -> list[dict[str, Any]]:
    return [
        exchange
        for exchange in recordings.exchanges("openai_chat")
        if exchange["stream"] == stream and exchange["status"] < 400
    ]


def reported(exchange: dict[str, Any]) -> str | None:
    return REPORTED.get(exchange["id"].removeprefix("openai-chat/"))


def legal(events: list[Event]) -> list[Event]:
    check = Checker()
    for event in events:
        check(event)
    assert check.done
    return events


def decoded(body: bytes) -> list[Event]:
    decoder = ChatStreamDecoder()
    return legal(decoder.feed(body) + decoder.eof())


def back(body: dict[str, Any]) -> dict[str, Any]:
    """A request, decoded and encoded again."""
    request = CODEC.server.decode_request(json.dumps(body).encode(), model=body.get("model", "m"))
    return json.loads(CODEC.client.encode_request(request, ABILITIES).body)


def test_every_request_comes_back_equal():
    compared = 0
    refused = set()
    for exchange in recordings.exchanges("openai_chat"):
        if (body := exchange["request"]) is None:
            continue
        try:
            again = back(body)
        except Unsupported:
            refused.add(exchange["id"])
            continue
        body = {"model": "m", **body}  # Azure has it in the path
        assert comparing.request(again) == comparing.request(body), exchange["id"]
        compared += 1
    assert refused == NOTHING_SAID
    assert compared > 1300


@pytest.mark.parametrize(
    "name", ["cline-openai", "copilot-openai", "opencode-openai", "pi-openai", "qwen-openai"]
)
def test_every_request_of_a_client_comes_back_equal(name):
    lines = (CLIENTS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    bodies = [body for line in lines if (body := json.loads(line)["body"]) and "messages" in body]
    assert bodies
    for body in bodies:
        assert comparing.request(back(body)) == comparing.request(body)


def test_every_answer_comes_back_equal():
    compared = 0
    for exchange in answered(stream=False):
        body = exchange["response"]
        if (problem := reported(exchange)) is not None:
            with pytest.raises(InvalidRequest, match=problem):
                CODEC.client.decode_response(recordings.answer(exchange))
            continue
        response = CODEC.client.decode_response(recordings.answer(exchange))
        legacy = "functions" in (exchange["request"] or {}) or _called_legacy(body)
        request = Request(
            response.model, origin="openai_chat", variant="functions" if legacy else ""
        )
        again = json.loads(CODEC.server.encode_response(response, request))
        expected = comparing.response(body)
        again = comparing.response(again)
        if "id" not in expected:  # Snowflake gives none
            assert again.pop("id").startswith("chatcmpl-")
        for choice in expected["choices"]:
            for call in choice["message"].get("tool_calls", ()):
                if not call["id"]:  # quirk(gemini): nor does Google's compatible endpoint
                    call["id"] = again["choices"][0]["message"]["tool_calls"][0]["id"]
        assert again == expected, exchange["id"]
        compared += 1
    assert compared > 900


def _called_legacy(body: dict[str, Any]) -> bool:
    call = (body["choices"][0].get("message") or {}).get("function_call") or {}
    return bool(call.get("name"))


def test_every_stream_decodes_and_comes_back_equal():
    compared = 0
    for exchange in answered(stream=True):
        events = decoded(recordings.answer(exchange))
        if (problem := reported(exchange)) is not None:
            assert isinstance(events[-1], Failure)
            assert problem in events[-1].message
            continue
        assert not isinstance(events[-1], Failure), exchange["id"]
        encoder = ChatStreamEncoder(Request(fold(events).model, stream=True, include_usage=True))
        again = b"".join(encoder.encode(event) for event in events) + encoder.eof()
        if not events[0].id:  # Snowflake gives none
            again = again.replace(json.loads(again[6 : again.index(b"\n")])["id"].encode(), b"")
        assert tidy(decoded(again)) == tidy(events), exchange["id"]
        compared += 1
    assert compared > 400


def tidy(events: list[Event]) -> list[Event]:
    """`events` without nulls in the native usage, and with the reason to stop that is sent on."""
    out: list[Event] = []
    for event in events:
        match event:
            case UsageUpdate():
                out.append(UsageUpdate(replace(event.usage, raw=without_nulls(event.usage.raw))))
            case Finish(native=""):
                out.append(replace(event, native=str(event.reason)))
            case _:
                out.append(event)
    return out


def test_every_stream_says_what_its_deltas_say():
    """Held against a reading of the chunks that knows nothing of blocks."""
    for exchange in answered(stream=True):
        if reported(exchange) is not None:
            continue
        text, thoughts, calls = _read(recordings.answer(exchange))
        response = fold(decoded(recordings.answer(exchange)))
        if len(response.answers) > 1:
            continue
        assert _said(response, Text) == text, exchange["id"]
        assert _said(response, Thinking) == thoughts, exchange["id"]
        found = [part for part in response.parts if isinstance(part, ToolCall)]
        assert [(call.name, call.arguments) for call in found] == calls, exchange["id"]


def _said(response: Response, kind: type[Text] | type[Thinking]) -> str:
    parts = [part for part in response.parts if isinstance(part, kind)]
    return "".join(part.text if isinstance(part, Text) else "".join(part.texts) for part in parts)


def _chunks(body: bytes) -> list[dict[str, Any]]:
    lines = body.decode().replace("\r\n", "\n").split("\n")
    payloads = [line[5:].strip() for line in lines if line.startswith("data:")]
    return [json.loads(payload) for payload in payloads if payload and payload != "[DONE]"]


def _read(body: bytes) -> tuple[str, str, list[tuple[str, str]]]:
    text, thoughts = "", ""
    calls: dict[object, list[str]] = {}
    for chunk in _chunks(body):
        for choice in chunk["choices"]:
            delta = choice["delta"]
            content = delta.get("content")
            if isinstance(content, list):
                for part in content:
                    text += part.get("text", "")
                    thoughts += "".join(piece["text"] for piece in part.get("thinking", ()))
            else:
                text += content or ""
            details = delta.get("reasoning_details") or ()
            thoughts += (
                delta.get("reasoning_content")
                or delta.get("reasoning")
                or "".join(entry.get("text") or entry.get("summary") or "" for entry in details)
            )
            for call in delta.get("tool_calls") or ():
                key = call.get("index", call.get("id"))
                name, arguments = calls.setdefault(key, ["", ""])
                name = name or call["function"].get("name") or ""
                calls[key] = [name, arguments + (call["function"].get("arguments") or "")]
    return text, thoughts, [(name, arguments or "{}") for name, arguments in calls.values()]


def test_a_stream_amounts_to_the_whole_answer_that_the_sdk_makes_of_it():
    compared = 0
    for exchange in answered(stream=True):
        if exchange["vendor"] not in ("openai", "azure", "bedrock", "ollama"):
            continue  # the SDK's accumulator has no place for what others add
        body = recordings.answer(exchange)
        if (whole := _accumulated(body)) is None:
            continue
        expected = CODEC.client.decode_response(json.dumps(whole).encode())
        response = fold(decoded(body))
        assert response.parts == expected.parts, exchange["id"]
        assert response.finish.reason == expected.finish.reason, exchange["id"]
        compared += 1
    assert compared > 200


def _accumulated(body: bytes) -> dict[str, Any] | None:
    """The whole answer by the SDK's own accumulator; None for what it cannot read itself.

    It fails at repeated words (Azure), and keeps only the log probabilities of the first chunk.
    """
    state: Any = ChatCompletionStreamState()
    for chunk in _chunks(body):
        if any(choice.get("logprobs") for choice in chunk["choices"]):
            return None
        if not chunk["choices"] and not chunk.get("usage"):
            continue
        typed = ChatCompletionChunk.model_validate({**chunk, "object": "chat.completion.chunk"})
        try:
            state.handle_chunk(typed)
        except AssertionError:
            return None
    return state.current_completion_snapshot.to_dict()


STREAMS = 40


@settings(max_examples=STREAMS, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_F13_any_split_of_a_recorded_stream_gives_the_same_events(data):
    exchange = data.draw(st.sampled_from(answered(stream=True)))
    body = recordings.answer(exchange)[:20_000]
    whole = ChatStreamDecoder()
    expected = whole.feed(body) + whole.eof()
    size = data.draw(st.integers(1, 900))
    pieces = ChatStreamDecoder()
    events = [
        event
        for start in range(0, len(body), size)
        for event in pieces.feed(body[start : start + size])
    ]
    assert events + pieces.eof() == expected

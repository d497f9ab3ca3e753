"""All recorded traffic of this dialect, and what real clients send: nothing is lost on the way."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from mux.codecs.anthropic import CODEC, MessageStreamDecoder, MessageStreamEncoder
from mux.errors import InvalidRequest
from mux.ir import (
    Abilities,
    Checker,
    Event,
    Failure,
    Reasoning,
    ReasoningState,
    Request,
    Response,
    ServerCall,
    ToolCall,
    UsageUpdate,
    fold,
)
from mux.wire import json as wire_json
from tests import recordings, sdk
from tests.codecs.anthropic import comparing
from tests.conftest import SHARED

CLIENTS = SHARED / "clients"
needs_clients = pytest.mark.skipif(
    not CLIENTS.is_dir(), reason="the captured requests (../shared/clients) are not here"
)
ABLE = Abilities(prefill=True)
ASKED = Request("", origin="anthropic", reasoning=Reasoning(ReasoningState.ON))

REQUESTS = {
    "llama-stack/messages.f55988509902a617d2f547a1518bb84c3c8784ea1e1ac139e2f0623449dfa047": (
        "its thinking has no signature, which no upstream would take back (pitfall 94)"
    ),
    "mirascope/empty-call.anthropic.handles-empty-string-content": (
        "its only message is empty; it was refused"
    ),
    "openinference/anthropic.test_instrumentor."
    "test_anthropic_instrumentation_image_input_messages": (
        "its image is no PNG as it says (pitfall 117)"
    ),
    "openinference/anthropic.test_instrumentor."
    "test_anthropic_instrumentation_image_input_messages_with_stream": (
        "its image is no PNG as it says (pitfall 117)"
    ),
    "pydantic-ai/t_tool_search.test_cross_provider_capability_replay_"
    "google-gemini-3-flash-preview-anthropic-claude-sonnet-4-5-3": (
        "one id names two calls of its history (pitfall 171)"
    ),
    "pydantic-ai/t_tool_search.test_cross_provider_capability_replay_"
    "google-gemini-3-flash-preview-anthropic-claude-sonnet-4-5-4": (
        "one id names two calls of its history (pitfall 171)"
    ),
}
"""Requests that do not come back as they were, and why."""

STREAMS = {
    "anthropic-sdk-python/streaming.incomplete_partial_json_response": (
        "the input of its call is cut short and gets closed (pitfall 88)"
    ),
}
"""Streams that do not come back as they were, and why."""


def names(found: dict[str, str]) -> set[str]:
    return {f"anthropic/{name}" for name in found}


def back(body: dict[str, Any]) -> dict[str, Any]:
    """The request decoded and encoded again."""
    request = CODEC.server.decode_request(json.dumps(body).encode())
    assert request.origin == "anthropic"
    encoded = json.loads(CODEC.client.encode_request(request, ABLE).body)
    if "max_tokens" not in body:  # a count
        del encoded["max_tokens"]
    return encoded


def asked() -> Iterator[dict[str, Any]]:
    for kind in ("generate", "count"):
        for exchange in recordings.exchanges("anthropic", kind=kind):
            if exchange["request"] is not None:
                yield exchange


@recordings.needs_corpus
def test_F39_requests_come_back_with_all_they_held():
    changed = set()
    for exchange in asked():
        body = exchange["request"]
        if not body.get("messages"):
            with pytest.raises(InvalidRequest):
                back(body)
        elif comparing.request(back(body)) != comparing.request(body):
            changed.add(exchange["id"])
    assert changed == names(REQUESTS)


@needs_clients
@pytest.mark.parametrize(
    "path",
    [*sorted(CLIENTS.glob("*-anthropic.jsonl")), CLIENTS / "claude-code.jsonl"],
    ids=lambda path: path.stem,
)
def test_P243_requests_of_real_clients_come_back_with_all_they_held(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines
    for line in lines:
        body = json.loads(line)["body"]
        assert comparing.request(back(body)) == comparing.request(body)


def answers(*, stream: bool) -> list[dict[str, Any]]:
    return [
        exchange
        for exchange in recordings.exchanges("anthropic")
        if exchange["status"] == 200 and exchange["stream"] is stream
    ]


@recordings.needs_corpus
def test_whole_answers_come_back_as_they_were():
    found = answers(stream=False)
    assert found
    for exchange in found:
        response = CODEC.client.decode_response(recordings.answer(exchange))
        encoded = CODEC.server.encode_response(response, ASKED)
        assert comparing.answer(json.loads(encoded)) == comparing.answer(exchange["response"]), (
            exchange["id"]
        )
        assert CODEC.client.decode_response(encoded).parts == response.parts


def decoded(data: bytes, size: int | None = None) -> list[Event]:
    decoder, check = MessageStreamDecoder(), Checker()
    size = size or max(1, len(data))
    events = [e for at in range(0, len(data), size) for e in decoder.feed(data[at : at + size])]
    events += decoder.eof()
    for event in events:
        check(event)
    assert check.done
    return events


def encoded(events: list[Event]) -> bytes:
    encoder = MessageStreamEncoder(ASKED)
    return b"".join([encoder.encode(event) for event in events]) + encoder.eof()


def _uncompleted(events: list[Event]) -> list[Event]:
    """`events` without the zero that older counts of provider-run tools lack."""
    return [
        UsageUpdate(replace(event.usage, web_fetches=None, raw=comparing.plain(event.usage.raw)))
        if isinstance(event, UsageUpdate) and not event.usage.web_fetches
        else event
        for event in events
    ]


@recordings.needs_corpus
def test_streams_come_back_as_they_were():
    changed = set()
    found = answers(stream=True)
    assert found
    for exchange in found:
        events = decoded(recordings.answer(exchange))
        assert not isinstance(events[-1], Failure), exchange["id"]
        if _uncompleted(decoded(encoded(events))) != _uncompleted(events):
            changed.add(exchange["id"])
    assert changed == names(STREAMS)


@recordings.needs_corpus
@pytest.mark.parametrize("size", [1, 7, 4096])
def test_F13_streams_in_pieces_are_the_same_streams(size):
    for exchange in answers(stream=True)[:: 1 if size > 1 else 10]:
        data = recordings.answer(exchange)
        assert decoded(data, size) == decoded(data), exchange["id"]


@recordings.needs_corpus
def test_a_stream_amounts_to_the_whole_answer_it_accumulates_to():
    """Held against the official SDK: its accumulated message, decoded, is the folded stream."""
    for exchange in answers(stream=True)[::4]:
        data = recordings.answer(exchange)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydantic's, about blocks of the beta API
            message = sdk.stream("anthropic", data + b"\n\n").raw.to_dict()
        whole = CODEC.client.decode_response(json.dumps(message, default=str).encode())
        streamed = fold(decoded(data))
        assert _said(streamed) == _said(whole), exchange["id"]
        assert streamed.finish.reason == whole.finish.reason
        assert streamed.usage is not None
        assert whole.usage is not None
        assert streamed.usage.total == whole.usage.total


def _said(response: Response) -> list[Any]:
    out: list[Any] = []
    for part in response.parts:
        match part:
            case ToolCall() | ServerCall():
                out.append(
                    (
                        part.name,
                        wire_json.loads(
                            wire_json.text({}) if not part.arguments else part.arguments
                        ),
                    )
                )
            case _:
                out.append(replace(part, ext=None) if hasattr(part, "ext") else type(part))
    return out


@recordings.needs_corpus
def test_recorded_errors_are_understood():
    seen = 0
    for exchange in recordings.exchanges("anthropic"):
        if exchange["status"] >= 400:
            error = CODEC.client.decode_error(exchange["status"], recordings.answer(exchange), {})
            assert error.message == exchange["response"]["error"]["message"]
            seen += 1
    assert seen

"""Recorded traffic and captured clients: all of it decodes, and comes back equal."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mux.codecs.gemini import CODEC
from mux.errors import InvalidRequest
from mux.ir import Abilities, Checker, Event, Finish, Request, Start, fold
from tests import recordings, sdk
from tests.codecs.gemini import comparing
from tests.conftest import SHARED
from tests.recordings import needs_corpus

CLIENTS = SHARED / "clients"
CLIENT_FILES = ("gemini-cli", "opencode-google", "pi-google", "qwen-gemini")

REFUSED = {
    "gemini/opentelemetry-python-contrib/vertexai.test_generate_content_invalid_role": (
        "the role is none of the API's, and the service refused it too"
    ),
}
"""Requests that do not decode, and why."""

SDK_REFUSES = "serviceTier"
"""A member of usage that the SDK's own strict model does not know yet."""


def exchanges(**wanted: Any) -> list[dict[str, Any]]:
    return [
        exchange
        for exchange in recordings.exchanges("gemini")
        if all(exchange[key] == value for key, value in wanted.items())
    ]


def answered(*, stream: bool) -> list[dict[str, Any]]:
    return exchanges(status=200, stream=stream)


def chunks(exchange: dict[str, Any]) -> list[dict[str, Any]]:
    body = exchange["body"]
    if exchange["framing"] == "json-array":
        return json.loads(body)
    events = body.replace("\r\n", "\n").split("\n\n")
    return [json.loads(event.removeprefix("data:")) for event in events if event.strip()]


def decode(data: bytes) -> list[Event]:
    decoder, check = CODEC.client.stream_decoder(), Checker()
    events = [*decoder.feed(data), *decoder.eof()]
    for event in events:
        check(event)
    assert check.done
    return events


def asking(exchange: dict[str, Any], model: str) -> Request:
    """What the client of a recording asked, of the model that answered."""
    variant = recordings.variant(exchange)
    return Request(model, origin="gemini", stream=exchange["stream"], variant=variant)


@needs_corpus
def test_every_request_comes_back_with_nothing_lost():
    for exchange in exchanges():
        body, model = json.dumps(exchange["request"]).encode(), recordings.model(exchange)
        if exchange["id"] in REFUSED:
            assert exchange["status"] == 400
            with pytest.raises(InvalidRequest):
                CODEC.server.decode_request(body, model=model)
            continue
        request = CODEC.server.decode_request(body, model=model, stream=exchange["stream"])
        encoded = CODEC.client.encode_request(request, Abilities())
        assert not encoded.losses, exchange["id"]
        again = comparing.request(json.loads(encoded.body))
        assert again == comparing.request(exchange["request"]), exchange["id"]


@pytest.mark.skipif(not CLIENTS.is_dir(), reason="the captured clients are not here")
@pytest.mark.parametrize("name", CLIENT_FILES)
def test_P245_what_agent_clients_send_comes_back_with_nothing_lost(name):
    lines = (CLIENTS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    for line in lines:
        body = json.loads(line)["body"]
        request = CODEC.server.decode_request(json.dumps(body).encode(), model="m", stream=True)
        assert request.system
        assert request.messages
        encoded = CODEC.client.encode_request(request, Abilities())
        assert not encoded.losses
        assert comparing.request(json.loads(encoded.body)) == comparing.request(body)


@needs_corpus
def test_every_whole_answer_comes_back_equal():
    for exchange in answered(stream=False):
        response = CODEC.client.decode_response(recordings.answer(exchange))
        body = CODEC.server.encode_response(response, asking(exchange, response.model))
        want = comparing.answer(exchange["response"])
        assert comparing.answer(json.loads(body)) == want, exchange["id"]


@needs_corpus
def test_every_stream_comes_back_equal():
    for exchange in answered(stream=True):
        events = decode(exchange["body"].encode())
        assert isinstance(events[0], Start)
        assert isinstance(events[-1], Finish)
        request = asking(exchange, events[0].model)
        encoder = CODEC.server.stream_encoder(request)
        body = b"".join(map(encoder.encode, events)) + encoder.eof()
        written = chunks({"body": body.decode(), "framing": exchange["framing"]})
        want = comparing.stream(chunks(exchange))
        assert comparing.stream(written) == want, exchange["id"]


@needs_corpus
def test_a_stream_amounts_to_the_whole_answer():
    """Property 3 of the translation spec: fold(stream) is the decoded whole answer."""
    for exchange in answered(stream=True):
        whole = comparing.joined(chunks(exchange))
        response = CODEC.client.decode_response(json.dumps(whole).encode())
        assert fold(decode(exchange["body"].encode())) == response, exchange["id"]


@needs_corpus
def test_every_error_is_recognised():
    kinds: dict[int, set[str]] = {}
    for exchange in exchanges():
        if exchange["status"] >= 400:
            body = recordings.answer(exchange)
            error = CODEC.client.decode_error(exchange["status"], body, {})
            assert error.message
            kinds.setdefault(exchange["status"], set()).add(str(error.kind))
    assert kinds == {
        400: {"invalid_request", "upstream_auth", "context_length"},
        403: {"upstream_auth"},
        404: {"not_found"},
        429: {"rate_limit"},
    }


@needs_corpus
def test_P250_the_sdk_reads_what_we_write_of_every_stream():
    for exchange in answered(stream=True):
        if SDK_REFUSES in exchange["body"]:
            continue
        events = decode(exchange["body"].encode())
        encoder = CODEC.server.stream_encoder(Request("m", origin="gemini", stream=True))
        body = b"".join(map(encoder.encode, events)) + encoder.eof()
        seen, answer = sdk.stream("gemini", body), fold(events)
        assert seen.text == "".join(getattr(p, "text", "") for p in answer.parts if visible(p))
        assert [name for name, _ in seen.calls] == [
            part.name for part in answer.parts if type(part).__name__ == "ToolCall"
        ]
        assert seen.finish


def visible(part: object) -> bool:
    return type(part).__name__ in ("Text", "Refusal")


@needs_corpus
def test_counts_are_read():
    counted = [ex for ex in recordings.exchanges("gemini", kind="count") if ex["status"] == 200]
    assert counted
    for exchange in counted:
        body = json.dumps(exchange["request"]).encode()
        assert CODEC.count_server is not None
        assert CODEC.count_client is not None
        request = CODEC.count_server.decode_count(body, model=recordings.model(exchange))
        assert request.messages
        total = CODEC.count_client.decode_count_response(recordings.answer(exchange))
        assert total == exchange["response"]["totalTokens"]

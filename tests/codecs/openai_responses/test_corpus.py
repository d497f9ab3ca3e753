"""Recorded traffic and captured clients: all of it decodes, and comes back equal."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mux.codecs.openai_responses import CODEC
from mux.codecs.openai_responses._own import DIALECT
from mux.ir import (
    Abilities,
    Checker,
    Event,
    Failure,
    Request,
    Role,
    Thinking,
    Tool,
    ToolCall,
    ToolKind,
    ToolResult,
    fold,
)
from tests import recordings
from tests.codecs.openai_responses import comparing
from tests.conftest import SHARED
from tests.recordings import needs_corpus

CLIENTS = SHARED / "clients"
CLIENT_FILES = (
    "codex",
    "codex-known-gpt-5.5",
    "codex-known-gpt-6.1",
    "copilot-responses",
    "opencode-responses",
    "pi-responses",
    "qwen-responses",
)
needs_clients = pytest.mark.skipif(
    not CLIENTS.is_dir(), reason="the captured clients (../shared/clients) are not here"
)

_PYDANTIC = "openai-responses/pydantic-ai/models."
_NO_CHOICE = "the recording leaves out tool_choice, which the SDK's type demands"
_COMPLETE = "the recording has the status 'complete', which the API does not know"
DIFFER = {
    "openai-responses/lmnr-python/test_openai_agents.test_agents_integration.test_simple_agent": (
        _NO_CHOICE
    ),
    f"{_PYDANTIC}test_openai_responses.test_openai_previous_response_id": _COMPLETE,
    f"{_PYDANTIC}test_openai_responses.test_openai_previous_response_id-1": _COMPLETE,
    f"{_PYDANTIC}test_openai_responses.test_openai_previous_response_id_auto_mode": _COMPLETE,
    f"{_PYDANTIC}test_openai_responses.test_openai_responses_verbosity": _COMPLETE,
    f"{_PYDANTIC}test_openai.test_openai_instructions_with_responses_logprobs_streaming": (
        "the service rounds log probabilities in the final response, not in the deltas"
    ),
    f"{_PYDANTIC}test_openai_responses.test_openai_responses_model_mcp_list_tools_stream"
    "_backfills_missing_results": (
        "no event but the last one completes two of the items, so they come after the others"
    ),
    "openai-responses/ruby_llm/providers_bedrock_mantle_responses_chat"
    "_calls_tools_through_the_responses_surface": (
        "the host's calls have no id; clients key events by it, so one is made"
    ),
}
"""Answers that do not come back equal, and why."""

FAILED = {
    "openai-responses/langwatch/adapters.providers.openai_responses_error_event": (
        "the recording is of an error inside the stream"
    ),
}


def captured() -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{name} {exchange['n']}", exchange["body"])
        for name in CLIENT_FILES
        for exchange in map(json.loads, (CLIENTS / f"{name}.jsonl").read_text("utf-8").splitlines())
    ]


def answered(*, stream: bool) -> list[dict[str, Any]]:
    return [
        exchange
        for exchange in recordings.exchanges(DIALECT)
        if exchange["status"] < 400 and exchange["stream"] is stream
    ]


def decode(data: bytes) -> list[Event]:
    decoder, check = CODEC.client.stream_decoder(), Checker()
    events = [*decoder.feed(data), *decoder.eof()]
    for event in events:
        check(event)
    assert check.done
    return events


def frames(exchange: dict[str, Any]) -> list[dict[str, Any]]:
    lines = exchange["body"].replace("\r", "").split("\n")
    payloads = [line[5:].strip() for line in lines if line.startswith("data:")]
    return [json.loads(payload) for payload in payloads if payload != "[DONE]"]


def final(exchange: dict[str, Any]) -> dict[str, Any]:
    """The response a stream amounts to.

    The service encrypts reasoning anew in its last event, so items are those of the closing
    events; an item that none closed is that of the last event.
    """
    events = frames(exchange)
    ends = ("response.completed", "response.incomplete", "response.failed")
    response = next(e["response"] for e in reversed(events) if e["type"] in ends)
    closed = {
        event["output_index"]: event["item"]
        for event in events
        if event["type"] == "response.output_item.done"
    }
    output = [closed.get(place, item) for place, item in enumerate(response["output"])]
    return {**response, "output": output}


@needs_clients
def test_every_captured_request_comes_back_with_nothing_lost():
    for name, body in captured():
        request = CODEC.server.decode_request(json.dumps(body).encode())
        out = CODEC.client.encode_request(request, Abilities(custom_tools=True))
        assert out.losses == (), name
        assert comparing.request(json.loads(out.body)) == comparing.request(body), name


@needs_clients
def test_codex_says_the_same_in_its_three_ways_of_declaring_tools():
    first, plain, lite = (
        CODEC.server.decode_request(json.dumps(body).encode())
        for name, body in captured()
        if name in ("codex-known-gpt-5.5 3", "codex 3", "codex-known-gpt-6.1 3")
    )
    by_kind = {(tool.namespace, tool.name): tool for tool in lite.tools if isinstance(tool, Tool)}
    assert by_kind["functions", "exec"].kind is ToolKind.CUSTOM
    assert by_kind["functions", "exec"].grammar is not None
    assert ("collaboration", "spawn_agent") in by_kind
    assert [part.text != "" for part in lite.system] == [True] * len(lite.system)
    for request in (first, plain, lite):
        roles = [message.role for message in request.messages]
        assert roles == [Role.USER, Role.USER, Role.ASSISTANT, Role.TOOL]
        said, heard = request.messages[2].parts, request.messages[3].parts
        calls = [part for part in said if isinstance(part, ToolCall)]
        results = [part for part in heard if isinstance(part, ToolResult)]
        assert [call.id for call in calls] == [result.call_id for result in results]
        thoughts = [part for part in said if isinstance(part, Thinking)]
        assert all(t.signature is not None and t.signature.kind == "enc" for t in thoughts)


@needs_corpus
def test_every_recorded_request_comes_back_with_nothing_lost():
    for exchange in recordings.exchanges(DIALECT):
        body = exchange["request"]
        if body is None:
            continue
        request = CODEC.server.decode_request(json.dumps(body).encode())
        out = CODEC.client.encode_request(request, Abilities(custom_tools=True))
        assert out.losses == (), exchange["id"]
        again = comparing.request(json.loads(out.body))
        assert again == comparing.request(body), exchange["id"]


@needs_corpus
def test_every_whole_answer_comes_back_equal():
    for exchange in answered(stream=False):
        body = exchange["response"]
        response = CODEC.client.decode_response(json.dumps(body).encode())
        asked = Request(body["model"], origin=DIALECT)
        again = comparing.response(json.loads(CODEC.server.encode_response(response, asked)))
        same = again == comparing.response(body)
        assert same == (exchange["id"] not in DIFFER), exchange["id"]


@needs_corpus
def test_every_stream_comes_back_equal_and_is_worth_its_whole_answer():
    for exchange in answered(stream=True):
        events = decode(exchange["body"].encode())
        if isinstance(events[-1], Failure):
            assert exchange["id"] in FAILED
            continue
        body = final(exchange)
        asked = Request(body["model"], origin=DIALECT)
        encoder = CODEC.server.stream_encoder(asked)
        written = b"".join([encoder.encode(event) for event in events]) + encoder.eof()
        last = json.loads(written.rstrip().rpartition(b"\ndata: ")[2])["response"]
        same = comparing.response(last) == comparing.response(body)
        assert same == (exchange["id"] not in DIFFER), exchange["id"]
        whole = CODEC.client.decode_response(json.dumps(body).encode())
        folded = fold(events)
        assert folded.usage == whole.usage, exchange["id"]
        assert folded.finish.reason == whole.finish.reason, exchange["id"]
        if same:
            assert folded.parts == whole.parts, exchange["id"]
        assert fold(decode(written)).parts == folded.parts, exchange["id"]


@needs_corpus
def test_every_stream_is_the_same_in_pieces():
    for exchange in answered(stream=True)[::5]:
        data = exchange["body"].encode()
        decoder = CODEC.client.stream_decoder()
        events = [e for at in range(0, len(data), 11) for e in decoder.feed(data[at : at + 11])]
        assert events + decoder.eof() == decode(data), exchange["id"]


@needs_corpus
def test_recorded_counts_decode():
    server, client = CODEC.count_server, CODEC.count_client
    assert server is not None
    assert client is not None
    for exchange in recordings.exchanges(DIALECT, kind="count"):
        request = server.decode_count(json.dumps(exchange["request"]).encode())
        body = json.loads(client.encode_count_request(request, Abilities()))
        assert comparing.request(body) == comparing.request(exchange["request"])
        answer = json.dumps(exchange["response"]).encode()
        assert client.decode_count_response(answer) == exchange["response"]["input_tokens"]

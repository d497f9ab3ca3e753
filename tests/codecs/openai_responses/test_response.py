"""Whole answers, errors and counts."""

from __future__ import annotations

import json

import pytest

from mux.codecs.openai_responses import CODEC
from mux.codecs.openai_responses._own import DIALECT
from mux.errors import (
    ContextLengthExceeded,
    ErrorKind,
    InvalidRequest,
    QuotaExceeded,
    RateLimited,
    UpstreamAuthFailed,
    UpstreamFailed,
    UpstreamProtocolError,
)
from mux.ir import (
    Abilities,
    Message,
    Request,
    Role,
    StopReason,
    Text,
    ToolCall,
    ToolKind,
)
from tests.codecs.openai_responses.telling import decoded

ASKED = Request("m", origin=DIALECT)


def answered(*output: dict, **fields) -> bytes:
    response = {"id": "resp_1", "created_at": 1.5, "model": "up", "status": "completed"}
    return json.dumps({**response, "output": list(output), **fields}).encode()


def test_items_are_parts_and_calls_decide_the_finish():
    response = CODEC.client.decode_response(
        answered(
            {
                "type": "message",
                "id": "msg_1",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "a", "annotations": []}],
            },
            {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c", "name": "p", "input": "x"},
            tool_usage={"web_search": {"num_requests": 2}},
            usage={"input_tokens": 1, "output_tokens": 2.0},
        )
    )
    assert response.created == 1
    assert response.parts == (
        Text("a", ext={DIALECT: {"message": {"id": "msg_1"}}}),
        ToolCall("c", "p", "x", ToolKind.CUSTOM, ext={DIALECT: {"id": "ctc_1"}}),
    )
    assert response.finish.reason is StopReason.TOOL_CALLS
    assert response.usage is not None
    assert (response.usage.output_total, response.usage.web_searches) == (2, 2)


def test_an_answer_keeps_what_only_this_dialect_knows():
    body = answered(
        {"type": "compaction", "id": "cmp_1", "encrypted_content": "gAAAA"},
        conversation={"id": "conv_1"},
        input_transformations=[{"type": "reasoning", "id": "rs_1"}],
        service_tier="flex",
        usage={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3, "extra": 1},
    )
    again = json.loads(CODEC.server.encode_response(CODEC.client.decode_response(body), ASKED))
    assert again["id"] == "resp_1"
    assert again["conversation"] == {"id": "conv_1"}
    assert again["input_transformations"] == [{"type": "reasoning", "id": "rs_1"}]
    assert again["service_tier"] == "flex"
    assert again["usage"]["extra"] == 1
    assert again["output"] == [{"type": "compaction", "id": "cmp_1", "encrypted_content": "gAAAA"}]
    assert again["model"] == "m"


@pytest.mark.parametrize("status", ["queued", "in_progress", "cancelled"])
def test_a_response_in_the_background_keeps_its_status(status):
    body = answered(status=status, background=True)
    again = json.loads(CODEC.server.encode_response(CODEC.client.decode_response(body), ASKED))
    assert again["status"] == status


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"<html>", UpstreamProtocolError),
        (b"[]", UpstreamProtocolError),
        (b'{"id":"resp_1"}', UpstreamProtocolError),
        (answered({"type": "function_call"}), UpstreamProtocolError),
        (answered(status="failed", error={"code": "server_error", "message": "m"}), UpstreamFailed),
        (
            json.dumps({"error": {"code": "insufficient_quota", "message": "m"}}).encode(),
            QuotaExceeded,
        ),
    ],
)
def test_what_is_no_answer_is_an_error(body, error):
    with pytest.raises(error):
        CODEC.client.decode_response(body)


@pytest.mark.parametrize(
    ("status", "fields", "error"),
    [
        (401, {"message": "Incorrect API key", "code": "invalid_api_key"}, UpstreamAuthFailed),
        (429, {"message": "slow", "code": "rate_limit_exceeded"}, RateLimited),
        (400, {"message": "bad", "param": "input"}, InvalidRequest),
        (400, {"message": "Your input exceeds the context window"}, ContextLengthExceeded),
    ],
)
def test_error_bodies(status, fields, error):
    body = json.dumps({"error": fields}).encode()
    found = CODEC.client.decode_error(status, body, {})
    assert type(found) is error
    told = json.loads(CODEC.server.encode_error(found))["error"]
    assert told["message"] == fields["message"]
    assert set(told) == {"message", "type", "param", "code"}


def test_quirk_xai_writes_its_errors_as_strings():
    body = b'{"code":"invalid-argument","error":"Incorrect API key provided."}'
    found = CODEC.client.decode_error(400, body, {})
    assert "Incorrect API key" in found.message
    assert found.kind in (ErrorKind.INVALID_REQUEST, ErrorKind.UPSTREAM_AUTH)


def test_counting_asks_for_what_counts():
    server, client = CODEC.count_server, CODEC.count_client
    assert server is not None
    assert client is not None
    request = server.decode_count(b'{"model":"m","input":"hi","instructions":"be good"}')
    assert request.messages == (Message(Role.USER, (Text("hi"),)),)
    assert json.loads(server.encode_count(7)) == {
        "object": "response.input_tokens",
        "input_tokens": 7,
    }
    asked = decoded(input="hi", tools=[{"type": "function", "name": "f"}], store=False, stream=True)
    body = json.loads(client.encode_count_request(asked, Abilities()))
    assert set(body) == {"model", "input", "tools"}
    assert client.count_path(asked) == "/responses/input_tokens"
    assert client.decode_count_response(b'{"input_tokens":16}') == 16
    with pytest.raises(UpstreamProtocolError):
        client.decode_count_response(b"{}")


def test_the_same_request_is_the_same_bytes():
    request = decoded(input="hi", tools=[{"type": "function", "name": "f"}])
    assert CODEC.client.encode_request(request, Abilities()) == CODEC.client.encode_request(
        request, Abilities()
    )

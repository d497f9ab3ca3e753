"""Errors in OpenAI's form, read from every host and written for every client."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mux.codecs._openai_errors import decode_error, encode_error
from mux.errors import (
    ContextLengthExceeded,
    ErrorKind,
    InvalidRequest,
    MethodNotAllowed,
    MuxError,
    NotFound,
    Overloaded,
    QuotaExceeded,
    RateLimited,
    Unauthorized,
    Unsupported,
    UpstreamAuthFailed,
    UpstreamFailed,
)
from tests import recordings


def written(error: MuxError) -> dict[str, Any]:
    return json.loads(encode_error(error))["error"]


def read(status: int, body: Any, **headers: str) -> MuxError:
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return decode_error(status, json.dumps(body).encode(), named)


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (InvalidRequest("m", param="n"), "invalid_request_error", None),
        (Unsupported("m"), "invalid_request_error", "unsupported_parameter"),
        (ContextLengthExceeded("m", code="x"), "invalid_request_error", "context_length_exceeded"),
        (Unauthorized("m"), "invalid_request_error", "invalid_api_key"),
        (NotFound("m"), "invalid_request_error", "model_not_found"),
        (MethodNotAllowed("m", allow=("GET",)), "invalid_request_error", "method_not_allowed"),
        (RateLimited("m", code="slow_down"), "rate_limit_error", "slow_down"),
        (QuotaExceeded("m", code="billing"), "insufficient_quota", "insufficient_quota"),
        (Overloaded("m", code="529"), "service_unavailable_error", "server_is_overloaded"),
        (UpstreamAuthFailed("m", code="invalid_api_key"), "server_error", "upstream_auth"),
        (UpstreamFailed("m"), "server_error", None),
    ],
)
def test_every_error_has_a_type_and_a_code_that_clients_know(error, kind, code):
    told = written(error)
    assert (told["message"], told["type"], told["code"]) == ("m", kind, code)
    assert told["param"] == error.param


def test_P45_hostile_text_stays_text():
    told = written(InvalidRequest('","code":"x"}}\n\ndata: '))
    assert told["message"] == '","code":"x"}}\n\ndata: '


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (400, {"message": "x", "code": "invalid_value", "param": "n"}, ErrorKind.INVALID_REQUEST),
        (400, {"message": "x", "code": "context_length_exceeded"}, ErrorKind.CONTEXT_LENGTH),
        (400, {"message": "This model's maximum context length is 5"}, ErrorKind.CONTEXT_LENGTH),
        (401, {"message": "x", "code": "invalid_api_key"}, ErrorKind.UPSTREAM_AUTH),
        (403, {"message": "x"}, ErrorKind.UPSTREAM_AUTH),
        (403, {"message": "no access to model x"}, ErrorKind.NOT_FOUND),
        (404, {"message": "x", "code": "model_not_found"}, ErrorKind.NOT_FOUND),
        (429, {"message": "x", "type": "requests"}, ErrorKind.RATE_LIMIT),
        (429, {"message": "x", "code": "slow_down"}, ErrorKind.RATE_LIMIT),
        (429, {"message": "x", "code": "insufficient_quota"}, ErrorKind.QUOTA),
        (429, {"message": "x", "type": "insufficient_quota"}, ErrorKind.QUOTA),
        (402, {"message": "x"}, ErrorKind.QUOTA),
        (500, {"message": "x"}, ErrorKind.SERVER),
        (503, {"message": "x"}, ErrorKind.OVERLOADED),
    ],
)
def test_F220_errors_are_recognised(status, error, kind):
    found = read(status, {"error": error})
    assert found.kind is kind
    assert found.code == error.get("code")
    assert found.param == error.get("param")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"error": "just words"}, "just words"),
        ({"error": "code", "error_description": "words"}, "words"),
        ({"object": "error", "message": "vllm", "type": "x", "code": 400}, "vllm"),
        ({"detail": "mistral"}, "mistral"),
        ({"detail": [{"loc": ["body"], "msg": "a"}, {"msg": "b"}]}, "a; b"),
        ([{"error": {"message": "google"}}], "google"),
        (
            {"error": {"message": "Provider returned error", "metadata": {"raw": "why"}}},
            "Provider returned error: why",
        ),
        ({}, "The upstream answered with status 400"),
        ("text", "The upstream answered with status 400"),
    ],
)
def test_bodies_of_every_host(body, message):
    assert read(400, body).message == message


def test_P222_a_page_is_no_message():
    assert decode_error(502, b"<html>" + b"x" * 9999).message == (
        "The upstream answered with status 502"
    )


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"retry_after_ms": "1500"}, 1.5),
        ({"retry_after": "7", "x_ratelimit_reset_requests": "9s"}, 7.0),
        ({"x_ratelimit_reset_requests": "6m0s", "x_ratelimit_remaining_requests": "0"}, 360.0),
        (
            {
                "x_ratelimit_reset_requests": "6m0s",
                "x_ratelimit_remaining_requests": "5",
                "x_ratelimit_reset_tokens": "250ms",
                "x_ratelimit_remaining_tokens": "0",
            },
            0.25,
        ),
        ({"x_ratelimit_reset_tokens": "12.5", "x_ratelimit_remaining_tokens": "0"}, 12.5),
        ({"x_ratelimit_reset": "9"}, 9.0),
        ({"x_ratelimit_reset_tokens": "soon"}, None),
        ({}, None),
    ],
)
def test_P217_P218_how_long_to_wait(headers, wait_s):
    assert read(429, {"error": {"message": "x"}}, **headers).retry_after_s == wait_s


@recordings.needs_corpus
def test_every_recorded_error_has_a_message_and_a_status_of_the_contract():
    seen = 0
    for exchange in recordings.exchanges("openai_chat"):
        if exchange["status"] < 400:
            continue
        error = read(exchange["status"], exchange["response"])
        assert error.status in (400, 404, 429, 503)
        assert error.message
        assert "answered with status" not in error.message
        seen += 1
    assert seen > 40

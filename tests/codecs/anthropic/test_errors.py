"""Errors, in and out."""

from __future__ import annotations

import json

import pytest

from mux.codecs.anthropic import CODEC
from mux.errors import (
    ContextLengthExceeded,
    ErrorKind,
    InvalidRequest,
    MethodNotAllowed,
    MuxError,
    NoProvider,
    NotFound,
    Overloaded,
    PermissionDenied,
    QuotaExceeded,
    RateLimited,
    RequestTooLarge,
    Unauthorized,
    Unsupported,
    UpstreamAuthFailed,
    UpstreamTimeout,
)


def told(error: MuxError) -> dict:
    body = json.loads(CODEC.server.encode_error(error))
    assert list(body) == ["type", "error"]
    assert body["type"] == "error"
    return body["error"]


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (InvalidRequest("m"), "invalid_request_error"),
        (Unsupported("m"), "invalid_request_error"),
        (MethodNotAllowed("m", allow=("POST",)), "invalid_request_error"),
        (RequestTooLarge("m"), "request_too_large"),
        (Unauthorized("m"), "authentication_error"),
        (PermissionDenied("m"), "permission_error"),
        (NotFound("m"), "not_found_error"),
        (RateLimited("m"), "rate_limit_error"),
        (QuotaExceeded("m"), "rate_limit_error"),
        (Overloaded("m"), "overloaded_error"),
        (UpstreamAuthFailed("m"), "api_error"),
        (NoProvider("m"), "api_error"),
        (UpstreamTimeout("m"), "timeout_error"),
    ],
)
def test_P223_every_kind_has_its_type(error, word):
    assert told(error) == {"type": word, "message": "m"}


def test_P224_the_id_of_the_request_is_in_the_body_too():
    error = Overloaded("m")
    error.request_id = "abc"
    assert json.loads(CODEC.server.encode_error(error))["request_id"] == "req_abc"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            "prompt is too long: 5 tokens > 4 maximum",
            "prompt is too long: 5 tokens > 4 maximum",
        ),
        (
            "This model's maximum context length is 4 tokens",
            "prompt is too long: This model's maximum context length is 4 tokens",
        ),
    ],
)
def test_P113_an_overflow_begins_with_the_words_claude_code_knows(message, expected):
    assert told(ContextLengthExceeded(message)) == {
        "type": "invalid_request_error",
        "message": expected,
    }


def test_a_thread_elsewhere_is_refused_with_the_code_the_sdk_knows():
    assert told(Unsupported("m", param="thread"))["details"] == {
        "error_code": "thread_unsupported_request"
    }


def understood(status: int, error: dict | None, **headers: str) -> MuxError:
    body = json.dumps({"type": "error", "error": error, "request_id": "req_1"}).encode()
    found = {name.replace("_", "-"): value for name, value in headers.items()}
    return CODEC.client.decode_error(status, body, found)


@pytest.mark.parametrize(
    ("status", "word", "message", "kind"),
    [
        (400, "invalid_request_error", "max_tokens: too big", ErrorKind.INVALID_REQUEST),
        (
            400,
            "invalid_request_error",
            "prompt is too long: 3333404 tokens > 200000 maximum",
            ErrorKind.CONTEXT_LENGTH,
        ),
        (
            400,
            "invalid_request_error",
            "Your credit balance is too low to access the API",
            ErrorKind.QUOTA,
        ),
        (401, "authentication_error", "invalid x-api-key", ErrorKind.UPSTREAM_AUTH),
        (402, "billing_error", "pay", ErrorKind.QUOTA),
        (403, "permission_error", "not allowed", ErrorKind.UPSTREAM_AUTH),
        (403, "permission_error", "no access to this model", ErrorKind.NOT_FOUND),
        (404, "not_found_error", "model: claude-z", ErrorKind.NOT_FOUND),
        (413, "request_too_large", "32 MB", ErrorKind.TOO_LARGE),
        (429, "rate_limit_error", "slow down", ErrorKind.RATE_LIMIT),
        (500, "api_error", "oops", ErrorKind.SERVER),
        (504, "timeout_error", "late", ErrorKind.TIMEOUT),
        (529, "overloaded_error", "Overloaded", ErrorKind.OVERLOADED),
        (529, "new_error", "Overloaded", ErrorKind.OVERLOADED),
    ],
)
def test_P112_P219_what_an_upstream_says(status, word, message, kind):
    error = understood(status, {"type": word, "message": message})
    assert (error.kind, error.message) == (kind, message)


def test_P220_a_spent_budget_is_a_quota():
    details = {"error_code": "enforced_spend_limit_reached"}
    error = understood(429, {"type": "rate_limit_error", "message": "m", "details": details})
    assert (error.kind, error.code) == (ErrorKind.QUOTA, "enforced_spend_limit_reached")


LIMITED = {"type": "rate_limit_error", "message": "m"}
DATE = "Sun, 22 Nov 2026 10:00:00 GMT"


def test_P217_how_long_to_wait():
    assert understood(429, LIMITED, retry_after="7").retry_after_s == 7
    limits = {
        "anthropic_ratelimit_requests_remaining": "5",
        "anthropic_ratelimit_requests_reset": "2026-11-22T11:00:00Z",
        "anthropic_ratelimit_tokens_remaining": "0",
        "anthropic_ratelimit_tokens_reset": "2026-11-22T10:00:30Z",
    }
    assert understood(429, LIMITED, date=DATE, **limits).retry_after_s == 30
    assert understood(429, LIMITED, **limits).retry_after_s is None
    late = {**limits, "anthropic_ratelimit_tokens_reset": "2026-11-22T09:00:00Z"}
    assert understood(429, LIMITED, date=DATE, **late).retry_after_s == 0
    bad = {**limits, "anthropic_ratelimit_tokens_reset": "soon"}
    assert understood(429, LIMITED, date=DATE, **bad).retry_after_s is None


@pytest.mark.parametrize("body", [b"<html>502</html>", b"", b"[]", b'"x"'])
def test_P222_a_body_that_is_no_error_object(body):
    error = CODEC.client.decode_error(502, body, {})
    assert (error.kind, error.message) == (ErrorKind.SERVER, "upstream returned 502")


def test_an_error_without_words_still_has_some():
    assert understood(500, {}).message
    assert CODEC.client.decode_error(400, b'{"error":"plain"}', {}).message
    odd = {"type": ["x"], "message": 3, "details": {"error_code": ["y"]}}
    assert understood(400, odd).kind is ErrorKind.INVALID_REQUEST

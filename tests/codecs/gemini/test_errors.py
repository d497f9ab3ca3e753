"""Errors, both ways."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.genai import errors as sdk_errors

from mux.codecs.gemini import CODEC
from mux.errors import BY_KIND, ErrorKind, InvalidRequest, MethodNotAllowed, RateLimited

_RPC = "type.googleapis.com/google.rpc."


def decode(status: int, word: str, message: str = "m", *details: dict[str, Any]) -> Any:
    error = {"code": status, "message": message, "status": word, "details": [*details]}
    return CODEC.client.decode_error(status, json.dumps({"error": error}).encode(), {})


@pytest.mark.parametrize(
    ("status", "word", "kind"),
    [
        (400, "INVALID_ARGUMENT", ErrorKind.INVALID_REQUEST),
        (400, "FAILED_PRECONDITION", ErrorKind.INVALID_REQUEST),
        (401, "UNAUTHENTICATED", ErrorKind.UPSTREAM_AUTH),
        (403, "PERMISSION_DENIED", ErrorKind.UPSTREAM_AUTH),
        (404, "NOT_FOUND", ErrorKind.NOT_FOUND),
        (409, "ABORTED", ErrorKind.INVALID_REQUEST),
        (429, "RESOURCE_EXHAUSTED", ErrorKind.RATE_LIMIT),
        (499, "CANCELLED", ErrorKind.SERVER),
        (500, "INTERNAL", ErrorKind.SERVER),
        (501, "UNIMPLEMENTED", ErrorKind.SERVER),
        (503, "UNAVAILABLE", ErrorKind.OVERLOADED),
        (504, "DEADLINE_EXCEEDED", ErrorKind.TIMEOUT),
        (402, "", ErrorKind.QUOTA),
        (413, "", ErrorKind.TOO_LARGE),
    ],
)
def test_statuses(status, word, kind):
    assert decode(status, word).kind is kind


def test_P145_a_bad_key_is_never_the_clients_fault():
    info = {"@type": f"{_RPC}ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"}
    error = decode(400, "INVALID_ARGUMENT", "API key not valid.", info)
    assert error.kind is ErrorKind.UPSTREAM_AUTH
    assert error.status == 503


def test_P217_P218_when_to_come_back():
    retry = {"@type": f"{_RPC}RetryInfo", "retryDelay": "34.5s"}
    error = decode(429, "RESOURCE_EXHAUSTED", "slow down", retry)
    assert error.kind is ErrorKind.RATE_LIMIT
    assert error.retry_after_s == 34.5
    error = CODEC.client.decode_error(429, b"{}", {"retry-after": "7"})
    assert error.retry_after_s == 7
    assert (
        decode(429, "", "", {"@type": f"{_RPC}RetryInfo", "retryDelay": "soon"}).retry_after_s
        is None
    )


def test_P220_a_daily_quota_is_not_a_rate():
    quota = {
        "@type": f"{_RPC}QuotaFailure",
        "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel"}],
    }
    assert decode(429, "RESOURCE_EXHAUSTED", "m", quota).kind is ErrorKind.QUOTA
    minute = {"@type": f"{_RPC}QuotaFailure", "violations": [{"quotaId": "PerMinute"}]}
    assert decode(429, "RESOURCE_EXHAUSTED", "m", minute).kind is ErrorKind.RATE_LIMIT


def test_the_field_at_fault():
    bad = {"@type": f"{_RPC}BadRequest", "fieldViolations": [{"field": "contents[0].role"}]}
    assert decode(400, "INVALID_ARGUMENT", "m", bad).param == "contents[0].role"


def test_context_length():
    message = "The input token count (1250074) exceeds the maximum number of tokens allowed"
    assert decode(400, "INVALID_ARGUMENT", message).kind is ErrorKind.CONTEXT_LENGTH


def test_F47_an_error_inside_of_an_array():
    body = b'[{"error": {"code": 404, "message": "no such model", "status": "NOT_FOUND"}}]'
    assert CODEC.client.decode_error(404, body, {}).message == "no such model"


@pytest.mark.parametrize(
    "body", [b"", b"<html>" + b"x" * 9000, b"[]", b"[1]", b'{"error": 7}', b'"x"', b"\xff"]
)
def test_P222_other_bodies_say_only_the_status(body):
    error = CODEC.client.decode_error(502, body, {})
    assert error.kind is ErrorKind.SERVER
    assert error.message == "The upstream answered with status 502"


def test_an_error_that_is_only_words():
    assert CODEC.client.decode_error(400, b'{"error": "nope"}', {}).message == "nope"


@pytest.mark.parametrize("kind", list(BY_KIND))
def test_P223_every_kind_is_read_by_the_sdk_as_it_was_meant(kind):
    error = BY_KIND[kind]("what to do")
    body = json.loads(CODEC.server.encode_error(error))
    assert list(body) == ["error"]
    assert body["error"]["message"] == "what to do"
    code = 403 if kind is ErrorKind.PERMISSION else error.status
    assert body["error"]["code"] == code
    meant = sdk_errors.ServerError if code >= 500 else sdk_errors.ClientError
    with pytest.raises(meant) as caught:
        sdk_errors.APIError.raise_error(code, body, None)
    assert caught.value.status == body["error"]["status"]


def test_details():
    error = RateLimited("slow", code="too_fast", retry_after_s=1.2)
    assert json.loads(CODEC.server.encode_error(error))["error"]["details"] == [
        {"@type": f"{_RPC}ErrorInfo", "reason": "too_fast", "domain": "llm-mux"},
        {"@type": f"{_RPC}RetryInfo", "retryDelay": "2s"},
    ]
    error = InvalidRequest("a: bad", param="a")
    assert json.loads(CODEC.server.encode_error(error))["error"]["details"] == [
        {
            "@type": f"{_RPC}BadRequest",
            "fieldViolations": [{"field": "a", "description": "a: bad"}],
        }
    ]
    wrong = MethodNotAllowed("use POST", allow=("POST",))
    assert json.loads(CODEC.server.encode_error(wrong))["error"]["status"] == "UNIMPLEMENTED"

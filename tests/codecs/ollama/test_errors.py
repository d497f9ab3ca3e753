"""Errors: always a string, and recognised by status and words."""

from __future__ import annotations

import json

import ollama
import pytest

from mux.codecs.ollama import CODEC
from mux.errors import ErrorKind, NotFound, RateLimited
from tests import recordings


def test_P155_an_error_is_a_string():
    body = CODEC.server.encode_error(NotFound("model 'x' not found"))
    assert json.loads(body) == {"error": "model 'x' not found"}
    assert ollama.ResponseError(body.decode(), 404).error == "model 'x' not found"


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (400, "the input length exceeds the context length", ErrorKind.CONTEXT_LENGTH),
        (400, '"m" does not support thinking', ErrorKind.INVALID_REQUEST),
        (401, "unauthorized", ErrorKind.UPSTREAM_AUTH),
        (403, "plan does not include it", ErrorKind.UPSTREAM_AUTH),
        (404, "model 'x' not found", ErrorKind.NOT_FOUND),
        (429, "usage limit", ErrorKind.RATE_LIMIT),
        (500, "llama runner process has terminated", ErrorKind.SERVER),
        (502, "remote failure", ErrorKind.SERVER),
        (503, "server busy, please try again.", ErrorKind.OVERLOADED),
    ],
)
def test_errors_are_recognised(status: int, message: str, kind: ErrorKind):
    body = json.dumps({"error": message}).encode()
    error = CODEC.client.decode_error(status, body, {})
    assert error.kind is kind
    assert error.message == message


def test_errors_of_proxies_in_front():
    inside = CODEC.client.decode_error(500, b'{"error":{"message":"inside"}}', {})
    assert inside.message == "inside"
    html = CODEC.client.decode_error(502, b"<html>secret</html>", {})
    assert html.message == "The upstream answered with status 502"
    limited = CODEC.client.decode_error(429, b"", {"retry-after": "7"})
    assert isinstance(limited, RateLimited)
    assert limited.retry_after_s == 7


@recordings.needs_corpus
def test_recorded_errors():
    errors = [each for each in recordings.exchanges("ollama") if each["status"] != 200]
    assert errors
    for exchange in errors:
        body = recordings.answer(exchange)
        error = CODEC.client.decode_error(exchange["status"], body, {})
        assert error.kind is ErrorKind.NOT_FOUND
        assert json.loads(CODEC.server.encode_error(error)) == exchange["response"]

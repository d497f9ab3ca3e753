"""Errors in this dialect: OpenAI's error body, and ``error`` inside events and failed responses."""

from __future__ import annotations

import re
from typing import Final

from mux.codecs import _errors, _openai_errors
from mux.errors import ErrorKind, MuxError
from mux.ir import JSON, Failure, Object

encode_error = _openai_errors.encode_error
decode_error = _openai_errors.decode_error

_KINDS: Final = {
    "context_length_exceeded": ErrorKind.CONTEXT_LENGTH,
    "invalid_prompt": ErrorKind.INVALID_REQUEST,
    "data_residency_mismatch": ErrorKind.INVALID_REQUEST,
    "bio_policy": ErrorKind.INVALID_REQUEST,
    "misalignment_policy_violation": ErrorKind.INVALID_REQUEST,
    "slow_down": ErrorKind.RATE_LIMIT,
    "vector_store_timeout": ErrorKind.TIMEOUT,
}
"""What the codes mean that only responses have; those of images are all the client's fault."""

_CODES: Final = {
    ErrorKind.CONTEXT_LENGTH: "context_length_exceeded",
    ErrorKind.RATE_LIMIT: "rate_limit_exceeded",
    ErrorKind.QUOTA: "insufficient_quota",
    ErrorKind.OVERLOADED: "server_is_overloaded",
    ErrorKind.INVALID_REQUEST: "invalid_prompt",
    ErrorKind.UNSUPPORTED: "invalid_prompt",
    ErrorKind.TOO_LARGE: "invalid_prompt",
    ErrorKind.NOT_FOUND: "model_not_found",
}
"""Codes of failed responses by kind: clients act upon these."""

_AGAIN: Final = re.compile(r"try again in ((?:\d+(?:\.\d+)?(?:ms|h|m|s))+)", re.IGNORECASE)


def decode_failure(error: JSON) -> MuxError:
    """The error of a failed response or of an ``error`` event, nested or flat."""
    fields = error if isinstance(error, dict) else {}
    code, message = _text(fields.get("code")), _text(fields.get("message"))
    kind = _KINDS.get(code) or (ErrorKind.INVALID_REQUEST if "image" in code else None)
    if kind is None:
        found = _openai_errors.decode_error_value(error)
    else:
        param = _text(fields.get("param")) or None
        found = _errors.classify(0, message or code, code=code, kind=kind, param=param)
    if found.retry_after_s is None and (again := _AGAIN.search(message)):
        found.retry_after_s = _errors.duration(again[1].lower())
    return found


def encode_failure(failure: Failure) -> Object:
    """The ``error`` of a failed response.

    Codex waits as long as the words "try again in" say, so they are added where they are missing.
    """
    message = failure.message
    if failure.retry_after_s is not None and "try again in" not in message.lower():
        message = f"{message.rstrip()} Please try again in {failure.retry_after_s:g}s."
    return {"code": _CODES.get(failure.kind, "server_error"), "message": message}


def _text(value: JSON) -> str:
    return value if isinstance(value, str) else ""

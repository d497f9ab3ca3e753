"""Errors, both ways (translation spec section 18)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from mux.codecs import _errors
from mux.codecs.anthropic._own import nested, word
from mux.errors import ErrorKind, MuxError
from mux.ir import Failure, Object
from mux.wire import json

_TYPES: Final = {
    ErrorKind.TOO_LARGE: "request_too_large",
    ErrorKind.AUTH: "authentication_error",
    ErrorKind.PERMISSION: "permission_error",
    ErrorKind.NOT_FOUND: "not_found_error",
    ErrorKind.RATE_LIMIT: "rate_limit_error",
    ErrorKind.QUOTA: "rate_limit_error",
    ErrorKind.OVERLOADED: "overloaded_error",
    ErrorKind.UPSTREAM_AUTH: "api_error",
    ErrorKind.SERVER: "api_error",
    ErrorKind.TIMEOUT: "timeout_error",
}
"""The type of each kind; ``invalid_request_error`` for those not in it."""

_KINDS: Final = {
    "invalid_request_error": (400, ErrorKind.INVALID_REQUEST),
    "authentication_error": (401, ErrorKind.UPSTREAM_AUTH),
    "billing_error": (402, ErrorKind.QUOTA),
    "permission_error": (403, ErrorKind.UPSTREAM_AUTH),
    "not_found_error": (404, ErrorKind.NOT_FOUND),
    "timeout": (408, ErrorKind.TIMEOUT),
    "conflict_error": (409, ErrorKind.INVALID_REQUEST),
    "request_too_large": (413, ErrorKind.TOO_LARGE),
    "rate_limit_error": (429, ErrorKind.RATE_LIMIT),
    "api_error": (500, ErrorKind.SERVER),
    "timeout_error": (504, ErrorKind.TIMEOUT),
    "overloaded_error": (529, ErrorKind.OVERLOADED),
}
"""The status an upstream's type goes with, and what it means to us."""

_SPENT: Final = ("enforced_spend_limit_reached", "contract_spend_limit_reached")
_TOO_LONG: Final = "prompt is too long: "
_LIMITS: Final = ("requests", "tokens", "input-tokens", "output-tokens")


def error_object(kind: ErrorKind, message: str) -> Object:
    """What stands under ``error``. Claude Code compacts only on its own words for an overflow."""
    if kind is ErrorKind.CONTEXT_LENGTH and not message.startswith(_TOO_LONG):
        message = _TOO_LONG + message
    return {"type": _TYPES.get(kind, "invalid_request_error"), "message": message}


def encode_error(error: MuxError) -> bytes:
    """The body that tells a client of `error`."""
    fields = error_object(error.kind, error.message)
    if error.param == "thread":
        # The SDK takes this code as a request to send the whole conversation.
        fields["details"] = {"error_code": "thread_unsupported_request"}
    body: Object = {"type": "error", "error": fields}
    if error.request_id:
        body["request_id"] = f"req_{error.request_id}"
    return json.dumps(body)


def decode_error(status: int, body: bytes, headers: Mapping[str, str] | None = None) -> MuxError:
    """The error an upstream's answer of `status` amounts to. Header names are lower case."""
    fields = json.load_object(body)
    if fields is None:
        return _errors.classify(status, f"upstream returned {status}", headers=headers)
    return _of(status, nested(fields, "error"), headers or {})


def decode_failure(fields: Object) -> Failure:
    """The end of a stream by its ``error`` event, whose status is already 200."""
    status, _ = _KINDS.get(word(fields, "type"), (500, None))
    return Failure.of(_of(status, fields, {}))


def _of(status: int, fields: Object, headers: Mapping[str, str]) -> MuxError:
    code = word(nested(fields, "details"), "error_code")
    _, kind = _KINDS.get(word(fields, "type"), (0, None))
    if code in _SPENT:
        kind = ErrorKind.QUOTA
    wait = _errors.retry_after(headers)
    return _errors.classify(
        status,
        word(fields, "message"),
        code=code,
        kind=kind,
        retry_after_s=_reset(headers) if wait is None and status == 429 else wait,
    )


def _reset(headers: Mapping[str, str]) -> float | None:
    """Seconds until all limits that are used up are reset, by the upstream's own clock."""
    now = _errors.http_date(headers.get("date", ""))
    if now is None:
        return None
    spent = [
        f"anthropic-ratelimit-{limit}-reset"
        for limit in _LIMITS
        if headers.get(f"anthropic-ratelimit-{limit}-remaining") == "0"
    ]
    resets = [_time(headers.get(name, "")) for name in spent]
    waits = [(reset - now).total_seconds() for reset in resets if reset is not None]
    return max([0.0, *waits]) if waits else None


def _time(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)

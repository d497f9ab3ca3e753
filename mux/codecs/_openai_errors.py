"""Errors as OpenAI's APIs and the hosts compatible with them write them (translation spec 18)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from mux.codecs import _errors
from mux.errors import ErrorKind, MuxError
from mux.ir import JSON, Object
from mux.wire import json

_INVALID: Final = "invalid_request_error"

_WRITTEN: Final[dict[ErrorKind, tuple[str, str | None]]] = {
    ErrorKind.INVALID_REQUEST: (_INVALID, None),
    ErrorKind.UNSUPPORTED: (_INVALID, "unsupported_parameter"),
    ErrorKind.CONTEXT_LENGTH: (_INVALID, "context_length_exceeded"),
    ErrorKind.TOO_LARGE: (_INVALID, None),
    ErrorKind.AUTH: (_INVALID, "invalid_api_key"),
    ErrorKind.PERMISSION: ("permission_error", None),
    ErrorKind.NOT_FOUND: (_INVALID, "model_not_found"),
    ErrorKind.METHOD_NOT_ALLOWED: (_INVALID, "method_not_allowed"),
    ErrorKind.UPGRADE_REQUIRED: (_INVALID, "upgrade_required"),
    ErrorKind.RATE_LIMIT: ("rate_limit_error", "rate_limit_exceeded"),
    ErrorKind.QUOTA: ("insufficient_quota", "insufficient_quota"),
    ErrorKind.OVERLOADED: ("service_unavailable_error", "server_is_overloaded"),
    ErrorKind.UPSTREAM_AUTH: ("server_error", "upstream_auth"),
    ErrorKind.SERVER: ("server_error", None),
    ErrorKind.TIMEOUT: ("server_error", "timeout"),
}
"""Kind to (type, code)."""

_FIXED: Final = frozenset(
    {
        ErrorKind.CONTEXT_LENGTH,
        ErrorKind.AUTH,
        ErrorKind.QUOTA,
        ErrorKind.UPSTREAM_AUTH,
        ErrorKind.OVERLOADED,
    }
)
"""Kinds whose code clients act upon: an upstream's own spelling would mislead them."""

_KINDS: Final = {
    "authentication_error": ErrorKind.UPSTREAM_AUTH,
    "permission_error": ErrorKind.UPSTREAM_AUTH,
    "rate_limit_error": ErrorKind.RATE_LIMIT,
    "rate_limit_exceeded": ErrorKind.RATE_LIMIT,
    "requests": ErrorKind.RATE_LIMIT,
    "tokens": ErrorKind.RATE_LIMIT,
    "insufficient_quota": ErrorKind.QUOTA,
    "not_found_error": ErrorKind.NOT_FOUND,
    "model_not_found": ErrorKind.NOT_FOUND,
    "service_unavailable_error": ErrorKind.OVERLOADED,
    "server_is_overloaded": ErrorKind.OVERLOADED,
    "overloaded_error": ErrorKind.OVERLOADED,
    "timeout": ErrorKind.TIMEOUT,
    "server_error": ErrorKind.SERVER,
    _INVALID: ErrorKind.INVALID_REQUEST,
}
"""What an error's code or type says where no HTTP status does."""

_LIMITS: Final = ("requests", "tokens")


def encode_error(error: MuxError) -> bytes:
    """The body that tells of `error`; in a stream, the payload of its last event."""
    kind, code = _WRITTEN[error.kind]
    if error.code and error.kind not in _FIXED:
        code = error.code
    return json.dumps(
        {"error": {"message": error.message, "type": kind, "param": error.param, "code": code}}
    )


class _Told(NamedTuple):
    """What an error object says, whatever the host."""

    message: str = ""
    kind: str = ""
    code: str = ""
    param: str | None = None
    status: int = 0


def decode_error(status: int, body: bytes, headers: Mapping[str, str] | None = None) -> MuxError:
    """The error an answer of `status` amounts to. `headers` have lower-case names."""
    try:
        told = _tell(json.loads(body))
    except json.JsonError:
        told = _Told()
    headers = headers or {}
    wait_s = _errors.retry_after(headers)
    return _errors.classify(
        status,
        told.message,
        code=told.code,
        kind=_KINDS[told.kind] if told.kind == "insufficient_quota" else None,
        param=told.param,
        retry_after_s=_reset(headers) if wait_s is None and status == 429 else wait_s,
        headers=headers,
    )


def decode_error_value(value: JSON) -> MuxError:
    """The error in an error object that came under status 200 or inside a stream."""
    told = _tell({"error": value})
    kind = _KINDS.get(told.code) or _KINDS.get(told.kind)
    return _errors.classify(
        told.status,
        told.message or "The upstream reported an error",
        code=told.code,
        kind=None if told.status else kind,
        param=told.param,
    )


def _tell(value: JSON) -> _Told:
    if isinstance(value, list) and value:
        value = value[0]  # quirk(gemini): its compatible endpoint answers a list of one
    if not isinstance(value, dict):
        return _Told()
    error = value.get("error")
    if isinstance(error, str):
        return _Told(_text(value.get("error_description")) or error, code=error)
    if not isinstance(error, dict):
        # quirk(mistral): `{"detail": …}`, and `{"object": "error", "message": …}` at its like
        return _Told(
            _text(value.get("message")) or _detail(value.get("detail")),
            _text(value.get("type")),
            _text(value.get("code")),
        )
    param = error.get("param")
    return _Told(
        _message(error),
        _text(error.get("type")),
        _text(error.get("code")),
        param if isinstance(param, str) else None,
        _status(error),
    )


def _message(error: Object) -> str:
    message = _text(error.get("message"))
    metadata = error.get("metadata")
    # quirk(openrouter): "Provider returned error", and what the provider said in the metadata
    if isinstance(metadata, dict) and (raw := _text(metadata.get("raw"))):
        return f"{message}: {raw}"
    return message


def _status(error: Object) -> int:
    """The HTTP status an error object names: Azure's ``status``, Groq's, OpenRouter's ``code``."""
    for key in ("status", "status_code", "code"):
        value = error.get(key)
        if isinstance(value, int) and 400 <= value < 600:
            return value
    return 0


def _detail(value: JSON) -> str:
    if isinstance(value, list):
        return "; ".join(_text(item.get("msg")) for item in value if isinstance(item, dict))
    return _text(value)


def _text(value: JSON) -> str:
    return value if isinstance(value, str) else ""


def _reset(headers: Mapping[str, str]) -> float | None:
    """Seconds until the limit that is used up renews itself, by the ``x-ratelimit`` headers."""
    waits = [
        wait_s
        for limit in _LIMITS
        if headers.get(f"x-ratelimit-remaining-{limit}", "0").strip() == "0"
        and (wait_s := _errors.wait(headers.get(f"x-ratelimit-reset-{limit}", ""))) is not None
    ]
    return max(waits, default=None)

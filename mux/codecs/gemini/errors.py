"""Errors, both ways: google.rpc.Status in JSON (translation spec section 18)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Final

from mux.codecs import _errors
from mux.errors import ErrorKind, MuxError
from mux.ir import JSON, Object
from mux.wire import json

_TYPE: Final = "type.googleapis.com/google.rpc."

_STATUSES: Final[dict[ErrorKind, str]] = {
    ErrorKind.INVALID_REQUEST: "INVALID_ARGUMENT",
    ErrorKind.UNSUPPORTED: "INVALID_ARGUMENT",
    ErrorKind.CONTEXT_LENGTH: "INVALID_ARGUMENT",
    ErrorKind.TOO_LARGE: "INVALID_ARGUMENT",
    ErrorKind.AUTH: "UNAUTHENTICATED",
    ErrorKind.PERMISSION: "PERMISSION_DENIED",
    ErrorKind.NOT_FOUND: "NOT_FOUND",
    ErrorKind.METHOD_NOT_ALLOWED: "UNIMPLEMENTED",
    ErrorKind.UPGRADE_REQUIRED: "UNIMPLEMENTED",
    ErrorKind.RATE_LIMIT: "RESOURCE_EXHAUSTED",
    ErrorKind.QUOTA: "RESOURCE_EXHAUSTED",
    ErrorKind.OVERLOADED: "UNAVAILABLE",
    ErrorKind.UPSTREAM_AUTH: "UNAVAILABLE",
    ErrorKind.SERVER: "UNAVAILABLE",
    ErrorKind.TIMEOUT: "DEADLINE_EXCEEDED",
}
_KINDS: Final[dict[str, ErrorKind]] = {
    "INVALID_ARGUMENT": ErrorKind.INVALID_REQUEST,
    "FAILED_PRECONDITION": ErrorKind.INVALID_REQUEST,
    "OUT_OF_RANGE": ErrorKind.INVALID_REQUEST,
    "UNAUTHENTICATED": ErrorKind.UPSTREAM_AUTH,
    "PERMISSION_DENIED": ErrorKind.UPSTREAM_AUTH,
    "NOT_FOUND": ErrorKind.NOT_FOUND,
    "RESOURCE_EXHAUSTED": ErrorKind.RATE_LIMIT,
    "CANCELLED": ErrorKind.SERVER,
    "INTERNAL": ErrorKind.SERVER,
    "UNIMPLEMENTED": ErrorKind.SERVER,
    "UNAVAILABLE": ErrorKind.OVERLOADED,
    "DEADLINE_EXCEEDED": ErrorKind.TIMEOUT,
}
_FORBIDDEN: Final = 403


def encode_error(error: MuxError) -> bytes:
    """The body. ``error`` is its only key: the Python SDK takes anything else for a chunk."""
    return json.dumps(error_body(error))


def error_body(error: MuxError) -> Object:
    """The body as an object."""
    # A client's key without rights is 401 on the wire, and told apart only in here.
    code = _FORBIDDEN if error.kind is ErrorKind.PERMISSION else error.status
    status = _STATUSES[error.kind]
    fields: Object = {"code": code, "message": error.message, "status": status}
    if details := list(_details(error)):
        fields["details"] = [*details]
    return {"error": fields}


def _details(error: MuxError) -> Iterator[Object]:
    if error.code:
        reason = {"reason": error.code, "domain": "llm-mux"}
        yield {"@type": f"{_TYPE}ErrorInfo", **reason}
    if error.param:
        violation: Object = {"field": error.param, "description": error.message}
        yield {"@type": f"{_TYPE}BadRequest", "fieldViolations": [violation]}
    if error.retry_after_s is not None:
        delay = max(1, math.ceil(error.retry_after_s))
        yield {"@type": f"{_TYPE}RetryInfo", "retryDelay": f"{delay}s"}


def decode_error(status: int, body: bytes, headers: Mapping[str, str] | None = None) -> MuxError:
    """The error of an answer; streams that were not to be SSE wrap it in a list."""
    try:
        value = json.loads(body)
    except json.JsonError:
        value = None
    if isinstance(value, list):
        value = value[0] if value else None
    error = value.get("error") if isinstance(value, dict) else None
    return read_error(status, error, headers)


def read_error(status: int, error: JSON, headers: Mapping[str, str] | None = None) -> MuxError:
    """What the ``error`` member says; inside of a stream `status` is taken from it."""
    fields = error if isinstance(error, dict) else {}
    code, message, word = fields.get("code"), fields.get("message"), fields.get("status")
    details = _Details(fields.get("details"))
    kind = _KINDS.get(word) if isinstance(word, str) else None
    if details.per_day:
        kind = ErrorKind.QUOTA
    if isinstance(error, str):
        message = error
    return _errors.classify(
        status or (code if isinstance(code, int) else 0),
        message if isinstance(message, str) else "",
        code=details.reason or (word if isinstance(word, str) else ""),
        kind=kind,
        param=details.field,
        retry_after_s=details.retry_after_s,
        headers=headers,
    )


class _Details:
    """What the typed details of an error say."""

    def __init__(self, details: JSON) -> None:
        self.reason = ""
        self.field: str | None = None
        self.retry_after_s: float | None = None
        self.per_day = False
        for entry in _objects(details):
            self._read(entry)

    def _read(self, entry: Object) -> None:
        kind = entry.get("@type")
        match kind.rpartition(".")[2] if isinstance(kind, str) else "":
            case "ErrorInfo":
                reason = entry.get("reason")
                self.reason = reason if isinstance(reason, str) else ""
            case "RetryInfo":
                delay = entry.get("retryDelay")
                self.retry_after_s = _errors.duration(delay) if isinstance(delay, str) else None
            case "QuotaFailure":
                quotas = [
                    violation.get("quotaId") for violation in _objects(entry.get("violations"))
                ]
                self.per_day = any("PerDay" in quota for quota in quotas if isinstance(quota, str))
            case "BadRequest":
                for violation in _objects(entry.get("fieldViolations")):
                    field = violation.get("field")
                    self.field = self.field or (field if isinstance(field, str) else None)
            case _:
                pass


def _objects(value: JSON) -> list[Object]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []

"""The outcomes a client can see, one class each.

Statuses and kinds follow section 18 of the translation specification: a client meets 400, 401,
404, 429 and 503 (403, 405, 415, 417 and 426 for what no LLM client sends). Dialects turn a
`MuxError` into a body in their own `errors.py` and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar


class ErrorKind(StrEnum):
    """What went wrong, in words no dialect owns."""

    INVALID_REQUEST = "invalid_request"
    UNSUPPORTED = "unsupported"
    CONTEXT_LENGTH = "context_length"
    TOO_LARGE = "too_large"
    AUTH = "auth"
    PERMISSION = "permission"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    UPGRADE_REQUIRED = "upgrade_required"
    RATE_LIMIT = "rate_limit"
    QUOTA = "quota"
    OVERLOADED = "overloaded"
    UPSTREAM_AUTH = "upstream_auth"
    SERVER = "server"
    TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True)
class NativeAnswer:
    """An upstream's own error answer, to be passed on to a client of the same dialect."""

    status: int
    body: bytes
    content_type: str


class MuxError(Exception):
    """Base of all our errors.

    `message` is for the person who reads it and says what to do; `param` is the path of the
    offending request field; `code` is the upstream's own code where it had one; `retry_after_s`
    is in seconds; `native` is the upstream's own answer where the client may have it as it is;
    `request_id` is ours for the call, for dialects that tell it in the body.
    """

    kind: ClassVar[ErrorKind] = ErrorKind.SERVER
    status: ClassVar[int] = 503

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.code = code
        self.retry_after_s = retry_after_s
        self.native: NativeAnswer | None = None
        self.request_id = ""


class InvalidRequest(MuxError):
    """The client's body cannot be understood; `param` names the field."""

    kind = ErrorKind.INVALID_REQUEST
    status = 400


class Unsupported(MuxError):
    """The request is well formed, but the target cannot honour it without changing its meaning."""

    kind = ErrorKind.UNSUPPORTED
    status = 400


class ContextLengthExceeded(MuxError):
    """The prompt is longer than the model's window."""

    kind = ErrorKind.CONTEXT_LENGTH
    status = 400


class UnsupportedCoding(InvalidRequest):
    """The body is compressed."""

    status = 415


class ExpectationFailed(InvalidRequest):
    """The client waits for something other than ``100-continue``."""

    status = 417


class RequestTooLarge(MuxError):
    """The body is over the configured size limit."""

    kind = ErrorKind.TOO_LARGE
    status = 400


class Unauthorized(MuxError):
    """The client's key is missing or unknown."""

    kind = ErrorKind.AUTH
    status = 401


class PermissionDenied(MuxError):
    """The client's key is known but not allowed this."""

    kind = ErrorKind.PERMISSION
    status = 401


class Forbidden(MuxError):
    """Not asked by an LLM client, but by a web page or under a name that is not ours."""

    kind = ErrorKind.PERMISSION
    status = 403


class NotFound(MuxError):
    """No such model or route."""

    kind = ErrorKind.NOT_FOUND
    status = 404


class MethodNotAllowed(MuxError):
    """The path exists, the method does not; `allow` lists the ones that do."""

    kind = ErrorKind.METHOD_NOT_ALLOWED
    status = 405

    def __init__(self, message: str, *, allow: tuple[str, ...]) -> None:
        super().__init__(message)
        self.allow = allow


class UpgradeRequired(MuxError):
    """A WebSocket was asked for where only HTTP is served."""

    kind = ErrorKind.UPGRADE_REQUIRED
    status = 426


class RateLimited(MuxError):
    """Too many requests; trying again after `retry_after_s` makes sense."""

    kind = ErrorKind.RATE_LIMIT
    status = 429


class BudgetSpent(RateLimited):
    """A client key has used up what the operator allows it: `limit` of `what`.

    `what` is ``requests``, ``tokens`` or ``cost``; `reset_s` is when there is some again, in
    seconds since the epoch.
    """

    def __init__(
        self, message: str, *, what: str, limit: float, reset_s: float, retry_after_s: float
    ) -> None:
        super().__init__(message, retry_after_s=retry_after_s)
        self.what = what
        self.limit = limit
        self.reset_s = reset_s


class QuotaExceeded(MuxError):
    """The upstream account has no credit left; trying again soon does not help."""

    kind = ErrorKind.QUOTA
    status = 429


class Overloaded(MuxError):
    """The upstream is up but too busy."""

    kind = ErrorKind.OVERLOADED


class UpstreamAuthFailed(MuxError):
    """The upstream refused the gateway's own credential."""

    kind = ErrorKind.UPSTREAM_AUTH


class UpstreamFailed(MuxError):
    """The upstream answered with a failure of its own."""


class UpstreamUnreachable(MuxError):
    """No connection to the upstream could be made, or it broke before an answer."""


class Offline(UpstreamUnreachable):
    """This machine can reach nobody just now; nothing is known of the upstream."""


class UpstreamProtocolError(MuxError):
    """The upstream's bytes are not what its dialect promises, or stop in the middle."""


class NoProvider(MuxError):
    """No configured provider can take the request."""


class UpstreamTimeout(MuxError):
    """The upstream was silent for longer than allowed."""

    kind = ErrorKind.TIMEOUT


BY_KIND: dict[ErrorKind, type[MuxError]] = {
    ErrorKind.INVALID_REQUEST: InvalidRequest,
    ErrorKind.UNSUPPORTED: Unsupported,
    ErrorKind.CONTEXT_LENGTH: ContextLengthExceeded,
    ErrorKind.TOO_LARGE: RequestTooLarge,
    ErrorKind.AUTH: Unauthorized,
    ErrorKind.PERMISSION: PermissionDenied,
    ErrorKind.NOT_FOUND: NotFound,
    ErrorKind.RATE_LIMIT: RateLimited,
    ErrorKind.QUOTA: QuotaExceeded,
    ErrorKind.OVERLOADED: Overloaded,
    ErrorKind.UPSTREAM_AUTH: UpstreamAuthFailed,
    ErrorKind.SERVER: UpstreamFailed,
    ErrorKind.TIMEOUT: UpstreamTimeout,
}
"""The class to raise for a kind read off an upstream's error body or stream."""

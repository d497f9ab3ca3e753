"""What an upstream's error means, whatever its dialect (translation spec section 18).

Recognised by status, then by code, then by the words of the message. What the spec calls the
gateway's contract holds: a client never sees the gateway's own credential trouble as its own 401.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from mux.errors import BY_KIND, ErrorKind, MuxError

CUT_SHORT: Final = "the upstream closed the stream before it was complete"
"""What a stream without its terminal marker amounts to, in every dialect."""
_MESSAGE_CHARS: Final = 1000
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]+")
"""What could do something to a terminal; line breaks and tabs are left."""

_CONTEXT: Final = (
    "context_length_exceeded",
    "maximum context length",
    "prompt is too long",
    "input token count",
    "exceeds the maximum number of tokens",
    "context window",
    "input length exceeds the context length",
    "exceed_context_size",
)
_QUOTA: Final = (
    "insufficient_quota",
    "credit_balance_exhausted",
    "billing_hard_limit",
    "credit balance is too low",
    "perday",
)
_BY_STATUS: Final[dict[int, ErrorKind]] = {
    401: ErrorKind.UPSTREAM_AUTH,
    402: ErrorKind.QUOTA,
    403: ErrorKind.UPSTREAM_AUTH,
    404: ErrorKind.NOT_FOUND,
    408: ErrorKind.TIMEOUT,
    413: ErrorKind.TOO_LARGE,
    429: ErrorKind.RATE_LIMIT,
    503: ErrorKind.OVERLOADED,
    504: ErrorKind.TIMEOUT,
    529: ErrorKind.OVERLOADED,
}
_HTTP_DATE: Final = "%a, %d %b %Y %H:%M:%S GMT"
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|us|µs|ns|h|m|s)")
_SPELLED: Final = r"(\d+(?:\.\d+)?) ?(milliseconds?|ms|seconds?|s|minutes?|m|hours?|h)(?![a-z])"
_AGAIN: Final = re.compile(rf"(?:try again|retry) (?:in|after) ((?:{_SPELLED} ?)+)")
_RESETS: Final = ("x-ratelimit-reset", "ratelimit-reset")
_EPOCH_S: Final = 1e9
_EPOCH_MS: Final = 1e12
"""What is more than this is no wait but a point in time, in seconds or milliseconds."""
_SHORT: Final = {"mil": "ms", "sec": "s", "min": "m", "hou": "h"}
_UNIT_S: Final = {
    "h": 3600.0,
    "m": 60.0,
    "s": 1.0,
    "ms": 1e-3,
    "us": 1e-6,
    "µs": 1e-6,
    "ns": 1e-9,
}


def classify(
    status: int,
    message: str,
    *,
    code: str = "",
    kind: ErrorKind | None = None,
    param: str | None = None,
    retry_after_s: float | None = None,
    headers: Mapping[str, str] | None = None,
) -> MuxError:
    """The error an upstream's answer amounts to. `kind` is what its dialect's own type says."""
    found = _recognise(status, f"{code} {message}".lower()) or kind or _by_status(status)
    if not message:
        message = f"The upstream answered with status {status}"
    if retry_after_s is None and headers is not None:
        retry_after_s = retry_after(headers)
    if retry_after_s is None and found is ErrorKind.RATE_LIMIT:
        retry_after_s = _in_words(message)
        if retry_after_s is None and headers is not None:
            retry_after_s = _renewal(headers)
    return BY_KIND[found](
        _CONTROL.sub(" ", message)[:_MESSAGE_CHARS],
        code=code or None,
        param=param,
        retry_after_s=retry_after_s,
    )


def _recognise(status: int, words: str) -> ErrorKind | None:
    if status < 500 and any(phrase in words for phrase in _CONTEXT):
        return ErrorKind.CONTEXT_LENGTH
    if status < 500 and any(phrase in words for phrase in _QUOTA):
        return ErrorKind.QUOTA
    if "api_key_invalid" in words or "invalid_api_key" in words:
        return ErrorKind.UPSTREAM_AUTH
    if status == 403 and "model" in words:
        return ErrorKind.NOT_FOUND
    return None


def _by_status(status: int) -> ErrorKind:
    known = _BY_STATUS.get(status)
    if known is not None:
        return known
    return ErrorKind.INVALID_REQUEST if 400 <= status < 500 else ErrorKind.SERVER


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds to wait by ``retry-after-ms`` or ``retry-after`` (seconds, duration or HTTP date).

    `now` is needed only for dates; without it the answer's own ``date`` header is taken.
    """
    if (milliseconds := _number(headers.get("retry-after-ms", ""))) is not None:
        return milliseconds / 1000
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    if (seconds := wait(value)) is not None:
        return seconds
    target, base = http_date(value), now or http_date(headers.get("date", ""))
    if target is None or base is None:
        return None
    return max(0.0, (target - base).total_seconds())


def _in_words(message: str) -> float | None:
    """Seconds to wait by a sentence such as "Please try again in 1m2.5s" or "after 26 seconds"."""
    match = _AGAIN.search(message.lower())
    if match is None:
        return None
    return sum(
        float(piece[1]) * _UNIT_S[_SHORT.get(piece[2][:3], piece[2])]
        for piece in re.finditer(_SPELLED, match[1])
    )


def _renewal(headers: Mapping[str, str]) -> float | None:
    """Seconds until a limit renews itself, by a header that tells of one without its name."""
    told = next((headers[name] for name in _RESETS if name in headers), "")
    number = wait(told.strip())
    if number is None or number < _EPOCH_S:
        return number
    now = http_date(headers.get("date", ""))
    moment_s = number / 1000 if number > _EPOCH_MS else number
    return None if now is None else max(0.0, moment_s - now.timestamp())


def wait(text: str) -> float | None:
    """Seconds, written as a number or a duration; None for other text."""
    seconds = _number(text)
    return duration(text) if seconds is None else seconds


def duration(text: str) -> float | None:
    """Seconds of a duration such as ``34s``, ``6m0s`` or ``250ms``; None for other text."""
    pieces = _DURATION.findall(text)
    if not pieces or "".join(f"{number}{unit}" for number, unit in pieces) != text.strip():
        return None
    return sum(float(number) * _UNIT_S[unit] for number, unit in pieces)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value < float("inf") else None


def http_date(text: str) -> datetime | None:
    """The time an HTTP date header tells; None for other text."""
    try:
        return datetime.strptime(text.strip(), _HTTP_DATE).replace(tzinfo=UTC)
    except ValueError:
        return None

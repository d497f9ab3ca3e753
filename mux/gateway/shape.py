"""What an upstream's bytes are, whatever it says of them.

Whether an answer is a stream: some give one unasked, some give none when asked; the first bytes
tell (pitfalls 18 and 19). And whether an error is worded as one that a client of the same dialect
may have as it is.
"""

from __future__ import annotations

import re
from typing import Final

from mux.wire import json, sse

_FIELDS: Final = (b"data:", b"event:", b"id:", b"retry:", b":")
_SSE_ONLY: Final = frozenset({"anthropic", "openai_chat", "openai_completions", "openai_responses"})
"""Dialects whose streams never begin like JSON."""


def is_stream(dialect: str, content_type: str, body: bytes) -> bool:
    """Whether `body`, the answer to a request for a whole one, is a stream all the same."""
    head = body.lstrip()
    if dialect == "ollama":
        return "ndjson" in content_type or b"}\n{" in head
    return head.startswith(_FIELDS) or (
        "event-stream" in content_type and not head.startswith(b"{")
    )


_WORDS_BYTES: Final = 16 * 1024
_CONTROLS: Final = re.compile(rb"\\u00(?:0[0-8bcef]|1|7f|[89])", re.IGNORECASE)
"""Escaped control characters but for tabs and line ends; raw ones are no JSON."""
_ERROR_TYPES: Final = ("error", "response.failed")


def is_error(data: bytes, *, lines: bool | None = None) -> bool:
    """Whether `data` is an error that may be passed on: of fair size, free of control characters
    and in the form in which dialects tell errors.

    `lines` says how the event of a stream is framed; None: `data` is a whole body.
    """
    if len(data) > _WORDS_BYTES or _CONTROLS.search(data):
        return False
    if lines is False:
        data = b"\n".join(frame.data for frame in sse.Reader().feed(data))
    try:
        value = json.loads(data)
    except json.JsonError:
        return False
    if isinstance(value, list) and value:
        value = value[0]
    if not isinstance(value, dict):
        return False
    return (
        bool(value.get("error"))
        or value.get("type") in _ERROR_TYPES
        or (lines is None and ("message" in value or "detail" in value))
    )


def streams(dialect: str, content_type: str, first: bytes) -> bool:
    """Whether the answer to a request for a stream, which begins with `first`, is one."""
    head = first.lstrip()
    if dialect not in _SSE_ONLY or head.startswith(_FIELDS):
        return True
    told_otherwise = content_type.startswith("application/json")
    return not told_otherwise and not head.startswith((b"{", b"["))

"""The shape of answers on the wire: one chunk of a stream, or a whole answer.

What the events have no room for stays raw, to be read when it is needed and kept as it came.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from mux.errors import UpstreamProtocolError
from mux.ir import JSON, Object
from mux.wire import json

DIALECT: Final = "gemini"

ABSENT: Final = msgspec.Raw(b"")
"""A raw field that is not there."""


class _Frame(msgspec.Struct, gc=False, rename="camel"):
    """Base of the frames: every field optional."""


class Content(_Frame):
    """What a candidate says."""

    parts: list[msgspec.Raw] | None = None


class Candidate(_Frame):
    """One alternative answer, or a piece of one."""

    content: Content | None = None
    finish_reason: str | int | None = None
    index: int | None = None
    finish_message: msgspec.Raw = ABSENT
    safety_ratings: msgspec.Raw = ABSENT
    citation_metadata: msgspec.Raw = ABSENT
    grounding_metadata: msgspec.Raw = ABSENT
    url_context_metadata: msgspec.Raw = ABSENT
    avg_logprobs: msgspec.Raw = ABSENT
    logprobs_result: msgspec.Raw = ABSENT
    token_count: msgspec.Raw = ABSENT
    continuation_token: msgspec.Raw = ABSENT


class Chunk(_Frame):
    """A GenerateContentResponse, or the error that ends a stream."""

    candidates: list[Candidate] | None = None
    prompt_feedback: msgspec.Raw = ABSENT
    usage_metadata: msgspec.Raw = ABSENT
    model_version: str | None = None
    response_id: str | None = None
    create_time: str | None = None
    model_status: msgspec.Raw = ABSENT
    error: msgspec.Raw = ABSENT


CHUNK: Final = msgspec.json.Decoder(Chunk)
_OBJECT: Final[msgspec.json.Decoder[Object]] = msgspec.json.Decoder(dict[str, Any])


def value(raw: msgspec.Raw) -> JSON:
    """What a raw field holds, None if it is not there. Raises `UpstreamProtocolError`."""
    data = bytes(raw)
    try:
        return json.loads(data) if data else None
    except json.JsonError as error:
        raise UpstreamProtocolError(f"the upstream's answer is not valid JSON: {error}") from None


def fields(raw: msgspec.Raw) -> Object:
    """The members of a raw object, none if it is anything else. Raises `UpstreamProtocolError`."""
    if not raw:
        return {}
    try:
        return _OBJECT.decode(raw)
    except msgspec.ValidationError:
        return {}
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise UpstreamProtocolError(f"the upstream's answer is not valid JSON: {error}") from None

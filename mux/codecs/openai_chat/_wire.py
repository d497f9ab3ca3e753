"""The chunks of a chat stream, every field optional, and what is read of them.

What only some hosts send, or what arrives once in a stream, stays raw until it is looked at: a
surprising shape there must not cost the text beside it.
"""

from __future__ import annotations

from typing import Final

import msgspec

from mux.ir import JSON
from mux.wire import json

DIALECT: Final = "openai_chat"

FUNCTIONS: Final = "functions"
"""`Request.variant` of a client that declared functions, as before there were tools."""

BETWEEN_ENVELOPES: Final = ","
"""Separates the envelopes that one tool call carries."""

ABSENT: Final = msgspec.Raw()
"""The default of raw fields; compare with ``is``."""

NULL: Final = b"null"


class _Frame(msgspec.Struct, gc=False):
    """Base of all shapes."""


class ContentPart(_Frame):
    """quirk(mistral): `content` can be a list of these; `thinking` is text or parts again."""

    type: str | None = None
    text: str | None = None
    thinking: str | list[ContentPart] | None = None


class FunctionDelta(_Frame):
    """Arguments are text; some hosts send the object itself."""

    name: str | None = None
    arguments: str | dict[str, object] | None = None


class CustomDelta(_Frame):
    """A piece of a call with free text."""

    name: str | None = None
    input: str | None = None


class CallDelta(_Frame):
    """A piece of a tool call."""

    index: int | None = None
    id: str | int | None = None
    type: str | None = None
    function: FunctionDelta | None = None
    custom: CustomDelta | None = None
    extra_content: msgspec.Raw = ABSENT


class AudioDelta(_Frame):
    """A piece of a spoken answer; every piece of `data` is base64 by itself."""

    id: str | None = None
    data: str | None = None
    transcript: str | None = None
    expires_at: int | None = None


class Delta(_Frame):
    """What a chunk adds to a choice."""

    content: str | list[ContentPart] | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_details: msgspec.Raw = ABSENT
    tool_calls: list[CallDelta] | None = None
    function_call: FunctionDelta | None = None
    annotations: msgspec.Raw = ABSENT
    images: msgspec.Raw = ABSENT
    audio: AudioDelta | None = None


class ChunkChoice(_Frame):
    """One choice's share of a chunk."""

    index: int | None = None
    delta: Delta | None = None
    finish_reason: str | None = None
    logprobs: msgspec.Raw = ABSENT
    content_filter_results: msgspec.Raw = ABSENT


class Groq(_Frame):
    """quirk(groq): usage of streams that were not asked for it."""

    usage: msgspec.Raw = ABSENT


class Chunk(_Frame):
    """One event of a stream."""

    id: str | int | None = None
    model: str | None = None
    created: int | float | None = None
    choices: list[ChunkChoice] | None = None
    usage: msgspec.Raw = ABSENT
    error: msgspec.Raw = ABSENT
    x_groq: Groq | None = None
    service_tier: msgspec.Raw = ABSENT
    system_fingerprint: msgspec.Raw = ABSENT
    prompt_filter_results: msgspec.Raw = ABSENT
    moderation: msgspec.Raw = ABSENT


CHUNK: Final = msgspec.json.Decoder(Chunk)


def value(raw: msgspec.Raw) -> JSON:
    """The value of a raw field, None if it is absent or cannot be read after all."""
    if raw is ABSENT or (data := bytes(raw)) == NULL:
        return None
    try:
        return json.loads(data)
    except json.JsonError:  # what nobody looked into until now: bad escapes, endless nesting
        return None

"""What this dialect's modules share: its name, and the shapes of a stream's chunks."""

from __future__ import annotations

from typing import Final

import msgspec

from mux.codecs._openai_stream import ABSENT, AnyChoice, Chunk, Frame

DIALECT: Final = "openai_chat"

FUNCTIONS: Final = "functions"
"""`Request.variant` of a client that declared functions, as before there were tools."""

BETWEEN_ENVELOPES: Final = ","
"""Separates the envelopes that one tool call carries."""


class ContentPart(Frame):
    """quirk(mistral): `content` can be a list of these; `thinking` is text or parts again."""

    type: str | None = None
    text: str | None = None
    thinking: str | list[ContentPart] | None = None


class FunctionDelta(Frame):
    """Arguments are text; some hosts send the object itself."""

    name: str | None = None
    arguments: str | dict[str, object] | None = None


class CustomDelta(Frame):
    """A piece of a call with free text."""

    name: str | None = None
    input: str | None = None


class CallDelta(Frame):
    """A piece of a tool call."""

    index: int | str | None = None
    id: str | int | None = None
    type: str | None = None
    function: FunctionDelta | None = None
    custom: CustomDelta | None = None
    extra_content: msgspec.Raw = ABSENT


class AudioDelta(Frame):
    """A piece of a spoken answer; every piece of `data` is base64 by itself."""

    id: str | None = None
    data: str | None = None
    transcript: str | None = None
    expires_at: int | None = None


class Delta(Frame):
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


class ChunkChoice(AnyChoice):
    """One choice's share of a chunk."""

    delta: Delta | None = None
    message: Delta | None = None
    """the whole of it, from hosts that make a stream of an answer they have"""
    content_filter_results: msgspec.Raw = ABSENT


CHUNK: Final = msgspec.json.Decoder(Chunk[ChunkChoice])

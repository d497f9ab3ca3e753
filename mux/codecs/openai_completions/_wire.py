"""The shapes of a completions stream."""

from __future__ import annotations

from typing import Final

import msgspec

from mux.codecs._openai_stream import AnyChoice, Chunk, Frame

DIALECT: Final = "openai_completions"


class Delta(Frame):
    """quirk(together): the text stands in a chat delta as well, once in it alone."""

    content: str | None = None


class ChunkChoice(AnyChoice):
    """One choice's share of a chunk."""

    text: str | None = None
    delta: Delta | None = None


CHUNK: Final = msgspec.json.Decoder(Chunk[ChunkChoice])

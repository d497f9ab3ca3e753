"""A chat stream to events."""

from __future__ import annotations

from mux.codecs._openai_stream import ChunkStreamDecoder
from mux.codecs.openai_chat._wire import CHUNK, DIALECT, ChunkChoice
from mux.codecs.openai_chat.choice_in import ChoiceReader


class ChatStreamDecoder(ChunkStreamDecoder[ChunkChoice]):
    """Chunks of OpenAI's API and of all that resemble it. One per response."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(DIALECT, CHUNK, ChoiceReader)

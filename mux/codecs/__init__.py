"""The dialects, each a way to and from the IR; a library that needs no event loop."""

from __future__ import annotations

from typing import Final

from mux.codecs import (
    anthropic,
    gemini,
    ollama,
    openai_chat,
    openai_completions,
    openai_responses,
)
from mux.codecs._base import (
    ClientSide,
    Codec,
    CountClient,
    CountServer,
    Encoded,
    ServerSide,
    StreamDecoder,
    StreamEncoder,
)
from mux.codecs._check import StreamCheck, Violation
from mux.codecs._tool_names import ToolMap
from mux.codecs._tools import ToolRestorer

CODECS: Final[dict[str, Codec]] = {
    module.CODEC.name: module.CODEC
    for module in (
        openai_chat,
        openai_completions,
        openai_responses,
        anthropic,
        gemini,
        ollama,
    )
}
"""Every dialect by name. The only list of dialects in the project."""

__all__ = [
    "CODECS",
    "ClientSide",
    "Codec",
    "CountClient",
    "CountServer",
    "Encoded",
    "ServerSide",
    "StreamCheck",
    "StreamDecoder",
    "StreamEncoder",
    "ToolMap",
    "ToolRestorer",
    "Violation",
]

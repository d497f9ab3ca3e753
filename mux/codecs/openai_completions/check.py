"""The grammar of a stream of this dialect, held strictly."""

from __future__ import annotations

from typing import ClassVar

from mux.codecs._openai_check import ChunkRules
from mux.ir import Object


class CompletionRules(ChunkRules):
    """Rules for the chunks of one completion; choices come in any order."""

    KIND: ClassVar[str] = "text_completion"
    FINISHES: ClassVar[frozenset[str]] = frozenset({"stop", "length", "content_filter"})

    def choice(self, index: int, fields: Object, where: str) -> None:
        self.string(fields, "text", where)

    def finished(self, index: int, reason: str) -> None:
        pass

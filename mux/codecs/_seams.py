"""Where the text of one answer, written into a single string, needs a blank line in between."""

from __future__ import annotations

from mux.ir import Opaque, Part, ServerCall, ServerResult


class Seams:
    """Joins the texts of one answer. One per choice.

    Text blocks are pieces of one text (a cited sentence is several) and are joined as they are.
    Only what was said before the provider ran a tool of its own, and what was said after it, are
    separate texts, and nothing of what lies between them shows.
    """

    __slots__ = ("_apart", "_said")

    def __init__(self) -> None:
        self._said = False
        self._apart = False

    def meet(self, part: Part) -> None:
        """A block of `part`'s kind begins."""
        if self._said and isinstance(part, ServerCall | ServerResult | Opaque):
            self._apart = True

    def join(self, text: str) -> str:
        """`text` as it follows what was said before."""
        if not text:
            return text
        if self._apart:
            self._apart = False
            text = f"\n\n{text}"
        self._said = True
        return text

"""The grammar that chat and completion streams share: chunks, then usage, then ``[DONE]``."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from mux.codecs._check import Rules
from mux.ir import Object


class ChunkRules(Rules):
    """Rules for the chunks of one answer; `KIND` is their ``object``."""

    KIND: ClassVar[str]
    FINISHES: ClassVar[frozenset[str]]

    def __init__(self) -> None:
        super().__init__()
        self._head: Object = {}
        """what must be the same in every chunk, as the first one said it"""
        self._usage_seen = False
        self._finishes: dict[int, str] = {}
        """of each choice seen; empty while it goes on"""

    @abstractmethod
    def choice(self, index: int, fields: Object, where: str) -> None:
        """Look at what a chunk holds of one choice."""

    @abstractmethod
    def finished(self, index: int, reason: str) -> None:
        """Look at a choice as a whole."""

    def event(self, name: bytes | None, fields: Object) -> None:
        if name is not None:
            text = "an event: line, which makes clients take it for something else; leave it out"
            self.wrong("event-line", text)
        if fields.get("error"):
            error = self.nested(fields, "error")
            self.string(error, "message", "error")
            self.over = True
            return
        self._check_head(fields)
        choices = self.objects(fields, "choices")
        self._check_usage(fields, bool(choices))
        for place, choice in enumerate(choices):
            self._choice(choice, f"choices[{place}]")

    def done_marker(self) -> None:
        if self.over:
            text = (
                "[DONE] twice, or after an error, where clients take it for success; leave it out"
            )
            self.wrong("done-marker", text)
        self._check_finished()
        self.over = True

    def end(self) -> None:
        if self.over:
            return
        self._check_finished()
        self.wrong("terminal", "no [DONE] at the end; clients wait for it")

    # -- what all chunks say ----------------------------------------------------------------------

    def _check_head(self, fields: Object) -> None:
        if fields.get("object") != self.KIND:
            self.wrong("object", f"object must be {self.KIND}")
        head: Object = {
            "id": self.named(fields, "id"),
            "created": self.integer(fields, "created"),
            "model": self.string(fields, "model"),
        }
        for key, value in head.items():
            if value and self._head.setdefault(key, value) != value:
                self.wrong("identity", f"{key} differs from the one before; it is one answer")
                self._head[key] = value

    def _check_usage(self, fields: Object, with_choices: bool) -> None:
        if fields.get("usage") is None:
            return
        usage = self.nested(fields, "usage")
        for key in ("prompt_tokens", "completion_tokens", "total_tokens"):
            self.integer(usage, key, "usage")
        if with_choices:
            self.wrong("usage", "usage beside choices; send it in a last chunk with choices []")
            return
        if self._usage_seen:
            self.wrong("usage", "usage a second time; clients add it up")
        elif self._finishes:
            self._check_finished()
        self._usage_seen = True

    def _choice(self, fields: Object, where: str) -> None:
        index = self.integer(fields, "index", where)
        if index is None:
            return
        before = self._finishes.setdefault(index, "")
        if before:
            self.wrong("after-finish", f"choice {index} goes on after its finish_reason")
        self.choice(index, fields, where)
        reason = self.optional_string(fields, "finish_reason", where)
        if not reason:
            if "finish_reason" not in fields:
                self.wrong("field", f"{where}.finish_reason must be there, null until the end")
            return
        self._finishes[index] = reason
        if reason not in self.FINISHES:
            self.wrong("finish-reason", f"{reason[:60]!r} is no finish_reason of this dialect")
        self.finished(index, reason)

    def _check_finished(self) -> None:
        for index, reason in self._finishes.items():
            if not reason:
                self.wrong("finish-reason", f"choice {index} has no finish_reason; send one")
                self._finishes[index] = "none"
        if not self._finishes:
            self.wrong("finish-reason", "no choice at all; send one with a finish_reason")
            self._finishes[0] = "none"

"""The grammar of a stream of this dialect, held strictly."""

from __future__ import annotations

from typing import Final

from mux.codecs._check import Rules
from mux.codecs._check_frames import BareOrArrayFrames, Frames
from mux.codecs.gemini.enums import FINISH_REASONS, word
from mux.ir import Object

_REASONS: Final = frozenset(
    {
        *FINISH_REASONS,
        "MODEL_ARMOR",
        "ESCALATION",
        "MISSING_THOUGHT_SIGNATURE",
        "MALFORMED_RESPONSE",
        "PUP_LIMITED_DISABLED",
        "CONTINUATION",
    }
)
_KINDS: Final = (
    "text",
    "inlineData",
    "fileData",
    "functionCall",
    "functionResponse",
    "executableCode",
    "codeExecutionResult",
    "toolCall",
    "toolResponse",
)
_COUNTS: Final = (
    "promptTokenCount",
    "candidatesTokenCount",
    "thoughtsTokenCount",
    "toolUsePromptTokenCount",
    "cachedContentTokenCount",
    "totalTokenCount",
)


class ChunkRules(Rules):
    """Rules for the chunks of one answer, in events or in an array."""

    def __init__(self) -> None:
        super().__init__()
        self._finishes: dict[int, str] = {}
        """of each candidate seen; empty while it goes on"""
        self._blocked = False
        self._partial: set[int] = set()
        """candidates with a call whose arguments go on"""
        self._head: Object = {}

    def frames(self) -> Frames:
        return BareOrArrayFrames()

    def event(self, name: bytes | None, fields: Object) -> None:
        if "error" in fields:
            self._error(fields)
            return
        self._check_head(fields)
        feedback = fields.get("promptFeedback")
        if isinstance(feedback, dict) and feedback.get("blockReason") is not None:
            self._blocked = True
        if fields.get("candidates") is not None:
            for place, candidate in enumerate(self.objects(fields, "candidates")):
                self._candidate(candidate, f"candidates[{place}]")
        elif "usageMetadata" not in fields and not self._blocked:
            self.wrong("chunk", "neither candidates nor usageMetadata nor a blockReason")

    def end(self) -> None:
        if self.over:
            return
        for index, reason in self._finishes.items():
            if not reason:
                text = f"candidate {index} has no finishReason: the answer was cut off"
                self.wrong("terminal", text)
        if not self._finishes and not self._blocked:
            self.wrong("terminal", "no candidate and no blockReason: the answer was cut off")

    def _error(self, fields: Object) -> None:
        if len(fields) > 1:
            self.wrong(
                "error-alone", "error beside other keys, where clients miss it; send it alone"
            )
        error = self.nested(fields, "error")
        self.integer(error, "code", "error")
        self.string(error, "message", "error")
        self.named(error, "status", "error")
        self.over = True

    def _check_head(self, fields: Object) -> None:
        for key in ("responseId", "modelVersion"):
            value = self.optional_string(fields, key)
            if value and self._head.setdefault(key, value) != value:
                self.wrong("identity", f"{key} differs from the one before; it is one answer")
                self._head[key] = value
        if fields.get("usageMetadata") is not None:
            usage = self.nested(fields, "usageMetadata")
            for key in _COUNTS:
                if usage.get(key) is not None:
                    self.integer(usage, key, "usageMetadata")

    def _candidate(self, fields: Object, where: str) -> None:
        index = self.integer(fields, "index", where) if fields.get("index") is not None else 0
        index = index or 0
        before = self._finishes.setdefault(index, "")
        content = fields.get("content")
        parts: list[Object] = []
        if content is not None:
            inner = self.nested(fields, "content", where)
            if inner.get("role", "model") != "model":
                self.wrong("role", f"{where}.content.role must be model")
            if inner.get("parts") is not None:
                parts = self.objects(inner, "parts", f"{where}.content")
        if before and parts:
            self.wrong("after-finish", f"candidate {index} goes on after its finishReason")
        for place, part in enumerate(parts):
            self._part(index, part, f"{where}.content.parts[{place}]")
        reason = fields.get("finishReason")
        if reason is not None:
            self._finish(index, reason if isinstance(reason, str | int) else "")

    def _finish(self, index: int, reason: str | int) -> None:
        name = word(reason, FINISH_REASONS)
        self._finishes[index] = name or "none"
        # A number we have no name for may be a newer one.
        if isinstance(reason, str) and reason not in _REASONS:
            self.wrong("finish-reason", f"{reason[:60]!r} is no finishReason of this dialect")
        if index in self._partial:
            self.wrong("partial-call", "the arguments of a call go on at the end; complete them")

    def _part(self, index: int, part: Object, where: str) -> None:
        kinds = [kind for kind in _KINDS if kind in part]
        if len(kinds) > 1 or (not kinds and not part.keys() & {"thoughtSignature", "thought"}):
            self.wrong("part", f"{where} must be exactly one of {', '.join(_KINDS)}")
        self.optional_string(part, "text", where)
        self.optional_string(part, "thoughtSignature", where)
        if not isinstance(part.get("thought", False), bool):
            self.wrong("field", f"{where}.thought must be true or false")
        if "functionCall" in part:
            self._call(index, self.nested(part, "functionCall", where), f"{where}.functionCall")

    def _call(self, index: int, call: Object, where: str) -> None:
        goes_on = index in self._partial
        if not goes_on:
            self.named(call, "name", where)
        elif call.get("name"):
            self.wrong("partial-call", f"{where} begins while another goes on; complete that first")
        if call.get("args") is not None:
            self.nested(call, "args", where)
        if call.get("partialArgs") is not None:
            self.objects(call, "partialArgs", where)
        if call.get("willContinue"):
            self._partial.add(index)
        else:
            self._partial.discard(index)

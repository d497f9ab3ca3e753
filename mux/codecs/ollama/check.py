"""The grammar of a stream of this dialect, held strictly."""

from __future__ import annotations

import re
from typing import Final

from mux.codecs._check import Rules
from mux.codecs._check_frames import Frames, LineFrames
from mux.ir import Object

_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_REASONS: Final = frozenset({"stop", "length", "load", "unload"})
_COUNTS: Final = (
    "total_duration",
    "load_duration",
    "prompt_eval_count",
    "prompt_eval_duration",
    "eval_count",
    "eval_duration",
)


class LineRules(Rules):
    """Rules for the lines of one answer of ``/api/chat`` or ``/api/generate``."""

    def __init__(self) -> None:
        super().__init__()
        self._shape = ""
        """``message`` or ``response``, as the first line has it"""
        self._model = ""

    def frames(self) -> Frames:
        return LineFrames()

    def event(self, name: bytes | None, fields: Object) -> None:
        if "error" in fields:
            self.string(fields, "error")
            self.over = True
            return
        model = self.named(fields, "model")
        if self._model and model != self._model:
            self.wrong("identity", "model differs from the one before; it is one answer")
        self._model = model
        if not _TIME.fullmatch(self.string(fields, "created_at")):
            self.wrong("created-at", "created_at must be a time such as 2026-01-02T03:04:05Z")
        self._content(fields)
        done = fields.get("done")
        if not isinstance(done, bool):
            self.wrong("field", "done must be true or false")
        elif done:
            self._last(fields)

    def end(self) -> None:
        if not self.over:
            text = "no line with done true at the end: the answer was cut off, or ends in no error"
            self.wrong("terminal", text)

    def _content(self, fields: Object) -> None:
        shape = "response" if "response" in fields and "message" not in fields else "message"
        if self._shape and shape != self._shape:
            self.wrong("shape", f"{shape} where the first line has {self._shape}")
        self._shape = self._shape or shape
        if shape == "response":
            self.string(fields, "response")
            self.optional_string(fields, "thinking")
            holder, where = fields, ""
        else:
            holder, where = self.nested(fields, "message"), "message"
            if holder and holder.get("role") != "assistant":
                self.wrong("role", "message.role must be assistant")
            self.string(holder, "content", where)
            self.optional_string(holder, "thinking", where)
        if holder.get("tool_calls") is not None:
            for call in self.objects(holder, "tool_calls", where):
                function = self.nested(call, "function", "tool_calls[]")
                self.named(function, "name", "tool_calls[].function")
                # Never a string, and never a part: clients validate each line by itself.
                self.nested(function, "arguments", "tool_calls[].function")

    def _last(self, fields: Object) -> None:
        self.over = True
        reason = self.string(fields, "done_reason")
        if reason and reason not in _REASONS:
            self.wrong("done-reason", f"{reason[:60]!r} is no done_reason of this dialect")
        for key in _COUNTS:
            if fields.get(key) is not None:
                self.integer(fields, key)

"""The grammar of what happens to one item of a stream, held strictly."""

from __future__ import annotations

from typing import Final

from mux.codecs._check import Rules, Sum
from mux.ir import Object
from mux.wire import json

_INDEX: Final = {"content": "content_index", "summary": "summary_index"}
_TEXTS: Final = {
    "response.output_text": ("content", "output_text", "text"),
    "response.refusal": ("content", "refusal", "refusal"),
    "response.reasoning_text": ("content", "reasoning_text", "text"),
    "response.reasoning_summary_text": ("summary", "summary_text", "text"),
}
"""Events with text: the list their part is in, its type, and where the whole text stands."""

_PARTS: Final = {
    "response.content_part": "content",
    "response.reasoning_summary_part": "summary",
}
_WHOLES: Final = ("arguments", "input", "code", "diff")
"""Where the whole of a call's input stands, by the kind of call."""

_CALLS: Final = {"function_call": "arguments", "custom_tool_call": "input"}
_NAMELESS: Final = "shell_call_command"
"""Its events have no item_id."""


class _Part:
    """One part of an item: `kind` is its type."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.text = Sum()
        self.said = False
        """its text was told whole"""
        self.done = False


class CheckedItem:
    """One item from ``output_item.added`` to ``output_item.done``. Tells `rules` what is wrong."""

    def __init__(self, rules: Rules, kind: str, item_id: str) -> None:
        self._rules = rules
        self.head = (kind, item_id)
        self.done = False
        self._parts: dict[tuple[str, int], _Part] = {}
        self._input = Sum()
        self._input_done = False

    def event(self, kind: str, fields: Object) -> None:
        """Look at an event that is about this item."""
        if kind == "response.output_item.done":
            self._close(self._rules.nested(fields, "item"))
            return
        stem, _, step = kind.rpartition(".")
        if not stem.startswith(f"response.{_NAMELESS}"):
            told = self._rules.named(fields, "item_id")
            if told and told != self.head[1]:
                self._wrong("item-id", f"item_id {told[:60]} is not that of the item; keep it")
        if stem in _PARTS:
            self._part(stem, step, fields)
        elif stem in _TEXTS:
            self._text(stem, step, fields)
        elif kind == "response.output_text.annotation.added":
            self._annotation(fields)
        else:
            self._own(kind, step, fields)

    def _wrong(self, rule: str, message: str) -> None:
        self._rules.wrong(rule, message)

    # -- parts and their text ---------------------------------------------------------------------

    def _part(self, stem: str, step: str, fields: Object) -> None:
        where = _PARTS[stem]
        index = self._rules.integer(fields, _INDEX[where])
        inner = self._rules.nested(fields, "part")
        if index is None:
            return
        if step == "added":
            expected = sum(1 for place, _ in self._parts if place == where)
            if index != expected:
                text = f"{_INDEX[where]} {index} where {expected} is next; count from 0 by 1"
                self._wrong("part-index", text)
            kind = self._rules.named(inner, "type", "part")
            self._parts[where, index] = _Part(kind)
            if kind == "output_text":
                self._rules.listed(inner, "annotations", "part")
            return
        part = self._find(where, index, f"{stem}.{step}")
        if part is None:
            return
        part.done = True
        if not part.said:
            self._wrong("text-done", "the part is done before its text is; send the .done of that")
        self._same(part.text, inner.get("refusal" if part.kind == "refusal" else "text"), "part")

    def _text(self, stem: str, step: str, fields: Object) -> None:
        where, kind, key = _TEXTS[stem]
        index = self._rules.integer(fields, _INDEX[where])
        part = None if index is None else self._find(where, index, f"{stem}.{step}")
        if part is None:
            return
        if part.kind != kind:
            self._wrong("part-type", f"{stem}.{step} for a part of type {part.kind}")
        if part.said:
            self._wrong("text-done", f"{stem}.{step} after the text was done")
        if step == "delta":
            part.text.add(self._rules.string(fields, "delta"))
        else:
            part.said = True
            self._same(part.text, self._rules.string(fields, key), f"{stem}.done")

    def _annotation(self, fields: Object) -> None:
        index = self._rules.integer(fields, "content_index")
        self._rules.integer(fields, "annotation_index")
        self._rules.nested(fields, "annotation")
        if index is not None:
            self._find("content", index, "an annotation")

    def _find(self, where: str, index: int, what: str) -> _Part | None:
        part = self._parts.get((where, index))
        if part is None or part.done:
            state = "is done" if part is not None else "was not added; send its .added first"
            self._wrong("part-unknown", f"{what} for part {index}, which {state}")
            return None
        return part

    def _same(self, pieces: Sum, whole: object, what: str) -> None:
        if isinstance(whole, str) and pieces.differs(whole):
            text = f"the text in {what} is not what the deltas make up; send what was sent"
            self._wrong("text", text)

    # -- calls and hosted items -------------------------------------------------------------------

    def _own(self, kind: str, step: str, fields: Object) -> None:
        """Events named after the item's type: its input in pieces, or what became of it."""
        stem = kind.removeprefix("response.").rpartition(".")[0]
        if stem != self.head[0] and not stem.startswith(f"{self.head[0]}_"):
            text = f"{kind[:80]} is no event of this dialect, or none of a {self.head[0]}"
            self._wrong("event-type", text)
        elif step == "delta" and isinstance(fields.get("delta"), str):
            if self._input_done:
                self._wrong("text-done", f"{kind} after the input was done")
            self._input.add(self._rules.string(fields, "delta"))
        elif step == "done" and stem != self.head[0]:
            self._input_done = True
            for key in _WHOLES:
                if key in fields:
                    self._same(self._input, self._rules.string(fields, key), kind)

    def _close(self, item: Object) -> None:
        self.done = True
        if (item.get("type"), item.get("id")) != self.head:
            self._wrong("item-id", "type and id of the item differ from those it was added with")
        for (where, index), part in self._parts.items():
            if not part.done:
                self._wrong("part-open", f"part {index} of {where} is not done; send its .done")
        key = _CALLS.get(self.head[0])
        if key is not None:
            self._call(item, self._rules.string(item, key, "item"), key)
        for where in _INDEX:
            self._contents(item, where)

    def _call(self, item: Object, whole: str, key: str) -> None:
        self._rules.named(item, "call_id", "item")
        self._rules.named(item, "name", "item")
        if self.head[0] == "function_call" and not self._input_done:
            self._wrong("text-done", "no function_call_arguments.done before output_item.done")
        self._same(self._input, whole, f"item.{key}")
        cut = item.get("status") == "incomplete"
        if key == "arguments" and not cut and json.load_object(whole) is None:
            self._wrong("arguments", "the arguments of the call are no JSON object")

    def _contents(self, item: Object, where: str) -> None:
        """Whether the item holds the parts that were streamed."""
        parts = [part for (place, _), part in self._parts.items() if place == where]
        held = item.get(where)
        if not parts:
            return
        texts = self._rules.objects(item, where, "item") if held is not None else []
        if len(texts) != len(parts):
            self._wrong("item-parts", f"item.{where} does not hold the parts that were sent")
            return
        for part, fields in zip(parts, texts, strict=True):
            whole = fields.get("refusal" if part.kind == "refusal" else "text")
            self._same(part.text, whole, f"item.{where}")

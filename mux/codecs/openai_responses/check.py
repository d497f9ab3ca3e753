"""The grammar of a stream of this dialect, held strictly."""

from __future__ import annotations

from typing import Final

from mux.codecs._check import Rules
from mux.codecs.openai_responses.check_items import CheckedItem
from mux.ir import Object

_LIFECYCLE: Final = {
    "response.created": ("in_progress", "queued"),
    "response.queued": ("queued",),
    "response.in_progress": ("in_progress",),
    "response.completed": ("completed",),
    "response.incomplete": ("incomplete",),
    "response.failed": ("failed", "cancelled"),
}
"""Events about the whole, and the status the response in them may have."""

_TERMINAL: Final = ("response.completed", "response.incomplete", "response.failed")
_DETAILS: Final = (
    ("input_tokens_details", "cached_tokens"),
    ("output_tokens_details", "reasoning_tokens"),
)


class ResponseRules(Rules):
    """Rules for the events of one response."""

    def __init__(self) -> None:
        super().__init__()
        self._next = 0
        """the sequence number to come"""
        self._created = False
        self._id = ""
        self._items: dict[int, CheckedItem] = {}
        """by output index"""
        self._failed = False
        """an error event was seen; only response.failed may follow"""

    def event(self, name: bytes | None, fields: Object) -> None:
        kind = self.named_by_type(name, fields)
        self._count(fields)
        if kind == "error":
            self._error(fields)
            return
        if self._failed and kind != "response.failed":
            self.wrong("after-end", f"{kind} after an error; only response.failed may follow")
        if not self._created and kind != "response.created" and not self._failed:
            self.wrong("order", f"{kind} before response.created; begin with that")
            self._created = True
        if kind in _LIFECYCLE:
            self._whole(kind, fields)
        elif kind == "response.output_item.added":
            self._added(fields)
        elif not kind.startswith("response.audio."):
            self._within(kind, fields)

    def end(self) -> None:
        if not self.over and not self._failed:
            self.wrong("terminal", "no response.completed, .incomplete or .failed: it was cut off")

    def _count(self, fields: Object) -> None:
        number = self.integer(fields, "sequence_number")
        if number is not None and number != self._next:
            text = f"sequence_number {number} where {self._next} is next; count from 0 by 1"
            self.wrong("sequence", text)
        self._next = (self._next if number is None else number) + 1

    def _error(self, fields: Object) -> None:
        self._failed = True
        told = fields.get("error")
        self.string(told if isinstance(told, dict) else fields, "message", "error")

    # -- the whole --------------------------------------------------------------------------------

    def _whole(self, kind: str, fields: Object) -> None:
        response = self.nested(fields, "response")
        if kind == "response.created":
            if self._created:
                self.wrong("order", "a second response.created; there is one for each stream")
            self._created = True
        elif kind not in _TERMINAL and self._items:
            self.wrong("order", f"{kind} after the first item; send it before")
        told = self.named(response, "id", "response")
        if told and self._id and told != self._id:
            self.wrong("identity", "response.id differs from the first one; it is one answer")
        self._id = told
        if response.get("object") != "response":
            self.wrong("field", "response.object must be response")
        if not isinstance(response.get("created_at"), int | float):
            self.wrong("field", "response.created_at must be a number")
        self.string(response, "model", "response")
        if response.get("status") not in _LIFECYCLE[kind]:
            expected = " or ".join(_LIFECYCLE[kind])
            self.wrong("status", f"response.status must be {expected} in {kind}")
        output = self.objects(response, "output", "response")
        if kind in _TERMINAL:
            self._terminal(kind, response, output)

    def _terminal(self, kind: str, response: Object, output: list[Object]) -> None:
        self.over = True
        if kind == "response.failed":
            error = self.nested(response, "error", "response")
            self.named(error, "code", "response.error")
            self.string(error, "message", "response.error")
            return
        if kind == "response.incomplete":
            details = self.nested(response, "incomplete_details", "response")
            self.named(details, "reason", "response.incomplete_details")
        self._usage(self.nested(response, "usage", "response"))
        if kind == "response.incomplete":
            return
        for place, item in self._items.items():
            if not item.done:
                self.wrong("item-open", f"item {place} was not closed by output_item.done")
        if [item.head for item in self._items.values()] != [
            (item.get("type"), item.get("id")) for item in output
        ]:
            text = "response.output does not hold the items of the stream, in order; rebuild it"
            self.wrong("output", text)

    def _usage(self, usage: Object) -> None:
        for key in ("input_tokens", "output_tokens", "total_tokens"):
            self.integer(usage, key, "response.usage")
        for outer, inner in _DETAILS:
            details = self.nested(usage, outer, "response.usage")
            if details:
                self.integer(details, inner, f"response.usage.{outer}")

    # -- items ------------------------------------------------------------------------------------

    def _added(self, fields: Object) -> None:
        place = self.integer(fields, "output_index")
        item = self.nested(fields, "item")
        if place is None:
            return
        if place in self._items:
            self.wrong("output-index", f"a second item at output_index {place}; count on")
        elif self._items and place < max(self._items):
            self.wrong("output-index", f"output_index {place} after a higher one; count on")
        kind = self.named(item, "type", "item")
        self._items[place] = CheckedItem(self, kind, self.named(item, "id", "item"))

    def _within(self, kind: str, fields: Object) -> None:
        place = self.integer(fields, "output_index")
        if place is None:
            return
        item = self._items.get(place)
        if item is None:
            text = f"{kind} for item {place}, which was not added; send output_item.added first"
            self.wrong("item-unknown", text)
        elif item.done:
            self.wrong("item-done", f"{kind} for item {place}, which is done")
        else:
            item.event(kind, fields)

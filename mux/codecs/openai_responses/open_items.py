"""Items of a stream on their way in: how much of each was passed on, and what is still to come."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from mux.codecs._blocks import BlockSequencer
from mux.codecs.openai_responses._own import DIALECT, keep, own
from mux.codecs.openai_responses.items_in import decode_item
from mux.ir import (
    Annotation,
    AnnotationDelta,
    ArgsDelta,
    Event,
    Object,
    Part,
    Refusal,
    ServerResult,
    SignatureDelta,
    Text,
    TextDelta,
    Thinking,
    ThinkingBreak,
    ThinkingDelta,
    TokenLogprob,
    ToolCall,
)
from mux.wire import Doc

_WHOLE: Final = -1
"""The content index of what has none: calls, reasoning, hosted items."""

_RESULT: Final = -2
"""That of what a hosted item found."""

_CALLS: Final = {"function_call": "arguments", "custom_tool_call": "input"}
_MESSAGE: Final = ("type", "status", "role", "content")
_REASONING: Final = ("type", "status", "id", "summary", "content", "encrypted_content")


class OpenItem:
    """One item. `place` is its output index."""

    __slots__ = (
        "_blocks",
        "_fields",
        "_index",
        "_notes",
        "_parts",
        "_sent",
        "finished",
        "id",
        "place",
    )

    def __init__(self, place: int, fields: Object, blocks: BlockSequencer) -> None:
        self._blocks = blocks
        self.place = place
        self.id = word(fields, "id")
        self._parts: dict[int, Part] = {}
        """the parts begun, by content index"""
        self.finished = False
        self._fields = fields
        self._sent: dict[int, int] = {}
        """characters passed on, by content or summary index"""
        self._notes: dict[int, int] = {}
        self._index = 0

    @property
    def said(self) -> Iterable[Part]:
        """The parts begun so far."""
        return self._parts.values()

    def begin(self, out: list[Event]) -> None:
        """The item was announced: a call whose name is known begins now, all else with its text."""
        field = _CALLS.get(word(self._fields, "type"))
        if field is not None and word(self._fields, "name"):
            announced = Doc({**self._fields, field: ""})
            self._start(_WHOLE, decode_item(announced)[0], out)

    def finish(self, fields: Object, out: list[Event]) -> None:
        """The item is complete as `fields` has it. Raises `InvalidRequest` if it is malformed."""
        parts = decode_item(Doc(fields))
        self.finished = True
        seen = sorted(self._sent)
        for number, part in enumerate(parts):
            index = seen[number] if number < len(seen) else number
            match part:
                case Text() | Refusal():
                    self._finish_text(index, part, out)
                case Thinking():
                    self._finish_thinking(seen, part, out)
                case ToolCall() if "item" not in own(part.ext):
                    self._finish_call(part, out)
                case ServerResult() if number:
                    self._start(_RESULT, part, out)
                case _ if not self._parts:
                    self._start(_WHOLE, part, out)
                case _:
                    pass
        for index in (*self._sent, _WHOLE, _RESULT):
            self._blocks.stop((self.place, index), out)

    def _start(self, index: int, part: Part, out: list[Event]) -> None:
        self._parts[index] = part
        self._blocks.start((self.place, index), part, out)

    # -- messages -----------------------------------------------------------------------------

    def text(
        self,
        index: int,
        text: str,
        logprobs: tuple[TokenLogprob, ...],
        out: list[Event],
    ) -> None:
        """More text of the part at `index`."""
        key = (self.place, index)
        number = self._blocks.index(key)
        if number < 0 and not self._blocks.is_open(key):
            self._start(index, Text("", ext=keep(self._around())), out)
            number = self._blocks.index(key)
        self._sent[index] = self._sent.get(index, 0) + len(text)
        self._blocks.put(key, TextDelta(number, text, logprobs), out)

    def refusal(self, index: int, text: str, out: list[Event]) -> None:
        """More of the refusal at `index`."""
        key = (self.place, index)
        if not self._blocks.is_open(key):
            self._start(index, Refusal("", ext=keep(self._around())), out)
        self._sent[index] = self._sent.get(index, 0) + len(text)
        self._blocks.put(key, TextDelta(self._blocks.index(key), text), out)

    def annotate(self, index: int, annotation: Annotation, out: list[Event]) -> None:
        """A citation of the text at `index`."""
        if not isinstance(self._parts.get(index), Text):
            return
        key = (self.place, index)
        self._notes[index] = self._notes.get(index, 0) + 1
        self._blocks.put(key, AnnotationDelta(self._blocks.index(key), annotation), out)

    def complete_text(
        self, index: int, text: str, logprobs: tuple[TokenLogprob, ...], out: list[Event]
    ) -> None:
        """The text at `index` reads `text`: pass on what of it is new."""
        sent = self._sent.get(index, 0)
        if new := text[sent:]:
            self.text(index, new, () if sent else logprobs, out)

    def _finish_text(self, index: int, part: Text | Refusal, out: list[Event]) -> None:
        if isinstance(part, Refusal):
            if new := part.text[self._sent.get(index, 0) :]:
                self.refusal(index, new, out)
            return
        self.complete_text(index, part.text, part.logprobs, out)
        for annotation in part.annotations[self._notes.get(index, 0) :]:
            self.annotate(index, annotation, out)

    def _around(self) -> Object:
        fields = _others(self._fields, _MESSAGE)
        return {"message": fields} if fields else {}

    # -- reasoning ----------------------------------------------------------------------------

    def think(self, index: int, text: str, summary: bool, out: list[Event]) -> None:
        """More reasoning; another `index` is another part of it."""
        if not self._parts:
            ext = {DIALECT: _others(self._fields, _REASONING)}
            self._start(_WHOLE, Thinking((), summary, None, self.id, ext), out)
        if not isinstance(self._parts.get(_WHOLE), Thinking):
            return
        key = (self.place, _WHOLE)
        number = self._blocks.index(key)
        if index != self._index and self._sent:
            self._blocks.put(key, ThinkingBreak(number), out)
        self._index = index
        self._sent[index] = self._sent.get(index, 0) + len(text)
        self._blocks.put(key, ThinkingDelta(number, text), out)

    def _finish_thinking(self, seen: list[int], part: Thinking, out: list[Event]) -> None:
        for number, text in enumerate(part.texts):
            index = seen[number] if number < len(seen) else number
            if new := text[self._sent.get(index, 0) :]:
                self.think(index, new, part.summary, out)
        if not self._parts:
            self._start(_WHOLE, replace(part, texts=(), signature=None), out)
        if part.signature is not None:
            key = (self.place, _WHOLE)
            self._blocks.put(key, SignatureDelta(self._blocks.index(key), part.signature), out)

    # -- calls --------------------------------------------------------------------------------

    def argue(self, text: str, out: list[Event]) -> None:
        """More of a call's arguments; they wait for the end if the name was not told yet (F23)."""
        if not isinstance(self._parts.get(_WHOLE), ToolCall):
            return
        key = (self.place, _WHOLE)
        self._sent[_WHOLE] = self._sent.get(_WHOLE, 0) + len(text)
        self._blocks.put(key, ArgsDelta(self._blocks.index(key), text), out)

    def complete_arguments(self, text: str, out: list[Event]) -> None:
        """The arguments read `text`: pass on what of it is new."""
        if new := text[self._sent.get(_WHOLE, 0) :]:
            self.argue(new, out)

    def _finish_call(self, part: ToolCall, out: list[Event]) -> None:
        if not self._parts:
            self._start(_WHOLE, replace(part, arguments=""), out)
        self.complete_arguments(part.arguments, out)


def word(fields: Object, key: str) -> str:
    """A string member, empty if it is none."""
    value = fields.get(key)
    return value if isinstance(value, str) else ""


def _others(fields: Object, read: tuple[str, ...]) -> Object:
    return {key: value for key, value in fields.items() if key not in read and value is not None}

"""The grammar of a stream of this dialect, held strictly."""

from __future__ import annotations

from typing import ClassVar, Final

from mux.codecs._openai_check import ChunkRules
from mux.ir import JSON, Object
from mux.wire import json

_CALLS: Final = ("tool_calls", "function_call")
_CUT: Final = ("length", "content_filter")


class _Call:
    """One tool call of a choice, as far as it was sent."""

    def __init__(self, custom: bool) -> None:
        self.custom = custom
        self.arguments: list[str] = []


class _Choice:
    """What was seen of one choice."""

    def __init__(self) -> None:
        self.calls: list[_Call] = []
        self.ids: set[str] = set()
        self.content = False
        self.refusal = False
        self.legacy = False


class ChatRules(ChunkRules):
    """Rules for the chunks of one chat completion."""

    KIND: ClassVar[str] = "chat.completion.chunk"
    FINISHES: ClassVar[frozenset[str]] = frozenset({"stop", *_CUT, *_CALLS})

    def __init__(self) -> None:
        super().__init__()
        self._choices: dict[int, _Choice] = {}
        self._lists: set[str] = set()
        """delta fields that held lists before"""

    def choice(self, index: int, fields: Object, where: str) -> None:
        where = f"{where}.delta"
        delta = self.nested(fields, "delta", where.removesuffix(".delta"))
        role = delta.get("role")
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = _Choice()
            if index != len(self._choices) - 1:
                self.wrong("choice-order", f"choice {index} before the ones below it")
            if role != "assistant":
                self.wrong("role", f"{where}.role must be assistant in a choice's first chunk")
        elif role:
            self.wrong("role", f"{where}.role again, which clients append; send it once")
        self._texts(choice, delta, where)
        self._extensions(index, delta, where)
        if isinstance(delta.get("function_call"), dict):
            choice.legacy = True
        if delta.get("tool_calls") is not None:
            for place, call in enumerate(self.objects(delta, "tool_calls", where)):
                self._call(choice, call, f"{where}.tool_calls[{place}]")

    def _texts(self, choice: _Choice, delta: Object, where: str) -> None:
        choice.content |= bool(self.optional_string(delta, "content", where))
        choice.refusal |= bool(self.optional_string(delta, "refusal", where))
        self.optional_string(delta, "reasoning_content", where)
        if choice.content and choice.refusal and (delta.get("content") or delta.get("refusal")):
            self.wrong("refusal", "both content and a refusal, on which clients fail; send one")

    def _extensions(self, index: int, delta: Object, where: str) -> None:
        """The SDK can only merge a list sent twice if its elements say where they belong."""
        for key, value in delta.items():
            if key == "tool_calls" or not isinstance(value, list) or not value:
                continue
            mark = f"{index}.{key}"
            if mark in self._lists and not all(map(_indexed, value)):
                text = f"{where}.{key} a second time without index, on which clients fail"
                self.wrong("list-index", text)
            self._lists.add(mark)

    def _call(self, choice: _Choice, fields: Object, where: str) -> None:
        index = self.integer(fields, "index", where)
        if index is None:
            return
        if index < len(choice.calls):
            self._continued(choice.calls[index], fields, where)
            return
        if index > len(choice.calls):
            text = f"{where}.index is {index} where {len(choice.calls)} is next; they have no gaps"
            self.wrong("call-index", text)
        while len(choice.calls) <= index:
            choice.calls.append(_Call(custom="custom" in fields))
        self._opened(choice, choice.calls[index], fields, where)

    def _opened(self, choice: _Choice, call: _Call, fields: Object, where: str) -> None:
        called = self.named(fields, "id", where)
        if called and called in choice.ids:
            self.wrong("call-id", f"a second call with the id {called[:60]!r}; make ids unique")
        choice.ids.add(called)
        key, text = ("custom", "input") if call.custom else ("function", "arguments")
        if fields.get("type") != key:
            self.wrong("field", f"{where}.type must be {key}")
        inner = self.nested(fields, key, where)
        self.named(inner, "name", f"{where}.{key}")
        call.arguments.append(self.string(inner, text, f"{where}.{key}"))

    def _continued(self, call: _Call, fields: Object, where: str) -> None:
        key, text = ("custom", "input") if call.custom else ("function", "arguments")
        inner = self.nested(fields, key, where)
        if fields.get("id") or inner.get("name"):
            text_ = "id or name again, which clients append; send them once"
            self.wrong("call-repeats", f"{where} has {text_}")
        call.arguments.append(self.optional_string(inner, text, f"{where}.{key}"))

    def finished(self, index: int, reason: str) -> None:
        choice = self._choices[index]
        if reason in _CALLS and not choice.calls and not choice.legacy:
            self.wrong("finish-reason", f"{reason} without a call; say stop")
        if reason == "stop" and choice.calls:
            self.wrong(
                "finish-reason", "stop after tool calls, on which agents end; say tool_calls"
            )
        if reason in _CUT:
            return
        for number, call in enumerate(choice.calls):
            text = "".join(call.arguments)
            if not call.custom and json.load_object(text) is None:
                self.wrong("arguments", f"the arguments of call {number} are no JSON object")


def _indexed(item: JSON) -> bool:
    return isinstance(item, dict) and isinstance(item.get("index"), int)

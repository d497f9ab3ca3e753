"""The tool calls of a streamed choice, told apart however the host numbers them (F05, F23)."""

from __future__ import annotations

from typing import Final

import msgspec

from mux.codecs import _ids
from mux.codecs._blocks import BlockSequencer
from mux.codecs._openai_stream import ABSENT, value
from mux.codecs.openai_chat._wire import DIALECT, CallDelta, CustomDelta, FunctionDelta
from mux.ir import ArgsDelta, Event, Signature, SignatureDelta, ToolCall, ToolKind
from mux.wire import json

_NO_ARGUMENTS: Final = "{}"


class _Call:
    """One call, which is also its block's key. Arguments wait in it until the name is known."""

    __slots__ = ("arguments", "extra", "id", "kind", "name", "started")

    def __init__(self) -> None:
        self.id = ""
        self.name = ""
        self.kind = ToolKind.FUNCTION
        self.started = False
        self.arguments: list[str] = []
        self.extra: Signature | None = None

    def complete(self) -> bool:
        """Whether its arguments are; none at all is how some hosts write an empty object."""
        if self.kind is ToolKind.CUSTOM or not self.arguments:
            return True
        if not self.arguments[-1].rstrip().endswith("}"):
            return False
        return json.load_object("".join(self.arguments)) is not None


class CallsReader:
    """Call pieces to blocks. One per choice; `seed` makes the ids of calls that have none."""

    __slots__ = ("_blocks", "_by_index", "_calls", "_seed")

    def __init__(self, blocks: BlockSequencer, *seed: object) -> None:
        self._blocks = blocks
        self._calls: list[_Call] = []
        self._by_index: dict[int | str, _Call] = {}
        self._seed = seed

    def add(self, piece: CallDelta, out: list[Event]) -> None:
        """A piece of a call. Its block opens when the name is known, never with an empty one."""
        name, arguments, kind = _read(piece)
        call_id = "" if piece.id is None else str(piece.id)
        call = self._find(piece.index, call_id, name, arguments)
        if not call.started:
            call.id, call.name = call.id or call_id, call.name or name
            if name:
                call.kind = kind
        if piece.extra_content is not ABSENT:
            self._sign(call, piece.extra_content, out)
        if arguments:
            call.arguments.append(arguments)
            if call.started:
                self._put(call, arguments, out)
        if call.name and not call.started:
            self._start(call, out)

    def finish(self, out: list[Event]) -> None:
        """The choice is over: calls without arguments have empty ones (F16)."""
        for call in self._calls:
            if call.started and not call.arguments and call.kind is ToolKind.FUNCTION:
                self._put(call, _NO_ARGUMENTS, out)

    def incomplete(self) -> bool:
        """Whether the arguments of a call are cut off."""
        return not all(call.complete() for call in self._calls)

    def _known(self, call_id: str) -> _Call | None:
        return next((known for known in self._calls if known.id == call_id), None)

    def _find(self, index: int | str | None, call_id: str, name: str, arguments: str) -> _Call:
        """The call a piece belongs to: by index, unless its id says that it is of another one."""
        if index is not None:
            call = self._by_index.get(index)
            if call is not None and call_id not in ("", call.id):
                call = self._known(call_id) or call
        elif call_id:  # quirk(mistral): whole calls without an index
            call = self._known(call_id)
        else:
            call = self._calls[-1] if self._calls and not name else None
        if call is None or _begins_anew(call, call_id, name, arguments):
            call = _Call()
            self._calls.append(call)
            if index is not None:
                self._by_index[index] = call
        return call

    def _start(self, call: _Call, out: list[Event]) -> None:
        call.started = True
        place = self._calls.index(call)
        call_id = call.id or _ids.stable_id("call_", *self._seed, place, call.name)
        self._blocks.start(call, ToolCall(call_id, call.name, kind=call.kind), out)
        if call.extra is not None:
            self._blocks.put(call, SignatureDelta(self._blocks.index(call), call.extra), out)
        for arguments in call.arguments:
            self._put(call, arguments, out)

    def _put(self, call: _Call, arguments: str, out: list[Event]) -> None:
        self._blocks.put(call, ArgsDelta(self._blocks.index(call), arguments), out)

    def _sign(self, call: _Call, raw: msgspec.Raw, out: list[Event]) -> None:
        """quirk(gemini): its compatible endpoint hides a signature in `extra_content`."""
        extra = value(raw)
        if not extra:
            return
        call.extra = Signature(DIALECT, json.text(extra), "extra")
        if call.started:
            self._blocks.put(call, SignatureDelta(self._blocks.index(call), call.extra), out)


def _read(piece: CallDelta) -> tuple[str, str, ToolKind]:
    """Name, arguments and kind of a piece."""
    custom = piece.custom or CustomDelta()
    if piece.type == ToolKind.CUSTOM or (custom.name and piece.function is None):
        return custom.name or "", custom.input or "", ToolKind.CUSTOM
    function = piece.function or FunctionDelta()
    arguments = function.arguments
    if isinstance(arguments, dict):
        return function.name or "", msgspec.json.encode(arguments).decode(), ToolKind.FUNCTION
    text = arguments if arguments is not None else custom.input
    kind = ToolKind.FUNCTION if piece.function is not None else ToolKind.CUSTOM
    return function.name or "", text or "", kind


def is_empty(piece: CallDelta) -> bool:
    """Whether a piece says nothing: some hosts fill one in beside every text (F01)."""
    name, arguments, _ = _read(piece)
    return not (name or arguments or piece.id) and piece.extra_content is ABSENT


def _begins_anew(call: _Call, call_id: str, name: str, arguments: str) -> bool:
    """Whether a piece under a known index is another call: another id, or a name after the end.

    An id made anew for every piece is none: what goes on with a call's arguments belongs to it.
    """
    if call_id and call.id:
        opens = not arguments or arguments.lstrip().startswith("{")
        goes_on = name in ("", call.name) and not opens and not call.complete()
        return call_id != call.id and not goes_on
    if not name or call_id or not call.arguments:
        return False
    return arguments.lstrip().startswith("{") and call.complete()

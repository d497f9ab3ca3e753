"""A streamed answer of an upstream, as events."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final

import msgspec
from msgspec.structs import replace

from mux.codecs._blocks import BlockSequencer
from mux.codecs._errors import CUT_SHORT
from mux.codecs.anthropic import _wire
from mux.codecs.anthropic._own import DIALECT, nested, word
from mux.codecs.anthropic.blocks_in import unsealed
from mux.codecs.anthropic.citations import decode_citation
from mux.codecs.anthropic.ends import decode_finish
from mux.codecs.anthropic.errors import decode_failure
from mux.codecs.anthropic.response import early_fields, read_block
from mux.codecs.anthropic.usage import decode_usage, merged
from mux.errors import MuxError, UpstreamProtocolError
from mux.ir import (
    AnnotationDelta,
    ArgsDelta,
    Event,
    Failure,
    Object,
    Opaque,
    Part,
    ServerCall,
    Signature,
    SignatureDelta,
    Start,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolCall,
    UsageUpdate,
)
from mux.wire import json, sse
from mux.wire.frames import FrameReader

_EMPTY: Final = "{}"
_COMPACTION: Final = "compaction"


class _Block:
    """What must be known of a block until it closes."""

    __slots__ = ("chars", "citations", "head", "input", "raw", "takes")

    def __init__(
        self,
        takes: type[Part],
        head: Part | None = None,
        input_text: str = "",
        raw: Object | None = None,
    ) -> None:
        self.takes = takes
        """the kind of part whose deltas it takes; `ToolCall` stands for all calls"""
        self.head = head
        """how text or thinking will be opened, as long as there is none of it"""
        self.input = input_text
        """the input of a call, as long as no delta brought one"""
        self.raw = raw
        """a block that is complete, and opened, only when it stops"""
        self.chars = 0
        self.citations: list[Object] = []


class MessageStreamDecoder:
    """Server-sent events to events. One per response; `message_stop` ends it."""

    __slots__ = (
        "_blocks",
        "_done",
        "_end",
        "_frames",
        "_open",
        "_sse",
        "_started",
        "_usage",
    )

    def __init__(self) -> None:
        self._sse = sse.Reader()
        self._frames = FrameReader(_wire.FRAME)
        self._blocks = BlockSequencer()
        self._open: dict[int, _Block] = {}
        self._usage: Object = {}
        self._end: Object = {}
        self._started = False
        self._done = False

    def feed(self, data: bytes) -> list[Event]:
        """The events that `data` completes."""
        out: list[Event] = []
        if not self._done:
            try:
                self._take(self._sse.feed(data), out)
            except MuxError as error:
                self._fail(Failure.of(error), out)
        return out

    def eof(self) -> list[Event]:
        """The failure that a stream without its terminal marker amounts to."""
        out: list[Event] = []
        if not self._done:
            try:
                self._take(self._sse.eof(), out)
            except MuxError as error:
                self._fail(Failure.of(error), out)
        if not self._done:
            self._fail(Failure.of(UpstreamProtocolError(CUT_SHORT)), out)
        return out

    def _take(self, frames: list[sse.Frame], out: list[Event]) -> None:
        for record in frames:
            if self._done:
                return
            frame = self._frames(record.data)
            if frame is not None:
                self._on[type(frame)](self, frame, out)

    def _fail(self, failure: Failure, out: list[Event]) -> None:
        out.append(failure)
        self._done = True

    def _message_start(self, frame: _wire.MessageStart, out: list[Event]) -> None:
        if self._started:
            return
        message = _object(frame.message)
        self._started = True
        out.append(Start(word(message, "id"), word(message, "model"), ext=early_fields(message)))
        if usage := nested(message, "usage"):
            self._count(usage, out)

    def _count(self, usage: Object, out: list[Event]) -> None:
        self._usage = merged(self._usage, usage)
        out.append(UsageUpdate(decode_usage(self._usage)))

    def _begin(self, out: list[Event]) -> None:
        """Hosts that forget ``message_start`` are understood all the same."""
        if not self._started:
            self._started = True
            out.append(Start())

    def _block_start(self, frame: _wire.BlockStart, out: list[Event]) -> None:
        self._begin(out)
        raw = _object(frame.content_block)
        self._stop(frame.index, out)
        key = frame.index
        if raw.get("type") == _COMPACTION:
            self._open[key] = _Block(Opaque, raw=raw)
            return
        match part := read_block(raw):
            case None:
                return
            case Text():
                self._open[key] = _Block(Text, replace(part, text="", annotations=()))
                self._grow(key, part.text, out)
                self._open[key].citations += [note.raw for note in part.annotations if note.raw]
            case Thinking(signature=signature) if signature is None or signature.kind == "sig":
                self._open[key] = _Block(Thinking, replace(part, texts=(), signature=None))
                self._reason(key, part.text, out)
                self._sign(key, signature, out)
            case ToolCall() | ServerCall():
                self._open[key] = _Block(ToolCall, input_text=part.arguments)
                self._blocks.start(key, replace(part, arguments=""), out)
            case _:
                self._open[key] = _Block(type(part))
                self._blocks.start(key, part, out)

    def _block_delta(self, frame: _wire.BlockDelta, out: list[Event]) -> None:
        self._on[type(frame.delta)](self, frame.index, frame.delta, out)

    def _ready(self, key: int, takes: type[Part], out: list[Event]) -> _Block | None:
        """The block of `key` if it takes such deltas, opened now at the latest."""
        block = self._open.get(key)
        if block is None or block.takes is not takes:
            return None
        if block.head is not None:
            self._blocks.start(key, block.head, out)
            block.head = None
        return block

    def _text(self, key: int, delta: _wire.Text, out: list[Event]) -> None:
        self._grow(key, delta.text, out)

    def _grow(self, key: int, text: str, out: list[Event]) -> None:
        if text and (block := self._ready(key, Text, out)) is not None:
            block.chars += len(text)
            self._blocks.put(key, TextDelta(self._blocks.index(key), text), out)

    def _thinking(self, key: int, delta: _wire.Thinking, out: list[Event]) -> None:
        self._reason(key, delta.thinking, out)

    def _reason(self, key: int, text: str, out: list[Event]) -> None:
        if text and self._ready(key, Thinking, out) is not None:
            self._blocks.put(key, ThinkingDelta(self._blocks.index(key), text), out)

    def _signature(self, key: int, delta: _wire.Signature, out: list[Event]) -> None:
        self._sign(key, unsealed(delta.signature), out)

    def _sign(self, key: int, signature: Signature | None, out: list[Event]) -> None:
        if signature is not None and self._ready(key, Thinking, out) is not None:
            self._blocks.put(key, SignatureDelta(self._blocks.index(key), signature), out)

    def _input(self, key: int, delta: _wire.Input, out: list[Event]) -> None:
        if delta.partial_json and (block := self._ready(key, ToolCall, out)) is not None:
            block.input = ""
            self._blocks.put(key, ArgsDelta(self._blocks.index(key), delta.partial_json), out)

    def _citation(self, key: int, delta: _wire.Citation, out: list[Event]) -> None:
        if (block := self._ready(key, Text, out)) is not None:
            block.citations.append(_object(delta.citation))

    def _compaction(self, key: int, delta: _wire.Compaction, out: list[Event]) -> None:
        block = self._open.get(key)
        if block is not None and block.raw is not None:
            said = {"content": delta.content, "encrypted_content": delta.encrypted_content}
            block.raw |= {name: text for name, text in said.items() if text is not None}

    def _block_stop(self, frame: _wire.BlockStop, out: list[Event]) -> None:
        self._stop(frame.index, out)

    def _stop(self, key: int, out: list[Event]) -> None:
        block = self._open.pop(key, None)
        if block is None:
            return
        if block.raw is not None:
            self._blocks.start(key, Opaque(DIALECT, block.raw), out)
        if block.input:
            self._blocks.put(key, ArgsDelta(self._blocks.index(key), block.input), out)
        for citation in block.citations:
            annotation = decode_citation(citation, block.chars)
            self._blocks.put(key, AnnotationDelta(self._blocks.index(key), annotation), out)
        self._blocks.stop(key, out)

    def _stop_all(self, out: list[Event]) -> None:
        for key in list(self._open):
            self._stop(key, out)
        self._blocks.stop_all(out)

    def _message_delta(self, frame: _wire.MessageDelta, out: list[Event]) -> None:
        self._begin(out)
        self._stop_all(out)
        self._end |= _object(frame.delta)
        if edits := _object(frame.context_management):
            self._end["context_management"] = edits
        if usage := _object(frame.usage):
            self._count(usage, out)

    def _message_stop(self, _: _wire.MessageStop, out: list[Event]) -> None:
        self._begin(out)
        self._stop_all(out)
        out.append(decode_finish(self._end, self._blocks.calls))
        self._done = True

    def _ping(self, _: _wire.Ping, out: list[Event]) -> None:
        """Nothing is said."""

    def _error(self, frame: _wire.Error, out: list[Event]) -> None:
        self._fail(decode_failure(_object(frame.error)), out)

    _on: ClassVar[dict[type, Callable[..., None]]] = {
        _wire.MessageStart: _message_start,
        _wire.BlockStart: _block_start,
        _wire.BlockDelta: _block_delta,
        _wire.BlockStop: _block_stop,
        _wire.MessageDelta: _message_delta,
        _wire.MessageStop: _message_stop,
        _wire.Ping: _ping,
        _wire.Error: _error,
        _wire.Text: _text,
        _wire.Thinking: _thinking,
        _wire.Signature: _signature,
        _wire.Input: _input,
        _wire.Citation: _citation,
        _wire.Compaction: _compaction,
    }


def _object(raw: msgspec.Raw) -> Object:
    return json.load_object(bytes(raw)) or {}

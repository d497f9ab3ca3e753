"""Events to a stream of this dialect: one JSON object a line, the last one with ``done``."""

from __future__ import annotations

from typing import ClassVar, Final

import orjson
from msgspec.structs import replace

from mux.codecs import _arguments, _finish
from mux.codecs._base import Handlers
from mux.codecs._seams import Seams
from mux.codecs.ollama.errors import encode_error
from mux.codecs.ollama.parts import call, closing, images, logprobs, own, shows_thinking
from mux.codecs.ollama.request import GENERATE
from mux.codecs.ollama.timestamps import encode_time
from mux.errors import ErrorKind
from mux.ir import (
    AnnotationDelta,
    ArgsDelta,
    BlockStart,
    BlockStop,
    Choice,
    Event,
    Failure,
    Finish,
    Media,
    Object,
    Request,
    SignatureDelta,
    Start,
    StopReason,
    TextDelta,
    Thinking,
    ThinkingBreak,
    ThinkingDelta,
    ToolCall,
    Usage,
    UsageUpdate,
)
from mux.wire import json, ndjson

_BREAK: Final = "\n\n"


class LineStreamEncoder:
    """Events to lines. One per response; tool calls are whole, so they wait for their end."""

    __slots__ = (
        "_arguments",
        "_call",
        "_calls",
        "_closed",
        "_created_at",
        "_gap",
        "_generate",
        "_half",
        "_model",
        "_native",
        "_said",
        "_seams",
        "_tail",
        "_text_head",
        "_thinking_head",
        "_thought",
        "_usage",
        "_visible",
    )

    def __init__(self, request: Request) -> None:
        self._generate = request.variant == GENERATE
        self._visible = shows_thinking(request)
        self._model = request.model
        self._seams = Seams()
        self._usage: Usage | None = None
        self._call: ToolCall | None = None
        self._half: ToolCall | None = None
        """a call whose arguments are not whole: the end says whether it was cut off"""
        self._arguments: list[str] = []
        self._calls = 0
        self._native = False
        """the answer came in this dialect"""
        self._said = self._thought = False
        """text was written, thinking was"""
        self._gap = ""
        """what goes before the next piece of thinking"""
        self._closed = False
        self._date(encode_time(0))

    def encode(self, event: Event, /) -> bytes:
        """The lines `event` adds; nothing after the last line."""
        return b"" if self._closed else self._on[type(event)](self, event)

    def eof(self) -> bytes:
        """Nothing after the last line; without one an error, for the answer is not complete."""
        if self._closed:
            return b""
        return self._failure(Failure(ErrorKind.SERVER, "the answer broke off"))

    def ping(self) -> bytes:
        """A line without content: to clients a blank one is an error (pitfall 9)."""
        return b"" if self._closed else self._line({})

    def _date(self, created_at: str) -> None:
        """Take `created_at` for all lines, and make what is the same in all of them."""
        self._created_at = created_at
        head = b'{"model":%b,"created_at":%b,' % (json.dumps(self._model), json.dumps(created_at))
        if self._generate:
            self._text_head = head + b'"response":'
            self._thinking_head = head + b'"response":"","thinking":'
            self._tail = b',"done":false}'
        else:
            self._text_head = head + b'"message":{"role":"assistant","content":'
            self._thinking_head = self._text_head + b'"","thinking":'
            self._tail = b'},"done":false}'

    def _object(self, content: Object) -> Object:
        """A line that holds `content` beside, or in place of, its empty text."""
        out: Object = {"model": self._model, "created_at": self._created_at}
        if self._generate:
            out |= {"response": "", **content}
        else:
            out["message"] = {"role": "assistant", "content": "", **content}
        out["done"] = False
        return out

    def _line(self, content: Object) -> bytes:
        return ndjson.write(json.dumps(self._object(content)))

    def _start(self, event: Start) -> bytes:
        created_at = own(event.ext).get("created_at")
        self._native = isinstance(created_at, str)
        self._date(created_at if isinstance(created_at, str) else encode_time(event.created))
        return b""

    def _block_start(self, event: BlockStart) -> bytes:
        return self._late_call() + self._open(event)

    def _open(self, event: BlockStart) -> bytes:
        part = event.part
        self._seams.meet(part)
        if isinstance(part, Thinking):
            self._gap = _BREAK if self._thought and not self._native else ""
        elif isinstance(part, ToolCall):
            self._call, self._arguments = part, [part.arguments]
        elif isinstance(part, Media):
            field = images((part,), native=self._native, generate=self._generate)
            return self._line(field) if field else b""
        return b""

    def _text(self, event: TextDelta) -> bytes:
        text = self._seams.join(event.text)
        if not text:
            return b""
        self._said = True
        if event.logprobs:
            field = "response" if self._generate else "content"
            line = self._object({field: text})
            line["logprobs"] = logprobs(event.logprobs)
            return ndjson.write(json.dumps(line))
        return ndjson.write(b"%b%b%b" % (self._text_head, orjson.dumps(text), self._tail))

    def _thinking(self, event: ThinkingDelta) -> bytes:
        text = event.text
        if not (text and self._visible):
            return b""
        if self._gap:
            text, self._gap = self._gap + text, ""
        self._thought = True
        return ndjson.write(b"%b%b%b" % (self._thinking_head, orjson.dumps(text), self._tail))

    def _thinking_break(self, event: ThinkingBreak) -> bytes:
        self._gap = _BREAK if self._thought else ""
        return b""

    def _args(self, event: ArgsDelta) -> bytes:
        self._arguments.append(event.arguments)
        return b""

    def _block_stop(self, event: BlockStop) -> bytes:
        if self._call is None:
            return b""
        part = replace(self._call, arguments="".join(self._arguments))
        self._call = None
        if _arguments.is_whole(part.arguments):
            return self._whole_call(part)
        self._half = part
        return b""

    def _late_call(self) -> bytes:
        """The call that is not whole after all, but for the client to judge."""
        part, self._half = self._half, None
        return self._whole_call(part) if part is not None else b""

    def _whole_call(self, part: ToolCall) -> bytes:
        content: Object = {"tool_calls": [call(part, self._calls)]}
        self._calls += 1
        return self._line(content)

    def _count(self, event: UsageUpdate) -> bytes:
        self._usage = event.usage
        return b""

    def _finish(self, event: Finish) -> bytes:
        if event.reason is StopReason.ERROR:
            words = event.explanation or "the upstream ended its answer with an error"
            return self._failure(Failure(ErrorKind.SERVER, words))
        out = b"" if _finish.is_cut(event) else self._late_call()
        if words := _finish.words_of(event):
            out += self._text(TextDelta(0, _BREAK + words if self._said else words))
        self._closed = True
        last = self._object({}) | closing(event, self._usage)
        return out + ndjson.write(json.dumps(last))

    def _failure(self, event: Failure) -> bytes:
        self._closed = True
        return ndjson.write(encode_error(event.error()))

    def _nothing(self, event: Event) -> bytes:
        return b""

    _on: ClassVar[Handlers] = {
        Start: _start,
        BlockStart: _block_start,
        TextDelta: _text,
        ThinkingDelta: _thinking,
        ThinkingBreak: _thinking_break,
        ArgsDelta: _args,
        SignatureDelta: _nothing,
        AnnotationDelta: _nothing,
        BlockStop: _block_stop,
        UsageUpdate: _count,
        Choice: _nothing,
        Finish: _finish,
        Failure: _failure,
    }

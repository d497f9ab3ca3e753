"""Events to a stream of this dialect: server-sent events, or the pieces of a JSON array.

Clients' parsers are no real readers of event streams: no comments, no event names, nothing after
the last chunk (pitfalls 7, 8 and 13).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from msgspec.structs import replace

from mux.codecs import _arguments, _finish
from mux.codecs._base import Handlers
from mux.codecs.gemini._wire import DIALECT
from mux.codecs.gemini.errors import error_body
from mux.codecs.gemini.finish import (
    encode_details,
    encode_feedback,
    encode_reason,
    refused_prompt,
)
from mux.codecs.gemini.grounding import Grounding
from mux.codecs.gemini.parts_out import encode_foreign, encode_part
from mux.codecs.gemini.request import ARRAY
from mux.codecs.gemini.response import encode_candidate, trailer
from mux.codecs.gemini.signatures import Carrier, show_signature, signature_of
from mux.codecs.gemini.usage import encode_usage
from mux.errors import ErrorKind
from mux.ir import (
    Annotation,
    AnnotationDelta,
    ArgsDelta,
    BlockStart,
    BlockStop,
    Choice,
    Event,
    Ext,
    Failure,
    Finish,
    Object,
    Part,
    Refusal,
    Request,
    ServerCall,
    Signature,
    SignatureDelta,
    Start,
    StopReason,
    Text,
    TextDelta,
    Thinking,
    ThinkingBreak,
    ThinkingDelta,
    TokenLogprob,
    ToolCall,
    Usage,
    UsageUpdate,
    Visibility,
)
from mux.wire import json, jsonarray, sse

_TEXT: Final = b'{"candidates":[{"content":{"role":"model","parts":[{"text":%b}]},"index":%d}],%b'
_THOUGHT: Final = (
    b'{"candidates":[{"content":{"role":"model","parts":[{"text":%b,"thought":true}]},'
    b'"index":%d}],%b'
)
_BREAK: Final = "\n\n"


class ChunkStreamEncoder:
    """Events to chunks. One per response; tool calls are whole, so they wait for their end."""

    __slots__ = (
        "_annotations",
        "_args",
        "_array",
        "_carrier",
        "_choice",
        "_closed",
        "_ext",
        "_finished",
        "_frame",
        "_grounding",
        "_half",
        "_id",
        "_index",
        "_logprobs",
        "_model",
        "_part",
        "_refused",
        "_signature",
        "_tail",
        "_texts",
        "_told",
        "_usage",
        "_visible",
    )

    def __init__(self, request: Request) -> None:
        self._array = jsonarray.Writer() if request.variant == ARRAY else None
        self._frame = self._array.write if self._array is not None else sse.write
        self._visible = request.reasoning.visible is not Visibility.HIDDEN
        self._model = request.model
        self._id = ""
        self._ext: Ext | None = None
        self._usage: Usage | None = None
        self._closed = False
        """an error was written, or the end"""
        self._finished = False
        self._begin(0)
        self._end_chunks()

    def encode(self, event: Event, /) -> bytes:
        """The chunk `event` adds; nothing after an error."""
        return b"" if self._closed else self._on[type(event)](self, event)

    def eof(self) -> bytes:
        """The end of the array, and before it an error if the answer did not come to its end."""
        out = b""
        if not self._closed and not self._finished:
            out = self._failure(Failure(ErrorKind.SERVER, "the answer broke off"))
        self._closed = True
        return out + self._array.close() if self._array is not None else out

    def ping(self) -> bytes:
        """A line end: the only keep-alive that all clients survive, inside of an array too."""
        return b"" if self._closed else b"\n"

    def _begin(self, choice: int) -> None:
        """Forget the answer before: another one begins."""
        self._choice = choice
        self._carrier = Carrier()
        self._part: Part = Text("")
        """what the open block began with"""
        self._index = -1
        self._refused = False
        self._signature: Signature | None = None
        self._told = ""
        """the text blocks before the open one, which clients put together"""
        self._texts: list[str] = []
        """of the open text block"""
        self._args: list[str] = []
        self._half: ToolCall | None = None
        """a call whose arguments are not whole: the end says whether it was cut off"""
        self._annotations: list[Annotation] = []
        self._grounding = Grounding()
        self._logprobs: list[TokenLogprob] = []

    def _end_chunks(self) -> None:
        """Make the end of all chunks from here on."""
        usage = encode_usage(self._usage) if self._usage is not None else None
        self._tail = json.dumps(trailer(self._model, self._id, usage, self._ext))[1:]

    def _parts(self, parts: Sequence[Object]) -> bytes:
        if not parts:
            return b""
        candidate: Object = {
            "content": {"role": "model", "parts": [*parts]},
            "index": self._choice,
        }
        head = json.dumps({"candidates": [candidate]})
        return self._frame(head[:-1] + b"," + self._tail)

    def _start(self, event: Start) -> bytes:
        self._id, self._ext = event.id, event.ext
        self._end_chunks()
        return b""

    def _count(self, event: UsageUpdate) -> bytes:
        self._usage = event.usage
        self._end_chunks()
        return b""

    def _block_start(self, event: BlockStart) -> bytes:
        return self._late_call() + self._open(event)

    def _late_call(self) -> bytes:
        """The call that is not whole after all, but for the client to judge."""
        call, self._half = self._half, None
        return self._whole(call) if call is not None else b""

    def _open(self, event: BlockStart) -> bytes:
        part = event.part
        self._part, self._index = part, event.index
        self._signature = signature_of(part)
        match part:
            case Text(text=text) | Refusal(text=text):
                self._texts, self._annotations = [], []
                self._refused = self._refused or isinstance(part, Refusal)
                return self._text(TextDelta(event.index, text)) if text else b""
            case Thinking():
                return self._thinking(ThinkingDelta(event.index, part.text))
            case ToolCall():
                self._args = [part.arguments]
                return b""
            case ServerCall():
                self._args = [part.arguments]
                return b""
            case _:
                self._grounding.meet(part)
                return self._whole(part)

    def _text(self, event: TextDelta) -> bytes:
        text = event.text
        self._texts.append(text)
        if event.logprobs:
            self._logprobs += event.logprobs
        if value := self._carrier.take():
            return self._parts([{"text": text, "thoughtSignature": value}])
        if not text:
            return b""
        return self._frame(_TEXT % (json.dumps(text), self._choice, self._tail))

    def _thinking(self, event: ThinkingDelta) -> bytes:
        if not (event.text and self._visible):
            return b""
        return self._frame(_THOUGHT % (json.dumps(event.text), self._choice, self._tail))

    def _thinking_break(self, event: ThinkingBreak) -> bytes:
        return self._thinking(ThinkingDelta(event.index, _BREAK))

    def _arguments(self, event: ArgsDelta) -> bytes:
        self._args.append(event.arguments)
        return b""

    def _sign(self, event: SignatureDelta) -> bytes:
        self._signature = event.signature
        return b""

    def _annotate(self, event: AnnotationDelta) -> bytes:
        self._annotations.append(event.annotation)
        return b""

    def _block_stop(self, event: BlockStop) -> bytes:
        part, signature = self._part, self._signature
        self._signature = None
        match part:
            case Text():
                self._cite()
                return self._signed({"text": ""}, signature) if signature is not None else b""
            case Thinking():
                return self._thought(signature) if signature is not None else b""
            case ToolCall():
                call = replace(part, arguments="".join(self._args), signature=signature)
                if _arguments.is_whole(call.arguments):
                    return self._whole(call)
                self._half = call
                return b""
            case ServerCall():
                called = replace(part, arguments="".join(self._args))
                self._grounding.meet(called)
                return self._whole(called)
            case _:
                return b""

    def _cite(self) -> None:
        """Take note of what the text block cites, its offsets counted in all text of the answer."""
        before = len(self._told)
        self._told += "".join(self._texts)
        for found in self._annotations:
            end = len(self._told) if found.end < 0 else before + found.end
            moved = replace(found, start=before + max(found.start, 0), end=end)
            self._grounding.cite(0, self._told, moved)

    def _thought(self, signature: Signature) -> bytes:
        """The end of signed reasoning: other providers' signatures go to what follows."""
        if self._visible and signature.dialect == DIALECT:
            return self._signed({"text": "", "thought": True}, signature)
        return self._parts(self._carrier.put(signature))

    def _signed(self, part: Object, signature: Signature) -> bytes:
        signed: Object = {**part, "thoughtSignature": show_signature(signature)}
        return self._parts([*self._carrier.drop(), signed])

    def _whole(self, part: Part) -> bytes:
        """A part that comes in one piece, if this dialect has a form for it."""
        signature = signature_of(part)
        before: list[Object] = []
        if signature is not None:
            before, value = self._carrier.drop(), show_signature(signature)
        else:
            value = self._carrier.take() if isinstance(part, ToolCall) else ""
        encoded = encode_part(part, value) or encode_foreign(part)
        return self._parts([*before, encoded] if encoded is not None else before)

    def _next(self, event: Choice) -> bytes:
        self._begin(event.index)
        self._finished = False
        return b""

    def _finish(self, event: Finish) -> bytes:
        if event.reason is StopReason.ERROR:
            words = event.explanation or "the upstream ended its answer with an error"
            return self._failure(Failure(ErrorKind.SERVER, words))
        self._finished = True
        late = b"" if _finish.is_cut(event) else self._late_call()
        chunk: Object = {}
        if not refused_prompt(event):
            details = encode_details(event, self._grounding, self._logprobs)
            parts = self._carrier.drop()
            reason = encode_reason(event, refused=self._refused)
            chunk["candidates"] = [encode_candidate(self._choice, parts, reason, details)]
        chunk |= encode_feedback(event)
        return late + self._frame(json.dumps(chunk)[:-1] + b"," + self._tail)

    def _failure(self, event: Failure) -> bytes:
        self._closed = True
        return self._frame(json.dumps(error_body(event.error())))

    _on: ClassVar[Handlers] = {
        Start: _start,
        BlockStart: _block_start,
        TextDelta: _text,
        ThinkingDelta: _thinking,
        ThinkingBreak: _thinking_break,
        ArgsDelta: _arguments,
        SignatureDelta: _sign,
        AnnotationDelta: _annotate,
        BlockStop: _block_stop,
        UsageUpdate: _count,
        Choice: _next,
        Finish: _finish,
        Failure: _failure,
    }

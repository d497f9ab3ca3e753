"""Events as the server-sent events of this dialect.

Text, visible thinking and calls are streamed as they come; everything else is written as a whole
when it is complete. Blocks are opened when there is something in them, so that indices stay
contiguous whatever is left out.
"""

from __future__ import annotations

from typing import ClassVar, Final

import orjson
from msgspec.structs import replace

from mux.codecs import _arguments, _carried
from mux.codecs._base import Handlers
from mux.codecs.anthropic import replies
from mux.codecs.anthropic._own import extras
from mux.codecs.anthropic.citations import encode_citation
from mux.codecs.anthropic.ends import LATE, encode_finish
from mux.codecs.anthropic.errors import error_object
from mux.codecs.anthropic.response import message_of
from mux.codecs.anthropic.usage import encode_final_usage, encode_usage
from mux.errors import ErrorKind, MuxError
from mux.ir import (
    AnnotationDelta,
    ArgsDelta,
    BlockStart,
    BlockStop,
    Choice,
    Event,
    Failure,
    Finish,
    Object,
    Part,
    Refusal,
    Request,
    Response,
    ServerCall,
    Signature,
    SignatureDelta,
    Start,
    Text,
    TextDelta,
    Thinking,
    ThinkingBreak,
    ThinkingDelta,
    ToolCall,
    Usage,
    UsageUpdate,
)
from mux.wire import json, sse

_TEXT: Final = (
    b"event: content_block_delta\n"
    b'data: {"type":"content_block_delta","index":%d,"delta":{"type":"text_delta","text":%b}}\n\n'
)
_THINKING: Final = (
    b"event: content_block_delta\n"
    b'data: {"type":"content_block_delta","index":%d,'
    b'"delta":{"type":"thinking_delta","thinking":%b}}\n\n'
)
_INPUT: Final = (
    b"event: content_block_delta\n"
    b'data: {"type":"content_block_delta","index":%d,'
    b'"delta":{"type":"input_json_delta","partial_json":%b}}\n\n'
)
_STOP: Final = b'event: content_block_stop\ndata: {"type":"content_block_stop","index":%d}\n\n'
_END: Final = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
_PING: Final = b'event: ping\ndata: {"type":"ping"}\n\n'
_COMMENT: Final = b": keep-alive\n\n"
_BROKE_OFF: Final = "the answer broke off before it was complete"
_BREAK: Final = "\n\n"


class MessageStreamEncoder:
    """Events to server-sent events, for one streamed answer to one request."""

    __slots__ = (
        "_args",
        "_began",
        "_carrier",
        "_done",
        "_index",
        "_open",
        "_part",
        "_request",
        "_signature",
        "_start",
        "_streams",
        "_usage",
        "_view",
    )

    def __init__(self, request: Request) -> None:
        self._request = request
        self._view = replies.view_of(request)
        self._carrier = replies.Carrier(self._view)
        self._start: Start | None = None
        self._usage: Usage | None = None
        self._began = False
        self._done = False
        self._index = 0
        """number of the open block, or of the next one"""
        self._open = False
        self._part: Part | None = None
        self._args: list[str] = []
        self._streams: bool | None = None
        """whether a call's arguments are sent as they come; None before the first of them"""
        self._signature: Signature | None = None

    def encode(self, event: Event) -> bytes:
        """The bytes `event` adds; after the first `Finish` or a `Failure` there are none."""
        return b"" if self._done else self._on[type(event)](self, event)

    def eof(self) -> bytes:
        """The error of a stream that was not ended; one that was has its terminal bytes."""
        return b"" if self._done else self._error(ErrorKind.SERVER, _BROKE_OFF)

    def ping(self) -> bytes:
        """A ``ping``, but a comment as long as there is no message (pitfall 92)."""
        if self._done or not (self._began or self._start):
            return b"" if self._done else _COMMENT
        return self._begin() + _PING

    def _started(self, event: Start) -> bytes:
        """``message_start`` waits for what comes next, which may be the usage it tells."""
        self._start = event
        return b""

    def _count(self, event: UsageUpdate) -> bytes:
        self._usage = event.usage
        return self._begin() if self._start is not None else b""

    def _another(self, _: Choice) -> bytes:
        return b""

    def _begin(self) -> bytes:
        if self._began:
            return b""
        self._began = True
        start = self._start or Start()
        message = message_of(Response(start.id, start.model, start.created), self._request)
        message |= {"content": [], "stop_reason": None, "stop_sequence": None}
        message["usage"] = encode_usage(self._usage)
        return _frame("message_start", {"message": message | extras(start.ext)})

    def _block_start(self, event: BlockStart) -> bytes:
        part = self._part = event.part
        self._args, self._streams, self._signature = [], None, None
        if isinstance(part, Text | Thinking | ToolCall):
            self._signature = part.signature
        out = self._begin()
        match part:
            case Text() | Refusal():
                out += self._text(TextDelta(event.index, part.text))
                notes = part.annotations if isinstance(part, Text) else ()
                out += b"".join(self._cite(AnnotationDelta(event.index, note)) for note in notes)
            case Thinking():
                out += self._thinking(ThinkingDelta(event.index, part.text))
            case ToolCall() | ServerCall():
                out += self._input(ArgsDelta(event.index, part.arguments))
            case _:
                out += self._whole(part)
        return out

    def _text(self, event: TextDelta) -> bytes:
        if not event.text:
            return b""
        head = b"" if self._open else self._open_block({"type": "text", "text": ""})
        return head + _TEXT % (self._index, orjson.dumps(event.text))

    def _thinking(self, event: ThinkingDelta) -> bytes:
        if not event.text or not self._view.text:
            return b""
        head = b"" if self._open else self._open_thinking()
        return head + _THINKING % (self._index, orjson.dumps(event.text))

    def _open_thinking(self) -> bytes:
        return self._open_block({"type": "thinking", "thinking": "", "signature": ""})

    def _break(self, event: ThinkingBreak) -> bytes:
        return self._thinking(ThinkingDelta(event.index, _BREAK)) if self._open else b""

    def _input(self, event: ArgsDelta) -> bytes:
        text = event.arguments
        self._args.append(text)
        if self._streams:
            return _INPUT % (self._index, orjson.dumps(text))
        if self._streams is None and text.strip():
            head = replies.call_head(self._part) if text.lstrip().startswith("{") else None
            self._streams = head is not None
            if head is not None:
                return self._open_block(head) + _INPUT % (self._index, orjson.dumps(text))
        return b""

    def _sign(self, event: SignatureDelta) -> bytes:
        self._signature = event.signature
        if self._open and isinstance(self._part, ToolCall):
            self._carrier.wait(event.signature, replies.shown_id(self._part))
        return b""

    def _cite(self, event: AnnotationDelta) -> bytes:
        citation = encode_citation(event.annotation)
        if citation is None:
            return b""
        head = b"" if self._open else self._open_block({"type": "text", "text": ""})
        return head + self._delta({"type": "citations_delta", "citation": citation})

    def _block_stop(self, _: BlockStop) -> bytes:
        part = self._part
        if isinstance(part, Text) and self._signature is not None:
            self._carrier.wait(self._signature, _carried.TEXT)
        if self._open:
            return self._last_delta(part) + self._close()
        match part:
            case Thinking():
                return self._whole(replace(part, signature=self._signature))
            case ToolCall():
                arguments = "".join(self._args)
                return self._whole(replace(part, arguments=arguments, signature=self._signature))
            case ServerCall():
                return self._whole(replace(part, arguments="".join(self._args)))
            case _:
                return b""

    def _last_delta(self, part: Part | None) -> bytes:
        """What the open block still lacks: its signature, or an end that makes it JSON."""
        if isinstance(part, Thinking):
            return self._delta(
                {"type": "signature_delta", "signature": replies.sealed(self._signature)}
            )
        if isinstance(part, ToolCall | ServerCall):
            text = "".join(self._args)
            if json.load_object(text) is None:
                closed = _arguments.close(text)
                if closed.startswith(text) and json.load_object(closed) is not None:
                    return _INPUT % (self._index, orjson.dumps(closed[len(text) :]))
        return b""

    def _whole(self, part: Part) -> bytes:
        blocks = replies.blocks(part, self._view)
        before = self._carriers() if blocks else b""
        return before + b"".join(map(self._write, blocks))

    def _carriers(self) -> bytes:
        """The signatures that go before the block about to be opened."""
        if self._part is None:
            return b""
        return b"".join(map(self._write, self._carrier.before(self._part, self._signature)))

    def _write(self, block: Object) -> bytes:
        """A complete block: what has deltas is told in deltas, as clients read only those."""
        head, deltas = _dissected(block)
        return self._announce(head) + b"".join(map(self._delta, deltas)) + self._close()

    def _open_block(self, block: Object) -> bytes:
        return self._carriers() + self._announce(block)

    def _announce(self, block: Object) -> bytes:
        self._open = True
        return _frame("content_block_start", {"index": self._index, "content_block": block})

    def _delta(self, delta: Object) -> bytes:
        return _frame("content_block_delta", {"index": self._index, "delta": delta})

    def _close(self) -> bytes:
        out = _STOP % self._index
        self._open = False
        self._index += 1
        return out

    def _finish(self, event: Finish) -> bytes:
        try:
            delta = encode_finish(event)
        except MuxError as error:
            return self._error(error.kind, error.message)
        late = extras(event.ext)
        _, container, edits = LATE
        if container in late:
            delta[container] = late[container]
        fields: Object = {"delta": delta, "usage": encode_final_usage(self._usage)}
        if edits in late:
            fields[edits] = late[edits]
        out = self._begin() + _frame("message_delta", fields) + _END
        self._done = True
        return out

    def _failure(self, event: Failure) -> bytes:
        return self._error(event.kind, event.message)

    def _error(self, kind: ErrorKind, message: str) -> bytes:
        self._done = True
        return _frame("error", {"error": error_object(kind, message)})

    _on: ClassVar[Handlers] = {
        Start: _started,
        BlockStart: _block_start,
        TextDelta: _text,
        ThinkingDelta: _thinking,
        ThinkingBreak: _break,
        ArgsDelta: _input,
        SignatureDelta: _sign,
        AnnotationDelta: _cite,
        BlockStop: _block_stop,
        UsageUpdate: _count,
        Choice: _another,
        Finish: _finish,
        Failure: _failure,
    }


def _frame(event: str, fields: Object) -> bytes:
    return sse.write(json.dumps({"type": event, **fields}), event.encode())


def _dissected(block: Object) -> tuple[Object, list[Object]]:
    """`block` as it starts, and the deltas that complete it."""
    match block:
        case {"type": "text", "text": str(text), **rest}:
            cited = rest.pop("citations", None)
            notes = cited if isinstance(cited, list) else []
            deltas: list[Object] = [{"type": "text_delta", "text": text}]
            deltas += [{"type": "citations_delta", "citation": note} for note in notes]
            return {"type": "text", "text": "", **rest}, deltas
        case {"type": "thinking", "thinking": str(text), "signature": signature, **rest}:
            deltas = [{"type": "thinking_delta", "thinking": text}] if text else []
            deltas.append({"type": "signature_delta", "signature": signature})
            return {"type": "thinking", "thinking": "", "signature": "", **rest}, deltas
        case {"input": given}:
            deltas = [{"type": "input_json_delta", "partial_json": json.text(given)}]
            return block | {"input": {}}, deltas if given else []
        case {"type": "compaction"}:
            head = dict.fromkeys(block, None) | {"type": "compaction"}
            return head, [{**block, "type": "compaction_delta"}]
        case _:
            return block, []

"""Events to a stream of this dialect, in exactly the order of its specification, section 8.

One item is open at a time. It is closed when the next one begins or the answer ends, because only
then it is known whether it was cut short (F12).
"""

from __future__ import annotations

from typing import ClassVar, Final

from msgspec.structs import replace

from mux.codecs import _carried, _envelope, _ids
from mux.codecs._base import Handlers
from mux.codecs.openai_responses import client_tools
from mux.codecs.openai_responses._own import DIALECT, is_own, own
from mux.codecs.openai_responses.errors import encode_failure
from mux.codecs.openai_responses.event_writer import EventWriter, write_whole
from mux.codecs.openai_responses.head import Head, encode_finish
from mux.codecs.openai_responses.hosted_out import hosted_item, image_item, result_fields
from mux.codecs.openai_responses.live_items import (
    CallItem,
    HostedItem,
    LiveItem,
    MessageItem,
    ReasoningItem,
)
from mux.codecs.openai_responses.usage import encode_usage
from mux.errors import ErrorKind
from mux.ir import (
    JSON,
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
    Opaque,
    Part,
    Refusal,
    Request,
    ServerCall,
    ServerResult,
    SignatureDelta,
    Start,
    Text,
    TextDelta,
    Thinking,
    ThinkingBreak,
    ThinkingDelta,
    ToolCall,
    ToolKind,
    Usage,
    UsageUpdate,
    Visibility,
)
from mux.wire import json

_CODE: Final = "code_execution"
_BROKEN: Final = "the answer broke off"
_UNREADABLE: Final = "the model wrote a tool call that cannot be read"


class ResponseStreamEncoder:
    """Events to bytes. One per response; `response` is the last response object written."""

    __slots__ = (
        "_calls",
        "_carriers",
        "_ended",
        "_head",
        "_held",
        "_item",
        "_live",
        "_part",
        "_places",
        "_refused",
        "_request",
        "_shows",
        "_typed",
        "_usage",
        "_writer",
        "response",
    )

    def __init__(self, request: Request) -> None:
        self.response = b""
        self._request = request
        self._writer = EventWriter()
        self._head = Head(Start(), request)
        self._typed = client_tools.typed_tools(request)
        self._shows = request.reasoning.visible is not Visibility.HIDDEN
        self._usage: Usage | None = None
        self._item: LiveItem | None = None
        self._part: Part = Text("")
        """the open block's part, written to the open item if `_live`"""
        self._live = False
        self._held: list[str] = []
        """arguments of a call that is written only when it is complete"""
        self._carriers: list[str] = []
        """signatures that go out when the item they came with is closed"""
        self._calls: set[str] = set()
        self._places = 0
        self._refused = False
        self._ended = False

    def encode(self, event: Event, /) -> bytes:
        """The bytes `event` adds; nothing after the terminal event."""
        return b"" if self._ended else self._on[type(event)](self, event)

    def eof(self) -> bytes:
        """Nothing after the terminal event; without one the failure of an answer cut short."""
        return b"" if self._ended else self._failure(Failure(ErrorKind.SERVER, _BROKEN))

    def ping(self) -> bytes:
        """A comment."""
        return b": keep-alive\n\n"

    # -- the response around its items --------------------------------------------------------

    def _start(self, event: Start) -> bytes:
        self._head = Head(event, self._request)
        self.response = self._head.write("in_progress")
        told = b'"response":' + self.response
        return self._writer.write(b"response.created", told) + self._writer.write(
            b"response.in_progress", told
        )

    def _count(self, event: UsageUpdate) -> bytes:
        self._usage = event.usage
        return b""

    def _finish(self, event: Finish) -> bytes:
        status, reason = encode_finish(event, refused=self._refused)
        if status == "failed":
            words = event.explanation or _UNREADABLE
            return self._failure(Failure(ErrorKind.SERVER, words))
        self._ended = True
        out = self._close("incomplete" if reason else "completed")
        if event.dialect == DIALECT:
            self._head.update(own(event.ext))
        running = status in ("queued", "in_progress") and self._usage is None
        self.response = self._head.write(
            status,
            b",".join(self._writer.items),
            usage=None if running else encode_usage(self._usage),
            reason=reason,
        )
        kind = b"response.completed" if status == "completed" else b"response.incomplete"
        return out + self._writer.write(kind, b'"response":' + self.response)

    def _failure(self, event: Failure) -> bytes:
        """What is open stays open: a truncated call must not look complete (F10)."""
        self._ended = True
        error = encode_failure(event)
        out = b""
        if not self.response:
            flat = json.dumps({**error, "param": None, "error": error})
            out = self._writer.write(b"error", flat[1:-1])
        self.response = self._head.write("failed", b",".join(self._writer.items), error=error)
        return out + self._writer.write(b"response.failed", b'"response":' + self.response)

    def _nothing(self, event: Event) -> bytes:
        return b""

    # -- items --------------------------------------------------------------------------------

    def _place(self) -> int:
        self._places += 1
        return self._places - 1

    def _id(self, prefix: str, native: JSON = None) -> str:
        """The native id of an item, or one made from the response's and its place."""
        if isinstance(native, str) and native:
            return native
        return _ids.stable_id(prefix, self._head.id, self._places)

    def _close(self, status: str = "completed") -> bytes:
        out = b""
        if self._item is not None:
            out = self._item.close(status)
            self._item = None
        sealed, self._carriers = self._carriers, []
        return out + b"".join(map(self._carrier, sealed))

    def _carrier(self, sealed: str) -> bytes:
        item: Object = {"id": self._id("rs_"), "type": "reasoning", "summary": []}
        return self._whole(item | {"encrypted_content": sealed})

    def _whole(self, item: Object | None) -> bytes:
        if item is None:
            return b""
        return self._close() + write_whole(self._writer, self._place(), item)

    # -- blocks -------------------------------------------------------------------------------

    def _block_start(self, event: BlockStart) -> bytes:
        self._part = part = event.part
        self._live = False
        self._held = [part.arguments] if isinstance(part, ServerCall) else []
        match part:
            case ToolCall():
                return self._call(part)
            case Thinking():
                return self._thoughts(event.index, part)
            case Media():
                return self._whole(image_item(part, self._id("ig_")))
            case ServerCall() | Opaque():
                native = part.dialect == DIALECT and part.raw is not None
                return self._whole(part.raw) if native else b""
            case ServerResult():
                return self._result(part)
            case _:
                return b""

    def _block_stop(self, event: BlockStop) -> bytes:
        part, item = self._part, self._item
        if self._live:
            return item.end() if isinstance(item, MessageItem | ReasoningItem) else b""
        arguments = "".join(self._held)
        if isinstance(part, ToolCall):
            if not self._is_typed(part):
                return self._open_call(part)
            kind = self._typed[part.name]
            return self._whole(client_tools.build_call(kind, self._id("fc_"), part.id, arguments))
        if isinstance(part, ServerCall) and part.dialect != DIALECT:
            return self._hosted(part, arguments)
        return b""

    def _is_typed(self, call: ToolCall) -> bool:
        """Whether the client wants to hear of `call` in an item of its own type."""
        return not call.namespace and call.name in self._typed

    def _hosted(self, part: ServerCall, arguments: str) -> bytes:
        """Another provider's own tool. Its item stays open for the result."""
        found = hosted_item(part, arguments, self._id("ci_" if part.kind == _CODE else "ws_"))
        if found is None:
            return b""
        out = self._close()
        self._item = item = HostedItem(self._writer, self._place(), found)
        return out + item.open()

    def _result(self, part: ServerResult) -> bytes:
        """What a provider's own tool found: an item of its own only where it came as one."""
        if part.dialect == DIALECT:
            return self._whole(part.raw)
        if not isinstance(self._item, HostedItem):
            return b""
        self._item.item |= result_fields(self._item.item, part, self._request)
        return self._close()

    def _text(self, event: TextDelta) -> bytes:
        if not event.text:
            return b""
        out = b"" if self._live else self._open_text()
        item = self._item
        return out + item.text(event.text, event.logprobs) if isinstance(item, MessageItem) else out

    def _open_text(self) -> bytes:
        """Begin the text in hand, in the open message if it belongs there."""
        part = self._part
        if not isinstance(part, Text | Refusal):
            return b""
        self._live = True
        self._refused = self._refused or isinstance(part, Refusal)
        around = own(part.ext).get("message")
        fields: Object = around if isinstance(around, dict) else {}
        item, out = self._item, b""
        if not isinstance(item, MessageItem) or item.around != fields:
            out = self._close()
            item_id = self._id("msg_", fields.get("id"))
            self._item = item = MessageItem(self._writer, self._place(), item_id, fields)
            out += item.open()
        return out + item.start(part)

    def _annotation(self, event: AnnotationDelta) -> bytes:
        out = b"" if self._live else self._open_text()
        return out + (
            self._item.annotate(event.annotation) if isinstance(self._item, MessageItem) else b""
        )

    def _thoughts(self, index: int, part: Thinking) -> bytes:
        """Reasoning of which something is known before its deltas."""
        out = b""
        for number, text in enumerate(part.texts):
            if number:
                out += self._thinking_break(ThinkingBreak(index))
            out += self._thinking(ThinkingDelta(index, text))
        if part.signature is not None:
            out += self._signature(SignatureDelta(index, part.signature))
        return out

    def _thinking(self, event: ThinkingDelta) -> bytes:
        part = self._part
        if not (event.text and isinstance(part, Thinking)):
            return b""
        if not (self._shows or is_own(part.ext)):
            return b""
        out = b"" if self._live else self._open_reasoning(part)
        return out + (self._item.text(event.text) if isinstance(self._item, ReasoningItem) else b"")

    def _open_reasoning(self, part: Thinking) -> bytes:
        self._live = True
        out = self._close()
        native = is_own(part.ext)
        item_id = self._id("rs_", part.id if native else "")
        self._item = item = ReasoningItem(
            self._writer,
            self._place(),
            item_id,
            own(part.ext),
            raw=native and not part.summary,
        )
        return out + item.open()

    def _thinking_break(self, event: ThinkingBreak) -> bytes:
        return self._item.end() if self._live and isinstance(self._item, ReasoningItem) else b""

    def _signature(self, event: SignatureDelta) -> bytes:
        part, signature = self._part, event.signature
        if isinstance(part, Text | ToolCall):
            mark = part.id if isinstance(part, ToolCall) else _carried.TEXT
            sealed = _carried.seal(signature, mark, DIALECT)
            if isinstance(part, ToolCall) and not self._live:
                return self._close() + self._carrier(sealed)
            self._carriers.append(sealed)
            return b""
        if not isinstance(part, Thinking):
            return b""
        out = b"" if self._live else self._open_reasoning(part)
        if isinstance(self._item, ReasoningItem):
            self._item.seal(_envelope.seal(signature, DIALECT))
        return out

    def _call(self, part: ToolCall) -> bytes:
        """A call begins. It is written from its first arguments on, after its signature if any."""
        raw = own(part.ext).get("item")
        if isinstance(raw, dict):
            self._live = True
            return self._whole(raw)
        self._part = part = replace(part, id=self._call_id(part.id))
        out = b""
        if part.signature is not None:
            out = self._signature(SignatureDelta(0, part.signature))
        return out + self._arguments(ArgsDelta(0, part.arguments)) if part.arguments else out

    def _open_call(self, part: ToolCall) -> bytes:
        self._live = True
        out = self._close()
        custom = part.kind is ToolKind.CUSTOM
        fields = own(part.ext)
        item: Object = {"id": self._id("ctc_" if custom else "fc_", fields.get("id"))}
        item["type"] = "custom_tool_call" if custom else "function_call"
        item["call_id"] = part.id
        item["name"] = part.name
        if part.namespace:
            item["namespace"] = part.namespace
        self._item = call = CallItem(self._writer, self._place(), item | fields, part.kind)
        return out + call.open()

    def _call_id(self, original: str) -> str:
        """An id no other call of the answer has: clients key their calls by it."""
        call_id = _ids.call_id(original, self._head.id, self._places)
        if call_id in self._calls:
            call_id = _ids.stable_id("call_", original, self._head.id, self._places)
        self._calls.add(call_id)
        return call_id

    def _arguments(self, event: ArgsDelta) -> bytes:
        if not event.arguments:
            return b""
        out, part = b"", self._part
        if not self._live:
            if not isinstance(part, ToolCall) or self._is_typed(part):
                self._held.append(event.arguments)
                return b""
            out = self._open_call(part)
        item = self._item
        return out + item.text(event.arguments) if isinstance(item, CallItem) else out

    _on: ClassVar[Handlers] = {
        Start: _start,
        BlockStart: _block_start,
        TextDelta: _text,
        ThinkingDelta: _thinking,
        ThinkingBreak: _thinking_break,
        ArgsDelta: _arguments,
        SignatureDelta: _signature,
        AnnotationDelta: _annotation,
        BlockStop: _block_stop,
        UsageUpdate: _count,
        Choice: _nothing,
        Finish: _finish,
        Failure: _failure,
    }

"""A stream of this dialect to events: one JSON object a line, the last one with ``done``."""

from __future__ import annotations

from typing import Final

from mux.codecs import _errors, _finish, _ids
from mux.codecs._errors import CUT_SHORT
from mux.codecs.ollama import _wire
from mux.codecs.ollama._wire import DIALECT, METRICS
from mux.codecs.ollama.errors import error_text
from mux.codecs.ollama.messages_in import image
from mux.codecs.ollama.timestamps import decode_time
from mux.errors import ErrorKind, MuxError, UpstreamProtocolError
from mux.ir import (
    ArgsDelta,
    BlockStart,
    BlockStop,
    Event,
    Ext,
    Failure,
    Finish,
    Object,
    Part,
    Start,
    StopReason,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    TokenLogprob,
    ToolCall,
    Usage,
    UsageUpdate,
)
from mux.wire import json, ndjson
from mux.wire.frames import FrameReader

_REASONS: Final = {
    "": StopReason.STOP,
    "stop": StopReason.STOP,
    "load": StopReason.STOP,
    "unload": StopReason.STOP,
    "length": StopReason.LENGTH,
}
_IN_EVENTS: Final = frozenset(
    {
        *METRICS,
        "model",
        "message",
        "response",
        "thinking",
        "image",
        "tool_calls",
        "logprobs",
        "done",
        "done_reason",
    }
)
"""What of the last line has its place in the events; the rest of it stays as it is."""


class LineStreamDecoder:
    """Lines to events. One per response; a change between thinking and text opens a block."""

    __slots__ = ("_calls", "_created_at", "_done", "_frames", "_id", "_index", "_kind", "_lines")

    def __init__(self) -> None:
        self._lines = ndjson.Reader()
        self._frames = FrameReader(_wire.LINE)
        self._id: str | None = None
        """None before the first line"""
        self._created_at = ""
        self._index = -1
        self._kind: type[Part] | None = None
        """of the open block"""
        self._calls = 0
        self._done = False

    def feed(self, data: bytes, /) -> list[Event]:
        """The events that `data` completes."""
        out: list[Event] = []
        if self._done:
            return out
        try:
            for line in self._lines.feed(data):
                self._line(line, out)
        except UpstreamProtocolError as error:
            self._fail(Failure.of(error), out)
        return out

    def eof(self) -> list[Event]:
        """The terminal event, if no line was the last."""
        out: list[Event] = []
        if self._done:
            return out
        try:
            for line in self._lines.eof():
                self._line(line, out)
        except UpstreamProtocolError as error:
            self._fail(Failure.of(error), out)
        self._fail(Failure(ErrorKind.SERVER, CUT_SHORT), out)
        return out

    def whole(self, body: bytes) -> list[Event]:
        """The events of an answer that is not streamed. Raises `UpstreamProtocolError`."""
        out: list[Event] = []
        self._line(body, out)
        if not out:
            raise UpstreamProtocolError("the upstream's answer is not one of its dialect")
        return out + self.eof()

    def _line(self, data: bytes, out: list[Event]) -> None:
        line = None if self._done else self._frames(data)
        if line is None:
            return
        if line.error is not _wire.ABSENT and (error := _error(data)) is not None:
            self._fail(Failure.of(error), out)
            return
        if self._id is None:
            self._start(line, out)
        if (message := line.message) is not None:
            self._say(message.thinking, message.content, line.logprobs, out)
            self._show(message.images or [], out)
            self._call(message.tool_calls or [], out)
        else:
            self._say(line.thinking, line.response, line.logprobs, out)
            self._show([line.image] if line.image else [], out)
            self._call(line.tool_calls or [], out)
        if line.done:
            self._finish(json.load_object(data) or {}, out)

    def _start(self, line: _wire.Line, out: list[Event]) -> None:
        model, created_at = line.model or "", line.created_at or ""
        # The dialect has no response ids; the moment, told to the nanosecond, stands in for one.
        self._id = _ids.stable_id("", model, created_at)
        self._created_at = created_at
        ext: Ext = {DIALECT: {"created_at": created_at}}
        out.append(Start(self._id, model, decode_time(created_at), ext if created_at else None))

    def _say(
        self,
        thinking: str | None,
        text: str | None,
        logprobs: list[_wire.Logprob] | None,
        out: list[Event],
    ) -> None:
        if thinking:
            if self._kind is not Thinking:
                self._open(Thinking(), out)
            out.append(ThinkingDelta(self._index, thinking))
        if text:
            if self._kind is not Text:
                self._open(Text(""), out)
            tokens = tuple(map(_token, logprobs)) if logprobs else ()
            out.append(TextDelta(self._index, text, tokens))

    def _show(self, images: list[str], out: list[Event]) -> None:
        for data in images:
            self._open(image(data), out)

    def _call(self, calls: list[_wire.Call], out: list[Event]) -> None:
        for call in calls:
            function = call.function
            if not function.name:
                continue
            arguments = _arguments_text(bytes(function.arguments))
            seeds = self._id, self._calls, function.name, arguments
            call_id = call.id or _ids.stable_id("call_", *seeds)
            self._calls += 1
            self._open(ToolCall(call_id, function.name, ext={DIALECT: _shell(call)}), out)
            out.append(ArgsDelta(self._index, arguments))

    def _open(self, part: Part, out: list[Event]) -> None:
        self._close(out)
        self._index += 1
        self._kind = type(part)
        out.append(BlockStart(self._index, part))

    def _close(self, out: list[Event]) -> None:
        if self._kind is not None:
            self._kind = None
            out.append(BlockStop(self._index))

    def _finish(self, fields: Object, out: list[Event]) -> None:
        self._close(out)
        self._done = True
        usage = _usage(fields)
        if usage is not None:
            out.append(UsageUpdate(usage))
        native = fields.get("done_reason")
        native = native if isinstance(native, str) else ""
        rest = {key: value for key, value in fields.items() if key not in _IN_EVENTS}
        if rest.get("created_at") == self._created_at:
            del rest["created_at"]
        finish = Finish(
            _REASONS.get(native, StopReason.UNKNOWN),
            dialect=DIALECT,
            native=native,
            ext={DIALECT: rest} if rest else None,
        )
        out.append(_finish.settle(finish, self._calls))

    def _fail(self, failure: Failure, out: list[Event]) -> None:
        if not self._done:
            self._done = True
            out.append(failure)


def _error(line: bytes) -> MuxError | None:
    """The error a line tells of; None if its ``error`` is null or empty."""
    value = (json.load_object(line) or {}).get("error")
    if not value:
        return None
    return _errors.classify(200, error_text(value) or "the upstream reported an error")


def _token(logprob: _wire.Logprob) -> TokenLogprob:
    top = tuple(map(_candidate, logprob.top_logprobs or ()))
    return TokenLogprob(logprob.token, logprob.logprob, _byte_values(logprob), top)


def _candidate(candidate: _wire.Candidate) -> TokenLogprob:
    return TokenLogprob(candidate.token, candidate.logprob, _byte_values(candidate))


def _byte_values(candidate: _wire.Candidate) -> tuple[int, ...] | None:
    return None if candidate.bytes is None else tuple(candidate.bytes)


def _arguments_text(raw: bytes) -> str:
    """The arguments as they were written; absent ones are an empty object."""
    return "{}" if raw in (b"", b"null") else raw.decode("utf-8", "replace")


def _shell(call: _wire.Call) -> Object:
    """What surrounds a call's name and arguments, for the way back into this dialect."""
    index = call.function.index
    function: Object = {} if index is None else {"index": index}
    return {"function": function} if call.id is None else {"id": call.id, "function": function}


def _usage(fields: Object) -> Usage | None:
    """The counts of the last line (section 14): a prompt that was wholly cached is not counted."""
    raw: Object = {
        key: int(value) for key in METRICS if isinstance(value := fields.get(key), int | float)
    }
    if not raw:
        return None
    return Usage(
        input_total=_count(raw.get("prompt_eval_count")),
        output_total=_count(raw.get("eval_count")),
        dialect=DIALECT,
        raw=raw,
    )


def _count(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0

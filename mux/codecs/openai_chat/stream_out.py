"""Events to a chat stream that every client's accumulator survives (chat reference, section 8)."""

from __future__ import annotations

from typing import Final

from mux.codecs._openai_errors import encode_error
from mux.codecs._openai_usage import encode_usage
from mux.codecs.openai_chat._wire import DIALECT
from mux.codecs.openai_chat.answer_out import choice_fields, late_fields
from mux.codecs.openai_chat.choice_out import ChoiceWriter, Handler
from mux.codecs.openai_chat.response import answer_id
from mux.errors import MuxError, UpstreamFailed
from mux.ir import (
    Choice,
    Event,
    Failure,
    Finish,
    Object,
    Request,
    Start,
    StopReason,
    Usage,
    UsageUpdate,
)
from mux.wire import json, sse

_DONE: Final = sse.write(b"[DONE]")
_SHARED: Final = ("service_tier", "system_fingerprint")
"""Fields of the answer that every chunk repeats."""


class ChatStreamEncoder:
    """Events to chunks. One per response.

    Ids, names and roles are written once, call indices count from 0, and a failure is followed by
    nothing: no ``[DONE]`` (chat reference, section 13).
    """

    __slots__ = (
        "_base",
        "_closed",
        "_created",
        "_finished",
        "_late",
        "_on",
        "_request",
        "_usage",
        "_writer",
    )

    def __init__(self, request: Request) -> None:
        self._request = request
        self._base: Object = {}
        self._created = 0
        self._usage: Usage | None = None
        self._late: Object = {}
        self._finished = self._closed = False
        self._writer = ChoiceWriter(b"", b"", 0, request)
        self._on: dict[type[Event], Handler] = {
            Start: self._start,
            UsageUpdate: self._count,
            Choice: self._next_choice,
            Finish: self._finish,
            Failure: self._failure,
        }

    def encode(self, event: Event, /) -> bytes:
        """The chunks `event` adds."""
        return b"" if self._closed else self._on[type(event)](event)

    def eof(self) -> bytes:
        """The usage, if it was asked for and is known, and ``[DONE]``."""
        if self._closed:
            return b""
        if not self._finished:
            return self._fail(UpstreamFailed("The answer broke off before it was complete"))
        self._closed = True
        out = b""
        if self._request.include_usage and self._usage is not None:
            out += self._chunk({"choices": [], "usage": encode_usage(self._usage, DIALECT)})
        if self._late:
            out += self._chunk({"choices": [], **self._late})
        return out + _DONE

    def ping(self) -> bytes:
        """A comment, the only keep-alive that all clients ignore (pitfalls 10 and 11)."""
        return b": keep-alive\n\n"

    def _start(self, event: Start) -> bytes:
        ext = event.ext or {}
        own = ext.get(DIALECT, {})
        native = DIALECT in ext
        self._created = event.created
        self._base = {
            "id": answer_id(event.id, event.model, event.created, native=native),
            "object": "chat.completion.chunk",
            "created": event.created,
            "model": self._request.model or event.model,
            **{key: own[key] for key in _SHARED if key in own},
        }
        others = {key: value for key, value in own.items() if key not in _SHARED}
        first = self._chunk({"choices": [], **others}) if others else b""
        return first + self._begin(0)

    def _next_choice(self, event: Choice) -> bytes:
        return self._begin(event.index)

    def _begin(self, index: int) -> bytes:
        """The first chunk of a choice, which takes the events from now on."""
        base = json.dumps(self._base)[:-1]
        head = b'data: %b,"choices":[{"index":%d,"delta":' % (base, index)
        tail = b',"usage":null}\n\n' if self._request.include_usage else b"}\n\n"
        self._writer = ChoiceWriter(head, tail, self._created, self._request)
        self._on |= self._writer.handlers
        return self._writer.role()

    def _count(self, event: UsageUpdate) -> bytes:
        self._usage = event.usage
        return b""

    def _finish(self, event: Finish) -> bytes:
        if event.reason is StopReason.ERROR:
            return self._fail(UpstreamFailed(event.explanation or "The upstream failed"))
        self._finished = True
        self._late = late_fields(event)
        extra = choice_fields(event)
        return self._writer.finish(event, extra)

    def _failure(self, event: Failure) -> bytes:
        return self._fail(event.error())

    def _fail(self, error: MuxError) -> bytes:
        self._closed = True
        return sse.write(encode_error(error))

    def _chunk(self, fields: Object) -> bytes:
        """A chunk of no choice."""
        return sse.write(json.dumps(self._base | fields))

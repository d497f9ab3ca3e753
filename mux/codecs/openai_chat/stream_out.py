"""Events to a chat stream that every client's accumulator survives (chat reference, section 8)."""

from __future__ import annotations

from typing import ClassVar, Final

from mux.codecs._base import Handlers
from mux.codecs._openai_ending import PING, StreamEnding
from mux.codecs.openai_chat._wire import DIALECT
from mux.codecs.openai_chat.answer_out import choice_fields, late_fields
from mux.codecs.openai_chat.choice_out import ChoiceWriter
from mux.codecs.openai_chat.response import answer_id
from mux.ir import (
    Choice,
    Event,
    Failure,
    Finish,
    Object,
    Request,
    Start,
    UsageUpdate,
)
from mux.wire import json

_SHARED: Final = ("service_tier", "system_fingerprint")
"""Fields of the answer that every chunk repeats."""


class ChatStreamEncoder:
    """Events to chunks. One per response.

    Ids, names and roles are written once, call indices count from 0, and a failure is followed by
    nothing: no ``[DONE]`` (chat reference, section 13).
    """

    __slots__ = (
        "_created",
        "_ending",
        "_late",
        "_request",
        "_writer",
    )

    def __init__(self, request: Request) -> None:
        self._request = request
        self._ending = StreamEnding(DIALECT, request)
        self._created = 0
        self._late: Object = {}
        self._writer = ChoiceWriter(b"", b"", 0, request)

    def encode(self, event: Event, /) -> bytes:
        """The chunks `event` adds."""
        return b"" if self._ending.closed else self._on[type(event)](self, event)

    def eof(self) -> bytes:
        """The usage, if it was asked for and is known, and ``[DONE]``."""
        return self._ending.eof(self._late)

    def ping(self) -> bytes:
        """See `PING`."""
        return PING

    def _start(self, event: Start) -> bytes:
        ext = event.ext or {}
        own = ext.get(DIALECT, {})
        native = DIALECT in ext
        self._created = event.created
        self._ending.base = {
            "id": answer_id(event.id, event.model, event.created, native=native),
            "object": "chat.completion.chunk",
            "created": event.created,
            "model": self._request.model or event.model,
            **{key: own[key] for key in _SHARED if key in own},
        }
        others = {key: value for key, value in own.items() if key not in _SHARED}
        first = self._ending.chunk(others) if others else b""
        return first + self._begin(0)

    def _next_choice(self, event: Choice) -> bytes:
        return self._begin(event.index)

    def _begin(self, index: int) -> bytes:
        """The first chunk of a choice, which takes the events from now on."""
        base = json.dumps(self._ending.base)[:-1]
        head = b'data: %b,"choices":[{"index":%d,"delta":' % (base, index)
        tail = b',"usage":null}\n\n' if self._request.include_usage else b"}\n\n"
        self._writer = ChoiceWriter(head, tail, self._created, self._request)
        return self._writer.role()

    def _finish(self, event: Finish) -> bytes:
        if error := self._ending.finish(event):
            return error
        self._late = late_fields(event)
        return self._writer.finish(event, choice_fields(event))

    def _count(self, event: UsageUpdate) -> bytes:
        return self._ending.count(event)

    def _failure(self, event: Failure) -> bytes:
        return self._ending.failure(event)

    def _write(self, event: Event) -> bytes:
        """What belongs to the choice."""
        return ChoiceWriter.on[type(event)](self._writer, event)

    _on: ClassVar[Handlers] = {
        **dict.fromkeys(ChoiceWriter.on, _write),
        Start: _start,
        UsageUpdate: _count,
        Choice: _next_choice,
        Finish: _finish,
        Failure: _failure,
    }

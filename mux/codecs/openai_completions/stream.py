"""Streams, both ways (completions reference, section 4)."""

from __future__ import annotations

from typing import ClassVar

import orjson

from mux.codecs._base import Handlers
from mux.codecs._openai_ending import PING, StreamEnding
from mux.codecs._openai_stream import ABSENT, ChunkStreamDecoder, value
from mux.codecs._seams import Seams
from mux.codecs.openai_completions._wire import CHUNK, DIALECT, ChunkChoice
from mux.codecs.openai_completions.answers import decode_finish, encode_finish, extra, head
from mux.codecs.openai_completions.logprobs import decode_logprobs, encode_logprobs
from mux.codecs.openai_completions.prompts import echo_of
from mux.codecs.openai_completions.response import first_offset
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
    Request,
    SignatureDelta,
    Start,
    Text,
    TextDelta,
    ThinkingBreak,
    ThinkingDelta,
    UsageUpdate,
)
from mux.wire import json


class _TextReader:
    """One choice: nothing but text. One per choice."""

    __slots__ = ("_open", "held", "reason")

    def __init__(self, answer_id: str, index: int) -> None:
        self._open = False
        self.held: list[Event] = []
        self.reason: str | None = None

    @property
    def silent(self) -> bool:
        return not self._open and not self.reason

    def cut_off(self) -> bool:
        return False

    def add(self, choice: ChunkChoice, out: list[Event]) -> None:
        text = choice.text
        if text is None and choice.delta is not None:
            text = choice.delta.content
        logprobs = decode_logprobs(value(choice.logprobs)) if choice.logprobs is not ABSENT else ()
        if text or logprobs:
            if not self._open:
                self._open = True
                out.append(BlockStart(0, Text("")))
            out.append(TextDelta(0, text or "", logprobs))
        if choice.finish_reason:
            self.reason = choice.finish_reason

    def close(self, out: list[Event]) -> Finish:
        if self._open:
            out.append(BlockStop(0))
        return decode_finish(self.reason or "")


class CompletionStreamDecoder(ChunkStreamDecoder[ChunkChoice]):
    """Chunks to events. One per response."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(DIALECT, CHUNK, _TextReader)


class CompletionStreamEncoder:
    """Events to chunks. One per response. Reasoning, calls and media have no place here."""

    __slots__ = (
        "_end",
        "_ending",
        "_index",
        "_native",
        "_offset",
        "_open",
        "_request",
        "_seams",
    )

    def __init__(self, request: Request) -> None:
        self._request = request
        self._ending = StreamEnding(DIALECT, request)
        self._native = False
        self._index = 0
        self._offset = 0
        """where the next token begins"""
        self._seams = Seams()
        self._open = b""
        self._end = b',"usage":null}\n\n' if request.include_usage else b"}\n\n"

    def encode(self, event: Event, /) -> bytes:
        """The chunks `event` adds."""
        return b"" if self._ending.closed else self._on[type(event)](self, event)

    def eof(self) -> bytes:
        """The usage, if it was asked for and is known, and ``[DONE]``."""
        return self._ending.eof({})

    def ping(self) -> bytes:
        """See `PING`."""
        return PING

    def _start(self, event: Start) -> bytes:
        self._native = DIALECT in (event.ext or {})
        self._ending.base = head(event.id, event.model, event.created, event.ext, self._request)
        return self._begin(0)

    def _choice(self, event: Choice) -> bytes:
        return self._begin(event.index)

    def _begin(self, index: int) -> bytes:
        """A choice begins: with its prompt, if that is to be echoed and the upstream did not."""
        self._index, self._seams = index, Seams()
        self._offset = first_offset(self._request, index)
        self._open = b"data: " + json.dumps(self._ending.base)[:-1] + b',"choices":[{"text":'
        echo = "" if self._native else echo_of(self._request, index)
        return self._chunk(echo) if echo else b""

    def _block(self, event: BlockStart) -> bytes:
        self._seams.meet(event.part)
        return b""

    def _text(self, event: TextDelta) -> bytes:
        text = self._seams.join(event.text)
        if not event.logprobs:
            return self._chunk(text) if text else b""
        begins = self._offset == 0 and self._native
        logprobs = encode_logprobs(event.logprobs, self._offset, echoed=begins)
        self._offset += sum(len(token.token) for token in event.logprobs)
        return self._chunk(text, {"logprobs": logprobs, "finish_reason": None})

    def _finish(self, event: Finish) -> bytes:
        if error := self._ending.finish(event):
            return error
        end: Object = {"logprobs": None, "finish_reason": encode_finish(event), **extra(event)}
        return self._chunk("", end)

    def _nothing(self, event: Event) -> bytes:
        return b""

    def _chunk(self, text: str, end: Object | None = None) -> bytes:
        closing = b'"logprobs":null,"finish_reason":null}' if end is None else json.dumps(end)[1:]
        return b'%b%b,"index":%d,%b]%b' % (
            self._open,
            orjson.dumps(text),
            self._index,
            closing,
            self._end,
        )

    def _count(self, event: UsageUpdate) -> bytes:
        return self._ending.count(event)

    def _failure(self, event: Failure) -> bytes:
        return self._ending.failure(event)

    _on: ClassVar[Handlers] = {
        Start: _start,
        BlockStart: _block,
        TextDelta: _text,
        ThinkingDelta: _nothing,
        ThinkingBreak: _nothing,
        ArgsDelta: _nothing,
        SignatureDelta: _nothing,
        AnnotationDelta: _nothing,
        BlockStop: _nothing,
        UsageUpdate: _count,
        Choice: _choice,
        Finish: _finish,
        Failure: _failure,
    }

"""A stream of this dialect to events.

Nothing marks its end but the end of the bytes: a finish reason says that it was reached, and
counts of tokens may still follow it.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from mux.codecs._errors import CUT_SHORT
from mux.codecs.gemini import _wire
from mux.codecs.gemini._wire import CHUNK, Chunk
from mux.codecs.gemini.candidates import CandidateReader
from mux.codecs.gemini.errors import read_error
from mux.codecs.gemini.finish import decode_block, is_blocked
from mux.codecs.gemini.framing import Framing
from mux.codecs.gemini.response import dating
from mux.codecs.gemini.usage import decode_usage, merge
from mux.errors import ErrorKind, UpstreamProtocolError
from mux.ir import Choice, Event, Failure, Object, Start, UsageUpdate
from mux.wire.frames import FrameReader

_BLOCKED: Final = "SAFETY"


class ChunkStreamDecoder:
    """Chunks to events, framed as SSE or as a JSON array. One per response."""

    __slots__ = (
        "_choices",
        "_counts",
        "_done",
        "_feedback",
        "_frames",
        "_framing",
        "_id",
        "_raw_counts",
        "_started",
    )

    def __init__(self) -> None:
        self._framing = Framing()
        self._frames = FrameReader(CHUNK)
        self._id = ""
        self._choices: dict[int, CandidateReader] = {}
        self._counts: Object = {}
        self._raw_counts = b""
        """the last counts as they came: most chunks of some models repeat them"""
        self._feedback: Object = {}
        self._started = False
        self._done = False

    def feed(self, data: bytes, /) -> list[Event]:
        """The events that `data` completes."""
        out: list[Event] = []
        if self._done:
            return out
        try:
            for frame in self._framing.feed(data):
                self._frame(frame, out)
        except UpstreamProtocolError as error:
            self._fail(Failure.of(error), out)
        return out

    def eof(self) -> list[Event]:
        """The terminal event: the finish if one was announced, else a failure."""
        out: list[Event] = []
        if self._done:
            return out
        try:
            left = self._framing.eof()
            with suppress(UpstreamProtocolError):  # cut off, and told of by the missing finish
                for frame in left:
                    self._frame(frame, out)
            if not self._done:
                self._end(out)
        except UpstreamProtocolError as error:
            self._fail(Failure.of(error), out)
        self._done = True
        return out

    def _end(self, out: list[Event]) -> None:
        choices = list(self._choices.values())
        if choices and not choices[0].reason and is_blocked(self._feedback):
            choices[0].reason = _BLOCKED  # the prompt was refused after the answer had begun
        if choices and choices[0].reason:
            self._finish(choices, out)
        elif not choices and self._started and is_blocked(self._feedback):
            out.append(decode_block(self._feedback))
        else:
            message = CUT_SHORT
            self._fail(Failure(ErrorKind.SERVER, message), out)

    def _frame(self, frame: bytes, out: list[Event]) -> None:
        chunk = self._frames(frame)
        if chunk is None or self._done:
            return
        if chunk.error:
            self._fail(Failure.of(read_error(0, _wire.value(chunk.error))), out)
            return
        if not self._started:
            self._start(chunk, out)
        if chunk.prompt_feedback:
            self._feedback |= _wire.fields(chunk.prompt_feedback)
        if chunk.usage_metadata:
            self._count(chunk, out)
        for candidate in chunk.candidates or ():
            number = candidate.index or 0
            choice = self._choices.get(number)
            if choice is None:
                choice = self._choices[number] = CandidateReader(self._id)
            # One answer streams; alternatives wait until it has ended.
            first = len(self._choices) == 1 or choice is next(iter(self._choices.values()))
            choice.add(candidate, out if first else choice.held)

    def _start(self, chunk: Chunk, out: list[Event]) -> None:
        self._started = True
        self._id = chunk.response_id or ""
        created, ext = dating(chunk)
        out.append(Start(self._id, chunk.model_version or "", created, ext))

    def _count(self, chunk: Chunk, out: list[Event]) -> None:
        raw = bytes(chunk.usage_metadata)
        if raw == self._raw_counts:
            return
        self._raw_counts = raw
        self._counts = merge(self._counts, _wire.fields(chunk.usage_metadata))
        if self._counts:
            out.append(UsageUpdate(decode_usage(self._counts)))

    def _finish(self, choices: list[CandidateReader], out: list[Event]) -> None:
        for number, choice in enumerate(choices):
            if number:
                out.append(Choice(number))
                out += choice.held
            out += choice.finish(self._feedback)

    def _fail(self, failure: Failure, out: list[Event]) -> None:
        out.append(failure)
        self._done = True

"""A chat stream to events: chunks until ``[DONE]``, from OpenAI and all that resemble it."""

from __future__ import annotations

from typing import Final

import msgspec

from mux.codecs._openai_errors import decode_error_value
from mux.codecs._openai_usage import decode_usage
from mux.codecs.openai_chat import _wire
from mux.codecs.openai_chat._wire import DIALECT, Chunk
from mux.codecs.openai_chat.choice_in import ChoiceReader
from mux.codecs.openai_chat.finish import failure_of
from mux.errors import MuxError, UpstreamProtocolError
from mux.ir import Choice, Event, Failure, Finish, Object, Start, Usage, UsageUpdate
from mux.wire import sse
from mux.wire.frames import FrameReader

_DONE: Final = b"[DONE]"


class ChatStreamDecoder:
    """Chunks to events. One per response; the first choice streams, later ones wait for its end.

    An answer is complete at ``[DONE]``, or at the end of the bytes if every choice said why it
    stopped. A bare ``[DONE]`` is an end too if there was content and no call is cut off (F08, F10).
    """

    __slots__ = ("_choices", "_done", "_ext", "_frames", "_id", "_late", "_sse", "_usage")

    def __init__(self) -> None:
        self._sse = sse.Reader()
        self._frames = FrameReader(_wire.CHUNK)
        self._choices: dict[int, ChoiceReader] = {}
        self._ext: Object = {}
        """what goes into `Start`, before it"""
        self._id: str | None = None
        """None until `Start`"""
        self._usage: Usage | None = None
        self._late: Object = {}
        self._done = False

    def feed(self, data: bytes, /) -> list[Event]:
        """The events that `data` completes."""
        out: list[Event] = []
        if not self._done:
            try:
                for frame in self._sse.feed(data):
                    self._frame(frame.data, out)
            except MuxError as error:
                self._fail(error, out)
        return out

    def eof(self) -> list[Event]:
        """The terminal event, if it was not given yet."""
        out: list[Event] = []
        if self._done:
            return out
        try:
            for frame in self._sse.eof():
                self._frame(frame.data, out)
            if not self._done:
                if not self._choices or not all(c.reason for c in self._choices.values()):
                    raise UpstreamProtocolError(
                        "the upstream closed the stream before it was complete"
                    )
                self._finish(out)
        except MuxError as error:
            self._fail(error, out)
        return out

    def _frame(self, data: bytes, out: list[Event]) -> None:
        if self._done:
            return
        if data[:6] == _DONE:
            self._finish(out)
            return
        if not data.strip():
            return
        chunk = self._frames(data)
        if chunk is None:
            return
        self._aside(chunk)
        if chunk.choices:
            if self._id is None:
                self._start(chunk, out)
            for choice in chunk.choices:
                index = choice.index or 0
                reader = self._choices.get(index)
                if reader is None:
                    reader = self._choices[index] = ChoiceReader(self._id, index)
                reader.add(choice, reader.held if index else out)
        if chunk.error is not _wire.ABSENT and (error := _wire.value(chunk.error)):
            raise decode_error_value(error)

    def _aside(self, chunk: Chunk) -> None:
        """What a chunk says beside its choices."""
        if chunk.usage is not _wire.ABSENT:
            self._count(chunk.usage)
        if chunk.x_groq is not None and chunk.x_groq.usage is not _wire.ABSENT:
            self._count(chunk.x_groq.usage)
        if chunk.moderation is not _wire.ABSENT and (found := _wire.value(chunk.moderation)):
            self._late["moderation"] = found
        if self._id is None and (found := _wire.value(chunk.prompt_filter_results)):
            # quirk(azure): the first chunk has these, no choice, and an empty id
            self._ext["prompt_filter_results"] = found

    def _count(self, raw: msgspec.Raw) -> None:
        """Counts are cumulative: the last ones stand (perplexity sends them with every chunk)."""
        found = _wire.value(raw)
        if isinstance(found, dict) and found:
            self._usage = decode_usage(found, DIALECT)

    def _start(self, chunk: Chunk, out: list[Event]) -> None:
        self._id = "" if chunk.id is None else str(chunk.id)
        for key, raw in (
            ("service_tier", chunk.service_tier),
            ("system_fingerprint", chunk.system_fingerprint),
        ):
            if found := _wire.value(raw):
                self._ext[key] = found
        out.append(
            Start(self._id, chunk.model or "", int(chunk.created or 0), {DIALECT: self._ext})
        )

    def _finish(self, out: list[Event]) -> None:
        """The answer is over: the first choice's end, then the others one by one."""
        readers = [self._choices[index] for index in sorted(self._choices)]
        if not readers or all(reader.silent for reader in readers):
            raise UpstreamProtocolError("the upstream ended the stream without an answer")
        if any(reader.cut_off() for reader in readers):
            raise UpstreamProtocolError(
                "the upstream ended the stream in the middle of a tool call"
            )
        for reader in readers:
            if (error := failure_of(reader.reason)) is not None:
                raise error
        last = len(readers) - 1
        for number, reader in enumerate(readers):
            if number:
                out.append(Choice(number))
            out += reader.held
            finish = reader.close(out)
            if number == last:
                finish = self._end(finish, out)
            out.append(finish)
        self._done = True

    def _end(self, finish: Finish, out: list[Event]) -> Finish:
        """`finish` as the last one, after the usage, with what came too late for `Start`."""
        if self._usage is not None:
            out.append(UsageUpdate(self._usage))
        if not self._late:
            return finish
        own = (finish.ext or {}).get(DIALECT, {})
        return msgspec.structs.replace(finish, ext={DIALECT: {**own, **self._late}})

    def _fail(self, error: MuxError, out: list[Event]) -> None:
        self._done = True
        if self._usage is not None and self._id is not None:
            out.append(UsageUpdate(self._usage))
        out.append(Failure.of(error))

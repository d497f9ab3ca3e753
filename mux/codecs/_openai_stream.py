"""Chunks until ``[DONE]``: the frame that Chat and Completions streams have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic, Protocol, TypeVar

import msgspec
from msgspec.structs import replace

from mux.codecs._errors import CUT_SHORT
from mux.codecs._openai_errors import decode_error_value
from mux.codecs._openai_usage import decode_usage
from mux.errors import MuxError, Overloaded, UpstreamFailed, UpstreamProtocolError
from mux.ir import (
    JSON,
    Choice,
    Event,
    Failure,
    Finish,
    Object,
    Start,
    Usage,
    UsageUpdate,
)
from mux.wire import json, sse
from mux.wire.frames import FrameReader

LATE: Final = ("moderation",)
"""Fields of the answer that a stream has only at its end; they travel in the last `Finish`."""

ABSENT: Final = msgspec.Raw()
"""The default of raw fields; compare with ``is``."""

_DONE: Final = b"[DONE]"
NULL: Final = b"null"
"""What hosts write into raw fields that are absent."""

C = TypeVar("C", bound="AnyChoice")
C_contra = TypeVar("C_contra", bound="AnyChoice", contravariant=True)


class Frame(msgspec.Struct, gc=False):
    """Base of the shapes of stream frames. Every field of theirs is optional.

    What only some hosts send, or what arrives once in a stream, is kept raw until it is looked
    at: a surprising shape there must not cost the text beside it.
    """


def value(raw: msgspec.Raw) -> JSON:
    """The value of a raw field, None if it is absent or cannot be read after all."""
    if raw is ABSENT or (data := bytes(raw)) == NULL:
        return None
    try:
        return json.loads(data)
    except json.JsonError:  # what nobody looked into until now: bad escapes, endless nesting
        return None


class AnyChoice(Frame):
    """What the choices of a chunk have in common."""

    index: int | None = None
    finish_reason: str | None = None
    logprobs: msgspec.Raw = ABSENT


class Groq(Frame):
    """quirk(groq): usage of streams that were not asked for it."""

    usage: msgspec.Raw = ABSENT


class Chunk(Frame, Generic[C]):
    """One event of a stream."""

    id: str | int | None = None
    model: str | None = None
    created: int | float | str | None = None
    choices: list[C] | None = None
    usage: msgspec.Raw = ABSENT
    error: msgspec.Raw = ABSENT
    x_groq: Groq | None = None
    service_tier: msgspec.Raw = ABSENT
    system_fingerprint: msgspec.Raw = ABSENT
    prompt_filter_results: msgspec.Raw = ABSENT
    moderation: msgspec.Raw = ABSENT


class Reader(Protocol[C_contra]):
    """Reads one choice. `held` are the events of a choice that waits for its turn."""

    held: list[Event]

    @property
    def reason(self) -> str | None:
        """The finish reason as it came, None before."""
        ...

    @property
    def silent(self) -> bool:
        """Whether nothing at all has come: no content, no reason to stop."""
        ...

    def cut_off(self) -> bool:
        """Whether the end now would cut something in two (F10)."""
        ...

    def add(self, choice: C_contra, out: list[Event]) -> None:
        """One chunk's share."""
        ...

    def close(self, out: list[Event]) -> Finish:
        """The choice is over: close its blocks, and say how it ended."""
        ...


class ChunkStreamDecoder(Generic[C]):
    """Chunks to events. One per response; the first choice streams, later ones wait for its end.

    An answer is complete at ``[DONE]``, or at the end of the bytes if every choice said why it
    stopped. A bare ``[DONE]`` is an end too if there was content and no call is cut off (F08, F10).
    """

    __slots__ = (
        "_dialect",
        "_done",
        "_ext",
        "_frames",
        "_id",
        "_late",
        "_reader",
        "_readers",
        "_sse",
        "_usage",
    )

    def __init__(
        self,
        dialect: str,
        chunks: msgspec.json.Decoder[Chunk[C]],
        reader: Callable[[str, int], Reader[C]],
    ) -> None:
        self._dialect = dialect
        self._sse = sse.Reader()
        self._frames = FrameReader(chunks)
        self._reader = reader
        self._readers: dict[int, Reader[C]] = {}
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
                self._end_of_bytes(out)
        except MuxError as error:
            self._fail(error, out)
        return out

    def _end_of_bytes(self, out: list[Event]) -> None:
        if not self._readers or not all(reader.reason for reader in self._readers.values()):
            raise UpstreamProtocolError(CUT_SHORT)
        self._finish(out)

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
                index = max(choice.index or 0, 0)
                reader = self._readers.get(index)
                if reader is None:
                    reader = self._readers[index] = self._reader(self._id or "", index)
                reader.add(choice, reader.held if index else out)
        if chunk.error is not ABSENT and (error := value(chunk.error)):
            raise decode_error_value(error)

    def _aside(self, chunk: Chunk[C]) -> None:
        """What a chunk says beside its choices."""
        if chunk.usage is not ABSENT and bytes(chunk.usage) != NULL:
            self._count(chunk.usage)
        if chunk.x_groq is not None and chunk.x_groq.usage is not ABSENT:
            self._count(chunk.x_groq.usage)
        if chunk.moderation is not ABSENT and (found := value(chunk.moderation)):
            self._late["moderation"] = found
        if self._id is None and (found := value(chunk.prompt_filter_results)):
            # quirk(azure): the first chunk has these, no choice, and an empty id
            self._ext["prompt_filter_results"] = found

    def _count(self, raw: msgspec.Raw) -> None:
        """Counts are cumulative, so the last ones stand; Perplexity sends them with every chunk."""
        found = value(raw)
        if isinstance(found, dict) and found:
            self._usage = decode_usage(found, self._dialect)

    def _start(self, chunk: Chunk[C], out: list[Event]) -> None:
        self._id = "" if chunk.id is None else str(chunk.id)
        for key, raw in (
            ("service_tier", chunk.service_tier),
            ("system_fingerprint", chunk.system_fingerprint),
        ):
            if found := value(raw):
                self._ext[key] = found
        created = 0 if isinstance(chunk.created, str) else int(chunk.created or 0)
        out.append(Start(self._id, chunk.model or "", created, {self._dialect: self._ext}))

    def _finish(self, out: list[Event]) -> None:
        """The answer is over: the first choice's end, then the others one by one."""
        readers = [self._readers[index] for index in sorted(self._readers)]
        if not readers or all(reader.silent for reader in readers):
            raise UpstreamProtocolError("the upstream ended the stream without an answer")
        if any(reader.cut_off() for reader in readers):
            raise UpstreamProtocolError("the upstream ended the stream inside a tool call")
        for reader in readers:
            if (error := failure_of(reader.reason)) is not None:
                raise error
        last = len(readers) - 1
        for number, reader in enumerate(readers):
            if number:
                out.append(Choice(number))
            out += reader.held
            finish = reader.close(out)
            out.append(self._end(finish, out) if number == last else finish)
        self._done = True

    def _end(self, finish: Finish, out: list[Event]) -> Finish:
        """`finish` as the last one, after the usage, with what came too late for `Start`."""
        if self._usage is not None:
            out.append(UsageUpdate(self._usage))
        if not self._late:
            return finish
        own = (finish.ext or {}).get(self._dialect, {})
        return replace(finish, ext={self._dialect: {**own, **self._late}})

    def _fail(self, error: MuxError, out: list[Event]) -> None:
        self._done = True
        if self._usage is not None and self._id is not None:
            out.append(UsageUpdate(self._usage))
        out.append(Failure.of(error))


def failure_of(reason: str | None) -> MuxError | None:
    """The error that a reason to stop amounts to, None for all that are ends of an answer."""
    if reason == "error":  # quirk(openrouter): the provider behind it failed
        return UpstreamFailed("The upstream stopped with an error")
    if reason == "insufficient_system_resource":  # quirk(deepseek): it is too busy
        return Overloaded("The upstream stopped for want of resources")
    return None

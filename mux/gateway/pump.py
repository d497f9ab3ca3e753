"""The reading loops: upstream bytes to client bytes, one send for each read.

They wait for the upstream themselves: every function between a loop and what it waits for is passed
through twice with each wake-up, and of a single event all of them together would be a tenth.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, TypeAlias

import trio

from mux.codecs import StreamDecoder
from mux.errors import MuxError, UpstreamProtocolError
from mux.gateway import shape
from mux.gateway.stream import ClientStream
from mux.ir import Event, Failure, Finish, Start, UsageUpdate
from mux.upstream import Reply
from mux.wire.units import Units

Filter: TypeAlias = Callable[[list[Event]], list[Event]]
"""Changes events between decoder and encoder: tool names, think tags, the clock."""

Change: TypeAlias = Callable[[bytes], bytes]
"""Changes whole events as they are written: hides secrets, renames the model."""

_SILENT = (Start, UsageUpdate)
_DRAIN_S: Final = 0.1


async def translate(
    first: bytes,
    reply: Reply,
    decoder: StreamDecoder,
    filters: tuple[Filter, ...],
    stream: ClientStream,
    hide: Change,
) -> bool:
    """Copy events until the answer, of which `first` has been read, ends; whether the upstream has
    said all it had to say.

    A filter may end the answer before, or keep it open for another upstream answer to go on with.
    Raises the upstream's error if nothing was sent yet. `hide` takes secrets out of errors.
    """
    encode = stream.encoder.encode
    piece: bytes | Failure = first
    while True:
        events = _decoded(decoder, piece)
        ended = not piece or _ends(events)
        for change in filters:
            events = change(events)
        if not stream.committed:
            _raise_early(events)
        out = b"".join([encode(event) for event in events])
        last = _ends(events)
        if last:
            out += stream.encoder.eof()
            if isinstance(events[-1], Failure):
                out = hide(out)
        await _deliver(out, events, last, stream)
        if ended or last:
            return ended
        try:
            piece = await reply.receive_some()
        except MuxError as error:
            piece = Failure.of(error)


async def forward(
    first: bytes,
    reply: Reply,
    decoder: StreamDecoder,
    filters: tuple[Filter, ...],
    stream: ClientStream,
    hide: Change,
    rename: Change,
) -> bool:
    """Copy bytes until the answer, of which `first` has been read, ends, and let the decoder look
    on; returns true.

    They are untouched but for the model's name, where the client asked for it by another.

    Events are copied whole: where the upstream leaves one unfinished, or leaves without its
    terminal marker, the stream ends in the dialect's error form. What follows the marker is left,
    and out of an error `hide` takes secrets.
    """
    units = Units(lines=stream.by_line)
    piece: bytes | Failure = first
    while True:
        out, words, events, ended = _watched(piece, decoder, units)
        for observe in filters:
            observe(events)
        if not stream.committed:
            _raise_early(events)
            _begin(events, stream)
        if ended and isinstance(events[-1], Failure):
            out += hide(words or stream.encoder.encode(events[-1]))
        await _deliver(rename(out), events, ended, stream)
        if ended:
            return True
        try:
            piece = await reply.receive_some()
        except MuxError as error:
            piece = Failure.of(error)


def _watched(
    piece: bytes | Failure, decoder: StreamDecoder, units: Units
) -> tuple[bytes, bytes, list[Event], bool]:
    """The next bytes, the upstream's own words for a failure behind them, what both mean, and
    whether they are the last, once `piece` has come.
    """
    events: list[Event] = []
    if isinstance(piece, Failure):
        return b"", b"", [piece], True
    if not piece:
        rest = units.rest
        events += [*decoder.feed(rest), *decoder.eof()]
        return b"" if isinstance(events[-1], Failure) else rest, b"", events, True
    try:
        whole = units.feed(piece)
    except MuxError as error:
        return b"", b"", [Failure.of(error)], True
    for number, unit in enumerate(whole):
        events += decoder.feed(unit)
        if not _ends(events):
            continue
        if isinstance(events[-1], Failure):
            words = unit if shape.is_error(unit, lines=units.lines) else b""
            return b"".join(whole[:number]), words, events, True
        return b"".join(whole[: number + 1]), b"", events, True
    return b"".join(whole), b"", events, False


def _begin(events: list[Event], stream: ClientStream) -> None:
    """Let the encoder know which answer it would have to end."""
    for event in events:
        if isinstance(event, Start):
            stream.encoder.encode(event)


async def deliver(events: list[Event], filters: tuple[Filter, ...], stream: ClientStream) -> None:
    """Send an answer that came whole as the stream the client asked for.

    Raises the failure that is all it says, if nothing was sent yet.
    """
    for change in filters:
        events = change(events)
    if not stream.committed:
        _raise_early(events)
    out = b"".join([stream.encoder.encode(event) for event in events])
    last = _ends(events)
    if last:
        out += stream.encoder.eof()
    await _deliver(out, events, last, stream)


def _deliver(
    data: bytes, events: list[Event], ended: bool, stream: ClientStream
) -> Awaitable[None]:
    """Send `data`, or keep it as long as `events` hold nothing the client must see."""
    if stream.committed:
        return stream.send(data)
    return _hold(data, events, ended, stream)


async def _hold(data: bytes, events: list[Event], ended: bool, stream: ClientStream) -> None:
    stream.hold(data)
    if ended or any(not isinstance(event, _SILENT) for event in events):
        await stream.commit()


async def read_whole(reply: Reply, limit_bytes: int, first: bytes = b"") -> bytes:
    """The body of an answer that is no stream, of which `first` has been read. Raises
    `UpstreamProtocolError` over the limit."""
    pieces: list[bytes] = []
    size = 0
    while piece := first or await reply.receive_some():
        first = b""
        pieces.append(piece)
        size += len(piece)
        if size > limit_bytes:
            raise UpstreamProtocolError(
                f"The upstream's answer is over {limit_bytes} bytes; "
                "raise max-response-size to allow it"
            )
    return b"".join(pieces)


async def read_head(reply: Reply, limit_bytes: int) -> bytes:
    """The beginning of a body: all of it, or the pieces that reach `limit_bytes`."""
    pieces: list[bytes] = []
    size = 0
    while size < limit_bytes and (piece := await reply.receive_some()):
        pieces.append(piece)
        size += len(piece)
    return b"".join(pieces)


async def drain(reply: Reply) -> None:
    """Read what follows the terminal marker, for a moment, so that the connection can be kept."""
    with trio.move_on_after(_DRAIN_S), suppress(MuxError):  # the answer is complete without it
        while await reply.receive_some():
            pass


def _decoded(decoder: StreamDecoder, piece: bytes | Failure) -> list[Event]:
    if isinstance(piece, Failure):
        return [piece]
    return decoder.feed(piece) if piece else decoder.eof()


def _ends(events: list[Event]) -> bool:
    """Whether the terminal event is the last; a `Choice` after it reopens the answer."""
    return bool(events) and isinstance(events[-1], Finish | Failure)


def _raise_early(events: list[Event]) -> None:
    """Raise the failure that is the first thing an upstream has to say."""
    for event in events:
        if isinstance(event, Failure):
            raise event.error()
        if not isinstance(event, _SILENT):
            return

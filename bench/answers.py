"""Canned answers: what the mock upstream says in each dialect, written with the project's codecs.

A streamed text consists of tokens that all look alike: a mark and the time at which the token was
sent. The mark survives every translation, so a load generator can count tokens and tell their age
without knowing the dialect.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

from mux.codecs import CODECS
from mux.ir import (
    BlockStart,
    BlockStop,
    Finish,
    Message,
    Request,
    Role,
    Start,
    StopReason,
    Text,
    TextDelta,
    Usage,
    UsageUpdate,
    fold,
)
from mux.ir.events import Event

MARK: Final = b"~"
STAMP_DIGITS: Final = 16
NO_STAMP: Final = b"0" * STAMP_DIGITS
"""what stands for the time in a token of a stream whose age nobody measures"""

_TOKEN: Final = f" word {MARK.decode()}{NO_STAMP.decode()}"
_WHOLE_TOKENS: Final = 60


@dataclass(frozen=True, slots=True)
class Stream:
    """A streamed answer: one frame a token, with what comes before the first and after the last."""

    content_type: str
    opening: bytes
    frames: tuple[bytes, ...]
    closing: bytes

    @property
    def data(self) -> bytes:
        """All of its bytes."""
        return b"".join((self.opening, *self.frames, self.closing))


def stamped(data: bytes, now_us: int) -> bytes:
    """`data` with the time in its first token."""
    return data.replace(NO_STAMP, b"%0*d" % (STAMP_DIGITS, now_us), 1)


def events(count: int) -> list[Event]:
    """The stream every dialect's answer is written from: `count` tokens of text."""
    usage = Usage(input_total=20, output_total=count)
    return [
        Start("bench-1", "bench", 1_700_000_000),
        BlockStart(0, Text("")),
        *(TextDelta(0, _TOKEN) for _ in range(count)),
        BlockStop(0),
        UsageUpdate(usage),
        Finish(StopReason.STOP),
    ]


def _request(dialect: str) -> Request:
    message = Message(Role.USER, (Text("Hi"),))
    return Request(
        "bench", (message,), stream=True, include_usage=True, max_output=1000, origin=dialect
    )


@cache
def whole(dialect: str, tokens: int = _WHOLE_TOKENS) -> bytes:
    """The body of an answer that is not streamed; some 1.5 KB."""
    return CODECS[dialect].server.encode_response(fold(events(tokens)), _request(dialect))


@cache
def stream(dialect: str, tokens: int) -> Stream:
    """A streamed answer of `tokens` frames."""
    server = CODECS[dialect].server
    request = _request(dialect)
    encoder = server.stream_encoder(request)
    opening: list[bytes] = []
    frames: list[bytes] = []
    closing: list[bytes] = []
    for event in events(tokens):
        data = encoder.encode(event)
        if isinstance(event, TextDelta):
            frames.append(data)
        else:
            (closing if frames else opening).append(data)
    closing.append(encoder.eof())
    return Stream(server.stream_type(request), b"".join(opening), tuple(frames), b"".join(closing))

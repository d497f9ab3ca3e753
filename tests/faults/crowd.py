"""Many clients at once over real sockets: what each was to get, byte for byte, and what it got."""

from __future__ import annotations

import random
import socket
import struct
from dataclasses import dataclass, field
from functools import cache
from math import inf

import trio

from mux.codecs import CODECS
from mux.ir import (
    BlockStart,
    BlockStop,
    Finish,
    Request,
    Start,
    StopReason,
    Text,
    TextDelta,
    Usage,
    UsageUpdate,
)
from tests.faults.gate import PATHS, STREAMING_GEMINI, error_of
from tests.faults.upstream import Asked, Said, said
from tests.scenes.pieces import PIECES, ask, last_error

UPSTREAMS = ("openai_chat", "openai_responses", "anthropic", "gemini", "ollama")
CLIENTS = tuple(sorted(CODECS))
_WORDS = 40


def words(mark: int) -> list[str]:
    """What the upstream says to the request with this number."""
    draw = random.Random(mark)
    return [f"#{mark}", *(f" w{draw.randrange(10**6)}é🎡" for _ in range(_WORDS))]


@cache
def _answer(dialect: str, mark: int) -> Said:
    """A stream of `words`, an event each."""
    request = Request("m", stream=True, include_usage=True, origin=dialect)
    encoder = CODECS[dialect].server.stream_encoder(request)
    deltas = [TextDelta(0, word) for word in words(mark)]
    events = [
        Start(id=f"up_{mark}", model="m", created=5),
        BlockStart(0, Text("")),
        *deltas,
        BlockStop(0),
        UsageUpdate(Usage(10, 5)),
        Finish(StopReason.STOP),
    ]
    pieces = [encoder.encode(event) for event in events] + [encoder.eof()]
    half = len(pieces) // 2
    kind = CODECS[dialect].server.stream_type(request)
    first, rest = b"".join(pieces[:half]), b"".join(pieces[half:])
    return Said(kind, first, rest, PIECES[dialect].error)


def say(asked: Asked) -> Said:
    """A long answer to a numbered request for a stream, else the usual one."""
    if asked.mark < 0 or not asked.stream:
        return said(asked)
    return _answer(asked.dialect, asked.mark)


def post(dialect: str, model: str, mark: int) -> bytes:
    """A request over the socket for a stream."""
    path = PATHS[dialect]
    if dialect == "gemini":
        path = STREAMING_GEMINI.replace("/m:", f"/{model}:") + "?alt=sse"
    fields = {"store": False} if dialect == "openai_responses" else {}
    body = ask(dialect, stream=True, **fields).body.replace(b'"hi"', b'"hi #%d"' % mark)
    body = body.replace(b'"model": "m"', b'"model": "%b"' % model.encode())
    head = (
        f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@dataclass
class Stream:
    """One client's stream. `whole`: it was read to its end."""

    dialect: str
    status: int = 0
    body: bytes = b""
    whole: bool = False
    _raw: bytes = field(default=b"", repr=False)

    async def run(self, port: int, request: bytes, *, leave_after: float | None = None) -> None:
        """Ask, and read all; or leave after so many seconds, with a FIN or an RST by turns."""
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        async with stream:
            await stream.send_all(request)
            with trio.move_on_after(inf if leave_after is None else leave_after):
                while not self.whole and (piece := await stream.receive_some(65536)):
                    self._raw += piece
                    self.whole = self._raw.endswith(b"\r\n0\r\n\r\n") or self._complete()
                self._read()
            if leave_after is not None and int(leave_after * 1000) % 2:
                linger = struct.pack("ii", 1, 0)
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    def _complete(self) -> bool:
        """Whether an answer of known length has come."""
        head, end, body = self._raw.partition(b"\r\n\r\n")
        name = b"content-length: "
        if not end or name not in (head := head.lower()):
            return False
        return len(body) >= int(head.split(name)[1].split()[0])

    def _read(self) -> None:
        head, _, rest = self._raw.partition(b"\r\n\r\n")
        self.status = int(head.split(b" ", 2)[1]) if head else 0
        if b"transfer-encoding: chunked" not in head.lower():
            self.body = rest
            return
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            length = int(size, 16)
            self.body += rest[:length]
            rest = rest[length + 2 :]

    def text_is(self, mark: int) -> bool:
        """Whether the whole answer came, every byte of its text."""
        decoder = CODECS[self.dialect].client.stream_decoder()
        events = [*decoder.feed(self.body), *decoder.eof()]
        text = "".join(event.text for event in events if isinstance(event, TextDelta))
        done = isinstance(events[-1], Finish)
        return self.whole and done and text == "".join(words(mark))

    def told(self, mark: int) -> bool:
        """Whether it ended in the error form of its dialect, after an exact part of the text; or in
        a status, where fault and content came too close together for any to be told."""
        if self.status == 503:
            return bool(error_of(self.dialect, self.body))
        decoder = CODECS[self.dialect].client.stream_decoder()
        events = decoder.feed(self.body)
        text = "".join(event.text for event in events if isinstance(event, TextDelta))
        try:
            message = last_error(self.dialect, self.body)
        except (AssertionError, ValueError, KeyError, TypeError):
            return False
        return self.whole and bool(message) and "".join(words(mark)).startswith(text)

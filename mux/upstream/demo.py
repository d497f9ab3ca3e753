"""The demo model as an upstream: requests to ``demo://dialect/path``, answered without a network.

It behaves as a server of that dialect would: statuses, headers, framing, pauses and mishaps.
"""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from typing import Final
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

import trio
from msgspec import structs

from mux.codecs import Codec, StreamEncoder
from mux.errors import MuxError, UpstreamUnreachable
from mux.ir import Event, Request, Start, fold
from mux.providers.demo import Cut, Refuse, Say, Step, count, play
from mux.providers.outgoing import Outgoing
from mux.upstream._base import Reply, opening

_COUNTING: Final = ("/count_tokens", ":countTokens", "/input_tokens")
"""How the paths end under which tokens are counted."""
_JSON: Final = "application/json"
_BROKEN: Final = "the demo broke the connection, as it was asked to"


def _no_clock() -> float:
    return 0.0


class DemoTransport:
    """Opens ``demo:`` URLs. `codecs` are the dialects by name.

    `clock` gives the seconds since the epoch at which an answer was made, 0 = unknown.
    """

    def __init__(self, codecs: Mapping[str, Codec], clock: Callable[[], float] = _no_clock) -> None:
        self._codecs = codecs
        self._clock = clock

    @opening
    async def open(self, request: Outgoing, /) -> AsyncGenerator[Reply]:
        """See `Transport.open`. The host of the URL is the dialect."""
        await trio.lowlevel.checkpoint()
        address = urlsplit(request.url)
        dialect = (address.hostname or "").replace("-", "_")
        if dialect not in self._codecs:
            raise UpstreamUnreachable(f"the demo does not speak {dialect!r}")
        yield await self._reply(self._codecs[dialect], address, request.body)

    async def _reply(self, codec: Codec, address: SplitResult, body: bytes) -> Reply:
        try:
            if codec.count_server is not None and address.path.endswith(_COUNTING):
                asked = codec.count_server.decode_count(body, model=_model(address))
                return _Whole(200, _JSON, codec.count_server.encode_count(count(asked)))
            request = _decoded(codec, address, body)
        except MuxError as error:
            return _error(codec, error.status, error)
        steps = self._dated(play(request))
        first = next(steps)
        if isinstance(first, Refuse):
            return _error(codec, first.status, first.error)
        if request.stream:
            server = codec.server
            encoder = server.stream_encoder(request)
            return _Streamed(server.stream_type(request), encoder, _again(first, steps))
        return await _whole(codec, request, _again(first, steps))

    def _dated(self, steps: Iterator[Step]) -> Iterator[Step]:
        for step in steps:
            if isinstance(step, Say) and isinstance(step.event, Start):
                yield Say(structs.replace(step.event, created=int(self._clock())), step.delay_s)
            else:
                yield step


def _again(first: Step, steps: Iterator[Step]) -> Iterator[Step]:
    yield first
    yield from steps


def _model(address: SplitResult) -> str | None:
    """The model in a path such as ``/v1beta/models/demo-gemini:generateContent``."""
    _, found, name = address.path.rpartition("/models/")
    return unquote(name.rpartition(":")[0]) if found else None


def _decoded(codec: Codec, address: SplitResult, body: bytes) -> Request:
    decode = codec.server.decode_request
    model = _model(address)
    if model is None:
        return decode(body, variant="generate" if address.path.endswith("/generate") else "")
    stream = address.path.endswith(":streamGenerateContent")
    sse = parse_qs(address.query).get("alt") == ["sse"]
    return decode(body, model=model, stream=stream, variant="array" if stream and not sse else "")


def _error(codec: Codec, status: int, error: MuxError) -> Reply:
    reply = _Whole(status, _JSON, codec.server.encode_error(error))
    if error.retry_after_s is not None:
        reply.headers["retry-after"] = str(math.ceil(error.retry_after_s))
    return reply


async def _whole(codec: Codec, request: Request, steps: Iterator[Step]) -> Reply:
    """The answer as one body, which like any other takes as long as its stream would."""
    events: list[Event] = []
    for step in steps:
        if isinstance(step, Say):
            await _pause(step)
            events.append(step.event)
        else:
            return _Whole(200, _JSON, b"{", breaks=True)
    try:
        response = fold(events)
    except MuxError as error:
        return _error(codec, 500, error)
    return _Whole(200, _JSON, codec.server.encode_response(response, request))


async def _pause(step: Say) -> None:
    if step.delay_s:
        await trio.sleep(step.delay_s)


class _Whole:
    """A reply with one body. It can break off before the end of it."""

    def __init__(self, status: int, kind: str, body: bytes, *, breaks: bool = False) -> None:
        self.status = status
        self.headers = {"content-type": kind}
        self.received = 0
        self._body = body
        self._breaks = breaks

    async def receive_some(self) -> bytes:
        """See `Reply.receive_some`."""
        await trio.lowlevel.checkpoint()
        body, self._body = self._body, b""
        self.received += len(body)
        if self._breaks and not body:
            raise UpstreamUnreachable(_BROKEN)
        return body


class _Streamed:
    """A reply that is still being made: each receive plays on to the next bytes."""

    status = 200

    def __init__(self, kind: str, encoder: StreamEncoder, steps: Iterator[Step]) -> None:
        self.headers = {"content-type": kind}
        self.received = 0
        self._encoder = encoder
        self._steps = steps
        self._ended = False

    async def receive_some(self) -> bytes:
        """See `Reply.receive_some`."""
        await trio.lowlevel.checkpoint()
        for step in self._steps:
            if isinstance(step, Cut):
                raise UpstreamUnreachable(_BROKEN)
            if isinstance(step, Say):
                await _pause(step)
                if data := self._encoder.encode(step.event):
                    return self._counted(data)
        if self._ended:
            return b""
        self._ended = True
        return self._counted(self._encoder.eof())

    def _counted(self, data: bytes) -> bytes:
        self.received += len(data)
        return data

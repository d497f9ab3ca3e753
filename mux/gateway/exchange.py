"""One call answered: the candidates in turn, until one of them has something to say.

The only place that loops over candidates. Its law: once content has gone to the client there is no
second try; before that, the client's own fault is raised at once and any other failure moves on
to the next candidate, whose error, the last one's, is the answer if none is left.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, TypeAlias

import trio
from msgspec.structs import replace

from mux.codecs import CODECS, Codec, Encoded
from mux.codecs._formats import unfenced
from mux.codecs._think_tags import ThinkTags
from mux.codecs._tools import ToolRestorer
from mux.errors import ErrorKind, MuxError, NativeAnswer
from mux.gateway import headers, pump, several, shape
from mux.gateway.call import Call, Outcome, Sink
from mux.gateway.stream import ClientStream
from mux.ir import Event, Failure, Request, Response, Start, UsageUpdate, fold, unfold
from mux.routing import Candidate, Router
from mux.upstream import Reply, Transport
from mux.wire import splice

_CLIENTS_FAULT: Final = frozenset(
    {
        ErrorKind.INVALID_REQUEST,
        ErrorKind.UNSUPPORTED,
        ErrorKind.CONTEXT_LENGTH,
        ErrorKind.TOO_LARGE,
    }
)
_ENVELOPES: Final = (b"mux1.", b"bXV4MS5")
"""An envelope as it is, and as Gemini's bytes fields hold it."""

_STREAMED: Final = frozenset({"anthropic", "openai_responses"})
"""Dialects in which whole answers are asked for as streams, so that no connection falls silent for
minutes and is cut; they can stream whatever they can say (pitfall 20)."""

_JSON: Final = "application/json"

Clock = Callable[[], float]
_Head: TypeAlias = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Gateway:
    """What a call needs. One per configuration; a request keeps the one it began with.

    `clock` gives seconds since the epoch; `max_response_bytes` bounds whole answers.
    """

    router: Router
    transport: Transport
    clock: Clock
    max_response_bytes: int

    async def generate(self, call: Call, sink: Sink, outcome: Outcome) -> None:
        """Answer `call` on `sink`. Raises a `MuxError` only as long as nothing was sent."""
        if not call.request.stream:
            await self._first(call, outcome, lambda attempt: attempt.whole(sink))
            return
        request, server = call.request, CODECS[call.dialect].server
        stream = ClientStream(
            sink,
            lambda: server.stream_encoder(request),
            server.stream_type(request),
        )
        failed: MuxError | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.keep_alive)
            try:
                await self._first(call, outcome, lambda attempt: attempt.stream(stream))
            except MuxError as error:  # told below, outside of the nursery's exception group
                failed = error
            nursery.cancel_scope.cancel()
        if failed is not None:
            await stream.fail(failed)

    async def _first(
        self, call: Call, outcome: Outcome, answer: Callable[[_Attempt], Awaitable[None]]
    ) -> None:
        """Let the first candidate that can `answer`; raises the last one's error if none can."""
        failed: MuxError | None = None
        for candidate in self.router.candidates(call.request.model):
            outcome.attempts += 1
            try:
                await answer(_Attempt(self, call, candidate, outcome))
            except MuxError as error:
                if error.kind in _CLIENTS_FAULT:
                    raise
                failed = error
            else:
                return
        if failed is not None:
            raise failed


class _Attempt:
    """One candidate asked once."""

    def __init__(
        self, gateway: Gateway, call: Call, candidate: Candidate, outcome: Outcome
    ) -> None:
        self._gateway = gateway
        self._call = call
        self._candidate = candidate
        self._outcome = outcome
        provider = candidate.provider
        dialect = provider.dialect_for(call.dialect, candidate.model, candidate.abilities)
        self._codec: Codec = CODECS[dialect]
        self._request = replace(call.request, model=candidate.model)
        self._own = dialect == call.dialect
        self._native = self._own and _passes(call)
        self._calls = [self._request]
        if not self._native:
            self._calls = several.split(self._request, dialect, candidate.abilities)
        outcome.provider, outcome.model, outcome.dialect = provider.name, candidate.model, dialect
        outcome.usage, outcome.error = None, ""

    async def whole(self, sink: Sink) -> None:
        """Answer with one body. Raises if the upstream gives none."""
        if self._native:
            async with self._open(self._request) as (reply, _, head):
                body = await self._read(reply)
                content_type = reply.headers.get("content-type", _JSON)
                response = self._decode(body, reply.headers)
                if shape.is_stream(self._codec.name, content_type, body):
                    body = self._codec.server.encode_response(response, self._call.request)
                    content_type = _JSON
                self._outcome.usage = response.usage
        else:
            response, head = await self._response()
            content_type = _JSON
            server = CODECS[self._call.dialect].server
            body = server.encode_response(response, self._call.request)
        length = ("content-length", str(len(body)))
        await sink.start(200, [("content-type", content_type), length, *head])
        await sink.send(body)
        await sink.end()

    async def stream(self, stream: ClientStream) -> None:
        """Answer with a stream. Raises only as long as no content was sent."""
        if len(self._calls) > 1:
            response, head = await self._response()
            stream.restart(head)
            await pump.deliver(unfold(response), (self._observe,), stream)
            await stream.end()
            return
        async with self._open(self._calls[0]) as (opened, encoded, head):
            stream.restart(head)
            filters = self._filters(encoded)
            reply = await shape.Begun.of(opened)
            if not reply.streams(self._codec.name):
                events = unfold(self._decode(await self._read(reply), reply.headers))
                await pump.deliver(events, filters, stream)
            else:
                copy = pump.forward if self._native else pump.translate
                await copy(reply, self._codec.client.stream_decoder(), filters, stream)
            await stream.end()
            await pump.drain(reply)

    async def _response(self) -> tuple[Response, _Head]:
        """The answers to all calls made one, and what the client's head will say."""
        answers: dict[int, tuple[Response, _Head]] = {}
        failed: list[MuxError] = []
        streamed = self._codec.name in _STREAMED
        async with trio.open_nursery() as nursery:

            async def ask(place: int, request: Request) -> None:
                try:
                    async with self._open(request) as (reply, encoded, head):
                        body = await self._read(reply)
                        response = self._decode(body, reply.headers)
                        answers[place] = self._restored(response, encoded), head
                except MuxError as error:  # raised below, outside of the exception group
                    failed.append(error)
                    nursery.cancel_scope.cancel()

            for place, request in enumerate(self._calls):
                nursery.start_soon(ask, place, replace(request, stream=streamed))
        if failed:
            raise failed[0]
        response = several.merge([answers[place][0] for place in range(len(self._calls))])
        self._outcome.usage = response.usage
        return response, answers[0][1]

    @asynccontextmanager
    async def _open(self, request: Request) -> AsyncGenerator[tuple[Reply, Encoded, _Head]]:
        """The upstream's answer, how it was asked, and what the client's head will say."""
        candidate = self._candidate
        encoded = self._encode(request)
        outgoing = candidate.provider.build(
            self._codec.name,
            self._codec.client.path(request),
            encoded.body,
            candidate.key,
            stream=request.stream,
            extra_headers=headers.to_upstream(
                self._call.headers, self._codec.name, own=self._own, native=self._native
            ),
        )
        async with self._gateway.transport.open(outgoing) as reply:
            if reply.status >= 400:
                raise await self._error(reply)
            yield (
                reply,
                encoded,
                headers.to_client(
                    reply.headers,
                    provider=candidate.provider.name,
                    model=candidate.model,
                    native=self._native,
                    losses=encoded.losses,
                ),
            )

    def _encode(self, request: Request) -> Encoded:
        if not self._native:
            return self._codec.client.encode_request(request, self._candidate.abilities)
        body = self._call.body
        if self._call.request.model != self._candidate.model:
            body = splice.replace_string(body, "model", self._candidate.model)
        return Encoded(body)

    async def _error(self, reply: Reply) -> MuxError:
        body = await self._read(reply)
        error = self._codec.client.decode_error(reply.status, body, reply.headers)
        if self._native and error.kind is not ErrorKind.UPSTREAM_AUTH:
            content_type = reply.headers.get("content-type", _JSON)
            error.native = NativeAnswer(reply.status, body, content_type)
        return error

    def _filters(self, encoded: Encoded) -> tuple[pump.Filter, ...]:
        filters: list[pump.Filter] = []
        if not self._native:
            filters.append(self._dated)
            if self._candidate.abilities.think_tags:
                filters.append(ThinkTags().events)
            if encoded.tools.originals:
                filters.append(ToolRestorer(encoded.tools).events)
        return (*filters, self._observe)

    def _dated(self, events: list[Event]) -> list[Event]:
        """`events` with the time of the answer, where the upstream gave none."""
        if events and isinstance(start := events[0], Start) and not start.created:
            return [replace(start, created=int(self._gateway.clock())), *events[1:]]
        return events

    def _observe(self, events: list[Event]) -> list[Event]:
        for event in events:
            if isinstance(event, UsageUpdate):
                self._outcome.usage = event.usage
            elif isinstance(event, Failure):
                self._outcome.error = event.kind
        return events

    def _restored(self, response: Response, encoded: Encoded) -> Response:
        """`response` with what the filters do to a stream."""
        if not response.created:
            response = replace(response, created=int(self._gateway.clock()))
        if self._candidate.abilities.think_tags:
            response = ThinkTags().response(response)
        response = unfenced(response, self._call.request.response_format)
        return ToolRestorer(encoded.tools).response(response)

    def _decode(self, body: bytes, upstream: Mapping[str, str]) -> Response:
        client = self._codec.client
        if shape.is_stream(self._codec.name, upstream.get("content-type", ""), body):
            decoder = client.stream_decoder()
            return fold([*decoder.feed(body), *decoder.eof()])
        return client.decode_response(body)

    async def _read(self, reply: Reply) -> bytes:
        return await pump.read_whole(reply, self._gateway.max_response_bytes)


def _passes(call: Call) -> bool:
    """Whether the client's bytes may go to an upstream of its own dialect as they are.

    Not if they hold an envelope, nor for a stream framed in a way no upstream is asked for.
    """
    return call.request.variant != "array" and not any(mark in call.body for mark in _ENVELOPES)

"""One candidate asked: its request, its answer, and the way of that answer to the client."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

import trio
from msgspec.structs import replace

from mux.codecs import CODECS, Codec, Encoded
from mux.codecs._formats import unfenced
from mux.errors import ErrorKind, MuxError, NativeAnswer, Unsupported, UpstreamProtocolError
from mux.gateway import headers, payload, pump, repairs, several, shape
from mux.gateway.call import Call, Outcome, Sink
from mux.gateway.familiar import familiar
from mux.gateway.filters import Chain
from mux.gateway.patience import Patience
from mux.gateway.repairs import Repair
from mux.gateway.signatures import keep_own
from mux.gateway.stream import ClientStream
from mux.ir import (
    Answer,
    Failure,
    Finish,
    Loss,
    LossKind,
    Request,
    Response,
    StopReason,
    Usage,
    fold,
    unfold,
)
from mux.providers.outgoing import Outgoing
from mux.routing import Candidate
from mux.upstream import Reply
from mux.wire import json, splice
from mux.wire.outline import OUTLINES

if TYPE_CHECKING:
    from mux.gateway.exchange import Gateway

_ENVELOPE: Final = b"mux1."
_ENVELOPE_IN_BYTES: Final = b"bXV4MS5"
"""How an envelope begins, and how in Gemini's bytes fields."""

_STREAMED: Final = frozenset({"anthropic", "openai_responses"})
"""Dialects in which whole answers are asked for as streams, so that no connection falls silent for
minutes and is cut; they can stream whatever they can say (pitfall 20)."""

_ERROR_BYTES: Final = 64 * 1024
"""What is read of an error's body."""

_MODEL_FIELDS: Final = (b'"model":', b'"model": ', b'"modelVersion":', b'"modelVersion": ')
_JSON: Final = "application/json"

_Head: TypeAlias = list[tuple[str, str]]
T = TypeVar("T")


class Attempt:
    """One candidate asked once, after `repairs` to what the client sent.

    `native`: the client's bytes go to an upstream of its own dialect as they are.
    """

    def __init__(
        self,
        gateway: Gateway,
        call: Call,
        candidate: Candidate,
        outcome: Outcome,
        repaired: Iterable[Repair] = (),
    ) -> None:
        self.candidate = candidate
        self.repairs = tuple(repaired)
        self._gateway = gateway
        self._call = call
        self._outcome = outcome
        dialect = candidate.provider.dialect_for(call.dialect, candidate.model, candidate.abilities)
        self._codec: Codec = CODECS[dialect]
        self._own = dialect == call.dialect
        self.native = (
            self._own
            and not self.repairs
            and _passes(call)
            and familiar(call.request, dialect, candidate.abilities)
        )
        self._request = replace(call.request, model=candidate.model)
        self._abilities = candidate.abilities
        self._losses: list[Loss] = []
        self._calls = [self._request]
        if not self.native:
            self._prepare(dialect)

    @property
    def dialect(self) -> str:
        """The dialect the upstream is asked in."""
        return self._codec.name

    @property
    def calls(self) -> int:
        """How many requests to the upstream this takes."""
        return len(self._calls)

    def _prepare(self, dialect: str) -> None:
        """What a translation begins with."""
        request = keep_own(self._request, self.candidate.provider.name)
        if not self._own:
            restored = self._gateway.memory.signatures.restore(self._call.client, request)
            if restored is not request:
                request = keep_own(restored, self.candidate.provider.name)
        self._request, self._abilities, self._losses = repairs.apply(
            self.repairs, request, self._abilities
        )
        calls = several.split(self._request, dialect, self._abilities)
        streams = dialect in _STREAMED or (self._request.stream and len(calls) == 1)
        self._calls = [replace(call, stream=streams) for call in calls]

    # -- answering --------------------------------------------------------------------------

    async def whole(self, sink: Sink) -> None:
        """Answer with one body. Raises if the upstream gives none."""
        self._begin()
        if self.native:
            body, head = await self._ask(self._request, self._native_body)
        else:
            response, head = await self._response()
            server = CODECS[self._call.dialect].server
            encode = partial(server.encode_response, response, self._call.request)
            body = await self._gateway.memory.turns.aside(encode, 0)
        length = ("content-length", str(len(body)))
        await self._gateway.memory.turns.take()
        await sink.start(200, [("content-type", _JSON), length, *head])
        await sink.end(body)

    async def stream(self, stream: ClientStream) -> None:
        """Answer with a stream. Raises only as long as no content was sent."""
        self._begin()
        if len(self._calls) > 1 or self._is_prewarming():
            response, head = await self._response()
            stream.restart(head)
            await pump.deliver(unfold(response), (), stream)
            await stream.end()
            return
        chain = self._chain()

        def first(reply: Reply, encoded: Encoded, head: _Head) -> Awaitable[None]:
            chain.begin(encoded)
            stream.restart(head, self._begun)
            return self._copy(reply, chain, stream)

        def further(reply: Reply, _encoded: Encoded, _head: _Head) -> Awaitable[None]:
            return self._copy(reply, chain, stream)

        try:
            await self._ask(self._calls[0], first)
            while chain.waiting:
                await self._ask(chain.resume(), further)
        except MuxError as error:
            if not stream.committed:
                raise
            self._gateway.hide_in(error)
            await pump.deliver([Failure.of(error)], (chain.observe,), stream)
            await stream.end()

    def _begin(self) -> None:
        outcome, candidate = self._outcome, self.candidate
        outcome.provider, outcome.model = candidate.provider.name, candidate.model
        outcome.dialect = self._codec.name
        outcome.usage, outcome.error, outcome.failure = None, "", None
        outcome.written, outcome.finished = 0, False
        outcome.answer_id, outcome.answer_model, outcome.reasons = "", "", ()

    def _begun(self) -> None:
        """The first content has come."""
        self._gateway.memory.health.begun(self.candidate)

    async def _copy(self, reply: Reply, chain: Chain, stream: ClientStream) -> None:
        """Bring one upstream answer to the client, and end the client's if it is the last."""
        first = await reply.receive_some()
        complete = True
        if not shape.streams(self._codec.name, reply.headers.get("content-type", ""), first):
            events = unfold((await self._decoded(reply, first))[1])
            await pump.deliver(events, chain.filters, stream)
        else:
            decoder = self._codec.client.stream_decoder()
            way = (first, reply, decoder, chain.filters, stream, self._gateway.hide)
            if self.native:
                complete = await pump.forward(*way, self._renamed)
            else:
                complete = await pump.translate(*way)
        if not chain.waiting:
            await stream.end()
        if complete:
            await pump.drain(reply)

    async def _native_body(
        self, reply: Reply, _encoded: Encoded, head: _Head
    ) -> tuple[bytes, _Head]:
        """The upstream's own body, made a whole answer if it is a stream."""
        body, response = await self._decoded(reply)
        if shape.is_stream(self._codec.name, reply.headers.get("content-type", ""), body):
            body = self._codec.server.encode_response(response, self._call.request)
        if response.usage is None:
            self._chain().observe(unfold(response))
        else:
            self._outcome.told(response)
        return self._renamed(body), head

    def _renamed(self, data: bytes) -> bytes:
        """`data`, the upstream's own words, with the model named as the client did (pitfall 229).

        Inside of a JSON string the quotes would be escaped, so that only the field itself matches.
        """
        asked, used = self._call.request.model, self.candidate.model
        if asked != used and b'"model' in data:
            written, wanted = json.dumps(used), json.dumps(asked)
            for field in _MODEL_FIELDS:
                data = data.replace(field + written, field + wanted)
        return data

    async def _response(self) -> tuple[Response, _Head]:
        """The answers to all calls made one, and what the client's head will say."""
        if self._is_prewarming():
            return _EMPTY, self._head({}, ())
        if len(self._calls) == 1:
            answers = [await self._answer(self._calls[0])]
        else:
            answers = await self._answers()
        response = several.merge([response for response, _ in answers])
        self._outcome.told(response)
        return response, answers[0][1]

    async def _answers(self) -> list[tuple[Response, _Head]]:
        """The answers to all calls, asked for at once."""
        answers: dict[int, tuple[Response, _Head]] = {}
        failed: list[MuxError] = []
        async with trio.open_nursery() as nursery:

            async def ask(place: int, request: Request) -> None:
                try:
                    answers[place] = await self._answer(request)
                except MuxError as error:  # raised below, outside of the exception group
                    failed.append(error)
                    nursery.cancel_scope.cancel()

            for place, request in enumerate(self._calls):
                nursery.start_soon(ask, place, request)
        if failed:
            raise failed[0]
        return [answers[place] for place in range(len(self._calls))]

    async def _answer(self, request: Request) -> tuple[Response, _Head]:
        """The answer to one call, in as many rounds as it takes, and the head of the first."""
        chain = self._chain()

        async def first(reply: Reply, encoded: Encoded, head: _Head) -> tuple[Response, _Head]:
            chain.begin(encoded, request)
            return (await self._decoded(reply))[1], head

        async def further(reply: Reply, _encoded: Encoded, _head: _Head) -> Response:
            return (await self._decoded(reply))[1]

        found, head = await self._ask(request, first)
        response = chain.dated(found)
        if response is None:
            events = chain.apply(unfold(found))
            while chain.waiting:
                events += chain.apply(unfold(await self._ask(chain.resume(), further)))
            response = fold(events)
        return unfenced(response, self._call.request.response_format), head

    def _chain(self) -> Chain:
        gateway = self._gateway
        return Chain(
            call=self._call,
            candidate=self.candidate,
            request=self._calls[0],
            dialect=self._codec.name,
            native=self.native,
            outcome=self._outcome,
            memory=gateway.memory,
            clock=gateway.clock,
        )

    def _is_prewarming(self) -> bool:
        """Whether the client only wants a prompt cache filled, which is Anthropic's alone."""
        prewarms = self._call.dialect == "anthropic" and self._request.max_output == 0
        return prewarms and not self._own

    # -- asking -----------------------------------------------------------------------------

    def outgoing(self, request: Request | None = None) -> tuple[Outgoing, Encoded]:
        """The upstream request and how it came about. Raises `Unsupported`."""
        request = request or self._calls[0]
        candidate = self.candidate
        encoded = self._encode(request)
        body = payload.apply(
            self._gateway.settings.payload,
            encoded.body,
            model=candidate.model,
            dialect=self._codec.name,
        )
        outgoing = candidate.provider.build(
            self._codec.name,
            self._codec.client.path(request),
            body,
            candidate.key,
            stream=request.stream,
            extra_headers=headers.to_upstream(
                self._call.headers, self._codec.name, own=self._own, native=self.native
            ),
        )
        return outgoing, encoded

    def translated(self) -> bytes:
        """The body this attempt sends, or would send if it were not native."""
        encoded = self._codec.client.encode_request(self._calls[0], self._abilities)
        self._refuse_losses(encoded.losses)
        return encoded.body

    async def _ask(
        self, request: Request, use: Callable[[Reply, Encoded, _Head], Awaitable[T]]
    ) -> T:
        """What `use` makes of the upstream's answer, how it was asked, and what the client's head
        will say. The upstream's time is counted, and its connection held, until then."""
        gateway, call = self._gateway, self._call
        encode = partial(self.outgoing, request)
        outgoing, encoded = await gateway.memory.turns.aside(encode, len(call.body))
        await gateway.memory.turns.take()
        opening = gateway.transport.open(outgoing)
        patience, waits = Patience(gateway.settings, opening), gateway.memory.waits
        waits.begin(patience)
        try:
            async with opening as reply:
                patience.reply = reply
                self._outcome.tries[-1].status = reply.status
                if reply.status >= 400:
                    raise await self._error(reply)
                if reply.status >= 300:
                    raise _redirected(reply.status)
                return await use(reply, encoded, self._head(reply.headers, encoded.losses))
        finally:
            waits.end(patience)

    def _head(self, upstream: Mapping[str, str], losses: Iterable[Loss]) -> _Head:
        return headers.to_client(
            upstream,
            provider=self.candidate.provider.name,
            model=self.candidate.model,
            native=self.native,
            losses=losses,
        )

    def _encode(self, request: Request) -> Encoded:
        if not self.native:
            encoded = self._codec.client.encode_request(request, self._abilities)
            losses = (*self._losses, *encoded.losses)
            self._outcome.losses = tuple(loss.code for loss in losses)
            self._refuse_losses(losses)
            return Encoded(encoded.body, losses, encoded.tools, encoded.stops)
        body = self._call.body
        if self._call.request.model != self.candidate.model:
            body = splice.replace_string(body, "model", self.candidate.model)
        return Encoded(body)

    def _refuse_losses(self, losses: Iterable[Loss]) -> None:
        """In strict mode nothing may be lost; what is only a risk is no loss."""
        lost = [loss.code for loss in losses if loss.kind is not LossKind.RISK]
        if self._call.strict and lost:
            raise Unsupported(
                f"In strict mode nothing may be lost, and {self.candidate.model} at "
                f"{self.candidate.provider.name} cannot take all of this: {', '.join(lost)}. "
                "Leave these out, choose another model, or turn strict mode off.",
                param=lost[0].partition(":")[2],
                code="strict_mode",
            )

    async def _error(self, reply: Reply) -> MuxError:
        body = await pump.read_head(reply, _ERROR_BYTES)
        error = self._codec.client.decode_error(reply.status, body, reply.headers)
        if self.native and error.kind is not ErrorKind.UPSTREAM_AUTH and shape.is_error(body):
            error.native = NativeAnswer(reply.status, body, _JSON)
        return error

    def _decode(self, body: bytes, upstream: Mapping[str, str]) -> Response:
        client = self._codec.client
        if shape.is_stream(self._codec.name, upstream.get("content-type", ""), body):
            decoder = client.stream_decoder()
            return fold([*decoder.feed(body), *decoder.eof()])
        return client.decode_response(body)

    async def _decoded(self, reply: Reply, first: bytes = b"") -> tuple[bytes, Response]:
        """A whole answer, of which `first` has been read, as it came and as what it means."""
        body = await pump.read_whole(reply, self._gateway.settings.max_response_size, first)
        decode = partial(self._decode, body, reply.headers)
        return body, await self._gateway.memory.turns.aside(decode, len(body))


_EMPTY: Final = Response(answers=(Answer((), Finish(StopReason.LENGTH)),), usage=Usage(0, 0))
"""The answer to a request for no output at all."""


def _redirected(status: int) -> UpstreamProtocolError:
    return UpstreamProtocolError(
        f"The upstream answered with a redirect ({status}), and redirects are not followed; "
        "correct the base-url"
    )


def _passes(call: Call) -> bool:
    """Whether the client's bytes may go to an upstream of its own dialect as they are.

    Not if they are not all there is to say or hold an envelope, nor for a stream framed in a way
    no upstream is asked for.
    """
    plain = call.exact and call.request.variant != "array"
    envelope = _ENVELOPE_IN_BYTES if call.dialect == "gemini" else _ENVELOPE
    return plain and not OUTLINES.holds(call.body, envelope)

"""One request and its answer over one connection.

h11 writes the heads, and reads those of answers about which there is any doubt. What is plain goes
round it, as bodies do: it spends some thirty microseconds on a head and fourteen on a chunk, where
`plain_head` spends five and `mux.wire.chunked` one (bench/upstream.py).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import h11
import trio

from mux.errors import MuxError, UpstreamProtocolError, UpstreamUnreachable
from mux.providers.outgoing import Outgoing
from mux.upstream._address import Origin
from mux.upstream._connection import LOST, PIECE_BYTES, Connection
from mux.upstream._content import Content
from mux.upstream._framing import framing, keeps_alive
from mux.upstream._head import Head, head_of, length_headers, plain_head, request_headers
from mux.wire.bodies import UntilClose

HEAD_LIMIT_BYTES: Final = 64 * 1024
_HEADS: Final = 256


class H1Reply:
    """An answer whose body is still on its way over `connection`."""

    __slots__ = (
        "_content",
        "_ended",
        "_framing",
        "_keep_alive",
        "_ready",
        "connection",
        "headers",
        "status",
    )

    def __init__(self, connection: Connection, method: str, head: Head, limit_bytes: int) -> None:
        self.connection = connection
        self.status = head.status
        self.headers = head.headers
        self._framing = framing(method, self.status, self.headers)
        lasts = keeps_alive(head.version, self.headers)
        self._keep_alive = lasts and not isinstance(self._framing, UntilClose)
        self._content = Content(self.headers.get("content-encoding", ""), limit_bytes)
        self._ended = False
        self._ready = b""

    @property
    def reusable(self) -> bool:
        """Whether the connection can carry another request now."""
        return self._ended and self._keep_alive and self.connection.sent and not self._framing.rest

    @property
    def received(self) -> int:
        """See `Reply.received`."""
        return self._content.received

    async def receive_some(self) -> bytes:
        """See `Reply.receive_some`."""
        ready, self._ready = self._ready, b""
        while not ready and not self._ended:
            if self._content.more:
                await trio.lowlevel.checkpoint()
                ready = self._feed(b"")
                continue
            try:  # of the stream itself: each step between costs at every wake-up
                data = await self.connection.stream.receive_some(PIECE_BYTES)
            except LOST:
                raise self.connection.cut() from None
            if data:
                ready = self._feed(data)
            elif isinstance(self._framing, UntilClose):
                self._end()
            else:
                raise self.connection.cut()
        return ready

    def hold(self, data: bytes) -> None:
        """Take the bytes that came with the head."""
        self._ready = self._feed(data)

    def _feed(self, data: bytes) -> bytes:
        body = self._framing.feed(data) if data else b""  # fed nothing, it would forget its rest
        content = self._content.feed(body)
        if self._framing.done and not self._content.more:
            self._end()
        return content

    def _end(self) -> None:
        self._content.eof()
        self._ended = True


class Exchange:
    """A request that is ready to be sent, again if the first connection does not take it."""

    def __init__(self, request: Outgoing, origin: Origin, target: str, limit_bytes: int) -> None:
        self._method = request.method
        self._body = request.body
        self._origin = origin
        self._limit_bytes = limit_bytes
        headers = tuple(request.headers.items())
        try:
            self._request, head = _written(request.method, target, origin, headers)
        except (h11.LocalProtocolError, UnicodeError):  # these name the header, and so the key
            raise UpstreamUnreachable(
                f"cannot send to {origin}: the path or a header holds characters that HTTP "
                "forbids; check the API key and the configured headers"
            ) from None
        lengths = [f"{name}: {value}\r\n" for name, value in length_headers(request)]
        self._head = head + "".join(lengths).encode() + b"\r\n"

    async def run(self, connection: Connection) -> H1Reply:
        """Send the request and read the answer's head. On failure the connection is closed; it may
        be tried again if `connection` was not `answered`."""
        connection.begin()
        try:
            rest = connection.send_now(self._head, self._body)
            if len(rest) > PIECE_BYTES:
                return await self._answer_while_sending(connection, rest)
            if rest:
                await connection.send(rest)
            return await self._answer(connection)
        except BaseException:  # cancellation too
            connection.close()
            raise

    async def _answer_while_sending(self, connection: Connection, rest: memoryview) -> H1Reply:
        """A large body may be refused before it has left; then the rest of it stays here."""
        outcome: H1Reply | MuxError
        async with trio.open_nursery() as nursery:
            nursery.start_soon(connection.send, rest)
            try:
                outcome = await self._answer(connection)
            except MuxError as error:
                outcome = error
            if isinstance(outcome, MuxError) or outcome.status >= 400:
                nursery.cancel_scope.cancel()
        if isinstance(outcome, MuxError):
            raise outcome
        return outcome

    async def _answer(self, connection: Connection) -> H1Reply:
        """The final answer's head, and what came with it."""
        data = await self._receive_head(connection)
        head, rest = plain_head(data) or await self._doubtful(connection, data)
        reply = H1Reply(connection, self._method, head, self._limit_bytes)
        reply.hold(rest)
        return reply

    async def _doubtful(self, connection: Connection, data: bytes) -> tuple[Head, bytes]:
        """The final answer's head as h11 reads it, of which `data` has come, and what follows it.
        Interim answers (1xx) are skipped."""
        if not data.startswith(b"HTTP/"[: len(data)]):
            raise UpstreamProtocolError(
                f"{self._origin} does not speak HTTP; check the scheme and port of the base-url"
            )
        parser = h11.Connection(h11.CLIENT, HEAD_LIMIT_BYTES)
        parser.send(self._request)
        parser.receive_data(data)
        size = len(data)
        try:
            while not isinstance(event := parser.next_event(), h11.Response):
                if event is not h11.NEED_DATA:
                    continue
                if size > HEAD_LIMIT_BYTES:
                    raise UpstreamProtocolError(
                        f"{self._origin} sent more than {HEAD_LIMIT_BYTES} bytes of headers"
                    )
                data = await self._receive_head(connection)
                size += len(data)
                parser.receive_data(data)
        except h11.RemoteProtocolError:  # its text quotes the bytes
            raise UpstreamProtocolError(
                f"{self._origin} sent an answer whose head is not valid HTTP"
            ) from None
        return head_of(event), parser.trailing_data[0]

    async def _receive_head(self, connection: Connection) -> bytes:
        try:
            data = await connection.stream.receive_some(PIECE_BYTES)
        except LOST:
            data = b""
        if not data:
            raise connection.cut()
        connection.answered = True
        return data


@lru_cache(maxsize=_HEADS)
def _written(
    method: str, target: str, origin: Origin, headers: tuple[tuple[str, str], ...]
) -> tuple[h11.Request, bytes]:
    """A head as h11 writes it, without the empty line at its end: once, because all requests for a
    model with one key have the same but for the length of their bodies.

    Raises `h11.LocalProtocolError`.
    """
    request = h11.Request(method=method, target=target, headers=request_headers(headers, origin))
    return request, h11.Connection(h11.CLIENT).send(request)[:-2]

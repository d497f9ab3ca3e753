"""One request and its answer over one connection.

h11 writes and reads the heads. Bodies go round it, because it spends some fourteen microseconds on
a chunk where `mux.wire.chunked` spends one (bench/upstream.py).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import h11
import trio

from mux.errors import MuxError, UpstreamProtocolError, UpstreamUnreachable
from mux.providers.outgoing import Outgoing
from mux.upstream._address import Origin
from mux.upstream._connection import PIECE_BYTES, Connection
from mux.upstream._content import Content
from mux.upstream._framing import framing, keeps_alive
from mux.upstream._head import length_headers, reply_headers, request_headers
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

    def __init__(
        self, connection: Connection, method: str, response: h11.Response, limit_bytes: int
    ) -> None:
        self.connection = connection
        self.status = response.status_code
        self.headers = reply_headers(response.headers)
        self._framing = framing(method, self.status, self.headers)
        lasts = keeps_alive(response.http_version, self.headers)
        self._keep_alive = lasts and not isinstance(self._framing, UntilClose)
        self._content = Content(self.headers.get("content-encoding", ""), limit_bytes)
        self._ended = False
        self._ready = b""

    @property
    def reusable(self) -> bool:
        """Whether the connection can carry another request now."""
        return self._ended and self._keep_alive and self.connection.sent and not self._framing.rest

    async def receive_some(self) -> bytes:
        """See `Reply.receive_some`."""
        ready, self._ready = self._ready, b""
        while not ready and not self._ended:
            if self._content.more:
                await trio.lowlevel.checkpoint()
                ready = self._feed(b"")
                continue
            data = await self.connection.receive_some()
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
        self._head_bytes = 0
        self._parser = h11.Connection(h11.CLIENT, HEAD_LIMIT_BYTES)
        try:
            head = _checked(request.method, target, *request_headers(request, origin))
        except (h11.LocalProtocolError, UnicodeError):  # these name the header, and so the key
            raise UpstreamUnreachable(
                f"cannot send to {origin}: the path or a header holds characters that HTTP "
                "forbids; check the API key and the configured headers"
            ) from None
        self._head = self._parser.send(head)
        for name, value in length_headers(request):
            self._head = self._head[:-2] + f"{name}: {value}\r\n\r\n".encode()

    async def run(self, connection: Connection) -> H1Reply:
        """Send the request and read the answer's head. On failure the connection is closed; it may
        be tried again if `connection` was not `answered`."""
        connection.begin()
        try:
            if len(self._body) <= PIECE_BYTES:
                await connection.send(self._head, self._body)
                return await self._answer(connection)
            return await self._answer_while_sending(connection)
        except BaseException:  # cancellation too
            connection.close()
            raise

    async def _answer_while_sending(self, connection: Connection) -> H1Reply:
        """A large body may be refused before it has left; then the rest of it stays here."""
        outcome: H1Reply | MuxError
        async with trio.open_nursery() as nursery:
            nursery.start_soon(connection.send, self._head, self._body)
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
        """The final answer's head, and what came with it. Interim answers (1xx) are skipped."""
        event: object = h11.NEED_DATA
        while not isinstance(event, h11.Response):
            if event is h11.NEED_DATA:
                self._parser.receive_data(await self._receive_head(connection))
            event = self._next_event()
        reply = H1Reply(connection, self._method, event, self._limit_bytes)
        reply.hold(self._parser.trailing_data[0])
        return reply

    async def _receive_head(self, connection: Connection) -> bytes:
        if self._head_bytes > HEAD_LIMIT_BYTES:
            raise UpstreamProtocolError(
                f"{self._origin} sent more than {HEAD_LIMIT_BYTES} bytes of headers"
            )
        data = await connection.receive_some()
        if not data:
            raise connection.cut()
        if not self._head_bytes and not data.startswith(b"HTTP/"[: len(data)]):
            raise UpstreamProtocolError(
                f"{self._origin} does not speak HTTP; check the scheme and port of the base-url"
            )
        self._head_bytes += len(data)
        return data

    def _next_event(self) -> object:
        try:
            return self._parser.next_event()
        except h11.RemoteProtocolError:  # its text quotes the bytes
            raise UpstreamProtocolError(
                f"{self._origin} sent an answer whose head is not valid HTTP"
            ) from None


@lru_cache(maxsize=_HEADS)
def _checked(method: str, target: str, *headers: tuple[str, str]) -> h11.Request:
    """A head that h11 has looked through: once, because all requests for a model with one key have
    the same but for the length of their bodies. Raises `h11.LocalProtocolError`."""
    return h11.Request(method=method, target=target, headers=list(headers))

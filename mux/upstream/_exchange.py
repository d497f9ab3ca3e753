"""One request and its answer over one connection."""

from __future__ import annotations

from typing import Final

import trio

from mux.errors import MuxError, UpstreamProtocolError, UpstreamUnreachable
from mux.providers.outgoing import Outgoing
from mux.upstream import _head
from mux.upstream._address import Origin
from mux.upstream._connection import PIECE_BYTES, Connection
from mux.upstream._content import Content
from mux.upstream._framing import framing, keeps_alive
from mux.wire.bodies import UntilClose

HEAD_LIMIT_BYTES: Final = 64 * 1024


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
        self, connection: Connection, method: str, answer: _head.Answer, limit_bytes: int
    ) -> None:
        self.connection = connection
        self.status = answer.status
        self.headers = _head.reply_headers(answer.fields)
        self._framing = framing(method, answer)
        self._keep_alive = keeps_alive(answer) and not isinstance(self._framing, UntilClose)
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
        try:
            self._head = _head.write(request, origin, target)
        except _head.Malformed:  # to say which it is would show the key
            raise UpstreamUnreachable(
                f"cannot send to {origin}: the path or a header holds characters that HTTP "
                "forbids; check the API key and the configured headers"
            ) from None

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
        data = b""
        left = HEAD_LIMIT_BYTES
        while True:
            head, data = await self._receive_head(connection, data, left)
            left -= len(head)
            try:
                answer = _head.read(head)
            except _head.Malformed:
                raise UpstreamProtocolError(
                    f"{self._origin} sent an answer whose head is not valid HTTP"
                ) from None
            if answer.status >= 200:
                break
        reply = H1Reply(connection, self._method, answer, self._limit_bytes)
        reply.hold(data)
        return reply

    async def _receive_head(
        self, connection: Connection, data: bytes, limit_bytes: int
    ) -> tuple[bytes, bytes]:
        """The next head, of which `data` may be there already, and what came behind it."""
        looked = 0
        while (end := _head.end_of(data, looked)) < 0 and len(data) <= limit_bytes:
            if not data.startswith(b"HTTP/"[: len(data)]):
                raise UpstreamProtocolError(
                    f"{self._origin} does not speak HTTP; check the scheme and port of the base-url"
                )
            looked = len(data)
            more = await connection.receive_some()
            if not more:
                raise connection.cut()
            data += more
        if not 0 <= end <= limit_bytes:
            raise UpstreamProtocolError(
                f"{self._origin} sent more than {HEAD_LIMIT_BYTES} bytes of headers"
            )
        return data[:end], data[end:]

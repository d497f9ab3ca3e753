"""HTTP/1.1 straight over trio streams: the hot path to upstreams."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import cached_property

from mux.errors import UpstreamUnreachable
from mux.providers.outgoing import Outgoing
from mux.upstream._address import Origin, split
from mux.upstream._base import Reply
from mux.upstream._connection import Connection
from mux.upstream._content import LIMIT_BYTES
from mux.upstream._dial import dial, tls_context
from mux.upstream._exchange import Exchange, H1Reply
from mux.upstream.pool import Pool


class H1Transport:
    """Opens requests over pooled connections. One per process; `aclose` ends the idle ones.

    `connect_timeout_s` covers name lookup, TCP and TLS. How long an answer may take is for the
    caller to say, by cancelling. Redirects are not followed.
    """

    def __init__(
        self,
        *,
        connect_timeout_s: float = 10.0,
        idle_s: float = 60.0,
        idle_limit: int = 256,
        limit_bytes: int = LIMIT_BYTES,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self.pool = Pool(idle_s=idle_s, limit=idle_limit)
        self._connect_timeout_s = connect_timeout_s
        self._limit_bytes = limit_bytes
        self._given_context = ssl_context

    @asynccontextmanager
    async def open(self, request: Outgoing, /) -> AsyncGenerator[Reply]:
        """See `Transport.open`."""
        origin, target = split(request.url)
        exchange = Exchange(request, origin, target, self._limit_bytes)
        reply = await self._over_pooled(origin, exchange) or await self._over_new(origin, exchange)
        try:
            yield reply
        finally:
            if reply.reusable:
                self.pool.give(reply.connection)
            else:
                reply.connection.close()

    async def aclose(self) -> None:
        """Close the idle connections, and those in use as soon as they are given back."""
        self.pool.close()

    async def _over_pooled(self, origin: Origin, exchange: Exchange) -> H1Reply | None:
        """The answer over a connection used before; None if there is none, or the peer closed it
        before the request came to it."""
        connection = self.pool.take(origin)
        if connection is None:
            return None
        try:
            return await exchange.run(connection)
        except UpstreamUnreachable:
            if connection.answered:
                raise
            return None

    async def _over_new(self, origin: Origin, exchange: Exchange) -> H1Reply:
        context = self._ssl_context if origin.scheme == "https" else None
        stream, socket = await dial(origin, context, self._connect_timeout_s)
        return await exchange.run(Connection(origin, stream, socket))

    @cached_property
    def _ssl_context(self) -> ssl.SSLContext:
        return self._given_context or tls_context()

"""HTTP/1.1 straight over trio streams: the hot path to upstreams."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import cached_property
from typing import Final

from mux.errors import UpstreamUnreachable
from mux.providers.outgoing import Outgoing
from mux.upstream._address import Origin, split
from mux.upstream._base import Reply
from mux.upstream._connection import Connection
from mux.upstream._dial import dial
from mux.upstream._exchange import Exchange, H1Reply
from mux.upstream._limits import Limits
from mux.upstream._tls import tls_context
from mux.upstream.pool import Pool

_SESSIONS: Final = 256
"""TLS sessions that are remembered, one an origin."""


class H1Transport:
    """Opens requests over pooled connections."""

    def __init__(
        self, limits: Limits | None = None, ssl_context: ssl.SSLContext | None = None
    ) -> None:
        self._limits = limits or Limits()
        self._given_context = ssl_context
        self._sessions: dict[Origin, ssl.SSLSession] = {}
        self.pool = Pool(idle_s=self._limits.idle_s, limit=self._limits.idle_limit)

    @asynccontextmanager
    async def open(self, request: Outgoing, /) -> AsyncGenerator[Reply]:
        """See `Transport.open`."""
        origin, target = split(request.url)
        exchange = Exchange(request, origin, target, self._limits.body_bytes)
        reply = await self._over_pooled(origin, exchange) or await self._over_new(origin, exchange)
        try:
            yield reply
        finally:
            if reply.reusable:
                self._remember(reply.connection)
                self.pool.give(reply.connection)
            else:
                reply.connection.close()

    def close(self) -> None:
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
        context = self.ssl_context if origin.scheme == "https" else None
        session = self._sessions.get(origin)
        timeout_s = self._limits.connect_timeout_s
        return await exchange.run(await dial(origin, context, timeout_s, session))

    def _remember(self, connection: Connection) -> None:
        """Keep the TLS session, for the next connection to the same origin."""
        if (session := connection.session) is None:
            return
        self._sessions[connection.origin] = session
        if len(self._sessions) > _SESSIONS:
            del self._sessions[next(iter(self._sessions))]

    @cached_property
    def ssl_context(self) -> ssl.SSLContext:
        """What certificates are checked against; made for the first connection that needs it."""
        return self._given_context or tls_context()

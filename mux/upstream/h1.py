"""HTTP/1.1 straight over trio streams: the hot path to upstreams."""

from __future__ import annotations

import ssl
from functools import cached_property
from typing import Final

import trio

from mux.errors import MuxError, UpstreamUnreachable
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
        self.limits = limits or Limits()
        self._given_context = ssl_context
        self._sessions: dict[Origin, ssl.SSLSession] = {}
        self.pool = Pool(idle_s=self.limits.idle_s, limit=self.limits.idle_limit)

    def open(self, request: Outgoing, /) -> Opened:
        """See `Transport.open`."""
        return Opened(self, request)

    def close(self) -> None:
        """Close the idle connections, and those in use as soon as they are given back."""
        self.pool.close()

    def free(self, reply: H1Reply) -> None:
        """Keep the connection of `reply` for another request, if it can carry one."""
        if reply.reusable:
            self._remember(reply.connection)
            self.pool.give(reply.connection)
        else:
            reply.connection.close()

    async def dial(self, origin: Origin) -> Connection:
        """A new connection to `origin`."""
        context = self.ssl_context if origin.scheme == "https" else None
        session = self._sessions.get(origin)
        return await dial(origin, context, self.limits.connect_timeout_s, session)

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


class Opened:
    """An `Opening`, which ends as its connection is closed."""

    __slots__ = ("_connection", "_dialing", "_error", "_reply", "_request", "_transport")

    def __init__(self, transport: H1Transport, request: Outgoing) -> None:
        self._transport = transport
        self._request = request
        self._error: MuxError | None = None
        """what it was cancelled with"""
        self._dialing: trio.CancelScope | None = None
        self._connection: Connection | None = None
        self._reply: H1Reply | None = None

    async def __aenter__(self) -> Reply:
        origin, target = split(self._request.url)
        if self._error is not None:
            raise self._error
        exchange = Exchange(self._request, origin, target, self._transport.limits.body_bytes)
        reply = await self._over_pooled(origin, exchange) or await self._over_new(origin, exchange)
        self._reply = reply
        return reply

    async def __aexit__(self, *_: object) -> None:
        if self._reply is not None and self._error is None:
            self._transport.free(self._reply)

    def cancel(self, error: MuxError, /) -> None:
        """See `Opening.cancel`."""
        self._error = error
        if self._dialing is not None:
            self._dialing.cancel()
        if self._connection is not None:
            self._connection.end(error)

    async def _over_pooled(self, origin: Origin, exchange: Exchange) -> H1Reply | None:
        """The answer over a connection used before; None if there is none, or the peer closed it
        before the request came to it."""
        self._connection = connection = self._transport.pool.take(origin)
        if connection is None:
            return None
        try:
            return await exchange.run(connection)
        except UpstreamUnreachable:
            if connection.answered or self._error is not None:
                raise
            self._connection = None
            return None

    async def _over_new(self, origin: Origin, exchange: Exchange) -> H1Reply:
        with trio.CancelScope() as self._dialing:
            self._connection = await self._transport.dial(origin)
        if self._error is not None:
            if self._connection is not None:  # it was made at the same moment
                self._connection.close()
            raise self._error
        assert self._connection is not None, "nothing but `cancel` ends dialing without an error"
        return await exchange.run(self._connection)

"""The transport a process uses: straight to the upstream, or through the proxy a request names."""

from __future__ import annotations

import ssl
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Self

import trio

from mux.providers.outgoing import Outgoing
from mux.upstream._base import Opening
from mux.upstream._limits import Limits
from mux.upstream._names import Names
from mux.upstream.h1 import H1Transport

if TYPE_CHECKING:
    from mux.upstream.httpx import HttpxTransport


class NetworkTransport:
    """Opens requests to http and https URLs. One per process; leaving it closes its connections.

    How long an answer may take is for the caller to say, by cancelling. Redirects are not followed.
    """

    def __init__(
        self,
        *,
        connect_timeout_s: float = Limits.connect_timeout_s,
        idle_s: float = Limits.idle_s,
        idle_limit: int = Limits.idle_limit,
        limit_bytes: int = Limits.body_bytes,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._limits = Limits(connect_timeout_s, idle_s, idle_limit, limit_bytes)
        self._direct = H1Transport(self._limits, ssl_context)
        self._proxied: dict[str, HttpxTransport] = {}
        self._names = ExitStack()

    def open(self, request: Outgoing, /) -> Opening:
        """See `Transport.open`."""
        if not request.proxy_url:
            return self._direct.open(request)
        if request.proxy_url not in self._proxied:
            # Here, because the import takes a tenth of a second and few need it.
            from mux.upstream.httpx import HttpxTransport

            self._proxied[request.proxy_url] = HttpxTransport(
                request.proxy_url, self._limits, self._direct.ssl_context
            )
        return self._proxied[request.proxy_url].open(request)

    @property
    def ssl_context(self) -> ssl.SSLContext:
        """What certificates are checked against."""
        return self._direct.ssl_context

    async def aclose(self) -> None:
        """Close the idle connections. Those in use close when their request is over."""
        self._direct.close()
        for transport in self._proxied.values():
            await transport.aclose()

    async def __aenter__(self) -> Self:
        self._names.enter_context(Names().used())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._names.close()
        with trio.CancelScope(shield=True):  # closing takes no time, but has checkpoints
            await self.aclose()

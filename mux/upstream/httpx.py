"""Upstreams behind an http, https or socks5 proxy, through httpx.

The only module that imports httpx, and imported only once a proxy is used.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Final

import httpx
import socksio
import trio

from mux.errors import UpstreamProtocolError, UpstreamUnreachable
from mux.providers.outgoing import Outgoing
from mux.upstream._address import Origin, split
from mux.upstream._base import Reply, opening
from mux.upstream._content import Content
from mux.upstream._head import length_headers, request_headers
from mux.upstream._limits import Limits
from mux.wire.header_fields import by_name


class HttpxTransport:
    """Opens requests through one proxy. `aclose` ends its connections.

    Raises `UpstreamUnreachable` from the start if `proxy_url` is not a proxy's address.
    """

    def __init__(self, proxy_url: str, limits: Limits, ssl_context: ssl.SSLContext) -> None:
        # It logs every URL, and with it keys in queries.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        try:
            self._client = httpx.AsyncClient(
                proxy=proxy_url,
                verify=ssl_context,
                trust_env=False,
                timeout=httpx.Timeout(None, connect=limits.connect_timeout_s),
                limits=httpx.Limits(
                    max_connections=None,
                    max_keepalive_connections=limits.idle_limit,
                    keepalive_expiry=limits.idle_s,
                ),
            )
        except (ValueError, httpx.InvalidURL):  # its text quotes the URL, and so a password
            raise UpstreamUnreachable(
                "proxy-url must be an http, https or socks5 address; check it"
            ) from None
        self._limit_bytes = limits.body_bytes

    @opening
    async def open(self, request: Outgoing, /) -> AsyncGenerator[Reply]:
        """See `Transport.open`."""
        origin, _ = split(request.url)
        with _translated(origin):
            response = await self._send(request, origin)
        pieces = response.aiter_raw()
        try:
            yield HttpxReply(response, pieces, origin, self._limit_bytes)
        finally:
            await _let_go(response, pieces)

    async def _send(self, request: Outgoing, origin: Origin) -> httpx.Response:
        connected = False

        async def trace(event: str, _: object) -> None:
            nonlocal connected
            connected = connected or event.endswith("connect_tcp.started")

        outgoing = partial(
            httpx.Request,
            request.method,
            request.url,
            headers=[
                *request_headers(request.headers.items(), origin),
                *length_headers(request),
            ],
            content=request.body,
        )
        try:
            return await self._client.send(outgoing(extensions={"trace": trace}), stream=True)
        except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError):
            if connected:
                raise
        # The connection had been used before, and the peer closed it meanwhile.
        return await self._client.send(outgoing(), stream=True)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()


class HttpxReply:
    """An answer that httpx is reading."""

    def __init__(
        self,
        response: httpx.Response,
        pieces: AsyncIterator[bytes],
        origin: Origin,
        limit_bytes: int,
    ) -> None:
        self.status = response.status_code
        self.headers = by_name(response.headers.raw)
        self._pieces = pieces
        self._origin = origin
        self._content = Content(self.headers.get("content-encoding", ""), limit_bytes)

    @property
    def received(self) -> int:
        """See `Reply.received`."""
        return self._content.received

    async def receive_some(self) -> bytes:
        """See `Reply.receive_some`."""
        content = b""
        while not content:
            if self._content.more:
                await trio.lowlevel.checkpoint()
                content = self._content.feed(b"")
                continue
            with _translated(self._origin):
                piece = await anext(self._pieces, b"")
            if not piece:
                self._content.eof()
                break
            content = self._content.feed(piece)
        return content


async def _let_go(response: httpx.Response, pieces: AsyncIterator[bytes]) -> None:
    """Free the connection.

    httpx reads through a stack of generators, which must not be left half-way: resumed on a closed
    connection, or under cancellation, each of them ends.
    """
    try:
        await response.aclose()
    finally:
        with suppress(httpx.StreamError, httpx.TransportError):
            while await anext(pieces, None) is not None:
                pass


_REASONS: Final[dict[type[Exception], str]] = {
    httpx.ProxyError: "the proxy refused; check proxy-url, with its user and password",
    httpx.ConnectTimeout: "no connection in time; check proxy-url and the network",
    httpx.ConnectError: "no connection; check proxy-url, and that the upstream is up and trusted",
    httpx.LocalProtocolError: "the path or a header holds characters that HTTP forbids; check the "
    "API key and the configured headers",
}


@contextmanager
def _translated(origin: Origin) -> Generator[None]:
    """httpx's errors as ours. Their texts are not passed on: they may quote keys and passwords."""
    try:
        yield
    except httpx.RemoteProtocolError as error:
        if "disconnected" not in str(error) and "closed connection" not in str(error):
            raise UpstreamProtocolError(f"{origin} sent an answer that is not valid HTTP") from None
        reason = "the connection was closed; try again"
    except httpx.TransportError as error:
        reason = _REASONS.get(type(error), "the connection broke; try again")
    except (httpx.InvalidURL, UnicodeError):
        reason = _REASONS[httpx.LocalProtocolError]
    except (socksio.SOCKSError, AssertionError):  # how httpx meets a proxy that answers oddly
        reason = "the proxy does not speak socks5; check proxy-url"
    else:
        return
    raise UpstreamUnreachable(f"cannot reach {origin} through the proxy: {reason}")

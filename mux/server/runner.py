"""Runs an ASGI app on trio: binds, serves, and stops when told to.

hypercorn speaks HTTP; sockets, signals and the end of it all are handled here.
"""

from __future__ import annotations

import errno
import logging
import os
import signal
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from functools import partial
from typing import Final, TypeAlias, cast

import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.trio.lifespan import Lifespan
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ASGIFramework

from mux.server._connection import ClientConnection, Limits, Stream
from mux.server.asgi import Message, Receive, Send

AsgiApp: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]
Told: TypeAlias = Callable[[], Awaitable[object]]

FAREWELL_S: Final = 1.0
"""How long what is cut off at the end of a drain has for a last word to its client."""


class BindError(Exception):
    """The server cannot be reached at the address, or with the certificate, it was given.

    The message is for the operator and says what to do.
    """


async def serve(
    app: AsgiApp,
    *,
    host: str,
    port: int,
    certfile: str | os.PathLike[str] | None = None,
    keyfile: str | os.PathLike[str] | None = None,
    drain_s: float = 10.0,
    limits: Limits | None = None,
    ready: Callable[[list[str]], None] | None = None,
) -> None:
    """Serve `app` until SIGTERM or SIGINT, then for up to `drain_s` until its requests are done.

    A second signal, or the end of that time, cancels what is still running. `ready` gets the URLs
    that are served, with the real port where `port` was 0, once requests are taken. Outside the
    main thread there are no signals, and only cancellation ends it. Raises `BindError`.
    """
    config = _config(certfile, keyfile)
    context = _tls(config)
    listeners = await _listen(host, port)
    wrapped = ASGIWrapper(cast("ASGIFramework", app))
    lifespan = Lifespan(wrapped, config, {})
    server = _Server(wrapped, config, context, limits or Limits(), drain_s)
    async with trio.open_nursery() as nursery:
        await nursery.start(lifespan.handle_lifespan)
        await lifespan.wait_for_startup()
        if ready is not None:
            ready([_url("https" if context else "http", listener) for listener in listeners])
        await server.run(listeners)
        await lifespan.wait_for_shutdown()
        nursery.cancel_scope.cancel()


class _Server:
    """The connections of one `serve`."""

    def __init__(
        self,
        app: ASGIWrapper,
        config: Config,
        context: ssl.SSLContext | None,
        limits: Limits,
        drain_s: float,
    ) -> None:
        self._app = app
        self._config = config
        self._ssl_context = context
        self._limits = limits
        self._drain_s = drain_s
        self._context = WorkerContext(max_requests=None)
        self._live: set[ClientConnection] = set()

    async def run(self, listeners: list[trio.SocketListener]) -> None:
        """Accept connections until told to stop; return when the last one has ended."""
        with _signals() as told:
            async with trio.open_nursery() as cutting:
                async with trio.open_nursery() as connections:
                    async with trio.open_nursery() as accepting:
                        accepting.start_soon(
                            partial(
                                trio.serve_listeners,
                                self._handle,
                                listeners,
                                handler_nursery=connections,
                            )
                        )
                        await told()
                        accepting.cancel_scope.cancel()
                    await self._context.terminated.set()
                    for connection in self._live:
                        connection.finish()
                    cutting.start_soon(self._cut, connections.cancel_scope, told)
                cutting.cancel_scope.cancel()

    async def _handle(self, tcp: trio.SocketStream) -> None:
        stream: Stream = tcp
        if self._ssl_context is not None:
            stream = trio.SSLStream(tcp, self._ssl_context, server_side=True, https_compatible=True)
        connection = ClientConnection(self._app, self._config, self._context, stream, self._limits)
        self._live.add(connection)
        try:
            await connection.run()
        finally:
            self._live.discard(connection)

    async def _cut(self, connections: trio.CancelScope, told: Told) -> None:
        """End what the drain does not; at once when told a second time."""
        with trio.move_on_after(self._drain_s) as drain:
            await told()
        connections.cancel()
        if drain.cancelled_caught:
            await trio.sleep(FAREWELL_S)
        for connection in self._live:
            connection.abort()


@contextmanager
def _signals() -> Generator[Told]:
    """What to await for the next signal to stop."""
    if threading.current_thread() is not threading.main_thread():
        yield trio.sleep_forever
    else:
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as received:
            yield received.__anext__


def _config(
    certfile: str | os.PathLike[str] | None, keyfile: str | os.PathLike[str] | None
) -> Config:
    config = Config()
    config.errorlog = logging.getLogger("mux.server")
    config.include_server_header = False
    config.alpn_protocols = ["http/1.1"]
    config.h11_max_incomplete_size = 64 * 1024
    config.ssl_handshake_timeout = 10
    # Longer than clients keep idle connections, so that it is they who close them.
    config.keep_alive_timeout = 120
    # hypercorn waits on a full queue also where the app that should empty it is the one that waits:
    # an answer given before a large request was read would never end. The app bounds the body.
    config.max_app_queue_size = 1 << 16
    config.certfile = os.fspath(certfile) if certfile is not None else None
    config.keyfile = os.fspath(keyfile) if keyfile is not None else config.certfile
    return config


def _tls(config: Config) -> ssl.SSLContext | None:
    if config.certfile is None and config.keyfile is not None:
        raise BindError("a TLS key without a certificate; set tls.cert as well")
    try:
        return config.create_ssl_context()
    except OSError as error:
        reason = error.strerror
        if isinstance(error, ssl.SSLError):
            reason = "they are not a certificate and its key in PEM form"
        raise BindError(
            f"cannot use the TLS certificate {config.certfile} with the key {config.keyfile}: "
            f"{reason}; check tls.cert and tls.key"
        ) from None


async def _listen(host: str, port: int) -> list[trio.SocketListener]:
    try:
        return await trio.open_tcp_listeners(port, host=host)
    except OSError as error:
        raise BindError(f"cannot listen on {host}:{port}: {_bind_reason(error)}") from None


def _bind_reason(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "another program uses the port; stop it or choose another port"
    if error.errno == errno.EACCES:
        return "not allowed; choose a port over 1023"
    if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        return "this machine does not have that address; check host"
    return error.strerror or str(error)


def _url(scheme: str, listener: trio.SocketListener) -> str:
    host, port = listener.socket.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"

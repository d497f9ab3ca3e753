"""Runs an ASGI app on trio: serves what listens, and stops when told to.

hypercorn's lifespan tells the app of begin and end; connections and signals are handled here.
"""

from __future__ import annotations

import logging
import signal
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Final, TypeAlias, cast

import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.trio.lifespan import Lifespan
from hypercorn.typing import ASGIFramework

from mux.server._connection import ClientConnection, Limits
from mux.server._departures import TOLD, Departures
from mux.server.asgi import AsgiApp
from mux.server.connections import Connections

Told: TypeAlias = Callable[[], Awaitable[object]]

FAREWELL_S: Final = 1.0
"""How long what is cut off at the end of a drain has for a last word to its client."""


def _nothing() -> None:
    """What an app is told that has no last words."""


async def serve(
    app: AsgiApp,
    listeners: Sequence[socket.socket],
    *,
    tls: ssl.SSLContext | None = None,
    drain_s: float = 10.0,
    limits: Limits | None = None,
    cut: Callable[[], None] = _nothing,
    ready: Callable[[], None] = _nothing,
) -> None:
    """Serve `app` until SIGTERM or SIGINT, then for up to `drain_s` until its requests are done.

    At the end of that time `cut` is called, upon which the app has `FAREWELL_S` to end what is
    still running; a second signal ends it at once. `ready` is called once requests are taken.
    Outside the main thread there are no signals, and only cancellation ends it. The listeners are
    closed.
    """
    config = _config()
    wrapped = ASGIWrapper(cast("ASGIFramework", app))
    lifespan = Lifespan(wrapped, config, {})
    server = _Server(app, tls, limits or Limits(), drain_s, cut)
    async with trio.open_nursery() as nursery:
        await nursery.start(lifespan.handle_lifespan)
        await lifespan.wait_for_startup()
        await server.run(listeners, ready)
        await lifespan.wait_for_shutdown()
        nursery.cancel_scope.cancel()


class _Server:
    """The connections of one `serve`."""

    def __init__(
        self,
        app: AsgiApp,
        tls: ssl.SSLContext | None,
        limits: Limits,
        drain_s: float,
        cut: Callable[[], None],
    ) -> None:
        self._app = app
        self._tls = tls
        self._limits = limits
        self._drain_s = drain_s
        self._cut = cut
        self._connections = Connections(limits.connections, limits.turn_s)
        self._departures = Departures() if TOLD else None

    async def run(self, listeners: Sequence[socket.socket], ready: Callable[[], None]) -> None:
        """Accept connections until told to stop; return when the last one has ended."""
        with _signals() as told:
            async with trio.open_nursery() as ending:
                ending.start_soon(self._connections.look)
                if self._departures is not None:
                    ending.start_soon(self._departures.run)
                async with trio.open_nursery() as connections:
                    async with trio.open_nursery() as accepting:
                        for listener in listeners:
                            accepting.start_soon(self._accept, listener, connections)
                        ready()
                        await told()
                        accepting.cancel_scope.cancel()
                    self._connections.finish()
                    ending.start_soon(self._end, connections.cancel_scope, told)
                ending.cancel_scope.cancel()

    async def _accept(self, listener: socket.socket, nursery: trio.Nursery) -> None:
        with trio.socket.from_stdlib_socket(listener) as listening:
            await self._connections.accept(trio.SocketListener(listening), self._made, nursery)

    def _made(self, tcp: trio.SocketStream) -> ClientConnection:
        return ClientConnection(self._app, tcp, self._tls, self._limits, self._departures)

    async def _end(self, connections: trio.CancelScope, told: Told) -> None:
        """End what the drain does not; at once when told a second time."""
        with trio.move_on_after(self._drain_s) as drain:
            await told()
        if drain.cancelled_caught:
            self._cut()
            with trio.move_on_after(FAREWELL_S):
                await told()
        connections.cancel()
        self._connections.abort()


@contextmanager
def _signals() -> Generator[Told]:
    """What to await for the next signal to stop."""
    if threading.current_thread() is not threading.main_thread():
        yield trio.sleep_forever
    else:
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as received:
            yield received.__anext__


def _config() -> Config:
    config = Config()
    config.errorlog = logging.getLogger("mux.server")
    return config

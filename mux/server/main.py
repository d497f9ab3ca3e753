"""The server put together from its configuration, and run."""

from __future__ import annotations

import gc
import logging
import signal
import socket
import ssl
import sys
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Final

import trio

from mux.codecs import CODECS
from mux.config import Settings
from mux.config.mask import Mask
from mux.config.source import Source
from mux.gateway.exchange import Gateway
from mux.gateway.memory import Memory
from mux.models import Catalog
from mux.providers import from_settings
from mux.routing import Router
from mux.server import listen, resident
from mux.server._connection import Limits
from mux.server.app import App
from mux.server.asgi import AsgiApp
from mux.server.descriptors import connection_limit
from mux.server.journal import Journal
from mux.server.live import Live, Serving
from mux.server.logs import ServerLog
from mux.server.management import Management
from mux.server.request_log import RequestLog
from mux.server.runner import serve
from mux.server.workers import CAN_FORK, Workers
from mux.upstream.demo import DemoTransport
from mux.upstream.schemes import SchemeTransport
from mux.upstream.transport import NetworkTransport
from mux.usage import Budgets
from mux.usage.budgets import limits_of
from mux.usage.recorder import recording

if TYPE_CHECKING:
    from mux.server.traces import Traces

_FAREWELL_S: Final = 3.0
"""How long the last spans have."""

_TURN_S: Final = 0.001
_COLLECT_AFTER: Final = 50_000
"""So many more objects than were freed, not 700: a request has hundreds that are soon gone, and a
hundred requests at once are no reason to look through them."""

_log: Final = logging.getLogger("mux.server")


def run(
    settings: Settings, *, source: Source | None, announce: Callable[[list[str]], None]
) -> None:
    """Serve until a signal ends it. `announce` gets the addresses once they are bound.

    With a `source` its changes are followed, and it can be managed. Raises `BindError` if the
    server cannot be reached where it should be.
    """
    _collect_seldom()
    log = ServerLog()
    log.apply(settings, None)
    sys.excepthook = _tell_of_crash
    limits = Limits(connections=connection_limit(), turn_s=_TURN_S if settings.workers > 1 else 0)
    tls = _tls(settings)
    listeners = listen.listen(settings.host, settings.port)
    scheme = "https" if tls else "http"
    announcing = partial(announce, [listen.url(scheme, listener) for listener in listeners])
    serving = partial(_serve, settings, source, log, listeners, tls, limits)
    if settings.workers == 1 or not CAN_FORK:
        with log.console.behind():
            trio.run(serving, None, announcing)
        return

    def work(parent: int) -> None:
        with log.console.behind():
            trio.run(serving, parent)

    announcing()
    Workers(settings.workers, listeners, work).run()


def _tls(settings: Settings) -> ssl.SSLContext | None:
    tls = settings.tls
    return listen.server_tls(tls.cert, tls.key) if tls.enable and tls.cert else None


async def _serve(
    settings: Settings,
    source: Source | None,
    log: ServerLog,
    listeners: Sequence[socket.socket],
    tls: ssl.SSLContext | None,
    limits: Limits,
    parent: int | None,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Serve until a signal, or the end of the process at the other end of `parent`."""
    clock = time.time  # noqa: TID251 (this is where the clock comes from)
    folder = source.path.parent / "logs" if source is not None else None
    memory, catalog = Memory.empty(trio.current_time), Catalog()
    budgets = Budgets(settings.api_keys)
    async with (
        _network(settings) as network,
        recording(settings.usage, budgets, clock) as recorder,
        _tracing(settings) as traces,
        trio.open_nursery() as nursery,
    ):
        demo = DemoTransport(CODECS, clock)
        transport = SchemeTransport({"http": network, "https": network, "demo": demo})
        request_log = RequestLog(folder) if folder is not None else None
        journal = Journal(recorder, catalog, request_log, traces)

        def build(settings: Settings) -> Serving:
            router = Router(from_settings(settings), settings, catalog)
            log.apply(settings, folder)
            journal.apply(settings, router)
            budgets.limits = limits_of(settings.api_keys)
            memory.pressure.limit_bytes = _memory_limit(settings)
            gateway = Gateway(router, transport, clock, settings, memory)
            return Serving(gateway, App(settings, gateway, journal))

        app: AsgiApp
        if source is None:
            app = build(settings).app
        else:
            live = Live(settings, source, build)
            app = Management(live, source, clock, recorder.summary)
            nursery.start_soon(live.watch)
        nursery.start_soon(journal.figures.watch_lag)
        nursery.start_soon(resident.watch, memory.pressure)
        if request_log is not None:
            nursery.start_soon(request_log.run)
        if parent is not None:
            nursery.start_soon(_end_with, parent)
        await serve(
            app,
            listeners,
            tls=tls,
            drain_s=settings.shutdown_grace,
            limits=limits,
            cut=memory.waits.close,
            ready=ready,
        )
        nursery.cancel_scope.cancel()
    log.close()


def _network(settings: Settings) -> NetworkTransport:
    return NetworkTransport(
        connect_timeout_s=settings.connect_timeout, limit_bytes=settings.max_response_size
    )


@asynccontextmanager
async def _tracing(settings: Settings) -> AsyncGenerator[Traces | None]:
    """Where spans go, if they are wanted; those that wait are sent at the end."""
    traces = _traces(settings) if settings.tracing else None
    try:
        yield traces
    finally:
        if traces is not None:
            with trio.move_on_after(_FAREWELL_S, shield=True):
                await trio.to_thread.run_sync(traces.close, abandon_on_cancel=True)


def _traces(settings: Settings) -> Traces | None:
    try:
        from mux.server.traces import Traces  # an extra, and slow to import
    except ImportError:
        _log.error("traces are not sent: they need `pip install 'llm-mux[otel]'`")
        return None
    try:
        return Traces(Mask(settings))
    except ValueError as error:
        _log.error("traces are not sent, an OTEL_ variable is wrong: %s", error)
        return None


def _memory_limit(settings: Settings) -> int:
    """What one process may hold."""
    if settings.memory_limit is not None:
        return settings.memory_limit // settings.workers
    return resident.default_limit(settings.workers)


async def _end_with(parent: int) -> None:
    await trio.lowlevel.wait_readable(parent)
    signal.raise_signal(signal.SIGTERM)


def _collect_seldom() -> None:
    """Spare the garbage collector what lives as long as the process: looking through all of the
    modules again would stop every stream for tens of milliseconds."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER)


def _tell_of_crash(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Log what ends the process, so that its trace holds no secrets either."""
    _log.critical("llm-mux ends on a bug", exc_info=(kind, error, trace))

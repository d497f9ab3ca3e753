"""The server put together from its configuration, and run."""

from __future__ import annotations

import gc
import logging
import signal
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

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
from mux.server import listen
from mux.server._connection import Limits
from mux.server.app import App
from mux.server.asgi import AsgiApp
from mux.server.descriptors import connection_limit
from mux.server.journal import Journal
from mux.server.live import Live, Serving
from mux.server.logs import JsonLines, Lines, LogFile
from mux.server.management import Management
from mux.server.runner import serve
from mux.server.workers import CAN_FORK, Workers
from mux.upstream.demo import DemoTransport
from mux.upstream.schemes import SchemeTransport
from mux.upstream.transport import NetworkTransport
from mux.usage import Budgets
from mux.usage.budgets import limits_of
from mux.usage.recorder import recording

_COLLECT_AFTER: Final = 10_000
"""So many more objects than were freed, not 700: a request has hundreds that are soon gone."""

_LINES: Final = Lines()
_JSON_LINES: Final = JsonLines()
_log: Final = logging.getLogger("mux.server")


def run(
    settings: Settings, *, source: Source | None, announce: Callable[[list[str]], None]
) -> None:
    """Serve until a signal ends it. `announce` gets the addresses once they are bound.

    With a `source` its changes are followed, and it can be managed. Raises `BindError` if the
    server cannot be reached where it should be.
    """
    _start_logging(settings)
    _collect_seldom()
    limits = Limits(connections=connection_limit())
    tls = _tls(settings)
    listeners = listen.listen(settings.host, settings.port)
    scheme = "https" if tls else "http"
    announcing = partial(announce, [listen.url(scheme, listener) for listener in listeners])
    serving = partial(_serve, settings, source, listeners, tls, limits)
    if settings.workers == 1 or not CAN_FORK:
        trio.run(serving, None, announcing)
        return

    def work(parent: int) -> None:
        trio.run(serving, parent)

    announcing()
    Workers(settings.workers, listeners, work).run()


def _tls(settings: Settings) -> ssl.SSLContext | None:
    tls = settings.tls
    return listen.server_tls(tls.cert, tls.key) if tls.enable and tls.cert else None


async def _serve(
    settings: Settings,
    source: Source | None,
    listeners: Sequence[socket.socket],
    tls: ssl.SSLContext | None,
    limits: Limits,
    parent: int | None,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Serve until a signal, or the end of the process at the other end of `parent`."""
    clock = time.time  # noqa: TID251 (this is where the clock comes from)
    memory, catalog = Memory.empty(trio.current_time), Catalog()
    budgets = Budgets(settings.api_keys)
    async with (
        NetworkTransport(
            connect_timeout_s=settings.connect_timeout, limit_bytes=settings.max_response_size
        ) as network,
        recording(settings.usage, budgets, clock) as recorder,
        trio.open_nursery() as nursery,
    ):
        transport = SchemeTransport(
            {"http": network, "https": network, "demo": DemoTransport(CODECS, clock)}
        )

        journal = Journal(recorder, catalog)

        def build(settings: Settings) -> Serving:
            router = Router(from_settings(settings), settings, catalog)
            _apply_to_logs(settings)
            _log_to_file(settings, source)
            budgets.limits = limits_of(settings.api_keys)
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
        if parent is not None:
            nursery.start_soon(_end_with, parent)
        await serve(
            app,
            listeners,
            tls=tls,
            drain_s=settings.shutdown_grace,
            limits=limits,
            cut=memory.closing.close,
            ready=ready,
        )
        nursery.cancel_scope.cancel()


async def _end_with(parent: int) -> None:
    await trio.lowlevel.wait_readable(parent)
    signal.raise_signal(signal.SIGTERM)


def _collect_seldom() -> None:
    """Spare the garbage collector what lives as long as the process: looking through all of the
    modules again would stop every stream for tens of milliseconds."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER)


def _start_logging(settings: Settings) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(_LINES)
    logging.basicConfig(handlers=[handler])
    _apply_to_logs(settings)


def _apply_to_logs(settings: Settings) -> None:
    _LINES.mask = _JSON_LINES.mask = Mask(settings)
    logging.getLogger("mux").setLevel(logging.DEBUG if settings.debug else logging.INFO)


def _log_to_file(settings: Settings, source: Source | None) -> None:
    """Begin or end the log file beside the configuration, as `settings` say."""
    root = logging.getLogger()
    found = next((handler for handler in root.handlers if isinstance(handler, LogFile)), None)
    if found is not None and not settings.logging_to_file:
        root.removeHandler(found)
        found.close()
    elif found is None and settings.logging_to_file and source is not None:
        try:
            handler = LogFile(source.path.parent / "logs" / "main.log")
        except OSError as error:
            _log.error("the log cannot be written to a file: %s", error)
            return
        handler.setFormatter(_JSON_LINES)
        root.addHandler(handler)

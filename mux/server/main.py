"""The server put together from its configuration, and run."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import trio

from mux.codecs import CODECS
from mux.config import Settings
from mux.config.source import Source
from mux.gateway.exchange import Gateway
from mux.gateway.memory import Memory
from mux.models import Catalog
from mux.providers import from_settings
from mux.routing import Router
from mux.server.app import App
from mux.server.live import Live
from mux.server.runner import AsgiApp, BindError, serve
from mux.upstream.demo import DemoTransport
from mux.upstream.schemes import SchemeTransport
from mux.upstream.transport import NetworkTransport


def run(
    settings: Settings, *, source: Source | None, announce: Callable[[list[str]], None]
) -> None:
    """Serve until a signal ends it. `announce` gets the addresses once they are bound.

    With a `source` its changes are followed, and it can be managed. Raises `BindError` if an
    address cannot be bound.
    """
    _start_logging(settings)
    trio.run(_serve, settings, source, announce)


async def _serve(
    settings: Settings, source: Source | None, announce: Callable[[list[str]], None]
) -> None:
    clock = time.time  # noqa: TID251 (this is where the clock comes from)
    async with NetworkTransport(
        connect_timeout_s=settings.connect_timeout, limit_bytes=settings.max_response_size
    ) as network:
        transport = SchemeTransport(
            {"http": network, "https": network, "demo": DemoTransport(CODECS, clock)}
        )
        memory, catalog = Memory.empty(trio.current_time), Catalog()

        def build(settings: Settings) -> App:
            router = Router(from_settings(settings), settings, catalog)
            _set_level(settings)
            return App(settings, Gateway(router, transport, clock, settings, memory))

        if source is None:
            await _listen(build(settings), settings, announce)
            return
        live = Live(settings, source, build)
        unbound: BindError | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(live.watch)
            try:
                await _listen(live, settings, announce)
            except BindError as error:  # raised below, outside of the nursery's exception group
                unbound = error
            nursery.cancel_scope.cancel()
        if unbound is not None:
            raise unbound


async def _listen(app: AsgiApp, settings: Settings, announce: Callable[[list[str]], None]) -> None:
    tls = settings.tls
    await serve(
        app,
        host=settings.host,
        port=settings.port,
        certfile=tls.cert if tls.enable else None,
        keyfile=tls.key if tls.enable else None,
        ready=announce,
    )


def _start_logging(settings: Settings) -> None:
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s")
    _set_level(settings)


def _set_level(settings: Settings) -> None:
    logging.getLogger("mux").setLevel(logging.DEBUG if settings.debug else logging.INFO)

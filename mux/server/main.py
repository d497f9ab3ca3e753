"""The server put together from its configuration, and run."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

import trio

from mux.codecs import CODECS
from mux.config import Settings
from mux.gateway.exchange import Gateway
from mux.gateway.memory import Memory
from mux.models import Catalog
from mux.providers import from_settings
from mux.routing import Router
from mux.server.app import App
from mux.server.runner import serve
from mux.upstream.demo import DemoTransport
from mux.upstream.schemes import SchemeTransport
from mux.upstream.transport import NetworkTransport


def run(
    settings: Settings, *, config_path: Path | None, announce: Callable[[list[str]], None]
) -> None:
    """Serve until a signal ends it. `announce` gets the addresses once they are bound.

    Raises `BindError` if an address cannot be bound.
    """
    _start_logging(settings)
    trio.run(_serve, settings, announce)


async def _serve(settings: Settings, announce: Callable[[list[str]], None]) -> None:
    router = Router(from_settings(settings), settings, Catalog())
    clock = time.time  # noqa: TID251 (this is where the clock comes from)
    async with NetworkTransport(
        connect_timeout_s=settings.connect_timeout, limit_bytes=settings.max_response_size
    ) as network:
        transport = SchemeTransport(
            {"http": network, "https": network, "demo": DemoTransport(CODECS, clock)}
        )
        gateway = Gateway(router, transport, clock, settings, Memory.empty(trio.current_time))
        tls = settings.tls
        await serve(
            App(settings, gateway),
            host=settings.host,
            port=settings.port,
            certfile=tls.cert if tls.enable else None,
            keyfile=tls.key if tls.enable else None,
            ready=announce,
        )


def _start_logging(settings: Settings) -> None:
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("mux").setLevel(logging.DEBUG if settings.debug else logging.INFO)

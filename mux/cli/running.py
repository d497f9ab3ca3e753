"""The server that runs with a configuration, asked over HTTP."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import trio

from mux.cli.configured import server_url
from mux.config import Settings
from mux.errors import UpstreamUnreachable
from mux.providers.outgoing import Outgoing
from mux.upstream.transport import NetworkTransport

PATIENCE_S: Final = 5.0
"""A server that runs answers sooner."""


class Running:
    """Calls to one server: the one at `url`, else the one of `settings`. Leaving it hangs up."""

    def __init__(self, settings: Settings, url: str = "") -> None:
        self.url = url.rstrip("/") or server_url(settings)
        cert = settings.tls.cert if settings.tls.enable and not url else None
        context = None if cert is None else _trusting(cert)
        self._transport = NetworkTransport(connect_timeout_s=PATIENCE_S, ssl_context=context)

    async def get(self, path: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """Status and body. Raises `MuxError` if there is no answer."""
        request = Outgoing("GET", self.url + path, headers, b"")
        pieces: list[bytes] = []
        try:
            with trio.fail_after(PATIENCE_S):
                async with self._transport.open(request) as reply:
                    while piece := await reply.receive_some():
                        pieces.append(piece)
                    return reply.status, b"".join(pieces)
        except trio.TooSlowError:
            text = f"no answer from {self.url} within {PATIENCE_S:g} s"
            raise UpstreamUnreachable(f"{text}; is it llm-mux that listens there?") from None

    async def __aenter__(self) -> Running:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._transport.aclose()


def _trusting(cert: Path) -> ssl.SSLContext | None:
    """Trusts our own certificate, whatever name it is for; None if it cannot be read."""
    try:
        context = ssl.create_default_context(cafile=cert)
    except OSError:
        return None
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context

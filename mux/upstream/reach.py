"""Can a server be reached at all? Name lookup, TCP and TLS, and not a byte of HTTP."""

from __future__ import annotations

import ssl
from typing import Final
from urllib.parse import urlsplit

from mux.errors import UpstreamUnreachable
from mux.upstream._address import Origin, split
from mux.upstream._dial import dial

_PROXY_PORTS: Final = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}


async def reach(url: str, proxy_url: str, context: ssl.SSLContext, timeout_s: float) -> str:
    """Connect to the server of `url`, or to the proxy that stands before it, and hang up.

    Returns whom it was that answered. Raises `UpstreamUnreachable`, with the reason.
    """
    if proxy_url:
        origin = _proxy(proxy_url)
        (await dial(origin, None, timeout_s)).close()
        return f"the proxy at {origin.host}:{origin.port}"
    origin, _ = split(url)
    (await dial(origin, context if origin.scheme == "https" else None, timeout_s)).close()
    return origin.authority


def _proxy(url: str) -> Origin:
    """Where a proxy listens; what its address holds of passwords is left out."""
    parts = urlsplit(url)
    port = parts.port or _PROXY_PORTS.get(parts.scheme)
    if not parts.hostname or not port:
        raise UpstreamUnreachable("proxy-url is no address of a proxy; check it")
    return Origin("http", parts.hostname, port)

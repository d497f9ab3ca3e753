"""Which names the server answers to, and which web pages may use it.

A page in the user's browser can send requests to this machine: simple POSTs from anywhere, and
anything at all once its own name is rebound to a loopback address. So a request must name us as
`Host`, and what a browser sends for another site is refused before its body is read. Only origins
that the configuration lists are let in, and told so by CORS headers.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from mux.config import Settings
from mux.errors import Forbidden
from mux.server.asgi import Inbound

_LOOPBACK: Final = ("localhost", "127.0.0.1", "[::1]")
_AUTHORITY: Final = re.compile(r"([a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::(\d{1,5}))?", re.IGNORECASE)
_LOCAL_ORIGIN: Final = re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?")
_TOKENS: Final = re.compile(r"[\w!#$%&'*+.^`|~, -]*", re.ASCII)

_VARY: Final = ("vary", "origin")
_EXPOSED: Final = (
    "request-id, retry-after, retry-after-ms, x-mux-estimated, x-mux-model, x-mux-provider, "
    "x-mux-upstream-request-id, x-mux-warnings, x-request-id, x-should-retry"
)
_PREFLIGHT_S: Final = "600"


class Doorkeeper:
    """Decides by a request's head alone. One per configuration."""

    def __init__(self, settings: Settings) -> None:
        self._origins = frozenset(settings.allowed_origins)
        own = f"[{settings.host}]" if ":" in settings.host else settings.host.lower()
        self._own_names = frozenset((*_LOOPBACK, own))
        self._allowed_names = frozenset(settings.allowed_hosts)
        self._any_name = not settings.local and not settings.allowed_hosts
        """Machines that others reach have names we cannot know; there keys keep pages out."""

    def check(self, inbound: Inbound) -> None:
        """Raise `Forbidden` for what only a web page, or a name that is not ours, would send."""
        self.check_host(inbound)
        origin = inbound.headers.get("origin")
        if origin in self._origins:
            return
        if origin is not None and not is_local_page(origin):
            raise Forbidden(
                f"Web pages of {origin[:100]!r} may not use this server; "
                "add it to allowed-origins to let them"
            )
        if inbound.headers.get("sec-fetch-site") == "cross-site":
            raise Forbidden(
                "Web pages of other sites may not use this server; "
                "add their origin to allowed-origins to let them"
            )

    def check_host(self, inbound: Inbound) -> None:
        """Raise `Forbidden` unless the request is for a name of ours."""
        host = inbound.headers.get("host", "")
        named = _authority(host)
        # A target that is a URL names a host of its own.
        if named is not None and inbound.path.startswith("/"):
            name, port = named
            own = name in self._own_names and port in (None, inbound.port)
            listed = not self._allowed_names.isdisjoint((name, host.lower()))
            if own or listed or self._any_name:
                return
        raise Forbidden(
            f"This server does not go by the name {host[:100]!r}; "
            "add it to allowed-hosts if it is one of its names"
        )

    def headers(self, inbound: Inbound) -> list[tuple[str, str]]:
        """The CORS headers that go with every answer; none unless origins are listed."""
        if not self._origins:
            return []
        origin = inbound.headers.get("origin")
        return [_VARY] if origin not in self._origins or origin is None else shared_with(origin)

    def preflight(self, inbound: Inbound) -> list[tuple[str, str]] | None:
        """What to say beside `headers` to a browser that asks first; None if this is no such
        question of a listed origin."""
        if inbound.headers.get("origin") not in self._origins:
            return None
        return preflight(inbound, "GET, POST, DELETE")


@lru_cache(maxsize=64)
def _authority(host: str) -> tuple[str, int | None] | None:
    """The name and the port that `host` holds, if it is a name at all."""
    match = _AUTHORITY.fullmatch(host)
    if match is None:
        return None
    return match[1].lower(), int(match[2]) if match[2] else None


def is_local_page(origin: str) -> bool:
    """Whether `origin` is that of a web page which this machine serves."""
    return _LOCAL_ORIGIN.fullmatch(origin) is not None


def shared_with(origin: str) -> list[tuple[str, str]]:
    """The headers that let pages of `origin` read an answer."""
    return [
        ("access-control-allow-origin", origin),
        ("access-control-expose-headers", _EXPOSED),
        _VARY,
    ]


def preflight(inbound: Inbound, methods: str) -> list[tuple[str, str]] | None:
    """What to say to a browser that asks whether its page may call with `methods`; None if this is
    no such question."""
    headers = inbound.headers
    if inbound.method != "OPTIONS" or "access-control-request-method" not in headers:
        return None
    allowed = [
        ("access-control-allow-methods", methods),
        ("access-control-max-age", _PREFLIGHT_S),
    ]
    wanted = headers.get("access-control-request-headers", "")
    if wanted and _TOKENS.fullmatch(wanted):
        allowed.append(("access-control-allow-headers", wanted))
    if headers.get("access-control-request-private-network") == "true":
        allowed.append(("access-control-allow-private-network", "true"))
    return allowed

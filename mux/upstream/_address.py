"""Where a URL points: the origin to connect to, and what to ask it for."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from mux.errors import UpstreamUnreachable

_PORTS: Final = {"http": 80, "https": 443}


class Origin(NamedTuple):
    """A server, as connections are shared by it. `str` of it is fit for error messages."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


@lru_cache(maxsize=256)
def split(url: str) -> tuple[Origin, str]:
    """The origin and the request target (path and query) of an absolute http or https URL.

    Raises `UpstreamUnreachable`, without the URL, because its query may hold a key.
    """
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna").decode()
        port = _PORTS[parts.scheme] if parts.port is None else parts.port
    except (KeyError, ValueError):
        raise _unfit() from None
    if not host or not port or "@" in parts.netloc:
        raise _unfit()
    target = parts.path or "/"
    return Origin(parts.scheme, host, port), f"{target}?{parts.query}" if parts.query else target


def _unfit() -> UpstreamUnreachable:
    return UpstreamUnreachable(
        "the upstream address is not a plain http or https URL; check the base-url"
    )

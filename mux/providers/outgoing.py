"""One HTTP request to an upstream, fully built and not yet sent."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct


class Outgoing(Struct, frozen=True):
    """`url` is absolute; `headers` hold the credentials, so `repr` leaves them out."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    proxy_url: str = ""

    def __repr__(self) -> str:
        return f"Outgoing({self.method!r}, {self.url!r})"

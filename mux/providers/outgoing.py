"""One HTTP request to an upstream, fully built and not yet sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Outgoing:
    """`url` is absolute; `headers` hold the credentials, so `repr` leaves them out."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    proxy_url: str = field(default="", repr=False)

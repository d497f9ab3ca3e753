"""How long and how much, for every way to an upstream."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """`connect_timeout_s` covers name lookup, TCP and TLS. Up to `idle_limit` connections are kept
    for `idle_s` after their last request. `body_bytes` bounds an answer, compressed or not."""

    connect_timeout_s: float = 10.0
    idle_s: float = 60.0
    idle_limit: int = 256
    body_bytes: int = 100 * 1024 * 1024

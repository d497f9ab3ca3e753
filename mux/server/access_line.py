"""What the log tells of each request: a line, or fields where the log is JSON."""

from __future__ import annotations

from typing import Self

from msgspec import Struct

from mux.ir import Object, Usage
from mux.server.visit import Entry
from mux.usage import Tokens


class AccessLine(Struct, frozen=True):
    """The message about a request that has ended. Whoever writes it may do so later: it holds
    nothing of the request's body."""

    request_id: str
    method: str
    path: str
    client: str
    dialect: str
    asked: str
    stream: bool
    provider: str
    upstream_dialect: str
    model: str
    status: int
    error: str
    cancelled: bool
    attempts: int
    losses: tuple[str, ...]
    usage: Usage | None
    first_content_s: float | None
    duration_s: float

    @classmethod
    def of(cls, entry: Entry, duration_s: float) -> Self:
        """What is told of `entry`."""
        inbound, outcome, call = entry.inbound, entry.outcome, entry.call
        return cls(
            entry.id,
            inbound.method,
            inbound.path,
            entry.client,
            entry.dialect,
            call.request.model if call is not None else "",
            call is not None and call.request.stream,
            outcome.provider,
            outcome.dialect,
            outcome.model,
            entry.sink.status,
            outcome.error,
            entry.cancelled,
            outcome.attempts,
            outcome.losses,
            outcome.usage,
            entry.first_content_s,
            duration_s,
        )

    def __str__(self) -> str:
        read = self.usage.input_total if self.usage is not None else None
        written = self.usage.output_total if self.usage is not None else None
        first = "" if self.first_content_s is None else f" first={self.first_content_s:.3f}s"
        return (
            f"{self.method} {self.path} {self.dialect} -> "
            f"{self.provider or '-'}/{self.upstream_dialect or '-'} {self.model or '-'} "
            f"{self.status} in={'-' if read is None else read} "
            f"out={'-' if written is None else written}{first} {self.duration_s:.3f}s"
            f"{f' {self.error}' if self.error else ''} id={self.request_id}"
        )

    @property
    def fields(self) -> Object:
        """The same and more, one by one."""
        tokens = Tokens.of(self.usage)
        first_s = self.first_content_s
        return {
            "request_id": self.request_id,
            "method": self.method,
            "path": self.path,
            "client": self.client,
            "dialect": self.dialect,
            "asked": self.asked,
            "stream": self.stream,
            "provider": self.provider,
            "upstream_dialect": self.upstream_dialect,
            "model": self.model,
            "status": self.status,
            "error": self.error,
            "cancelled": self.cancelled,
            "attempts": self.attempts,
            "losses": [*self.losses],
            "input": tokens.input,
            "output": tokens.output,
            "cached": tokens.cached,
            "reasoning": tokens.reasoning,
            "first_content_s": None if first_s is None else round(first_s, 4),
            "duration_s": round(self.duration_s, 4),
        }

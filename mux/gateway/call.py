"""What a client asked for, and where the answer goes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from mux.ir import Request, Usage


@dataclass(frozen=True, slots=True)
class Call:
    """One request to generate: the client's own bytes beside what they mean.

    `headers` are the client's, names in lower case.
    """

    dialect: str
    request: Request
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


class Sink(Protocol):
    """The client's side of the socket. Bytes are on their way when `send` returns."""

    async def start(self, status: int, headers: Iterable[tuple[str, str]]) -> None:
        """Send the head. Once, and before any body."""
        ...

    async def send(self, data: bytes) -> None:
        """Send a piece of the body."""
        ...

    async def end(self) -> None:
        """The body is complete."""
        ...


@dataclass(slots=True)
class Outcome:
    """What became of a call, for the log line."""

    provider: str = ""
    model: str = ""
    dialect: str = ""
    usage: Usage | None = None
    error: str = ""
    attempts: int = 0

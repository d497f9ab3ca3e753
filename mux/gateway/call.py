"""What a client asked for, and where the answer goes."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Mapping
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from mux.errors import MuxError
from mux.ir import Request, Response, StopReason, Usage


class Call(Struct, frozen=True):
    """One request to generate: the client's own bytes beside what they mean.

    `headers` are the client's, names in lower case. `client` tells clients apart without holding
    their keys. `strict`: what a translation cannot carry is refused. `exact`: `body` is all there
    is to say, so that an upstream of the same dialect may have it as it is.
    """

    dialect: str
    request: Request
    body: bytes
    headers: Mapping[str, str]
    client: str = ""
    strict: bool = False
    exact: bool = True

    def __repr__(self) -> str:
        return f"Call({self.dialect!r}, {self.request.model!r})"  # the rest holds keys

    def changed(self, request: Request) -> Call:
        """The call with another `request` than its body holds."""
        return replace(self, request=request, exact=False)


class Sink(Protocol):
    """The client's side of the socket. Bytes are on their way when `send` returns."""

    async def start(self, status: int, headers: Iterable[tuple[str, str]]) -> None:
        """Send the head. Once, and before any body, for whose first piece it may wait."""
        ...

    def send(self, data: bytes) -> Awaitable[None]:
        """Send a piece of the body, or the head alone by an empty one."""
        ...

    async def end(self, data: bytes = b"") -> None:
        """The body is complete with `data`."""
        ...


class Try(Struct):
    """One candidate asked once. Times are on trio's clock.

    `catalogue` is what the model catalogue calls the provider's type, `account` tells its keys
    apart; `status` is the upstream's, 0 if it gave none; `complete`: the answer came to its end;
    `written` are the characters of it.
    """

    provider: str
    catalogue: str
    account: str
    model: str
    dialect: str
    base_url: str
    started_s: float
    ended_s: float = 0.0
    content_s: float | None = None
    """when its first content was on the way to the client, in a stream"""
    between_s: float | None = None
    """what lay between two pieces of its content, on average"""
    status: int = 0
    error: str = ""
    complete: bool = False
    usage: Usage | None = None
    written: int = 0

    def end(self, outcome: Outcome, now_s: float) -> None:
        """It has ended, and `outcome` tells of it."""
        self.ended_s = now_s
        self.usage, self.written = outcome.usage, outcome.written
        self.complete = outcome.finished and not self.error


class Outcome(Struct):
    """What became of a call. What is told of an attempt is that of the last one."""

    provider: str = ""
    model: str = ""
    dialect: str = ""
    usage: Usage | None = None
    error: str = ""
    failure: MuxError | None = None
    """what ended an answer that had begun"""
    finished: bool = False
    """whether the model came to its end"""
    written: int = 0
    """characters the model wrote, for where nobody says how many tokens"""
    losses: tuple[str, ...] = ()
    """codes of what the translation lost"""
    answer_id: str = ""
    answer_model: str = ""
    """the upstream's own words for its answer"""
    reasons: tuple[StopReason, ...] = ()
    """why its choices ended"""
    tries: list[Try] = []

    def told(self, response: Response) -> None:
        """The whole of the answer is `response`."""
        self.usage = response.usage
        self.answer_id, self.answer_model = response.id, response.model
        self.reasons = tuple(answer.finish.reason for answer in response.answers)

    @property
    def attempts(self) -> int:
        """How often an upstream was asked."""
        return len(self.tries)

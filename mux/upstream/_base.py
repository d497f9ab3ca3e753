"""The narrowest thing a socket library must give us."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import wraps
from types import TracebackType
from typing import ParamSpec, Protocol

import trio

from mux.errors import MuxError
from mux.providers.outgoing import Outgoing

P = ParamSpec("P")


class Reply(Protocol):
    """An upstream's answer whose head has arrived. Lives inside an `Opening`."""

    @property
    def status(self) -> int:
        """The final HTTP status (1xx are swallowed)."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Header names are lower case; of repeated ones the values are joined by a comma."""
        ...

    @property
    def received(self) -> int:
        """How many bytes of the body have come, as they came."""
        ...

    async def receive_some(self) -> bytes:
        """All body bytes that have arrived, decompressed; waits for the first; ``b""`` at the end.

        Raises `UpstreamUnreachable` if the connection breaks before the body is complete and
        `UpstreamProtocolError` if the bytes are not HTTP.
        """
        ...


class Opening(AbstractAsyncContextManager[Reply], Protocol):
    """A request from when it is sent until its answer is of no use any more.

    Entering it sends the request and waits for the answer's head; that raises `UpstreamUnreachable`
    (with the reason) or `UpstreamProtocolError`. Leaving it, by whatever way, frees the connection:
    back to the pool if the body was read to its end, closed if not.
    """

    def cancel(self, error: MuxError, /) -> None:
        """End it from outside: whoever waits for the upstream gets `error`."""
        ...


class Transport(Protocol):
    """Opens requests. One per process; safe to use from many tasks."""

    def open(self, request: Outgoing, /) -> Opening:
        """What sends `request`, once it is entered."""
        ...


class _Scoped:
    """`context` as an `Opening`: what it waits for is cancelled."""

    __slots__ = ("_context", "_error", "_scope")

    def __init__(self, context: AbstractAsyncContextManager[Reply]) -> None:
        self._scope = trio.CancelScope()
        self._error: MuxError | None = None
        self._context = self._within(context)

    async def __aenter__(self) -> Reply:
        return await self._context.__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        return await self._context.__aexit__(kind, error, trace)

    def cancel(self, error: MuxError, /) -> None:
        self._error = error
        self._scope.cancel()

    @asynccontextmanager
    async def _within(self, context: AbstractAsyncContextManager[Reply]) -> AsyncGenerator[Reply]:
        with self._scope:
            async with context as reply:
                yield reply
        if self._scope.cancelled_caught and self._error is not None:
            raise self._error


def opening(open_: Callable[P, AsyncGenerator[Reply]]) -> Callable[P, Opening]:
    """As `asynccontextmanager`, for the `open` of a `Transport`."""
    context = asynccontextmanager(open_)

    @wraps(open_)
    def scoped(*args: P.args, **kwargs: P.kwargs) -> Opening:
        return _Scoped(context(*args, **kwargs))

    return scoped

"""The narrowest thing a socket library must give us."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from mux.providers.outgoing import Outgoing


class Reply(Protocol):
    """An upstream's answer whose head has arrived. Lives inside `Transport.open`."""

    @property
    def status(self) -> int:
        """The final HTTP status (1xx are swallowed)."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Header names are lower case; of repeated ones the values are joined by a comma."""
        ...

    async def receive_some(self) -> bytes:
        """All body bytes that have arrived, decompressed; waits for the first; ``b""`` at the end.

        Raises `UpstreamUnreachable` if the connection breaks before the body is complete and
        `UpstreamProtocolError` if the bytes are not HTTP.
        """
        ...


class Transport(Protocol):
    """Opens requests. One per process; safe to use from many tasks."""

    def open(self, request: Outgoing, /) -> AbstractAsyncContextManager[Reply]:
        """Send `request` and wait for the answer's head. Leaving the context, by whatever way,
        frees the connection: back to the pool if the body was read to its end, closed if not.

        Raises `UpstreamUnreachable` (with the reason) or `UpstreamProtocolError`.
        """
        ...

"""Clients that leave, told of by the kernel: one task for all connections.

A task for each request that reads until its client is gone costs more than a tenth of a short
request. Linux says of a socket that its peer has closed, also behind bytes that nobody has read.
"""

from __future__ import annotations

import select
import sys
from typing import Final

import trio

TOLD: Final = sys.platform == "linux"
"""Whether this system's kernel tells."""


class Departure:
    """Whether one client has left, and what ends with that."""

    __slots__ = ("_left", "_scope")

    def __init__(self) -> None:
        self._left = False
        self._scope: trio.CancelScope | None = None

    def cancels(self, scope: trio.CancelScope) -> None:
        """`scope` ends when the client leaves, at once if it has; it takes the place of the one
        before it."""
        self._scope = scope
        if self._left:
            scope.cancel()

    def left(self) -> None:
        """The client has closed its side of the connection."""
        self._left = True
        if self._scope is not None:
            self._scope.cancel()


class Departures:
    """The open connections. One per server; `run` beside them."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._open: dict[int, Departure] = {}

    def watch(self, descriptor: int) -> Departure:
        """The departure of the client at this socket; `forget` it at its end."""
        departure = self._open[descriptor] = Departure()
        self._epoll.register(descriptor, select.EPOLLRDHUP | select.EPOLLONESHOT)
        return departure

    def forget(self, descriptor: int, departure: Departure) -> None:
        """Tell nobody any more. A closed socket's descriptor may be another's by now."""
        if self._open.get(descriptor) is departure:
            del self._open[descriptor]

    async def run(self) -> None:
        """Tell of those who leave, until cancelled."""
        with self._epoll:
            while True:
                await trio.lowlevel.wait_readable(self._epoll.fileno())
                for descriptor, _ in self._epoll.poll(0):
                    if descriptor in self._open:
                        self._open[descriptor].left()

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
    """Whether one client has left.

    What is done within it as a context ends with that, and the whole connection, at once if the
    client had left before: one scope for all requests, for a scope costs much of a short one.
    """

    __slots__ = ("_matters", "_scope", "descriptor", "known")

    def __init__(self, descriptor: int, connection: trio.CancelScope) -> None:
        self.descriptor = descriptor
        self.known = False
        """the client has closed its side of the connection"""
        self._scope = connection
        self._matters = False

    def __enter__(self) -> None:
        self._matters = True
        if self.known:
            self._scope.cancel()

    def __exit__(self, *error: object) -> None:
        self._matters = False

    def tell(self) -> None:
        """The client has left."""
        self.known = True
        if self._matters:
            self._scope.cancel()


class Departures:
    """The open connections. One per server; `run` beside them."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._open: dict[int, Departure] = {}

    def watch(self, descriptor: int, connection: trio.CancelScope) -> Departure:
        """The departure of the client at this socket; `forget` it at its end."""
        departure = self._open[descriptor] = Departure(descriptor, connection)
        self._epoll.register(descriptor, select.EPOLLRDHUP | select.EPOLLONESHOT)
        return departure

    def forget(self, departure: Departure) -> None:
        """Tell nobody any more. A closed socket's descriptor may be another's by now."""
        if self._open.get(departure.descriptor) is departure:
            del self._open[departure.descriptor]

    async def run(self) -> None:
        """Tell of those who leave, until cancelled."""
        with self._epoll:
            while True:
                await trio.lowlevel.wait_readable(self._epoll.fileno())
                for descriptor, _ in self._epoll.poll(0):
                    if descriptor in self._open:
                        self._open[descriptor].tell()

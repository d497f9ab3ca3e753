"""The connections there are: no more than there is room for, and none taken while the machine has
nothing left to take them with."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable
from typing import Final

import trio

from mux.server._connection import ClientConnection

_SPENT: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})
_PAUSE_S: Final = 0.25
_UNUSED_S: Final = 0.5
"""Who has just come is about to ask, and is not closed for somebody else."""

_log: Final = logging.getLogger("mux.server")


class Connections:
    """At most `limit` connections. For one more, one that asks for nothing is closed."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._live: dict[ClientConnection, None] = {}
        self._left = trio.lowlevel.ParkingLot()

    async def accept(
        self,
        listener: trio.SocketListener,
        make: Callable[[trio.SocketStream], ClientConnection],
        nursery: trio.Nursery,
    ) -> None:
        """Take connections from `listener` and run them in `nursery`, until cancelled."""
        while True:
            await self._room()
            connection = make(await self._next(listener))
            self._live[connection] = None
            nursery.start_soon(self._run, connection)

    def finish(self) -> None:
        """End those that ask for nothing, and the others after what they ask for."""
        for connection in list(self._live):
            connection.finish()

    def abort(self) -> None:
        """Close all sockets."""
        for connection in list(self._live):
            connection.abort()

    async def _run(self, connection: ClientConnection) -> None:
        try:
            await connection.run()
        finally:
            self._live.pop(connection, None)
            self._left.unpark_all()

    async def _room(self) -> None:
        full = False
        while len(self._live) >= self._limit:
            if not full:
                full = True
                _log.warning("%d connections are open; more have to wait", self._limit)
            self._end_an_idle_one()
            with trio.move_on_after(_PAUSE_S):
                await self._left.park()

    async def _next(self, listener: trio.SocketListener) -> trio.SocketStream:
        spent = False
        while True:
            try:
                return await listener.accept()
            except OSError as error:
                if error.errno not in _SPENT:
                    raise
                if not spent:
                    spent = True
                    reason = os.strerror(error.errno)
                    _log.warning("no connection can be taken: %s; see `ulimit -n`", reason)
                self._end_an_idle_one()
                await trio.sleep(_PAUSE_S)

    def _end_an_idle_one(self) -> None:
        for connection in self._live:
            if connection.idle_s > _UNUSED_S:
                connection.finish()
                return

"""The connections there are: no more than there is room for, no more of one machine than its share,
and none taken while this one has nothing left to take them with."""

from __future__ import annotations

import errno
import logging
import os
from collections import Counter
from collections.abc import Callable
from typing import Final

import trio

from mux.server._connection import ClientConnection
from mux.server.peer import Peer

_SPENT: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})
_PAUSE_S: Final = 0.25
_UNUSED_S: Final = 0.5
"""Who has just come is about to ask, and is not closed for somebody else."""
_LOOK_S: Final = 0.25
"""How late a client may be told that it is late."""
_SHARE: Final = 2
"""Another machine gets at most one in so many of all connections, so that no single one can use
them up. This one may have all: its address is that of all its users, and of a proxy's."""

_log: Final = logging.getLogger("mux.server")


class Connections:
    """At most `limit` connections. For one more, one that asks for nothing is closed.

    `turn_s` after each the next is left to other workers: who is awake would take them all.
    """

    def __init__(self, limit: int, turn_s: float = 0.0) -> None:
        self._limit = limit
        self._turn_s = turn_s
        self._live: dict[ClientConnection, Peer] = {}
        self._of: Counter[Peer] = Counter()
        self._told: set[Peer] = set()
        """whose connections have been refused since they had none"""
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
            stream = await self._next(listener)
            peer = _peer_of(stream)
            if peer is None or not self._has_room_for(peer):
                stream.socket.close()
                continue
            connection = make(stream)
            self._live[connection] = peer
            self._of[peer] += 1
            nursery.start_soon(connection.run, self._ended)
            if self._turn_s:
                await trio.sleep(self._turn_s)

    async def look(self) -> None:
        """End those whose clients have had their time, until cancelled."""
        while True:
            await trio.sleep(_LOOK_S)
            now_s = trio.current_time()
            for connection in [one for one in self._live if one.due_s <= now_s]:
                connection.expire()

    def finish(self) -> None:
        """End those that ask for nothing, and the others after what they ask for."""
        for connection in list(self._live):
            connection.finish()

    def abort(self) -> None:
        """Close all sockets."""
        for connection in list(self._live):
            connection.abort()

    def _ended(self, connection: ClientConnection) -> None:
        self._forget(self._live.pop(connection))
        self._left.unpark_all()

    def _forget(self, peer: Peer) -> None:
        self._of[peer] -= 1
        if not self._of[peer]:
            del self._of[peer]
            self._told.discard(peer)

    def _has_room_for(self, peer: Peer) -> bool:
        if peer.local or self._of[peer] < max(self._limit // _SHARE, 1):
            return True
        if peer not in self._told:
            self._told.add(peer)
            text = "%s has %d connections open, all one machine may have; more are refused"
            _log.warning(text, peer.name, self._of[peer])
        return False

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


def _peer_of(stream: trio.SocketStream) -> Peer | None:
    """Who has connected; None if he has gone again."""
    try:
        return Peer.of(stream.socket.getpeername()[0])
    except OSError:
        return None

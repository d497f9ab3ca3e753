"""How long an upstream may be silent.

One task looks at all connections once a second: a cancel scope around each read would cost several
times what the read does.
"""

from __future__ import annotations

from typing import Final

import trio

from mux.upstream._connection import Connection
from mux.upstream._limits import Limits

_LOOK_S: Final = 1.0


class Patience:
    """Ends the waits of the connections it was given. One per transport."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._watched: set[Connection] = set()
        self._looking = False

    def watch(self, connection: Connection) -> None:
        """A request goes out on `connection`; from now on its upstream is waited for."""
        limits = self._limits
        connection.expect(limits.first_byte_timeout_s, then_s=limits.silence_timeout_s)
        self._watched.add(connection)
        if not self._looking:
            self._looking = True
            trio.lowlevel.spawn_system_task(self._look)

    def release(self, connection: Connection) -> None:
        """Nothing more is expected from `connection`."""
        self._watched.discard(connection)

    async def _look(self) -> None:
        while self._watched:
            await trio.sleep(_LOOK_S)
            for connection in tuple(self._watched):
                if connection.overdue():
                    connection.give_up()
        self._looking = False

"""How requests that are ready at the same time share the one thread that answers them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import trio
from trio.lowlevel import cancel_shielded_checkpoint

_LARGE_BYTES: Final = 1_000_000
_MANY: Final = 4
_GATHERING: Final = 5
"""Steps of others for which the first of a group waits."""

T = TypeVar("T")


class Turns:
    """Lets requests take their steps in turns: all that are ready decode, then all encode, …

    What the processor remembers of a step's code is gone when a request has gone its whole way, and
    the next request would begin anew. Taken by one request after another, only the first pays for
    that. A few requests have nothing to gain, and do not wait.
    """

    def __init__(self) -> None:
        self.requests = 0
        """how many are being answered"""
        self._gathering = False
        self._gathered = trio.lowlevel.ParkingLot()

    async def take(self) -> None:
        """Between two steps of a request: let the others take theirs. Whether the request is still
        wanted is asked where it waits, not here."""
        if self.requests > _MANY:
            await cancel_shielded_checkpoint()

    async def aside(self, work: Callable[[], T], size_bytes: int, *, first: bool = False) -> T:
        """What `work`, a step of its own, makes of so many bytes that came from a client or an
        upstream; of very many in a thread, beside all other requests. The `first` step of a
        request waits a moment for others, to go on together."""
        if size_bytes > _LARGE_BYTES:
            return await trio.to_thread.run_sync(work)
        if first:
            await self._gather()
        else:
            await self.take()
        return work()

    async def _gather(self) -> None:
        if self.requests <= _MANY:
            return
        if self._gathering:
            await self._gathered.park()
            return
        self._gathering = True
        for _ in range(_GATHERING):
            await cancel_shielded_checkpoint()
        self._gathering = False
        self._gathered.unpark_all()

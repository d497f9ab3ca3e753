"""How requests that are ready at the same time share the one thread that answers them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import trio

_LARGE_BYTES: Final = 1_000_000
_MANY: Final = 4

T = TypeVar("T")


class Turns:
    """Lets requests take their steps in turns: all that are ready decode, then all encode, …

    A step's code and constants are too much to stay in the processor's nearest caches while a
    request goes its whole way, so that the next request would load them anew. Taken by one request
    after another, only the first pays for that. A few requests have nothing to gain, and do not
    wait.
    """

    def __init__(self) -> None:
        self.requests = 0
        """how many are being answered"""

    async def take(self) -> None:
        """Between two steps of a request: let the others take theirs. Whether the request is still
        wanted is asked where it waits, not here."""
        if self.requests > _MANY:
            await trio.lowlevel.cancel_shielded_checkpoint()

    async def aside(self, work: Callable[[], T], size_bytes: int) -> T:
        """What `work`, a step of its own, makes of so many bytes that came from a client or an
        upstream; of very many in a thread, beside all other requests."""
        if size_bytes > _LARGE_BYTES:
            return await trio.to_thread.run_sync(work)
        await self.take()
        made = work()
        await self.take()
        return made

"""Work whose time grows with what a client or an upstream sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import trio

_LARGE_BYTES: Final = 1_000_000

T = TypeVar("T")


async def aside(work: Callable[[], T], size_bytes: int) -> T:
    """What `work` makes of so many bytes; of many in a thread, beside all other requests and not
    before them."""
    if size_bytes <= _LARGE_BYTES:
        return work()
    return await trio.to_thread.run_sync(work)

"""Work that ends when its client leaves."""

from __future__ import annotations

from collections.abc import Awaitable

import trio

from mux.errors import MuxError
from mux.server.asgi import ClientGone
from mux.server.visit import Visit


async def attended(work: Awaitable[None], visit: Visit) -> None:
    """Do `work` for as long as the client is there. Raises `ClientGone` if it left, unless the
    server cancels the request by itself."""
    if visit.departure is None:
        await _reading(work, visit)
    else:
        with visit.departure:
            await work


async def _reading(work: Awaitable[None], visit: Visit) -> None:
    """Under a server that tells of a leaving only those who read from the client."""
    failed: Exception | None = None
    async with trio.open_nursery() as nursery:
        gone = False

        async def watch() -> None:
            nonlocal gone
            while (await visit.receive())["type"] != "http.disconnect":
                pass
            gone = not visit.sink.ended
            if gone:  # else the answer has ended the exchange; the server may be closing in `send`
                nursery.cancel_scope.cancel()

        nursery.start_soon(watch)
        try:
            await work
        except MuxError as error:  # raised below, outside of the nursery's exception group
            failed = error
        nursery.cancel_scope.cancel()
    if failed is not None:
        raise failed
    if gone:
        raise ClientGone

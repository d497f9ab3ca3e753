"""Streams that have fallen silent, found by one task for all of them.

A task for each stream, to be cancelled at its end, would cost as much as all of its events.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import trio

from mux.gateway.stream import ClientStream

_LOOK_S: Final = 1.0
"""How late a silence may be found."""


class Silences:
    """The streams nobody keeps alive yet. The task is there as long as any are."""

    def __init__(self) -> None:
        self._streams: dict[ClientStream, trio.Nursery] = {}
        self._looking = False

    @contextmanager
    def filled(self, stream: ClientStream, nursery: trio.Nursery) -> Generator[None]:
        """Run what is within; once `stream` is silent, it is kept alive by a task in `nursery`."""
        self._streams[stream] = nursery
        if not self._looking:
            self._looking = True
            trio.lowlevel.spawn_system_task(self._look)
        try:
            yield
        finally:
            self._streams.pop(stream, None)

    async def _look(self) -> None:
        try:
            while self._streams:
                await trio.sleep(_LOOK_S)
                for stream in [stream for stream in self._streams if stream.silent]:
                    self._streams.pop(stream).start_soon(stream.keep_alive)
        finally:
            self._looking = False

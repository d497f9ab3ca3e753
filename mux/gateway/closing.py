"""The end of the process, as the calls that are still running meet it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import trio

from mux.errors import Overloaded


class Closing:
    """Ends all calls at once, each with an error that its client is told."""

    def __init__(self) -> None:
        self._running: set[trio.CancelScope] = set()
        self._closed = False

    @contextmanager
    def held(self) -> Generator[None]:
        """Run what is within until `close`. Raises `Overloaded` if that came first."""
        with trio.CancelScope() as scope:
            self._running.add(scope)
            if self._closed:
                scope.cancel()
            try:
                yield
            finally:
                self._running.discard(scope)
        if scope.cancelled_caught:
            raise Overloaded("llm-mux is being stopped; ask again in a moment", retry_after_s=1.0)

    def close(self) -> None:
        """End the calls that run, and those that come."""
        self._closed = True
        for scope in self._running:
            scope.cancel()

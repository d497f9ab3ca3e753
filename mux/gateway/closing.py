"""The end of the process, as the calls that are still running meet it."""

from __future__ import annotations

import trio

from mux.errors import Overloaded


class Closing:
    """Ends all that calls wait for, each with an error that its client is told."""

    def __init__(self) -> None:
        self.closed = False
        self._waiting: set[trio.CancelScope] = set()

    def begin(self, scope: trio.CancelScope) -> None:
        """A call waits within `scope` until its `end`, or until `close` cancels it."""
        self._waiting.add(scope)
        if self.closed:
            scope.cancel()

    def end(self, scope: trio.CancelScope) -> None:
        """It waits no more."""
        self._waiting.discard(scope)

    async def sleep(self, seconds: float) -> None:
        """Sleep, at most until `close`. Raises `Overloaded` if that came first."""
        with trio.move_on_after(seconds) as scope:
            self.begin(scope)
            try:
                await trio.sleep_forever()
            finally:
                self.end(scope)
        if self.closed:
            raise self.error()

    def error(self) -> Overloaded:
        """What the clients of calls that were ended are told."""
        return Overloaded("llm-mux is being stopped; ask again in a moment", retry_after_s=1.0)

    def close(self) -> None:
        """End what calls wait for, and what they begin to wait for."""
        self.closed = True
        for scope in self._waiting:
            scope.cancel()

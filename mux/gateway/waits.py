"""What calls wait for, and how it ends too soon: when its time is over, and with the process.

One task looks for what is overdue: a deadline of trio's own, set for each call and moved as its
upstream speaks, costs as much as the rest of the wait.
"""

from __future__ import annotations

import math
from typing import Final, Protocol

import trio

from mux.errors import Overloaded

_LOOK_S: Final = 0.25
"""How late what is overdue may be found."""


class Cancellable(Protocol):
    """What waits: `trio.CancelScope`, `upstream.Opening`."""

    def cancel(self) -> None:
        """Wait no more."""
        ...


class Waits:
    """Ends all that calls wait for. The task is there as long as any call waits."""

    def __init__(self) -> None:
        self.closed = False
        """the process ends: each call ends with an error that its client is told"""
        self._due_s: dict[Cancellable, float] = {}
        self._ended: set[Cancellable] = set()
        self._looking = False

    def begin(self, wait: Cancellable, due_s: float = math.inf) -> None:
        """A call waits until the `end` of `wait`. It is cancelled at `due_s` on trio's clock, and
        by `close`."""
        self._due_s[wait] = due_s
        if self.closed:
            self._cancel(wait)
        if not self._looking:
            self._looking = True
            trio.lowlevel.spawn_system_task(self._look)

    def renew(self, wait: Cancellable, due_s: float) -> None:
        """What has begun may go on until `due_s`."""
        self._due_s[wait] = due_s

    def ended(self, wait: Cancellable) -> bool:
        """Whether it was cancelled."""
        return wait in self._ended

    def end(self, wait: Cancellable) -> None:
        """It is over."""
        self._due_s.pop(wait, None)
        self._ended.discard(wait)

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
        for wait in self._due_s:
            self._cancel(wait)

    def _cancel(self, wait: Cancellable) -> None:
        self._ended.add(wait)
        wait.cancel()

    async def _look(self) -> None:
        try:
            while self._due_s:
                await trio.sleep(_LOOK_S)
                now_s = trio.current_time()
                for wait in [wait for wait, due_s in self._due_s.items() if due_s <= now_s]:
                    self._cancel(wait)
        finally:
            self._looking = False

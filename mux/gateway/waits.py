"""What calls wait for, and how it ends too soon: when its time is over, and with the process.

One task looks for what is overdue: a deadline of trio's own, set for each call and moved as its
upstream speaks, costs as much as the rest of the wait.
"""

from __future__ import annotations

from typing import Final, Protocol

import trio

from mux.errors import MuxError, Overloaded

_LOOK_S: Final = 0.5
"""How late what is overdue may be found."""


class Wait(Protocol):
    """What a call waits for."""

    def over(self, now_s: float, /) -> MuxError | None:
        """Why it is not to be waited for any longer at `now_s` on trio's clock; None if it is.
        Asked at each look."""
        ...

    def cancel(self, error: MuxError, /) -> None:
        """Wait no more, because of `error`; may be said again."""
        ...


class Waits:
    """Ends all that calls wait for. The task is there as long as any call waits."""

    def __init__(self) -> None:
        self._closing = trio.Event()
        self._waits: dict[Wait, None] = {}
        self._looking = False

    @property
    def closed(self) -> bool:
        """Whether the process ends: each call ends with an error that its client is told."""
        return self._closing.is_set()

    def begin(self, wait: Wait) -> None:
        """A call waits, until its `end`. It is cancelled when it is over, and by `close`."""
        self._waits[wait] = None
        if self.closed:
            wait.cancel(_stopped())
        if not self._looking:
            self._looking = True
            trio.lowlevel.spawn_system_task(self._look)

    def end(self, wait: Wait) -> None:
        """It waits no more."""
        self._waits.pop(wait, None)

    async def sleep(self, seconds: float) -> None:
        """Sleep, at most until `close`. Raises `Overloaded` if that came first."""
        with trio.move_on_after(seconds):
            await self._closing.wait()
        if self.closed:
            raise _stopped()

    def close(self) -> None:
        """End what calls wait for, and what they begin to wait for."""
        self._closing.set()
        for wait in self._waits:
            wait.cancel(_stopped())

    async def _look(self) -> None:
        try:
            while self._waits:
                await trio.sleep(_LOOK_S)
                now_s = trio.current_time()
                for wait in [*self._waits]:
                    error = _stopped() if self.closed else wait.over(now_s)
                    if error is not None:
                        wait.cancel(error)
        finally:
            self._looking = False


def _stopped() -> Overloaded:
    """What the clients of calls that were ended are told."""
    return Overloaded("llm-mux is being stopped; ask again in a moment", retry_after_s=1.0)

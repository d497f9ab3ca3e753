"""How much memory the process holds, and whether that is too much to take on more."""

from __future__ import annotations

from typing import Final

from mux.errors import Overloaded

_AGAIN_S: Final = 1.0


class Pressure:
    """Refuses what comes while `held_bytes` are over `limit_bytes`; what runs goes on.

    Somebody else keeps both up to date; a limit of 0 is none.
    """

    def __init__(self) -> None:
        self.limit_bytes = 0
        self.held_bytes = 0

    @property
    def high(self) -> bool:
        """Whether nothing more should be begun."""
        return 0 < self.limit_bytes < self.held_bytes

    def check(self) -> None:
        """Raise `Overloaded` if nothing more should be begun."""
        if self.high:
            raise Overloaded(
                "llm-mux holds more memory than its memory-limit allows; ask again in a moment",
                retry_after_s=_AGAIN_S,
            )

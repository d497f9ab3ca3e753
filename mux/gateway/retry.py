"""How often and after how long candidates are asked again. Nothing here waits or draws lots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mux.errors import ErrorKind, MuxError

ATTEMPTS: Final = 5
"""Upstream requests that one client request may cost."""
FIRST_WAIT_S: Final = 0.5
_RATIO: Final = 0.2
_RESERVE: Final = 10.0

_PASSING: Final = frozenset(
    {ErrorKind.SERVER, ErrorKind.OVERLOADED, ErrorKind.TIMEOUT, ErrorKind.RATE_LIMIT}
)
"""What may be over in a moment."""


class Budget:
    """Retries are at most a fifth of all requests, with a reserve for quiet times.

    So that an upstream in trouble does not get several times its load.
    """

    def __init__(self) -> None:
        self._left = _RESERVE

    def asked(self) -> None:
        """A client asks something."""
        self._left = min(_RESERVE, self._left + _RATIO)

    def take(self) -> bool:
        """Whether one more retry is all right."""
        if self._left < 1:
            return False
        self._left -= 1
        return True


@dataclass(frozen=True, slots=True)
class Rounds:
    """The rounds after the first: how many, and the longest wait before one, in seconds."""

    more: int
    wait_max_s: float

    def wait_s(self, number: int, error: MuxError, luck: float) -> float | None:
        """How long to wait before round `number` (from 1) after `error`; None if it is the last.

        `luck` between 0 and 1 spreads the retries of many clients (full jitter).
        """
        if number > self.more or error.kind not in _PASSING:
            return None
        if error.retry_after_s is not None:
            told_s = error.retry_after_s
            return told_s + FIRST_WAIT_S * luck if told_s <= self.wait_max_s else None
        if error.kind is ErrorKind.RATE_LIMIT:
            return None  # nobody knows how long
        return min(FIRST_WAIT_S * 2.0 ** (number - 1), self.wait_max_s) * luck

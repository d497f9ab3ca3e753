"""What goes on being wrong, told to the operator once a minute."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from typing import Final

_EVERY_S: Final = 60.0


class Complaint:
    """Counts what is lost to one trouble, and warns of it. May be used from any thread."""

    def __init__(self, log: logging.Logger, clock: Callable[[], float] = time.monotonic) -> None:
        self.lost = 0
        self._log = log
        self._clock = clock
        self._told_s = -math.inf

    def lose(self, why: str) -> None:
        """One more is lost."""
        self.lost += 1
        now_s = self._clock()
        if now_s >= self._told_s + _EVERY_S:
            self._told_s = now_s
            self._log.warning("%s; %d lost so far", why, self.lost)

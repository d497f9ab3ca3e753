"""Several processes that serve the same sockets, and a parent that keeps their number.

The parent holds the sockets open and does nothing else: a worker that crashes loses its own
requests and no others, and the connections that wait are taken by the next. Workers have process
groups of their own, so that a Ctrl-C in a terminal reaches them once, through the parent.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import FrameType
from typing import Final

from mux.server import listen

CAN_FORK: Final = hasattr(os, "fork")
_STOP: Final = (signal.SIGTERM, signal.SIGINT)
_STEADY_S: Final = 60.0
"""Who has worked for so long has not failed to start."""
_LONGEST_REST_S: Final = 30.0

_log: Final = logging.getLogger("mux.server")


class Workers:
    """`count` processes that run `work`, which returns on SIGTERM.

    `work` gets a file that can be read from when the parent is gone, however it went.
    """

    def __init__(
        self, count: int, listeners: Sequence[socket.socket], work: Callable[[int], None]
    ) -> None:
        self._count = count
        self._listeners = listeners
        self._work = work
        self._began_s: dict[int, float] = {}
        self._failures = 0
        self._stopping = False
        self._lifeline = os.pipe()

    def run(self) -> None:
        """Keep the workers running until a signal to stop, and then until the last has ended."""
        for number in _STOP:
            signal.signal(number, self._stop)
        for _ in range(self._count):
            self._start(rest_s=0.0)
        while self._began_s:
            pid, status = os.waitpid(-1, 0)
            if pid in self._began_s:
                self._ended(pid, os.waitstatus_to_exitcode(status))

    def _start(self, rest_s: float) -> None:
        """Fork a worker, which begins after `rest_s`."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOP)  # or one could come before it is counted
        try:
            if self._stopping:
                return
            pid = os.fork()
            if pid == 0:
                self._child(rest_s)
            self._began_s[pid] = time.monotonic() + rest_s
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP)

    def _child(self, rest_s: float) -> None:
        """Work, and end the process."""
        code = 1
        try:
            os.setpgid(0, 0)
            os.close(self._lifeline[1])
            for number in _STOP:
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP)
            time.sleep(rest_s)
            self._work(self._lifeline[0])
            code = 0
        except BaseException:
            _log.exception("a worker failed")
        finally:
            logging.shutdown()
            os._exit(code)

    def _ended(self, pid: int, code: int) -> None:
        lasted_s = time.monotonic() - self._began_s.pop(pid)
        if self._stopping:
            return
        self._failures = 0 if lasted_s > _STEADY_S else self._failures + 1
        rest_s = rest_after(self._failures)
        how = f"was ended by signal {-code}" if code < 0 else f"ended with {code}"
        _log.error("worker %d %s; another one starts in %g s", pid, how, rest_s)
        self._start(rest_s)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True
        listen.close(self._listeners)
        for pid in list(self._began_s):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)


def rest_after(failures: int) -> float:
    """How long to wait, in seconds, after so many workers in a row failed to start."""
    if failures < 2:
        return 0.0
    return min(2.0 ** min(failures - 2, 10), _LONGEST_REST_S)
